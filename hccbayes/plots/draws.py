"""What a figure of draws needs: the values in one row, their interval, and a smooth density.

These are the picture of the draws, not results: every number a report prints comes from the
estimate table.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from arviz_stats.base import array_stats
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def flat(draws: xr.DataArray) -> Floats:
    """Return every draw of every dimension in one row."""
    return np.asarray(draws.to_numpy(), dtype=np.float64).ravel()


def equal_tailed(draws: xr.DataArray, prob: float, dims: tuple[str, ...]) -> xr.DataArray:
    """Return the limits of the equal-tailed interval over `dims`.

    Returns
    -------
    xarray.DataArray
        New leading dim ``bound`` with ``lower`` and ``upper``, the quantiles (1 - prob) / 2 and
        (1 + prob) / 2.
    """
    tails = [(1.0 - prob) / 2.0, (1.0 + prob) / 2.0]
    limits = draws.quantile(tails, dim=dims).rename(quantile="bound")
    return limits.assign_coords(bound=["lower", "upper"])


def density(values: Floats, *, positive: bool = False) -> tuple[Floats, Floats]:
    """Return a grid and the kernel density of the draws on it.

    Parameters
    ----------
    values
        Draws.
    positive
        Whether the quantity cannot be negative, like a standard deviation: mass that the kernel
        would put below zero is reflected.
    """
    options: dict[str, Any] = {}
    if positive:
        options = {"bound_correction": True, "custom_lims": (0.0, float(values.max()))}
    grid, heights, _ = array_stats.kde(values, **options)
    return np.asarray(grid), np.asarray(heights)
