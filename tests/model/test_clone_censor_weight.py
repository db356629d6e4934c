"""Weighted clones: hazards by phase, the width of their posterior, and the effect as a record."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import multivariate_normal, norm

from hccbayes.adjustment.arm_hazard import maximum_likelihood, sandwich
from hccbayes.adjustment.clone_censor_weight import clone_censor_weight_effect, weighted_clones
from hccbayes.adjustment.clone_jackknife import clone_covariance, moved_person_time
from hccbayes.adjustment.phased_arms import PhasedArms, build_phased_model, phased_data
from hccbayes.adjustment.phased_clones import WeightedClones, clone_arms, phased_cuts
from hccbayes.adjustment.problem import AdjustedEffect
from hccbayes.adjustment.pseudo_posterior import curvature_transform
from hccbayes.errors import InputError
from hccbayes.estimand_table import Labels, estimate_rows
from hccbayes.figure_data import censoring_survival
from hccbayes.priors import Prior
from hccbayes.spec import EstimandSection, PriorSection, SamplerSection
from hccbayes.time_frame import TimeFrame
from hccbayes.time_zero.clone_estimates import clone_quantities

GRACE = 3.0
TIMES = TimeFrame(times=(6.0, 12.0), horizon=12.0, follow_up=24.0)
FLAT = PriorSection(
    treatment=Prior.of("normal", mu=0.0, sigma=10.0),
    baseline_level=Prior.of("normal", mu=0.0, sigma=10.0),
    interval=Prior.of("normal", mu=0.0, sigma=10.0),
)
SAMPLER = SamplerSection(draws=1000, tune=500, chains=4, seed=20261126, target_accept=0.8)
ESS = 2000.0
"""Effective draws of the 4,000 that tolerances count on."""


def cohort(size: int = 500, seed: int = 2) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(size)
    start = rng.exponential(size=size) * np.exp(0.4 * x) / 0.25
    start = np.where(start < 4.0, start, np.inf)
    death = rng.exponential(size=size) * np.exp(-0.6 * x) / 0.06
    death = np.where(death < start, death, death + np.maximum(death - start, 0.0) * 0.4)
    end = rng.uniform(12.0, 36.0, size)
    time = np.minimum(death, end)
    frame = pd.DataFrame(
        {
            "patient": [f"p{index}" for index in range(size)],
            "entry": 0.0,
            "time": time,
            "event": (death <= end).astype(int),
            "treatment_start": np.where(start < time, start, np.nan),
        }
    )
    return frame, x[:, None]


@pytest.fixture(scope="module")
def clones() -> WeightedClones:
    frame, x = cohort()
    return weighted_clones(frame, x, grace=GRACE)


@pytest.fixture(scope="module")
def by_phase(clones) -> PhasedArms:
    cuts, phase = phased_cuts(clones.weights.clones)
    assert GRACE in cuts
    assert phase.max() == 1
    return clone_arms(clones, cuts, phase)


@pytest.fixture(scope="module")
def single(by_phase) -> PhasedArms:
    return PhasedArms(rows=by_phase.rows, phase=np.zeros_like(by_phase.phase))


def log_likelihood(arms: PhasedArms, theta: np.ndarray) -> float:
    data = phased_data(arms)
    log_hazard = theta[arms.phases :] + theta[arms.phase] * data["contrast"]
    return float(np.sum(data["events"] * log_hazard - data["exposure"] * np.exp(log_hazard)))


def test_one_phase_is_the_two_arm_model(single) -> None:
    ones = np.ones(len(single.rows.treatment))
    arms = single.rows.arms(ones)
    np.testing.assert_allclose(single.maximum, maximum_likelihood(arms), rtol=1e-12)
    np.testing.assert_allclose(single.information, arms.information(single.maximum), rtol=1e-12)
    np.testing.assert_allclose(single.sandwich(), sandwich(single.rows, ones), rtol=1e-9)
    np.testing.assert_allclose(single.contrast, np.tile(arms.contrast[:, None], len(single.phase)))


def test_information_and_scores_are_derivatives(by_phase) -> None:
    """Central differences err by step^2 times third derivatives, a few hundred here."""
    theta = by_phase.maximum
    size, step = len(theta), 1e-4
    gradient = np.empty(size)
    second = np.empty((size, size))
    for row in range(size):
        away = step * np.eye(size)[row]
        rise = log_likelihood(by_phase, theta + away) - log_likelihood(by_phase, theta - away)
        gradient[row] = rise / (2 * step)
        change = by_phase.scores(theta - away).sum(axis=0) - by_phase.scores(theta + away).sum(
            axis=0
        )
        second[row] = change / (2 * step)
    np.testing.assert_allclose(gradient, 0.0, atol=1e-5)
    np.testing.assert_allclose(by_phase.information, second, atol=1e-4)
    np.testing.assert_allclose(by_phase.scores(theta).sum(axis=0), 0.0, atol=1e-8)


def test_phases_meet_in_the_sandwich_alone(by_phase) -> None:
    """Information is 0 between phases; the same patients are in both, so the sandwich is not."""
    phases = by_phase.phases
    assert by_phase.information[0, 1] == 0.0
    first = phases + np.flatnonzero(by_phase.phase == 0)
    assert not by_phase.information[np.ix_(first, [1])].any()
    assert by_phase.sandwich()[0, 1] != 0.0


def test_the_log_density_by_hand(log_density, by_phase) -> None:
    priors = PriorSection(
        treatment=Prior.of("normal", mu=-0.1, sigma=0.7),
        baseline_level=Prior.of("normal", mu=0.2, sigma=0.8),
        interval=Prior.of("normal", mu=0.1, sigma=0.5),
        median_survival=8.0,
    )
    wanted = by_phase.sandwich()
    data = phased_data(by_phase, wanted)
    model = build_phased_model(tuple(map(int, by_phase.phase)), priors)
    for name, value in data.items():
        model[name].set_value(np.asarray(value, dtype=np.float64))
    intervals = len(by_phase.phase)
    theta = np.concatenate([[-0.3, 0.2], np.linspace(-3.0, -2.4, intervals)])
    matrix = curvature_transform(by_phase.information, wanted)
    read = by_phase.maximum + matrix @ (theta - by_phase.maximum)
    center = np.log(np.log(2.0) / 8.0) + 0.3
    covariance = 0.8**2 + 0.5**2 * np.eye(intervals)
    expected = (
        norm.logpdf(theta[:2], -0.1, 0.7).sum()
        + multivariate_normal.logpdf(theta[2:], np.full(intervals, center), covariance)
        + log_likelihood(by_phase, read)
    )
    point = {"treatment_0": theta[0], "treatment_1": theta[1], "log_baseline": theta[2:]}
    assert log_density(model, point) == pytest.approx(expected, rel=1e-10)


def test_clusters_add_up(by_phase) -> None:
    np.testing.assert_allclose(
        by_phase.information_of_clusters.sum(axis=0), by_phase.information, rtol=1e-9, atol=1e-9
    )
    own = by_phase.rows.person_time
    scores = by_phase.scores_of(own.events, own.exposure)
    assert scores.shape == (500, len(by_phase.maximum))
    np.testing.assert_allclose(scores.sum(axis=0), 0.0, atol=1e-8)


def test_the_slope_of_the_score_is_that_of_the_refitted_maximum(clones, single) -> None:
    """Moving a parameter of the start moves the maximum by the inverse information times it."""
    cuts = single.rows.person_time.cuts
    before, after = moved_person_time(clones, cuts)[0]
    found = []
    for events, exposure in (before, after):
        own = replace(single.rows.person_time, events=events, exposure=exposure)
        found.append(PhasedArms(rows=replace(single.rows, person_time=own), phase=single.phase))
    score = (single.scores_of(*after) - single.scores_of(*before)).sum(axis=0)
    linear = np.linalg.solve(single.information, score)
    assert found[1].maximum[0] - found[0].maximum[0] == pytest.approx(linear[0], rel=1e-3)
    control = [arms.maximum[1:] + arms.maximum[0] * arms.contrast[0] for arms in found]
    np.testing.assert_allclose(
        control[1] - control[0], linear[1:] + linear[0] * single.contrast[0], rtol=1e-2, atol=1e-8
    )


def test_the_covariance_is_the_jackknife_over_patients(clones, single) -> None:
    """Each patient left out in turn, the start of treatment fitted and clones weighted again.

    One step of Newton's method stands for each refit, and cut points of the start stay: within 3%
    of the standard error. Taking the weights as known is further away.
    """
    frame, x = cohort()
    size = len(frame)
    cuts = single.rows.person_time.cuts
    left = np.empty(size)
    for patient in range(size):
        kept = np.arange(size) != patient
        own = weighted_clones(frame[kept], x[kept], grace=GRACE)
        left[patient] = clone_arms(own, cuts, single.phase).maximum[0]
    error = np.sqrt((size - 1) / size * np.sum((left - left.mean()) ** 2))
    assert np.sqrt(clone_covariance(single, clones)[0, 0]) == pytest.approx(error, rel=0.03)
    assert abs(np.sqrt(single.sandwich()[0, 0]) / error - 1.0) > 0.03


def effect_of(calibration: Any) -> AdjustedEffect:
    frame, x = cohort()
    return clone_censor_weight_effect(
        frame,
        x,
        grace=GRACE,
        priors=FLAT,
        sampler=SAMPLER,
        times=TIMES,
        censoring_survival=censoring_survival(frame, TIMES.grid),
        calibration=calibration,
    )


@pytest.fixture(scope="module")
def effect() -> AdjustedEffect:
    return effect_of("curvature")


def test_open_faced_draws_have_exactly_that_width(clones, by_phase, single) -> None:
    draws = effect_of("open_faced").draws
    wanted = clone_covariance(by_phase, clones)
    phases = draws["log_hr_at"].to_numpy().reshape(-1, 2)
    np.testing.assert_allclose(np.cov(phases, rowvar=False), wanted[:2, :2], rtol=1e-8)
    found = float(draws["log_marginal_hr"].var(ddof=1))
    assert found == pytest.approx(clone_covariance(single, clones)[0, 0], rel=1e-8)


def test_the_uncalibrated_posterior_is_a_warning(clones, single) -> None:
    """Its width is that of the information, which the weights' scale sets."""
    raw = effect_of("none")
    assert any("uncalibrated" in note for note in raw.notes)
    wanted = np.linalg.inv(single.information)[0, 0]
    found = float(raw.draws["log_marginal_hr"].std(ddof=1)) / np.sqrt(wanted)
    assert found == pytest.approx(1.0, abs=4.0 / np.sqrt(2 * ESS) + 2.0 / 100.0)


def test_the_posterior_has_the_jackknife_s_width(effect, clones, by_phase, single) -> None:
    """Under flat priors: the maximum and the jackknife's width, to Monte Carlo error.

    Skewness moves a mean by 1 / (2 sqrt(events)) standard deviations and a standard deviation by
    1 / events, of some 40 events of an arm in the first phase and 100 in all.
    """
    assert effect.diagnosis is not None
    assert effect.diagnosis.passed, effect.diagnosis.headline()
    cases = [(single, 0, effect.draws["log_marginal_hr"].isel(population=0), 100.0)]
    cases += [
        (by_phase, index, effect.draws["log_hr_at"].isel(effect_time=index), 40.0)
        for index in range(2)
    ]
    for arms, place, draws, events in cases:
        wanted = np.sqrt(clone_covariance(arms, clones)[place, place])
        spread = float(draws.std(ddof=1))
        assert spread / wanted == pytest.approx(1.0, abs=4.0 / np.sqrt(2 * ESS) + 2.0 / events)
        away = abs(float(draws.mean()) - arms.maximum[place]) / wanted
        assert away < 4.0 / np.sqrt(ESS) + 0.5 / np.sqrt(events)


def test_curves_agree_with_the_weighted_product_limit(effect, clones) -> None:
    """Two estimates of the same survival from the same clones.

    The model is the more efficient one, so that their difference has the variance by which the
    other's is larger (Hausman 1978), less than the model's own here: one posterior standard
    deviation is asked for, with no allowance for two or three of it.
    """
    found = clone_quantities(clones.weights, TIMES.times, TIMES.horizon)
    draws = effect.draws.isel(population=0)
    for place, arm in ((1, "treated"), (4, "control")):
        own = draws.sel(arm=arm)
        for draw, value in (
            (own["rmst"], found[place]),
            *(
                (own["survival"].sel(time=time), found[place + 1 + k])
                for k, time in enumerate(TIMES.times)
            ),
        ):
            assert abs(float(draw.mean()) - value) < float(draw.std())
    assert abs(float(draws["log_marginal_hr"].mean()) - found[0]) < float(
        draws["log_marginal_hr"].std()
    )


def test_the_record_goes_to_the_estimate_table(effect) -> None:
    assert effect.method == "pe_clone_censor_weight"
    assert effect.population == "ate"
    assert effect.draws["log_hr_at"]["effect_time"].values.tolist() == [GRACE, TIMES.follow_up]
    labels = Labels(
        method=effect.method, model="m", estimands=EstimandSection(times=(6.0, 12.0), horizon=12.0)
    )
    rows = estimate_rows(effect.draws, labels)
    names = {(row.estimand, row.time) for row in rows}
    for wanted in (
        ("log_marginal_hr", None),
        ("log_marginal_hr_at", GRACE),
        ("survival_difference", 12.0),
        ("rmst_difference", 12.0),
        ("median", None),
    ):
        assert wanted in names
    assert {row.population for row in rows} == {"ate"}


def test_few_early_deaths_make_one_phase() -> None:
    frame, x = cohort()
    early = frame["time"] <= GRACE
    frame.loc[early, "event"] = 0
    cuts, phase = phased_cuts(weighted_clones(frame, x, grace=GRACE).weights.clones)
    assert not phase.any()
    assert len(phase) == len(cuts) + 1


def test_bad_input_has_a_message_and_its_patients() -> None:
    frame, x = cohort()
    missing = x.copy()
    missing[[3, 5]] = np.nan
    with pytest.raises(InputError) as caught:
        weighted_clones(frame, missing, grace=GRACE)
    assert caught.value.problems[0].rows == ("p3", "p5")
    with pytest.raises(InputError, match="immortal_bound"):
        weighted_clones(frame.drop(columns="treatment_start"), x, grace=GRACE)
    with pytest.raises(InputError, match="positive number of months"):
        weighted_clones(frame, x, grace=0.0)
