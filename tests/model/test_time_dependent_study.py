"""A treatment that starts later, through likelihood, replication and standardization.

A patient has then up to two episodes. The likelihood adds them up, cross-validation leaves out the
patient and not the row, a replicate keeps the time of the switch, and standardization counts each
patient once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import hccbayes as hb
from hccbayes import predictive
from hccbayes.cohort import Cohort
from hccbayes.conventional_twins import conventional_twins
from hccbayes.cross_validation import leave_one_out, patient_log_likelihood
from hccbayes.estimand_table import Labels, estimate_rows
from hccbayes.estimands import estimand_draws, populations
from hccbayes.figure_data import censoring_survival
from hccbayes.fit import sample_prior
from hccbayes.frequentist.cox import cox
from hccbayes.hazard_model import build_hazard_model
from hccbayes.spec import AnalysisSpec
from hccbayes.study import Study
from hccbayes.time_zero import emulate

CUT = 6.0
RATES = (0.08, 0.04)
"""Hazard without treatment before and after the cut, events per person-month."""
LOG_HR = -0.6
START_RATE = 0.15
LOSS_RATE = 0.03
END = 36.0


def spec_of(formula: str = "treatment", *, fixed: bool = False) -> AnalysisSpec:
    values: dict[str, Any] = {
        "model": {"name": "toy"},
        "data": {
            "id": "id",
            "time": "months",
            "event": "death",
            "arm": {"column": "arm", "treated": "both", "control": "one"},
            "time_zero": "first dose",
        },
        "hazard": {"formula": formula, "cuts": [CUT]},
        "estimands": {"times": [6], "horizon": 9, "populations": ["ate"]},
        "sampler": {"seed": 20261126},
    }
    if not fixed:
        start = {"column": "start", "unit": "months"}
        values["design"] = {"method": "time_dependent", "treatment_start": start}
    return AnalysisSpec.from_dict(values)


def study_of(frame: pd.DataFrame, spec: AnalysisSpec) -> tuple[Cohort, Study]:
    cohort = emulate(hb.read_cohort(frame, spec.roles), spec).cohort
    return cohort, hb.build_study(cohort, spec)


def untreated_hazard(months: np.ndarray) -> np.ndarray:
    return np.where(months <= CUT, *RATES)


def untreated_cumulative(months: np.ndarray) -> np.ndarray:
    early = np.minimum(months, CUT)
    return RATES[0] * early + RATES[1] * (months - early)


def time_at(cumulative: np.ndarray) -> np.ndarray:
    """Return when the cumulative hazard without treatment reaches a value."""
    at_cut = RATES[0] * CUT
    late = CUT + (cumulative - at_cut) / RATES[1]
    return np.where(cumulative <= at_cut, cumulative / RATES[0], late)


def simulated(rng: np.random.Generator, size: int) -> pd.DataFrame:
    """Return patients whose hazard changes by the hazard ratio when treatment starts."""
    start = rng.exponential(1.0 / START_RATE, size)
    end = np.minimum(rng.exponential(1.0 / LOSS_RATE, size), END)
    spent = rng.exponential(1.0, size)
    before = untreated_cumulative(start)
    death = time_at(np.where(spent < before, spent, before + (spent - before) / np.exp(LOG_HR)))
    months = np.minimum(death, end)
    started = start < months
    return pd.DataFrame(
        {
            "id": np.arange(size),
            "months": months,
            "death": (death <= end).astype(int),
            "arm": np.where(started, "both", "one"),
            "start": np.where(started, start, np.nan),
            "age": rng.normal(60.0, 9.0, size),
        }
    )


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return simulated(np.random.default_rng(5), 300)


def known_draws(study: Study, count: int = 1, noise: float = 0.0) -> xr.Dataset:
    """Return draws at the truth of the simulation, or around it."""
    rng = np.random.default_rng(3)
    dims = ("chain", "draw")
    # The model's baseline is that of a patient with the mean treatment.
    log_baseline = np.log(RATES) + LOG_HR * study.data.treatment_mean
    return xr.Dataset(
        {
            "treatment": (dims, LOG_HR + noise * rng.standard_normal((1, count))),
            "log_baseline": ((*dims, "interval"), np.tile(log_baseline, (1, count, 1))),
        },
        coords={"chain": [0], "draw": range(count)},
    )


def test_follow_up_is_that_of_patients_at_risk_in_each_arm():
    """Who starts treatment late is followed without it until then."""
    frame = pd.DataFrame(
        {
            "id": list("abcd"),
            "months": [30.0, 20.0, 9.5, 8.0],
            "death": 1,
            "start": [18.0, 3.0, np.nan, np.nan],
            "arm": ["both", "both", "one", "one"],
        }
    )
    _, study = study_of(frame, spec_of())
    assert study.times.follow_up == 18.0
    assert study.at_risk == {"treated": 1, "control": 2}


# Likelihood.


def by_hand(frame: pd.DataFrame) -> np.ndarray:
    """Return each patient's log density of follow-up and death at the truth."""
    months, death = frame["months"].to_numpy(), frame["death"].to_numpy()
    start = frame["start"].fillna(np.inf).to_numpy()
    switched = start < months
    spent = untreated_cumulative(np.minimum(start, months))
    after = untreated_cumulative(months) - spent
    log_hazard = np.log(untreated_hazard(months)) + LOG_HR * switched
    return death * log_hazard - spent - np.exp(LOG_HR) * after


def test_log_likelihood_adds_a_patients_two_episodes():
    # Switches before, on and after the cut; on the last day; never; on the first day.
    frame = pd.DataFrame(
        {
            "id": list("abcdefg"),
            "months": [9.0, 8.0, 14.0, 7.0, 5.0, 11.0, 6.0],
            "death": [1, 0, 1, 1, 0, 1, 1],
            "start": [2.0, 6.0, 9.0, 7.0, np.nan, 0.0, np.nan],
        }
    )
    frame["arm"] = np.where(frame["start"].notna(), "both", "one")
    _, study = study_of(frame, spec_of())
    assert study.episodes["patient"].tolist() == list("aabbccdefg")
    found = patient_log_likelihood(known_draws(study), study.episodes, study.design, study.data)
    assert dict(found.sizes) == {"chain": 1, "draw": 1, "patient": 7}
    np.testing.assert_allclose(found[0, 0], by_hand(frame), rtol=1e-12)


def test_leave_one_out_has_a_term_a_patient(frame):
    _, study = study_of(frame, spec_of())
    assert len(study.episodes) > len(frame) + 100
    draws = known_draws(study, count=400, noise=1e-4)
    by_patient = patient_log_likelihood(draws, study.episodes, study.design, study.data)
    assert by_patient.sizes["patient"] == len(frame)
    result = leave_one_out(by_patient, draws)
    # Draws that are all but equal: the density of who was left out is the density.
    terms = by_hand(frame)
    assert result.value == pytest.approx(terms.sum(), rel=1e-4)
    # Its error is that of independent patients; rows of one patient are not.
    error = np.sqrt(len(frame)) * terms.std()
    assert f"(SE {error:.1f})" in result.message


# Replication.


def expected_events() -> dict[str, float]:
    """Return the probability of an event before and of one after the start of treatment.

    By the trapezoidal rule, with the cut on the grid.
    """
    months = np.linspace(0.0, END, 36_001)
    hazard, total = untreated_hazard(months), untreated_cumulative(months)
    untreated = np.exp(-total - (START_RATE + LOSS_RATE) * months)
    ratio = np.exp(LOG_HR)
    # Alive, followed and treated at t: started at u and survived from u to t under treatment.
    kernel = START_RATE * untreated * np.exp(ratio * total + LOSS_RATE * months)
    steps = 0.5 * (kernel[1:] + kernel[:-1]) * np.diff(months)
    started = np.concatenate([[0.0], np.cumsum(steps)])
    treated = started * np.exp(-ratio * total - LOSS_RATE * months)
    return {
        "control": float(np.trapezoid(hazard * untreated, months)),
        "treated": float(np.trapezoid(ratio * hazard * treated, months)),
    }


def test_replicated_events_by_exposure_are_those_of_the_truth():
    """Mean over 60 cohorts; a right simulation is four standard errors off for one in 16,000."""
    rng, size = np.random.default_rng(11), 500
    found: dict[str, list[float]] = {"treated": [], "control": []}
    for seed in range(60):
        _, study = study_of(simulated(rng, size), spec_of())
        own = predictive.patients_of(study.episodes, study.design, study.data)
        assert own.switching
        (replicate,) = predictive.replicated_cohorts(
            known_draws(study), own, study.data, seed=seed, replicates=1
        )
        for arm, value in (("control", 0.0), ("treated", 1.0)):
            found[arm].append(float(replicate[1][own.treatment == value].sum()) / size)
    for arm, expected in expected_events().items():
        error = np.std(found[arm], ddof=1) / np.sqrt(len(found[arm]))
        assert abs(np.mean(found[arm]) - expected) < 4.0 * error
        # The comparison must be able to fail.
        assert error < 0.02 * expected


def test_an_episode_without_treatment_ends_with_its_switch(frame):
    _, study = study_of(frame, spec_of())
    own = predictive.patients_of(study.episodes, study.design, study.data)
    index = study.episodes["patient_index"].to_numpy()
    start = frame["start"].to_numpy()[index]
    untreated = own.treatment == 0
    switches = untreated & (own.stop == start)
    assert switches.sum() > 100
    replicates = predictive.replicated_cohorts(
        known_draws(study, count=5), own, study.data, seed=1, replicates=40
    )
    died_before = 0
    for stop, event in replicates:
        assert (stop[switches] <= start[switches]).all()
        # Who does not die before the switch is censored by it.
        alive = event[switches] == 0
        np.testing.assert_array_equal(stop[switches][alive], start[switches][alive])
        died_before += int((~alive).sum())
        # And treatment is entered at its start.
        assert (stop > own.start).all()
        # Censoring of the untreated who died is that of the untreated.
        assert stop[untreated].max() <= own.stop[untreated].max()
    assert died_before > 0


# Standardization.


def test_standardized_cox_counts_each_patient_once(frame):
    spec = spec_of("treatment + age")
    cohort, study = study_of(frame, spec)
    rows = cohort.at_risk_frame()
    terms = rows[["treatment", "age"]].astype(float)
    beta = np.asarray(cox(terms, rows["entry"], rows["time"], rows["event"]).coef)
    deaths = np.sort(rows.loc[rows["event"] == 1, "time"].to_numpy())
    assert len(np.unique(deaths)) == len(deaths)
    at_risk = (rows["entry"].to_numpy() < deaths[:, None]) & (
        deaths[:, None] <= rows["time"].to_numpy()
    )
    increments = 1.0 / (at_risk @ np.exp(terms.to_numpy() @ beta))
    baseline = increments[deaths <= 6.0].sum()
    table = conventional_twins(cohort, study, spec)
    table = table[(table["estimand"] == "survival") & (table["method"] == "cox_efron_standardized")]
    for arm, value in (("treated", 1.0), ("control", 0.0)):

        def survival(age: pd.Series, value: float = value) -> float:
            ratio = np.exp(beta[0] * value + beta[1] * age)
            return float(np.exp(-baseline * ratio).mean())

        (found,) = table.loc[table["contrast"] == arm, "estimate"]
        assert found == pytest.approx(survival(cohort.frame["age"]), rel=1e-9)
        # Rows instead of patients would give another number.
        assert abs(found - survival(rows["age"])) > 1e-6


def test_treatment_from_time_zero_on_is_a_fixed_arm(frame):
    """Prior draws of both models, standardized: equal to the last digit."""
    from_start = frame.assign(start=np.where(frame["arm"] == "both", 0.0, np.nan))
    tables, twins, priors = [], [], []
    for fixed in (False, True):
        spec = spec_of("treatment + age", fixed=fixed)
        own = from_start.drop(columns="start") if fixed else from_start
        cohort, study = study_of(own, spec)
        assert cohort.time_dependent is not fixed
        assert len(study.episodes) == len(frame)
        model = build_hazard_model(study.data, spec.hazard, spec.priors)
        prior = sample_prior(model, draws=50, seed=spec.sampler.seed)
        names = spec.estimands.populations
        draws, _ = estimand_draws(
            prior,
            study.design,
            study.data,
            targets=populations(study.design, study.data, names),
            frame=study.times,
            censoring_survival=censoring_survival(cohort.frame, study.times.grid),
            seed=spec.sampler.seed,
        )
        labels = Labels(method="pe", model=spec.model.name, estimands=spec.estimands)
        tables.append(pd.DataFrame(estimate_rows(draws, labels)))
        twins.append(conventional_twins(cohort, study, spec))
        priors.append(prior)
    xr.testing.assert_equal(*priors)
    pd.testing.assert_frame_equal(*tables, check_exact=True)
    pd.testing.assert_frame_equal(*twins, check_exact=True)
    survival = tables[0].loc[tables[0]["estimand"] == "survival", "estimate"]
    assert ((survival > 0.0) & (survival < 1.0)).sum() == 2
