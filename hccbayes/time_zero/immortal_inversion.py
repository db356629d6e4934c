"""What a study's rules leave of its published hazard ratio."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

from scipy.optimize import brentq
from scipy.stats import norm

from hccbayes.defaults import INTERVAL_PROB
from hccbayes.errors import InputError, Problem
from hccbayes.frequentist.arguments import prob_problems
from hccbayes.time_zero.immortal_checks import positive_problems
from hccbayes.time_zero.immortal_rules import ImmortalRules, limit_of_rules

TRUE_RATIOS: Final = (1.0 / 20.0, 20.0)
"""True hazard ratios between which one that gives the published is searched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedRatio:
    """A hazard ratio, treated over control, with its limits.

    Parameters
    ----------
    hr, lower, upper
        Hazard ratio and limits, ``0 < lower <= hr <= upper``.
    prob
        Probability of the limits.

    Raises
    ------
    InputError
        If a number is not positive, the limits are reversed or do not hold the hazard ratio, or
        `prob` is not within (0, 1); all at once.
    """

    hr: float
    lower: float
    upper: float
    prob: float = INTERVAL_PROB

    def __post_init__(self) -> None:
        """Check what the types do not say."""
        problems = [
            *positive_problems("hr", self.hr),
            *positive_problems("lower", self.lower),
            *positive_problems("upper", self.upper),
        ]
        if not problems and self.lower > self.upper:
            message = f"limits are reversed: ({self.lower:g}, {self.upper:g})"
            problems.append(Problem("lower, upper", message))
        elif not problems and not self.lower <= self.hr <= self.upper:
            message = f"({self.lower:g}, {self.upper:g}) does not hold the hazard ratio {self.hr:g}"
            problems.append(Problem("lower, upper", message))
        problems += prob_problems(self.prob)
        if problems:
            raise InputError(problems, source="PublishedRatio")

    @property
    def se(self) -> float:
        """Standard error of the log hazard ratio, from the width of the interval."""
        width = math.log(self.upper) - math.log(self.lower)
        return width / (2.0 * float(norm.ppf((1.0 + self.prob) / 2.0)))


@dataclass(frozen=True, slots=True, kw_only=True)
class RemainingRatio:
    """A hazard ratio after immortal time is taken away.

    Parameters
    ----------
    hr, lower, upper
        Hazard ratio and limits; 0 or ``inf`` where none within 1/20 and 20 gives the published.
    prob
        Probability of the limits, that of the published ones.
    """

    hr: float
    lower: float
    upper: float
    prob: float


def widened(published: PublishedRatio, spread: float) -> PublishedRatio:
    """Return the published ratio with limits as wide as studies under these rules differ.

    A published standard error takes the arms as known. Here they are made by who lived long enough:
    the number of early deaths among the controls differs from study to study, and with it the
    ratio, by more than Cox regression says.

    Parameters
    ----------
    published
        Hazard ratio as printed.
    spread
        Standard deviation of the log hazard ratio over studies of this size; without effect where
        it is no larger than the published standard error.
    """
    if not math.isfinite(spread) or spread <= published.se:
        return published
    half = spread * float(norm.ppf((1.0 + published.prob) / 2.0))
    return replace(
        published,
        lower=published.hr * math.exp(-half),
        upper=published.hr * math.exp(half),
    )


def divided(published: PublishedRatio, null_ratio: float) -> RemainingRatio:
    r"""Return the published ratio over what the rules give without an effect.

    :math:`HR_{published} / HR_{null}`, limits alike: the null ratio is a number of the rules and
    has no sampling error.

    Parameters
    ----------
    published
        Hazard ratio as printed, or :func:`widened`.
    null_ratio
        Hazard ratio of a very large study with the same rules and no effect.
    """
    return RemainingRatio(
        hr=published.hr / null_ratio,
        lower=published.lower / null_ratio,
        upper=published.upper / null_ratio,
        prob=published.prob,
    )


def inverted(rules: ImmortalRules, published: PublishedRatio) -> RemainingRatio:
    """Return the true ratios with which the rules would give the published one and its limits.

    The treatment acts from its start on with a constant hazard ratio; the printed share of treated
    patients and the survival of both arms together are held
    (:func:`hccbayes.time_zero.immortal_rules.limit_of_rules`).

    Parameters
    ----------
    rules
        The study's rules.
    published
        Hazard ratio as printed.
    """
    numbers = [
        true_ratio(rules, ratio) for ratio in (published.hr, published.lower, published.upper)
    ]
    return RemainingRatio(hr=numbers[0], lower=numbers[1], upper=numbers[2], prob=published.prob)


def true_ratio(rules: ImmortalRules, naive: float) -> float:
    """Return the true ratio at which a very large study with these rules finds a naive one.

    Parameters
    ----------
    rules
        The study's rules.
    naive
        Cox hazard ratio of the arms as they were printed.

    Returns
    -------
    float
        0 or ``inf`` where none between 1/20 and 20 does.

    Raises
    ------
    InputError
        If `naive` is not positive.
    """
    if problems := positive_problems("naive", naive):
        raise InputError(problems)

    def gap(log_ratio: float) -> float:
        found = limit_of_rules(rules, math.exp(log_ratio)).hazard_ratio
        return math.log(found) - math.log(naive)

    low, high = (math.log(ratio) for ratio in TRUE_RATIOS)
    if gap(low) > 0:
        return 0.0
    if gap(high) < 0:
        return math.inf
    return math.exp(brentq(gap, low, high, xtol=1e-6))
