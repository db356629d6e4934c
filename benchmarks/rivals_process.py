"""What the rivals share: their arguments, settings and the JSON line they print.

Each rival runs as a process of its own, so that its memory and its compiling are its own:

    python benchmarks/rivals_long_rows.py long_rows.csv patients.csv --seed 1

prints one line with the keys of :data:`KEYS`, or with ``rival`` and ``skipped``, the reason, where
what it needs is not installed.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import pandas as pd

DRAWS: Final = 1000
TUNE: Final = 1000
CHAINS: Final = 4
CORES: Final = min(CHAINS, os.cpu_count() or 1)

LOG_PRIOR_HAZARD: Final = math.log(math.log(2.0) / 10.0)
"""Log events per person-month at a median survival of ten months."""
LEVEL_SD: Final = 0.8
TREATMENT_SD: Final = 0.7
COVARIATE_SD: Final = 0.5
INTERVAL_SD: Final = 1.0
"""Of independent interval effects, where a rival has no random walk."""
CENTER_SD: Final = 0.5
WALK_SD: Final = 0.5
WALK_TIME_SCALE: Final = 6.0
"""Months over which the random walk's standard deviation is stated."""

KEYS: Final = (
    "rival",
    "versions",
    "rows",
    "compile_seconds",
    "sample_seconds",
    "log_hr_mean",
    "log_hr_sd",
    "ess_bulk",
    "divergences",
)
"""Seconds are of the wall clock; ``ess_bulk`` is that of the treatment's log hazard ratio."""


class Unavailable(Exception):
    """What a rival needs is not installed."""


def read_rows(long_rows: Path, patients: Path) -> pd.DataFrame:
    """Return the long rows after checking that they are of these patients.

    Raises
    ------
    ValueError
        If patients, events or person-months differ between the two files.
    """
    rows, cohort = pd.read_csv(long_rows), pd.read_csv(patients)
    by_patient = rows.groupby("patient")[["exposure", "event"]].sum()
    expected = cohort.set_index("patient")[["time", "event"]].sort_index()
    same = by_patient.index.equals(expected.index) and (
        by_patient["event"].eq(expected["event"]).all()
        and by_patient["exposure"].sub(expected["time"]).abs().max() < 1e-6
    )
    if not same:
        raise ValueError(f"{long_rows} and {patients} hold different cohorts")
    return rows


def measured(
    name: str,
    fit: Callable[[Path, Path, int], dict[str, Any]],
    arguments: Sequence[str] | None = None,
) -> None:
    """Read the command line, fit, and print one JSON line."""
    parser = argparse.ArgumentParser(description=f"time {name} on the simulated cohort")
    parser.add_argument("long_rows", type=Path)
    parser.add_argument("patients", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    try:
        line = {"rival": name} | fit(options.long_rows, options.patients, options.seed)
    except Unavailable as reason:
        line = {"rival": name, "skipped": str(reason)}
    print(json.dumps(line))
    sys.stdout.flush()


def run_rival(name: str, fit: Callable[[pd.DataFrame, int], dict[str, Any]]) -> None:
    """Run a rival that is fitted to long rows."""

    def fit_rows(long_rows: Path, patients: Path, seed: int) -> dict[str, Any]:
        rows = read_rows(long_rows, patients)
        line = {"rival": name, "rows": len(rows)} | fit(rows, seed)
        return {key: line[key] for key in KEYS}

    measured(name, fit_rows)
