"""Which unmeasured confounder would overturn a result, beside the covariates that were measured."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from hccbayes.defaults import SENSITIVITY_PROB
from hccbayes.errors import InputError, Problem
from hccbayes.plots.ratio_axis import text_width
from hccbayes.plots.style import (
    LINE_WIDTH,
    REFERENCE_LINE,
    SINGLE_COLUMN,
    TEXT_SIZE,
    THIN_LINE,
    figure_of,
    new_axes,
    publication_style,
)
from hccbayes.plots.synthetic_mark import marks_synthetic

_LEVELS: Final = (0.5, 0.8, 0.99)
"""Thin lines beside the bold one."""
_RATIO_TICKS: Final = (1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 7.5, 10.0)
_SHADE: Final = "#F0E4D7"
"""Pale orange: where the probability is below the limit."""
_OPPOSITE: Final = {"binary": "no", "continuous": "lower"}
"""Word before a covariate whose absence, or less of it, is what counts."""
_BENCHMARKS: Final = ("term", "kind", "inverse", "hazard_ratio", "difference")
_FEW_TICKS: Final = 140.0
"""Percentage points that have a tick every 20."""
_MARGIN: Final = 10.0
"""Percentage points beyond the outermost line or covariate."""
_LINE: Final = 9.0
"""Points a line of names takes."""
_ASIDE: Final = 16.0
"""Points from the last marker to the names."""
_MOST_ROOM: Final = 0.6
"""Share of the axes that names may take."""


@marks_synthetic
@publication_style()
def tipping(
    grid: xr.Dataset,
    benchmarks: pd.DataFrame | None = None,
    *,
    labels: Mapping[str, str] | None = None,
    prob: float = SENSITIVITY_PROB,
    ax: Axes | None = None,
) -> Axes:
    """Draw contours of P(HR < threshold) over confounders, and measured covariates as points.

    The confounders that leave less than `prob` are shaded, and their border is bold. A covariate
    inside says that another one like it, not measured, would be enough.

    Parameters
    ----------
    grid
        From :func:`hccbayes.sensitivity.tipping_grid`: ``prob`` over ``log_confounder_hr`` and
        ``difference``.
    benchmarks
        From :func:`hccbayes.sensitivity.covariate_benchmarks`. A covariate with prevalences other
        than the grid's stands at its own hazard ratio and difference; its column ``prob`` is the
        exact number.
    labels
        Words for terms, after "no" or "lower" where a covariate is turned; others stand as they
        are. A single column has room for about 30 letters.
    prob
        Probability whose contour is bold.
    ax
        Axes to draw on; a new 89 mm figure without it.

    Returns
    -------
    matplotlib.axes.Axes
        Difference of prevalences in percentage points against the confounder's hazard ratio.

    Raises
    ------
    InputError
        If a variable or column is absent, the grid has fewer than two points a side, or `prob` is
        not between 0 and 1.
    """
    _check(grid, benchmarks, prob)
    ax = new_axes(ax, width=SINGLE_COLUMN, height=2.9)
    x = 100.0 * grid["difference"].to_numpy()
    y = np.exp(grid["log_confounder_hr"].to_numpy())
    ax.set_yscale("log")
    ax.set_xlim(*_frame(x, grid["prob"].min("log_confounder_hr").to_numpy(), benchmarks))
    ax.set_ylim(y[0], y[-1])
    _draw_contours(ax, x, y, grid["prob"].transpose("log_confounder_hr", "difference"), prob)
    ax.axvline(0.0, **REFERENCE_LINE)
    _set_axis(ax, grid)
    if benchmarks is not None:
        _draw_benchmarks(ax, benchmarks, labels or {})
    _set_difference_ticks(ax)
    return ax


def _check(grid: xr.Dataset, benchmarks: pd.DataFrame | None, prob: float) -> None:
    problems = []
    sides = ("log_confounder_hr", "difference")
    if "prob" not in grid or set(grid["prob"].dims) != set(sides):
        problems.append(Problem("grid", f"needs `prob` over {' and '.join(sides)}"))
    elif min(grid.sizes[side] for side in sides) < 2:
        problems.append(Problem("grid", "needs two points or more a side"))
    if not 0.0 < prob < 1.0:
        problems.append(Problem("prob", f"must be between 0 and 1, not {prob!r}"))
    columns = benchmarks.columns if benchmarks is not None else _BENCHMARKS
    absent = [name for name in _BENCHMARKS if name not in columns]
    if absent:
        problems.append(Problem("benchmarks", f"columns are absent: {', '.join(absent)}"))
    if problems:
        raise InputError(problems)


def _frame(
    x: np.ndarray, least: np.ndarray, benchmarks: pd.DataFrame | None
) -> tuple[float, float]:
    """Return the limits of the differences, without the side on which nothing happens.

    A side is drawn as far as the outermost line or covariate, and 20 points at least.
    """
    points = np.array([]) if benchmarks is None else 100.0 * benchmarks["difference"].to_numpy()
    lines = x[least < max(_LEVELS)]
    reach = np.concatenate([[-_MARGIN, _MARGIN], lines, points])
    low, high = reach.min() - _MARGIN, reach.max() + _MARGIN
    return max(float(x[0]), float(low)), min(float(x[-1]), float(high))


def _draw_contours(
    ax: Axes, x: np.ndarray, y: np.ndarray, values: xr.DataArray, prob: float
) -> None:
    """Shade what lies below the limit and draw the lines that the grid crosses."""
    heights = values.to_numpy()
    low, high = float(heights.min()), float(heights.max())
    if low < prob:
        ax.contourf(x, y, heights, levels=[-1.0, prob], colors=[_SHADE], zorder=0.2)
    inside = [level for level in sorted({*_LEVELS, prob}) if low < level < high]
    if not inside:
        return
    widths = [1.6 * LINE_WIDTH if level == prob else THIN_LINE for level in inside]
    lines = ax.contour(x, y, heights, levels=inside, colors="black", linewidths=widths, zorder=1.0)
    ax.clabel(lines, fmt=lambda level: f"{level:g}", fontsize=TEXT_SIZE, inline_spacing=2)


def _draw_benchmarks(ax: Axes, benchmarks: pd.DataFrame, words: Mapping[str, str]) -> None:
    """Mark the covariates in the frame; one beyond it stands at the edge with an arrow head."""
    low, high = ax.get_xlim()
    top = ax.get_ylim()[1]
    spots: list[tuple[float, float, str]] = []
    for row in benchmarks.to_dict("records"):
        at = 100.0 * float(row["difference"]), float(row["hazard_ratio"])
        x, y = min(max(at[0], low), high), min(at[1], top)
        marker = "o"
        if at[1] > top:
            marker = "^"
        elif at[0] != x:
            marker = "<" if at[0] < low else ">"
        ax.plot(
            x,
            y,
            marker=marker,
            color="black",
            markerfacecolor="white",
            markersize=4.2,
            markeredgewidth=0.9,
            linestyle="none",
            clip_on=False,
            zorder=4.0,
            label=f"_{row['term']}",
        )
        name = words.get(str(row["term"]), str(row["term"]))
        spots.append((x, y, f"{_OPPOSITE[row['kind']]} {name}" if row["inverse"] else name))
    _write(ax, spots)


def _write(ax: Axes, spots: list[tuple[float, float, str]]) -> None:
    """Write the names in one column right of all markers, each with a thin line to its own.

    Covariates differ little between arms and crowd: beside their markers the names would cover each
    other. They stand in the markers' order, a text's height apart, around the middle of them.
    """
    if not spots:
        return
    order = sorted(spots, key=lambda spot: (spot[1], -spot[0]))
    figure = figure_of(ax)
    _make_room(ax, order)
    figure.draw_without_rendering()  # the layout decides what a point of text is in data
    pixels = figure.dpi / 72.0
    places = np.array([ax.transData.transform(spot[:2]) for spot in order]) / pixels
    heights = _spread(places[:, 1], ax.get_window_extent().y0 / pixels)
    # Stated in data, a column stays straight when the layout makes room for a long name.
    at = np.column_stack([np.full(len(order), places[:, 0].max() + _ASIDE), heights])
    for (x, y, name), text in zip(
        order, ax.transData.inverted().transform(at * pixels), strict=True
    ):
        ax.annotate(
            name,
            xy=(x, y),
            xytext=(float(text[0]), float(text[1])),
            ha="left",
            va="center",
            fontsize=TEXT_SIZE,
            arrowprops={
                "arrowstyle": "-",
                "color": "0.45",
                "linewidth": 0.4,
                "relpos": (0.0, 0.5),
                "shrinkA": 1.0,
                "shrinkB": 2.5,
            },
            zorder=3.5,
        )


def _make_room(ax: Axes, spots: list[tuple[float, float, str]]) -> None:
    """Move the right limit until the names fit between it and the markers, if they can."""
    figure = figure_of(ax)
    figure.draw_without_rendering()
    width = ax.get_window_extent().width / (figure.dpi / 72.0)
    share = min((_ASIDE + text_width(name for *_, name in spots)) / width, _MOST_ROOM)
    low, high = ax.get_xlim()
    last = max(x for x, _, _ in spots)
    ax.set_xlim(low, max(high, (last - low * share) / (1.0 - share)))


def _spread(places: np.ndarray, floor: float) -> np.ndarray:
    """Return increasing heights a line apart, as near to sorted `places` as their middle can be."""
    steps = _LINE * np.arange(len(places))
    # The running maximum keeps order and distance; its excess is shared between both ends.
    up = np.maximum.accumulate(places - steps) + steps
    down = np.minimum.accumulate((places - steps)[::-1])[::-1] + steps
    middle = 0.5 * (up + down)
    return np.asarray(middle + max(0.0, floor + 0.5 * _LINE - middle[0]))


def _set_axis(ax: Axes, grid: xr.Dataset) -> None:
    low, high = ax.get_ylim()
    ticks = [tick for tick in _RATIO_TICKS if low <= tick <= high * (1.0 + 1e-9)]
    ax.yaxis.set_major_locator(FixedLocator(ticks))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.set_ylabel("Hazard ratio of the confounder")
    ax.set_xlabel("Difference of prevalences,\ntreated minus control (percentage points)")
    threshold = grid.attrs.get("threshold", 1.0)
    ax.set_title(f"P(hazard ratio < {threshold:g}) with the confounder", loc="left")


def _set_difference_ticks(ax: Axes) -> None:
    """Put ticks every 20 or 40 points; right of 100 there is room for names and no difference."""
    left, right = ax.get_xlim()
    step = 20.0 if right - left <= _FEW_TICKS else 40.0
    first, last = math.ceil(left / step), math.floor(min(right, 100.0) / step)
    ax.xaxis.set_major_locator(FixedLocator([step * at for at in range(first, last + 1)]))
