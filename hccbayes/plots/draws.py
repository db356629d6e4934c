"""What a figure of draws needs: the values in one row, their interval, and a smooth density.

These are the picture of the draws, not results: every number a report prints comes from the
estimate table.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.stats import gaussian_kde

_GRID: Final = 400
"""Points of a drawn density."""

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
    """Return a grid and the Gaussian kernel density of the draws on it, Scott's bandwidth.

    Parameters
    ----------
    values
        Draws, not all equal.
    positive
        Whether the quantity cannot be negative, like a standard deviation: mass that the kernel
        would put below zero is reflected.
    """
    kernel = gaussian_kde(values)
    reach = 3.0 * float(np.sqrt(kernel.covariance[0, 0]))
    low = 0.0 if positive else float(values.min()) - reach
    grid = np.linspace(low, float(values.max()) + reach, _GRID)
    heights = kernel(grid) + kernel(-grid) if positive else kernel(grid)
    return grid, np.asarray(heights)
