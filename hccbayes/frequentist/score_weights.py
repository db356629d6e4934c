"""Weights of target populations, and their derivatives with respect to an estimated score."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from hccbayes.errors import InputError, Problem
from hccbayes.frequentist.arguments import numbers
from hccbayes.frequentist.episodes import FloatArray
from hccbayes.frequentist.weighted_variance import EstimatedWeights, case_weights
from hccbayes.weights import TARGETS, known_target, weight_values

SCORE_TOLERANCE: Final = 1e-6
"""Largest score of the logistic likelihood, in standard deviations, at which a score counts as its
maximum; a converged fit has 1e-8 and less, a shrunken one 0.1 and more."""
WEIGHT_TOLERANCE: Final = 1e-8
"""Relative deviation from a target's formula beyond which weights are others."""

_SLOPES: Final[dict[str, Callable[[FloatArray], FloatArray]]] = {
    "ate": np.zeros_like,
    "ate_stabilized": np.zeros_like,
    "att": np.ones_like,
    "atc": lambda e: -np.ones_like(e),
    "ato": lambda e: 1.0 - 2.0 * e,
    "matching": lambda e: np.where(e < 0.5, 1.0, -1.0),
    "entropy": lambda e: np.log1p(-e) - np.log(e),
}
"""Derivative of each target's tilting function. That of the matching weights has none at 1/2."""


def weight_derivative(score: ArrayLike, treatment: ArrayLike, target: str) -> FloatArray:
    r"""Return the derivative of each weight of a target with respect to its score.

    .. math:: \frac{dw}{de} = \frac{h'}{e} - \frac{h}{e^2} \ (A = 1), \qquad
              \frac{h'}{1 - e} + \frac{h}{(1 - e)^2} \ (A = 0)

    Parameters
    ----------
    score
        Propensity scores, strictly between 0 and 1, shape ``(patients,)``.
    treatment
        1 for treated, 0 for control.
    target
        One of :data:`hccbayes.weights.TARGETS`, whose tilting function is h.

    Raises
    ------
    InputError
        If the target is not known, or a score or a treatment is wrong.
    """
    e, arm = _checked(score, treatment, target)
    tilt, slope = known_target(target).tilt(e), _SLOPES[target](e)
    treated = slope / e - tilt / e**2
    control = slope / (1.0 - e) + tilt / (1.0 - e) ** 2
    return _arm_share(arm, target) * np.where(arm == 1, treated, control)


def estimated_weights(
    score_columns: pd.DataFrame,
    score: ArrayLike,
    treatment: ArrayLike,
    target: str,
    weights: ArrayLike | None = None,
) -> EstimatedWeights:
    r"""Return weights with what a variance needs to know of their estimated score.

    The parameters' influences are :math:`(X'WX)^{-1} x_i (A_i - e_i)` for the logistic model and,
    for the share treated of ``ate_stabilized``, :math:`(A_i - p)/n`.

    Parameters
    ----------
    score_columns
        Covariates of the logistic model, without intercept, one row a patient.
    score
        Its maximum-likelihood scores.
    treatment
        1 for treated, 0 for control.
    target
        One of :data:`hccbayes.weights.TARGETS`.
    weights
        The weights in use, a multiple of the target's; the target's where left out.

    Raises
    ------
    InputError
        If an argument is wrong, the scores are not the maximum-likelihood fit of the columns
        (a prior or a penalty shrank them), the columns are collinear, or the weights are not a
        multiple of the target's (they were truncated, or scaled by arm).
    """
    e, arm = _checked(score, treatment, target)
    if len(score_columns) != len(e):
        raise InputError(
            Problem("score columns", f"have {len(score_columns)} rows for {len(e)} scores")
        )
    own = weight_values(e, arm, target)
    scale = 1.0 if weights is None else _multiple(case_weights(weights, len(e)), own)
    design, parameter_influence = _score_influence(score_columns, e, arm)
    jacobian = (weight_derivative(e, arm, target) * e * (1.0 - e))[:, None] * design
    if target == "ate_stabilized":
        share = arm.mean()
        by_share = np.where(arm == 1, 1.0 / e, -1.0 / (1.0 - e))
        jacobian = np.column_stack([jacobian, by_share])
        parameter_influence = np.column_stack([parameter_influence, (arm - share) / len(arm)])
    return EstimatedWeights(
        values=scale * own, jacobian=scale * jacobian, parameter_influence=parameter_influence
    )


def _score_influence(
    columns: pd.DataFrame, score: FloatArray, arm: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the logistic design, standardized, and each patient's influence on its parameters."""
    values = columns.to_numpy(dtype=np.float64)
    spread = values.std(axis=0)
    # The span of the columns is what matters; standardized, the information is well conditioned.
    standardized = (values - values.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    design = np.column_stack([np.ones(len(arm)), standardized])
    if np.linalg.matrix_rank(design) < design.shape[1]:
        raise InputError(Problem("score columns", "are collinear; leave out what others determine"))
    information = design.T @ (design * (score * (1.0 - score))[:, None])
    gradient = design.T @ (arm - score)
    if (np.abs(gradient) > SCORE_TOLERANCE * np.sqrt(np.diag(information))).any():
        raise InputError(
            Problem("score", "is not the maximum-likelihood logistic fit of the score columns")
        )
    return design, (design * (arm - score)[:, None]) @ np.linalg.inv(information)


def _multiple(weights: FloatArray, own: FloatArray) -> float:
    """Return the factor between weights and those of the target's formula."""
    scale = float(weights.sum() / own.sum())
    if not np.allclose(weights, scale * own, rtol=WEIGHT_TOLERANCE, atol=0.0):
        raise InputError(
            Problem(
                "weights",
                "are not a multiple of the target's formula: truncated, or scaled by arm?",
            )
        )
    return scale


def _arm_share(arm: FloatArray, target: str) -> FloatArray:
    """Return the factor of stabilized weights, 1 for others."""
    if target != "ate_stabilized":
        return np.ones_like(arm)
    return np.where(arm == 1, arm.mean(), 1.0 - arm.mean())


def _checked(score: ArrayLike, treatment: ArrayLike, target: str) -> tuple[FloatArray, FloatArray]:
    e, arm = numbers(score, "score"), numbers(treatment, "treatment")
    problems = []
    if target not in TARGETS:
        known = ", ".join(TARGETS)
        problems.append(Problem("target", f"unknown target {target!r}; choose from {known}"))
    if e.ndim != 1 or arm.shape != e.shape or not np.isin(arm, (0.0, 1.0)).all():
        problems.append(Problem("treatment", "one 0 or 1 a score is needed"))
    if not ((e > 0) & (e < 1)).all():
        where = tuple(str(row) for row in np.flatnonzero(~((e > 0) & (e < 1))))
        problems.append(Problem("score", "must lie strictly between 0 and 1", where))
    if problems:
        raise InputError(problems)
    return e, arm
