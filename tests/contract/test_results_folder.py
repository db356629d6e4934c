"""The whole way on public data: what an analysis returns, what its folder holds and does not."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from typer.testing import CliRunner

import hccbayes as hb
from hccbayes import analysis as analysis_module
from hccbayes import pipeline
from hccbayes.cli import app
from hccbayes.crosscheck import CROSSCHECK_COLUMNS, WITHOUT_TWIN
from hccbayes.datasets import ncctg_lung
from hccbayes.records import ESTIMATE_COLUMNS

MODEL = Path(__file__).resolve().parents[2] / "models" / "ncctg_lung_os.toml"
COMMAND = "hccbayes run models/ncctg_lung_os.toml"
TEXT_FILES = ("estimates.csv", "crosscheck.csv", "diagnostics.json", "provenance.json")
TEXT_FILES += ("model.toml", "report.md")
FIGURES = {
    "survival",
    "differences",
    "treatment_effect",
    "all_effects",
    "prior_posterior",
    "baseline_hazard",
    "predictive_check",
    "predictive_statistics",
    "crosscheck",
    "center_effects",
    "trace",
    "rank",
    "kaplan_meier",
    "log_minus_log",
    "schoenfeld",
}
GROUPS = {
    "posterior",
    "sample_stats",
    "prior",
    "estimands",
    "curves",
    "kaplan_meier",
    "numbers_at_risk",
    "predictive",
    "reference_posterior",
    "schoenfeld",
}
TERMS = {"treated / control", "age_years: per 1", "ecog_score: per 1"}


class Stages:
    """Progress that keeps what it is told, and may raise at a stage."""

    def __init__(self, interrupt_at: str | None = None) -> None:
        self.names: list[str] = []
        self.last: tuple[int, int] = (0, 0)
        self.interrupt_at = interrupt_at

    def stage(self, name: str) -> None:
        self.names.append(name)
        if self.interrupt_at and self.interrupt_at in name:
            raise KeyboardInterrupt

    def draws(self, done: int, total: int) -> None:
        self.last = (done, total)


@pytest.fixture(scope="session")
def spec() -> hb.AnalysisSpec:
    return hb.AnalysisSpec.from_toml(MODEL)


@pytest.fixture(scope="session")
def cohort(spec) -> hb.Cohort:
    return hb.read_cohort(spec.data.source, spec.roles)


@pytest.fixture(scope="session")
def stages() -> Stages:
    return Stages()


@pytest.fixture(scope="session")
def analysis(cohort, spec, stages) -> hb.Analysis:
    return hb.analyse(cohort, spec, progress=stages)


@pytest.fixture(scope="session")
def results(analysis, tmp_path_factory) -> Path:
    return analysis.save(tmp_path_factory.mktemp("results") / "lung", command=COMMAND)


@pytest.fixture
def row(analysis) -> Callable[..., pd.Series]:
    """Return a function that finds the one row with given fields."""

    def find(**fields: object) -> pd.Series:
        table = analysis.estimates
        for column, value in fields.items():
            table = table[table[column] == value]
        assert len(table) == 1, f"{len(table)} rows have {fields}"
        return table.iloc[0]

    return find


def test_fit_passes_its_gate(analysis, stages):
    assert analysis.diagnosis.passed, analysis.diagnosis.headline()
    assert analysis.reference_diagnosis.passed, analysis.reference_diagnosis.headline()
    names = [check.name for check in analysis.diagnosis.checks]
    for name in ("rhat", "ess_bulk", "ess_tail", "divergences", "ebfmi", "tree_depth"):
        assert names.count(name) == 1
    information = {check.name: check.passed for check in analysis.diagnosis.checks}
    assert information["prior_predictive"] is None
    assert information["loo"] is None
    assert stages.last[0] == stages.last[1] == 8000
    assert any("compiling" in name for name in stages.names)


def test_estimate_columns(analysis):
    assert list(analysis.estimates.columns) == list(ESTIMATE_COLUMNS)
    assert set(analysis.estimates["source"]) == {"bayes", "frequentist"}
    assert set(analysis.estimates["model"]) == {"ncctg_lung_os"}
    keys = ["estimand", "contrast", "population", "time", "method"]
    assert not analysis.estimates.duplicated(keys).any()


def test_every_promised_bayesian_row_is_there(analysis):
    bayes = analysis.estimates[analysis.estimates["source"] == "bayes"]
    found = set(zip(bayes["estimand"], bayes["contrast"], bayes["time"].fillna(-1.0), strict=True))
    promised = {("prob_hr_below_1", "treated / control", -1.0)}
    promised |= {("prob_hr_below_0.8", "treated / control", -1.0)}
    marginal = (
        "log_marginal_hr",
        "marginal_hr",
        "prob_marginal_hr_below_1",
        "prob_marginal_hr_below_0.8",
    )
    promised |= {(name, "treated / control", -1.0) for name in marginal}
    promised |= {(name, term, -1.0) for name in ("log_hr", "hr") for term in TERMS}
    for time, name in [(6.0, "survival"), (12.0, "survival"), (24.0, "survival"), (24.0, "rmst")]:
        promised |= {(name, arm, time) for arm in ("treated", "control")}
        promised |= {(f"{name}_difference", "treated - control", time)}
    promised |= {
        (name, arm, -1.0)
        for name in ("median", "prob_median_not_reached")
        for arm in ("treated", "control")
    }
    promised |= {("median_difference", "treated - control", -1.0)}
    centers = analysis.posterior["posterior"]["center"].values
    assert len(centers) == 18
    promised |= {("center_hr", f"{center} / mean center", -1.0) for center in centers}
    assert found == promised


def test_conventional_rows(analysis):
    conventional = analysis.estimates[analysis.estimates["source"] == "frequentist"]
    methods = set(conventional["method"])
    assert {"km", "logrank", "cox_crude", "cox_efron", "cox_efron_strata"} <= methods
    assert conventional["prob_benefit"].isna().all()
    own = conventional.query("method == 'cox_efron' and estimand == 'log_hr'")
    assert set(own["contrast"]) == TERMS


def test_women_live_longer_and_the_ill_do_not(row):
    treatment = row(estimand="log_hr", contrast="treated / control", source="bayes")
    assert treatment["upper"] < 0.0
    assert treatment["prob_benefit"] > 0.99
    assert row(estimand="log_hr", contrast="ecog_score: per 1", source="bayes")["lower"] > 0.0
    for name in ("survival_difference", "rmst_difference", "median_difference"):
        rows = {"estimand": name, "contrast": "treated - control", "source": "bayes"}
        if name == "survival_difference":
            rows["time"] = 12.0
        difference = row(**rows)
        assert difference["estimate"] > 0.0
        assert difference["prob_benefit"] > 0.95


def test_rows_hang_together(row):
    """Numbers of the same draws: equal probabilities, the difference of means, ordered limits."""
    log_hr, hr = (
        row(estimand=name, contrast="treated / control", source="bayes")
        for name in ("log_hr", "hr")
    )
    assert hr["prob_benefit"] == log_hr["prob_benefit"]
    assert row(estimand="prob_hr_below_1")["estimate"] == log_hr["prob_benefit"]
    # Quantiles of exp(x) are exp of the quantiles, up to interpolation between two of 4,000 draws.
    assert np.log(hr["lower"]) == pytest.approx(log_hr["lower"], abs=0.01)
    alive = {
        arm: row(estimand="survival", contrast=arm, time=12.0, source="bayes")["estimate"]
        for arm in ("treated", "control")
    }
    difference = row(estimand="survival_difference", time=12.0, source="bayes")["estimate"]
    assert difference == pytest.approx(alive["treated"] - alive["control"], abs=1e-12)
    # Averaging over unequal patients pulls the marginal hazard ratio towards 1.
    marginal = row(estimand="marginal_hr", source="bayes")["estimate"]
    assert hr["estimate"] < marginal < 1.0


def test_crosscheck(analysis):
    table = analysis.crosscheck
    assert list(table.columns) == list(CROSSCHECK_COLUMNS)
    reference = table.query("prior == 'reference' and estimand == 'log_hr'")
    assert set(reference["method"]) == {"cox_efron"}
    assert set(reference["term"]) == TERMS
    assert (reference["difference_in_sd"].abs() < 0.1).all()
    assert set(reference["remark"]) == {"agrees"}
    np.testing.assert_allclose(
        table["difference"], table["bayes"] - table["frequentist"], rtol=0, atol=1e-12
    )
    standardized = table.query("method == 'cox_efron_standardized'")
    assert set(standardized["prior"]) == {"analysis", "reference"}
    own = standardized.query("prior == 'reference'")
    assert (own["difference_in_sd"].abs().dropna() < 0.5).all()
    # The twin is as sure as the posterior is, up to Monte Carlo error and the shape of the prior.
    ratio = (own["frequentist_se"] / own["bayes_sd"]).dropna()
    assert ratio.between(0.9, 1.1).all()


def test_every_bayesian_row_has_a_twin_or_a_reason(analysis):
    bayes = analysis.estimates[analysis.estimates["source"] == "bayes"]
    own = analysis.crosscheck[analysis.crosscheck["prior"] == "analysis"]
    key = ["estimand", "term", "population", "time"]
    compared = set(own[key].fillna(-1.0).itertuples(index=False, name=None))
    for row in bayes.rename(columns={"contrast": "term"})[key].fillna(-1.0).itertuples(index=False):
        excused = [name for name in WITHOUT_TWIN if row.estimand.startswith(name)]
        assert excused or tuple(row) in compared, row
    ratios = {"hr": "log_hr", "marginal_hr": "log_marginal_hr", "center_hr": "log_center_hr"}
    for ratio, logarithm in ratios.items():
        terms = set(bayes.loc[bayes["estimand"] == ratio, "contrast"])
        assert terms == set(own.loc[own["estimand"] == logarithm, "term"])


def test_tree_holds_the_named_groups_and_no_patient(analysis):
    assert set(analysis.posterior.children) == GROUPS
    posterior = analysis.posterior["posterior"]
    assert posterior.sizes["draw"] == 1000
    assert posterior.sizes["chain"] == 4
    for node in analysis.posterior.subtree:
        assert not {"patient", "pattern", "episode"} & set(node.dims)


def test_folder_is_complete(results):
    names = {path.relative_to(results).as_posix() for path in results.rglob("*") if path.is_file()}
    expected = {*TEXT_FILES, "posterior.nc"}
    expected |= {f"figures/{name}.{kind}" for name in FIGURES for kind in ("png", "svg")}
    assert names == expected
    for name in FIGURES:
        assert (results / "figures" / f"{name}.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
        assert "<svg" in (results / "figures" / f"{name}.svg").read_text(encoding="utf-8")[:1000]
    assert list(results.parent.iterdir()) == [results], "a temporary folder was left behind"


def test_no_patient_is_in_the_folder(results, cohort):
    """No identifier in any file, compressed ones apart, and no patient dimension in the draws."""
    identifiers = re.compile(r"\bL[0-9]{3}\b")
    assert identifiers.search(cohort.frame["patient"].iloc[0])
    files = [*(results / name for name in TEXT_FILES), *results.glob("figures/*.svg")]
    for path in files:
        found = identifiers.search(path.read_text(encoding="utf-8"))
        assert found is None, f"{path.name} holds {found}"
    count = len(cohort.frame)
    with xr.open_datatree(results / "posterior.nc", engine="h5netcdf") as tree:
        for node in tree.subtree:
            assert "patient" not in node.dims
            assert count not in node.sizes.values(), f"{node.path} is as long as the cohort"
            for name, array in node.variables.items():
                if array.dtype.kind in "OSU":
                    values = " ".join(str(value) for value in np.ravel(array.values))
                    assert identifiers.search(values) is None, f"{node.path} {name}"


def test_no_covariate_value_pairs_in_the_tables(results, cohort):
    """No line of a table holds a patient's age beside the follow-up."""
    ages = cohort.frame["age_years"].astype(int)
    pairs = {
        (str(age), f"{time:.6g}") for age, time in zip(ages, cohort.frame["time"], strict=True)
    }
    for name in ("estimates.csv", "crosscheck.csv"):
        for line in (results / name).read_text(encoding="utf-8").splitlines():
            cells = set(line.split(","))
            assert not any(set(pair) <= cells for pair in pairs), line


def test_provenance(results, spec, cohort):
    found = json.loads((results / "provenance.json").read_text(encoding="utf-8"))
    assert found["command"] == COMMAND
    assert found["seed"] == spec.sampler.seed == 20261120
    assert found["sampler"] == "nutpie"
    for package in ("hccbayes", "pymc", "nutpie", "arviz", "numpy", "lifelines"):
        assert re.match(r"\d+\.\d+", found["packages"][package])
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    assert re.fullmatch(r"[0-9a-f]{64}", found["cohort"]["sha256"])
    assert found["cohort"]["sha256"] == cohort.sha256
    assert found["cohort"]["rows_read"] == 228
    reasons = dict(found["cohort"]["exclusions"])
    assert sum(reasons.values()) == 2
    assert any("ecog_score" in reason for reason in reasons)
    assert any("institution" in reason for reason in reasons)


def test_digest_is_that_of_the_file(tmp_path, spec):
    """The digest of a CSV file can be repeated with sha256sum."""
    path = tmp_path / "patients.csv"
    ncctg_lung().to_csv(path, index=False)
    cohort = hb.read_cohort(path, spec.roles)
    assert cohort.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_report(results, analysis):
    text = (results / "report.md").read_text(encoding="utf-8")
    assert text.splitlines()[0].startswith("**Diagnostics passed")
    for heading in ("Cohort", "Effect of treatment", "Conventional analysis", "Cross-check"):
        assert f"## {heading}" in text
    assert text == analysis.report()


def test_saved_and_loaded_again(results, analysis):
    loaded = hb.load(results)
    assert loaded.spec == analysis.spec
    assert loaded.summary == analysis.summary
    assert loaded.diagnosis == analysis.diagnosis
    assert loaded.reference_diagnosis == analysis.reference_diagnosis
    assert loaded.cautions == analysis.cautions
    # Tables are written with ten digits.
    pd.testing.assert_frame_equal(loaded.estimates, analysis.estimates, rtol=1e-9, atol=0)
    pd.testing.assert_frame_equal(loaded.crosscheck, analysis.crosscheck, rtol=1e-9, atol=0)
    assert set(loaded.posterior.children) == GROUPS
    for name in GROUPS:
        own, back = (tree[name].to_dataset() for tree in (analysis.posterior, loaded.posterior))
        assert set(own.variables) == set(back.variables)
        for variable in own.variables:
            np.testing.assert_array_equal(own[variable].values, back[variable].values)
    assert {key: value for key, value in loaded.provenance.items() if key != "command"} == dict(
        analysis.provenance
    )


@pytest.mark.usefixtures("without_figures")
def test_loaded_analysis_is_saved_alike(results, tmp_path):
    again = hb.load(results).save(tmp_path / "again")
    for name in ("estimates.csv", "crosscheck.csv", "diagnostics.json", "model.toml"):
        first, second = ((folder / name).read_bytes() for folder in (results, again))
        assert first == second, name


@pytest.fixture(scope="session")
def failed(analysis) -> hb.Analysis:
    """The analysis as if one draw had diverged."""
    checks = tuple(
        replace(check, passed=False, message="1 divergent of 4000 draws", value=1.0)
        if check.name == "divergences"
        else check
        for check in analysis.diagnosis.checks
    )
    return replace(analysis, diagnosis=replace(analysis.diagnosis, checks=checks))


@pytest.fixture
def without_figures(monkeypatch):
    """Leave the figures out, which take most of the time that saving takes."""
    monkeypatch.setattr(analysis_module, "write_figures", lambda *_: [])


def run(folder: Path, *options: str):
    arguments = ["run", str(MODEL), "--out", str(folder), "--quiet", *options]
    return CliRunner().invoke(app, arguments)


@pytest.mark.usefixtures("without_figures")
def test_failed_gate_is_written_and_said_first(failed, tmp_path, monkeypatch):
    monkeypatch.setattr(pipeline, "analyse", lambda *_, **__: failed)
    outcome = run(tmp_path / "failed")
    assert outcome.exit_code == 1, outcome.output
    first = (tmp_path / "failed" / "report.md").read_text(encoding="utf-8").splitlines()[0]
    assert "DIAGNOSTICS FAILED, do not use these estimates" in first
    assert "1 divergent of 4000 draws" in first
    assert not json.loads((tmp_path / "failed" / "diagnostics.json").read_text())["passed"]
    assert CliRunner().invoke(app, ["show", str(tmp_path / "failed")]).exit_code == 1


@pytest.mark.usefixtures("without_figures")
def test_passed_gate_leaves_with_status_0(analysis, tmp_path, monkeypatch):
    monkeypatch.setattr(pipeline, "analyse", lambda *_, **__: analysis)
    monkeypatch.setattr(sys, "argv", ["hccbayes", *shlex.split(f"run {MODEL.name}")])
    outcome = run(tmp_path / "passed")
    assert outcome.exit_code == 0, outcome.output
    found = json.loads((tmp_path / "passed" / "provenance.json").read_text(encoding="utf-8"))
    assert found["command"] == f"hccbayes run {MODEL.name}"


@pytest.mark.usefixtures("without_figures")
def test_existing_folder_is_replaced_by_force_alone(analysis, tmp_path):
    folder = analysis.save(tmp_path / "twice")
    before = (folder / "provenance.json").read_bytes()
    with pytest.raises(hb.FolderExistsError, match="--force"):
        analysis.save(folder, command="second")
    assert (folder / "provenance.json").read_bytes() == before
    analysis.save(folder, force=True, command="second")
    assert json.loads((folder / "provenance.json").read_text())["command"] == "second"
    assert list(tmp_path.iterdir()) == [folder]
    other = tmp_path / "thesis"
    other.mkdir()
    (other / "chapter.txt").write_text("mine")
    with pytest.raises(hb.FolderExistsError, match="not a results folder"):
        analysis.save(other, force=True)
    assert (other / "chapter.txt").read_text() == "mine"


def test_interrupted_while_writing_leaves_nothing(analysis, tmp_path, monkeypatch):
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(analysis_module, "write_figures", interrupt)
    with pytest.raises(KeyboardInterrupt):
        analysis.save(tmp_path / "half")
    assert list(tmp_path.iterdir()) == []
    # An existing folder stays as it was, also under --force.
    folder = tmp_path / "whole"
    folder.mkdir()
    (folder / "provenance.json").write_text("{}")
    with pytest.raises(KeyboardInterrupt):
        analysis.save(folder, force=True)
    assert [path.name for path in tmp_path.iterdir()] == ["whole"]
    assert (folder / "provenance.json").read_text() == "{}"


def test_interrupted_in_a_stage_leaves_nothing(tmp_path, monkeypatch):
    """Ctrl-C while the model compiles, through the command line."""
    real = pipeline.analyse
    watch = Stages(interrupt_at="compiling")

    def interrupted(cohort, spec, *, progress):
        return real(cohort, spec, progress=watch)

    monkeypatch.setattr(pipeline, "analyse", interrupted)
    outcome = run(tmp_path / "never")
    assert outcome.exit_code not in (0, 2)
    assert watch.names == [name for name in watch.names if "compiling" in name]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_too_few_draws_fail_the_gate_for_real(tmp_path):
    outcome = run(tmp_path / "short", "--draws", "20")
    assert outcome.exit_code == 1, outcome.output
    text = (tmp_path / "short" / "report.md").read_text(encoding="utf-8")
    assert text.startswith("**DIAGNOSTICS FAILED")
    assert "ESS" in text.splitlines()[0]


@pytest.mark.slow
def test_same_seed_same_estimates(analysis, cohort, spec):
    again = hb.analyse(cohort, spec)
    pd.testing.assert_frame_equal(again.estimates, analysis.estimates)
    pd.testing.assert_frame_equal(again.crosscheck, analysis.crosscheck)
