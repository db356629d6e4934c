"""What a study's own rules could produce with no effect at all."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Integral
from statistics import NormalDist
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hccbayes.defaults import INTERVAL_PROB
from hccbayes.errors import InputError, Problem
from hccbayes.time_zero.immortal_inversion import (
    PublishedRatio,
    RemainingRatio,
    divided,
    inverted,
    widened,
)
from hccbayes.time_zero.immortal_limit import ImmortalLimit
from hccbayes.time_zero.immortal_rules import ImmortalRules, limit_of_rules
from hccbayes.time_zero.immortal_sentences import sentences
from hccbayes.time_zero.immortal_studies import NullStudies, simulate_studies

FloatArray = NDArray[np.float64]

SIMULATIONS: Final = 2_000
"""Null studies; a share of 0.05 is then known to 0.005."""
FEWEST_SIMULATIONS: Final = 100
BOUND_COLUMNS: Final = (
    "quantity",
    "arm",
    "estimate",
    "lower",
    "upper",
    "interval_prob",
    "kind",
    "mcse",
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImmortalBound:
    """Studies of the same size and rules without an effect, beside the published ratio.

    Parameters
    ----------
    rules
        The rules.
    limit
        A very large study with these rules and no effect, by quadrature.
    studies
        Simulated studies of the printed size, no effect.
    published
        Hazard ratio as printed; ``None`` where none is.
    remaining
        Published ratio over the null ratio. Limits carry the published standard error or, where it
        is larger, the spread of the null studies.
    true_ratio
        True ratio with which the rules would give the published one, its limits alike.
    seed
        Seed of the simulation.
    """

    rules: ImmortalRules
    limit: ImmortalLimit
    studies: NullStudies
    published: PublishedRatio | None
    remaining: RemainingRatio | None
    true_ratio: RemainingRatio | None
    seed: int

    @property
    def null_ratios(self) -> FloatArray:
        """Cox ratios of the null studies that have one, ``0`` and ``inf`` among them."""
        ratios = self.studies.hazard_ratio
        return ratios[~np.isnan(ratios)]

    @property
    def not_estimable(self) -> int:
        """Null studies in which an arm is empty."""
        return int(np.isnan(self.studies.hazard_ratio).sum())

    @property
    def spread(self) -> float:
        """Standard deviation of the log hazard ratio over null studies, from their 95% range.

        Quantiles, so that a study in which nobody of an arm died does no harm.
        """
        return _spread(self.null_ratios)

    @property
    def as_extreme(self) -> float:
        """Share of null studies with a ratio as far from 1 as the published, on its side."""
        if self.published is None or not self.null_ratios.size:
            return math.nan
        if self.published.hr <= 1.0:
            return float((self.null_ratios <= self.published.hr).mean())
        return float((self.null_ratios >= self.published.hr).mean())

    @property
    def as_extreme_mcse(self) -> float:
        """Monte Carlo standard error of :attr:`as_extreme`."""
        share = self.as_extreme
        return math.sqrt(share * (1.0 - share) / max(self.null_ratios.size, 1))

    @property
    def share_remaining(self) -> float:
        """Share of the published log hazard ratio that the rules do not make.

        Negative where the rules make more than was published, above 1 where they work against it.
        """
        if self.published is None or self.remaining is None or self.published.hr == 1.0:
            return math.nan
        return math.log(self.remaining.hr) / math.log(self.published.hr)

    @property
    def attrs(self) -> dict[str, str]:
        """Name of the synthetic cohort whose rules these are, for figures and tables."""
        return {"synthetic": self.rules.synthetic} if self.rules.synthetic else {}

    @property
    def sentences(self) -> tuple[str, ...]:
        """What was found, and under which assumptions, in words."""
        return sentences(self)

    def table(self) -> pd.DataFrame:
        """Return every number, one a row.

        Returns
        -------
        pandas.DataFrame
            ``quantity``, ``arm``, ``estimate``, ``lower``, ``upper``, ``interval_prob``, ``kind``
            (``null studies``: quantiles over studies of the printed size, ``large study``: by
            quadrature, ``published``, ``divided``, ``inverted``) and ``mcse``, the Monte Carlo
            standard error of `estimate`, 0 where nothing is simulated, ``nan`` if unknown.
        """
        studies, limit = self.studies, self.limit
        simulated = [
            ("hazard ratio", "", self.null_ratios),
            ("median survival", "treated", _known(studies.median_treated)),
            ("median survival", "control", _known(studies.median_control)),
            ("treated share", "", studies.treated_share),
        ]
        rows: list[tuple[object, ...]] = [
            (quantity, arm, *_quantiles(values), INTERVAL_PROB, "null studies", _mcse(values))
            for quantity, arm, values in simulated
        ]
        large = [
            ("hazard ratio", "", limit.hazard_ratio),
            ("hazard ratio, exponential fit", "", limit.exponential_ratio),
            ("median survival", "treated", limit.median_treated),
            ("median survival", "control", limit.median_control),
            ("treated share", "", limit.treated_share),
            ("share meant to be treated", "", limit.intended_share),
        ]
        nan = math.nan
        rows += [(*entry, nan, nan, nan, "large study", 0.0) for entry in large]
        rows += self._published_rows()
        table = pd.DataFrame(rows, columns=list(BOUND_COLUMNS))
        table.attrs.update(self.attrs)
        return table

    def _published_rows(self) -> list[tuple[object, ...]]:
        found = {
            "published": self.published,
            "divided": self.remaining,
            "inverted": self.true_ratio,
        }
        rows: list[tuple[object, ...]] = [
            ("hazard ratio", "", ratio.hr, ratio.lower, ratio.upper, ratio.prob, kind, 0.0)
            for kind, ratio in found.items()
            if ratio is not None
        ]
        if self.published is not None:
            nan = math.nan
            error = "standard error of the log hazard ratio"
            rows.append((error, "", self.published.se, nan, nan, nan, "published", 0.0))
            # That of a standard deviation read from two tail quantiles is not worth its formula.
            rows.append((error, "", self.spread, nan, nan, nan, "null studies", nan))
            share = ("studies as extreme as published", "", self.as_extreme, nan, nan, nan)
            rows.append((*share, "null studies", self.as_extreme_mcse))
            kept = ("share of the log hazard ratio remaining", "", self.share_remaining)
            rows.append((*kept, nan, nan, nan, "divided", 0.0))
        return rows


def immortal_bound(
    rules: ImmortalRules,
    published: PublishedRatio | None = None,
    *,
    simulations: int = SIMULATIONS,
    seed: int = 1,
) -> ImmortalBound:
    """Say what the rules of a study could produce with no effect at all.

    Studies of the printed size are drawn in which the treatment does nothing, sorted into arms by
    the rules, and analyzed by Cox regression as if the arms had been known at time zero. The
    published ratio is then read against them, divided by the ratio of a very large such study, and
    inverted: the ratio that a treatment acting from its start on must have for the rules to give
    the published one.

    Parameters
    ----------
    rules
        The study's rules; no date of treatment is needed.
    published
        Hazard ratio as printed, treated over control, from an analysis that sorted patients by what
        they received. ``None`` leaves out what needs it.
    simulations
        Null studies, at least 100.
    seed
        Seed of the simulation.

    Raises
    ------
    InputError
        If an argument is wrong; all at once.
    """
    problems = _argument_problems(rules, published, simulations, seed)
    if problems:
        raise InputError(problems, source="immortal_bound")
    limit = limit_of_rules(rules)
    studies = simulate_studies(
        rules.mechanism(),
        limit.intended_share,
        patients=rules.patients,
        studies=simulations,
        rng=np.random.default_rng(seed),
    )
    ratios = studies.hazard_ratio
    wide = None if published is None else widened(published, _spread(_known(ratios)))
    return ImmortalBound(
        rules=rules,
        limit=limit,
        studies=studies,
        published=published,
        remaining=None if wide is None else divided(wide, limit.hazard_ratio),
        true_ratio=None if wide is None else inverted(rules, wide),
        seed=seed,
    )


def _argument_problems(
    rules: object, published: object, simulations: object, seed: object
) -> list[Problem]:
    problems = []
    if not isinstance(rules, ImmortalRules):
        problems.append(Problem("rules", f"must be ImmortalRules, not {type(rules).__name__}"))
    if published is not None and not isinstance(published, PublishedRatio):
        message = f"must be a PublishedRatio or None, not {type(published).__name__}"
        problems.append(Problem("published", message))
    for name, value, least in (("simulations", simulations, FEWEST_SIMULATIONS), ("seed", seed, 0)):
        whole = isinstance(value, Integral) and not isinstance(value, bool)
        if not whole or value < least:  # type: ignore[operator]
            message = f"must be a whole number of at least {least}, not {value!r}"
            problems.append(Problem(name, message))
    return problems


def _known(values: FloatArray) -> FloatArray:
    return values[~np.isnan(values)]


def _quantiles(values: FloatArray) -> tuple[float, float, float]:
    """Return median and the 95% range; ``inf`` is larger than every number."""
    if not values.size:
        return math.nan, math.nan, math.nan
    tail = 0.5 * (1.0 - INTERVAL_PROB)
    # Between two values there is nothing to interpolate where the larger is infinite.
    found = np.quantile(values, [0.5, tail, 1.0 - tail], method="inverted_cdf")
    return float(found[0]), float(found[1]), float(found[2])


def _spread(ratios: FloatArray) -> float:
    """Return the standard deviation of a normal log ratio with the same central range.

    The 95% range, or the quartiles where a tail of it is 0 or infinite.
    """
    for prob in (INTERVAL_PROB, 0.5):
        tails = (0.5 - 0.5 * prob, 0.5 + 0.5 * prob)
        lower, upper = np.quantile(ratios, tails, method="inverted_cdf") if ratios.size else (0, 0)
        if lower > 0 and math.isfinite(upper):
            return math.log(upper / lower) / (2.0 * NormalDist().inv_cdf(tails[1]))
    return math.nan


def _mcse(values: FloatArray) -> float:
    r"""Return the Monte Carlo error of a median, by its order statistics.

    Half the distance between the quantiles at :math:`1/2 \pm 1 / (2 \sqrt{n})`.
    """
    if not values.size:
        return math.nan
    half = 0.5 / math.sqrt(values.size)
    low, high = np.quantile(values, [0.5 - half, 0.5 + half], method="inverted_cdf")
    return float(0.5 * (high - low)) if math.isfinite(high) else math.nan
