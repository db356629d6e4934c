"""Which patient has which outcome: progression before death, and printed regressions.

Both steps permute outcomes within an arm, so that every Kaplan-Meier curve and the unadjusted
hazard ratio of the whole cohort stay as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from hccbayes.synthetic.event_times import FollowUp
from hccbayes.synthetic.outcome_targets import EVENT_COLUMNS, Effect, Regression
from hccbayes.synthetic.partial_likelihood import log_hr_offset
from hccbayes.synthetic.targets import InfeasibleDrawError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

FORBIDDEN: Final = 1e12
"""Cost of an impossible pair, beyond the sum of all possible ones."""
MARGIN_OF_TOLERANCE: Final = 0.5
"""The search stops when every ratio is within half of its tolerance."""
SWAPS: Final = 40_000
FIRST_TEMPERATURE: Final = 100.0
COOLING: Final = 1e-5
"""Temperatures fall geometrically from the first to this share of it; the unit is a squared
tolerance."""


def couple(os: FollowUp, pfs: FollowUp) -> FollowUp:
    """Return progression-free follow-up in the order of the patients it goes to.

    The assignment with the smallest sum of squared rank distances, in which no progression comes
    after the end of overall follow-up and nobody dies without a progression-free event.

    Parameters
    ----------
    os, pfs
        Follow-up of one arm.

    Returns
    -------
    FollowUp
        `pfs` in the order of the patients of `os`.

    Raises
    ------
    InfeasibleDrawError
        If there is no such assignment.
    """
    ranks_os, ranks_pfs = (np.argsort(np.argsort(part.time)) for part in (os, pfs))
    cost = (ranks_os[:, None] - ranks_pfs[None, :]).astype(np.float64) ** 2
    impossible = pfs.time[None, :] > os.time[:, None]
    impossible |= os.event[:, None] & ~pfs.event[None, :]
    cost[impossible] = FORBIDDEN
    rows, columns = linear_sum_assignment(cost)
    if impossible[rows, columns].any():
        raise InfeasibleDrawError("progression cannot precede death in every patient")
    return FollowUp(pfs.time[columns], pfs.event[columns])


@dataclass(frozen=True, slots=True, eq=False)
class _Equation:
    """One regression on the rows of its sample."""

    rows: IntArray
    design: FloatArray
    target: FloatArray
    tolerance: FloatArray
    time_column: int
    event_column: int

    def distance(self, design: FloatArray, outcomes: FloatArray) -> FloatArray:
        """Return how many tolerances each log hazard ratio is off."""
        part = outcomes[self.rows]
        offset = log_hr_offset(
            design, part[:, self.time_column], part[:, self.event_column], self.target
        )
        return np.asarray(offset / self.tolerance)


def effect_indicator(frame: pd.DataFrame, effect: Effect) -> FloatArray:
    """Return 1 where a patient has one of the effect's levels."""
    return np.asarray(frame[effect.column].isin(effect.levels), dtype=np.float64)


def regression_design(frame: pd.DataFrame, regression: Regression, treated: str) -> pd.DataFrame:
    """Return the design of a printed regression: ``treatment`` and a column each covariate."""
    design = {"treatment": np.asarray(frame["arm"] == treated, dtype=np.float64)}
    for effect in regression.effects:
        design[effect.column] = effect_indicator(frame, effect)
    return pd.DataFrame(design, index=frame.index)


def sample_rows(frame: pd.DataFrame, sample: str) -> IntArray:
    """Return the positions of the whole cohort or of its matched subset."""
    if sample == "all":
        return np.arange(len(frame))
    return np.flatnonzero((frame["matched"] == "yes").to_numpy(dtype=bool))


def reorder_outcomes(
    frame: pd.DataFrame,
    regressions: Sequence[Regression],
    treated: str,
    rng: np.random.Generator,
    *,
    within: Sequence[str] = ("arm",),
) -> pd.DataFrame:
    """Permute outcomes within groups until the printed regressions hold.

    Random pairs exchange their outcomes, or their progression alone, where that brings the hazard
    ratios closer to print (simulated annealing). One Newton step from the printed values says how
    far away they are; no fit is needed.

    Parameters
    ----------
    frame
        The cohort with its outcomes.
    regressions
        What is to hold.
    treated
        Label of the treated arm.
    rng
        Source of the pairs.
    within
        Columns that a pair has in common.

    Raises
    ------
    InfeasibleDrawError
        If the search ends before every ratio is within half of its tolerance.
    """
    columns = [name for pair in _outcome_columns(frame) for name in pair]
    outcomes = frame[columns].to_numpy(dtype=np.float64)
    equations = [_equation(frame, regression, treated, columns) for regression in regressions]
    group = frame.groupby(list(within), sort=True).ngroup().to_numpy()
    members = [np.flatnonzero(group == number) for number in range(int(group.max()) + 1)]
    found = _search(outcomes, equations, members, rng)
    result = frame.copy()
    result[columns] = found
    events = [column for column in columns if column in EVENT_COLUMNS.values()]
    return result.astype(dict.fromkeys(events, np.int64))


def _search(
    outcomes: FloatArray,
    equations: Sequence[_Equation],
    members: Sequence[IntArray],
    rng: np.random.Generator,
) -> FloatArray:
    """Anneal the sum of squared distances by exchanges of two patients' outcomes."""
    size = np.array([len(member) for member in members], dtype=np.float64)
    share = size / size.sum()
    current = outcomes.copy()
    distances = _distances(equations, current)
    for step in range(SWAPS):
        if np.abs(distances).max() < MARGIN_OF_TOLERANCE:
            return current
        temperature = FIRST_TEMPERATURE * COOLING ** (step / SWAPS)
        pair = rng.choice(members[rng.choice(len(members), p=share)], 2, replace=False)
        columns = _exchanged_columns(current, pair, rng)
        current[np.ix_(pair, columns)] = current[np.ix_(pair[::-1], columns)]
        proposed = _distances(equations, current)
        rise = float(proposed @ proposed - distances @ distances)
        if rise < 0 or rng.random() < np.exp(-rise / temperature):
            distances = proposed
        else:
            current[np.ix_(pair, columns)] = current[np.ix_(pair[::-1], columns)]
    raise InfeasibleDrawError("the printed regressions were not reached")


def _exchanged_columns(outcomes: FloatArray, pair: IntArray, rng: np.random.Generator) -> IntArray:
    """Return the columns two patients exchange: all, or progression alone where death allows it.

    Columns are months and event of overall, then of progression-free survival.
    """
    everything = np.arange(outcomes.shape[1])
    if outcomes.shape[1] == 2 or rng.random() < 0.5:
        return everything
    os_months, death, pfs_months, progressed = outcomes[pair].T
    fits = (pfs_months[::-1] <= os_months) & (death <= progressed[::-1])
    return everything[2:] if fits.all() else everything


def _distances(equations: Sequence[_Equation], outcomes: FloatArray) -> FloatArray:
    return np.concatenate([part.distance(part.design, outcomes) for part in equations])


def _outcome_columns(frame: pd.DataFrame) -> list[tuple[str, str]]:
    return [
        (f"{name}_months", event) for name, event in EVENT_COLUMNS.items() if event in frame.columns
    ]


def _equation(
    frame: pd.DataFrame, regression: Regression, treated: str, columns: list[str]
) -> _Equation:
    rows = sample_rows(frame, regression.sample)
    ratios = np.array([regression.treatment, *(effect.hr for effect in regression.effects)])
    widths = np.full(len(ratios), regression.effect_tolerance)
    widths[0] = regression.tolerance
    return _Equation(
        rows=rows,
        design=regression_design(frame, regression, treated).to_numpy()[rows],
        target=np.log(ratios),
        # To first order a ratio is off by itself times what its logarithm is off.
        tolerance=widths / ratios,
        time_column=columns.index(f"{regression.endpoint}_months"),
        event_column=columns.index(EVENT_COLUMNS[regression.endpoint]),
    )
