"""Values of continuous covariates with the printed mean and standard deviation, or quartiles."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import beta, gamma

from hccbayes.arms import Arm
from hccbayes.errors import InputError, Problem
from hccbayes.synthetic.quartiles import quartile_values
from hccbayes.synthetic.targets import Continuous, MeanSd

FloatArray = NDArray[np.float64]

BOUNDED_SHAPE: Final = 3.0
"""Base scores follow a Beta(3, 3), bell-shaped and within 2.65 standard deviations of its mean, so
that ages around 49 with standard deviation 12 stay adult."""
BOUNDED_REACH: Final = 2.7
"""Standard deviations that a mean must lie above 0 for them to be used."""


def ordered_values(
    frame: pd.DataFrame, label: str, arm: Arm, variable: Continuous, rng: np.random.Generator
) -> None:
    """Fill in the values of one arm, in place.

    Values are made in increasing order and handed out at random, within the levels of the margin
    that cuts the variable where there is one.
    """
    in_arm = (frame["arm"] == label).to_numpy(dtype=bool)
    matched = in_arm & _matched(frame)
    remainder = in_arm & ~matched
    rows = [np.flatnonzero(matched), np.flatnonzero(remainder)]
    low = [_below_cut(frame, part, variable) for part in rows]
    values = _part_values(
        variable, arm, (len(rows[0]), len(rows[1])), (int(low[0].sum()), int(low[1].sum()))
    )
    for part, below, numbers in zip(rows, low, values, strict=True):
        if len(part):
            order = np.lexsort((rng.random(len(part)), ~below))
            frame.loc[part[order], variable.column] = numbers


def _matched(frame: pd.DataFrame) -> NDArray[np.bool_]:
    if "matched" not in frame:
        return np.zeros(len(frame), dtype=bool)
    return (frame["matched"] == "yes").to_numpy(dtype=bool)


def _below_cut(
    frame: pd.DataFrame, rows: NDArray[np.intp], variable: Continuous
) -> NDArray[np.bool_]:
    """Return who lies at or below the cut, nobody where there is none."""
    if variable.cut is None:
        return np.zeros(len(rows), dtype=bool)
    levels = frame[variable.cut[0]].iloc[rows]
    return (levels == "no").to_numpy(dtype=bool)


def _part_values(
    variable: Continuous, arm: Arm, sizes: tuple[int, int], low: tuple[int, int]
) -> tuple[FloatArray, FloatArray]:
    """Return increasing values of the matched subset and of the rest."""
    whole, matched = variable.whole(arm), variable.matched(arm)
    if isinstance(whole, MeanSd):
        first = whole if matched is None else matched
        assert isinstance(first, MeanSd)
        rest = remaining_mean_sd(whole, sum(sizes), first, sizes[0])
        parts = zip((first, rest), sizes, low, strict=True)
        made = [_mean_sd_values(variable, *part) if part[1] else np.empty(0) for part in parts]
        return made[0], made[1]
    assert not isinstance(matched, MeanSd)
    return quartile_values(whole, matched, sizes, variable.decimals)


def remaining_mean_sd(whole: MeanSd, n: int, part: MeanSd, n_part: int) -> MeanSd:
    """Return mean and standard deviation of what is left when a part is taken away.

    Sums and sums of squares about the mean add up: :math:`SS = SS_1 + SS_2 + n_1 (m_1 - m)^2 +
    n_2 (m_2 - m)^2`.
    """
    rest = n - n_part
    if n_part == 0 or rest < 2:
        return whole
    mean = (n * whole.mean - n_part * part.mean) / rest
    between = n_part * (part.mean - whole.mean) ** 2 + rest * (mean - whole.mean) ** 2
    squares = (n - 1) * whole.sd**2 - (n_part - 1) * part.sd**2 - between
    if squares <= 0:
        raise InputError(
            Problem("mean and sd", "of the part and of the whole contradict each other")
        )
    return MeanSd(mean, math.sqrt(squares / (rest - 1)))


def _mean_sd_values(variable: Continuous, target: MeanSd, size: int, low: int) -> FloatArray:
    score = base_scores(size, target)
    if variable.cut is None:
        values = target.mean + target.sd * (score - score.mean()) / score.std(ddof=1)
        return np.round(values, variable.decimals)
    step = 10.0**-variable.decimals
    cut = variable.cut[1]
    values = np.round(values_around_cut(score, low, cut, target), variable.decimals)
    # Rounding may carry a value onto the wrong side of the cut.
    return np.where(np.arange(size) < low, np.minimum(values, cut), np.maximum(values, cut + step))


def base_scores(size: int, target: MeanSd) -> FloatArray:
    """Return increasing scores: bell-shaped and bounded, or a gamma's where 0 would be passed."""
    share = (np.arange(size) + 0.5) / size
    if target.mean > BOUNDED_REACH * target.sd:
        return np.asarray(beta.ppf(share, BOUNDED_SHAPE, BOUNDED_SHAPE))
    return np.asarray(gamma.ppf(share, (target.mean / target.sd) ** 2))


def values_around_cut(score: FloatArray, low: int, cut: float, target: MeanSd) -> FloatArray:
    r"""Return increasing values of which `low` lie below a cut, with this mean and deviation.

    Distances of the scores from the cut are stretched by one factor below and another above it,
    :math:`x = c - a u` and :math:`x = c + b v`. The mean fixes one in terms of the other, the
    standard deviation leaves a quadratic equation.

    Raises
    ------
    InputError
        If no positive pair of factors exists.
    """
    size = len(score)
    border = (score[low - 1] + score[low]) / 2.0
    down, up = border - score[:low], score[low:] - border
    # mean: -a sum(u) + b sum(v) = n (mean - cut), hence b = p + q a
    offset = size * (target.mean - cut)
    p, q = offset / up.sum(), down.sum() / up.sum()
    squares = (size - 1) * target.sd**2 + size * (target.mean - cut) ** 2
    ups = float(up @ up)
    a2, a1, a0 = float(down @ down) + q**2 * ups, 2 * p * q * ups, p**2 * ups - squares
    roots = np.roots([a2, a1, a0])
    usable = [(float(a), p + q * float(a)) for a in roots.real if a > 0 and p + q * float(a) > 0]
    if not usable or np.iscomplex(roots).any():
        raise InputError(Problem("cut", f"no values with {low} of {size} below {cut:g}"))
    a, b = usable[0]
    return np.concatenate([cut - a * down, cut + b * up])
