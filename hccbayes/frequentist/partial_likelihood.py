"""The weighted partial likelihood as arrays, for Cox regression, its residuals and the log-rank.

Every denominator of the likelihood is a slot: one an event time for Breslow's ties, as many as
deaths for Efron's. Two matrices of patients by slots say who stands in it and whose death it
counts; value, score, information and score residuals are sums over them. They take patients times
deaths numbers, which is little for the cohorts this package is about.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from hccbayes.errors import InputError, Problem
from hccbayes.frequentist.episodes import Episodes, FloatArray

Ties = Literal["efron", "breslow"]


@dataclass(frozen=True, slots=True, eq=False)
class Slots:
    """Denominators of a partial likelihood.

    Parameters
    ----------
    members
        Share of each row in each denominator, shape ``(rows, slots)``: 1 for those at risk and 0
        for others; with Efron's ties :math:`1 - r/d` for those who die then, r = 0, ..., d - 1.
    deaths
        Share of each row's death that the slot counts, same shape: 1 with Breslow's ties, 1/d
        with Efron's.
    """

    members: FloatArray
    deaths: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class PartialLikelihood:
    r"""A weighted log partial likelihood at given coefficients, and its derivatives.

    Parameters
    ----------
    value
        Log-likelihood.
    score
        Shape ``(terms,)``.
    information
        Observed, shape ``(terms, terms)``.
    residuals
        Score residual of each row, :math:`L_i = \sum_s (x_i - \bar x_s)\, dM_{is}`, shape
        ``(rows, terms)``: the derivative of the score with respect to the row's weight, so that
        :math:`\sum_i w_i L_i` is the score (Lin & Wei 1989).
    """

    value: float
    score: FloatArray
    information: FloatArray
    residuals: FloatArray


def likelihood_slots(episodes: Episodes, strata: NDArray[np.intp], ties: Ties) -> Slots:
    """Return the denominators of the partial likelihood of follow-up in strata.

    Parameters
    ----------
    episodes
        Follow-up; a row that carries no weight must not be among them, as Efron's ties count rows.
    strata
        Stratum of each row.
    ties
        ``efron`` or ``breslow``.

    Raises
    ------
    InputError
        If `ties` is not known.
    """
    if ties not in get_args(Ties):
        known = ", ".join(get_args(Ties))
        raise InputError(Problem("ties", f"unknown ties {ties!r}; choose from {known}"))
    members, deaths = [], []
    for stratum in np.unique(strata):
        own = strata == stratum
        for time in np.unique(episodes.stop[own & episodes.event]):
            at_risk = own & (episodes.entry < time) & (time <= episodes.stop)
            dying = own & episodes.event & (episodes.stop == time)
            count = int(dying.sum()) if ties == "efron" else 1
            gone = np.arange(count) / count
            members.append(at_risk[:, None] - dying[:, None] * gone)
            deaths.append(np.repeat(dying[:, None] / count, count, axis=1))
    return Slots(members=np.concatenate(members, axis=1), deaths=np.concatenate(deaths, axis=1))


def partial_likelihood(
    design: FloatArray, weights: FloatArray, slots: Slots, coef: FloatArray
) -> PartialLikelihood:
    r"""Return the weighted log partial likelihood and its derivatives.

    .. math:: \ell(\beta) = \sum_s \sum_i w_i \delta_{is} \bigl(x_i'\beta
              - \log \sum_j a_{js} w_j e^{x_j'\beta}\bigr)

    with :math:`a` the `members` and :math:`\delta` the `deaths` of the slots; with Efron's ties
    each of d denominators has the mean weight of the d deaths, as in R's ``coxph``.

    Parameters
    ----------
    design
        Shape ``(rows, terms)``.
    weights
        Positive, shape ``(rows,)``.
    slots
        Denominators.
    coef
        Shape ``(terms,)``.
    """
    linear = design @ coef
    # Only differences matter; the largest exponent is 0.
    linear = linear - linear.max()
    risk = np.exp(linear)
    mass = weights @ slots.deaths
    total = (weights * risk) @ slots.members
    shares = slots.members * (weights * risk)[:, None] / total
    mean = shares.T @ design
    expected = slots.members * risk[:, None] * (mass / total)
    excess = slots.deaths - expected
    second = design.T @ (design * (shares @ mass)[:, None])
    residuals = design * excess.sum(axis=1)[:, None] - excess @ mean
    return PartialLikelihood(
        value=float(weights @ (slots.deaths.sum(axis=1) * linear) - mass @ np.log(total)),
        score=(weights * slots.deaths.sum(axis=1)) @ design - mass @ mean,
        information=second - mean.T @ (mean * mass[:, None]),
        residuals=residuals,
    )
