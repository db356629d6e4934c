"""The package's model written as long Poisson rows in PyMC, sampled by nutpie.

Same likelihood, priors, random walk, centering and sampler as the package's hazard model; what
differs is that each patient has one Poisson row an interval. The distance between the two is what
the exposure matrix is worth.
"""

from __future__ import annotations

from importlib.metadata import version
from time import perf_counter
from typing import Any

import arviz as az
import numpy as np
import nutpie
import pandas as pd
import pymc as pm

from rivals_process import (
    CENTER_SD,
    CHAINS,
    CORES,
    COVARIATE_SD,
    DRAWS,
    LEVEL_SD,
    LOG_PRIOR_HAZARD,
    TREATMENT_SD,
    TUNE,
    WALK_SD,
    WALK_TIME_SCALE,
    run_rival,
)
from simulated_cohort import COVARIATES, CUTS


def walk_matrix(event_shares: np.ndarray) -> np.ndarray:
    """Return B so that sigma B z is a first-order walk with event-weighted mean zero.

    The open last interval counts as wide as the one before it.
    """
    edges = np.array([0.0, *CUTS, 2.0 * CUTS[-1] - CUTS[-2]])
    middle = (edges[:-1] + edges[1:]) / 2.0
    step = np.sqrt(np.diff(middle) / WALK_TIME_SCALE)
    walk = np.tril(np.ones((len(middle), len(step))), k=-1) * step
    return walk - event_shares @ walk


def build_long_rows(data: pd.DataFrame) -> pm.Model:
    """Build the model; nothing is compiled or sampled."""
    events = data["event"].sum()
    by_interval = data.groupby("interval")["event"].sum().reindex(range(len(CUTS) + 1))
    center, names = pd.factorize(data["center"], sort=True)
    center_share = data.groupby("center")["event"].sum().loc[names].to_numpy() / events
    matrix = walk_matrix((by_interval / events).to_numpy())
    coords = {
        "interval": by_interval.index,
        "step": range(len(CUTS)),
        "center": names,
        "covariate": COVARIATES,
    }
    with pm.Model(coords=coords) as model:
        level = pm.Normal("level", LOG_PRIOR_HAZARD, LEVEL_SD)
        walk_sd = pm.HalfNormal("walk_sd", WALK_SD)
        walk = walk_sd * pm.math.dot(matrix, pm.Normal("walk_step", dims="step"))
        treatment = pm.Normal("treatment", 0.0, TREATMENT_SD)
        covariates = pm.Normal("covariates", 0.0, COVARIATE_SD, dims="covariate")
        raw = pm.HalfNormal("center_sd", CENTER_SD) * pm.Normal("center_raw", dims="center")
        effect = raw - pm.math.dot(center_share, raw)
        log_hazard = (
            level
            + walk[data["interval"].to_numpy()]
            + treatment * data["treatment"].to_numpy()
            + pm.math.dot(data[list(COVARIATES)].to_numpy(), covariates)
            + effect[center]
        )
        expected = data["exposure"].to_numpy() * pm.math.exp(log_hazard)
        pm.Poisson("event", expected, observed=data["event"].to_numpy())
    return model


def fit_long_rows(data: pd.DataFrame, seed: int) -> dict[str, Any]:
    """Compile and sample; return the seconds of each, and the treatment's effective draws."""
    model = build_long_rows(data)
    start = perf_counter()
    compiled = nutpie.compile_pymc_model(model)
    compiled_at = perf_counter()
    tree = nutpie.sample(
        compiled,
        draws=DRAWS,
        tune=TUNE,
        chains=CHAINS,
        cores=CORES,
        seed=seed,
        progress_bar=False,
    )
    end = perf_counter()
    draws = tree["posterior"].dataset["treatment"]
    return {
        "versions": {name: version(name) for name in ("pymc", "nutpie")},
        "compile_seconds": compiled_at - start,
        "sample_seconds": end - compiled_at,
        "log_hr_mean": float(draws.mean()),
        "log_hr_sd": float(draws.std(ddof=1)),
        "ess_bulk": float(az.ess(draws, method="bulk")),
        "divergences": int(tree["sample_stats"].dataset["diverging"].sum()),
    }


if __name__ == "__main__":
    run_rival("pymc_long_rows", fit_long_rows)
