"""A grid's run: rows for all that happens to cells, folders that go on, workers that die."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from quick_cells import POISON, SECONDS, UNSOUND, WRONG, QuickFitter, cohort_and_spec, scales

import hccbayes as hb
from hccbayes.errors import FolderExistsError
from hccbayes.sensitivity.cell_store import CellStore, StorageError, cell_key
from hccbayes.sensitivity.grid import Grid, grid_cells
from hccbayes.sensitivity.report import write_result
from hccbayes.sensitivity.run import run_grid, stored_result

COHORT, SPEC = cohort_and_spec()


def run(directory: Path, grid: Grid, **options):
    return run_grid(COHORT, SPEC, grid, directory, fitter=QuickFitter, **options)


def by_cell(table: pd.DataFrame) -> pd.DataFrame:
    return table.drop_duplicates("cell").set_index("priors.treatment.sigma")


def test_a_cell_is_a_row_whatever_becomes_of_it(tmp_path: Path) -> None:
    result = run(tmp_path / "out", scales(0.5, WRONG, UNSOUND))
    table = by_cell(result.cells)
    assert table["status"].to_dict() == {
        "0.5": "good",
        "0.666": "not fitted",
        "0.555": "failed diagnostics",
    }
    assert table.loc["0.666", "message"] == "ZeroDivisionError: a cell that cannot be"
    assert table.loc["0.555", "message"] == "outcome model: largest R-hat"
    assert table.loc["0.5", "estimate"] == pytest.approx(1 / 1.5, rel=1e-15)
    assert table.loc["0.5", "largest_rhat"] == 1.001
    assert pd.isna(table.loc["0.666", "estimate"])
    assert result.complete
    assert not result.passed


def test_a_cell_whose_model_does_not_fit_the_patients_says_why(tmp_path: Path) -> None:
    grid = Grid.of("cuts", {"hazard.cuts": [[3.0], [99.0]]})
    table = run(tmp_path / "out", grid).cells.drop_duplicates("cell")
    assert list(table["status"]) == ["good", "not fitted"]
    assert "nobody is at risk beyond 17 months; remove 99" in table["message"].iloc[1]


def test_leaving_out_a_center_that_an_arm_needs_says_so(tmp_path: Path) -> None:
    frame = COHORT.frame.assign(
        treatment=[float(center == "east") for center in COHORT.frame["center"]]
    )
    from dataclasses import replace

    grid = Grid.of("centers", {}, leave_out_centers=True)
    result = run_grid(
        replace(COHORT, frame=frame), SPEC, grid, tmp_path / "out", fitter=QuickFitter
    )
    table = result.cells.drop_duplicates("cell").set_index("left_out_center")
    assert table.loc["east", "message"] == "left-out center: without 'east' an arm has no patient"
    assert table.loc["north", "status"] == "good"


def test_a_finished_run_computes_nothing_again(tmp_path: Path) -> None:
    first = run(tmp_path / "out", scales(0.2, 0.4))
    files = {path: path.stat().st_mtime_ns for path in (tmp_path / "out/cells").iterdir()}
    second = run(tmp_path / "out", scales(0.2, 0.4))
    assert (first.reused, second.reused) == (0, 2)
    pd.testing.assert_frame_equal(first.cells, second.cells)
    assert files == {path: path.stat().st_mtime_ns for path in (tmp_path / "out/cells").iterdir()}


def test_a_larger_grid_goes_on_in_the_same_folder(tmp_path: Path) -> None:
    run(tmp_path / "out", scales(0.2, 0.4))
    assert run(tmp_path / "out", scales(0.2, 0.3, 0.4)).reused == 2


def test_other_patients_or_another_model_are_other_cells(tmp_path: Path) -> None:
    (cell,) = grid_cells(scales(0.2), SPEC, ())
    (other,) = grid_cells(scales(0.3), SPEC, ())
    assert cell_key(cell, "a") != cell_key(cell, "b")
    assert cell_key(cell, "a") != cell_key(other, "a")


def test_a_damaged_cell_is_computed_again(tmp_path: Path) -> None:
    first = run(tmp_path / "out", scales(0.2, 0.4))
    broken, *_ = sorted((tmp_path / "out/cells").iterdir())
    broken.write_text(broken.read_text(encoding="utf-8")[:100], encoding="utf-8")
    second = run(tmp_path / "out", scales(0.2, 0.4))
    assert second.reused == 1
    pd.testing.assert_frame_equal(first.cells, second.cells)


def test_the_number_of_workers_does_not_matter(tmp_path: Path, worker_path) -> None:
    grid = scales(0.1, 0.2, 0.3, 0.4, 0.5)
    one, two = (run(tmp_path / str(jobs), grid, jobs=jobs) for jobs in (1, 2))
    pd.testing.assert_frame_equal(one.cells, two.cells)


def test_a_worker_that_dies_is_a_row_and_the_others_are_computed(
    tmp_path: Path, worker_path
) -> None:
    result = run(tmp_path / "out", scales(0.1, 0.2, POISON, 0.3, 0.4), jobs=2)
    table = by_cell(result.cells)
    assert table["status"].to_dict() == {
        "0.1": "good",
        "0.2": "good",
        "0.777": "not fitted",
        "0.3": "good",
        "0.4": "good",
    }
    assert "ended 2 times without a result: it was killed" in table.loc["0.777", "message"]


def process(directory: Path, environment: dict[str, str], *, jobs: int, count: int, seconds: str):
    script = Path(__file__).with_name("quick_cells.py")
    return subprocess.Popen(
        [sys.executable, str(script), str(directory), str(jobs), str(count)],
        env=environment | {SECONDS: seconds},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def finished(directory: Path) -> dict[str, int]:
    """Return the modification time of each finished cell."""
    folder = directory / "cells"
    files = folder.glob("*.json") if folder.is_dir() else ()
    return {path.name: path.stat().st_mtime_ns for path in files}


@pytest.mark.parametrize(("jobs", "kills"), [(1, 7), (2, 3)])
def test_killed_at_random_moments_and_gone_on_with(
    tmp_path: Path, worker_path, jobs: int, kills: int
) -> None:
    """SIGKILL, ten times with one and with two workers: no cell lost, none computed twice."""
    directory, count = tmp_path / "out", 60
    moments = random.Random(jobs)
    before: dict[str, int] = {}
    for kill in range(kills):
        running = process(directory, worker_path, jobs=jobs, count=count, seconds="0.15")
        # Importing takes seconds: wait until it computes, then let it, for a random while.
        deadline = time.monotonic() + 60
        while len(finished(directory)) <= len(before) and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(moments.uniform(0.0, 0.4))
        running.send_signal(signal.SIGKILL)
        running.wait()
        time.sleep(1.0)  # Workers notice within half a second that they are orphans.
        now = finished(directory)
        assert len(now) > len(before), f"kill {kill}"
        assert {name: now[name] for name in before} == before
        before = now
    assert len(before) < count, "the kills came too late to test anything"
    grid = scales(*(0.1 + 0.01 * number for number in range(count)))
    result = run(directory, grid, jobs=jobs)
    assert result.reused == len(before)
    assert {name: finished(directory)[name] for name in before} == before
    whole = run(tmp_path / "whole", grid)
    pd.testing.assert_frame_equal(result.cells, whole.cells)


def test_an_interrupted_run_leaves_a_folder_that_can_be_read(tmp_path: Path, monkeypatch) -> None:
    class Interrupted(QuickFitter):
        def fit(self, cell):
            if cell.spec.priors.treatment.parameters["sigma"] == 0.3:
                raise KeyboardInterrupt
            return super().fit(cell)

    grid = scales(0.1, 0.2, 0.3, 0.4)
    with pytest.raises(KeyboardInterrupt):
        run_grid(COHORT, SPEC, grid, tmp_path / "out", fitter=Interrupted)
    result = stored_result(COHORT, SPEC, grid, tmp_path / "out")
    assert list(by_cell(result.cells)["status"]) == ["good", "good", *["not computed"] * 2]
    assert not result.complete
    write_result(result, tmp_path / "out")
    assert run(tmp_path / "out", grid).reused == 2


def test_two_runs_do_not_write_to_one_folder(tmp_path: Path) -> None:
    run(tmp_path / "out", scales(0.1))
    with (
        CellStore(tmp_path / "out").locked(),
        pytest.raises(FolderExistsError, match="another run is writing"),
    ):
        run(tmp_path / "out", scales(0.1))


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letters.txt").write_text("dear")
    with pytest.raises(FolderExistsError, match="is not a folder of a grid"):
        run(tmp_path, scales(0.1))
    assert [path.name for path in tmp_path.iterdir()] == ["letters.txt"]


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(hb.InputError, match="cannot be written: Not a directory"):
        run(tmp_path / "file" / "out", scales(0.1))


def test_a_full_disk_stops_the_run_and_keeps_what_is_done(tmp_path: Path, monkeypatch) -> None:
    import errno
    import os

    replace = os.replace
    written = []

    def full(source, target):
        if len(written) >= 3:  # the grid's own file and two cells
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written.append(target)
        replace(source, target)

    monkeypatch.setattr("hccbayes.sensitivity.cell_store.os.replace", full)
    with pytest.raises(StorageError, match=r"the disk is full\. Finished cells stay"):
        run(tmp_path / "out", scales(0.1, 0.2, 0.3, 0.4))
    monkeypatch.undo()
    assert not list((tmp_path / "out/cells").glob(".*")), "something half-written was left"
    assert run(tmp_path / "out", scales(0.1, 0.2, 0.3, 0.4)).reused == 2


def test_the_report_is_complete(tmp_path: Path) -> None:
    result = run(tmp_path / "out", scales(0.354, 0.7, UNSOUND))
    sentences = write_result(result, tmp_path / "out", command="hccbayes sensitivity ...")
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"cells.csv", "summary.md", "provenance.json", "figures", "grid.json"} <= names
    table = pd.read_csv(tmp_path / "out/cells.csv", keep_default_na=False)
    assert list(table["base"]) == [False, True, False]
    provenance = json.loads((tmp_path / "out/provenance.json").read_text(encoding="utf-8"))
    assert provenance["grid"]["vary"] == {"priors.treatment.sigma": [0.354, 0.7, 0.555]}
    text = " ".join(sentences)
    assert "3 analyses: 2 good, 1 failed diagnostics." in text
    assert "lies between 0.59 (priors.treatment.sigma 0.7) and 0.74" in text
    assert "P(HR < 1) is above 0.95 in 0% of them (0 of 2); the smallest is 0.677." in text
    assert "priors.treatment.sigma: by a factor of 1.26" in text
    assert "The" in (tmp_path / "out/summary.md").read_text(encoding="utf-8")


def test_no_patient_is_in_the_folder(tmp_path: Path) -> None:
    result = run(tmp_path / "out", scales(0.354, 0.7))
    write_result(result, tmp_path / "out")
    for path in (tmp_path / "out").rglob("*"):
        if path.suffix in {".json", ".csv", ".md", ".svg"}:
            text = path.read_text(encoding="utf-8")
            assert not any(f"p{number}" in text.split() for number in range(40)), path


def test_progress_is_told(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    run(tmp_path / "out", scales(0.1, 0.2), on_progress=lambda *at: told.append(at))
    assert told[-1] == (2, 2)
    run(tmp_path / "out", scales(0.1, 0.2, 0.3), on_progress=lambda *at: told.append(at))
    assert told[-1] == (3, 3)
