"""Hazard ratios of treatment: printed, Cox and Bayesian, all treated over control."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from hccbayes.defaults import FREQUENTIST_COLOR, POSTERIOR_COLOR, PRIOR_COLOR
from hccbayes.plots.ratio_axis import add_favors, add_text_column, set_ratio_axis
from hccbayes.plots.style import DOUBLE_COLUMN, POINT, new_axes, publication_style
from hccbayes.plots.synthetic_mark import marks_synthetic
from reproduction_entry import BY_RULE
from reproduction_page import SAMPLES
from reproduction_record import leading

SOURCES: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "printed": ("Printed", {"marker": "D", "color": PRIOR_COLOR}),
    "frequentist": ("Cox, synthetic cohort", {"marker": "s", "color": FREQUENTIST_COLOR}),
    "bayes": ("Bayes, synthetic cohort", {"marker": "o", "color": POSTERIOR_COLOR}),
}
"""Columns of the rows with their name and look, from top to bottom."""
LOWEST: Final = 1 / 16
HIGHEST: Final = 2.0
"""Ends of the axis; the test asks whether they hold every interval."""
_STEP: Final = 0.24
_ROW_HEIGHT: Final = 22.0
_UPSIDE_DOWN: Final = "control / treated"
_NAME_COLUMNS: Final = -205.0


@dataclass(frozen=True, slots=True)
class _Interval:
    estimate: float
    lower: float
    upper: float


@marks_synthetic
@publication_style()
def treatment_figure(rows: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw the hazard ratios of treatment of the rows, first row on top.

    Parameters
    ----------
    rows
        The rows of the page; ``attrs["synthetic"]`` marks the figure.
    ax
        Axes to draw on; a new figure without it.
    """
    own = rows[rows["item"].isin(["treated / control", _UPSIDE_DOWN])]
    own = own[(own["frequentist"] != "not computed") & (own["quantity"] != BY_RULE)]
    own = own.reset_index(drop=True)
    ax = new_axes(ax, width=DOUBLE_COLUMN, height=(len(own) * _ROW_HEIGHT + 84.0) * POINT)
    found = [{name: _interval(row, name) for name in SOURCES} for _, row in own.iterrows()]
    ax.set_ylim(len(own) - 0.4, -0.6)
    set_ratio_axis(ax, (LOWEST, HIGHEST))
    ax.spines["left"].set_visible(False)
    ax.set_yticks([])
    for height, parts in enumerate(found):
        for place, (name, part) in enumerate(parts.items()):
            _draw(ax, part, height + (place - 1) * _STEP, SOURCES[name][1])
    heights = [float(height) for height in range(len(own))]
    names = [_name(row) for _, row in own.iterrows()]
    add_text_column(ax, heights, names, header="Study, analysis", side=0.0, shift=_NAME_COLUMNS)
    label = "Hazard ratio, treated over control (log scale), 95% interval"
    add_favors(ax, 1.0, ("Favors", "treated"), ("Favors", "control"), xlabel=label)
    handles = [
        Line2D([], [], linewidth=0.9, markersize=3.6, label=text, **look)
        for text, look in SOURCES.values()
    ]
    ax.legend(handles=handles, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)
    return ax


def _interval(row: pd.Series, column: str) -> _Interval:
    estimate, lower, upper = leading(row[column])
    if row["item"] == _UPSIDE_DOWN:
        return _Interval(1 / estimate, 1 / upper, 1 / lower)
    return _Interval(estimate, lower, upper)


def _draw(ax: Axes, part: _Interval, height: float, look: dict[str, Any]) -> None:
    if math.isnan(part.estimate):
        return
    ax.plot([part.lower, part.upper], [height, height], color=look["color"], linewidth=0.9)
    ax.plot(part.estimate, height, linestyle="none", markersize=3.6, **look)


def _name(row: pd.Series) -> str:
    kind = row["quantity"].removeprefix("hazard ratio").removeprefix(", ")
    text = f", {kind}" if kind else ""
    study = "Lu2025, null" if row["study"] == "lu2025_immortal_null" else row["study"]
    return f"{study}, {row['endpoint']}, {SAMPLES[row['sample']]}{text}"
