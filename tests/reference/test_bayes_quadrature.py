"""Sampled posteriors against the same posteriors integrated by quadrature.

Lung cancer trial, women against men, five intervals with gamma hazards (shape 1, rate 300 days).
With the hazards integrated out the treatment's posterior has one dimension, and quadrature gives
its moments to ten digits. The model centers the treatment, and so does the quadrature's design: a
gamma prior of the average patient's hazard is not one of the men's.
"""

from __future__ import annotations

import arviz as az
import numpy as np
import pymc as pm
import pytest

import hccbayes as hb
from hccbayes.fit import CompiledModel, compile_model, fit
from hccbayes.frequentist.collapsed_gamma import PosteriorMoments, collapsed_posterior_moments
from hccbayes.hazard_model import build_hazard_model, prior_data
from hccbayes.pipeline import Study
from hccbayes.priors import Prior, named_prior

DAYS_PER_MONTH = 30.4375
CUTS = tuple(days / DAYS_PER_MONTH for days in (108.8, 183.6, 290.4, 446.4))
RATE = 300.0 / DAYS_PER_MONTH


@pytest.fixture(scope="module")
def spec() -> hb.AnalysisSpec:
    return hb.AnalysisSpec.from_dict(
        {
            "model": {"name": "lung_gamma"},
            "data": {
                "id": "patient_id",
                "time": "days",
                "event": "death",
                "arm": {"column": "sex", "treated": "female", "control": "male"},
                # Not in the formula: it leaves out the patient without a performance status.
                "covariates": ["ecog_score"],
                "missing": "exclude",
                "time_unit": "days",
            },
            "hazard": {"formula": "treatment", "cuts": list(CUTS), "baseline": "gamma"},
            "priors": {
                "treatment": {"dist": "normal", "mu": 0, "sigma": 1},
                "gamma_shape": 1.0,
                # The rate is shape * median / log 2.
                "median_survival": RATE * float(np.log(2.0)),
            },
            "sampler": {"draws": 2000, "tune": 1000, "chains": 4, "seed": 20261120},
        }
    )


@pytest.fixture(scope="module")
def study(spec) -> Study:
    return hb.build_study(hb.read_cohort("dataset:ncctg_lung", spec.roles), spec)


@pytest.fixture(scope="module")
def compiled(spec, study) -> CompiledModel:
    return compile_model(build_hazard_model(study.data, spec.hazard, spec.priors))


def quadrature(study: Study, prior: Prior) -> PosteriorMoments:
    data = study.data
    return collapsed_posterior_moments(
        data.person_time.events,
        data.person_time.exposure,
        data.treatment - data.treatment_mean,
        shape=1.0,
        rate=RATE,
        prior=prior,
    )


def assert_within_monte_carlo_error(draws, exact: PosteriorMoments) -> None:
    """Within four standard errors, wrong for one seed in 16,000 where the sampler is right."""
    error = {method: float(az.mcse(draws, method=method)) for method in ("mean", "sd")}
    assert abs(float(draws.mean()) - exact.mean) < 4.0 * error["mean"]
    assert abs(float(draws.std(ddof=1)) - exact.sd) < 4.0 * error["sd"]
    # The comparison must be able to fail: the error is a few hundredths of the posterior's sd.
    assert error["mean"] < 0.03 * exact.sd


def test_table_is_the_published_one(study):
    data = study.data
    assert len(study.design.treatment) == 227
    np.testing.assert_array_equal(data.treatment, [0.0, 1.0])
    events = [[25, 26, 21, 19, 20], [8, 7, 11, 14, 13]]
    np.testing.assert_array_equal(data.person_time.events, events)
    days = [[13516.6, 7649.4, 7169.4, 5577.6, 5102.0], [9451.0, 5753.0, 6043.4, 5045.8, 4213.8]]
    found = data.person_time.exposure * DAYS_PER_MONTH
    # Printed with one decimal and exact there, since the cuts have one decimal.
    np.testing.assert_allclose(found, days, rtol=0, atol=1e-8)
    model_rate = 1.0 * RATE * DAYS_PER_MONTH
    assert model_rate == pytest.approx(300.0, rel=1e-15)


@pytest.mark.parametrize("sigma", [1.0, 10.0], ids=["unit", "near_flat"])
def test_sampled_posterior_is_the_integrated_one(sigma, spec, study, compiled):
    prior = Prior.of("normal", mu=0.0, sigma=sigma)
    priors = spec.priors.model_copy(update={"treatment": prior})
    tree, diagnosis = fit(compiled, spec.sampler, data=prior_data(compiled.model, priors))
    assert diagnosis.passed, diagnosis.headline()
    assert_within_monte_carlo_error(tree["posterior"]["treatment"], quadrature(study, prior))


def test_sceptical_and_enthusiastic_priors(spec, study, compiled):
    """The named priors move the posterior to where quadrature says."""
    means = {}
    for name in ("sceptical", "enthusiastic"):
        prior = named_prior(name)
        priors = spec.priors.model_copy(update={"treatment": prior})
        tree = compiled.sample(spec.sampler, data=prior_data(compiled.model, priors))
        draws = tree["posterior"]["treatment"]
        assert_within_monte_carlo_error(draws, quadrature(study, prior))
        means[name] = float(draws.mean())
    assert means["enthusiastic"] < means["sceptical"] - 0.05


def test_hazards_given_the_treatment_are_gamma(spec, study, compiled):
    r"""Mean of each hazard: that of Gamma(a + D_j, b + sum e exp(eta)) averaged over the draws."""
    posterior = compiled.sample(spec.sampler)["posterior"]
    data = study.data
    events = data.interval_events
    ratio = np.exp(
        posterior["treatment"].values[..., None] * (data.treatment - data.treatment_mean)
    )
    at_risk = ratio @ data.person_time.exposure
    expected = ((1.0 + events) / (RATE + at_risk)).mean(axis=(0, 1))
    hazard = posterior["hazard"]
    error = az.mcse(hazard, method="mean").values
    # Two averages over the same draws; the second varies less than the first.
    excess = np.abs(hazard.mean(("chain", "draw")).values - expected) / error
    assert (excess < 4.0).all(), excess


@pytest.mark.slow
def test_a_users_external_evidence_is_combined_exactly(spec, study):
    """A study elsewhere found -0.2 (SE 0.15): the posterior is that of the product of normals."""
    model = build_hazard_model(study.data, spec.hazard, spec.priors)
    with model:
        pm.Normal("external_log_hr", model["treatment"], 0.15, observed=-0.2)
    tree = compile_model(model).sample(spec.sampler)
    precision = 1.0 / 1.0**2 + 1.0 / 0.15**2
    mean = (-0.2 / 0.15**2) / precision
    combined = Prior.of("normal", mu=mean, sigma=precision**-0.5)
    assert_within_monte_carlo_error(tree["posterior"]["treatment"], quadrature(study, combined))
