"""The one place where draws become numbers: a point, an interval, a probability.

Draws are transformed, averaged over patients and contrasted first; they are summarized here, once.
The point is the posterior mean for quantities on an additive scale and the posterior median for
ratios and for survival medians, which may be infinite.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hccbayes.records import Estimate
from hccbayes.spec import IntervalSection

FloatArray = NDArray[np.float64]
Point = Literal["mean", "median"]


@dataclass(frozen=True, slots=True)
class Summary:
    """A point and its interval."""

    point: float
    lower: float
    upper: float


def summarise(draws: ArrayLike, interval: IntervalSection, *, point: Point = "mean") -> Summary:
    """Summarize the draws of one quantity.

    Parameters
    ----------
    draws
        Any shape; all draws are pooled. May hold ``inf``, never ``nan``.
    interval
        Probability and kind: ``eti`` (equal tails) or ``hdi`` (highest density).
    point
        ``mean`` or ``median``.

    Raises
    ------
    ValueError
        If a draw is ``nan``.
    """
    values = np.asarray(draws, dtype=np.float64).ravel()
    if np.isnan(values).any():
        raise ValueError("draws hold nan; the fit should not have passed its gate")
    center = float(np.median(values)) if point == "median" else float(values.mean())
    lower, upper = _interval(values, interval)
    return Summary(center, lower, upper)


def _interval(values: FloatArray, interval: IntervalSection) -> tuple[float, float]:
    if interval.kind == "hdi" and np.isfinite(values).all():
        import arviz as az

        low, high = np.asarray(az.hdi(values, prob=interval.prob))
        return float(low), float(high)
    tail = (1.0 - interval.prob) / 2.0
    # Interpolating between a finite and an infinite draw gives nan; an order statistic does not.
    method = "linear" if np.isfinite(values).all() else "inverted_cdf"
    low, high = np.quantile(values, [tail, 1.0 - tail], method=method)
    return float(low), float(high)


def interval_kind(draws: ArrayLike, interval: IntervalSection) -> str:
    """Return the kind actually used: infinite draws have no highest density interval."""
    return interval.kind if np.isfinite(np.asarray(draws)).all() else "eti"


def posterior_estimate(
    draws: ArrayLike,
    *,
    estimand: str,
    contrast: str,
    population: str,
    method: str,
    model: str,
    interval: IntervalSection,
    point: Point = "mean",
    time: float | None = None,
    benefit: ArrayLike | None = None,
) -> Estimate:
    """Return one Bayesian row of the estimate table.

    Parameters
    ----------
    draws
        Posterior draws of the quantity.
    estimand, contrast, population, method, model, time
        As in :class:`~hccbayes.records.Estimate`.
    interval, point
        As in :func:`summarise`.
    benefit
        Boolean draws: whether the contrast favors the treated arm; ``None`` for no contrast.
    """
    summary = summarise(draws, interval, point=point)
    return Estimate(
        estimand=estimand,
        contrast=contrast,
        population=population,
        time=time,
        estimate=summary.point,
        lower=summary.lower,
        upper=summary.upper,
        interval_prob=interval.prob,
        interval_kind=interval_kind(draws, interval),
        prob_benefit=None if benefit is None else float(np.mean(np.asarray(benefit))),
        source="bayes",
        method=method,
        model=model,
    )


def posterior_probability(
    event: ArrayLike,
    *,
    estimand: str,
    contrast: str,
    population: str,
    method: str,
    model: str,
    time: float | None = None,
) -> Estimate:
    """Return a row that holds a posterior probability; a probability has no interval."""
    return Estimate(
        estimand=estimand,
        contrast=contrast,
        population=population,
        time=time,
        estimate=float(np.mean(np.asarray(event))),
        source="bayes",
        method=method,
        model=model,
    )
