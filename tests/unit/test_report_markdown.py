"""The report: verdict first, whole tables, nobody's words obeyed, no patient in it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from hccbayes.analysis import Analysis

Make = Callable[..., Analysis]
HOSTILE = "<script>alert(1)</script> | `rm` [x](y) *a* _b_ \\ & ~~c~~\n# heading\n- item"


def test_the_first_line_is_the_verdict(make_analysis: Make) -> None:
    good = make_analysis().report().splitlines()[0]
    assert good == "**Diagnostics passed: largest R-hat 1.0010**"
    bad = make_analysis(passed=False).report().splitlines()[0]
    assert bad == "**DIAGNOSTICS FAILED, do not use these estimates: largest R-hat 1.2000**"


def test_the_report_holds_numbers_cautions_and_exclusions(make_analysis: Make) -> None:
    lines = make_analysis().report().splitlines()
    assert "| conditional hazard ratio | treated / control | sample |  | 0.62 (0.41 to 0.94)" in (
        "\n".join(lines)
    )
    assert "- Mind the tace." in lines
    assert "- Left out: 1, missing value in tace." in lines
    assert "- Time zero: start of tace." in lines
    assert any("P(HR < 0.8)".replace("<", "&lt;") in line for line in lines)
    assert any("14.00 (10.00 to not reached)" in line for line in lines)


def test_without_a_caution_the_report_says_so(make_analysis: Make) -> None:
    assert "No caution was raised." in make_analysis(cautions=()).report()


def test_every_table_row_has_the_cells_of_its_header(make_analysis: Make) -> None:
    report = make_analysis(words=HOSTILE.replace("\n", " ")).report()
    rows = [line for line in report.splitlines() if line.startswith("|")]
    assert len(rows) > 10
    width = 0
    for line, following in zip(rows, [*rows[1:], ""], strict=True):
        cells = len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) - 1
        if "---" in following:
            width = cells
        assert cells == width


def test_hostile_words_stay_words(make_analysis: Make) -> None:
    report = make_analysis(words=HOSTILE).report()
    assert "<script>" not in report
    assert "&lt;script&gt;" in report
    assert not re.search(r"(?m)^# heading|^- item", report)
    assert not re.search(r"(?<!\\)`", report)


def test_no_patient_is_in_what_is_written(make_analysis: Make, written: Path) -> None:
    """Excluded patients are counted; what the analyst's exclusions name stays in memory."""
    from hccbayes.cohort import read_cohort
    from hccbayes.roles import ArmRole, Roles

    count = 12
    frame = pd.DataFrame(
        {
            "id": [f"PATIENT-{row}" for row in range(count)],
            "months": np.arange(1.0, count + 1),
            "death": [1, 1, 0] * 4,
            "arm": ["tace", "systemic"] * 6,
            "age": [None, *np.arange(50.0, 50 + count - 1)],
        }
    )
    roles = Roles(
        id="id",
        time="months",
        event="death",
        arm=ArmRole(column="arm", treated="tace", control="systemic"),
        covariates=("age",),
        missing="exclude",
    )
    cohort = read_cohort(frame, roles)
    assert [one.ids for one in cohort.exclusions] == [("PATIENT-0",)]
    analysis = make_analysis(summary=cohort.summary(), cautions=cohort.warnings)
    analysis.save(written)
    assert "Left out: 1, missing value in age" in analysis.report()
    files = [path for path in written.rglob("*") if path.is_file()]
    assert len(files) >= 6
    for path in files:
        assert b"PATIENT" not in path.read_bytes(), path.name
