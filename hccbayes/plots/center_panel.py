"""Each center against the mean center, the prior's range, and how much the centers differ."""

from __future__ import annotations

from typing import Final, Literal

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Patch

from hccbayes.defaults import INTERVAL_PROB, POSTERIOR_COLOR, PRIOR_COLOR
from hccbayes.errors import InputError, Problem
from hccbayes.plots.draws import equal_tailed
from hccbayes.plots.prior_over_posterior import SAMPLE_DIMS, prior_posterior
from hccbayes.plots.ratio_axis import ratio_limits, set_ratio_axis
from hccbayes.plots.style import (
    DOUBLE_COLUMN,
    POINT,
    SINGLE_COLUMN,
    Drawable,
    choose,
    group,
    new_axes,
    pick,
    publication_style,
)
from hccbayes.plots.synthetic_mark import marks_synthetic

CenterVariable = Literal["center_effect", "center_log_hr"]

_SCALE_OF: Final[dict[str, str]] = {
    "center_effect": "center_sd",
    "center_log_hr": "center_slope_sd",
}
_LABELS: Final[dict[str, str]] = {
    "center_effect": "Hazard ratio against the mean center",
    "center_log_hr": "Hazard ratio, treated over control",
}
_ROW: Final = 10.0
"""Points a center."""


@marks_synthetic
@publication_style()
def center_effects(
    analysis: Drawable,
    *,
    variable: CenterVariable = "center_effect",
    interval_prob: float = INTERVAL_PROB,
    ax: Axes | None = None,
) -> Axes:
    """Draw each center's posterior interval, sorted, over the prior predictive interval.

    Without `ax`, and where the model has a standard deviation of the center effects, a second
    panel shows its prior over its posterior: with few centers the prior is most of the answer.

    Parameters
    ----------
    analysis
        An analysis or its tree; groups ``prior`` and ``posterior``.
    variable
        ``center_effect``: log hazard against the event-weighted mean center. ``center_log_hr``:
        each center's log hazard ratio of treated over control.
    interval_prob
        Probability of every equal-tailed interval drawn; points are posterior medians.
    ax
        Axes for the centers alone; without it a new figure, 183 mm wide with two panels and
        89 mm with one, of which the centers' axes are returned and the other is in
        ``ax.figure.axes``.

    Returns
    -------
    matplotlib.axes.Axes
        Hazard ratios against centers, the highest on top.

    Raises
    ------
    InputError
        If the variable is unknown or the analysis has none.
    """
    choose("variable", variable, _LABELS)
    posterior, prior = group(analysis, "posterior"), group(analysis, "prior")
    effects = pick(posterior, variable)
    reference = pick(prior, variable)
    scale = _SCALE_OF[variable]
    height = (effects.sizes["center"] * _ROW + 62.0) * POINT
    if ax is None and scale in posterior and scale in prior:
        _, (ax, side) = plt.subplots(
            1,
            2,
            figsize=(DOUBLE_COLUMN, max(height, 2.0)),
            width_ratios=(1.6, 1.0),
            layout=ConstrainedLayoutEngine(wspace=0.08),
        )
        prior_posterior(analysis, variable=scale, interval_prob=interval_prob, ax=side)
    ax = new_axes(ax, width=SINGLE_COLUMN, height=height)
    _draw_centers(ax, effects, reference, interval_prob)
    ax.set_xlabel(_LABELS[variable])
    return ax


def _draw_centers(
    ax: Axes, effects: xr.DataArray, reference: xr.DataArray, interval_prob: float
) -> None:
    center_dims = [str(dim) for dim in effects.dims if dim not in SAMPLE_DIMS]
    if center_dims != ["center"]:
        raise InputError(Problem(str(effects.name), "needs the dimensions chain, draw and center"))
    middle = np.exp(effects.median(SAMPLE_DIMS).to_numpy())
    limits = equal_tailed(effects, interval_prob, SAMPLE_DIMS)
    # Before the data every center is alike, so the prior's draws of all centers are one sample.
    before = equal_tailed(reference, interval_prob, (*SAMPLE_DIMS, "center"))
    order = np.argsort(middle, kind="stable")
    rows = np.arange(len(order))
    lower, upper = (
        np.exp(limits.sel(bound=bound).to_numpy()[order]) for bound in ("lower", "upper")
    )
    low, high = np.exp(before.to_numpy()).tolist()
    set_ratio_axis(ax, ratio_limits([low, high, *lower.tolist(), *upper.tolist()]))
    ax.axvspan(low, high, color=PRIOR_COLOR, alpha=0.2, linewidth=0)
    ax.hlines(rows, lower, upper, color=POSTERIOR_COLOR, linewidth=0.9)
    ax.plot(middle[order], rows, "o", color=POSTERIOR_COLOR, markersize=4.0)
    ax.set_yticks(rows, [str(name) for name in effects["center"].to_numpy()[order]])
    ax.tick_params(axis="y", length=0.0)
    ax.spines["left"].set_visible(False)
    ax.set_ylim(-0.7, len(rows) - 0.3)
    label = f"Prior, {interval_prob:.0%} interval"
    ax.legend(
        handles=[Patch(color=PRIOR_COLOR, alpha=0.2, linewidth=0, label=label)],
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
        borderaxespad=0.0,
    )
