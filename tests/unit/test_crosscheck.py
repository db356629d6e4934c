"""The join of Bayesian and frequentist estimates, and its remarks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.stats import norm

from hccbayes.crosscheck import (
    CROSSCHECK_COLUMNS,
    bayesian_moments,
    crosscheck_table,
    reference_spec,
)
from hccbayes.priors import TREATMENT_PRIORS
from hccbayes.records import Estimate, estimate_table
from hccbayes.spec import AnalysisSpec

TREATMENT = "treated / control"
INF, NAN = np.inf, np.nan


def spec() -> AnalysisSpec:
    return AnalysisSpec.from_dict(
        {
            "model": {"name": "toy"},
            "data": {
                "id": "id",
                "time": "months",
                "event": "death",
                "center": "hospital",
                "arm": {"column": "arm", "treated": "tace", "control": "systemic"},
            },
            "hazard": {
                "formula": "treatment + age",
                "baseline": "rw2",
                "center": "hierarchical",
                "center_slope": True,
            },
            "priors": {"treatment": "sceptical", "median_survival": 14},
        }
    )


def test_the_reference_fit_has_what_cox_regression_has() -> None:
    stop, event = pd.Series(np.arange(1.0, 8.0)), pd.Series(np.ones(7))
    bare = reference_spec(spec(), stop, event)
    assert bare.priors.treatment == bare.priors.covariates == TREATMENT_PRIORS["reference"]
    assert (bare.hazard.baseline, bare.priors.gamma_shape) == ("gamma", 0.01)
    assert bare.hazard.cuts == (3.0, 6.0)
    assert (bare.hazard.center, bare.hazard.center_slope) == ("none", False)
    # The rest is the analysis itself.
    assert bare.hazard.formula == spec().hazard.formula
    assert bare.priors.median_survival == 14
    assert (bare.data, bare.estimands, bare.sampler) == (
        spec().data,
        spec().estimands,
        spec().sampler,
    )
    AnalysisSpec.from_dict(bare.to_dict())  # it is valid as a model file


def estimand_dataset() -> xr.Dataset:
    dims = ("chain", "draw")
    log_hr = np.array([[-0.6, -0.4], [-0.2, 0.0]])
    arms = (*dims, "population", "arm")
    median = np.array([[[[9, 5]], [[10, 6]]], [[[11, 7]], [[INF, 8]]]])
    survival = np.array([[[[0.6, 0.4]], [[0.7, 0.4]]], [[[0.6, 0.5]], [[0.7, 0.5]]]])[..., None]
    values: dict[str, Any] = {
        "log_hr": (dims, log_hr),
        "covariate_log_hr": ((*dims, "contrast"), log_hr[..., None] / 10),
        "median": (arms, median),
        "survival": ((*arms, "time"), survival),
    }
    coords = {
        "contrast": ["age: per 1"],
        "population": ["ate"],
        "arm": ["treated", "control"],
        "time": [12.0],
    }
    return xr.Dataset(values, coords=coords)


def test_posterior_moments_by_hand() -> None:
    moments = bayesian_moments(estimand_dataset(), "ate").set_index(["estimand", "term"])
    sd = np.sqrt(0.2 / 3)  # squares 0.09 + 0.01 + 0.01 + 0.09 over three degrees of freedom
    for labels, mean, spread in (
        (("log_hr", TREATMENT), -0.3, sd),
        (("log_hr", "age: per 1"), -0.03, sd / 10),
        (("survival", "treated"), 0.65, np.sqrt(0.01 / 3)),
        (("survival", "control"), 0.45, np.sqrt(0.01 / 3)),
        (("median", "control"), 6.5, np.sqrt(5 / 3)),
    ):
        row = moments.loc[labels]
        assert row["bayes"] == pytest.approx(mean, rel=1e-12)
        assert row["bayes_sd"] == pytest.approx(spread, rel=1e-12)
    assert moments.loc[("survival", "treated"), "time"] == 12.0
    assert moments.loc[("median", "treated"), ["bayes", "bayes_sd"]].isna().all()


def moments(rows: list[tuple[str, str, float, float, float]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["estimand", "term", "time", "bayes", "bayes_sd"])
    return frame.astype(dict.fromkeys(["time", "bayes", "bayes_sd"], float))


def conventional_row(
    method: str,
    estimate: float,
    *,
    estimand: str = "log_hr",
    contrast: str = TREATMENT,
    kind: str = "wald",
    time: float | None = None,
    error: float = 0.2,
) -> Estimate:
    half = norm.ppf(0.975) * error
    return Estimate(
        estimand=estimand,
        contrast=contrast,
        population="sample",
        time=time,
        estimate=estimate,
        lower=estimate - half,
        upper=estimate + half,
        interval_prob=0.95,
        interval_kind=kind,
        source="frequentist",
        method=method,
        model="toy",
    )


def joined(
    analysis: list[tuple[str, str, float, float, float]],
    reference: list[tuple[str, str, float, float, float]],
    conventional: list[Estimate],
) -> pd.DataFrame:
    return crosscheck_table(moments(analysis), moments(reference), estimate_table(conventional))


def test_each_row_is_the_difference_of_its_two_numbers() -> None:
    table = joined(
        [("log_hr", TREATMENT, NAN, -0.5, 0.25), ("survival", "treated", 12.0, 0.6, 0.05)],
        [("log_hr", TREATMENT, NAN, -0.41, 0.2)],
        [
            conventional_row("cox_efron", -0.4),
            conventional_row(
                "km", 0.5, estimand="survival", contrast="treated", time=12, kind="log"
            ),
            conventional_row("logrank", 0.03, estimand="logrank_p"),
        ],
    )
    assert tuple(table.columns) == CROSSCHECK_COLUMNS
    first, second, third = (table.iloc[row] for row in range(3))
    assert (first["prior"], first["method"], first["term"]) == ("analysis", "cox_efron", TREATMENT)
    assert first["difference"] == pytest.approx(-0.1, rel=1e-12)
    assert first["difference_in_sd"] == pytest.approx(-0.4, rel=1e-12)
    assert first["frequentist_se"] == pytest.approx(0.2, rel=1e-12)
    assert (second["estimand"], second["time"]) == ("survival", 12.0)
    assert np.isnan(second["frequentist_se"])  # limits on the log scale give no standard error
    assert third["prior"] == "reference"
    assert len(table) == 3


def test_survival_is_matched_by_time_and_arm() -> None:
    table = joined(
        [("survival", "treated", 6.0, 0.8, 0.1), ("survival", "treated", 12.0, 0.6, 0.1)],
        [],
        [
            conventional_row("km", 0.5, estimand="survival", contrast="treated", time=12),
            conventional_row("km", 0.7, estimand="survival", contrast="control", time=6),
        ],
    )
    assert table[["time", "bayes", "frequentist"]].to_numpy().tolist() == [[12.0, 0.6, 0.5]]


def test_the_reference_fit_is_set_against_its_twin_alone() -> None:
    effect = [("log_hr", TREATMENT, NAN, -0.4, 0.2)]
    methods = ["cox_crude", "cox_efron", "cox_efron_strata", "cox_efron_center"]
    table = joined(effect, effect, [conventional_row(method, -0.4) for method in methods])
    assert table.loc[table["prior"] == "analysis", "method"].tolist() == methods
    assert table.loc[table["prior"] == "reference", "method"].tolist() == ["cox_efron"]


@pytest.mark.parametrize(
    ("prior", "method", "in_sd", "remark"),
    [
        ("reference", "cox_efron", 0.09, "agrees"),
        ("reference", "cox_efron", -0.11, "differs by 0.11 sd: investigate"),
        ("analysis", "cox_efron", 0.49, "agrees"),
        ("analysis", "cox_efron_center", 0.49, ""),
        ("analysis", "cox_efron", -0.6, "differs by 0.60 sd: the prior or the centers move it"),
        ("analysis", "cox_crude", 0.6, "differs by 0.60 sd: unadjusted against adjusted"),
    ],
)
def test_remarks_on_hazard_ratios(prior: str, method: str, in_sd: float, remark: str) -> None:
    effect = [("log_hr", TREATMENT, NAN, -0.4 + 0.2 * in_sd, 0.2)]
    fits = (effect, []) if prior == "analysis" else ([], effect)
    (row,) = joined(*fits, [conventional_row(method, -0.4)]).itertuples()
    assert row.prior == prior
    assert row.remark.startswith(remark)
    assert bool(row.remark) == bool(remark)


def test_remarks_on_what_cannot_be_compared() -> None:
    table = joined(
        [("median", "treated", NAN, NAN, NAN), ("survival", "treated", 12.0, 0.6, 0.1)],
        [],
        [
            conventional_row("km", 14.0, estimand="median", contrast="treated"),
            conventional_row("km", 0.5, estimand="survival", contrast="treated", time=12),
        ],
    )
    remarks = table.set_index("estimand")["remark"]
    assert remarks["median"] == "not comparable: one of the two is not estimable"
    assert remarks["survival"].startswith("unadjusted Kaplan-Meier against the standardized curve")
