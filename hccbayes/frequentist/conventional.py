"""The conventional analysis of a cohort as rows of the estimate table, for the cross-check."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import norm

from hccbayes.arms import ARM_VALUE, Arm
from hccbayes.defaults import INTERVAL_PROB
from hccbayes.errors import InputError, Problem
from hccbayes.frequentist.center_dummies import CenterDummies, center_dummies
from hccbayes.frequentist.cox import CoxFit, cox
from hccbayes.frequentist.identifiability import NotEstimableError
from hccbayes.frequentist.kaplan_meier import kaplan_meier, median_survival, survival_at
from hccbayes.frequentist.logrank import logrank
from hccbayes.records import (
    DIFFERENCE_CONTRAST,
    TREATMENT_CONTRAST,
    Estimate,
    estimate_table,
    frequentist_estimate,
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Cohort:
    """Everything the rows are made of, checked."""

    frame: pd.DataFrame
    design: pd.DataFrame
    contrasts: Mapping[str, str]
    model: str
    prob: float

    def cox(self, design: pd.DataFrame, strata: ArrayLike | None = None) -> CoxFit:
        follow_up = (self.frame["entry"], self.frame["time"], self.frame["event"])
        return cox(design, *follow_up, strata=strata, prob=self.prob)

    def row(
        self, estimand: str, contrast: str, method: str, estimate: float, **interval: Any
    ) -> Estimate:
        """Return a row of the table; `interval` as in :func:`frequentist_estimate`."""
        return frequentist_estimate(
            estimand,
            contrast,
            method,
            estimate,
            population="sample",
            model=self.model,
            prob=self.prob,
            **interval,
        )


def conventional_estimates(
    frame: pd.DataFrame,
    design: pd.DataFrame,
    contrasts: Mapping[str, str],
    *,
    times: Sequence[float],
    model: str,
    prob: float = INTERVAL_PROB,
) -> pd.DataFrame:
    """Return Kaplan-Meier, log-rank and Cox estimates of a cohort.

    Survival by arm (limits on the log scale) and its difference (Wald, from Greenwood's variance)
    at each time within the follow-up of the arms concerned; median by arm; log-rank, stratified by
    center too; log hazard ratio and hazard ratio of each term by these methods:

    ======================  ===================================================================
    ``cox_crude``           treatment alone; only where the design has more terms
    ``cox_efron``           all terms
    ``cox_efron_strata``    all terms, stratified by center
    ``cox_efron_center``    all terms and center dummies, whose own rows are left out
    ======================  ===================================================================

    The last two and the stratified log-rank need at least two centers. A center without events
    takes no part in ``cox_efron_center``: its dummy runs to minus infinity, and the limit is the
    fit without its patients (see :func:`hccbayes.frequentist.center_dummies.center_dummies`).

    Parameters
    ----------
    frame
        One row a patient: ``entry`` and ``time`` in months, ``event``, ``treatment`` (0 or 1), and
        ``center`` where there is one.
    design
        The model's terms, one column each, on their own scale, without intercept and centers; the
        first is ``treatment``. Rows as in `frame`.
    contrasts
        Contrast label of each term; ``treatment`` has ``treated / control``.
    times
        Months at which survival is reported.
    model
        Name of the model file.
    prob
        Probability of every interval.

    Returns
    -------
    pandas.DataFrame
        The estimate table. What the data do not determine (a separated term, no event in both
        arms' risk sets) is ``nan``; ``attrs["notes"]``, a tuple of sentences, says why, and counts
        the centers and patients that the center dummies leave out.

    Raises
    ------
    InputError
        If a column, a contrast or a value is missing or wrong, or an arm has no patient.
    """
    _check(frame, design, contrasts)
    cohort = _Cohort(frame=frame, design=design, contrasts=contrasts, model=model, prob=prob)
    notes: list[str] = []
    rows = [
        *_kaplan_meier_rows(cohort, times),
        *_logrank_rows(cohort, notes),
        *_cox_rows(cohort, notes),
    ]
    table = estimate_table(rows)
    table.attrs["notes"] = tuple(notes)
    return table


def _kaplan_meier_rows(cohort: _Cohort, times: Sequence[float]) -> Iterable[Estimate]:
    curves = {}
    for arm, value in ARM_VALUE.items():
        own = cohort.frame[cohort.frame["treatment"] == value]
        curves[arm] = kaplan_meier(own["entry"], own["time"], own["event"], prob=cohort.prob)
    for arm, curve in curves.items():
        known, survival, _, lower, upper = _read(curve, times)
        for time, estimate, low, high in zip(known, survival, lower, upper, strict=True):
            yield cohort.row(
                "survival", arm, "km", estimate, limits=(low, high), kind="log", time=time
            )
    yield from _difference_rows(cohort, curves, times)
    for arm, curve in curves.items():
        median = median_survival(curve)
        limits = (median.lower, median.upper)
        yield cohort.row("median", arm, "km", median.estimate, limits=limits, kind="log")


def _difference_rows(
    cohort: _Cohort, curves: Mapping[Arm, pd.DataFrame], times: Sequence[float]
) -> Iterable[Estimate]:
    """Yield the difference of the arms, with the variances of two independent curves added."""
    z = float(norm.ppf((1 + cohort.prob) / 2))
    common = min(float(curve["time"].iloc[-1]) for curve in curves.values())
    shared = [time for time in times if time <= common]
    known, treated, treated_se, *_ = _read(curves["treated"], shared)
    _, control, control_se, *_ = _read(curves["control"], shared)
    differences = np.subtract(treated, control)
    halves = z * np.hypot(treated_se, control_se)
    for time, difference, half in zip(known, differences, halves, strict=True):
        limits = (float(difference - half), float(difference + half))
        yield cohort.row(
            "survival_difference",
            DIFFERENCE_CONTRAST,
            "km",
            float(difference),
            limits=limits,
            kind="wald",
            time=time,
        )


def _read(curve: pd.DataFrame, times: Sequence[float]) -> list[list[float]]:
    """Return time, survival, standard error and limits at the times a curve has, as columns."""
    end = float(curve["time"].iloc[-1])
    at = survival_at(curve, [time for time in times if time <= end])
    columns = ("time", "survival", "standard_error", "lower", "upper")
    return [at[column].astype(float).to_list() for column in columns]


def _logrank_rows(cohort: _Cohort, notes: list[str]) -> Iterable[Estimate]:
    frame = cohort.frame
    strata: dict[str, pd.Series | None] = {"logrank": None}
    if _has_centers(frame):
        strata["logrank_strata_center"] = frame["center"]
    for method, labels in strata.items():
        statistic = p_value = float("nan")
        try:
            test = logrank(
                frame["entry"], frame["time"], frame["event"], frame["treatment"], strata=labels
            )
            statistic, p_value = test.chi2, test.p_value
        except NotEstimableError as error:
            notes.append(_note(method, error))
        yield cohort.row("logrank_chi2", TREATMENT_CONTRAST, method, statistic)
        yield cohort.row("logrank_p", TREATMENT_CONTRAST, method, p_value)


def _cox_rows(cohort: _Cohort, notes: list[str]) -> Iterable[Estimate]:
    terms = list(cohort.design.columns)
    designs: dict[str, tuple[pd.DataFrame, ArrayLike | None]] = {}
    if len(terms) > 1:
        designs["cox_crude"] = (cohort.design[["treatment"]], None)
    designs["cox_efron"] = (cohort.design, None)
    if _has_centers(cohort.frame):
        coded = center_dummies(
            *(cohort.frame[name] for name in ("entry", "time", "event", "center"))
        )
        notes.extend(_center_notes(coded))
        designs["cox_efron_strata"] = (cohort.design, cohort.frame["center"])
        with_centers = pd.concat([cohort.design.reset_index(drop=True), coded.dummies], axis=1)
        designs["cox_efron_center"] = (with_centers, coded.block)
    for method, (design, strata) in designs.items():
        reported = [term for term in terms if term in design.columns]
        coef = lower = upper = np.full(len(reported), np.nan)
        try:
            fit = cohort.cox(design, strata)
            # Center dummies stand behind the terms.
            coef, lower, upper = (
                values[: len(reported)] for values in (fit.coef, fit.lower, fit.upper)
            )
        except NotEstimableError as error:
            notes.append(_note(method, error))
        for term, *values in zip(reported, coef, lower, upper, strict=True):
            yield from _ratio_rows(cohort, cohort.contrasts[term], method, *map(float, values))


def _ratio_rows(
    cohort: _Cohort, contrast: str, method: str, coef: float, lower: float, upper: float
) -> Iterable[Estimate]:
    """Yield the log hazard ratio, and the hazard ratio with the exponential of its limits."""
    yield cohort.row("log_hr", contrast, method, coef, limits=(lower, upper), kind="wald")
    limits = (float(np.exp(lower)), float(np.exp(upper)))
    yield cohort.row("hr", contrast, method, float(np.exp(coef)), limits=limits, kind="wald")


def _center_notes(coded: CenterDummies) -> Iterable[str]:
    if coded.without_event:
        listed = ", ".join(coded.without_event)
        patients = sum(coded.without_event.values())
        yield (
            f"cox_efron_center: {len(coded.without_event)} center(s) without an event, with "
            f"{patients} patient(s), carry no information and take no part: {listed}"
        )
    if len(coded.compared) > 1:
        listed = "; ".join(", ".join(block) for block in coded.compared)
        yield (
            "cox_efron_center: some centers' levels cannot be compared with one another and are "
            f"strata: {listed}"
        )


def _note(method: str, error: InputError) -> str:
    return f"{method}: not estimable: " + "; ".join(str(problem) for problem in error.problems)


def _has_centers(frame: pd.DataFrame) -> bool:
    return "center" in frame.columns and frame["center"].nunique() > 1


def _check(frame: pd.DataFrame, design: pd.DataFrame, contrasts: Mapping[str, str]) -> None:
    problems = [
        Problem(f"column {column}", "is needed")
        for column in ("entry", "time", "event", "treatment")
        if column not in frame.columns
    ]
    if list(design.columns[:1]) != ["treatment"]:
        problems.append(Problem("design", "its first column must be `treatment`"))
    if len(design) != len(frame):
        problems.append(Problem("design", f"has {len(design)} rows for {len(frame)} patients"))
    problems.extend(
        Problem(f"term {term}", "has no contrast label")
        for term in design.columns
        if term not in contrasts
    )
    if "center" in frame.columns and frame["center"].isna().any():
        problems.append(Problem("column center", "has missing values"))
    if not problems and set(frame["treatment"].unique()) != {0, 1}:
        problems.append(Problem("column treatment", "must hold 0 and 1, and both of them"))
    if problems:
        raise InputError(problems)
