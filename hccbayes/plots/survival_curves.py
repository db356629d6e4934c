"""Standardized posterior survival over the Kaplan-Meier steps, with the numbers at risk below."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from hccbayes.arms import ARMS
from hccbayes.defaults import ARM_COLORS, ARM_LINESTYLES
from hccbayes.plots.risk_table import add_risk_table, risk_table_height
from hccbayes.plots.style import (
    BAND_ALPHA,
    SINGLE_COLUMN,
    THIN_LINE,
    Drawable,
    arm_names,
    group,
    new_axes,
    pick,
    publication_style,
    select,
    set_months,
    survival_corner,
)
from hccbayes.plots.synthetic_mark import marks_synthetic


@marks_synthetic
@publication_style()
def survival(
    analysis: Drawable,
    *,
    population: str = "ate",
    censor_marks: bool = True,
    risk_table: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Draw the standardized survival of both arms over the unadjusted Kaplan-Meier estimates.

    Parameters
    ----------
    analysis
        An analysis or its tree; groups ``curves``, ``kaplan_meier`` and, for the table,
        ``numbers_at_risk``.
    population
        Standardization target of the posterior curves: ``ate``, ``att``, ``atc``.
    censor_marks
        Whether censored patients are marked on the Kaplan-Meier steps.
    risk_table
        Whether the numbers at risk stand below the axes. The table is text placed in points
        below each tick, so it stays aligned and of one size in whatever axes it is drawn; leave
        some 90 points below given axes, or use a constrained layout.
    ax
        Axes to draw on; a new 89 mm figure without it.

    Returns
    -------
    matplotlib.axes.Axes
        Time in months against the probability of survival.

    Raises
    ------
    InputError
        If a group, a variable or the population is absent.
    """
    curves = group(analysis, "curves")
    curve = select(pick(curves, "survival"), "population", population)
    steps = group(analysis, "kaplan_meier")
    names = arm_names(analysis)
    height = 2.35 + (risk_table_height(names) if risk_table else 0.0)
    ax = new_axes(ax, width=SINGLE_COLUMN, height=height)
    for arm in ARMS:
        _draw_steps(ax, steps, arm, censor_marks=censor_marks)
        _draw_curve(ax, curve, arm, names[arm])
    end = max(float(steps["time"].max()), float(curves["curve_time"].max()))
    set_months(ax, end)
    ax.set_ylim(0.0, 1.02)
    ax.set_yticks([0.0, 0.25, 0.5, 0.75, 1.0], ["0", "0.25", "0.50", "0.75", "1.00"])
    ax.set_ylabel("Survival probability")
    _legend(ax, curve, prob=float(curves.attrs["interval_prob"]))
    if risk_table:
        add_risk_table(ax, group(analysis, "numbers_at_risk"), names)
    return ax


def _draw_curve(ax: Axes, curve: xr.DataArray, arm: str, name: str) -> None:
    time = curve["curve_time"].to_numpy()
    lower, mean, upper = (
        curve.sel(arm=arm, statistic=statistic).to_numpy()
        for statistic in ("lower", "mean", "upper")
    )
    color = ARM_COLORS[arm]
    ax.fill_between(time, lower, upper, color=color, alpha=BAND_ALPHA, linewidth=0)
    ax.plot(time, mean, color=color, linestyle=ARM_LINESTYLES[arm], label=name)


def _draw_steps(ax: Axes, steps: xr.Dataset, arm: str, *, censor_marks: bool) -> None:
    own = steps.isel(step=np.flatnonzero(steps["arm"].to_numpy() == arm))
    time, alive = own["time"].to_numpy(), own["survival"].to_numpy()
    color = ARM_COLORS[arm]
    ax.plot(time, alive, drawstyle="steps-post", color=color, linewidth=THIN_LINE, label="_")
    if censor_marks:
        at = own["censored"].to_numpy() > 0
        ax.plot(time[at], alive[at], "|", color=color, label="_", markersize=3.0, mew=0.5)


def _legend(ax: Axes, curve: xr.DataArray, *, prob: float) -> None:
    handles, _ = ax.get_legend_handles_labels()
    middle = curve.sel(curve_time=0.5 * ax.get_xlim()[1], method="nearest")
    ax.legend(
        handles=[
            *handles,
            Line2D(
                [],
                [],
                color="0.35",
                linewidth=THIN_LINE,
                label="Kaplan\N{EN DASH}Meier, as observed",
            ),
        ],
        title=f"Posterior mean, {prob:.0%} interval",
        title_fontsize=7.0,
        alignment="left",
        **survival_corner(float(middle.max()), float(middle.min())),
    )
