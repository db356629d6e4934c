"""The outcome rows of a manifest: events, medians, hazard ratios and numbers at risk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import pandas as pd
from scipy.stats import norm

from hccbayes.arms import ARMS, Arm
from hccbayes.defaults import INTERVAL_PROB
from hccbayes.frequentist.kaplan_meier import MedianSurvival, numbers_at_risk
from hccbayes.frequentist.logrank import logrank
from hccbayes.synthetic.conditions import regression_design, sample_rows
from hccbayes.synthetic.measures import (
    TargetRow,
    arm_frame,
    cox_of,
    exact_row,
    free_row,
    km_median,
    treatment_fit,
)
from hccbayes.synthetic.outcome_targets import Endpoint, Regression
from hccbayes.synthetic.risk_targets import RiskTargets
from hccbayes.synthetic.study_targets import StudyTargets
from hccbayes.synthetic.targets import HR_TOLERANCE, Sample

SAMPLES: Final[tuple[Sample, Sample]] = ("all", "matched")
STANDARD_ERROR: Final = "standard error of the log hazard ratio"


def outcome_rows(study: StudyTargets, frame: pd.DataFrame) -> Iterator[TargetRow]:
    """Yield every outcome target of a study, measured on a cohort."""
    for endpoint in (study.os, study.pfs):
        if endpoint is not None:
            yield from _endpoint_rows(study, frame, endpoint)
    for regression in study.regressions:
        yield from _regression_rows(study, frame, regression)
    if "pfs_months" in frame:
        yield _order_row(frame)


def risk_rows(
    frame: pd.DataFrame, targets: RiskTargets, study: StudyTargets
) -> Iterator[TargetRow]:
    """Yield deaths, medians and numbers at risk of a study known by its risk tables."""
    for arm in ARMS:
        part = arm_frame(study, frame, arm, "all")
        deaths = targets.deaths[arm]
        yield exact_row("events", "os", "all", arm, deaths, part["death"].sum(), "invented")
        found = km_median(part, "os").estimate
        yield exact_row("median", "os", "all", arm, targets.median[arm], found)
        for sample in SAMPLES:
            yield from _at_risk_rows(frame, targets, study, arm, sample)


def logrank_row(
    study: StudyTargets, frame: pd.DataFrame, endpoint: Endpoint, printed: float
) -> TargetRow:
    """Return the printed p-value of the log-rank test, which is no target."""
    treated = frame["arm"] == study.label("treated")
    start = np.zeros(len(frame))
    time, event = frame[endpoint.time_column], frame[endpoint.event_column]
    found = logrank(start, time, event, treated).p_value
    return free_row("log-rank p", endpoint.name, printed, found)


def _endpoint_rows(
    study: StudyTargets, frame: pd.DataFrame, endpoint: Endpoint
) -> Iterator[TargetRow]:
    for arm in ARMS:
        yield from _arm_rows(study, frame, endpoint, arm)
    fit = treatment_fit(study, frame, endpoint.name)
    yield TargetRow(
        quantity="hazard ratio",
        item=endpoint.name,
        sample="all",
        arm="both",
        target=endpoint.hr,
        achieved=float(np.exp(fit.coef[0])),
        tolerance=HR_TOLERANCE,
        status=endpoint.hr_status,
        note=endpoint.hr_note,
    )
    if endpoint.interval is not None:
        lower, upper = endpoint.interval
        printed = np.log(upper / lower) / (2.0 * norm.ppf(0.5 + INTERVAL_PROB / 2.0))
        note = "from the printed interval"
        yield free_row(STANDARD_ERROR, endpoint.name, float(printed), float(fit.se[0]), note=note)


def _arm_rows(
    study: StudyTargets, frame: pd.DataFrame, endpoint: Endpoint, arm: Arm
) -> Iterator[TargetRow]:
    part, target = arm_frame(study, frame, arm, "all"), endpoint.arm(arm)
    events = part[endpoint.event_column].sum()
    status, note = target.events_status, target.events_note
    yield exact_row("events", endpoint.name, "all", arm, target.events, events, status, note)
    printed = (target.median, target.lower, target.upper)
    found = km_median(part, endpoint.name)
    yield from _median_rows(endpoint, "all", arm, printed, found)
    if target.matched is not None:
        matched = target.matched
        printed = (matched.median, matched.lower, matched.upper)
        found = km_median(arm_frame(study, frame, arm, "matched"), endpoint.name)
        yield from _median_rows(endpoint, "matched", arm, printed, found)


def _median_rows(
    endpoint: Endpoint,
    sample: Sample,
    arm: Arm,
    printed: tuple[float | None, float | None, float | None],
    found: MedianSurvival,
) -> Iterator[TargetRow]:
    names = ("median", "median, lower limit", "median, upper limit")
    achieved = (found.estimate, found.lower, found.upper)
    for name, target, value in zip(names, printed, achieved, strict=True):
        if target is not None:
            yield exact_row(name, endpoint.name, sample, arm, target, value)


def _regression_rows(
    study: StudyTargets, frame: pd.DataFrame, regression: Regression
) -> Iterator[TargetRow]:
    part = frame.iloc[sample_rows(frame, regression.sample)]
    design = regression_design(part, regression, study.label("treated"))
    fit = cox_of(part, regression.endpoint, design)
    targets = [regression.treatment, *(effect.hr for effect in regression.effects)]
    adjusted = ", adjusted" if regression.effects else ""
    columns = zip(fit.terms, fit.coef, targets, regression.tolerances, strict=True)
    for term, coefficient, ratio, tolerance in columns:
        yield TargetRow(
            quantity=f"hazard ratio{adjusted}",
            item=f"{regression.endpoint}: {term}",
            sample=regression.sample,
            arm="both",
            target=ratio,
            achieved=float(np.exp(coefficient)),
            tolerance=tolerance,
            status=regression.status,
            note=regression.note,
        )


def _order_row(frame: pd.DataFrame) -> TargetRow:
    late = frame["pfs_months"] > frame["os_months"]
    late |= (frame["death"] == 1) & (frame["progression_or_death"] == 0)
    return exact_row(
        "patients",
        "progression after the end of follow-up, or death without progression-free event",
        "all",
        "both",
        0,
        int(late.sum()),
        "derived",
        "a logical constraint",
    )


def _at_risk_rows(
    frame: pd.DataFrame, targets: RiskTargets, study: StudyTargets, arm: Arm, sample: Sample
) -> Iterator[TargetRow]:
    tables = [targets.tables[arm, "matched"]]
    if sample == "all":
        tables.append(targets.tables[arm, "remainder"])
    rows = arm_frame(study, frame, arm, sample)
    for name in ("os", "pfs"):
        end = rows[f"{name}_months"].to_numpy(dtype=np.float64)
        at_risk = numbers_at_risk(np.zeros_like(end), end, tables[0].months)
        for index, month in enumerate(tables[0].months):
            target = sum(table.of(name)[index] for table in tables)
            item = f"{name}: month {month:g}"
            yield exact_row("at risk", item, sample, arm, target, at_risk[index])
