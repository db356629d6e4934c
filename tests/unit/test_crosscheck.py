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
from hccbayes.crosscheck_remarks import STANDARDIZED
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
        "log_marginal_hr": ((*dims, "population"), log_hr[..., None] / 2),
        "rmst": (arms, 10 * survival[..., 0]),
        "log_center_hr": ((*dims, "center"), log_hr[..., None]),
        "center_log_hr": ((*dims, "center"), log_hr[..., None] + 1.0),
        "covariate_log_hr": ((*dims, "contrast"), log_hr[..., None] / 10),
        "median": (arms, median),
        "survival": ((*arms, "time"), survival),
    }
    coords = {
        "contrast": ["age: per 1"],
        "population": ["ate"],
        "arm": ["treated", "control"],
        "time": [12.0],
        "center": ["north"],
    }
    return xr.Dataset(values, coords=coords, attrs={"horizon": 24.0})


def test_posterior_moments_by_hand() -> None:
    moments = bayesian_moments(estimand_dataset()).set_index(["estimand", "term"]).sort_index()
    sd = np.sqrt(0.2 / 3)  # squares 0.09 + 0.01 + 0.01 + 0.09 over three degrees of freedom
    for labels, mean, spread in (
        (("log_marginal_hr", TREATMENT), -0.15, sd / 2),
        (("log_center_hr", "north / mean center"), -0.3, sd),
        (("survival_difference", "treated - control"), 0.2, np.sqrt(0.02 / 3)),
        (("rmst", "treated"), 6.5, np.sqrt(1 / 3)),
        (("rmst_difference", "treated - control"), 2.0, np.sqrt(2 / 3)),
        (("log_hr", "age: per 1"), -0.03, sd / 10),
        (("survival", "treated"), 0.65, np.sqrt(0.01 / 3)),
        (("survival", "control"), 0.45, np.sqrt(0.01 / 3)),
        (("median", "control"), 6.5, np.sqrt(5 / 3)),
    ):
        row = moments.loc[labels].query("not population.str.startswith('center')").iloc[0]
        assert row["bayes"] == pytest.approx(mean, rel=1e-12)
        assert row["bayes_sd"] == pytest.approx(spread, rel=1e-12)
    assert moments.loc[("survival", "treated"), "time"].tolist() == [12.0]
    assert moments.loc[("rmst", "treated"), "time"].tolist() == [24.0]
    effects = moments.loc[("log_hr", TREATMENT)].set_index("population")["bayes"]
    assert effects.to_dict() == pytest.approx({"sample": -0.3, "center north": 0.7})
    assert moments.loc[("survival", "treated"), "population"].tolist() == ["ate"]
    assert moments.loc[("median", "treated"), ["bayes", "bayes_sd"]].isna().all(axis=None)


def moments(rows: list[tuple[str, str, float, float, float]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["estimand", "term", "time", "bayes", "bayes_sd"])
    population = np.where(frame["estimand"] == "log_hr", "sample", "ate")
    floats = dict.fromkeys(["time", "bayes", "bayes_sd"], float)
    return frame.assign(population=population.astype(object)).astype(floats)


def conventional_row(
    method: str,
    estimate: float,
    *,
    estimand: str = "log_hr",
    contrast: str = TREATMENT,
    kind: str = "wald",
    time: float | None = None,
    error: float = 0.2,
    population: str = "sample",
) -> Estimate:
    half = norm.ppf(0.975) * error
    return Estimate(
        estimand=estimand,
        contrast=contrast,
        population=population,
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
            ),  # of the sample, set beside the first standardized population
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
    # Limits on the log scale: survival over its lower limit is exp(1.96 se / survival).
    log_se = 0.5 * np.log(0.5 / (0.5 - norm.ppf(0.975) * 0.2)) / norm.ppf(0.975)
    assert second["frequentist_se"] == pytest.approx(log_se, rel=1e-12)
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


def test_standardized_numbers_are_joined_by_population() -> None:
    own = {"estimand": "rmst", "contrast": "treated", "time": 24}
    rows = [
        conventional_row("cox_efron_standardized", 11.0, population=name, **own)
        for name in ("ate", "att")
    ]
    table = joined([("rmst", "treated", 24.0, 11.2, 0.5)], [], rows)
    assert table[["population", "difference"]].to_numpy().tolist() == [
        ["ate", pytest.approx(0.2, rel=1e-9)]
    ]


@pytest.mark.parametrize(
    ("in_sd", "said"), [(0.4, "agrees"), (-0.6, "differs by 0.60 sd: investigate")]
)
def test_remarks_on_standardized_numbers_of_the_reference_fit(in_sd: float, said: str) -> None:
    own = {"estimand": "rmst", "contrast": "treated", "time": 24, "population": "ate"}
    effect = [("rmst", "treated", 24.0, 11.0 + 0.5 * in_sd, 0.5)]
    (row,) = joined([], effect, [conventional_row(STANDARDIZED, 11.0, **own)]).itertuples()
    assert row.remark == said


def test_remarks_on_centers() -> None:
    effect = moments([("log_center_hr", "north / mean center", NAN, 0.3, 0.2)])
    effect["population"] = "sample"
    twin = conventional_row(
        "cox_efron_frailty_gaussian", 0.1, estimand="log_center_hr", contrast="north / mean center"
    )
    (row,) = crosscheck_table(effect, moments([]), estimate_table([twin])).itertuples()
    assert row.remark.startswith("differs by 1.00 sd: few centers")


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
    assert remarks["median"].startswith("not comparable: not reached in some posterior draws")
    assert remarks["survival"].startswith("unadjusted Kaplan-Meier against the standardized curve")
