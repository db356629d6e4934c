"""Analyses of cohorts with missing covariates: identities, and what deleting at random does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import hccbayes as hb
from hccbayes.errors import InputError
from hccbayes.outcome import fit_outcome
from hccbayes.progress import Silent
from hccbayes.sensitivity.missing_data import (
    MissingDataAnalysis,
    complete_case_cohort,
    missing_data_analysis,
)

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
    "hazard": {"formula": "treatment + score + invasion", "cuts": [3, 6, 12]},
    "estimands": {"times": [6], "horizon": 12},
    "sampler": {"draws": 150, "tune": 300, "chains": 2, "seed": 20261120},
}


def spec(**sections: Any) -> hb.AnalysisSpec:
    return hb.AnalysisSpec.from_dict(
        {name: SPEC.get(name, {}) | sections.get(name, {}) for name in {**SPEC, **sections}}
    )


def patients(seed: int, count: int = 300) -> pd.DataFrame:
    """Return patients with log hazard ratios -0.5 (treated), 0.5 a sd (score), 0.7 (invasion)."""
    rng = np.random.default_rng(seed)
    invasion = (rng.random(count) < 0.4).astype(int)
    score = 0.5 * invasion + rng.standard_normal(count)
    treated = rng.random(count) < 0.45
    rate = 0.07 * np.exp(-0.5 * treated + 0.5 * score + 0.7 * (invasion - 0.4))
    death, end = rng.exponential(1.0 / rate), rng.uniform(8.0, 30.0, count)
    return pd.DataFrame(
        {
            "id": range(count),
            "arm": np.where(treated, "both", "one"),
            "months": np.minimum(death, end),
            "death": (death <= end).astype(int),
            "score": score,
            "invasion": invasion,
        }
    )


def delete(frame: pd.DataFrame, seed: int, share: float = 0.3) -> pd.DataFrame:
    """Return the frame with values missing completely at random."""
    rng = np.random.default_rng([seed, 1])
    return frame.assign(
        **{name: frame[name].mask(rng.random(len(frame)) < share) for name in ("score", "invasion")}
    )


def read(frame: pd.DataFrame, missing: str = "impute") -> hb.Cohort:
    return hb.read_cohort(frame, spec(data={"missing": missing}).roles)


def numbers(table: pd.DataFrame, suffix: str) -> pd.DataFrame:
    own = table[table["method"] == f"pe_rw1_{suffix}"]
    return own.drop(columns="method").reset_index(drop=True)


@pytest.fixture(scope="module")
def gappy() -> hb.Cohort:
    return read(delete(patients(1), 1))


@pytest.fixture(scope="module")
def analysis(gappy) -> MissingDataAnalysis:
    return missing_data_analysis(gappy, spec(), cycles=3, seed=5)


def test_nothing_missing_is_the_analysis_itself():
    cohort = read(patients(1))
    result = missing_data_analysis(cohort, spec())
    own = fit_outcome(cohort, hb.build_study(cohort, spec()), spec(), Silent())
    xr.testing.assert_identical(result.draws.isel(imputation=0, drop=True), own.draws)
    pd.testing.assert_frame_equal(
        numbers(result.estimates, "imputed"), numbers(result.estimates, "complete_cases")
    )
    assert (result.variance["missing_information"] == 0.0).all()
    assert result.missing.empty
    assert result.patients == result.complete_cases == 300


def test_complete_cases_are_what_excluding_would_give(gappy, analysis):
    excluded = read(delete(patients(1), 1), "exclude")
    complete = complete_case_cohort(gappy)
    pd.testing.assert_frame_equal(complete.frame, excluded.frame)
    assert complete.exclusions[0].count == sum(one.count for one in excluded.exclusions)
    own = fit_outcome(excluded, hb.build_study(excluded, spec()), spec(), Silent())
    rows = numbers(analysis.estimates, "complete_cases")
    log_hr = rows[(rows["estimand"] == "log_hr") & (rows["contrast"] == "treated / control")]
    assert log_hr["estimate"].item() == pytest.approx(float(own.draws["log_hr"].mean()), abs=1e-12)


def test_draws_of_every_imputation_count_alike(analysis):
    assert dict(analysis.draws["log_hr"].sizes) == {"imputation": 20, "chain": 2, "draw": 150}
    assert len(analysis.diagnoses) == 20
    assert bool(np.isfinite(analysis.draws["log_hr"]).all())
    first = analysis.draws["log_hr"].isel(imputation=0)
    assert not first.equals(analysis.draws["log_hr"].isel(imputation=1))


def test_stacked_variance_is_within_plus_between(analysis):
    """Exactly: the variance of equally large groups is that within and that of their means."""
    rows = numbers(analysis.estimates, "imputed")
    own = analysis.variance
    for contrast in ("treated / control", "score: per 1", "invasion: 1 / 0"):
        part = own[(own["estimand"] == "log_hr") & (own["contrast"] == contrast)].iloc[0]
        if contrast == "treated / control":
            draws = analysis.draws["log_hr"].to_numpy().ravel()
        else:
            draws = analysis.draws["covariate_log_hr"].sel(contrast=contrast).to_numpy().ravel()
        within = part["within_sd"] ** 2 * 299 / 300
        between = part["between_sd"] ** 2 * 19 / 20
        assert draws.var() == pytest.approx(within + between, rel=1e-10)
        row = rows[(rows["estimand"] == "log_hr") & (rows["contrast"] == contrast)]
        assert row["estimate"].item() == pytest.approx(part["mean"], abs=1e-12)
    assert set(own["estimand"]) == {
        "log_hr",
        "log_marginal_hr",
        "survival",
        "survival_difference",
        "rmst",
        "rmst_difference",
    }


def test_record_says_what_was_missing(gappy, analysis):
    missing = analysis.missing.set_index("column")["missing"]
    assert missing["score"] == gappy.frame["score"].isna().sum()
    assert analysis.complete_cases == gappy.frame.notna().all(axis=1).sum() < 300
    assert set(analysis.trace["column"]) == {"score", "invasion"}


def test_populations_that_need_a_score_are_refused(gappy):
    asked = spec(propensity={"formula": "score"}, estimands={"populations": ["ate", "ato"]})
    with pytest.raises(InputError, match="ato needs a propensity score"):
        missing_data_analysis(gappy, asked)


@pytest.mark.slow
@pytest.mark.calibration
def test_deleting_at_random_recovers_the_full_posterior_and_widens_it():
    """Ten cohorts, 30% of two covariates deleted, each against its own full-data posterior.

    The full-data estimate is efficient, so that the difference of the two means has the variance
    by which the imputed posterior is wider (Hausman 1978); squared and summed over ten cohorts it
    is chi-squared with ten degrees of freedom, taken at its 0.001 and 0.999 quantiles.
    """
    sampler = {"sampler": {"draws": 500, "tune": 500, "seed": 3}}
    squares: dict[str, list[float]] = {"score: per 1": [], "invasion: 1 / 0": []}
    ratios: dict[str, list[float]] = {name: [] for name in (*squares, "treated / control")}
    for seed in range(10):
        frame = patients(seed)
        full = missing_data_analysis(read(frame), spec(**sampler)).variance
        gaps = missing_data_analysis(read(delete(frame, seed)), spec(**sampler)).variance
        for contrast in ratios:
            before, after = (
                table[(table["estimand"] == "log_hr") & (table["contrast"] == contrast)].iloc[0]
                for table in (full, gaps)
            )
            ratios[contrast].append(after["total_sd"] / before["total_sd"])
            if contrast in squares:
                added = after["total_sd"] ** 2 - before["total_sd"] ** 2
                squares[contrast].append((after["mean"] - before["mean"]) ** 2 / added)
    for values in squares.values():
        assert 1.48 < sum(values) < 29.6
    for contrast in squares:
        # 30% of the values carry at most 30% of the information: sd up to 1.2 times as large.
        assert min(ratios[contrast]) > 1.0
        assert 1.05 < np.mean(ratios[contrast]) < 1.25
    assert 0.97 < np.mean(ratios["treated / control"]) < 1.15
