"""Simulated annealing: towards a data set at which every distance is small.

Kirkpatrick, Gelatt & Vecchi (1983), Science 220:671. A proposal that comes closer is taken, one
that leads away with a probability that falls with the temperature.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hccbayes.synthetic.targets import InfeasibleDrawError

FloatArray = NDArray[np.float64]

CLOSE_ENOUGH: Final = 0.5
"""A search ends when every distance is within half of its tolerance: distances of hazard ratios are
first-order approximations, and what is found is measured exactly afterwards."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """How long a search takes and how fast it cools.

    Parameters
    ----------
    steps
        Proposals before the search is given up.
    first, last
        Temperatures, falling geometrically from the one to the other; the unit is a squared
        tolerance.
    """

    steps: int
    first: float
    last: float

    def temperature(self, step: int) -> float:
        """Return the temperature of a step."""
        return self.first * (self.last / self.first) ** (step / self.steps)


def anneal[State](
    state: State,
    propose: Callable[[State], State],
    distances: Callable[[State], FloatArray],
    schedule: Schedule,
    rng: np.random.Generator,
    *,
    within: float = CLOSE_ENOUGH,
) -> State:
    """Return a state at which every distance is small.

    Parameters
    ----------
    state
        Where the search begins.
    propose
        A new state from a state.
    distances
        How many tolerances a state is off each target, with sign; their squares are added up.
    schedule
        Steps and temperatures.
    rng
        Source of the acceptances.
    within
        Distance of every target at which the search ends.

    Raises
    ------
    InfeasibleDrawError
        If the search ends before; the message names how many targets are missed.
    """
    off = distances(state)
    for step in range(schedule.steps):
        if np.abs(off).max() < within:
            return state
        proposal = propose(state)
        proposed = distances(proposal)
        rise = float(proposed @ proposed - off @ off)
        if rise < 0 or rng.random() < np.exp(-rise / schedule.temperature(step)):
            state, off = proposal, proposed
    missed = int((np.abs(off) >= within).sum())
    raise InfeasibleDrawError(f"the search ended with {missed} of {len(off)} targets missed")
