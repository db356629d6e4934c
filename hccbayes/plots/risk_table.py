"""The numbers at risk below an axis of time, aligned with its ticks."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Final

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from hccbayes.arms import ARMS
from hccbayes.defaults import ARM_COLORS
from hccbayes.errors import InputError, Problem
from hccbayes.plots.style import POINT, pick

_DROP: Final = 31.0
"""Points from the axes to the head of the table, clear of tick labels and axis label."""
_ROW: Final = 9.5
"""Points a row of the table."""
_LINE_LENGTH: Final = 46
"""Characters of an arm's name that fit into a journal column."""


def risk_table_height(names: Mapping[str, str], *, weighted: bool = False) -> float:
    """Return the inches that the table takes below the label of the axis.

    Parameters
    ----------
    names
        Name of each arm.
    weighted
        Whether weighted numbers stand below the unweighted.
    """
    lines = sum(len(_lines(names[arm])) + 1 + weighted for arm in ARMS)
    return (lines + 2) * _ROW * POINT


def add_risk_table(
    ax: Axes,
    at_risk: xr.Dataset,
    names: Mapping[str, str],
    *,
    weighted: xr.Dataset | None = None,
) -> None:
    """Write the numbers at risk, each arm's name on a line of its own above its numbers.

    Names beside the numbers would take a third of a journal column where they are long. The ticks
    of the axis are set to the times of the table, so far as they are on it.

    Parameters
    ----------
    ax
        Axes of time in months, limits set.
    at_risk
        ``at_risk``, dims ``arm`` and ``risk_time`` (months): patients at risk.
    names
        Name of each arm.
    weighted
        The same with sums of weights, written with one decimal below the unweighted numbers.

    Raises
    ------
    InputError
        If the variable, a dimension or an arm is absent, or the weighted numbers are of other
        times.
    """
    counts = _numbers(at_risk, "at_risk")
    sums = None if weighted is None else _numbers(weighted, "weighted_at_risk")
    times = counts["risk_time"].to_numpy()
    if sums is not None and not np.array_equal(sums["risk_time"].to_numpy(), times):
        message = "must be of the same times as the unweighted numbers"
        raise InputError(Problem("weighted_at_risk", message))
    times = times[times <= ax.get_xlim()[1]]
    ax.set_xticks(times, [f"{time:g}" for time in times])
    head = "Number at risk" if sums is None else "Number at risk (weighted number below)"
    _write(ax, head, 0.0, 0, align="left", fontweight="bold")
    line = 0
    for arm in ARMS:
        for part in _lines(names[arm]):
            line += 1
            _write(ax, part, 0.0, line, align="left", color=ARM_COLORS[arm])
        for numbers, form in ((counts, ".0f"), (sums, ".1f")):
            if numbers is None:
                continue
            line += 1
            for time in times:
                value = float(numbers.sel(arm=arm, risk_time=time))
                color = "0.35" if numbers is sums else "black"
                _write(ax, f"{value:{form}}", float(time), line, color=color)


def _lines(name: str) -> list[str]:
    return textwrap.wrap(name, _LINE_LENGTH) or [""]


def _numbers(dataset: xr.Dataset, where: str) -> xr.DataArray:
    numbers = pick(dataset, "at_risk")
    if set(numbers.dims) != {"arm", "risk_time"}:
        raise InputError(Problem(where, "needs the dimensions arm and risk_time"))
    absent = [arm for arm in ARMS if arm not in numbers["arm"].to_numpy().tolist()]
    if absent:
        raise InputError(Problem(where, f"has no numbers of the arm {', '.join(absent)}"))
    return numbers


def _write(
    ax: Axes,
    text: str,
    time: float,
    line: int,
    *,
    align: str = "center",
    color: str = "black",
    fontweight: str = "normal",
) -> None:
    # A number centered on the first tick begins left of the axes; so does a left-aligned name.
    shift = -10.0 if align == "left" else 0.0
    ax.annotate(
        text,
        xy=(time, 0.0),
        xycoords=ax.get_xaxis_transform(),
        xytext=(shift, -_DROP - _ROW * line),
        textcoords="offset points",
        ha=align,
        va="center",
        color=color,
        fontweight=fontweight,
        annotation_clip=False,
    )
