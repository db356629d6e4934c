r"""Standardization (g-computation): what a whole population would experience under each arm.

For each draw, :math:`S_a(t) = \sum_i \pi_i \exp(-H_i(t; a))`, every patient's hazard taken under
arm a and averaged with the population's weights (methods of Robins 1986). Draw by draw: nothing is
summarized here, and nothing imports PyMC. Times are in months.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import elementwise

from hccbayes import curves, defaults
from hccbayes.arms import ARM_VALUE, Arm

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

_NEWTON_STEPS = 60
_NEWTON_TOLERANCE = 1e-10


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Population:
    """Patients to standardize over, equal ones counted once.

    Parameters
    ----------
    covariates
        Standardized, shape ``(patterns, covariates)``.
    center_index
        Center of each pattern.
    weight
        Share of each pattern, summing to 1: shape ``(patterns,)``, or ``(draws, patterns)`` where
        the population is itself uncertain.
    """

    covariates: FloatArray
    center_index: IntArray
    weight: FloatArray

    @classmethod
    def of(cls, covariates: FloatArray, center_index: IntArray, weight: FloatArray) -> Population:
        """Return the population of these patients with equal patterns merged."""
        patterns, pattern = _patterns(covariates, center_index)
        total = np.bincount(pattern, weights=weight, minlength=len(patterns))
        return cls(
            covariates=patterns[:, 1:],
            center_index=patterns[:, 0].astype(np.intp),
            weight=total / total.sum(),
        )

    @classmethod
    def dirichlet(
        cls,
        covariates: FloatArray,
        center_index: IntArray,
        weight: FloatArray,
        *,
        draws: int,
        rng: np.random.Generator,
    ) -> Population:
        r"""Return a population that the patients are a sample of (Bayesian bootstrap, Rubin 1981).

        In each draw patient i counts :math:`w_i g_i / \sum_k w_k g_k`, with independent standard
        exponential :math:`g`: Dirichlet shares of the patients, tilted by their weights.
        """
        patterns, pattern = _patterns(covariates, center_index)
        patients = len(pattern)
        member = np.zeros((patients, len(patterns)))
        member[np.arange(patients), pattern] = weight
        total = rng.standard_exponential((draws, patients)) @ member
        return cls(
            covariates=patterns[:, 1:],
            center_index=patterns[:, 0].astype(np.intp),
            weight=total / total.sum(axis=1, keepdims=True),
        )

    def of_draws(self, index: IntArray) -> Population:
        """Return the population in some of the draws."""
        if self.weight.ndim == 1:
            return self
        return replace(self, weight=self.weight[index])

    def average(self, values: FloatArray, part: slice) -> FloatArray:
        """Return the weighted sum over some patterns of values of shape ``(draws, patterns, ...)``.

        The parts of a population add up to its mean.
        """
        weight = self.weight[..., part]
        return np.einsum("dp...,p->d..." if weight.ndim == 1 else "dp...,dp->d...", values, weight)


def _patterns(covariates: FloatArray, center_index: IntArray) -> tuple[FloatArray, IntArray]:
    """Return the distinct rows of center and covariates, and which of them each patient is."""
    keys = np.column_stack([center_index, covariates])
    patterns, pattern = np.unique(keys, axis=0, return_inverse=True)
    return patterns, pattern.reshape(-1)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class HazardDraws:
    """Posterior draws of everything a patient's hazard depends on.

    Parameters
    ----------
    baseline
        Hazards per person-month, shape ``(draws, strata, intervals)``; one stratum unless each
        center has its own baseline.
    treatment
        Log hazard ratio, shape ``(draws,)``.
    treatment_mean
        What the model subtracted from the treatment indicator.
    covariates
        Coefficients of the standardized covariates, shape ``(draws, covariates)``.
    center_effect, center_slope
        Log hazard of each center, and its deviation of the log hazard ratio, ``(draws, centers)``.
    cuts
        Interior cut points, months.
    effect_deviation
        Each interval's log hazard ratio minus `treatment`, shape ``(draws, intervals)``; none where
        the effect is constant.
    """

    baseline: FloatArray
    treatment: FloatArray
    treatment_mean: float
    covariates: FloatArray
    center_effect: FloatArray
    center_slope: FloatArray
    cuts: FloatArray
    effect_deviation: FloatArray | None = None

    @property
    def stratified(self) -> bool:
        """Whether each center has its own baseline."""
        return self.baseline.shape[1] > 1

    def predictor(self, population: Population, part: slice, arm: Arm) -> FloatArray:
        """Return the log hazard of some patterns against the baseline, ``(draws, patterns)``."""
        contrast = ARM_VALUE[arm] - self.treatment_mean
        center = population.center_index[part]
        effect = self.treatment[:, None] + self.center_slope[:, center]
        own = self.covariates @ population.covariates[part].T + self.center_effect[:, center]
        return np.asarray(own + effect * contrast)

    def arm_baseline(self, arm: Arm) -> FloatArray:
        """Return the hazards to which an arm's predictor belongs, shaped as `baseline`.

        Where the effect changes with time its deviations from `treatment`, which the predictor
        holds, are in them.
        """
        if self.effect_deviation is None:
            return self.baseline
        contrast = ARM_VALUE[arm] - self.treatment_mean
        return np.asarray(self.baseline * np.exp(self.effect_deviation * contrast)[:, None, :])

    def of_draws(self, index: IntArray) -> HazardDraws:
        """Return some of the draws."""
        deviation = self.effect_deviation
        return replace(
            self,
            baseline=self.baseline[index],
            treatment=self.treatment[index],
            covariates=self.covariates[index],
            center_effect=self.center_effect[index],
            center_slope=self.center_slope[index],
            effect_deviation=None if deviation is None else deviation[index],
        )


def _parts(population: Population) -> Iterator[slice]:
    size = defaults.PATIENT_CHUNK
    for begin in range(0, len(population.center_index), size):
        yield slice(begin, begin + size)


def mean_survival(
    draws: HazardDraws, population: Population, arm: Arm, times: ArrayLike
) -> FloatArray:
    """Return the population's survival under an arm, shape ``(draws, times)``."""
    moments = np.asarray(times, dtype=np.float64)
    cumulative = curves.cumulative_hazard(draws.arm_baseline(arm), moments, draws.cuts)
    total = np.zeros((len(draws.treatment), len(moments)))
    for part in _parts(population):
        ratio = np.exp(draws.predictor(population, part, arm))
        stratum = population.center_index[part] if draws.stratified else slice(0, 1)
        alive = ratio[:, :, None] * cumulative[:, stratum, :]
        np.negative(alive, out=alive)
        np.exp(alive, out=alive)
        total += population.average(alive, part)
    return total


def mean_restricted_mean(
    draws: HazardDraws, population: Population, arm: Arm, horizon: float
) -> FloatArray:
    """Return the population's restricted mean survival time, months, shape ``(draws,)``."""
    total = np.zeros(len(draws.treatment))
    baseline = draws.arm_baseline(arm)
    for part in _parts(population):
        ratio = np.exp(draws.predictor(population, part, arm))
        stratum = population.center_index[part] if draws.stratified else slice(0, 1)
        hazard = ratio[:, :, None] * baseline[:, stratum, :]
        total += population.average(curves.restricted_mean(hazard, horizon, draws.cuts), part)
    return total


def population_median(
    draws: HazardDraws, population: Population, arm: Arm, horizon: float
) -> FloatArray:
    """Return the time at which the population's survival is one half, shape ``(draws,)``.

    The root is found draw by draw to machine precision (Chandrupatla's method); a draw whose
    survival at the horizon is still above one half is ``inf``.
    """
    at_end = mean_survival(draws, population, arm, [horizon])[:, 0]
    result = np.full(len(at_end), np.inf)
    reached = np.flatnonzero(at_end <= 0.5)
    if reached.size == 0:
        return result
    lower = np.zeros(reached.size)
    upper = np.full(reached.size, horizon)

    def excess(time: FloatArray, index: IntArray) -> FloatArray:
        own = population.of_draws(index)
        return _survival_at_own_time(draws.of_draws(index), own, arm, time) - 0.5

    root = elementwise.find_root(excess, (lower, upper), args=(reached,))
    result[reached] = root.x
    return result


def _survival_at_own_time(
    draws: HazardDraws, population: Population, arm: Arm, time: FloatArray
) -> FloatArray:
    """Return each draw's population survival at that draw's own time, shape ``(draws,)``."""
    months = curves.time_in_intervals(time, draws.cuts)
    cumulative = np.einsum("dsj,dj->ds", draws.arm_baseline(arm), months)
    total = np.zeros(len(time))
    for part in _parts(population):
        ratio = np.exp(draws.predictor(population, part, arm))
        stratum = population.center_index[part] if draws.stratified else slice(0, 1)
        total += population.average(np.exp(-ratio * cumulative[:, stratum]), part)
    return total


def marginal_log_hr(
    treated: FloatArray, control: FloatArray, censoring_survival: FloatArray
) -> FloatArray:
    r"""Return the log hazard ratio to which Cox regression on the whole population would tend.

    With half the population in each arm and the study's censoring distribution G, the limit
    :math:`\theta` of Cox's estimator solves

    .. math:: \int G \{(1 - \pi)\, dF_1 - \pi\, dF_0\} = 0, \qquad
              \pi(t) = \frac{e^\theta S_1(t)}{e^\theta S_1(t) + S_0(t)}

    (Struthers & Kalbfleisch 1986, Biometrika 73:363; Daniel, Zhang & Farewell 2021, Biometrical
    Journal 63:528, who simulate instead). The integrals are sums over the grid, with S at the
    middle of each step.

    Parameters
    ----------
    treated, control
        Population survival on a common grid that starts at time 0, shape ``(draws, times)``.
    censoring_survival
        Probability of being uncensored in the middle of each grid step, shape ``(times - 1,)``.

    Returns
    -------
    numpy.ndarray
        Shape ``(draws,)``.
    """
    fall_treated = (treated[:, :-1] - treated[:, 1:]) * censoring_survival
    fall_control = (control[:, :-1] - control[:, 1:]) * censoring_survival
    # Geometric means: survival between grid points is close to exponential.
    log_odds = 0.5 * (np.log(treated[:, :-1] * treated[:, 1:]))
    log_odds = log_odds - 0.5 * np.log(control[:, :-1] * control[:, 1:])
    theta = np.log(np.log(treated[:, -1]) / np.log(control[:, -1]))
    for _ in range(_NEWTON_STEPS):
        share = 1.0 / (1.0 + np.exp(-(theta[:, None] + log_odds)))
        score = np.sum(fall_treated * (1.0 - share) - fall_control * share, axis=1)
        slope = np.sum((fall_treated + fall_control) * share * (1.0 - share), axis=1)
        # The score falls in theta; a full step may overshoot to where it is flat.
        step = np.clip(score / slope, -1.0, 1.0)
        theta = theta + step
        if np.max(np.abs(step)) < _NEWTON_TOLERANCE:
            return theta
    raise ArithmeticError("the marginal hazard ratio did not converge")
