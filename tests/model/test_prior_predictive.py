"""The priors' own survival: sane by default, refused where they say nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats

import hccbayes as hb
from hccbayes.estimands import hazard_draws
from hccbayes.fit import sample_prior
from hccbayes.hazard_model import build_hazard_model
from hccbayes.pipeline import Study
from hccbayes.predictive import prior_predictive_check
from hccbayes.standardization import Population, population_median

DRAWS = 4000
SPEC = {
    "model": {"name": "ten_covariates"},
    "data": {
        "id": "id",
        "time": "months",
        "event": "death",
        "arm": {"column": "arm", "treated": "both", "control": "one"},
        "time_zero": "first dose",
    },
    "hazard": {
        "formula": "treatment + " + " + ".join(f"x{index}" for index in range(10)),
        "cuts": [3, 6, 12, 18, 24, 36],
    },
    "estimands": {"times": [6]},
}
VAGUE = ["priors.baseline_level={ dist = 'normal', mu = 0, sigma = 5 }"]
VAGUE += ["priors.walk_sd={ dist = 'half_normal', sigma = 1 }"]


@pytest.fixture(scope="module")
def study() -> Study:
    """200 patients with ten independent binary covariates; only the design matters."""
    rng = np.random.default_rng(20261120)
    frame = pd.DataFrame({f"x{index}": rng.integers(0, 2, 200) for index in range(10)})
    frame["id"] = range(200)
    frame["arm"] = np.where(rng.random(200) < 0.5, "both", "one")
    frame["months"] = rng.uniform(1.0, 48.0, 200)
    frame["death"] = rng.integers(0, 2, 200)
    spec = hb.AnalysisSpec.from_dict(SPEC)
    return hb.build_study(hb.read_cohort(frame, spec.roles), spec)


@pytest.fixture(scope="module")
def everybody(study) -> Population:
    return Population.of(study.design.matrix, study.design.center_index, np.ones(200))


def prior_draws(study: Study, changes: list[str]) -> xr.Dataset:
    spec = hb.AnalysisSpec.from_dict(SPEC)
    spec = spec.with_values(changes) if changes else spec
    model = build_hazard_model(study.data, spec.hazard, spec.priors)
    return sample_prior(model, draws=DRAWS, seed=1)


def test_default_priors_pass(study, everybody):
    check = prior_predictive_check(prior_draws(study, []), study.data, everybody)
    assert check.passed is True
    assert check.value < 0.10


def test_vague_priors_fail(study, everybody):
    """A third of the priors below one month and a third above ten years, as simulated in R."""
    prior = prior_draws(study, VAGUE)
    check = prior_predictive_check(prior, study.data, everybody)
    assert check.passed is False
    # 33% and 30% printed; four standard errors of a share, and half a printed digit each.
    error = np.sqrt(0.63 * 0.37 / DRAWS)
    assert check.value == pytest.approx(0.63, abs=4.0 * error + 0.01)
    assert "limit 0.1" in check.message


def test_default_prior_median_survival(study, everybody):
    """2.5, 50 and 97.5% of the population's median survival: 1.1, 9.3 and 43 months.

    The simulation behind these numbers did not scale the walk's steps by their length, and printed
    two digits. Tolerance on the log scale: four standard errors of a quantile, half a digit of the
    print, and 0.1 for the steps.
    """
    draws = hazard_draws(prior_draws(study, []), study.data)
    median = population_median(draws, everybody, "control", 1e6)
    levels, printed = np.array([0.025, 0.5, 0.975]), np.array([1.1, 9.3, 43.0])
    found = np.log(np.quantile(median, levels))
    spread = float(np.log(43.0 / 1.1) / (2.0 * 1.96))
    error = spread * np.sqrt(levels * (1 - levels) / DRAWS) / stats.norm.pdf(stats.norm.ppf(levels))
    rounding = np.array([0.05 / 1.1, 0.05 / 9.3, 0.5 / 43.0])
    np.testing.assert_array_less(np.abs(found - np.log(printed)), 4.0 * error + rounding + 0.1)


def test_limits_of_the_gate(study, everybody):
    """Medians of 1 and of 120 months are inside; a share of exactly a tenth fails."""
    patients = Population.of(np.zeros((1, 10)), np.zeros(1, dtype=np.intp), np.ones(1))

    def check(medians: list[float]):
        # Control patients have the log hazard of the baseline plus the treatment's centering.
        log_hazard = np.log(np.log(2.0) / np.asarray(medians))
        dims = ("chain", "draw")
        zeros = np.zeros((1, len(medians)))
        prior = xr.Dataset(
            {
                "treatment": (dims, zeros),
                "covariates": ((*dims, "covariate"), np.zeros((1, len(medians), 10))),
                "log_baseline": ((*dims, "interval"), np.tile(log_hazard[None, :, None], 7)),
            }
        )
        return prior_predictive_check(prior, study.data, patients)

    assert check([1.01] * 5 + [119.0] * 5).value == 0.0
    assert check([0.99] + [10.0] * 9).passed is False
    assert check([121.0] + [10.0] * 9).passed is False
    assert check([121.0] + [10.0] * 10).passed is True
    assert check([0.5, 200.0] + [10.0] * 8).value == pytest.approx(0.2)


@pytest.mark.parametrize("center", ["none", "hierarchical", "stratified"])
def test_prior_draws(center, toy_study):
    """Drawn without a warning, which would be an error here, and from the priors stated."""
    spec, study = toy_study(center=center)
    model = build_hazard_model(study.data, spec.hazard, spec.priors)
    prior = sample_prior(model, draws=2000, seed=1)
    assert prior.sizes["draw"] == 2000
    assert prior["covariates"].dims == ("chain", "draw", "covariate")
    assert list(prior["interval"].values) == ["0-3", "3-6", "6-12", "12+"]
    # Kolmogorov-Smirnov: a right sampler fails one seed in 10,000.
    assert stats.kstest(prior["treatment"].values.ravel(), stats.norm(0, 0.7).cdf).pvalue > 1e-4
    assert stats.kstest(prior["walk_sd"].values.ravel(), stats.halfnorm(0, 0.5).cdf).pvalue > 1e-4
    again = sample_prior(model, draws=2000, seed=1)
    np.testing.assert_array_equal(prior["treatment"], again["treatment"])
