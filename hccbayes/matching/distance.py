"""How far patients are apart, and who may be matched at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import pandas as pd
from scipy.linalg import solve_triangular
from scipy.spatial.distance import cdist
from scipy.special import logit

from hccbayes.arms import BoolArray, FloatArray, named, plain_numbers
from hccbayes.errors import InputError, Problem
from hccbayes.matching.record import IntArray

Distance = Literal["logit_score", "score", "mahalanobis"]
CaliperScale = Literal["sample", "pooled", "raw"]

DISTANCES: Final = ("logit_score", "score", "mahalanobis")
CALIPER_SCALES: Final = ("sample", "pooled", "raw")
DEPENDENCE_TOLERANCE: Final = 1e-8
"""Share of a covariate's spread left after those before it, below which it is their combination."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Candidates:
    """Distances from the focal patients to those they may be matched with.

    Parameters
    ----------
    distance
        Shape ``(focal patients, others)``.
    allowed
        Whether a pair respects the caliper and the exact factors, same shape.
    same_factors
        Whether a pair respects the exact factors, same shape.
    gap
        Difference in the measure of the caliper, same shape.
    """

    distance: FloatArray
    allowed: BoolArray
    same_factors: BoolArray
    gap: FloatArray


def score_measure(score: FloatArray, distance: Distance, names: tuple[str, ...]) -> FloatArray:
    """Return what the caliper and the order are on: the logit of the score, or the score.

    Raises
    ------
    InputError
        If the logit of a score of 0 or 1 is needed.
    """
    if distance == "score":
        return score
    certain = (score == 0.0) | (score == 1.0)
    if certain.any():
        raise InputError(
            Problem(
                "propensity score",
                "is 0 or 1, which has no logit; trim these patients (`crump_trim`) or use "
                "distance `score`",
                named(certain, names),
            )
        )
    return np.asarray(logit(score), dtype=np.float64)


def caliper_width(
    measure: FloatArray, treated: BoolArray, caliper: float, scale: CaliperScale
) -> float:
    r"""Return the caliper in units of the measure.

    ``sample``: times the standard deviation over all patients, as MatchIt does. ``pooled``: times
    :math:`\sqrt{(s_1^2 + s_0^2) / 2}` with the standard deviations within the arms (Austin 2011,
    Pharmaceutical Statistics 10:150). The first is the wider one where the arms differ. ``raw``: as
    it is.

    Raises
    ------
    InputError
        If the caliper is not positive, the measure does not vary, or an arm of ``pooled`` has one
        patient.
    """
    if not (np.isfinite(caliper) and caliper > 0):
        raise InputError(Problem("caliper", f"must be a positive number, not {caliper!r}"))
    if scale == "raw":
        return float(caliper)
    if scale == "sample":
        spread = float(measure.std(ddof=1))
    else:
        arms = (measure[treated], measure[~treated])
        if min(len(arm) for arm in arms) < 2:
            raise InputError(Problem("caliper_scale", "`pooled` needs two patients in each arm"))
        spread = float(np.sqrt(np.mean([arm.var(ddof=1) for arm in arms])))
    if not spread > 0:
        raise InputError(Problem("caliper", "the score is the same for all; there is no caliper"))
    return caliper * spread


def mahalanobis_coordinates(
    covariates: pd.DataFrame, treated: BoolArray, names: tuple[str, ...]
) -> FloatArray:
    r"""Return covariates in which the Euclidean distance is Mahalanobis'.

    The covariance is pooled within the arms,
    :math:`S = \sum_a \sum_{i \in a} (x_i - \bar x_a)(x_i - \bar x_a)^\top / (n - 2)`, as in MatchIt
    (Rubin 1980, Biometrics 36:293).

    Parameters
    ----------
    covariates
        Numbers, one row a patient, factors as 0/1 columns without a reference level.
    treated
        Arm of each patient.
    names
        Names of the patients.

    Raises
    ------
    InputError
        If a covariate is missing for a patient, is no number, or does not vary within the arms
        beyond the covariates before it, so that the covariance is singular.
    """
    values = np.column_stack(
        [plain_numbers(covariates[name], f"covariate {name}") for name in covariates]
    )
    problems = [
        Problem(f"covariate {name}", "is missing or infinite", named(~np.isfinite(column), names))
        for name, column in zip(covariates, values.T, strict=True)
        if not np.isfinite(column).all()
    ]
    if problems:
        raise InputError(problems)
    # Standardized over all patients, so that the tolerance below has no units.
    scale = values.std(axis=0, ddof=1)
    standardized = (values - values.mean(axis=0)) / np.where(scale > 0, scale, 1.0)
    within = standardized.copy()
    for own in (treated, ~treated):
        within[own] -= within[own].mean(axis=0)
    triangle = np.linalg.qr(within, mode="r")
    _check_singular(triangle, [str(name) for name in covariates])
    factor = triangle / np.sqrt(len(values) - 2)
    return np.asarray(solve_triangular(factor, standardized.T, trans="T").T, dtype=np.float64)


def _check_singular(triangle: FloatArray, covariates: Sequence[str]) -> None:
    left = np.zeros(len(covariates))
    left[: len(triangle)] = np.abs(np.diag(triangle))
    # Columns are standardized: a spread of sqrt(n) at most.
    singular = left <= DEPENDENCE_TOLERANCE * max(1.0, float(left.max(initial=0.0)))
    if singular.any():
        raise InputError(
            [
                Problem(
                    f"covariate {name}",
                    "is constant within the arms, or a combination of the covariates before it; "
                    "the Mahalanobis distance has no covariance to divide by. Remove it",
                )
                for name, wrong in zip(covariates, singular, strict=True)
                if wrong
            ]
        )


def candidates(
    coordinates: FloatArray,
    measure: FloatArray,
    focal: BoolArray,
    strata: IntArray,
    caliper: float | None,
) -> Candidates:
    """Return distances and permissions between the focal patients and the others.

    Parameters
    ----------
    coordinates
        Euclidean distance between its rows is the distance, shape ``(patients, columns)``.
    measure
        What the caliper is on, shape ``(patients,)``.
    focal
        True for the patients for whom matches are sought.
    strata
        Equal for patients who agree in all exact factors, shape ``(patients,)``.
    caliper
        Largest allowed difference of `measure`, ``None`` for any.
    """
    gap = np.abs(measure[focal][:, None] - measure[~focal])
    same = strata[focal][:, None] == strata[~focal]
    allowed = same if caliper is None else same & (gap <= caliper)
    if coordinates.shape[1] == 1:
        # The very number that the caliper judges: cdist squares and takes the root.
        distance = np.abs(coordinates[focal] - coordinates[~focal].T)
    else:
        distance = cdist(coordinates[focal], coordinates[~focal])
    return Candidates(distance=distance, allowed=allowed, same_factors=same, gap=gap)
