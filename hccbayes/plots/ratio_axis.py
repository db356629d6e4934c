"""Axes of hazard ratios, the words on both sides of no effect, and columns of text beside them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath
from matplotlib.ticker import FixedFormatter, FixedLocator, MaxNLocator, NullLocator

from hccbayes.plots.style import REFERENCE_LINE, TEXT_SIZE

WIDEST_DOUBLINGS: Final = 3
"""A default axis of hazard ratios reaches no further than 1/8 and 8; longer intervals get an
arrow, for otherwise one wide interval would press all others into a dot."""

_FAVORS_DROP: Final = 15.0
"""Points from the axis to the words below it, clear of the tick labels."""
_ONE_LINE: Final = 24
"""Characters of the words on one side beyond which they take a line each."""


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
    """Return the doublings within the limits, thinned to at most seven or so around 1."""
    low, high = (math.log2(limit) for limit in limits)
    step = max(1, math.ceil((high - low) / 6.0 - 1e-9))
    exponents = range(math.ceil(low - 1e-9), math.floor(high + 1e-9) + 1)
    return [2.0**exponent for exponent in exponents if exponent % step == 0]


def set_ratio_axis(ax: Axes, limits: tuple[float, float]) -> None:
    """Make the x-axis a log axis of ratios with plain tick labels and a line at 1."""
    ax.set_xscale("log")
    ax.set_xlim(*limits)
    ticks = ratio_ticks(limits)
    ax.xaxis.set_major_locator(FixedLocator(ticks))
    ax.xaxis.set_major_formatter(FixedFormatter([f"{tick:.3g}" for tick in ticks]))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.axvline(1.0, **REFERENCE_LINE)


def set_linear_axis(
    ax: Axes,
    values: Iterable[float],
    *,
    null: float,
    limits: tuple[float, float] | None = None,
) -> None:
    """Make the x-axis a linear axis that holds the finite values and `null`, with a line there."""
    finite = [value for value in values if math.isfinite(value)]
    low, high = min([null, *finite]), max([null, *finite])
    margin = 0.05 * (high - low) or 1.0
    ax.set_xlim(*(limits or (low - margin, high + margin)))
    ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.axvline(null, **REFERENCE_LINE)


def add_favors(
    ax: Axes, null: float, left: tuple[str, str], right: tuple[str, str], *, xlabel: str
) -> None:
    """Write who is favored on either side of `null`, and the axis label below both.

    Parameters
    ----------
    null
        Value of no effect, in data coordinates.
    left, right
        What the lower and the higher values mean, ``("Favors", "embolization")``; the two words
        go on two lines where either side is long.
    xlabel
        Label of the axis.
    """
    drop = ax.xaxis.get_transform().transform
    low, high = drop(np.asarray(ax.get_xlim()))
    at = float((drop(np.asarray([null]))[0] - low) / (high - low))
    gap = "\n" if max(len(" ".join(words)) for words in (left, right)) > _ONE_LINE else " "
    sides = (
        (f"\N{LEFTWARDS ARROW} {left[0]}{gap}{left[1]}", "right", -4.0),
        (f"{right[0]}{gap}{right[1]} \N{RIGHTWARDS ARROW}", "left", 4.0),
    )
    for text, align, shift in sides:
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
    ax.set_xlabel(xlabel, labelpad=5.0 + (1 + gap.count("\n")) * TEXT_SIZE * 1.25)


def text_width(texts: Iterable[str], *, bold: bool = False) -> float:
    """Return the width in points of the widest text, measured without drawing it."""
    font = FontProperties(family="DejaVu Sans", size=TEXT_SIZE, weight="bold" if bold else "normal")
    lines = [line for text in texts for line in text.split("\n") if line.strip()]
    widths = [
        TextPath((0, 0), line, prop=font, size=TEXT_SIZE).get_extents().width for line in lines
    ]
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
