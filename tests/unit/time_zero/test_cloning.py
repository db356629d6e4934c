"""Clones counted by hand: who is followed under which strategy, and to when."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hccbayes.errors import InputError
from hccbayes.time_zero.cloning import FollowUp, clone_patients, covariate_matrix

GRACE = 3.0


def cohort() -> pd.DataFrame:
    """Patients with every course that a rule speaks of."""
    courses = {
        # start of treatment, end of follow-up, event
        "starts at 2, dies at 10": (2.0, 10.0, 1),
        "never starts, dies at 1": (np.nan, 1.0, 1),
        "never starts, dies at 8": (np.nan, 8.0, 1),
        "never starts, censored at 2": (np.nan, 2.0, 0),
        "starts at the end of grace": (3.0, 9.0, 1),
        "starts at time zero": (0.0, 7.0, 1),
        "starts after grace": (5.0, 12.0, 1),
        "dies on the day of the start": (2.5, 2.5, 1),
        "dies at the end of grace": (np.nan, 3.0, 1),
    }
    table = pd.DataFrame(courses.values(), columns=["treatment_start", "time", "event"])
    return table.assign(patient=list(courses), entry=0.0)


BY_HAND = {
    # rows (start, stop, event, started) of the treated and the control clone
    "starts at 2, dies at 10": ([(0, 2, 0, False), (2, 10, 1, True)], [(0, 2, 0, False)]),
    "never starts, dies at 1": ([(0, 1, 1, False)], [(0, 1, 1, False)]),
    "never starts, dies at 8": ([(0, 3, 0, False)], [(0, 8, 1, False)]),
    "never starts, censored at 2": ([(0, 2, 0, False)], [(0, 2, 0, False)]),
    "starts at the end of grace": ([(0, 3, 0, False), (3, 9, 1, True)], [(0, 3, 0, False)]),
    "starts at time zero": ([(0, 7, 1, True)], []),
    "starts after grace": ([(0, 3, 0, False)], [(0, 5, 0, False)]),
    "dies on the day of the start": ([(0, 2.5, 1, False)], [(0, 2.5, 1, False)]),
    "dies at the end of grace": ([(0, 3, 1, False)], [(0, 3, 1, False)]),
}


def rows_of(table: pd.DataFrame, patient: str, strategy: int) -> list[tuple]:
    own = table[(table["patient"] == patient) & (table["treatment"] == strategy)]
    return list(own[["start", "stop", "event", "started"]].itertuples(index=False, name=None))


@pytest.mark.parametrize("patient", list(BY_HAND))
def test_each_course_by_hand(patient: str) -> None:
    clones = clone_patients(FollowUp.of(cohort()), GRACE)
    treated, control = BY_HAND[patient]
    assert rows_of(clones.rows, patient, 1) == treated
    assert rows_of(clones.rows, patient, 0) == control


def test_a_control_who_may_start_after_grace_is_followed_to_the_end() -> None:
    clones = clone_patients(FollowUp.of(cohort()), GRACE, control="not_within_grace")
    assert rows_of(clones.rows, "starts after grace", 0) == [(0, 12, 1, False)]
    assert rows_of(clones.rows, "starts at the end of grace", 0) == [(0, 3, 0, False)]


def test_clones_that_are_lost_are_counted() -> None:
    clones = clone_patients(FollowUp.of(cohort()), GRACE)
    assert clones.without_control == ("starts at time zero",)
    # Control clones end at their start (four of them); treated ones at the end of grace (two).
    assert clones.artificially_censored == (4, 2)
    assert clones.patients == 9
    assert set(clones.rows["patient_index"]) == set(range(9))


@pytest.mark.parametrize("control", ["never", "not_within_grace"])
def test_no_time_and_no_event_is_made_or_lost(control) -> None:
    """Up to artificial censoring a clone's follow-up is its patient's, without gap or overlap."""
    rng = np.random.default_rng(5)
    size = 400
    start = np.where(rng.random(size) < 0.7, np.round(rng.exponential(3.0, size), 1), np.nan)
    frame = pd.DataFrame(
        {
            "patient": [f"p{index}" for index in range(size)],
            "entry": 0.0,
            "time": np.round(rng.exponential(6.0, size), 1) + 0.1,
            "event": rng.integers(0, 2, size),
            "treatment_start": start,
        }
    )
    own = FollowUp.of(frame)
    rows = clone_patients(own, GRACE, control=control).rows
    ends = {
        1: np.where(own.start <= GRACE, own.time, np.minimum(own.time, GRACE)),
        0: np.minimum(
            own.time,
            own.start if control == "never" else np.where(own.start <= GRACE, own.start, np.inf),
        ),
    }
    for strategy, end in ends.items():
        mine = rows[rows["treatment"] == strategy]
        months = mine["stop"] - mine["start"]
        spent = np.bincount(mine["patient_index"], weights=months, minlength=size)
        np.testing.assert_allclose(spent, end, atol=1e-12)
        died = np.bincount(mine["patient_index"], weights=mine["event"], minlength=size)
        np.testing.assert_array_equal(died, own.event * (end == own.time))
        same = mine["patient_index"].to_numpy()[1:] == mine["patient_index"].to_numpy()[:-1]
        np.testing.assert_array_equal(
            mine["start"].to_numpy()[1:][same], mine["stop"].to_numpy()[:-1][same]
        )
    # An event while nobody's treatment has set the clones apart is in both.
    shared = (own.event == 1) & (own.time <= GRACE) & np.isinf(own.start)
    counted = rows.groupby("patient_index")["event"].sum().reindex(range(size)).to_numpy()
    np.testing.assert_array_equal(counted[shared], 2)


@pytest.mark.parametrize(
    ("change", "grace", "message"),
    [
        ({}, 0.0, "must be a positive number of months, not 0"),
        ({}, -1.0, "must be a positive number of months"),
        ({}, np.nan, "must be a positive number of months"),
        ({}, 12.0, "of 12 months: follow-up ends at 12"),
        ({"treatment_start": np.nan}, 3.0, "immortal_bound"),
        ({"treatment_start": 5.0}, 3.0, "nobody starts within 3 months"),
        ({"treatment_start": 0.5}, 3.0, "everybody followed beyond 3 months has started"),
        ({"entry": 1.0}, 3.0, "clones begin at time zero"),
        ({"treatment_start": -1.0}, 3.0, "lies before time zero"),
        ({"event": 2}, 3.0, "must be 0 or 1"),
        ({"time": 0.0}, 3.0, "must be positive and finite"),
    ],
)
def test_what_cannot_be_cloned_is_refused(change, grace: float, message: str) -> None:
    with pytest.raises(InputError, match=message):
        clone_patients(FollowUp.of(cohort().assign(**change)), grace)


def test_patients_are_named_and_problems_come_together() -> None:
    frame = cohort()
    frame.loc[1, "time"] = np.nan
    frame.loc[2, "treatment_start"] = -1.0
    with pytest.raises(InputError) as caught:
        FollowUp.of(frame)
    assert [problem.rows for problem in caught.value.problems] == [
        ("never starts, dies at 1",),
        ("never starts, dies at 8",),
    ]


def test_a_frame_without_dates_is_told_what_it_can_do() -> None:
    with pytest.raises(InputError, match="immortal_bound"):
        FollowUp.of(cohort().drop(columns="treatment_start"))
    with pytest.raises(InputError, match="has no column event"):
        FollowUp.of(cohort().drop(columns="event"))


def test_an_unknown_control_strategy_is_refused() -> None:
    with pytest.raises(InputError, match="choose from never, not_within_grace"):
        clone_patients(FollowUp.of(cohort()), GRACE, control="sometimes")


def test_covariates_must_be_known_for_everybody() -> None:
    patient = np.array(["a", "b", "c"], dtype=object)
    with pytest.raises(InputError) as caught:
        covariate_matrix([[0.0], [np.nan], [np.inf]], patient)
    assert caught.value.problems[0].rows == ("b", "c")
    with pytest.raises(InputError, match=r"need the shape \(3, columns\)"):
        covariate_matrix([0.0, 1.0, 2.0], patient)
    assert covariate_matrix(np.zeros((3, 0)), patient).shape == (3, 0)
