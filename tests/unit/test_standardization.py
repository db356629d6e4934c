"""Standardization: one pattern, mixtures by quadrature, weights, medians, strata."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq

from hccbayes import curves, defaults
from hccbayes.standardization import (
    Arm,
    HazardDraws,
    Population,
    mean_restricted_mean,
    mean_survival,
    population_median,
)

CUTS = np.array([3.0, 6.0, 12.0])
BASELINE = np.array([0.05, 0.09, 0.08, 0.05])
TIMES = [0.0, 2.0, 6.0, 20.0]
SUMS = 1e-13
"""A few dozen products and sums of numbers of size one, relative."""


def hazard_draws(**values: Any) -> HazardDraws:
    """Return one draw: log HR -0.7, treated share 0.3, one covariate with coefficient 1."""
    fields: dict[str, Any] = {
        "baseline": BASELINE[None, None, :],
        "treatment": np.array([-0.7]),
        "treatment_mean": 0.3,
        "covariates": np.array([[1.0]]),
        "center_effect": np.zeros((1, 1)),
        "center_slope": np.zeros((1, 1)),
        "cuts": CUTS,
    }
    return HazardDraws(**(fields | values))


def people(values: list[float], weight: list[float], center: list[int] | None = None) -> Population:
    index = np.zeros(len(values), dtype=np.intp) if center is None else np.array(center)
    return Population(
        covariates=np.array(values)[:, None], center_index=index, weight=np.array(weight)
    )


ONE = people([0.4], [1.0])
MIXTURE = people([-0.5, 1.0], [0.6, 0.4])
ARMS: list[tuple[Arm, float]] = [("treated", 0.7), ("control", -0.3)]
"""Each arm and its treatment indicator minus the treated share."""


@pytest.mark.parametrize(("arm", "contrast"), ARMS)
def test_one_pattern_has_the_curves_of_its_hazard(arm: Arm, contrast: float) -> None:
    hazard = BASELINE * np.exp(0.4 - 0.7 * contrast)
    draws = hazard_draws()
    np.testing.assert_allclose(
        mean_survival(draws, ONE, arm, TIMES)[0], curves.survival(hazard, TIMES, CUTS), rtol=SUMS
    )
    assert mean_restricted_mean(draws, ONE, arm, 20.0)[0] == pytest.approx(
        curves.restricted_mean(hazard, 20.0, CUTS), rel=SUMS
    )
    assert population_median(draws, ONE, arm, 40.0)[0] == pytest.approx(
        curves.median_survival(hazard, CUTS), rel=SUMS
    )


def mixture_survival(time: float, contrast: float) -> float:
    ratios = np.exp(np.array([-0.5, 1.0]) - 0.7 * contrast)
    edges = np.concatenate([[0.0], CUTS, [np.inf]])
    spent = [max(0.0, min(time, b) - a) for a, b in zip(edges, edges[1:], strict=False)]
    return float(np.array([0.6, 0.4]) @ np.exp(-ratios * (BASELINE @ np.array(spent))))


@pytest.mark.parametrize(("arm", "contrast"), ARMS)
def test_a_mixture_of_two_patterns_by_quadrature(arm: Arm, contrast: float) -> None:
    draws = hazard_draws()
    by_hand = [mixture_survival(time, contrast) for time in TIMES]
    np.testing.assert_allclose(mean_survival(draws, MIXTURE, arm, TIMES)[0], by_hand, rtol=SUMS)
    area = sum(
        quad(mixture_survival, a, b, args=(contrast,), epsabs=1e-11)[0]
        for a, b in [(0, 3), (3, 6), (6, 12), (12, 20)]
    )
    assert mean_restricted_mean(draws, MIXTURE, arm, 20.0)[0] == pytest.approx(area, abs=1e-8)


@pytest.mark.parametrize(("arm", "contrast"), ARMS)
def test_the_median_of_a_mixture_is_the_root_of_its_survival(arm: Arm, contrast: float) -> None:
    root = brentq(lambda t: mixture_survival(t, contrast) - 0.5, 0.0, 60.0, xtol=1e-12)
    median = population_median(hazard_draws(), MIXTURE, arm, 60.0)[0]
    assert median == pytest.approx(root, abs=1e-10)


def test_the_median_of_a_mixture_is_not_the_mixture_of_medians() -> None:
    draws = hazard_draws()
    ratios = np.exp(np.array([-0.5, 1.0]) + 0.21)
    own = curves.median_survival(np.outer(ratios, BASELINE), CUTS)
    assert abs(population_median(draws, MIXTURE, "control", 60.0)[0] - np.mean(own)) > 1.0


def test_a_median_beyond_the_horizon_is_infinite_draw_by_draw() -> None:
    level = np.array([0.5, 1.0, 2.0])
    draws = hazard_draws(
        baseline=level[:, None, None] * BASELINE,
        treatment=np.zeros(3),
        covariates=np.zeros((3, 1)),
        center_effect=np.zeros((3, 1)),
        center_slope=np.zeros((3, 1)),
    )
    exact = curves.median_survival(level[:, None] * BASELINE, CUTS)
    assert exact[0] > 12.0 > exact[1] > exact[2]
    median = population_median(draws, ONE, "treated", 12.0)
    assert median[0] == np.inf
    np.testing.assert_allclose(median[1:], exact[1:], rtol=SUMS)


def test_no_draw_reaches_its_median() -> None:
    draws = hazard_draws()
    assert population_median(draws, ONE, "treated", 0.1).tolist() == [np.inf]
    exact = population_median(draws, ONE, "treated", 40.0)[0]
    assert population_median(draws, ONE, "treated", exact * 0.999).tolist() == [np.inf]


def test_equal_patients_are_counted_once() -> None:
    covariates = np.array([[1.0], [-0.5], [1.0], [-0.5], [-0.5]])
    merged = Population.of(covariates, np.zeros(5, dtype=np.intp), np.ones(5))
    np.testing.assert_array_equal(merged.covariates[:, 0], [-0.5, 1.0])
    np.testing.assert_allclose(merged.weight, [0.6, 0.4], rtol=1e-15)
    np.testing.assert_allclose(
        mean_survival(hazard_draws(), merged, "treated", TIMES),
        mean_survival(hazard_draws(), MIXTURE, "treated", TIMES),
        rtol=SUMS,
    )


def test_patients_of_two_centers_are_not_merged() -> None:
    merged = Population.of(np.ones((3, 1)), np.array([0, 1, 1]), np.array([1.0, 2.0, 1.0]))
    assert merged.center_index.tolist() == [0, 1]
    np.testing.assert_allclose(merged.weight, [0.25, 0.75], rtol=1e-15)


def test_center_effects_and_slopes_enter_the_hazard() -> None:
    draws = hazard_draws(
        center_effect=np.array([[0.2, -0.1]]), center_slope=np.array([[0.05, -0.3]])
    )
    population = people([0.0, 0.5], [0.5, 0.5], center=[0, 1])
    for arm, contrast in ARMS:
        log_ratio = draws.predictor(population, slice(0, 2), arm)[0]
        by_hand = [0.2 + (-0.7 + 0.05) * contrast, 0.5 - 0.1 + (-0.7 - 0.3) * contrast]
        np.testing.assert_allclose(log_ratio, by_hand, rtol=1e-14)


def test_strata_have_their_own_baselines() -> None:
    baseline = np.stack([BASELINE, 3 * BASELINE])[None]
    draws = hazard_draws(
        baseline=baseline, center_effect=np.zeros((1, 2)), center_slope=np.zeros((1, 2))
    )
    assert draws.stratified
    population = people([0.0, 0.5], [0.25, 0.75], center=[0, 1])
    own = [BASELINE * np.exp(0.21), 3 * BASELINE * np.exp(0.5 + 0.21)]
    survival = 0.25 * curves.survival(own[0], TIMES, CUTS) + 0.75 * curves.survival(
        own[1], TIMES, CUTS
    )
    np.testing.assert_allclose(
        mean_survival(draws, population, "control", TIMES)[0], survival, rtol=SUMS
    )
    mean = 0.25 * curves.restricted_mean(own[0], 20.0, CUTS) + 0.75 * curves.restricted_mean(
        own[1], 20.0, CUTS
    )
    assert mean_restricted_mean(draws, population, "control", 20.0)[0] == pytest.approx(
        mean, rel=SUMS
    )
    median = population_median(draws, population, "control", 40.0)
    at_median = mean_survival(draws, population, "control", median)[0, 0]
    assert at_median == pytest.approx(0.5, abs=SUMS)


def test_a_population_larger_than_one_chunk_is_summed_to_its_end(rng: np.random.Generator) -> None:
    count = 2 * defaults.PATIENT_CHUNK + 3
    values, weight = rng.normal(size=count), rng.dirichlet(np.ones(count))
    population = people(values.tolist(), weight.tolist())
    hazard = np.exp(values + 0.21)[:, None] * BASELINE
    np.testing.assert_allclose(
        mean_survival(hazard_draws(), population, "control", TIMES)[0],
        weight @ curves.survival(hazard, TIMES, CUTS),
        rtol=SUMS,
    )
    assert mean_restricted_mean(hazard_draws(), population, "control", 20.0)[0] == pytest.approx(
        weight @ curves.restricted_mean(hazard, 20.0, CUTS), rel=SUMS
    )
    median = population_median(hazard_draws(), population, "control", 60.0)
    assert weight @ curves.survival(hazard, median, CUTS)[:, 0] == pytest.approx(0.5, abs=SUMS)
