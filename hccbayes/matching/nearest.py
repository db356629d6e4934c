"""Greedy nearest-neighbor matching, patient by patient."""

from __future__ import annotations

from typing import Final

import numpy as np

from hccbayes.arms import FloatArray
from hccbayes.errors import InputError, Problem
from hccbayes.matching.distance import Candidates
from hccbayes.matching.record import IntArray

ORDERS: Final = ("largest", "smallest", "random", "data")

Matches = list[tuple[int, int]]
"""Row and column of the distance matrix of each pair."""


def focal_order(
    measure: FloatArray, order: str, seed: int | np.random.Generator | None
) -> IntArray:
    """Return the order in which the focal patients choose.

    Parameters
    ----------
    measure
        Score, or its logit, of the focal patients.
    order
        ``largest`` or ``smallest`` measure first, equal ones as in the data; ``random``; ``data``.
    seed
        For ``random``.

    Raises
    ------
    InputError
        If a random order has no seed.
    """
    if order == "largest":
        return np.argsort(-measure, kind="stable")
    if order == "smallest":
        return np.argsort(measure, kind="stable")
    if order == "data":
        return np.arange(len(measure))
    if seed is None:
        raise InputError(Problem("seed", "is needed for a random order"))
    return np.random.default_rng(seed).permutation(len(measure))


def nearest_matches(
    found: Candidates,
    order: IntArray,
    *,
    ratio: int,
    replace: bool,
) -> tuple[Matches, int]:
    """Return pairs in which each focal patient in turn takes the nearest patient still available.

    Of equally near patients the first in the data is taken. With a ratio above 1 everyone chooses
    once before anyone chooses a second time, as in MatchIt.

    Parameters
    ----------
    found
        Distances and permissions, shape ``(focal patients, others)``.
    order
        Rows in the order in which they choose.
    ratio
        Matches sought for each focal patient.
    replace
        Whether a patient may be matched to several focal ones.

    Returns
    -------
    matches, ties
        Pairs, and how many of them had an equally near alternative.
    """
    open_pairs = found.allowed.copy()
    matches: Matches = []
    ties = 0
    for _ in range(ratio):
        for row in order:
            columns = np.flatnonzero(open_pairs[row])
            if not len(columns):
                continue
            distances = found.distance[row, columns]
            nearest = columns[distances == distances.min()]
            chosen = int(nearest[0])
            ties += len(nearest) > 1
            matches.append((int(row), chosen))
            open_pairs[row, chosen] = False
            if not replace:
                open_pairs[:, chosen] = False
    return matches, ties
