"""What is shown and written: numbers, Markdown, the results folder, the terminal."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hccbayes import console
from hccbayes.analysis import Analysis, load
from hccbayes.errors import FolderExistsError, InputError
from hccbayes.records import ESTIMATE_COLUMNS
from hccbayes.report import folder
from hccbayes.report.numbers import (
    escape_markdown,
    estimand_name,
    format_interval,
    format_number,
    format_probability,
)

Make = Callable[..., Analysis]
INF, NAN = float("inf"), float("nan")
HOSTILE = "<script>alert(1)</script> | `rm` [x](y) *a* _b_ \\ & ~~c~~\n# heading\n- item"


# Numbers.


@pytest.mark.parametrize(
    ("value", "estimand", "text"),
    [
        (0.6249, "hr", "0.62"),
        (0.9512, "hr", "0.951"),  # effects per unit lie close to 1
        (1.0494, "hr", "1.049"),
        (1.06, "hr", "1.06"),
        (-0.4789, "log_hr", "-0.479"),
        (0.12345, "survival", "0.123"),
        (11.848497, "rmst", "11.85"),
        (INF, "median", "not reached"),
        (-INF, "median_difference", "-inf"),
        (NAN, "rmst", ""),
        (0.98765, "prob_hr_below_0.8", "0.988"),
        (1.0, "prob_hr_below_0.8", "> 0.999"),
    ],
)
def test_numbers_have_the_digits_of_their_kind(value: float, estimand: str, text: str) -> None:
    assert format_number(value, estimand) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.5, "0.500"), (0.999, "0.999"), (0.9991, "> 0.999"), (1.0, "> 0.999"),
     (0.0, "< 0.001"), (0.0009, "< 0.001"), (0.0011, "0.001"), (NAN, "")],
)  # fmt: skip
def test_probabilities_are_never_zero_or_one(value: float, text: str) -> None:
    assert format_probability(value) == text


@pytest.mark.parametrize(
    ("numbers", "estimand", "text"),
    [
        ((0.62, 0.4149, 0.94), "hr", "0.62 (0.41 to 0.94)"),
        ((1.012, 0.99, 1.2345), "hr", "1.012 (0.990 to 1.234)"),  # digits follow the point
        ((14, 10, INF), "median", "14.00 (10.00 to not reached)"),
        ((INF, 10, INF), "median", "not reached (10.00 to not reached)"),
        ((0.97, NAN, NAN), "prob_hr_below_1", "0.970"),
        ((NAN, NAN, NAN), "median_difference", ""),
    ],
)
def test_intervals(numbers: tuple[float, float, float], estimand: str, text: str) -> None:
    row = pd.Series(dict(zip(("estimate", "lower", "upper"), numbers, strict=True)))
    assert format_interval(pd.Series({**row, "estimand": estimand})) == text


def test_estimands_in_words() -> None:
    assert estimand_name("prob_hr_below_0.8") == "P(HR < 0.8)"
    assert estimand_name("marginal_hr") == "marginal hazard ratio"
    assert estimand_name("something_new") == "something_new"


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("<script>", "&lt;script&gt;"),
        ("a & b &lt;", "a &amp; b &amp;lt;"),
        ("a | b", r"a \| b"),
        (r"a \| b", r"a \\\| b"),
        ("`x` *y* _z_", r"\`x\` \*y\* \_z\_"),
        ("[x](y) ~z~", r"\[x\](y) \~z\~"),
        ("a\n\nb\tc\r\n# d", "a b c # d"),
        ("# a", r"\# a"),
        ("- a", r"\- a"),
        ("+ a", r"\+ a"),
        ("=====", r"\====="),
        ("-0.3 to 0.4", r"\-0.3 to 0.4"),
        ("", ""),
    ],
)
def test_markdown_shows_text_as_it_stands(text: str, escaped: str) -> None:
    assert escape_markdown(text) == escaped


# The report.


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


# The results folder.


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a place for results; figures have tests of their own."""
    monkeypatch.setattr("hccbayes.analysis.write_figures", lambda *arguments: [])
    return tmp_path / "results" / "toy"


def contents(path: Path) -> list[str]:
    return sorted(entry.name for entry in path.iterdir())


def test_results_are_read_back_as_they_were(make_analysis: Make, written: Path) -> None:
    analysis = make_analysis(passed=False)
    assert analysis.save(written, command="hccbayes run toy.toml") == written
    assert contents(written.parent) == ["toy"]
    assert contents(written) == [
        "crosscheck.csv",
        "diagnostics.json",
        "estimates.csv",
        "model.toml",
        "posterior.nc",
        "provenance.json",
        "report.md",
    ]
    again = load(written)
    assert (again.spec, again.summary, again.cautions) == (
        analysis.spec,
        analysis.summary,
        analysis.cautions,
    )
    assert (again.diagnosis, again.reference_diagnosis) == (
        analysis.diagnosis,
        analysis.reference_diagnosis,
    )
    pd.testing.assert_frame_equal(again.estimates, analysis.estimates)
    pd.testing.assert_frame_equal(again.crosscheck, analysis.crosscheck)
    assert (
        again.posterior["posterior"]
        .to_dataset()
        .equals(analysis.posterior["posterior"].to_dataset())
    )
    assert again.provenance["command"] == "hccbayes run toy.toml"
    assert (written / "report.md").read_text(encoding="utf-8") == analysis.report()


def test_estimates_on_disk_have_the_columns_of_the_contract(
    make_analysis: Make, written: Path
) -> None:
    make_analysis().save(written)
    header = (written / "estimates.csv").read_text(encoding="utf-8").splitlines()[0]
    assert header == ",".join(ESTIMATE_COLUMNS)


def test_json_on_disk_is_valid_where_a_number_is_not(make_analysis: Make, written: Path) -> None:
    make_analysis().save(written)
    for name in ("diagnostics.json", "provenance.json"):
        json.loads(
            (written / name).read_text(encoding="utf-8"),
            parse_constant=lambda constant: pytest.fail(f"{constant} is not JSON"),
        )


def test_existing_results_are_kept_unless_forced(make_analysis: Make, written: Path) -> None:
    make_analysis().save(written)
    before = (written / "report.md").read_text(encoding="utf-8")
    with pytest.raises(FolderExistsError, match="toy exists; use --force to replace it"):
        make_analysis(passed=False).save(written)
    assert (written / "report.md").read_text(encoding="utf-8") == before
    make_analysis(passed=False).save(written, force=True)
    assert "DIAGNOSTICS FAILED" in (written / "report.md").read_text(encoding="utf-8")
    assert contents(written.parent) == ["toy"]


def test_force_never_replaces_what_is_no_results_folder(make_analysis: Make, written: Path) -> None:
    written.mkdir(parents=True)
    (written / "thesis.docx").write_text("years of work")
    with pytest.raises(FolderExistsError, match="is not a results folder"):
        make_analysis().save(written, force=True)
    assert contents(written) == ["thesis.docx"]
    assert contents(written.parent) == ["toy"]


def test_force_never_replaces_a_file(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("keep")
    with pytest.raises(FolderExistsError, match="is not a results folder"):
        folder.check_free(tmp_path / "notes", force=True)


def test_a_failure_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), folder.new_folder(tmp_path / "toy") as unfinished:
        (unfinished / "half.csv").write_text("1")
        raise ZeroDivisionError
    assert contents(tmp_path) == []


def test_a_failure_leaves_the_old_results_as_they_were(make_analysis: Make, written: Path) -> None:
    make_analysis().save(written)
    before = contents(written)
    with pytest.raises(KeyboardInterrupt), folder.new_folder(written, force=True) as unfinished:
        (unfinished / "half.csv").write_text("1")
        raise KeyboardInterrupt
    assert contents(written.parent) == ["toy"]
    assert contents(written) == before


def test_a_failed_exchange_puts_the_old_results_back(
    make_analysis: Make, written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_analysis().save(written)
    before = contents(written)
    rename = Path.rename

    def fail_for_new(self: Path, target: Path) -> Path:
        if (self / "new.csv").exists():
            raise OSError("disk full")
        return rename(self, target)

    with pytest.raises(OSError, match="disk full"), folder.new_folder(written, force=True) as new:
        (new / "new.csv").write_text("1")
        monkeypatch.setattr(Path, "rename", fail_for_new)
    assert contents(written.parent) == ["toy"]
    assert contents(written) == before


def test_results_that_appeared_meanwhile_are_not_overwritten(tmp_path: Path) -> None:
    target = tmp_path / "toy"
    with pytest.raises(FolderExistsError), folder.new_folder(target) as unfinished:
        (unfinished / "mine.csv").write_text("1")
        target.mkdir()
        (target / "provenance.json").write_text("{}")
    assert contents(target) == ["provenance.json"]
    assert contents(tmp_path) == ["toy"]


def test_the_folder_appears_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "new" / "toy"
    with folder.new_folder(target) as unfinished:
        assert not target.exists()
        assert unfinished.parent == target.parent
    assert target.is_dir()
    assert target.stat().st_mode & 0o777 == 0o755


def test_a_place_below_a_file_is_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match=r"results folder: cannot be made: .*file is in the way"):
        folder.check_free(tmp_path / "file" / "below" / "toy", force=False)
    folder.check_free(tmp_path / "not" / "yet" / "there", force=False)


@pytest.mark.parametrize(
    "name", ["diagnostics.json", "provenance.json", "estimates.csv", "model.toml", "posterior.nc"]
)
def test_an_incomplete_folder_is_named_with_its_file(
    name: str, make_analysis: Make, written: Path
) -> None:
    make_analysis().save(written)
    (written / name).unlink()
    with pytest.raises(InputError, match=name.replace(".", r"\.")):
        load(written)


@pytest.mark.parametrize("name", ["diagnostics.json", "provenance.json"])
@pytest.mark.parametrize("content", [b"{", b"3", b"\xff"])
def test_damaged_json_is_named(
    name: str, content: bytes, make_analysis: Make, written: Path
) -> None:
    make_analysis().save(written)
    (written / name).write_bytes(content)
    with pytest.raises(InputError, match=name.replace(".", r"\.")):
        load(written)


def test_an_absent_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is this a folder that hccbayes run wrote"):
        load(tmp_path / "nowhere")


def test_tables_keep_infinity_and_empty_text(tmp_path: Path) -> None:
    table = pd.DataFrame({"kind": ["eti", ""], "upper": [np.inf, np.nan], "n": [1, 2]})
    folder.write_table(table, tmp_path / "table.csv")
    assert (tmp_path / "table.csv").read_text() == "kind,upper,n\neti,inf,1\n,,2\n"
    pd.testing.assert_frame_equal(folder.read_table(tmp_path, "table.csv"), table)


# The terminal.


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
