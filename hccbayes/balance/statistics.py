r"""Balance statistics of one term, by name, and the standard deviation they are measured in.

Weights enter means, shares, variances and distribution functions. The denominator of a standardized
difference never: it is taken from the unweighted sample, so that adjustment cannot improve a
difference by widening the spread. It is the standard deviation of the treated for target ``att``,
of the controls for ``atc``, and :math:`\sqrt{(s_1^2 + s_0^2) / 2}` for every other target. These
are cobalt 4's ``s.d.denom`` "treated", "control" and "pooled"; for ``ato`` and ``matching`` cobalt
would take "weighted" unless told "pooled". As there and in MatchIt the variance of a binary column
is :math:`p (1 - p)`, that of others has the divisor n - 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np

from hccbayes import defaults
from hccbayes.arms import BoolArray, FloatArray
from hccbayes.balance.terms import BalanceTerm, Kind
from hccbayes.errors import InputError, Problem
from hccbayes.standardized_difference import factor_smd

FOCAL_ARMS: Final[Mapping[str, str]] = MappingProxyType({"att": "treated", "atc": "control"})
"""Arm whose standard deviation is the denominator; both are averaged for other targets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistic:
    """A balance statistic.

    Parameters
    ----------
    compute
        ``(term, treatment, weights, target)`` to a number.
    kinds
        Kinds of terms it is shown for.
    threshold
        Limit of balance; ``None`` where there is no agreed one.
    balanced
        Whether a value is within the threshold.
    label
        What it is, for tables.
    """

    compute: Callable[[BalanceTerm, FloatArray, FloatArray, str], float]
    kinds: frozenset[Kind]
    label: str
    threshold: float | None = None
    balanced: Callable[[float, float], bool] = lambda value, limit: abs(value) < limit


def standard_deviation(term: BalanceTerm, treatment: FloatArray, target: str) -> float:
    """Return the denominator of a column's standardized difference.

    Where the one arm it is taken from does not vary, the pooled one is used, see
    :func:`has_pooled_fallback`; 0 where neither arm varies.
    """
    variances = {
        arm: _unweighted_variance(term, treatment == value)
        for arm, value in (("treated", 1.0), ("control", 0.0))
    }
    own = variances.get(FOCAL_ARMS.get(target, ""), 0.0)
    return math.sqrt(own if own > 0 else sum(variances.values()) / 2.0)


def has_pooled_fallback(term: BalanceTerm, treatment: FloatArray, target: str) -> bool:
    """Whether the denominator is pooled because the arm of the target does not vary."""
    if target not in FOCAL_ARMS:
        return False
    own = term.values[treatment == (1.0 if FOCAL_ARMS[target] == "treated" else 0.0)]
    if term.kind != "factor":
        return bool(np.ptp(own) == 0 < np.ptp(term.values))
    # A level that the arm lacks has no variance to divide by.
    return len(np.unique(own)) < len(term.levels)


def _unweighted_variance(term: BalanceTerm, own: BoolArray) -> float:
    values = term.values[own]
    # Exactly 0 for a constant column, which rounding of its mean would not give.
    if np.ptp(values) == 0:
        return 0.0
    if term.kind == "binary":
        return float(values.mean() * (1.0 - values.mean()))
    return float(values.var(ddof=1))


def weighted_mean(values: FloatArray, weights: FloatArray) -> float:
    """Return the sum of weight times value over the sum of weights."""
    return float(weights @ values / weights.sum())


def weighted_variance(values: FloatArray, weights: FloatArray) -> float:
    r"""Return :math:`\sum w_i (x_i - \bar x)^2 / (1 - \sum w_i^2)` with weights that sum to 1.

    The unbiased variance for weights that are no counts; with equal weights the divisor is n - 1.
    Shared by cobalt, MatchIt and R's ``cov.wt``. Not a number where one patient has all the
    weight.
    """
    if np.ptp(values[weights > 0]) == 0 and np.count_nonzero(weights) > 1:
        return 0.0  # rounding of the mean would leave something
    share = weights / weights.sum()
    divisor = 1.0 - float(share @ share)
    # Of several patients the largest share leaves more than rounding.
    if np.count_nonzero(share) < 2 or divisor <= 0:
        return math.nan
    return float(share @ (values - share @ values) ** 2 / divisor)


def mean_difference(
    term: BalanceTerm, treatment: FloatArray, weights: FloatArray, target: str
) -> float:
    """Return the treated minus the control mean; of a binary column the difference in shares."""
    treated, control = treatment == 1.0, treatment == 0.0
    return weighted_mean(term.values[treated], weights[treated]) - weighted_mean(
        term.values[control], weights[control]
    )


def standardized_mean_difference(
    term: BalanceTerm, treatment: FloatArray, weights: FloatArray, target: str
) -> float:
    r"""Return the difference in units of the unweighted standard deviation.

    Of columns it is signed, treated minus control; of a factor
    :math:`\sqrt{d^\top S^{-1} d}` with the difference d in shares and S the multinomial covariance
    of the unweighted sample (Yang and Dalton 2012). Infinite where shares or means differ and no
    arm varies.
    """
    if term.kind == "factor":
        return _factor_difference(term, treatment, weights, target)
    if np.ptp(term.values) == 0:
        return 0.0
    difference = mean_difference(term, treatment, weights, target)
    spread = standard_deviation(term, treatment, target)
    return difference / spread if spread > 0 else math.copysign(math.inf, difference)


def _factor_difference(
    term: BalanceTerm, treatment: FloatArray, weights: FloatArray, target: str
) -> float:
    codes, levels = term.values.astype(np.intp), len(term.levels)
    arms = {"treated": treatment == 1.0, "control": treatment == 0.0}
    shares = {
        arm: np.bincount(codes[own], weights[own], minlength=levels) for arm, own in arms.items()
    }
    counts = {arm: np.bincount(codes[own], minlength=levels) for arm, own in arms.items()}
    pooled = target not in FOCAL_ARMS or has_pooled_fallback(term, treatment, target)
    spreads = ("treated", "control") if pooled else (FOCAL_ARMS[target],) * 2
    return factor_smd(
        shares["treated"].tolist(),
        shares["control"].tolist(),
        spread_treated=counts[spreads[0]].tolist(),
        spread_control=counts[spreads[1]].tolist(),
    )


def variance_ratio(
    term: BalanceTerm, treatment: FloatArray, weights: FloatArray, target: str
) -> float:
    """Return the weighted variance of the treated over that of the controls.

    Not a number where one patient has all the weight of an arm or neither arm varies.
    """
    over, under = (
        weighted_variance(term.values[treatment == arm], weights[treatment == arm])
        for arm in (1.0, 0.0)
    )
    if under == 0:
        return math.nan if over == 0 else math.inf
    return over / under


def kolmogorov_smirnov(
    term: BalanceTerm, treatment: FloatArray, weights: FloatArray, target: str
) -> float:
    """Return the largest distance between the arms' weighted distribution functions."""
    order = np.argsort(term.values, kind="stable")
    values, arm, weight = term.values[order], treatment[order], weights[order]
    steps = [
        np.cumsum(np.where(arm == own, weight, 0.0)) / weight[arm == own].sum()
        for own in (1.0, 0.0)
    ]
    # Tied values step together.
    last = np.append(values[1:] != values[:-1], True)
    return float(np.abs(steps[0] - steps[1])[last].max())


def _within_ratio(value: float, limit: float) -> bool:
    return 1.0 / limit < value < limit


STATISTICS: Final[Mapping[str, Statistic]] = MappingProxyType(
    {
        "smd": Statistic(
            compute=standardized_mean_difference,
            kinds=frozenset({"continuous", "binary", "factor"}),
            threshold=defaults.SMD_LIMIT,
            label="standardized mean difference",
        ),
        "difference": Statistic(
            compute=mean_difference,
            kinds=frozenset({"binary"}),
            label="difference in shares",
        ),
        "variance_ratio": Statistic(
            compute=variance_ratio,
            kinds=frozenset({"continuous"}),
            threshold=defaults.VARIANCE_RATIO_LIMIT,
            balanced=_within_ratio,
            label="variance ratio",
        ),
        "ks": Statistic(
            compute=kolmogorov_smirnov,
            kinds=frozenset({"continuous"}),
            label="Kolmogorov-Smirnov statistic",
        ),
    }
)
"""Balance statistics by name."""


def known_statistic(name: str) -> Statistic:
    """Return a statistic by name, or raise :class:`InputError` with the names there are."""
    if name not in STATISTICS:
        known = ", ".join(STATISTICS)
        raise InputError(Problem("statistic", f"`{name}` is not known; use one of {known}"))
    return STATISTICS[name]
