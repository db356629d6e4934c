from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linprog

from hccbayes.frequentist.episodes import Episodes
from hccbayes.frequentist.identifiability import separated_terms

TERMS = ("a", "b", "c")


def cohort(rng, rows, *, delayed):
    """Few patients with two levels a term: about as often separated as not."""
    design = rng.choice([-1.0, 1.0], (rows, 3))
    stop = np.ceil(rng.exponential(8 * np.exp(-2 * design[:, 0])))
    start = np.where(rng.uniform(size=rows) < 0.5 * delayed, np.floor(stop / 2), 0)
    return design, Episodes.of(start, stop, rng.binomial(1, 0.6, rows)), rng.integers(0, 2, rows)


def is_separated(design, episodes, strata):
    """Ask a linear program with a row each pair of an event and a row at risk with it."""
    pairs = []
    for row in np.flatnonzero(episodes.event):
        time = episodes.stop[row]
        at_risk = (episodes.entry < time) & (time <= episodes.stop) & (strata == strata[row])
        pairs.extend(design[row] - design[at_risk])
    pairs = np.array(pairs)
    best = linprog(-pairs.sum(axis=0), A_ub=-pairs, b_ub=np.zeros(len(pairs)), bounds=(-1, 1))
    return -best.fun > 1e-6


@pytest.mark.parametrize("delayed", [False, True])
def test_the_pairs_that_matter_decide_as_all_pairs_do(rng, delayed):
    answers = []
    for rows in [8, 12, 16, 24] * 10:
        design, episodes, strata = cohort(rng, rows, delayed=delayed)
        if not episodes.event.any():
            continue
        expected = is_separated(design, episodes, strata)
        assert bool(separated_terms(design, TERMS, episodes, strata)) == expected
        answers.append(expected)
    # Both answers are asked for, neither seldom.
    assert 5 < sum(answers) < len(answers) - 5


def test_one_pair_that_differs_is_found_among_many(rng):
    # Everybody is alike but for one patient, who dies first: her coefficient runs to infinity.
    rows = 20_000
    design = np.stack([np.arange(rows) == 0, rng.normal(size=rows)], axis=1).astype(float)
    stop, strata = 1.0 + np.arange(rows), np.zeros(rows, dtype=np.intp)
    first = Episodes.of(np.zeros(rows), stop, np.ones(rows))
    assert separated_terms(design, ("rare", "age"), first, strata) == ("rare",)
    second = Episodes.of(np.zeros(rows), np.where(stop == 1, 2.5, stop), np.ones(rows))
    assert separated_terms(design, ("rare", "age"), second, strata) == ()


def test_pairs_of_a_large_cohort_are_not_listed(rng):
    # An arm without events: 16,000 deaths with up to 20,000 at risk, each with another age, are a
    # hundred million pairs, 2.5 GB.
    rows = 20_000
    design = np.stack([rng.binomial(1, 0.4, rows), *rng.normal(size=(2, rows))], axis=1)
    stop = rng.exponential(12, rows)
    event = (design[:, 0] == 0) & (rng.uniform(size=rows) < 0.8)
    episodes = Episodes.of(np.where(np.arange(rows) % 2, stop / 2, 0), stop, event)
    strata = np.zeros(rows, dtype=np.intp)
    assert separated_terms(design, TERMS, episodes, strata) == ("a",)


def test_without_events_nothing_is_separated():
    episodes = Episodes.of([0, 0], [1, 2], [0, 0])
    assert separated_terms(np.eye(2), ("a", "b"), episodes, np.zeros(2, dtype=np.intp)) == ()
