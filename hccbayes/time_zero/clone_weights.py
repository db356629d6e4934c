r"""Weights that make the clones of a strategy stand for all patients under that strategy.

With s the start of treatment, g the grace period and H the cumulative start hazard
(:mod:`hccbayes.time_zero.start_hazard`):

- **Control.** A clone that has not started by t has weight :math:`1 / P(\text{not started by } t
  \mid x) = e^{H(t \mid x)}`.
- **Treated, as observed.** The strategy is "start within g, when patients who do so start": the
  start has the density :math:`f^*(s) = f(s) / F(g)` with :math:`F = 1 - e^{-H}`. The weight is the
  ratio of what the strategy and what the data give to the treatment seen so far: for who started
  at s :math:`f^*/f = 1 / F(g)` from s on, and for who has not started by t

  .. math:: \frac{1 - F^*(t)}{1 - F(t)} = \frac{1 - e^{-\{H(g) - H(t)\}}}{1 - e^{-H(g)}}

  which falls to 0 at g, so that the clone that is censored there counts no more. It begins at 1
  where nobody starts at time 0. Where a share :math:`p_0` of patients alike does, it begins lower,
  at :math:`\{1 - e^{-H(g)} / (1 - p_0)\} / F(g)`, since :math:`H(0) = -\log(1 - p_0)`.

  Among patients alive and alike the mean is :math:`\{e^{-H(t)} - e^{-H(g)} + F(t)\} / F(g) = 1` at
  every t: nothing jumps. Death before the start is no obstacle: the ratio up to death is that of
  the treatment process alone, whose hazards death does not enter (Cain et al. 2010, International
  Journal of Biostatistics 6:18; Hernan 2018).
- **Treated, end of grace.** Weight 1 to g, then :math:`1 / F(g)` for those who started: the usual
  version. Up to g it follows everybody as they were, after g those who started early stand for
  those who would be started at g; where starting early itself helps or harms within the grace
  period, no single strategy has these curves.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from hccbayes.arms import ARMS
from hccbayes.errors import InputError, Problem
from hccbayes.time_zero.cloning import Clones, FollowUp, clone_patients
from hccbayes.time_zero.start_fit import fit_start_hazard
from hccbayes.time_zero.start_hazard import StartHazard

if TYPE_CHECKING:
    from hccbayes.spec.design import ControlStrategy, StartTiming

FloatArray = NDArray[np.float64]

TIMINGS: Final = ("as_observed", "end_of_grace")
_ONE: Final = 1.0 - 1e-9
"""What is taken for a weight of 1, which a ratio of two probabilities may miss by rounding."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class StrategyWeights:
    """Weights of clones as functions of time.

    Parameters
    ----------
    clones
        The clones.
    hazard
        Fitted start of treatment.
    covariates
        Baseline covariates of the patients, shape ``(patients, columns)``.
    timing
        ``as_observed`` or ``end_of_grace``.
    numerator
        Start hazard without covariates, whose inverse weights stabilize; none where they do not.
    largest
        Limits of the weights of strategy 0 and 1.
    """

    clones: Clones
    hazard: StartHazard
    covariates: FloatArray
    timing: StartTiming = "as_observed"
    numerator: StartHazard | None = None
    largest: tuple[float, float] = (np.inf, np.inf)

    def __post_init__(self) -> None:
        """Refuse an unknown timing."""
        if self.timing not in TIMINGS:
            known = ", ".join(TIMINGS)
            raise InputError(Problem("timing", f"unknown: {self.timing!r}; choose from {known}"))

    @property
    def moving_until(self) -> float:
        """Time after which no weight changes, months."""
        later = np.isfinite(self.hazard.log_hazard[-1])
        return np.inf if later and self.clones.control == "never" else self.clones.grace

    def at(self, times: FloatArray, rows: NDArray[np.intp] | None = None) -> FloatArray:
        """Return the weight of rows of the clones at times while they are at risk.

        Parameters
        ----------
        times
            Months, shape ``(rows,)`` or ``(rows, times)``.
        rows
            Rows of ``clones.rows``; all where left out.

        Returns
        -------
        numpy.ndarray
            Shaped as `times`.
        """
        table = self.clones.rows
        index = np.arange(len(table)) if rows is None else rows
        patient = table["patient_index"].to_numpy()[index]
        treated = table["treatment"].to_numpy()[index] == 1
        started = table["started"].to_numpy()[index]
        own = self.covariates[patient]
        found = np.empty(times.shape)
        found[treated] = self._treated(times[treated], own[treated], started[treated])
        found[~treated] = self._control(times[~treated], own[~treated])
        limit = np.where(treated, self.largest[1], self.largest[0])
        return np.minimum(found, limit[:, None] if times.ndim == 2 else limit)

    def _control(self, times: FloatArray, covariates: FloatArray) -> FloatArray:
        clock = times
        if self.clones.control == "not_within_grace":
            clock = np.minimum(times, self.clones.grace)
        log_weight = self.hazard.cumulative(clock, covariates)
        if self.numerator is not None:
            log_weight = log_weight - self.numerator.cumulative(clock, covariates[:, :0])
        return np.exp(log_weight)

    def _treated(
        self, times: FloatArray, covariates: FloatArray, started: NDArray[np.bool_]
    ) -> FloatArray:
        grace = self.clones.grace
        end = np.full(len(times), grace)
        at_end = self.hazard.cumulative(end, covariates)
        began = started
        if times.ndim == 2:
            at_end, began = at_end[:, None], started[:, None]
        by_end = -np.expm1(-at_end)
        if self.timing == "as_observed":
            left = at_end - self.hazard.cumulative(np.minimum(times, grace), covariates)
            return np.where(began, 1.0, -np.expm1(-left)) / by_end
        after = 1.0
        if self.numerator is not None:
            marginal = self.numerator.cumulative(np.array([grace]), np.zeros((1, 0)))
            after = -np.expm1(-float(marginal[0]))
        return np.where(times > grace, after / by_end, 1.0)

    def final_weights(self) -> tuple[FloatArray, FloatArray]:
        """Return the weights of clones that still count at the end of their follow-up.

        A treated clone ``as_observed`` that has not started by the end of grace has come down to 0.

        Returns
        -------
        control, treated
            Weights above 0, one a clone of strategy 0 and 1.
        """
        table = self.clones.rows
        final = table.groupby(["treatment", "patient_index"]).tail(1).index.to_numpy()
        weight = self.at(table["stop"].to_numpy()[final], final)
        treatment = table["treatment"].to_numpy()[final]
        control, treated = (weight[(treatment == arm) & (weight > 0)] for arm in (0, 1))
        return control, treated

    def truncated(self, percentile: float) -> StrategyWeights:
        """Return weights none of which is above a percentile of its strategy's largest ones.

        Parameters
        ----------
        percentile
            Of the clones' weights above 0 at the end of their follow-up, from 50 to 100.

        Raises
        ------
        InputError
            If the percentile is outside its range, or a limit is below 1: a clone would count less
            than the patient it is.
        """
        if not 50.0 <= percentile <= 100.0:
            raise InputError(
                Problem("truncation", f"a percentile from 50 to 100, not {percentile}")
            )
        by_strategy = self.final_weights()
        limits = tuple(float(np.percentile(own, percentile)) for own in by_strategy)
        problems = [
            Problem("truncation", _too_low(name, percentile, limit, own))
            for name, limit, own in zip(ARMS[::-1], limits, by_strategy, strict=True)
            if limit < _ONE
        ]
        if problems:
            raise InputError(problems)
        return replace(self, largest=(limits[0], limits[1]))


def _too_low(name: str, percentile: float, limit: float, weights: FloatArray) -> str:
    """Return why a limit is refused, and what to do."""
    below = int((weights < _ONE).sum())
    # A percentile lies between order statistics: from this one on it is at least 1.
    enough = np.ceil(100.0 * below / max(len(weights) - 1, 1))
    advice = "leave truncation out"
    if enough < 100.0:
        advice = f"take a percentile of at least {enough:.0f}, or {advice}"
    return (
        f"percentile {percentile:g} of the weights of {len(weights)} {name} clones is {limit:.3g}, "
        f"and a limit below 1 makes a clone count less than the patient it is; {advice}"
    )


def fitted_weights(
    follow_up: FollowUp,
    covariates: FloatArray,
    *,
    grace: float,
    control: ControlStrategy = "never",
    timing: StartTiming = "as_observed",
    stabilized: bool = False,
    truncation: float | None = None,
) -> StrategyWeights:
    """Clone patients, fit the start of treatment and return the weights of the clones.

    Parameters
    ----------
    follow_up, covariates
        The patients, and their baseline covariates, shape ``(patients, columns)``; may have no
        column.
    grace
        Months within which strategy 1 starts treatment.
    control
        ``never`` or ``not_within_grace``.
    timing
        ``as_observed`` or ``end_of_grace``.
    stabilized
        Whether weights are divided by what they would be without covariates; it changes how much
        each stretch of time says about a single hazard ratio, and no curve. Treated clones
        ``as_observed`` have a mean weight of 1 as they are.
    truncation
        Percentile of the weights above which they are cut, as in
        :meth:`StrategyWeights.truncated`; none where they are not.

    Raises
    ------
    InputError
        If strategies cannot be told apart in these patients, an option is unknown, or weights
        would be cut below 1.
    """
    clones = clone_patients(follow_up, grace, control=control)
    within = control == "not_within_grace"
    hazard = fit_start_hazard(follow_up, covariates, grace, within_grace=within)
    numerator = None
    if stabilized:
        numerator = fit_start_hazard(follow_up, covariates[:, :0], grace, within_grace=within)
    weights = StrategyWeights(
        clones=clones, hazard=hazard, covariates=covariates, timing=timing, numerator=numerator
    )
    return weights if truncation is None else weights.truncated(truncation)
