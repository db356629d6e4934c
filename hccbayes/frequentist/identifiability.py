"""Whether a partial likelihood determines its coefficients: dependence and separation.

Both are properties of the risk sets and the design alone. The log partial likelihood is concave; it
is flat along a direction where that combination of terms is constant in every risk set, and rises
forever along one where each patient who dies has its largest value in the risk set.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from hccbayes.errors import InputError
from hccbayes.frequentist.episodes import Episodes, FloatArray
from hccbayes.frequentist.running_sums import running_likelihood

DEPENDENCE_TOLERANCE: Final = 1e-8
"""Share of a term's length left after the terms before it, below which it is their combination:
the square root of double precision, as the rank is read off sums of squares."""

SEPARATION_WEIGHT: Final = 1e-3
"""Weight in a separating direction from which a term is named. The largest weight of such a
direction is 1, the program's bound; where there is none all are 0 up to its rounding of 1e-7."""

PROGRAM_ROUNDING: Final = 1e-7
"""How far the linear program may miss a constraint, HiGHS's default."""

PAIRS_AT_A_TIME: Final = 500
"""Pairs added to the linear program at a time; only as many as terms are binding in the end."""


class NotEstimableError(InputError):
    """The data, correct as they are, do not determine what was asked for."""


def dependent_terms(
    design: FloatArray, terms: Sequence[str], episodes: Episodes, strata: NDArray[np.intp]
) -> tuple[str, ...]:
    """Return the terms that the risk sets cannot tell from the terms before them.

    Parameters
    ----------
    design
        Shape ``(rows, terms)``.
    terms
        Names of the columns.
    episodes, strata
        Follow-up and stratum of each row.

    Returns
    -------
    tuple of str
        Empty where the coefficients are identified. A term that is constant wherever it is
        compared is its own dependent term.
    """
    group = _compared_groups(episodes, strata)
    compared = group >= 0
    if not compared.all():
        design, group = design[compared], group[compared]
    # Measured against the term as it stands, so that rounding of a large constant is no spread.
    lengths = np.sqrt(np.einsum("ij,ij->j", design, design))
    basis = np.empty(design.T.shape)
    kept = 0
    dependent = []
    for term, values, length in zip(terms, _centered_within(design, group), lengths, strict=True):
        before = basis[:kept]
        rest = values
        # Gram-Schmidt, twice: once leaves rounding in terms that are nearly dependent. Without
        # BLAS, which wakes its threads for each of these short sums.
        for _ in range(2):
            share = np.einsum("ij,j->i", before, rest)
            rest = rest - np.einsum("i,ij->j", share, before)
        left = float(np.sqrt((rest**2).sum()))
        if left <= DEPENDENCE_TOLERANCE * max(float(length), 1e-300):
            dependent.append(term)
        else:
            basis[kept] = rest / left
            kept += 1
    return tuple(dependent)


def separated_terms(
    design: FloatArray, terms: Sequence[str], episodes: Episodes, strata: NDArray[np.intp]
) -> tuple[str, ...]:
    r"""Return the terms whose coefficients run to infinity.

    The maximum does not exist where a direction v has :math:`v'(x_i - x_k) \ge 0` for every event
    i and every k at risk with it, and more than 0 for one of them. Along it the score at 0, a sum
    of the means of these differences, is positive: a linear program looks for the direction in
    which it is largest. The pairs may be billions, so the program starts with none and is given
    those its last answer breaks most, until it breaks none.

    Parameters
    ----------
    design
        Shape ``(rows, terms)``, columns of similar spread.
    terms
        Names of the columns.
    episodes, strata
        Follow-up and stratum of each row.

    Returns
    -------
    tuple of str
        Empty where the maximum exists.
    """
    deaths = np.flatnonzero(episodes.event)
    if deaths.size == 0:
        return ()
    score = running_likelihood(design, episodes, strata, "breslow")(np.zeros(len(terms))).score
    pairs = np.zeros((0, len(terms)))
    while True:
        found = linprog(-score, A_ub=-pairs, b_ub=np.zeros(len(pairs)), bounds=(-1, 1))
        if not found.success or -found.fun < PROGRAM_ROUNDING:
            return ()
        value = design @ found.x
        ahead = _largest_at_risk(value, episodes, strata)
        broken = value[ahead] - value[deaths]
        worst = np.argsort(-broken)[:PAIRS_AT_A_TIME]
        worst = worst[broken[worst] > PROGRAM_ROUNDING]
        added = np.unique(
            np.concatenate([pairs, design[deaths[worst]] - design[ahead[worst]]]), axis=0
        )
        if len(added) == len(pairs):
            break
        pairs = added
    return tuple(
        term for term, weight in zip(terms, found.x, strict=True) if abs(weight) > SEPARATION_WEIGHT
    )


def _largest_at_risk(
    value: FloatArray, episodes: Episodes, strata: NDArray[np.intp]
) -> NDArray[np.intp]:
    """Return, for each row with an event, the row at risk with it whose value is largest."""
    entry, stop, size = episodes.entry.tolist(), episodes.stop.tolist(), (-value).tolist()
    largest = np.zeros(len(stop), dtype=np.intp)
    for code in np.unique(strata):
        rows = np.flatnonzero(strata == code)
        latest = rows[np.argsort(-episodes.stop[rows])].tolist()
        heap: list[tuple[float, int]] = []
        begun = 0
        # Backward in time: rows come in at their stop, and who has not entered by now never has.
        for row in latest:
            if not episodes.event[row]:
                continue
            while begun < len(latest) and stop[latest[begun]] >= stop[row]:
                heapq.heappush(heap, (size[latest[begun]], latest[begun]))
                begun += 1
            while entry[heap[0][1]] >= stop[row]:
                heapq.heappop(heap)
            largest[row] = heap[0][1]
    return largest[episodes.event]


def _compared_groups(episodes: Episodes, strata: NDArray[np.intp]) -> NDArray[np.intp]:
    """Group of rows that chains of overlapping risk sets compare; -1 for rows in no risk set.

    Within a stratum, episodes are stretches of time: risk sets of two event times share a row, or
    are joined by the risk sets between them, exactly where each neighbor shares one with the next.
    """
    group = np.full(len(strata), -1, dtype=np.intp)
    used = 0
    for code in np.unique(strata):
        rows = np.flatnonzero(strata == code)
        part = episodes.take(rows)
        times = part.event_times()
        if times.size == 0:
            continue
        first = np.searchsorted(times, part.entry, side="right")
        last = np.searchsorted(times, part.stop, side="right") - 1
        inside = first <= last
        # Rows over the gap between event times k and k + 1: those begun less those ended.
        begun = np.bincount(first[inside], minlength=times.size)
        ended = np.bincount(last[inside], minlength=times.size)
        spanning = np.cumsum(begun - ended)[:-1] > 0
        label = np.concatenate([[0], np.cumsum(~spanning)])
        group[rows[inside]] = used + label[first[inside]]
        used += int(label[-1]) + 1
    return group


def _centered_within(values: FloatArray, group: NDArray[np.intp]) -> FloatArray:
    """Values minus the mean of their group, one row a column, shape ``(terms, rows)``."""
    centered = np.ascontiguousarray(values.T)
    if group.size == 0:
        return centered
    counts = np.maximum(np.bincount(group), 1)
    means = np.stack([np.bincount(group, column) / counts for column in centered])
    # A group alone, as without delayed entry, needs no mean a row.
    return centered - (means if counts.size == 1 else means[:, group])
