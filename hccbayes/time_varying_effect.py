r"""Treatment effects that change with time, as linear maps of a few coefficients.

The log hazard ratio in interval j is

.. math:: \beta_j = \beta + (D z)_j, \qquad \sum_j w_j (D z)_j = 0,

with the event shares w, so that :math:`\beta` (``treatment``) is the event-weighted mean log hazard
ratio whatever the shape. Written as a matrix, the shape is data that a refit may change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy.special import xlogy

from hccbayes import cut_points, defaults, walk
from hccbayes.errors import InputError, Problem
from hccbayes.spec import HazardSection, PriorSection

if TYPE_CHECKING:
    from pytensor.tensor.variable import TensorVariable

FloatArray = NDArray[np.float64]

_SAME_LOG_HR = 1e-12
"""Intervals of one phase differ by rounding at the most."""


def effect_cuts(hazard: HazardSection, cuts: FloatArray, follow_up: float) -> FloatArray:
    """Return the cut points with the phases' bounds among them.

    Parameters
    ----------
    hazard
        Says how the effect changes, and the bounds.
    cuts
        Interior cut points of the baseline, months.
    follow_up
        Largest follow-up common to both arms, months.

    Raises
    ------
    InputError
        If a phase starts where one arm is no longer followed, or the effect is to change over the
        intervals and there is only one.
    """
    if hazard.effect == "constant":
        return cuts
    if hazard.effect == "phases":
        late = [bound for bound in hazard.effect_phases if bound >= follow_up]
        if late:
            listed = ", ".join(f"{bound:g}" for bound in late)
            message = f"one arm's follow-up ends at {follow_up:.4g} months; remove {listed}"
            raise InputError(Problem("[hazard] effect_phases", message))
        return np.union1d(cuts, hazard.effect_phases)
    if len(cuts) == 0:
        message = f"'{hazard.effect}' needs two intervals or more; name cut points in [hazard] cuts"
        raise InputError(Problem("[hazard] effect", message))
    return cuts


def effect_matrix(hazard: HazardSection, cuts: ArrayLike, shares: FloatArray) -> FloatArray:
    r"""Return D so that D times the coefficients is each interval's deviation of the log HR.

    ``phases``: a first-order walk over the phases, each step :math:`N(0, \sigma^2)`.
    ``smooth``: the same over the intervals, a step over d months :math:`N(0, \sigma^2 d / 6)`.
    ``log_time``: one coefficient, of the mean of :math:`\log(t / 12)` over each interval,

    .. math:: \frac{b \log b - a \log a}{b - a} - 1 - \log 12,

    the step function nearest to the line in log t; the open last interval is taken to be as long
    as the one before. Every column has event-weighted mean zero.

    Parameters
    ----------
    hazard
        How the effect changes; not ``constant``.
    cuts
        Interior cut points, with the phases' bounds.
    shares
        Event share of each interval, summing to 1, shape ``(intervals,)``.

    Returns
    -------
    numpy.ndarray
        Shape ``(intervals, coefficients)``.
    """
    points = np.asarray(cuts, dtype=np.float64)
    if hazard.effect == "smooth":
        return walk.first_order(points, shares)
    if hazard.effect == "log_time":
        columns = mean_log_time(points)[:, None]
    else:
        starts = np.concatenate([[0.0], points])
        phase = np.searchsorted(np.asarray(hazard.effect_phases), starts, side="right")
        count = len(hazard.effect_phases)
        columns = np.tril(np.ones((count + 1, count)), k=-1)[phase]
    return np.asarray(columns - shares @ columns)


def mean_log_time(cuts: FloatArray) -> FloatArray:
    """Return the mean of log(t / 12) over each interval, shape ``(intervals,)``."""
    middle = walk.midpoints(cuts)
    start = np.concatenate([[0.0], cuts])
    end = 2.0 * middle - start
    area = xlogy(end, end) - xlogy(start, start)
    return np.asarray(area / (end - start) - 1.0 - np.log(defaults.TREND_TIME_SCALE))


def effect_deviation(
    hazard: HazardSection, priors: PriorSection, matrix: TensorVariable
) -> TensorVariable:
    """Make the coefficients in the current model and return the deviations, dims ``interval``.

    Parameters
    ----------
    hazard, priors
        How the effect changes, and the coefficients' priors.
    matrix
        From :func:`effect_matrix`.
    """
    import pymc as pm

    if hazard.effect == "log_time":
        return priors.effect_log_time.variable("effect_log_time") * matrix[:, 0]
    steps = pm.Normal("effect_walk_step", dims="effect_step")
    if isinstance(priors.effect_walk_sd, float):
        spread = pm.modelcontext(None)["effect_walk_sd_known"]
    else:
        spread = priors.effect_walk_sd.variable("effect_walk_sd")
    return spread * pm.math.dot(matrix, steps)


def phases_of(hazard: HazardSection, follow_up: float) -> tuple[float, ...]:
    """Return the months under which the log hazard ratio of each phase is filed; none without.

    A phase (a, b] is filed under b, the last under the largest follow-up common to both arms.
    """
    return (*hazard.effect_phases, follow_up) if hazard.effect == "phases" else ()


def log_hr_over_time(posterior: xr.Dataset, cuts: ArrayLike, follow_up: float) -> xr.Dataset:
    """Return draws of the log hazard ratio of each phase or interval.

    Parameters
    ----------
    posterior
        Draws of the hazard model.
    cuts
        Interior cut points, months.
    follow_up
        Largest follow-up common to both arms, months; intervals that start there or later, where
        nothing is compared, are left out.

    Returns
    -------
    xarray.Dataset
        ``log_hr_at``, dims ``chain, draw, effect_time`` (months, the end of each phase or
        interval); empty where the effect is constant. Neighbors of one phase are one.
    """
    if "log_hr_by_interval" not in posterior:
        return xr.Dataset()
    draws = posterior["log_hr_by_interval"].transpose("chain", "draw", "interval")
    values = draws.to_numpy()
    starts = np.concatenate([[0.0], np.asarray(cuts, dtype=np.float64)])
    change = np.abs(np.diff(values, axis=-1)).max(axis=(0, 1)) > _SAME_LOG_HR
    first = np.flatnonzero(np.concatenate([[True], change]) & (starts < follow_up))
    ends = np.append(starts[first[1:]], follow_up)
    return xr.Dataset(
        {"log_hr_at": (("chain", "draw", "effect_time"), values[..., first])},
        coords={"chain": posterior["chain"], "draw": posterior["draw"], "effect_time": ends},
    )


def few_events(hazard: HazardSection, cuts: FloatArray, arm_events: FloatArray) -> list[str]:
    """Return the phases or intervals in which an arm has too few events, with the arms' numbers.

    Fewer than :data:`hccbayes.defaults.EVENTS_PER_EFFECT_PHASE` events: of each phase or interval,
    or, for ``log_time``, twice as many in all.

    Parameters
    ----------
    hazard
        How the effect changes; not ``constant``.
    cuts
        Interior cut points, with the phases' bounds.
    arm_events
        Events of treated and control patients by interval, shape ``(2, intervals)``.
    """
    least = defaults.EVENTS_PER_EFFECT_PHASE
    labels = cut_points.interval_labels(cuts)
    counts, unit = arm_events, " months"
    if hazard.effect == "log_time":
        labels, unit, least = ("the whole follow-up",), "", 2 * least
        counts = arm_events.sum(axis=1, keepdims=True)
    elif hazard.effect == "phases":
        labels = cut_points.interval_labels(hazard.effect_phases)
        starts = np.concatenate([[0.0], cuts])
        phase = np.searchsorted(np.asarray(hazard.effect_phases), starts, side="right")
        counts = np.stack([np.bincount(phase, weights=arm) for arm in arm_events])
    return [
        f"{label}{unit} ({treated:g} treated, {control:g} control)"
        for label, treated, control in zip(labels, *counts, strict=True)
        if min(treated, control) < least
    ]
