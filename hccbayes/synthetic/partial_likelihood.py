r"""Score and information of the Cox partial likelihood at given coefficients.

The search for a data set with a given hazard ratio needs no fit: the maximum lies at
:math:`\beta^*` exactly where the score at :math:`\beta^*` is zero. What is found is checked
afterwards with the Cox regression of the frequentist layer.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]


def partial_score(
    design: ArrayLike, time: ArrayLike, event: ArrayLike, coef: ArrayLike
) -> tuple[FloatArray, FloatArray]:
    r"""Return the score vector and the information matrix.

    .. math:: U(\beta) = \sum_{i: d_i = 1} \{x_i - \bar x(t_i; \beta)\}, \qquad
              \bar x(t; \beta) = \frac{\sum_{k: t_k \ge t} x_k e^{x_k'\beta}}
                                      {\sum_{k: t_k \ge t} e^{x_k'\beta}}

    (Cox 1972, Journal of the Royal Statistical Society B 34:187), tied events as Efron has them
    (1977, Journal of the American Statistical Association 72:557): of d deaths at one time the
    k-th, counted from 0, is compared with a risk set to which the d belong by 1 - k/d.

    Parameters
    ----------
    design
        Shape ``(patients, terms)``, or ``(patients,)`` for a single term.
    time
        Months, shape ``(patients,)``.
    event
        1 or True for an event, shape ``(patients,)``.
    coef
        Log hazard ratios, shape ``(terms,)`` or a number.

    Returns
    -------
    score : numpy.ndarray
        Shape ``(terms,)``.
    information : numpy.ndarray
        Shape ``(terms, terms)``: the sum over events of the covariance of x in the risk set.
    """
    clock, values, died = _ordered(design, time, event)
    weight = np.exp(values @ np.atleast_1d(np.asarray(coef, dtype=np.float64)))
    products = values[:, :, None] * values[:, None, :]
    first = np.searchsorted(clock, clock[died], side="left")
    gone = _tied_share(clock[died])
    total, mean, square = (
        _at_risk_sum(part, died, first, gone)
        for part in (weight, weight[:, None] * values, weight[:, None, None] * products)
    )
    mean, square = mean / total[:, None], square / total[:, None, None]
    score = np.sum(values[died] - mean, axis=0)
    information = np.sum(square - mean[:, :, None] * mean[:, None, :], axis=0)
    return score, information


def _ordered(
    design: ArrayLike, time: ArrayLike, event: ArrayLike
) -> tuple[FloatArray, FloatArray, NDArray[np.bool_]]:
    """Return months, covariates and events by increasing months."""
    clock = np.asarray(time, dtype=np.float64)
    values = np.asarray(design, dtype=np.float64).reshape(len(clock), -1)
    order = np.argsort(clock, kind="stable")
    return clock[order], values[order], np.asarray(event, dtype=bool)[order]


def log_hr_offset(
    design: ArrayLike, time: ArrayLike, event: ArrayLike, coef: ArrayLike
) -> FloatArray:
    """Return one Newton step from `coef`: how far the maximum lies from it, to first order."""
    score, information = partial_score(design, time, event, coef)
    return np.linalg.solve(information, score)


def _tied_share(deaths: FloatArray) -> FloatArray:
    """Return k/d of each death, the k-th of d at its time; `deaths` are ordered times."""
    start = np.searchsorted(deaths, deaths, side="left")
    end = np.searchsorted(deaths, deaths, side="right")
    return (np.arange(len(deaths)) - start) / (end - start)


def _at_risk_sum(
    values: FloatArray, died: NDArray[np.bool_], first: NDArray[np.intp], gone: FloatArray
) -> FloatArray:
    """Return the sum over each death's risk set, without the share of tied deaths that is gone."""
    total = np.cumsum(values[::-1], axis=0)[::-1][first]
    for k in np.flatnonzero(gone):
        # Risk sets that begin at one place belong to deaths at one time.
        total[k] -= gone[k] * values[died][first == first[k]].sum(axis=0)
    return total
