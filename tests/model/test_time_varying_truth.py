"""Effects that change with time, on cohorts with known truth.

Four thousand patients with one binary covariate are four patterns: a fit takes seconds. A posterior
mean is asked to lie within three posterior standard deviations of the truth, which a right model
misses in 3 of 1,000 cohorts; the seeds are fixed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import hccbayes as hb
from hccbayes import curves
from hccbayes.fit import compile_model, fit
from hccbayes.hazard_model import build_hazard_model

PATIENTS = 4000
GAMMA = 0.4
CUTS = np.array([1.0, 2.0, 3.0, 4.0, 6.0, 9.0, 12.0, 18.0])
SPEC: dict[str, Any] = {
    "model": {"name": "truth"},
    "data": {
        "id": "id",
        "time": "months",
        "event": "death",
        "arm": {"column": "arm", "treated": "both", "control": "one"},
        "time_zero": "first dose",
    },
    "estimands": {"times": [6]},
    "sampler": {"seed": 20261125},
}


def cohort(log_hr: np.ndarray, seed: int) -> pd.DataFrame:
    """Return patients whose log hazard ratio is `log_hr` by interval of CUTS, hazard 0.07."""
    rng = np.random.default_rng(seed)
    treated = rng.random(PATIENTS) < 0.5
    invasion = rng.random(PATIENTS) < 0.4
    hazard = 0.07 * np.exp(np.outer(treated, log_hr) + GAMMA * invasion[:, None])
    death = curves.time_at_cumulative_hazard(hazard, rng.exponential(size=PATIENTS), CUTS)
    censoring = rng.uniform(12.0, 30.0, PATIENTS)
    return pd.DataFrame(
        {
            "id": range(PATIENTS),
            "months": np.minimum(death, censoring),
            "death": (death <= censoring).astype(int),
            "arm": np.where(treated, "both", "one"),
            "invasion": invasion.astype(int),
        }
    )


def posterior(frame: pd.DataFrame, **hazard: Any) -> xr.Dataset:
    section = {"formula": "treatment + invasion", "cuts": CUTS.tolist()} | hazard
    spec = hb.AnalysisSpec.from_dict(SPEC | {"hazard": section})
    study = hb.build_study(hb.read_cohort(frame, spec.roles), spec)
    tree, diagnosis = fit(
        compile_model(build_hazard_model(study.data, spec.hazard, spec.priors)), spec.sampler
    )
    assert diagnosis.passed, diagnosis.headline()
    return tree["posterior"].to_dataset()


def mean_and_sd(draws: xr.DataArray) -> tuple[np.ndarray, np.ndarray]:
    sample = ("chain", "draw")
    return draws.mean(sample).to_numpy(), draws.std(sample, ddof=1).to_numpy()


@pytest.fixture(scope="module")
def proportional() -> pd.DataFrame:
    return cohort(np.full(9, -0.4), seed=1)


@pytest.mark.parametrize("effect", ["smooth", "phases"])
def test_proportional_hazards_give_a_flat_effect(effect, proportional):
    draws = posterior(proportional, effect=effect)
    # The prior's median is 0.17. About 3,000 events know the two steps between phases to 0.09 each;
    # where both are near 0 the posterior is the prior over s^2 + 0.09^2, whose median is 0.063. The
    # eight shorter steps of the walk say more.
    assert float(draws["effect_walk_sd"].median()) < 0.1
    mean, sd = mean_and_sd(draws["log_hr_by_interval"])
    assert (np.abs(mean + 0.4) < 3.0 * sd).all()
    deviation, error = mean_and_sd(draws["log_hr_by_interval"] - draws["treatment"])
    assert (np.abs(deviation) < 2.0 * error).all()


def test_two_phases_are_both_recovered():
    truth = np.where(np.append(CUTS, np.inf) <= 6.0, 0.4, -0.6)
    draws = posterior(cohort(truth, seed=2), effect="phases", effect_phases=[6])
    mean, sd = mean_and_sd(draws["log_hr_by_interval"])
    assert (np.abs(mean - truth) < 3.0 * sd).all()
    # Both phases are known to a tenth or so, a tenth of the distance between them.
    assert (sd < 0.1).all()


def test_a_line_in_log_time_is_recovered():
    """The truth is the line at each interval's own mean of log time, as in the model."""
    edges = np.concatenate([[0.0], CUTS, [24.0]])
    begin, end = edges[:-1], edges[1:]
    lower = begin * np.log(np.maximum(begin, 1e-300))
    mean_log = (end * np.log(end) - lower) / (end - begin) - 1.0 - np.log(12.0)
    truth = -0.5 - 0.3 * mean_log
    draws = posterior(cohort(truth, seed=3), effect="log_time")
    slope, error = mean_and_sd(draws["effect_log_time"])
    assert abs(slope + 0.3) < 3.0 * error
    assert error < 0.1
    mean, sd = mean_and_sd(draws["log_hr_by_interval"])
    assert (np.abs(mean - truth) < 3.0 * sd).all()
