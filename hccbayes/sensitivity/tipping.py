r"""How strong an unmeasured confounder would have to be to overturn a posterior probability.

Over a grid of confounders (log hazard ratio log G, difference of prevalences
:math:`p_1 - p_0`) the posterior probability that the hazard ratio at equal confounder is below a
threshold c. The corrected effect grows with the observed one, so that

.. math:: P(HR_{true} < c) = P(\log HR_{obs} < b(\log c; G, p_1, p_0)),

with b the log hazard ratio that regression without the confounder tends to where the truth is c:
no draw needs to be corrected by itself. With ``bias="exact"`` b is the limit of Cox regression
under the cohort's own survival (:mod:`hccbayes.sensitivity.confounding_bias`), with
``bias="array"`` it is :math:`\log c + \log B`, which holds for rare events and finds effects easier
to overturn than they are where deaths are common.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, get_args

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from hccbayes.defaults import SENSITIVITY_PROB
from hccbayes.errors import InputError, Problem
from hccbayes.sensitivity.confounder_array import bias_factor
from hccbayes.sensitivity.confounding_bias import FollowUp, observed_log_hr

if TYPE_CHECKING:
    from hccbayes.design import Design

FloatArray = NDArray[np.float64]
Bias = Literal["exact", "array"]

PREVALENCE: Final = 0.4
"""Mean of the arms' prevalences: the prior mean of the Bayesian model's confounder."""
LOG_HAZARD_RATIOS: Final = np.linspace(0.0, math.log(5.0), 41)
"""Hazard ratios of the confounder from 1 to 5, beyond any that the cohort studies print."""
DIFFERENCES: Final = np.linspace(-0.8, 0.8, 65)
"""All that a mean prevalence of 0.4 has room for, in steps of 0.025."""
BENCHMARK_COLUMNS: Final = (
    "term",
    "kind",
    "inverse",
    "hazard_ratio",
    "prevalence_treated",
    "prevalence_control",
    "difference",
    "prob",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TippingPoint:
    """The smallest confounder of a grid that takes the probability below its limit.

    Parameters
    ----------
    confounder_hr
        G.
    difference
        Prevalence in the treated minus that in the controls.
    distance
        Square root of ``log(G) ** 2 + difference ** 2``, by which it is the smallest.
    prob
        Probability that is left.
    """

    confounder_hr: float
    difference: float
    distance: float
    prob: float


def tipping_grid(
    log_hr: ArrayLike,
    follow_up: FollowUp,
    *,
    prevalence: float = PREVALENCE,
    log_confounder_hr: ArrayLike = LOG_HAZARD_RATIOS,
    difference: ArrayLike = DIFFERENCES,
    threshold: float = 1.0,
    bias: Bias = "exact",
) -> xr.Dataset:
    """Return P(HR < threshold) at equal confounder over a grid of confounders.

    Parameters
    ----------
    log_hr
        Posterior draws of the log hazard ratio of treated over control, any shape.
    follow_up
        Of the cohort.
    prevalence
        Mean of the arms' prevalences: they are this plus and minus half of the difference.
    log_confounder_hr, difference
        Grid points, increasing.
    threshold
        Hazard ratio c.
    bias
        ``exact`` or ``array``.

    Returns
    -------
    xarray.Dataset
        ``prob`` and ``observed_log_hr`` (b) over the dims ``log_confounder_hr`` and
        ``difference``; attributes ``prevalence``, ``threshold``, ``bias`` and ``synthetic``.

    Raises
    ------
    InputError
        If a draw is not finite, a grid does not increase, a prevalence would leave 0 to 1, or a
        choice is unknown; every problem is named.
    """
    grids = {
        "log_confounder_hr": np.asarray(log_confounder_hr, dtype=np.float64),
        "difference": np.asarray(difference, dtype=np.float64),
    }
    draws = np.sort(np.asarray(log_hr, dtype=np.float64).ravel())
    problems = _draw_problems(draws, threshold, bias)
    problems += [
        Problem(name, "must be increasing, finite grid points")
        for name, points in grids.items()
        if points.ndim != 1
        or not points.size
        or not (np.diff(points) > 0).all()
        or not np.isfinite(points).all()
    ]
    room = 2.0 * min(prevalence, 1.0 - prevalence)
    if not 0.0 < prevalence < 1.0:
        problems.append(Problem("prevalence", f"must be between 0 and 1, not {prevalence!r}"))
    elif not (np.abs(grids["difference"]) <= room * (1.0 + 1e-12)).all():
        message = f"a mean prevalence of {prevalence:g} has room for differences up to {room:g}"
        problems.append(Problem("difference", message))
    if problems:
        raise InputError(problems)
    ratio, gap = np.exp(grids["log_confounder_hr"])[:, None], grids["difference"][None, :]
    shares = [np.clip(prevalence + sign * gap / 2.0, 0.0, 1.0) for sign in (1.0, -1.0)]
    limit = _observed(ratio, shares[0], shares[1], follow_up, threshold, bias)
    dims = tuple(grids)
    return xr.Dataset(
        {"prob": (dims, _share_below(draws, limit)), "observed_log_hr": (dims, limit)},
        coords=grids,
        attrs={
            "prevalence": prevalence,
            "threshold": threshold,
            "bias": bias,
            "synthetic": follow_up.synthetic,
        },
    )


def tipping_point(grid: xr.Dataset, *, prob: float = SENSITIVITY_PROB) -> TippingPoint | None:
    """Return the smallest confounder of a grid with which the probability is below `prob`.

    Parameters
    ----------
    grid
        From :func:`tipping_grid`.
    prob
        Limit of the probability, between 0 and 1.

    Returns
    -------
    TippingPoint or None
        ``None`` where no confounder of the grid is enough; no confounder at all (distance 0) where
        the probability is below the limit as it is. As fine as the grid.
    """
    if not 0.0 < prob < 1.0:
        raise InputError(Problem("prob", f"must be between 0 and 1, not {prob!r}"))
    log_ratio, gap = grid["log_confounder_hr"].to_numpy(), grid["difference"].to_numpy()
    distance = np.hypot(log_ratio[:, None], gap[None, :])
    left = grid["prob"].to_numpy()
    if not (left < prob).any():
        return None
    far = np.where(left < prob, distance, np.inf)
    row, column = np.unravel_index(int(np.argmin(far)), far.shape)
    return TippingPoint(
        confounder_hr=float(np.exp(log_ratio[row])),
        difference=float(gap[column]),
        distance=float(distance[row, column]),
        prob=float(left[row, column]),
    )


def covariate_benchmarks(
    posterior: xr.Dataset,
    design: Design,
    follow_up: FollowUp,
    *,
    threshold: float = 1.0,
    bias: Bias = "exact",
) -> pd.DataFrame:
    """Return the measured covariates as confounders: what one more of their kind would do.

    Parameters
    ----------
    posterior
        Draws of the hazard model: ``treatment`` and ``covariates``.
    design
        The covariates it was fitted to.
    follow_up, threshold, bias
        As for :func:`tipping_grid`.

    Returns
    -------
    pandas.DataFrame
        One row a term: its posterior median hazard ratio, turned so that it is at least 1
        (``inverse`` where the covariate's absence, or less of it, is what counts); prevalence by
        arm and their difference; and ``prob``, P(HR < threshold) with another confounder, not
        measured, just like it. A continuous covariate counts by two standard deviations, as a
        binary one held by half of the patients (Gelman 2008): its difference is that of the arms'
        means in this unit and its prevalences stand around one half. Where the means differ by
        more than the unit, prevalences and ``prob`` are empty.
    """
    draws = np.sort(posterior["treatment"].to_numpy().ravel())
    problems = _draw_problems(draws, threshold, bias)
    if not design.terms:
        problems.append(Problem("design", "holds no covariate"))
    if problems:
        raise InputError(problems)
    log_ratios = posterior["covariates"].median(("chain", "draw")).to_numpy()
    rows = []
    for index, log_ratio in enumerate(log_ratios.tolist()):
        treated, control, gap = _prevalences(design, index)
        inverse = log_ratio < 0
        if inverse:
            treated, control, gap = 1.0 - treated, 1.0 - control, -gap
        ratio, prob = math.exp(abs(log_ratio)), math.nan
        if math.isfinite(treated):
            one, first, second = (np.array([value]) for value in (ratio, treated, control))
            limit = _observed(one, first, second, follow_up, threshold, bias)
            prob = float(_share_below(draws, limit)[0])
        term = design.terms[index]
        rows.append((term.name, term.kind, inverse, ratio, treated, control, gap, prob))
    return pd.DataFrame(rows, columns=list(BENCHMARK_COLUMNS))


def _prevalences(design: Design, index: int) -> tuple[float, float, float]:
    """Return a term's prevalence in the treated and the controls, and their difference."""
    term, column, treated = design.terms[index], design.matrix[:, index], design.treatment == 1.0
    means = [float(column[arm].mean()) for arm in (treated, ~treated)]
    gap = means[0] - means[1]
    # A binary term is centered at its prevalence; a continuous one stands around one half.
    if term.kind == "binary":
        shares = [term.mean + mean for mean in means]
    elif abs(gap) <= 1.0:
        shares = [0.5 + gap / 2.0, 0.5 - gap / 2.0]
    else:
        return math.nan, math.nan, gap
    inside = np.clip(shares, 0.0, 1.0)  # rounding may leave 0 to 1 by a bit
    return float(inside[0]), float(inside[1]), gap


def _draw_problems(draws: FloatArray, threshold: float, bias: str) -> list[Problem]:
    problems = []
    if not draws.size or not np.isfinite(draws).all():
        problems.append(Problem("log_hr", "needs draws, all of them finite"))
    if not (math.isfinite(threshold) and threshold > 0):
        problems.append(Problem("threshold", f"must be positive and finite, not {threshold!r}"))
    if bias not in get_args(Bias):
        known = ", ".join(get_args(Bias))
        problems.append(Problem("bias", f"must be one of {known}, not {bias!r}"))
    return problems


def _observed(
    ratio: FloatArray,
    treated: FloatArray,
    control: FloatArray,
    follow_up: FollowUp,
    threshold: float,
    bias: Bias,
) -> FloatArray:
    """Return the observed log hazard ratio where the true one is the threshold."""
    log_hr = math.log(threshold)
    if bias == "array":
        return np.asarray(log_hr + np.log(bias_factor(ratio, treated, control)))
    return observed_log_hr(ratio, treated, control, follow_up, log_hr=log_hr)


def _share_below(draws: FloatArray, limit: FloatArray) -> FloatArray:
    """Return the share of sorted draws below each limit."""
    return np.asarray(np.searchsorted(draws, limit, side="left") / draws.size)
