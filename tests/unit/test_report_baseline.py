"""The baseline table in Markdown and on the terminal says what the table holds."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from hccbayes.balance import BASELINE_COLUMNS, baseline_table
from hccbayes.errors import InputError
from hccbayes.report.baseline import (
    baseline_console,
    baseline_header,
    baseline_markdown,
    baseline_rows,
)

TREATMENT = [1, 1, 1, 0, 0, 0]
INDENT = "\N{NO-BREAK SPACE}" * 4


@pytest.fixture
def frame():
    return pd.DataFrame(
        {
            "age_years": [50.0, 60.0, 70.0, 40.0, 50.0, np.nan],
            "male": [1, 0, 1, 1, 0, 0],
            "stage": ["B", "C|x", "B", "C|x", "C|x", "B"],
        }
    )


@pytest.fixture
def table(frame):
    return baseline_table(frame, TREATMENT, weights=[1, 1, 2, 1, 3, 1], medians=["age_years"])


def test_rows_are_the_cells_of_the_table(table):
    rows = baseline_rows(table)
    assert len(rows) == len(table)
    for row, own in zip(rows, table.to_dict("records"), strict=True):
        shown = [own[f"{arm}_{when}"] for when in ("before", "after") for arm in
                 ("treated", "control")]  # fmt: skip
        assert [row[1], row[2], row[4], row[5]] == shown
        for text, when in ((row[3], "before"), (row[6], "after")):
            value = own[f"smd_{when}"]
            assert text == ("" if math.isnan(value) else f"{value:z.3f}".replace("-", "−"))
    assert baseline_header(table)[1:] == (
        *("treated, before", "control, before", "SMD, before"),
        *("treated, after", "control, after", "SMD, after"),
    )


def test_names_say_what_the_cells_hold(table):
    names = [row[0] for row in baseline_rows(table, labels={"age_years": "Age (years)"})]
    assert names == [
        "patients, n",
        "Age (years), median [quartiles]",
        f"{INDENT}missing, n (%)",
        "male, n (%)",
        "stage, n (%)",
        f"{INDENT}B",
        f"{INDENT}C|x",
    ]


def test_an_unadjusted_table_has_no_columns_after(frame):
    table = baseline_table(frame, TREATMENT)
    assert len(baseline_header(table)) == 4
    assert {len(row) for row in baseline_rows(table)} == {4}


def test_markdown_is_a_table_whose_cells_are_escaped(table):
    lines = baseline_markdown(table).split("\n")
    assert len(lines) == len(table) + 2
    assert lines[1] == "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    # Seven cells each: a bar within a cell is escaped.
    assert {line.replace(r"\|", "").count("|") for line in lines} == {8}
    assert rf"{INDENT}C\|x" in lines[-1]
    assert r"age\_years, median \[quartiles\]" in lines[3]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1234, "0.123"),
        (-0.5, "−0.500"),
        (-1e-9, "0.000"),
        (math.inf, "∞"),
        (-math.inf, "−∞"),
        (math.nan, "-"),
    ],
)
def test_differences_are_written_out(table, value, text):
    table.loc[1, "smd_after"] = value
    assert baseline_rows(table)[1][6] == text


def test_the_terminal_shows_every_cell(table):
    drawn = baseline_console(table, title="Baseline [x]")
    console = Console(width=160, record=True, file=None, quiet=False)
    with console.capture() as captured:
        console.print(drawn)
    text = captured.get()
    assert "Baseline [x]" in text
    for row in baseline_rows(table):
        assert all(cell in text for cell in row)
    assert "[quartiles]" in text
    assert len(drawn.columns) == len(baseline_header(table))
    assert drawn.row_count == len(table)


@pytest.mark.parametrize("write", [baseline_rows, baseline_header, baseline_markdown])
def test_wrong_tables_are_refused(table, write):
    with pytest.raises(InputError, match="columns are absent: shown; there must be variable, lev"):
        write(table.drop(columns="shown"))
    with pytest.raises(InputError, match="has no row"):
        write(table.head(0))
    assert set(table) == set(BASELINE_COLUMNS)
