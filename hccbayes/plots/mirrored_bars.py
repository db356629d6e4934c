"""Histograms of two arms on one axis: treated above zero, control below, words at both ends."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.ticker import FixedFormatter, FixedLocator, MaxNLocator

from hccbayes.arms import ARMS, Arm
from hccbayes.defaults import ARM_COLORS
from hccbayes.errors import InputError, Problem
from hccbayes.plots.draws import Floats
from hccbayes.plots.style import POINT, SINGLE_COLUMN, THIN_LINE, new_axes

BARS: Final = 118.0
"""Points of height that the bars of both arms share."""
LINE: Final = 9.0
"""Points of a line of words."""
_MARGIN: Final = 4.0
"""Points between bars and words, and between words and the edge."""
_AXIS: Final = 46.0
"""Points that the axis below and the legend above the axes take."""
_LEAST_GAP: Final = 9.0
"""Points between two tick labels."""
_LINE_LENGTH: Final = 46
"""Characters of a line of words that fit into 89 mm."""
_SIDES: Final[dict[Arm, float]] = {"treated": 1.0, "control": -1.0}
_COORDINATES: Final = ("arm_name", "bin_start", "bin_end")


def check_bins(counts: xr.Dataset, variables: Sequence[str]) -> None:
    """Refuse a dataset that lacks a variable, a coordinate, an arm or any bin.

    Raises
    ------
    InputError
        With everything that is absent, and the variables there are.
    """
    wanted = (*variables, *_COORDINATES)
    absent = [name for name in wanted if name not in counts.variables]
    if absent:
        known = ", ".join(str(name) for name in counts.variables) or "nothing"
        message = f"{', '.join(absent)} absent; the dataset holds {known}"
        raise InputError(Problem("binned counts", message))
    arms = [arm for arm in ARMS if arm not in counts["arm"].to_numpy().tolist()]
    problems = [Problem("binned counts", f"the {arm} arm is absent") for arm in arms]
    if not counts.sizes["bin"]:
        problems.append(Problem("binned counts", "there is no bin"))
    if problems:
        raise InputError(problems)


def wrapped_name(own: xr.Dataset) -> str:
    """Return the name of an arm in lines that fit, from a dataset of that arm alone."""
    return textwrap.fill(str(own["arm_name"].item()), _LINE_LENGTH)


def mirrored_axes(ax: Axes | None, words: Mapping[Arm, str], peaks: Mapping[Arm, float]) -> Axes:
    """Return axes with room for the bars, and the words of each arm above or below its bars.

    Parameters
    ----------
    ax
        Axes to draw on; a new 89 mm figure without it.
    words
        Lines of text, by arm.
    peaks
        Height of the highest bar, by arm, in the unit of the axis.
    """
    room = {arm: LINE * (words[arm].count("\n") + 1) + 2.0 * _MARGIN for arm in ARMS}
    height = BARS + sum(room.values())
    ax = new_axes(ax, width=SINGLE_COLUMN, height=(height + _AXIS) * POINT)
    unit = (sum(peaks.values()) or 1.0) / BARS  # of the axis, per point
    low, high = (_SIDES[arm] * (peaks[arm] + room[arm] * unit) for arm in ARMS[::-1])
    ax.set_ylim(low, high)
    ax.axhline(0.0, color="black", linewidth=THIN_LINE, zorder=3.0)
    _set_ticks(ax, peaks, unit)
    for arm in ARMS:
        at, shift = max(_SIDES[arm], 0.0), -_SIDES[arm] * _MARGIN
        ax.annotate(
            words[arm],
            xy=(0.0, at),
            xycoords="axes fraction",
            xytext=(_MARGIN, shift),
            textcoords="offset points",
            va="top" if at else "bottom",
            color="0.15",
        )
    return ax


def _set_ticks(ax: Axes, peaks: Mapping[Arm, float], unit: float) -> None:
    """Put ticks at equal steps along the bars of both arms, their labels without a sign."""
    treated, control = peaks["treated"], peaks["control"]
    found = MaxNLocator(6, steps=[1, 2, 5, 10]).tick_values(-control, treated)
    ticks = [float(tick) for tick in found if -control <= tick <= treated]
    # The low bars of a small arm may reach no tick: the height of its highest bar is one then.
    for arm in ARMS:
        end = _SIDES[arm] * peaks[arm]
        if peaks[arm] > _LEAST_GAP * unit and not any(tick * _SIDES[arm] > 0 for tick in ticks):
            ticks.append(end)
    ax.yaxis.set_major_locator(FixedLocator(sorted(ticks)))
    ax.yaxis.set_major_formatter(FixedFormatter([f"{abs(tick):.3g}" for tick in sorted(ticks)]))


def draw_bars(ax: Axes, values: xr.DataArray, *, filled: bool, **look: Any) -> None:
    """Draw one arm's histogram, filled in the arm's color or as a black outline.

    Parameters
    ----------
    values
        Heights of one arm, dim ``bin``, with the coordinates ``arm``, ``bin_start``, ``bin_end``.
    filled
        Whether the bars are filled.
    **look
        Arguments of :meth:`matplotlib.axes.Axes.stairs`.
    """
    arm: Arm = values["arm"].item()
    style: dict[str, Any] = (
        {"fill": True, "color": ARM_COLORS[arm], "alpha": 0.5, "linewidth": 0.0}
        if filled
        else {"fill": False, "edgecolor": "black", "linewidth": 0.8}
    )
    heights = _SIDES[arm] * values.to_numpy().astype(float)
    ax.stairs(heights, edges_of(values), **(style | look))


def edges_of(values: xr.DataArray | xr.Dataset) -> Floats:
    """Return the borders of the bins."""
    return np.append(values["bin_start"].to_numpy(), values["bin_end"].to_numpy()[-1])
