"""Step curves of both arms with their limits: checked, drawn, and named above the axes."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from hccbayes.arms import ARMS, Arm
from hccbayes.defaults import ARM_COLORS, ARM_LINESTYLES
from hccbayes.errors import InputError, Problem
from hccbayes.plots.style import BAND_ALPHA, TEXT_SIZE, choose

LINE_LENGTH: Final = 42
"""Characters of a legend's line that fit into a journal column beside the sample of the line."""


def check_columns(where: str, table: pd.DataFrame, columns: Sequence[str]) -> None:
    """Refuse a table that lacks a column or any row.

    Raises
    ------
    InputError
        With every column that is absent, and those there are.
    """
    absent = [name for name in columns if name not in table.columns]
    if absent:
        known = ", ".join(str(name) for name in table.columns) or "none"
        message = f"columns are absent: {', '.join(absent)}; the table has {known}"
        raise InputError(Problem(where, message))
    if table.empty:
        raise InputError(Problem(where, "has no row to draw"))


def curves_by_arm(curves: pd.DataFrame, columns: Sequence[str]) -> dict[Arm, pd.DataFrame]:
    """Return the rows of each arm, treated first.

    Raises
    ------
    InputError
        If a column or an arm is absent, an arm is unknown, or the times of an arm do not increase,
        as where two curves are in one table.
    """
    check_columns("curves", curves, ("arm", "time", *columns))
    for arm in curves["arm"].drop_duplicates():
        choose("arm", str(arm), ARMS)
    found = {arm: curves[curves["arm"] == arm].reset_index(drop=True) for arm in ARMS}
    problems = [
        Problem("curves", f"the {arm} arm is absent") for arm, own in found.items() if own.empty
    ]
    problems += [
        Problem("curves", f"the times of the {arm} arm do not increase: one curve an arm is needed")
        for arm, own in found.items()
        if not (np.diff(own["time"].to_numpy()) > 0).all()
    ]
    if problems:
        raise InputError(problems)
    return found


def draw_curve(ax: Axes, own: pd.DataFrame, arm: Arm, columns: tuple[str, str, str]) -> None:
    """Draw one arm's steps over the band of its limits.

    Parameters
    ----------
    ax
        Axes of time in months.
    own
        Rows of the arm, times increasing.
    arm
        Decides color and line style.
    columns
        Names of the estimate, its lower and its upper limit.
    """
    time = own["time"].to_numpy()
    # A curve has no limits once it is 0: its last band ends there and not at the time before.
    estimate, lower, upper = (own[name] for name in columns)
    ax.fill_between(
        time,
        lower.ffill(limit=1).to_numpy(),
        upper.ffill(limit=1).to_numpy(),
        step="post",
        color=ARM_COLORS[arm],
        alpha=BAND_ALPHA,
        linewidth=0,
    )
    ax.plot(
        time,
        estimate.to_numpy(),
        drawstyle="steps-post",
        label=arm,
        **line_look(arm),
    )


def limits_in_words(curves: pd.DataFrame) -> str:
    """Return ``95% pointwise limits``, or only ``pointwise limits`` where they are several."""
    probs = curves["interval_prob"].unique()
    return f"{probs[0]:.0%} pointwise limits" if len(probs) == 1 else "pointwise limits"


def legend_above(ax: Axes, labels: Mapping[str, str], title: str) -> None:
    """Name the arms above the axes, where no curve can run into their names.

    Parameters
    ----------
    ax
        Axes with the curves.
    labels
        What stands beside each arm's line, wrapped to a journal column.
    title
        What is drawn.
    """
    handles = [
        Line2D(
            [],
            [],
            label="\n".join(_lines(label)),
            **line_look(arm),
        )
        for arm, label in labels.items()
    ]
    ax.legend(
        handles=handles,
        title=title,
        title_fontsize=TEXT_SIZE,
        alignment="left",
        loc="lower left",
        bbox_to_anchor=(0.0, 1.02),
        borderaxespad=0.0,
        borderpad=0.0,
    )


def legend_lines(labels: Mapping[str, str], title: str) -> int:
    """Return how many lines :func:`legend_above` takes, to size a figure."""
    return title.count("\n") + 1 + sum(len(_lines(label)) for label in labels.values())


def line_look(arm: str) -> dict[str, Any]:
    """Return color and line style of an arm."""
    return {"color": ARM_COLORS[arm], "linestyle": ARM_LINESTYLES[arm]}


def _lines(label: str) -> list[str]:
    """Return the label in lines; where it has lines of its own, they stay."""
    return [line for part in label.split("\n") for line in textwrap.wrap(part, LINE_LENGTH)]
