"""True estimands of a simulated cohort's population, by numerical integration.

Survival under an arm is averaged over the distribution the patients are drawn from, not over those
who were drawn: binary covariates and centers are summed over, normal covariates and the unmeasured
number are integrated by Gauss-Hermite quadrature, the start of treatment by Gauss-Legendre.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np
import pandas as pd
from numpy.polynomial.hermite_e import hermegauss
from numpy.polynomial.legendre import leggauss
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit

from hccbayes.arms import Arm
from hccbayes.curves import restricted_mean, survival
from hccbayes.records import DIFFERENCE_CONTRAST, TREATMENT_CONTRAST
from hccbayes.standardization import marginal_log_hr
from hccbayes.synthetic.simulation_config import CohortConfig

FloatArray = NDArray[np.float64]

NORMAL_NODES: Final = 40
START_NODES: Final = 24
GRID_STEPS: Final = 1200
"""Steps of the marginal hazard ratio's integral; with 600 it changes in the seventh digit."""
NEGLIGIBLE_SURVIVAL: Final = 1e-9
"""Survival beyond which nothing is left to integrate."""
LATEST_MEDIAN: Final = 1e4
"""Months within which a median is sought."""


@dataclass(frozen=True, slots=True, eq=False)
class Nodes:
    """Quadrature nodes of a population.

    Parameters
    ----------
    log_hazard
        Log hazard under control against the baseline, shape ``(nodes,)``.
    slope
        Deviation of the log hazard ratio.
    weight
        Probability of each node in the whole population, ``ate``, among those who mean to be
        treated, ``att``, among the others, ``atc``, and in the overlap population, ``ato``, which
        weights patients by e (1 - e) with the true probability e of meaning to be treated.
    """

    log_hazard: FloatArray
    slope: FloatArray
    weight: dict[str, FloatArray]


def true_estimands(config: CohortConfig) -> pd.DataFrame:
    """Return the true estimands.

    Parameters
    ----------
    config
        What the cohort is drawn with.

    Returns
    -------
    pandas.DataFrame
        ``estimand``, ``contrast``, ``population``, ``time``, ``value``, with the words of the
        estimate table.

        - ``log_hr`` of the population ``conditional`` is that of a patient whose covariates,
          center and unmeasured number are held fixed, in an average center: one row an interval,
          ``time`` the month at which it starts.
        - ``survival`` (a probability; ``time`` in months), ``rmst`` (months, up to the ``time``
          of the horizon) and ``median`` (months, ``inf`` where it is never reached) are those of
          a population under each arm; ``survival_difference``, ``rmst_difference`` and
          ``median_difference`` are treated minus control. Where treatment starts late the treated
          arm is the strategy of treating at that start whoever lives to see it.
        - ``log_hr`` of a population is the limit of an unadjusted Cox regression, treated over
          control, in a trial of that population with this config's administrative censoring and
          loss.

        Populations: ``ate``, all patients drawn; ``att``, those who mean to be treated; ``atc``,
        the others; ``ato``, the overlap population, weighted by e (1 - e) with the true
        probability e of meaning to be treated (Li, Morgan & Zaslavsky 2018, Journal of the
        American Statistical Association 113:390). Each is a population at time zero, whoever
        enters late or is lost.
    """
    nodes = population_nodes(config)
    starts = (0.0, *config.cuts)
    records = [
        ("log_hr", TREATMENT_CONTRAST, "conditional", start, value)
        for start, value in zip(starts, config.log_hr_by_interval, strict=True)
    ]
    for population in nodes.weight:
        records += _population_rows(config, nodes, population)
    columns = ["estimand", "contrast", "population", "time", "value"]
    return pd.DataFrame(records, columns=columns).astype({"time": "float64", "value": "float64"})


def population_nodes(config: CohortConfig) -> Nodes:
    r"""Return the nodes over which the population is averaged.

    The normal parts of the log hazard, :math:`\gamma'z + \omega u`, and of the log odds of
    treatment, :math:`a'z`, are bivariate normal; the second is integrated out at each node of the
    first.
    """
    normal = [c for c in config.covariates if c.kind == "normal"]
    hazard_sd = float(np.sqrt(sum(c.log_hr**2 for c in normal) + config.unmeasured_log_hr**2))
    odds_sd = float(np.sqrt(sum(c.log_odds**2 for c in normal)))
    shared = sum(c.log_hr * c.log_odds for c in normal)
    regression = shared / hazard_sd if hazard_sd > 0 else 0.0
    residual = float(np.sqrt(max(odds_sd**2 - regression**2, 0.0)))
    point, weight = hermegauss(NORMAL_NODES)
    weight = weight / weight.sum()
    parts = []
    for log_hazard, slope, log_odds, share in _discrete(config):
        odds = log_odds + regression * point[:, None] + residual * point[None, :]
        # Averages over what the log hazard leaves open of the log odds.
        chance, overlap = expit(odds) @ weight, (expit(odds) * expit(-odds)) @ weight
        hazard = log_hazard + hazard_sd * point
        parts.append((hazard, slope + 0 * point, share * weight, chance, overlap))
    hazards, slopes, mass, chances, overlaps = (
        np.concatenate(columns) for columns in zip(*parts, strict=True)
    )
    weights = {
        "ate": mass,
        "att": mass * chances,
        "atc": mass * (1.0 - chances),
        "ato": mass * overlaps,
    }
    return Nodes(hazards, slopes, {name: values / values.sum() for name, values in weights.items()})


def _discrete(config: CohortConfig) -> Iterator[tuple[float, float, float, float]]:
    """Yield log hazard, slope, log odds and probability of each pattern of binary covariates."""
    binary = [c for c in config.covariates if c.kind == "binary"]
    for center in config.centers:
        for pattern in product((0, 1), repeat=len(binary)):
            share, log_hazard = center.share, center.log_hazard
            odds = config.treated_log_odds + center.log_odds
            for covariate, value in zip(binary, pattern, strict=True):
                share *= covariate.share if value else 1.0 - covariate.share
                log_hazard += covariate.log_hr * value
                odds += covariate.log_odds * value
            yield log_hazard, center.log_hr, odds, share


def _strategies(
    config: CohortConfig, nodes: Nodes, arm: Arm
) -> Iterator[tuple[float, FloatArray, FloatArray]]:
    """Yield weight, hazards ``(nodes, intervals)`` and cuts for each start of treatment."""
    base = np.asarray(config.hazard)
    cuts = np.asarray(config.cuts, dtype=np.float64)
    ratio = np.exp(nodes.log_hazard)[:, None]
    effect = np.exp(np.asarray(config.log_hr_by_interval) + nodes.slope[:, None])
    if arm == "control":
        yield 1.0, base * ratio, cuts
        return
    for weight, start in _start_nodes(config):
        if start <= 0:
            yield weight, base * ratio * effect, cuts
            continue
        split = np.union1d(cuts, [start])
        interval = np.searchsorted(cuts, np.concatenate([[0.0], split]), side="right")
        on = np.concatenate([[0.0], split]) >= start
        yield weight, ratio * base[interval] * np.where(on, effect[:, interval], 1.0), split


def _start_nodes(config: CohortConfig) -> list[tuple[float, float]]:
    if config.start is None:
        return [(1.0, 0.0)]
    first, last = config.start
    if first == last:
        return [(1.0, first)]
    point, weight = leggauss(START_NODES)
    return [
        (float(w) / 2.0, first + (last - first) * (float(p) + 1.0) / 2.0)
        for p, w in zip(point, weight, strict=True)
    ]


def true_survival(
    config: CohortConfig, nodes: Nodes, population: str, arm: Arm, times: FloatArray
) -> FloatArray:
    """Return the population's survival under an arm, shape ``(times,)``."""
    total = np.zeros(len(times))
    for weight, hazard, cuts in _strategies(config, nodes, arm):
        total += weight * (nodes.weight[population] @ survival(hazard, times, cuts))
    return total


def _population_rows(
    config: CohortConfig, nodes: Nodes, population: str
) -> list[tuple[str, str, str, float, float]]:
    arms: tuple[Arm, Arm] = ("treated", "control")
    times = np.asarray(config.times)
    alive = {arm: true_survival(config, nodes, population, arm, times) for arm in arms}
    mean = {arm: _true_rmst(config, nodes, population, arm) for arm in arms}
    middle = {arm: _true_median(config, nodes, population, arm) for arm in arms}
    rows: list[tuple[str, str, str, float, float]] = []
    for arm in arms:
        pairs = zip(config.times, alive[arm], strict=True)
        rows += [("survival", arm, population, time, float(value)) for time, value in pairs]
        rows.append(("rmst", arm, population, config.horizon, mean[arm]))
        rows.append(("median", arm, population, np.nan, middle[arm]))
    gain = zip(config.times, alive["treated"] - alive["control"], strict=True)
    contrast = DIFFERENCE_CONTRAST
    rows += [("survival_difference", contrast, population, time, float(v)) for time, v in gain]
    difference = mean["treated"] - mean["control"]
    rows.append(("rmst_difference", contrast, population, config.horizon, difference))
    if np.isfinite([middle["treated"], middle["control"]]).all():
        longer = middle["treated"] - middle["control"]
        rows.append(("median_difference", contrast, population, np.nan, longer))
    log_hr = _true_marginal_log_hr(config, nodes, population)
    rows.append(("log_hr", TREATMENT_CONTRAST, population, np.nan, log_hr))
    return rows


def _true_rmst(config: CohortConfig, nodes: Nodes, population: str, arm: Arm) -> float:
    return sum(
        weight * float(nodes.weight[population] @ restricted_mean(hazard, config.horizon, cuts))
        for weight, hazard, cuts in _strategies(config, nodes, arm)
    )


def _true_median(config: CohortConfig, nodes: Nodes, population: str, arm: Arm) -> float:
    def excess(time: float) -> float:
        return float(true_survival(config, nodes, population, arm, np.array([time]))[0]) - 0.5

    if excess(LATEST_MEDIAN) > 0:
        return float("inf")
    return float(brentq(excess, 0.0, LATEST_MEDIAN, xtol=1e-10))


def _true_marginal_log_hr(config: CohortConfig, nodes: Nodes, population: str) -> float:
    first, last = config.administrative
    grid = np.linspace(0.0, _end_of_events(config, nodes, population, last), GRID_STEPS + 1)
    middle = (grid[:-1] + grid[1:]) / 2.0
    # Uniform between the two months; a step where they are one.
    span = last - first
    ended = (middle - first) / span if span > 0 else (middle > last).astype(np.float64)
    observed = 1.0 - np.maximum(ended, 0.0)
    observed = observed * np.exp(-config.loss_hazard * middle)
    alive = [
        true_survival(config, nodes, population, arm, grid)[None, :]
        for arm in ("treated", "control")
    ]
    return float(marginal_log_hr(alive[0], alive[1], observed)[0])


def _end_of_events(config: CohortConfig, nodes: Nodes, population: str, last: float) -> float:
    """Return the last month, or an earlier one at which next to nobody of an arm is alive."""

    def excess(time: float) -> float:
        both = [
            float(true_survival(config, nodes, population, arm, np.array([time]))[0])
            for arm in ("treated", "control")
        ]
        return min(both) - NEGLIGIBLE_SURVIVAL

    return last if excess(last) >= 0 else float(brentq(excess, 0.0, last, xtol=1e-6))
