"""Newton's method with halved steps for a log-likelihood that is given with its derivatives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from hccbayes.frequentist.episodes import FloatArray

MAX_ITERATIONS: Final = 200
MAX_HALVINGS: Final = 40
DECREMENT: Final = 1e-20
"""Newton decrement at which a maximum is found: an error of 1e-10 standard errors."""
VALUE_ROUNDING: Final = 1e-12
"""Share of the log-likelihood that is its rounding."""


class Derivatives(Protocol):
    """A function at a point: its value, its score and what the step is solved with."""

    @property
    def value(self) -> float:
        """Value of the function."""

    @property
    def score(self) -> FloatArray:
        """First derivatives, shape ``(terms,)``."""

    @property
    def information(self) -> FloatArray:
        """Positive definite matrix of the step, as a rule the negative second derivatives."""


class NoMaximumError(Exception):
    """The iteration found no maximum; the message says how it ended."""


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """A :class:`Derivatives` of plain values."""

    value: float
    score: FloatArray
    information: FloatArray


def maximize[D: Derivatives](
    function: Callable[[FloatArray], D], start: FloatArray
) -> tuple[FloatArray, D]:
    """Return where a function is largest and what it is there.

    Parameters
    ----------
    function
        Called with coefficients, shape ``(terms,)``.
    start
        Where to start.

    Raises
    ------
    NoMaximumError
        If a step cannot be solved for, none along it raises the function, or the iteration does
        not end.
    """
    coef, current = start, function(start)
    for _ in range(MAX_ITERATIONS):
        try:
            step = np.linalg.solve(current.information, current.score)
        except np.linalg.LinAlgError:
            raise NoMaximumError("the information is singular") from None
        if not np.isfinite(step).all():
            raise NoMaximumError("the information is singular")
        if abs(float(current.score @ step)) < DECREMENT:
            return coef, current
        moved = _halved_step(function, coef, step, current.value)
        if moved is None:
            # Where score and value are both rounding, this is as near as the numbers go.
            if abs(float(current.score @ step)) < VALUE_ROUNDING:
                return coef, current
            raise NoMaximumError("no step along Newton's direction raises the likelihood")
        coef, current = moved
    raise NoMaximumError(f"no convergence after {MAX_ITERATIONS} steps")


def _halved_step[D: Derivatives](
    function: Callable[[FloatArray], D], coef: FloatArray, step: FloatArray, value: float
) -> tuple[FloatArray, D] | None:
    """Return the point after the longest step of 1, 1/2, 1/4, ... that does not go down."""
    floor = value - VALUE_ROUNDING * (1.0 + abs(value))
    for halving in range(MAX_HALVINGS):
        candidate = coef + step / 2.0**halving
        with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):
            # Too long a step underflows a late risk set to nothing; nan is no improvement.
            moved = function(candidate)
        if moved.value >= floor:
            return candidate, moved
    return None
