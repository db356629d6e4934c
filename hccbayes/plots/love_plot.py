"""The love plot: every covariate's imbalance before and after adjustment (Love 2002)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import ScaledTranslation

from hccbayes import defaults
from hccbayes.errors import InputError, Problem
from hccbayes.plots.draws import equal_tailed
from hccbayes.plots.ratio_axis import add_text_column, text_width
from hccbayes.plots.style import POINT, SINGLE_COLUMN, figure_of, new_axes, publication_style
from hccbayes.plots.synthetic_mark import marks_synthetic

LOVE_COLUMNS: Final = ("term", "kind", "statistic", "unadjusted", "adjusted")
"""Columns the figure reads."""
STATISTIC: Final = "smd"
_ROW: Final = 11.0
"""Points a row."""
_AROUND: Final = 62.0
"""Points of the axis below the rows and the legend above them."""
_MARKER: Final[dict[str, Any]] = {
    "marker": "o",
    "color": "black",
    "linestyle": "none",
    "markeredgewidth": 0.8,
    "clip_on": False,
}
_LOOKS: Final[dict[str, dict[str, Any]]] = {
    "unadjusted": {"markerfacecolor": "white", "markersize": 5.6, "zorder": 2.0},
    "adjusted": {"markerfacecolor": "black", "markersize": 2.4, "zorder": 3.0},
}
_NOTE_GAP: Final = 5.0
"""Points between the axes and the words right of them."""
_SIGNS: Final = {"unadjusted": "\N{WHITE CIRCLE}", "adjusted": "\N{BLACK CIRCLE}"}
_THRESHOLD: Final[dict[str, Any]] = {"color": "0.35", "linewidth": 0.8, "linestyle": (0, (4, 2))}


@marks_synthetic
@publication_style()
def love(
    balance: pd.DataFrame,
    *,
    labels: Mapping[str, str] | None = None,
    threshold: float = defaults.SMD_LIMIT,
    by_draw: xr.DataArray | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw absolute standardized mean differences, one row a term, the least balanced on top.

    Rows are sorted by the unadjusted difference. One that is infinite or not estimable stands in
    words right of its row, after the sign of its marker. Without weights there are open circles
    alone.

    Parameters
    ----------
    balance
        From :func:`hccbayes.balance.balance_table`; rows of other statistics are left aside.
    labels
        Words for terms; others stand as they are.
    threshold
        Absolute difference at which the line stands.
    by_draw
        From :func:`hccbayes.balance.balance_over_draws`, dims ``draw`` and ``term``: adds a 95%
        equal-tailed interval of the absolute difference over draws of the score. Factors as a whole
        have none. An adjusted difference with weights of one score may lie outside of it.
    ax
        Axes to draw on; a new 89 mm figure without it.

    Returns
    -------
    matplotlib.axes.Axes
        Absolute standardized mean difference against terms.

    Raises
    ------
    InputError
        If a column is absent, no row is left, a term stands there twice, draws are absent for a
        term or not finite, or the threshold is no positive number.
    """
    if not 0.0 < threshold < math.inf:
        raise InputError(Problem("threshold", f"must be a number above 0, not {threshold!r}"))
    rows = _rows(balance)
    limits = None if by_draw is None else _limits(by_draw, rows)
    sides = [side for side in _LOOKS if side == "unadjusted" or rows[side].notna().any()]
    heights = np.arange(len(rows), dtype=float)
    ax = new_axes(ax, width=SINGLE_COLUMN, height=(len(rows) * _ROW + _AROUND) * POINT)
    drawn = [rows[side].to_numpy() for side in sides]
    _set_axis(ax, rows, labels or {}, np.concatenate([*drawn, _ends(limits), [threshold]]))
    ax.axvline(threshold, zorder=1.0, label="_threshold", **_THRESHOLD)
    if limits is not None:
        _draw_intervals(ax, limits, rows)
    for side in sides:
        finite = np.isfinite(rows[side].to_numpy())
        at = rows[side].to_numpy()[finite]
        ax.plot(at, heights[finite], label=f"_{side}", **(_MARKER | _LOOKS[side]))
    notes = [_note(row, sides) for row in rows.to_dict("records")]
    add_text_column(ax, heights.tolist(), notes, header="", side=1.0, shift=_NOTE_GAP)
    beyond = _NOTE_GAP + text_width(notes) if any(notes) else 0.0
    _legend(ax, sides, threshold, beyond, interval=limits is not None)
    return ax


def _rows(balance: pd.DataFrame) -> pd.DataFrame:
    """Return the absolute differences, the largest unadjusted one first, missing ones last."""
    absent = [name for name in LOVE_COLUMNS if name not in balance.columns]
    if absent:
        known = ", ".join(LOVE_COLUMNS)
        message = f"columns are absent: {', '.join(absent)}; needed are {known}"
        raise InputError(Problem("balance table", message))
    rows = balance.loc[balance["statistic"] == STATISTIC, list(LOVE_COLUMNS)]
    if rows.empty:
        raise InputError(Problem("balance table", f"no row of statistic `{STATISTIC}` is there"))
    twice = rows["term"][rows["term"].duplicated()].unique()
    if len(twice):
        message = f"one row a term is drawn; choose one table or center: {', '.join(twice)}"
        raise InputError(Problem("balance table", message))
    rows = rows.assign(unadjusted=rows["unadjusted"].abs(), adjusted=rows["adjusted"].abs())
    return rows.sort_values("unadjusted", ascending=False, kind="stable", ignore_index=True)


def _limits(by_draw: xr.DataArray, rows: pd.DataFrame) -> xr.DataArray:
    """Return the interval of the absolute difference, dims ``bound, term``, of the rows' terms."""
    if set(by_draw.dims) != {"draw", "term"}:
        dims = ", ".join(str(dim) for dim in by_draw.dims)
        raise InputError(Problem("by_draw", f"needs the dimensions draw and term, not {dims}"))
    known = [str(term) for term in by_draw["term"].to_numpy()]
    columns = rows.loc[rows["kind"] != "factor", "term"]
    absent = [term for term in columns if term not in known]
    if absent:
        message = f"holds no draw of {', '.join(absent)}; its terms are {', '.join(known)}"
        raise InputError(Problem("by_draw", message))
    # An infinite difference stands in words; its draws have no interval.
    finite = rows.loc[np.isfinite(rows["adjusted"]), "term"]
    draws = by_draw.sel(term=[term for term in finite if term in known])
    reach = abs(draws).max("draw", skipna=False)
    wrong = [term for term in finite if term in known and not math.isfinite(reach.sel(term=term))]
    if wrong:
        raise InputError(Problem("by_draw", f"has draws that are not finite: {', '.join(wrong)}"))
    return equal_tailed(abs(draws), defaults.INTERVAL_PROB, ("draw",))


def _ends(limits: xr.DataArray | None) -> Any:
    return np.array([]) if limits is None else limits.to_numpy().ravel()


def _set_axis(
    ax: Axes, rows: pd.DataFrame, words: Mapping[str, str], values: Iterable[float]
) -> None:
    """Start the axis at zero, end it beyond every finite value, and name the rows."""
    largest = max(float(value) for value in values if math.isfinite(value))
    ax.set_xlim(0.0, 1.06 * largest)
    ax.xaxis.set_major_locator(MaxNLocator(4))
    ax.set_xlabel("Absolute standardized\nmean difference")
    ax.set_yticks(range(len(rows)), [words.get(term, term) for term in rows["term"]])
    ax.tick_params(axis="y", length=0.0, pad=5.0)  # clear of the markers at zero
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.grid(axis="y", color="0.9", linewidth=0.6)
    ax.set_axisbelow(True)


def _draw_intervals(ax: Axes, limits: xr.DataArray, rows: pd.DataFrame) -> None:
    place = {term: height for height, term in enumerate(rows["term"])}
    for term in limits["term"].to_numpy():
        ends = limits.sel(term=term).to_numpy()
        height = place[str(term)]
        ax.plot(ends, [height, height], color="black", linewidth=1.0, zorder=2.5, label="_interval")


def _note(row: Mapping[Any, Any], sides: list[str]) -> str:
    """Return what no marker can show, the marker as a sign before it, to be short."""
    said: dict[str, str] = {}
    for side in sides:
        if not math.isfinite(row[side]):
            what = "not estimable" if math.isnan(row[side]) else "\N{INFINITY}"
            said[what] = said.get(what, "") + _SIGNS[side]
    return " ".join(f"{signs} {what}" for what, signs in said.items())


def _legend(ax: Axes, sides: list[str], threshold: float, beyond: float, *, interval: bool) -> None:
    """Put the legend above all columns; it ends some points `beyond` the axes, as the notes do."""
    words = {side: side.capitalize() for side in sides}
    if interval:
        words["adjusted"] = f"Adjusted, {defaults.INTERVAL_PROB:.0%} interval over draws"
    handles = [
        Line2D(
            [],
            [],
            marker="o",
            color="black",
            linewidth=1.0 if interval and side == "adjusted" else 0.0,
            markeredgewidth=0.8,
            label=word,
            **_LOOKS[side],
        )
        for side, word in words.items()
    ]
    handles.append(Line2D([], [], label=f"Threshold {threshold:g}", **_THRESHOLD))
    reach = ScaledTranslation(beyond * POINT, 0.0, figure_of(ax).dpi_scale_trans)
    ax.legend(
        handles=handles,
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
        bbox_transform=ax.transAxes + reach,
        ncols=2 if interval else len(handles),
        borderaxespad=0.0,
        columnspacing=1.0,
        handletextpad=0.4,
        handlelength=1.8,
    )
