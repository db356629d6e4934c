"""A fitter that takes no time, for what concerns folders, workers and stops and not numbers.

Workers import it by name: a class of the test's own file could not be found there.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pandas as pd

import hccbayes as hb
from hccbayes.cohort import Cohort
from hccbayes.records import CheckResult, Diagnosis, Estimate
from hccbayes.sensitivity.cell_fit import FittedCell
from hccbayes.sensitivity.grid import Cell, Grid

SECONDS = "QUICK_CELL_SECONDS"
POISON = 0.777
"""A prior scale whose cell ends its process."""
WRONG = 0.666
"""One whose cell raises an error that nobody thought of."""
UNSOUND = 0.555
"""One whose cell fails its diagnostics."""


def cohort_and_spec() -> tuple[Cohort, hb.AnalysisSpec]:
    """Return 40 patients of three centers, and a model of them."""
    frame = pd.DataFrame(
        {
            "id": [f"p{number}" for number in range(40)],
            "arm": ["both", "one"] * 20,
            "months": [1.0 + number % 17 for number in range(40)],
            "death": [int(number % 3 > 0) for number in range(40)],
            "hospital": [("east", "north", "west")[number % 3] for number in range(40)],
            "age": [50.0 + number % 11 for number in range(40)],
        }
    )
    spec = hb.AnalysisSpec.from_dict(
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
            "hazard": {"formula": "treatment + age", "cuts": [3.0, 6.0]},
            "estimands": {"times": [6]},
        }
    )
    return hb.read_cohort(frame, spec.roles), spec


def scales(*values: float) -> Grid:
    """Return a grid of prior scales."""
    return Grid.of("scales", {"priors.treatment.sigma": list(values)})


class QuickFitter:
    """Returns a hazard ratio that is a function of the cell, after a while."""

    def __init__(self, cohort: Cohort) -> None:
        self._patients = len(cohort.frame)

    def fit(self, cell: Cell) -> FittedCell:
        sigma = cell.spec.priors.treatment.parameters["sigma"]
        time.sleep(float(os.environ.get(SECONDS, "0")))
        if sigma == POISON:
            os.kill(os.getpid(), signal.SIGKILL)
        if sigma == WRONG:
            raise ZeroDivisionError("a cell that cannot be")
        hr = 1.0 / (1.0 + sigma)
        checks = (
            CheckResult(name="rhat", passed=sigma != UNSOUND, message="largest R-hat", value=1.001),
            CheckResult(name="ess_bulk", passed=True, message="smallest ESS", value=900.0),
            CheckResult(name="divergences", passed=True, message="none", value=0.0),
        )
        row = Estimate(
            estimand="hr",
            contrast="treated / control",
            population="sample",
            estimate=hr,
            lower=hr / 2,
            upper=hr * 2,
            interval_prob=0.95,
            interval_kind="eti",
            prob_benefit=min(0.5 + sigma / 2, 1.0),
            source="bayes",
            method="pe_rw1",
            model=cell.spec.model.name,
        )
        diagnosis = Diagnosis(checks=checks, target_accept=0.95)
        return FittedCell(estimates=(row,), diagnoses={"outcome model": diagnosis})


def main(directory: str, jobs: int, count: int) -> None:
    """Compute a grid, as a process that can be killed."""
    from hccbayes.sensitivity.run import run_grid

    cohort, spec = cohort_and_spec()
    grid = scales(*(0.1 + 0.01 * number for number in range(count)))
    run_grid(cohort, spec, grid, Path(directory), jobs=jobs, fitter=QuickFitter)


if __name__ == "__main__":
    import sys

    # By its own name, under which workers can import the fitter.
    import quick_cells

    quick_cells.main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
