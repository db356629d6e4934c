r"""Cox regression with an effect of treatment in each phase of follow-up, as estimate rows.

Every patient's follow-up is split at the bounds of the phases, and treatment has a coefficient in
each: R's ``coxph`` on the episodes of ``survSplit``. The average over the phases is the
event-weighted mean of the log hazard ratios,

.. math:: \bar\beta = \sum_k \frac{d_k}{d} \beta_k,

with the :math:`d_k` events of both arms in phase k, and its variance that of the joint fit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from hccbayes.cut_points import interval_labels
from hccbayes.errors import InputError, Problem
from hccbayes.frequentist.conventional_centers import term_rows
from hccbayes.frequentist.conventional_cohort import ConventionalCohort, not_estimable
from hccbayes.frequentist.cox import CoxFit, cox
from hccbayes.frequentist.episodes import TIME_TOLERANCE, Episodes
from hccbayes.frequentist.identifiability import NotEstimableError
from hccbayes.records import TREATMENT_CONTRAST, Estimate

PHASES: Final = "cox_efron_phases"


def split_at(
    entry: ArrayLike, time: ArrayLike, event: ArrayLike, bounds: Sequence[float]
) -> pd.DataFrame:
    """Return the episodes of follow-up split at the bounds of the phases.

    Parameters
    ----------
    entry, time, event
        Follow-up in months as for :meth:`Episodes.of`.
    bounds
        Months at which phases end, increasing; an event on a bound belongs to the phase that ends
        there. Times that differ from a bound by rounding are on it.

    Returns
    -------
    pandas.DataFrame
        ``row`` (position of the patient), ``phase``, ``start``, ``stop``, ``event``.

    Raises
    ------
    InputError
        If the follow-up is wrong, or the bounds are not positive, finite and increasing.
    """
    points = np.asarray(bounds, dtype=np.float64)
    if not np.isfinite(points).all() or (np.diff(points, prepend=0.0) <= 0).any():
        raise InputError(Problem("bounds", "must be positive, finite and strictly increasing"))
    episodes = Episodes.of(entry, time, event)
    begin, end = (_on_bounds(each, points) for each in (episodes.entry, episodes.stop))
    edges = np.concatenate([[-np.inf], points, [np.inf]])
    start = np.maximum(begin[:, None], edges[:-1])
    stop = np.minimum(end[:, None], edges[1:])
    row, phase = np.nonzero(start < stop)
    own_start, own_stop = start[row, phase], stop[row, phase]
    return pd.DataFrame(
        {
            "row": row,
            "phase": phase,
            "start": np.maximum(own_start, 0.0),
            "stop": own_stop,
            "event": (episodes.event[row] & (own_stop == end[row])).astype(np.int64),
        }
    )


def _on_bounds(times: NDArray[np.float64], bounds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the times with those near a bound set to it."""
    moved = times.copy()
    for bound in bounds:
        moved[np.abs(moved - bound) <= TIME_TOLERANCE * max(1.0, bound)] = bound
    return moved


def phase_rows(
    cohort: ConventionalCohort, ends: Sequence[float], notes: list[str]
) -> Iterable[Estimate]:
    """Yield the log hazard ratio of each phase, their average, and the other terms.

    Parameters
    ----------
    cohort
        Patients and terms.
    ends
        Months under which the phases are filed: their bounds, and for the last one the end of the
        common follow-up.
    notes
        Is told what cannot be estimated, and why.

    Yields
    ------
    Estimate
        ``log_hr_at`` and ``hr_at`` by phase; ``log_hr`` and ``hr`` of the average and of each other
        term. All are ``nan`` where one phase has no estimate.
    """
    unknown = np.full(len(ends), np.nan)
    columns = cohort.design.shape[1]
    by_phase = (unknown, unknown, unknown)
    average: tuple[NDArray[np.float64], ...] = (np.full(columns, np.nan),) * 3
    try:
        split = split_at(*cohort.follow_up, ends[:-1])
        fit, mean = _fits(cohort, split, interval_labels(ends[:-1]))
        count = len(ends)
        by_phase = (fit.coef[:count], fit.lower[:count], fit.upper[:count])
        own = np.concatenate([[0], np.arange(count, count + columns - 1)])
        average = (mean.coef[own], mean.lower[own], mean.upper[own])
    except NotEstimableError as error:
        notes.append(not_estimable(PHASES, error))
    for time, value, low, high in zip(ends, *by_phase, strict=True):
        yield from cohort.labels.ratio(
            "hr_at", TREATMENT_CONTRAST, PHASES, float(value), (low, high), time=float(time)
        )
    yield from term_rows(cohort, PHASES, *average)


def _fits(
    cohort: ConventionalCohort, split: pd.DataFrame, labels: Sequence[str]
) -> tuple[CoxFit, CoxFit]:
    """Return the fit by phase, and the same model with the average in place of the last phase.

    Both have the treatment's columns first, one a phase, and the other terms behind them.
    """
    design = cohort.design.iloc[split["row"]].reset_index(drop=True)
    treatment = design["treatment"].to_numpy()
    others = design.drop(columns="treatment")
    phase = split["phase"].to_numpy()
    follow_up = (split["start"], split["stop"], split["event"])
    indicator = np.equal.outer(phase, np.arange(len(labels))).astype(np.float64)
    names = [f"treatment[{label}]" for label in labels]
    own = pd.DataFrame(treatment[:, None] * indicator, columns=names)
    by_phase = cox(own.join(others), *follow_up, prob=cohort.labels.prob)
    # Deviations of mean zero: the last is minus the weighted sum of the others. A phase whose
    # effect was estimated has events.
    events = np.bincount(phase, weights=split["event"], minlength=len(labels))
    contrast = indicator[:, :-1] - indicator[:, -1:] * (events[:-1] / events[-1])
    deviations = pd.DataFrame(treatment[:, None] * contrast, columns=names[:-1])
    averaged = pd.DataFrame({"treatment": treatment}).join(deviations).join(others)
    return by_phase, cox(averaged, *follow_up, prob=cohort.labels.prob)
