"""An analysis made by hand, for what prints and writes results without fitting anything."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from hccbayes.analysis import Analysis
from hccbayes.crosscheck import CROSSCHECK_COLUMNS
from hccbayes.records import (
    ArmSummary,
    CheckResult,
    CohortSummary,
    Diagnosis,
    Estimate,
    estimate_table,
)
from hccbayes.spec import AnalysisSpec

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
        ("log_hr", "treated / control", NAN, "analysis", "cox_efron", -0.48, 0.2, -0.5, 0.2, 0.02,
         0.1, "agrees"),
        ("log_hr", "treated / control", NAN, "reference", "cox_efron", -0.5, 0.21, -0.5, 0.2, 0.0,
         0.0, "agrees"),
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
