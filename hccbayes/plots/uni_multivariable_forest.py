"""The forest of covariates: univariable and multivariable hazard ratios side by side."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any, Final, get_args

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.transforms import ScaledTranslation

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
from hccbayes.plots.p_values import p_text
from hccbayes.plots.ratio_axis import text_width
from hccbayes.plots.style import POINT, choose, figure_of, new_axes, publication_style
from hccbayes.plots.synthetic_mark import marks_synthetic

COVARIATE_COLUMNS: Final = ("term", "analysis", "hr", "lower", "upper", "p")
"""Columns the figure reads."""
ANALYSES: Final = ("univariable", "multivariable")
"""Kinds of analysis, in the order of the figure."""
_FACES: Final = {"univariable": "white", "multivariable": FREQUENTIST_COLOR}
_NAME_LENGTH: Final = {"one_column": 42, "two_columns": 30}
"""Characters of a line of a name."""
_AIR: Final = {"one_column": 0.3, "two_columns": 0.2}
"""Rows between two terms."""
_DODGE: Final = 0.31
"""Rows by which the two squares of a term lie above and below its row."""
_ABSENT: Final = "\N{EN DASH}"
"""What stands where a term is in one of the two analyses alone."""


@marks_synthetic
@publication_style()
def covariates(
    hazard_ratios: pd.DataFrame,
    *,
    labels: Mapping[str, str] | None = None,
    layout: Layout = "two_columns",
    interval_prob: float = INTERVAL_PROB,
    limits: tuple[float, float] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw each term's hazard ratio alone (open square) and with all others (filled square).

    A dash stands where a term is in one of the two analyses alone. An interval that leaves the
    axis ends in an arrow.

    Parameters
    ----------
    hazard_ratios
        One row a term and analysis, terms in the order of the figure: ``term``; ``analysis``,
        ``univariable`` or ``multivariable``; ``hr``, ``lower``, ``upper``, per unit of the term,
        and ``p``, all ``nan`` where not estimable.
    labels
        Words for terms, with unit or reference: ``{"age_years": "Age, per 10 years"}``; others
        stand as they are.
    layout
        ``two_columns``: texts in columns, for 183 mm. ``one_column``: three lines a term, for 85
        to 89 mm.
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
        Hazard ratio against the terms, the first on top.

    Raises
    ------
    InputError
        If a column is absent, an analysis or the layout unknown, a term stands twice in one
        analysis, or hazard ratios are impossible.
    """
    choose("layout", layout, get_args(Layout))
    rows = _by_term(hazard_ratios)
    words = labels or {}
    names = [textwrap.wrap(words.get(term, term), _NAME_LENGTH[layout]) for term in rows]
    heights, bottom = _heights(names, layout)
    points = figure_height(bottom + 1.4, 4 * LINE, ("Lower hazard",))
    ax = new_axes(ax, width=WIDTHS[layout], height=points * POINT)
    values = hazard_ratios[["hr", "lower", "upper"]].to_numpy(dtype=float).ravel().tolist()
    prepare_axis(ax, values, bottom, limits, layout)
    for height, own in zip(heights, rows.values(), strict=True):
        for analysis, row in own.items():
            draw_interval(ax, _height(height, analysis, layout), row, face=_FACES[analysis])
    header = f"HR ({interval_prob:.0%} interval)"
    if layout == "one_column":
        _stacked(ax, names, heights, rows, header)
    else:
        _columns(ax, names, heights, rows, header)
    label_axis(ax, ("Lower", "hazard"), ("Higher", "hazard"), "Hazard ratio (log scale)", layout)
    return ax


def _by_term(table: pd.DataFrame) -> dict[str, dict[str, dict[Any, Any]]]:
    """Return the rows by term and analysis, in the order of the table."""
    check_columns("hazard ratios", table, COVARIATE_COLUMNS)
    for analysis in table["analysis"].drop_duplicates():
        choose("analysis", str(analysis), ANALYSES)
    twice = table.duplicated(["term", "analysis"])
    if twice.any():
        names = tuple(f"{one}, {two}" for one, two in table.loc[twice, ["term", "analysis"]].values)
        raise InputError(Problem("hazard ratios", "a term stands twice in an analysis", names))
    check_ratios("hazard ratios", table)
    check_p_values("hazard ratios", table, "p")
    found: dict[str, dict[str, dict[Any, Any]]] = {}
    for row in table.to_dict("records"):
        found.setdefault(str(row["term"]), {})[str(row["analysis"])] = row
    return found


def _heights(names: list[list[str]], layout: Layout) -> tuple[list[float], float]:
    """Return the height of each term and that of the last row.

    A term's height is that of the middle of its two squares in two columns, and that of the last
    line of its name, above its two rows, in one.
    """
    heights, top = [], 0.0
    for lines in names:
        if layout == "one_column":
            heights.append(top + 0.9 * (len(lines) - 1))
            top = heights[-1] + 3.0 + _AIR[layout]
        else:
            rows = max(1.3, 0.85 * len(lines))
            heights.append(top + rows / 2.0 - 0.65)
            top += rows + _AIR[layout]
    return heights, heights[-1] + (2.0 if layout == "one_column" else _DODGE)


def _height(height: float, analysis: str, layout: Layout) -> float:
    """Return where the square of an analysis lies."""
    index = ANALYSES.index(analysis)
    return height + (1.0 + index if layout == "one_column" else (2 * index - 1) * _DODGE)


def _ratio(own: Mapping[str, Mapping[Any, Any]], analysis: str) -> str:
    return ratio_text(own[analysis]) if analysis in own else _ABSENT


def _p(own: Mapping[str, Mapping[Any, Any]], analysis: str) -> str:
    return p_text(float(own[analysis]["p"])) if analysis in own else ""


def _columns(
    ax: Axes,
    names: list[list[str]],
    heights: list[float],
    rows: dict[str, dict[str, dict[Any, Any]]],
    header: str,
) -> None:
    """Write the name left, and hazard ratio and p-value of both analyses right of the axes."""
    left = -(COLUMN_GAP + max(text_width(sum(names, [])), text_width(["Covariate"], bold=True)))
    headers = [("Covariate", 0.0, left)]
    for lines, height in zip(names, heights, strict=True):
        write(ax, "\n".join(lines), height, side=0.0, shift=left)
    edge = COLUMN_GAP
    for analysis in ANALYSES:
        head = f"{analysis.capitalize()}\n{header}"
        for kind, title in ((_ratio, head), (_p, "P")):
            texts = [kind(own, analysis) for own in rows.values()]
            headers.append((title, 1.0, edge))
            for text, height in zip(texts, heights, strict=True):
                write(ax, text, height, side=1.0, shift=edge)
            edge += COLUMN_GAP + max(text_width(texts), text_width([title], bold=True))
    rise = write_headers(ax, headers)
    _legend(ax, rise)


def _stacked(
    ax: Axes,
    names: list[list[str]],
    heights: list[float],
    rows: dict[str, dict[str, dict[Any, Any]]],
    header: str,
) -> None:
    """Write each name over its two analyses, which are named in lines of their own."""
    left = -(COLUMN_GAP + INDENT + text_width([word.capitalize() for word in ANALYSES]))
    ratios = [_ratio(own, analysis) for own in rows.values() for analysis in ANALYSES]
    p_edge = 1.7 * COLUMN_GAP + max(text_width(ratios), text_width([header], bold=True))
    for lines, top, own in zip(names, heights, rows.values(), strict=True):
        for index, text in enumerate(reversed(lines)):
            line = top - 0.9 * index
            write_over_axes(ax, text, line, side=0.0, shift=left, fontweight="bold")
        for analysis in ANALYSES:
            height = _height(top, analysis, "one_column")
            write(ax, analysis.capitalize(), height, side=0.0, shift=left + INDENT)
            write(ax, _ratio(own, analysis), height, side=1.0, shift=COLUMN_GAP)
            write(ax, _p(own, analysis), height, side=1.0, shift=p_edge)
    headers = [("Covariate", 0.0, left), (header, 1.0, COLUMN_GAP), ("P", 1.0, p_edge)]
    write_headers(ax, headers)


def _legend(ax: Axes, rise: float) -> None:
    """Tell the two squares apart, above the headers of the columns."""
    handles = [
        Line2D(
            [],
            [],
            color=FREQUENTIST_COLOR,
            marker="s",
            markersize=4.0,
            linewidth=0.9,
            markerfacecolor=_FACES[analysis],
            label=analysis.capitalize(),
        )
        for analysis in ANALYSES
    ]
    up = ScaledTranslation(0.0, (rise + 3.0) * POINT, figure_of(ax).dpi_scale_trans)
    ax.legend(
        handles=handles,
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        bbox_transform=ax.transAxes + up,
        ncols=2,
        borderaxespad=0.0,
        columnspacing=1.2,
    )
