"""The manifest: every target of a synthetic cohort beside what the cohort's rows give."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import pandas as pd

from hccbayes.arms import ARMS, Arm
from hccbayes.synthetic.manifest_outcomes import outcome_rows
from hccbayes.synthetic.measures import TargetRow, arm_frame, exact_row, free_row
from hccbayes.synthetic.outcome_targets import AdverseEvent
from hccbayes.synthetic.study_targets import StudyTargets
from hccbayes.synthetic.targets import Continuous, Margin, MeanSd, Sample, Summary

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
    rows += outcome_rows(study, frame)
    rows += _event_rows(study, frame)
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
            values = arm_frame(study, frame, arm, sample)[variable.column].to_numpy(np.float64)
            found = _summary(values)
            for quantity, wanted, tolerance in _wanted(target):
                row = TargetRow(
                    quantity=quantity,
                    item=variable.column,
                    sample=sample,
                    arm=arm,
                    target=wanted,
                    achieved=found[quantity],
                    tolerance=tolerance,
                    status="identified",
                )
                rows.append(row)
            for number in variable.unused:
                if (number.sample, number.arm) == (sample, arm):
                    achieved, where = found[number.quantity], (sample, arm)
                    rows.append(
                        free_row(
                            number.quantity,
                            variable.column,
                            number.printed,
                            achieved,
                            where,
                            number.note,
                        )
                    )
    return rows


def _summary(values: np.ndarray) -> dict[str, float]:
    names = ("lower quartile", "median", "upper quartile")
    quartiles = np.quantile(values, [0.25, 0.5, 0.75]).tolist()
    found = dict(zip(names, quartiles, strict=True))
    return found | {"mean": float(values.mean()), "sd": float(values.std(ddof=1))}


def _wanted(target: Summary | None) -> list[tuple[str, float, float]]:
    """Return names, printed numbers and tolerances of a summary."""
    if target is None:
        return []
    if isinstance(target, MeanSd):
        # One decimal was printed at the most: half a unit of it.
        return [("mean", target.mean, 0.05), ("sd", target.sd, 0.05)]
    names = ("lower quartile", "median", "upper quartile")
    printed = (target.lower, target.median, target.upper)
    # Exact but for the rounding of an interpolation between two equal numbers.
    pairs = zip(names, printed, strict=True)
    return [(name, value, 1e-9) for name, value in pairs if value is not None]


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
