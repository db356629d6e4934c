"""Cut points of the time axis, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from hccbayes import cut_points
from hccbayes.errors import InputError


def repeated(counts: dict[float, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return stop times and events, so many events at each time, and one censored at 60."""
    stop = np.repeat(list(counts), list(counts.values()))
    return np.append(stop, 60.0), np.append(np.ones(len(stop)), 0.0)


@pytest.mark.parametrize(
    ("counts", "cuts"),
    [
        # Ten events in each of the eight intervals: 80 events allow all eight.
        (
            dict.fromkeys([2.0, 5.0, 8.0, 11.0, 15.0, 20.0, 30.0, 40.0], 10),
            [3, 6, 9, 12, 18, 24, 36],
        ),
        # The same with events on the cut points: (0, 3] holds the event at 3.
        (
            dict.fromkeys([3.0, 6.0, 9.0, 12.0, 18.0, 24.0, 36.0, 40.0], 10),
            [3, 6, 9, 12, 18, 24, 36],
        ),
        # 20 8 1 30 20 20 10 10: the 1 joins the 8, the earlier and emptier neighbor.
        (
            {2.0: 20, 5.0: 8, 8.0: 1, 11.0: 30, 15.0: 20, 20.0: 20, 30.0: 10, 40.0: 10},
            [3, 9, 12, 18, 24, 36],
        ),
        # 20 30 1 9 20 20 10 10: the 1 joins the 9 behind it.
        (
            {2.0: 20, 5.0: 30, 8.0: 1, 11.0: 9, 15.0: 20, 20.0: 20, 30.0: 10, 40.0: 10},
            [3, 6, 12, 18, 24, 36],
        ),
        # 20 9 1 9 20 20 10 10: on a tie the 1 joins the earlier neighbor.
        (
            {2.0: 20, 5.0: 9, 8.0: 1, 11.0: 9, 15.0: 20, 20.0: 20, 30.0: 10, 40.0: 10},
            [3, 9, 12, 18, 24, 36],
        ),
        # 2 20 20 20 20 20 20 3: the first joins the second, the last the one before.
        (
            {2.0: 2, 5.0: 20, 8.0: 20, 11.0: 20, 15.0: 20, 20.0: 20, 30.0: 20, 40.0: 3},
            [6, 9, 12, 18, 24],
        ),
        # 8 in each interval, 64 events: at most 64 // 10 = 6 intervals. The first two merge (the
        # first of the emptiest), then the third and fourth.
        (dict.fromkeys([2.0, 5.0, 8.0, 11.0, 15.0, 20.0, 30.0, 40.0], 8), [6, 12, 18, 24, 36]),
        # 15 events: 15 // 10 = 1 interval; 7 events: one interval however few they are.
        ({2.0: 8, 20.0: 7}, []),
        ({2.0: 7}, []),
    ],
)
def test_auto_merges_the_clinical_grid(counts: dict[float, int], cuts: list[float]) -> None:
    assert cut_points.auto_cuts(*repeated(counts)).tolist() == cuts


def test_auto_leaves_out_the_grid_beyond_the_follow_up() -> None:
    stop = np.repeat([2.0, 4.0, 6.0], 10)
    assert cut_points.auto_cuts(stop, np.ones(30)).tolist() == [3.0]


def test_quantile_cuts_are_type_seven_quantiles_of_the_events() -> None:
    # Events 1, 2, 4, 8, 16: h = 4p gives 0.8 and 1.6 steps for thirds... by hand:
    # p = 1/4: 2; p = 1/2: 4; p = 3/4: 8. The censored times 3 and 50 play no part.
    stop, event = [1, 2, 3, 4, 8, 16, 50], [1, 1, 0, 1, 1, 1, 0]
    assert cut_points.event_quantile_cuts(stop, event, 4).tolist() == [2, 4, 8]
    # p = 1/3: position 4/3, 2 + (4 - 2)/3; p = 2/3: position 8/3, 4 + (8 - 4) * 2/3.
    np.testing.assert_allclose(
        cut_points.event_quantile_cuts(stop, event, 3), [8 / 3, 20 / 3], rtol=1e-15
    )


def test_quantile_cuts_of_one_interval_are_none() -> None:
    assert cut_points.event_quantile_cuts([1, 2], [1, 1], 1).size == 0


def test_tied_quantile_cuts_are_kept_once_and_leave_an_event_behind_the_last() -> None:
    # Quantiles 2, 2, 5, 5: the two at 5, the last event, would leave an empty interval.
    cuts = cut_points.event_quantile_cuts([2, 2, 2, 5, 5, 5], np.ones(6), 5)
    assert cuts.tolist() == [2.0]


def test_more_quantile_intervals_than_events_are_refused() -> None:
    with pytest.raises(InputError, match="3 intervals need as many events; got 2"):
        cut_points.event_quantile_cuts([1, 2, 3], [1, 1, 0], 3)


@pytest.mark.parametrize(
    ("last_event", "follow_up", "cuts"),
    [
        (4.5, 10.0, [1, 2, 3, 4]),
        (4.0, 10.0, [1, 2, 3]),  # (3, 4] is the last interval and holds the event at 4
        (5.0, 36.0, [1, 2, 3, 4]),
        (5.0, 36.1, [2, 4]),
        (0.5, 10.0, []),
    ],
)
def test_fine_grid_ends_before_the_last_event(
    last_event: float, follow_up: float, cuts: list[float]
) -> None:
    assert cut_points.fine_cuts([0.2, last_event, follow_up], [1, 1, 0]).tolist() == cuts


def test_event_time_cuts_take_every_third_distinct_event_time() -> None:
    stop = [1, 1, 2, 3, 3.5, 4, 5, 6, 7, 7]
    event = [1, 1, 1, 1, 0, 1, 1, 1, 1, 1]
    # Distinct event times 1 2 3 4 5 6 7: the third and sixth.
    assert cut_points.event_time_cuts(stop, event).tolist() == [3.0, 6.0]


def test_event_time_cuts_are_not_made_at_the_last_event() -> None:
    assert cut_points.event_time_cuts(np.arange(1, 7), np.ones(6)).tolist() == [3.0]


def test_event_time_cuts_of_many_events_are_about_sixty() -> None:
    cuts = cut_points.event_time_cuts(np.arange(1, 601), np.ones(600))
    assert cuts.tolist() == list(range(10, 600, 10))


@pytest.mark.parametrize(
    ("through", "cuts"),
    [
        ([4.5], [4.5, 6.0, 9.0]),  # the cut before it
        ([0.5], [3.0, 6.0, 9.0]),  # before the first event: an interval would be empty
        ([1.5], [1.5, 6.0, 9.0]),  # no cut before it
        ([6.0], [3.0, 6.0, 9.0]),
        ([4.5, 7.0], [4.5, 7.0, 9.0]),
        ([9.9], [3.0, 6.0, 9.9]),
        ([10.0, 12.0], [3.0, 6.0, 9.0]),  # the last event and beyond
    ],
)
def test_event_time_cuts_pass_through_times(through: list[float], cuts: list[float]) -> None:
    stop, event = np.arange(1, 11), np.ones(10)
    assert cut_points.event_time_cuts(stop, event, through=through).tolist() == cuts


def test_listed_cuts_are_taken_as_they_are() -> None:
    assert cut_points.list_cuts([3, 6], 6.5).tolist() == [3.0, 6.0]
    assert cut_points.list_cuts([], 6.5).size == 0


def test_listed_cuts_that_nobody_reaches_are_refused() -> None:
    with pytest.raises(InputError, match=r"nobody is at risk beyond 12 months; remove 12, 24\.5"):
        cut_points.list_cuts([3, 12, 24.5], 12.0)


def test_events_on_a_cut_are_counted_before_it() -> None:
    assert cut_points.events_per_interval([1, 3, 3, 4, 9], [3, 6]).tolist() == [3, 1, 1]
    assert cut_points.events_per_interval([1.0], [3, 6]).tolist() == [1, 0, 0]


@pytest.mark.parametrize(
    ("cuts", "labels"),
    [
        ([], ("0+",)),
        ([3], ("0-3", "3+")),
        ([3, 6.25, 12], ("0-3", "3-6.25", "6.25-12", "12+")),
        ([1 / 3], ("0-0.3333", "0.3333+")),
    ],
)
def test_interval_labels(cuts: list[float], labels: tuple[str, ...]) -> None:
    assert cut_points.interval_labels(cuts) == labels
