"""brms on the long rows, called through Rscript; the model is in rivals_brms.R."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pandas as pd

from rivals_process import (
    CENTER_SD,
    CHAINS,
    CORES,
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

SCRIPT: Final = Path(__file__).with_suffix(".R")
R_PACKAGES: Final = ("brms", "posterior", "jsonlite")


def find_rscript() -> str:
    """Return the path of an Rscript that has brms.

    Raises
    ------
    Unavailable
        If there is no R, or it lacks a package.
    """
    rscript = shutil.which("Rscript")
    if rscript is None:
        raise Unavailable("Rscript is not on the path")
    for package in R_PACKAGES:
        test = f"quit(status = !requireNamespace('{package}', quietly = TRUE))"
        if subprocess.run([rscript, "-e", test], capture_output=True, check=False).returncode:
            raise Unavailable(f"the R package {package} is not installed")
    return rscript


def fit_brms(data: pd.DataFrame, seed: int) -> dict[str, Any]:
    """Compile and sample in R; return the seconds of each, and the treatment's effective draws."""
    rscript = find_rscript()
    settings = {
        "seed": seed,
        "draws": DRAWS,
        "tune": TUNE,
        "chains": CHAINS,
        "cores": CORES,
        "log_prior_hazard": LOG_PRIOR_HAZARD,
        "level_sd": LEVEL_SD,
        "treatment_sd": TREATMENT_SD,
        "covariate_sd": COVARIATE_SD,
        "interval_sd": INTERVAL_SD,
        "center_sd": CENTER_SD,
    }
    with TemporaryDirectory() as folder:
        rows, result = Path(folder, "rows.csv"), Path(folder, "result.json")
        data.to_csv(rows, index=False)
        words = [f"{name}={value}" for name, value in settings.items()]
        command = [rscript, str(SCRIPT), str(rows), str(result), *words]
        # What R prints goes to the error stream: the output is one JSON line.
        subprocess.run(command, check=True, stdout=sys.stderr)
        return dict(json.loads(result.read_text(encoding="utf-8")))


if __name__ == "__main__":
    run_rival("brms_long_rows", fit_brms)
