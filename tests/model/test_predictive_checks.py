"""The observed cohort among replicated ones: and cohorts that no such model makes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from gamma_quadrature import SPEC
from scipy import stats

import hccbayes as hb
from hccbayes.errors import InputError
from hccbayes.frequentist.logrank import logrank
from hccbayes.predictive import posterior_predictive
from hccbayes.sensitivity.refitting import StudyFit, fit_study, refit
from hccbayes.sensitivity.replicated_numbers import (
    CHECK_COLUMNS,
    PredictiveChecks,
    log_rank_z,
    predictive_checks,
    tail_areas,
)
from hccbayes.study import Study

PATIENTS = 240


def frame(**changes: np.ndarray) -> pd.DataFrame:
    """Patients who follow the model; without an end to the follow-up before 30 months."""
    rng = np.random.default_rng(6)
    control = np.arange(PATIENTS) % 2 == 0
    death = rng.exponential(np.where(control, 8.0, 12.0))
    columns = {
        "id": range(PATIENTS),
        "arm": np.where(control, "one", "both"),
        "hospital": np.array(["east", "north", "west"])[rng.integers(0, 3, PATIENTS)],
        "months": np.minimum(death, 30.0),
        "death": (death <= 30.0).astype(int),
    }
    return pd.DataFrame(columns | changes)


def study_of(rows: pd.DataFrame) -> tuple[hb.AnalysisSpec, Study]:
    spec = hb.AnalysisSpec.from_dict(SPEC | {"data": SPEC["data"] | {"center": "hospital"}})
    return spec, hb.build_study(hb.read_cohort(rows, spec.roles), spec)


@pytest.fixture(scope="module")
def base() -> StudyFit:
    spec, study = study_of(frame())
    return fit_study(study, spec)


@pytest.fixture(scope="module")
def found(base) -> PredictiveChecks:
    return predictive_checks(base, replicates=400)


def test_tail_areas_by_hand():
    areas = tail_areas(2.0, np.array([1.0, 2.0, 2.0, 3.0, np.inf, np.nan, np.nan, np.nan]))
    # Of five: two above, two equal.
    assert areas["prob_above"] == pytest.approx(0.6)
    assert areas["p_value"] == pytest.approx(0.8)
    assert areas["not_estimable"] == pytest.approx(3 / 8)
    assert areas["upper"] == np.inf
    never = tail_areas(np.inf, np.array([np.inf, np.inf, 4.0, 5.0]))
    assert never["prob_above"] == pytest.approx(0.25)
    unknown = tail_areas(np.nan, np.array([1.0, 2.0]))
    assert np.isnan(unknown["p_value"])


def test_log_rank_z_has_the_size_and_side_of_the_test():
    rows = frame()
    treated = (rows["arm"] == "both").to_numpy(dtype=float)
    follow_up = (np.zeros(PATIENTS), rows["months"].to_numpy(), rows["death"].to_numpy(dtype=float))
    z = log_rank_z(*follow_up, treated)
    assert z < 0
    assert log_rank_z(*follow_up, 1.0 - treated) == pytest.approx(-z)
    assert 2.0 * stats.norm.sf(abs(z)) == pytest.approx(logrank(*follow_up, treated).p_value)
    assert np.isnan(log_rank_z(*follow_up, np.ones(PATIENTS)))


def test_numbers_of_the_arms_are_those_of_the_replicated_cohorts(base, found):
    """The same seed replicates the same cohorts, which another function describes."""
    study = base.study
    other = posterior_predictive(
        base.posterior,
        study.episodes,
        study.design,
        study.data,
        grid=np.array([6.0]),
        landmark=12.0,
        seed=base.spec.sampler.seed,
        replicates=400,
    )
    table = found.table.set_index(["group", "quantity"])
    for arm in ("treated", "control"):
        for quantity in ("events", "survival at 12 months", "median"):
            name = f"{quantity} {arm}"
            row, drawn = table.loc[(arm, quantity)], other["statistic"].sel(quantity=name)
            observed = float(other["observed"].sel(quantity=name))
            assert row["observed"] == pytest.approx(observed)
            above = float((drawn > observed).mean() + 0.5 * (drawn == observed).mean())
            assert row["prob_above"] == pytest.approx(above)


def test_a_cohort_of_the_model_is_not_remarkable(found):
    """One in twenty would be; in cohorts of the model's own the smallest of 20 is above 0.001."""
    assert tuple(found.table.columns) == CHECK_COLUMNS
    assert len(found.table) == 2 * 3 + 4 * 4
    assert found.table["p_value"].min() > 0.001
    assert (found.table["p_value"] < 0.05).mean() < 0.2
    assert (found.table["lower"] <= found.table["upper"]).all()
    assert "in 400 replicated cohorts" in found.sentence


def test_a_center_the_model_does_not_know_stands_out(base):
    """One hospital's patients die three times as fast; the model has no center terms."""
    rows = frame()
    months = np.where(rows["hospital"] == "west", rows["months"] / 3.0, rows["months"])
    spec, study = study_of(rows.assign(months=months))
    posterior = refit_of(base, study)
    table = predictive_checks(posterior).table.set_index(["group", "quantity"])
    west = table.loc[("center: west", "median")]
    assert west["observed"] < west["lower"]
    assert west["p_value"] < 0.01
    # The shared level lies between: too low for the west and too high for the others.
    assert west["prob_above"] > 0.99
    assert table.loc[("center: east", "median"), "prob_above"] < 0.5


def test_an_effect_against_the_proportional_hazards_stands_out(base):
    """Posterior of a cohort whose arms are exchanged: the z of this cohort is not among its own."""
    exchanged = refit(base, treatment=1.0 - base.study.design.treatment)
    wrong = replace(exchanged, study=base.study)
    table = predictive_checks(wrong).table.set_index(["group", "quantity"])
    assert table.loc[("all", "log-rank z"), "p_value"] < 0.01
    assert table.loc[("all", "log-rank z"), "prob_above"] > 0.99


def refit_of(base: StudyFit, study: Study) -> StudyFit:
    """Fit the compiled model to another cohort of the same structure."""
    return refit(replace(base, study=study), weights=np.ones(PATIENTS))


def test_wrong_input_is_named(base):
    with pytest.raises(InputError, match=r"(?s)landmark: must be a positive.*at least 40, not 3"):
        predictive_checks(base, landmark=0.0, replicates=3)
