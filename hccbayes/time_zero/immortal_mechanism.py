"""How a study's rules sort patients into arms, for any effect of the treatment."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hccbayes.curves import cumulative_hazard, time_at_cumulative_hazard
from hccbayes.time_zero.immortal_checks import EarlyDeaths

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

START_NODES: Final = 12
"""Gauss-Legendre nodes of each smooth stretch of the window in which treatment starts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImmortalMechanism:
    """What happens to a patient under the rules of a study.

    Parameters
    ----------
    hazard, cuts
        Deaths per person-month without treatment, shape ``(intervals,)``, and interior cut points
        in months.
    window
        Months between which treatment starts, uniform; the same twice where it is fixed.
    further
        Months to be lived after the start before a patient counts as treated.
    required
        Months of follow-up without which nobody is analyzed.
    early_deaths
        Where those go who were meant to be treated and ended before: ``control``, ``excluded``.
    administrative
        Months between which follow-up ends, uniform; ``None`` where nobody is censored.
    hazard_ratio
        True hazard ratio of treatment from its start on.
    """

    hazard: tuple[float, ...]
    cuts: tuple[float, ...]
    window: tuple[float, float]
    further: float
    required: float
    early_deaths: EarlyDeaths
    administrative: tuple[float, float] | None
    hazard_ratio: float = 1.0

    @property
    def counts_early(self) -> bool:
        """Whether patients who ended before their treatment are among the controls."""
        return self.early_deaths == "control"

    def baseline(self, times: FloatArray) -> FloatArray:
        """Return the cumulative hazard without treatment, of the shape of `times`."""
        flat = cumulative_hazard(self.hazard, np.ravel(times), self.cuts)
        return flat.reshape(np.shape(times))

    def rate(self, times: FloatArray) -> FloatArray:
        """Return the hazard without treatment, of the shape of `times`."""
        return np.asarray(self.hazard)[np.searchsorted(self.cuts, times, side="left")]

    def observed(self, times: ArrayLike, start: ArrayLike) -> FloatArray:
        """Return the probability to be alive and under observation at `times`.

        Parameters
        ----------
        times
            Months.
        start
            Months to the start of treatment, ``inf`` where there is none; broadcast with `times`.
        """
        clock, begin = np.broadcast_arrays(
            np.asarray(times, dtype=np.float64), np.asarray(start, dtype=np.float64)
        )
        before = self.baseline(np.minimum(clock, begin))
        hazard = before + self.hazard_ratio * (self.baseline(clock) - before)
        return np.exp(-hazard) * self.uncensored(clock)

    def uncensored(self, times: FloatArray) -> FloatArray:
        """Return the probability that follow-up has not ended for administrative reasons."""
        if self.administrative is None:
            return np.ones(np.shape(times))
        first, last = self.administrative
        if first == last:
            return np.asarray(times < last, dtype=np.float64)
        return np.clip((last - times) / (last - first), 0.0, 1.0)

    def starts(self, breaks: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return nodes and weights that average over the starts of treatment.

        Parameters
        ----------
        breaks
            Months at which what is averaged has a kink, shape ``(rows, kinks)``.

        Returns
        -------
        tuple of numpy.ndarray
            Starts and their weights, which add up to 1, shape ``(rows, nodes)``.
        """
        low, high = self.window
        if low == high:
            return np.full((len(breaks), 1), low), np.ones((len(breaks), 1))
        ends = np.full((len(breaks), 2), (low, high))
        edges = np.sort(np.concatenate([np.clip(breaks, low, high), ends], axis=1), axis=1)
        nodes, weights = gauss_legendre(START_NODES)
        half = 0.5 * np.diff(edges, axis=1)[..., None]
        at = 0.5 * (edges[:, 1:] + edges[:, :-1])[..., None] + half * nodes
        of = half * weights / (high - low)
        return at.reshape(len(breaks), -1), of.reshape(len(breaks), -1)

    def kinks(self) -> FloatArray:
        """Return the months at which hazard, censoring or inclusion change."""
        ends = self.administrative or ()
        return np.unique([0.0, *self.window, *self.cuts, self.required, *ends])

    def start_kinks(self) -> FloatArray:
        """Return the starts at which the probability to count as treated has a kink."""
        kinks = self.kinks()
        return np.concatenate([kinks, kinks - self.further])

    def reached(self) -> tuple[float, float, float]:
        """Return the shares that are sorted into arms.

        Returns
        -------
        tuple of float
            Of those meant to be treated, who is analyzed as treated and who as an early end among
            the controls; of those never meant, who is analyzed.
        """
        start, weight = self.starts(self.start_kinks()[None, :])
        counted = np.maximum(start + self.further, self.required)
        treated = self.observed(counted, start)
        early = self.observed(self.required, start) - treated if self.counts_early else 0.0
        never = self.observed(self.required, math.inf)
        return float((weight * treated).sum()), float((weight * early).sum()), float(never)

    def intended_share(self, treated_share: float) -> float:
        r"""Return the share meant to be treated that gives a treated share among the analyzed.

        With s treated and e early ends of those meant, and n analyzed of the others, the treated
        share is :math:`p s / \{(1 - p) n + p (s + e)\}`; solved for p. Above 1 where no intention
        makes so many treated.
        """
        treated, early, never = self.reached()
        return treated_share * never / (treated - treated_share * (treated + early - never))

    def draw(
        self, intended_share: float, size: int, rng: np.random.Generator
    ) -> tuple[FloatArray, BoolArray, BoolArray]:
        """Draw patients and return those who are analyzed.

        Parameters
        ----------
        intended_share
            Share meant to be treated.
        size
            Patients drawn before exclusions.
        rng
            Random generator.

        Returns
        -------
        tuple of numpy.ndarray
            End of follow-up in months, whether it is a death, whether the patient counts as
            treated; one each analyzed patient.
        """
        meant = rng.random(size) < intended_share
        start = np.where(meant, rng.uniform(*self.window, size), np.inf)
        death = self._deaths(start, rng.standard_exponential(size))
        end = death
        if self.administrative is not None:
            end = np.minimum(death, rng.uniform(*self.administrative, size))
        treated = end > start + self.further
        analyzed = end > self.required
        if not self.counts_early:
            analyzed &= treated | ~meant
        return end[analyzed], (death == end)[analyzed], treated[analyzed]

    def _deaths(self, start: FloatArray, target: FloatArray) -> FloatArray:
        """Return when the cumulative hazard reaches a target: untreated until the start."""
        before = self.baseline(np.where(np.isfinite(start), start, 0.0))
        after = np.isfinite(start) & (target > before)
        used = np.where(after, before + (target - before) / self.hazard_ratio, target)
        hazard = np.broadcast_to(self.hazard, (*target.shape, len(self.hazard)))
        return time_at_cumulative_hazard(hazard, used, self.cuts)


@lru_cache(maxsize=8)
def gauss_legendre(count: int) -> tuple[FloatArray, FloatArray]:
    """Return nodes and weights on ``(-1, 1)``."""
    nodes, weights = np.polynomial.legendre.leggauss(count)
    return nodes, weights
