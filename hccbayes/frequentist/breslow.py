"""Breslow's partial likelihood from running sums, for cohorts too large for arrays of risk sets.

lifelines has no Breslow ties. Every sum over a risk set is a sum over those who end at or after a
time less a sum over those who enter at or after it, so that rows are sorted once and value, score
and information take rows times squared terms numbers.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hccbayes.frequentist.episodes import Episodes, FloatArray
from hccbayes.frequentist.newton import Point


def breslow_likelihood(
    design: FloatArray, episodes: Episodes, strata: NDArray[np.intp]
) -> Callable[[FloatArray], Point]:
    r"""Return the log partial likelihood of Breslow (1974) as a function of the coefficients.

    .. math:: \ell(\beta) = \sum_k \Bigl[\sum_{i \in D_k} x_i'\beta
              - d_k \log \sum_{i \in R_k} e^{x_i'\beta}\Bigr]

    over the event times k of every stratum; equal to
    :func:`hccbayes.frequentist.partial_likelihood.partial_likelihood` with Breslow's ties.

    Parameters
    ----------
    design
        Shape ``(rows, terms)``, columns of similar spread around 0.
    episodes, strata
        Follow-up and stratum of each row.
    """
    parts = []
    for code in np.unique(strata):
        rows = np.flatnonzero(strata == code)
        if episodes.event[rows].any():
            parts.append(_stratum(design[rows], episodes.take(rows)))

    def function(coef: FloatArray) -> Point:
        points = [part(coef) for part in parts]
        return Point(
            value=sum(point.value for point in points),
            score=np.sum([point.score for point in points], axis=0),
            information=np.sum([point.information for point in points], axis=0),
        )

    return function


def _stratum(design: FloatArray, episodes: Episodes) -> Callable[[FloatArray], Point]:
    """Return the log partial likelihood of one stratum."""
    times = episodes.event_times()
    deaths = episodes.ends(times, event=True).astype(np.float64)
    of_the_dead = design[episodes.event].sum(axis=0)
    by_stop = np.argsort(episodes.stop)
    still_there = np.searchsorted(episodes.stop[by_stop], times, side="left")
    # Rows observed from the origin are never "not yet there".
    late = np.flatnonzero(np.isfinite(episodes.entry))
    by_entry = late[np.argsort(episodes.entry[late])]
    not_yet_there = np.searchsorted(episodes.entry[by_entry], times, side="left")
    rows, terms = design.shape
    products = (design[:, :, None] * design[:, None, :]).reshape(rows, terms * terms)
    moments = np.concatenate([np.ones((rows, 1)), design, products], axis=1)

    def function(coef: FloatArray) -> Point:
        linear = design @ coef
        largest = linear.max()
        weighted = moments * np.exp(linear - largest)[:, None]
        sums = _sums_from(weighted[by_stop], still_there)
        if by_entry.size:
            sums = sums - _sums_from(weighted[by_entry], not_yet_there)
        total = sums[:, :1]
        mean = sums[:, 1 : 1 + terms] / total
        second = (deaths @ (sums[:, 1 + terms :] / total)).reshape(terms, terms)
        value = of_the_dead @ coef - deaths @ (np.log(total[:, 0]) + largest)
        return Point(
            value=float(value),
            score=of_the_dead - deaths @ mean,
            information=second - mean.T @ (mean * deaths[:, None]),
        )

    return function


def _sums_from(values: FloatArray, first: NDArray[np.intp]) -> FloatArray:
    """Return the sums of the rows from each position on, shape ``(positions, columns)``."""
    tail = np.cumsum(values[::-1], axis=0)[::-1]
    return np.concatenate([tail, np.zeros((1, values.shape[1]))])[first]
