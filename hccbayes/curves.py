r"""Piecewise-constant hazards to survival, restricted mean and median, exactly.

All functions broadcast over leading dimensions: a hazard array has shape ``(..., intervals)``, in
events per person-month; times and cut points are in months. Nothing here samples or imports PyMC.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]


def time_in_intervals(times: ArrayLike, cuts: ArrayLike) -> FloatArray:
    r"""Return the months of ``(0, t]`` that lie in each interval.

    Parameters
    ----------
    times
        Months, shape ``(times,)``.
    cuts
        Interior cut points, shape ``(intervals - 1,)``.

    Returns
    -------
    numpy.ndarray
        Shape ``(times, intervals)``; the cumulative hazard at ``t`` is its product with the
        hazards, :math:`H(t) = \sum_j \lambda_j |(0, t] \cap I_j|`.
    """
    points = np.asarray(cuts, dtype=np.float64)
    lower = np.concatenate([[0.0], points])
    upper = np.concatenate([points, [np.inf]])
    clock = np.asarray(times, dtype=np.float64)[:, None]
    return np.maximum(np.minimum(clock, upper) - lower, 0.0)


def cumulative_hazard(hazard: ArrayLike, times: ArrayLike, cuts: ArrayLike) -> FloatArray:
    """Return H(t), shape ``(..., times)``."""
    return np.asarray(hazard, dtype=np.float64) @ time_in_intervals(times, cuts).T


def survival(hazard: ArrayLike, times: ArrayLike, cuts: ArrayLike) -> FloatArray:
    """Return S(t) = exp(-H(t)), shape ``(..., times)``."""
    return np.exp(-cumulative_hazard(hazard, times, cuts))


def restricted_mean(hazard: ArrayLike, horizon: float, cuts: ArrayLike) -> FloatArray:
    r"""Return the restricted mean survival time, exactly.

    .. math:: \int_0^\tau S(t) dt = \sum_j S(\tau_{j-1}) \frac{1 - \exp(-h_j w_j)}{h_j}

    with :math:`w_j` the months of interval j before the horizon, and :math:`w_j` itself in the
    limit of a hazard of 0.

    Parameters
    ----------
    hazard
        Shape ``(..., intervals)``.
    horizon
        Months to which is integrated.
    cuts
        Interior cut points.

    Returns
    -------
    numpy.ndarray
        Months, shape ``(...)``.
    """
    rate = np.asarray(hazard, dtype=np.float64)
    width = time_in_intervals([horizon], cuts)[0]
    increment = rate * width
    before = np.cumsum(increment, axis=-1) - increment
    return np.sum(np.exp(-before) * width * _mean_survival_within(increment), axis=-1)


def _mean_survival_within(increment: FloatArray) -> FloatArray:
    """Return (1 - exp(-x)) / x, which tends to 1 at 0."""
    safe = np.where(increment > 0, increment, 1.0)
    return np.where(increment > 0, -np.expm1(-safe) / safe, 1.0)


def time_at_cumulative_hazard(hazard: ArrayLike, target: ArrayLike, cuts: ArrayLike) -> FloatArray:
    """Return the first time at which H(t) reaches a target, exactly; ``inf`` where it never does.

    Parameters
    ----------
    hazard
        Shape ``(..., intervals)``; the last interval is open.
    target
        Cumulative hazard to reach, at least 0, shape ``(...)``.
    cuts
        Interior cut points.

    Returns
    -------
    numpy.ndarray
        Months, shape ``(...)``.
    """
    rate = np.asarray(hazard, dtype=np.float64)
    aim = np.broadcast_to(np.asarray(target, dtype=np.float64), rate.shape[:-1])
    lower = np.concatenate([[0.0], np.asarray(cuts, dtype=np.float64)])
    at_start = cumulative_hazard(rate, lower, cuts)
    # The interval that ends, not the one that starts, at the target: H may be flat behind it.
    interval = np.maximum((at_start < aim[..., None]).sum(axis=-1) - 1, 0)
    index = interval[..., None]
    reached = np.take_along_axis(at_start, index, axis=-1)[..., 0]
    slope = np.take_along_axis(rate, index, axis=-1)[..., 0]
    extra = np.where(aim > reached, np.inf, 0.0)
    np.divide(aim - reached, slope, out=extra, where=slope > 0)
    return lower[interval] + extra


def median_survival(hazard: ArrayLike, cuts: ArrayLike) -> FloatArray:
    """Return the time at which S(t) = 0.5, months; ``inf`` where the hazard dies out first."""
    return time_at_cumulative_hazard(hazard, np.log(2.0), cuts)
