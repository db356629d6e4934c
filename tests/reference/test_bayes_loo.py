"""Leave-one-patient-out on the lung cancer data, against refits without the patient.

What the physician's performance status adds to sex and age must lie between two numbers that need
no sampling: the difference of the maximized log-likelihoods, which has seen every patient, and the
sum of each patient's density under the maximum likelihood estimate of the others, which takes an
estimate for the truth where the posterior averages over it. R's loo on models with priors of its
own gave 6.15 with standard error 2.97.
"""

from __future__ import annotations

from dataclasses import replace

import arviz as az
import numpy as np
import pytest
import xarray as xr

import hccbayes as hb
from hccbayes.cross_validation import leave_one_out, patient_log_likelihood
from hccbayes.fit import CompiledModel, compile_model
from hccbayes.frequentist.piecewise_exponential import piecewise_exponential_mle
from hccbayes.hazard_model import build_hazard_model, model_data
from hccbayes.person_time import split_person_time
from hccbayes.pipeline import Study

DAYS_PER_MONTH = 30.4375
R_DIFFERENCE, R_STANDARD_ERROR = 6.15, 2.97


@pytest.fixture(scope="module")
def spec() -> hb.AnalysisSpec:
    return hb.AnalysisSpec.from_dict(
        {
            "model": {"name": "lung_loo"},
            "data": {
                "id": "patient_id",
                "time": "days",
                "event": "death",
                "arm": {"column": "sex", "treated": "female", "control": "male"},
                "missing": "exclude",
                "time_unit": "days",
            },
            "hazard": {
                "formula": "treatment + age_years + ecog_score",
                "cuts": [days / DAYS_PER_MONTH for days in (108.8, 183.6, 290.4, 446.4)],
            },
            "sampler": {"seed": 20261120},
        }
    )


@pytest.fixture(scope="module")
def study(spec) -> Study:
    return hb.build_study(hb.read_cohort("dataset:ncctg_lung", spec.roles), spec)


@pytest.fixture(scope="module")
def compiled(spec, study) -> CompiledModel:
    return compile_model(build_hazard_model(study.data, spec.hazard, spec.priors))


def elpd_by_patient(posterior: xr.Dataset, study: Study) -> tuple[np.ndarray, xr.DataArray]:
    """Return the expected log predictive density and the log-likelihood of each patient."""
    by_patient = patient_log_likelihood(posterior, study.episodes, study.design, study.data)
    groups = {"posterior": posterior, "log_likelihood": by_patient.to_dataset(name="patients")}
    result = az.loo(xr.DataTree.from_dict(groups), var_name="patients", pointwise=True)
    check = leave_one_out(by_patient, posterior)
    assert check.passed is None
    assert check.value == pytest.approx(float(result.elpd), rel=1e-12)
    assert "0 patients with Pareto k above 0.7" in check.message
    return np.asarray(result.elpd_i), by_patient


@pytest.fixture(scope="module")
def with_status(spec, study, compiled) -> tuple[np.ndarray, xr.DataArray]:
    return elpd_by_patient(compiled.sample(spec.sampler)["posterior"].to_dataset(), study)


@pytest.fixture(scope="module")
def without_status(spec, study, compiled) -> np.ndarray:
    """A column of zeros is a model without the term: its coefficient keeps its prior."""
    blank = replace(study.data, covariates=study.data.covariates * [1.0, 0.0])
    data = model_data(blank, spec.hazard, spec.priors)
    posterior = compiled.sample(spec.sampler, data=data)["posterior"].to_dataset()
    zeroed = posterior["covariates"] * xr.DataArray([1.0, 0.0], dims="covariate")
    return elpd_by_patient(posterior.assign(covariates=zeroed), study)[0]


def maximum_likelihood(study: Study, columns: list[int]) -> tuple[float, float]:
    """Return the log-likelihood of everybody, and that of each under the fit to the others."""
    split = split_person_time(
        *(study.episodes[name] for name in ("start", "stop", "event")), study.data.cuts
    )
    design = np.column_stack([study.design.treatment, study.design.matrix])[:, columns]
    events, exposure = split.events, split.exposure
    everybody = piecewise_exponential_mle(events, exposure, design).log_likelihood
    left_out = 0.0
    for row in range(len(design)):
        rest = np.arange(len(design)) != row
        fit = piecewise_exponential_mle(events[rest], exposure[rest], design[rest])
        hazard = np.exp(fit.log_hazard + design[row] @ fit.coef)
        left_out += events[row] @ np.log(hazard) - exposure[row] @ hazard
    return float(everybody), float(left_out)


def test_what_the_performance_status_adds(study, with_status, without_status):
    difference = with_status[0] - without_status
    assert len(difference) == 227
    all_terms, fewer = (maximum_likelihood(study, columns) for columns in ([0, 1, 2], [0, 1]))
    in_sample, plugged_in = np.subtract(all_terms, fewer)
    assert plugged_in < difference.sum() < in_sample
    assert abs(difference.sum() - R_DIFFERENCE) < R_STANDARD_ERROR


def test_influential_patients_left_out_by_refitting(spec, study, compiled, with_status):
    """A weight of zero leaves a patient out; four Monte Carlo standard errors of both estimates."""
    elpd, by_patient = with_status
    for row in np.argsort(elpd)[:3]:
        weights = np.ones(227)
        weights[row] = 0.0
        # Same cohort, design and cut points, so that the structure is the compiled one.
        other = hb.build_study(
            hb.read_cohort("dataset:ncctg_lung", spec.roles), spec, weights=weights
        )
        data = model_data(other.data, spec.hazard, spec.priors)
        posterior = compiled.sample(spec.sampler, data=data)["posterior"].to_dataset()
        refit = patient_log_likelihood(posterior, study.episodes, study.design, study.data)
        density = np.exp(refit.isel(patient=row))
        inverse = np.exp(-by_patient.isel(patient=row))
        error = np.hypot(
            *(float(az.mcse(one, method="mean")) / float(one.mean()) for one in (density, inverse))
        )
        assert elpd[row] == pytest.approx(float(np.log(density.mean())), abs=4.0 * error)
        assert error < 0.05


def test_density_is_that_of_survival_times(study, with_status):
    """Not the Poisson mass: between R's maximized log-likelihood in days and a unit a parameter.

    From months to days each of 164 events costs log 30.4375. Eight parameters, smoothed ones less
    than one unit each, take five to ten units when a patient is left out.
    """
    in_days = with_status[0].sum() - 164 * np.log(DAYS_PER_MONTH)
    assert -1132.78106 - 10.0 < in_days < -1132.78106 - 5.0
