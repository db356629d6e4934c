"""Adverse events by arm: patients with any grade, and with grade 3 or 4."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hccbayes.arms import BoolArray, arm_indicator
from hccbayes.defaults import INTERVAL_PROB
from hccbayes.errors import InputError, Problem
from hccbayes.frequentist.covariate_levels import check_complete
from hccbayes.frequentist.proportions import PROPORTION_COLUMNS, compare_proportions

ANY_GRADE: Final = "any"
SEVERE: Final = "3-4"
SEVERE_OR_FATAL: Final = "3-5"
NONE, MILD, SEVERE_GRADE, DEATH, UNGRADED = range(5)

GRADES: Final[Mapping[str, int]] = MappingProxyType(
    {
        "none": NONE,
        "no": NONE,
        "0": NONE,
        "1": MILD,
        "2": MILD,
        "1-2": MILD,
        "3": SEVERE_GRADE,
        "4": SEVERE_GRADE,
        "3-4": SEVERE_GRADE,
        "5": DEATH,
        "any": UNGRADED,
        "yes": UNGRADED,
    }
)
"""Labels of a patient's worst grade; ``any`` and ``yes`` say that there was one, not which."""
ADVERSE_EVENT_COLUMNS: Final = ("event", "grade", *PROPORTION_COLUMNS)
NOT_GRADED: Final = "not estimable: grades are not recorded"


def adverse_event_table(
    frame: pd.DataFrame,
    events: Sequence[str],
    arm: str = "treatment",
    *,
    prob: float = INTERVAL_PROB,
) -> pd.DataFrame:
    """Return patients with each adverse event by arm, at any grade and at grade 3 or 4.

    Shares are of patients, not of time: the arms may have been treated for different lengths of
    time. The p-values are of one event each; with many events some fall below 0.05 by chance.

    Parameters
    ----------
    frame
        One row a patient.
    events
        Columns with the worst grade of each patient, a label of :data:`GRADES`; nothing missing.
    arm
        Column with 1 for treated patients and 0 for controls.
    prob
        Probability of the limits of the risk difference.

    Returns
    -------
    pandas.DataFrame
        Two rows an event, columns of :data:`ADVERSE_EVENT_COLUMNS`; ``grade`` is ``any`` or
        ``3-4`` (``3-5`` where a patient died of it). Where an event has no grades its second row
        is empty and ``note`` says so.

    Raises
    ------
    InputError
        If a column is not there or named twice, or a value is missing or no grade.
    """
    if len(set(events)) < len(events):
        raise InputError(Problem("events", "name each event once"))
    check_complete(frame, (*events, arm))
    treated = arm_indicator(frame[arm]) == 1
    grades = {event: [_label(value) for value in frame[event]] for event in events}
    unknown = [
        Problem(f"column {event}", _unknown(labels))
        for event, labels in grades.items()
        if _unknown(labels)
    ]
    if unknown:
        raise InputError(unknown)
    rows = [
        row
        for event, labels in grades.items()
        for row in _event_rows(event, np.array([GRADES[label] for label in labels]), treated, prob)
    ]
    table = pd.DataFrame(rows, columns=list(ADVERSE_EVENT_COLUMNS))
    counts = ["treated_n", "treated_total", "control_n", "control_total"]
    return table.astype(dict.fromkeys(counts, "Int64"))


def _event_rows(
    event: str, codes: NDArray[np.int_], treated: BoolArray, prob: float
) -> Iterator[dict[str, Any]]:
    """Yield the row of any grade and that of the severe ones."""
    severe = SEVERE_OR_FATAL if (codes == DEATH).any() else SEVERE
    ungraded = bool((codes == UNGRADED).any())
    for grade, having in ((ANY_GRADE, codes != NONE), (severe, codes >= SEVERE_GRADE)):
        if ungraded and grade != ANY_GRADE:
            yield _ungraded(event, grade)
            continue
        one, two = ((int(having[own].sum()), int(own.sum())) for own in (treated, ~treated))
        yield {"event": event, "grade": grade, **compare_proportions(one, two, prob=prob)}


def _ungraded(event: str, grade: str) -> dict[str, Any]:
    empty: dict[str, Any] = dict.fromkeys(PROPORTION_COLUMNS, math.nan)
    counts = ("treated_n", "treated_total", "control_n", "control_total")
    empty |= dict.fromkeys(counts, pd.NA)
    return {"event": event, "grade": grade, **empty, "test": "", "note": NOT_GRADED}


def _label(value: object) -> str:
    """Return a grade as text; 3.0 is grade 3."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _unknown(labels: Sequence[str]) -> str:
    """Return what is wrong with the labels of an event, nothing where all are known."""
    unknown = sorted({label for label in labels if label not in GRADES})
    if not unknown:
        return ""
    return f"unknown grades {', '.join(unknown)}; known are {', '.join(GRADES)}"
