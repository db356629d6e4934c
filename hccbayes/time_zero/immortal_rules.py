"""The rules by which a study sorted its patients into arms, as far as they are printed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from scipy.optimize import brentq

from hccbayes.curves import median_survival
from hccbayes.errors import InputError, Problem
from hccbayes.time_zero.immortal_checks import (
    EarlyDeaths,
    censoring_problems,
    early_deaths_problems,
    months_problems,
    positive_problems,
    share_problems,
    size_problems,
    survival_problems,
    window_problems,
)
from hccbayes.time_zero.immortal_limit import LARGEST_DOUBLINGS, arm_flows, limit_of, scaled
from hccbayes.time_zero.immortal_limit import ImmortalLimit as Limit
from hccbayes.time_zero.immortal_mechanism import ImmortalMechanism

MOST_INTENDED: Final = 1.0 - 1e-9
"""A share meant to be treated above this leaves no control."""
LEAST_SHARE: Final = 1e-6
"""Who is fewer than this cannot be compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImmortalRules:
    """The rules of a study in which treatment starts after time zero.

    Survival is given once, by `median`, by `hazard`, or by `arm_medians`.

    Parameters
    ----------
    treated, control
        Patients in each arm as printed.
    window
        ``(earliest, latest)`` month of the start of treatment, uniform between them.
    early_deaths
        What becomes of patients who were meant to be treated and whose follow-up ended before:
        ``control`` where they are among the controls, ``excluded`` where they are not in the study.
    further_months
        Months to be lived after the start before a patient counts as treated, such as one more
        cycle.
    required_months
        Months of follow-up without which nobody of either arm is in the study.
    median
        Median survival of everybody from time zero, before anybody is left out, months.
    hazard, cuts
        Instead of `median`: deaths per person-month in each interval, and interior cut points.
    arm_medians
        Instead of `median`: printed medians, treated and control. The common median is then that
        of the two exponential curves mixed by the arms' sizes (:func:`pooled_median`).
    administrative
        ``(first, last)`` month of the end of follow-up, uniform; ``None`` without censoring.
    intended_share
        Share of patients meant to be treated; ``None`` for the one that gives the printed share of
        treated patients.
    synthetic
        Name of the synthetic cohort whose rules these are; empty for patients.

    Raises
    ------
    InputError
        If a number is out of range or no number, survival is given twice or not at all, or no
        intention makes the printed share; all problems are listed.
    """

    treated: int
    control: int
    window: tuple[float, float]
    early_deaths: EarlyDeaths = "control"
    further_months: float = 0.0
    required_months: float = 0.0
    median: float | None = None
    hazard: tuple[float, ...] = ()
    cuts: tuple[float, ...] = ()
    arm_medians: tuple[float, float] | None = None
    administrative: tuple[float, float] | None = None
    intended_share: float | None = None
    synthetic: str = ""

    def __post_init__(self) -> None:
        """Check what the types do not say."""
        problems = [
            *size_problems(self),
            *window_problems("window", self.window),
            *early_deaths_problems(self.early_deaths),
            *months_problems("further_months", self.further_months),
            *months_problems("required_months", self.required_months),
            *survival_problems(self),
            *censoring_problems(self.administrative),
        ]
        if self.intended_share is not None:
            problems += share_problems("intended_share", self.intended_share)
        problems = problems or _reach_problems(self)
        if problems:
            raise InputError(problems, source="ImmortalRules")

    @property
    def patients(self) -> int:
        """Patients of both arms."""
        return self.treated + self.control

    @property
    def treated_share(self) -> float:
        """Printed share of treated patients."""
        return self.treated / self.patients

    @property
    def common_median(self) -> float:
        """Median survival of everybody under no effect, months."""
        if self.hazard:
            return float(median_survival(self.hazard, self.cuts))
        if self.median is not None:
            return float(self.median)
        treated, control = self.arm_medians or (math.nan, math.nan)
        return pooled_median(treated, control, self.treated_share)

    def mechanism(self, hazard_ratio: float = 1.0) -> ImmortalMechanism:
        """Return how the rules sort patients.

        Parameters
        ----------
        hazard_ratio
            True hazard ratio of treatment from its start on.
        """
        rates = self.hazard or (math.log(2.0) / self.common_median,)
        ends = self.administrative
        return ImmortalMechanism(
            hazard=tuple(float(rate) for rate in rates),
            cuts=tuple(float(cut) for cut in self.cuts),
            window=(float(self.window[0]), float(self.window[1])),
            further=float(self.further_months),
            required=float(self.required_months),
            early_deaths=self.early_deaths,
            administrative=None if ends is None else (float(ends[0]), float(ends[1])),
            hazard_ratio=hazard_ratio,
        )

    def intention(self, mechanism: ImmortalMechanism) -> float:
        """Return the share meant to be treated: the given one, or that of the printed share."""
        if self.intended_share is not None:
            return float(self.intended_share)
        return min(mechanism.intended_share(self.treated_share), MOST_INTENDED)


def pooled_median(median_treated: float, median_control: float, treated_share: float) -> float:
    r"""Return the median of two exponential curves mixed by the share of treated patients.

    .. math:: s \, 2^{-t / m_1} + (1 - s) \, 2^{-t / m_0} = 1/2

    Under no effect the arms are one population however it was sorted, and its survival is the
    arms' curves averaged by their sizes, whatever immortal time did to either. That the curves are
    exponential serves only to read their average between two printed points. It is the median of
    everybody at time zero where nobody was left out; where early deaths were excluded, or follow-up
    required, it is that of the rest and too long by about the months required.

    Parameters
    ----------
    median_treated, median_control
        Printed medians, months.
    treated_share
        Share of treated patients, within (0, 1).

    Raises
    ------
    InputError
        If a number is out of range.
    """
    problems = [
        *positive_problems("median_treated", median_treated),
        *positive_problems("median_control", median_control),
        *share_problems("treated_share", treated_share),
    ]
    if problems:
        raise InputError(problems)
    low, high = sorted((float(median_treated), float(median_control)))
    if low == high:
        return low

    def above(time: float) -> float:
        treated, control = 2.0 ** (-time / median_treated), 2.0 ** (-time / median_control)
        return treated_share * treated + (1.0 - treated_share) * control - 0.5

    return float(brentq(above, low, high))


def limit_of_rules(rules: ImmortalRules, hazard_ratio: float = 1.0) -> Limit:
    """Return the naive analysis of a very large study with these rules.

    Parameters
    ----------
    rules
        The study's rules.
    hazard_ratio
        True hazard ratio of treatment from its start on. The hazard without treatment is then such
        that the survival of both arms together at the null's median is the null's: it was seen, and
        is no matter of the effect.
    """
    if problems := positive_problems("hazard_ratio", hazard_ratio):
        raise InputError(problems)
    mechanism = rules.mechanism(float(hazard_ratio))
    if hazard_ratio != 1.0:
        null = rules.mechanism()
        flows = arm_flows(null, rules.intention(null))
        time = _reference_time(flows.median(), rules.administrative)
        mechanism = fitted_to_survival(rules, mechanism, time, flows.hazard_at(time))
    return limit_of(mechanism, rules.intention(mechanism))


def fitted_to_survival(
    rules: ImmortalRules, mechanism: ImmortalMechanism, time: float, target: float
) -> ImmortalMechanism:
    """Return the mechanism with its hazard scaled so that both arms together reach a hazard.

    Parameters
    ----------
    rules
        For the share meant to be treated.
    mechanism
        What is scaled.
    time, target
        Months, and the cumulative hazard of everybody analyzed by then.

    Raises
    ------
    InputError
        If no hazard within a factor of 64 does.
    """

    def gap(log_factor: float) -> float:
        trial = scaled(mechanism, math.exp(log_factor))
        return arm_flows(trial, rules.intention(trial)).hazard_at(time) - target

    for doublings in range(1, LARGEST_DOUBLINGS + 1):
        reach = doublings * math.log(2.0)
        if gap(-reach) < 0 < gap(reach):
            return scaled(mechanism, math.exp(brentq(gap, -reach, reach, xtol=1e-9)))
    message = f"no common hazard gives a survival of {math.exp(-target):.3g} at {time:.3g} months"
    raise InputError(Problem("rules", message))


def _reference_time(median: float, administrative: tuple[float, float] | None) -> float:
    """Return the month at which both arms together are held: their median, if it is reached."""
    if math.isfinite(median) or administrative is None:
        return median
    return 0.5 * (administrative[0] + administrative[1])


def _reach_problems(rules: ImmortalRules) -> list[Problem]:
    """Return why the rules cannot give two arms of the printed sizes."""
    mechanism = rules.mechanism()
    treated, early, never = mechanism.reached()
    ends = f"by month {rules.window[1] + rules.further_months:g}"
    if never < LEAST_SHARE:
        return [Problem("required_months", "nobody has so much follow-up")]
    if treated < LEAST_SHARE:
        return [Problem("window", f"nobody lives under observation to be treated {ends}")]
    if rules.intended_share is not None:
        return []
    needed = mechanism.intended_share(rules.treated_share)
    if 0 < needed <= MOST_INTENDED:
        return []
    most = treated / (treated + early)
    message = (
        f"{rules.treated} of {rules.patients} treated, a share of {rules.treated_share:.3f}, "
        f"cannot be reached: if all were meant to be treated, {most:.3f} would live to count as "
        f"treated {ends}. Check median and window, or where early deaths went"
    )
    return [Problem("treated", message)]
