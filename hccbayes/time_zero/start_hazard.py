r"""When treatment starts: a piecewise-exponential model of patients who have not started yet.

.. math:: \lambda(t \mid x) = \lambda_j e^{x'\gamma}, \quad t \in I_j; \qquad
          H(t \mid x) = -\log\{1 - p_0(x)\} + \int_0^t \lambda(u \mid x)\,du

where :math:`p_0(x)` is the share who start at time zero itself, by a logistic model, and 0 where
nobody does. :math:`\exp\{-H(t \mid x)\}` is the probability not to have started by t, death and end
of follow-up left out of account: what the weights of clones are made of. Times are in months.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from hccbayes.errors import InputError
from hccbayes.frequentist.logistic import logistic_regression
from hccbayes.frequentist.piecewise_exponential import piecewise_exponential_mle
from hccbayes.person_time import PersonTime, split_person_time
from hccbayes.time_zero.cloning import FollowUp

FloatArray = NDArray[np.float64]

STARTS_PER_INTERVAL: Final = 8
"""Starts of treatment that an interval of the model holds at least, where there are as many."""
MOST_INTERVALS: Final = 4
"""Intervals before the end of the grace period, and after it."""
RIDGE_SD: Final = 1.0
"""Standard deviation of the normal prior of a log hazard ratio per standard deviation of its
covariate, used only where maximum likelihood has no finite answer."""
_STEPS: Final = 100
_TOLERANCE: Final = 1e-10


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class StartHazard:
    """The fitted model.

    Parameters
    ----------
    cuts
        Interior cut points, months.
    log_hazard
        Of each interval where every covariate is 0; minus infinity where nobody starts.
    slopes
        Log hazard ratios, shape ``(covariates,)``.
    at_zero
        Intercept and slopes of the logistic model of a start at time zero; none where nobody does.
    notes
        What was done where maximum likelihood had no answer.
    """

    cuts: FloatArray
    log_hazard: FloatArray
    slopes: FloatArray
    at_zero: FloatArray | None = None
    notes: tuple[str, ...] = ()

    @property
    def parameters(self) -> FloatArray:
        """Slopes, log hazards of intervals where somebody starts, then those of `at_zero`."""
        own = [self.slopes, self.log_hazard[np.isfinite(self.log_hazard)]]
        return np.concatenate(own if self.at_zero is None else [*own, self.at_zero])

    def with_parameters(self, values: FloatArray) -> StartHazard:
        """Return the model with other parameters, in the order of `parameters`."""
        finite = np.isfinite(self.log_hazard)
        first, second = len(self.slopes), len(self.slopes) + int(finite.sum())
        log_hazard = self.log_hazard.copy()
        log_hazard[finite] = values[first:second]
        return replace(
            self,
            slopes=values[:first],
            log_hazard=log_hazard,
            at_zero=None if self.at_zero is None else values[second:],
        )

    def baseline(self, times: FloatArray) -> FloatArray:
        """Return the cumulative hazard after time zero where every covariate is 0."""
        hazard = np.exp(self.log_hazard)
        edges = np.concatenate([[0.0], self.cuts])
        reached = np.concatenate([[0.0], np.cumsum(np.diff(edges) * hazard[:-1])])
        interval = np.searchsorted(self.cuts, times, side="left")
        return np.asarray(reached[interval] + (times - edges[interval]) * hazard[interval])

    def at_time_zero(self, covariates: FloatArray) -> FloatArray:
        r"""Return :math:`-\log(1 - p_0)`, shape ``(rows,)``."""
        if self.at_zero is None:
            return np.zeros(len(covariates))
        return np.logaddexp(0.0, self.at_zero[0] + covariates @ self.at_zero[1:])

    def cumulative(self, times: FloatArray, covariates: FloatArray) -> FloatArray:
        """Return H of each row at its own times.

        Parameters
        ----------
        times
            Months, shape ``(rows,)`` or ``(rows, times)``.
        covariates
            Shape ``(rows, covariates)``.
        """
        ratio, jump = np.exp(covariates @ self.slopes), self.at_time_zero(covariates)
        if times.ndim == 2:
            ratio, jump = ratio[:, None], jump[:, None]
        return np.asarray(jump + ratio * self.baseline(times))


def start_cuts(start: FloatArray, grace: float) -> FloatArray:
    """Return cut points between which enough patients start, the grace period's end among them.

    Before and after the end of the grace period each interval has the same number of starts, at
    least :data:`STARTS_PER_INTERVAL`, and no more than :data:`MOST_INTERVALS` intervals. Where
    nobody starts after it, the hazard there is 0.

    Parameters
    ----------
    start
        Starts after time zero, months, shape ``(starts,)``.
    grace
        End of the grace period, months.
    """
    early, late = start[start <= grace], start[start > grace]
    inner = _equal_parts(early, grace), np.array([grace]), _equal_parts(late, np.inf)
    return np.unique(np.concatenate(inner))


def _equal_parts(start: FloatArray, end: float) -> FloatArray:
    count = min(MOST_INTERVALS, len(start) // STARTS_PER_INTERVAL)
    if count < 2:
        return np.zeros(0)
    cuts = np.unique(np.quantile(start, np.arange(1, count) / count))
    # Of tied starts a quantile may be the first or the last: an interval would have none.
    cuts = cuts[(cuts < min(end, start.max())) & (cuts >= start.min())]
    return cuts[np.diff(np.searchsorted(np.sort(start), cuts, side="right"), prepend=0) > 0]


def fit_start_hazard(
    follow_up: FollowUp,
    covariates: FloatArray,
    grace: float,
    *,
    within_grace: bool = False,
) -> StartHazard:
    """Fit the start of treatment by maximum likelihood.

    At risk is who is alive, followed and has not started. Where a covariate separates those who
    start, so that there is no finite maximum, its slope gets a normal prior of standard deviation
    :data:`RIDGE_SD` (per standard deviation of the covariate), and a note says so.

    Parameters
    ----------
    follow_up
        Patients.
    covariates
        Baseline, shape ``(patients, covariates)``; the average patient need not be at 0.
    grace
        Months; a cut point.
    within_grace
        Whether starts after the grace period are left out, where no strategy asks about them.
    """
    person_time, later = _at_risk(follow_up, grace, within_grace=within_grace)
    used = person_time.events.sum(axis=0) > 0
    log_hazard = np.full(len(used), -np.inf)
    own = covariates[later]
    slopes, log_hazard[used], notes = _fit_later(
        person_time.events[:, used], person_time.exposure[:, used], own
    )
    at_zero, zero_notes = _fit_at_zero(follow_up.start == 0, covariates)
    return StartHazard(
        cuts=person_time.cuts,
        log_hazard=log_hazard,
        slopes=slopes,
        at_zero=at_zero,
        notes=(*notes, *zero_notes),
    )


def _at_risk(
    follow_up: FollowUp, grace: float, *, within_grace: bool
) -> tuple[PersonTime, NDArray[np.bool_]]:
    """Return starts and time at risk of patients not treated at time zero, and who they are."""
    later = follow_up.start > 0
    stop = np.minimum(follow_up.start, follow_up.time)
    if within_grace:
        stop = np.minimum(stop, grace)
    started = follow_up.start <= stop
    cuts = start_cuts(follow_up.start[later & started], grace)
    cuts = cuts[cuts < stop.max()]
    split = split_person_time(
        np.zeros(int(later.sum())), stop[later], started[later].astype(np.float64), cuts
    )
    return split, later


def _fit_later(
    events: FloatArray, exposure: FloatArray, covariates: FloatArray
) -> tuple[FloatArray, FloatArray, tuple[str, ...]]:
    """Return slopes, log hazards and notes."""
    if not events.any():
        return np.zeros(covariates.shape[1]), np.zeros(0), ()
    if not covariates.shape[1]:
        return np.zeros(0), np.log(events.sum(axis=0) / exposure.sum(axis=0)), ()
    try:
        fitted = piecewise_exponential_mle(events, exposure, covariates)
    except InputError as error:
        slopes, log_hazard = ridge_fit(events, exposure, covariates, RIDGE_SD)
        reason = error.problems[0]
        note = (
            f"The start of treatment has no maximum likelihood ({reason.where} {reason.message}); "
            f"its log hazard ratios were given a normal prior of standard deviation {RIDGE_SD:g}."
        )
        return slopes, log_hazard, (note,)
    return fitted.coef, fitted.log_hazard, ()


def ridge_fit(
    events: FloatArray, exposure: FloatArray, covariates: FloatArray, sd: float
) -> tuple[FloatArray, FloatArray]:
    """Return slopes and log hazards at the posterior mode under normal priors of the slopes.

    Parameters
    ----------
    events, exposure
        Shape ``(rows, intervals)``; every interval has an event.
    covariates
        Shape ``(rows, covariates)``.
    sd
        Of a slope per standard deviation of its covariate; infinite for maximum likelihood.
    """
    scale = covariates.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    center = covariates.mean(axis=0)
    matrix = (covariates - center) / scale
    counts, by_row = events.sum(axis=0), events.sum(axis=1)
    slopes = np.zeros(matrix.shape[1])
    for _ in range(_STEPS):
        risk = exposure * np.exp(matrix @ slopes)[:, None]
        # Given the slopes the hazards have a closed form: Newton's method on their profile.
        share = risk / risk.sum(axis=0)
        mean = share.T @ matrix
        gradient = matrix.T @ by_row - counts @ mean - slopes / sd**2
        within = (matrix * (share @ counts)[:, None]).T @ matrix - (mean * counts[:, None]).T @ mean
        step = np.linalg.solve(within + np.eye(len(slopes)) / sd**2, gradient)
        slopes = slopes + np.clip(step, -1.0, 1.0)
        if np.abs(step).max() < _TOLERANCE:
            break
    risk = exposure * np.exp(matrix @ slopes)[:, None]
    original = slopes / scale
    return original, np.log(counts / risk.sum(axis=0)) - center @ original


def _fit_at_zero(
    treated: NDArray[np.bool_], covariates: FloatArray
) -> tuple[FloatArray | None, Sequence[str]]:
    """Return intercept and slopes of a start at time zero itself."""
    if not treated.any():
        return None, ()
    columns = pd.DataFrame(covariates).rename(columns=str)
    try:
        fitted = logistic_regression(columns, treated.astype(np.float64))
    except InputError:
        fitted = None
    if fitted is not None and fitted.converged and np.isfinite(fitted.coef).all():
        return fitted.coef, ()
    share = float(treated.mean())
    note = (
        f"{int(treated.sum())} patients start at time zero, too few or too well told apart for a "
        "model of who does; their share was taken for everybody."
    )
    return np.concatenate([[np.log(share / (1 - share))], np.zeros(covariates.shape[1])]), (note,)


def start_scores(
    fitted: StartHazard,
    follow_up: FollowUp,
    covariates: FloatArray,
    grace: float,
    *,
    within_grace: bool = False,
) -> tuple[FloatArray, FloatArray]:
    """Return each patient's score and information, in the order of the parameters.

    Parameters
    ----------
    fitted
        The model.
    follow_up, covariates, grace, within_grace
        What it was fitted to.

    Returns
    -------
    scores
        Shape ``(patients, parameters)``; they sum to 0 at the maximum of the likelihood.
    information
        Shape ``(patients, parameters, parameters)``.
    """
    person_time, later = _at_risk(follow_up, grace, within_grace=within_grace)
    used = np.isfinite(fitted.log_hazard)
    patients, size = covariates.shape[0], covariates.shape[1] + int(used.sum())
    own = covariates[later]
    hazard = np.exp(fitted.log_hazard[used]) * np.exp(own @ fitted.slopes)[:, None]
    expected = person_time.exposure[:, used] * hazard
    residual = person_time.events[:, used] - expected
    # What each interval's log hazard changes with: the covariates, and its own level.
    direction = np.zeros((len(own), int(used.sum()), size))
    direction[:, :, : own.shape[1]] = own[:, None, :]
    direction[:, np.arange(int(used.sum())), own.shape[1] + np.arange(int(used.sum()))] = 1.0
    total = len(fitted.parameters)
    scores, information = np.zeros((patients, total)), np.zeros((patients, total, total))
    scores[later, :size] = np.einsum("nj,njp->np", residual, direction)
    information[later, :size, :size] = np.einsum(
        "nj,njp,njq->npq", expected, direction, direction, optimize=True
    )
    if fitted.at_zero is not None:
        columns = np.column_stack([np.ones(patients), covariates])
        share = expit(columns @ fitted.at_zero)
        scores[:, size:] = ((follow_up.start == 0) - share)[:, None] * columns
        information[:, size:, size:] = np.einsum(
            "n,np,nq->npq", share * (1 - share), columns, columns
        )
    return scores, information


def start_influence(
    fitted: StartHazard,
    follow_up: FollowUp,
    covariates: FloatArray,
    grace: float,
    *,
    within_grace: bool = False,
) -> FloatArray:
    r"""Return each patient's influence on the parameters, :math:`I^{-1} s_i`.

    Parameters
    ----------
    fitted, follow_up, covariates, grace, within_grace
        As for :func:`start_scores`.

    Returns
    -------
    numpy.ndarray
        Shape ``(patients, parameters)``.
    """
    scores, information = start_scores(
        fitted, follow_up, covariates, grace, within_grace=within_grace
    )
    # A covariate that nobody at risk differs in has a slope of 0 and no information.
    return np.asarray(scores @ np.linalg.pinv(information.sum(axis=0), hermitian=True))
