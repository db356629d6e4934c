"""What an adjustment reports beside its effects, by the methods that sample nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from hccbayes.adjustment import bayesian_bootstrap
from hccbayes.adjustment.methods import Adjustment, adjust
from hccbayes.adjustment.problem import AdjustmentProblem
from hccbayes.adjustment.tables import BALANCE_DRAWS, score_groups, score_tables
from hccbayes.spec.adjustment import NEEDS_SCORE
from hccbayes.weights import summary_table


class Stages(list):
    """Keeps what it is told."""

    def __call__(self, name: str) -> None:
        self.append(name)


@pytest.fixture
def adjusted(make_problem, monkeypatch: pytest.MonkeyPatch):
    """Return a function that adjusts a problem made by hand."""
    monkeypatch.setattr(bayesian_bootstrap, "REPLICATES", 5)

    def run(**fields: Any) -> tuple[AdjustmentProblem, Adjustment, Stages]:
        options = {"method": "doubly_robust", "propagate": "bayesian_bootstrap"} | fields
        problem, told = make_problem(**options), Stages()
        return problem, adjust(problem, told), told

    return run


def test_effects_come_in_the_order_of_the_model_file(adjusted) -> None:
    _, found, told = adjusted(method=["gcomp", "doubly_robust"])
    assert [one.method for one in found.effects] == [
        "pe_doubly_robust",
        "pe_bayesian_bootstrap_ato",
    ]
    assert told == ["estimating by doubly robust", "estimating by bayesian bootstrap"]
    assert found.pairs is None
    assert {"weighted", "matched", "doubly_robust"} == NEEDS_SCORE


def test_without_a_method_there_are_weights_and_balance_alone(adjusted) -> None:
    _, found, told = adjusted(method="none", propagate=[])
    assert (found.effects, told) == ((), [])
    assert set(found.balance["sample"]) == {"weighted"}
    assert found.weights.target == "ato"


def test_twins_are_weighted_by_maximum_likelihood(adjusted) -> None:
    _, found, _ = adjusted()
    assert "cox_ato_m_estimation" in set(found.conventional["method"])


@pytest.mark.parametrize("changed", [{"trim": 0.2}, {"truncate": 95}])
def test_twins_of_changed_weights_take_them_as_given(adjusted, changed: dict[str, float]) -> None:
    """A formula for the variance under an estimated score is not at hand for these."""
    _, found, _ = adjusted(**changed)
    assert not found.conventional["method"].str.endswith("_m_estimation").any()
    assert "cox_ato_robust" in set(found.conventional["method"])


def test_notes_hold_each_step_and_each_caution(adjusted, confounded) -> None:
    """Few and unlike controls under inverse probability weights: everything there is to say."""
    frame = confounded(patients=90, seed=2)
    frame["arm"] = np.where((frame["age"] > 52) | (frame.index % 6 == 0), "both", "one")
    _, found, _ = adjusted(frame=frame, target="ate", truncate=99)
    said = " ".join(found.notes)
    for words in (
        "weights beyond percentile 99",
        "counts for",
        "and should sum to about 90",
        "After weighting the arms still differ by more than 0.1 standard deviations in",
        "Doubly robust estimates take censoring",
        "truncate does not apply",
    ):
        assert words in said
    assert "significan" not in said.lower()


def test_well_balanced_overlap_weights_need_no_caution(adjusted) -> None:
    _, found, _ = adjusted(method="none", propagate=[])
    assert found.notes == ()


def test_tables_and_groups_hold_no_patient(adjusted) -> None:
    problem, found, _ = adjusted(draws=500)
    tables = score_tables(problem.frame, problem.spec, problem.propensity, found)
    pd.testing.assert_frame_equal(tables.weights, summary_table(found.weights))
    pd.testing.assert_frame_equal(tables.balance, found.balance)
    own = tuple(found.balance.attrs["conventions"])
    assert tables.conventions[-len(own) :] == own
    assert tables.conventions[0].startswith("Propensity scores run from ")
    assert len(tables.balance_by_center) == 0
    assert list(tables.propensity["term"]) == list(problem.propensity.columns)
    fitted = problem.propensity.maximum_likelihood
    np.testing.assert_array_equal(tables.propensity["maximum_likelihood"], fitted.coef[1:])
    assert tables.propensity["firth"].isna().all()
    coefficients = problem.propensity.posterior["coefficients"].mean(("chain", "draw"))
    own_scale = coefficients.to_numpy() / problem.propensity.design.scales
    np.testing.assert_allclose(tables.propensity["bayes"], own_scale, rtol=1e-12)
    assert len(tables.baseline) < 20
    groups = score_groups(problem.propensity, found, {"treated": "both", "control": "one"})
    assert set(groups) == {"propensity", "overlap", "weight_counts", "balance_draws"}
    assert groups["balance_draws"].sizes["draw"] == BALANCE_DRAWS
    patients = len(problem.frame)
    for group in groups.values():
        assert patients not in group.sizes.values()


def test_weights_of_trimmed_and_truncated_patients_are_counted_in_the_table(adjusted) -> None:
    _, found, _ = adjusted(target="ate", truncate=90, propagate=[])
    assert summary_table(found.weights)["truncated"].sum() > 0
