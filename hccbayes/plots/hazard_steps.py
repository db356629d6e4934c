"""The baseline hazard as the model has it: a step an interval, with the events it rests on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from hccbayes.arms import ARMS
from hccbayes.defaults import ARM_COLORS, ARM_LINESTYLES
from hccbayes.errors import InputError, Problem
from hccbayes.plots.style import (
    BAND_ALPHA,
    SINGLE_COLUMN,
    THIN_LINE,
    Drawable,
    arm_names,
    choose,
    group,
    new_axes,
    pick,
    publication_style,
    set_months,
)
from hccbayes.plots.synthetic_mark import marks_synthetic

_NUMBERS_UP_TO: Final = 12
"""Intervals beyond which the numbers of events are turned upright to stay apart."""


@marks_synthetic
@publication_style()
def baseline_hazard(
    analysis: Drawable, *, arms: Sequence[str] = ARMS, ax: Axes | None = None
) -> Axes:
    """Draw the hazard at the mean covariates as steps with a band, and the events per interval.

    Parameters
    ----------
    analysis
        An analysis or its tree; group ``curves`` with the variable ``hazard`` and the attribute
        ``last_follow_up`` (months), to which the open last interval is drawn.
    arms
        ``treated``, ``control`` or both. Under proportional hazards one arm's steps are the
        other's times a constant; ``("control",)`` is the plainer figure.
    ax
        Axes to draw on; a new 89 mm figure without it.

    Returns
    -------
    matplotlib.axes.Axes
        Time in months against events per person-month.

    Raises
    ------
    InputError
        If the variable or the attribute is absent, or an arm is unknown.
    """
    curves = group(analysis, "curves")
    hazard = pick(curves, "hazard")
    for arm in arms:
        choose("arms", arm, ARMS)
    if "last_follow_up" not in curves.attrs:
        message = "the attribute last_follow_up (months) is absent; the last interval is open"
        raise InputError(Problem("group curves", message))
    edges = _edges(hazard, float(curves.attrs["last_follow_up"]))
    names = arm_names(analysis)
    ax = new_axes(ax, width=SINGLE_COLUMN, height=2.6)
    for arm in arms:
        _draw_arm(ax, hazard.sel(arm=arm), edges, names[arm])
    set_months(ax, edges[-1])
    # Room above the bands for the legend, which has no free corner of its own.
    ax.set_ylim(0.0, 1.4 * float(hazard.sel(arm=list(arms)).max()))
    ax.set_ylabel("Hazard (events per person-month)")
    ax.legend(
        loc="upper right",
        title=f"Posterior mean, {float(curves.attrs['interval_prob']):.0%} interval",
        title_fontsize=7.0,
        alignment="left",
    )
    _add_events(ax, hazard, edges)
    return ax


def _edges(hazard: xr.DataArray, last_follow_up: float) -> list[float]:
    """Return the interval borders in months, the open end replaced by the last follow-up."""
    starts = [float(start) for start in hazard["interval_start"].to_numpy()]
    end = float(hazard["interval_end"].to_numpy()[-1])
    return [*starts, end if np.isfinite(end) else max(last_follow_up, starts[-1])]


def _draw_arm(ax: Axes, hazard: xr.DataArray, edges: list[float], name: str) -> None:
    arm = str(hazard["arm"].item())
    lower, mean, upper = (
        hazard.sel(statistic=statistic).to_numpy() for statistic in ("lower", "mean", "upper")
    )
    color = ARM_COLORS[arm]
    ax.stairs(upper, edges, baseline=lower, fill=True, color=color, alpha=BAND_ALPHA, linewidth=0)
    # stairs would close the outline down to zero at both ends; a line does not.
    ax.plot(
        edges,
        [*mean, mean[-1]],
        drawstyle="steps-post",
        color=color,
        linestyle=ARM_LINESTYLES[arm],
        label=name,
    )


def _add_events(ax: Axes, hazard: xr.DataArray, edges: list[float]) -> None:
    """Mark the cut points on top of the axes and write each interval's events between them."""
    events = hazard["interval_events"].to_numpy()
    crowded = len(events) > _NUMBERS_UP_TO
    transform = ax.get_xaxis_transform()
    for edge in edges:
        ax.plot(
            [edge, edge],
            [1.0, 1.02],
            transform=transform,
            color="0.4",
            linewidth=THIN_LINE,
            clip_on=False,
            label="_cut",
        )
    for start, end, count in zip(edges, edges[1:], events, strict=False):
        ax.annotate(
            f"{int(count)}",
            xy=((start + end) / 2.0, 1.0),
            xycoords=transform,
            xytext=(0.0, 5.0),
            textcoords="offset points",
            ha="center",
            va="bottom",
            rotation=90 if crowded else 0,
            fontsize=5.5 if crowded else 7.0,
            annotation_clip=False,
        )
    ax.annotate(
        "Events",
        xy=(0.0, 1.0),
        xycoords="axes fraction",
        xytext=(-4.0, 5.0),
        textcoords="offset points",
        ha="right",
        va="bottom",
        annotation_clip=False,
    )
