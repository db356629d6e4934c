"""The observed Kaplan-Meier curves over those of cohorts replicated from the posterior."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from hccbayes.arms import ARMS
from hccbayes.defaults import ARM_COLORS, ARM_LINESTYLES
from hccbayes.plots.draws import equal_tailed
from hccbayes.plots.style import (
    DOUBLE_COLUMN,
    SINGLE_COLUMN,
    Drawable,
    arm_names,
    choose,
    figure_of,
    group,
    new_axes,
    pick,
    publication_style,
    set_months,
    survival_corner,
)
from hccbayes.plots.synthetic_mark import marks_synthetic

BANDS: Final[dict[float, float]] = {0.95: 0.18, 0.5: 0.30}
"""Probability of each pointwise band and its opacity, the widest first."""


FOLLOWED_SHARE: Final = 0.9
"""The bands end where fewer of the replicated curves are still defined: those that last longest
are not a fair sample of all."""


@marks_synthetic
@publication_style()
def predictive_check(
    analysis: Drawable, *, arms: Sequence[str] = ARMS, ax: Axes | None = None
) -> Axes:
    """Draw each arm's observed Kaplan-Meier curve over bands of replicated cohorts.

    A model that could have produced the data has the observed curve within the bands. A replicated
    curve is not a number beyond its last patient; the bands end where fewer than 90% of the
    curves are left.

    Parameters
    ----------
    analysis
        An analysis or its tree; groups ``predictive``, ``kaplan_meier`` and ``curves``.
    arms
        ``treated``, ``control`` or both.
    ax
        Axes on which the arms are drawn over each other; without it a new figure with one panel
        an arm, of which the first is returned and the other is in ``ax.figure.axes``.

    Returns
    -------
    matplotlib.axes.Axes
        Time in months against the probability of survival; pointwise bands of 50% and 95%.

    Raises
    ------
    InputError
        If a group or an arm is absent.
    """
    for arm in arms:
        choose("arms", arm, ARMS)
    replicated = pick(group(analysis, "predictive"), "survival")
    steps = group(analysis, "kaplan_meier")
    names = arm_names(analysis)
    panels = _panels(ax, len(arms))
    overlaid = len(panels) < len(arms)
    end = max(float(steps["time"].max()), float(replicated["curve_time"].max()))
    for index, arm in enumerate(arms):
        panel = panels[0 if overlaid else index]
        _draw_arm(panel, replicated.sel(arm=arm), steps, arm, overlaid=overlaid)
        _set_axes(panel, end, "" if overlaid else names[arm])
    panels[0].set_ylabel("Survival probability")
    handles = _handles({arm: names[arm] for arm in arms} if overlaid else {})
    if len(panels) > 1:
        figure_of(panels[0]).legend(handles=handles, loc="outside upper right", ncols=3)
    else:
        middle = replicated.sel(arm=list(arms)).sel(curve_time=0.5 * end, method="nearest")
        corner = survival_corner(float(middle.max()), float(middle.min()))
        panels[0].legend(handles=handles, **corner)
    return panels[0]


def _panels(ax: Axes | None, count: int) -> list[Axes]:
    """Return the given axes alone, or one axes an arm in a new figure."""
    if ax is not None or count == 1:
        return [new_axes(ax, width=SINGLE_COLUMN, height=2.4)]
    _, axes = plt.subplots(
        1, count, figsize=(DOUBLE_COLUMN, 2.55), sharey=True, layout="constrained"
    )
    return [new_axes(panel, width=DOUBLE_COLUMN, height=2.4) for panel in axes]


def _draw_arm(
    ax: Axes, replicated: xr.DataArray, steps: xr.Dataset, arm: str, *, overlaid: bool
) -> None:
    share = replicated.notnull().mean("replicate").to_numpy()
    replicated = replicated.isel(curve_time=np.flatnonzero(share >= FOLLOWED_SHARE))
    time = replicated["curve_time"].to_numpy()
    for prob, alpha in BANDS.items():
        band = equal_tailed(replicated, prob, ("replicate",))
        lower, upper = (band.sel(bound=bound).to_numpy() for bound in ("lower", "upper"))
        ax.fill_between(time, lower, upper, color=ARM_COLORS[arm], alpha=alpha, linewidth=0)
    own = steps.isel(step=np.flatnonzero(steps["arm"].to_numpy() == arm))
    ax.plot(
        own["time"].to_numpy(),
        own["survival"].to_numpy(),
        drawstyle="steps-post",
        color="black",
        linestyle=ARM_LINESTYLES[arm] if overlaid else "-",
        linewidth=1.0,
        label="Observed",
    )


def _set_axes(ax: Axes, end: float, title: str) -> None:
    set_months(ax, end)
    ax.set_ylim(0.0, 1.02)
    ax.set_yticks([0.0, 0.25, 0.5, 0.75, 1.0], ["0", "0.25", "0.50", "0.75", "1.00"])
    ax.set_title(title, loc="left")


def _handles(overlaid_names: Mapping[str, str]) -> list[Artist]:
    """Return the legend's entries: curve, bands, and the arms where they share the axes."""
    arms: list[Artist] = []
    for arm, name in overlaid_names.items():
        line = Line2D([], [], color=ARM_COLORS[arm], label=name)
        line.set(linestyle=ARM_LINESTYLES[arm])
        arms.append(line)
    wide, narrow = BANDS.values()
    # The inner band lies on the outer one.
    shades = (1.0 - (1.0 - wide) * (1.0 - narrow), wide)
    bands = [
        Patch(color="0.3", alpha=shade, linewidth=0, label=f"{prob:.0%} of replicates")
        for prob, shade in zip(sorted(BANDS), shades, strict=True)
    ]
    observed = Line2D([], [], color="black", linewidth=1.0, label="Observed Kaplan\N{EN DASH}Meier")
    return [*arms, observed, *bands]
