"""Weights of patients as a frozen record, with their size by arm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from hccbayes.arms import (
    ARM_VALUE,
    ARMS,
    Arm,
    FloatArray,
    arm_indicator,
    check_both_arms,
    named,
    patient_names,
)
from hccbayes.errors import InputError, Problem
from hccbayes.person_time import numeric_weights

Scale = Literal["raw", "effective_size", "arm_size"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmWeights:
    """Size of one arm: patients, sum of weights, effective sample size and largest weight."""

    patients: int
    total: float
    effective_sample_size: float
    largest: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Truncation:
    """Which weights were moved to the limits.

    Parameters
    ----------
    percentile
        Upper percentile; the lower one is its complement to 100.
    lower, upper
        The limits.
    raised, lowered
        Number of weights raised to the lower and lowered to the upper limit, by arm.
    """

    percentile: float
    lower: float
    upper: float
    raised: Mapping[Arm, int]
    lowered: Mapping[Arm, int]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Weights:
    """Weights of the patients, with what was done to them.

    Parameters
    ----------
    values
        Finite weights of at least 0, shape ``(patients,)``.
    treatment
        1 for treated patients, shape ``(patients,)``.
    target
        Name of the target, one of :data:`TARGETS`, or another name for weights made elsewhere.
    scale
        ``raw``; ``effective_size`` or ``arm_size`` where each arm's weights sum to that.
    truncation
        Where the weights were truncated.
    """

    values: FloatArray
    treatment: FloatArray
    target: str
    scale: Scale = "raw"
    truncation: Truncation | None = None

    @classmethod
    def of(
        cls,
        values: ArrayLike,
        treatment: ArrayLike,
        target: str,
        *,
        names: Sequence[object] | None = None,
    ) -> Weights:
        """Return checked weights.

        Raises
        ------
        InputError
            If a weight is negative, missing, infinite or symbolic, or an arm has no weight.
        """
        arm = arm_indicator(treatment, names)
        given = np.asarray(values)
        if given.dtype.kind in "fiub" and given.shape == arm.shape:
            wrong = ~(np.isfinite(given) & (given >= 0))
            if wrong.any():
                rows = named(wrong, patient_names(names, len(arm)))
                raise InputError(Problem("weights", "must be finite and at least 0", rows))
        numbers = numeric_weights(values, len(arm))
        check_both_arms(arm, numbers > 0, "has no patient with a weight above 0")
        return cls(values=numbers, treatment=arm, target=target)

    @property
    def arms(self) -> dict[Arm, ArmWeights]:
        """Size of the ``treated`` and the ``control`` arm."""
        return {arm: _arm_weights(self.values[self.treatment == ARM_VALUE[arm]]) for arm in ARMS}


def _arm_weights(values: FloatArray) -> ArmWeights:
    return ArmWeights(
        patients=len(values),
        total=float(values.sum()),
        effective_sample_size=effective_sample_size(values),
        largest=float(values.max()),
    )


def effective_sample_size(weights: FloatArray) -> float:
    r"""Return :math:`(\sum w)^2 / \sum w^2` (Kish 1965), in patients, not above their number.

    Parameters
    ----------
    weights
        Weights of the patients of one arm, not all 0, shape ``(patients,)``.
    """
    # Relative to the largest, so that a square neither overflows nor vanishes.
    relative = weights / weights.max()
    return float(relative.sum() ** 2 / (relative**2).sum())


def summary_table(weights: Weights) -> pd.DataFrame:
    """Return one row an arm: patients, sum of weights, effective sample size and largest weight.

    Returns
    -------
    pandas.DataFrame
        Columns ``arm, patients, total, effective_sample_size, largest, truncated``; the last is
        the number of weights moved to a limit.
    """
    done = weights.truncation
    return pd.DataFrame(
        [
            {
                "arm": arm,
                "patients": size.patients,
                "total": size.total,
                "effective_sample_size": size.effective_sample_size,
                "largest": size.largest,
                "truncated": done.raised[arm] + done.lowered[arm] if done else 0,
            }
            for arm, size in weights.arms.items()
        ]
    )
