r"""Draws of one covariate's missing values given everything else: the steps of chained equations.

Each is proper in Rubin's sense (1987): the parameters of the regression are drawn first, then the
values. statsmodels' ``MICEData`` is not used: it matches every column, binary ones among them, on a
linear model, leaves the residual variance at its estimate, refuses columns of text, and takes one
of 20 donors, which in a cohort of a hundred pulls values to the middle.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.linalg import qr, solve_triangular
from scipy.optimize import linprog
from scipy.special import expit, softmax

from hccbayes.errors import InputError, Problem
from hccbayes.frequentist.cox import SUSPICIOUS_SE
from hccbayes.frequentist.identifiability import SEPARATION_WEIGHT, NotEstimableError
from hccbayes.frequentist.logistic import logistic_regression

FloatArray = NDArray[np.float64]

DONORS: Final = 5
"""Patients among whom predictive mean matching chooses (Morris, White & Royston 2014, BMC Medical
Research Methodology 14:75)."""
_RANK_TOLERANCE: Final = 1e-8
_ITERATIONS: Final = 200
_TIE: Final = 1e-10
"""Share of a prediction's size below which two predictions are equal: rounding of a sum."""
_CHUNK: Final = 256
"""Patients who look for donors at a time; bounds memory."""


def standardized_predictors(
    present: pd.DataFrame, absent: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return predictors of both groups that the patients with a value can tell apart.

    A column that is constant in them, or a combination of others, is left out, which leaves every
    prediction as it was; the others get mean zero and standard deviation one in them.

    Parameters
    ----------
    present, absent
        The same columns for patients whose value is known and for those whose value is missing.
    """
    mean, scale = present.mean(), present.std(ddof=0)
    spread = scale > _RANK_TOLERANCE * (1.0 + mean.abs())
    kept = present.columns[spread]
    columns = (present[kept] - mean[kept]) / scale[kept]
    triangle, order = qr(columns.to_numpy(), mode="r", pivoting=True)
    size = np.abs(np.diag(triangle))
    independent = order[: int((size > _RANK_TOLERANCE * np.sqrt(len(columns))).sum())]
    names = kept[np.sort(independent)]
    return columns[names], (absent[names] - mean[names]) / scale[names]


def matched_values(
    values: FloatArray,
    present: pd.DataFrame,
    absent: pd.DataFrame,
    rng: np.random.Generator,
) -> FloatArray:
    r"""Draw a number by predictive mean matching (Little 1988; van Buuren 2018, section 3.4).

    With :math:`\hat b` the least-squares coefficients, :math:`\sigma^{*2} = RSS / \chi^2_{n - p}`
    and :math:`b^* \sim N(\hat b, \sigma^{*2} (X'X)^{-1})`, a patient without a value gets that of
    one of the :data:`DONORS` patients whose :math:`x'\hat b` is nearest to its :math:`x'b^*`.

    Parameters
    ----------
    values
        Known values, shape ``(present,)``.
    present, absent
        From :func:`standardized_predictors`; fewer columns than `values`, less two.
    rng
        Source of chance.

    Returns
    -------
    numpy.ndarray
        Known values, shape ``(absent,)``.
    """
    x, x_absent = _with_intercept(present), _with_intercept(absent)
    q, r = np.linalg.qr(x)
    coef = solve_triangular(r, q.T @ values)
    residual = values - x @ coef
    sd = np.sqrt(residual @ residual / rng.chisquare(len(values) - x.shape[1]))
    drawn = coef + sd * solve_triangular(r, rng.standard_normal(len(coef)))
    return values[_donors(x @ coef, x_absent @ drawn, rng)]


def _donors(known: FloatArray, wanted: FloatArray, rng: np.random.Generator) -> NDArray[np.intp]:
    """Return one of the nearest known predictions, drawn for each that is wanted."""
    count = min(DONORS, len(known))
    # Where predictors are few and binary many predictions are equal, and have equal chances.
    tie = _TIE * max(1.0, float(np.abs(known).max()))
    chosen = np.empty(len(wanted), dtype=np.intp)
    for start in range(0, len(wanted), _CHUNK):
        part = wanted[start : start + _CHUNK]
        distance = np.abs(known[None, :] - part[:, None])
        distance += tie * rng.random(distance.shape)
        nearest = np.argpartition(distance, count - 1, axis=1)[:, :count]
        pick = rng.integers(0, count, len(part))
        chosen[start : start + _CHUNK] = nearest[np.arange(len(part)), pick]
    return chosen


def binary_values(
    values: FloatArray,
    present: pd.DataFrame,
    absent: pd.DataFrame,
    rng: np.random.Generator,
) -> FloatArray:
    r"""Draw 0 or 1 with the chance of a logistic regression whose coefficients are drawn.

    :math:`b^* \sim N(\hat b, I(\hat b)^{-1})` around the maximum of the likelihood, then
    :math:`P(1) = \mathrm{expit}(x'b^*)` (Rubin 1987, section 5.3).

    Parameters
    ----------
    values
        Known values, 0 or 1.
    present, absent, rng
        As for :func:`matched_values`.

    Raises
    ------
    NotEstimableError
        If predictors separate the values; the message names them.
    """
    try:
        fit = logistic_regression(present, values)
    except NotEstimableError as error:
        terms = [problem.where.removeprefix("term ") for problem in error.problems]
        raise _separated(terms) from None
    drawn = fit.coef + np.linalg.cholesky(fit.covariance) @ rng.standard_normal(len(fit.coef))
    chance = expit(_with_intercept(absent) @ drawn)
    return (rng.random(len(absent)) < chance).astype(np.float64)


def category_values(
    values: FloatArray,
    present: pd.DataFrame,
    absent: pd.DataFrame,
    rng: np.random.Generator,
) -> FloatArray:
    r"""Draw one of several categories from a multinomial regression whose coefficients are drawn.

    .. math:: P(k) \propto \exp(x'b^*_k), \quad b^*_0 = 0, \quad
              b^* \sim N(\hat b, I(\hat b)^{-1})

    Parameters
    ----------
    values
        Known categories as 0, 1, ..., each there.
    present, absent, rng
        As for :func:`matched_values`.

    Raises
    ------
    NotEstimableError
        If the likelihood has no finite maximum: predictors separate the categories.
    """
    from statsmodels.discrete.discrete_model import MNLogit

    design = _with_intercept(present)
    try:
        # Every warning is about what is judged right below.
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            fit = MNLogit(values, design).fit(method="newton", maxiter=_ITERATIONS, disp=False)
            covariance = np.asarray(fit.cov_params())
            root = np.linalg.cholesky(covariance)
    except (np.linalg.LinAlgError, ValueError):
        raise _separated(_separating(values, present)) from None
    if not fit.mle_retvals["converged"] or not (np.diag(covariance) < SUSPICIOUS_SE**2).all():
        raise _separated(_separating(values, present))
    # The coefficients of a category lie together, as in their covariance.
    mean = np.asarray(fit.params).T.ravel()
    drawn = (mean + root @ rng.standard_normal(len(mean))).reshape(-1, design.shape[1])
    linear = np.column_stack([np.zeros(len(absent)), _with_intercept(absent) @ drawn.T])
    cumulative = np.cumsum(softmax(linear, axis=1), axis=1)
    above = rng.random((len(absent), 1)) > cumulative[:, :-1]
    return above.sum(axis=1).astype(np.float64)


def _separating(values: FloatArray, present: pd.DataFrame) -> list[str]:
    r"""Return the predictors in a direction along which the multinomial likelihood only rises.

    There is no maximum where some coefficients have :math:`(b_{y_i} - b_k)'x_i \ge 0` for every
    patient i and category k, and more than 0 once (Albert & Anderson 1984, Biometrika 71:1); a
    linear program looks for them.
    """
    design, codes = _with_intercept(present), values.astype(np.intp)
    count = int(codes.max()) + 1
    contrast = np.eye(count)[codes][:, None, :] - np.eye(count)[None, :, :]
    # Shape (patients, categories, categories, predictors); the first category's are zero.
    rows = contrast[..., 1:, None] * design[:, None, None, :]
    rows = rows.reshape(-1, (count - 1) * design.shape[1])
    found = linprog(-rows.sum(axis=0), A_ub=-rows, b_ub=np.zeros(len(rows)), bounds=(-1, 1))
    if not found.success:
        return []
    weight = np.abs(found.x).reshape(count - 1, -1).max(axis=0)[1:]
    return [
        name
        for name, size in zip(present.columns.astype(str), weight, strict=True)
        if size > SEPARATION_WEIGHT
    ]


def _separated(terms: Sequence[str]) -> InputError:
    named = ", ".join(terms) or "its predictors"
    message = (
        f"cannot be imputed: its known values are separated by {named}, so that their chances have "
        "no finite odds ratios; merge rare levels, or leave a covariate out"
    )
    return NotEstimableError(Problem("imputation model", message))


def _with_intercept(columns: pd.DataFrame) -> FloatArray:
    return np.column_stack([np.ones(len(columns)), columns.to_numpy(dtype=np.float64)])
