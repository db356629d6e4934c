"""Two clones of each patient, one a strategy, followed while the patient does what it asks.

Strategy 1 starts treatment within the grace period, strategy 0 never does. A patient who has not
started yet is consistent with both, and so counts in both, until one is no longer followed: no
stretch of time is given to an arm because of what happened later (Hernan 2018, BMJ 360:k182;
Maringe et al. 2020, International Journal of Epidemiology 49:1719). That artificial censoring
depends on treatment, which :mod:`hccbayes.time_zero.strategy_weights` answers for. Times are in
months since time zero.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from hccbayes.errors import InputError, Problem
from hccbayes.time_zero.record import without_dates

if TYPE_CHECKING:
    from hccbayes.spec.design import ControlStrategy

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_NEEDED: Final = ("patient", "entry", "time", "event")
CONTROL_STRATEGIES: Final = ("never", "not_within_grace")


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class FollowUp:
    """Patients as the strategies see them.

    Parameters
    ----------
    patient
        Identifiers, shape ``(patients,)``.
    time, event
        End of follow-up, and whether it is the event.
    start
        Start of treatment, months; infinite where it never started or not before the end of
        follow-up.
    """

    patient: NDArray[np.object_]
    time: FloatArray
    event: FloatArray
    start: FloatArray

    @classmethod
    def of(cls, frame: pd.DataFrame) -> FollowUp:
        """Return the follow-up of a cohort's frame.

        Parameters
        ----------
        frame
            ``patient``, ``entry``, ``time``, ``event`` and ``treatment_start``, one row a patient;
            a start that is missing or infinite never was.

        Raises
        ------
        InputError
            If a column is absent, a patient enters after time zero, follow-up has no length, or
            a start lies before time zero.
        """
        if "treatment_start" not in frame:
            raise without_dates()
        absent = [name for name in _NEEDED if name not in frame]
        if absent:
            raise InputError(Problem("cohort's frame", f"has no column {', '.join(absent)}"))
        names = frame["patient"].astype(str).to_numpy(dtype=object)
        entry, time, event, start = (
            frame[name].to_numpy(dtype=np.float64)
            for name in ("entry", "time", "event", "treatment_start")
        )
        if not np.isfinite(start).any():
            raise without_dates()
        rules = {
            ("entry", "clones begin at time zero, and these patients enter later"): entry > 0,
            ("time", "must be positive and finite"): ~(np.isfinite(time) & (time > 0)),
            ("event", "must be 0 or 1"): ~np.isin(event, (0.0, 1.0)),
            ("treatment_start", "lies before time zero"): start < 0,
        }
        problems = [
            Problem(f"column {where}", message, tuple(names[wrong]))
            for (where, message), wrong in rules.items()
            if wrong.any()
        ]
        if problems:
            raise InputError(problems)
        # Nobody is followed beyond the end: a start there is none, and a death comes first.
        start = np.where(np.isfinite(start) & (start < time), start, np.inf)
        return cls(patient=names, time=time, event=event, start=start)

    def take(self, index: NDArray[np.intp]) -> FollowUp:
        """Return some patients, in the order of `index`; one may come more than once."""
        return FollowUp(
            patient=self.patient[index],
            time=self.time[index],
            event=self.event[index],
            start=self.start[index],
        )


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Clones:
    """Rows of both sets of clones.

    Parameters
    ----------
    rows
        ``patient``, ``patient_index`` (row of the cohort's frame; the cluster), ``treatment`` (the
        strategy, 1 or 0), ``start``, ``stop`` (months, at risk in ``(start, stop]``), ``event``
        and ``started`` (whether treatment has started). A treated clone has two rows where
        treatment starts after time zero.
    grace
        Months.
    control
        ``never`` or ``not_within_grace``.
    patients
        Number of patients.
    without_control
        Patients who start at time zero and so have no control clone.
    artificially_censored
        Clones no longer followed because of treatment, of strategy 0 and 1.
    """

    rows: pd.DataFrame
    grace: float
    control: ControlStrategy
    patients: int
    without_control: tuple[str, ...]
    artificially_censored: tuple[int, int]


def clone_patients(
    follow_up: FollowUp, grace: float, *, control: ControlStrategy = "never"
) -> Clones:
    r"""Return two clones of each patient.

    With start of treatment s, end of follow-up T and grace period g:

    - strategy 1: to T where :math:`s \le g`, else to :math:`\min(T, g)`;
    - strategy 0, ``never``: to :math:`\min(T, s)`, whenever the start is; ``not_within_grace``: to
      s where :math:`s \le g`, else to T.

    The event counts where the clone's follow-up ends with T. A start at g is within the grace
    period; a death on the day of the start comes first (nobody starts at or after T), and belongs
    to both clones; a start at 0 leaves no control clone.

    Parameters
    ----------
    follow_up
        The patients.
    grace
        Months.
    control
        When the control strategy is broken: at any start, or at one within the grace period.

    Raises
    ------
    InputError
        If the grace period is not positive or nobody is followed beyond it, nobody or everybody
        starts within it, or the control strategy is unknown.
    """
    check_strategies(follow_up, grace, control)
    within = follow_up.start <= grace
    treated_end = np.where(within, follow_up.time, np.minimum(follow_up.time, grace))
    breaks = follow_up.start if control == "never" else np.where(within, follow_up.start, np.inf)
    control_end = np.minimum(follow_up.time, breaks)
    turn = np.where(within, follow_up.start, np.inf)
    parts = [
        _rows(follow_up, 1, 0.0, np.minimum(turn, treated_end), treated_end, started=False),
        _rows(follow_up, 1, turn, treated_end, treated_end, started=True),
        _rows(follow_up, 0, 0.0, control_end, control_end, started=False),
    ]
    rows = pd.concat(parts).sort_values(
        ["treatment", "patient_index", "start"], ascending=[False, True, True]
    )
    return Clones(
        rows=rows.reset_index(drop=True),
        grace=float(grace),
        control=control,
        patients=len(follow_up.time),
        without_control=tuple(follow_up.patient[control_end <= 0]),
        artificially_censored=(
            int((control_end < follow_up.time).sum()),
            int((treated_end < follow_up.time).sum()),
        ),
    )


def _rows(
    follow_up: FollowUp,
    treatment: int,
    start: ArrayLike,
    stop: FloatArray,
    end: FloatArray,
    *,
    started: bool,
) -> pd.DataFrame:
    """Return the rows of a part of the follow-up of all clones of a strategy, if it has length."""
    begin = np.broadcast_to(np.asarray(start, dtype=np.float64), stop.shape)
    # The event is the patient's where neither the strategy nor the part ends before it.
    event = follow_up.event * (end == follow_up.time) * (stop == follow_up.time)
    table = pd.DataFrame(
        {
            "patient": follow_up.patient,
            "patient_index": np.arange(len(stop)),
            "treatment": treatment,
            "start": begin,
            "stop": stop,
            "event": event.astype(np.int64),
            "started": started,
        }
    )
    return table[table["start"] < table["stop"]]


def check_strategies(follow_up: FollowUp, grace: float, control: str) -> None:
    """Raise where the strategies cannot be told apart in these patients.

    Parameters
    ----------
    follow_up, grace, control
        As for :func:`clone_patients`.
    """
    problems: list[Problem] = []
    if control not in CONTROL_STRATEGIES:
        known = ", ".join(CONTROL_STRATEGIES)
        problems.append(Problem("control", f"unknown strategy {control!r}; choose from {known}"))
    problems.extend(_grace_problems(follow_up, grace))
    if problems:
        raise InputError(problems)


def _grace_problems(follow_up: FollowUp, grace: float) -> Iterable[Problem]:
    if not (np.isfinite(grace) and grace > 0):
        yield Problem("grace", f"must be a positive number of months, not {grace:g}")
        return
    last = float(follow_up.time.max())
    if grace >= last:
        yield Problem("grace", f"of {grace:g} months: follow-up ends at {last:.4g}")
        return
    started = follow_up.start <= grace
    if not started.any():
        yield Problem(
            "treatment_start", f"nobody starts within {grace:g} months: strategy 1 has no patient"
        )
    if not (~started & (follow_up.time > grace)).any():
        yield Problem(
            "treatment_start",
            f"everybody followed beyond {grace:g} months has started by then: strategy 0 has no "
            "patient",
        )


def covariate_matrix(covariates: ArrayLike, patient: NDArray[np.object_]) -> FloatArray:
    """Return baseline covariates, shape ``(patients, columns)``, checked.

    Raises
    ------
    InputError
        If the shape is wrong, or a value is missing or infinite, with the patients.
    """
    values = np.asarray(covariates, dtype=np.float64)
    if values.ndim != 2 or len(values) != len(patient):
        raise InputError(
            Problem("covariates", f"need the shape ({len(patient)}, columns), not {values.shape}")
        )
    wrong = ~np.isfinite(values).all(axis=1)
    if wrong.any():
        raise InputError(Problem("covariates", "missing or infinite", tuple(patient[wrong])))
    return values
