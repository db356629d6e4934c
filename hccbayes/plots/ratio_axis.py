"""Axes of hazard ratios, the words on both sides of no effect, and columns of text beside them."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from hccbayes.plots.style import REFERENCE_LINE, TEXT_SIZE

WIDEST_DOUBLINGS: Final = 4
"""A default axis of hazard ratios reaches no further than 1/16 and 16; longer intervals get an
arrow, for otherwise one wide interval would press all others into a dot."""

_FAVORS_DROP: Final = 15.0
"""Points from the axis to the words below it, clear of the tick labels."""
_FAVORS_WRAP: Final = 18


def ratio_limits(values: Iterable[float], *, least: int = 1) -> tuple[float, float]:
    """Return limits in whole doublings that hold the values, ``2 ** -a`` and ``2 ** b``.

    Parameters
    ----------
    values
        Ratios to be shown; non-finite and non-positive ones are ignored, since no axis holds them.
    least
        Doublings shown on each side at least.
    """
    logs = [math.log2(value) for value in values if value > 0 and math.isfinite(value)]
    # A margin of a tenth of a doubling keeps markers off the edge.
    below = math.ceil(max([least, *(-log + 0.1 for log in logs)]))
    above = math.ceil(max([least, *(log + 0.1 for log in logs)]))
    return 2.0 ** -min(below, WIDEST_DOUBLINGS), 2.0 ** min(above, WIDEST_DOUBLINGS)


def ratio_ticks(limits: tuple[float, float]) -> list[float]:
    """Return every doubling, or every second one of a wide axis, within the limits, 1 included."""
    low, high = (math.log2(limit) for limit in limits)
    step = 1 if high - low <= 6 else 2
    exponents = range(math.ceil(low - 1e-9), math.floor(high + 1e-9) + 1)
    return [2.0**exponent for exponent in exponents if exponent % step == 0]


def set_ratio_axis(ax: Axes, limits: tuple[float, float]) -> None:
    """Make the x-axis a log axis of ratios with plain tick labels and a line at 1."""
    ax.set_xscale("log")
    ax.set_xlim(*limits)
    ticks = ratio_ticks(limits)
    ax.xaxis.set_major_locator(FixedLocator(ticks))
    ax.xaxis.set_major_formatter(FixedFormatter([f"{tick:g}" for tick in ticks]))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.axvline(1.0, **REFERENCE_LINE)


def add_favors(
    ax: Axes, null: float, left: str, right: str, *, xlabel: str, wrap: int = _FAVORS_WRAP
) -> None:
    """Write who is favored on either side of `null`, and the axis label below both.

    Parameters
    ----------
    null
        Value of no effect, in data coordinates.
    left, right
        What the lower and the higher values favor, ``"Favors embolization"``.
    xlabel
        Label of the axis.
    wrap
        Characters of a line.
    """
    drop = ax.xaxis.get_transform().transform
    low, high = drop(np.asarray(ax.get_xlim()))
    at = float((drop(np.asarray([null]))[0] - low) / (high - low))
    sides = (("\N{LEFTWARDS ARROW} ", left, "", "right", -4), ("", right, " \N{RIGHTWARDS ARROW}", "left", 4))
    lines = 1
    for before, words, after, align, shift in sides:
        text = textwrap.fill(f"{before}{words}{after}", wrap)
        lines = max(lines, text.count("\n") + 1)
        ax.annotate(
            text,
            xy=(at, 0.0),
            xycoords="axes fraction",
            xytext=(shift, -_FAVORS_DROP),
            textcoords="offset points",
            ha=align,
            va="top",
            multialignment=align,
            fontsize=TEXT_SIZE,
            color="0.25",
            annotation_clip=False,
        )
    ax.set_xlabel(xlabel, labelpad=5.0 + lines * TEXT_SIZE * 1.25)


def text_width(texts: Iterable[str], *, bold: bool = False) -> float:
    """Return the width in points of the widest text, measured without drawing it."""
    font = FontProperties(
        family="DejaVu Sans", size=TEXT_SIZE, weight="bold" if bold else "normal"
    )
    lines = [line for text in texts for line in text.split("\n") if line.strip()]
    widths = [TextPath((0, 0), line, prop=font, size=TEXT_SIZE).get_extents().width for line in lines]
    return float(max(widths, default=0.0))


def add_text_column(
    ax: Axes, rows: Sequence[float], texts: Sequence[str], *, header: str, side: float, shift: float
) -> None:
    """Write one left-aligned text a row beside the axes, and a bold header above the axes.

    Parameters
    ----------
    rows
        Heights of the rows in data coordinates.
    texts
        One text a row; an empty one leaves the row blank.
    header
        Column title.
    side
        0 for the left and 1 for the right edge of the axes.
    shift
        Points from that edge to the start of the text.
    """
    for row, text in zip(rows, texts, strict=True):
        if text:
            ax.annotate(
                text,
                xy=(side, row),
                xycoords=ax.get_yaxis_transform(),
                xytext=(shift, 0.0),
                textcoords="offset points",
                va="center",
                annotation_clip=False,
            )
    ax.annotate(
        header,
        xy=(side, 1.0),
        xycoords="axes fraction",
        xytext=(shift, 3.0),
        textcoords="offset points",
        va="bottom",
        fontweight="bold",
        annotation_clip=False,
    )
