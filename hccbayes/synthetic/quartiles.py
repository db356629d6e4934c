"""Values with exactly the printed quartiles of a whole arm and of its matched subset at once.

The printed numbers cut the axis into cells. How many patients of the subset and of the rest fall
into each cell is a small integer program: every quartile is a pair of inequalities, and among the
solutions the one closest to a smooth distribution is taken.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp

from hccbayes.errors import InputError, Problem
from hccbayes.synthetic.targets import Quartiles

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]


def quartile_values(
    whole: Quartiles | None, matched: Quartiles | None, sizes: tuple[int, int], decimals: int
) -> tuple[FloatArray, FloatArray]:
    """Return increasing values of the matched subset and of the rest.

    Parameters
    ----------
    whole, matched
        Printed quartiles; where one is ``None`` it is left free.
    sizes
        Patients of the matched subset and of the rest.
    decimals
        Decimals of the values.

    Raises
    ------
    InputError
        If both are ``None``, or the printed quartiles contradict each other.
    """
    shape = whole if whole is not None else matched
    if shape is None:
        raise InputError(Problem("quartiles", "of the whole arm or of the subset are needed"))
    anchors = sorted({value for part in (whole, matched) if part for value in _three(part)})
    counts = _cell_counts(whole, matched, sizes, anchors, _smooth_shares(shape, anchors))
    low = anchors[0] * shape.lower / shape.median
    high = anchors[-1] * shape.upper / shape.median
    limits = [low, *anchors, high]
    made = [_values(row, limits, decimals) for row in counts]
    return made[0], made[1]


def _three(part: Quartiles) -> tuple[float, float, float]:
    return part.lower, part.median, part.upper


def quartile_positions(size: int) -> list[tuple[int, int]]:
    """Return the order statistics between which each quartile lies, counted from 0 (type 7)."""
    places = [(size - 1) * share for share in (0.25, 0.5, 0.75)]
    return [(math.floor(place), math.ceil(place)) for place in places]


def _smooth_shares(shape: Quartiles, anchors: list[float]) -> FloatArray:
    """Return the share of each cell under a log-linear curve; cells that are points have none.

    Cells alternate: below the first anchor, at it, between it and the second, at that, ...
    """
    logs = np.log([shape.lower**2 / shape.median, *_three(shape), shape.upper**2 / shape.median])
    below = np.interp(np.log(anchors), logs, [0.0, 0.25, 0.5, 0.75, 1.0])
    shares = np.zeros(2 * len(anchors) + 1)
    shares[::2] = np.diff(np.concatenate([[0.0], below, [1.0]]))
    return shares


def _cell_counts(
    whole: Quartiles | None,
    matched: Quartiles | None,
    sizes: tuple[int, int],
    anchors: list[float],
    shares: FloatArray,
) -> IntArray:
    """Return patients by part and cell, shape ``(2, cells)``.

    Variables of the program: the counts of both parts, then how far each lies from the smooth
    curve; the sum of the latter is the smallest possible.
    """
    cells = len(shares)
    rows, lower, upper = [], [], []

    def require(row: FloatArray, at_least: float, at_most: float) -> None:
        rows.append(row)
        lower.append(at_least)
        upper.append(at_most)

    unit = np.eye(4 * cells)
    for part, size in enumerate(sizes):
        first = part * cells
        require(unit[first : first + cells].sum(axis=0), size, size)
        for cell in range(cells):
            count, distance = unit[first + cell], unit[2 * cells + first + cell]
            expected = size * shares[cell]
            require(distance - count, -expected, np.inf)
            require(distance + count, expected, np.inf)
    for printed, parts, size in ((matched, (0,), sizes[0]), (whole, (0, 1), sum(sizes))):
        if printed is None:
            continue
        for anchor, (left, right) in zip(_three(printed), quartile_positions(size), strict=True):
            point = 2 * anchors.index(anchor) + 1
            members = [unit[part * cells : part * cells + cells] for part in parts]
            # At most `left` values stand before the anchor, and all up to `right` not beyond it.
            require(_total(members, point), 0, left)
            require(_total(members, point + 1), right + 1, np.inf)
    solved = milp(
        np.repeat([0.0, 1.0], 2 * cells),
        integrality=np.repeat([1, 0], 2 * cells),
        bounds=Bounds(0, np.inf),
        constraints=LinearConstraint(np.array(rows), lower, upper),
    )
    if not solved.success:
        raise InputError(
            Problem("quartiles", "of the whole and of the subset contradict each other")
        )
    return solved.x[: 2 * cells].round().astype(np.intp).reshape(2, cells)


def _total(members: list[FloatArray], cells: int) -> FloatArray:
    """Return the row of the program that adds up the first cells of some parts."""
    return np.asarray(sum((part[:cells].sum(axis=0) for part in members), np.zeros(())))


def _values(counts: IntArray, limits: list[float], decimals: int) -> FloatArray:
    """Return values spread evenly on the log scale in open cells, and equal in points."""
    values: list[float] = []
    for cell, count in enumerate(counts):
        left = limits[(cell + 1) // 2]
        if cell % 2:
            values += [left] * int(count)
            continue
        right = limits[cell // 2 + 1]
        inside = np.exp(np.linspace(np.log(left), np.log(right), int(count) + 2)[1:-1])
        step = 10.0**-decimals
        # Rounding must not carry a value onto a limit of its cell.
        values += list(
            np.minimum(np.maximum(np.round(inside, decimals), left + step), right - step)
        )
    return np.round(values, decimals)
