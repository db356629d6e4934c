"""Kaplan-Meier curves of both arms, plain or weighted, with medians and numbers at risk."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import pandas as pd
import xarray as xr
from matplotlib.axes import Axes

from hccbayes.arms import ARMS, Arm
from hccbayes.defaults import ARM_COLORS
from hccbayes.errors import InputError, Problem
from hccbayes.plots.curve_steps import (
    LINE_LENGTH,
    check_columns,
    curves_by_arm,
    draw_curve,
    legend_above,
    legend_lines,
    limits_in_words,
)
from hccbayes.plots.risk_table import add_risk_table, risk_table_height
from hccbayes.plots.style import (
    POINT,
    SINGLE_COLUMN,
    new_axes,
    publication_style,
    set_months,
)
from hccbayes.plots.synthetic_mark import marks_synthetic

CURVE_COLUMNS: Final = ("survival", "lower", "upper", "censored", "interval_prob")
"""Columns the figure reads beside ``arm`` and ``time``."""
MEDIAN_COLUMNS: Final = ("arm", "estimate", "lower", "upper", "interval_prob")
"""Columns of the medians that the figure reads."""
_AXES: Final = 2.35
"""Inches of the axes with their labels."""
_LINE: Final = 10.0
"""Points of a line of the legend."""
_LIMITS_AT: Final[dict[Arm, float]] = {"treated": 0.07, "control": 0.03}
"""Heights of the medians' limits, one above the other, since they often overlap."""
_DOTTED: Final[dict[str, Any]] = {"linestyle": (0, (1, 1.2)), "linewidth": 0.9}


@marks_synthetic
@publication_style()
def kaplan_meier(
    curves: pd.DataFrame,
    *,
    at_risk: xr.Dataset | None = None,
    weighted_at_risk: xr.Dataset | None = None,
    medians: pd.DataFrame | None = None,
    arm_names: tuple[str, str] = ("Treated", "Control"),
    ax: Axes | None = None,
) -> Axes:
    """Draw the survival steps of both arms in the band of their pointwise limits.

    Parameters
    ----------
    curves
        The tables of :func:`hccbayes.frequentist.kaplan_meier.kaplan_meier` or
        :func:`hccbayes.frequentist.weighted_curves.weighted_kaplan_meier` one below the other,
        with ``arm``: ``treated`` or ``control``. Times in months. Episodes that end without the
        event are marked.
    at_risk
        From :func:`hccbayes.figure_data.numbers_at_risk_dataset`: variable ``at_risk``, dims
        ``arm`` and ``risk_time``. The table is text placed in points below each tick.
    weighted_at_risk
        The same with sums of weights; written with one decimal below the unweighted numbers, which
        it needs.
    medians
        One row an arm with the columns :data:`MEDIAN_COLUMNS`, as the row of
        :func:`hccbayes.frequentist.quantiles.survival_quantiles` for 0.5. Dotted lines lead from
        one half to each median; a dotted bar above the axis spans its limits, with an arrow where
        the upper one is not reached.
    arm_names
        The treated and the control arm in words.
    ax
        Axes to draw on; a new 89 mm figure without it. Text stands above and below the axes: use
        a constrained layout.

    Returns
    -------
    matplotlib.axes.Axes
        Time in months against the probability of survival.

    Raises
    ------
    InputError
        If a column or an arm is absent or unknown, an arm has two curves or two medians, or
        weighted numbers are given alone.
    """
    own = curves_by_arm(curves, CURVE_COLUMNS)
    if weighted_at_risk is not None and at_risk is None:
        message = "needs the unweighted numbers beside it: give at_risk"
        raise InputError(Problem("weighted_at_risk", message))
    names: dict[str, str] = dict(zip(ARMS, arm_names, strict=True))
    rows = {} if medians is None else _medians(medians)
    labels: dict[str, str] = {arm: _label(names[arm], rows.get(arm)) for arm in ARMS}
    title = _title(curves, rows)
    height = _AXES + legend_lines(labels, title) * _LINE * POINT
    if at_risk is not None:
        height += risk_table_height(names, weighted=weighted_at_risk is not None)
    ax = new_axes(ax, width=SINGLE_COLUMN, height=height)
    set_months(ax, float(curves["time"].max()))
    for arm in ARMS:
        draw_curve(ax, own[arm], arm, ("survival", "lower", "upper"))
        _mark_censored(ax, own[arm], arm)
    ax.set_ylim(0.0, 1.02)
    ax.set_yticks([0.0, 0.25, 0.5, 0.75, 1.0], ["0", "0.25", "0.50", "0.75", "1.00"])
    ax.set_ylabel("Survival probability")
    _draw_medians(ax, rows)
    legend_above(ax, labels, title)
    if at_risk is not None:
        add_risk_table(ax, at_risk, names, weighted=weighted_at_risk)
    return ax


def _mark_censored(ax: Axes, own: pd.DataFrame, arm: Arm) -> None:
    at = own[own["censored"] > 0]
    look: dict[str, Any] = {"color": ARM_COLORS[arm], "markersize": 4.0, "markeredgewidth": 0.6}
    ax.plot(at["time"].to_numpy(), at["survival"].to_numpy(), "|", label="_censored", **look)


def _medians(medians: pd.DataFrame) -> dict[str, dict[Any, Any]]:
    check_columns("medians", medians, MEDIAN_COLUMNS)
    arms = medians["arm"].tolist()
    if sorted(arms) != sorted(ARMS):
        listed = ", ".join(str(arm) for arm in arms)
        message = f"one row an arm is needed, {' and '.join(ARMS)}; the rows are of {listed}"
        raise InputError(Problem("medians", message))
    if "prob" in medians.columns and not (medians["prob"] == 0.5).all():
        raise InputError(Problem("medians", "holds quantiles other than one half"))
    return dict(zip(arms, medians.to_dict("records"), strict=True))


def _title(curves: pd.DataFrame, rows: Mapping[str, Mapping[Any, Any]]) -> str:
    kind = "Weighted " if "at_risk_weighted" in curves.columns else ""
    text = f"{kind}Kaplan\N{EN DASH}Meier estimate, {limits_in_words(curves)}"
    if not rows:
        return text
    prob = float(rows["treated"]["interval_prob"])
    return f"{text}\nAfter each name: median ({prob:.0%} interval) in months"


def _label(name: str, row: Mapping[Any, Any] | None) -> str:
    """Return the name with its median, on a line of its own where both are too long for one."""
    if row is None:
        return name
    estimate, lower, upper = (_months(float(row[name])) for name in ("estimate", "lower", "upper"))
    between = "\N{EN DASH}" if math.isfinite(float(row["upper"])) else " to "
    median = f"{estimate} ({lower}{between}{upper})"
    gap = " " if len(name) + 2 + len(median) <= LINE_LENGTH else "\n"
    return f"{name}:{gap}{median}"


def _months(value: float) -> str:
    if math.isnan(value):
        return "not estimable"
    return "not reached" if math.isinf(value) else f"{value:.1f}"


def _draw_medians(ax: Axes, rows: Mapping[str, Mapping[Any, Any]]) -> None:
    """Draw dotted lines to the medians that are reached, and the spans of their limits."""
    reached = [float(row["estimate"]) for row in rows.values() if math.isfinite(row["estimate"])]
    if reached:
        ax.plot([0.0, max(reached)], [0.5, 0.5], color="0.35", label="_half", **_DOTTED)
    end = ax.get_xlim()[1]
    for arm in ARMS if rows else ():
        estimate, lower, upper = (float(rows[arm][name]) for name in ("estimate", "lower", "upper"))
        look: dict[str, Any] = {"color": ARM_COLORS[arm], "markeredgewidth": 0.9, "zorder": 3.0}
        if math.isfinite(estimate):
            ax.plot([estimate] * 2, [0.0, 0.5], label="_median", **_DOTTED, **look)
        if not math.isfinite(lower) or math.isnan(upper):
            continue
        height = _LIMITS_AT[arm]
        right = min(upper, end)
        ax.plot([lower, right], [height] * 2, label="_median_limits", **_DOTTED, **look)
        ax.plot(lower, height, "|", markersize=4.0, **look)
        look |= {"markersize": 4.0 if upper <= end else 3.5, "clip_on": False}
        ax.plot(right, height, "|" if upper <= end else ">", **look)
