r"""What a study's rules give without chance: a very large study, by quadrature.

Let :math:`y_a(t)` be the share of patients who are in arm a and at risk at t, and :math:`f_a(t)`
the density of their deaths, both averaged over the starts of treatment. Immortal time is that
:math:`y_1` holds the treated from time zero on while :math:`f_1` is 0 until they count as treated.
The Cox estimate tends to the root b of

.. math:: \int \Bigl[ f_1(t) - \{f_0(t) + f_1(t)\}
          \frac{y_1(t) e^b}{y_0(t) + y_1(t) e^b} \Bigr] dt = 0

(Struthers & Kalbfleisch 1986, Biometrika 73:363), which depends on censoring because the hazards
of the arms so sorted are not proportional; an exponential fit to
:math:`\int f_1 / \int y_1` over :math:`\int f_0 / \int y_0`; a Kaplan-Meier curve to
:math:`\exp(-\int_0^t f_a / y_a)`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit

from hccbayes.time_zero.immortal_mechanism import ImmortalMechanism, gauss_legendre

FloatArray = NDArray[np.float64]

TIME_NODES: Final = 16
"""Gauss-Legendre nodes of each panel of time."""
LAST_HAZARD: Final = 30.0
"""Cumulative hazard at which integration ends: a share of 1e-13 is alive."""
PANEL_GROWTH: Final = 1.3
"""Widths of panels beyond the last kink grow by this factor."""
LARGEST_LOG_RATIO: Final = 20.0
"""No Cox estimate is searched beyond it."""
LARGEST_DOUBLINGS: Final = 6
"""A hazard that fits an observed survival is searched within so many doublings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImmortalLimit:
    """The naive analysis of a very large study.

    Parameters
    ----------
    hazard_ratio
        Cox, treated over control.
    exponential_ratio
        Deaths over person-time, treated over control.
    treated_share
        Share of treated among the analyzed.
    median_treated, median_control, median_pooled
        Kaplan-Meier medians, months; ``inf`` where the curve does not come down to one half.
    intended_share
        Share meant to be treated.
    """

    hazard_ratio: float
    exponential_ratio: float
    treated_share: float
    median_treated: float
    median_control: float
    median_pooled: float
    intended_share: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ArmFlows:
    """Patients at risk and deaths of both arms over time.

    Parameters
    ----------
    edges
        Ends of the panels of time, months, shape ``(panels + 1,)``.
    weight
        Weights of the nodes, shape ``(panels, nodes)``.
    at_risk, deaths
        By arm, control first: share at risk and density of deaths, shape ``(2, panels, nodes)``.
    """

    edges: FloatArray
    weight: FloatArray
    at_risk: FloatArray
    deaths: FloatArray

    def cox_ratio(self) -> float:
        """Return the limit of the Cox hazard ratio."""
        held = (self.at_risk > 0).all(axis=0)
        with np.errstate(divide="ignore"):
            odds = np.log(self.at_risk[1]) - np.log(self.at_risk[0])
        # Where one arm is gone nothing is compared.
        deaths = np.where(held, self.weight * self.deaths.sum(axis=0), 0.0)
        treated = float(np.where(held, self.weight * self.deaths[1], 0.0).sum())
        odds = np.where(held, odds, 0.0)

        def score(log_ratio: float) -> float:
            return treated - float((deaths * expit(odds + log_ratio)).sum())

        return math.exp(brentq(score, -LARGEST_LOG_RATIO, LARGEST_LOG_RATIO, xtol=1e-12))

    def exponential_ratio(self) -> float:
        """Return the ratio of deaths over person-time."""
        control, treated = (self.weight * self.deaths).sum(axis=(1, 2)) / (
            self.weight * self.at_risk
        ).sum(axis=(1, 2))
        return float(treated / control)

    def hazard_at(self, time: float) -> float:
        """Return the cumulative hazard of both arms at a time within the panels."""
        slope = self._hazard(None)
        panel = int(np.clip(np.searchsorted(self.edges, time) - 1, 0, len(slope) - 1))
        before = float((self.weight * slope)[:panel].sum())
        return before + self._within(panel, slope[panel], time)

    def median(self, arm: int | None = None) -> float:
        """Return the Kaplan-Meier limit of the median of an arm, or of both, in months."""
        slope = self._hazard(arm)
        reached = np.cumsum((self.weight * slope).sum(axis=1))
        panel = int(np.searchsorted(reached, math.log(2.0)))
        if panel == reached.size:
            return math.inf
        target = math.log(2.0) - (float(reached[panel - 1]) if panel else 0.0)

        def gap(time: float) -> float:
            return self._within(panel, slope[panel], time) - target

        low, high = float(self.edges[panel]), float(self.edges[panel + 1])
        # At the end of the panel the gap may be 0 but for rounding.
        return high if gap(high) <= 0 else float(brentq(gap, low, high))

    def _hazard(self, arm: int | None) -> FloatArray:
        """Return the hazard of an arm, or of both, at the nodes."""
        deaths = self.deaths.sum(axis=0) if arm is None else self.deaths[arm]
        at_risk = self.at_risk.sum(axis=0) if arm is None else self.at_risk[arm]
        slope = np.zeros(deaths.shape)
        np.divide(deaths, at_risk, out=slope, where=at_risk > 0)
        return slope

    def _within(self, panel: int, slope: FloatArray, time: float) -> float:
        """Return the cumulative hazard from the start of a panel, by its polynomial."""
        low, high = self.edges[panel], self.edges[panel + 1]
        nodes, _ = gauss_legendre(TIME_NODES)
        series = legendre.legint(legendre.legfit(nodes, slope, TIME_NODES - 1), lbnd=-1)
        at = 2.0 * (time - low) / (high - low) - 1.0
        return float(0.5 * (high - low) * legendre.legval(at, series))


def arm_flows(mechanism: ImmortalMechanism, intended_share: float) -> ArmFlows:
    """Return who is at risk and who dies in each arm."""
    edges = _panels(mechanism)
    nodes, weights = gauss_legendre(TIME_NODES)
    half = 0.5 * np.diff(edges)[:, None]
    time = 0.5 * (edges[1:] + edges[:-1])[:, None] + half * nodes
    at_risk, deaths = _flows_at(mechanism, intended_share, time.ravel())
    shape = (2, *time.shape)
    return ArmFlows(
        edges=edges,
        weight=half * weights,
        at_risk=at_risk.reshape(shape),
        deaths=deaths.reshape(shape),
    )


def _flows_at(
    mechanism: ImmortalMechanism, share: float, time: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return shares at risk and densities of death at each time, shape ``(2, times)``."""
    further, required = mechanism.further, mechanism.required
    fixed = np.broadcast_to(mechanism.start_kinks(), (time.size, mechanism.start_kinks().size))
    breaks = np.column_stack([fixed, time, time - further])
    start, weight = mechanism.starts(breaks)
    clock = time[:, None]
    counted = start + further
    included = np.maximum(counted, required)
    alive = mechanism.observed(clock, start)
    rate = mechanism.rate(time)
    own_rate = rate[:, None] * np.where(clock > start, mechanism.hazard_ratio, 1.0)

    def average(values: FloatArray) -> FloatArray:
        return share * (weight * values).sum(axis=1)

    treated = average(mechanism.observed(np.maximum(clock, included), start))
    treated_deaths = average(np.where(clock > included, own_rate * alive, 0.0))
    waiting = np.maximum(time, required)
    control = (1.0 - share) * mechanism.observed(waiting, math.inf)
    control_deaths = np.where(time > required, rate * control, 0.0)
    if mechanism.counts_early:
        left = mechanism.observed(waiting[:, None], start) - mechanism.observed(included, start)
        control = control + average(np.maximum(left, 0.0))
        early = (clock > required) & (clock <= counted)
        control_deaths = control_deaths + average(np.where(early, own_rate * alive, 0.0))
    return np.stack([control, treated]), np.stack([control_deaths, treated_deaths])


def _panels(mechanism: ImmortalMechanism) -> FloatArray:
    """Return edges of panels, split at every kink, that grow once nobody starts treatment."""
    ratio = mechanism.hazard_ratio
    last_counted = mechanism.window[1] + mechanism.further
    kinks = np.unique([*mechanism.kinks(), mechanism.window[0] + mechanism.further, last_counted])
    end = kinks[-1] + LAST_HAZARD / (min(mechanism.hazard) * min(1.0, ratio))
    if mechanism.administrative is not None:
        end = min(end, mechanism.administrative[1])
    narrow = 0.5 / (max(mechanism.hazard) * max(1.0, ratio))
    edges, width = [0.0], narrow
    for stop in [*kinks[(kinks > 0) & (kinks < end)], end]:
        while edges[-1] + 1.5 * width < stop:
            edges.append(edges[-1] + width)
            if edges[-1] >= last_counted:
                width *= PANEL_GROWTH
        edges.append(float(stop))
    return np.array(edges)


def limit_of(mechanism: ImmortalMechanism, intended_share: float) -> ImmortalLimit:
    """Return the naive analysis of a very large study.

    Parameters
    ----------
    mechanism
        How patients are sorted and what the treatment does.
    intended_share
        Share meant to be treated, within (0, 1).
    """
    flows = arm_flows(mechanism, intended_share)
    treated, early, never = mechanism.reached()
    analyzed = (1.0 - intended_share) * never + intended_share * (treated + early)
    return ImmortalLimit(
        hazard_ratio=flows.cox_ratio(),
        exponential_ratio=flows.exponential_ratio(),
        treated_share=intended_share * treated / analyzed,
        median_treated=flows.median(1),
        median_control=flows.median(0),
        median_pooled=flows.median(),
        intended_share=intended_share,
    )


def scaled(mechanism: ImmortalMechanism, factor: float) -> ImmortalMechanism:
    """Return the mechanism with its hazard times a factor."""
    return replace(mechanism, hazard=tuple(factor * rate for rate in mechanism.hazard))
