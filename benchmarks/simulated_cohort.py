"""One simulated cohort of the size the package is for, as patients and as long Poisson rows.

422 patients, three centers of unequal size, 40% treated, eight covariates of which four are binary;
hazards constant between the cut points, uniform censoring. Times are in months.

    python benchmarks/simulated_cohort.py --patients patients.csv --long-rows long_rows.csv
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

PATIENTS: Final = 422
TREATED_SHARE: Final = 0.4
CENTER_SHARES: Final = {"north": 0.5, "east": 0.3, "south": 0.2}
CUTS: Final = (3.0, 6.0, 9.0, 12.0, 15.0, 18.0, 24.0, 30.0, 36.0)
CENSORING: Final = (9.0, 54.0)
"""Months between which the end of follow-up is uniform."""
SEED: Final = 20261120

BINARY: Final = ("vascular_invasion", "metastasis", "cirrhosis", "female")
CONTINUOUS: Final = ("age", "albumin", "largest_lesion", "log_afp")
COVARIATES: Final = (*BINARY, *CONTINUOUS)

LOG_HR: Final = -0.35
"""Treated over control, given the covariates and the center."""
LOG_HAZARDS: Final = np.log([0.02, 0.03, 0.04, 0.04, 0.035, 0.035, 0.03, 0.03, 0.025, 0.025])
CENTER_EFFECTS: Final = {"north": 0.0, "east": 0.2, "south": -0.2}
COVARIATE_EFFECTS: Final = dict(
    zip(COVARIATES, (0.5, 0.35, 0.15, -0.1, 0.05, -0.3, 0.3, 0.25), strict=True)
)
"""On the scale of the design: centered binary, continuous divided by two standard deviations."""


def design(patients: pd.DataFrame) -> pd.DataFrame:
    """Return treatment and covariates as every model here uses them.

    Treatment and binary covariates are centered at the patients' mean; continuous ones are centered
    and divided by two standard deviations.
    """
    columns = patients[["treatment", *COVARIATES]].astype("float64")
    scale = pd.Series(1.0, index=columns.columns)
    scale[list(CONTINUOUS)] = 2.0 * columns[list(CONTINUOUS)].std(ddof=0)
    return (columns - columns.mean()) / scale


def draw_times(log_ratio: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return survival times in months by inverting the piecewise-linear cumulative hazard.

    Parameters
    ----------
    log_ratio
        Each patient's log hazard against the baseline, shape ``(patients,)``.
    rng
        Source of the unit exponential variates.
    """
    edges = np.array([0.0, *CUTS])
    hazard = np.exp(LOG_HAZARDS)
    cumulative = np.concatenate([[0.0], np.cumsum(hazard[:-1] * np.diff(edges))])
    target = rng.exponential(size=len(log_ratio)) / np.exp(log_ratio)
    interval = np.searchsorted(cumulative, target, side="right") - 1
    return edges[interval] + (target - cumulative[interval]) / hazard[interval]


def simulate(seed: int = SEED, count: int = PATIENTS) -> pd.DataFrame:
    """Return one row a patient: identifier, center, treatment, covariates, time, event."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"patient": np.arange(1, count + 1)})
    frame["center"] = rng.choice(list(CENTER_SHARES), size=count, p=list(CENTER_SHARES.values()))
    frame["treatment"] = (rng.random(count) < TREATED_SHARE).astype(int)
    for name, share in zip(BINARY, (0.35, 0.3, 0.8, 0.2), strict=True):
        frame[name] = (rng.random(count) < share).astype(int)
    for name, mean, sd in zip(CONTINUOUS, (57, 38, 80, 5.5), (11, 5, 35, 2.6), strict=True):
        frame[name] = np.round(rng.normal(mean, sd, size=count), 1)
    effects = pd.Series({"treatment": LOG_HR, **COVARIATE_EFFECTS})
    log_ratio = design(frame).mul(effects).sum(axis=1) + frame["center"].map(CENTER_EFFECTS)
    death = draw_times(log_ratio.to_numpy(), rng)
    censoring = rng.uniform(*CENSORING, size=count)
    frame["time"] = np.minimum(death, censoring)
    frame["event"] = (death <= censoring).astype(int)
    return frame


def long_rows(patients: pd.DataFrame) -> pd.DataFrame:
    """Return one row a patient and interval at risk, with the design's columns.

    An event at a cut point belongs to the interval that ends there; rows without exposure are left
    out, since a Poisson row takes the logarithm of it.
    """
    edges = np.array([0.0, *CUTS, np.inf])
    time = patients["time"].to_numpy()
    exposure = np.clip(time[:, None] - edges[:-1], 0.0, np.diff(edges))
    last = np.searchsorted(CUTS, time, side="left")
    event = np.zeros(exposure.shape, dtype=int)
    event[np.arange(len(patients)), last] = patients["event"]
    row, interval = np.nonzero(exposure > 0)
    columns = pd.concat([patients[["patient", "center"]], design(patients)], axis=1)
    rows = columns.iloc[row].reset_index(drop=True)
    rows.insert(1, "interval", interval)
    rows.insert(2, "exposure", exposure[row, interval])
    rows.insert(3, "event", event[row, interval])
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--patients", type=Path, required=True)
    parser.add_argument("--long-rows", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=SEED)
    arguments = parser.parse_args()
    patients = simulate(arguments.seed)
    patients.to_csv(arguments.patients, index=False)
    long_rows(patients).to_csv(arguments.long_rows, index=False)


if __name__ == "__main__":
    main()
