"""Models compared by patients left out: against marginal likelihoods, and R's numbers.

The density of those left out given the others is a ratio of marginal likelihoods; with gamma
hazards and one covariate each is an integral over one dimension.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from gamma_quadrature import SPEC, log_marginal_likelihood

import hccbayes as hb
from hccbayes.cross_validation import leave_one_out, patient_log_likelihood
from hccbayes.errors import InputError
from hccbayes.estimands import hazard_draws
from hccbayes.frequentist.piecewise_exponential import piecewise_exponential_mle
from hccbayes.person_time import split_person_time
from hccbayes.predictive import patient_hazards, patients_of
from hccbayes.sensitivity.center_prediction import LeftOutCenters, left_out_centers
from hccbayes.sensitivity.influence import monte_carlo_error
from hccbayes.sensitivity.model_comparison import (
    PatientDensity,
    compare_models,
    density_left_out,
    patient_density,
)
from hccbayes.sensitivity.refitting import StudyFit, fit_study, refit
from hccbayes.study import Study

PATIENTS = 45
DAYS_PER_MONTH = 30.4375


def frame() -> pd.DataFrame:
    rng = np.random.default_rng(8)
    control = np.arange(PATIENTS) % 3 == 0
    hospital = np.array(["east", "north", "west"])[rng.integers(0, 3, PATIENTS)]
    death = rng.exponential(np.where(control, 7.0, 12.0))
    end = rng.uniform(8.0, 30.0, PATIENTS)
    return pd.DataFrame(
        {
            "id": [f"id-{row:02d}" for row in range(PATIENTS)],
            "arm": np.where(control, "one", "both"),
            "hospital": hospital,
            "months": np.minimum(death, end),
            "death": (death <= end).astype(int),
        }
    )


@pytest.fixture(scope="module")
def base() -> StudyFit:
    """A model without center terms of patients who have centers."""
    data = SPEC["data"] | {"center": "hospital"}
    spec = hb.AnalysisSpec.from_dict(SPEC | {"data": data})
    return fit_study(hb.build_study(hb.read_cohort(frame(), spec.roles), spec), spec)


@pytest.fixture(scope="module")
def density(base) -> PatientDensity:
    return patient_density(base)


@pytest.fixture(scope="module")
def centers(base) -> LeftOutCenters:
    return left_out_centers(base)


def test_patients_left_out_have_their_exact_density(base, density):
    """The sum, and each patient's, within four Monte Carlo errors."""
    everybody = np.arange(PATIENTS)
    full = log_marginal_likelihood(base)
    exact = np.array(
        [full - log_marginal_likelihood(base, kept=everybody != row) for row in everybody]
    )
    assert density.elpd.sum() == pytest.approx(exact.sum(), abs=4.0 * density.monte_carlo_error)
    assert density.monte_carlo_error < 0.05
    assert (density.pareto_k < 0.7).all()
    # Each is an average over draws whose density varies little: their errors are below the sum's.
    np.testing.assert_allclose(density.elpd, exact, atol=4.0 * density.monte_carlo_error)


def test_sum_is_the_package_s_own(base, density):
    study = base.study
    by_patient = patient_log_likelihood(base.posterior, study.episodes, study.design, study.data)
    check = leave_one_out(by_patient, base.posterior)
    assert check.value == pytest.approx(density.elpd.sum(), rel=1e-12)


def test_centers_left_out_have_their_exact_density(base, centers):
    own = base.study.design.center_index
    full = log_marginal_likelihood(base)
    assert list(centers.table["center"]) == ["east", "north", "west"]
    assert centers.table["patients"].sum() == PATIENTS
    assert centers.table["events"].sum() == frame()["death"].sum()
    for row in centers.table.itertuples():
        exact = full - log_marginal_likelihood(base, kept=own != row.Index)
        assert row.joint == pytest.approx(exact, abs=4.0 * row.joint_mcse)
        assert row.joint_mcse < 0.2
        # One patient at a time, each from the other centers.
        rest = log_marginal_likelihood(base, kept=own != row.Index)
        each = [
            log_marginal_likelihood(base, kept=(own != row.Index) | (np.arange(PATIENTS) == one))
            - rest
            for one in np.flatnonzero(own == row.Index)
        ]
        assert row.elpd == pytest.approx(sum(each), abs=4.0 * row.elpd_mcse)
        assert row.passed
    assert "3 centers, each predicted from the others" in centers.sentence


def test_a_left_out_center_is_a_new_one():
    r"""Its level against the others' mean is N(0, tau^2 (1 + 1/3)) in each draw of tau.

    Exactly so with a flat prior of the level, of which that with standard deviation 30 is close.
    """
    rng = np.random.default_rng(4)
    count = 160
    hospital = np.arange(count) % 4
    death = rng.exponential(12.0 * np.exp(0.4 * hospital))
    rows = pd.DataFrame(
        {
            "id": range(count),
            "arm": np.where(rng.random(count) < 0.5, "one", "both"),
            "hospital": np.array(["east", "north", "south", "west"])[hospital],
            "months": np.minimum(death, 40.0),
            "death": (death <= 40.0).astype(int),
        }
    )
    spec = hb.AnalysisSpec.from_dict(
        SPEC
        | {
            "data": SPEC["data"] | {"center": "hospital"},
            "hazard": {"formula": "treatment", "cuts": [6.0], "center": "hierarchical"},
            "priors": {"baseline_level": {"dist": "normal", "mu": 0, "sigma": 30}},
        }
    )
    fitted = fit_study(hb.build_study(hb.read_cohort(rows, spec.roles), spec), spec)
    posterior = refit(fitted, weights=(hospital != 2).astype(float)).posterior
    others = posterior["center_effect"].sel(center=["east", "north", "west"]).mean("center")
    new = posterior["center_effect"].sel(center="south", drop=True) - others
    standard = new / (posterior["center_sd"] * np.sqrt(4.0 / 3.0))
    assert abs(float(standard.mean())) < 4.0 * float(monte_carlo_error(standard))
    square = standard**2
    assert abs(float(square.mean()) - 1.0) < 4.0 * float(monte_carlo_error(square))


def lung(formula: str, quantile: int | None = None, priors: dict | None = None) -> StudyFit:
    cuts = [days / DAYS_PER_MONTH for days in (108.8, 183.6, 290.4, 446.4)]
    spec = hb.AnalysisSpec.from_dict(
        {
            "model": {"name": "lung"},
            "data": {
                "id": "patient_id",
                "time": "days",
                "event": "death",
                "arm": {"column": "sex", "treated": "female", "control": "male"},
                "covariates": ["age_years", "ecog_score"],
                "missing": "exclude",
                "time_unit": "days",
            },
            "hazard": {
                "formula": formula,
                "cuts": cuts if quantile is None else {"quantile": quantile},
            },
            "priors": priors or {},
            "sampler": {"seed": 20261120},
        }
    )
    return fit_study(hb.build_study(hb.read_cohort("dataset:ncctg_lung", spec.roles), spec), spec)


@pytest.fixture(scope="module")
def five() -> StudyFit:
    return lung("treatment + age_years + ecog_score")


@pytest.mark.slow
def test_cut_points_do_not_change_what_is_compared(five):
    """What the Poisson mass of rows adds holds no parameter and is all that changes.

    R: on the scale of Poisson rows a gap of 83 between 5 and 8 intervals and of -139 between 5
    and 2, of which 1.0 each is true.
    """
    fits = {"five": five}
    fits |= {name: lung("treatment + age_years + ecog_score", count) for name, count in OTHERS}
    found = compare_models(fits)
    elpd = found.table.set_index("model")["elpd"]
    constant = {}
    for name, fitted in fits.items():
        events, exposure = rows_of(fitted)
        constant[name] = float(np.sum(np.log(exposure[events == 1])))
    # Rounded to whole numbers, the gap to one decimal.
    assert constant["five"] - constant["eight"] == pytest.approx(83.0 - 1.0, abs=0.55)
    assert constant["five"] - constant["two"] == pytest.approx(-139.0 - 1.0, abs=0.55)
    assert abs(elpd["five"] - elpd["eight"]) < 2.0
    assert abs(elpd["five"] - elpd["two"]) < 3.0
    assert found.table["poor_k"].sum() == 0
    assert found.table["difference"].iloc[0] == 0.0
    assert (found.table["difference_mcse"] < 0.3).all()


OTHERS = (("eight", 8), ("two", 2))


def rows_of(fitted: StudyFit) -> tuple[np.ndarray, np.ndarray]:
    episodes = fitted.study.episodes
    split = split_person_time(
        *(episodes[name] for name in ("start", "stop", "event")), fitted.study.data.cuts
    )
    return split.events, split.exposure


@pytest.mark.slow
def test_rows_and_patients_have_other_standard_errors(five):
    """R's models, with priors of their own, densities in months: 29.1 by row, 19.2 by patient."""
    by_patient = patient_density(five).elpd
    patient_error = np.sqrt(len(by_patient)) * by_patient.std(ddof=1)
    events, exposure = rows_of(five)
    at_risk = exposure > 0
    assert at_risk.sum() == 719
    study, posterior = five.study, five.posterior
    draws = hazard_draws(posterior, study.data)
    everybody = patients_of(study.episodes, study.design, study.data)
    hazard = patient_hazards(draws, everybody, np.arange(len(draws.treatment)))[:, at_risk]
    value = events[at_risk] * np.log(hazard)
    value -= hazard * exposure[at_risk]
    shape = (posterior.sizes["chain"], posterior.sizes["draw"], -1)
    rows = xr.DataArray(value.reshape(shape), dims=("chain", "draw", "patient"))
    by_row = density_left_out(rows, posterior).elpd
    row_error = np.sqrt(len(by_row)) * by_row.std(ddof=1)
    assert row_error == pytest.approx(29.1, abs=0.5)
    assert patient_error == pytest.approx(19.2, abs=0.5)


def maximum_likelihood(study: Study, columns: list[int], *, left_out: bool) -> np.ndarray:
    """Return each patient's log density under the fit to everybody, or to the others."""
    split = split_person_time(
        *(study.episodes[name] for name in ("start", "stop", "event")), study.data.cuts
    )
    design = np.column_stack([study.design.treatment, study.design.matrix])[:, columns]
    events, exposure = split.events, split.exposure
    fitted = piecewise_exponential_mle(events, exposure, design)
    found = []
    for row in range(len(design)):
        rest = np.arange(len(design)) != row
        if left_out:
            fitted = piecewise_exponential_mle(events[rest], exposure[rest], design[rest])
        hazard = np.exp(fitted.log_hazard + design[row] @ fitted.coef)
        found.append(events[row] @ np.log(hazard) - exposure[row] @ hazard)
    return np.array(found)


@pytest.mark.slow
def test_what_the_performance_status_adds():
    """Difference and standard error, nearly without priors, lie between two without sampling.

    Those of maximum likelihood with everybody, and with the others' estimate taken for the truth.
    """
    flat = {"dist": "normal", "mu": 0, "sigma": 10}
    priors = {"treatment": flat, "covariates": flat}
    full = lung("treatment + age_years + ecog_score", priors=priors)
    found = compare_models({"without": lung("treatment + age_years", priors=priors), "with": full})
    assert list(found.table["model"]) == ["with", "without"]
    other = found.table.iloc[1]
    seen, plugged_in = (
        maximum_likelihood(full.study, [0, 1], left_out=left_out)
        - maximum_likelihood(full.study, [0, 1, 2], left_out=left_out)
        for left_out in (False, True)
    )
    assert seen.sum() < other["difference"] < plugged_in.sum()
    lower, upper = (np.sqrt(227) * one.std(ddof=1) for one in (seen, plugged_in))
    assert lower < other["difference_se"] < upper
    apart = np.diff(found.pointwise, axis=0).ravel()
    assert other["difference"] == pytest.approx(apart.sum(), rel=1e-12)
    assert other["difference_se"] == pytest.approx(np.sqrt(227) * apart.std(ddof=1), rel=1e-12)
    assert "best with" in found.sentence


def test_wrong_input_is_named(base):
    with pytest.raises(InputError, match="two or more are compared, not 1"):
        compare_models({"one": base})
    episodes = base.study.episodes.assign(stop=base.study.episodes["stop"] + 1.0)
    other = replace(base, study=replace(base.study, episodes=episodes))
    with pytest.raises(InputError, match="fit b: is not to the patients of a"):
        compare_models({"a": base, "b": other})
    nowhere = replace(base.study.design, centers=())
    with pytest.raises(InputError, match="needs two or more"):
        left_out_centers(replace(base, study=replace(base.study, design=nowhere)))
    alone = base.study.episodes.assign(event=(base.study.design.center_index == 0).astype(int))
    with pytest.raises(InputError, match="center east: has all the events"):
        left_out_centers(replace(base, study=replace(base.study, episodes=alone)))
