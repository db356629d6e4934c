"""The cohort's states over time as stacked areas: how much of the follow-up was immortal."""

from __future__ import annotations

import textwrap
from typing import Any, Final

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from matplotlib.transforms import ScaledTranslation

from hccbayes.defaults import ARM_COLORS
from hccbayes.errors import InputError, Problem
from hccbayes.plots.style import (
    LABEL_SIZE,
    POINT,
    SINGLE_COLUMN,
    check_rows,
    choose,
    figure_of,
    new_axes,
    publication_style,
    set_months,
)
from hccbayes.plots.synthetic_mark import marks_synthetic
from hccbayes.time_zero.cohort_states import (
    CENSORED,
    DEAD,
    IMMORTAL,
    NOT_ENTERED,
    ON_TREATMENT,
    STATES,
    UNTREATED,
)

STATE_LOOKS: Final[dict[str, dict[str, Any]]] = {
    ON_TREATMENT: {"facecolor": ARM_COLORS["treated"]},
    # White with lines in the treated arm's color: counted there, and not yet of it.
    IMMORTAL: {"facecolor": "white", "edgecolor": ARM_COLORS["treated"], "hatch": "//////"},
    UNTREATED: {"facecolor": ARM_COLORS["control"]},
    NOT_ENTERED: {"facecolor": "white", "edgecolor": "0.6", "hatch": "...."},
    CENSORED: {"facecolor": "0.82"},
    # As above a survival curve.
    DEAD: {"facecolor": "white"},
}
"""Fill of each state, apart in gray by its lightness and its lines."""
IMMORTAL_WORDS: Final = "immortal time: counted as\ntreated, before treatment"
_WORDS: Final = {IMMORTAL: IMMORTAL_WORDS, UNTREATED: "not treated (control)"}
BEHIND_MARK: Final = 0.05
"""Order of fills that would hide the mark of a synthetic cohort if they were drawn over it."""
HATCH: Final[Any] = {"hatch.linewidth": 0.6}
"""Settings under which hatched fills are drawn."""
CAPTION_DROP: Final = 32.0
"""Points from the axes to the caption, clear of the label of the axis."""
CAPTION_LENGTH: Final = 50
"""Characters of the caption on a line of a journal column."""
_LEGEND_SHIFT: Final = -28.0
"""Points from the axes to the legend: it needs the whole of a journal column."""
_HEIGHT: Final = 3.1
"""Inches."""
_TOLERANCE: Final = 1e-6
"""By which the shares of a time may miss 1."""


@marks_synthetic
@publication_style()
def immortal_time(table: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw the shares of the cohort by state, stacked, since time zero.

    The hatched area is immortal time: patients counted as treated who wait for their treatment and
    cannot die before it, for they would then be counted as controls.

    Parameters
    ----------
    table
        From :func:`hccbayes.time_zero.state_shares`: ``state``, ``time`` (months) and
        ``share``. Its attributes ``treated_months`` and ``immortal_months``, where it has them,
        are said in a line below the axes.
    ax
        Axes to draw on; a new 89 mm figure without it. Text stands above and below the axes: use a
        constrained layout.

    Returns
    -------
    matplotlib.axes.Axes
        Time in months against the share of the cohort.

    Raises
    ------
    InputError
        If a column is absent, there is no row, a state is unknown, a state has no share or several
        at a time, or the shares of a time do not add up to 1.
    """
    shares = _stack(table)
    ax = new_axes(ax, width=SINGLE_COLUMN, height=_HEIGHT)
    bottom = pd.Series(0.0, index=shares.index)
    with mpl.rc_context(HATCH):
        for state in shares:
            top = bottom + shares[state]
            look = {"linewidth": 0.0, "zorder": BEHIND_MARK} | STATE_LOOKS[str(state)]
            ax.fill_between(shares.index, bottom, top, step="post", label=str(state), **look)
            bottom = top
    set_months(ax, float(shares.index[-1]))
    ax.set_ylim(0.0, 1.0)
    ax.set_yticks([0.0, 0.25, 0.5, 0.75, 1.0], ["0", "25", "50", "75", "100"])
    ax.set_xlabel("Time since time zero (months)", fontsize=LABEL_SIZE)
    ax.set_ylabel("Share of the cohort (%)", fontsize=LABEL_SIZE)
    _legend(ax, [str(state) for state in shares if shares[state].max() > 0])
    if {"treated_months", "immortal_months"} <= set(table.attrs):
        add_caption(ax, _caption(table))
    return ax


def _stack(table: pd.DataFrame) -> pd.DataFrame:
    """Return the shares with a row each time and a column each state, from below."""
    where = "table of states"
    check_rows(table, ("state", "time", "share"), where)
    for state in table["state"].unique():
        choose(where, str(state), STATES)
    if table.duplicated(["state", "time"]).any():
        raise InputError(Problem(where, "has several shares of a state at the same time"))
    wide = table.pivot(index="time", columns="state", values="share").sort_index()
    if wide.isna().to_numpy().any():
        raise InputError(Problem(where, "has times at which a state has no share"))
    wrong = (wide.sum(axis=1) - 1.0).abs() > _TOLERANCE
    if len(wide) < 2 or wrong.any() or (wide < 0).to_numpy().any():
        times = tuple(f"at {time:g}" for time in wide.index[wrong])
        message = "needs two times or more, and shares from 0 that add up to 1 at each"
        raise InputError(Problem(where, message, times))
    return wide[[state for state in STATES if state in wide]]


def _legend(ax: Axes, states: list[str]) -> None:
    # As in the figure, from above.
    with mpl.rc_context(HATCH):
        handles = [state_handle(state) for state in reversed(states)]
    shift = ScaledTranslation(_LEGEND_SHIFT * POINT, 0.0, figure_of(ax).dpi_scale_trans)
    ax.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(0.0, 1.02),
        bbox_transform=ax.transAxes + shift,
        ncols=2,
        borderaxespad=0.0,
        columnspacing=1.0,
        handlelength=1.6,
    )


def state_handle(state: str) -> Patch:
    """Return the legend's entry of a state."""
    edge: dict[str, Any] = {"edgecolor": "0.6", "linewidth": 0.5} | STATE_LOOKS[state]
    return Patch(label=_WORDS.get(state, state), **edge)


def _caption(table: pd.DataFrame) -> str:
    months, immortal = table.attrs["treated_months"], table.attrs["immortal_months"]
    if not months:
        return "Nobody is counted as treated"
    return (
        f"{immortal / months:.1%} of the {months:,.0f} person-months counted as treated come "
        "before the treatment"
    )


def add_caption(ax: Axes, text: str) -> None:
    """Write a line or two below the label of the axis."""
    ax.annotate(
        textwrap.fill(text, CAPTION_LENGTH),
        xy=(0.0, 0.0),
        xycoords="axes fraction",
        xytext=(0.0, -CAPTION_DROP),
        textcoords="offset points",
        ha="left",
        va="top",
        color="0.25",
        annotation_clip=False,
    )
