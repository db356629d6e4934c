"""Mean and covariance of the covariates in every risk set, as the fitted hazards weight them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hccbayes.frequentist.episodes import Episodes, FloatArray
from hccbayes.frequentist.partial_likelihood import Slots


@dataclass(frozen=True, slots=True, eq=False)
class RiskSetMoments:
    """Moments of the design in each denominator of a partial likelihood.

    Parameters
    ----------
    time, stratum
        Event time and stratum of each denominator, shape ``(slots,)``.
    deaths
        Deaths it counts: with Efron's ties 1, with Breslow's all of its time.
    mean
        Shape ``(slots, terms)``.
    covariance
        Shape ``(slots, terms, terms)``; times `deaths` and summed, the information.
    """

    time: FloatArray
    stratum: NDArray[np.intp]
    deaths: FloatArray
    mean: FloatArray
    covariance: FloatArray


def risk_set_moments(
    design: FloatArray,
    episodes: Episodes,
    strata: NDArray[np.intp],
    slots: Slots,
    coef: FloatArray,
) -> RiskSetMoments:
    r"""Return mean and covariance of the design in each denominator.

    .. math:: \bar x_s = \sum_i \pi_{is} x_i, \quad
              V_s = \sum_i \pi_{is} (x_i - \bar x_s)(x_i - \bar x_s)', \quad
              \pi_{is} = \frac{a_{is} e^{x_i'\beta}}{\sum_j a_{js} e^{x_j'\beta}}

    Parameters
    ----------
    design
        Shape ``(rows, terms)``.
    episodes, strata
        Follow-up and stratum of each row.
    slots
        Denominators of that follow-up.
    coef
        Coefficients, shape ``(terms,)``.
    """
    shares = risk_shares(design, slots, coef)
    mean = shares.T @ design
    rows, terms = design.shape
    products = (design[:, :, None] * design[:, None, :]).reshape(rows, terms * terms)
    second = (shares.T @ products).reshape(-1, terms, terms)
    first_death = slots.deaths.argmax(axis=0)
    return RiskSetMoments(
        time=episodes.stop[first_death],
        stratum=strata[first_death],
        deaths=slots.deaths.sum(axis=0),
        mean=mean,
        covariance=second - mean[:, :, None] * mean[:, None, :],
    )


def risk_shares(design: FloatArray, slots: Slots, coef: FloatArray) -> FloatArray:
    """Return each row's share of the hazard of each denominator, shape ``(rows, slots)``."""
    linear = design @ coef
    # Only differences matter; the largest exponent is 0.
    hazard = slots.members * np.exp(linear - linear.max())[:, None]
    return hazard / hazard.sum(axis=0)
