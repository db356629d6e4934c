"""The effect without single patients: importance sampling against refits and quadrature.

Where the hazards have gamma priors and the model has one covariate, the posterior without a patient
is known: quadrature gives its mean to ten digits.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from gamma_quadrature import SPEC, exact_posterior

import hccbayes as hb
from hccbayes.errors import InputError
from hccbayes.records import CheckResult, Diagnosis
from hccbayes.sensitivity.influence import (
    INFLUENCE_COLUMNS,
    Influence,
    monte_carlo_error,
    patient_influence,
)
from hccbayes.sensitivity.refitting import StudyFit, changed_study, fit_study, refit

PATIENTS = 40


def frame() -> pd.DataFrame:
    """Forty patients, eight of them controls, one of whom lives ten times as long as the rest."""
    rng = np.random.default_rng(5)
    control = np.arange(PATIENTS) < 8
    death = rng.exponential(np.where(control, 5.0, 11.0))
    death[0] = 60.0
    end = rng.uniform(8.0, 30.0, PATIENTS)
    end[0] = 70.0
    return pd.DataFrame(
        {
            "id": [f"id-{row:02d}" for row in range(PATIENTS)],
            "arm": np.where(control, "one", "both"),
            "months": np.minimum(death, end),
            "death": (death <= end).astype(int),
        }
    )


@pytest.fixture(scope="module")
def base() -> StudyFit:
    spec = hb.AnalysisSpec.from_dict(SPEC)
    return fit_study(hb.build_study(hb.read_cohort(frame(), spec.roles), spec), spec)


@pytest.fixture(scope="module")
def found(base) -> Influence:
    return patient_influence(base, refits=4)


@pytest.fixture(scope="module")
def exact(base) -> pd.DataFrame:
    """Mean and P(HR < 1) without each patient in the cohort's order, then with everybody."""
    everybody = np.arange(PATIENTS)
    rows = [exact_posterior(base, kept=everybody != row) for row in [*everybody, PATIENTS]]
    return pd.DataFrame(rows, columns=["log_hr", "prob_benefit"])


def in_cohort_order(found: Influence) -> pd.DataFrame:
    return found.table.set_index(found.positions).sort_index()


def test_every_patient_left_out_as_quadrature_says(found, exact):
    """Four Monte Carlo errors at each of 40 patients: a right answer fails one seed in 400."""
    table = in_cohort_order(found)
    wanted = exact["log_hr"].iloc[:-1] - exact["log_hr"].iloc[-1]
    excess = np.abs(table["change"] - wanted) / table["change_mcse"]
    assert (excess < 4.0).all(), excess.sort_values().tail(3)
    apart = np.abs(table["prob_benefit"] - exact["prob_benefit"].iloc[:-1])
    assert (apart < 4.0 * table["prob_benefit_mcse"]).all()
    # The comparison can fail: the influence of half of the patients is far above its error.
    assert (np.abs(wanted) > 4.0 * table["change_mcse"]).sum() > 20


def test_the_odd_control_comes_first_and_is_refitted(found, exact):
    first = found.table.iloc[0]
    assert found.positions[0] == 0
    assert (first["arm"], first["event"], first["method"]) == ("control", 1, "refit")
    assert first["passed"]
    assert int(np.abs(exact["log_hr"].iloc[:-1] - exact["log_hr"].iloc[-1]).idxmax()) == 0
    assert "most influential of 40 patients" in found.sentence
    assert f"{found.log_hr:.3f}" in found.sentence


def test_importance_sampling_is_the_refit(base, found):
    """Where k is small, within four Monte Carlo errors of both, for six patients of all ranks."""
    table = found.table.assign(position=found.positions)
    sampled = table[(table["method"] == "psis") & (table["pareto_k"] < 0.5)]
    for row in sampled.iloc[:: len(sampled) // 5].itertuples():
        weights = np.ones(PATIENTS)
        weights[row.position] = 0.0
        draws = refit(base, weights=weights).posterior["treatment"]
        own, full = (float(monte_carlo_error(one)) for one in (draws, base.posterior["treatment"]))
        # The reweighted mean is the full one, with its error, and the change, with its own.
        bound = 4.0 * np.hypot(row.change_mcse + full, own)
        assert abs(row.log_hr - float(draws.mean())) < bound


def test_table_holds_ranks_and_no_names(found):
    assert tuple(found.table.columns) == INFLUENCE_COLUMNS
    assert list(found.table["rank"]) == list(range(1, PATIENTS + 1))
    assert (np.diff(found.table["change"].abs()) <= 0).all()
    assert sorted(found.positions) == list(range(PATIENTS))
    assert not found.table.to_csv().count("id-")
    # Four were asked for; others only where importance sampling cannot be trusted.
    refitted = found.table["method"] == "refit"
    assert refitted.sum() >= 4
    assert (found.table.loc[~refitted, "pareto_k"] <= 0.7).all()
    assert found.table.loc[~refitted, "passed"].isna().all()


def test_a_refit_with_everybody_is_the_fit(base):
    again = refit(base, weights=np.ones(PATIENTS))
    np.testing.assert_array_equal(again.posterior["treatment"], base.posterior["treatment"])


def test_a_patient_of_weight_zero_leaves_the_table(base):
    weights = np.ones(PATIENTS)
    weights[0] = 0.0
    before, after = base.study.data, changed_study(base, weights=weights).data
    own = base.study.episodes.iloc[0]
    lost = before.person_time.exposure.sum() - after.person_time.exposure.sum()
    assert lost == pytest.approx(own["stop"], rel=1e-12)
    assert before.interval_events.sum() - after.interval_events.sum() == own["event"]
    assert after.treatment_mean == before.treatment_mean


def test_wrong_input_is_named(base):
    check = CheckResult(name="rhat", passed=False, message="too large", value=1.2)
    failed = Diagnosis(checks=(check,), target_accept=0.9)
    with pytest.raises(InputError, match=r"(?s)at least 0, not -1.*failed its diagnostics"):
        patient_influence(replace(base, diagnosis=failed), refits=-1)
    with pytest.raises(InputError, match="one 0 or 1 a patient is needed: 40"):
        refit(base, weights=np.ones(3))
    with pytest.raises(InputError, match="treatment: one 0 or 1"):
        refit(base, treatment=np.full(PATIENTS, 0.5))
    weighted = hb.build_study(
        hb.read_cohort(frame(), base.spec.roles), base.spec, weights=np.ones(PATIENTS)
    )
    with pytest.raises(InputError, match="is weighted"):
        fit_study(weighted, base.spec)
