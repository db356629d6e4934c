"""Bayesian against frequentist log hazard ratios, term by term."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from hccbayes.defaults import FREQUENTIST_COLOR, POSTERIOR_COLOR
from hccbayes.errors import InputError, Problem
from hccbayes.plots.ratio_axis import add_text_column, set_linear_axis
from hccbayes.plots.style import (
    DOUBLE_COLUMN,
    POINT,
    choose,
    new_axes,
    publication_style,
)
from hccbayes.plots.synthetic_mark import marks_synthetic

CROSSCHECK_COLUMNS: Final = (
    "term",
    "method",
    "bayes",
    "bayes_sd",
    "frequentist",
    "frequentist_se",
    "difference_in_sd",
    "prior",
)
"""Columns the figure reads."""
_ROW: Final = 13.0
"""Points a row."""
_DODGE: Final = 0.17
"""Rows by which the two estimates lie above and below their row."""


@marks_synthetic
@publication_style()
def crosscheck(
    crosscheck: pd.DataFrame,
    *,
    prior: Literal["reference", "analysis"] = "reference",
    methods: Collection[str] | None = None,
    labels: Mapping[str, str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw each term's Bayesian and frequentist log hazard ratio, joined, one row a term.

    Thin lines reach one posterior standard deviation or one standard error to each side; the
    right-hand column gives the difference in posterior standard deviations.

    Parameters
    ----------
    crosscheck
        Columns :data:`CROSSCHECK_COLUMNS`, one row a term, method and prior.
    prior
        ``reference``: the near-flat prior, where both should agree. ``analysis``: the prior of
        the analysis, where the difference is what the prior did.
    methods
        Frequentist methods to show; all without it, each named in its row.
    labels
        Words for terms and methods; others stand as they are.
    ax
        Axes to draw on; a new 183 mm figure without it.

    Returns
    -------
    matplotlib.axes.Axes
        Log hazard ratios against terms, the first on top.

    Raises
    ------
    InputError
        If a column is absent, a name is unknown, or no row is left.
    """
    rows = _rows(crosscheck, prior, methods)
    words = labels or {}
    heights = np.arange(len(rows), dtype=float)
    ax = new_axes(ax, width=DOUBLE_COLUMN, height=(len(rows) * _ROW + 66.0) * POINT)
    ends = _draw_side(ax, rows, "bayes", heights - _DODGE)
    ends += _draw_side(ax, rows, "frequentist", heights + _DODGE)
    for height, bayes, other in zip(heights, rows["bayes"], rows["frequentist"], strict=True):
        pair = [height - _DODGE, height + _DODGE]
        ax.plot([bayes, other], pair, color="0.6", linewidth=0.8, zorder=1, label="_pair")
    set_linear_axis(ax, ends, null=0.0)
    ax.set_yticks(heights, _names(rows, words))
    ax.tick_params(axis="y", length=0.0)
    ax.spines["left"].set_visible(False)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.set_xlabel("Log hazard ratio")
    texts = [_difference(value) for value in rows["difference_in_sd"]]
    add_text_column(ax, heights.tolist(), texts, header="Difference (SD)", side=1.0, shift=9.0)
    _legend(ax, prior)
    return ax


def _difference(value: float) -> str:
    if math.isnan(value):
        return "not estimable"
    return f"{value:+z.2f}".replace("-", "\N{MINUS SIGN}")


def _rows(crosscheck: pd.DataFrame, prior: str, methods: Collection[str] | None) -> pd.DataFrame:
    absent = [name for name in CROSSCHECK_COLUMNS if name not in crosscheck.columns]
    if absent:
        raise InputError(Problem("crosscheck", f"columns are absent: {', '.join(absent)}"))
    choose("prior", prior, list(dict.fromkeys(crosscheck["prior"])))
    wanted = crosscheck["prior"] == prior
    for method in methods or ():
        choose("methods", method, list(dict.fromkeys(crosscheck["method"])))
    if methods is not None:
        wanted &= crosscheck["method"].isin(list(methods))
    if not wanted.any():
        raise InputError(Problem("crosscheck", "no row is left to draw"))
    return crosscheck.loc[wanted]


def _names(rows: pd.DataFrame, words: Mapping[str, str]) -> list[str]:
    terms = [words.get(term, term) for term in rows["term"]]
    if rows["method"].nunique() == 1:
        return terms
    methods = [words.get(method, method) for method in rows["method"]]
    return [f"{term}, {method}" for term, method in zip(terms, methods, strict=True)]


_LOOKS: Final[dict[str, dict[str, Any]]] = {
    "bayes": {"marker": "o", "color": POSTERIOR_COLOR, "markerfacecolor": POSTERIOR_COLOR},
    "frequentist": {"marker": "s", "color": FREQUENTIST_COLOR, "markerfacecolor": "white"},
}
_SPREADS: Final = {"bayes": "bayes_sd", "frequentist": "frequentist_se"}


def _draw_side(ax: Axes, rows: pd.DataFrame, side: str, heights: Any) -> list[float]:
    """Draw one side's points and lines; return the ends of the lines."""
    points, spread = rows[side].to_numpy(), rows[_SPREADS[side]].to_numpy()
    look = _LOOKS[side]
    ax.hlines(heights, points - spread, points + spread, color=look["color"], linewidth=0.8)
    ax.plot(points, heights, linestyle="none", markersize=4.0, markeredgewidth=0.9, **look)
    return [*(points - spread).tolist(), *(points + spread).tolist()]


def _legend(ax: Axes, prior: str) -> None:
    texts = {
        "bayes": f"Bayesian, {prior} prior (\N{PLUS-MINUS SIGN}1 SD)",
        "frequentist": "Frequentist (\N{PLUS-MINUS SIGN}1 SE)",
    }
    handles = [
        Line2D([], [], linewidth=0.8, markersize=4.0, label=text, **_LOOKS[side])
        for side, text in texts.items()
    ]
    ax.legend(
        handles=handles,
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        ncols=2,
        borderaxespad=0.0,
        columnspacing=1.2,
    )
