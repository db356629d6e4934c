"""The commands evidence and audit."""

from __future__ import annotations

from io import StringIO

import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

from hccbayes.cli_evidence import audit, evidence

ROW = "study,endpoint,hr,lower,upper,p\nA,OS,{hr},0.52,0.94,0.019\n"


@pytest.fixture(scope="module")
def run():
    app = typer.Typer()
    app.command()(evidence)
    app.command()(audit)
    runner = CliRunner()
    return lambda *words: runner.invoke(app, list(words), env={"COLUMNS": "200"})


def test_evidence_prints_a_study_and_an_endpoint(run):
    done = run("evidence", "--study", "Chen2025", "--endpoint", "PFS")
    assert done.exit_code == 0
    assert "0.75 (0.57-0.98)" in done.output
    assert "Lin2023" not in done.output
    assert "Left out: 1, interval not symmetric" in done.output


def test_evidence_says_why_a_study_has_no_row(run):
    done = run("evidence", "--study", "Lu2025")
    assert done.exit_code == 0
    assert "Left out: 4, no hazard ratio in the text" in done.output
    assert "Left out" not in run("evidence", "--study", "Lu2025", "--all").output


@pytest.mark.parametrize("name", ["baseline", "outcomes", "studies", "derived_effects"])
def test_evidence_prints_other_tables(run, name):
    done = run("evidence", "--table", name)
    assert done.exit_code == 0
    assert f"Published {name.replace('_', ' ')}" in done.output


def test_evidence_as_csv_is_the_whole_table(run):
    done = run("evidence", "--table", "responses", "--csv")
    assert len(pd.read_csv(StringIO(done.output))) == 85


@pytest.mark.parametrize("words", [("--study", "Lu2024"), ("--table", "hazards")])
def test_unknown_names_leave_with_status_2(run, words):
    done = run("evidence", *words)
    assert done.exit_code == 2
    assert "choose from" in done.output


def test_audit_of_a_file(run, tmp_path):
    path = tmp_path / "ratios.csv"
    path.write_text(ROW.format(hr="0.70"))
    done = run("audit", str(path))
    assert done.exit_code == 0
    assert "No alarm" in done.output
    path.write_text(ROW.format(hr="0.40"))
    done = run("audit", str(path))
    assert done.exit_code == 1
    assert "impossible: row 1, A, OS, treatment" in done.output
    path.write_text(ROW.format(hr="0.4.0"))
    done = run("audit", str(path))
    assert done.exit_code == 2
    assert "line 1 (A), column hr: '0.4.0' is not a number" in done.output
    assert run("audit", str(path), "--misprints").exit_code == 1


def test_notes_are_shown_on_request(run, tmp_path):
    path = tmp_path / "ratios.csv"
    path.write_text(ROW.format(hr="0.70"))
    assert "events_implied" not in run("audit", str(path), "--csv").output
    assert "events_implied" in run("audit", str(path), "--csv", "--notes").output


def test_audit_without_a_file_is_that_of_the_shipped_tables(run):
    done = run("audit")
    assert done.exit_code == 1
    assert "survival_rates row 3, Sun2025" in done.output
    assert run("audit", "--kind", "baseline").exit_code == 2


def test_file_of_no_known_kind(run, tmp_path):
    path = tmp_path / "other.csv"
    path.write_text("a,b\n1,2\n")
    done = run("audit", str(path))
    assert done.exit_code == 2
    assert "the kinds are hazard_ratios" in done.output
