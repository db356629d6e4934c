"""The commands evidence and audit."""

from __future__ import annotations

from io import StringIO

import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

from hccbayes.cli_evidence import audit, column_widths, evidence
from hccbayes.evidence import TABLES, table

ROW = "study,endpoint,hr,lower,upper,p\nA,OS,{hr},0.52,0.94,0.019\n"


@pytest.fixture(scope="module")
def run():
    app = typer.Typer()
    app.command()(evidence)
    app.command()(audit)
    runner = CliRunner()
    return lambda *words, width=200: runner.invoke(app, list(words), env={"COLUMNS": str(width)})


def test_evidence_prints_a_study_and_an_endpoint(run):
    done = run("evidence", "--study", "Chen2025", "--endpoint", "PFS")
    assert done.exit_code == 0
    assert "0.75\N{NO-BREAK SPACE}(0.57-0.98)" in done.output
    assert "Published hazard ratios, Chen2025, PFS, " in done.output
    assert "Lin2023" not in done.output
    assert "Left out: 1 row, interval not symmetric" in done.output


def test_evidence_says_why_a_study_has_no_row(run):
    done = run("evidence", "--study", "Lu2025")
    assert done.exit_code == 0
    assert "Left out: 4 rows, no hazard ratio in the text" in done.output
    assert "Left out" not in run("evidence", "--study", "Lu2025", "--all").output


@pytest.mark.parametrize("name", ["baseline", "outcomes", "studies", "derived_effects"])
def test_evidence_prints_other_tables(run, name):
    done = run("evidence", "--table", name)
    assert done.exit_code == 0
    assert f"Published {name.replace('_', ' ')}" in done.output


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("name", list(TABLES))
def test_evidence_fits_the_terminal_without_a_broken_word(run, name, width):
    output = run("evidence", "--table", name, width=width).output
    lines = [line.rstrip() for line in output.splitlines()]
    assert max(map(len, lines)) <= width
    assert "\N{HORIZONTAL ELLIPSIS}" not in output
    assert set(table(name)["study"]) <= set(output.split())


def test_evidence_says_which_columns_a_narrow_terminal_leaves_out(run):
    narrow, wide = (run("evidence", width=width).output for width in (80, 120))
    hidden = "Not shown in 80 characters: use, analysis set, flags, SE.\n"
    assert hidden in narrow
    assert "Not shown" not in wide
    asked = run("evidence", "--study", "Chen2025", "--endpoint", "OS", width=80).output
    assert "Not shown" not in asked


def test_widths_of_columns():
    cells = pd.DataFrame({"id": ["L1"], "words": ["one three five seven"], "long": ["x" * 9]})
    # Whole where there is room, 2 characters between columns: 2 + 2 + 20 + 2 + 9.
    assert column_widths(cells, 35) == {"id": 2, "words": 20, "long": 9}
    # The longest word, 5 characters; what is left goes to the left.
    assert column_widths(cells, 20) == {"id": 2, "words": 5, "long": 9}
    assert column_widths(cells, 23) == {"id": 2, "words": 8, "long": 9}
    assert column_widths(cells, 19) == {"id": 2, "words": 15}
    # A text of 80 characters needs 20 to be on four lines.
    text = pd.DataFrame({"id": ["L1"], "text": ["word " * 16]})
    assert column_widths(text, 24) == {"id": 2, "text": 20}
    assert column_widths(text, 23) == {"id": 2}


def test_evidence_as_csv_is_the_whole_table(run):
    done = run("evidence", "--table", "responses", "--csv")
    assert len(pd.read_csv(StringIO(done.output))) == 85


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            ("--study", "Chen25"),
            "unknown study 'Chen25'; did you mean Chen2025? choose from Lu2025",
        ),
        (("--endpoint", "death"), "unknown endpoint 'death'; choose from OS, PFS, TTUP, RFS, PPS"),
        (("--study", "Ricke2019", "--endpoint", "PFS"), "'PFS' of Ricke2019; choose from OS"),
        (
            ("--table", "studies", "--endpoint", "OS"),
            "is not a column of this table, whose columns",
        ),
        (("--table", "hazards"), "unknown table 'hazards'; choose from hazard_ratios, baseline"),
    ],
)
def test_unknown_names_leave_with_status_2(run, words, says):
    done = run("evidence", *words)
    assert done.exit_code == 2
    assert says in done.output


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
    assert "row 1 (A), column hr: '0.4.0' is not a number" in done.output
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
