"""Logistic regression of who was treated: maximum likelihood, and Firth's penalized likelihood.

Both are one Newton iteration, so that they differ by the penalty alone. statsmodels has no Firth
regression and answers separation with a warning and large numbers; here it is an error that names
the term.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.linalg import cho_factor, cho_solve
from scipy.special import expit, log_expit

from hccbayes.errors import InputError, Problem
from hccbayes.frequentist.arguments import check_known, numbers, term_values
from hccbayes.frequentist.cox import SUSPICIOUS_SE
from hccbayes.frequentist.episodes import Episodes, FloatArray
from hccbayes.frequentist.identifiability import (
    NotEstimableError,
    dependent_terms,
    separated_terms,
)

Penalty = Literal["none", "firth"]

INTERCEPT: Final = "Intercept"
MAX_ITERATIONS: Final = 200
"""Newton's method needs about six, and about forty to see that there is no maximum."""
MAX_HALVINGS: Final = 40
DECREMENT: Final = 1e-20
"""Newton decrement at which the fit has converged: an error of 1e-10 standard errors."""
OBJECTIVE_ROUNDING: Final = 1e-12
"""Share of the objective that is its rounding; a smaller loss is no reason to shorten a step."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LogisticFit:
    """A fitted logistic regression, on the scale of the columns it was given.

    Parameters
    ----------
    terms
        ``Intercept``, then the columns, in order.
    coef
        Log odds ratios per unit, shape ``(terms,)``.
    covariance
        Inverse of the expected information at `coef`, shape ``(terms, terms)``.
    score
        Fitted probability of treatment of each patient, the propensity score, shape
        ``(patients,)``.
    log_likelihood
        Bernoulli log-likelihood at `coef`, without a penalty.
    converged
        Whether the score equations hold; where not, nothing here may be used.
    method
        ``logistic_ml`` or ``logistic_firth``.
    """

    terms: tuple[str, ...]
    coef: FloatArray
    covariance: FloatArray
    score: FloatArray
    log_likelihood: float
    converged: bool
    method: str

    @property
    def se(self) -> FloatArray:
        """Standard errors, shape ``(terms,)``."""
        return np.sqrt(np.diag(self.covariance))

    @property
    def aic(self) -> float:
        """Akaike's criterion, minus twice the log-likelihood plus twice the number of terms."""
        return 2.0 * len(self.terms) - 2.0 * self.log_likelihood


def logistic_regression(
    columns: pd.DataFrame, treatment: ArrayLike, *, penalty: Penalty = "none"
) -> LogisticFit:
    r"""Fit the probability of treatment by maximum or by penalized likelihood.

    .. math:: \ell(a) = \sum_i A_i x_i'a - \log(1 + e^{x_i'a}), \qquad
              \ell^*(a) = \ell(a) + \tfrac12 \log |X'WX|, \quad W = \mathrm{diag}\, e_i(1 - e_i)

    :math:`\ell^*` is Firth's (1993), for logistic regression Heinze & Schemper (2002, Statistics
    in Medicine 21:2409): it takes out the bias of order 1/n, and its maximum is finite under
    separation. Its score is :math:`\sum_i x_i \{A_i - e_i + h_i (1/2 - e_i)\}` with :math:`h_i`
    the diagonal of the hat matrix; steps are halved until the likelihood does not fall.

    Parameters
    ----------
    columns
        One column a term, one row a patient, without intercept, which is added; may have no
        column.
    treatment
        1 for treated, 0 for control; both must be there.
    penalty
        ``none`` or ``firth``.

    Raises
    ------
    InputError
        If the columns, the treatment or the penalty are wrong.
    NotEstimableError
        If a term is constant or a combination of those before it, or, without a penalty, its
        coefficient runs to infinity because it separates treated from control patients (complete
        or quasi-complete separation). The message names the terms and what to do.
    """
    check_known("penalty", penalty, get_args(Penalty))
    values, terms, arm = _checked(columns, treatment)
    if terms:
        _check_rank(values, terms, arm)
    mean, scale = values.mean(axis=0), values.std(axis=0)
    standardized = np.column_stack([np.ones(len(arm)), (values - mean) / scale])
    coef, covariance, converged = _newton(standardized, arm, firth=penalty == "firth")
    if penalty == "none":
        _check_separation(standardized[:, 1:], terms, arm, covariance, converged)
    # x'a on the columns' own scale is a linear map of the standardized coefficients.
    back = np.diag(np.concatenate([[1.0], 1.0 / scale]))
    back[0, 1:] = -mean / scale
    linear = standardized @ coef
    return LogisticFit(
        terms=(INTERCEPT, *terms),
        coef=back @ coef,
        covariance=back @ covariance @ back.T,
        score=expit(linear),
        log_likelihood=_log_likelihood(linear, arm),
        converged=converged,
        method="logistic_firth" if penalty == "firth" else "logistic_ml",
    )


def _checked(
    columns: pd.DataFrame, treatment: ArrayLike
) -> tuple[FloatArray, tuple[str, ...], FloatArray]:
    arm = numbers(treatment, "treatment")
    problems = []
    if arm.shape != (len(columns),) or set(np.unique(arm)) != {0.0, 1.0}:
        problems.append(Problem("treatment", "one 0 or 1 a patient is needed, and both of them"))
    if problems:
        raise InputError(problems)
    values, terms = term_values(columns)
    if INTERCEPT in terms:
        problems.append(Problem(f"term {INTERCEPT}", "is added; leave it out of the columns"))
    if problems:
        raise InputError(problems)
    return values, terms, arm


def _check_rank(values: FloatArray, terms: Sequence[str], arm: FloatArray) -> None:
    episodes = _against_controls(arm)
    dependent = dependent_terms(values, terms, episodes, np.zeros(len(arm), dtype=np.intp))
    if dependent:
        message = "is constant, or a combination of the terms before it; remove it"
        raise NotEstimableError([Problem(f"term {term}", message) for term in dependent])


def _check_separation(
    design: FloatArray,
    terms: Sequence[str],
    arm: FloatArray,
    covariance: FloatArray,
    converged: bool,
) -> None:
    """Raise where the maximum of the likelihood lies at infinity."""
    if converged and (np.diag(covariance) < SUSPICIOUS_SE**2).all():
        return
    episodes = _against_controls(arm)
    separated = separated_terms(design, terms, episodes, np.zeros(len(arm), dtype=np.intp))
    if separated:
        message = (
            "has no finite log odds ratio: it, or a combination with it, separates treated from "
            "control patients; use Firth's penalty or a prior, or drop the term"
        )
        raise NotEstimableError([Problem(f"term {term}", message) for term in separated])


def _against_controls(arm: FloatArray) -> Episodes:
    """Return episodes whose risk sets are one treated patient and all controls each.

    The intercept is free, so a direction separates the arms exactly where its value in every
    treated patient is at least that in every control: the question asked of risk sets.
    """
    treated = arm == 1
    turn = np.cumsum(treated).astype(np.float64)
    return Episodes(
        entry=np.where(treated, turn - 0.5, -np.inf),
        stop=np.where(treated, turn, turn[-1] + 1.0),
        event=treated,
    )


def _newton(
    design: FloatArray, arm: FloatArray, *, firth: bool
) -> tuple[FloatArray, FloatArray, bool]:
    """Return coefficients and covariance of a standardized design, and whether it converged."""
    coef = np.zeros(design.shape[1])
    coef[0] = np.log(arm.mean() / (1.0 - arm.mean()))
    objective = _objective(design, arm, coef, firth=firth)
    for _ in range(MAX_ITERATIONS):
        try:
            covariance = np.linalg.inv(_information(design, coef))
        except np.linalg.LinAlgError:
            break
        gradient = _gradient(design, arm, coef, covariance, firth=firth)
        step = covariance @ gradient
        if firth:
            step = _firth_step(design, coef, covariance, gradient, step)
        if float(gradient @ step) < DECREMENT:
            return coef, covariance, True
        for halving in range(MAX_HALVINGS):
            candidate = coef + step / 2.0**halving
            value = _objective(design, arm, candidate, firth=firth)
            if value >= objective - OBJECTIVE_ROUNDING * (1.0 + abs(objective)):
                break
        else:
            break
        coef, objective = candidate, value
    return coef, np.full((len(coef), len(coef)), np.inf), False


def _firth_step(
    design: FloatArray,
    coef: FloatArray,
    covariance: FloatArray,
    gradient: FloatArray,
    scoring_step: FloatArray,
) -> FloatArray:
    r"""Return Newton's step on the penalized likelihood, or Fisher's where that is not concave.

    Under separation the penalty is what holds the coefficients, and steps that leave it out of
    the curvature creep. With :math:`v_i = W_i (1 - 2 e_i)` and
    :math:`q_{ik} = x_i'(X'WX)^{-1} x_k`, the leverages have the derivatives
    :math:`\partial h_i / \partial a = v_i q_{ii} x_i - W_i \sum_k q_{ik}^2 v_k x_k`.
    """
    linear = design @ coef
    score = expit(linear)
    spread = score * expit(-linear)
    skewed = (spread * (1.0 - 2.0 * score))[:, None] * design
    products = design @ covariance @ design.T
    leverage = spread * np.diag(products)
    leverage_slopes = np.diag(products)[:, None] * skewed - spread[:, None] * (products**2 @ skewed)
    penalty = design.T @ ((0.5 - score)[:, None] * leverage_slopes) - design.T @ (
        (leverage * spread)[:, None] * design
    )
    curvature = _information(design, coef) - penalty
    try:
        factor = cho_factor((curvature + curvature.T) / 2.0)
    except np.linalg.LinAlgError:
        return scoring_step
    return cho_solve(factor, gradient)


def _information(design: FloatArray, coef: FloatArray) -> FloatArray:
    linear = design @ coef
    return design.T @ (design * (expit(linear) * expit(-linear))[:, None])


def _gradient(
    design: FloatArray, arm: FloatArray, coef: FloatArray, covariance: FloatArray, *, firth: bool
) -> FloatArray:
    linear = design @ coef
    score = expit(linear)
    residual = arm - score
    if firth:
        leverage = np.einsum("ij,jk,ik->i", design, covariance, design)
        residual = residual + leverage * score * expit(-linear) * (0.5 - score)
    return design.T @ residual


def _objective(design: FloatArray, arm: FloatArray, coef: FloatArray, *, firth: bool) -> float:
    value = _log_likelihood(design @ coef, arm)
    if not firth:
        return value
    sign, log_determinant = np.linalg.slogdet(_information(design, coef))
    return value + 0.5 * float(log_determinant) if sign > 0 else -np.inf


def _log_likelihood(linear: FloatArray, arm: FloatArray) -> float:
    return float(np.sum(np.where(arm == 1, log_expit(linear), log_expit(-linear))))
