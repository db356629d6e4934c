"""Numbers of the observed cohort among those of cohorts replicated from the posterior."""

from __future__ import annotations

import math
from typing import Final

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from hccbayes.defaults import PRIOR_COLOR
from hccbayes.plots.draws import Floats
from hccbayes.plots.style import (
    DOUBLE_COLUMN,
    Drawable,
    group,
    pick,
    publication_style,
    tidy,
)
from hccbayes.plots.synthetic_mark import marks_synthetic

_COLUMNS: Final = 4
_PANEL_HEIGHT: Final = 1.35
"""Inches."""


@marks_synthetic
@publication_style()
def predictive_statistics(analysis: Drawable) -> Figure:
    """Draw a small histogram of the replicates for each quantity, with the observed value.

    A figure of many panels, which is why it takes no axes and returns the figure. Values that are
    not finite, such as a median that is not reached, cannot be drawn and are counted in words.

    Parameters
    ----------
    analysis
        An analysis or its tree; group ``predictive`` with the variables ``statistic``
        (replicate, quantity) and ``observed`` (quantity).

    Returns
    -------
    matplotlib.figure.Figure
        183 mm wide, one panel a quantity.

    Raises
    ------
    InputError
        If the group or a variable is absent.
    """
    predictive = group(analysis, "predictive")
    replicates, observed = pick(predictive, "statistic"), pick(predictive, "observed")
    quantities = [str(name) for name in replicates["quantity"].to_numpy()]
    columns = min(_COLUMNS, len(quantities))
    rows = math.ceil(len(quantities) / columns)
    figure, axes = plt.subplots(
        rows,
        columns,
        figsize=(DOUBLE_COLUMN, rows * _PANEL_HEIGHT + 0.3),
        squeeze=False,
        layout="constrained",
    )
    panels = axes.ravel().tolist()
    for ax, quantity in zip(panels, quantities, strict=False):
        values = replicates.sel(quantity=quantity).to_numpy().astype(float)
        _draw_quantity(ax, values, float(observed.sel(quantity=quantity)))
        ax.set_xlabel(quantity[:1].upper() + quantity[1:], fontsize=7.0)
    for ax in panels[len(quantities) :]:
        ax.set_axis_off()
    handles = [
        Patch(color=PRIOR_COLOR, alpha=0.55, linewidth=0, label="Replicated"),
        Line2D([], [], color="black", linewidth=1.2, label="Observed"),
    ]
    figure.legend(handles=handles, loc="outside upper right", ncols=2)
    return figure


def _draw_quantity(ax: Axes, values: Floats, observed: float) -> None:
    tidy(ax)
    finite = values[np.isfinite(values)]
    if finite.size:
        ax.hist(finite, bins=_bins(finite).tolist(), color=PRIOR_COLOR, alpha=0.55)
    if math.isfinite(observed):
        ax.axvline(observed, color="black", linewidth=1.2, label="Observed")
    notes = []
    if not math.isfinite(observed):
        notes.append("Observed: not estimable")
    if finite.size < values.size:
        notes.append(f"{1.0 - finite.size / values.size:.0%} not estimable")
    if notes:
        ax.set_ylim(top=(1.1 + 0.17 * len(notes)) * ax.get_ylim()[1])
        ax.text(1.0, 1.0, "\n".join(notes), transform=ax.transAxes, ha="right", va="top")
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)


def _bins(values: Floats) -> Floats:
    """Return bin borders: whole numbers to themselves, others in twenty bins."""
    low, high = float(values.min()), float(values.max())
    if low == high:
        return np.array([low - 0.5, high + 0.5])
    if np.all(values == np.round(values)):
        # A bin holds as many whole numbers as its neighbor, so that no comb appears.
        width = max(1.0, math.ceil((high - low + 1.0) / 20.0))
        return np.arange(low - 0.5, high + 0.5 + width, width)
    return np.linspace(low, high, 21)
