"""An analysis and a problem of adjustment made by hand: nothing is fitted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.special import expit, logit

from hccbayes import figure_data
from hccbayes.adjustment.problem import AdjustmentProblem
from hccbayes.analysis import Analysis
from hccbayes.cohort import read_cohort
from hccbayes.crosscheck import CROSSCHECK_COLUMNS
from hccbayes.frequentist.logistic import logistic_regression
from hccbayes.propensity import PropensityFit, score_columns
from hccbayes.records import (
    ArmSummary,
    CheckResult,
    CohortSummary,
    Diagnosis,
    Estimate,
    estimate_table,
)
from hccbayes.spec import AnalysisSpec
from hccbayes.standardization import HazardDraws
from hccbayes.study import build_study

NAN = float("nan")


def diagnosis(passed: bool) -> Diagnosis:
    message = "largest R-hat 1.0010" if passed else "largest R-hat 1.2000"
    check = CheckResult(name="rhat", passed=passed, message=message, value=1.001)
    return Diagnosis(checks=(check,), target_accept=0.9)


def row(estimand: str, contrast: str, population: str, *numbers: float, **more: Any) -> Estimate:
    estimate, lower, upper = numbers if len(numbers) == 3 else (numbers[0], NAN, NAN)
    kind = {"interval_prob": 0.95, "interval_kind": "eti"} if len(numbers) == 3 else {}
    fields: dict[str, Any] = {"source": "bayes", "method": "pe_rw1"} | kind
    return Estimate(
        estimand=estimand,
        contrast=contrast,
        population=population,
        estimate=estimate,
        lower=lower,
        upper=upper,
        model="toy",
        **(fields | more),
    )


ESTIMATES = [
    row("hr", "treated / control", "sample", 0.62, 0.41, 0.94, prob_benefit=0.99),
    row("prob_hr_below_1", "treated / control", "sample", 0.9875),
    row("prob_hr_below_0.8", "treated / control", "sample", 0.99975),
    row("rmst_difference", "treated - control", "ate", 2.5, 0.5, 4.5, time=24.0, prob_benefit=0.98),
    row("median", "treated", "ate", 14.0, 10.0, float("inf")),
    row("hr", "age: per 1", "sample", 1.012, 0.99, 1.034),
    row("log_hr", "treated / control", "sample", -0.5, -0.9, -0.1, source="frequentist",
        method="cox_efron"),
]  # fmt: skip
CROSSCHECK = pd.DataFrame(
    [
        ("log_hr", "treated / control", "sample", NAN, "analysis", "cox_efron", -0.48, 0.2, -0.5,
         0.2, 0.02, 0.1, "agrees"),
        ("log_hr", "treated / control", "sample", NAN, "reference", "cox_efron", -0.5, 0.21, -0.5,
         0.2, 0.0, 0.0, "agrees"),
    ],
    columns=list(CROSSCHECK_COLUMNS),
)  # fmt: skip


@pytest.fixture
def make_analysis() -> Callable[..., Analysis]:
    """Return a function that makes an analysis with chosen words in it."""

    def make(*, passed: bool = True, words: str = "tace", **fields: Any) -> Analysis:
        spec = AnalysisSpec.from_dict(
            {
                "model": {"name": "toy", "question": f"Question {words}"},
                "data": {
                    "id": "id",
                    "time": "months",
                    "event": "death",
                    "time_zero": f"start of {words}",
                    "arm": {"column": "arm", "treated": words, "control": "systemic"},
                },
                "hazard": {"formula": "treatment + age"},
            }
        )
        arm = ArmSummary(label=words, patients=20, events=12, person_months=210.5)
        summary = CohortSummary(
            source=f"{words}.csv",
            sha256="abcdef" * 10,
            rows_read=41,
            arms={"treated": arm, "control": replace(arm, label="systemic")},
            centers=0,
            exclusions=((f"missing value in {words}", 1),),
        )
        draws = xr.Dataset({"treatment": (("chain", "draw"), np.zeros((2, 3)))})
        values: dict[str, Any] = {
            "spec": spec,
            "summary": summary,
            "estimates": estimate_table(ESTIMATES),
            "crosscheck": CROSSCHECK,
            "posterior": xr.DataTree.from_dict({"posterior": draws}),
            "diagnosis": diagnosis(passed),
            "reference_diagnosis": diagnosis(True),
            "cautions": (f"Mind the {words}.",),
            "provenance": {"model": "toy", "seed": 1},
        }
        return Analysis(**(values | fields))

    return make


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a place for results; figures have tests of their own."""
    monkeypatch.setattr("hccbayes.analysis.write_figures", lambda *arguments: [])
    return tmp_path / "results" / "toy"


ADJUSTED_SPEC: dict[str, Any] = {
    "model": {"name": "adjusted"},
    "data": {
        "id": "id",
        "time": "months",
        "event": "death",
        "time_zero": "first dose",
        "arm": {"column": "arm", "treated": "both", "control": "one"},
    },
    "hazard": {"formula": "treatment + age + invasion", "cuts": [3, 6, 12]},
    "propensity": {"formula": "age + invasion"},
    "estimands": {"times": [6, 12], "horizon": 12.0},
    "sampler": {"seed": 20261120},
}


def confounded_frame(patients: int = 150, seed: int = 9) -> pd.DataFrame:
    """Return patients of whom the older and the invaded are treated more often."""
    rng = np.random.default_rng(seed)
    age = rng.normal(58.0, 9.0, patients)
    invasion = (rng.random(patients) < 0.4).astype(int)
    treated = rng.random(patients) < expit(-0.6 + 0.5 * (age - 58.0) / 9.0 + 0.7 * invasion)
    log_ratio = -0.5 * treated + 0.3 * (age - 58.0) / 9.0 + 0.5 * invasion
    death = rng.exponential(1.0 / (0.07 * np.exp(log_ratio)))
    end = rng.uniform(8.0, 30.0, patients)
    return pd.DataFrame(
        {
            "id": [f"id-{row:04d}" for row in range(patients)],
            "arm": np.where(treated, "both", "one"),
            "months": np.minimum(death, end),
            "death": (death <= end).astype(int),
            "age": age,
            "invasion": invasion,
        }
    )


@pytest.fixture(scope="session")
def confounded() -> Callable[..., pd.DataFrame]:
    """Return the maker of confounded patients."""
    return confounded_frame


@pytest.fixture(scope="session")
def make_problem() -> Callable[..., AdjustmentProblem]:
    """Return a maker of problems of adjustment whose draws are made up around a known model."""

    def make(
        *,
        frame: pd.DataFrame | None = None,
        scores: np.ndarray | None = None,
        draws: int = 60,
        data: dict[str, Any] | None = None,
        propensity: dict[str, Any] | None = None,
        **adjustment: Any,
    ) -> AdjustmentProblem:
        spec = AnalysisSpec.from_dict(
            ADJUSTED_SPEC
            | {"data": ADJUSTED_SPEC["data"] | (data or {})}
            | {"propensity": ADJUSTED_SPEC["propensity"] | (propensity or {})}
            | {"adjustment": adjustment}
        )
        cohort = read_cohort(confounded_frame() if frame is None else frame, spec.roles)
        study = build_study(cohort, spec)
        design, rng = study.score_design, np.random.default_rng(1)
        assert design is not None
        columns = score_columns(design, with_centers=bool(design.centers))
        score = logistic_regression(columns, design.treatment, penalty="firth").score
        if scores is None:
            noise = 0.1 * rng.standard_normal((draws, 1))
            scores = expit(logit(score) + noise)
        shape = (2, len(scores) // 2)
        posterior = xr.Dataset(
            {
                "intercept": (("chain", "draw"), np.zeros(shape)),
                "coefficients": (
                    ("chain", "draw", "covariate"),
                    rng.normal(0.3, 0.1, (*shape, len(design.terms))),
                ),
            }
        )
        if design.centers:
            effect = rng.normal(0.0, 0.2, (*shape, len(design.centers)))
            posterior["center_effect"] = (("chain", "draw", "center"), effect)
        fitted = PropensityFit(
            design=design,
            posterior=posterior,
            scores=scores,
            diagnosis=diagnosis(True),
            columns=columns,
            maximum_likelihood=logistic_regression(columns, design.treatment),
            firth=None,
            notes=(),
        )
        outcome = HazardDraws(
            baseline=0.07 * np.exp(0.05 * rng.standard_normal((draws, 1, 4))),
            treatment=-0.5 + 0.1 * rng.standard_normal(draws),
            treatment_mean=0.0,
            covariates=np.array([0.3, 0.5]) + 0.1 * rng.standard_normal((draws, 2)),
            center_effect=np.zeros((draws, 1)),
            center_slope=np.zeros((draws, 1)),
            cuts=study.data.cuts,
        )
        return AdjustmentProblem(
            frame=cohort.frame,
            spec=spec,
            propensity=fitted,
            times=study.times,
            censoring_survival=figure_data.censoring_survival(cohort.frame, study.times.grid),
            outcome=outcome,
            outcome_design=study.design,
            outcome_centers=False,
        )

    return make
