"""Episodes from visits by hand, against a loop over patients, and every fault by name."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hccbayes.errors import InputError
from hccbayes.time_zero.episode_checks import EpisodeColumns, check_episodes
from hccbayes.time_zero.episode_rules import EpisodeRules
from hccbayes.time_zero.start_stop import episode_totals, visit_episodes


def people(*rows: tuple) -> pd.DataFrame:
    """Return patients as patient, entry, time, event, treatment_start."""
    names = ["patient", "entry", "time", "event", "treatment_start"]
    return pd.DataFrame(rows, columns=names)


def visits(*rows: tuple) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["patient", "visit_time", "afp"])


def spans(episodes: pd.DataFrame, *names: str) -> list[tuple]:
    columns = ["start", "stop", "event", "treatment", *names]
    return list(episodes[columns].itertuples(index=False, name=None))


def problems(patients: pd.DataFrame, seen: pd.DataFrame | None, **options):
    with pytest.raises(InputError) as error:
        visit_episodes(patients, seen, EpisodeRules(**options))
    return {problem.message: problem.rows for problem in error.value.problems}


def of(found: dict[str, tuple[str, ...]], words: str) -> tuple[str, ...]:
    (message,) = [message for message in found if words in message]
    return found[message]


def test_split_at_visits_and_at_the_start_of_treatment():
    seen = visits(("a", 0, 10.0), ("a", 3, 20.0), ("a", 6, 30.0))
    episodes = visit_episodes(people(("a", 0, 8, 1, 4)), seen, EpisodeRules(covariates=("afp",)))
    assert spans(episodes, "afp") == [
        (0, 3, 0, 0, 10.0),
        (3, 4, 0, 0, 20.0),
        (4, 6, 0, 1, 20.0),
        (6, 8, 1, 1, 30.0),
    ]


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        (np.nan, [(1, 8, 1, 0)]),
        (8, [(1, 8, 1, 0)]),  # on the day of the event: no exposure
        (1, [(1, 8, 1, 1)]),
        (0, [(1, 8, 1, 1)]),
        (2, [(1, 2, 0, 0), (2, 8, 1, 1)]),
    ],
)
def test_treatment_at_the_ends(start, expected):
    assert spans(visit_episodes(people(("a", 1, 8, 1, start)))) == expected


def test_values_of_the_last_visit_on_the_day_of_the_event_do_not_count():
    seen = visits(("a", 0, 10.0), ("a", 8, 99.0))
    episodes = visit_episodes(
        people(("a", 0, 8, 1, np.nan)), seen, EpisodeRules(covariates=("afp",))
    )
    assert spans(episodes, "afp") == [(0, 8, 1, 0, 10.0)]


def test_missing_values_are_those_of_the_visit_before_and_never_of_another_patient():
    seen = visits(
        ("a", 0, 10.0), ("b", 0, 50.0), ("b", 2, np.nan), ("a", 2, np.nan), ("b", 4, 60.0)
    )
    cohort = people(("b", 0, 5, 1, np.nan), ("a", 0, 5, 0, np.nan))
    episodes = visit_episodes(cohort, seen, EpisodeRules(covariates=("afp",)))
    assert spans(episodes, "afp") == [
        (0, 2, 0, 0, 50.0),
        (2, 4, 0, 0, 50.0),
        (4, 5, 1, 0, 60.0),
        (0, 2, 0, 0, 10.0),
        (2, 5, 0, 0, 10.0),
    ]
    assert episodes["patient_index"].tolist() == [0, 0, 0, 1, 1]


def test_entry_at_the_first_visit():
    seen = visits(("a", 2, np.nan), ("a", 3, 5.0), ("b", 0, 7.0))
    cohort = people(("a", 0, 9, 1, 1), ("b", 0, 4, 0, np.nan))
    found = problems(cohort, seen, covariates=("afp",))
    assert of(found, "not known at entry") == ("a",)
    rules = EpisodeRules(covariates=("afp",), before_first="enter")
    assert spans(visit_episodes(cohort, seen, rules), "afp") == [
        (3, 9, 1, 1, 5.0),
        (0, 4, 0, 0, 7.0),
    ]


def test_who_could_enter_only_at_the_end_is_named():
    cohort = people(("a", 0, 3, 1, np.nan), ("b", 0, 3, 0, np.nan), ("c", 0, 3, 0, np.nan))
    seen = visits(("a", 3, 5.0), ("c", 1, 5.0))
    found = problems(cohort, seen, covariates=("afp",), before_first="enter")
    assert of(found, "no time at risk") == ("a", "b")


def test_visits_outside_follow_up():
    cohort = people(("a", 2, 6, 1, np.nan), ("b", 0, 4, 0, 5))
    seen = visits(("a", 1, 5.0), ("a", 7, 8.0), ("b", 0, 3.0))
    found = problems(cohort, seen, covariates=("afp",))
    assert of(found, "before their entry") == ("a",)
    assert of(found, "visit after the end") == ("a",)
    assert of(found, "treatment_start is after time") == ("b",)
    rules = EpisodeRules(covariates=("afp",), before_entry="use", after_end="drop")
    assert spans(visit_episodes(cohort, seen, rules), "afp") == [
        (2, 6, 1, 0, 5.0),
        (0, 4, 0, 0, 3.0),
    ]


def test_faults_of_both_tables_at_once():
    cohort = people(
        ("a", 0, "long", 1, np.nan), ("b", 5, 5, 0, np.nan), ("c", -1, 4, 2, np.nan),
        ("d", 0, 4, 0, np.nan), ("d", 0, 4, 0, np.nan),
    )  # fmt: skip
    seen = visits(("d", 1, 5.0), ("d", 1, 6.0), ("x", 0, 1.0), ("c", "now", 1.0))
    found = problems(cohort, seen)
    assert of(found, "'long'") == ("a",)
    assert of(found, "never at risk") == ("b",)
    assert of(found, "before time 0") == ("c",)
    assert of(found, "found '2'") == ("c",)
    assert of(found, "one row a patient") == ("d",)
    assert of(found, "more than one visit at one time") == ("d",)
    assert of(found, "nobody among the patients") == ("x",)
    assert of(found, "'now'") == ("c",)


def test_dates_are_no_times():
    cohort = people(("a", 0, 5, 1, np.nan))
    seen = pd.DataFrame({"patient": ["a"], "visit_time": pd.to_datetime(["2012-01-01"])})
    assert of(problems(cohort, seen), "dates") == ("a",)


def test_two_roundings_of_one_day_are_one_time():
    day = 91 / 30.4375
    again = day * 30.4375 / 30.4375 + 2e-9
    cohort = people(("a", 0, 8, 1, again))
    seen = visits(("a", 0, 1.0), ("a", day, 2.0))
    episodes = visit_episodes(cohort, seen, EpisodeRules(covariates=("afp",)))
    assert len(episodes) == 2
    assert episodes["treatment"].tolist() == [0, 1]
    assert episodes["afp"].tolist() == [1.0, 2.0]


def test_rules_and_columns_that_are_wrong():
    with pytest.raises(InputError, match="choose from error, enter"):
        EpisodeRules(before_first="skip")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="rename the covariate"):
        EpisodeRules(covariates=("start",))
    with pytest.raises(InputError, match="more than once"):
        EpisodeRules(covariates=("afp",), baseline=("afp",))
    with pytest.raises(InputError, match="no visits to have them from"):
        visit_episodes(people(("a", 0, 1, 1, np.nan)), None, EpisodeRules(covariates=("afp",)))
    with pytest.raises(InputError, match="no rows"):
        visit_episodes(people())
    with pytest.raises(InputError, match="visits, column afb"):
        visit_episodes(people(("a", 0, 1, 1, 0)), visits(), EpisodeRules(covariates=("afb",)))


def simulated(seed: int, count: int = 60) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return patients and visits with every kind of tie: times are whole numbers."""
    rng = np.random.default_rng(seed)
    entry = rng.integers(0, 4, count)
    time = entry + rng.integers(1, 12, count)
    start = np.where(rng.random(count) < 0.6, rng.integers(0, 16, count), np.nan)
    rows = []
    for patient in range(count):
        extra = rng.choice(np.arange(1, 16), size=rng.integers(0, 6), replace=False)
        rows += [(f"p{patient}", 0, rng.normal())]
        rows += [(f"p{patient}", at, rng.choice([np.nan, rng.normal()])) for at in extra]
    columns = [[f"p{row}" for row in range(count)], entry, time, rng.integers(0, 2, count), start]
    cohort = people(*zip(*columns, strict=True))
    return cohort, visits(*rows).sample(frac=1, random_state=seed)


def by_loop(cohort: pd.DataFrame, seen: pd.DataFrame) -> list[tuple]:
    """The rules in a loop over patients and unit steps of time."""
    rows = []
    for person in cohort.itertuples():
        own = seen[seen["patient"] == person.patient].sort_values("visit_time")
        cuts = {person.entry, *own["visit_time"], person.treatment_start}
        inside = sorted(t for t in cuts if person.entry <= t < person.time)
        for start, stop in zip(inside, [*inside[1:], person.time], strict=True):
            known = own[(own["visit_time"] <= start) & own["afp"].notna()]
            event = person.event if stop == person.time else 0
            treated = int(person.treatment_start <= start)
            rows.append((start, stop, event, treated, known["afp"].iloc[-1]))
    return rows


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_against_a_loop_over_patients(seed):
    cohort, seen = simulated(seed)
    rules = EpisodeRules(covariates=("afp",), before_entry="use", after_end="drop")
    episodes = visit_episodes(cohort, seen, rules)
    assert spans(episodes, "afp") == by_loop(cohort, seen)
    again = check_episodes(episodes, EpisodeColumns(covariates=("afp",)))
    pd.testing.assert_frame_equal(again, episodes, check_dtype=False)


def test_totals_are_those_of_the_patients():
    cohort, seen = simulated(4)
    rules = EpisodeRules(covariates=("afp",), before_entry="use", after_end="drop")
    totals = episode_totals(visit_episodes(cohort, seen, rules))
    assert totals["treatment"].tolist() == [0, 1]
    assert totals["exposure"].sum() == (cohort["time"] - cohort["entry"]).sum()
    assert totals["events"].sum() == cohort["event"].sum()
    exposed = (cohort["time"] - cohort[["entry", "treatment_start"]].max(axis=1)).clip(lower=0)
    assert totals["exposure"][1] == exposed[cohort["treatment_start"].notna()].sum()


def test_baseline_columns_stand_in_every_episode():
    cohort = people(("a", 0, 5, 1, 2)).assign(age=61)
    episodes = visit_episodes(cohort, rules=EpisodeRules(baseline=("age",)))
    assert episodes["age"].tolist() == [61, 61]
