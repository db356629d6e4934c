"""Propensity-weighted analyses against R (tests/reference/r/propensity_weighting.R).

On a simulated cohort with ties and delayed entry, and on 246 real patients of whom the project has
only summaries.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hccbayes.frequentist.kaplan_meier import median_survival, survival_at
from hccbayes.frequentist.logistic import LogisticFit, logistic_regression
from hccbayes.frequentist.stepwise_logistic import stepwise_logistic
from hccbayes.frequentist.weighted_cox import weighted_cox
from hccbayes.frequentist.weighted_curves import weighted_curve, weighted_kaplan_meier
from hccbayes.frequentist.weighted_logrank import weighted_logrank
from hccbayes.weights import TARGETS, weight_values

DATA = Path(__file__).resolve().parents[1] / "data"
COVARIATES = {
    "simulated": ["age_years", "log_afp", "stage_b", "stage_c", "thrombus"],
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


def reference(name: str, **where: str) -> pd.DataFrame:
    frame = pd.read_csv(DATA / name, comment="#")
    for column, value in where.items():
        frame = frame[frame[column] == value]
    assert len(frame) > 0
    return frame.reset_index(drop=True)


@pytest.fixture(scope="module", params=list(COVARIATES))
def analysis(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def patients(analysis, request) -> pd.DataFrame:
    if analysis == "simulated":
        return reference("weighted_cohort.csv")
    frame = pd.read_csv(request.getfixturevalue("shared_data") / "sysucc_targeted.csv")
    return frame.assign(
        patient=frame["patient_id"],
        treatment=(frame["arm"] == "embolisation+targeted").astype(int),
        entry=0.0,
        time=frame["os_months"].replace(0.0, 0.5),
        event=frame["death"],
        log10_afp=np.log10(frame["afp_ng_ml"] + 1),
    )


@pytest.fixture(scope="module")
def score(analysis, patients) -> LogisticFit:
    return logistic_regression(patients[COVARIATES[analysis]], patients["treatment"])


def follow_up(patients: pd.DataFrame) -> tuple[pd.Series, pd.Series, pd.Series]:
    return patients["entry"], patients["time"], patients["event"]


def test_logistic_regression(analysis, score):
    expected = reference("weighted_logistic.csv", analysis=analysis)
    assert list(score.terms) == list(expected["term"])
    np.testing.assert_allclose(score.coef, expected["coef"], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(score.se, expected["se"], rtol=1e-9)
    assert score.log_likelihood == pytest.approx(expected["log_likelihood"][0], rel=1e-12)


@pytest.mark.parametrize("direction", ["both", "forward", "backward"])
def test_stepwise_selection(analysis, patients, direction):
    expected = reference("weighted_stepwise.csv", analysis=analysis, direction=direction).iloc[0]
    chosen = stepwise_logistic(
        patients[COVARIATES[analysis]], patients["treatment"], direction=direction
    )
    assert sorted(chosen.terms) == expected["terms"].split()
    assert len(chosen.path) == expected["steps"]
    assert chosen.fit.aic == pytest.approx(expected["aic"], rel=1e-10)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("target", TARGETS)
def test_weighted_cox(analysis, patients, score, target, ties):
    expected = reference(
        "weighted_cox.csv", analysis=analysis, target=target, ties=ties, clustering="none"
    ).iloc[0]
    weights = weight_values(score.score, patients["treatment"], target)
    fit = weighted_cox(patients[["treatment"]] * 1.0, *follow_up(patients), weights, ties=ties)
    # R stops with an error of up to 1e-9 in the coefficient, whose square is in the likelihood.
    assert fit.coef[0] == pytest.approx(expected["coef"], abs=1e-9)
    assert fit.model_se[0] == pytest.approx(expected["model_se"], rel=1e-8)
    assert fit.robust_se[0] == pytest.approx(expected["robust_se"], rel=1e-8)
    assert fit.log_likelihood == pytest.approx(expected["log_likelihood"], rel=1e-12)
    if ties == "breslow":
        test = weighted_logrank(*follow_up(patients), patients["treatment"], weights)
        assert test.chi2 == pytest.approx(expected["robust_score_chi2"], rel=1e-8)
        return
    survey = reference(
        "weighted_cox.csv", analysis=analysis, target=target, clustering="survey"
    ).iloc[0]
    patients_factor = np.sqrt(len(patients) / (len(patients) - 1))
    assert fit.coef[0] == pytest.approx(survey["coef"], abs=1e-9)
    assert fit.robust_se[0] * patients_factor == pytest.approx(survey["robust_se"], rel=1e-8)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_matched_pairs_are_clusters(analysis, patients, score, ties):
    expected = reference(
        "weighted_cox.csv", analysis=analysis, target="matched", ties=ties, clustering="pair"
    ).iloc[0]
    ranked = patients.assign(score=score.score).sort_values("score", kind="stable")
    place = ranked.groupby("treatment").cumcount()
    matched = ranked[place < patients["treatment"].value_counts().min()]
    fit = weighted_cox(
        matched[["treatment"]] * 1.0,
        *follow_up(matched),
        np.ones(len(matched)),
        cluster=place[matched.index],
        ties=ties,
    )
    assert fit.rows == expected["patients"]
    assert fit.clusters == len(matched) // 2
    assert fit.coef[0] == pytest.approx(expected["coef"], abs=1e-9)
    assert fit.model_se[0] == pytest.approx(expected["model_se"], rel=1e-8)
    assert fit.robust_se[0] == pytest.approx(expected["robust_se"], rel=1e-8)


def test_strata_and_clusters_that_cross_them(analysis, patients, score):
    expected = reference("weighted_cox.csv", analysis=analysis, target="ato", ties="efron")
    expected = expected[expected["clustering"].str.startswith("site")]
    codes = pd.factorize(patients["age_years"], sort=True)[0] + 1
    fit = weighted_cox(
        patients[["treatment", "age_years"]] * 1.0,
        *follow_up(patients),
        weight_values(score.score, patients["treatment"], "ato"),
        strata=patients["age_years"] >= 58,
        cluster=codes % 7,
    )
    np.testing.assert_allclose(fit.coef, expected["coef"], rtol=0, atol=1e-9)
    np.testing.assert_allclose(fit.model_se, expected["model_se"], rtol=1e-8)
    np.testing.assert_allclose(fit.robust_se, expected["robust_se"], rtol=1e-8)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_change_of_the_coefficient_without_each_patient(ties):
    patients = reference("weighted_cohort.csv")
    expected = reference("weighted_dfbeta.csv")
    columns = patients[COVARIATES["simulated"]]
    weights = weight_values(
        logistic_regression(columns, patients["treatment"]).score, patients["treatment"], "ate"
    )
    fit = weighted_cox(patients[["treatment"]] * 1.0, *follow_up(patients), weights, ties=ties)
    np.testing.assert_array_equal(patients["patient"], expected["patient"])
    np.testing.assert_allclose(fit.dfbeta[:, 0], expected[ties], rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("arm", [0, 1])
@pytest.mark.parametrize("target", TARGETS)
def test_weighted_curves(analysis, patients, score, target, arm):
    expected = reference("weighted_survival.csv", analysis=analysis, target=target)
    expected = expected[expected["treatment"] == arm]
    weights = weight_values(score.score, patients["treatment"], target)
    members = patients["treatment"] == arm
    table = weighted_kaplan_meier(*follow_up(patients), weights, members=members)
    at = survival_at(table, expected["time"])
    for column in ("survival", "standard_error", "lower", "upper"):
        np.testing.assert_allclose(at[column], expected[column], rtol=1e-9, err_msg=column)
    median, summary = median_survival(table), expected.fillna(np.inf).iloc[0]
    # Follow-up times as they are read; a midpoint of two may be rounded.
    assert median.estimate == pytest.approx(summary["median"], rel=1e-14)
    assert median.lower == pytest.approx(summary["median_lower"], rel=1e-14)
    assert median.upper == pytest.approx(summary["median_upper"], rel=1e-14)
    curve = weighted_curve(*follow_up(patients), weights, members=members)
    mean, sensitivity = curve.restricted_mean(24.0)
    assert mean == pytest.approx(summary["rmst"], rel=1e-9)
    se = np.linalg.norm(curve.weights * sensitivity)
    assert se == pytest.approx(summary["rmst_se"], rel=1e-9)


@pytest.mark.parametrize("target", TARGETS)
def test_survey_package(analysis, patients, score, target):
    expected = reference("weighted_logrank.csv", analysis=analysis, target=target).iloc[0]
    weights = weight_values(score.score, patients["treatment"], target)
    n = len(patients)
    # Without delayed entry, ties broken by the order of the rows, as in the script.
    broken = (np.zeros(n), patients["time"] + np.arange(1, n + 1) / 1000, patients["event"])
    test = weighted_logrank(*broken, patients["treatment"], weights)
    # survey takes the variance of the score about its mean, chi2 / n of it less, times n / (n - 1).
    survey = test.chi2 * (n - 1) / (n - test.chi2)
    assert survey == pytest.approx(expected["z"] ** 2, rel=1e-8)
    table = weighted_kaplan_meier(*broken, weights, members=patients["treatment"] == 1)
    at = survival_at(table, 12.0)["survival"].item()
    assert at == pytest.approx(expected["svykm_survival_12"], rel=1e-9)
