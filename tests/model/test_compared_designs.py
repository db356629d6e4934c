"""Designs side by side on the cohort without an effect: estimates, folder, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

import hccbayes as hb
from hccbayes.cohort import Cohort
from hccbayes.design_comparison import DESIGN_COLUMNS, DesignComparison, default_choices
from hccbayes.errors import InputError
from hccbayes.model_files import model_file
from hccbayes.records import ESTIMATE_COLUMNS
from hccbayes.report.design_folder import save_designs
from hccbayes.spec import DesignChoice
from hccbayes.strategy_effect import strategy_effect
from hccbayes.time_zero.cohort_states import state_shares

LABELS = [
    "naive",
    "landmark at 3 months",
    "time-dependent treatment",
    "clone-censor-weight, 3 months of grace",
]
REPAIRED = LABELS[1:]


@pytest.fixture(scope="module")
def spec() -> hb.AnalysisSpec:
    own = hb.AnalysisSpec.from_toml(model_file("lu2025_immortal_null_os"))
    # Without centers the four designs share a compiled model or two.
    return own.with_values(
        [
            'hazard.formula="treatment + albi_grade"',
            "hazard.center=none",
            "hazard.cuts=[3, 6, 12]",
            "sampler.draws=500",
            "sampler.tune=500",
        ]
    )


@pytest.fixture(scope="module")
def cohort(spec: hb.AnalysisSpec) -> Cohort:
    return hb.read_cohort(spec.data.source, spec.roles)


@pytest.fixture(scope="module")
def result(cohort: Cohort, spec: hb.AnalysisSpec) -> DesignComparison:
    return hb.compare_designs(cohort, spec)


def marginal(result: DesignComparison, label: str, source: str = "bayes") -> pd.Series:
    rows = result.estimates
    own = rows[
        rows["model"].str.endswith(f": {label}")
        & (rows["estimand"] == "marginal_hr")
        & (rows["source"] == source)
    ]
    return own.iloc[-1]


def test_each_design_has_its_rows_and_passed(result):
    assert list(result.designs["design"]) == LABELS
    assert list(result.designs.columns) == list(DESIGN_COLUMNS)
    assert list(result.estimates.columns) == list(ESTIMATE_COLUMNS)
    assert result.passed
    assert list(result.diagnoses) == LABELS
    assert result.synthetic == "synthetic_lu2025_immortal_null"
    assert result.estimates.attrs["synthetic"] == result.synthetic


def test_the_naive_design_finds_an_effect_and_the_repaired_do_not(result):
    assert marginal(result, "naive")["upper"] < 1.0
    for label in REPAIRED:
        row = marginal(result, label)
        assert row["lower"] < 1.0 < row["upper"], label
        assert abs(row["estimate"] - 1.0) < abs(marginal(result, "naive")["estimate"] - 1.0), label


def test_bayesian_and_frequentist_ratios_agree(result):
    """The prior N(0, 0.7) pulls an estimate with standard error s by about s^2 / (s^2 + 0.49)."""
    for label in LABELS:
        bayes, twin = marginal(result, label), marginal(result, label, "frequentist")
        assert twin["lower"] < bayes["estimate"] < twin["upper"]
        assert bayes["estimate"] == pytest.approx(twin["estimate"], rel=0.12), label


def test_person_months_and_patients_by_design(result, cohort):
    table = result.designs.set_index("design")
    months = table["treated_person_months"] + table["control_person_months"]
    whole = float((cohort.frame["time"] - cohort.frame["entry"]).sum())
    assert months["naive"] == pytest.approx(whole)
    assert months["time-dependent treatment"] == pytest.approx(whole)
    late = cohort.frame["time"] > 3.0
    assert months["landmark at 3 months"] == pytest.approx(
        float((cohort.frame.loc[late, "time"] - 3.0).sum())
    )
    assert table.loc["landmark at 3 months", "left_out"] == int((~late).sum())


def test_the_folder_holds_tables_figures_and_no_patient(result, cohort, spec, tmp_path: Path):
    folder = save_designs(
        result,
        tmp_path / "designs",
        spec=spec,
        summary=cohort.summary(),
        provenance={"command": "hccbayes designs"},
        states=state_shares(cohort.frame),
    )
    assert {path.name for path in folder.iterdir()} == {
        *("estimates.csv", "designs.csv", "target_trial.csv", "report.md", "model.toml"),
        *("provenance.json", "figures"),
    }
    pictures = {path.stem for path in (folder / "figures").glob("*.png")}
    assert pictures == {"designs", "strategy_weights", "immortal_time"}
    report = (folder / "report.md").read_text(encoding="utf-8")
    assert "## Target trial and its emulation" in report
    assert "not patients" in report
    record = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
    assert record["passed"] is True
    written = "".join(path.read_text(encoding="utf-8") for path in folder.glob("*.*"))
    assert not any(name in written for name in cohort.frame["patient"])
    assert hb.AnalysisSpec.from_toml(folder / "model.toml") == spec


def test_designs_that_do_not_fit_the_data_are_named_before_a_fit(cohort, spec):
    late = [
        DesignChoice(method="landmark", landmark=500.0),
        DesignChoice(method="delayed_entry", survival_required=400.0),
    ]
    with pytest.raises(InputError) as caught:
        hb.compare_designs(cohort, spec, late)
    assert len(caught.value.problems) == 2
    assert "landmark at 500 months" in str(caught.value)


def test_designs_are_those_the_section_has_times_for(spec):
    section = spec.design
    labels = [section.chosen(choice).label for choice in default_choices(section)]
    assert labels == LABELS
    bare = section.model_copy(update={"treatment_start": None, "grace": None})
    assert [choice.method for choice in default_choices(bare)] == ["naive"]


def test_one_design_is_no_comparison(cohort, spec):
    with pytest.raises(InputError, match="nothing to set beside"):
        hb.compare_designs(cohort, spec, [DesignChoice(method="naive")])
    with pytest.raises(InputError, match="DesignChoice"):
        hb.compare_designs(cohort, spec, ["landmark", "naive"])


def test_without_a_design_there_is_nothing_to_compare(cohort, spec):
    without = spec.model_copy(update={"design": None})
    with pytest.raises(InputError, match=r"\[design\]"):
        hb.compare_designs(cohort, without)


def test_strategies_hold_weights_that_add_up_to_everybody(cohort, spec):
    """At each time within the grace period the treated clones weigh as many as are alive."""
    section = spec.design.chosen(DesignChoice(method="clone_censor_weight"))
    own = spec.model_copy(update={"design": section})
    designed = hb.time_zero.emulate(cohort, own)
    found = strategy_effect(designed.cohort, hb.build_study(designed.cohort, own), own, samples=0)
    weights = found.weights.sel(arm="treated")
    times = [0.0, *weights["time"].values[1:6]]
    alive = [(cohort.frame["time"] > time).sum() for time in times]
    total = (weights["mean_weight"] * weights["at_risk"]).sel(time=times, method="nearest")
    # A model with one covariate fits the starts to a few patients.
    assert total.values == pytest.approx(alive, abs=6.0)
    assert found.effect.method == "pe_clone_censor_weight"
    assert set(found.episodes["treatment"]) == {0, 1}
