"""Start-stop rows of a user: what is right comes back in order, every fault is named."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hccbayes.errors import InputError
from hccbayes.time_zero.episode_checks import EpisodeColumns, check_episodes

NAMES = ["patient", "start", "stop", "event", "treatment"]


def table(*rows: tuple) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=NAMES)


def problems(frame: pd.DataFrame, **options) -> dict[str, tuple[str, ...]]:
    with pytest.raises(InputError) as error:
        check_episodes(frame, EpisodeColumns(**options))
    return {problem.message: problem.rows for problem in error.value.problems}


def of(found: dict[str, tuple[str, ...]], words: str) -> tuple[str, ...]:
    """Return the patients of the one message that holds these words."""
    (message,) = [message for message in found if words in message]
    return found[message]


def test_rows_come_back_in_order():
    frame = table(("b", 2, 5, 1, 1), ("a", 0, 3, 0, 0), ("b", 0, 2, 0, 0))
    episodes = check_episodes(frame)
    assert episodes.columns.tolist() == [NAMES[0], "patient_index", *NAMES[1:]]
    assert episodes["patient"].tolist() == ["b", "b", "a"]
    assert episodes["patient_index"].tolist() == [0, 0, 1]
    assert episodes["start"].tolist() == [0, 2, 0]
    assert episodes["event"].tolist() == [0, 1, 0]


def test_own_names_numbers_as_identifiers_and_no_treatment():
    frame = pd.DataFrame(
        {"id": [1.0, 1.0], "t0": [0, 1], "t1": [1, 2], "dead": [0, 1], "x": [5, 6]}
    )
    columns = EpisodeColumns(
        patient="id", start="t0", stop="t1", event="dead", treatment=None, covariates=("x",)
    )
    episodes = check_episodes(frame, columns)
    assert episodes["patient"].tolist() == ["1", "1"]
    assert episodes["treatment"].tolist() == [0, 0]
    assert episodes["x"].tolist() == [5, 6]


def test_every_fault_of_the_times_at_once():
    frame = table(
        ("overlap", 0, 4, 0, 0), ("overlap", 3, 5, 0, 0),
        ("gap", 0, 1, 0, 0), ("gap", 2, 3, 0, 0),
        ("empty", 1, 1, 0, 0),
        ("backward", 3, 1, 0, 0),
        ("early", 0, 1, 1, 0), ("early", 1, 2, 0, 0),
        ("twice", 0, 1, 1, 0), ("twice", 1, 2, 1, 0),
        ("stops", 0, 1, 0, 1), ("stops", 1, 2, 0, 0),
        ("negative", -1, 2, 0, 0),
        ("fine", 0, 2, 0, 0), ("fine", 2, 4, 1, 1),
    )  # fmt: skip
    found = problems(frame)
    assert of(found, "overlap") == ("overlap",)
    assert of(found, "gap between") == ("gap",)
    assert of(found, "not after its start") == ("empty", "backward")
    assert of(found, "after their event") == ("early", "twice")
    assert of(found, "more than one event") == ("twice",)
    assert of(found, "from 1 to 0") == ("stops",)
    assert of(found, "before time 0") == ("negative",)
    assert len(found) == 7


def test_overlap_with_an_episode_that_is_not_the_one_before():
    frame = table(("a", 0, 10, 0, 0), ("a", 1, 2, 0, 0), ("a", 5, 12, 0, 0))
    assert of(problems(frame), "overlap") == ("a",)


def test_gaps_and_stopping_where_they_are_said():
    frame = table(("a", 0, 1, 0, 1), ("a", 2, 3, 1, 0))
    assert len(problems(frame)) == 2
    episodes = check_episodes(frame, EpisodeColumns(allow_gaps=True, allow_stopping=True))
    assert episodes[["start", "stop"]].to_numpy().tolist() == [[0, 1], [2, 3]]
    assert len(problems(frame, allow_gaps=True)) == 1


def test_rounding_is_neither_gap_nor_overlap():
    stop, start = 0.1 + 0.2, 0.3
    assert stop != start
    episodes = check_episodes(table(("a", 0, stop, 0, 0), ("a", start, 1, 1, 0)))
    assert episodes["start"].tolist() == [0, stop]


def test_cells_at_fault():
    frame = table(
        ("a", 0, "soon", 0, 0), ("b", 0, 2, 2, 0), ("c", np.nan, 2, 1, 0), ("d", 0, 1, 0, 3)
    )
    frame["x"] = [1.0, np.nan, 2.0, 3.0]
    frame.loc[len(frame)] = [None, 0, 1, 0, 0, 1.0]
    found = problems(frame, covariates=("x",))
    assert of(found, "'soon'") == ("a",)
    assert of(found, "must be 0 or 1, found '2'") == ("b",)
    assert of(found, "must be 0 or 1, found '3'") == ("d",)
    assert found["is missing"] == ("b",)
    assert of(found, "identifier is missing") == ("line 5",)


def test_start_that_is_missing_is_named():
    assert problems(table(("c", np.nan, 2, 1, 0)))["is missing"] == ("c",)


def test_columns_that_are_not_there():
    with pytest.raises(InputError) as error:
        check_episodes(pd.DataFrame({"patient": ["a"], "starts": [0], "stop": [1]}))
    text = str(error.value)
    assert "column start: is not there; did you mean `starts`?" in text
    assert "column event" in text
    assert "column treatment" in text


def test_no_rows_and_reserved_names():
    with pytest.raises(InputError, match="no rows"):
        check_episodes(table())
    with pytest.raises(InputError, match="rename the covariate"):
        EpisodeColumns(covariates=("event",))
