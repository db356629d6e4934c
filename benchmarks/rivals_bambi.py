"""Bambi on the long rows, as its user would write it: interval factor, offset, center intercepts.

Bambi has no random walk, so that each interval has an effect of its own; the sampler is Bambi's
default call. The priors are the package's where the model has the same parameter.
"""

from __future__ import annotations

from importlib.metadata import version
from time import perf_counter
from typing import Any

import arviz as az
import pandas as pd

from rivals_process import (
    CENTER_SD,
    CHAINS,
    COVARIATE_SD,
    DRAWS,
    INTERVAL_SD,
    LEVEL_SD,
    LOG_PRIOR_HAZARD,
    TREATMENT_SD,
    TUNE,
    Unavailable,
    run_rival,
)
from simulated_cohort import COVARIATES

FORMULA = (
    "event ~ C(interval) + treatment + "
    + " + ".join(COVARIATES)
    + " + offset(log(exposure)) + (1|center)"
)


def package_priors() -> dict[str, Any]:
    """Return the package's priors under the names Bambi gives the terms."""
    import bambi

    center_sd = bambi.Prior("HalfNormal", sigma=CENTER_SD)
    return {
        "Intercept": bambi.Prior("Normal", mu=LOG_PRIOR_HAZARD, sigma=LEVEL_SD),
        "C(interval)": bambi.Prior("Normal", mu=0.0, sigma=INTERVAL_SD),
        "treatment": bambi.Prior("Normal", mu=0.0, sigma=TREATMENT_SD),
        "1|center": bambi.Prior("Normal", mu=0.0, sigma=center_sd),
    } | {name: bambi.Prior("Normal", mu=0.0, sigma=COVARIATE_SD) for name in COVARIATES}


def fit_bambi(data: pd.DataFrame, seed: int) -> dict[str, Any]:
    """Build, compile and sample by Bambi's default call.

    The call compiles and samples at once; its sampling time is what the sampler itself recorded,
    and the rest counts as compiling.
    """
    try:
        import bambi
    except ImportError as error:
        raise Unavailable("Bambi is not installed: pip install 'hccbayes[bench]'") from error
    start = perf_counter()
    model = bambi.Model(FORMULA, data, family="poisson", priors=package_priors())
    tree = model.fit(draws=DRAWS, tune=TUNE, chains=CHAINS, random_seed=seed, progressbar=False)
    total = perf_counter() - start
    sampling = float(tree["posterior"].attrs["sampling_time"])
    draws = tree["posterior"].dataset["treatment"]
    return {
        "versions": {name: version(name) for name in ("bambi", "pymc")},
        "compile_seconds": total - sampling,
        "sample_seconds": sampling,
        "log_hr_mean": float(draws.mean()),
        "log_hr_sd": float(draws.std(ddof=1)),
        "ess_bulk": float(az.ess(draws, method="bulk")),
        "divergences": int(tree["sample_stats"].dataset["diverging"].sum()),
    }


if __name__ == "__main__":
    run_rival("bambi_long_rows", fit_bambi)
