from __future__ import annotations

import numpy as np
import pytest

from hccbayes.errors import InputError
from hccbayes.frequentist.concordance import concordance
from hccbayes.frequentist.identifiability import NotEstimableError


def test_three_patients_by_hand():
    # (1, 2) and (1, 3) agree, (2, 3) does not; influences 2/9, -1/9 and -1/9.
    found = concordance([3, 1, 2], np.zeros(3), [1, 2, 3], [1, 1, 1])
    assert found.estimate == pytest.approx(2 / 3, rel=1e-14)
    assert found.standard_error == pytest.approx(np.sqrt(6) / 9, rel=1e-13)
    assert (found.concordant, found.discordant, found.tied_score) == (2, 1, 0)


def test_ties_are_counted_apart():
    # Two die at 2, with different and with equal scores to one who is censored then.
    found = concordance([1, 2, 1], np.zeros(3), [2, 2, 2], [1, 1, 0])
    assert (found.concordant, found.tied_score, found.discordant) == (1, 1, 0)
    assert (found.tied_time, found.tied_both) == (1, 0)
    assert found.estimate == 0.75
    both = concordance([1, 1, 1], np.zeros(3), [2, 2, 2], [1, 1, 0])
    assert (both.tied_time, both.tied_both, both.estimate) == (0, 1, 0.5)


def test_late_entry_leaves_earlier_pairs():
    # The second patient enters after the first has died.
    found = concordance([1, 2, 0], [0, 2, 0], [1, 3, 4], [1, 1, 0])
    assert (found.concordant, found.discordant) == (2, 0)


def test_standard_error_is_the_derivative_by_weights(rng):
    rows = 30
    score, stop = rng.integers(0, 5, rows), np.ceil(rng.exponential(5, rows))
    event, weights = rng.binomial(1, 0.7, rows), rng.uniform(0.5, 2, rows)
    found = concordance(score, np.zeros(rows), stop, event, weights=weights)
    step, slopes = 1e-6, []
    for row in range(rows):
        up, down = (
            concordance(score, np.zeros(rows), stop, event,
                        weights=weights + side * step * (np.arange(rows) == row)).estimate
            for side in (1, -1)
        )  # fmt: skip
        slopes.append((up - down) / (2 * step))
    expected = np.sqrt(np.sum((weights * slopes) ** 2))
    # Central differences: 1e-16 / 1e-6 of rounding.
    assert found.standard_error == pytest.approx(expected, rel=1e-8)


def test_weights_count_patients(rng):
    score, stop, event = rng.normal(size=20), rng.exponential(5, 20), rng.binomial(1, 0.6, 20)
    twice = rng.integers(1, 3, 20)
    weighted = concordance(score, np.zeros(20), stop, event, weights=twice)
    rows = np.repeat(np.arange(20), twice)
    counted = concordance(score[rows], np.zeros(len(rows)), stop[rows], event[rows], cluster=rows)
    # Two copies of a patient are no comparable pair: both die at one time, or neither does.
    assert weighted.estimate == pytest.approx(counted.estimate, rel=1e-12)
    assert weighted.standard_error == pytest.approx(counted.standard_error, rel=1e-12)


def test_perfect_order_says_that_its_standard_error_is_none():
    found = concordance([3, 2, 1], np.zeros(3), [1, 2, 3], [1, 1, 1])
    assert (found.estimate, found.standard_error) == (1.0, 0.0)
    assert "no variation" in found.reason


@pytest.mark.parametrize(
    ("stop", "event"),
    [([1, 2, 3], [0, 0, 0]), ([2, 2, 2], [1, 1, 1]), ([1], [1]), ([1, 2, 3], [0, 0, 1])],
    ids=["all censored", "all die at once", "one patient", "the last dies"],
)
def test_no_comparable_pair_is_said(stop, event):
    with pytest.raises(NotEstimableError, match="no pair of patients is comparable"):
        concordance(np.arange(len(stop)), np.zeros(len(stop)), stop, event)


def test_pairs_lie_within_strata():
    arguments = ([1, 2, 3, 4], np.zeros(4), [1, 2, 3, 4], np.ones(4))
    found = concordance(*arguments, strata=["a", "b", "a", "b"])
    assert (found.concordant, found.discordant) == (0, 2)
    with pytest.raises(NotEstimableError, match="comparable"):
        concordance(*arguments, strata=[1, 2, 3, 4])


def test_wrong_scores_are_refused():
    with pytest.raises(InputError, match="one finite number a row"):
        concordance([1, np.nan], [0, 0], [1, 2], [1, 1])
    with pytest.raises(InputError, match="between 0 and 1"):
        concordance([1, 2], [0, 0], [1, 2], [1, 1], prob=1.5)
