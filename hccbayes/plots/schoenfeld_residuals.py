"""Scaled Schoenfeld residuals over time with their smooth: whether a log hazard ratio changes."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedFormatter, FixedLocator

from hccbayes.defaults import FREQUENTIST_COLOR
from hccbayes.errors import InputError, Problem
from hccbayes.plots.curve_steps import check_columns
from hccbayes.plots.p_values import p_relation
from hccbayes.plots.style import (
    BAND_ALPHA,
    REFERENCE_LINE,
    SINGLE_COLUMN,
    TEXT_SIZE,
    choose,
    new_axes,
    publication_style,
)
from hccbayes.plots.synthetic_mark import marks_synthetic

_TIMES: Final = ("time", "transformed_time")
_EVENTS: Final = "events"
_SMOOTH: Final = ("term", "transformed_time", "estimate", "lower", "upper", "interval_prob")
_TEST: Final = ("term", "chi2", "df", "p_value", "reason")
_SCALES: Final = {
    "km": "Time (months, Kaplan\N{EN DASH}Meier scale)",
    "identity": "Time (months)",
    "log": "Time (months, log scale)",
    "rank": "Time (months, scale of ranks)",
}
"""Labels of the axis by transformation of time."""
_MONTHS: Final = (0.25, 0.5, 1.0, 2.0, 3.0, 6.0, 9.0, 12.0, 18.0, 24.0, 30.0, 36.0, 48.0, 60.0)
_LEAST_GAP: Final = 0.08
"""Share of the axis between two named months."""
_HEIGHT: Final = 2.75
"""Inches."""
_LINE_LENGTH: Final = 52
"""Characters of a line above the axes that fit into a journal column."""


@marks_synthetic
@publication_style()
def schoenfeld(
    residuals: pd.DataFrame,
    *,
    term: str,
    smooth: pd.DataFrame | None = None,
    tests: pd.DataFrame | None = None,
    coefficient: float | None = None,
    transform: str = "km",
    months: pd.DataFrame | None = None,
    labels: Mapping[str, str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw one term's log hazard ratio as each event tells it, and smoothed over time.

    Under proportional hazards the smooth is level at the coefficient.

    Parameters
    ----------
    residuals
        ``residuals`` of :func:`hccbayes.frequentist.schoenfeld.proportional_hazards_test`: scaled
        residuals plus the coefficient. Events without one for the term are counted in the legend.
        With a column ``events`` each row is the mean of so many events.
    term
        A column of it.
    smooth
        From :func:`hccbayes.frequentist.schoenfeld_smooth.schoenfeld_smooth`.
    tests
        ``table`` of the same test: its chi-squared and p-value stand above the axes.
    coefficient
        Log hazard ratio of the Cox model, drawn as a dashed line.
    transform
        Of the test, for the axis: ``km``, ``identity``, ``log`` or ``rank``. Months are named at
        their place on the transformed scale.
    months
        ``time`` and ``transformed_time`` along the axis, which places the names of months; the
        residuals' own without it.
    labels
        Words for terms; others stand as they are.
    ax
        Axes to draw on; a new 89 mm figure without it.

    Returns
    -------
    matplotlib.axes.Axes
        Transformed time, named in months, against the log hazard ratio.

    Raises
    ------
    InputError
        If a column is absent, a name is unknown, or the term has no residual.
    """
    check_columns("residuals", residuals, _TIMES)
    named = [str(name) for name in residuals.columns if name not in (*_TIMES, _EVENTS)]
    choose("term", term, named)
    choose("transform", transform, _SCALES)
    present = residuals[residuals[term].notna()]
    if present.empty:
        raise InputError(Problem("residuals", f"{term} has no residual at any event"))
    curve = None if smooth is None else _of_term("smooth", smooth, _SMOOTH, term)
    test = None if tests is None else _of_term("tests", tests, _TEST, term)
    ax = new_axes(ax, width=SINGLE_COLUMN, height=_HEIGHT)
    ax.axhline(0.0, label="_no effect", **REFERENCE_LINE)
    ax.plot(
        present["transformed_time"].to_numpy(),
        present[term].to_numpy(),
        "o",
        color="0.45",
        markerfacecolor="none",
        markeredgewidth=0.6,
        markersize=2.8,
        label=_points(residuals, len(present)),
    )
    if curve is not None:
        _draw_smooth(ax, curve)
    if coefficient is not None:
        look: dict[str, Any] = {"color": FREQUENTIST_COLOR, "linestyle": "--", "linewidth": 0.9}
        ax.axhline(coefficient, label="Coefficient of the Cox model", **look)
    _name_months(ax, residuals if months is None else months)
    ax.set_xlabel(_SCALES[transform])
    ax.set_ylabel("Log hazard ratio")
    title = textwrap.fill((labels or {}).get(term, term), _LINE_LENGTH)
    _legend(ax, title if test is None else f"{title}\n{_test_words(test)}")
    return ax


def _points(residuals: pd.DataFrame, present: int) -> str:
    """Return what a point is and how many there are."""
    if _EVENTS in residuals.columns:
        least, most = int(residuals[_EVENTS].min()), int(residuals[_EVENTS].max())
        events = str(least) if least == most else f"{least} or {most}"
        return f"Mean scaled residual of {events} events ({present})"
    count = f"{present} of {len(residuals)}" if present < len(residuals) else present
    return f"Scaled residual of an event ({count})"


def _of_term(where: str, table: pd.DataFrame, columns: Sequence[str], term: str) -> pd.DataFrame:
    check_columns(where, table, columns)
    choose(where, term, table["term"].drop_duplicates().tolist())
    return table[table["term"] == term]


def _draw_smooth(ax: Axes, curve: pd.DataFrame) -> None:
    at, estimate, lower, upper = (
        curve[name].to_numpy() for name in ("transformed_time", "estimate", "lower", "upper")
    )
    ax.fill_between(at, lower, upper, color=FREQUENTIST_COLOR, alpha=BAND_ALPHA, linewidth=0)
    label = f"Natural spline, {float(curve['interval_prob'].iloc[0]):.0%} pointwise band"
    ax.plot(at, estimate, color=FREQUENTIST_COLOR, label=label)


def _name_months(ax: Axes, axis: pd.DataFrame) -> None:
    """Put the names of round months where they are on the transformed scale."""
    pairs = axis[list(_TIMES)].drop_duplicates("time").sort_values("time")
    times, places = pairs["time"].to_numpy(), pairs["transformed_time"].to_numpy()
    low, high = float(places.min()), float(places.max())
    margin = 0.03 * (high - low) or 1.0
    ax.set_xlim(low - margin, high + margin)
    ticks: dict[float, float] = {}
    # From the latest: late months are few, and crowded where time is by events.
    years = np.arange(72.0, times[-1] + 1.0, 12.0).tolist()
    for month in sorted((*_MONTHS, *years), reverse=True):
        place = float(np.interp(month, times, places))
        gaps = [abs(place - other) for other in ticks.values()]
        if times[0] <= month <= times[-1] and min(gaps, default=np.inf) > _LEAST_GAP * (high - low):
            ticks[month] = place
    ax.xaxis.set_major_locator(FixedLocator(list(ticks.values())))
    ax.xaxis.set_major_formatter(FixedFormatter([f"{month:g}" for month in ticks]))


def _test_words(test: pd.DataFrame) -> str:
    row = test.iloc[0]
    if row["reason"]:
        return textwrap.fill(f"No test of proportional hazards: {row['reason']}", _LINE_LENGTH)
    numbers = f"\N{GREEK SMALL LETTER CHI}\N{SUPERSCRIPT TWO} = {float(row['chi2']):.2f}"
    return (
        "Score test of proportional hazards:\n"
        f"{numbers}, {int(row['df'])} df, {p_relation(float(row['p_value']))}"
    )


def _legend(ax: Axes, title: str) -> None:
    ax.legend(
        title=title,
        title_fontsize=TEXT_SIZE,
        alignment="left",
        loc="lower left",
        bbox_to_anchor=(0.0, 1.02),
        borderaxespad=0.0,
        borderpad=0.0,
    )
