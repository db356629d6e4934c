"""Where a profile likelihood comes down to a level, found without profiling it at every step."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import numpy as np

from hccbayes.frequentist.episodes import FloatArray
from hccbayes.frequentist.newton import Point

MOST_STEPS: Final = 60
LEVEL_ERROR: Final = 1e-9
"""Of the log-likelihood, at a limit; its slope there is about 2 a standard error."""
SCORE_ERROR: Final = 1e-7
"""Of the other terms' scores, in standard errors."""


def profile_limit(
    at: Callable[[FloatArray], Point],
    coef: FloatArray,
    best: Point,
    level: float,
    term: int,
    side: float,
) -> float | None:
    r"""Return the value of a coefficient at which its profile likelihood is at a level.

    All coefficients move together: each step solves, for a quadratic with the information at hand,

    .. math:: \ell(\beta) = c, \qquad \partial \ell / \partial \beta_k = 0 \ (k \ne j)

    (Venzon & Moolgavkar 1988, Applied Statistics 37:87). The information may be an approximation:
    what is solved is exact at the end.

    Parameters
    ----------
    at
        Value, score and information at coefficients, shape ``(terms,)``.
    coef, best
        The maximum, and what `at` returns there.
    level
        c, below the maximum.
    term
        Position j of the coefficient.
    side
        -1 for the lower limit, 1 for the upper.

    Returns
    -------
    float or None
        The limit; nothing where the steps do not get there, as where there is none.
    """
    rest = np.arange(len(coef)) != term
    current, point = coef, best
    reach = math.inf
    for step_number in range(MOST_STEPS):
        try:
            inverse = np.linalg.inv(point.information[np.ix_(rest, rest)])
        except np.linalg.LinAlgError:
            return None
        across = point.information[term, rest] @ inverse
        curvature = float(point.information[term, term] - across @ point.information[rest, term])
        slope = float(point.score[term] - across @ point.score[rest])
        top = point.value + float(point.score[rest] @ inverse @ point.score[rest]) / 2.0
        if not (curvature > 0 and math.isfinite(top)):
            return None
        if step_number == 0:
            reach = 3.0 * math.sqrt(2.0 * (best.value - level) / curvature)
        # level = top + slope h - curvature h^2 / 2; the root on the way outwards.
        inside = slope**2 - 2.0 * curvature * (level - top)
        if inside < 0:
            return None
        move = (slope + side * math.sqrt(inside)) / curvature
        shift = np.zeros_like(coef)
        shift[term] = move
        shift[rest] = inverse @ (point.score[rest] - point.information[rest, term] * move)
        current = current + shift
        if abs(current[term] - coef[term]) > reach:
            return None
        point = at(current)
        if not math.isfinite(point.value):
            return None
        error = math.sqrt(float(np.square(point.score[rest]) @ np.diag(inverse)))
        if abs(point.value - level) < LEVEL_ERROR and error < SCORE_ERROR:
            return float(current[term])
    return None
