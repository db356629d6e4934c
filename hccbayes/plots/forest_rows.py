"""What forests of rows share: intervals, columns of text, the axis of ratios and its words."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal

import pandas as pd
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.ticker import FixedFormatter, FixedLocator

from hccbayes.defaults import FREQUENTIST_COLOR
from hccbayes.errors import InputError, Problem
from hccbayes.plots.interval_forest import format_interval
from hccbayes.plots.ratio_axis import add_favors, ratio_limits, ratio_ticks, set_ratio_axis
from hccbayes.plots.style import DOUBLE_COLUMN, SINGLE_COLUMN, TEXT_SIZE

Layout = Literal["one_column", "two_columns"]
"""Whether texts are stacked to fit into one journal column, or stand in columns of their own."""
WIDTHS: Final[dict[str, float]] = {"one_column": SINGLE_COLUMN, "two_columns": DOUBLE_COLUMN}
"""Inches of a new figure."""
ROW_HEIGHT: Final = 10.5
"""Points of a row."""
COLUMN_GAP: Final = 9.0
"""Points between two columns."""
INDENT: Final = 7.0
"""Points by which a level stands right of what it belongs to."""
LINE: Final = 8.75
"""Points of a line of text."""
HEAD: Final = 4.0
"""Points from the axes to the headers of the columns."""
_NARROW: Final = 0.05
"""Width of an interval below which its hazard ratio is written with three digits."""
_NAME_LENGTH: Final = {"one_column": 20, "two_columns": 26}
"""Characters of an arm's name on a line beside the line of no effect."""


def check_ratios(where: str, rows: pd.DataFrame) -> None:
    """Refuse hazard ratios that are no estimates: not positive, or outside of their limits.

    Parameters
    ----------
    where
        What the table is, for the error.
    rows
        ``hr``, ``lower``, ``upper``; a row without any of the three could not be estimated.

    Raises
    ------
    InputError
        With the labels of the rows.
    """
    three = rows[["hr", "lower", "upper"]]
    ordered = (three["hr"] > 0) & (three["lower"] >= 0)
    ordered &= (three["lower"] <= three["hr"]) & (three["hr"] <= three["upper"])
    wrong = ~(ordered | three.isna().all(axis=1))
    if wrong.any():
        message = "needs 0 <= lower <= hr <= upper and hr > 0, or none of the three"
        names = tuple(str(label) for label in rows.index[wrong])
        raise InputError(Problem(where, message, names))


def check_p_values(where: str, rows: pd.DataFrame, column: str) -> None:
    """Refuse p-values outside of 0 and 1; ``nan`` where there is no test.

    Raises
    ------
    InputError
        With the labels of the rows.
    """
    wrong = ~(rows[column].between(0.0, 1.0) | rows[column].isna())
    if wrong.any():
        names = tuple(str(label) for label in rows.index[wrong])
        raise InputError(Problem(where, f"{column} must lie between 0 and 1", names))


def draw_interval(ax: Axes, height: float, row: Mapping[Any, Any], *, face: str) -> None:
    """Draw one square with its interval, an arrow where the interval leaves the axis.

    Parameters
    ----------
    ax
        Axes of ratios, limits set.
    height
        Height of the row.
    row
        ``hr``, ``lower``, ``upper``; nothing is drawn where they are ``nan``.
    face
        Fill of the square.
    """
    hr, lower, upper = (float(row[name]) for name in ("hr", "lower", "upper"))
    if math.isnan(hr):
        return
    low, high = ax.get_xlim()
    color = FREQUENTIST_COLOR
    ends = [min(max(end, low), high) for end in (lower, upper)]
    ax.plot(ends, [height, height], color=color, linewidth=0.9, label="_interval")
    for off, end, marker in ((lower < low, low, "<"), (upper > high, high, ">")):
        if off:
            ax.plot(end, height, marker, color=color, markersize=3.5, clip_on=False)
    if low <= hr <= high:
        look: dict[str, Any] = {"color": color, "markerfacecolor": face, "markeredgewidth": 0.9}
        ax.plot(hr, height, "s", markersize=4.0, label="_estimate", **look)


def ratio_text(row: Mapping[Any, Any]) -> str:
    """Return ``0.62 (0.41-0.94)`` with an en dash, three digits where the interval is narrow."""
    # Per unit of a number, as a millimeter, two digits would say 1.01 (1.00-1.01).
    narrow = float(row["upper"]) - float(row["lower"]) < _NARROW
    return format_interval({**row, "estimate": row["hr"]}, 3 if narrow else 2)


def write(
    ax: Axes,
    text: str,
    height: float,
    *,
    side: float,
    shift: float,
    **look: Any,
) -> None:
    """Write a text at a row, some points right of an edge of the axes.

    Parameters
    ----------
    ax
        Axes with the rows.
    text
        Nothing is written where it is empty.
    height
        Height of the row.
    side
        0 for the left and 1 for the right edge of the axes.
    shift
        Points from that edge to the start of the text.
    **look
        Arguments of :meth:`matplotlib.axes.Axes.annotate`.
    """
    if text:
        ax.annotate(
            text,
            xy=(side, height),
            xycoords=ax.get_yaxis_transform(),
            xytext=(shift, 0.0),
            textcoords="offset points",
            annotation_clip=False,
            **({"va": "center"} | look),
        )


def write_over_axes(
    ax: Axes, text: str, height: float, *, side: float, shift: float, **look: Any
) -> None:
    """Write a text that may reach over the axes, its letters edged in white on the lines there."""
    # A white box would hide the word behind the figures of a synthetic cohort.
    edge = [patheffects.withStroke(linewidth=2.0, foreground="white")]
    write(ax, text, height, side=side, shift=shift, path_effects=edge, zorder=3.0, **look)


def write_headers(ax: Axes, headers: Sequence[tuple[str, float, float]]) -> float:
    """Write bold headers above the axes; return the points that they take.

    Parameters
    ----------
    ax
        Axes with the rows.
    headers
        Text, edge of the axes (0 left, 1 right), and points from it to the start; lines are
        parted by newlines.
    """
    for text, side, shift in headers:
        ax.annotate(
            text,
            xy=(side, 1.0),
            xycoords="axes fraction",
            xytext=(shift, HEAD),
            textcoords="offset points",
            va="bottom",
            fontweight="bold",
            annotation_clip=False,
        )
    return HEAD + LINE * max(text.count("\n") + 1 for text, _, _ in headers)


def prepare_axis(
    ax: Axes,
    values: Iterable[float],
    bottom: float,
    limits: tuple[float, float] | None,
    layout: Layout,
) -> None:
    """Make the axes ones of ratios with rows down to `bottom`.

    Parameters
    ----------
    ax
        New axes.
    values
        Ratios to be shown.
    bottom
        Height of the last row, in rows from the first.
    limits
        Ends of the axis; found from the values without them.
    layout
        In one journal column three ticks have room.
    """
    set_ratio_axis(ax, limits or ratio_limits(values))
    if layout == "one_column":
        ticks = ratio_ticks(ax.get_xlim())
        kept = sorted({ticks[0], 1.0, ticks[-1]}) if 1.0 in ticks else [ticks[0], ticks[-1]]
        ax.xaxis.set_major_locator(FixedLocator(kept))
        ax.xaxis.set_major_formatter(FixedFormatter([f"{tick:.3g}" for tick in kept]))
    ax.set_ylim(bottom + 0.7, -0.7)
    ax.spines["left"].set_visible(False)
    ax.set_yticks([])


def label_axis(
    ax: Axes, left: tuple[str, str], right: tuple[str, str], xlabel: str, layout: Layout
) -> None:
    """Write what lower and higher ratios mean below the axis, long names in lines."""
    length = _NAME_LENGTH[layout]
    sides = [(word, textwrap.fill(name, length)) for word, name in (left, right)]
    add_favors(ax, 1.0, sides[0], sides[1], xlabel=xlabel)
    own_line = max(len(" ".join(words)) for words in sides) > 24
    lines = own_line + max(name.count("\n") + 1 for _, name in sides)
    ax.xaxis.labelpad = 5.0 + lines * TEXT_SIZE * 1.25


def figure_height(rows: float, heads: float, names: Sequence[str]) -> float:
    """Return the points of a figure of so many rows, points of headers, and arms' names."""
    lines = max(len(textwrap.wrap(name, min(_NAME_LENGTH.values()))) for name in names)
    return rows * ROW_HEIGHT + heads + 44.0 + lines * LINE
