"""Weighted events and exposure of clones, whose weights change while they are followed."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from hccbayes.time_zero.clone_weights import StrategyWeights

FloatArray = NDArray[np.float64]

STEP: Final = 0.1
"""Months, three days, over which a weight is read in the middle; a tenth of it moves no estimate in
the fourth digit."""


def weighted_person_time(
    weights: StrategyWeights, cuts: FloatArray, *, step: float = STEP
) -> tuple[FloatArray, FloatArray]:
    r"""Return weighted events and exposure of each row of the clones.

    An event has the weight of its moment; exposure is :math:`\int w(t)\,dt` over the row's time in
    the interval, by the midpoint rule on a fine grid, whose error is of the order
    :math:`(\lambda h)^2 / 24` of the exposure with start hazard :math:`\lambda` and step h.

    Parameters
    ----------
    weights
        Weights of the clones.
    cuts
        Interior cut points, months.
    step
        Months.

    Returns
    -------
    events, exposure
        Shape ``(rows, intervals)``.
    """
    table = weights.clones.rows
    start, stop = (table[name].to_numpy(dtype=np.float64) for name in ("start", "stop"))
    fixed = table["started"].to_numpy() & (weights.timing == "as_observed")
    whole = np.concatenate([[0.0], cuts, [np.inf]])
    exposure = np.zeros((len(table), len(cuts) + 1))
    months = np.minimum(stop[:, None], whole[1:]) - np.maximum(start[:, None], whole[:-1])
    exposure[fixed] = np.maximum(months[fixed], 0.0)
    exposure[fixed] *= weights.at(stop[fixed], np.flatnonzero(fixed))[:, None]
    grid = _grid(weights, cuts, step)
    interval = np.searchsorted(cuts, grid[:-1], side="right")
    for index in range(len(cuts) + 1):
        rows = np.flatnonzero(~fixed & (months[:, index] > 0))
        edges = grid[np.searchsorted(interval, index) : np.searchsorted(interval, index + 1) + 1]
        low = np.maximum(start[rows, None], edges[:-1])
        spent = np.maximum(np.minimum(stop[rows, None], edges[1:]) - low, 0.0)
        exposure[rows, index] = (weights.at(low + 0.5 * spent, rows) * spent).sum(axis=1)
    events = np.zeros_like(exposure)
    dead = np.flatnonzero(table["event"].to_numpy() == 1)
    events[dead, np.searchsorted(cuts, stop[dead], side="left")] = weights.at(stop[dead], dead)
    return events, exposure


def _grid(weights: StrategyWeights, cuts: FloatArray, step: float) -> FloatArray:
    """Return grid points: cut points, bends of the weights, and steps while they move."""
    end = float(weights.clones.rows["stop"].max())
    moving = weights.moving_until
    even = np.arange(0.0, min(moving, end), step)
    knots = np.concatenate([weights.hazard.cuts, [weights.clones.grace], cuts])
    return np.unique(np.concatenate([even, knots[knots < end], [0.0, end]]))
