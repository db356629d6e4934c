r"""Variances of weighted estimates: weights taken as given, and weights from an estimated score.

Every estimate here (a log hazard ratio, survival at a time, a restricted mean, a log-rank score) is
a smooth function of the patients' weights, and its first derivative with respect to them is all
that either variance needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from hccbayes.errors import InputError, Problem
from hccbayes.frequentist.episodes import FloatArray
from hccbayes.person_time import numeric_weights

LARGEST_WEIGHT: Final = 1e100
"""Largest weight whose square, summed, is a number with room to spare; the inverse for small ones.
Only ratios of weights matter."""
CANCELS: Final = 1e-10
"""Share of the absolute sum of a cluster's influences below which their sum is rounding."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EstimatedWeights:
    """Weights as a function of an estimated score model.

    Parameters
    ----------
    values
        Weights, shape ``(patients,)``.
    jacobian
        Derivative of each weight with respect to the parameters: intercept and slopes of the
        score, and for ``ate_stabilized`` the share treated; shape ``(patients, parameters)``.
    parameter_influence
        Influence of each patient on the parameters' estimates, same shape.
    """

    values: FloatArray
    jacobian: FloatArray
    parameter_influence: FloatArray


def case_weights(weights: ArrayLike, rows: int) -> FloatArray:
    """Return weights as numbers, checked.

    Raises
    ------
    InputError
        If they are no numbers, there is not one a row, one is negative or not finite, all are 0,
        or the largest is beyond :data:`LARGEST_WEIGHT` or its inverse.
    """
    values = numeric_weights(weights, rows)
    if not values.any():
        raise InputError(Problem("weights", "are all 0: nobody is left"))
    largest = float(values.max())
    if not 1.0 / LARGEST_WEIGHT <= largest <= LARGEST_WEIGHT:
        message = f"the largest is {largest:g}; divide them by it, as their ratios are what matters"
        raise InputError(Problem("weights", message))
    return values


def sandwich(influence: FloatArray, cluster: ArrayLike | None = None) -> FloatArray:
    r"""Return the covariance of estimates from their influences.

    .. math:: V = \sum_c D_c D_c', \qquad D_c = \sum_{i \in c} D_i

    without a factor for few clusters, as R's ``survival`` has it (``survey`` multiplies by
    n / (n - 1)).

    Parameters
    ----------
    influence
        Shape ``(rows, estimates)``.
    cluster
        Label of each row's cluster; each row its own where left out.

    Returns
    -------
    ndarray
        Shape ``(estimates, estimates)``.
    """
    summed = _cluster_sums(influence, cluster)
    return summed.T @ summed


def standard_errors(influence: FloatArray, cluster: ArrayLike | None = None) -> FloatArray:
    """Return the square roots of the diagonal of :func:`sandwich`, shape ``(estimates,)``."""
    return np.sqrt(np.sum(_cluster_sums(influence, cluster) ** 2, axis=0))


def _cluster_sums(influence: FloatArray, cluster: ArrayLike | None) -> FloatArray:
    if cluster is None:
        return influence
    codes, labels = pd.factorize(np.asarray(cluster))
    summed, absolute = np.zeros((2, len(labels), influence.shape[1]))
    np.add.at(summed, codes, influence)
    np.add.at(absolute, codes, np.abs(influence))
    # Influences of all rows sum to 0: what is left of one cluster is no variance.
    summed[np.abs(summed) <= CANCELS * absolute] = 0.0
    return summed


def influence(
    sensitivity: FloatArray, weights: FloatArray, estimated: EstimatedWeights | None = None
) -> FloatArray:
    r"""Return each patient's influence on estimates that are functions of the weights.

    .. math:: D_i = w_i \frac{\partial\theta}{\partial w_i}
              + \Bigl(\sum_j \frac{\partial\theta}{\partial w_j}
              \frac{\partial w_j}{\partial\alpha'}\Bigr) a_i

    The first term alone takes the weights as given (the infinitesimal jackknife; for a Cox model
    Lin & Wei 1989). The second, with :math:`a_i` the patient's influence on the score model's
    parameters, solves the stacked estimating equations of score model and estimate: the variance
    of Shu, Young, Toh & Wang (2021, Biometrics 77:1101) for the Cox model, of Lunceford &
    Davidian (2004) for means.

    Parameters
    ----------
    sensitivity
        Derivatives of the estimates with respect to the weights, shape ``(patients, estimates)``.
    weights
        Shape ``(patients,)``.
    estimated
        Where the weights come from an estimated score; taken as given where left out.

    Returns
    -------
    ndarray
        Shape ``(patients, estimates)``.
    """
    direct = weights[:, None] * sensitivity
    if estimated is None:
        return direct
    return direct + estimated.parameter_influence @ (estimated.jacobian.T @ sensitivity)
