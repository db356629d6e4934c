"""The posterior of two weighted arms: its density by hand, and its width after calibration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import arviz as az
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.special import expit
from scipy.stats import multivariate_normal, norm

from hccbayes.adjustment.arm_hazard import (
    ArmHazards,
    PatientHazards,
    maximum_likelihood,
    sandwich,
)
from hccbayes.adjustment.pseudo_posterior import (
    arm_data,
    build_arm_model,
    curvature_transform,
    open_faced,
)
from hccbayes.adjustment.weighted import arm_posterior, compiled_arm_model, with_control_hazard
from hccbayes.priors import Prior
from hccbayes.spec import PriorSection, SamplerSection
from hccbayes.weights import Weights, propensity_weights

FLAT = PriorSection(
    treatment=Prior.of("normal", mu=0.0, sigma=10.0),
    baseline_level=Prior.of("normal", mu=0.0, sigma=10.0),
    interval=Prior.of("normal", mu=0.0, sigma=10.0),
)
CUTS = [4.0, 10.0]
PATIENTS = 2000
SAMPLER = SamplerSection(draws=2000, tune=500, chains=4, seed=20261120, target_accept=0.8)
ESS = 4000.0
"""Effective draws that are asserted; 8,000 are made."""
ERRORS = 5.0


@pytest.fixture(scope="module")
def cohort() -> tuple[pd.DataFrame, np.ndarray]:
    """2,000 patients with one strong confounder, and their true score."""
    rng = np.random.default_rng(12)
    x = rng.standard_normal(PATIENTS)
    score = expit(-0.8 + 0.9 * x)
    treatment = (rng.random(PATIENTS) < score).astype(float)
    death = rng.exponential(1.0 / (0.08 * np.exp(0.6 * x - 0.5 * treatment)))
    end = rng.uniform(10.0, 40.0, PATIENTS)
    frame = pd.DataFrame(
        {
            "entry": 0.0,
            "time": np.minimum(death, end),
            "event": (death <= end).astype(float),
            "treatment": treatment,
        }
    )
    return frame, score


@pytest.fixture(scope="module")
def patients(cohort) -> PatientHazards:
    return PatientHazards.of(cohort[0], CUTS)


@pytest.fixture(scope="module")
def posterior(cohort, patients) -> Callable[[str, str], xr.Dataset]:
    """Return a maker of posteriors by target and calibration; one compiled model serves all."""
    frame, score = cohort
    kept: dict[tuple[str, str], xr.Dataset] = {}

    def make(target: str, calibration: Any) -> xr.Dataset:
        if (target, calibration) not in kept:
            weights = propensity_weights(score, frame["treatment"], target)
            draws, diagnosis, cuts = arm_posterior(
                patients, weights, priors=FLAT, sampler=SAMPLER, calibration=calibration
            )
            assert diagnosis.passed, diagnosis.headline()
            assert cuts.tolist() == CUTS
            assert min(float(own.min()) for own in az.ess(draws).data_vars.values()) > ESS
            kept[target, calibration] = draws
        return kept[target, calibration]

    return make


def theta_of(draws: xr.Dataset, arms: ArmHazards) -> np.ndarray:
    """Return draws of the effect and the average event's log hazards, shape (draws, 1 + J)."""
    effect = draws["treatment"].to_numpy().reshape(-1, 1)
    control = draws["log_control_hazard"].to_numpy().reshape(len(effect), -1)
    return np.hstack([effect, control + effect * arms.treated_share])


def covariance_close(found: np.ndarray, wanted: np.ndarray, extra: float) -> None:
    """Compare covariances to their Monte Carlo error, in units of the wanted deviations.

    Of ESS normal draws an entry in those units has standard deviation sqrt((1 + r^2) / ESS), at
    most sqrt(2 / ESS); `extra` is what the likelihood's third derivative adds.
    """
    scale = np.sqrt(np.diag(wanted))
    away = np.abs(found - wanted) / np.outer(scale, scale)
    assert away.max() < ERRORS * np.sqrt(2.0 / ESS) + extra


def test_curvature_is_given_the_inverse_of_the_sandwich(patients, cohort) -> None:
    weights = propensity_weights(cohort[1], cohort[0]["treatment"], "ate").values
    arms = patients.arms(weights)
    information, wanted = arms.information(maximum_likelihood(arms)), sandwich(patients, weights)
    matrix = curvature_transform(information, wanted)
    np.testing.assert_allclose(
        matrix.T @ information @ matrix, np.linalg.inv(wanted), rtol=1e-9, atol=1e-7
    )
    # Where the sandwich is the inverse information already, nothing is to be done.
    np.testing.assert_allclose(
        curvature_transform(information, np.linalg.inv(information)), np.eye(4), atol=1e-10
    )


def test_open_faced_draws_have_the_sandwich_s_covariance_and_their_own_mean() -> None:
    rng = np.random.default_rng(3)
    skewed = rng.gamma(2.0, size=(2, 300, 4)) @ rng.normal(size=(4, 4))
    draws = xr.Dataset(
        {
            "treatment": (("chain", "draw"), skewed[..., 0]),
            "log_baseline": (("chain", "draw", "interval"), skewed[..., 1:]),
        }
    )
    half = rng.normal(size=(4, 9))
    wanted = half @ half.T
    moved = open_faced(draws, wanted)
    flat = np.concatenate([moved["treatment"].to_numpy()[..., None], moved["log_baseline"]], -1)
    flat = flat.reshape(-1, 4)
    np.testing.assert_allclose(np.cov(flat, rowvar=False), wanted, rtol=1e-10)
    np.testing.assert_allclose(flat.mean(axis=0), skewed.reshape(-1, 4).mean(axis=0), rtol=1e-12)
    assert moved["log_baseline"].dims == ("chain", "draw", "interval")
    # With their own covariance they stay where they are.
    still = open_faced(draws, np.cov(skewed.reshape(-1, 4), rowvar=False))
    np.testing.assert_allclose(still["treatment"], draws["treatment"], rtol=1e-10)


def with_data(model: Any, data: Mapping[str, np.ndarray]) -> Any:
    for name, value in data.items():
        model[name].set_value(np.asarray(value, dtype=np.float64))
    return model


@pytest.mark.parametrize("curved", [False, True])
def test_the_log_density_by_hand(log_density, cohort, patients, curved: bool) -> None:
    """Prior and weighted likelihood, the latter read at maximum + C (theta - maximum)."""
    priors = PriorSection(
        treatment=Prior.of("normal", mu=-0.1, sigma=0.7),
        baseline_level=Prior.of("normal", mu=0.2, sigma=0.8),
        interval=Prior.of("normal", mu=0.1, sigma=0.5),
        median_survival=8.0,
    )
    weights = propensity_weights(cohort[1], cohort[0]["treatment"], "ato").values
    arms = patients.arms(weights)
    wanted = sandwich(patients, weights)
    data = arm_data(arms, wanted if curved else None)
    model = with_data(build_arm_model(3, priors), data)
    theta = np.array([-0.3, -2.4, -2.9, -2.2])
    best = maximum_likelihood(arms)
    read = theta.copy()
    if curved:
        read = best + curvature_transform(arms.information(best), wanted) @ (theta - best)
    hazard = arms.hazards(read)
    center = np.log(np.log(2.0) / 8.0) + 0.3
    covariance = 0.8**2 * np.ones((3, 3)) + 0.5**2 * np.eye(3)
    expected = (
        norm.logpdf(theta[0], -0.1, 0.7)
        + multivariate_normal.logpdf(theta[1:], np.full(3, center), covariance)
        + np.sum(arms.events * np.log(hazard) - arms.exposure * hazard)
    )
    found = log_density(model, {"treatment": theta[0], "log_baseline": theta[1:]})
    assert found == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("target", ["ate", "ato"])
def test_curvature_adjusted_posterior_has_the_sandwich_s_width(
    posterior, patients, cohort, target: str
) -> None:
    """Under a near-flat prior, to Monte Carlo error; its mean is the maximum likelihood.

    What the likelihood's skewness adds is of the order 1 / (weighted events of a cell).
    """
    weights = propensity_weights(cohort[1], cohort[0]["treatment"], target).values
    arms = patients.arms(weights)
    wanted = sandwich(patients, weights)
    draws = theta_of(posterior(target, "curvature"), arms)
    own = (cohort[0]["treatment"].to_numpy()[:, None] == [0.0, 1.0]).astype(float)
    smallest = float((own.T @ patients.person_time.events).min())
    assert smallest > 80
    covariance_close(np.cov(draws, rowvar=False), wanted, extra=2.0 / smallest)
    away = np.abs(draws.mean(axis=0) - maximum_likelihood(arms)) / np.sqrt(np.diag(wanted))
    # Skewness moves a mean by about 1 / (2 sqrt(events)) standard deviations.
    assert away.max() < ERRORS / np.sqrt(ESS) + 0.5 / np.sqrt(smallest)


def test_open_faced_posterior_has_exactly_the_sandwich_s_width(posterior, patients, cohort) -> None:
    weights = propensity_weights(cohort[1], cohort[0]["treatment"], "ato").values
    draws = theta_of(posterior("ato", "open_faced"), patients.arms(weights))
    np.testing.assert_allclose(
        np.cov(draws, rowvar=False), sandwich(patients, weights), rtol=1e-8, atol=1e-12
    )
    raw = theta_of(posterior("ato", "none"), patients.arms(weights))
    np.testing.assert_allclose(draws.mean(axis=0), raw.mean(axis=0), rtol=1e-10)


@pytest.mark.parametrize(
    ("target", "low", "high"),
    [("ate", 0.0, 0.75), ("ato", 1.25, np.inf)],
    ids=["too narrow", "too wide"],
)
def test_the_raw_pseudo_posterior_has_the_width_of_its_weights(
    posterior, patients, cohort, target: str, low: float, high: float
) -> None:
    """Raw inverse probability weights sum to 2n and are overconfident; overlap weights sum to a
    fraction of n and are the contrary. Here: the ratio of its standard deviation to the sandwich.
    """
    weights = propensity_weights(cohort[1], cohort[0]["treatment"], target).values
    spread = float(posterior(target, "none")["treatment"].std(ddof=1))
    assert low < spread / np.sqrt(sandwich(patients, weights)[0, 0]) < high


def test_a_factor_of_the_weights_moves_the_raw_width_and_not_the_calibrated(
    posterior, patients, cohort
) -> None:
    """Four times the weights: half the raw width. The compiled model is the same."""
    weights = propensity_weights(cohort[1], cohort[0]["treatment"], "ato")
    larger = Weights.of(4.0 * weights.values, weights.treatment, "ato")
    spread = {}
    for calibration in ("none", "curvature"):
        draws, _, _ = arm_posterior(
            patients, larger, priors=FLAT, sampler=SAMPLER, calibration=calibration
        )
        ratio = draws["treatment"].std() / posterior("ato", calibration)["treatment"].std()
        spread[calibration] = float(ratio)
    # A standard deviation errs by 1 / sqrt(2 ESS), a ratio of two by 1 / sqrt(ESS).
    assert spread["none"] == pytest.approx(0.5, abs=0.5 * ERRORS / np.sqrt(ESS))
    assert spread["curvature"] == pytest.approx(1.0, abs=ERRORS / np.sqrt(ESS))


def test_control_hazards_are_those_of_the_control_arm(patients, cohort) -> None:
    arms = patients.arms(np.ones(PATIENTS))
    theta = maximum_likelihood(arms)
    draws = xr.Dataset(
        {
            "treatment": (("chain", "draw"), theta[:1][None]),
            "log_baseline": (("chain", "draw", "interval"), theta[1:][None, None]),
        }
    )
    found = with_control_hazard(draws, arms)["log_control_hazard"].to_numpy()[0, 0]
    np.testing.assert_allclose(np.exp(found), arms.hazards(theta)[0], rtol=1e-12)


def test_equal_priors_share_one_compiled_model(posterior) -> None:
    posterior("ato", "none")
    again = PriorSection.model_validate(FLAT.model_dump())
    assert compiled_arm_model(3, again, "nutpie") is compiled_arm_model(3, FLAT, "nutpie")
