"""The forest of subgroups: counts of both arms, hazard ratios, and the test of interaction."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, get_args

import pandas as pd
from matplotlib.axes import Axes

from hccbayes.defaults import FREQUENTIST_COLOR, INTERVAL_PROB
from hccbayes.errors import InputError, Problem
from hccbayes.plots.curve_steps import check_columns
from hccbayes.plots.forest_rows import (
    COLUMN_GAP,
    INDENT,
    LINE,
    WIDTHS,
    Layout,
    check_p_values,
    check_ratios,
    draw_interval,
    figure_height,
    label_axis,
    prepare_axis,
    ratio_text,
    write,
    write_headers,
    write_over_axes,
)
from hccbayes.plots.p_values import p_relation, p_text
from hccbayes.plots.ratio_axis import text_width
from hccbayes.plots.style import POINT, choose, new_axes, publication_style
from hccbayes.plots.synthetic_mark import marks_synthetic

SUBGROUP_COLUMNS: Final = (
    *("subgroup", "level", "treated_events", "treated_patients"),
    *("control_events", "control_patients", "hr", "lower", "upper", "interaction_p", "reason"),
)
"""Columns the figure reads."""
_HEADING: Final = 1.25
"""Rows from the level above to the name of a subgroup."""
_NAME_LENGTH: Final = {"one_column": 28, "two_columns": 22}
"""Characters of a line of a name; beside it the axes and the p-value have to find room."""
_REASON_LENGTH: Final = {"one_column": 32, "two_columns": 46}
"""Characters of a line of the reason why there is no estimate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """One line of the forest: a subgroup's name, one of its levels, or everyone."""

    name: tuple[str, ...]
    """In lines."""
    height: float
    row: dict[Any, Any]
    """Counts and estimate; empty for the name of a subgroup."""
    level: bool
    p_value: float


@marks_synthetic
@publication_style()
def subgroups(
    subgroups: pd.DataFrame,
    *,
    arm_names: tuple[str, str] = ("treated", "control"),
    layout: Layout = "two_columns",
    interval_prob: float = INTERVAL_PROB,
    limits: tuple[float, float] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw each level's hazard ratio under the name of its subgroup.

    A level that could not be estimated has its reason in place of the interval. An interval that
    leaves the axis ends in an arrow. The p-value of the interaction belongs to a subgroup, not to
    a level, and stands beside its name.

    Parameters
    ----------
    subgroups
        One row a level, in the order of the figure: ``subgroup``; ``level``, empty in the single
        row of everyone; ``treated_events``, ``treated_patients``, ``control_events``,
        ``control_patients``, counts; ``hr``, ``lower``, ``upper``, treated over control, ``nan``
        where not estimable; ``interaction_p``, the same in all rows of a subgroup or in one of
        them, ``nan`` where there is no test; ``reason``, why there is no estimate, else empty.
    arm_names
        The treated and the control arm in words.
    layout
        ``two_columns``: every text in a column of its own, for 183 mm. ``one_column``: counts
        below the name of the level, p-value above the hazard ratios, for 85 to 89 mm.
    interval_prob
        Probability of the intervals, for the header.
    limits
        Ends of the axis; without them every hazard ratio between 1/8 and 8 is on it.
    ax
        Axes to draw on; a new figure of the layout's width without it. The columns of text lie
        outside of the axes: use a constrained layout.

    Returns
    -------
    matplotlib.axes.Axes
        Hazard ratio against the rows, the first on top.

    Raises
    ------
    InputError
        If a column is absent, a level stands there twice, counts or hazard ratios are impossible,
        a reason is missing, a subgroup has two p-values, or the layout is unknown.
    """
    choose("layout", layout, get_args(Layout))
    _check(subgroups)
    lines = _lines(subgroups, layout)
    bottom = lines[-1].height + _depth(lines[-1], layout) - 1.0
    heads = 2 * LINE if layout == "one_column" else 3 * LINE
    points = figure_height(bottom + 1.4, heads, arm_names)
    ax = new_axes(ax, width=WIDTHS[layout], height=points * POINT)
    values = subgroups[["hr", "lower", "upper"]].to_numpy(dtype=float).ravel().tolist()
    prepare_axis(ax, values, bottom, limits, layout)
    for line in lines:
        if line.row:
            draw_interval(ax, line.height, line.row, face=FREQUENTIST_COLOR)
    draw = _stacked if layout == "one_column" else _columns
    draw(ax, lines, arm_names, f"HR ({interval_prob:.0%} interval)")
    left, right = (("Favors", name) for name in arm_names)
    label_axis(ax, left, right, "Hazard ratio (log scale)", layout)
    return ax


def _check(table: pd.DataFrame) -> None:
    check_columns("subgroups", table, SUBGROUP_COLUMNS)
    check_ratios("subgroups", table)
    check_p_values("subgroups", table, "interaction_p")
    unnamed = _level(table).eq("") & table.duplicated("subgroup", keep=False)
    silent = table["hr"].isna() & (table["reason"].fillna("").str.strip() == "")
    tests = table.groupby("subgroup")["interaction_p"].transform("nunique")
    wrong = {
        "a level stands there twice": table.duplicated(["subgroup", "level"]),
        "the levels of a subgroup of several need names": unnamed,
        "rows without a hazard ratio need a reason": silent,
        "more than one interaction p-value in a subgroup": tests > 1,
    }
    for arm in ("treated", "control"):
        events, patients = table[f"{arm}_events"], table[f"{arm}_patients"]
        counts = (events >= 0) & (events <= patients) & (events % 1 == 0) & (patients % 1 == 0)
        message = f"{arm} arm: events and patients are counts, events between 0 and the patients"
        wrong[message] = ~counts
    problems = [
        Problem("subgroups", message, tuple(str(label) for label in table.index[rows]))
        for message, rows in wrong.items()
        if rows.any()
    ]
    if problems:
        raise InputError(problems)


def _level(table: pd.DataFrame) -> pd.Series[str]:
    """Return the names of the levels; an empty cell of a file is ``nan``."""
    return table["level"].fillna("").astype(str).str.strip()


def _lines(table: pd.DataFrame, layout: Layout) -> list[_Line]:
    """Return names and levels from the top with their heights in rows."""
    lines: list[_Line] = []

    def add(name: str, row: dict[Any, Any], gap: float, *, level: bool, p_value: float) -> None:
        before = lines[-1].height + _depth(lines[-1], layout) - 1.0 + gap if lines else 0.0
        words = tuple(textwrap.wrap(name, _NAME_LENGTH[layout] - 4 * level))
        line = _Line(name=words, height=before, row=row, level=level, p_value=p_value)
        lines.append(line)

    for subgroup, own in table.assign(level=_level(table)).groupby("subgroup", sort=False):
        tests = own["interaction_p"].dropna()
        p_value = float(tests.iloc[0]) if len(tests) else math.nan
        rows = own.to_dict("records")
        if len(rows) == 1 and not rows[0]["level"]:
            add(str(subgroup), rows[0], _HEADING, level=False, p_value=p_value)
            continue
        add(str(subgroup), {}, _HEADING, level=False, p_value=p_value)
        for row in rows:
            add(str(row["level"]), row, 1.0, level=True, p_value=math.nan)
    return lines


def _reason(row: Mapping[Any, Any], layout: Layout) -> list[str]:
    """Return the lines that say why there is no estimate; none where there is one."""
    if not row or not math.isnan(float(row["hr"])):
        return []
    return textwrap.wrap(f"Not estimable: {row['reason']}", _REASON_LENGTH[layout])


def _depth(line: _Line, layout: Layout) -> float:
    """Return how many rows a line takes."""
    counts = 1 if layout == "one_column" and line.row else 0
    return float(max(len(line.name) + counts, len(_reason(line.row, layout))))


def _counts(row: Mapping[Any, Any], arm: str) -> str:
    return f"{int(row[f'{arm}_events'])}/{int(row[f'{arm}_patients'])}"


def _write_reason(ax: Axes, line: _Line, layout: Layout) -> None:
    for index, text in enumerate(_reason(line.row, layout)):
        # Where the interval would have been: nothing else is drawn there.
        height = line.height + index
        write_over_axes(ax, text, height, side=0.0, shift=2.0, style="italic", color="0.25")


def _names(ax: Axes, lines: list[_Line], left: float) -> None:
    for line in lines:
        look = {} if line.level else {"fontweight": "bold"}
        shift = left + (INDENT if line.level else 0.0)
        put = write if line.row else write_over_axes
        for index, text in enumerate(line.name):
            put(ax, text, line.height + 0.9 * index, side=0.0, shift=shift, **look)


def _columns(ax: Axes, lines: list[_Line], arm_names: tuple[str, str], header: str) -> None:
    """Write every text in a column of its own."""
    heads = {
        arm: textwrap.fill(name[:1].upper() + name[1:], 16) + "\nevents/patients"
        for arm, name in zip(("treated", "control"), arm_names, strict=True)
    }
    headers: list[tuple[str, float, float]] = []
    edge = 0.0
    for arm in ("control", "treated"):
        texts = [_counts(line.row, arm) for line in lines if line.row]
        edge -= COLUMN_GAP + max(text_width(texts), text_width([heads[arm]], bold=True))
        headers.append((heads[arm], 0.0, edge))
        for line in lines:
            if line.row:
                write(ax, _counts(line.row, arm), line.height, side=0.0, shift=edge)
    names = [text for line in lines if line.row for text in line.name]
    left = edge - COLUMN_GAP - INDENT - text_width([*names, "Subgroup"], bold=True)
    _names(ax, lines, left)
    ratios = [ratio_text(line.row) if line.row else "" for line in lines]
    p_edge = 2 * COLUMN_GAP + max(text_width(ratios), text_width([header], bold=True))
    for line, ratio in zip(lines, ratios, strict=True):
        if line.row and not math.isnan(float(line.row["hr"])):
            write(ax, ratio, line.height, side=1.0, shift=COLUMN_GAP)
        write(ax, p_text(line.p_value), line.height, side=1.0, shift=p_edge)
        _write_reason(ax, line, "two_columns")
    headers += [
        ("Subgroup", 0.0, left),
        (header, 1.0, COLUMN_GAP),
        ("P for\ninteraction", 1.0, p_edge),
    ]
    write_headers(ax, headers)


def _stacked(ax: Axes, lines: list[_Line], arm_names: tuple[str, str], header: str) -> None:
    """Write the counts below each level and the p-value beside the name of its subgroup."""
    counts = [
        f"{_counts(line.row, 'treated')} vs {_counts(line.row, 'control')}" if line.row else ""
        for line in lines
    ]
    head = "Subgroup, events/\npatients per arm"
    names = [text for line in lines if line.row for text in line.name]
    widest = max(text_width([*counts, *names]) + INDENT, text_width([head], bold=True))
    left = -(COLUMN_GAP + widest)
    _names(ax, lines, left)
    for line, count in zip(lines, counts, strict=True):
        shift = left + INDENT
        write(ax, count, line.height + 0.9 * len(line.name), side=0.0, shift=shift, color="0.35")
        if line.row and not math.isnan(float(line.row["hr"])):
            write(ax, ratio_text(line.row), line.height, side=1.0, shift=COLUMN_GAP)
        if not math.isnan(line.p_value):
            text = f"Interaction {p_relation(line.p_value)}"
            write(ax, text, line.height, side=1.0, shift=COLUMN_GAP, color="0.25")
        _write_reason(ax, line, "one_column")
    write_headers(ax, [(head, 0.0, left), (header, 1.0, COLUMN_GAP)])
