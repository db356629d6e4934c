"""Weights, matching and balance against R (tests/reference/r/propensity_matching.R).

A simulated cohort, which lies in tests/data with the pairs MatchIt made, and 246 real patients
whose rows are not part of the project: of them sums, counts and differences are compared.

Both programs fit the propensity score by maximum likelihood to rounding (1e-12 of a score), so that
a pair could differ only where two distances agree to that many digits; in these cohorts none do but
those of patients with equal covariates, where both take the first in the data. The pairs are hence
the same, and so are all sums over them, to rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.special import logit

from hccbayes.balance import STATISTICS, balance_table, balance_terms
from hccbayes.matching import MatchedPairs, match
from hccbayes.weights import TARGETS, propensity_weights

DATA = Path(__file__).resolve().parents[1] / "data"
TERMS = {
    "simulated": ["age", "albumin", "stage_b", "stage_c", "thrombus"],
    "sysucc": [
        "age_years",
        "child_pugh_score",
        "largest_lesion_mm",
        "hepatic_lesions",
        "vascular_invasion",
        "distant_metastasis",
        "log10_afp",
        "prior_embolizations",
    ],
}
EXACT = {"simulated": "thrombus", "sysucc": "distant_metastasis"}
ANALYSES = {
    "nearest": {},
    "no_caliper": {"caliper": None},
    "controls_focal": {"estimand": "atc"},
    "two_to_one": {"ratio": 2},
    "replacement": {"replace": True},
    "smallest_first": {"order": "smallest"},
    "data_order": {"order": "data"},
    "raw_score": {"distance": "score"},
    "exact_factor": {},
    "mahalanobis_caliper": {"distance": "mahalanobis"},
}


@dataclass(frozen=True)
class Patients:
    name: str
    columns: pd.DataFrame
    treatment: np.ndarray
    score: np.ndarray

    def match(self, analysis: str) -> MatchedPairs:
        options = {"caliper": 0.2} | ANALYSES[analysis]
        if analysis == "exact_factor":
            options["exact"] = self.columns[[EXACT[self.name]]]
        if analysis == "mahalanobis_caliper":
            options["covariates"] = self.columns
        return match(self.score, self.treatment, **options)


def reference(name: str) -> pd.DataFrame:
    return pd.read_csv(DATA / f"propensity_{name}.csv", comment="#")


@pytest.fixture(scope="module", params=["simulated", "sysucc"])
def patients(request) -> Patients:
    name = request.param
    if name == "simulated":
        frame = reference("cohort")
    else:
        file = request.getfixturevalue("shared_data") / "sysucc_targeted.csv"
        if not file.exists():
            pytest.skip("sysucc_targeted.csv is not beside the project")
        frame = pd.read_csv(file)
        frame["treatment"] = (frame["arm"] == "embolisation+targeted").astype(int)
        frame["log10_afp"] = np.log10(frame["afp_ng_ml"] + 1)
    columns = frame[TERMS[name]].astype(float)
    design = sm.add_constant(columns)
    fit = sm.Logit(frame["treatment"], design).fit(
        method="newton", tol=1e-12, maxiter=100, disp=False
    )
    return Patients(
        name=name,
        columns=columns,
        treatment=frame["treatment"].to_numpy(),
        score=fit.predict(design).to_numpy(),
    )


@pytest.mark.parametrize("patients", ["simulated"], indirect=True)
def test_the_scores_are_rs(patients):
    np.testing.assert_allclose(patients.score, reference("cohort")["score"], rtol=1e-11)


@pytest.mark.parametrize("target", TARGETS)
def test_weights(patients, target):
    weights = propensity_weights(patients.score, patients.treatment, target)
    rows = reference("weights").query("cohort == @patients.name and target == @target")
    assert len(rows) == 2
    for _, row in rows.iterrows():
        arm = weights.arms[row["arm"]]
        assert arm.patients == row["patients"]
        for quantity in ("total", "effective_sample_size", "largest"):
            assert getattr(arm, quantity) == pytest.approx(row[quantity], rel=1e-8), quantity


@pytest.mark.parametrize("analysis", ANALYSES)
def test_matching(patients, analysis):
    found = patients.match(analysis)
    expected = (
        reference("matching").query("cohort == @patients.name and analysis == @analysis").iloc[0]
    )
    treated, control = found.pairs["treated"], found.pairs["control"]
    assert len(found.pairs) == expected["pairs"]
    assert found.counts["treated"]["matched"] == expected["treated"]
    assert found.counts["control"]["matched"] == expected["control"]
    measure = patients.score if analysis == "raw_score" else logit(patients.score)
    gap = np.abs(measure[treated] - measure[control])
    if analysis == "no_caliper":
        assert found.caliper is None
        assert np.isnan(expected["caliper"])
    else:
        assert found.caliper == pytest.approx(expected["caliper"], abs=1e-8)
        assert gap.max() <= found.caliper
    # The error of a score, 1e-12, is that of its logit times e (1 - e) > 0.01.
    assert gap.max() == pytest.approx(expected["largest_gap"], abs=1e-9)
    assert gap.sum() == pytest.approx(expected["total_gap"], abs=1e-8)
    weights = {arm: found.weights[patients.treatment == arm] for arm in (0, 1)}
    assert weights[1].sum() == pytest.approx(expected["weight_treated"], abs=1e-8)
    assert weights[0].sum() == pytest.approx(expected["weight_control"], abs=1e-8)
    assert (weights[0] ** 2).sum() == pytest.approx(expected["square_control"], abs=1e-8)


@pytest.mark.parametrize(
    "analysis", [analysis for analysis in ANALYSES if analysis != "replacement"]
)
@pytest.mark.parametrize("patients", ["simulated"], indirect=True)
def test_the_same_patients_are_paired(patients, analysis):
    found = patients.match(analysis)
    subclass = reference("cohort")[analysis].to_numpy()
    focal = patients.treatment == (0 if analysis == "controls_focal" else 1)
    expected = {
        frozenset((int(one), int(other)))
        for one in np.flatnonzero(focal & ~np.isnan(subclass))
        for other in np.flatnonzero(~focal & (subclass == subclass[one]))
    }
    pairs = found.pairs[["treated", "control"]].to_numpy()
    assert {frozenset(map(int, pair)) for pair in pairs} == expected


def test_the_call_as_users_write_it_does_not_keep_to_the_caliper():
    # MatchIt 4.5.1 truncates differences to whole numbers there: the reason why the other rows
    # were made through `mahvars`. Where this fails the script ran under another version.
    rows = reference("matching").query("analysis == 'as_called'")
    assert len(rows) == 2
    assert (rows["largest_gap"] > rows["caliper"]).all()


def balance_rows(patients, adjustment, weights, target):
    """Return R's rows, and the same numbers from here."""
    expected = (
        reference("balance")
        .query("cohort == @patients.name and adjustment == @adjustment")
        .set_index("term")
    )
    assert list(expected.index) == TERMS[patients.name]
    arm = patients.treatment.astype(float)
    names = tuple(str(position) for position in range(len(arm)))
    found = pd.DataFrame(
        {
            f"{statistic}_{when}": {
                term.name: STATISTICS[statistic].compute(term, arm, own, target)
                for term in balance_terms(patients.columns, None, names)
                # R gives the largest difference of distribution functions of 0/1 columns too.
                if statistic != "variance_ratio" or term.kind == "continuous"
            }
            for statistic in ("smd", "variance_ratio", "ks")
            for when, own in (("unadjusted", np.ones(len(arm))), ("adjusted", weights))
        }
    ).loc[expected.index]
    return expected, found


@pytest.mark.parametrize("target", TARGETS)
def test_balance_after_weighting(patients, target):
    weights = propensity_weights(patients.score, patients.treatment, target).values
    expected, found = balance_rows(patients, target, weights, target)
    for column in found:
        np.testing.assert_allclose(
            found[column], expected[column], rtol=1e-8, atol=1e-9, err_msg=column
        )


@pytest.mark.parametrize("analysis", ANALYSES)
def test_balance_after_matching_is_matchits(patients, analysis):
    pairs = patients.match(analysis)
    target = "atc" if analysis == "controls_focal" else "att"
    expected, found = balance_rows(patients, f"matched_{analysis}", pairs.weights, target)
    for column in found:
        np.testing.assert_allclose(
            found[column], expected[column], rtol=1e-10, atol=1e-12, err_msg=column
        )
    table = balance_table(
        patients.columns, patients.treatment, weights=pairs.weights, target=target
    ).query("statistic == 'smd'")
    np.testing.assert_array_equal(table["adjusted"], found["smd_adjusted"])
