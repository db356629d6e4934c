"""The one place where draws become numbers: a point, an interval, a probability.

Draws are transformed, averaged over patients and contrasted first; they are summarized here, once.
The point is the posterior mean for quantities on an additive scale and the posterior median for
ratios and for survival medians, which may be infinite.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hccbayes.records import Estimate
from hccbayes.spec import IntervalSection

if TYPE_CHECKING:
    import xarray as xr

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
    center = _quantiles(values, [0.5])[0] if point == "median" else float(values.mean())
    lower, upper = _interval(values, interval)
    return Summary(center, lower, upper)


def _interval(values: FloatArray, interval: IntervalSection) -> tuple[float, float]:
    if interval.kind == "hdi" and np.isfinite(values).all():
        import arviz as az

        low, high = np.asarray(az.hdi(values, prob=interval.prob))
        return float(low), float(high)
    tail = (1.0 - interval.prob) / 2.0
    low, high = _quantiles(values, [tail, 1.0 - tail])
    return low, high


def _quantiles(values: FloatArray, probs: list[float]) -> list[float]:
    """Return quantiles (type 7), or order statistics where some draws are infinite.

    Interpolating between a finite and an infinite draw, or two infinite ones, may give nan.
    """
    at = np.asarray(probs)
    if np.isfinite(values).all():
        return [float(value) for value in np.quantile(values, at)]
    return [float(value) for value in np.quantile(values, at, method="inverted_cdf")]


def interval_kind(draws: ArrayLike, interval: IntervalSection) -> str:
    """Return the kind actually used: infinite draws have no highest density interval."""
    return interval.kind if np.isfinite(np.asarray(draws)).all() else "eti"


def with_draws(
    row: Estimate,
    draws: ArrayLike,
    interval: IntervalSection,
    *,
    point: Point = "mean",
    benefit: ArrayLike | None = None,
) -> Estimate:
    """Return the row with its numbers filled in from draws.

    Parameters
    ----------
    row
        A row with its labels; its numbers are replaced.
    draws
        Posterior draws of the quantity.
    interval, point
        As in :func:`summarise`.
    benefit
        Boolean draws: whether the contrast favors the treated arm; ``None`` for no contrast.
    """
    summary = summarise(draws, interval, point=point)
    return replace(
        row,
        estimate=summary.point,
        lower=summary.lower,
        upper=summary.upper,
        interval_prob=interval.prob,
        interval_kind=interval_kind(draws, interval),
        prob_benefit=None if benefit is None else float(np.mean(np.asarray(benefit))),
    )


def with_probability(row: Estimate, event: ArrayLike) -> Estimate:
    """Return the row holding the posterior probability of `event`; it has no interval."""
    return replace(row, estimate=float(np.mean(np.asarray(event))))


def summarise_curve(draws: xr.DataArray, interval: IntervalSection) -> xr.DataArray:
    """Return pointwise mean and limits of curves, over a new first dimension ``statistic``.

    Parameters
    ----------
    draws
        Dims ``chain, draw`` and any others; finite.
    interval
        Probability and kind.

    Returns
    -------
    xarray.DataArray
        ``statistic`` holds ``mean``, ``lower``, ``upper``; the other dims are kept in order.
    """
    import xarray as xr

    if interval.kind == "hdi":
        import arviz as az

        limits = az.hdi(draws, prob=interval.prob)
        lower, upper = (limits.sel(ci_bound=bound, drop=True) for bound in ("lower", "upper"))
    else:
        tail = (1.0 - interval.prob) / 2.0
        limits = draws.quantile([tail, 1.0 - tail], dim=("chain", "draw"))
        lower, upper = (limits.isel(quantile=side, drop=True) for side in (0, 1))
    parts = [draws.mean(("chain", "draw")), lower, upper]
    statistic = xr.DataArray(["mean", "lower", "upper"], dims="statistic", name="statistic")
    return xr.concat(parts, dim=statistic)
