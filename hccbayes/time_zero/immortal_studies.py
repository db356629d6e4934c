"""Studies without an effect, many at once: their Cox ratios, medians and treated shares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hccbayes.frequentist.kaplan_meier import MEDIAN_TOLERANCE
from hccbayes.time_zero.immortal_mechanism import BoolArray, ImmortalMechanism

FloatArray = NDArray[np.float64]

CELLS_AT_ONCE: Final = 1_000_000
"""Patients held in memory at a time."""
DRAWN_BEYOND: Final = 1.05
"""More patients are drawn than exclusions leave on average, so that one draw is mostly enough."""
STEPS: Final = 60
LARGEST_LOG_RATIO: Final = 15.0
"""A Cox estimate beyond it runs to infinity."""
TOLERANCE: Final = 1e-10


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NullStudies:
    """The naive analyses of simulated studies.

    Parameters
    ----------
    hazard_ratio
        Cox, treated over control, shape ``(studies,)``; 0 or ``inf`` where one arm has no death or
        always dies first, ``nan`` where an arm is empty.
    median_treated, median_control
        Kaplan-Meier medians in months; ``inf`` where not reached, ``nan`` where the arm is empty.
    treated_share
        Share of treated among the analyzed.
    """

    hazard_ratio: FloatArray
    median_treated: FloatArray
    median_control: FloatArray
    treated_share: FloatArray


def simulate_studies(
    mechanism: ImmortalMechanism,
    intended_share: float,
    *,
    patients: int,
    studies: int,
    rng: np.random.Generator,
) -> NullStudies:
    """Draw studies of a size and analyze each as if the arms were known at time zero.

    Parameters
    ----------
    mechanism
        How patients are sorted.
    intended_share
        Share meant to be treated.
    patients
        Analyzed patients of each study; who is excluded is replaced by the next.
    studies
        How many.
    rng
        Random generator.
    """
    at_once = max(1, CELLS_AT_ONCE // patients)
    parts = []
    for first in range(0, studies, at_once):
        count = min(at_once, studies - first)
        end, death, treated = _analyzed(mechanism, intended_share, count * patients, rng)
        shape = (count, patients)
        parts.append(
            analyze_studies(end.reshape(shape), death.reshape(shape), treated.reshape(shape))
        )
    return NullStudies(
        hazard_ratio=np.concatenate([part.hazard_ratio for part in parts]),
        median_treated=np.concatenate([part.median_treated for part in parts]),
        median_control=np.concatenate([part.median_control for part in parts]),
        treated_share=np.concatenate([part.treated_share for part in parts]),
    )


def _analyzed(
    mechanism: ImmortalMechanism, intended_share: float, needed: int, rng: np.random.Generator
) -> tuple[FloatArray, BoolArray, BoolArray]:
    """Draw until as many patients as needed are analyzed."""
    treated, early, never = mechanism.reached()
    kept = (1.0 - intended_share) * never + intended_share * (treated + early)
    parts: list[tuple[FloatArray, BoolArray, BoolArray]] = []
    have = 0
    while have < needed:
        size = int(DRAWN_BEYOND * (needed - have) / kept) + 100
        parts.append(mechanism.draw(intended_share, size, rng))
        have += len(parts[-1][0])
    end, death, arm = (
        np.concatenate([part[field] for part in parts])[:needed] for field in range(3)
    )
    return end, death, arm


def analyze_studies(end: FloatArray, death: BoolArray, treated: BoolArray) -> NullStudies:
    """Analyze studies as if their arms had been known at time zero.

    Parameters
    ----------
    end
        End of follow-up in months, one row a study, shape ``(studies, patients)``; no two ends of a
        study are equal.
    death, treated
        Whether it is a death, and whether the patient counts as treated.
    """
    order = np.argsort(end, axis=1)
    time = np.take_along_axis(end, order, 1)
    event, arm = np.take_along_axis(death, order, 1), np.take_along_axis(treated, order, 1)
    return NullStudies(
        hazard_ratio=_cox_ratios(event, arm),
        median_treated=_medians(time, event, arm),
        median_control=_medians(time, event, ~arm),
        treated_share=arm.mean(axis=1),
    )


def _from_the_end(values: BoolArray) -> FloatArray:
    """Return how many are still to come, oneself among them."""
    return np.cumsum(values[:, ::-1], axis=1, dtype=np.float64)[:, ::-1]


def _cox_ratios(event: BoolArray, treated: BoolArray) -> FloatArray:
    """Return Cox ratios of rows sorted by time, by Newton's method kept within a bracket.

    The score falls with the coefficient, so that its sign tells on which side the root is.
    """
    at_risk = _from_the_end(treated)
    others = _from_the_end(~treated)
    mass = event.astype(np.float64)
    observed = (event & treated).sum(axis=1)
    low = np.full(len(event), -LARGEST_LOG_RATIO)
    high = -low
    coef = np.zeros(len(event))
    for _ in range(STEPS):
        weighted = at_risk * np.exp(coef)[:, None]
        share = weighted / (weighted + others)
        score = observed - (mass * share).sum(axis=1)
        information = (mass * share * (1.0 - share)).sum(axis=1)
        low, high = np.where(score > 0, coef, low), np.where(score > 0, high, coef)
        step = np.zeros(len(event))
        np.divide(score, information, out=step, where=information > 0)
        trial = coef + step
        inside = (information > 0) & (trial > low) & (trial < high)
        updated = np.where(inside, trial, 0.5 * (low + high))
        if np.abs(updated - coef).max() < TOLERANCE:
            break
        coef = updated
    return _marked(np.exp(coef), coef, treated)


def _marked(ratio: FloatArray, coef: FloatArray, treated: BoolArray) -> FloatArray:
    """Return ratios with those that run to 0 or infinity, or compare nothing, named as such."""
    edge = LARGEST_LOG_RATIO - 1.0
    ratio = np.where(coef < -edge, 0.0, np.where(coef > edge, np.inf, ratio))
    empty = treated.all(axis=1) | ~treated.any(axis=1)
    return np.where(empty, np.nan, ratio)


def _medians(time: FloatArray, event: BoolArray, arm: BoolArray) -> FloatArray:
    """Return Kaplan-Meier medians of an arm, by the rule of the package's own curves.

    Where the curve sits on one half, the midpoint between the death that brings it there and the
    next one.
    """
    at_risk = np.maximum(_from_the_end(arm), 1.0)
    died = event & arm
    survival = np.cumprod(1.0 - died / at_risk, axis=1)
    at_half = _first_time(time, died & (survival < 0.5 + MEDIAN_TOLERANCE))
    below = _first_time(time, died & (survival < 0.5 - MEDIAN_TOLERANCE))
    # A curve that sits on one half to its end has its median where it came down.
    median = np.where(np.isfinite(below), 0.5 * (at_half + below), at_half)
    return np.where(arm.any(axis=1), median, np.nan)


def _first_time(time: FloatArray, condition: BoolArray) -> FloatArray:
    """Return the first time of each row at which a condition holds; ``inf`` where it never does."""
    first = condition.argmax(axis=1)
    found = np.take_along_axis(time, first[:, None], 1)[:, 0]
    return np.where(condition.any(axis=1), found, np.inf)
