"""Piecewise-constant hazards: closed forms, numerical integration, inversion."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad

from hccbayes import curves

CUTS = np.array([3.0, 6.0, 12.0])
HAZARD = np.array([0.05, 0.09, 0.08, 0.05])
ROUNDING = 1e-14
"""A handful of operations on numbers of size one, relative."""


@pytest.mark.parametrize("rate", [1e-4, 0.07, 2.0])
def test_constant_hazard_has_its_closed_forms(rate: float) -> None:
    hazard = np.full(4, rate)
    times = [0.0, 1.5, 3.0, 30.0]
    np.testing.assert_allclose(
        curves.cumulative_hazard(hazard, times, CUTS), rate * np.array(times), rtol=ROUNDING
    )
    np.testing.assert_allclose(
        curves.survival(hazard, times, CUTS), np.exp(-rate * np.array(times)), rtol=60 * ROUNDING
    )
    assert curves.restricted_mean(hazard, 20.0, CUTS) == pytest.approx(
        -np.expm1(-20 * rate) / rate, rel=ROUNDING
    )
    assert curves.median_survival(hazard, CUTS) == pytest.approx(np.log(2) / rate, rel=ROUNDING)


def test_time_in_intervals_by_hand() -> None:
    np.testing.assert_array_equal(
        curves.time_in_intervals([0, 2, 3, 7, 20], CUTS),
        [[0, 0, 0, 0], [2, 0, 0, 0], [3, 0, 0, 0], [3, 3, 1, 0], [3, 3, 6, 8]],
    )


def test_cumulative_hazard_by_hand() -> None:
    # 3 x 0.05 + 3 x 0.09 + 1 x 0.08
    assert curves.cumulative_hazard(HAZARD, [7.0], CUTS)[0] == pytest.approx(0.5, rel=ROUNDING)


@pytest.mark.parametrize("horizon", [0.0, 2.0, 3.0, 11.0, 12.0, 40.0])
def test_restricted_mean_is_the_integral_of_survival(horizon: float) -> None:
    edges = [0.0, *CUTS[horizon > CUTS], horizon]
    integral = sum(
        quad(lambda t: curves.survival(HAZARD, [t], CUTS)[0], a, b, epsabs=1e-12)[0]
        for a, b in zip(edges, edges[1:], strict=False)
    )
    assert curves.restricted_mean(HAZARD, horizon, CUTS) == pytest.approx(integral, abs=4e-12)


def test_restricted_mean_without_hazard_is_the_horizon() -> None:
    assert curves.restricted_mean(np.zeros(4), 20.0, CUTS) == 20.0


def test_restricted_mean_has_no_jump_towards_zero_hazard() -> None:
    # tau - h tau^2 / 2 + O(h^2 tau^3): the rest is 1e-20 here.
    assert curves.restricted_mean(np.full(4, 1e-12), 20.0, CUTS) == pytest.approx(
        20.0 - 1e-12 * 200.0, rel=1e-15
    )


def test_restricted_mean_with_one_interval_without_hazard() -> None:
    # S is 1 up to month 3, then exp(-(t - 3) / 10) to month 6.
    value = curves.restricted_mean(np.array([0.0, 0.1, 0.1, 0.1]), 6.0, CUTS)
    assert value == pytest.approx(3 + 10 * (1 - np.exp(-0.3)), rel=ROUNDING)


def test_inverse_of_the_cumulative_hazard_takes_it_back(rng: np.random.Generator) -> None:
    hazard = rng.gamma(2.0, 0.05, size=(200, 4))
    times = rng.uniform(0, 40, 200)
    reached = np.array(
        [curves.cumulative_hazard(row, [t], CUTS)[0] for row, t in zip(hazard, times, strict=True)]
    )
    back = curves.time_at_cumulative_hazard(hazard, reached, CUTS)
    # An error of one unit in H is 1 / h times as large in t.
    np.testing.assert_allclose(back, times, atol=10 * np.finfo(float).eps * 40 / hazard.min())


def test_targets_at_cut_points_are_reached_there() -> None:
    at_cuts = curves.cumulative_hazard(HAZARD, CUTS, CUTS)
    many = np.broadcast_to(HAZARD, (3, 4))
    np.testing.assert_allclose(
        curves.time_at_cumulative_hazard(many, at_cuts, CUTS), CUTS, rtol=ROUNDING
    )
    assert curves.time_at_cumulative_hazard(HAZARD, 0.0, CUTS) == 0.0
    assert curves.time_at_cumulative_hazard(np.zeros(4), 0.0, CUTS) == 0.0


@pytest.mark.parametrize(
    ("hazard", "time"),
    [
        ([0.25, 0.0, 0.0], np.inf),  # 0.5 is never reached
        ([0.5, 0.0, 0.1], 1.0),
        ([0.25, 0.25, 0.0], 2.0),  # reached exactly where the hazard ends
        ([0.0, 0.25, 0.25], 3.0),
        ([0.0, 0.0, 0.25], 4.0),
        ([0.0, 0.0, 0.0], np.inf),
    ],
)
def test_first_time_at_a_target_of_one_half(hazard: list[float], time: float) -> None:
    # Intervals (0, 1], (1, 2], (2, ...]; all numbers are exact in binary.
    assert curves.time_at_cumulative_hazard(hazard, 0.5, [1.0, 2.0]) == time


def test_a_target_reached_at_the_start_of_a_plateau_is_not_put_at_its_end() -> None:
    assert curves.time_at_cumulative_hazard([0.5, 0.0, 0.1], 0.5, [1.0, 9.0]) == 1.0


def test_median_is_infinite_where_half_survive() -> None:
    assert curves.median_survival([[0.1, 0.0], [0.3, 0.0]], [3.0]).tolist() == [
        np.inf,
        pytest.approx(np.log(2) / 0.3, rel=ROUNDING),
    ]


def test_functions_broadcast_over_leading_dimensions(rng: np.random.Generator) -> None:
    hazard = rng.gamma(2.0, 0.05, size=(2, 5, 4))
    survival = curves.survival(hazard, [1.0, 7.0], CUTS)
    means = curves.restricted_mean(hazard, 24.0, CUTS)
    medians = curves.median_survival(hazard, CUTS)
    assert (survival.shape, means.shape, medians.shape) == ((2, 5, 2), (2, 5), (2, 5))
    np.testing.assert_array_equal(survival[1, 3], curves.survival(hazard[1, 3], [1.0, 7.0], CUTS))
    assert means[1, 3] == curves.restricted_mean(hazard[1, 3], 24.0, CUTS)
    assert medians[1, 3] == curves.median_survival(hazard[1, 3], CUTS)


def test_one_interval_needs_no_cut_point() -> None:
    assert curves.survival([0.1], [10.0], [])[0] == pytest.approx(np.exp(-1), rel=ROUNDING)
    assert curves.restricted_mean([0.1], 10.0, []) == pytest.approx(
        10 * (1 - np.exp(-1)), rel=ROUNDING
    )
