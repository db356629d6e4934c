"""The results folder: whole or not at all, never over something else, read back as it was."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hccbayes.analysis import Analysis, load
from hccbayes.errors import FolderExistsError, InputError
from hccbayes.records import ESTIMATE_COLUMNS, CheckResult, Diagnosis
from hccbayes.report import folder

Make = Callable[..., Analysis]


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


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_json_on_disk_is_valid_where_a_number_is_not(
    value: float, make_analysis: Make, written: Path
) -> None:
    """Python writes ``NaN`` and ``Infinity``, which no other reader of JSON knows."""
    undefined = CheckResult(name="rhat", passed=False, message="R-hat undefined", value=value)
    diagnosis = Diagnosis(checks=(undefined,), target_accept=0.9)
    make_analysis(diagnosis=diagnosis, reference_diagnosis=diagnosis).save(written)
    refused: list[str] = []
    read = {
        name: json.loads(
            (written / name).read_text(encoding="utf-8"), parse_constant=refused.append
        )
        for name in ("diagnostics.json", "provenance.json")
    }
    assert refused == []
    for part in ("main", "reference"):
        (check,) = read["diagnostics.json"][part]["checks"]
        assert (check["name"], check["value"]) == ("rhat", None)
    assert read["provenance.json"]["seed"] == 1


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
    def fail() -> None:
        with folder.new_folder(tmp_path / "toy") as unfinished:
            (unfinished / "half.csv").write_text("1")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert contents(tmp_path) == []


def test_a_failure_leaves_the_old_results_as_they_were(make_analysis: Make, written: Path) -> None:
    make_analysis().save(written)
    before = contents(written)

    def interrupt() -> None:
        with folder.new_folder(written, force=True) as unfinished:
            (unfinished / "half.csv").write_text("1")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupt()
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

    def replace() -> None:
        with folder.new_folder(written, force=True) as new:
            (new / "new.csv").write_text("1")
            monkeypatch.setattr(Path, "rename", fail_for_new)

    with pytest.raises(OSError, match="disk full"):
        replace()
    assert contents(written.parent) == ["toy"]
    assert contents(written) == before


def test_results_that_appeared_meanwhile_are_not_overwritten(tmp_path: Path) -> None:
    target = tmp_path / "toy"

    def finish_second() -> None:
        with folder.new_folder(target) as unfinished:
            (unfinished / "mine.csv").write_text("1")
            target.mkdir()
            (target / "provenance.json").write_text("{}")

    with pytest.raises(FolderExistsError, match="toy exists"):
        finish_second()
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
