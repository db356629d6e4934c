"""The commands on a model file with ``[design]``: what is told, and what is refused at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from hccbayes.cli import app

MODEL = """
[model]
name = "toy"

[data]
source = "toy.csv"
id = "id"
time = "months"
event = "death"
arm = { column = "arm", treated = "tace", control = "systemic" }
time_zero = "first systemic dose"

[hazard]
formula = "treatment + age"

[estimands]
times = [6]

[design]
"""
START = 'treatment_start = { column = "start", unit = "months" }\n'
LANDMARK = f'method = "landmark"\nlandmark = 3.0\n{START}'
TIME_DEPENDENT = f'method = "time_dependent"\n{START}'
Write = Callable[..., Path]


@pytest.fixture(autouse=True)
def _wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "250")


def patients() -> pd.DataFrame:
    """Return 60 patients; treatment starts after half a month to two and a half."""
    rows = range(60)
    return pd.DataFrame(
        {
            "id": [f"P{row:02d}" for row in rows],
            "months": [3.2 + row % 17 for row in rows],
            "death": [int(row % 4 != 3) for row in rows],
            "arm": ["tace", "systemic"] * 30,
            "start": [0.5 + row % 5 / 2 if row % 2 == 0 else None for row in rows],
            "age": [45 + (row * 7) % 31 for row in rows],
        }
    )


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes a model file and its data: ``write(design, frame)``."""

    def make(design: str, frame: pd.DataFrame | None = None) -> Path:
        (patients() if frame is None else frame).to_csv(tmp_path / "toy.csv", index=False)
        path = tmp_path / "toy.toml"
        path.write_text(MODEL + design, encoding="utf-8")
        return path

    return make


def command(*arguments: object) -> Result:
    """Run a command; an exception that is no exit is an error of the test."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert "Traceback" not in result.output
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def refused(*arguments: object) -> str:
    """Return what a command says on standard error while it leaves with status 2."""
    result = command(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    return result.stderr


def told(result: Result) -> str:
    """Return what a command printed, in one line and without the frames of tables."""
    assert result.exit_code == 0
    return " ".join(result.stdout.split())


# Sound input.


def test_arms_that_look_ahead_are_told_with_the_target_trial(write):
    said = told(command("check", write(f'method = "naive"\n{START}')))
    assert said.startswith("No problem found.")
    assert "Arms cannot have been known at time zero: the arm 'tace' looks up to 2.5 months" in said
    assert "'landmark', 'time_dependent' or 'clone_censor_weight'" in said
    # The naive design says what it costs: of 30 treated patients all started late.
    assert "30 of 30 treated patients started after time zero" in said
    assert "Target trial and its emulation" in said
    assert "first systemic dose" in said


@pytest.mark.parametrize(
    ("design", "words"),
    [
        (LANDMARK, "Patients who reached 3 months"),
        (TIME_DEPENDENT, "Treatment counts from its start"),
        (
            f'method = "clone_censor_weight"\ngrace = 3.0\n{START}',
            "compare strategies from time zero",
        ),
        ('method = "delayed_entry"\nsurvival_required = 3.0\n', "at risk from 3 months on"),
    ],
)
def test_each_design_is_checked_and_described(write, design, words):
    said = told(command("check", write(design)))
    assert words in said
    assert "Target trial and its emulation" in said
    # What looked ahead is mended; where the data have no dates nothing can be said of it.
    assert "Arms cannot have been known" not in said


def test_without_a_design_there_is_no_target_trial(write):
    model = write("")
    model.write_text(MODEL.removesuffix("[design]\n"), encoding="utf-8")
    assert "Target trial" not in told(command("check", model))


def test_a_window_without_dates_is_answered_by_the_bound(write):
    design = "start_window = [0.0, 2.5]\n"
    said = told(command("check", write(design, patients().drop(columns="start"))))
    assert "Dates of treatment are not in the data" in said


# Bad input: status 2, patients named, everything at once, no traceback.


@pytest.mark.parametrize("name", ["check", "run"])
def test_a_landmark_beyond_the_follow_up(write, tmp_path, name):
    design = LANDMARK.replace("3.0", "30.0")
    out = ["--out", tmp_path / "results"] if name == "run" else []
    said = refused(name, write(design), *out)
    assert "[design] landmark: 30 months lie beyond the longest follow-up of 19.2" in said
    assert not (tmp_path / "results").exists()


def test_a_column_of_starts_that_is_not_there(write):
    said = refused("check", write(LANDMARK, patients().drop(columns="start")))
    assert said.startswith("1 problem in toy.csv:")
    assert "column start: is not in the data; columns are 'id', 'months'" in said


def test_starts_after_the_end_name_the_patients(write):
    frame = patients()
    frame.loc[[4, 10], "start"] = [25.0, 19.0]
    said = refused("check", write(TIME_DEPENDENT, frame))
    assert "column start: treatment starts after the end of follow-up" in said
    assert "P04: start 25, end 7.2" in said
    assert "P10: start 19, end 13.2" in said


def test_starts_that_are_dates_of_the_calendar(write):
    frame = patients().astype({"start": object})
    frame.loc[[2, 6], "start"] = ["2021-03-04", "4/3/2021"]
    said = refused("check", write(TIME_DEPENDENT, frame))
    assert "column start: holds text where a number is needed" in said
    for words in ("P02", "P06", "2021-03-04", "4/3/2021"):
        assert words in said


def test_treated_patients_without_a_start_are_named(write):
    frame = patients()
    frame.loc[[0, 8], "start"] = None
    said = refused("check", write(TIME_DEPENDENT, frame))
    assert "no start of treatment for 2 patients of arm 'tace'" in said
    assert "P00" in said
    assert "P08" in said


def test_every_fault_is_listed_at_once(write):
    frame = patients().astype({"start": object})
    frame.loc[4, "start"] = 25.0
    frame.loc[6, "start"] = "2021-03-04"
    frame.loc[8, "start"] = None
    frame.loc[10, "start"] = -1.0
    frame.loc[12, "months"] = -2.0
    frame.loc[14, "death"] = 7
    said = refused("check", write(LANDMARK, frame))
    for patient in ("P04", "P06", "P08", "P10", "P12", "P14"):
        assert patient in said
    assert said.startswith("6 problems in toy.csv:")


@pytest.mark.parametrize(
    "design",
    [
        'method = "landmark"\nlandmark = 3.0\n',
        'method = "time_dependent"\n',
        'method = "clone_censor_weight"\ngrace = 3.0\n',
    ],
)
def test_a_design_without_the_dates_it_needs_says_what_can_be_asked(write, design):
    said = refused("check", write(design))
    assert "treatment_start" in said
    assert "start_window" in said
    assert "immortal_bound" in said


@pytest.mark.parametrize(
    "design", [TIME_DEPENDENT, f'method = "clone_censor_weight"\ngrace = 3.0\n{START}']
)
def test_conventional_tables_of_a_treatment_that_starts_later_are_refused(write, tmp_path, design):
    out = tmp_path / "tables"
    said = refused("conventional", write(design), "--out", out)
    assert "1 problem:" in said
    assert "[design] method: lets treatment start later" in said
    assert "Use a landmark, or `hccbayes run`" in said
    assert not out.exists()


def test_conventional_tables_of_a_landmark_are_made(write, tmp_path):
    out = tmp_path / "tables"
    result = command("conventional", write(LANDMARK), "--out", out)
    assert "Patients who reached 3 months" in told(result)
    assert out.is_dir()
