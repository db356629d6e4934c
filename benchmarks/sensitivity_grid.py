"""A grid of 200 analyses against the same analyses from nothing, in one run, on two processes.

    python benchmarks/sensitivity_grid.py --out benchmarks/sensitivity_grid.json

The grid is fitted by the package as a user would; then a few of its analyses are fitted each with
a compilation of its own, two at a time as well. Peak memory is the sum over this process and its
workers, looked at twice a second.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import distributed
import joblib
import pandas as pd
import psutil
from rich.console import Console
from threadpoolctl import threadpool_limits

import hccbayes as hb
from hccbayes.model_files import model_file
from hccbayes.sensitivity.cell_fit import CellFitter, centers_of
from hccbayes.sensitivity.grid import Cell, Grid, grid_cells
from hccbayes.sensitivity.structure import Structure
from hccbayes.study import build_study

HERE: Final = Path(__file__).resolve().parent
JOBS: Final = 2
FROM_NOTHING: Final = 6
"""Analyses that are fitted from nothing, evenly spaced over the grid."""
GRID: Final = Grid.of(
    "two_hundred",
    {
        "priors.treatment": ["default", "sceptical", "enthusiastic", "reference"],
        "priors.covariates.sigma": [0.25, 0.5, 1.0, 2.0, 10.0],
        "priors.center_sd.sigma": [0.25, 0.5],
        "hazard.cuts": [
            "auto",
            {"quantile": 3},
            {"quantile": 5},
            {"quantile": 8},
            [3.0, 6.0, 12.0, 24.0],
        ],
    },
)
MEGABYTE: Final = 2**20
AIMS: Final = {"grid_seconds": 240.0, "times_faster": 8.0, "peak_megabytes": 4096.0}


@contextmanager
def memory() -> Iterator[list[float]]:
    """Give a list whose one number is the largest memory of this process and its children, MB."""
    peak = [0.0]
    ended = threading.Event()

    def watch() -> None:
        own = psutil.Process()
        while not ended.wait(0.5):
            total = 0
            for process in (own, *own.children(recursive=True)):
                try:
                    total += process.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
            peak[0] = max(peak[0], total / MEGABYTE)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        ended.set()
        thread.join()


def from_nothing(cohort: hb.Cohort, cell: Cell) -> float:
    """Return the log hazard ratio of one analysis, compiled for it alone."""
    with threadpool_limits(limits=1):
        found = CellFitter(cohort).fit(cell).estimates
    return next(row.estimate for row in found if row.estimand == "log_hr")


@contextmanager
def dask_cluster(folder: Path) -> Iterator[str]:
    """Give the address of a Dask scheduler on this machine with two workers, and stop them."""
    place = folder / "scheduler.json"
    host = ["--host", "127.0.0.1", "--no-dashboard", "--scheduler-file", str(place)]
    dask = [sys.executable, "-m", "dask"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
    processes = [subprocess.Popen([*dask, "scheduler", "--port", "0", *host], **quiet)]
    try:
        while not place.exists():
            time.sleep(0.1)
        processes += [
            subprocess.Popen([*dask, "worker", "--nthreads", "1", *host], **quiet)
            for _ in range(JOBS)
        ]
        with distributed.Client(scheduler_file=str(place)) as client:
            client.wait_for_workers(JOBS, timeout=60)
            address = str(client.scheduler.address)
        yield address
    finally:
        for process in processes:
            process.terminate()
            process.wait(timeout=60)


def through_dask(cohort: hb.Cohort, spec: hb.AnalysisSpec, own: pd.DataFrame) -> dict[str, Any]:
    """Return whether the grid through a Dask cluster has the same numbers, and its seconds."""
    with tempfile.TemporaryDirectory() as folder, dask_cluster(Path(folder)) as address:
        start = time.perf_counter()
        result = hb.sensitivity.run_grid(
            cohort,
            spec,
            GRID,
            Path(folder) / "grid",
            jobs=JOBS,
            backend="dask",
            scheduler=address,
        )
        seconds = time.perf_counter() - start
    return {"dask_seconds": seconds, "dask_identical": result.cells.equals(own)}


def measure(*, dask: bool) -> dict[str, Any]:
    """Return seconds and memory of both ways, and whether their numbers agree."""
    spec = hb.AnalysisSpec.from_toml(model_file("chen2025_os"))
    cohort = hb.read_cohort("synthetic:chen2025", spec.roles)
    cells = grid_cells(GRID, spec, centers_of(cohort))
    with tempfile.TemporaryDirectory() as folder, memory() as peak:
        start = time.perf_counter()
        result = hb.sensitivity.run_grid(cohort, spec, GRID, Path(folder) / "grid", jobs=JOBS)
        seconds = time.perf_counter() - start
    sample = cells[:: max(1, len(cells) // FROM_NOTHING)][:FROM_NOTHING]
    start = time.perf_counter()
    fresh = joblib.Parallel(n_jobs=JOBS)(
        joblib.delayed(from_nothing)(cohort, one) for one in sample
    )
    fresh_seconds = (time.perf_counter() - start) / len(sample)
    rows = result.cells[
        (result.cells["estimand"] == "log_hr") & (result.cells["contrast"] == "treated / control")
    ].set_index("cell")["estimate"]
    own = [rows.loc[1 + cells.index(one)] for one in sample]
    statuses = result.cells.drop_duplicates("cell")["status"].value_counts().to_dict()
    return {
        "analyses": len(cells),
        "structures": len({Structure.of(build_study(cohort, one.spec), one.spec) for one in cells}),
        "processes": JOBS,
        "grid_seconds": seconds,
        "seconds_an_analysis": seconds / len(cells),
        "seconds_an_analysis_from_nothing": fresh_seconds,
        "times_faster": fresh_seconds * len(cells) / seconds,
        "largest_difference_of_log_hr": max(abs(a - b) for a, b in zip(fresh, own, strict=True)),
        "peak_megabytes": peak[0],
        "statuses": statuses,
    } | (through_dask(cohort, spec, result.cells) if dask else {})


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=HERE / "sensitivity_grid.json")
    parser.add_argument("--dask", action="store_true", help="the grid through Dask as well")
    options = parser.parse_args()
    found = measure(dask=options.dask)
    options.out.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    console = Console(width=110)
    console.print(
        f"{found['analyses']} analyses, {found['structures']} structures, two processes: "
        f"{found['grid_seconds']:.0f} s (aim {AIMS['grid_seconds']:g}), "
        f"{found['times_faster']:.1f} times as fast as from nothing "
        f"(aim {AIMS['times_faster']:g}), peak {found['peak_megabytes']:.0f} MB; "
        f"{found['statuses']} {found.get('dask_identical', '')}"
    )


if __name__ == "__main__":
    main()
