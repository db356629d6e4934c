"""The forest of published hazard ratios, by what was compared with what."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from hccbayes.defaults import FREQUENTIST_COLOR
from hccbayes.errors import InputError, Problem
from hccbayes.plots.ratio_axis import (
    add_favors,
    add_text_column,
    ratio_limits,
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

ROW_HEIGHT: Final = 10.5
"""Points of a row."""
_HEADING: Final = 1.25
"""Rows that the name of a comparison takes."""
_COLUMN_GAP: Final = 9.0
"""Points between two columns."""
_COLUMNS: Final = (
    *("study", "comparison", "endpoint", "analysis_set", "adjusted", "term", "interval_prob"),
    *("hr", "lower", "upper", "use", "flags"),
)
_FLAGS: Final = {
    "hr_outside_interval": "HR outside interval",
    "interval_asymmetric": "asymmetric",
    "p_against_interval": "p disagrees",
    "se_below_floor": "SE too small for events",
    "printed_twice": "printed twice",
    "unreadable": "misprint",
}
"""Alarms of the audit in two or three words."""
_MARKERS: Final[dict[str, dict[str, Any]]] = {
    "yes": {"marker": "s", "markerfacecolor": FREQUENTIST_COLOR},
    "repaired": {"marker": "D", "markerfacecolor": FREQUENTIST_COLOR},
    "caution": {"marker": "s", "markerfacecolor": "white"},
    "no": {"marker": "X", "markerfacecolor": "white"},
}
_USES: Final = {
    "yes": "As printed",
    "repaired": "Repaired misprint",
    "caution": "With caution",
    "no": "Not usable",
}


@publication_style()
def published_forest(
    hazard_ratios: pd.DataFrame,
    *,
    endpoint: str = "OS",
    limits: tuple[float, float] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw published treatment effects under the comparison they belong to.

    A filled square is used as printed, a diamond after a repair, an open square with caution, a
    cross not at all. The columns give the interval's own level and what the audit flags. An
    interval that leaves the axis ends in an arrow.

    Parameters
    ----------
    hazard_ratios
        The table ``hazard_ratios`` of :mod:`hccbayes.evidence`, or some of its rows; covariates are
        left aside.
    endpoint
        ``OS``, ``PFS``, ...
    limits
        Ends of the axis; without them every hazard ratio between 1/8 and 8 is on it.
    ax
        Axes to draw on; a new 183 mm figure without it.

    Returns
    -------
    matplotlib.axes.Axes
        Hazard ratio, treated over control, against the rows, first row on top.

    Raises
    ------
    InputError
        If a column is absent, the endpoint is unknown, or no treatment effect is left.
    """
    rows = _rows(hazard_ratios, endpoint)
    bottom = float(rows["height"].iloc[-1])
    ax = new_axes(ax, width=DOUBLE_COLUMN, height=((bottom + 1.5) * ROW_HEIGHT + 64.0) * POINT)
    ax.set_ylim(bottom + 0.7, -0.7)
    values = rows[["hr", "lower", "upper"]].to_numpy().ravel().tolist()
    set_ratio_axis(ax, limits or ratio_limits(values))
    ax.spines["left"].set_visible(False)
    ax.set_yticks([])
    for row in rows[rows["hr"].notna()].to_dict("records"):
        _draw_row(ax, row)
    _add_columns(ax, rows)
    add_favors(ax, 1.0, ("Favors", "treated"), ("Favors", "control"), xlabel=_label(endpoint))
    _legend(ax, rows)
    return ax


def _rows(table: pd.DataFrame, endpoint: str) -> pd.DataFrame:
    """Return headings and effects in the order of comparisons, with their heights."""
    absent = [name for name in _COLUMNS if name not in table.columns]
    if absent:
        raise InputError(Problem("hazard ratios", f"columns are absent: {', '.join(absent)}"))
    effects = table[(table["term"] == "treatment") & table["hr"].notna()]
    choose("endpoint", endpoint, list(effects["endpoint"].drop_duplicates()))
    effects = effects[effects["endpoint"] == endpoint]
    parts = []
    for comparison, own in effects.groupby("comparison", sort=False):
        heading = pd.DataFrame({"name": [comparison], "step": [_HEADING]})
        parts.append(heading)
        parts.append(own.assign(name=own["study"], step=1.0))
    rows = pd.concat([part.dropna(axis="columns", how="all") for part in parts], ignore_index=True)
    return rows.assign(height=rows["step"].cumsum() - rows["step"].iloc[0])


def _draw_row(ax: Axes, row: Mapping[Any, Any]) -> None:
    """Draw the interval, arrows where it leaves the axis, and the marker where it is on it."""
    low, high = ax.get_xlim()
    lower, upper, height = float(row["lower"]), float(row["upper"]), float(row["height"])
    if not (math.isnan(lower) or math.isnan(upper)):
        ends = [min(max(end, low), high) for end in (lower, upper)]
        ax.plot(ends, [height, height], color=FREQUENTIST_COLOR, linewidth=0.9, label="_interval")
        for off, end, marker in ((lower < low, low, "<"), (upper > high, high, ">")):
            if off:
                ax.plot(end, height, marker, color=FREQUENTIST_COLOR, markersize=3.5, clip_on=False)
    if low <= float(row["hr"]) <= high:
        look = _MARKERS[str(row["use"])]
        ax.plot(
            float(row["hr"]),
            height,
            linestyle="none",
            color=FREQUENTIST_COLOR,
            markeredgewidth=0.9,
            markersize=4.2,
            label="_estimate",
            **look,
        )


def _add_columns(ax: Axes, rows: pd.DataFrame) -> None:
    """Write comparison, study and analysis left of the axes, and the numbers right of them."""
    heights = rows["height"].tolist()
    effects = rows["hr"].notna().tolist()
    analyses = [
        _analysis(row) if shown else ""
        for row, shown in zip(rows.to_dict("records"), effects, strict=True)
    ]
    names = [
        f"   {name}" if shown else str(name)
        for name, shown in zip(rows["name"], effects, strict=True)
    ]
    analysis_at = -(_COLUMN_GAP + max(text_width(analyses), text_width(["Analysis"], bold=True)))
    study_at = analysis_at - _COLUMN_GAP - text_width(names)
    add_text_column(ax, heights, names, header="Comparison, study", side=0.0, shift=study_at)
    add_text_column(ax, heights, analyses, header="Analysis", side=0.0, shift=analysis_at)
    numbers = [
        _interval(row) if shown else ""
        for row, shown in zip(rows.to_dict("records"), effects, strict=True)
    ]
    flags = [
        _flags(str(row["flags"])) if shown else ""
        for row, shown in zip(rows.to_dict("records"), effects, strict=True)
    ]
    header = "HR (interval, level)"
    add_text_column(ax, heights, numbers, header=header, side=1.0, shift=_COLUMN_GAP)
    numbers_width = max(text_width(numbers), text_width([header], bold=True))
    shift = 2.0 * _COLUMN_GAP + numbers_width
    add_text_column(ax, heights, flags, header="Flags", side=1.0, shift=shift)


def _analysis(row: Mapping[Any, Any]) -> str:
    # "unadjusted, adjusted" would be the regression on the cohort before matching or weighting.
    who = "whole cohort" if row["analysis_set"] == "unadjusted" else str(row["analysis_set"])
    return f"{who}, adjusted" if row["adjusted"] == "yes" else who


def _interval(row: Mapping[Any, Any]) -> str:
    hr, lower, upper = (float(row[name]) for name in ("hr", "lower", "upper"))
    if math.isnan(lower):
        return f"{hr:.2f} (no interval)"
    return f"{hr:.2f} ({lower:.2f}\N{EN DASH}{upper:.2f}, {float(row['interval_prob']):.0%})"


def _flags(names: str) -> str:
    return ", ".join(_FLAGS.get(name, name.replace("_", " ")) for name in names.split("; ") if name)


def _label(endpoint: str) -> str:
    return f"Published hazard ratio of {endpoint}, treated over control (log scale)"


def _legend(ax: Axes, rows: pd.DataFrame) -> None:
    used = set(rows["use"].dropna())
    handles = [
        Line2D(
            [],
            [],
            linewidth=THIN_LINE,
            color=FREQUENTIST_COLOR,
            markersize=4.2,
            label=name,
            **_MARKERS[use],
        )
        for use, name in _USES.items()
        if use in used
    ]
    ax.legend(
        handles=handles,
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        ncols=2,
        borderaxespad=0.0,
        columnspacing=1.2,
    )
