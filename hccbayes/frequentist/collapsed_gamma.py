"""The piecewise-exponential likelihood with its gamma-distributed hazards integrated out.

An exact answer in one dimension, against which sampled posteriors are held.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.integrate import quad
from scipy.optimize import minimize_scalar
from scipy.special import gammaln, logsumexp

from hccbayes.errors import InputError, Problem
from hccbayes.frequentist.arguments import numbers
from hccbayes.frequentist.episodes import FloatArray
from hccbayes.frequentist.piecewise_exponential import person_time_arrays
from hccbayes.priors import Prior


@dataclass(frozen=True, slots=True, kw_only=True)
class PosteriorMoments:
    """Mean and standard deviation of one log hazard ratio's posterior."""

    mean: float
    sd: float


def collapsed_log_likelihood(
    coef: ArrayLike,
    events: ArrayLike,
    exposure: ArrayLike,
    design: ArrayLike,
    *,
    shape: ArrayLike,
    rate: ArrayLike,
) -> float:
    r"""Return the log-likelihood of the coefficients, hazards integrated out.

    With :math:`\lambda_j \sim \mathrm{Gamma}(a_j, b_j)` independent, :math:`\eta = X\beta` and
    :math:`D_j = \sum_i d_{ij}`,

    .. math:: \log L(\beta) = \sum_{ij} d_{ij} \eta_i + \sum_j \bigl[ a_j \log b_j
              - \log\Gamma(a_j) + \log\Gamma(a_j + D_j)
              - (a_j + D_j) \log(b_j + \textstyle\sum_i e_{ij} e^{\eta_i}) \bigr]

    (Kalbfleisch 1978; Sinha, Ibrahim & Chen 2003). It is the density of the survival times: no
    ``sum d log e``, which depends on the cut points.

    Parameters
    ----------
    coef
        Log hazard ratios, shape ``(covariates,)``.
    events, exposure
        Shape ``(rows, intervals)``.
    design
        Shape ``(rows, covariates)``.
    shape, rate
        Gamma prior of each interval's hazard, in numbers or shape ``(intervals,)``; the rate is in
        the unit of the exposure.

    Raises
    ------
    InputError
        If shapes differ or a value is wrong.
    """
    counts, time, covariates = person_time_arrays(events, exposure, design)
    a, b = _gamma_prior(shape, rate, time.shape[1])
    beta = np.atleast_1d(numbers(coef, "coef"))
    if beta.shape != covariates.shape[1:]:
        raise InputError(Problem("coef", f"needs {covariates.shape[1]} values, got {beta.size}"))
    eta = covariates @ beta
    total = counts.sum(axis=0)
    constant = a * np.log(b) - gammaln(a) + gammaln(a + total)
    # The rate is a row with linear predictor 0; quadrature asks for coefficients of hundreds.
    exponents = np.concatenate([eta, [0.0]])[:, None]
    log_rate = logsumexp(exponents, b=np.vstack([time, b]), axis=0)
    return float(counts.sum(axis=1) @ eta + np.sum(constant - (a + total) * log_rate))


def collapsed_posterior_moments(
    events: ArrayLike,
    exposure: ArrayLike,
    design: ArrayLike,
    *,
    shape: ArrayLike,
    rate: ArrayLike,
    prior: Prior | None = None,
) -> PosteriorMoments:
    """Return mean and standard deviation of one coefficient's posterior, by adaptive quadrature.

    Parameters
    ----------
    events, exposure
        Shape ``(rows, intervals)``.
    design
        One covariate, shape ``(rows,)`` or ``(rows, 1)``.
    shape, rate
        Gamma prior of each interval's hazard, as in :func:`collapsed_log_likelihood`.
    prior
        Normal prior of the coefficient; flat where there is none.

    Returns
    -------
    PosteriorMoments
        Relative error of each integral about 1e-10.

    Raises
    ------
    InputError
        If there is more than one covariate, the prior is not normal, or the posterior is improper
        under a flat prior.
    """
    counts, time, covariates = person_time_arrays(events, exposure, design)
    if covariates.shape[1] != 1:
        raise InputError(Problem("design", "quadrature is for one covariate"))
    if prior is not None and prior.dist != "normal":
        raise InputError(Problem("prior", f"must be normal or flat, not {prior.dist}"))
    a, b = _gamma_prior(shape, rate, time.shape[1])
    if prior is None:
        _check_proper(counts, time, covariates[:, 0], a, b)
    density = None if prior is None else prior.frozen().logpdf

    def log_posterior(beta: float) -> float:
        likelihood = collapsed_log_likelihood(beta, counts, time, covariates, shape=a, rate=b)
        return likelihood if density is None else likelihood + float(density(beta))

    return _moments(log_posterior)


def _gamma_prior(
    shape: ArrayLike, rate: ArrayLike, intervals: int
) -> tuple[FloatArray, FloatArray]:
    a, b = numbers(shape, "gamma prior"), numbers(rate, "gamma prior")
    if any(values.shape not in {(), (intervals,)} for values in (a, b)):
        raise InputError(Problem("gamma prior", f"needs a number or {intervals} values"))
    if not all(np.isfinite(values).all() and (values > 0).all() for values in (a, b)):
        raise InputError(Problem("gamma prior", "shape and rate must be finite and positive"))
    return np.broadcast_to(a, (intervals,)), np.broadcast_to(b, (intervals,))


def _check_proper(
    events: FloatArray,
    exposure: FloatArray,
    covariate: FloatArray,
    shape: FloatArray,
    rate: FloatArray,
) -> None:
    """Raise where the likelihood does not fall on both sides, from its slopes at infinity.

    The logarithm of ``b + sum e exp(x beta)`` grows as its largest exponent, the rate's being 0.
    """
    total = shape + events.sum(axis=0)
    exponents = np.where(exposure > 0, covariate[:, None], 0.0)
    observed = float(events.sum(axis=1) @ covariate)
    upward = observed - float(total @ np.maximum(exponents.max(axis=0), 0.0))
    downward = observed - float(total @ np.minimum(exponents.min(axis=0), 0.0))
    # Rounding of the sums; a slope of 0 is exact in whole numbers and their like.
    limit = 1e-12 * max(1.0, float(total.sum()) * float(np.abs(covariate).max()))
    if upward >= -limit or downward <= limit:
        raise InputError(
            Problem(
                "prior",
                "the posterior is improper under a flat prior: the events do not bound the "
                "coefficient on both sides; give it a normal prior",
            )
        )


def _moments(log_density: Callable[[float], float]) -> PosteriorMoments:
    mode = float(minimize_scalar(lambda beta: -log_density(beta)).x)
    peak = log_density(mode)
    # The scale only sets where quadrature looks first; half a unit of log density is one sd.
    step = 1e-3
    curvature = (2 * peak - log_density(mode - step) - log_density(mode + step)) / step**2
    scale = 1.0 / np.sqrt(curvature)

    def moment(power: int) -> float:
        def integrand(z: float) -> float:
            return float(z**power * np.exp(log_density(mode + scale * z) - peak))

        halves = [
            quad(integrand, *bounds, epsabs=1e-13, epsrel=1e-11, limit=200)[0]
            for bounds in ((-np.inf, 0.0), (0.0, np.inf))
        ]
        return float(sum(halves))

    mass, first, second = moment(0), moment(1), moment(2)
    mean = first / mass
    return PosteriorMoments(
        mean=float(mode + scale * mean), sd=float(scale * np.sqrt(second / mass - mean**2))
    )
