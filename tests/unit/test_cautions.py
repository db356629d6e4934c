"""Each caution appears where it is due, and nowhere else."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from hccbayes.cautions import cautions
from hccbayes.records import ArmSummary, CheckResult, CohortSummary
from hccbayes.spec import AnalysisSpec

MANY = {"treated": 5, "control": 5}


def spec(*, time_zero: str = "first therapy", center: str = "none", **model: Any) -> AnalysisSpec:
    return AnalysisSpec.from_dict(
        {
            "model": {"name": "toy", **model},
            "data": {
                "id": "id",
                "time": "months",
                "event": "death",
                "center": "hospital",
                "time_zero": time_zero,
                "arm": {"column": "arm", "treated": "tace", "control": "systemic"},
            },
            "hazard": {"formula": "treatment", "center": center},
        }
    )


def summary(*warnings: str) -> CohortSummary:
    arm = ArmSummary(label="arm", patients=40, events=20, person_months=300.0)
    return CohortSummary(
        source="toy.csv",
        sha256="0" * 64,
        rows_read=80,
        arms={"treated": arm, "control": arm},
        centers=0,
        warnings=warnings,
    )


def data(events: tuple[float, ...] = (20, 15, 5), covariates: int = 4, centers: int = 0) -> Any:
    return SimpleNamespace(
        interval_events=np.array(events, dtype=float),
        intervals=("0-6", "6-12", "12+"),
        covariate_names=tuple(f"x{index}" for index in range(covariates)),
        centers=tuple(f"c{index}" for index in range(centers)),
    )


def check(passed: bool | None) -> CheckResult:
    return CheckResult(name="prior_predictive", passed=passed, message="median below 1 month")


def test_a_sound_analysis_has_none() -> None:
    assert cautions(summary(), data(), spec(), MANY, check(True)) == ()


@pytest.mark.parametrize(
    ("changes", "caution"),
    [
        ({"spec": spec(time_zero="")}, "Time zero is not documented ([data] time_zero)"),
        (
            {"data": data(events=(20, 16, 4))},
            "The last interval (12+ months) holds 4 events: survival, RMST and medians",
        ),
        (
            {"spec": spec(center="hierarchical")},
            "There is one center only; the model's center terms were left out.",
        ),
        (
            {"spec": spec(center="hierarchical"), "data": data(centers=4)},
            "With 4 centers the spread between centers follows its prior",
        ),
        ({"data": data(covariates=5)}, "5 covariates for 40 events: more than events / 10."),
        ({"check": check(False)}, "The priors allow implausible survival: median below 1 month."),
        ({"summary": summary("arm tace has 20 patients")}, "arm tace has 20 patients"),
        ({"spec": spec(caveats=["Immortal time."])}, "Immortal time."),
        (
            {"at_risk": {"treated": 4, "control": 5}},
            "At the horizon of the restricted mean only 4 treated patients are at risk",
        ),
    ],
)
def test_each_caution_alone(changes: dict[str, Any], caution: str) -> None:
    given = {"summary": summary(), "data": data(), "spec": spec(), "at_risk": MANY, "check": None}
    given |= changes
    (found,) = cautions(
        given["summary"], given["data"], given["spec"], given["at_risk"], given["check"]
    )
    assert found.startswith(caution)


def test_five_centers_are_enough() -> None:
    assert cautions(summary(), data(centers=5), spec(center="hierarchical"), MANY) == ()


def test_a_caution_is_said_once() -> None:
    assert cautions(summary("small", "small"), data(), spec(), MANY) == ("small",)
