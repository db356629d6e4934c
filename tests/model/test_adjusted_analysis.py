"""A whole analysis with every method of adjustment: rows, folder, figures, cautions, no patient."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.special import expit

import hccbayes as hb
from hccbayes import pipeline
from hccbayes.adjustment import bayesian_bootstrap, cut
from hccbayes.adjustment.cut import cut_effect
from hccbayes.adjustment.methods import Adjustment
from hccbayes.adjustment.problem import AdjustmentProblem
from hccbayes.adjustment.weighted import weighted_effect
from hccbayes.weights import scale_to_effective_size

pytestmark = pytest.mark.slow
"""Seven models are compiled."""

SPEC = {
    "model": {"name": "every_method", "question": "Does it help?"},
    "data": {
        "id": "id",
        "time": "months",
        "event": "death",
        "arm": {"column": "arm", "treated": "both", "control": "one"},
        "time_zero": "first dose",
    },
    "hazard": {"formula": "treatment + age + invasion", "cuts": [4, 10]},
    "propensity": {"formula": "age + invasion"},
    "adjustment": {
        "method": ["gcomp", "weighted", "matched", "doubly_robust"],
        "calibration": "open_faced",
        "propagate": ["cut", "bayesian_bootstrap"],
        "patients": "dirichlet",
        "target": "ato",
    },
    "estimands": {"times": [6, 12], "horizon": 12, "populations": ["ate", "ato"]},
    "sampler": {"draws": 150, "tune": 300, "chains": 2, "seed": 20261120},
}
METHODS = {
    "pe_weighted_ato": "ato",
    "pe_matched": "matched",
    "pe_doubly_robust": "ato",
    "pe_cut_ato": "ato",
    "pe_bayesian_bootstrap_ato": "ato",
}
SCORE_DRAWS = 5
REPLICATES = 40
FIGURES = {"balance", "overlap", "weights", "marginal_effects", "balance_matched"}


def patients(controls: int = 28, treated: int = 72) -> pd.DataFrame:
    """Return a small cohort with fewer than thirty controls, who are the younger."""
    rng = np.random.default_rng(31)
    count = controls + treated
    arm = np.repeat([0.0, 1.0], [controls, treated])
    age = 58.0 + 4.0 * arm + 8.0 * rng.standard_normal(count)
    invasion = (rng.random(count) < expit(-0.6 + 0.6 * arm)).astype(int)
    ratio = np.exp(-0.5 * arm + 0.02 * (age - 60.0) + 0.4 * invasion)
    death = rng.exponential(1.0 / (0.09 * ratio))
    end = rng.uniform(14.0, 36.0, count)
    return pd.DataFrame(
        {
            "id": [f"patient-{row:05d}" for row in 7919 * np.arange(1, count + 1)],
            "arm": np.where(arm == 1.0, "both", "one"),
            "months": np.minimum(death, end),
            "death": (death <= end).astype(int),
            "age": age,
            "invasion": invasion,
        }
    )


@pytest.fixture(scope="module")
def cohort() -> hb.Cohort:
    return hb.read_cohort(patients(), hb.AnalysisSpec.from_dict(SPEC).roles)


@pytest.fixture(scope="module")
def kept() -> dict[str, AdjustmentProblem | Adjustment]:
    """What the pipeline hands to the adjustment and gets back."""
    return {}


@pytest.fixture(scope="module")
def analysis(cohort, kept) -> Iterator[hb.Analysis]:
    """One analysis by every method, the sensitivities with few refits."""
    adjust = pipeline.adjust

    def watched(problem: AdjustmentProblem, stage) -> Adjustment:
        kept["problem"] = problem
        kept["adjustment"] = adjust(problem, stage)
        return kept["adjustment"]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cut, "SCORE_DRAWS", SCORE_DRAWS)
        patch.setattr(bayesian_bootstrap, "REPLICATES", REPLICATES)
        patch.setattr(pipeline, "adjust", watched)
        yield hb.analyse(cohort, hb.AnalysisSpec.from_dict(SPEC))


@pytest.fixture(scope="module")
def folder(analysis, tmp_path_factory) -> Path:
    return analysis.save(tmp_path_factory.mktemp("adjusted") / "toy", command="hccbayes run")


def test_every_method_has_its_rows(analysis) -> None:
    table = analysis.estimates[analysis.estimates["source"] == "bayes"]
    assert set(table["method"]) == {"pe_rw1", *METHODS}
    for method, population in METHODS.items():
        own = table[table["method"] == method]
        assert set(own["population"]) == {population}
        assert (own["estimand"] == "marginal_hr").sum() == 1
        for estimand, count in (("survival", 4), ("survival_difference", 2), ("rmst", 2)):
            assert (own["estimand"] == estimand).sum() == count
        assert own["prob_benefit"].notna().any()
    assert set(table.loc[table["method"] == "pe_rw1", "population"]) >= {"sample", "ate", "ato"}


def test_an_adjusted_hazard_ratio_is_marginal_and_never_the_conditional_one(analysis) -> None:
    table = analysis.estimates
    adjusted = table[table["method"].isin(METHODS)]
    assert not adjusted["estimand"].isin(["hr", "log_hr"]).any()
    sample = table[(table["estimand"] == "hr") & (table["source"] == "bayes")]
    assert set(sample["population"]) == {"sample"}


def test_methods_agree_in_size(analysis) -> None:
    """They target alike populations: within two posterior deviations of each other."""
    rows = analysis.estimates
    own = rows[(rows["estimand"] == "log_marginal_hr") & rows["method"].isin(METHODS)]
    spread = (own["upper"] - own["lower"]) / (2 * 1.96)
    assert spread.between(0.1, 0.6).all()
    assert np.ptp(own["estimate"]) < 2.0 * spread.max()


def test_twins_are_in_the_table_and_in_the_crosscheck(analysis) -> None:
    frequentist = analysis.estimates[analysis.estimates["source"] == "frequentist"]
    assert {"cox_ato_robust", "cox_ato_m_estimation", "cox_matched_clustered"} <= set(
        frequentist["method"]
    )
    terms = analysis.crosscheck.loc[
        (analysis.crosscheck["estimand"] == "log_marginal_hr")
        & (analysis.crosscheck["prior"] == "analysis"),
        ["term", "method"],
    ]
    assert dict(terms.to_numpy()) == {
        "treated / control": "cox_efron_standardized",
        **{
            f"treated / control ({method})": "cox_ato_m_estimation"
            for method in METHODS
            if method != "pe_matched"
        },
        "treated / control (pe_matched)": "cox_matched_clustered",
    }


def test_fits_beside_the_main_one_have_their_gates(analysis) -> None:
    assert set(analysis.further_diagnoses) == {"propensity", "pe_weighted_ato", "pe_matched"}


def test_a_reader_is_warned(analysis) -> None:
    said = " ".join(analysis.cautions)
    assert "arm one has 28 patients, fewer than 30" in said
    assert "The cut mixes 5 draws of the score: a sensitivity" in said
    assert "Bayesian bootstrap has no prior of the effect" in said
    assert "take censoring to depend on the arm alone" in said
    assert re.search(r"Matching kept \d+ of 72 treated and \d+ of 28 control patients", said)
    assert len(set(analysis.cautions)) == len(analysis.cautions)


def test_nothing_is_called_significant(analysis, folder) -> None:
    texts = [*analysis.cautions, (folder / "report.md").read_text(encoding="utf-8")]
    texts += [str(one) for one in analysis.crosscheck["remark"]]
    assert not any("significan" in text.lower() for text in texts)


def test_the_folder_is_whole_and_reads_back(analysis, folder) -> None:
    assert {"balance.csv", "weights.csv", "baseline.csv"} <= {one.name for one in folder.iterdir()}
    again = hb.load(folder)
    pd.testing.assert_frame_equal(again.estimates, analysis.estimates, check_exact=False)
    assert again.further_diagnoses == analysis.further_diagnoses
    assert again.spec == analysis.spec
    assert again.score_tables is not None
    assert again.score_tables.conventions == analysis.score_tables.conventions


def test_each_figure_is_drawn(folder) -> None:
    drawn = {one.stem for one in (folder / "figures").glob("*.png")}
    assert drawn >= FIGURES
    assert {one.stem for one in (folder / "figures").glob("*.svg")} == drawn


def test_no_patient_is_in_the_folder(folder) -> None:
    """Neither an identifier nor an array with one entry a patient, nor a patient's own numbers."""
    frame = patients()
    texts = [path for path in folder.rglob("*") if path.suffix in {".csv", ".json", ".md", ".toml"}]
    assert len(texts) >= 9
    for path in texts:
        text = path.read_text(encoding="utf-8")
        assert "patient-0" not in text
        # Times of death are where a Kaplan-Meier curve steps, and may be a median; ages are not.
        found = [age for age in frame["age"] if f"{age:.7f}"[:-1] in text]
        assert not found, (path.name, found)
    raw = (folder / "posterior.nc").read_bytes()
    assert b"patient-0" not in raw
    tree = hb.load(folder).posterior
    for node in tree.subtree:
        for name, variable in node.dataset.variables.items():
            assert len(frame) not in variable.shape, (node.name, name)
            assert "patient" not in variable.dims


def test_a_score_of_each_patient_is_nowhere(folder, kept) -> None:
    """Scores are binned; the smallest and the largest of each arm are stated, and no other is."""
    problem = kept["problem"]
    score, treated = problem.propensity.score, problem.propensity.design.treatment == 1.0
    ends = [own.min() for own in (score[treated], score[~treated])]
    ends += [own.max() for own in (score[treated], score[~treated])]
    others = score[~np.isin(score, ends)]
    assert len(others) >= 80
    tree: xr.DataTree = hb.load(folder).posterior
    for node in tree.subtree:
        for variable in node.dataset.data_vars.values():
            values = np.asarray(variable)
            if values.dtype.kind == "f":
                assert not np.isin(others, values).any()


def test_the_weighted_estimate_has_the_sandwich_s_width(kept) -> None:
    """Open-faced draws: their covariance is the sandwich's, the first entry the effect's."""
    from hccbayes.adjustment.arm_hazard import sandwich

    problem, adjustment = kept["problem"], kept["adjustment"]
    weights = scale_to_effective_size(adjustment.weights)
    wanted = sandwich(problem.patients(weights.values > 0), weights.values)[0, 0]
    found = adjustment.effects[0].draws["log_marginal_hr"]
    assert float(found.var(ddof=1)) == pytest.approx(wanted, rel=1e-8)


def test_pairs_are_the_clusters_of_the_matched_estimate(kept) -> None:
    from hccbayes.adjustment.arm_hazard import sandwich

    problem, adjustment = kept["problem"], kept["adjustment"]
    pairs = adjustment.pairs
    clustered = problem.patients(pairs.weights > 0, cluster=pairs.cluster)
    wanted = sandwich(clustered, pairs.weights)[0, 0]
    found = adjustment.effects[1].draws["log_marginal_hr"]
    assert adjustment.effects[1].population == "matched"
    assert float(found.var(ddof=1)) == pytest.approx(wanted, rel=1e-8)


def test_the_raw_pseudo_posterior_is_named_and_noted(kept) -> None:
    problem, adjustment = kept["problem"], kept["adjustment"]
    changed = problem.spec.with_values(["adjustment.calibration=none"])
    raw = weighted_effect(with_spec(problem, changed), adjustment.weights)
    assert raw.method == "pe_weighted_ato_uncalibrated"
    assert "shown as a warning" in raw.notes[0]
    calibrated = adjustment.effects[0].draws["log_marginal_hr"]
    assert float(raw.draws["log_marginal_hr"].std()) > float(calibrated.std())  # sum << n


def with_spec(problem: AdjustmentProblem, spec: hb.AnalysisSpec) -> AdjustmentProblem:
    from dataclasses import replace

    return replace(problem, spec=spec)


@pytest.mark.usefixtures("analysis")
def test_the_cut_is_a_mixture_of_as_many_draws_and_is_reproduced(kept, monkeypatch) -> None:
    """The same draws again in two threads, and in one: seeds belong to refits, not to threads."""
    monkeypatch.setattr(cut, "SCORE_DRAWS", SCORE_DRAWS)
    first = kept["adjustment"].effects[3]
    assert (first.method, first.population) == ("pe_cut_ato", "ato")
    values = first.draws["log_marginal_hr"]
    assert values.size == SCORE_DRAWS * cut.DRAWS_EACH
    assert len(np.unique(values)) == values.size
    again = cut_effect(kept["problem"])
    monkeypatch.setattr(cut, "_JOBS", 1)
    alone = cut_effect(kept["problem"])
    for other in (again, alone):
        np.testing.assert_array_equal(other.draws["log_marginal_hr"], values)


@pytest.mark.usefixtures("analysis")
def test_each_refit_of_the_cut_follows_its_own_score(kept, monkeypatch) -> None:
    """Two draws of the score of which one is far off: the mixture has two parts."""
    from dataclasses import replace

    problem = kept["problem"]
    score = problem.propensity.score
    scores = np.stack([score, np.where(problem.frame["event"] == 1, 0.9, 0.1)])
    changed = replace(problem, propensity=replace(problem.propensity, scores=scores))
    monkeypatch.setattr(cut, "SCORE_DRAWS", 2)
    values = cut_effect(changed).draws["log_marginal_hr"].to_numpy()[..., 0]
    half = cut.DRAWS_EACH // 2
    first, second = values[:, :half], values[:, half:]
    assert values.shape == (2, 2 * half)
    assert abs(first.mean() - second.mean()) > 5.0 * first.std() / np.sqrt(first.size / 4)
