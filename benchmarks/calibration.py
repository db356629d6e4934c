"""Does the 95% interval hold the truth 95 times in a hundred? 200 simulated cohorts.

Each cohort has 400 patients in four centers of unequal size whose log hazards are N(0, 0.3), two
binary and two continuous covariates that bear on both treatment and survival, a Weibull hazard that
the model does not know, and about 35% censoring. The true log hazard ratio is -0.4. Every cohort is
drawn and fitted anew with the package's default priors, so that the pull of the prior N(0, 0.7)
towards 0 is part of the bias. The model is compiled once and refitted with each cohort's data.

    python benchmarks/calibration.py --out benchmarks/calibration.csv

Times are in months.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import arviz as az
import numpy as np
import pandas as pd

import hccbayes as hb
from hccbayes.fit import CompiledModel, compile_model, fit
from hccbayes.hazard_model import build_hazard_model, model_data

SEED: Final = 20261120
REPLICATES: Final = 200
PATIENTS: Final = 400
CENTER_SHARES: Final = {"north": 0.4, "east": 0.3, "south": 0.2, "west": 0.1}
CENTER_SD: Final = 0.3
"""Standard deviation of the centers' log hazards, drawn anew for each cohort."""

LOG_HR: Final = -0.4
"""Treated over control, given covariates and center."""
COVARIATE_EFFECTS: Final = {"invasion": 0.5, "metastasis": 0.3, "age": 0.15, "albumin": -0.25}
"""Log hazard ratios: of 1 over 0 for the first two, of one standard deviation for the others."""
TREATMENT_EFFECTS: Final = {"invasion": -0.4, "metastasis": -0.3, "age": -0.3, "albumin": 0.2}
"""Log odds ratios of being treated, on the same scales."""

WEIBULL_SHAPE: Final = 1.2
MEDIAN_SURVIVAL: Final = 10.0
"""Of an untreated patient with average covariates in an average center."""
CENSORING: Final = (6.0, 32.0)
"""Months between which the end of follow-up is uniform."""

SPEC: Final[dict[str, Any]] = {
    "model": {"name": "calibration"},
    "data": {
        "id": "patient_id",
        "time": "months",
        "event": "death",
        "arm": {"column": "arm", "treated": "combined", "control": "systemic"},
        "center": "hospital",
        "time_zero": "start of systemic therapy",
    },
    "hazard": {
        "formula": "treatment + invasion + metastasis + age + albumin",
        "cuts": [3, 6, 9, 12, 18, 24],
        "center": "hierarchical",
    },
    "estimands": {"times": [6, 12]},
}
"""Everything that is not here, priors and sampler settings among them, is the package's default."""

COLUMNS: Final = (
    "replicate",
    "events",
    "mean",
    "sd",
    "lower",
    "upper",
    "mcse",
    "divergences",
    "repeats",
    "passed",
    "seconds",
)
"""``mean``, ``sd`` and the 95% interval of the log hazard ratio's posterior, and the Monte Carlo
standard error of ``mean``."""


def simulate(replicate: int, seed: int = SEED) -> pd.DataFrame:
    """Return one cohort, one row a patient; each replicate has random numbers of its own."""
    rng = np.random.default_rng([seed, replicate])
    center_effects = pd.Series(rng.normal(0.0, CENTER_SD, len(CENTER_SHARES)), CENTER_SHARES.keys())
    frame = pd.DataFrame({"patient_id": [f"S{row:04d}" for row in range(PATIENTS)]})
    frame["hospital"] = rng.choice(list(CENTER_SHARES), PATIENTS, p=list(CENTER_SHARES.values()))
    frame["invasion"] = (rng.random(PATIENTS) < 0.35).astype(int)
    frame["metastasis"] = (rng.random(PATIENTS) < 0.3).astype(int)
    frame["age"] = np.round(rng.normal(57.0, 11.0, PATIENTS), 1)
    frame["albumin"] = np.round(rng.normal(38.0, 5.0, PATIENTS), 1)
    scaled = frame[list(COVARIATE_EFFECTS)] - [0.35, 0.3, 57.0, 38.0]
    scaled = scaled / [1.0, 1.0, 11.0, 5.0]
    odds = np.exp(scaled @ pd.Series(TREATMENT_EFFECTS) - 0.2)
    treated = rng.random(PATIENTS) < odds / (1.0 + odds)
    log_ratio = scaled @ pd.Series(COVARIATE_EFFECTS) + frame["hospital"].map(center_effects)
    log_ratio += LOG_HR * treated
    scale = MEDIAN_SURVIVAL / np.log(2.0) ** (1.0 / WEIBULL_SHAPE)
    death = scale * (rng.exponential(size=PATIENTS) / np.exp(log_ratio)) ** (1.0 / WEIBULL_SHAPE)
    censoring = rng.uniform(*CENSORING, size=PATIENTS)
    frame["arm"] = np.where(treated, "combined", "systemic")
    frame["months"] = np.minimum(death, censoring)
    frame["death"] = (death <= censoring).astype(int)
    return frame


def calibrate(replicates: int, *, seed: int = SEED) -> Iterator[dict[str, Any]]:
    """Yield one row a replicate, with the keys of :data:`COLUMNS`."""
    spec = hb.AnalysisSpec.from_dict(SPEC)
    compiled: CompiledModel | None = None
    for replicate in range(replicates):
        cohort = hb.read_cohort(simulate(replicate, seed), spec.roles)
        data = hb.build_study(cohort, spec).data
        if compiled is None:
            compiled = compile_model(build_hazard_model(data, spec.hazard, spec.priors))
        sampler = spec.sampler.model_copy(update={"seed": replicate})
        begin = time.perf_counter()
        arrays = model_data(data, spec.hazard, spec.priors)
        tree, diagnosis = fit(compiled, sampler, data=arrays)
        seconds = time.perf_counter() - begin
        draws = tree["posterior"]["treatment"]
        lower, upper = np.quantile(draws, [0.025, 0.975])
        yield {
            "replicate": replicate,
            "events": int(data.interval_events.sum()),
            "mean": float(draws.mean()),
            "sd": float(draws.std(ddof=1)),
            "lower": float(lower),
            "upper": float(upper),
            "mcse": float(az.mcse(draws, method="mean")),
            "divergences": int(tree["sample_stats"]["diverging"].sum()),
            "repeats": len(diagnosis.repeats),
            "passed": diagnosis.passed,
            "seconds": seconds,
        }


def summarize(table: pd.DataFrame) -> pd.Series:
    """Return bias, root mean squared error and coverage, with their Monte Carlo standard errors."""
    count = len(table)
    error = table["mean"] - LOG_HR
    covered = (table["lower"] <= LOG_HR) & (LOG_HR <= table["upper"])
    coverage = covered.mean()
    return pd.Series(
        {
            "replicates": count,
            "true log HR": LOG_HR,
            "mean events": table["events"].mean(),
            "mean bias": error.mean(),
            "standard error of the bias": error.std(ddof=1) / np.sqrt(count),
            "root mean squared error": np.sqrt((error**2).mean()),
            "sd of the estimates": table["mean"].std(ddof=1),
            "mean posterior sd": table["sd"].mean(),
            "coverage of the 95% interval": coverage,
            "standard error of the coverage": np.sqrt(coverage * (1 - coverage) / count),
            "divergences": table["divergences"].sum(),
            "fits made again": table["repeats"].sum(),
            "fits that failed the gate": (~table["passed"]).sum(),
            "median seconds a refit": table["seconds"].median(),
        }
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replicates", type=int, default=REPLICATES)
    parser.add_argument("--out", type=Path, help="write one row a replicate to this CSV file")
    arguments = parser.parse_args()
    rows = []
    for row in calibrate(arguments.replicates):
        rows.append(row)
        print(f"{row['replicate'] + 1} of {arguments.replicates}", end="\r", flush=True)
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    if arguments.out:
        table.round({"seconds": 2}).to_csv(arguments.out, index=False, float_format="%.6g")
    for name, value in summarize(table).items():
        print(f"{name:32s} {value:.4g}")


if __name__ == "__main__":
    main()
