"""Survival curves on other scales: cumulative incidence, and log(-log S) against log time."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from hccbayes.arms import ARMS, Arm
from hccbayes.errors import InputError, Problem
from hccbayes.plots.curve_steps import (
    curves_by_arm,
    draw_curve,
    legend_above,
    legend_lines,
    limits_in_words,
    line_look,
)
from hccbayes.plots.draws import Floats
from hccbayes.plots.risk_table import add_risk_table, risk_table_height
from hccbayes.plots.style import POINT, SINGLE_COLUMN, new_axes, publication_style, set_months
from hccbayes.plots.synthetic_mark import marks_synthetic

_AXES: Final = 2.35
"""Inches of the axes with their labels."""
_LINE: Final = 10.0
"""Points of a line of the legend."""
_LOG_TICKS: Final = (0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 6.0, 12.0, 24.0, 48.0, 96.0)
"""Months named on an axis of log time; neighbors are apart in a journal column."""


@marks_synthetic
@publication_style()
def cumulative_incidence(
    curves: pd.DataFrame,
    *,
    at_risk: xr.Dataset | None = None,
    event_name: str = "",
    arm_names: tuple[str, str] = ("Treated", "Control"),
    ax: Axes | None = None,
) -> Axes:
    r"""Draw the probability of having had the event by each time, :math:`1 - S(t)`.

    That is the incidence of an event which nothing competes with, as death from any cause. With
    competing events 1 - S is too high: give a table of their cumulative incidence.

    Parameters
    ----------
    curves
        As for :func:`hccbayes.plots.kaplan_meier`; or with the column ``incidence`` in place of
        ``survival``, ``lower`` and ``upper`` being limits of the incidence, drawn as it is.
    at_risk
        From :func:`hccbayes.figure_data.numbers_at_risk_dataset`, for the table below the axes.
    event_name
        The event, for the axis: ``"death"``.
    arm_names
        The treated and the control arm in words.
    ax
        Axes to draw on; a new 89 mm figure without it.

    Returns
    -------
    matplotlib.axes.Axes
        Time in months against cumulative incidence, from 0 to 1.

    Raises
    ------
    InputError
        If a column or an arm is absent or unknown, an arm has two curves, or the table has both
        ``incidence`` and ``survival``, so that one cannot say whose the limits are.
    """
    given = "incidence" in curves.columns
    if given and "survival" in curves.columns:
        raise InputError(Problem("curves", "has both incidence and survival: leave one"))
    estimate = "incidence" if given else "survival"
    own = curves_by_arm(curves, (estimate, "lower", "upper", "interval_prob"))
    source = "Cumulative incidence" if given else "1 \N{MINUS SIGN} Kaplan\N{EN DASH}Meier estimate"
    names: dict[str, str] = dict(zip(ARMS, arm_names, strict=True))
    title = f"{source}, {limits_in_words(curves)}"
    height = _AXES + legend_lines(names, title) * _LINE * POINT
    height += 0.0 if at_risk is None else risk_table_height(names)
    ax = new_axes(ax, width=SINGLE_COLUMN, height=height)
    set_months(ax, float(curves["time"].max()))
    for arm in ARMS:
        rows = own[arm] if given else _complement(own[arm])
        draw_curve(ax, rows, arm, ("incidence", "lower", "upper"))
    ax.set_ylim(0.0, 1.02)
    ax.set_yticks([0.0, 0.25, 0.5, 0.75, 1.0], ["0", "0.25", "0.50", "0.75", "1.00"])
    ax.set_ylabel("Cumulative incidence" + (f" of {event_name}" if event_name else ""))
    legend_above(ax, names, title)
    if at_risk is not None:
        add_risk_table(ax, at_risk, names)
    return ax


def _complement(own: pd.DataFrame) -> pd.DataFrame:
    """Return 1 less survival; the limits change places."""
    return own.assign(
        incidence=1.0 - own["survival"], lower=1.0 - own["upper"], upper=1.0 - own["lower"]
    )


@marks_synthetic
@publication_style()
def log_minus_log(
    curves: pd.DataFrame,
    *,
    arm_names: tuple[str, str] = ("Treated", "Control"),
    ax: Axes | None = None,
) -> Axes:
    r"""Draw :math:`\log(-\log S(t))` against time on a log scale.

    Under proportional hazards the curves are apart by the log hazard ratio at every time; a
    Weibull distribution gives a straight line. The transformation has no value where survival is
    1 or 0: a curve begins at its first event and ends, at the latest, where survival comes to 0.

    Parameters
    ----------
    curves
        As for :func:`hccbayes.plots.kaplan_meier`; limits are not drawn.
    arm_names
        The treated and the control arm in words.
    ax
        Axes to draw on; a new 89 mm figure without it.

    Returns
    -------
    matplotlib.axes.Axes
        Time in months, log scale, against log(-log survival).

    Raises
    ------
    InputError
        If a column or an arm is absent or unknown, an arm has two curves, or the survival of an
        arm is never between 0 and 1 at a time after 0.
    """
    own = curves_by_arm(curves, ("survival",))
    steps = {arm: _log_minus_log_steps(own[arm], arm) for arm in ARMS}
    names: dict[str, str] = dict(zip(ARMS, arm_names, strict=True))
    kind = "Weighted " if "at_risk_weighted" in curves.columns else ""
    title = f"{kind}Kaplan\N{EN DASH}Meier estimate"
    height = _AXES + legend_lines(names, title) * _LINE * POINT
    ax = new_axes(ax, width=SINGLE_COLUMN, height=height)
    for arm, (time, value) in steps.items():
        ax.plot(time, value, drawstyle="steps-post", label=arm, **line_look(arm))
    _set_log_months(ax, [time for one, _ in steps.values() for time in one.tolist()])
    ax.set_ylabel("log(\N{MINUS SIGN}log survival)")
    legend_above(ax, names, title)
    return ax


def _log_minus_log_steps(own: pd.DataFrame, arm: Arm) -> tuple[Floats, Floats]:
    """Return the steps of one arm; the last is held to where the curve ends or comes to 0."""
    time, survival = own["time"].to_numpy(), own["survival"].to_numpy()
    inside = np.flatnonzero((survival > 0.0) & (survival < 1.0) & (time > 0.0))
    if not inside.size:
        message = f"survival of the {arm} arm is never between 0 and 1 at a time after 0"
        raise InputError(Problem("curves", message))
    value = np.log(-np.log(survival[inside]))
    end = inside[-1] + 1
    if end == len(time):
        return time[inside], value
    return np.append(time[inside], time[end]), np.append(value, value[-1])


def _set_log_months(ax: Axes, times: list[float]) -> None:
    low, high = min(times), max(times)
    margin = math.exp(0.03 * math.log(high / low)) if high > low else 2.0
    ax.set_xscale("log")
    ax.set_xlim(low / margin, high * margin)
    ticks = [tick for tick in _LOG_TICKS if low / margin <= tick <= high * margin]
    ax.xaxis.set_major_locator(FixedLocator(ticks))
    ax.xaxis.set_major_formatter(FixedFormatter([f"{tick:g}" for tick in ticks]))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xlabel("Time (months, log scale)")
