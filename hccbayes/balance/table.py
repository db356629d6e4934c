"""Balance before and after adjustment as tidy tables, over all patients and by center."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from hccbayes.arms import FloatArray, arm_indicator, named, patient_names
from hccbayes.balance.statistics import (
    FOCAL_ARMS,
    STATISTICS,
    has_pooled_fallback,
    known_statistic,
)
from hccbayes.balance.terms import BalanceTerm, Factors, balance_terms
from hccbayes.errors import InputError, Problem
from hccbayes.weights import Weights, known_target

BALANCE_COLUMNS: tuple[str, ...] = (
    "term",
    "kind",
    "statistic",
    "unadjusted",
    "adjusted",
    "threshold",
    "balanced",
)
"""Columns of a balance table."""


def balance_table(
    columns: pd.DataFrame,
    treatment: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    target: str = "ate",
    factors: Factors | None = None,
    statistics: Iterable[str] | None = None,
    names: Sequence[object] | None = None,
) -> pd.DataFrame:
    """Return the balance of columns and factors before and after adjustment.

    Parameters
    ----------
    columns
        Numbers, one row a patient; dummy columns of factors among them.
    treatment
        1 for treated patients, 0 for controls, shape ``(patients,)``.
    weights
        Weights of the patients, 0 for those left out; ``None`` for the unadjusted sample alone.
    target
        What the weights aim at; decides the denominator, see
        :mod:`hccbayes.balance.statistics`. For matched pairs their estimand.
    factors
        Factors judged as a whole: their dummy columns in `columns`, or a series of labels.
    statistics
        Names out of :data:`hccbayes.balance.STATISTICS`; all of them by default.
    names
        Identifiers of the patients, for errors; positions from 0 where there is none.

    Returns
    -------
    pandas.DataFrame
        Columns of :data:`BALANCE_COLUMNS`: one row a term and statistic. ``adjusted`` is ``nan``
        without weights. ``threshold`` is ``nan`` and ``balanced`` is missing where there is no
        threshold or no number; ``balanced`` judges the adjusted value, or without weights the
        unadjusted one. ``attrs["conventions"]`` holds sentences to be printed with the table.

    Raises
    ------
    InputError
        If the input is wrong.
    """
    arm = arm_indicator(treatment, names)
    own = patient_names(names, len(arm))
    known_target(target)
    chosen = list(STATISTICS if statistics is None else statistics)
    for name in chosen:
        known_statistic(name)
    terms = balance_terms(columns, factors, own)
    adjusted = None if weights is None else Weights.of(weights, arm, target, names=names).values
    rows = list(_rows(terms, arm, chosen, target, np.ones(len(arm)), adjusted))
    table = _typed(pd.DataFrame(rows, columns=list(BALANCE_COLUMNS)))
    table.attrs["conventions"] = conventions(terms, arm, target)
    return table


def balance_by_center(
    columns: pd.DataFrame,
    treatment: ArrayLike,
    center: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    target: str = "ate",
    factors: Factors | None = None,
    names: Sequence[object] | None = None,
) -> pd.DataFrame:
    """Return the standardized mean differences within each center.

    Denominators are those of all patients, so that centers can be compared and a small one is not
    measured by a standard deviation of its own.

    Parameters
    ----------
    columns, treatment, weights, target, factors, names
        As in :func:`balance_table`.
    center
        Label of each patient's center, shape ``(patients,)``.

    Returns
    -------
    pandas.DataFrame
        ``center, treated, control`` (patients of the arms) before the columns of
        :data:`BALANCE_COLUMNS`; values are ``nan`` where an arm has no patient, or no weight, in
        the center.

    Raises
    ------
    InputError
        If the input is wrong.
    """
    arm = arm_indicator(treatment, names)
    own = patient_names(names, len(arm))
    known_target(target)
    terms = balance_terms(columns, factors, own)
    adjusted = None if weights is None else Weights.of(weights, arm, target, names=names).values
    labels = _center_labels(center, own)
    rows: list[dict[str, Any]] = []
    for label in sorted(set(labels)):
        here = (labels == label).astype(np.float64)
        within = None if adjusted is None else adjusted * here
        size = {
            "center": label,
            "treated": int(here[arm == 1.0].sum()),
            "control": int(here[arm == 0.0].sum()),
        }
        rows += [size | row for row in _rows(terms, arm, ["smd"], target, here, within)]
    table = _typed(pd.DataFrame(rows, columns=["center", "treated", "control", *BALANCE_COLUMNS]))
    table.attrs["conventions"] = (
        *conventions(terms, arm, target),
        "Within a center the denominator is that of all centers together.",
    )
    return table


def _center_labels(center: ArrayLike, names: tuple[str, ...]) -> np.ndarray[Any, Any]:
    labels = pd.Series(np.asarray(center))
    if len(labels) != len(names):
        raise InputError(Problem("center", f"one a patient is needed: {len(names)}"))
    missing = labels.isna().to_numpy()
    if missing.any():
        raise InputError(Problem("center", "is missing", named(missing, names)))
    return labels.astype(str).to_numpy(dtype=object)


def _rows(
    terms: Iterable[BalanceTerm],
    treatment: FloatArray,
    statistics: Iterable[str],
    target: str,
    before: FloatArray,
    after: FloatArray | None,
) -> Iterator[dict[str, Any]]:
    chosen = list(statistics)
    for term in terms:
        for name in chosen:
            statistic = STATISTICS[name]
            if term.kind not in statistic.kinds:
                continue
            values = [
                statistic.compute(term, treatment, weights, target)
                if weights is not None and _both_arms_weigh(treatment, weights)
                else math.nan
                for weights in (before, after)
            ]
            judged = values[0] if after is None else values[1]
            limit = statistic.threshold
            yield {
                "term": term.name,
                "kind": term.kind,
                "statistic": name,
                "unadjusted": values[0],
                "adjusted": values[1],
                "threshold": math.nan if limit is None else limit,
                "balanced": pd.NA
                if limit is None or math.isnan(judged)
                else statistic.balanced(judged, limit),
            }


def _both_arms_weigh(treatment: FloatArray, weights: FloatArray) -> bool:
    return all(bool((weights[treatment == arm] > 0).any()) for arm in (1.0, 0.0))


def _typed(table: pd.DataFrame) -> pd.DataFrame:
    numbers = dict.fromkeys(["unadjusted", "adjusted", "threshold"], "float64")
    return table.astype({**numbers, "balanced": "boolean"})


def conventions(
    terms: Iterable[BalanceTerm], treatment: FloatArray, target: str
) -> tuple[str, ...]:
    """Return how the numbers of a balance table were made, in sentences."""
    focal = FOCAL_ARMS.get(target)
    denominator = (
        f"the standard deviation of the {focal} arm"
        if focal
        else "the square root of the mean of the two arms' variances"
    )
    said = [
        f"Standardized by {denominator}, before any weighting, for target `{target}`.",
        "Differences are treated minus control; those of a factor as a whole have no sign.",
        "The variance of a binary column is p (1 - p); variance ratios are treated over control.",
    ]
    pooled = [term.name for term in terms if has_pooled_fallback(term, treatment, target)]
    if pooled:
        said.append(
            f"In the {focal} arm {', '.join(pooled)} has no variance, or lacks a level: the "
            "variances of both arms were averaged instead."
        )
    return tuple(said)
