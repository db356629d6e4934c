"""Designs of time zero: who is in which arm when, by hand and in large cohorts without effect."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from hccbayes import read_cohort, time_zero
from hccbayes.errors import InputError
from hccbayes.frequentist.cox import cox
from hccbayes.frequentist.logrank import logrank
from hccbayes.roles import ArmRole, Roles, TimeColumn

ROLES = Roles(
    id="id",
    time="months",
    event="death",
    arm=ArmRole(column="arm", treated="tace", control="systemic"),
    treatment_start=TimeColumn(column="start"),
    covariates=("age",),
)


def patients(**columns: object) -> pd.DataFrame:
    """Eight patients: two treated at once, two later, one on the last day, three never."""
    frame = pd.DataFrame(
        {
            "id": [f"P{row}" for row in range(1, 9)],
            "months": [10.0, 12.0, 8.0, 9.0, 5.0, 2.0, 7.0, 11.0],
            "death": [1, 0, 1, 0, 1, 1, 1, 0],
            "arm": ["tace"] * 4 + ["tace"] + ["systemic"] * 3,
            "start": [0.0, 0.0, 2.0, 4.0, 5.0, None, None, None],
            "age": [50, 61, 58, 70, 66, 49, 55, 63],
        }
    )
    return frame.assign(**columns)


def rows(episodes: pd.DataFrame) -> list[tuple[object, ...]]:
    columns = ["patient", "start", "stop", "event", "treatment"]
    return [tuple(row) for row in episodes[columns].itertuples(index=False)]


def exponential_cohort(
    size: int, median: float, start: float, intended: float, seed: int
) -> tuple[pd.DataFrame, Roles]:
    """Return a cohort without effect in which treatment is meant to start at one time."""
    rng = np.random.default_rng(seed)
    time = rng.exponential(median / math.log(2.0), size)
    treated = (rng.random(size) < intended) & (time > start)
    frame = pd.DataFrame(
        {
            "id": np.arange(size).astype(str),
            "months": time,
            "death": 1,
            "arm": np.where(treated, "tace", "systemic"),
            "start": np.where(treated, start, np.nan),
        }
    )
    return frame, ROLES.model_copy(update={"covariates": ()})


def exponential_log_hr(episodes: pd.DataFrame) -> tuple[float, float]:
    """Return the log ratio of two constant hazards, and its standard error."""
    events = episodes.groupby("treatment")["event"].sum()
    months = (episodes["stop"] - episodes["start"]).groupby(episodes["treatment"]).sum()
    rate = events / months
    return float(np.log(rate[1] / rate[0])), float(np.sqrt(1 / events[1] + 1 / events[0]))


def test_time_dependent_treatment_splits_follow_up_at_its_start():
    designed = time_zero.time_dependent(read_cohort(patients(), ROLES))
    assert rows(designed.episodes) == [
        ("P1", 0.0, 10.0, 1, 1),
        ("P2", 0.0, 12.0, 0, 1),
        ("P3", 0.0, 2.0, 0, 0),
        ("P3", 2.0, 8.0, 1, 1),
        ("P4", 0.0, 4.0, 0, 0),
        ("P4", 4.0, 9.0, 0, 1),
        # On the last day of follow-up there is no time at risk left.
        ("P5", 0.0, 5.0, 1, 0),
        ("P6", 0.0, 2.0, 1, 0),
        ("P7", 0.0, 7.0, 1, 0),
        ("P8", 0.0, 11.0, 0, 0),
    ]
    assert list(designed.cohort.frame["treatment"]) == [1, 1, 1, 1, 0, 0, 0, 0]
    assert (designed.episodes["weight"] == 1.0).all()
    assert any("1 patients started treatment on the last day" in note for note in designed.notes)


def test_follow_up_and_events_are_kept_by_a_split():
    cohort = read_cohort(patients(), ROLES)
    episodes = time_zero.time_dependent(cohort).episodes
    assert (episodes["stop"] - episodes["start"]).sum() == cohort.frame["time"].sum()
    assert episodes["event"].sum() == cohort.frame["event"].sum()


def test_a_start_before_late_entry_makes_one_treated_episode():
    roles = ROLES.model_copy(update={"entry": "entry"})
    cohort = read_cohort(patients(entry=[0, 1, 3, 1, 0, 0, 0, 0]), roles)
    episodes = time_zero.time_dependent(cohort).episodes
    assert [row for row in rows(episodes) if row[0] == "P3"] == [("P3", 3.0, 8.0, 1, 1)]
    assert [row for row in rows(episodes) if row[0] == "P4"] == [
        ("P4", 1.0, 4.0, 0, 0),
        ("P4", 4.0, 9.0, 0, 1),
    ]


def test_landmark_classifies_who_is_left_by_what_has_started():
    designed = time_zero.landmark(read_cohort(patients(), ROLES), 2.0)
    assert rows(designed.episodes) == [
        ("P1", 0.0, 8.0, 1, 1),
        ("P2", 0.0, 10.0, 0, 1),
        ("P3", 0.0, 6.0, 1, 1),  # started on the landmark
        ("P4", 0.0, 7.0, 0, 0),  # started later
        ("P5", 0.0, 3.0, 1, 0),
        ("P7", 0.0, 5.0, 1, 0),
        ("P8", 0.0, 9.0, 0, 0),
    ]
    left = designed.cohort.exclusions
    assert [(one.reason, one.ids) for one in left] == [
        ("died up to the landmark at 2 months", ("P6",))
    ]
    assert any("2 patients started treatment after the landmark" in n for n in designed.notes)
    assert list(designed.cohort.frame["treatment_start"]) == [
        0.0,
        0.0,
        0.0,
        2.0,
        3.0,
        math.inf,
        math.inf,
    ]


def test_delayed_entry_is_left_truncation_on_a_clock_that_starts_there():
    rng = np.random.default_rng(4)
    size = 300
    frame = pd.DataFrame(
        {
            "id": np.arange(size).astype(str),
            "months": rng.exponential(12.0, size) + 0.01,
            "death": (rng.random(size) < 0.7).astype(int),
            "arm": np.where(rng.random(size) < 0.4, "tace", "systemic"),
            "age": rng.normal(60, 8, size),
        }
    )
    roles = ROLES.model_copy(update={"treatment_start": None})
    cohort = read_cohort(frame, roles)
    designed = time_zero.delayed_entry(cohort, 3.5)
    late = cohort.frame[cohort.frame["time"] > 3.5]
    old = cox(
        late[["treatment", "age"]].astype(float),
        np.full(len(late), 3.5),
        late["time"],
        late["event"],
    )
    new = designed.cohort.frame
    own = cox(new[["treatment", "age"]].astype(float), new["entry"], new["time"], new["event"])
    np.testing.assert_allclose(own.coef, old.coef, rtol=1e-9)
    assert len(new) + sum(one.count for one in designed.cohort.exclusions) == size


@pytest.mark.parametrize(
    ("median", "start", "intended", "expected"),
    [(8.0, 3.0, 0.5, 0.66424), (15.0, 3.0, 0.9, 0.43765)],
)
def test_without_effect_naive_has_its_closed_form_and_the_others_find_nothing(
    median: float, start: float, intended: float, expected: float
):
    cohort = read_cohort(*exponential_cohort(200_000, median, start, intended, seed=8))
    found, se = exponential_log_hr(time_zero.naive(cohort).episodes)
    assert abs(found - math.log(expected)) < 3.5 * se
    for designed in (time_zero.time_dependent(cohort), time_zero.landmark(cohort, start)):
        found, se = exponential_log_hr(designed.episodes)
        assert abs(found) < 3.5 * se, designed.label


def test_the_log_rank_test_of_episodes_is_that_of_a_time_dependent_covariate():
    """Mantel and Byar's test is the score test of a Cox model with start-stop treatment."""
    cohort = read_cohort(*exponential_cohort(400, 8.0, 3.0, 0.5, seed=5))
    frame = time_zero.time_dependent(cohort).cohort.at_risk_frame()
    arguments = (frame["entry"], frame["time"], frame["event"])
    test = logrank(*arguments, frame["treatment"])
    fit = cox(frame[["treatment"]].astype(float), *arguments)
    # Without ties score and Wald tests differ by a term of the order of the cube of the estimate.
    assert test.chi2 == pytest.approx((fit.coef[0] / fit.se[0]) ** 2, rel=0.02, abs=0.02)


def test_naive_says_how_much_immortal_time_there_is():
    notes = time_zero.naive(read_cohort(patients(), ROLES)).notes
    # P3, P4 and P5: 2 + 4 + 5 of 44 months.
    assert any("11 of the treated arm's 44 person-months are immortal time" in n for n in notes)


@pytest.mark.parametrize(
    ("design", "words"),
    [
        (lambda c: time_zero.landmark(c, 12.0), "lie beyond the longest follow-up of 12"),
        (lambda c: time_zero.landmark(c, -1.0), "positive"),
        (lambda c: time_zero.landmark(c, 8.5), "no event control"),
        (lambda c: time_zero.delayed_entry(c, math.nan), "positive"),
        (lambda c: time_zero.delayed_entry(c, 10.5), "no event treated"),
    ],
)
def test_a_design_that_the_data_cannot_carry_is_refused(design, words):
    with pytest.raises(InputError, match=words):
        design(read_cohort(patients(), ROLES))


def test_designs_that_need_dates_name_what_to_do_without():
    roles = ROLES.model_copy(update={"treatment_start": None})
    cohort = read_cohort(patients(), roles)
    for design in (time_zero.time_dependent, lambda c: time_zero.landmark(c, 2.0)):
        with pytest.raises(InputError, match="immortal_bound"):
            design(cohort)


@pytest.mark.parametrize(
    ("changes", "words", "named"),
    [
        ({"start": [0, 0, 2, 9.5, 5, None, None, None]}, "after the end of follow-up", "P4"),
        ({"start": [0, -1.0, 2, 4, 5, None, None, None]}, "before time zero", "P2"),
        ({"start": [0, None, 2, 4, 5, None, None, None]}, "no start of treatment for 1", "P2"),
        ({"start": [0, "03/04/2019", 2, 4, 5, None, None, None]}, "holds text", "P2"),
        ({"start": [0, math.inf, 2, 4, 5, None, None, None]}, "finite", "P2"),
    ],
)
def test_starts_of_treatment_that_cannot_be_are_named(changes, words, named):
    with pytest.raises(InputError, match=words) as caught:
        read_cohort(patients(**changes), ROLES)
    (problem,) = caught.value.problems
    assert problem.rows == (named,)
    assert problem.where == "column start"


def test_every_fault_of_the_starts_is_said_at_once():
    data = patients(start=[0, -1.0, None, 9.5, 5, None, None, None])
    with pytest.raises(InputError) as caught:
        read_cohort(data, ROLES)
    assert [problem.rows for problem in caught.value.problems] == [("P2",), ("P4",), ("P3",)]


def test_days_become_months():
    roles = ROLES.model_copy(update={"treatment_start": TimeColumn(column="start", unit="days")})
    days = [0.0, 0.0, 60.875, 121.75, 152.1875, None, None, None]
    cohort = read_cohort(patients(start=days), roles)
    assert list(cohort.frame["treatment_start"][:5]) == pytest.approx([0, 0, 2, 4, 5])
    assert np.isinf(cohort.frame["treatment_start"][5:]).all()


def test_summary_counts_person_months_with_and_without_treatment():
    summary = time_zero.time_dependent(read_cohort(patients(), ROLES)).cohort.summary()
    treated, control = summary.arms["treated"], summary.arms["control"]
    assert (treated.patients, treated.events, treated.person_months) == (4, 2, 33.0)
    assert (control.patients, control.events, control.person_months) == (4, 3, 31.0)
