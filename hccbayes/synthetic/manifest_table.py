"""The manifest: every target of a synthetic cohort beside what the cohort's rows give."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

import numpy as np
import pandas as pd

from hccbayes.synthetic.coupling import regression_design, sample_rows
from hccbayes.synthetic.measures import (
    TargetRow,
    arm_frame,
    cox_of,
    exact_row,
    km_median,
    treatment_fit,
)
from hccbayes.synthetic.outcome_targets import AdverseEvent, Endpoint
from hccbayes.synthetic.study_targets import StudyTargets
from hccbayes.synthetic.targets import (
    ARMS,
    Arm,
    Continuous,
    Margin,
    MeanSd,
    Quartiles,
    Sample,
    Summary,
)

HR_TOLERANCE: Final = 1e-3
SEVERE_ITEM: Final = ", severe"


def manifest_rows(study: StudyTargets, frame: pd.DataFrame) -> tuple[TargetRow, ...]:
    """Return every target of a study, measured on a cohort.

    Parameters
    ----------
    study
        The targets.
    frame
        The cohort, one row a patient.
    """
    rows: list[TargetRow] = list(_sizes(study, frame))
    for margin in (*study.margins, *study.responses):
        rows += _margin_rows(study, frame, margin)
    for variable in study.continuous:
        rows += _continuous_rows(study, frame, variable)
    for endpoint in (study.os, study.pfs):
        if endpoint is not None:
            rows += _endpoint_rows(study, frame, endpoint)
    rows += _regression_rows(study, frame)
    rows += _event_rows(study, frame)
    rows += _printed_medians(study, frame)
    if "pfs_months" in frame:
        rows.append(_order_row(frame))
    return tuple(rows)


def _samples(margin: Margin | Continuous) -> list[Sample]:
    matched = margin.matched_treated or margin.matched_control
    return ["all", "matched"] if matched else ["all"]


def _sizes(study: StudyTargets, frame: pd.DataFrame) -> Iterator[TargetRow]:
    for index, arm in enumerate(ARMS):
        for sample, sizes in (("all", study.sizes), ("matched", study.matched_sizes)):
            if sample == "matched" and not study.has_matched:
                continue
            size = len(arm_frame(study, frame, arm, "all" if sample == "all" else "matched"))
            yield exact_row("patients", "arm size", sample, arm, sizes[index], size)


def _margin_rows(study: StudyTargets, frame: pd.DataFrame, margin: Margin) -> list[TargetRow]:
    rows: list[TargetRow] = []
    for sample in _samples(margin):
        for arm in ARMS:
            values = arm_frame(study, frame, arm, sample)[margin.column]
            counts = margin.whole(arm) if sample == "all" else margin.matched(arm)
            for level, count in zip(margin.levels, counts, strict=True):
                item = f"{margin.column}: {level}"
                found = int((values == level).sum())
                rows.append(
                    exact_row(
                        "patients", item, sample, arm, count, found, margin.status, margin.note
                    )
                )
    return rows


def _continuous_rows(
    study: StudyTargets, frame: pd.DataFrame, variable: Continuous
) -> list[TargetRow]:
    rows: list[TargetRow] = []
    for sample in _samples(variable):
        for arm in ARMS:
            target = variable.whole(arm) if sample == "all" else variable.matched(arm)
            if target is None:
                continue
            values = arm_frame(study, frame, arm, sample)[variable.column].to_numpy(np.float64)
            for quantity, wanted, found, tolerance in _summary_pairs(target, values):
                row = TargetRow(
                    quantity=quantity,
                    item=variable.column,
                    sample=sample,
                    arm=arm,
                    target=wanted,
                    achieved=found,
                    tolerance=tolerance,
                    status="identified",
                    note=variable.note,
                )
                rows.append(row)
    return rows


def _summary_pairs(target: Summary, values: np.ndarray) -> list[tuple[str, float, float, float]]:
    if isinstance(target, MeanSd):
        # One decimal was printed at the most: half a unit of it.
        found = [float(values.mean()), float(values.std(ddof=1))]
        wanted = [target.mean, target.sd]
        return [
            (name, w, f, 0.05) for name, w, f in zip(("mean", "sd"), wanted, found, strict=True)
        ]
    assert isinstance(target, Quartiles)
    quartiles = [float(value) for value in np.quantile(values, [0.25, 0.5, 0.75])]
    names = ("lower quartile", "median", "upper quartile")
    printed = (target.lower, target.median, target.upper)
    # Exact but for the rounding of an interpolation between two equal numbers.
    return [(name, w, f, 1e-9) for name, w, f in zip(names, printed, quartiles, strict=True)]


def _endpoint_rows(study: StudyTargets, frame: pd.DataFrame, endpoint: Endpoint) -> list[TargetRow]:
    rows: list[TargetRow] = []
    for arm in ARMS:
        part, target = arm_frame(study, frame, arm, "all"), endpoint.arm(arm)
        events = int(part[endpoint.event_column].sum())
        rows.append(
            exact_row(
                "events", endpoint.name, "all", arm, target.events, events, target.events_status
            )
        )
        found = km_median(part, endpoint.name)
        pairs = [("median", target.median, found.estimate)]
        if target.lower is not None and target.upper is not None:
            pairs.append(("median, lower limit", target.lower, found.lower))
            pairs.append(("median, upper limit", target.upper, found.upper))
        rows += [exact_row(name, endpoint.name, "all", arm, want, got) for name, want, got in pairs]
    rows.append(
        TargetRow(
            quantity="hazard ratio",
            item=endpoint.name,
            sample="all",
            arm="both",
            target=endpoint.hr,
            achieved=float(np.exp(treatment_fit(study, frame, endpoint.name).coef[0])),
            tolerance=HR_TOLERANCE,
            status=endpoint.hr_status,
            note=endpoint.hr_note,
        )
    )
    return rows


def _regression_rows(study: StudyTargets, frame: pd.DataFrame) -> list[TargetRow]:
    rows: list[TargetRow] = []
    for regression in study.regressions:
        part = frame.iloc[sample_rows(frame, regression.sample)]
        fit = cox_of(
            part, regression.endpoint, regression_design(part, regression, study.label("treated"))
        )
        targets = [regression.treatment, *(effect.hr for effect in regression.effects)]
        adjusted = ", adjusted" if regression.effects else ""
        for index, (term, ratio) in enumerate(zip(fit.terms, targets, strict=True)):
            rows.append(
                TargetRow(
                    quantity=f"hazard ratio{adjusted}",
                    item=f"{regression.endpoint}: {term}",
                    sample=regression.sample,
                    arm="both",
                    target=ratio,
                    achieved=float(np.exp(fit.coef[index])),
                    tolerance=regression.effect_tolerance if index else regression.tolerance,
                    status=regression.status,
                    note=regression.note,
                )
            )
    return rows


def _event_rows(study: StudyTargets, frame: pd.DataFrame) -> list[TargetRow]:
    rows: list[TargetRow] = []
    columns = [event.column for event in study.adverse_events]
    for index, arm in enumerate(ARMS):
        part = arm_frame(study, frame, arm, "all")
        for event in study.adverse_events:
            rows += _graded(event, index, arm, part[[event.column]], study.severe_labels[1])
        if study.overall is not None:
            rows += _graded(study.overall, index, arm, part[columns], study.severe_labels[1])
        for mode in study.modes:
            target, found = mode.any_grade[index], int(part[mode.column].sum())
            rows.append(exact_row("patients", mode.column, "all", arm, target, found, "derived"))
    return rows


def _graded(
    event: AdverseEvent, index: int, arm: Arm, grades: pd.DataFrame, severe_label: str
) -> Iterator[TargetRow]:
    having = int((grades != "none").any(axis=1).sum())
    yield exact_row("patients", event.column, "all", arm, event.any_grade[index], having)
    if event.severe is not None:
        severe = int((grades == severe_label).any(axis=1).sum())
        item = event.column + SEVERE_ITEM
        yield exact_row("patients", item, "all", arm, event.severe[index], severe)


def _printed_medians(study: StudyTargets, frame: pd.DataFrame) -> Iterator[TargetRow]:
    for printed in study.printed_medians:
        found = km_median(arm_frame(study, frame, printed.arm, printed.sample), printed.endpoint)
        triples = [("median", printed.median, found.estimate)]
        if printed.lower is not None and printed.upper is not None:
            triples.append(("median, lower limit", printed.lower, found.lower))
            triples.append(("median, upper limit", printed.upper, found.upper))
        for quantity, target, achieved in triples:
            yield TargetRow(
                quantity=quantity,
                item=printed.endpoint,
                sample=printed.sample,
                arm=printed.arm,
                target=target,
                achieved=achieved,
                tolerance=math.nan,
                status="not targeted",
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
