"""Maximum likelihood of the piecewise-exponential model, the twin of the Bayesian hazard model.

The likelihood is that of independent Poisson counts (Holford 1980; Laird & Olivier 1981), so a
Poisson regression with offset log exposure finds the maximum; the log-likelihood reported is that
of the survival times.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hccbayes.errors import InputError, Problem
from hccbayes.frequentist.arguments import numbers
from hccbayes.frequentist.episodes import FloatArray

MAX_ITERATIONS: Final = 50
"""Newton's method needs about ten; a coefficient that runs to infinity takes a step of about one
each time and is still moving after fifty."""
STEP_TOLERANCE: Final = 1e-10
"""Change of a coefficient of the standardized design at which the fit has converged."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PiecewiseExponentialFit:
    """A fitted piecewise-exponential model.

    Parameters
    ----------
    coef, se
        Log hazard ratios per unit of each column of the design and their standard errors, shape
        ``(covariates,)``.
    log_hazard, log_hazard_se
        Log of the events per person-month of each interval where every column of the design is 0,
        and their standard errors, shape ``(intervals,)``; ``nan`` for an interval without
        exposure.
    log_likelihood
        Log density of the survival times, ``sum d log h - H``.
    """

    coef: FloatArray
    se: FloatArray
    log_hazard: FloatArray
    log_hazard_se: FloatArray
    log_likelihood: float


def piecewise_exponential_mle(
    events: ArrayLike, exposure: ArrayLike, design: ArrayLike
) -> PiecewiseExponentialFit:
    r"""Fit log hazards by interval and log hazard ratios by maximum likelihood.

    .. math:: \ell = \sum_{ij} d_{ij} (\log\lambda_j + x_i'\beta) - e_{ij} \lambda_j e^{x_i'\beta}

    Parameters
    ----------
    events, exposure
        (Weighted) events and person-months by row and interval, shape ``(rows, intervals)``, as in
        :class:`hccbayes.person_time.PersonTime`; rows may be patients or patterns.
    design
        Covariates of each row, shape ``(rows, covariates)``; no column is a constant.

    Returns
    -------
    PiecewiseExponentialFit
        Standard errors are those of the observed information, and robust to nothing: they hold for
        weights that count patients, not for sampling weights.

    Raises
    ------
    InputError
        If shapes differ, an event has no exposure, an interval has exposure but no event (its log
        hazard has no finite maximum), or a covariate's coefficient is not determined or runs to
        infinity.
    """
    counts, time, covariates = person_time_arrays(events, exposure, design)
    with_exposure = time.sum(axis=0) > 0
    empty = np.flatnonzero(with_exposure & (counts.sum(axis=0) == 0))
    if empty.size:
        raise InputError(
            [
                Problem(
                    f"interval {interval + 1} of {time.shape[1]}",
                    "has exposure but no event, so that its log hazard is minus infinity; "
                    "merge it with a neighbor",
                )
                for interval in empty
            ]
        )
    center, scale = _standardization(covariates, time)
    coef, covariance = _poisson_regression(
        counts[:, with_exposure], time[:, with_exposure], (covariates - center) / scale
    )
    return _unstandardized(counts, time, covariates, coef, covariance, center, scale)


def person_time_arrays(
    events: ArrayLike, exposure: ArrayLike, design: ArrayLike
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return events and exposure ``(rows, intervals)`` and design ``(rows, covariates)``, checked.

    Raises
    ------
    InputError
        If a shape or a value is wrong, or an event has no exposure.
    """
    counts, time = numbers(events, "events"), numbers(exposure, "exposure")
    covariates = numbers(design, "design")
    if covariates.ndim == 1:
        covariates = covariates[:, None]
    if counts.ndim != 2 or counts.shape != time.shape or covariates.shape[:1] != time.shape[:1]:
        raise InputError(
            Problem(
                "person-time",
                "events and exposure need the shape (rows, intervals), the design the same rows; "
                f"got {counts.shape}, {time.shape} and {covariates.shape}",
            )
        )
    problems = []
    for name, values in (("events", counts), ("exposure", time)):
        if not (np.isfinite(values).all() and (values >= 0).all()):
            problems.append(Problem(name, "must be finite and at least 0"))
    if not np.isfinite(covariates).all():
        problems.append(Problem("design", "must be finite"))
    if not problems and (counts[time == 0] > 0).any():
        problems.append(Problem("events", "an event without exposure is impossible"))
    if not problems and not counts.any():
        problems.append(Problem("events", "no event: there is nothing to fit"))
    if problems:
        raise InputError(problems)
    return counts, time, covariates


def _standardization(design: FloatArray, exposure: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return mean and standard deviation over the rows with exposure; a constant keeps scale 1."""
    exposed = design[exposure.sum(axis=1) > 0]
    scale = exposed.std(axis=0)
    return exposed.mean(axis=0), np.where(scale > 0, scale, 1.0)


def _poisson_regression(
    events: FloatArray, exposure: FloatArray, design: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return coefficients of the design's columns, then of the intervals, and their covariance."""
    from statsmodels.genmod.families import Poisson
    from statsmodels.genmod.generalized_linear_model import GLM

    row, interval = np.nonzero(exposure > 0)
    long = np.column_stack([design[row], np.eye(exposure.shape[1])[interval]])
    rank = np.linalg.matrix_rank(long)
    if rank < long.shape[1]:
        raise InputError(Problem("design", _dependent_columns(long, design.shape[1])))
    with warnings.catch_warnings():
        # A diverging fit overflows and says that it did not converge; it is reported below.
        warnings.simplefilter("ignore")
        fitted = GLM(
            events[row, interval],
            long,
            family=Poisson(),
            offset=np.log(exposure[row, interval]),
        ).fit(maxiter=MAX_ITERATIONS, tol=STEP_TOLERANCE, tol_criterion="params")
    if not fitted.converged or not np.isfinite(fitted.params).all():
        column = int(np.argmax(np.abs(np.nan_to_num(fitted.params[: design.shape[1]], nan=np.inf))))
        raise InputError(
            Problem(
                f"design column {column + 1}",
                "has no finite log hazard ratio: its values separate the rows with events",
            )
        )
    return fitted.params, fitted.cov_params()


def _dependent_columns(long: FloatArray, covariates: int) -> str:
    ranks = [
        np.linalg.matrix_rank(np.column_stack([long[:, covariates:], long[:, : column + 1]]))
        for column in range(covariates)
    ]
    intervals = long.shape[1] - covariates
    gained = np.diff([intervals, *ranks])
    listed = ", ".join(str(column + 1) for column in np.flatnonzero(gained == 0))
    return f"column {listed} is constant or a combination of the columns before it"


def _unstandardized(
    events: FloatArray,
    exposure: FloatArray,
    design: FloatArray,
    coef: FloatArray,
    covariance: NDArray[np.float64],
    center: FloatArray,
    scale: FloatArray,
) -> PiecewiseExponentialFit:
    """Return the fit on the scale of the design as it was given."""
    covariates = design.shape[1]
    slopes = coef[:covariates] / scale
    with_exposure = exposure.sum(axis=0) > 0
    # log hazard at 0 = fitted level - center' slopes: a linear map of the fitted coefficients.
    back = np.column_stack(
        [np.tile(-center / scale, (int(with_exposure.sum()), 1)), np.eye(int(with_exposure.sum()))]
    )
    log_hazard = np.full(exposure.shape[1], np.nan)
    log_hazard_se = log_hazard.copy()
    log_hazard[with_exposure] = back @ coef
    log_hazard_se[with_exposure] = np.sqrt(np.einsum("ij,jk,ik->i", back, covariance, back))
    log_h = (design @ slopes)[:, None] + np.nan_to_num(log_hazard)
    return PiecewiseExponentialFit(
        coef=slopes,
        se=np.sqrt(np.diag(covariance)[:covariates]) / scale,
        log_hazard=log_hazard,
        log_hazard_se=log_hazard_se,
        log_likelihood=float(np.sum(events * log_h - exposure * np.exp(log_h))),
    )
