"""Propensity scores of the arms, mirrored: patients as an outline, their weights filled."""

from __future__ import annotations

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from hccbayes.arms import ARMS, Arm
from hccbayes.plots.mirrored_bars import check_bins, draw_bars, mirrored_axes, wrapped_name
from hccbayes.plots.style import publication_style
from hccbayes.plots.synthetic_mark import marks_synthetic

_VARIABLES = ("patients", "weighted")


@marks_synthetic
@publication_style()
def overlap(scores: xr.Dataset, *, ax: Axes | None = None) -> Axes:
    """Draw both arms' histograms of the propensity score, treated upward and control downward.

    Parameters
    ----------
    scores
        From :func:`hccbayes.overlap.overlap_counts`: ``patients`` and ``weighted``, dims ``arm``
        and ``bin``, with the coordinates ``arm_name``, ``bin_start`` and ``bin_end``.
    ax
        Axes to draw on; a new 89 mm figure without it.

    Returns
    -------
    matplotlib.axes.Axes
        Score against patients (outline) and sums of their weights (filled), on one scale.

    Raises
    ------
    InputError
        If a variable, a coordinate, an arm or any bin is absent.
    """
    check_bins(scores, _VARIABLES)
    peaks: dict[Arm, float] = {
        arm: max(float(scores[name].sel(arm=arm).max()) for name in _VARIABLES) for arm in ARMS
    }
    words: dict[Arm, str] = {arm: _words(scores.sel(arm=arm)) for arm in ARMS}
    ax = mirrored_axes(ax, words, peaks)
    for arm in ARMS:
        draw_bars(ax, scores["weighted"].sel(arm=arm), filled=True, label=f"_weighted {arm}")
        draw_bars(ax, scores["patients"].sel(arm=arm), filled=False, label=f"_patients {arm}")
    ax.set_xlim(float(scores["bin_start"].min()), float(scores["bin_end"].max()))
    ax.set_xlabel("Propensity score")
    ax.set_ylabel("Patients, sum of weights")
    handles = [
        Patch(facecolor="white", edgecolor="black", linewidth=0.8, label="Patients"),
        Patch(facecolor="0.6", linewidth=0.0, label="Sum of their weights"),
    ]
    ax.legend(
        handles=handles,
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        ncols=2,
        columnspacing=1.2,
        handlelength=1.4,
    )
    return ax


def _words(own: xr.Dataset) -> str:
    """Return name, number of patients and sum of weights of one arm."""
    patients, total = (float(own[name].sum()) for name in _VARIABLES)
    return f"{wrapped_name(own)}\n{patients:.0f} patients, weights total {total:.1f}"
