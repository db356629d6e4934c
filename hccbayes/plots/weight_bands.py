"""Weights of cloned and censored patients over time, and what the weighting leaves of them."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, Final

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

from hccbayes.defaults import ARM_COLORS, POSTERIOR_COLOR
from hccbayes.errors import InputError, Problem
from hccbayes.plots.forest_rows import WIDTHS, Layout
from hccbayes.plots.style import (
    LABEL_SIZE,
    POINT,
    THIN_LINE,
    choose,
    figure_of,
    pick,
    publication_style,
    set_months,
    tidy,
)
from hccbayes.plots.synthetic_mark import marks_synthetic

_HEIGHT: Final = 3.7
"""Inches."""
_RATIO: Final = (1.35, 1.0)
"""Heights of the panels of weights and of sizes."""
_BANDS: Final = ((0.05, 0.95, 0.18), (0.25, 0.75, 0.40))
"""Ends of a band, as quantiles, and how opaque it is."""
_MIDDLE: Final = 0.5
_LARGEST: Final = 1.0
_STEPS: Final = ((0.8, (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)), (2.5, (1.0, 2.0, 5.0)), (99.0, (1.0,)))
"""Powers of ten on the axis of weights, up to which each has ticks at these multiples."""
_LETTER: Final = 5.2
"""Points of a letter of a title, or a little more."""
_GRACE: Final[dict[str, Any]] = {"color": "0.3", "linestyle": ":", "linewidth": 0.9}
_AT_RISK: Final[dict[str, Any]] = {"color": "0.35", "linestyle": "--", "linewidth": THIN_LINE}


@marks_synthetic
@publication_style()
def weights_over_time(
    dataset: xr.Dataset,
    *,
    arm_names: Mapping[str, str] | None = None,
    layout: Layout = "two_columns",
    axes: Sequence[Any] | None = None,
) -> Figure:
    """Draw each arm's weights over time, and below them the effective sample size.

    Parameters
    ----------
    dataset
        ``weight`` (dims ``arm``, ``time``, ``quantile``; quantiles 0.05, 0.25, 0.5, 0.75, 0.95 and
        1, the largest), ``effective_sample_size`` and ``at_risk`` (dims ``arm``, ``time``): clones
        that follow their arm's strategy so far. ``time`` in months; ``nan`` where nobody is left.
        The attribute ``grace`` (months, a vertical line) may be absent.
    arm_names
        Name of each arm; those of the coordinate ``arm_name``, or else of ``arm``, without it.
    layout
        Whether a new figure has the width of one or two columns of a journal.
    axes
        Two rows of axes, one column an arm: weights above, sizes below. The legends stand right of
        the last arm's where the figure has other axes: use a constrained layout.

    Returns
    -------
    matplotlib.figure.Figure
        Panels of the arms side by side; the axis of weights is logarithmic.

    Raises
    ------
    InputError
        If a variable, a dimension or a quantile is absent, a weight is negative, there is no time,
        or the axes are not two rows of one an arm.
    """
    choose("layout", layout, WIDTHS)
    weight, sizes = _checked(dataset)
    arms = [str(arm) for arm in weight["arm"].to_numpy()]
    panels = _panels(axes, len(arms), WIDTHS[layout])
    known = dataset["arm_name"] if "arm_name" in dataset.coords else dataset["arm"]
    names = {arm: str(known.sel(arm=arm).item()) for arm in arms} | dict(arm_names or {})
    grace = dataset.attrs.get("grace")
    points = figure_of(panels[0, 0]).get_figwidth() / POINT - 40.0
    length = max(8, int(points / len(arms) / _LETTER))
    for column, arm in enumerate(arms):
        upper, lower = panels[:, column]
        color = ARM_COLORS.get(arm, POSTERIOR_COLOR)
        _draw_weights(upper, weight.sel(arm=arm), color)
        _draw_sizes(lower, sizes.sel(arm=arm), color)
        title = textwrap.fill(names[arm], length)
        upper.set_title(title, color=color, fontsize=LABEL_SIZE)
        for ax in (upper, lower):
            tidy(ax)
            set_months(ax, float(weight["time"].max()))
            ax.set_xlabel("Time (months)" if ax is lower else "", fontsize=LABEL_SIZE)
            if grace is not None:
                ax.axvline(float(grace), label="_grace", **_GRACE)
    _set_heights(panels, weight, sizes)
    alone = set(figure_of(panels[0, 0]).axes) == set(panels.ravel())
    _legends(panels, grace, alone=alone)
    return figure_of(panels[0, 0])


def _checked(dataset: xr.Dataset) -> tuple[xr.DataArray, xr.Dataset]:
    """Return weights and sizes with their dimensions in order."""
    where = "weights over time"
    weight = pick(dataset, "weight")
    sizes = {name: pick(dataset, name) for name in ("effective_sample_size", "at_risk")}
    problems = [
        Problem(where, f"{array.name} needs the dimensions {', '.join(dims)}")
        for array, dims in (
            (weight, ("arm", "time", "quantile")),
            *((size, ("arm", "time")) for size in sizes.values()),
        )
        if set(array.dims) != set(dims) or any(dim not in array.coords for dim in dims)
    ]
    if problems:
        raise InputError(problems)
    if weight.sizes["time"] < 2 or not weight.sizes["arm"]:
        raise InputError(Problem(where, "needs an arm and two times or more"))
    known = weight["quantile"].to_numpy()
    needed = (*(end for band in _BANDS for end in band[:2]), _MIDDLE, _LARGEST)
    absent = [f"{level:g}" for level in sorted(needed) if not np.isclose(known, level).any()]
    if absent:
        raise InputError(Problem(where, f"has no quantile {', '.join(absent)}"))
    if bool((weight < 0).any()):
        raise InputError(Problem(where, "has weights below 0"))
    return weight.transpose("arm", "time", "quantile"), xr.Dataset(sizes)


def _panels(axes: Sequence[Any] | None, arms: int, width: float) -> Any:
    """Return an array of axes, two rows and a column an arm."""
    if axes is None:
        _, made = plt.subplots(
            2,
            arms,
            sharex=True,
            sharey="row",
            squeeze=False,
            figsize=(width, _HEIGHT),
            height_ratios=_RATIO,
            layout="constrained",
        )
        return made
    given = np.array(axes, dtype=object)
    if given.shape != (2, arms):
        message = f"must be two rows of {arms}, one an arm, not of shape {given.shape}"
        raise InputError(Problem("axes", message))
    return given


def _level(weight: xr.DataArray, quantile: float) -> xr.DataArray:
    return weight.isel(quantile=int(np.abs(weight["quantile"].to_numpy() - quantile).argmin()))


def _draw_weights(ax: Axes, weight: xr.DataArray, color: str) -> None:
    time = weight["time"].to_numpy()
    # A weight of 0 is on no log axis.
    shown = weight.where(weight > 0)
    for low, high, alpha in _BANDS:
        ends = (_level(shown, low), _level(shown, high))
        ax.fill_between(
            time, *ends, color=color, alpha=alpha, linewidth=0.0, label=f"_{low:g} to {high:g}"
        )
    ax.plot(time, _level(shown, _MIDDLE), color=color, label="_median")
    ax.plot(time, _level(shown, _LARGEST), color=color, linewidth=THIN_LINE, label="_largest")


def _draw_sizes(ax: Axes, sizes: xr.Dataset, color: str) -> None:
    time = sizes["time"].to_numpy()
    ax.plot(time, sizes["at_risk"], label="_at risk", **_AT_RISK)
    ax.plot(time, sizes["effective_sample_size"], color=color, label="_effective")


def _set_heights(panels: Any, weight: xr.DataArray, sizes: xr.Dataset) -> None:
    """Give the panels of a row the same y-axis, labeled on the left alone."""
    positive = weight.where(weight > 0)
    low, high = min(float(positive.min()), 1.0), max(float(positive.max()), 1.0)
    low, high = low / 1.15, high * 1.15
    steps = next(steps for decades, steps in _STEPS if np.log10(high / low) <= decades)
    top = 1.06 * float(sizes.to_array().max())
    for column, (upper, lower) in enumerate(panels.T):
        upper.set_yscale("log")
        upper.set_ylim(low, high)
        upper.yaxis.set_major_locator(LogLocator(subs=steps))
        upper.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        upper.yaxis.set_minor_locator(NullLocator())
        upper.yaxis.set_minor_formatter(NullFormatter())
        lower.set_ylim(0.0, top)
        lower.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        if not column:
            upper.set_ylabel("Weight (log scale)", fontsize=LABEL_SIZE)
            lower.set_ylabel("Clones", fontsize=LABEL_SIZE)


def _legends(panels: Any, grace: float | None, *, alone: bool) -> None:
    """Say in gray, which is of no arm, what bands and lines are."""
    gray = "0.35"
    outer, inner = (band[2] for band in _BANDS)
    handles = [
        Line2D([], [], color=gray, label="median weight"),
        # Both bands lie over each other.
        Patch(color=gray, alpha=inner + (1.0 - inner) * outer, label="25% to 75%"),
        Patch(color=gray, alpha=outer, label="5% to 95%"),
        Line2D([], [], color=gray, linewidth=THIN_LINE, label="largest"),
        Line2D([], [], color=gray, label="effective sample size"),
        Line2D([], [], label="clones at risk", **_AT_RISK),
    ]
    if grace is not None:
        handles.append(Line2D([], [], label=f"grace ends, {float(grace):.3g} months", **_GRACE))
    if not alone:
        beside = {"loc": "upper left", "bbox_to_anchor": (1.02, 1.0), "borderaxespad": 0.0}
        panels[0, -1].legend(handles=handles[:4] + handles[6:], **beside)
        panels[1, -1].legend(handles=handles[4:6], **beside)
        return
    figure = figure_of(panels[0, 0])
    narrow = figure.get_figwidth() < 1.5 * WIDTHS["one_column"]
    figure.legend(
        handles=handles,
        loc="outside upper center",
        ncols=2 if narrow else 4,
        columnspacing=1.2,
        handlelength=1.8,
    )
