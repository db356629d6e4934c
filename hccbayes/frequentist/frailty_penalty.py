"""What a frailty distribution adds to the partial likelihood, and the equation of its variance."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from scipy.special import digamma, gammaln

from hccbayes.frequentist.episodes import FloatArray

FrailtyDistribution = Literal["gamma", "gaussian"]


@dataclass(frozen=True, slots=True, eq=False)
class Penalty:
    """A penalty of log frailties: its value and its first and second derivatives, all to be added.

    Parameters
    ----------
    value
        Subtracted from the log partial likelihood.
    first, second
        By frailty, shape ``(clusters,)``; the frailties are independent.
    """

    value: float
    first: FloatArray
    second: FloatArray


class Frailty(ABC):
    """A distribution of frailties with mean 1, or of their logarithms with mean 0."""

    @abstractmethod
    def penalty(self, log_frailty: FloatArray, variance: float) -> Penalty:
        """Return the penalty of log frailties, shape ``(clusters,)``, at a variance."""

    @abstractmethod
    def variance_excess(
        self, log_frailty: FloatArray, events: FloatArray, trace: float, variance: float
    ) -> float:
        """Return a number above 0 where the variance should be larger, below 0 where smaller.

        Parameters
        ----------
        log_frailty
            Best log frailties at the variance, shape ``(clusters,)``.
        events
            Events of each cluster.
        trace
            Sum of the variances of the log frailties, from the inverse penalized information.
        variance
            Variance of the frailties (gamma) or log frailties (Gaussian).
        """

    @abstractmethod
    def marginal_correction(self, events: FloatArray, variance: float) -> float:
        """Return what turns the penalized into the marginal log-likelihood; ``nan`` if nothing."""


class GammaFrailty(Frailty):
    r"""Gamma frailties of mean 1 and variance :math:`\theta = 1 / \nu`.

    .. math:: g(\omega) = \nu \sum_j (e^{\omega_j} - \omega_j - 1), \qquad
              \ell_m(\theta) = \ell - g + \sum_j \Bigl[d_j + \nu \log \nu
              - (\nu + d_j) \log(\nu + d_j)
              + \log \frac{\Gamma(\nu + d_j)}{\Gamma(\nu)}\Bigr]

    The variance maximizes :math:`\ell_m`, R's ``I-likelihood``: the estimate of the EM algorithm.
    """

    def penalty(self, log_frailty: FloatArray, variance: float) -> Penalty:
        """Return :math:`g` and its derivatives."""
        excess = np.expm1(log_frailty)
        return Penalty(
            value=float(np.sum(excess - log_frailty) / variance),
            first=excess / variance,
            second=(1.0 + excess) / variance,
        )

    def variance_excess(
        self, log_frailty: FloatArray, events: FloatArray, trace: float, variance: float
    ) -> float:
        r"""Return :math:`-\partial \ell_m / \partial \nu`; frailties at their best do not count."""
        shape = 1.0 / variance
        # log1p keeps what is left of large shapes.
        terms = digamma(shape + events) - digamma(shape) - np.log1p(events / shape)
        return -float(np.sum(log_frailty - np.expm1(log_frailty)) + terms.sum())

    def marginal_correction(self, events: FloatArray, variance: float) -> float:
        """Return the sum of the brackets, 0 in the limit of no variance."""
        if variance == 0.0:
            return 0.0
        shape = 1.0 / variance
        terms = (
            events
            - shape * np.log1p(events / shape)
            - events * np.log(shape + events)
            + gammaln(shape + events)
            - gammaln(shape)
        )
        return float(terms.sum())


class GaussianFrailty(Frailty):
    r"""Gaussian log frailties of mean 0 and variance :math:`\theta`.

    .. math:: g(\omega) = \frac{1}{2\theta} \sum_j \omega_j^2, \qquad
              \theta = \frac1J \Bigl(\sum_j \omega_j^2 + \mathrm{tr}\,(H^{-1})_{\omega\omega}\Bigr)

    with J clusters and H the penalized information (McGilchrist 1993), which R calls ``reml``.
    """

    def penalty(self, log_frailty: FloatArray, variance: float) -> Penalty:
        """Return :math:`g` and its derivatives."""
        return Penalty(
            value=float(np.sum(log_frailty**2) / (2.0 * variance)),
            first=log_frailty / variance,
            second=np.full_like(log_frailty, 1.0 / variance),
        )

    def variance_excess(
        self, log_frailty: FloatArray, events: FloatArray, trace: float, variance: float
    ) -> float:
        """Return by how much the right side exceeds the variance."""
        return (float(np.sum(log_frailty**2)) + trace) / len(log_frailty) - variance

    def marginal_correction(self, events: FloatArray, variance: float) -> float:
        """Return ``nan``: the integral over Gaussian frailties has no closed form."""
        return float("nan")


FRAILTIES: Final[dict[str, Frailty]] = {"gamma": GammaFrailty(), "gaussian": GaussianFrailty()}
