"""Baseline characteristics before and after adjustment, side by side; without p-values.

A test of baseline differences answers a question about a population, in a sample whose imbalance
is what matters, and shrinks with the sample that matching leaves (Imai, King and Stuart 2008).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from hccbayes.arms import ARM_VALUE, ARMS, Arm, BoolArray, FloatArray, arm_indicator, patient_names
from hccbayes.balance.statistics import (
    standardized_mean_difference,
    weighted_mean,
    weighted_variance,
)
from hccbayes.balance.terms import BalanceTerm, column_term, factor_term
from hccbayes.errors import InputError, Problem
from hccbayes.weights import Weights, effective_sample_size, known_target

BASELINE_COLUMNS: tuple[str, ...] = (
    "variable",
    "level",
    "shown",
    "treated_before",
    "control_before",
    "smd_before",
    "treated_after",
    "control_after",
    "smd_after",
)
"""Columns of a baseline table."""

QUARTILES: Final = (0.25, 0.5, 0.75)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class _Sample:
    """Patients before or after adjustment: weights, and whether they count heads."""

    treatment: FloatArray
    weights: FloatArray
    heads: bool

    def only(self, kept: BoolArray) -> _Sample:
        return _Sample(treatment=self.treatment[kept], weights=self.weights[kept], heads=self.heads)

    def own(self, arm: Arm) -> BoolArray:
        """Return who of the arm has a weight."""
        return (self.treatment == ARM_VALUE[arm]) & (self.weights > 0)

    @property
    def both_arms(self) -> bool:
        return all(bool(self.own(arm).any()) for arm in ARMS)


def baseline_table(
    frame: pd.DataFrame,
    treatment: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    matched: ArrayLike | None = None,
    target: str = "ate",
    medians: Sequence[str] = (),
    digits: int = 1,
    names: Sequence[object] | None = None,
) -> pd.DataFrame:
    """Return characteristics of the arms before and after weighting or matching.

    Parameters
    ----------
    frame
        One row a patient, one column a variable: numbers, 0/1, or labels. Missing values are
        counted in a row of their own and left out of the other rows of that variable.
    treatment
        1 for treated patients, 0 for controls, shape ``(patients,)``.
    weights
        Weights of the patients: weighted mean, standard deviation, quantiles and shares.
    matched
        Positions of the matched patients instead, as in ``MatchedPairs.matched``: they are
        counted, each once. With several matches a patient, or replacement, give the weights.
    target
        What the weights or pairs aim at; decides the denominator of the differences.
    medians
        Numbers shown as median and quartiles instead of mean and standard deviation.
    digits
        Decimals of numbers; shares have one.
    names
        Identifiers of the patients, for errors; positions from 0 where there is none.

    Returns
    -------
    pandas.DataFrame
        Columns of :data:`BASELINE_COLUMNS`. Cells are text, differences numbers: signed for
        numbers and 0/1, without a sign for factors (in their first row), of means also where
        medians are shown. ``shown`` says what the
        cells hold: ``n``, ``mean (sd)``, ``median [quartiles]``, ``n (%)``. Weighted cells hold
        the share alone, and in the first row the effective sample size. Quantiles are values that
        occur: the smallest with at least that share of the weight at or below it.

    Raises
    ------
    InputError
        If the input is wrong, or weights and matched patients are both given.
    """
    arm = arm_indicator(treatment, names)
    own = patient_names(names, len(arm))
    known_target(target)
    _check_frame(frame, medians, len(own))
    samples = [_Sample(treatment=arm, weights=np.ones(len(arm)), heads=True)]
    if weights is not None or matched is not None:
        samples.append(_adjusted(arm, weights, matched, target, names))
    rows = [_row("patients", "", "n", [_sizes(sample) for sample in samples])]
    for name in frame:
        rows += _variable_rows(str(name), frame[name], samples, target, name in medians, digits)
    table = pd.DataFrame(rows, columns=list(BASELINE_COLUMNS))
    return table.astype({"smd_before": "float64", "smd_after": "float64"})


def _check_frame(frame: pd.DataFrame, medians: Sequence[str], patients: int) -> None:
    problems = []
    if len(frame) != patients:
        problems.append(
            Problem("frame", f"one row a patient is needed: {patients}, got {len(frame)}")
        )
    problems += [
        Problem(f"column {name}", "is there twice")
        for name in frame.columns[frame.columns.duplicated()]
    ]
    unknown = [name for name in medians if name not in frame]
    if unknown:
        problems.append(Problem("medians", f"not in the frame: {', '.join(unknown)}"))
    if problems:
        raise InputError(problems)


def _adjusted(
    treatment: FloatArray,
    weights: ArrayLike | None,
    matched: ArrayLike | None,
    target: str,
    names: Sequence[object] | None,
) -> _Sample:
    if matched is None:
        values = Weights.of(np.asarray(weights), treatment, target, names=names).values
        return _Sample(treatment=treatment, weights=values, heads=False)
    if weights is not None:
        raise InputError(Problem("matched", "give weights or matched patients, not both"))
    positions = np.asarray(matched)
    inside = positions.dtype.kind in "iu" and positions.ndim == 1
    if not (inside and ((positions >= 0) & (positions < len(treatment))).all()):
        raise InputError(Problem("matched", "must be positions of patients, from 0"))
    if len(np.unique(positions)) < len(positions):
        raise InputError(
            Problem("matched", "holds a patient twice; give the weights of the pairs instead")
        )
    values = np.zeros(len(treatment))
    values[positions] = 1.0
    return _Sample(
        treatment=treatment,
        weights=Weights.of(values, treatment, target, names=names).values,
        heads=True,
    )


def _row(
    variable: str, level: str, shown: str, cells: list[tuple[str, str]], smd: Sequence[float] = ()
) -> dict[str, Any]:
    """Return a row; cells are (treated, control) before and, where there is one, after."""
    row: dict[str, Any] = {"variable": variable, "level": level, "shown": shown}
    for index, when in enumerate(("before", "after")):
        given = index < len(cells)
        row[f"treated_{when}"], row[f"control_{when}"] = cells[index] if given else ("", "")
        row[f"smd_{when}"] = smd[index] if index < len(smd) else np.nan
    return row


def _sizes(sample: _Sample) -> tuple[str, str]:
    own = [sample.weights[sample.own(arm)] for arm in ARMS]
    if sample.heads:
        return str(len(own[0])), str(len(own[1]))
    sizes = [f"{effective_sample_size(weights):.1f} effective" for weights in own]
    return sizes[0], sizes[1]


def _variable_rows(
    name: str,
    column: pd.Series,
    samples: list[_Sample],
    target: str,
    median: bool,
    digits: int,
) -> list[dict[str, Any]]:
    known = column.notna().to_numpy()
    observed = [sample.only(known) for sample in samples]
    term = _term(name, column[known])
    smd = [
        standardized_mean_difference(term, sample.treatment, sample.weights, target)
        if sample.both_arms
        else np.nan
        for sample in observed
    ]
    if term.kind == "continuous":
        shown = "median [quartiles]" if median else "mean (sd)"
        cells = [_pair(_number_cell, sample, term.values, median, digits) for sample in observed]
        rows = [_row(name, "", shown, cells, smd)]
    elif term.kind == "binary":
        cells = [_pair(_share_cell, sample, term.values) for sample in observed]
        rows = [_row(name, "", "n (%)", cells, smd)]
    else:
        rows = [_row(name, "", "n (%)", [], smd)]
        for code, level in enumerate(term.levels):
            is_level = (term.values == code).astype(np.float64)
            cells = [_pair(_share_cell, sample, is_level) for sample in observed]
            rows.append(_row(name, level, "n (%)", cells))
    if not known.all():
        missing = (~known).astype(np.float64)
        cells = [_pair(_share_cell, sample, missing) for sample in samples]
        rows.append(_row(name, "missing", "n (%)", cells))
    return rows


def _term(name: str, observed: pd.Series) -> BalanceTerm:
    if observed.empty:
        raise InputError(Problem(f"column {name}", "is missing for every patient"))
    labels = tuple(str(label) for label in observed.index)
    is_number = pd.api.types.is_numeric_dtype(observed) or pd.api.types.is_bool_dtype(observed)
    if isinstance(observed.dtype, pd.CategoricalDtype) or not is_number:
        return factor_term(name, observed, labels)
    return column_term(name, observed.astype(np.float64), labels)


def _pair(
    cell: Callable[..., str], sample: _Sample, values: FloatArray, *options: object
) -> tuple[str, str]:
    """Return the cells of the treated and of the control arm; ``-`` for an arm without patients."""
    own = [sample.own(arm) for arm in ARMS]
    cells = [
        cell(values[rows], sample.weights[rows], sample.heads, *options) if rows.any() else "-"
        for rows in own
    ]
    return cells[0], cells[1]


def _number_cell(
    values: FloatArray, weights: FloatArray, heads: bool, median: bool, digits: int
) -> str:
    if median:
        low, middle, high = np.quantile(values, QUARTILES, weights=weights, method="inverted_cdf")
        return f"{middle:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"
    variance = weighted_variance(values, weights)
    spread = "-" if np.isnan(variance) else f"{np.sqrt(variance):.{digits}f}"
    return f"{weighted_mean(values, weights):.{digits}f} ({spread})"


def _share_cell(values: FloatArray, weights: FloatArray, heads: bool) -> str:
    share = f"{100.0 * weighted_mean(values, weights):.1f}%"
    return f"{int(values.sum())} ({share})" if heads else share
