"""Partial likelihoods from running sums over event times, for cohorts of any size.

Every sum over a risk set is a sum over those who end at or after a time less a sum over those who
enter at or after it. Second moments need no sum of their own: added over event times, they are the
rows' squares weighted by the hazard each row has gone through. So a call takes rows times terms
numbers and one matrix product, whether or not events are tied.

Products with a vector are einsum's: BLAS would wake its threads for them, which takes longer than
the sums do where other programs keep the cores busy.

lifelines fits Efron's ties alone, with a Python loop over event times: in months that are not
rounded, 100,000 patients take it some thirty times as long as this (benchmarks/cox_speed.py).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hccbayes.frequentist.episodes import Episodes, FloatArray
from hccbayes.frequentist.newton import Point
from hccbayes.frequentist.partial_likelihood import Ties


def running_likelihood(
    design: FloatArray, episodes: Episodes, strata: NDArray[np.intp], ties: Ties
) -> Callable[[FloatArray], Point]:
    """Return a log partial likelihood as a function of the coefficients.

    Equal to :func:`hccbayes.frequentist.partial_likelihood.partial_likelihood` with weights of 1.

    Parameters
    ----------
    design
        Shape ``(rows, terms)``, columns of similar spread.
    episodes, strata
        Follow-up and stratum of each row; one event or more.
    ties
        ``efron`` or ``breslow``.

    Returns
    -------
    callable
        From coefficients, shape ``(terms,)``, to value, score and information; the value is minus
        infinity where a risk set is less than the smallest number.
    """
    ordered = np.argsort(strata, kind="stable")
    bounds = np.flatnonzero(np.diff(strata[ordered])) + 1
    parts = [
        _stratum(design[rows], episodes.take(rows), ties)
        for rows in np.split(ordered, bounds)
        if episodes.event[rows].any()
    ]

    def function(coef: FloatArray) -> Point:
        points = [part(coef) for part in parts]
        return Point(
            value=sum(point.value for point in points),
            score=np.sum([point.score for point in points], axis=0),
            information=np.sum([point.information for point in points], axis=0),
        )

    return function


def _stratum(design: FloatArray, episodes: Episodes, ties: Ties) -> Callable[[FloatArray], Point]:
    """Return the log partial likelihood of one stratum."""
    times = episodes.event_times()
    first = np.searchsorted(times, episodes.entry, side="right")
    last = np.searchsorted(times, episodes.stop, side="right") - 1
    # A row is in the risk sets first, ..., last; those between two event times are in none.
    inside = first <= last
    first, last, died = first[inside], last[inside], episodes.event[inside]
    # One contiguous row a term; means other than 0 would be lost in the sums of squares.
    columns = np.ascontiguousarray((design[inside] - design[inside].mean(axis=0)).T)
    late = np.flatnonzero(first > 0)
    deaths = np.bincount(last[died], minlength=times.size)
    of_the_dead = columns[:, died].sum(axis=1)
    split = ties == "efron" and bool((deaths > 1).any())
    slot, gone, mass = _denominators(deaths, split)

    def at_risk(values: FloatArray) -> FloatArray:
        """Return sums over the risk set of each event time."""
        leaving = np.bincount(last, values, times.size)
        if late.size:
            leaving = leaving - np.bincount(first[late] - 1, values[late], times.size)
        return np.cumsum(leaving[::-1])[::-1]

    def denominators(values: FloatArray) -> FloatArray:
        """Return sums over each risk set, less the share of its deaths that are gone."""
        sums = at_risk(values)
        if split:
            sums = sums[slot] - gone * np.bincount(last[died], values[died], times.size)[slot]
        return sums

    def hazard_gone_through(jumps: FloatArray) -> FloatArray:
        """Return the hazard of each row: the jumps of its denominators, times its share in each."""
        at_times = np.bincount(slot, jumps, times.size) if split else jumps
        cumulative = np.concatenate([[0.0], np.cumsum(at_times)])
        through = cumulative[last + 1] - cumulative[first]
        if split:
            through[died] -= np.bincount(slot, gone * jumps, times.size)[last[died]]
        return through

    def function(coef: FloatArray) -> Point:
        linear = np.einsum("i,ij->j", coef, columns)
        largest = linear.max()
        risk = np.exp(linear - largest)
        total = denominators(risk)
        if not (total > 0).all():
            unknown = np.full((coef.size, coef.size), np.nan)
            return Point(value=-np.inf, score=unknown[0], information=unknown)
        weighted = columns * risk
        mean = np.stack([denominators(values) for values in weighted]) / total
        second = (weighted * hazard_gone_through(mass / total)) @ columns.T
        return Point(
            value=float(of_the_dead @ coef - (mass * (np.log(total) + largest)).sum()),
            score=of_the_dead - np.einsum("ij,j->i", mean, mass),
            information=second - (mean * mass) @ mean.T,
        )

    return function


def _denominators(
    deaths: NDArray[np.intp], split: bool
) -> tuple[NDArray[np.intp], FloatArray, FloatArray]:
    """Return each denominator's event time, the share of its deaths that are gone, and its mass.

    One an event time, as heavy as its deaths, unless Efron's ties split it: then one a death.
    """
    times = np.arange(deaths.size)
    if not split:
        return times, np.zeros(deaths.size), deaths.astype(np.float64)
    slot = np.repeat(times, deaths)
    before = np.cumsum(deaths) - deaths
    gone = (np.arange(slot.size) - before[slot]) / deaths[slot]
    return slot, gone, np.ones(slot.size)
