"""This package on the simulated cohort, timed like its rivals: one JSON line.

    python benchmarks/hccbayes_fit.py long_rows.csv patients.csv --seed 1

Beside the rivals' keys it prints ``refit_seconds``: sampling the compiled model again with other
prior scales, which costs the rivals a compilation.
"""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Any

import arviz as az
import pandas as pd

import hccbayes as hb
from hccbayes.fit import compile_model
from hccbayes.hazard_model import build_hazard_model, prior_data
from rivals_process import CHAINS, DRAWS, TUNE, measured
from simulated_cohort import COVARIATES, CUTS


def benchmark_spec(seed: int) -> hb.AnalysisSpec:
    """Return the analysis that the rivals write by hand."""
    return hb.AnalysisSpec.from_dict(
        {
            "model": {"name": "benchmark"},
            "data": {
                "id": "patient",
                "time": "time",
                "event": "event",
                "arm": {"column": "treatment", "treated": 1, "control": 0},
                "center": "center",
            },
            "hazard": {
                "formula": " + ".join(["treatment", *COVARIATES]),
                "cuts": list(CUTS),
                "baseline": "rw1",
                "center": "hierarchical",
            },
            "sampler": {"draws": DRAWS, "tune": TUNE, "chains": CHAINS, "seed": seed},
        }
    )


def fit_hccbayes(patients: pd.DataFrame, seed: int) -> dict[str, Any]:
    """Compile, sample and refit; return the seconds of each and the effective draws."""
    spec = benchmark_spec(seed)
    study = hb.build_study(hb.read_cohort(patients, spec.roles), spec)
    start = perf_counter()
    model = build_hazard_model(study.data, spec.hazard, spec.priors)
    compiled = compile_model(model)
    compiled_at = perf_counter()
    tree = compiled.sample(spec.sampler)
    sampled_at = perf_counter()
    sceptical = spec.with_values(["priors.treatment=sceptical"])
    compiled.sample(spec.sampler, data=prior_data(model, sceptical.priors))
    refitted_at = perf_counter()
    draws = tree["posterior"].dataset["treatment"]
    return {
        "rival": "hccbayes",
        "versions": {name: version(name) for name in ("hccbayes", "pymc", "nutpie")},
        "rows": study.data.person_time.cells,
        "compile_seconds": compiled_at - start,
        "sample_seconds": sampled_at - compiled_at,
        "refit_seconds": refitted_at - sampled_at,
        "log_hr_mean": float(draws.mean()),
        "log_hr_sd": float(draws.std(ddof=1)),
        "ess_bulk": float(az.ess(draws, method="bulk")),
        "divergences": int(tree["sample_stats"].dataset["diverging"].sum()),
    }


def fit_files(long_rows: Path, patients: Path, seed: int) -> dict[str, Any]:
    """Fit the patients' file; the long rows are what the rivals need."""
    del long_rows
    return fit_hccbayes(pd.read_csv(patients), seed)


if __name__ == "__main__":
    measured("hccbayes", fit_files)
