"""The penalized likelihood of a Cox model with frailties, and the search for their variance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.optimize import brentq

from hccbayes.errors import Problem
from hccbayes.frequentist.episodes import FloatArray
from hccbayes.frequentist.frailty_penalty import Frailty
from hccbayes.frequentist.identifiability import NotEstimableError
from hccbayes.frequentist.newton import Point, maximize
from hccbayes.frequentist.partial_likelihood import Slots, partial_likelihood

VARIANCES: Final = np.geomspace(1e-4, 1e2, 13)
"""Between the first two of these a variance is called 0: it would change hazards by 1%."""


@dataclass(frozen=True, slots=True, eq=False)
class FrailtyMaximum:
    """The maximum at one variance.

    Parameters
    ----------
    variance
        Of the frailties, or of their logarithms.
    coef
        Standardized coefficients, then log frailties.
    covariance
        Inverse penalized information of `coef`; without the frailties where the variance is 0.
    log_likelihood
        Partial, without the penalty.
    marginal
        Marginal log-likelihood; ``nan`` where the distribution has none.
    excess
        Above 0 where the variance should be larger.
    """

    variance: float
    coef: FloatArray
    covariance: FloatArray
    log_likelihood: float
    marginal: float
    excess: float


@dataclass(frozen=True, slots=True, eq=False)
class FrailtyModel:
    """A penalized partial likelihood of coefficients and log frailties.

    Parameters
    ----------
    design
        Standardized terms, then one indicator a cluster, shape ``(rows, terms + clusters)``.
    terms
        How many columns are terms.
    slots
        Denominators of the partial likelihood.
    frailty
        The distribution.
    events
        Events of each cluster, shape ``(clusters,)``.
    sparse
        Whether the information of the frailties is taken as diagonal where it is inverted.
    """

    design: FloatArray
    terms: int
    slots: Slots
    frailty: Frailty
    events: FloatArray
    sparse: bool

    def at(self, variance: float, start: FloatArray | None = None) -> FrailtyMaximum:
        """Return the maximum at a variance above 0."""
        weights, first = np.ones(len(self.design)), self.terms

        def function(coef: FloatArray) -> Point:
            own = partial_likelihood(self.design, weights, self.slots, coef)
            penalty = self.frailty.penalty(coef[first:], variance)
            score, information = own.score.copy(), own.information.copy()
            score[first:] -= penalty.first
            information[range(first, len(coef)), range(first, len(coef))] += penalty.second
            return Point(own.value - penalty.value, score, information)

        begin = np.zeros(self.design.shape[1]) if start is None else start
        coef, point = maximize(function, begin)
        covariance = np.linalg.inv(self._inverted(point.information))
        penalty = self.frailty.penalty(coef[first:], variance)
        trace = float(np.diag(covariance)[first:].sum())
        return FrailtyMaximum(
            variance=variance,
            coef=coef,
            covariance=covariance,
            log_likelihood=point.value + penalty.value,
            marginal=point.value + self.frailty.marginal_correction(self.events, variance),
            excess=self.frailty.variance_excess(coef[first:], self.events, trace, variance),
        )

    def best(self) -> FrailtyMaximum:
        """Return the maximum at the variance that solves its equation, or at 0."""
        fits: list[FrailtyMaximum] = []
        for variance in VARIANCES:
            fits.append(self.at(float(variance), fits[-1].coef if fits else None))
        if fits[-1].excess > 0:
            message = f"the variance of the frailties runs above {VARIANCES[-1]:g}"
            raise NotEstimableError(Problem("cluster", message))
        roots = []
        for below, above in zip(fits[:-1], fits[1:], strict=True):
            if below.excess > 0 >= above.excess:
                root = brentq(
                    lambda log_variance, near=below: (
                        self.at(float(np.exp(log_variance)), near.coef).excess
                    ),
                    np.log(below.variance),
                    np.log(above.variance),
                    xtol=1e-11,
                    rtol=1e-12,
                )
                roots.append(self.at(float(np.exp(root)), below.coef))
        # Several maxima are rare; the marginal likelihood, where there is one, chooses.
        return max(roots, key=lambda fit: np.nan_to_num(fit.marginal)) if roots else self._none()

    def _none(self) -> FrailtyMaximum:
        """Return the fit without frailties."""
        weights, first = np.ones(len(self.design)), self.terms

        def function(coef: FloatArray) -> Point:
            own = partial_likelihood(self.design[:, :first], weights, self.slots, coef)
            return Point(own.value, own.score, own.information)

        coef, point = maximize(function, np.zeros(first))
        return FrailtyMaximum(
            variance=0.0,
            coef=np.concatenate([coef, np.zeros(len(self.events))]),
            covariance=np.linalg.inv(point.information),
            log_likelihood=point.value,
            marginal=point.value + self.frailty.marginal_correction(self.events, 0.0),
            excess=0.0,
        )

    def _inverted(self, information: FloatArray) -> FloatArray:
        """Return the information with that of the frailties as the variance takes it."""
        if not self.sparse:
            return information
        block = information[self.terms :, self.terms :]
        diagonal = information.copy()
        diagonal[self.terms :, self.terms :] = np.diag(np.diag(block))
        return diagonal
