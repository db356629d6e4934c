"""The start of treatment by maximum likelihood, and what is done where that has no answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hccbayes.errors import InputError
from hccbayes.frequentist.logistic import logistic_regression
from hccbayes.frequentist.piecewise_exponential import piecewise_exponential_mle
from hccbayes.time_zero.cloning import FollowUp
from hccbayes.time_zero.start_hazard import StartHazard
from hccbayes.time_zero.start_time import starts_at_risk

FloatArray = NDArray[np.float64]

RIDGE_SD: Final = 1.0
"""Standard deviation of the normal prior of a log hazard ratio per standard deviation of its
covariate, used only where maximum likelihood has no finite answer."""
_STEPS: Final = 100
_TOLERANCE: Final = 1e-10


def fit_start_hazard(
    follow_up: FollowUp,
    covariates: FloatArray,
    grace: float,
    *,
    within_grace: bool = False,
) -> StartHazard:
    """Fit the start of treatment by maximum likelihood.

    At risk is who is alive, followed and has not started. Slopes are the same before and after the
    end of the grace period. Where a covariate separates those who start, so that there is no finite
    maximum, its slope gets a normal prior of standard deviation :data:`RIDGE_SD` (per standard
    deviation of the covariate), and a note says so.

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
    person_time, later = starts_at_risk(follow_up, grace, within_grace=within_grace)
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
