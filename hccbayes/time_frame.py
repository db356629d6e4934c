"""At which times an analysis is read: none beyond what both arms were followed for."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hccbayes import defaults
from hccbayes.errors import InputError, Problem
from hccbayes.spec import EstimandSection

if TYPE_CHECKING:
    import pandas as pd

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeFrame:
    """Times of an analysis, none beyond what both arms were followed for.

    Parameters
    ----------
    times
        Months at which survival is reported.
    horizon
        Months to which the restricted mean is integrated.
    follow_up
        Largest follow-up common to both arms; medians are looked for up to here.
    """

    times: tuple[float, ...]
    horizon: float
    follow_up: float

    @property
    def grid(self) -> FloatArray:
        """Grid of the curves: time 0 to the common follow-up, with the reported times on it."""
        even = np.linspace(0.0, self.follow_up, defaults.CURVE_POINTS)
        return np.union1d(even, self.times)


def time_frame(frame: pd.DataFrame, estimands: EstimandSection) -> TimeFrame:
    """Return the times of an analysis, refusing those that no data support.

    Parameters
    ----------
    frame
        A cohort's frame with ``time`` and ``treatment``.
    estimands
        Times and horizon asked for; without a horizon, the common follow-up in whole months.

    Raises
    ------
    InputError
        If a time or the horizon lies beyond the largest follow-up of either arm.
    """
    follow_up = float(frame.groupby("treatment")["time"].max().min())
    usual = float(math.floor(follow_up)) if follow_up >= 1 else follow_up
    horizon = usual if estimands.horizon is None else estimands.horizon
    late = [time for time in estimands.times if time > follow_up]
    limit = f"one arm's follow-up ends at {follow_up:.4g} months"
    problems = []
    if late:
        listed = ", ".join(f"{time:g}" for time in late)
        problems.append(Problem("[estimands] times", f"{limit}; remove {listed}"))
    if horizon > follow_up:
        problems.append(Problem("[estimands] horizon", f"{limit}; {horizon:g} lies beyond"))
    if problems:
        raise InputError(problems)
    return TimeFrame(times=estimands.times, horizon=horizon, follow_up=follow_up)
