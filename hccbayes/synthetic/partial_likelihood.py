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

    (Cox 1972, Journal of the Royal Statistical Society B 34:187), tied events as Breslow has them:
    each with everyone who is under observation at its time.

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
    clock = np.asarray(time, dtype=np.float64)
    values = np.asarray(design, dtype=np.float64).reshape(len(clock), -1)
    order = np.argsort(clock, kind="stable")
    clock, values = clock[order], values[order]
    died = np.asarray(event, dtype=bool)[order]
    weight = np.exp(values @ np.atleast_1d(np.asarray(coef, dtype=np.float64)))
    products = values[:, :, None] * values[:, None, :]
    first = np.searchsorted(clock, clock[died], side="left")
    total = _sum_from(weight)[first]
    mean = _sum_from(weight[:, None] * values)[first] / total[:, None]
    square = _sum_from(weight[:, None, None] * products)[first] / total[:, None, None]
    score = np.sum(values[died] - mean, axis=0)
    information = np.sum(square - mean[:, :, None] * mean[:, None, :], axis=0)
    return score, information


def log_hr_offset(
    design: ArrayLike, time: ArrayLike, event: ArrayLike, coef: ArrayLike
) -> FloatArray:
    """Return one Newton step from `coef`: how far the maximum lies from it, to first order."""
    score, information = partial_score(design, time, event, coef)
    return np.linalg.solve(information, score)


def _sum_from(values: FloatArray) -> FloatArray:
    """Return the sums over each row and all rows after it."""
    return np.cumsum(values[::-1], axis=0)[::-1]
