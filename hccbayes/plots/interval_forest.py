"""The forest of estimates: each contrast's Bayesian and frequentist rows one under the other."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from hccbayes.defaults import FREQUENTIST_COLOR, POSTERIOR_COLOR
from hccbayes.errors import InputError, Problem
from hccbayes.plots.ratio_axis import (
    add_favors,
    add_text_column,
    ratio_limits,
    set_linear_axis,
    set_ratio_axis,
    text_width,
)
from hccbayes.plots.style import (
    DOUBLE_COLUMN,
    POINT,
    THIN_LINE,
    choose,
    new_axes,
    publication_style,
)
from hccbayes.plots.synthetic_mark import marks_synthetic
from hccbayes.records import DIFFERENCE_CONTRAST, ESTIMATE_COLUMNS, TREATMENT_CONTRAST

ROW_HEIGHT: Final = 11.0
"""Points of a row."""
_GROUP_GAP: Final = 0.35
"""Rows of air between two contrasts."""
_COLUMN_GAP: Final = 9.0
"""Points between two columns."""
_MARKERS: Final[dict[str, dict[str, Any]]] = {
    "bayes": {"marker": "o", "markerfacecolor": POSTERIOR_COLOR, "color": POSTERIOR_COLOR},
    "frequentist": {"marker": "s", "markerfacecolor": "white", "color": FREQUENTIST_COLOR},
}
_SOURCES: Final = {"bayes": "Bayesian", "frequentist": "Frequentist"}


@dataclass(frozen=True, slots=True)
class _Scale:
    """How one estimand is drawn; `null` is no effect."""

    label: str
    short: str
    null: float
    lower_is_better: bool
    digits: int = 2
    ratio: bool = False


_WORDS: Final = frozenset({"sample", "matched"})
"""Populations that are words; the others are abbreviations."""
_SCALES: Final = {
    "hr": _Scale("Hazard ratio (log scale)", "HR", 1.0, lower_is_better=True, ratio=True),
    "marginal_hr": _Scale(
        "Marginal hazard ratio (log scale)", "HR", 1.0, lower_is_better=True, ratio=True
    ),
    "log_hr": _Scale("Log hazard ratio", "Log HR", 0.0, lower_is_better=True),
    "survival_difference": _Scale(
        "Difference in survival probability", "Difference", 0.0, lower_is_better=False
    ),
    "rmst_difference": _Scale(
        "Difference in restricted mean survival (months)", "Months", 0.0, lower_is_better=False
    ),
    "median_difference": _Scale(
        "Difference in median survival (months)", "Months", 0.0, lower_is_better=False, digits=1
    ),
}


@marks_synthetic
@publication_style()
def forest(
    estimates: pd.DataFrame,
    *,
    estimand: str = "hr",
    sources: Collection[str] = ("bayes", "frequentist"),
    methods: Collection[str] | None = None,
    arm_names: tuple[str, str] = ("treated", "control"),
    labels: Mapping[str, str] | None = None,
    limits: tuple[float, float] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw one row an estimate: Bayesian filled circles, frequentist open squares.

    Rows of the same contrast, population and time stand together in the order of the table. An
    interval that leaves the axis ends in an arrow; its numbers stand in the right-hand column all
    the same, as do those of a row that could not be estimated.

    Parameters
    ----------
    estimates
        An estimate table, columns :data:`hccbayes.records.ESTIMATE_COLUMNS`.
    estimand
        ``hr``, ``marginal_hr``, ``log_hr``, ``survival_difference``, ``rmst_difference`` or
        ``median_difference``.
    sources
        ``bayes``, ``frequentist`` or both.
    methods
        Methods to show, ``("pe_rw1", "cox_efron")``; all without it.
    arm_names
        The treated and the control arm in words.
    labels
        Words for contrasts and methods, ``{"cox_efron": "Cox (Efron)"}``; others stand as they
        are.
    limits
        Ends of the axis; without them every hazard ratio between 1/8 and 8 is on it.
    ax
        Axes to draw on; a new 183 mm figure without it. The columns of text lie outside the
        axes and need some 70 mm on the left and 35 mm on the right.

    Returns
    -------
    matplotlib.axes.Axes
        The estimand against the rows, first row on top.

    Raises
    ------
    InputError
        If a column is absent, a name is unknown, or no row is left.
    """
    choose("estimand", estimand, _SCALES)
    scale = _SCALES[estimand]
    rows = _rows(estimates, estimand, sources, methods)
    words = {
        TREATMENT_CONTRAST: f"{arm_names[0]} vs {arm_names[1]}",
        DIFFERENCE_CONTRAST: f"{arm_names[0]} vs {arm_names[1]}",
        **(labels or {}),
    }
    heights = rows["height"].tolist()
    points = (heights[-1] + 1.0) * ROW_HEIGHT + 64.0
    ax = new_axes(ax, width=DOUBLE_COLUMN, height=points * POINT)
    ax.set_ylim(heights[-1] + 0.7, -0.7)
    _set_axis(ax, rows, scale, limits)
    for row in rows.to_dict("records"):
        _draw_row(ax, row)
    _add_columns(ax, rows, scale, words)
    left, right = _sides(rows, scale, arm_names)
    add_favors(ax, scale.null, left, right, xlabel=scale.label)
    _legend(ax, rows)
    return ax


def _rows(
    estimates: pd.DataFrame,
    estimand: str,
    sources: Collection[str],
    methods: Collection[str] | None,
) -> pd.DataFrame:
    """Return the rows to draw with their group and their height in rows from the top."""
    absent = [name for name in ESTIMATE_COLUMNS if name not in estimates.columns]
    if absent:
        raise InputError(Problem("estimates", f"columns are absent: {', '.join(absent)}"))
    for source in sources:
        choose("sources", source, _SOURCES)
    for method in methods or ():
        choose("methods", method, list(dict.fromkeys(estimates["method"])))
    wanted = (estimates["estimand"] == estimand) & estimates["source"].isin(list(sources))
    if methods is not None:
        wanted &= estimates["method"].isin(list(methods))
    if not wanted.any():
        raise InputError(Problem("estimates", f"no row of estimand {estimand!r} is left to draw"))
    rows = estimates.loc[wanted].copy()
    keys = rows[["contrast", "population", "time"]]
    rows["group"] = keys.groupby(list(keys), sort=False, dropna=False).ngroup()
    rows = rows.sort_values("group", kind="stable", ignore_index=True)
    rows["height"] = rows.index + _GROUP_GAP * rows["group"]
    return rows


def _sides(
    rows: pd.DataFrame, scale: _Scale, arm_names: tuple[str, str]
) -> tuple[tuple[str, str], tuple[str, str]]:
    """Return the words left and right of no effect; a covariate's ratio favors no arm."""
    if not rows["contrast"].isin([TREATMENT_CONTRAST, DIFFERENCE_CONTRAST]).all():
        quantity = "hazard" if scale.lower_is_better else "value"
        return ("Lower", quantity), ("Higher", quantity)
    treated, control = (("Favors", name) for name in arm_names)
    return (treated, control) if scale.lower_is_better else (control, treated)


def _set_axis(
    ax: Axes, rows: pd.DataFrame, scale: _Scale, limits: tuple[float, float] | None
) -> None:
    values = rows[["estimate", "lower", "upper"]].to_numpy().ravel().tolist()
    if scale.ratio:
        set_ratio_axis(ax, limits or ratio_limits(values))
    else:
        set_linear_axis(ax, values, null=scale.null, limits=limits)
    ax.spines["left"].set_visible(False)
    ax.set_yticks([])


def _draw_row(ax: Axes, row: Mapping[Any, Any]) -> None:
    """Draw the interval, arrows where it leaves the axis, and the marker where it is on it."""
    low, high = ax.get_xlim()
    look = _MARKERS[str(row["source"])]
    estimate, lower, upper = (float(row[name]) for name in ("estimate", "lower", "upper"))
    height = float(row["height"])
    if not (math.isnan(lower) or math.isnan(upper)):
        ends = [min(max(end, low), high) for end in (lower, upper)]
        ax.plot(ends, [height, height], color=look["color"], linewidth=0.9, label="_interval")
        for off, end, marker in ((lower < low, low, "<"), (upper > high, high, ">")):
            if off:
                ax.plot(end, height, marker, color=look["color"], markersize=3.5, clip_on=False)
    if low <= estimate <= high:
        ax.plot(
            estimate,
            height,
            linestyle="none",
            marker=look["marker"],
            color=look["color"],
            markerfacecolor=look["markerfacecolor"],
            markeredgewidth=0.9,
            markersize=4.5,
            label="_estimate",
        )


def _add_columns(ax: Axes, rows: pd.DataFrame, scale: _Scale, words: Mapping[str, str]) -> None:
    """Write contrast and method left of the axes and the numbers right of them."""
    heights = rows["height"].tolist()
    methods = [words.get(method, method) for method in rows["method"]]
    several = rows["population"].nunique() > 1
    contrasts = [
        "" if repeated else _contrast(row, words, several)
        for row, repeated in zip(
            rows.to_dict("records"), rows["group"].duplicated().tolist(), strict=True
        )
    ]
    method_at = -(_COLUMN_GAP + max(text_width(methods), text_width(["Method"], bold=True)))
    contrast_width = max(text_width(contrasts), text_width(["Contrast"], bold=True))
    contrast_at = method_at - _COLUMN_GAP - contrast_width
    add_text_column(ax, heights, contrasts, header="Contrast", side=0.0, shift=contrast_at)
    add_text_column(ax, heights, methods, header="Method", side=0.0, shift=method_at)
    numbers = [format_interval(row, scale.digits) for row in rows.to_dict("records")]
    probs = rows["interval_prob"].dropna().unique()
    interval = f"{probs[0]:.0%} interval" if len(probs) == 1 else "interval"
    header = f"{scale.short} ({interval})"
    add_text_column(ax, heights, numbers, header=header, side=1.0, shift=_COLUMN_GAP)


def _contrast(row: Mapping[Any, Any], words: Mapping[str, str], several_populations: bool) -> str:
    text = words.get(str(row["contrast"]), str(row["contrast"]))
    if several_populations:
        population = str(row["population"])
        text += f", {population if population in _WORDS else population.upper()}"
    time = float(row["time"])
    return text if math.isnan(time) else f"{text}, {time:g} months"


def format_interval(row: Mapping[Any, Any], digits: int) -> str:
    """Return ``0.62 (0.41-0.94)`` with an en dash, or ``to`` where a number is negative."""
    estimate, lower, upper = (float(row[name]) for name in ("estimate", "lower", "upper"))
    if math.isnan(estimate):
        return "not estimable"
    texts = [_number(value, digits) for value in (estimate, lower, upper)]
    if math.isnan(lower) or math.isnan(upper):
        return texts[0]
    between = " to " if min(estimate, lower) < 0 else "\N{EN DASH}"
    return f"{texts[0]} ({texts[1]}{between}{texts[2]})"


def _number(value: float, digits: int) -> str:
    if math.isinf(value):
        return "\N{INFINITY}" if value > 0 else "\N{MINUS SIGN}\N{INFINITY}"
    # "z" turns a rounded -0.00 into 0.00.
    return f"{value:z.{digits}f}".replace("-", "\N{MINUS SIGN}")


def _legend(ax: Axes, rows: pd.DataFrame) -> None:
    handles = [
        Line2D([], [], linewidth=THIN_LINE, markersize=4.5, label=name, **_MARKERS[source])
        for source, name in _SOURCES.items()
        if source in set(rows["source"])
    ]
    ax.legend(
        handles=handles,
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        ncols=2,
        borderaxespad=0.0,
        columnspacing=1.2,
    )
