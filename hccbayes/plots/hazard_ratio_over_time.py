"""The hazard ratio of treatment over time, with the events it rests on."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from hccbayes.arms import ARMS
from hccbayes.defaults import ARM_COLORS, POSTERIOR_COLOR
from hccbayes.errors import InputError, Problem
from hccbayes.plots.ratio_axis import ratio_limits, ratio_ticks
from hccbayes.plots.style import (
    BAND_ALPHA,
    POINT,
    REFERENCE_LINE,
    SINGLE_COLUMN,
    THIN_LINE,
    Drawable,
    arm_names,
    group,
    new_axes,
    pick,
    publication_style,
    set_months,
)
from hccbayes.plots.synthetic_mark import marks_synthetic

_NUMBERS_UP_TO: Final = 9
"""Intervals beyond which the numbers of events are small and upright to stay apart."""
_DROP: Final = 33.0
"""Points from the axes to the head of the numbers, clear of tick labels and axis label."""
_ROW: Final = 10.0
"""Points a row of text."""
_HEADROOM: Final = 1.6
"""Factor of the upper limit kept free for the legend, which has no corner of its own."""


@marks_synthetic
@publication_style()
def hazard_ratio(analysis: Drawable, *, ax: Axes | None = None) -> Axes:
    """Draw the hazard ratio as steps with a band, its average, and the events per interval.

    Parameters
    ----------
    analysis
        An analysis or its tree with an effect that changes with time: group ``curves`` with the
        variables ``log_hr`` and ``arm_events`` and the attributes ``mean_log_hr`` and
        ``last_follow_up`` (months), to which the last interval is drawn.
    ax
        Axes to draw on; a new 89 mm figure without it.

    Returns
    -------
    matplotlib.axes.Axes
        Time in months against the hazard ratio, on a log axis, treated over control.

    Raises
    ------
    InputError
        If a variable or an attribute is absent: the effect of the analysis is constant.
    """
    curves = group(analysis, "curves")
    log_hr, events = pick(curves, "log_hr"), pick(curves, "arm_events")
    for name in ("mean_log_hr", "last_follow_up", "interval_prob"):
        if name not in curves.attrs:
            raise InputError(Problem("group curves", f"the attribute {name} is absent"))
    follow_up = float(curves.attrs["last_follow_up"])
    drawn = np.flatnonzero(log_hr["interval_start"].to_numpy() < follow_up)
    edges = np.append(log_hr["interval_start"].to_numpy()[drawn], follow_up)
    names = arm_names(analysis)
    crowded = len(drawn) > _NUMBERS_UP_TO
    rows = 5 + 2 * crowded
    ax = new_axes(ax, width=SINGLE_COLUMN, height=2.6 + rows * _ROW * POINT)
    prob = float(curves.attrs["interval_prob"])
    _draw_ratio(ax, log_hr.isel(interval=drawn), edges, f"Posterior, {prob:.0%} interval")
    average = float(np.exp(float(curves.attrs["mean_log_hr"])))
    label = f"Event-weighted mean, {average:.2f}"
    ax.axhline(average, color=POSTERIOR_COLOR, linewidth=THIN_LINE, linestyle=":", label=label)
    ax.axhline(1.0, **REFERENCE_LINE)
    set_months(ax, float(edges[-1]))
    ax.legend(loc="upper right")
    _write_events(ax, events.isel(interval=drawn), edges, names, crowded=crowded)
    return ax


def _draw_ratio(ax: Axes, log_hr: xr.DataArray, edges: np.ndarray, label: str) -> None:
    lower, mean, upper = (
        np.exp(log_hr.sel(statistic=statistic).to_numpy())
        for statistic in ("lower", "mean", "upper")
    )
    ax.set_yscale("log")
    look: dict[str, Any] = {"color": POSTERIOR_COLOR, "alpha": BAND_ALPHA, "linewidth": 0}
    ax.stairs(upper, edges, baseline=lower, fill=True, **look)
    ax.plot(edges, [*mean, mean[-1]], drawstyle="steps-post", color=POSTERIOR_COLOR, label=label)
    low, high = ratio_limits([*lower, *upper])
    ticks = ratio_ticks((low, high))
    ax.set_ylim(low, high * _HEADROOM)
    ax.yaxis.set_major_locator(FixedLocator(ticks))
    ax.yaxis.set_major_formatter(FixedFormatter([f"{tick:.3g}" for tick in ticks]))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.set_ylabel("Hazard ratio, treated over control")


def _write_events(
    ax: Axes, events: xr.DataArray, edges: np.ndarray, names: dict[str, str], *, crowded: bool
) -> None:
    """Write each arm's events below the middle of each interval, the arm's name above them."""
    transform = ax.get_xaxis_transform()
    text: dict[str, Any] = {
        "xycoords": transform,
        "textcoords": "offset points",
        "annotation_clip": False,
    }
    numbers: dict[str, Any] = {"ha": "center", "va": "center"}
    numbers |= {"rotation": 90, "fontsize": 5.5} if crowded else {}
    step = _ROW * (2 if crowded else 1)
    drop = _DROP
    left: dict[str, Any] = {"ha": "left", "va": "center"}
    ax.annotate("Events", (0.0, 0.0), xytext=(-10.0, -drop), fontweight="bold", **left, **text)
    for arm in ARMS:
        drop += _ROW
        color = ARM_COLORS[arm]
        ax.annotate(names[arm], (0.0, 0.0), xytext=(-10.0, -drop), color=color, **left, **text)
        drop += (step + _ROW) / 2.0
        for start, end, count in zip(edges, edges[1:], events.sel(arm=arm).values, strict=False):
            middle = ((start + end) / 2.0, 0.0)
            ax.annotate(f"{count:g}", middle, xytext=(0.0, -drop), **numbers, **text)
        drop += (step - _ROW) / 2.0
