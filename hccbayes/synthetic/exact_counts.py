"""Responses, adverse events and modes of progression with exact counts in each arm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hccbayes.arms import ARMS, Arm
from hccbayes.errors import InputError, Problem
from hccbayes.synthetic.outcome_targets import AdverseEvent
from hccbayes.synthetic.study_targets import StudyTargets
from hccbayes.synthetic.targets import PARTS, Margin

BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]

PROGRESSION: Final = "PD"
DEATH_MODE: Final = "mode_death"


def assign_responses(frame: pd.DataFrame, study: StudyTargets, rng: np.random.Generator) -> None:
    """Hand out responses, in place.

    Progression as best response goes to the earliest progression-free events of each part, the
    other categories at random to the rest.
    """
    for margin in study.responses:
        frame[margin.column] = ""
        for arm in ARMS:
            in_arm = (frame["arm"] == study.label(arm)).to_numpy(dtype=bool)
            for rows, counts in _groups(frame, in_arm, margin, arm):
                frame.loc[rows, margin.column] = _respond(frame, rows, margin, counts, rng)


def _groups(
    frame: pd.DataFrame, in_arm: BoolArray, margin: Margin, arm: Arm
) -> list[tuple[IntArray, tuple[int, ...]]]:
    if not margin.by_part:
        return [(np.flatnonzero(in_arm), margin.whole(arm))]
    matched = (frame["matched"] == "yes").to_numpy(dtype=bool)
    rows = {"matched": in_arm & matched, "remainder": in_arm & ~matched}
    return [(np.flatnonzero(rows[part]), margin.counts(arm, part)) for part in PARTS]


def _respond(
    frame: pd.DataFrame,
    rows: IntArray,
    margin: Margin,
    counts: tuple[int, ...],
    rng: np.random.Generator,
) -> NDArray[np.object_]:
    result = np.empty(len(rows), dtype=object)
    number = dict(zip(margin.levels, counts, strict=True))
    progressed = number.pop(PROGRESSION, 0)
    part = frame.iloc[rows]
    # Events first, the earliest before the others.
    order = np.lexsort((part["pfs_months"], 1 - part["progression_or_death"]))
    result[order[:progressed]] = PROGRESSION
    others = np.repeat(np.array(list(number), dtype=object), list(number.values()))
    result[order[progressed:]] = rng.permutation(others)
    return result


def assign_adverse_events(
    frame: pd.DataFrame, study: StudyTargets, rng: np.random.Generator
) -> None:
    """Hand out adverse events by grade, in place.

    Where the number of patients with any event (of any grade, and severe) was printed, exactly
    so many have one.
    """
    for event in study.adverse_events:
        frame[event.column] = "none"
    for index, arm in enumerate(ARMS):
        rows = np.flatnonzero((frame["arm"] == study.label(arm)).to_numpy(dtype=bool))
        affected, severely = _affected(study.overall, index, len(rows), rng)
        severe = [event.severe[index] if event.severe else 0 for event in study.adverse_events]
        total = [event.any_grade[index] for event in study.adverse_events]
        heavy = place(severe, severely, rng, cover=study.overall is not None)
        light = place(
            [a - s for a, s in zip(total, severe, strict=True)],
            affected,
            rng,
            cover=study.overall is not None,
            taken=heavy,
        )
        _write_grades(frame, study, rows, light, heavy)


def _affected(
    overall: AdverseEvent | None, index: int, size: int, rng: np.random.Generator
) -> tuple[BoolArray, BoolArray]:
    """Return who has any adverse event and who a severe one, everybody where print is silent."""
    if overall is None or overall.severe is None:
        return np.ones(size, dtype=bool), np.ones(size, dtype=bool)
    order = rng.permutation(size)
    affected, severely = np.zeros(size, dtype=bool), np.zeros(size, dtype=bool)
    affected[order[: overall.any_grade[index]]] = True
    severely[order[: overall.severe[index]]] = True
    return affected, severely


def _write_grades(
    frame: pd.DataFrame, study: StudyTargets, rows: IntArray, light: BoolArray, heavy: BoolArray
) -> None:
    for column, event in enumerate(study.adverse_events):
        mild, grave = study.severe_labels if event.severe else ("any", "any")
        frame.loc[rows[light[:, column]], event.column] = mild
        frame.loc[rows[heavy[:, column]], event.column] = grave


def assign_modes(frame: pd.DataFrame, study: StudyTargets, rng: np.random.Generator) -> None:
    """Hand out the recorded modes of progression, in place, 0 or 1 a mode.

    Every patient with a progression-free event has at least one mode that is not death, so that
    nobody progresses by dying at another time than that of death; death goes to patients who died.
    """
    if not study.modes:
        return
    for mode in study.modes:
        frame[mode.column] = 0
    living = [mode for mode in study.modes if mode.column != DEATH_MODE]
    for index, arm in enumerate(ARMS):
        in_arm = (frame["arm"] == study.label(arm)).to_numpy(dtype=bool)
        rows = np.flatnonzero(in_arm)
        progressed = (frame["progression_or_death"].to_numpy() == 1)[rows]
        counts = [mode.any_grade[index] for mode in living]
        table = place(counts, progressed, rng, cover=True)
        for column, mode in enumerate(living):
            frame.loc[rows[table[:, column]], mode.column] = 1
        dead = rows[frame["death"].to_numpy()[rows] == 1]
        for mode in study.modes:
            if mode.column == DEATH_MODE:
                chosen = rng.choice(dead, mode.any_grade[index], replace=False)
                frame.loc[chosen, mode.column] = 1


def place(
    counts: Sequence[int],
    eligible: BoolArray,
    rng: np.random.Generator,
    *,
    cover: bool,
    taken: BoolArray | None = None,
) -> BoolArray:
    """Return a table of patients by events with these column sums.

    Parameters
    ----------
    counts
        Patients with each event.
    eligible
        Who may have an event, shape ``(patients,)``.
    rng
        Source of the choice.
    cover
        Whether everyone eligible must have an event, in `taken` or here.
    taken
        Cells already used, shape ``(patients, events)``; a patient has an event once.

    Returns
    -------
    numpy.ndarray
        Shape ``(patients, events)``.

    Raises
    ------
    InputError
        If an event needs more patients than there are, or not everyone can be covered.
    """
    used = np.zeros((len(eligible), len(counts)), dtype=bool) if taken is None else taken
    table = np.zeros_like(used)
    for column, count in enumerate(counts):
        free = np.flatnonzero(eligible & ~used[:, column])
        if count > len(free):
            raise InputError(Problem("counts", f"{count} patients needed, {len(free)} there"))
        table[rng.choice(free, count, replace=False), column] = True
    if cover:
        _cover(table, used, eligible, rng)
    return table


def _cover(
    table: BoolArray, used: BoolArray, eligible: BoolArray, rng: np.random.Generator
) -> None:
    """Move events from patients with several to eligible patients with none, in place."""
    load = (table | used).sum(axis=1)
    for patient in np.flatnonzero(eligible & (load == 0)):
        donors, columns = np.nonzero(table & (load > 1)[:, None])
        if len(donors) == 0:
            raise InputError(Problem("counts", "too few events for everyone to have one"))
        chosen = rng.integers(len(donors))
        table[donors[chosen], columns[chosen]] = False
        table[patient, columns[chosen]] = True
        load[donors[chosen]] -= 1
        load[patient] += 1
