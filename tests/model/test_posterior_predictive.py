"""Replicated cohorts and the patients' log-likelihood, with draws that are set and not sampled."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats

import hccbayes as hb
from hccbayes import cross_validation, predictive
from hccbayes.pipeline import Study

CUTS = (3.0, 6.0, 12.0)
LOG_HAZARD = np.log([0.05, 0.12, 0.08, 0.03])
LOG_HR = -0.5
GRID = np.linspace(0.0, 30.0, 301)
SPEC = {
    "model": {"name": "replicates"},
    "data": {
        "id": "id",
        "time": "months",
        "event": "death",
        "entry": "entry",
        "arm": {"column": "arm", "treated": "both", "control": "one"},
        "time_zero": "first dose",
    },
    "hazard": {"formula": "treatment", "cuts": list(CUTS)},
    "estimands": {"times": [2]},
}


def study_of(frame: pd.DataFrame, cuts: tuple[float, ...] = CUTS) -> Study:
    hazard = SPEC["hazard"] | {"cuts": list(cuts)}
    spec = hb.AnalysisSpec.from_dict(SPEC | {"hazard": hazard})
    return hb.build_study(hb.read_cohort(frame, spec.roles), spec)


def patients(count: int, *, entry: float = 0.0, died: bool = True) -> pd.DataFrame:
    """Half of them treated; everybody followed for more than 30 months."""
    return pd.DataFrame(
        {
            "id": range(count),
            "entry": entry,
            "months": np.linspace(31.0, 36.0, count),
            "death": [int(died or row == 0) for row in range(count)],
            "arm": ["both", "one"] * (count // 2),
        }
    )


def draws_of(study: Study, log_hazard: np.ndarray = LOG_HAZARD, count: int = 1) -> xr.Dataset:
    """Return `count` equal draws of a known model."""
    dims = ("chain", "draw")
    return xr.Dataset(
        {
            "treatment": (dims, np.full((1, count), LOG_HR)),
            "log_baseline": ((*dims, "interval"), np.tile(log_hazard, (1, count, 1))),
        },
        coords={"chain": [0], "draw": range(count)},
    )


def true_survival(study: Study, arm: float, entry: float = 0.0) -> np.ndarray:
    """S(t) given survival to entry, interval by interval."""
    ratio = np.exp(LOG_HR * (arm - study.data.treatment_mean))
    edges = [*zip((0.0, *CUTS), (*CUTS, np.inf), strict=True)]
    total = np.zeros_like(GRID)
    for (begin, end), rate in zip(edges, np.exp(LOG_HAZARD), strict=True):
        months = np.clip(GRID, entry, None)
        total += rate * np.clip(np.minimum(months, end) - max(begin, entry), 0.0, None)
    return np.exp(-ratio * total)


@pytest.mark.parametrize("entry", [0.0, 4.0])
def test_replicated_times_follow_the_hazard(entry):
    """Kolmogorov-Smirnov: the replicate's Kaplan-Meier curve against the closed form.

    Everybody died in the data, so that nobody is censored before the largest follow-up and the
    curve is one minus the empirical distribution function.
    """
    study = study_of(patients(4000, entry=entry))
    replicated = predictive.posterior_predictive(
        draws_of(study),
        study.episodes,
        study.design,
        study.data,
        grid=GRID,
        landmark=6.0,
        seed=1,
        replicates=1,
    )
    for arm, value in (("treated", 1.0), ("control", 0.0)):
        found = replicated["survival"].sel(arm=arm).isel(replicate=0).values
        distance = np.abs(found - true_survival(study, value, entry)).max()
        # A right simulation fails one seed in 10,000.
        assert distance < stats.kstwo.isf(1e-4, 2000)
        # Nobody dies before entry.
        np.testing.assert_array_equal(found[entry >= GRID], 1.0)


def test_same_seed_same_replicates():
    study = study_of(patients(60))
    options = {"grid": GRID, "landmark": 6.0, "replicates": 3}
    arguments = (draws_of(study, count=5), study.episodes, study.design, study.data)
    first, second, other = (
        predictive.posterior_predictive(*arguments, seed=seed, **options) for seed in (1, 1, 2)
    )
    xr.testing.assert_identical(first, second)
    assert not first["survival"].equals(other["survival"])
    assert first["survival"].sizes["replicate"] == 3


def test_observed_numbers_are_the_cohorts(toy_frame):
    frame = toy_frame.drop(columns="hospital").assign(entry=0.0)
    study = study_of(frame)
    replicated = predictive.posterior_predictive(
        draws_of(study),
        study.episodes,
        study.design,
        study.data,
        grid=GRID,
        landmark=5.0,
        seed=1,
        replicates=2,
    )
    observed = replicated["observed"].to_series()
    # Treated: deaths at 2, 6, 20, censored at 12; control: deaths at 3, 4, 9, 14, censored at 5.5.
    assert observed["events treated"] == 3
    assert observed["events control"] == 4
    assert observed["survival at 5 months treated"] == pytest.approx(3 / 4, rel=1e-12)
    assert observed["survival at 5 months control"] == pytest.approx(3 / 5, rel=1e-12)
    # Exactly one half from month 6 to month 20: the middle, as R has it.
    assert observed["median treated"] == pytest.approx(13.0)
    # 3/5 after month 4, then 3/5 * 1/2 at month 9.
    assert observed["median control"] == pytest.approx(9.0)


def test_nobody_dies_without_a_hazard():
    study = study_of(patients(20))
    replicated = predictive.posterior_predictive(
        draws_of(study, np.full(4, -60.0)),
        study.episodes,
        study.design,
        study.data,
        grid=GRID,
        landmark=6.0,
        seed=1,
        replicates=4,
    )
    events = replicated["statistic"].sel(quantity=["events treated", "events control"])
    assert float(events.sum()) == 0.0
    np.testing.assert_array_equal(replicated["survival"], 1.0)


def test_censoring_times():
    """The censored keep theirs; for the dead it lies beyond the death, at times of censoring."""
    rng = np.random.default_rng(20261120)
    frame = patients(400).assign(months=np.round(rng.uniform(0.5, 36.0, 400), 1))
    frame["death"] = (rng.random(400) < 0.6).astype(int)
    study = study_of(frame)
    own = predictive.patients_of(study.episodes, study.design, study.data)
    drawn = np.stack([predictive.censoring_times(own, rng) for _ in range(50)])
    died = own.event == 1
    np.testing.assert_array_equal(drawn[:, ~died], np.tile(own.stop[~died], (50, 1)))
    assert (drawn[:, died] >= own.stop[died]).all()
    known = {*own.stop[~died], own.stop.max()}
    assert set(drawn[:, died].ravel()) <= known | set(own.stop[died])
    assert len(np.unique(drawn[:, died])) > 50


def test_censoring_beyond_the_death_has_the_reverse_kaplan_meier_distribution():
    """Two die at 1, the others are censored at 2, 4 and 6: a third each."""
    frame = pd.DataFrame(
        {
            "id": list("abcde"),
            "entry": 0.0,
            "months": [1.0, 1.0, 2.0, 4.0, 6.0],
            "death": [1, 1, 0, 0, 0],
            "arm": ["both", "one", "both", "one", "both"],
        }
    )
    study = study_of(frame, cuts=())
    own = predictive.patients_of(study.episodes, study.design, study.data)
    rng = np.random.default_rng(1)
    drawn = np.array([predictive.censoring_times(own, rng)[:2] for _ in range(2000)])
    times, counts = np.unique(drawn, return_counts=True)
    np.testing.assert_array_equal(times, [2.0, 4.0, 6.0])
    # A right draw fails one seed in 10,000.
    assert stats.chisquare(counts).pvalue > 1e-4


def test_patient_log_likelihood_is_the_survival_density(toy_frame):
    frame = toy_frame.drop(columns="hospital")
    study = study_of(frame)
    found = cross_validation.patient_log_likelihood(
        draws_of(study, count=2), study.episodes, study.design, study.data
    )
    assert found.dims == ("chain", "draw", "patient")
    for row in range(len(frame)):
        entry, stop, died = frame.loc[row, ["entry", "months", "death"]]
        treated = float(frame.loc[row, "arm"] == "both")
        hazard = np.exp(LOG_HAZARD + LOG_HR * (treated - 4 / 9))
        expected = 0.0
        for begin, end, rate in zip((0.0, *CUTS), (*CUTS, np.inf), hazard, strict=True):
            expected -= rate * max(0.0, min(stop, end) - max(entry, begin))
            if died and begin < stop <= end:
                expected += np.log(rate)
        np.testing.assert_allclose(found.isel(patient=row), expected, rtol=1e-12)


def test_patient_log_likelihood_does_not_depend_on_the_cut_points(toy_frame):
    frame = toy_frame.drop(columns="hospital")
    constant = np.log(0.07)
    totals = []
    for cuts in ((), (3.0,), (1.0, 2.0, 3.0, 5.0, 8.0, 13.0)):
        study = study_of(frame, cuts)
        posterior = draws_of(study, np.full(len(cuts) + 1, constant))
        totals.append(
            cross_validation.patient_log_likelihood(
                posterior, study.episodes, study.design, study.data
            ).values
        )
    for total in totals[1:]:
        np.testing.assert_allclose(total, totals[0], rtol=1e-13)


def test_patient_log_likelihood_adds_up_to_the_models(toy_study, evaluate, random_point):
    from hccbayes.hazard_model import build_hazard_model

    for center in ("none", "hierarchical", "stratified"):
        spec, study = toy_study(center=center)
        model = build_hazard_model(study.data, spec.hazard, spec.priors)
        point = random_point(model, 10)
        wanted = ["log_baseline", "center_effect", "log_baseline_by_center"]
        known = [name for name in wanted if name in model.named_vars]
        found = evaluate(model, point, ["log_likelihood", *known])
        dims = {name: model.named_vars_to_dims[name] for name in known}
        dims |= {"treatment": (), "covariates": ("covariate",)}
        values = {name: found.get(name, point.get(name)) for name in dims}
        posterior = xr.Dataset(
            {name: (("chain", "draw", *dims[name]), values[name][None, None]) for name in dims},
            coords={"chain": [0], "draw": [0]},
        )
        by_patient = cross_validation.patient_log_likelihood(
            posterior, study.episodes, study.design, study.data
        )
        assert float(by_patient.sum()) == pytest.approx(float(found["log_likelihood"]), abs=1e-11)
