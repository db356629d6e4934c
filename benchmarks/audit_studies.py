"""Correct studies to audit: simulated cohorts, and how their papers print numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import statsmodels.api as sm

TESTS = ("pearson", "yates", "fisher", "minimum_expected_count")
FACTORS = {
    "sex": (("Male", "Female"), (0.82, 0.18)),
    "ecog": (("0", "1", "2"), (0.7, 0.27, 0.03)),
    "hbv": (("Present", "Absent"), (0.85, 0.15)),
    "child_pugh": (("A", "B"), (0.85, 0.15)),
    "albi": (("1", "2", "3"), (0.4, 0.56, 0.04)),
    "pvtt": (("Present", "Absent"), (0.4, 0.6)),
    "extrahepatic_met": (("Present", "Absent"), (0.3, 0.7)),
    "tumor_size": (("<3", "3-5", "5-10", ">10"), (0.05, 0.15, 0.4, 0.4)),
    "afp": (("<=400", ">400"), (0.5, 0.5)),
    "ascites": (("Absent", "Present"), (0.75, 0.25)),
}


@dataclass(frozen=True)
class Study:
    """One simulated study: its patients, and how its paper prints numbers."""

    name: str
    patients: pd.DataFrame
    test: str
    percent_digits: int
    ratio_digits: int
    interval_prob: float
    p_kind: str
    follow_up: float


def simulate(index: int, rng: np.random.Generator) -> Study:
    """Return a study of 40 to 350 patients with confounding, censoring and 1:1 matching."""
    size = int(rng.integers(40, 351))
    frame = pd.DataFrame(
        {
            name: rng.choice(levels, size=size, p=shares)
            for name, (levels, shares) in FACTORS.items()
        }
    )
    stage_c = (frame["pvtt"] == "Present") | (frame["extrahepatic_met"] == "Present")
    frame["bclc"] = np.where(stage_c | (rng.random(size) < 0.2), "C", "B")
    frame["age"] = rng.normal(55, 11, size).round(1)
    frame["size_cm"] = rng.lognormal(2.0, 0.5, size).round(1)
    sick = (frame["pvtt"] == "Present") * 1.0 + (frame["child_pugh"] == "B") * 1.0
    score = rng.normal(0.0, 0.4) - rng.uniform(0, 0.7) * (sick - 0.55)
    frame["treated"] = (rng.random(size) < 1 / (1 + np.exp(-score))).astype(int)
    while frame["treated"].sum() < 12 or (1 - frame["treated"]).sum() < 12:
        frame["treated"] = rng.integers(0, 2, size)
    rate = np.log(2) / rng.uniform(6, 20)
    log_hr = rng.normal(-0.4, 0.4)
    hazard = rate * np.exp(log_hr * frame["treated"] + 0.5 * (sick - 0.55))
    death = rng.exponential(1 / hazard)
    follow_up = rng.uniform(18, 60)
    censored = np.minimum(rng.uniform(0, follow_up, size), rng.exponential(80, size))
    frame["months"] = np.maximum(np.minimum(death, censored), 0.05)
    frame["death"] = (death <= censored).astype(int)
    frame["weight"], frame["matched"] = _weights(frame, rng)
    return Study(
        name=f"study{index:03d}",
        patients=frame,
        test=str(rng.choice(TESTS)),
        percent_digits=int(rng.choice([0, 1, 1, 2])),
        ratio_digits=int(rng.choice([2, 3])),
        interval_prob=float(rng.choice([0.95, 0.95, 0.9, 0.99])),
        p_kind=str(rng.choice(["wald", "likelihood_ratio", "log_rank"])),
        follow_up=follow_up,
    )


def _weights(frame: pd.DataFrame, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return stabilized weights and who is in a 1:1 nearest-neighbor match, caliper 0.2 SD."""
    names = ["pvtt", "child_pugh", "bclc"]
    design = sm.add_constant(pd.get_dummies(frame[names], drop_first=True).astype(float))
    fit = sm.GLM(frame["treated"], design, family=sm.families.Binomial()).fit()
    logit = np.asarray(design @ fit.params)
    treated, e = frame["treated"].to_numpy(), 1 / (1 + np.exp(-logit))
    share = treated.mean()
    weight = np.where(treated == 1, share / e, (1 - share) / (1 - e))
    matched = np.zeros(len(frame), dtype=bool)
    free = list(np.flatnonzero(treated == 0))
    for one in rng.permutation(np.flatnonzero(treated == 1)):
        if not free:
            break
        nearest = min(free, key=lambda other: abs(logit[other] - logit[one]))
        if abs(logit[nearest] - logit[one]) <= 0.2 * logit.std():
            matched[[one, nearest]] = True
            free.remove(nearest)
    return weight, matched
