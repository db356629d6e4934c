"""The effect without each patient: how much of it rests on a single one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from hccbayes import defaults
from hccbayes.arms import ARMS
from hccbayes.plots.style import (
    REFERENCE_LINE,
    SINGLE_COLUMN,
    TEXT_SIZE,
    THIN_LINE,
    check_rows,
    new_axes,
    publication_style,
)

_NEEDED: Final = ("rank", "arm", "event", "change", "change_mcse", "method")
_HEIGHT: Final = 2.7
"""Inches."""
_MARKERS: Final = {"treated": "o", "control": "s"}


@publication_style()
def influence(
    table: pd.DataFrame,
    *,
    labeled: int = 5,
    names: Mapping[str, str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the change of the log hazard ratio without each patient, the most influential first.

    Filled markers died, open ones were censored; a bar is two Monte Carlo errors on either side. A
    patient bears a rank and no name.

    Parameters
    ----------
    table
        Of :class:`hccbayes.sensitivity.Influence`: one row a patient.
    labeled
        Number of ranks that are written out.
    names
        What ``treated`` and ``control`` are called.
    ax
        Axes to draw on.

    Returns
    -------
    matplotlib.axes.Axes
        89 mm wide where `ax` is not given.

    Raises
    ------
    InputError
        If the table is empty or a column is absent.
    """
    check_rows(table, _NEEDED, "table of influence")
    ax = new_axes(ax, width=SINGLE_COLUMN, height=_HEIGHT)
    called = dict(names or {"treated": "Treated", "control": "Control"})
    for arm in ARMS:
        _draw_arm(ax, table[table["arm"] == arm], arm, called[arm])
    ax.axhline(0.0, **REFERENCE_LINE)
    _label(ax, table.head(labeled))
    reach = float((table["change"].abs() + 2.0 * table["change_mcse"]).max()) or 1.0
    ax.set_ylim(-1.2 * reach, 1.2 * reach)
    # On a log axis the first ranks, which matter, do not crowd at the edge.
    ax.set_xscale("log")
    ax.set_xlim(0.8, 1.25 * float(table["rank"].max()))
    ticks = [tick for tick in (1, 3, 10, 30, 100, 300, 1000) if tick <= table["rank"].max()]
    ax.set_xticks(ticks, [f"{tick}" for tick in ticks])
    ax.minorticks_off()
    ax.set_xlabel("Patient, by rank of influence")
    ax.set_ylabel("Change of log hazard ratio\nwithout the patient")
    handles, texts = ax.get_legend_handles_labels()
    handles.append(
        Line2D(
            [],
            [],
            linestyle="none",
            marker="o",
            markerfacecolor="white",
            markersize=3.0,
            markeredgecolor="0.3",
            markeredgewidth=THIN_LINE,
        )
    )
    # Names are long and the points go everywhere: the legend stands above.
    ax.legend(
        handles,
        [*texts, "open: censored"],
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0),
        handletextpad=0.2,
        labelspacing=0.2,
    )
    return ax


def _draw_arm(ax: Axes, own: pd.DataFrame, arm: str, name: str) -> None:
    """Draw the patients of one arm: bars, then the dead filled and the censored open."""
    color = defaults.ARM_COLORS[arm]
    ax.errorbar(
        own["rank"],
        own["change"],
        yerr=2.0 * own["change_mcse"],
        fmt="none",
        ecolor=color,
        elinewidth=THIN_LINE,
        alpha=0.5,
    )
    for event, face in ((1, color), (0, "white")):
        some = own[own["event"] == event]
        ax.plot(
            some["rank"],
            some["change"],
            linestyle="none",
            marker=_MARKERS[arm],
            markersize=3.0,
            markerfacecolor=face,
            markeredgecolor=color,
            markeredgewidth=THIN_LINE,
            label=name if event else f"_{arm} censored",
        )


def _label(ax: Axes, worst: pd.DataFrame) -> None:
    """Write the ranks of the worst beyond their bars, on the side away from zero."""
    for row in worst[["rank", "change", "change_mcse"]].to_numpy(dtype=np.float64):
        rank, change, error = (float(value) for value in row)
        away = 1.0 if change >= 0 else -1.0
        ax.annotate(
            f"{rank:.0f}",
            xy=(rank, change + 2.0 * away * error),
            xytext=(0.0, 5.0 * away),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=TEXT_SIZE - 1.0,
        )
