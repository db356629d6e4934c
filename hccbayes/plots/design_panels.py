"""One contrast under several designs: hazard ratio, survival and restricted mean side by side."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import ScaledTranslation

from hccbayes.defaults import FREQUENTIST_COLOR, POSTERIOR_COLOR
from hccbayes.errors import InputError, Problem
from hccbayes.plots.design_rows import PANELS, SOURCES, Panel, design_rows, panel_rows
from hccbayes.plots.forest_rows import COLUMN_GAP, LINE, WIDTHS, Layout, prepare_axis, write
from hccbayes.plots.interval_forest import format_interval
from hccbayes.plots.ratio_axis import ratio_limits, ratio_ticks, set_linear_axis, text_width
from hccbayes.plots.style import (
    LABEL_SIZE,
    POINT,
    TEXT_SIZE,
    choose,
    figure_of,
    publication_style,
    tidy,
)
from hccbayes.plots.synthetic_mark import marks_synthetic

NAIVE: Final = "naive"
"""First word of the label of the design that has immortal time."""
_AS_LABELED: Final = "naive (as labeled)"
_ROW: Final = 23.0
"""Points of a design."""
_APART: Final = 0.2
"""Rows of each estimate from the middle of its design."""
_NAME_LENGTH: Final = 21
"""Characters of a design's label on a line."""
_LABEL_LENGTH: Final = 24
"""Characters of an axis's label on a line."""
_MOST_TICKS: Final = 4
"""Of ratios, beyond which only the ends and 1 have one."""
_OVERHEAD: Final = {"one_column": 72.0, "two_columns": 76.0}
"""Points of a panel besides its rows."""
_LEGEND: Final = 14.0
"""Points of the legend."""
_LETTER: Final = 3.9
"""Points of a letter of the footnote, or a little more."""
_LOOKS: Final[dict[str, dict[str, Any]]] = {
    "bayes": {"marker": "o", "color": POSTERIOR_COLOR, "linewidth": 2.2, "markersize": 5.0},
    "frequentist": {
        "marker": "s",
        "color": FREQUENTIST_COLOR,
        "linewidth": 0.8,
        "markersize": 3.4,
    },
}
_SHIFTS: Final = {"bayes": -_APART, "frequentist": _APART}


@marks_synthetic
@publication_style()
def design_comparison(
    estimates: pd.DataFrame,
    *,
    order: Sequence[str] | None = None,
    time: float | None = None,
    horizon: float | None = None,
    population: str = "ate",
    methods: Collection[str] | None = None,
    treated: str = "treated",
    footnote: str = "",
    layout: Layout = "two_columns",
    axes: Sequence[Axes] | None = None,
) -> Figure:
    """Draw what each design of an analysis says, Bayesian interval thick and frequentist thin.

    The naive design, which counts patients as treated before they were, has open markers and is
    called naive. What a design has no number of is a dash. An interval that leaves the axis ends
    in an arrow.

    Parameters
    ----------
    estimates
        An estimate table, columns :data:`hccbayes.records.ESTIMATE_COLUMNS`, whose ``model`` is
        the analysis's name, ``": "`` and the design's label.
    order
        Labels of the designs from the top; the others are left out. All in the order of the table
        without it.
    time, horizon
        Months of the survival difference, and to which the restricted mean is taken; the one that
        the table has without it.
    population
        Target whose rows are taken; rows of the sample where an estimand has none of it.
    methods
        Methods to show. Without it all, but of several frequentist rows of a kind that of the
        Bayesian model's counterpart: of clones the one with bootstrap errors, else Cox regression
        (Efron), standardized, or Kaplan-Meier.
    treated
        The treated arm in words, for whom a side of no effect speaks.
    footnote
        What the contrast means, below the figure; beside other axes, below the first of the three.
    layout
        ``two_columns`` has the panels side by side with a common axis of designs, ``one_column``
        one below the other.
    axes
        Three axes to draw on. Columns of text lie outside the axes: use a constrained layout.

    Returns
    -------
    matplotlib.figure.Figure
        Three panels: marginal hazard ratio, difference in survival (in percentage points), and
        difference in restricted mean survival time (months).

    Raises
    ------
    InputError
        If a column is absent, a name or time is unknown, a model has no design's label, no row is
        left, or a design has several rows of the same kind.
    """
    choose("layout", layout, WIDTHS)
    rows, designs = design_rows(estimates, order, population, methods)
    times = {"survival_difference": time, "rmst_difference": horizon}
    chosen = [panel_rows(rows, panel, times.get(panel.estimand)) for panel in PANELS]
    panels = _axes(axes, len(designs), layout, footnote)
    for place, (ax, panel, own) in enumerate(zip(panels, PANELS, chosen, strict=True)):
        _draw_panel(ax, panel, own, designs, treated)
        if layout == "one_column" or not place:
            _name_designs(ax, designs)
    alone = set(figure_of(panels[0]).axes) == set(panels)
    _legend(panels, rows, designs, alone=alone)
    _write_footnote(panels[0], footnote, alone=alone)
    return figure_of(panels[0])


def _axes(axes: Sequence[Axes] | None, designs: int, layout: Layout, footnote: str) -> list[Axes]:
    """Return three axes, in a figure as high as the rows need."""
    if axes is not None:
        given = list(np.ravel(np.array(axes, dtype=object)))
        if len(given) != len(PANELS):
            message = f"must be {len(PANELS)}, one a panel, not {len(given)}"
            raise InputError(Problem("axes", message))
        return given
    width = WIDTHS[layout]
    stacked = len(PANELS) if layout == "one_column" else 1
    lines = len(_footnote_lines(footnote, width))
    panel = designs * _ROW + _OVERHEAD[layout]
    height = stacked * panel + (1 + (layout == "one_column")) * _LEGEND + lines * LINE
    _, made = plt.subplots(
        stacked,
        len(PANELS) // stacked,
        figsize=(width, height * POINT),
        layout="constrained",
    )
    return list(np.ravel(made))


def _draw_panel(
    ax: Axes, panel: Panel, rows: pd.DataFrame, designs: Sequence[str], treated: str
) -> None:
    tidy(ax)
    values = rows[["estimate", "lower", "upper"]].to_numpy().ravel().tolist()
    if panel.null:
        few = len(ratio_ticks(ratio_limits(values))) <= _MOST_TICKS
        prepare_axis(ax, values, 0.0, None, "two_columns" if few else "one_column")
    else:
        set_linear_axis(ax, values, null=panel.null)
        ax.xaxis.set_major_locator(MaxNLocator(4))
        ax.spines["left"].set_visible(False)
        ax.set_yticks([])
    ax.set_ylim(len(designs) - 0.45, -0.55)
    cells = {(row["design"], row["source"]): row for row in rows.to_dict("records")}
    for place, design in enumerate(designs):
        for source, shift in _SHIFTS.items():
            row = cells.get((design, source))
            if row is not None:
                _draw_row(ax, row, place + shift, face="white" if _is_naive(design) else None)
            text = "\N{EN DASH}" if row is None else format_interval(row, panel.digits)
            color = _LOOKS[source]["color"]
            write(ax, text, place + shift, side=1.0, shift=COLUMN_GAP, color=color)
    _head(ax, panel, rows)
    time = float(rows["time"].iloc[0]) if panel.timed and len(rows) else math.nan
    label = panel.label if math.isnan(time) else panel.label.format(time=time)
    side = f"{panel.better} favors {treated}"
    lines = [*textwrap.wrap(label, _LABEL_LENGTH), *textwrap.wrap(side, _LABEL_LENGTH + 3)]
    ax.set_xlabel("\n".join(lines), fontsize=TEXT_SIZE)


def _draw_row(ax: Axes, row: Mapping[Any, Any], height: float, *, face: str | None) -> None:
    """Draw the interval, arrows where it leaves the axis, and the marker where it is on it."""
    low, high = ax.get_xlim()
    look = _LOOKS[str(row["source"])]
    color = look["color"]
    estimate, lower, upper = (float(row[name]) for name in ("estimate", "lower", "upper"))
    if not (math.isnan(lower) or math.isnan(upper)):
        ends = [min(max(end, low), high) for end in (lower, upper)]
        ax.plot(
            ends,
            [height, height],
            color=color,
            linewidth=look["linewidth"],
            solid_capstyle="butt",
            label="_interval",
        )
        for off, end, marker in ((lower < low, low, "<"), (upper > high, high, ">")):
            if off:
                ax.plot(end, height, marker, color=color, markersize=3.5, clip_on=False)
    if low <= estimate <= high:
        shown = look | {"linestyle": "none", "markeredgewidth": 0.9}
        ax.plot(estimate, height, label="_estimate", markerfacecolor=face or color, **shown)


def _head(ax: Axes, panel: Panel, rows: pd.DataFrame) -> None:
    """Write above the numbers what they are."""
    probs = rows["interval_prob"].dropna().unique()
    interval = f"{probs[0]:.0%} interval" if len(probs) == 1 else "interval"
    place: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points"}
    place |= {"va": "bottom"}
    ax.annotate(
        f"{panel.short}\n({interval})",
        xy=(1.0, 1.0),
        xytext=(COLUMN_GAP, 1.0),
        fontweight="bold",
        annotation_clip=False,
        **place,
    )


def _is_naive(design: str) -> bool:
    return design.lower().startswith(NAIVE)


def _name_designs(ax: Axes, designs: Sequence[str]) -> None:
    names = [_AS_LABELED if name.lower() == NAIVE else name for name in designs]
    texts = [textwrap.fill(name, _NAME_LENGTH) for name in names]
    left = -(COLUMN_GAP + text_width(texts))
    for place, text in enumerate(texts):
        write(ax, text, float(place), side=0.0, shift=left)


def _legend(
    panels: Sequence[Axes], rows: pd.DataFrame, designs: Sequence[str], *, alone: bool
) -> None:
    handles = [
        Line2D([], [], label=name, **_LOOKS[source])
        for source, name in SOURCES.items()
        if source in set(rows["source"])
    ]
    if any(_is_naive(design) for design in designs):
        look: dict[str, Any] = {"linestyle": "none", "color": "0.35", "markerfacecolor": "white"}
        handles.append(Line2D([], [], marker="o", markersize=4.5, label="open: naive", **look))
    if not alone:
        rise = ScaledTranslation(0.0, 2.0 * LINE * POINT, figure_of(panels[0]).dpi_scale_trans)
        drawn = panels[0].legend(
            handles=handles,
            ncols=len(handles),
            loc="lower left",
            bbox_to_anchor=(0.0, 1.0),
            bbox_transform=panels[0].transAxes + rise,
        )
        drawn.set_in_layout(False)  # It may reach over the next axes.
        return
    figure_of(panels[0]).legend(
        handles=handles, loc="outside upper center", ncols=len(handles), columnspacing=1.4
    )


def _footnote_lines(footnote: str, width: float) -> list[str]:
    return textwrap.wrap(footnote, int((width / POINT - 8.0) / _LETTER))


def _write_footnote(ax: Axes, footnote: str, *, alone: bool) -> None:
    figure = figure_of(ax)
    text = "\n".join(_footnote_lines(footnote, figure.get_figwidth()))
    if not text:
        return
    if alone:
        figure.supxlabel(text, x=0.01, ha="left", fontsize=TEXT_SIZE, color="0.25")
        return
    drop = LABEL_SIZE + TEXT_SIZE + LINE * (ax.get_xlabel().count("\n") + 2)
    place: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points"}
    place |= {"va": "top"}
    written = ax.annotate(
        text, xy=(0.0, 0.0), xytext=(0.0, -drop), color="0.25", annotation_clip=False, **place
    )
    written.set_in_layout(False)
