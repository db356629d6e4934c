"""The target trial and its emulation side by side, as a table that a page or a slide may hold."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes

from hccbayes.errors import InputError, Problem
from hccbayes.plots.evidence_forest import WIDTH
from hccbayes.plots.ratio_axis import text_width
from hccbayes.plots.style import (
    POINT,
    TEXT_SIZE,
    THIN_LINE,
    check_rows,
    figure_of,
    publication_style,
)
from hccbayes.plots.synthetic_mark import marks_synthetic

_NEEDED: Final = ("component", "target trial", "emulation")
_GAP_COLUMN: Final = "gap"
_SHARES: Final = {"component": 0.62, "target trial": 1.15, "emulation": 1.3, "gap": 0.9}
"""Widths of the columns against each other."""
_HEADERS: Final = {"gap": "What is missing"}
"""Headers that are not the name of the column."""
_BETWEEN: Final = 1.5
"""Sizes of the text between two columns."""
_LEADING: Final = 1.3
"""Sizes of the text from line to line."""
_PADDING: Final = 0.9
"""Sizes of the text between the texts of two rows, the rule included."""
_LEAST_SIZE: Final = 6.0
"""Points; smaller text is not printed by journals."""
_ASCENT: Final = 0.88
"""Sizes of the text from the top of a line to its base."""
_DRAWN_WIDER: Final = 1.06
"""Letters fitted to pixels are wider than their outlines by up to this."""
_MARGIN: Final = 3.0
"""Points around the table of a new figure."""
_THICK: Final = 0.9


@marks_synthetic
@publication_style()
def target_trial_table(
    table: pd.DataFrame,
    *,
    width: float = WIDTH,
    text_size: float = TEXT_SIZE,
    ax: Axes | None = None,
) -> Axes:
    """Draw the table of a target trial and its emulation, texts wrapped to their columns.

    Parameters
    ----------
    table
        ``component``, ``target trial``, ``emulation`` and, where there is one, ``gap`` (what the
        data do not allow to emulate); one row a component. Empty or missing texts stay blank.
    width
        Inches of a new figure, which is as high as its rows: 170 mm without it. A slide of 13.33
        inches is read with a text size of 14 or more.
    text_size
        Points, 6 at least.
    ax
        Axes to draw in, of some size already; they are emptied of lines and ticks.

    Returns
    -------
    matplotlib.axes.Axes
        Coordinates are points from the upper left corner.

    Raises
    ------
    InputError
        If a column is absent, there is no row, a column is too narrow for a word, the text too
        small, or the table higher than given axes.
    """
    check_rows(table, _NEEDED, "table of the target trial")
    if not text_size >= _LEAST_SIZE:
        raise InputError(Problem("text_size", f"must be {_LEAST_SIZE:g} points or more"))
    across = width / POINT - 2.0 * _MARGIN if ax is None else _points(ax)[0]
    columns = [*_NEEDED, *([_GAP_COLUMN] if _GAP_COLUMN in table else [])]
    places = _places(columns, across, text_size)
    head = [_wrapped(_header(name), places[name][1], text_size, bold=True) for name in columns]
    body = [
        [
            _wrapped(_text(row[name]), places[name][1], text_size, bold=name == "component")
            for name in columns
        ]
        for row in table[columns].to_dict("records")
    ]
    tops = _tops([head, *body], text_size)
    ax = _empty_axes(ax, across, tops[-1])
    for place, (cells, top) in enumerate(zip([head, *body], tops, strict=False)):
        for name, lines in zip(columns, cells, strict=True):
            weight = "bold" if name == "component" or not place else "normal"
            first = top + (0.5 * _PADDING + _ASCENT) * text_size
            for count, line in enumerate(lines):
                if not line:
                    continue
                down = first + count * _LEADING * text_size
                ax.text(places[name][0], down, line, fontsize=text_size, fontweight=weight)
    for place, top in enumerate(tops):
        outer = place in (0, 1, len(tops) - 1)
        color, thick = ("black", _THICK) if outer else ("0.75", THIN_LINE)
        ax.plot([0.0, across], [top, top], color=color, linewidth=thick, clip_on=False)
    return ax


def _header(name: str) -> str:
    return _HEADERS.get(name, name.capitalize())


def _text(value: Any) -> str:
    return "" if pd.isna(value) else str(value)


def _points(ax: Axes) -> tuple[float, float]:
    """Return width and height in points of axes, once ticks need no room."""
    _strip(ax)
    figure = figure_of(ax)
    if figure.get_layout_engine() is not None:
        # The engine gives axes their size when the figure is drawn.
        figure.draw_without_rendering()
    box = ax.get_window_extent()
    return box.width / figure.dpi / POINT, box.height / figure.dpi / POINT


def _places(columns: list[str], across: float, size: float) -> dict[str, tuple[float, float]]:
    """Return where each column begins and how wide it is, in points."""
    total = sum(_SHARES[name] for name in columns)
    room = across - _BETWEEN * size * (len(columns) - 1)
    places, left = {}, 0.0
    for name in columns:
        width = room * _SHARES[name] / total
        places[name] = (left, width)
        left += width + _BETWEEN * size
    return places


@lru_cache(maxsize=4096)
def _width(text: str, bold: bool) -> float:
    """Return the width in points at the size of the house's text."""
    return text_width([text], bold=bold)


def _wrapped(text: str, width: float, size: float, *, bold: bool) -> list[str]:
    """Break a text into lines that fit, by the widths of its words."""
    scale = _DRAWN_WIDER * size / TEXT_SIZE
    # A blank has no outline: it is what it adds between two letters.
    blank = scale * (_width("n n", bold) - _width("nn", bold))
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line, used = "", 0.0
        for word in paragraph.split():
            needed = scale * _width(word, bold)
            if needed > width:
                message = f"a column is too narrow for {word!r}; make the table wider"
                raise InputError(Problem("width", message))
            if line and used + blank + needed > width:
                lines.append(line)
                line, used = word, needed
            else:
                used += needed + (blank if line else 0.0)
                line = f"{line} {word}" if line else word
        lines.append(line)
    return lines


def _tops(rows: list[list[list[str]]], size: float) -> list[float]:
    """Return where each row begins, and where the last one ends, in points from the top."""
    tops = [0.0]
    for cells in rows:
        lines = max(len(cell) for cell in cells)
        tops.append(tops[-1] + (lines * _LEADING + _PADDING) * size)
    return tops


def _empty_axes(ax: Axes | None, across: float, down: float) -> Axes:
    """Return axes without ticks whose coordinates are points from the upper left."""
    if ax is None:
        sides = ((across + 2.0 * _MARGIN) * POINT, (down + 2.0 * _MARGIN) * POINT)
        ax = plt.figure(figsize=sides).add_axes((0.0, 0.0, 1.0, 1.0))
        ax.set_xlim(-_MARGIN, across + _MARGIN)
        ax.set_ylim(down + _MARGIN, -_MARGIN)
    else:
        high = _points(ax)[1]
        if down > high:
            message = f"the table is {down:.0f} points high and the axes {high:.0f}"
            raise InputError(Problem("ax", message))
        ax.set_xlim(0.0, across)
        ax.set_ylim(high, 0.0)
    _strip(ax)
    return ax


def _strip(ax: Axes) -> None:
    # Not switched off: the mark of a synthetic cohort is written on axes that are on.
    ax.spines[:].set_visible(False)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.patch.set_visible(False)
