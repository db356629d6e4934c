"""Optimal matching: as many pairs as there can be, at the smallest total distance."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

from hccbayes.matching.distance import Candidates
from hccbayes.matching.nearest import Matches


def optimal_matches(found: Candidates, *, ratio: int) -> Matches:
    r"""Return the pairs of the smallest total distance among the largest matchings.

    In this order: as many pairs as the caliper and the exact factors allow; of these matchings one
    that leaves fewest focal patients without any match (then fewest with less than two, and so on);
    of these the smallest sum of distances (Rosenbaum 1989, Journal of the American Statistical
    Association 84:1024). Not every focal patient needs to find one: optmatch would call that
    infeasible.

    Parameters
    ----------
    found
        Distances and permissions, shape ``(focal patients, others)``.
    ratio
        Matches sought for each focal patient.

    Returns
    -------
    list of (row, column)
    """
    focal, others = found.distance.shape
    rows = np.repeat(np.arange(focal), ratio)
    copy = np.tile(np.arange(ratio), focal)
    # A row left without a match costs more than all distances together; the first copy of a
    # patient more than the second. Every row needs a column, so that none is left out free.
    possible = np.where(found.allowed, found.distance, 0.0)
    unit = 1.0 + float(np.sort(possible.max(axis=1, initial=0.0)).sum()) * ratio
    penalty = unit * (ratio - copy)
    cost = np.repeat(penalty[:, None], max(others, len(rows)), axis=1).astype(np.float64)
    allowed = found.allowed[rows]
    cost[:, :others][allowed] = found.distance[rows][allowed]
    chosen = linear_sum_assignment(cost)
    return [
        (int(rows[row]), int(column))
        for row, column in zip(*chosen, strict=True)
        if column < others and allowed[row, column]
    ]
