"""What the model becomes where a scale goes to zero or grows large.

The identities are exact: at equal values of the variables two models have the same density. The
sampled comparisons allow four Monte Carlo standard errors of the difference of two independent
fits, for the mean and the standard deviation of each quantity.
"""

from __future__ import annotations

import arviz as az
import numpy as np
import pymc as pm
import pytest
import xarray as xr
from scipy import stats
from scipy.linalg import helmert

from hccbayes.fit import compile_model
from hccbayes.hazard_model import build_hazard_model, model_data, prior_data
from hccbayes.spec import SamplerSection

ROUNDING = 1e-10
"""About 100 events with log hazards below 10: sums near 1,000 with 16 digits."""
SAMPLER = SamplerSection(draws=1000, tune=1000, chains=4, seed=20261120)
TINY = {"dist": "half_normal", "sigma": 1e-3}


def assert_same_posterior(first: xr.Dataset, second: xr.Dataset, names: list[str]) -> None:
    for name in names:
        a, b = first[name], second[name]
        for method, statistic in (("mean", xr.DataArray.mean), ("sd", xr.DataArray.std)):
            found, expected = statistic(a, ("chain", "draw")), statistic(b, ("chain", "draw"))
            error = np.hypot(az.mcse(a, method=method), az.mcse(b, method=method))
            excess = np.abs(np.asarray(found) - np.asarray(expected)) / np.asarray(error)
            assert (excess < 4.0).all(), f"{method} of {name}: {excess} standard errors apart"


def likelihood(evaluate, spec, study, point) -> float:
    model = build_hazard_model(study.data, spec.hazard, spec.priors)
    return float(evaluate(model, point, ["log_likelihood"])["log_likelihood"])


def test_centers_without_spread_are_pooled(small_study, evaluate, random_point):
    spec, study = small_study(center="hierarchical")
    model = build_hazard_model(study.data, spec.hazard, spec.priors)
    point = random_point(model, 1) | {"center_sd": 0.0}
    pooled = small_study(center="none")
    found = evaluate(model, point, ["log_likelihood"])["log_likelihood"]
    assert found == pytest.approx(likelihood(evaluate, *pooled, point), abs=ROUNDING)
    moved = likelihood(evaluate, spec, study, point | {"center_sd": 0.3})
    assert abs(found - moved) > 0.1


def test_centers_with_a_given_spread_are_fixed_effects(small_study, evaluate, random_point):
    """Any spread: the fixed effects' N(0, spread) less their mean, which the model subtracts."""
    spec, study = small_study(center="hierarchical")
    model = build_hazard_model(study.data, spec.hazard, spec.priors)
    fixed_spec, fixed_study = small_study(
        center="fixed", priors={"center": {"dist": "normal", "mu": 0, "sigma": 20}}
    )
    fixed = build_hazard_model(fixed_study.data, fixed_spec.hazard, fixed_spec.priors)
    free = random_point(fixed, 2)
    raw = free["center_effect_raw"]
    held = free | {"center_sd": 20.0, "center_effect_raw": helmert(4) @ raw / 20.0}
    expected = evaluate(fixed, free, ["log_likelihood"])["log_likelihood"]
    found = evaluate(model, held, ["log_likelihood"])["log_likelihood"]
    assert found == pytest.approx(expected, abs=ROUNDING)
    # Independent N(0, 20): the density of the mean times that of the rest, standardized by 20.
    of_fixed = pm.logp(fixed["center_effect_raw"], raw).eval(mode="FAST_COMPILE").sum()
    of_rest = pm.logp(model["center_effect_raw"], held["center_effect_raw"])
    of_rest = of_rest.eval(mode="FAST_COMPILE").sum() - 3.0 * np.log(20.0)
    of_mean = stats.norm.logpdf(np.sqrt(4.0) * raw.mean(), 0.0, 20.0)
    assert of_fixed == pytest.approx(of_rest + of_mean, rel=1e-12)


@pytest.mark.parametrize("baseline", ["rw1", "rw2"])
def test_walk_without_steps_is_exponential(baseline, small_study, evaluate, random_point):
    spec, study = small_study(baseline=baseline)
    model = build_hazard_model(study.data, spec.hazard, spec.priors)
    point = random_point(model, 3) | {"walk_sd": 0.0}
    if baseline == "rw2":
        point["trend"] = 0.0
    found = evaluate(model, point, ["log_likelihood"])["log_likelihood"]
    exponential = likelihood(evaluate, *small_study(baseline=baseline, cuts=[]), point)
    assert found == pytest.approx(exponential, abs=ROUNDING)


def test_walk_reaches_every_baseline(small_study, evaluate, random_point):
    """For any independent deviations there are steps of the walk with the same likelihood."""
    spec, study = small_study(baseline="independent")
    model = build_hazard_model(study.data, spec.hazard, spec.priors)
    point = random_point(model, 4)
    walked_spec, walked_study = small_study(baseline="rw1")
    walked = build_hazard_model(walked_study.data, walked_spec.hazard, walked_spec.priors)
    # Midpoints 1.5, 4.5, 9 and 15 months; the standard deviation is per six months.
    scale = 20.0 * np.sqrt(np.array([3.0, 4.5, 6.0]) / 6.0)
    steps = np.diff(point["interval_deviation"]) / scale
    same = point | {"walk_sd": 20.0, "walk_step": steps}
    assert evaluate(walked, same, ["log_likelihood"])["log_likelihood"] == pytest.approx(
        float(evaluate(model, point, ["log_likelihood"])["log_likelihood"]), abs=ROUNDING
    )


def test_sampled_centers_with_a_tiny_spread_are_pooled(small_study, compiled_small):
    compiled = compiled_small(center="hierarchical")
    spec, study = small_study(center="hierarchical", priors={"center_sd": TINY})
    tiny = compiled.sample(SAMPLER, data=prior_data(compiled.model, spec.priors))
    pooled = compiled_small(center="none").sample(SAMPLER.model_copy(update={"seed": 2}))
    names = ["treatment", "covariates", "level", "log_baseline", "walk_sd"]
    assert_same_posterior(tiny["posterior"].to_dataset(), pooled["posterior"].to_dataset(), names)
    assert float(np.abs(tiny["posterior"]["center_effect"]).max()) < 0.01


def test_sampled_walk_with_tiny_steps_is_exponential(small_study, compiled_small):
    compiled = compiled_small(center="none")
    spec, study = small_study(center="none", priors={"walk_sd": TINY})
    tiny = compiled.sample(SAMPLER, data=prior_data(compiled.model, spec.priors))
    exponential = compiled_small(center="none", cuts=[]).sample(SAMPLER)
    first = tiny["posterior"].to_dataset()
    second = exponential["posterior"].to_dataset()
    assert_same_posterior(first, second, ["treatment", "covariates", "level"])
    spread = first["log_baseline"].max("interval") - first["log_baseline"].min("interval")
    assert float(spread.max()) < 0.05


@pytest.mark.slow
def test_sampled_centers_with_a_large_spread_are_fixed_effects(small_study):
    """A spread held at 3 (hazard ratios to 400 between centers) against the same wide prior."""
    wide = {"center": {"dist": "normal", "mu": 0, "sigma": 3}}
    spec, study = small_study(center="hierarchical", cuts=[])
    held = pm.do(build_hazard_model(study.data, spec.hazard, spec.priors), {"center_sd": 3.0})
    fixed_spec, fixed_study = small_study(center="fixed", cuts=[], priors=wide)
    fixed = build_hazard_model(fixed_study.data, fixed_spec.hazard, fixed_spec.priors)
    first, second = (
        compile_model(model).sample(SAMPLER.model_copy(update={"seed": seed}))
        for seed, model in enumerate((held, fixed))
    )
    names = ["treatment", "covariates", "center_effect"]
    assert_same_posterior(first["posterior"].to_dataset(), second["posterior"].to_dataset(), names)


@pytest.mark.slow
def test_sampled_walk_with_large_steps_is_the_independent_baseline(small_study):
    """Steps N(0, 20 per six months) against deviations N(0, 20): both flat beside the data.

    A prior variance of 400 beside a sampling variance of 0.1 moves a log hazard by 0.0003 of its
    size, which is a hundredth of the Monte Carlo error.
    """
    spec, study = small_study(baseline="rw1")
    held = pm.do(build_hazard_model(study.data, spec.hazard, spec.priors), {"walk_sd": 20.0})
    flat = {"interval": {"dist": "normal", "mu": 0, "sigma": 20}}
    free_spec, free_study = small_study(baseline="independent", priors=flat)
    free = build_hazard_model(free_study.data, free_spec.hazard, free_spec.priors)
    first, second = (
        compile_model(model).sample(SAMPLER.model_copy(update={"seed": seed}))
        for seed, model in enumerate((held, free))
    )
    names = ["treatment", "covariates", "log_baseline"]
    assert_same_posterior(first["posterior"].to_dataset(), second["posterior"].to_dataset(), names)


def test_refit_with_other_priors_is_the_model_built_with_them(small_study, evaluate, random_point):
    """Setting a compiled structure's data gives the density of the model built anew."""
    spec, study = small_study(seed=1, center="hierarchical")
    other_spec, other_study = small_study(seed=2, center="hierarchical", priors={"center_sd": TINY})
    first = build_hazard_model(study.data, spec.hazard, spec.priors)
    second = build_hazard_model(other_study.data, other_spec.hazard, other_spec.priors)
    point = random_point(first, 5)
    expected = float(evaluate(second, point, ["log_likelihood"])["log_likelihood"])
    arrays = model_data(other_study.data, other_spec.hazard, other_spec.priors)
    pm.set_data(arrays | prior_data(first, other_spec.priors), model=first)
    found = float(evaluate(first, point, ["log_likelihood"])["log_likelihood"])
    assert found == pytest.approx(expected, abs=ROUNDING)
    assert first["center_sd_prior"].get_value() == pytest.approx([1e-3])
