r"""Standardized mean differences of factors and of means, exact and under rounding.

For a factor of :math:`k` levels with shares :math:`p_1, p_0` (without the last level) the
difference is :math:`\sqrt{(p_1 - p_0)^\top S^{-1} (p_1 - p_0)}`, where :math:`S` is the mean of the
two multinomial covariances; with two levels it is
:math:`|p_1 - p_0| / \sqrt{(p_1 (1 - p_1) + p_0 (1 - p_0)) / 2}` (Yang and Dalton 2012, SAS Global
Forum 335).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

Range = tuple[float, float]

_MOST_CORNERS = 4096
"""Combinations of rounding ends that are tried at most: two arms of six rounded levels."""


def factor_smd(
    treated: Sequence[float],
    control: Sequence[float],
    *,
    spread_treated: Sequence[float] | None = None,
    spread_control: Sequence[float] | None = None,
) -> float:
    """Return the standardized difference of a factor.

    Parameters
    ----------
    treated, control
        Counts, or shares, by level; they are divided by their sum.
    spread_treated, spread_control
        Counts whose covariance is used instead, for a weighted difference on the unweighted scale.

    Returns
    -------
    float
        Infinite where shares differ and none varies; 0 where they are the same.
    """
    one, two = _shares(treated), _shares(control)
    spread = [
        _covariance(_shares(own) if own is not None else shares)
        for own, shares in ((spread_treated, one), (spread_control, two))
    ]
    difference = (one - two)[:-1]
    if not np.any(np.abs(difference) > 1e-12):
        return 0.0
    mean = (spread[0] + spread[1]) / 2.0
    inverse = np.linalg.pinv(mean, hermitian=True)
    # A difference outside of the range of S has no spread to be measured by.
    if np.abs(mean @ inverse @ difference - difference).max() > 1e-8:
        return math.inf
    return math.sqrt(max(0.0, float(difference @ inverse @ difference)))


def factor_smd_range(
    treated: Sequence[Range],
    control: Sequence[Range],
    *,
    spread_treated: Sequence[float] | None = None,
    spread_control: Sequence[float] | None = None,
) -> Range:
    """Return the smallest and largest difference that shares within these ranges give.

    The ends of the ranges are tried in every combination, which is exact for two levels.

    Parameters
    ----------
    treated, control
        Smallest and largest share of each level. Of two levels, one is the complement of the other
        and the narrower range counts.
    spread_treated, spread_control
        As in :func:`factor_smd`.

    Returns
    -------
    tuple of float
        From 0 to infinity where there are too many combinations to try.
    """
    arms = [_corners(own) for own in (treated, control)]
    if len(arms[0]) * len(arms[1]) > _MOST_CORNERS:
        return 0.0, math.inf
    values = [
        factor_smd(one, two, spread_treated=spread_treated, spread_control=spread_control)
        for one, two in product(*arms)
    ]
    ranges = [_tighten(own) for own in (treated, control)]
    overlap = all(a[0] <= b[1] and b[0] <= a[1] for a, b in zip(*ranges, strict=True))
    return (0.0 if overlap else min(values)), max(values)


def mean_smd_range(means: Sequence[Range], deviations: Sequence[Range]) -> Range:
    """Return the range of ``|m1 - m0| / sqrt((s1 ** 2 + s0 ** 2) / 2)`` under rounding.

    Parameters
    ----------
    means, deviations
        Ranges of the treated and the control arm.
    """
    low, high = difference_range(means)
    spreads = [math.sqrt(sum(max(0.0, own[end]) ** 2 for own in deviations) / 2) for end in (0, 1)]
    return (
        low / spreads[1] if spreads[1] > 0 else math.inf,
        high / spreads[0] if spreads[0] > 0 else math.inf,
    )


def difference_range(means: Sequence[Range]) -> Range:
    """Return the smallest and largest absolute difference of two rounded numbers."""
    (a_low, a_high), (b_low, b_high) = means
    smallest = max(0.0, a_low - b_high, b_low - a_high)
    return smallest, max(a_high - b_low, b_high - a_low)


def _shares(values: Sequence[float]) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    return array / array.sum()


def _covariance(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    own = shares[:-1]
    return np.diag(own) - np.outer(own, own)


def _tighten(ranges: Sequence[Range]) -> list[Range]:
    """Return two levels' ranges as one range and its complement."""
    if len(ranges) != 2:
        return list(ranges)
    low = max(ranges[0][0], 1.0 - ranges[1][1], 0.0)
    high = min(ranges[0][1], 1.0 - ranges[1][0], 1.0)
    if low > high:  # the two levels disagree, which another check says
        low, high = ranges[0]
    return [(low, high), (1.0 - high, 1.0 - low)]


def _corners(ranges: Sequence[Range]) -> list[tuple[float, ...]]:
    """Return shares of one arm with every level at an end of its range."""
    tight = _tighten(ranges)
    if len(tight) == 2:
        return [(end, 1.0 - end) for end in dict.fromkeys(tight[0])]
    return list(product(*(dict.fromkeys(own) for own in tight)))
