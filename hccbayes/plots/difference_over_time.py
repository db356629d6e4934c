"""What treatment gains by each time: differences of survival and of restricted mean survival."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import matplotlib.pyplot as plt
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hccbayes.defaults import POSTERIOR_COLOR
from hccbayes.errors import InputError, Problem
from hccbayes.plots.style import (
    BAND_ALPHA,
    REFERENCE_LINE,
    SINGLE_COLUMN,
    Drawable,
    figure_of,
    group,
    pick,
    publication_style,
    select,
    set_months,
    tidy,
)
from hccbayes.plots.synthetic_mark import marks_synthetic

_PANELS: Final = (
    ("survival_difference", "Survival gained,\npercentage points", 100.0),
    ("rmst_difference", "Restricted mean\ngained, months", 1.0),
)
_HEIGHT: Final = 3.4


@marks_synthetic
@publication_style()
def differences(
    analysis: Drawable, *, population: str = "ate", axes: Sequence[Axes] | None = None
) -> Figure:
    """Draw the differences of survival and restricted mean, treated minus control, over time.

    Unlike a hazard ratio they need no proportional hazards to be read: the upper panel is what is
    gained at a time, the lower one what has been gained up to it.

    Parameters
    ----------
    analysis
        An analysis or its tree; group ``curves`` with ``survival_difference`` and
        ``rmst_difference``.
    population
        Standardization target: ``ate``, ``att``, ``atc``, ``ato``.
    axes
        Two axes to draw on; a new 89 mm figure without them.

    Returns
    -------
    matplotlib.figure.Figure
        Time in months against percentage points (above) and months (below), with the pointwise
        posterior interval.

    Raises
    ------
    InputError
        If a variable or the population is absent, or there are not two axes.
    """
    curves = group(analysis, "curves")
    drawn = [select(pick(curves, name), "population", population) for name, _, _ in _PANELS]
    if axes is None:
        size = (SINGLE_COLUMN, _HEIGHT)
        _, made = plt.subplots(2, sharex=True, figsize=size, layout="constrained")
        axes = list(made)
    if len(axes) != 2:
        raise InputError(Problem("axes", f"two are needed, got {len(axes)}"))
    prob = float(curves.attrs["interval_prob"])
    for ax, curve, (_, label, factor) in zip(axes, drawn, _PANELS, strict=True):
        _draw(ax, curve * factor, f"Posterior mean, {prob:.0%} interval")
        ax.set_ylabel(label)
        tidy(ax)
    axes[0].legend(loc="best")
    axes[0].set_xlabel("")
    axes[0].tick_params(labelbottom=False)
    return figure_of(axes[0])


def _draw(ax: Axes, curve: xr.DataArray, label: str) -> None:
    time = curve["curve_time"].to_numpy()
    lower, mean, upper = (
        curve.sel(statistic=statistic).to_numpy() for statistic in ("lower", "mean", "upper")
    )
    ax.fill_between(time, lower, upper, color=POSTERIOR_COLOR, alpha=BAND_ALPHA, linewidth=0)
    ax.plot(time, mean, color=POSTERIOR_COLOR, label=label)
    ax.axhline(0.0, **REFERENCE_LINE)
    set_months(ax, float(time[-1]))
