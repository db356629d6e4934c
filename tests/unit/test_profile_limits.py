"""Limits of profile likelihoods: a quadratic in closed form, a gamma likelihood, none at all."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq

from hccbayes.frequentist.newton import Point
from hccbayes.frequentist.profile_limits import profile_limit

INFORMATION = np.array([[4.0, 1.5, 0.3], [1.5, 2.0, 0.1], [0.3, 0.1, 1.0]])
CENTER = np.array([0.5, -1.0, 2.0])


def quadratic(coef: np.ndarray) -> Point:
    gap = coef - CENTER
    return Point(float(-gap @ INFORMATION @ gap / 2.0), -INFORMATION @ gap, INFORMATION)


@pytest.mark.parametrize("term", [0, 1, 2])
@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_a_quadratic_has_wald_limits(term: int, side: float) -> None:
    found = profile_limit(quadratic, CENTER, quadratic(CENTER), -1.92, term, side)
    se = np.sqrt(np.linalg.inv(INFORMATION)[term, term])
    assert found == pytest.approx(CENTER[term] + side * np.sqrt(2 * 1.92) * se, rel=1e-9)


def poisson(coef: np.ndarray) -> Point:
    """Two log rates with 5 and 9 events in 10 and 12 years: independent, so no profiling at all."""
    events, years = np.array([5.0, 9.0]), np.array([10.0, 12.0])
    mean = years * np.exp(coef)
    return Point(float(events @ coef - mean.sum()), events - mean, np.diag(mean))


@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_a_poisson_rate(side: float) -> None:
    best = np.log([0.5, 0.75])
    level = poisson(best).value - 1.92
    found = profile_limit(poisson, best, poisson(best), level, 0, side)
    ends = sorted([best[0], best[0] + side * 3.0])
    expected = brentq(lambda beta: 5 * (beta - best[0]) - 10 * (np.exp(beta) - 0.5) + 1.92, *ends)
    assert found == pytest.approx(expected, abs=1e-8)


def test_an_approximate_information_ends_at_the_same_place() -> None:
    def rough(coef: np.ndarray) -> Point:
        point = quadratic(coef)
        return Point(point.value, point.score, 1.3 * point.information)

    exact = profile_limit(quadratic, CENTER, quadratic(CENTER), -1.92, 0, 1.0)
    found = profile_limit(rough, CENTER, rough(CENTER), -1.92, 0, 1.0)
    assert found == pytest.approx(exact, abs=1e-7)


def test_a_likelihood_that_never_comes_down_has_no_limit() -> None:
    """No event: the rate's lower limit is minus infinity."""

    def nobody(coef: np.ndarray) -> Point:
        mean = np.exp(coef)
        return Point(float(-mean.sum()), -mean, np.diag(mean))

    start = np.array([-8.0])
    assert profile_limit(nobody, start, nobody(start), nobody(start).value - 1.92, 0, -1.0) is None
