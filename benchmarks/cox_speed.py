"""Cox regression by this package, lifelines and R on one simulated cohort, in turn.

    python benchmarks/cox_speed.py --rounds 5

Writes cox_speed.json (medians, every round, ratios) and cox_speed.md (a table) beside itself.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import pandas as pd
from lifelines import CoxPHFitter

from hccbayes.frequentist.cox import cox
from timing import alternate, machine, timed

HERE: Final = Path(__file__).resolve().parent
ROWS: Final = (1_000, 10_000, 100_000)
TERMS: Final = ("treatment", "age", "marker", "cirrhosis", "albumin")
LOG_HAZARD_RATIOS: Final = (-0.5, 0.02, 0.3, 0.4, -0.2)
MEAN_MONTHS: Final = 12.0
FOLLOW_UP: Final = (6.0, 48.0)
"""Months between which follow-up ends, uniformly."""
SEED: Final = 20261125
AIM: Final = 1.5
"""Times lifelines' default that Efron's fit may take at the largest size."""
LAST_DIGIT: Final = {"precision": 1e-18, "r_precision": 0.0, "max_steps": 200, "step_size": 0.5}
"""Settings with which lifelines' coefficients are as near to the maximum as this package's."""
OWN: Final = "hccbayes, Efron"
RIVAL: Final = "lifelines, default"


@dataclass(frozen=True, slots=True, eq=False)
class Cohort:
    """A simulated cohort as its covariates and its follow-up."""

    design: pd.DataFrame
    stop: np.ndarray
    event: np.ndarray

    @property
    def frame(self) -> pd.DataFrame:
        """All columns, as lifelines and R read them."""
        return self.design.assign(stop=self.stop, event=self.event)


def simulated(rows: int, *, whole_months: bool) -> Cohort:
    """Return a cohort with exponential survival and some 80% events."""
    rng = np.random.default_rng(SEED)
    values = [
        rng.binomial(1, 0.4, rows),
        rng.normal(60, 10, rows),
        rng.normal(size=rows),
        rng.binomial(1, 0.3, rows),
        rng.normal(size=rows),
    ]
    design = pd.DataFrame(dict(zip(TERMS, values, strict=True)), dtype=float)
    linear = (design - design.mean()).to_numpy() @ np.array(LOG_HAZARD_RATIOS)
    death = rng.exponential(MEAN_MONTHS * np.exp(-linear))
    end = rng.uniform(*FOLLOW_UP, rows)
    stop = np.minimum(death, end)
    return Cohort(design, np.ceil(stop) if whole_months else stop, (death <= end).astype(float))


class Fits:
    """What can be timed on a cohort, and the coefficients last found by each."""

    def __init__(self, cohort: Cohort, csv: Path | None) -> None:
        self.cohort, self.csv = cohort, csv
        self.frame, self.start = cohort.frame, np.zeros(len(cohort.stop))
        self.coefficients: dict[str, np.ndarray] = {}
        self.standard_errors = np.ones(len(TERMS))

    def contenders(self) -> dict[str, Callable[[], float]]:
        """Return the calls, by name; each returns its seconds."""
        calls = {
            OWN: lambda: self._own("efron", OWN),
            "hccbayes, Breslow": lambda: self._own("breslow", "hccbayes, Breslow"),
            RIVAL: lambda: self._lifelines(None, RIVAL),
            "lifelines, last digit": lambda: self._lifelines(LAST_DIGIT, "lifelines, last digit"),
        }
        if self.csv is not None:
            calls["R survival, Efron"] = lambda: self._r("R survival, Efron", self.csv)
        return calls

    def distance(self, name: str) -> float:
        """Return how far a contender's coefficients are from Efron's here, in standard errors."""
        off = np.abs(self.coefficients[name] - self.coefficients[OWN]) / self.standard_errors
        return float(off.max())

    def _own(self, ties: Any, name: str) -> float:
        def fit() -> None:
            found = cox(
                self.cohort.design, self.start, self.cohort.stop, self.cohort.event, ties=ties
            )
            self.coefficients[name] = found.coef
            if name == OWN:
                self.standard_errors = found.se

        return timed(fit)

    def _lifelines(self, options: dict[str, Any] | None, name: str) -> float:
        def fit() -> None:
            found = CoxPHFitter().fit(self.frame, "stop", "event", fit_options=options)
            self.coefficients[name] = found.params_[list(TERMS)].to_numpy()

        return timed(fit)

    def _r(self, name: str, csv: Path | None) -> float:
        command = ["Rscript", str(HERE / "cox_speed.R"), str(csv)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        seconds, *coefficients = (float(word) for word in done.stdout.split())
        self.coefficients[name] = np.array(coefficients)
        return seconds


def without_r() -> str:
    """Return why R is skipped; empty where it is not."""
    if shutil.which("Rscript") is None:
        return "Rscript is not on the path"
    test = "quit(status = !requireNamespace('survival', quietly = TRUE))"
    if subprocess.run(["Rscript", "-e", test], capture_output=True, check=False).returncode:
        return "the R package survival is not installed"
    return ""


def measure(rows: int, rounds: int, *, whole_months: bool, use_r: bool) -> dict[str, Any]:
    """Return seconds, ratios and distances of every contender on one cohort."""
    cohort = simulated(rows, whole_months=whole_months)
    with TemporaryDirectory() as folder:
        csv = Path(folder, "rows.csv") if use_r else None
        if csv is not None:
            cohort.frame.to_csv(csv, index=False)
        fits = Fits(cohort, csv)
        found = alternate(fits.contenders(), rounds)
    for name, one in found.items():
        one["times_lifelines_default"] = one["seconds"] / found[RIVAL]["seconds"]
        one["standard_errors_from_hccbayes_efron"] = fits.distance(name)
    return {
        "rows": rows,
        "times": "whole months" if whole_months else "not rounded",
        "events": int(cohort.event.sum()),
        "distinct_event_times": len(np.unique(cohort.stop[cohort.event == 1])),
        "contenders": found,
    }


def table(results: dict[str, Any]) -> str:
    """Return the medians as a Markdown table, seconds and in brackets the share of lifelines'."""
    names = list(results["cells"][0]["contenders"])
    lines = ["| rows | months | " + " | ".join(names) + " |", "|---|---|" + "---:|" * len(names)]
    for cell in results["cells"]:
        numbers = (
            f"{one['seconds']:.3g} s ({one['times_lifelines_default']:.2g})"
            for one in cell["contenders"].values()
        )
        lines.append(f"| {cell['rows']:,} | {cell['times']} | " + " | ".join(numbers) + " |")
    before, after = results["machine"]["load_of_a_minute"], results["load_of_a_minute_after"]
    lines += [
        "",
        f"Medians of {results['rounds']} rounds, and in brackets times lifelines' default; "
        f"{results['machine']['cores']} cores, load {before} before and {after} after the run.",
    ]
    if results["r_skipped"]:
        lines.append(f"R is not in the table: {results['r_skipped']}.")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Time every size and write JSON and table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, nargs="+", default=list(ROWS))
    parser.add_argument("--out", type=Path, default=HERE)
    options = parser.parse_args()
    skipped = without_r()
    before = machine("hccbayes", "numpy", "lifelines")
    cells = [
        measure(rows, options.rounds, whole_months=whole_months, use_r=not skipped)
        for rows in options.rows
        for whole_months in (True, False)
    ]
    results = {
        "machine": before,
        "load_of_a_minute_after": machine()["load_of_a_minute"],
        "rounds": options.rounds,
        "r_skipped": skipped,
        "aim_times_lifelines_default": AIM,
        "cells": cells,
    }
    (options.out / "cox_speed.json").write_text(json.dumps(results, indent=2) + "\n", "utf-8")
    (options.out / "cox_speed.md").write_text(table(results), "utf-8")
    print(table(results))
    largest = max(options.rows)
    for cell in cells:
        if cell["rows"] == largest:
            ratio = cell["contenders"][OWN]["times_lifelines_default"]
            print(f"{largest:,} rows, {cell['times']}: {ratio:.2g} times lifelines (aim {AIM:g})")


if __name__ == "__main__":
    main()
