"""Arm indicators, propensity scores and the names of patients, checked once for all who use them.

Weights, matching and balance take the same three arrays; what is wrong with one of them is said in
the same words, with the patients it is about.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hccbayes.errors import InputError, Problem

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

Arm = Literal["treated", "control"]
ARMS: Final[tuple[Arm, Arm]] = ("treated", "control")
"""Arms in the order of every table and figure."""
ARM_VALUE: Final[Mapping[Arm, float]] = MappingProxyType({"treated": 1.0, "control": 0.0})
"""Value of the arm indicator."""


def patient_names(names: Sequence[object] | None, patients: int) -> tuple[str, ...]:
    """Return what errors call the patients.

    Parameters
    ----------
    names
        One identifier a patient; positions from 0 where there is none.
    patients
        Number of patients.

    Raises
    ------
    InputError
        If their number is wrong.
    """
    own = tuple(str(name) for name in (range(patients) if names is None else names))
    if len(own) != patients:
        raise InputError(Problem("names", f"one a patient is needed: {patients}, got {len(own)}"))
    return own


def arm_indicator(treatment: ArrayLike, names: Sequence[object] | None = None) -> FloatArray:
    """Return the arm as 1 (treated) and 0 (control), shape ``(patients,)``.

    Parameters
    ----------
    treatment
        Arm of each patient, 0/1 or bool.
    names
        Identifiers of the patients, for the error.

    Raises
    ------
    InputError
        If an arm is neither 0 nor 1, or an arm has no patient.
    """
    values = plain_numbers(treatment, "treatment")
    if values.ndim != 1:
        raise InputError(Problem("treatment", f"must have one dimension, not {values.ndim}"))
    wrong = ~np.isin(values, (0.0, 1.0))
    if wrong.any():
        rows = named(wrong, patient_names(names, len(values)))
        raise InputError(Problem("treatment", "must be 1 (treated) or 0 (control)", rows))
    check_both_arms(values, np.ones(len(values), dtype=bool), "has no patient")
    return values


def propensity_score(
    score: ArrayLike,
    patients: int,
    names: Sequence[object] | None = None,
    *,
    draws: bool = False,
) -> FloatArray:
    """Return the probabilities of treatment, shape ``(patients,)`` or ``(..., patients)``.

    Parameters
    ----------
    score
        Probability of being treated given the covariates.
    patients
        Length of the last dimension.
    names
        Identifiers of the patients, for the error.
    draws
        Whether there may be leading dimensions.

    Raises
    ------
    InputError
        If a score is missing or outside of [0, 1]; 0 and 1 themselves are scores.
    """
    values = plain_numbers(score, "propensity score")
    if values.ndim > 1 and not draws:
        raise InputError(Problem("propensity score", "must have one dimension; average the draws"))
    if values.ndim == 0 or values.shape[-1] != patients:
        raise InputError(Problem("propensity score", f"one a patient is needed: {patients}"))
    wrong = ~((values >= 0.0) & (values <= 1.0))
    if wrong.any():
        concerned = wrong.reshape(-1, patients).any(axis=0)
        rows = named(concerned, patient_names(names, patients))
        raise InputError(Problem("propensity score", "must lie between 0 and 1", rows))
    return values


def plain_numbers(values: ArrayLike, what: str) -> FloatArray:
    """Return values as floats, or raise where they are no numbers (text, model variables)."""
    array = np.asarray(values)
    if array.dtype.kind not in "fiub":
        raise InputError(Problem(what, "must be plain numbers, not text or model variables"))
    return array.astype(np.float64)


def check_both_arms(treatment: FloatArray, kept: BoolArray, message: str) -> None:
    """Raise where an arm has no patient among those kept; the message completes ``<arm> arm:``."""
    problems = [
        Problem(f"{arm} arm", message)
        for arm, value in ARM_VALUE.items()
        if not (kept & (treatment == value)).any()
    ]
    if problems:
        raise InputError(problems)


def named(concerned: BoolArray, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of the patients where `concerned` is true."""
    return tuple(names[position] for position in np.flatnonzero(concerned))
