"""The model's density against sums and integrals over missing values written out by hand."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import logsumexp
from scipy.stats import norm

import hccbayes as hb
from hccbayes.errors import InputError
from hccbayes.hazard_model import build_hazard_model
from hccbayes.sensitivity.confounder_model import patient_rows
from hccbayes.sensitivity.incomplete_study import incomplete_study
from hccbayes.sensitivity.missing_covariates_fit import fit_missing_covariates
from hccbayes.sensitivity.missing_covariates_model import build_missing_covariates_model

ROUNDING = 1e-11
SPEC: dict[str, Any] = {
    "model": {"name": "gaps"},
    "data": {
        "id": "id",
        "time": "months",
        "event": "death",
        "arm": {"column": "arm", "treated": "both", "control": "one"},
        "missing": "impute",
        "time_zero": "first dose",
    },
    "hazard": {"formula": "treatment + age + log(afp) + invasion + sex", "cuts": [3, 6]},
    "estimands": {"times": [6], "horizon": 6},
    "sampler": {"draws": 500, "tune": 500, "seed": 20261120},
}


def spec(**hazard: Any) -> hb.AnalysisSpec:
    return hb.AnalysisSpec.from_dict(SPEC | {"hazard": SPEC["hazard"] | hazard})


def patients(count: int = 24, seed: int = 2) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "id": range(count),
            "arm": np.where(np.arange(count) % 2, "both", "one"),
            "months": rng.uniform(1.0, 14.0, count),
            "death": (rng.random(count) < 0.7).astype(int),
            "age": rng.normal(58.0, 9.0, count),
            "afp": rng.lognormal(5.0, 1.0, count),
            "invasion": (rng.random(count) < 0.4).astype(int),
            "sex": rng.choice(["female", "male"], count),
        }
    )


def gappy() -> pd.DataFrame:
    """Return patients missing afp alone, invasion alone, sex alone, all three, and nothing."""
    frame = patients()
    frame.loc[[0, 3, 7], "afp"] = np.nan
    frame.loc[[1, 3, 5, 6], "invasion"] = np.nan
    frame.loc[[2, 3, 6], "sex"] = None
    return frame


def cohort(frame: pd.DataFrame, own: hb.AnalysisSpec) -> hb.Cohort:
    return hb.read_cohort(frame, own.roles)


def test_nothing_missing_is_the_hazard_model(evaluate, random_point):
    own = spec()
    complete = cohort(patients(), own)
    model = build_missing_covariates_model(incomplete_study(complete, own), own.hazard, own.priors)
    plain = build_hazard_model(patient_rows(hb.build_study(complete, own)), own.hazard, own.priors)
    assert {one.name for one in model.free_RVs} == {one.name for one in plain.free_RVs}
    point = random_point(plain, 5)
    values = [evaluate(one, point, ["log_likelihood"])["log_likelihood"] for one in (model, plain)]
    assert values[0] == pytest.approx(values[1], abs=ROUNDING)


def terms_by_hand(frame: pd.DataFrame) -> pd.DataFrame:
    """Standardized terms, by the known values of each, with nan where one is missing."""
    raw = pd.DataFrame(
        {
            "age": frame["age"],
            "log(afp)": np.log(frame["afp"]),
            "invasion": frame["invasion"].astype(float),
            "sex": (frame["sex"] == "male").astype(float).where(frame["sex"].notna()),
        }
    )
    centered = raw - raw.mean()
    for name in ("age", "log(afp)"):
        centered[name] /= 2.0 * raw[name].std(ddof=1)
    return centered


def likelihood_by_hand(frame: pd.DataFrame, point: dict, log_baseline: np.ndarray) -> float:
    """Sum over patients of the log of the sum over their missing binary values."""
    z = terms_by_hand(frame)
    means = {"invasion": frame["invasion"].mean(), "sex": (frame["sex"] == "male").sum() / 21}
    treated = (frame["arm"] == "both") - (frame["arm"] == "both").mean()
    absent_afp = iter(point["missing_raw_1"])
    total = 0.0
    for row, patient in frame.iterrows():
        predictors = np.array([treated[row], z.loc[row, "age"]])
        mean = point["missing_level_1"] + predictors @ point["missing_slopes_1"]
        afp = z.loc[row, "log(afp)"]
        if np.isnan(afp):
            afp = mean + point["missing_sd_1"] * next(absent_afp)
        else:
            total += norm.logpdf(afp, mean, point["missing_sd_1"])
        known = {2: patient["invasion"], 3: {"female": 0.0, "male": 1.0}.get(patient["sex"])}
        choices = [(0.0, 1.0) if pd.isna(value) else (float(value),) for value in known.values()]
        branches = []
        for invasion, sex in product(*choices):
            x = np.array([invasion - means["invasion"], sex - means["sex"]])
            odds = point["missing_level_2"] + np.r_[predictors, afp] @ point["missing_slopes_2"]
            value = -np.log1p(np.exp(-odds if invasion else odds))
            odds = point["missing_level_3"] + (
                np.r_[predictors, afp, x[0]] @ point["missing_slopes_3"]
            )
            value += -np.log1p(np.exp(-odds if sex else odds))
            linear = point["treatment"] * treated[row] + (
                point["covariates"] @ np.r_[z.loc[row, "age"], afp, x]
            )
            log_hazard = log_baseline + linear
            month = patient["months"]
            spent = np.diff(np.minimum([0.0, 3.0, 6.0, np.inf], month))
            interval = int(month > 3.0) + int(month > 6.0)
            value += patient["death"] * log_hazard[interval] - spent @ np.exp(log_hazard)
            branches.append(value)
        total += logsumexp(branches)
    return total


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_density_is_the_sum_over_missing_values(evaluate, random_point, seed):
    own, frame = spec(), gappy()
    study = incomplete_study(cohort(frame, own), own)
    model = build_missing_covariates_model(study, own.hazard, own.priors)
    point = random_point(model, seed)
    found = evaluate(model, point, ["log_likelihood", "log_baseline"])
    by_hand = likelihood_by_hand(frame, point, found["log_baseline"])
    assert found["log_likelihood"] == pytest.approx(by_hand, rel=ROUNDING)


def test_terms_are_standardized_by_known_values():
    own, frame = spec(), gappy()
    study = incomplete_study(cohort(frame, own), own)
    expected = terms_by_hand(frame)
    np.testing.assert_array_equal(study.missing, expected.isna())
    np.testing.assert_allclose(study.design.matrix, expected.fillna(0.0), atol=1e-13)
    assert [study.incomplete("continuous"), study.incomplete("binary")] == [[1], [2, 3]]


def test_covariates_that_cannot_be_unknowns_are_refused():
    frame = gappy().assign(stage=np.resize(["A", "B", "C"], 24).astype(object))
    frame.loc[4, "stage"] = None
    for formula, column in (
        ("treatment + stage", "stage"),
        ("treatment + age + age:afp", "afp"),
        ("treatment + poly(afp, 2)", "afp"),
    ):
        own = spec(formula=formula)
        with pytest.raises(InputError, match=f"column {column}: has missing .* imputation"):
            incomplete_study(cohort(frame, own), own)


def test_too_many_missing_binary_values_are_refused():
    rng = np.random.default_rng(1)
    names = [f"b{number}" for number in range(7)]
    frame = patients(60).assign(**{name: (rng.random(60) < 0.5).astype(float) for name in names})
    frame.loc[3, names] = np.nan
    own = spec(formula="treatment + " + " + ".join(names))
    with pytest.raises(InputError, match=r"more than 6 binary values are missing.*row 3"):
        incomplete_study(cohort(frame, own), own)


@pytest.mark.slow
def test_fit_holds_no_patient_and_learns_the_regression_from_known_values():
    """Age is regressed on treatment alone, which it does not depend on; 140 values are known."""
    own = spec(formula="treatment + age + invasion")
    frame = patients(200)
    frame["age"] = frame["age"].mask(np.random.default_rng(4).random(200) < 0.3)
    frame["invasion"] = frame["invasion"].mask(np.random.default_rng(5).random(200) < 0.3)
    result = fit_missing_covariates(cohort(frame, own), own)
    assert result.diagnosis.passed
    assert not [name for name in result.posterior if str(name).startswith("missing_raw")]
    assert set(result.estimates["method"]) == {"pe_rw1_missing_in_model"}
    assert set(result.estimates["population"]) == {"sample"}
    # The known standard deviation is 0.5 by standardization. The posterior mean exceeds it by
    # about 0.75 / 140, one coefficient changes it by about 0.5 / 140: two percent bound both.
    assert float(result.posterior["missing_sd_0"].mean()) == pytest.approx(0.5, rel=0.02)
