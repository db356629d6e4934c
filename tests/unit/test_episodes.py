"""Times that differ by rounding are one time, as in R's ``survfit`` and ``coxph``."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hccbayes.errors import InputError
from hccbayes.frequentist.cox import cox
from hccbayes.frequentist.episodes import Episodes
from hccbayes.frequentist.kaplan_meier import kaplan_meier

# Follow-up that ends at an age of 83 years and 9 months, seen from five ages at entry.
ENTRY_YEARS = np.array([64.0, 65.0, 70.0, 78.0, 82.0])
MONTHS = 12 * 83 + 9 - 12 * ENTRY_YEARS


def tenths(count):
    """Return 0.1 summed `count` times, which is not count / 10."""
    return sum([0.1] * count)


def test_sums_that_are_equal_but_for_rounding_are_ties():
    assert tenths(3) != 0.3
    episodes = Episodes.of([0, 0, 0], [tenths(3), 0.3, 0.4], [1, 1, 0])
    assert episodes.stop[0] == episodes.stop[1]
    np.testing.assert_array_equal(episodes.event_times(), [0.3])
    np.testing.assert_array_equal(episodes.ends([0.3], event=True), [2])


def test_ages_made_of_years_and_months_are_ties():
    ages = ENTRY_YEARS + MONTHS / 12
    jittered = np.nextafter(ages, [0.0, 200.0, 0.0, 200.0, 0.0])
    assert len(np.unique(jittered)) > 1
    curve = kaplan_meier(ENTRY_YEARS, jittered, [1, 1, 1, 0, 0])
    assert len(curve) == 2
    assert curve["at_risk"].iloc[1] == 5
    assert curve["survival"].iloc[1] == pytest.approx(2 / 5, rel=1e-15)


def test_a_chain_of_near_times_is_the_first_of_them():
    chain = 10.0 + 1e-8 * np.arange(4)
    episodes = Episodes.of(np.zeros(5), [*chain, 11.0], np.ones(5))
    np.testing.assert_array_equal(episodes.stop, [10.0, 10.0, 10.0, 10.0, 11.0])


def test_the_tolerance_grows_with_the_mean_time():
    # The mean of the distinct times is 600: 1e-6 / 600 is below 1.49e-8, 1e-4 / 600 is not.
    for gap, same in ((1e-6, True), (1e-4, False)):
        episodes = Episodes.of(np.zeros(3), [900.0, 900.0 + gap, 600.0], [1, 1, 1])
        assert (episodes.stop[0] == episodes.stop[1]) is np.bool_(same)


def test_entry_and_end_that_are_one_time_are_apart_from_those_before():
    # Who enters at the time of an event is not at risk of it, whatever the rounding.
    episodes = Episodes.of([0.0, tenths(3)], [0.3, 1.0], [1, 1])
    np.testing.assert_array_equal(episodes.at_risk(episodes.stop[:1]), [1])
    other_way = Episodes.of([0.0, 0.3], [tenths(3), 1.0], [1, 1])
    np.testing.assert_array_equal(other_way.at_risk(other_way.stop[:1]), [1])


def test_an_episode_of_no_length_but_rounding_is_refused():
    with pytest.raises(InputError, match="start < stop"):
        Episodes.of([0.3, 0.0], [tenths(3), 1.0], [1, 1])


def test_cox_does_not_depend_on_the_rounding(rng):
    count = 60
    time = np.ceil(rng.exponential(10, count))
    event = rng.random(count) < 0.7
    design = pd.DataFrame({"x": rng.normal(size=count)})
    direction = np.where(rng.random(count) < 0.5, 0.0, 1e3)
    exact = cox(design, np.zeros(count), time, event)
    jittered = cox(design, np.zeros(count), np.nextafter(time, direction), event)
    assert jittered.coef[0] == pytest.approx(exact.coef[0], rel=1e-12)
    assert jittered.log_likelihood == pytest.approx(exact.log_likelihood, rel=1e-12)
