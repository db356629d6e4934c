"""The forest of published hazard ratios, by what was compared with what."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.transforms import ScaledTranslation

from hccbayes.defaults import FREQUENTIST_COLOR
from hccbayes.errors import InputError, Problem
from hccbayes.plots.evidence_flags import flag_key, flag_letters, flagged
from hccbayes.plots.ratio_axis import (
    add_favors,
    add_text_column,
    ratio_limits,
    set_ratio_axis,
    text_width,
)
from hccbayes.plots.style import (
    MILLIMETER,
    POINT,
    TEXT_SIZE,
    choose,
    figure_of,
    new_axes,
    publication_style,
)

WIDTH: Final = 170.0 * MILLIMETER
"""Text width of a journal page, inches."""
ROW_HEIGHT: Final = 10.5
"""Points of a row."""
_HEADING: Final = 1.35
"""Rows that the name of a comparison takes."""
_COLUMN_GAP: Final = 9.0
"""Points between two columns."""
_INDENT: Final = 7.0
"""Points by which a study stands right of its comparison."""
_LEGEND_RISE: Final = 15.0
"""Points of the legend above the axes, over the headers of the columns."""
_KEY_DROP: Final = 38.0
"""Points of the key of the flags below the axes, under the label of the axis."""
_LINE: Final = 9.0
"""Points of a line of the key."""
_COLUMNS: Final = (
    *("study", "comparison", "endpoint", "analysis_set", "adjusted", "term", "treated_label"),
    *("interval_prob", "hr", "lower", "upper", "use", "reason", "flags"),
)
_ENDPOINTS: Final = {
    "OS": "overall survival",
    "PFS": "progression-free survival",
    "RFS": "recurrence-free survival",
}
_MARKERS: Final[dict[str, dict[str, Any]]] = {
    "yes": {"marker": "s", "markerfacecolor": FREQUENTIST_COLOR, "markersize": 4.2},
    "repaired": {"marker": "D", "markerfacecolor": FREQUENTIST_COLOR, "markersize": 4.2},
    "caution": {"marker": "s", "markerfacecolor": "white", "markersize": 4.2},
    "no": {"marker": "x", "markersize": 4.6},
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

    Comparisons that add locoregional to systemic therapy come first. A filled square is used as
    printed, a diamond after a repair, an open square with caution; a cross and a dotted interval
    are not usable. One column gives the interval's own level. Another has letters, with their key
    below, for what the audit flags and for the arm meant where a study has several. An interval
    that leaves the axis ends in an arrow.

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
        Axes to draw on; a new 170 mm figure without it.

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
    letters = flag_letters(_effects(rows))
    key = flag_key(letters)
    ax = _axes(ax, rows, key)
    values = rows[["hr", "lower", "upper"]].to_numpy().ravel().tolist()
    set_ratio_axis(ax, limits or ratio_limits(values))
    for row in rows[rows["hr"].notna()].to_dict("records"):
        _draw_row(ax, row)
    left = _add_names(ax, rows)
    _add_numbers(ax, rows, letters)
    label = f"Hazard ratio of {_ENDPOINTS.get(endpoint, endpoint)}, treated over control"
    add_favors(ax, 1.0, ("Favors", "treated"), ("Favors", "control"), xlabel=label)
    _legend(ax, rows)
    _write(ax, key, (0.0, 0.0), (left, -_KEY_DROP), va="top")
    return ax


def _rows(table: pd.DataFrame, endpoint: str) -> pd.DataFrame:
    """Return headings and effects in the order of comparisons, with their heights."""
    absent = [name for name in _COLUMNS if name not in table.columns]
    if absent:
        raise InputError(Problem("hazard ratios", f"columns are absent: {', '.join(absent)}"))
    effects = table[(table["term"] == "treatment") & table["hr"].notna()]
    choose("endpoint", endpoint, list(effects["endpoint"].drop_duplicates()))
    effects = effects[effects["endpoint"] == endpoint]
    several = effects.groupby(["study", "comparison"])["treated_label"].transform("nunique") > 1
    effects = effects.assign(told_apart=effects["treated_label"].where(several, ""))
    groups = [(str(name), own) for name, own in effects.groupby("comparison", sort=False)]
    # What the package is about first; the rest in the order of the table.
    groups.sort(key=lambda group: not group[0].endswith("+systemic vs systemic"))
    parts = []
    for comparison, own in groups:
        heading = comparison[0].upper() + comparison[1:].replace("+", " + ")
        parts.append(pd.DataFrame({"name": [heading], "step": [_HEADING]}))
        parts.append(own.assign(name=own["study"].map(_study_name), step=1.0))
    rows = pd.concat([part.dropna(axis="columns", how="all") for part in parts], ignore_index=True)
    return rows.assign(height=rows["step"].cumsum() - rows["step"].iloc[0])


def _study_name(study: str) -> str:
    """Return ``Fu Y 2023`` for ``FuY2023``, and ``Yuan 2023`` for ``Yuan2023_PATACE``."""
    name = re.fullmatch(r"([A-Z][a-z]+)([A-Z]?)(\d{4})(_\w+)?", study)
    return " ".join(filter(None, name.groups()[:3])) if name else study.replace("_", " ")


def _effects(rows: pd.DataFrame) -> list[dict[Any, Any]]:
    return rows[rows["hr"].notna()].to_dict("records")


def _axes(ax: Axes | None, rows: pd.DataFrame, key: str) -> Axes:
    """Return axes with a row each, in a figure as high as rows, legend and key need."""
    bottom = float(rows["height"].iloc[-1])
    below = _KEY_DROP + _LINE * (key.count("\n") + 1 if key else 0)
    height = (bottom + 1.4) * ROW_HEIGHT + below + _LEGEND_RISE + 2.0 * TEXT_SIZE
    ax = new_axes(ax, width=WIDTH, height=height * POINT)
    ax.set_ylim(bottom + 0.7, -0.7)
    ax.spines["left"].set_visible(False)
    ax.set_yticks([])
    return ax


def _draw_row(ax: Axes, row: Mapping[Any, Any]) -> None:
    """Draw the interval, arrows where it leaves the axis, and the marker where it is on it."""
    low, high = ax.get_xlim()
    lower, upper, height = float(row["lower"]), float(row["upper"]), float(row["height"])
    look: dict[str, Any] = {"color": FREQUENTIST_COLOR, "linewidth": 0.9}
    if not (math.isnan(lower) or math.isnan(upper)):
        ends = [min(max(end, low), high) for end in (lower, upper)]
        style = ":" if row["use"] == "no" else "-"
        ax.plot(ends, [height, height], linestyle=style, label="_interval", **look)
        for off, end, marker in ((lower < low, low, "<"), (upper > high, high, ">")):
            if off:
                ax.plot(end, height, marker, color=FREQUENTIST_COLOR, markersize=3.5, clip_on=False)
    if low <= float(row["hr"]) <= high:
        marker_look = look | {"linestyle": "none", "markeredgewidth": 0.9}
        marker_look |= _MARKERS[str(row["use"])]
        ax.plot(float(row["hr"]), height, label="_estimate", **marker_look)


def _add_names(ax: Axes, rows: pd.DataFrame) -> float:
    """Write comparisons, studies and analyses left of the axes; return where they begin."""
    is_effect = rows["hr"].notna()
    effects, headings = rows[is_effect], rows[~is_effect]
    names = effects["name"].tolist()
    analyses = [_analysis(row) for row in _effects(rows)]
    analysis_at = -(_COLUMN_GAP + max(text_width(analyses), text_width(["Analysis"], bold=True)))
    header = "Comparison, study"
    widest = max(text_width(names) + _INDENT, text_width([header], bold=True))
    left = analysis_at - _COLUMN_GAP - widest
    heights = effects["height"].tolist()
    add_text_column(ax, heights, names, header="", side=0.0, shift=left + _INDENT)
    add_text_column(ax, heights, analyses, header="Analysis", side=0.0, shift=analysis_at)
    _write(ax, header, (0.0, 1.0), (left, 3.0), va="bottom", fontweight="bold")
    for name, height in zip(headings["name"], headings["height"], strict=True):
        at = ax.get_yaxis_transform()
        _write(ax, str(name), (0.0, height), (left, 0.0), coords=at, va="center", style="italic")
    return left


def _add_numbers(ax: Axes, rows: pd.DataFrame, letters: Mapping[str, str]) -> None:
    """Write hazard ratio and interval, level, and letters of the flags right of the axes."""
    effects = _effects(rows)
    heights = [float(row["height"]) for row in effects]
    columns: dict[str, Sequence[str]] = {
        "HR (interval)": [_interval(row) for row in effects],
        "Level": [_level(row) for row in effects],
        "Flags": [", ".join(sorted(letters[word] for word in flagged(row))) for row in effects],
    }
    shift = _COLUMN_GAP
    for header, texts in columns.items():
        add_text_column(ax, heights, texts, header=header, side=1.0, shift=shift)
        shift += _COLUMN_GAP + max(text_width(texts), text_width([header], bold=True))


def _analysis(row: Mapping[Any, Any]) -> str:
    # "unadjusted, adjusted" would be the regression on the cohort before matching or weighting.
    who = "whole cohort" if row["analysis_set"] == "unadjusted" else str(row["analysis_set"])
    return f"{who}, adjusted" if row["adjusted"] == "yes" else who


def _interval(row: Mapping[Any, Any]) -> str:
    hr, lower, upper = (float(row[name]) for name in ("hr", "lower", "upper"))
    if math.isnan(lower):
        return f"{hr:.2f} (no interval)"
    return f"{hr:.2f} ({lower:.2f}\N{EN DASH}{upper:.2f})"


def _level(row: Mapping[Any, Any]) -> str:
    return "" if math.isnan(float(row["lower"])) else f"{float(row['interval_prob']):.0%}"


def _write(
    ax: Axes,
    text: str,
    xy: tuple[float, float],
    shift: tuple[float, float],
    *,
    coords: Any = "axes fraction",
    **look: Any,
) -> None:
    """Write a text some points away from a place on the axes."""
    place = {"xycoords": coords, "textcoords": "offset points", "annotation_clip": False}
    ax.annotate(text, xy=xy, xytext=shift, **place, **look)


def _legend(ax: Axes, rows: pd.DataFrame) -> None:
    used = set(rows["use"].dropna())
    handles = [
        Line2D(
            [],
            [],
            linewidth=0.9,
            linestyle=":" if use == "no" else "-",
            color=FREQUENTIST_COLOR,
            label=name,
            **_MARKERS[use],
        )
        for use, name in _USES.items()
        if use in used
    ]
    rise = ScaledTranslation(0.0, _LEGEND_RISE * POINT, figure_of(ax).dpi_scale_trans)
    ax.legend(
        handles=handles,
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        bbox_transform=ax.transAxes + rise,
        ncols=len(handles),
        borderaxespad=0.0,
        columnspacing=1.4,
    )
