"""Random walks as matrices: centering, increments, and what the second order leaves out."""

from __future__ import annotations

import numpy as np
import pytest

from hccbayes import walk

GRIDS = [
    [6.0],
    [3.0, 6.0],
    [3.0, 6.0, 9.0, 12.0, 18.0, 24.0],
    [0.7, 5.1, 5.9, 20.0],
]
ZERO = 1e-13
"""Sums of a few numbers below ten, each rounded once."""


def shares(intervals: int) -> np.ndarray:
    weight = np.random.default_rng(intervals).dirichlet(np.full(intervals, 2.0))
    return weight / weight.sum()


def test_midpoints_by_hand() -> None:
    # (0, 3] (3, 6] (6, 12] and the open one, taken to be as wide as (6, 12].
    np.testing.assert_array_equal(walk.midpoints([3, 6, 12]), [1.5, 4.5, 9.0, 15.0])
    np.testing.assert_array_equal(walk.midpoints([]), [0.0])


@pytest.mark.parametrize("cuts", GRIDS)
def test_first_order_walk_is_centered_at_the_events(cuts: list[float]) -> None:
    weight = shares(len(cuts) + 1)
    matrix = walk.first_order(cuts, weight)
    assert matrix.shape == (len(cuts) + 1, len(cuts))
    np.testing.assert_allclose(weight @ matrix, 0.0, atol=ZERO)


@pytest.mark.parametrize("cuts", GRIDS)
def test_first_order_increments_are_independent_with_variance_distance_over_six(
    cuts: list[float],
) -> None:
    matrix = walk.first_order(cuts, shares(len(cuts) + 1))
    increments = np.diff(matrix, axis=0)
    distance = np.diff(walk.midpoints(cuts))
    np.testing.assert_allclose(increments @ increments.T, np.diag(distance / 6), atol=ZERO)


def test_first_order_walk_of_two_intervals_by_hand() -> None:
    # Midpoints 3 and 9: one step of six months, sd 1, shared 1/4 to 3/4 around the mean.
    np.testing.assert_allclose(
        walk.first_order([6.0], np.array([0.25, 0.75])), [[-0.75], [0.25]], rtol=1e-15
    )


def test_trend_rises_by_one_in_twelve_months_around_the_events() -> None:
    weight = np.array([0.5, 0.25, 0.25])
    line = walk.trend([6.0, 12.0], weight)  # midpoints 3, 9, 15
    np.testing.assert_allclose(np.diff(line), [0.5, 0.5], rtol=1e-15)
    assert weight @ line == pytest.approx(0.0, abs=ZERO)


@pytest.mark.parametrize("cuts", GRIDS)
def test_second_order_walk_has_neither_level_nor_trend(cuts: list[float]) -> None:
    weight = shares(len(cuts) + 1)
    matrix = walk.second_order(cuts, weight)
    assert matrix.shape == (len(cuts) + 1, len(cuts) - 1)
    np.testing.assert_allclose(weight @ matrix, 0.0, atol=ZERO)
    np.testing.assert_allclose((weight * walk.trend(cuts, weight)) @ matrix, 0.0, atol=ZERO)


def test_second_differences_on_a_six_month_grid_are_the_steps() -> None:
    cuts = np.arange(6.0, 37.0, 6.0)
    matrix = walk.second_order(cuts, shares(len(cuts) + 1))
    np.testing.assert_allclose(np.diff(matrix, n=2, axis=0), np.eye(len(cuts) - 1), atol=ZERO)


@pytest.mark.parametrize("width", [2.0, 3.0, 12.0])
def test_second_differences_on_other_even_grids_scale_with_the_width(width: float) -> None:
    # A slope per six months that changes by sqrt(width / 6), over steps of width months.
    cuts = width * np.arange(1, 6)
    matrix = walk.second_order(cuts, shares(6))
    expected = (width / 6) ** 1.5 * np.eye(4)
    np.testing.assert_allclose(np.diff(matrix, n=2, axis=0), expected, atol=ZERO * 10)


def test_second_order_on_an_uneven_grid_changes_slope_once_a_step() -> None:
    cuts = GRIDS[2]
    middle = walk.midpoints(cuts)
    matrix = walk.second_order(cuts, shares(len(cuts) + 1))
    slope = np.diff(matrix, axis=0) / (np.diff(middle) / 6)[:, None]
    between = np.diff((middle[:-1] + middle[1:]) / 2)
    np.testing.assert_allclose(np.diff(slope, axis=0), np.diag(np.sqrt(between / 6)), atol=ZERO)


@pytest.mark.parametrize("function", [walk.first_order, walk.second_order])
def test_one_interval_has_no_walk(function: object) -> None:
    assert function([], np.ones(1)).shape == (1, 0)  # type: ignore[operator]
    np.testing.assert_array_equal(walk.trend([], np.ones(1)), [0.0])


def test_second_order_where_all_events_lie_in_one_interval() -> None:
    weight = np.array([1.0, 0.0, 0.0])
    matrix = walk.second_order([6.0, 12.0], weight)
    np.testing.assert_allclose(weight @ matrix, 0.0, atol=ZERO)
    np.testing.assert_allclose(np.diff(matrix, n=2, axis=0), [[1.0]], atol=ZERO)
