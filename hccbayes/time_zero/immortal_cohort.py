"""A study's rules from its patients, without a date of treatment."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd

from hccbayes.cohort import Cohort
from hccbayes.errors import InputError, Problem
from hccbayes.frequentist.kaplan_meier import kaplan_meier, median_survival, time_with_limits
from hccbayes.time_zero.immortal_checks import EarlyDeaths
from hccbayes.time_zero.immortal_rules import ImmortalRules, fitted_to_survival

QUARTILES = (0.75, 0.25)
"""Shares still under follow-up at which the end of follow-up is read."""


def immortal_rules_of(
    cohort: Cohort,
    window: tuple[float, float],
    *,
    early_deaths: EarlyDeaths = "control",
    further_months: float = 0.0,
    required_months: float = 0.0,
    intended_share: float | None = None,
) -> ImmortalRules:
    """Return the rules of a cohort: sizes, survival and censoring from its patients.

    The common hazard is constant and such that the analyzed of both arms together have the
    cohort's Kaplan-Meier median: under no effect they are one population. The end of follow-up is
    uniform with the quartiles of the cohort's follow-up (Kaplan-Meier with death as censoring);
    where these are not reached, between the first and the last censored time. No column of dates of
    treatment is looked at.

    Parameters
    ----------
    cohort
        Patients whose arm is what they received, without delayed entry.
    window
        ``(earliest, latest)`` month of the start of treatment that the study's rules allow.
    early_deaths, further_months, required_months, intended_share
        As in :class:`hccbayes.time_zero.immortal_rules.ImmortalRules`.

    Raises
    ------
    InputError
        If the cohort has delayed entry, one arm alone or no median, or the rules cannot give it.
    """
    frame = cohort.frame
    problems = []
    if (frame["entry"] > 0).any():
        late = tuple(frame.loc[frame["entry"] > 0, "patient"].astype(str))
        problems.append(Problem("column entry", "is not 0; the rules know time zero alone", late))
    sizes = [int((frame["treatment"] == code).sum()) for code in (1, 0)]
    if not all(sizes):
        problems.append(Problem("column treatment", "has one arm alone"))
    curve = kaplan_meier(np.zeros(len(frame)), frame["time"], frame["event"])
    median = median_survival(curve)
    if not math.isfinite(median.estimate):
        problems.append(Problem("column time", f"both arms together: {median.reason}"))
    if problems:
        raise InputError(problems, source=cohort.source)
    rules = ImmortalRules(
        treated=sizes[0],
        control=sizes[1],
        window=window,
        early_deaths=early_deaths,
        further_months=further_months,
        required_months=required_months,
        median=median.estimate,
        administrative=_end_of_follow_up(frame),
        intended_share=intended_share,
        synthetic=cohort.synthetic,
    )
    fitted = fitted_to_survival(rules, rules.mechanism(), median.estimate, math.log(2.0))
    return replace(rules, median=math.log(2.0) / fitted.hazard[0])


def _end_of_follow_up(frame: pd.DataFrame) -> tuple[float, float] | None:
    """Return the uniform end of follow-up of a cohort; ``None`` where nobody is censored."""
    censored = frame.loc[frame["event"] == 0, "time"]
    if censored.empty:
        return None
    curve = kaplan_meier(np.zeros(len(frame)), frame["time"], 1 - frame["event"])
    early, late = (time_with_limits(curve, level)[0] for level in QUARTILES)
    if not math.isfinite(late):
        return float(censored.min()), float(censored.max())
    half = 0.5 * (late - early)
    return max(early - half, 0.0), late + half
