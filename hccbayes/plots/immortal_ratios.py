"""What a study's rules could produce with no effect, beside what was published."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np
from matplotlib.axes import Axes

from hccbayes.defaults import FREQUENTIST_COLOR, PRIOR_COLOR, REFERENCE_COLOR
from hccbayes.errors import InputError, Problem
from hccbayes.plots.ratio_axis import (
    add_favors,
    add_text_column,
    ratio_limits,
    set_ratio_axis,
)
from hccbayes.plots.style import (
    LABEL_SIZE,
    LINE_WIDTH,
    SINGLE_COLUMN,
    new_axes,
    publication_style,
)
from hccbayes.plots.synthetic_mark import marks_synthetic

if TYPE_CHECKING:
    from hccbayes.time_zero import ImmortalBound, PublishedRatio, RemainingRatio

_HEIGHT: Final = 2.5
"""Inches."""
_BINS: Final = 36
_HILL: Final = 2.0
"""Rows that the null studies take."""
_NULL_COLOR: Final = PRIOR_COLOR


@marks_synthetic
@publication_style()
def immortal_bound(bound: ImmortalBound, *, ax: Axes | None = None) -> Axes:
    """Draw hazard ratios of studies without an effect, and the published one above what is left.

    The hill holds the studies of the same size and rules in which treatment does nothing; the
    dashed line is where a very large one lies. Below are the published ratio, the same divided by
    the dashed line, and the true ratio with which the rules would give the published one.

    Parameters
    ----------
    bound
        From :func:`hccbayes.time_zero.immortal_bound`.
    ax
        Axes to draw on; a new 89 mm figure without it.

    Returns
    -------
    matplotlib.axes.Axes
        Hazard ratio on a log axis.

    Raises
    ------
    InputError
        If no null study has a ratio that an axis can hold.
    """
    ratios = bound.null_ratios
    ratios = ratios[(ratios > 0) & np.isfinite(ratios)]
    if not ratios.size:
        raise InputError(Problem("bound", "no study without an effect has a hazard ratio"))
    rows = _rows(bound)
    ax = new_axes(ax, width=SINGLE_COLUMN, height=_HEIGHT if rows else 0.7 * _HEIGHT)
    shown = [value for _, ratio, _ in rows for value in (ratio.hr, ratio.lower, ratio.upper)]
    limits = ratio_limits([*np.quantile(ratios, [0.005, 0.995]), *shown])
    set_ratio_axis(ax, limits)
    _draw_hill(ax, ratios, bound.limit.hazard_ratio, limits)
    heights = [-0.6 - row for row in range(len(rows))]
    for height, (_, ratio, color) in zip(heights, rows, strict=True):
        _draw_interval(ax, height, ratio, color)
    ax.set_ylim(-0.2 - len(rows), _HILL * 1.12)
    ax.set_yticks(
        [0.5 * _HILL, *heights], ["No effect,\nsame rules", *(name for name, _, _ in rows)]
    )
    ax.tick_params(axis="y", length=0.0)
    ax.spines["left"].set_visible(False)
    texts = [_text(bound.limit.hazard_ratio), *(_text(ratio.hr) for _, ratio, _ in rows)]
    add_text_column(ax, [0.5 * _HILL, *heights], texts, header="HR", side=1.0, shift=5.0)
    add_favors(ax, 1.0, ("Favors", "treated"), ("Favors", "control"), xlabel="Hazard ratio")
    # Given axes made their label under other settings.
    ax.xaxis.label.set_fontsize(LABEL_SIZE)
    return ax


def _rows(bound: ImmortalBound) -> list[tuple[str, PublishedRatio | RemainingRatio, str]]:
    """Return name, ratio and color of what is drawn below the hill."""
    named = (
        ("Published", bound.published, FREQUENTIST_COLOR),
        ("Published /\nno effect", bound.remaining, REFERENCE_COLOR),
        ("True ratio\nneeded", bound.true_ratio, REFERENCE_COLOR),
    )
    return [(name, ratio, color) for name, ratio, color in named if ratio is not None]


def _draw_hill(ax: Axes, ratios: np.ndarray, limit: float, limits: tuple[float, float]) -> None:
    """Draw the null studies within the axis as a histogram on the log scale, and their limit."""
    edges = np.geomspace(*limits, _BINS + 1)
    counts, _ = np.histogram(ratios, edges)
    ax.stairs(_HILL * counts / counts.max(), edges, fill=True, color=_NULL_COLOR, alpha=0.45)
    ax.plot([limit, limit], [0.0, _HILL * 1.05], "--", color="0.25", linewidth=LINE_WIDTH)
    ax.axhline(0.0, color="0.55", linewidth=0.4)


def _draw_interval(
    ax: Axes, height: float, ratio: PublishedRatio | RemainingRatio, color: str
) -> None:
    """Draw a ratio with its limits; a limit beyond the axis ends in an arrow head."""
    low, high = ax.get_xlim()
    left, right = max(ratio.lower, low), min(ratio.upper, high)
    ax.plot([left, right], [height, height], "-", color=color, linewidth=LINE_WIDTH)
    for value, end, marker in ((ratio.lower, low, "<"), (ratio.upper, high, ">")):
        if not low <= value <= high:
            ax.plot(end, height, marker, color=color, markersize=3.5, clip_on=False)
    if low <= ratio.hr <= high:
        ax.plot(ratio.hr, height, "s", color=color, markersize=4.2)


def _text(ratio: float) -> str:
    return f"{ratio:.2f}" if math.isfinite(ratio) else "-"
