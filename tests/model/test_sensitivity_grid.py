"""A grid fitted for real: refits equal fits from nothing, whoever computes them.

One grid of sixteen cells that share a structure: prior scales, cut points and a covariate are data.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator

import arviz as az
import numpy as np
import pandas as pd
import pytest

import hccbayes as hb
from hccbayes.sensitivity.cell_fit import CellFitter, without_center
from hccbayes.sensitivity.cells_table import cells_table
from hccbayes.sensitivity.grid import Grid, grid_cells, grid_roles
from hccbayes.sensitivity.run import SensitivityResult, run_grid
from hccbayes.sensitivity.structure import CompiledModels, refit_data

GRID = Grid.of(
    "real",
    {
        "priors.treatment.sigma": [0.354, 10.0],
        "hazard.formula": ["treatment + age", "treatment + size"],
        "hazard.cuts": [[3.0, 9.0], [4.0, 8.0]],
        "priors.walk_sd.sigma": [0.25, 1.0],
    },
)


@pytest.fixture(scope="module")
def spec() -> hb.AnalysisSpec:
    return hb.AnalysisSpec.from_dict(
        {
            "model": {"name": "toy"},
            "data": {
                "id": "id",
                "time": "months",
                "event": "death",
                "center": "hospital",
                "time_zero": "first dose",
                "arm": {"column": "arm", "treated": "both", "control": "one"},
            },
            "hazard": {"formula": "treatment + age", "cuts": [3.0, 9.0], "center": "fixed"},
            "estimands": {"times": [6]},
            "sampler": {"draws": 250, "tune": 250, "chains": 2},
        }
    )


@pytest.fixture(scope="module")
def cohort(spec) -> hb.Cohort:
    rng = np.random.default_rng(3)
    n = 90
    arm = rng.integers(0, 2, n)
    age = rng.normal(60, 9, n)
    death = rng.exponential(10 * np.exp(0.6 * arm - 0.03 * (age - 60)))
    end = rng.uniform(6, 24, n)
    frame = pd.DataFrame(
        {
            "id": [f"p{number}" for number in range(n)],
            "arm": np.where(arm == 1, "both", "one"),
            "months": np.maximum(np.minimum(death, end), 0.1),
            "death": (death <= end).astype(int),
            "hospital": rng.choice(["east", "north", "west"], n),
            "age": age,
            "size": rng.gamma(4, 15, n),
        }
    )
    return hb.read_cohort(frame, grid_roles(GRID, spec))


@pytest.fixture(scope="module")
def here(cohort, spec, tmp_path_factory) -> SensitivityResult:
    return run_grid(cohort, spec, GRID, tmp_path_factory.mktemp("grid") / "here")


def test_refits_equal_fits_from_nothing(here, cohort, spec) -> None:
    """The last cell differs from the first in all that may vary; here the last is compiled for."""
    first, *_, last = grid_cells(GRID, spec, ())
    fitter = CellFitter(cohort)
    for number, cell in ((16, last), (1, first)):
        found = fitter.fit(cell).estimates
        own = here.cells[here.cells["cell"] == number]
        assert [row.estimate for row in found] == own["estimate"].tolist()
        assert [row.contrast for row in found] == own["contrast"].tolist()
        name = str(cell.values["hazard.formula"]).removeprefix("treatment + ")
        assert any(contrast.startswith(name) for contrast in own["contrast"])
    assert fitter.models.compilations == 1


def test_numbers_move_as_they_should(here) -> None:
    rows = here.cells[
        (here.cells["estimand"] == "log_hr") & (here.cells["contrast"] == "treated / control")
    ]
    by_prior = rows.groupby("priors.treatment.sigma")["estimate"].mean()
    assert abs(by_prior["0.354"]) < abs(by_prior["10"])
    assert set(here.cells["status"]) <= {"good", "failed diagnostics"}
    assert len(rows) == 16


def test_two_processes_give_the_same_numbers(here, cohort, spec, tmp_path) -> None:
    result = run_grid(cohort, spec, GRID, tmp_path / "two", jobs=2)
    pd.testing.assert_frame_equal(result.cells, here.cells, check_exact=True)


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory) -> Iterator[str]:
    """Give the address of a Dask scheduler on this machine with two workers, and stop them."""
    distributed = pytest.importorskip("distributed")
    folder = tmp_path_factory.mktemp("dask")
    place = folder / "scheduler.json"
    dask = [sys.executable, "-m", "dask"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
    host = ["--host", "127.0.0.1", "--no-dashboard"]
    processes = [
        subprocess.Popen(
            [*dask, "scheduler", *host, "--port", "0", "--scheduler-file", str(place)], **quiet
        )
    ]
    try:
        wait_until(place.exists)
        for _ in range(2):
            worker = ["worker", "--scheduler-file", str(place), "--nthreads", "1", *host]
            processes.append(subprocess.Popen([*dask, *worker], **quiet))
        with distributed.Client(scheduler_file=str(place), timeout=30) as client:
            client.wait_for_workers(2, timeout=60)
            address = client.scheduler.address
        yield address
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(timeout=30)


def wait_until(ready, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < deadline, "the scheduler did not start"
        time.sleep(0.1)


def test_a_dask_cluster_gives_the_same_numbers(here, cohort, spec, scheduler, tmp_path) -> None:
    result = run_grid(
        cohort, spec, GRID, tmp_path / "dask", jobs=2, backend="dask", scheduler=scheduler
    )
    assert set(result.cells["message"]) == set(here.cells["message"])
    pd.testing.assert_frame_equal(result.cells, here.cells, check_exact=True)


def test_a_scheduler_that_does_not_answer_is_named(cohort, spec, tmp_path) -> None:
    with pytest.raises(hb.InputError, match="no Dask scheduler answers"):
        run_grid(
            cohort,
            spec,
            GRID,
            tmp_path / "nobody",
            backend="dask",
            scheduler="tcp://127.0.0.1:9",
        )
    with pytest.raises(hb.InputError, match="is needed with dask"):
        run_grid(cohort, spec, GRID, tmp_path / "nowhere", backend="dask")


def test_a_center_emptied_is_a_center_left_out(cohort, spec) -> None:
    """Without center terms: weights of 0 for the patients of one center, or no such patients."""
    changed = spec.with_values(
        ["hazard.center=none", "hazard.formula=treatment", "sampler.draws=2000", "sampler.chains=4"]
    )
    without = without_center(cohort, "west")
    left_out = hb.build_study(without, changed)
    weights = (cohort.frame["center"] != "west").to_numpy(dtype=float)
    emptied = hb.build_study(cohort, changed, weights=weights)
    np.testing.assert_allclose(emptied.data.interval_events, left_out.data.interval_events)
    compiled = CompiledModels().get(left_out, changed)
    found = []
    for study in (left_out, emptied):
        data = refit_data(compiled, study, changed)
        draws = compiled.sample(changed.sampler, data=data)["posterior"]["treatment"]
        error = float(draws.std()) / np.sqrt(float(az.ess(draws)))
        found.append((float(draws.mean()), float(draws.std()), error))
    (one, one_sd, one_error), (two, two_sd, two_error) = found
    assert one == pytest.approx(two, abs=4 * np.hypot(one_error, two_error))
    assert one_sd == pytest.approx(two_sd, rel=0.05)


def test_the_table_of_nothing_is_empty() -> None:
    assert cells_table((), ()).empty
