"""Episodes to intervals: hand-worked splits, collapsing, weights and refusals."""

from __future__ import annotations

import numpy as np
import pytest

from hccbayes.errors import InputError
from hccbayes.person_time import PersonTime, numeric_weights, split_person_time

CUTS = [3.0, 6.0]


def split_one(start: float, stop: float, event: int) -> tuple[list[float], list[float]]:
    """Return exposure and events of one episode, by interval."""
    split = split_person_time([start], [stop], [event], CUTS)
    return split.exposure[0].tolist(), split.events[0].tolist()


@pytest.mark.parametrize(
    ("start", "stop", "event", "exposure", "events"),
    [
        (0.0, 2.0, 1, [2, 0, 0], [1, 0, 0]),
        # An event exactly on a cut belongs to the interval that ends there.
        (0.0, 3.0, 1, [3, 0, 0], [1, 0, 0]),
        (0.0, 6.0, 1, [3, 3, 0], [0, 1, 0]),
        (0.0, 6.0 + 2**-40, 1, [3, 3, 2**-40], [0, 0, 1]),
        (0.0, 10.0, 0, [3, 3, 4], [0, 0, 0]),
        # Delayed entry, within an interval and exactly on a cut.
        (4.0, 7.0, 1, [0, 2, 1], [0, 0, 1]),
        (3.0, 5.0, 1, [0, 2, 0], [0, 1, 0]),
        (7.0, 9.0, 0, [0, 0, 2], [0, 0, 0]),
    ],
)
def test_one_episode_by_hand(
    start: float, stop: float, event: int, exposure: list[float], events: list[float]
) -> None:
    assert split_one(start, stop, event) == (exposure, events)


def test_no_cut_points_leave_one_open_interval() -> None:
    split = split_person_time([0.0, 1.0], [5.0, 4.0], [1, 0], [])
    assert split.exposure.tolist() == [[5.0], [3.0]]
    assert split.events.tolist() == [[1.0], [0.0]]


def test_start_stop_episodes_add_up_to_the_whole() -> None:
    whole = split_person_time([0.0], [8.0], [1], CUTS)
    parts = split_person_time([0.0, 2.0, 5.0], [2.0, 5.0, 8.0], [0, 0, 1], CUTS)
    np.testing.assert_array_equal(parts.exposure.sum(axis=0), whole.exposure[0])
    np.testing.assert_array_equal(parts.events.sum(axis=0), whole.events[0])


def test_total_exposure_is_the_follow_up(rng: np.random.Generator) -> None:
    start = rng.uniform(0, 4, 200)
    stop = start + rng.exponential(8, 200)
    split = split_person_time(start, stop, rng.integers(0, 2, 200), [1.0, 2.5, 7.0, 12.0])
    # Sums of at most five terms of size below 64: a few units in the last place of 64.
    np.testing.assert_allclose(split.exposure.sum(axis=1), stop - start, atol=5 * 2.0**-47)


def test_cells_without_time_at_risk_are_not_counted() -> None:
    split = split_person_time([0.0, 4.0], [2.0, 5.0], [1, 1], CUTS)
    assert split.cells == 2
    np.testing.assert_array_equal(split.exposure > 0, [[True, False, False], [False, True, False]])


def log_likelihood(table: PersonTime, hazard: np.ndarray) -> float:
    return float(np.sum(table.events * np.log(hazard) - table.exposure * hazard))


def test_collapsing_keeps_the_log_likelihood(rng: np.random.Generator) -> None:
    count = 300
    keys = np.column_stack([rng.integers(0, 2, count), rng.integers(0, 3, count)])
    stop = rng.exponential(6, count)
    split = split_person_time(np.zeros(count), stop, rng.integers(0, 2, count), CUTS)
    small = split.collapse(keys)
    base = np.array([0.1, 0.2, 0.05])

    def hazard(patterns: np.ndarray) -> np.ndarray:
        return base * np.exp(patterns @ np.array([-0.5, 0.3]))[:, None]

    whole = log_likelihood(split, hazard(keys))
    collapsed = log_likelihood(small, hazard(np.unique(keys, axis=0)))
    # 900 terms, each below 30 in size, added in another order.
    assert collapsed == pytest.approx(whole, abs=900 * 30 * np.finfo(float).eps)
    assert len(small.events) == 6


def test_collapsing_says_where_each_episode_went() -> None:
    split = split_person_time([0, 0, 0], [1, 2, 4], [1, 0, 1], CUTS)
    small = split.collapse(["b", "a", "b"])
    assert small.row_of_episode.tolist() == [1, 0, 1]
    assert small.exposure.tolist() == [[2, 0, 0], [4, 1, 0]]
    assert small.events.tolist() == [[0, 0, 0], [1, 1, 0]]
    again = small.collapse([0, 0])
    assert again.row_of_episode.tolist() == [0, 0, 0]


def test_collapsing_needs_one_key_a_row() -> None:
    with pytest.raises(InputError, match="one a row is needed: 2, got 1"):
        split_person_time([0, 0], [1, 2], [1, 0], CUTS).collapse([0])


def test_weights_multiply_events_and_exposure() -> None:
    split = split_person_time([0.0, 0.0], [4.0, 8.0], [1, 1], CUTS, weights=[0.5, 2.0])
    assert split.exposure.tolist() == [[1.5, 0.5, 0.0], [6.0, 6.0, 4.0]]
    assert split.events.tolist() == [[0.0, 0.5, 0.0], [0.0, 0.0, 2.0]]


def test_a_whole_weight_is_a_repeated_patient() -> None:
    weighted = split_person_time([0, 0], [4, 8], [1, 0], CUTS, weights=[3, 1])
    repeated = split_person_time([0] * 4, [4, 4, 4, 8], [1, 1, 1, 0], CUTS)
    small = repeated.collapse([0, 0, 0, 1])
    np.testing.assert_array_equal(weighted.exposure, small.exposure)
    np.testing.assert_array_equal(weighted.events, small.events)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1.0], "one an episode is needed: 2"),
        ([[1.0, 1.0]], "one an episode is needed: 2"),
        ([1.0, -0.1], "must be finite and at least 0"),
        ([1.0, np.nan], "must be finite and at least 0"),
        ([1.0, np.inf], "must be finite and at least 0"),
        (["1", "2"], "must be plain numbers"),
        ([None, 1.0], "must be plain numbers"),
    ],
)
def test_wrong_weights_are_refused(weights: list[object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        split_person_time([0, 0], [1, 2], [1, 0], CUTS, weights=weights)


@pytest.mark.parametrize("kind", ["vector", "list"])
def test_weights_that_are_model_variables_are_refused(kind: str) -> None:
    import pytensor.tensor as pt

    weights = pt.vector("weights") if kind == "vector" else [pt.scalar("w"), 1.0]
    with pytest.raises(InputError, match="let the sampler choose the data"):
        numeric_weights(weights, 2)


@pytest.mark.parametrize(
    ("start", "stop", "event", "cuts", "message"),
    [
        ([0, np.nan], [1, 2], [1, 0], CUTS, "start and stop must be finite"),
        ([0, 0], [1, np.inf], [1, 0], CUTS, "start and stop must be finite"),
        ([-1, 0], [1, 2], [1, 0], CUTS, "need 0 <= start < stop"),
        ([0, 2], [1, 2], [1, 0], CUTS, "need 0 <= start < stop"),
        ([0, 3], [1, 2], [1, 0], CUTS, "need 0 <= start < stop"),
        ([0, 0], [1, 2], [1, 2], CUTS, "event must be 0 or 1"),
        ([0, 0], [1, 2], [1, np.nan], CUTS, "event must be 0 or 1"),
        ([0, 0], [1, 2], [1, 0], [3, 3], "strictly increasing"),
        ([0, 0], [1, 2], [1, 0], [6, 3], "strictly increasing"),
        ([0, 0], [1, 2], [1, 0], [0, 3], "must be positive"),
        ([0, 0], [1, 2], [1, 0], [3, np.inf], "must be positive, finite"),
        ([0, 0], [1, 2], [1, 0], [np.nan], "must be positive, finite"),
    ],
)
def test_wrong_episodes_are_refused(
    start: list[float], stop: list[float], event: list[float], cuts: list[float], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        split_person_time(start, stop, event, cuts)


def test_all_wrong_inputs_are_named_at_once() -> None:
    with pytest.raises(InputError) as caught:
        split_person_time([1], [1], [3], [-1])
    assert [problem.where for problem in caught.value.problems] == ["episodes", "episodes", "cuts"]
