"""Table 1 by arm as papers print it: every row with the test that gave its p, and its SMD."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from hccbayes.arms import BoolArray, arm_indicator
from hccbayes.errors import InputError, Problem
from hccbayes.evidence.count_tests import Counts
from hccbayes.frequentist.choice_of_test import (
    MANN_WHITNEY,
    NamedTest,
    TTest,
    counts_test,
    values_test,
)
from hccbayes.frequentist.covariate_levels import (
    check_columns,
    check_complete,
    counted_levels,
    is_counted,
)
from hccbayes.frequentist.episodes import FloatArray
from hccbayes.standardized_difference import factor_smd

BASELINE_COMPARISON_COLUMNS: Final = (
    "variable",
    "level",
    "shown",
    "treated",
    "control",
    "test",
    "p_value",
    "smd",
    "note",
)


def compare_baseline(
    frame: pd.DataFrame,
    treatment: ArrayLike,
    *,
    counted: Sequence[str] | None = None,
    t_test: TTest = "welch",
) -> pd.DataFrame:
    r"""Return baseline characteristics by arm, with tests by name.

    Parameters
    ----------
    frame
        One row a patient, one column a variable, nothing missing.
    treatment
        1 for treated patients, 0 for controls, shape ``(patients,)``.
    counted
        Columns counted by level; left out: text, 0/1, and whole numbers of few values.
    t_test
        ``welch`` or ``student``.

    Returns
    -------
    pandas.DataFrame
        Columns of :data:`BASELINE_COMPARISON_COLUMNS`. ``shown`` says what the text cells hold:
        ``n``, ``n (%)``, ``mean (sd)``, or ``median [quartiles]`` where ranks are tested. Test, p
        and SMD stand in a variable's first row; the SMD has no sign, is of levels as one factor
        (Yang and Dalton 2012), and of means :math:`|m_1 - m_0| / \sqrt{(s_1^2 + s_0^2) / 2}`.

    Raises
    ------
    InputError
        If a value is missing or infinite, a name not known or there twice, or an arm has no
        patient.
    """
    arms = arm_indicator(treatment)
    if len(arms) != len(frame):
        raise InputError(Problem("treatment", f"one a row is needed: {len(frame)}"))
    check_columns(frame)
    check_complete(frame, tuple(map(str, [*frame.columns, *(counted or ())])))
    treated = arms == 1
    sizes = {"treated": str(int(treated.sum())), "control": str(int((~treated).sum()))}
    rows = [_row("patients", "", "n", sizes)]
    for name in frame:
        column = frame[name].reset_index(drop=True)
        by_level = is_counted(column) if counted is None else name in counted
        own = _level_rows(column, treated) if by_level else _value_rows(column, treated, t_test)
        rows.extend(own)
    return pd.DataFrame(rows, columns=list(BASELINE_COMPARISON_COLUMNS))


def level_counts(levels: pd.Series, treated: BoolArray) -> Counts:
    """Return patients by level and arm (treated, control), shape ``(levels, 2)``."""
    codes = levels.cat.codes.to_numpy()
    size = len(levels.cat.categories)
    counts = [np.bincount(codes[own], minlength=size) for own in (treated, ~treated)]
    return np.column_stack(counts).astype(np.int64)


def _level_rows(column: pd.Series, treated: BoolArray) -> list[dict[str, Any]]:
    levels = counted_levels(column)
    counts = level_counts(levels, treated)
    smd = factor_smd(counts[:, 0].tolist(), counts[:, 1].tolist())
    totals = counts.sum(axis=0)
    rows = []
    for place, level in enumerate(levels.cat.categories):
        cells = {
            arm: f"{counts[place, side]} ({100.0 * counts[place, side] / totals[side]:.1f}%)"
            for side, arm in enumerate(("treated", "control"))
        }
        found = (counts_test(counts), smd) if place == 0 else None
        rows.append(_row(str(column.name), str(level), "n (%)", cells, found))
    return rows


def _value_rows(column: pd.Series, treated: BoolArray, t_test: TTest) -> list[dict[str, Any]]:
    try:
        values = column.to_numpy(dtype=np.float64)
    except ValueError:
        raise InputError(Problem(f"column {column.name}", "is no number; count it")) from None
    if not np.isfinite(values).all():
        raise InputError(Problem(f"column {column.name}", "has infinite values"))
    arms = {"treated": values[treated], "control": values[~treated]}
    test = values_test(arms["treated"], arms["control"], t_test=t_test)
    median = test.name == MANN_WHITNEY
    cells = {arm: _cell(own, median) for arm, own in arms.items()}
    shown = "median [quartiles]" if median else "mean (sd)"
    smd = _mean_smd(*arms.values())
    return [_row(str(column.name), "", shown, cells, (test, smd))]


def _cell(values: FloatArray, median: bool) -> str:
    if median:
        low, middle, high = np.quantile(values, (0.25, 0.5, 0.75))
        return f"{middle:.1f} [{low:.1f}, {high:.1f}]"
    spread = f"{values.std(ddof=1):.1f}" if len(values) > 1 else "-"
    return f"{values.mean():.1f} ({spread})"


def _mean_smd(treated: FloatArray, control: FloatArray) -> float:
    if min(len(treated), len(control)) < 2:
        return math.nan
    difference = abs(float(treated.mean() - control.mean()))
    spread = math.sqrt(float(treated.var(ddof=1) + control.var(ddof=1)) / 2.0)
    if spread == 0:
        return 0.0 if difference == 0 else math.inf
    return difference / spread


def _row(
    variable: str,
    level: str,
    shown: str,
    cells: dict[str, str],
    found: tuple[NamedTest, float] | None = None,
) -> dict[str, Any]:
    test, smd = found or (NamedTest(name="", p_value=math.nan), math.nan)
    notes = [test.note]
    if math.isinf(smd):
        notes.append("SMD infinite: the arms differ and neither varies")
    elif found and math.isnan(smd):
        notes.append("SMD not estimable: an arm of one patient has no variance")
    return {
        "variable": variable,
        "level": level,
        "shown": shown,
        **cells,
        "test": test.name,
        "p_value": test.p_value,
        "smd": smd,
        "note": "; ".join(filter(None, notes)),
    }
