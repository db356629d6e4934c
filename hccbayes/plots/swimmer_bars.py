"""Single patients from time zero to the end: before treatment, on it, and what was immortal."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final, Literal

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from hccbayes.arms import ARM_VALUE, ARMS
from hccbayes.defaults import ARM_COLORS
from hccbayes.errors import InputError, Problem
from hccbayes.plots.forest_rows import write_over_axes
from hccbayes.plots.immortal_states import (
    BEHIND_MARK,
    HATCH,
    STATE_LOOKS,
    add_caption,
    state_handle,
)
from hccbayes.plots.style import (
    LABEL_SIZE,
    POINT,
    SINGLE_COLUMN,
    THIN_LINE,
    choose,
    new_axes,
    publication_style,
    set_months,
)
from hccbayes.plots.synthetic_mark import marks_synthetic
from hccbayes.time_zero.cohort_states import IMMORTAL, ON_TREATMENT, UNTREATED, check_courses

Sort = Literal["follow_up", "treatment_start"]
_SORTS: Final = ("follow_up", "treatment_start")
_ROW: Final = 5.2
"""Points of a patient."""
_LABELED_ROW: Final = 8.0
"""Points of a patient whose identifier stands beside the bar."""
_HEAD: Final = 2.2
"""Rows that the name of an arm takes."""
_LABEL_SIZE: Final = 6.0
_MARKERS: Final[dict[str, dict[str, Any]]] = {
    "treatment starts": {"marker": "D", "markersize": 2.6, "markerfacecolor": "white"},
    "death": {"marker": "o", "markersize": 3.0, "markerfacecolor": "black"},
    "censored": {"marker": ">", "markersize": 3.4, "markerfacecolor": "white"},
}
_LINES: Final[dict[str, Any]] = {"landmark": "--", "grace ends": ":"}


@marks_synthetic
@publication_style()
def swimmer(
    frame: pd.DataFrame,
    *,
    arm_names: Mapping[str, str] | None = None,
    patients: int = 40,
    seed: int = 0,
    sort: Sort = "follow_up",
    landmark: float | None = None,
    grace: float | None = None,
    labels: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """Draw one bar a patient from entry to the end of follow-up, in the color of the state.

    Time from time zero to the start of treatment of patients counted as treated is hatched: it is
    immortal, for a patient who died in it would be counted as a control.

    Parameters
    ----------
    frame
        A cohort's frame: ``patient``, ``entry``, ``time``, ``event``, ``treatment`` (the arm in
        which the patient is counted) and ``treatment_start`` (months, infinite or ``nan`` where
        the treatment never started).
    arm_names
        Name of each arm; ``treated`` and ``control`` without it.
    patients
        Bars at most. A larger cohort is sampled at random within the arms, each by its share.
    seed
        Seed of that sample.
    sort
        Order within an arm: ``follow_up`` (longest on top) or ``treatment_start`` (earliest on
        top, never treated last).
    landmark, grace
        Months at which a line is drawn: the landmark, and the end of the grace period.
    labels
        Whether the patients' identifiers stand beside the bars; figures travel, so not by default.
    ax
        Axes to draw on; a new 89 mm figure without it. Text stands above and below the axes: use a
        constrained layout.

    Returns
    -------
    matplotlib.axes.Axes
        Time in months against the patients, treated arm on top.

    Raises
    ------
    InputError
        If a column is absent, there is no patient, a treated patient has no start of treatment,
        treatment starts after the end of follow-up, or an argument is out of range.
    """
    check_courses(frame)
    choose("sort", sort, _SORTS)
    lines = _checked_lines(patients, landmark, grace)
    shown = _arranged(_sample(frame, patients, seed), sort)
    bottom = float(shown["height"].max())
    row = _LABELED_ROW if labels else _ROW
    ax = new_axes(ax, width=SINGLE_COLUMN, height=((bottom + 2.0) * row + 112.0) * POINT)
    ax.set_ylim(bottom + 1.0, -_HEAD - 0.4)
    set_months(ax, 1.02 * max(float(shown["time"].max()), *lines.values(), 1.0))
    ax.set_xlabel("Time since time zero (months)", fontsize=LABEL_SIZE)
    _draw_bars(ax, shown)
    _draw_markers(ax, shown)
    for name, time in lines.items():
        ax.axvline(time, label=name, **_rule(name))
    _name_arms(ax, frame, shown, arm_names or {})
    _label_rows(ax, shown if labels else shown.iloc[:0])
    _legend(ax, lines)
    add_caption(ax, _caption(len(shown), len(frame), seed))
    return ax


def _checked_lines(patients: int, landmark: float | None, grace: float | None) -> dict[str, float]:
    """Return the times of the lines, once the numbers given are possible."""
    problems = []
    if patients < len(ARMS):
        problems.append(Problem("patients", f"must be {len(ARMS)} or more, not {patients!r}"))
    lines = {}
    for where, name, time in (
        ("landmark", "landmark", landmark),
        ("grace", "grace ends", grace),
    ):
        if time is None:
            continue
        if not (time > 0 and math.isfinite(time)):
            problems.append(Problem(where, f"must be months after time zero, not {time!r}"))
        lines[name] = float(time)
    if problems:
        raise InputError(problems)
    return lines


def _sample(frame: pd.DataFrame, patients: int, seed: int) -> pd.DataFrame:
    """Return at most so many patients, at random, each arm by its share and with one at least."""
    if len(frame) <= patients:
        return frame
    treated = int((frame["treatment"] == 1).sum())
    share = round(patients * treated / len(frame))
    if 0 < treated < len(frame):
        share = min(max(share, 1), patients - 1)
    rng = np.random.default_rng(seed)
    places = [
        rng.choice(np.flatnonzero(frame["treatment"] == value), count, replace=False)
        for value, count in ((1, share), (0, patients - share))
    ]
    return frame.iloc[np.sort(np.concatenate(places))]


def _arranged(frame: pd.DataFrame, sort: Sort) -> pd.DataFrame:
    """Return the patients from the top with their heights, in rows, and pieces of their bars."""
    start = frame["treatment_start"]
    start = start.where(np.isfinite(start.to_numpy(dtype=np.float64)), np.inf)
    # Treatment before entry, or at the end, leaves a bar of one color.
    switch = np.minimum(np.maximum(start, frame["entry"]), frame["time"])
    rows = frame.assign(start=start, switch=switch, longest=-frame["time"])
    keys = ["longest", "start"] if sort == "follow_up" else ["start", "longest"]
    rows = rows.assign(arm_order=1 - rows["treatment"])
    rows = rows.sort_values(["arm_order", *keys], kind="stable", ignore_index=True)
    gap = _HEAD + 0.6 if rows["arm_order"].nunique() > 1 else 0.0
    return rows.assign(height=rows.index + gap * rows["arm_order"])


def _draw_bars(ax: Axes, rows: pd.DataFrame) -> None:
    counted = rows["treatment"] == 1
    pieces = (
        (UNTREATED, ~counted, "entry", "switch"),
        (IMMORTAL, counted, "entry", "switch"),
        (ON_TREATMENT, counted | ~counted, "switch", "time"),
    )
    with mpl.rc_context(HATCH):
        for state, who, left, right in pieces:
            own = rows[who & (rows[right] > rows[left])]
            if own.empty:
                continue
            width = own[right] - own[left]
            look = {"linewidth": 0.0, "zorder": BEHIND_MARK} | STATE_LOOKS[state]
            if state == IMMORTAL:
                look["linewidth"] = 0.4  # A white bar needs an edge.
            ax.barh(own["height"], width, left=own[left], height=0.74, label=state, **look)


def _draw_markers(ax: Axes, rows: pd.DataFrame) -> None:
    died = rows["event"] == 1
    inside = (rows["start"] > rows["entry"]) & (rows["start"] <= rows["time"])
    for name, who, at in (
        ("treatment starts", inside, "start"),
        ("death", died, "time"),
        ("censored", ~died, "time"),
    ):
        own = rows[who]
        ax.plot(own[at], own["height"], label=name, clip_on=False, zorder=3.0, **_marker(name))


def _marker(name: str) -> dict[str, Any]:
    look = {"linestyle": "none", "color": "black", "markeredgecolor": "black"}
    return look | {"markeredgewidth": THIN_LINE} | _MARKERS[name]


def _rule(name: str) -> dict[str, Any]:
    return {"color": "black", "linewidth": 0.9, "linestyle": _LINES[name]}


def _name_arms(ax: Axes, frame: pd.DataFrame, rows: pd.DataFrame, names: Mapping[str, str]) -> None:
    """Write each arm's name above its bars, with how many of its patients are shown."""
    for arm in ARMS:
        own = rows[rows["treatment"] == ARM_VALUE[arm]]
        if own.empty:
            continue
        total = int((frame["treatment"] == ARM_VALUE[arm]).sum())
        count = f"{total}" if len(own) == total else f"{len(own)} of {total}"
        write_over_axes(
            ax,
            f"{names.get(arm, arm)} ({count})",
            float(own["height"].min()) - 0.5 - 0.5 * _HEAD,
            side=0.0,
            shift=3.0,
            fontweight="bold",
            color=ARM_COLORS[arm],
        )


def _label_rows(ax: Axes, rows: pd.DataFrame) -> None:
    ax.set_yticks(rows["height"].tolist(), rows["patient"].astype(str).tolist())
    ax.tick_params(axis="y", labelsize=_LABEL_SIZE, length=0.0)
    ax.spines["left"].set_linewidth(THIN_LINE)


def _legend(ax: Axes, lines: Mapping[str, float]) -> None:
    drawn = {str(container.get_label()) for container in ax.containers}
    with mpl.rc_context(HATCH):
        states = [state_handle(s) for s in (ON_TREATMENT, IMMORTAL, UNTREATED) if s in drawn]
    shown = {str(line.get_label()) for line in ax.lines if len(np.asarray(line.get_xdata()))}
    markers = [Line2D([], [], label=name, **_marker(name)) for name in _MARKERS if name in shown]
    rules = [
        Line2D(
            [],
            [],
            color="black",
            linewidth=0.9,
            linestyle=_LINES[name],
            label=f"{name}, {time:.3g} months",
        )
        for name, time in lines.items()
    ]
    # The first line ends the column of states, the second that of markers.
    ax.legend(
        handles=[*states, *rules[:1], *markers, *rules[1:]],
        loc="lower left",
        bbox_to_anchor=(0.0, 1.01),
        ncols=2,
        borderaxespad=0.0,
        columnspacing=1.0,
        handlelength=1.6,
    )


def _caption(shown: int, total: int, seed: int) -> str:
    if shown == total:
        return f"All {total} patients"
    return f"{shown} of {total} patients, drawn at random within the arms (seed {seed})"
