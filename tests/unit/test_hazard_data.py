"""Patterns of a cohort: what is collapsed, what is kept apart."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hccbayes.design import Design, build_design
from hccbayes.errors import InputError
from hccbayes.hazard_data import HazardData, build_hazard_data, choose_cuts
from hccbayes.spec import QuantileCuts

FRAME = pd.DataFrame(
    {
        "patient": list("abcdef"),
        "treatment": [1, 1, 0, 0, 1, 0],
        "invasion": [0.0, 0, 1, 1, 1, 0],
        "center": ["n", "s", "n", "s", "n", "s"],
    }
)
EPISODES = FRAME.assign(
    patient_index=range(6),
    start=0.0,
    stop=[2.0, 5.0, 3.0, 4.0, 7.0, 6.0],
    event=[1, 1, 1, 0, 0, 1],
)


@pytest.fixture
def design() -> Design:
    cohort: Any = SimpleNamespace(frame=FRAME, source="toy")
    return build_design(cohort, "treatment + invasion")


def build(design: Design, **options: Any) -> HazardData:
    return build_hazard_data(EPISODES, design, [3.0], **{"use_centers": False, **options})


def test_patients_of_one_pattern_are_added_up(design: Design) -> None:
    data = build(design)
    # Patterns sorted by treatment and invasion: f; c and d; a and b; e.
    np.testing.assert_array_equal(data.treatment, [0, 0, 1, 1])
    np.testing.assert_array_equal(data.covariates[:, 0], [-0.5, 0.5, -0.5, 0.5])
    np.testing.assert_array_equal(data.person_time.exposure, [[3, 3], [6, 1], [5, 2], [3, 4]])
    np.testing.assert_array_equal(data.person_time.events, [[0, 1], [1, 0], [1, 1], [0, 0]])
    assert data.person_time.row_of_episode.tolist() == [2, 2, 1, 1, 3, 0]
    assert data.centers == ()
    assert not data.center_index.any()


def test_centers_split_patterns_only_where_the_model_has_them(design: Design) -> None:
    data = build(design, use_centers=True)
    assert data.centers == ("n", "s")
    assert len(data.treatment) == 6
    np.testing.assert_array_equal(data.center_events, [[2, 0], [0, 2]])
    np.testing.assert_array_equal(build(design).center_events, [[2, 2]])


def test_totals_and_labels(design: Design) -> None:
    data = build(design)
    np.testing.assert_array_equal(data.interval_events, [2, 2])
    assert data.intervals == ("0-3", "3+")
    assert data.treatment_mean == 0.5
    assert data.covariate_names == ("invasion",)
    assert not data.weighted


def test_a_treatment_that_changes_within_a_patient_splits_the_pattern(design: Design) -> None:
    episodes = pd.DataFrame(
        {
            "patient_index": [0, 0],
            "start": [0.0, 2.0],
            "stop": [2.0, 5.0],
            "event": [0, 1],
            "treatment": [0, 1],
        }
    )
    data = build_hazard_data(episodes, design, [3.0], use_centers=False)
    np.testing.assert_array_equal(data.treatment, [0, 1])
    np.testing.assert_array_equal(data.person_time.exposure, [[2, 0], [1, 2]])
    np.testing.assert_array_equal(data.person_time.events, [[0, 0], [0, 1]])


def test_weights_enter_events_and_exposure(design: Design) -> None:
    data = build(design, weights=[2.0, 1, 1, 1, 1, 0.5])
    assert data.weighted
    np.testing.assert_array_equal(data.interval_events, [3, 1.5])
    np.testing.assert_array_equal(data.person_time.exposure[0], [1.5, 1.5])


@pytest.mark.parametrize("weights", [None, [0, 0, 0, 1, 1, 0]])
def test_no_event_is_refused(design: Design, weights: list[float] | None) -> None:
    episodes = EPISODES.assign(event=0) if weights is None else EPISODES
    with pytest.raises(InputError, match="hold no event"):
        build_hazard_data(episodes, design, [3.0], use_centers=False, weights=weights)


@pytest.mark.parametrize(
    ("cuts", "expected"),
    [
        ("auto", [3.0]),  # 10 events in each of (0, 3] and (3, 6], 20 in all: two intervals
        ("fine", [1.0, 2.0, 3.0, 4.0]),
        (QuantileCuts(quantile=2), [3.5]),
        ((2.0, 5.0), [2.0, 5.0]),
        ((), []),
    ],
)
def test_what_the_model_file_calls_cuts(cuts: Any, expected: list[float]) -> None:
    stop = np.repeat([2.0, 5.0, 5.5], [10, 10, 3])
    event = np.repeat([1, 1, 0], [10, 10, 3])
    assert choose_cuts(cuts, stop, event).tolist() == expected
