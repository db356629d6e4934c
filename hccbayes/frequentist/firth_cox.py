"""Cox regression with Firth's penalty, which has estimates where the likelihood has none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.stats import chi2 as chi2_distribution

from hccbayes.defaults import INTERVAL_PROB
from hccbayes.errors import Problem
from hccbayes.frequentist.arguments import check_prob
from hccbayes.frequentist.cox import check_identified, design_values
from hccbayes.frequentist.episodes import Episodes, FloatArray, stratum_codes
from hccbayes.frequentist.identifiability import NotEstimableError
from hccbayes.frequentist.newton import NoMaximumError, Point, maximize
from hccbayes.frequentist.partial_likelihood import Slots, Ties, likelihood_slots
from hccbayes.frequentist.profile_limits import profile_limit
from hccbayes.frequentist.risk_set_moments import risk_shares

FURTHEST: Final = 60.0
"""Standard errors within which a profile limit is looked for."""
CURVATURE_STEP: Final = 1e-5
"""Step of the differences of the score, in standard deviations of a term."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FirthCoxFit:
    """A Cox model fitted with Firth's penalty, on the scale of the design it was given.

    Parameters
    ----------
    terms
        Names of the design's columns.
    coef
        Log hazard ratios per unit of each term, shape ``(terms,)``.
    se
        From the information of the partial likelihood at `coef`, as in the R package coxphf.
    lower, upper
        Profile penalized likelihood limits; infinite where the profile does not come down to its
        limit within 60 standard errors, which `reason` then says.
    p_value
        Penalized likelihood ratio test of each term.
    interval_prob
        Probability of the limits.
    log_likelihood
        Penalized log partial likelihood at its maximum.
    rows, events
        Rows and events used.
    method
        ``cox_firth_efron`` or ``cox_firth_breslow``.
    reason
        Which limits are infinite; empty as a rule.
    """

    terms: tuple[str, ...]
    coef: FloatArray
    se: FloatArray
    lower: FloatArray
    upper: FloatArray
    p_value: FloatArray
    interval_prob: float
    log_likelihood: float
    rows: int
    events: int
    method: str
    reason: str


def firth_cox(
    design: pd.DataFrame,
    start: ArrayLike,
    stop: ArrayLike,
    event: ArrayLike,
    *,
    strata: ArrayLike | None = None,
    ties: Ties = "efron",
    prob: float = INTERVAL_PROB,
) -> FirthCoxFit:
    r"""Fit a Cox model by maximum penalized partial likelihood.

    .. math:: \ell^*(\beta) = \ell(\beta) + \tfrac12 \log |I(\beta)|

    (Firth 1993; Heinze & Schemper 2001, Biometrics 57:114): removes the first-order bias away from
    no effect, and is finite where an arm, or a level of a factor, has no event. Limits and tests
    are those of the profile of :math:`\ell^*`, as Wald's are poor where the penalty matters. The
    R package coxphf is the same with Breslow's ties. Dense in rows times events.

    Parameters
    ----------
    design
        One column a term, one row an episode, without intercept.
    start, stop, event
        Episodes in months as for :meth:`Episodes.of`.
    strata
        Label of each row's stratum.
    ties
        ``efron`` or ``breslow``.
    prob
        Probability of the profile limits.

    Raises
    ------
    InputError
        If the input is wrong.
    NotEstimableError
        If there is no event, a term is constant or a combination of the terms before it wherever
        patients are compared, or the maximization fails. Separation is no reason.
    """
    check_prob(prob)
    episodes = Episodes.of(start, stop, event)
    values, terms = design_values(design, len(episodes.stop))
    codes = stratum_codes(strata, len(values))
    if not episodes.event.any():
        raise NotEstimableError(Problem("event", "no event: a Cox model has nothing to fit"))
    check_identified(values, terms, episodes, codes)
    scale = values.std(axis=0)
    model = _Penalized.of(
        (values - values.mean(axis=0)) / scale, likelihood_slots(episodes, codes, ties), terms
    )
    everything = np.ones(len(terms), dtype=bool)
    coef, best = model.maximum(np.zeros(len(terms)), everything)
    se = np.sqrt(np.diag(np.linalg.inv(best.information)))
    limits, p_value = _profiled(model, coef, best, se, prob)
    open_ends = [name for name, ends in zip(terms, limits, strict=True) if np.isinf(ends).any()]
    return FirthCoxFit(
        terms=terms,
        coef=coef / scale,
        se=se / scale,
        lower=limits[:, 0] / scale,
        upper=limits[:, 1] / scale,
        p_value=p_value,
        interval_prob=prob,
        # The information of the design is that of the standardized one times products of scales.
        log_likelihood=best.value + float(np.log(scale).sum()),
        rows=len(values),
        events=int(episodes.event.sum()),
        method=f"cox_firth_{ties}",
        reason=f"no finite profile limit for {', '.join(open_ends)}" if open_ends else "",
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Penalized:
    """The penalized likelihood of a standardized design, with what does not change in it.

    Parameters
    ----------
    design
        Shape ``(rows, terms)``.
    squares, cubes
        Products of two and of three of its columns, one row a row of the design.
    slots, terms
        Denominators of the partial likelihood, and names of the columns.
    """

    design: FloatArray
    squares: FloatArray
    cubes: FloatArray
    slots: Slots
    terms: tuple[str, ...]

    @classmethod
    def of(cls, design: FloatArray, slots: Slots, terms: tuple[str, ...]) -> _Penalized:
        """Return the penalized likelihood of a design."""
        rows = len(design)
        squares = (design[:, :, None] * design[:, None, :]).reshape(rows, -1)
        cubes = (squares[:, :, None] * design[:, None, :]).reshape(rows, -1)
        return cls(design=design, squares=squares, cubes=cubes, slots=slots, terms=terms)

    def at(self, coef: FloatArray) -> Point:
        """Return value, modified score and information of the partial likelihood."""
        linear = self.design @ coef
        shares = risk_shares(self.design, self.slots, coef)
        mass = self.slots.deaths.sum(axis=0)
        hazard = self.slots.members * np.exp(linear - linear.max())[:, None]
        died = self.slots.deaths.sum(axis=1)
        value = died @ linear - mass @ (np.log(hazard.sum(axis=0)) + linear.max())
        mean = shares.T @ self.design
        information, third = self._central_moments(shares, mean, mass)
        score = died @ self.design - mass @ mean
        sign, log_determinant = np.linalg.slogdet(information)
        if not (sign > 0 and np.isfinite(log_determinant)):
            # Too long a step leaves one row in each risk set: no place to stay.
            return Point(-np.inf, score, information)
        pull = np.einsum("ij,ijr->r", np.linalg.inv(information), third) / 2.0
        return Point(float(value + log_determinant / 2.0), score + pull, information)

    def _central_moments(
        self, shares: FloatArray, mean: FloatArray, mass: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return the information, shape ``(terms, terms)``, and its derivative, an axis more."""
        terms = self.design.shape[1]
        counted = shares * mass
        second = (counted.T @ self.squares).reshape(-1, terms * terms)
        raw = counted.sum(axis=1) @ self.cubes
        # The third central moment: raw, less the three products of second and first, plus two
        # cubes.
        cross = (second.T @ mean).reshape(terms, terms, terms)
        weighted = mean * mass[:, None]
        products = (weighted[:, :, None] * mean[:, None, :]).reshape(len(mean), -1)
        cubed = (products.T @ mean).reshape(terms, terms, terms)
        mixed = cross + cross.transpose(0, 2, 1) + cross.transpose(2, 1, 0)
        third = raw.reshape(terms, terms, terms) - mixed + 2.0 * cubed
        return second.sum(axis=0).reshape(terms, terms) - mean.T @ weighted, third

    def maximum(self, start: FloatArray, free: NDArray[np.bool_]) -> tuple[FloatArray, Point]:
        """Return the maximum over the coefficients that are free, the others as they start.

        Raises
        ------
        NotEstimableError
            If the iteration fails.
        """
        if not free.any():
            return start, self.at(start)

        def function(part: FloatArray) -> Point:
            coef = start.copy()
            coef[free] = part
            point = self.at(coef)
            return Point(point.value, point.score[free], point.information[np.ix_(free, free)])

        try:
            part, _ = maximize(function, start[free])
        except NoMaximumError:
            # With one or two risk sets the penalty curves as much as the likelihood.
            part = self._maximum_of_curved(function, start[free])
        coef = start.copy()
        coef[free] = part
        return coef, self.at(coef)

    def _maximum_of_curved(
        self, function: Callable[[FloatArray], Point], start: FloatArray
    ) -> FloatArray:
        """Return the maximum by steps that take the curvature of the penalty with them."""

        def curved(part: FloatArray) -> Point:
            point = function(part)
            steps = CURVATURE_STEP * np.eye(len(part))
            slopes = [function(part + one).score - function(part - one).score for one in steps]
            curvature = -np.array(slopes) / (2.0 * CURVATURE_STEP)
            curvature = (curvature + curvature.T) / 2.0
            if not (np.isfinite(curvature).all() and np.linalg.eigvalsh(curvature)[0] > 0):
                return point
            return Point(point.value, point.score, curvature)

        try:
            return maximize(curved, start)[0]
        except NoMaximumError as failure:
            listed = ", ".join(self.terms)
            message = f"Firth's penalty did not converge with the terms {listed}: {failure}"
            raise NotEstimableError(Problem("Cox model", message)) from None

    def profile(self, start: FloatArray, term: int, value: float) -> tuple[FloatArray, float]:
        """Return the maximum with one coefficient given: the coefficients and its value."""
        coef = start.copy()
        coef[term] = value
        coef, point = self.maximum(coef, np.arange(len(coef)) != term)
        return coef, point.value

    def limit(self, best: FloatArray, level: float, term: int, step: float) -> float:
        """Return where the profile of a term comes down to a level, walking out by steps."""
        inner, coef = float(best[term]), best

        def excess(value: float) -> float:
            return self.profile(coef, term, value)[1] - level

        for _ in range(int(FURTHEST)):
            outer = inner + step
            coef, value = self.profile(coef, term, outer)
            if value < level:
                return float(brentq(excess, inner, outer, xtol=1e-10, rtol=1e-12))
            inner = outer
        return float(np.copysign(np.inf, step))


def _profiled(
    model: _Penalized, coef: FloatArray, best: Point, se: FloatArray, prob: float
) -> tuple[FloatArray, FloatArray]:
    """Return the profile limits, shape ``(terms, 2)``, and p of the likelihood ratio tests."""
    terms = range(len(coef))
    level = best.value - float(chi2_distribution.ppf(prob, 1)) / 2.0

    def limit(term: int, side: float) -> float:
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            quick = profile_limit(model.at, coef, best, level, term, side)
        # Where that does not get there, a walk along the profile does, or says that there is none.
        return model.limit(coef, level, term, side * float(se[term])) if quick is None else quick

    limits = [[limit(term, side) for side in (-1.0, 1.0)] for term in terms]
    without = np.array([model.profile(coef, term, 0.0)[1] for term in terms])
    # Rounding may leave the maximum below its profile at 0.
    ratio = 2.0 * np.maximum(best.value - without, 0.0)
    return np.array(limits), np.asarray(chi2_distribution.sf(ratio, 1))
