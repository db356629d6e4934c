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
    shape = _complete(whole, matched)
    lower, median, upper = shape
    anchors = sorted(
        {value for part in (whole, matched) for value in _printed(part) if value is not None}
    )
    counts = _cell_counts(whole, matched, sizes, anchors, _smooth_shares(shape, anchors))
    limits = [anchors[0] * lower / median, *anchors, anchors[-1] * upper / median]
    made = [_values(row, limits, decimals) for row in counts]
    return made[0], made[1]


def _printed(part: Quartiles | None) -> tuple[float | None, ...]:
    return () if part is None else (part.lower, part.median, part.upper)


def _complete(*parts: Quartiles | None) -> tuple[float, float, float]:
    """Return the first three quartiles without a gap: the shape of the distribution."""
    for part in parts:
        if part is not None and part.lower is not None:
            return part.lower, part.median, part.upper
    raise InputError(Problem("quartiles", "of the whole arm or of the subset are needed"))


def quartile_positions(size: int) -> list[tuple[int, int]]:
    """Return the order statistics between which each quartile lies, counted from 0 (type 7)."""
    places = [(size - 1) * share for share in (0.25, 0.5, 0.75)]
    return [(math.floor(place), math.ceil(place)) for place in places]


def _smooth_shares(shape: tuple[float, float, float], anchors: list[float]) -> FloatArray:
    """Return the share of each cell under a log-linear curve; cells that are points have none.

    Cells alternate: below the first anchor, at it, between it and the second, at that, ...
    """
    lower, median, upper = shape
    logs = np.log([lower**2 / median, lower, median, upper, upper**2 / median])
    below = np.interp(np.log(anchors), logs, [0.0, 0.25, 0.5, 0.75, 1.0])
    shares = np.zeros(2 * len(anchors) + 1)
    shares[::2] = np.diff(np.concatenate([[0.0], below, [1.0]]))
    return shares


class _Inequalities:
    """Rows of the integer program, with their bounds."""

    def __init__(self) -> None:
        self.rows: list[FloatArray] = []
        self.lower: list[float] = []
        self.upper: list[float] = []

    def require(self, row: FloatArray, at_least: float, at_most: float) -> None:
        self.rows.append(row)
        self.lower.append(at_least)
        self.upper.append(at_most)


def _cell_counts(
    whole: Quartiles | None,
    matched: Quartiles | None,
    sizes: tuple[int, int],
    anchors: list[float],
    shares: FloatArray,
) -> IntArray:
    """Return the counts of each part by cell, shape ``(2, cells)``.

    Unknowns of the program are the counts of both parts, then how far each lies from the smooth
    curve; the sum of the latter is the smallest possible.
    """
    cells = len(shares)
    program = _Inequalities()
    _require_sizes(program, sizes, shares)
    for printed, parts, size in ((matched, (0,), sizes[0]), (whole, (0, 1), sum(sizes))):
        for anchor, span in zip(_printed(printed), quartile_positions(size), strict=False):
            if anchor is not None:
                _require_quartile(program, 2 * anchors.index(anchor) + 1, span, parts, cells)
    solved = milp(
        np.repeat([0.0, 1.0], 2 * cells),
        integrality=np.repeat([1, 0], 2 * cells),
        bounds=Bounds(0, np.inf),
        constraints=LinearConstraint(np.array(program.rows), program.lower, program.upper),
    )
    if not solved.success:
        raise InputError(
            Problem("quartiles", "of the whole and of the subset contradict each other")
        )
    return solved.x[: 2 * cells].round().astype(np.intp).reshape(2, cells)


def _require_sizes(program: _Inequalities, sizes: tuple[int, int], shares: FloatArray) -> None:
    """Make counts add up to sizes, and distances bound how far they are from the curve."""
    cells = len(shares)
    unit = np.eye(4 * cells)
    for part, size in enumerate(sizes):
        first = part * cells
        program.require(unit[first : first + cells].sum(axis=0), size, size)
        for cell in range(cells):
            count, distance = unit[first + cell], unit[2 * cells + first + cell]
            expected = size * shares[cell]
            program.require(distance - count, -expected, np.inf)
            program.require(distance + count, expected, np.inf)


def _require_quartile(
    program: _Inequalities, point: int, span: tuple[int, int], parts: tuple[int, ...], cells: int
) -> None:
    """Let at most so many values stand before the cell of a quartile, and enough not beyond it."""
    unit = np.eye(4 * cells)
    before = np.zeros(4 * cells)
    for part in parts:
        before += unit[part * cells : part * cells + point].sum(axis=0)
    at = sum((unit[part * cells + point] for part in parts), np.zeros(4 * cells))
    program.require(before, 0, span[0])
    program.require(before + at, span[1] + 1, np.inf)


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
