"""A parameter's prior over its posterior: what the data added."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.ticker import FixedFormatter, FixedLocator

from hccbayes.defaults import INTERVAL_PROB, POSTERIOR_COLOR, PRIOR_COLOR
from hccbayes.errors import InputError, Problem
from hccbayes.plots.draws import Floats, density, equal_tailed, flat
from hccbayes.plots.ratio_axis import ratio_ticks
from hccbayes.plots.style import (
    BAND_ALPHA,
    LABEL_SIZE,
    REFERENCE_LINE,
    SINGLE_COLUMN,
    TEXT_SIZE,
    THIN_LINE,
    Drawable,
    group,
    new_axes,
    pick,
    publication_style,
)
from hccbayes.plots.synthetic_mark import marks_synthetic

SAMPLE_DIMS: Final = ("chain", "draw")
LOG_HAZARD_RATIO: Final = "treatment"
"""The variable that is a log hazard ratio and gets an axis of hazard ratios."""
_LABELS: Final = {
    "treatment": "Log hazard ratio",
    "center_sd": "SD of center effects (log hazard)",
    "center_slope_sd": "SD of center log hazard ratios",
    "walk_sd": "SD of the log hazard per 6 months",
}


@marks_synthetic
@publication_style()
def prior_posterior(
    analysis: Drawable,
    *,
    variable: str = LOG_HAZARD_RATIO,
    interval_prob: float = INTERVAL_PROB,
    ax: Axes | None = None,
) -> Axes:
    """Draw the prior density of one scalar parameter over its posterior density.

    The equal-tailed posterior interval is shaded. The log hazard ratio gets a second axis of
    hazard ratios on top and the posterior probability that the hazard ratio is below 1.

    Parameters
    ----------
    analysis
        An analysis or its tree; groups ``prior`` and ``posterior``.
    variable
        A parameter with no dimension but ``chain`` and ``draw``.
    interval_prob
        Probability of the shaded interval.
    ax
        Axes to draw on; a new 89 mm figure without it.

    Returns
    -------
    matplotlib.axes.Axes
        The parameter against its densities.

    Raises
    ------
    InputError
        If the variable is absent or has further dimensions.
    """
    prior, posterior = (_scalar(analysis, name, variable) for name in ("prior", "posterior"))
    ax = new_axes(ax, width=SINGLE_COLUMN, height=2.3)
    draw_densities(ax, prior, posterior, interval_prob=interval_prob)
    ax.set_xlabel(_LABELS.get(variable, variable))
    if variable == LOG_HAZARD_RATIO:
        _add_hazard_ratio(ax, posterior)
    return ax


def draw_densities(
    ax: Axes, prior: xr.DataArray, posterior: xr.DataArray, *, interval_prob: float
) -> None:
    """Draw both densities, name them and shade the posterior interval.

    Quantities whose prior has no negative draw are taken as positive.
    """
    values = flat(prior), flat(posterior)
    positive = bool(values[0].min() >= 0)
    grid, heights = density(values[1], positive=positive)
    lower, upper = equal_tailed(posterior, interval_prob, SAMPLE_DIMS).to_numpy().tolist()
    inside = (grid >= lower) & (grid <= upper)
    shade = f"{interval_prob:.0%} interval"
    ax.fill_between(
        grid[inside],
        heights[inside],
        color=POSTERIOR_COLOR,
        alpha=BAND_ALPHA,
        linewidth=0,
        label=shade,
    )
    ax.plot(grid, heights, color=POSTERIOR_COLOR, label="Posterior")
    prior_grid, prior_heights = density(values[0], positive=positive)
    ax.plot(prior_grid, prior_heights, color=PRIOR_COLOR, linestyle="--", label="Prior")
    ax.set_xlim(*_limits(values[0], values[1], positive=positive))
    ax.set_ylim(0.0, 1.08 * max(heights.max(), prior_heights.max()))
    ax.set_ylabel("Density")
    ax.set_yticks([])
    ax.legend(loc="upper right")


def _scalar(analysis: Drawable, name: str, variable: str) -> xr.DataArray:
    draws = pick(group(analysis, name), variable)
    further = [str(dim) for dim in draws.dims if dim not in SAMPLE_DIMS]
    if further:
        message = f"has dimensions {', '.join(further)}; choose a scalar parameter"
        raise InputError(Problem(variable, message))
    return draws


def _limits(prior: Floats, posterior: Floats, *, positive: bool) -> tuple[float, float]:
    """Return limits that hold the posterior and 99% of the prior, unless that is far wider.

    A near-flat prior would leave of the posterior a line: the axis ends 1.5 times the posterior's
    range beyond it.
    """
    low, high = np.quantile(prior, [0.005, 0.995]).tolist()
    least, most = float(posterior.min()), float(posterior.max())
    reach = 1.5 * (most - least)
    ends = min(least, max(low, least - reach)), max(most, min(high, most + reach))
    return (0.0, ends[1]) if positive else ends


def _add_hazard_ratio(ax: Axes, posterior: xr.DataArray) -> None:
    """Add hazard ratios on top, the line of no effect and P(HR < 1)."""
    ax.axvline(0.0, **REFERENCE_LINE)
    low, high = ax.get_xlim()
    ticks = ratio_ticks((math.exp(low), math.exp(high)))
    # Both axes are linear in the log hazard ratio; only the words on top are its exponential.
    top = ax.secondary_xaxis("top")
    top.xaxis.set_major_locator(FixedLocator([math.log(tick) for tick in ticks]))
    top.xaxis.set_major_formatter(FixedFormatter([f"{tick:.3g}" for tick in ticks]))
    top.set_xlabel("Hazard ratio", fontsize=LABEL_SIZE)
    top.tick_params(labelsize=TEXT_SIZE, width=THIN_LINE, length=3.0, pad=2.5)
    top.spines["top"].set_linewidth(THIN_LINE)
    benefit = float((posterior < 0.0).mean())
    ax.text(0.02, 0.97, _probability(benefit), transform=ax.transAxes, va="top")


def _probability(value: float) -> str:
    """Return P(HR < 1) to three digits; draws never show it to be exactly 0 or 1."""
    if value > 0.999:
        return "P(HR < 1) > 0.999"
    if value < 0.001:
        return "P(HR < 1) < 0.001"
    return f"P(HR < 1) = {value:.3f}"
