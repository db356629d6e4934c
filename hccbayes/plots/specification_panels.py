"""Specification curve: the hazard ratio of every analysis of a grid, and what each one chose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from hccbayes.defaults import POSTERIOR_COLOR
from hccbayes.errors import InputError, Problem
from hccbayes.plots.ratio_axis import ratio_limits, ratio_ticks
from hccbayes.plots.style import (
    DOUBLE_COLUMN,
    POINT,
    REFERENCE_LINE,
    THIN_LINE,
    publication_style,
    tidy,
)
from hccbayes.plots.synthetic_mark import marks_synthetic

_FAILED: Final = "#D55E00"
_BASE: Final = "black"
_CURVE_HEIGHT: Final = 150.0
_ROW: Final = 9.0
_GAP: Final = 5.0
_NEEDED: Final = ("cell", "base", "status", "estimate", "lower", "upper")
_LONGEST: Final = 46
"""Characters of a value beyond which it is cut; the table has all of them."""


@marks_synthetic
@publication_style()
def specification_curve(
    rows: pd.DataFrame,
    *,
    fields: Sequence[str] | None = None,
    labels: Mapping[str, str] | None = None,
    xlabel: str = "Hazard ratio, treated over control (log scale)",
) -> Figure:
    """Draw the hazard ratios of a grid in order of size, and below them what was chosen.

    Parameters
    ----------
    rows
        One row an analysis: ``cell``, ``base`` (whether it is the model as it is, drawn in black),
        ``status``, ``estimate``, ``lower``, ``upper`` and a column each varied field; what
        :func:`hccbayes.sensitivity.headline_rows` returns.
    fields
        The varied fields; ``rows.attrs["fields"]`` without it.
    labels
        Words for fields; others stand as they are.
    xlabel
        What the ratio is.

    Returns
    -------
    matplotlib.figure.Figure
        Two panels of 183 mm; analyses that failed their diagnostics are open and orange.

    Raises
    ------
    InputError
        If a column is absent, or there is no row.
    """
    own = tuple(rows.attrs.get("fields", ()) if fields is None else fields)
    absent = [name for name in (*_NEEDED, *own) if name not in rows.columns]
    if absent:
        raise InputError(Problem("rows", f"columns are absent: {', '.join(absent)}"))
    if rows.empty:
        raise InputError(Problem("rows", "no analysis is left to draw"))
    ordered = rows.sort_values(["estimate", "cell"], kind="stable", ignore_index=True)
    is_base = ordered["base"].to_numpy(dtype=bool)
    heights = _choice_rows(ordered, own)
    figure, (top, bottom) = plt.subplots(
        2,
        1,
        sharex=True,
        figsize=(DOUBLE_COLUMN, (_CURVE_HEIGHT + _ROW * (len(heights) + 2 * len(own))) * POINT),
        height_ratios=[_CURVE_HEIGHT, max(_ROW * (len(heights) + 2 * len(own)), 1.0)],
        layout="constrained",
    )
    _draw_curve(top, ordered, is_base, xlabel)
    _draw_choices(bottom, ordered, own, heights, is_base, labels or {})
    return figure


def _draw_curve(ax: Axes, rows: pd.DataFrame, is_base: np.ndarray, label: str) -> None:
    tidy(ax)
    place = np.arange(len(rows))
    failed = (rows["status"] != "good").to_numpy()
    size = float(np.clip(260.0 / len(rows), 1.6, 4.0))
    for chosen, color, open_marker in (
        (~failed & ~is_base, POSTERIOR_COLOR, False),
        (failed & ~is_base, _FAILED, True),
        (is_base, _BASE, False),
    ):
        own = rows[chosen]
        ax.vlines(place[chosen], own["lower"], own["upper"], color=color, linewidth=size / 4.0)
        ax.plot(
            place[chosen],
            own["estimate"],
            linestyle="none",
            marker="o",
            markersize=size,
            color=color,
            markerfacecolor="white" if open_marker else color,
            markeredgewidth=0.7,
        )
    limits = ratio_limits([*rows["lower"], *rows["upper"]])
    ticks = ratio_ticks(limits)
    ax.set_yscale("log")
    ax.set_ylim(*limits)
    ax.yaxis.set_major_locator(FixedLocator(ticks))
    ax.yaxis.set_major_formatter(FixedFormatter([f"{tick:.3g}" for tick in ticks]))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.axhline(1.0, **REFERENCE_LINE)
    ax.set_ylabel(label.replace(", ", ",\n", 1))
    ax.tick_params(axis="x", length=0.0)
    ax.spines["bottom"].set_visible(False)
    handles = [
        Line2D([], [], marker="o", color=color, markersize=3.5, label=text, markerfacecolor=face)
        for shown, text, color, face in (
            ((~failed & ~is_base).any(), "an analysis, 95% interval", POSTERIOR_COLOR, None),
            (is_base.any(), "the model as it is", _BASE, None),
            ((failed & ~is_base).any(), "failed its diagnostics", _FAILED, "white"),
        )
        if shown
    ]
    ax.legend(handles=handles, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=3)


def _choice_rows(rows: pd.DataFrame, fields: Sequence[str]) -> dict[tuple[str, str], float]:
    """Return the height of each field's values, in the order of their mean hazard ratio."""
    heights: dict[tuple[str, str], float] = {}
    at = 0.0
    for field in fields:
        means = rows.groupby(rows[field].astype(str))["estimate"].mean()
        at += 1.0  # the field's own name
        for value in means.sort_values(kind="stable").index:
            heights[field, str(value)] = at
            at += 1.0
        at += _GAP / _ROW
    return heights


def _draw_choices(
    ax: Axes,
    rows: pd.DataFrame,
    fields: Sequence[str],
    heights: Mapping[tuple[str, str], float],
    is_base: np.ndarray,
    labels: Mapping[str, str],
) -> None:
    tidy(ax)
    place = np.arange(len(rows))
    width = float(np.clip(300.0 / len(rows), 0.6, 4.0))
    for field in fields:
        at = np.array([heights[field, value] for value in rows[field].astype(str)])
        for chosen, color in ((~is_base, "0.25"), (is_base, _BASE)):
            ax.vlines(
                place[chosen], at[chosen] - 0.32, at[chosen] + 0.32, color=color, linewidth=width
            )
        first = min(height for (name, _), height in heights.items() if name == field)
        ax.annotate(
            labels.get(field, field),
            (0.0, first - 0.85),
            xycoords=("axes fraction", "data"),
            xytext=(-2.0, 0.0),
            textcoords="offset points",
            ha="right",
            va="center",
            fontweight="bold",
        )
    ax.set_yticks(list(heights.values()), [_short(value) for _, value in heights])
    ax.set_ylim(max(heights.values(), default=0.0) + 0.8, -0.4)
    ax.set_xlim(-0.8, len(rows) - 0.2)
    ax.tick_params(axis="y", length=0.0)
    ax.spines["left"].set_visible(False)
    ax.spines["bottom"].set_linewidth(THIN_LINE)
    ax.xaxis.set_major_locator(NullLocator())
    ax.set_xlabel(f"{len(rows)} analyses, by hazard ratio")


def _short(value: str) -> str:
    text = value or "none"
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "\N{HORIZONTAL ELLIPSIS}"
