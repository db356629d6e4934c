"""What the terminal shows."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from hccbayes import console
from hccbayes.analysis import Analysis

Make = Callable[..., Analysis]


@pytest.fixture
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


@pytest.mark.usefixtures("wide")
def test_the_analysis_is_printed_with_its_verdict_first(
    make_analysis: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    console.print_analysis(make_analysis(passed=False), Path("results/toy"))
    shown = capsys.readouterr().out
    assert shown.startswith("DIAGNOSTICS FAILED, do not use these estimates")
    for text in (
        "Question tace",
        "Posterior hazard ratio, treated over control: 0.62 (0.41 to 0.94); "
        "P(HR < 1) = 0.988, P(HR < 0.8) > 0.999",
        "14.00 (10.00 to not reached)",
        "restricted mean difference, 24 months",
        "Left out: 1, missing value in tace",
        "Caution: Mind the tace.",
        "results/toy/report.md",
    ):
        assert text in shown
    assert "age: per 1" not in shown  # covariates are in the report


@pytest.mark.usefixtures("wide")
def test_words_in_square_brackets_are_shown_and_not_obeyed(
    make_analysis: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    console.print_analysis(make_analysis(words="[red]x[/bold]"), Path("[link]out"))
    shown = capsys.readouterr().out
    assert "Cohort: [red]x[/bold].csv" in shown
    assert "Question [red]x[/bold]" in shown
    assert "Caution: Mind the [red]x[/bold]." in shown
    assert "[link]out/report.md" in shown


def test_a_quiet_run_prints_two_lines(
    make_analysis: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    console.print_verdict(make_analysis())
    verdict, effect = capsys.readouterr().out.splitlines()
    assert verdict.startswith("Diagnostics passed")
    assert effect.startswith("Posterior hazard ratio, treated over control: 0.62")


@pytest.mark.usefixtures("wide")
def test_a_check_prints_intervals_and_their_events(
    make_analysis: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    data: Any = SimpleNamespace(intervals=("0-6", "6+"), interval_events=np.array([17.0, 9.0]))
    console.print_check(make_analysis().summary, data, ["Look [here]."])
    shown = capsys.readouterr().out
    assert shown.startswith("No problem found.")
    assert re.search(r"0-6\s+17", shown)
    assert re.search(r"6\+\s+9", shown)
    assert "Caution: Look [here]." in shown


def test_progress_goes_to_standard_error_and_quiet_is_silent(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for quiet in (True, False):
        with console.progress(quiet=quiet) as watch:
            watch.stage("sampling")
            watch.draws(5, 10)
        shown = capsys.readouterr()
        assert shown.out == ""
        assert ("sampling" in shown.err) is not quiet
