"""The propensity layer in report, folder and terminal, with an analysis made by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from hccbayes import console
from hccbayes.adjustment.methods import _balance_cautions
from hccbayes.analysis import Analysis, load
from hccbayes.balance import balance_by_center, balance_table, baseline_table
from hccbayes.crosscheck import CROSSCHECK_COLUMNS, adjusted_crosscheck
from hccbayes.errors import InputError
from hccbayes.records import CheckResult, Diagnosis, Estimate, estimate_table
from hccbayes.score_tables import TABLE_FILES, ScoreTables
from hccbayes.spec import AnalysisSpec
from hccbayes.weights import Weights, summary_table

Make = Callable[..., Analysis]
NAN = float("nan")
TREATMENT = np.array([1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0])
WEIGHTS = Weights.of([0.5, 0.25, 0.75, 0.5, 0.5, 0.25, 0.25], TREATMENT, "ato")
COVARIATES = pd.DataFrame(
    {"age|years": [50.0, 60, 70, 40, 55, 65, 45], "male": [1, 0, 1, 1, 0, 0, 1]}
)
BASELINE = COVARIATES.assign(stage=["B", "C", "C", "B", "C", "B", "B"])


def spec(**adjustment: Any) -> AnalysisSpec:
    return AnalysisSpec.from_dict(
        {
            "model": {"name": "toy", "question": "Which?"},
            "data": {
                "id": "id",
                "time": "months",
                "event": "death",
                "time_zero": "first dose",
                "arm": {"column": "arm", "treated": "tace", "control": "systemic"},
            },
            "hazard": {"formula": "treatment + age"},
            "propensity": {"formula": "age + male", "prior": "normal"},
            "adjustment": {"method": ["weighted", "matched"]} | adjustment,
        }
    )


@pytest.fixture
def tables() -> ScoreTables:
    weighted = balance_table(COVARIATES, TREATMENT, weights=WEIGHTS.values, target="ato")
    matched = balance_table(COVARIATES, TREATMENT, weights=[1, 1, 1, 1, 1, 1, 0.0], target="att")
    both = [weighted.assign(sample="weighted"), matched.assign(sample="matched")]
    return ScoreTables(
        balance=pd.concat(both, ignore_index=True),
        weights=summary_table(WEIGHTS),
        baseline=baseline_table(BASELINE, TREATMENT, weights=WEIGHTS.values, target="ato"),
        balance_by_center=balance_by_center(
            COVARIATES, TREATMENT, list("aabbabb"), weights=WEIGHTS.values, target="ato"
        ),
        propensity=pd.DataFrame(
            {
                "term": ["age|years", "male"],
                "bayes": [0.1, 0.2],
                "bayes_sd": [0.05, 0.3],
                "maximum_likelihood": [0.11, NAN],
                "maximum_likelihood_se": [0.06, NAN],
                "firth": [0.1, 0.25],
                "firth_se": [0.06, 0.4],
            }
        ),
        conventions=tuple(weighted.attrs["conventions"]),
    )


def estimate(estimand: str, method: str, population: str, *numbers: float, **more: Any) -> Estimate:
    contrast = "treated - control" if "difference" in estimand else "treated / control"
    point, lower, upper = numbers
    fields: dict[str, Any] = {"source": "bayes", "time": None} | more
    return Estimate(
        estimand=estimand,
        contrast=contrast,
        population=population,
        estimate=point,
        lower=lower,
        upper=upper,
        interval_prob=0.95,
        interval_kind="eti",
        method=method,
        model="toy",
        **fields,
    )


ESTIMATES = [
    estimate("hr", "pe_rw1", "sample", 0.62, 0.41, 0.94, prob_benefit=0.99),
    estimate("marginal_hr", "pe_rw1", "ate", 0.68, 0.47, 0.98),
    estimate("rmst_difference", "pe_rw1", "ate", 2.5, 0.5, 4.5, time=24.0),
    estimate("marginal_hr", "pe_weighted_ato", "ato", 0.71, 0.44, 1.14),
    estimate("rmst_difference", "pe_weighted_ato", "ato", 2.1, -0.8, 4.9, time=24.0),
    estimate("marginal_hr", "cox_ato_robust", "ato", 0.7, 0.43, 1.15, source="frequentist"),
    estimate("rmst_difference", "km_ato", "ato", 2.0, -1.0, 5.0, time=24.0, source="frequentist"),
    estimate("marginal_hr", "pe_matched", "matched", 0.59, 0.3, 1.2),
]


def failed() -> Diagnosis:
    check = CheckResult(name="rhat", passed=False, message="largest R-hat 1.2000", value=1.2)
    return Diagnosis(checks=(check,), target_accept=0.9)


@pytest.fixture
def analysis(make_analysis: Make, tables: ScoreTables) -> Analysis:
    passed = make_analysis().diagnosis
    return make_analysis(
        spec=spec(),
        estimates=estimate_table(ESTIMATES),
        score_tables=tables,
        further_diagnoses={"propensity": passed, "pe_matched": failed()},
    )


def with_empty_fields(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table as a CSV file knows it: missing values and empty text are the same."""
    plain = table.astype(object).where(table.notna(), "")
    return plain.map(lambda value: "" if value is None else value)


def test_tables_are_written_and_read_back(analysis: Analysis, written: Path) -> None:
    analysis.save(written)
    assert {f"{name}.csv" for name in TABLE_FILES} <= {entry.name for entry in written.iterdir()}
    again = load(written)
    assert again.score_tables is not None
    assert analysis.score_tables is not None
    assert again.score_tables.conventions == analysis.score_tables.conventions
    for name, table in analysis.score_tables.tables.items():
        pd.testing.assert_frame_equal(
            with_empty_fields(again.score_tables.tables[name]),
            with_empty_fields(table),
            check_dtype=False,
            check_names=False,
        )
    assert again.further_diagnoses == analysis.further_diagnoses
    assert again.report() == analysis.report()


def test_a_report_without_factors_is_read_back(
    analysis: Analysis, tables: ScoreTables, written: Path
) -> None:
    numbers = baseline_table(COVARIATES, TREATMENT, weights=WEIGHTS.values, target="ato")
    changed = replace(analysis, score_tables=replace(tables, baseline=numbers))
    changed.save(written)
    assert load(written).report() == changed.report()


def test_without_a_score_nothing_of_it_is_written(make_analysis: Make, written: Path) -> None:
    make_analysis().save(written)
    assert not {f"{name}.csv" for name in TABLE_FILES} & {e.name for e in written.iterdir()}
    assert load(written).score_tables is None
    assert "Propensity" not in make_analysis().report()


@pytest.mark.parametrize("name", TABLE_FILES)
def test_a_missing_table_is_named(analysis: Analysis, written: Path, name: str) -> None:
    analysis.save(written)
    (written / f"{name}.csv").unlink()
    with pytest.raises(InputError, match=rf"{name}\.csv"):
        load(written)


def test_a_failed_further_fit_fails_the_analysis_in_every_place(
    analysis: Analysis, written: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert analysis.diagnosis.passed
    assert not analysis.passed
    assert list(analysis.failed) == ["pe_matched"]
    assert "pe\\_matched: DIAGNOSTICS FAILED, do not use" in analysis.report()
    analysis.save(written)
    stored = json.loads((written / "diagnostics.json").read_text(encoding="utf-8"))
    assert stored["passed"] is False
    assert stored["main"]["passed"] is True
    assert stored["further"]["pe_matched"]["passed"] is False
    console.print_verdict(analysis)
    assert "pe_matched: DIAGNOSTICS FAILED" in capsys.readouterr().out


def test_the_report_says_whom_the_weights_stand_for_and_what_is_unbalanced(
    analysis: Analysis, tables: ScoreTables
) -> None:
    report = analysis.report()
    section = report.split("## Propensity score and balance")[1].split("## Covariates")[0]
    assert "Score: age + male; prior normal." in section
    assert "Weights stand for patients by overlap." in section
    assert "| treated | 3 | 1.5 | 2.6 | 0.75 |" in section
    assert "age\\|years" in section
    unbalanced = (tables.balance["balanced"].astype(str) == "False").sum()
    assert unbalanced > 0
    assert section.count("not balanced") == unbalanced
    for convention in tables.conventions:
        assert convention.split(",")[0][:30] in section.replace("\\", "")
    assert "### Patients before and after weighting" in section
    assert "significan" not in report.lower()


def test_the_report_read_from_a_folder_marks_the_same_terms(
    analysis: Analysis, written: Path
) -> None:
    """``balanced`` may be true, false or empty, which a CSV file turns into text."""
    analysis.save(written)
    count = analysis.report().count("not balanced")
    assert count > 0
    assert load(written).report().count("not balanced") == count


def test_the_terminal_shows_every_method_once(
    analysis: Analysis, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    console.print_analysis(analysis, Path("results/toy"))
    shown = capsys.readouterr().out
    table = shown.split("Marginal effect by method")[1].split("Weights")[0]
    lines = [" ".join(line.split()) for line in table.splitlines() if "(" in line]
    assert lines == [
        "Bayes, random walk ate 0.68 (0.47 to 0.98) 2.50 (0.50 to 4.50)",
        "Bayes, overlap weights ato 0.71 (0.44 to 1.14) 2.10 (-0.80 to 4.90)",
        "Cox, overlap weights, robust ato 0.70 (0.43 to 1.15)",
        "Bayes, matched matched 0.59 (0.30 to 1.20)",
    ]
    assert "effective size" in shown
    balance = shown.split("Standardized mean differences")[1].split("Cross-check")[0]
    assert all(word in balance for word in ("before", "weighted", "matched", "age|years", "male"))
    # The outcome model's own table holds none of the other methods' rows.
    main = shown.split("Main estimates")[1].split("Marginal effect by method")[0]
    assert "0.71" not in main
    assert "0.68" in main


def test_the_headline_is_the_outcome_model_s(
    analysis: Analysis, capsys: pytest.CaptureFixture[str]
) -> None:
    console.print_verdict(analysis)
    assert "Posterior hazard ratio, treated over control: 0.62" in capsys.readouterr().out


def test_synthetic_cohorts_mark_the_tables_too(make_analysis: Make, tables: ScoreTables) -> None:
    summary = replace(make_analysis().summary, synthetic="toy2025")
    made = make_analysis(spec=spec(), score_tables=tables, summary=summary)
    assert made.score_tables is not None
    for table in made.score_tables.tables.values():
        assert table.attrs["synthetic"] == "toy2025"


def smd(term: str, adjusted: float, sample: str) -> dict[str, Any]:
    return {
        "term": term,
        "statistic": "smd",
        "unadjusted": 0.5,
        "adjusted": adjusted,
        "threshold": 0.1,
        "balanced": abs(adjusted) <= 0.1,
        "sample": sample,
    }


def test_differences_that_are_left_are_a_caution_with_the_terms() -> None:
    table = pd.DataFrame(
        [smd("age", 0.11, "weighted"), smd("stage", -0.34, "weighted"), smd("sex", 0.1, "weighted")]
    )
    (found,) = _balance_cautions(table)
    assert "After weighting the arms still differ by more than 0.1 standard deviations" in found
    assert "in age +0.11, stage -0.34:" in found
    assert "sex" not in found
    table = pd.DataFrame([smd("age", 0.05, "weighted"), smd("age", 0.2, "matched")])
    (found,) = _balance_cautions(table)
    assert found.startswith("After matching")
    assert _balance_cautions(pd.DataFrame([smd("age", 0.1, "weighted")])) == []


def test_other_statistics_are_no_caution() -> None:
    row = smd("age", 3.0, "weighted") | {"statistic": "variance_ratio", "threshold": 2.0}
    assert _balance_cautions(pd.DataFrame([row])) == []


def effect_draws(population: str, log_hr: list[float]) -> xr.Dataset:
    values = np.array(log_hr)
    arms = np.stack([0.5 + 0.0 * values, 0.25 + 0.0 * values], axis=-1)[None, :, None]
    return xr.Dataset(
        {
            "log_marginal_hr": (("chain", "draw", "population"), values[None, :, None]),
            "rmst": (("chain", "draw", "population", "arm"), 12.0 * arms),
            "median": (("chain", "draw", "population", "arm"), 12.0 * arms),
            "survival": (("chain", "draw", "population", "arm", "time"), arms[..., None]),
        },
        coords={"population": [population], "arm": ["treated", "control"], "time": [6.0]},
        attrs={"horizon": 12.0, "follow_up": 12.0},
    )


def twin(method: str, population: str, point: float, half: float) -> Estimate:
    return estimate(
        "log_marginal_hr",
        method,
        population,
        point,
        point - half,
        point + half,
        source="frequentist",
    )


def test_the_crosscheck_prefers_the_twin_that_knows_the_score_was_estimated() -> None:
    rows = [
        twin("cox_ato_robust", "ato", -0.4, 0.98),
        twin("cox_ato_m_estimation", "ato", -0.4, 0.49),
        twin("cox_matched_clustered", "matched", -0.9, 0.98),
    ]
    twins = estimate_table(rows).assign(interval_kind="wald")
    effects = {
        "pe_weighted_ato": effect_draws("ato", [-0.5, -0.3, -0.4]),
        "pe_matched": effect_draws("matched", [-0.6, -0.4, -0.5]),
    }
    table = adjusted_crosscheck(effects, twins)
    assert list(table.columns) == list(CROSSCHECK_COLUMNS)
    weighted, matched = (row for _, row in table.iterrows())
    assert weighted["method"] == "cox_ato_m_estimation"
    assert weighted["frequentist_se"] == pytest.approx(0.49 / 1.959963984540054, rel=1e-12)
    assert weighted["term"] == "treated / control (pe_weighted_ato)"
    assert (weighted["bayes_sd"], weighted["remark"]) == (pytest.approx(0.1), "agrees")
    assert matched["method"] == "cox_matched_clustered"
    assert matched["difference_in_sd"] == pytest.approx(4.0)
    assert matched["remark"].startswith("differs by 4.00 sd")


def test_populations_are_never_crossed() -> None:
    twins = estimate_table([twin("cox_ate_robust", "ate", -0.4, 0.98)])
    table = adjusted_crosscheck({"pe_weighted_ato": effect_draws("ato", [0.1, 0.2])}, twins)
    assert table.empty


def test_the_report_sets_the_score_beside_both_likelihoods(analysis: Analysis) -> None:
    lines = analysis.report().splitlines()
    assert "| age\\|years | 0.100 (0.050) | 0.110 (0.060) | 0.100 (0.060) |" in lines
    assert "| male | 0.200 (0.300) | no maximum | 0.250 (0.400) |" in lines
