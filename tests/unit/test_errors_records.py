"""Error messages, and the records in which results travel."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from hccbayes.errors import (
    FolderExistsError,
    HccbayesError,
    InputError,
    MissingDependencyError,
    Problem,
)
from hccbayes.records import (
    ESTIMATE_COLUMNS,
    ArmSummary,
    CheckResult,
    CohortSummary,
    Diagnosis,
    Estimate,
    Exclusion,
    estimate_table,
)


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        ((), "column age: is empty"),
        (("P1",), "column age: is empty (row P1)"),
        (("P1", "P2"), "column age: is empty (rows P1, P2)"),
        (tuple("abcdefgh"), "column age: is empty (rows a, b, c, d, e, f, g, h)"),
        (tuple("abcdefghij"), "column age: is empty (rows a, b, c, d, e, f, g, h and 2 more)"),
    ],
)
def test_problem_names_eight_rows_and_counts_the_rest(rows: tuple[str, ...], text: str) -> None:
    assert str(Problem("column age", "is empty", rows)) == text


def test_input_error_lists_every_problem_below_its_source() -> None:
    error = InputError([Problem("a", "x"), Problem("b", "y")], source="cohort.csv")
    assert str(error) == "2 problems in cohort.csv:\n  - a: x\n  - b: y"
    assert error.args == (str(error),)


def test_input_error_of_one_problem_without_a_source() -> None:
    error = InputError(Problem("a", "x"))
    assert error.problems == (Problem("a", "x"),)
    assert str(error) == "1 problem:\n  - a: x"


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        (InputError, ValueError),
        (MissingDependencyError, ImportError),
        (FolderExistsError, FileExistsError),
    ],
)
def test_errors_are_the_package_s_own_and_python_s(kind: type, builtin: type) -> None:
    assert issubclass(kind, HccbayesError)
    assert issubclass(kind, builtin)


def test_estimate_table_keeps_order_and_leaves_nothing_empty_as_none() -> None:
    rows = [
        Estimate(
            estimand="hr",
            contrast="treated / control",
            population="sample",
            estimate=0.5,
            source="bayes",
            method="pe_rw1",
            model="m",
            prob_benefit=0.9,
        ),
        Estimate(
            estimand="survival",
            contrast="treated",
            population="ate",
            estimate=0.25,
            source="frequentist",
            method="km",
            model="m",
            time=12,
        ),
    ]
    table = estimate_table(rows)
    assert tuple(table.columns) == ESTIMATE_COLUMNS
    assert table["estimand"].tolist() == ["hr", "survival"]
    np.testing.assert_array_equal(table["time"], [np.nan, 12.0])
    np.testing.assert_array_equal(table["prob_benefit"], [0.9, np.nan])
    np.testing.assert_array_equal(table["lower"], [np.nan, np.nan])
    assert {str(table[name].dtype) for name in ("time", "interval_prob", "prob_benefit")} == {
        "float64"
    }


def test_estimate_table_of_no_rows_has_its_columns() -> None:
    assert tuple(estimate_table([]).columns) == ESTIMATE_COLUMNS


def check(passed: bool | None, message: str, value: float | None = None) -> CheckResult:
    return CheckResult(name=message.split()[0], passed=passed, message=message, value=value)


def test_headline_of_a_passed_gate_names_the_numbers_and_no_information() -> None:
    diagnosis = Diagnosis(
        checks=(check(True, "rhat 1.0010"), check(None, "elpd -12.0"), check(True, "ess 900")),
        target_accept=0.9,
    )
    assert diagnosis.passed
    assert diagnosis.failures == ()
    assert diagnosis.headline() == "Diagnostics passed: rhat 1.0010; ess 900"


def test_headline_of_a_failed_gate_forbids_the_estimates_and_gives_the_reasons() -> None:
    diagnosis = Diagnosis(
        checks=(check(True, "ess 900"), check(False, "rhat 1.2"), check(False, "3 divergent")),
        target_accept=0.9,
    )
    assert not diagnosis.passed
    assert [one.message for one in diagnosis.failures] == ["rhat 1.2", "3 divergent"]
    assert diagnosis.headline() == (
        "DIAGNOSTICS FAILED, do not use these estimates: rhat 1.2; 3 divergent"
    )


def test_diagnosis_survives_json() -> None:
    diagnosis = Diagnosis(
        checks=(check(True, "rhat", 1.001), check(None, "elpd"), check(False, "divergences", 3.0)),
        target_accept=0.99,
        repeats=("divergent draws at target acceptance 0.95: 2",),
    )
    written = json.loads(json.dumps(diagnosis.to_dict(), allow_nan=False))
    assert Diagnosis.from_dict(written) == diagnosis
    assert written["passed"] is False
    assert written["headline"] == diagnosis.headline()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_check_without_a_number_is_written_as_valid_json(value: float) -> None:
    diagnosis = Diagnosis(checks=(check(False, "rhat nan", value),), target_accept=0.9)
    json.dumps(diagnosis.to_dict(), allow_nan=False)  # raises where a value is not JSON
    assert diagnosis.to_dict()["checks"][0]["value"] is None


def test_cohort_summary_survives_json() -> None:
    arm = ArmSummary(label="TACE + drug", patients=3, events=2, person_months=14.5)
    summary = CohortSummary(
        source="cohort.csv",
        sha256="ab" * 32,
        rows_read=7,
        arms={"treated": arm, "control": arm},
        centers=2,
        exclusions=(("missing value in age", 1),),
        warnings=("a small arm",),
    )
    assert CohortSummary.from_dict(json.loads(json.dumps(summary.to_dict()))) == summary


def test_exclusion_counts_its_patients() -> None:
    assert Exclusion(reason="follow-up of zero", ids=("P1", "P2")).count == 2


def test_records_are_frozen() -> None:
    result = check(True, "rhat")
    with pytest.raises(FrozenInstanceError):
        result.passed = False  # type: ignore[misc]
