"""Shares of the cohort by state: patients counted by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hccbayes.errors import InputError
from hccbayes.time_zero.cohort_states import STATES, state_shares

NEVER = np.nan


@pytest.fixture
def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "patient": ["a", "b", "c", "d", "e"],
            "entry": 0.0,
            # a: waits 2 months, dies at 10. b: treated at once, censored at 6. c: control, dies
            # at 1. d: control who is treated after all at 5, censored at 12. e: waits 4, dies at 4.
            "time": [10.0, 6.0, 1.0, 12.0, 4.0],
            "event": [1, 0, 1, 0, 1],
            "treatment": [1, 1, 0, 0, 1],
            "treatment_start": [2.0, 0.0, NEVER, 5.0, 4.0],
        }
    )


def shares(table: pd.DataFrame, time: float) -> dict[str, float]:
    own = table[table["time"] == time]
    return {state: 5 * share for state, share in zip(own["state"], own["share"], strict=True)}


def test_patients_are_counted_where_they_are(frame):
    table = state_shares(frame, times=[0.0, 1.0, 2.0, 4.0, 5.0, 6.0, 10.0, 12.0])
    by_hand = {
        0.0: (1, 2, 2, 0, 0),  # b | a, e | c, d
        1.0: (1, 2, 1, 0, 1),  # c is dead at her own time
        2.0: (2, 1, 1, 0, 1),  # a begins
        4.0: (2, 0, 1, 0, 2),  # e begins and dies
        5.0: (3, 0, 0, 0, 2),  # d crosses over
        6.0: (2, 0, 0, 1, 2),
        10.0: (1, 0, 0, 1, 3),
        12.0: (0, 0, 0, 2, 3),
    }
    names = ("on treatment", "immortal", "untreated", "censored", "dead")
    for time, counts in by_hand.items():
        assert shares(table, time) == pytest.approx(dict(zip(names, counts, strict=True)))


def test_months_before_treatment_are_summed(frame):
    attrs = state_shares(frame).attrs
    assert attrs == {
        "patients": 5,
        "treated_patients": 3,
        "treated_months": 10.0 + 6.0 + 4.0,
        "immortal_months": 2.0 + 0.0 + 4.0,
    }


def test_late_entry_is_a_state_and_no_immortal_time(frame):
    frame["entry"] = [1.0, 0.0, 0.5, 0.0, 0.0]
    table = state_shares(frame, times=[0.0, 0.5, 1.0])
    assert list(dict.fromkeys(table["state"])) == list(STATES)
    assert shares(table, 0.0)["not yet entered"] == pytest.approx(2)
    assert shares(table, 0.5)["not yet entered"] == pytest.approx(1)
    assert shares(table, 1.0)["not yet entered"] == 0
    assert table.attrs["immortal_months"] == pytest.approx(1.0 + 0.0 + 4.0)
    # Who comes under observation after treatment began has waited no month of it.
    frame["entry"] = [3.0, 0.0, 0.0, 0.0, 0.0]
    assert state_shares(frame).attrs["immortal_months"] == pytest.approx(4.0)


def test_shares_add_up_to_one_and_integrate_to_the_person_months(rng):
    count = 300
    label = rng.integers(0, 2, count)
    end = np.ceil(rng.exponential(12.0, count) * 4.0) / 4.0
    start = np.where(label == 1, np.floor(rng.random(count) * end * 4.0) / 4.0, NEVER)
    frame = pd.DataFrame(
        {
            "patient": [f"p{index}" for index in range(count)],
            "entry": 0.0,
            "time": end,
            "event": rng.integers(0, 2, count),
            "treatment": label,
            "treatment_start": start,
        }
    )
    grid = np.arange(0.0, end.max() + 0.25, 0.25)
    table = state_shares(frame, times=grid)
    np.testing.assert_allclose(table.groupby("time")["share"].sum(), 1.0, rtol=1e-12)
    assert table["share"].between(0.0, 1.0).all()
    # All times are quarters of a month, so that the sum over the grid is the integral.
    months = count * 0.25 * table.groupby("state")["share"].sum()
    assert months["immortal"] == pytest.approx(table.attrs["immortal_months"])
    counted = end[label == 1].sum()
    assert months["immortal"] + months["on treatment"] == pytest.approx(counted)
    assert table.attrs["treated_months"] == pytest.approx(counted)
    assert months["untreated"] == pytest.approx(end[label == 0].sum())


def test_default_times_reach_the_end_of_follow_up(frame):
    times = state_shares(frame)["time"].unique()
    np.testing.assert_allclose(times, np.arange(0.0, 12.01, 0.25))
    frame.loc[3, "time"] = 70.3
    np.testing.assert_allclose(state_shares(frame)["time"].unique(), np.arange(0.0, 72.0))


def test_never_treated_may_be_infinite(frame):
    infinite = frame.fillna({"treatment_start": np.inf})
    pd.testing.assert_frame_equal(state_shares(infinite), state_shares(frame))
    infinite.loc[0, "treatment_start"] = np.inf
    with pytest.raises(InputError, match="missing for patients of the treated arm \\(row a\\)"):
        state_shares(infinite)


def test_the_word_synthetic_stays(frame):
    assert "synthetic" not in state_shares(frame).attrs
    frame.attrs["synthetic"] = "immortal_null"
    assert state_shares(frame).attrs["synthetic"] == "immortal_null"


def test_wrong_input_is_named(frame):
    with pytest.raises(InputError, match="column treatment_start: is absent"):
        state_shares(frame.drop(columns="treatment_start"))
    with pytest.raises(InputError, match="has no column event, treatment_start"):
        state_shares(frame.drop(columns=["event", "treatment_start"]))
    with pytest.raises(InputError, match="has no row"):
        state_shares(frame.iloc[:0])
    with pytest.raises(InputError, match="increase"):
        state_shares(frame, times=[0.0, 2.0, 1.0])
    with pytest.raises(InputError, match="increase"):
        state_shares(frame, times=[])
    wrong = frame.assign(treatment_start=[NEVER, 0.0, 3.0, 5.0, 4.0])
    with pytest.raises(InputError, match="treated arm \\(row a\\)") as raised:
        state_shares(wrong)
    assert "after the end of follow-up (row c)" in str(raised.value)
