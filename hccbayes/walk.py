"""Random walks of the log hazard as linear maps of independent standard normal steps.

Written as a matrix, a walk of any order, spacing and centering is one product in the model, and its
matrix is data that a refit may change. Times are in months.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hccbayes import defaults

FloatArray = NDArray[np.float64]


def midpoints(cuts: ArrayLike) -> FloatArray:
    """Return the intervals' midpoints; the open last interval is as wide as the one before it."""
    points = np.asarray(cuts, dtype=np.float64)
    edges = np.concatenate([[0.0], points])
    if len(edges) == 1:
        return np.zeros(1)
    last = edges[-1] + (edges[-1] - edges[-2])
    edges = np.concatenate([edges, [last]])
    return np.asarray((edges[:-1] + edges[1:]) / 2.0)


def first_order(cuts: ArrayLike, shares: FloatArray) -> FloatArray:
    r"""Return B so that :math:`s = \sigma B z` is a centered first-order walk.

    :math:`s_j - s_{j-1} \sim N(0, \sigma^2 \delta_j / 6)`, with :math:`\delta_j` the months
    between midpoints and :math:`\sum_j w_j s_j = 0` for the event shares w.

    Parameters
    ----------
    cuts
        Interior cut points.
    shares
        Event share of each interval, summing to 1, shape ``(intervals,)``.

    Returns
    -------
    numpy.ndarray
        Shape ``(intervals, intervals - 1)``.
    """
    scale = np.sqrt(np.diff(midpoints(cuts)) / defaults.WALK_TIME_SCALE)
    intervals = len(scale) + 1
    walk = np.tril(np.ones((intervals, intervals - 1)), k=-1) * scale
    return np.asarray(walk - shares @ walk)


def trend(cuts: ArrayLike, shares: FloatArray) -> FloatArray:
    """Return the linear trend per twelve months with event-weighted mean zero, ``(intervals,)``."""
    time = midpoints(cuts) / defaults.TREND_TIME_SCALE
    return np.asarray(time - shares @ time)


def second_order(cuts: ArrayLike, shares: FloatArray) -> FloatArray:
    r"""Return B so that :math:`s = \sigma B z` is a second-order walk without level and trend.

    The slope per six months changes by :math:`N(0, \sigma^2 \Delta_k / 6)`, with :math:`\Delta_k`
    the months between the middles of neighboring steps; on a six-month grid these are second
    differences with standard deviation sigma. Level and linear trend are projected out
    (event-weighted), since they have priors of their own.

    Returns
    -------
    numpy.ndarray
        Shape ``(intervals, intervals - 2)``.
    """
    middle = midpoints(cuts)
    step = np.diff(middle)
    step_middle = (middle[:-1] + middle[1:]) / 2.0
    change = np.sqrt(np.diff(step_middle) / defaults.WALK_TIME_SCALE)
    slopes = np.tril(np.ones((len(step), len(change))), k=-1) * change
    rises = slopes * (step / defaults.WALK_TIME_SCALE)[:, None]
    walk = np.vstack([np.zeros(len(change)), np.cumsum(rises, axis=0)])
    line = np.column_stack([np.ones_like(middle), trend(cuts, shares)])
    weighted = line * shares[:, None]
    # The pseudo-inverse, since with one interval, or all events in one, there is no trend.
    level_and_trend = np.linalg.pinv(line.T @ weighted, hermitian=True) @ weighted.T @ walk
    return np.asarray(walk - line @ level_and_trend)
