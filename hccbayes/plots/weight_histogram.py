"""Weights of the arms, mirrored, with what the weighting leaves of each arm in words."""

from __future__ import annotations

from typing import Final

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.transforms import ScaledTranslation

from hccbayes.arms import ARMS, Arm
from hccbayes.errors import InputError, Problem
from hccbayes.plots.mirrored_bars import (
    check_bins,
    draw_bars,
    edges_of,
    mirrored_axes,
    wrapped_name,
)
from hccbayes.plots.style import POINT, figure_of, publication_style
from hccbayes.plots.synthetic_mark import marks_synthetic

_SIZES: Final = (
    "arm_patients",
    "total",
    "effective_sample_size",
    "largest",
    "truncated",
    "zero",
)
_NAMES: Final = {
    "ate": "Inverse probability weight",
    "ate_stabilized": "Stabilized inverse probability weight",
    "att": "Weight to the treated",
    "atc": "Weight to the controls",
    "ato": "Overlap weight",
    "matching": "Matching weight",
    "entropy": "Entropy weight",
}
"""Axis labels by target; weights of another name are plain weights."""
_SCALES: Final = {
    "raw": "",
    "effective_size": "\n(each arm scaled to its effective sample size)",
    "arm_size": "\n(each arm scaled to its number of patients)",
}
_MARKERS: Final[dict[Arm, str]] = {"treated": "v", "control": "^"}


@marks_synthetic
@publication_style()
def weights(weight_counts: xr.Dataset, *, ax: Axes | None = None) -> Axes:
    """Draw both arms' histograms of the weights, treated upward and control downward.

    Bars are shares of the arm's patients, so that a small arm can be read; a triangle stands at
    the largest weight of each arm.

    Parameters
    ----------
    weight_counts
        From :func:`hccbayes.weight_bins.weight_counts`.
    ax
        Axes to draw on; a new 89 mm figure without it.

    Returns
    -------
    matplotlib.axes.Axes
        Weight against percent of the arm's patients.

    Raises
    ------
    InputError
        If a variable, a coordinate, an arm or any bin is absent, or the scale is unknown.
    """
    check_bins(weight_counts, ("share", *_SIZES))
    label = _axis_label(weight_counts)
    percent = 100.0 * weight_counts["share"]
    peaks: dict[Arm, float] = {arm: float(percent.sel(arm=arm).max()) for arm in ARMS}
    words: dict[Arm, str] = {arm: _words(weight_counts.sel(arm=arm)) for arm in ARMS}
    ax = mirrored_axes(ax, words, peaks)
    for arm in ARMS:
        draw_bars(ax, percent.sel(arm=arm), filled=True, label=f"_weights {arm}")
        draw_bars(ax, percent.sel(arm=arm), filled=False, linewidth=0.6, label="_outline")
        _mark_largest(ax, percent.sel(arm=arm), float(weight_counts["largest"].sel(arm=arm)))
    ax.set_xlim(0.0, 1.02 * float(edges_of(weight_counts)[-1]))
    ax.set_xlabel(label)
    ax.set_ylabel("Patients of the arm (%)")
    return ax


def _axis_label(counts: xr.Dataset) -> str:
    scale = str(counts.attrs.get("scale", "raw"))
    if scale not in _SCALES:
        message = f"unknown scale {scale!r}; choose from {', '.join(_SCALES)}"
        raise InputError(Problem("weight counts", message))
    return _NAMES.get(str(counts.attrs.get("target")), "Weight") + _SCALES[scale]


def _words(own: xr.Dataset) -> str:
    """Return name, sizes and weights of one arm in lines."""
    lines = [
        wrapped_name(own),
        f"{int(own['arm_patients'])} patients, effective sample size "
        f"{float(own['effective_sample_size']):.1f}",
        f"Weights: total {float(own['total']):.1f}, largest {float(own['largest']):.2f}",
    ]
    notes = [
        f"{int(own[name])} {what}"
        for name, what in (("truncated", "truncated"), ("zero", "of weight 0"))
        if int(own[name])
    ]
    return "\n".join([*lines, *([", ".join(notes)] if notes else [])])


def _mark_largest(ax: Axes, percent: xr.DataArray, largest: float) -> None:
    """Put a triangle on the bar of the largest weight, which may be too low to be seen."""
    arm: Arm = percent["arm"].item()
    side = 1.0 if arm == "treated" else -1.0
    height = percent.sel(bin=(percent["bin_start"] <= largest)).to_numpy()[-1]
    shift = ScaledTranslation(0.0, side * 3.5 * POINT, figure_of(ax).dpi_scale_trans)
    ax.plot(
        largest,
        side * height,
        marker=_MARKERS[arm],
        markersize=4.5,
        markeredgewidth=0.0,
        color="black",
        linestyle="none",
        clip_on=False,
        transform=ax.transData + shift,
        zorder=4.0,
        label="_largest",
    )
