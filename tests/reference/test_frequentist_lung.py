"""The frequentist layer against R's survival on the lung cancer data (tests/reference/r/lung.R).

R's numbers are written with 15 digits from fits that ran to rounding. Coefficients are asked to
agree to 1e-6, the accuracy the package promises; what is a sum or product over risk sets to 1e-10.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from lifelines.datasets import load_lung

from hccbayes.frequentist.center_dummies import center_dummies
from hccbayes.frequentist.cox import CoxFit, cox
from hccbayes.frequentist.kaplan_meier import (
    kaplan_meier,
    median_survival,
    numbers_at_risk,
    survival_at,
)
from hccbayes.frequentist.logrank import logrank
from hccbayes.frequentist.piecewise_exponential import piecewise_exponential_mle
from hccbayes.person_time import split_person_time

DATA = Path(__file__).resolve().parents[1] / "data"
COEFFICIENT = 1e-6
ARITHMETIC = 1e-10
TERMS = ["female", "age", "ph.ecog"]


def reference(name: str) -> pd.DataFrame:
    return pd.read_csv(DATA / name, comment="#")


@pytest.fixture(scope="module")
def everyone() -> pd.DataFrame:
    lung = load_lung()
    return lung.assign(female=(lung["sex"] == 2).astype(float), death=lung["status"])


@pytest.fixture(scope="module")
def complete(everyone: pd.DataFrame) -> pd.DataFrame:
    frame = everyone.dropna(subset=["ph.ecog"]).reset_index(drop=True)
    enters = (np.arange(1, len(frame) + 1) * 7) % 100
    return frame.assign(entry=np.where(enters < frame["time"], enters, 0))


@pytest.fixture(scope="module")
def with_center(complete: pd.DataFrame) -> pd.DataFrame:
    return complete.dropna(subset=["inst"]).reset_index(drop=True)


def from_origin(frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return np.zeros(len(frame)), frame["time"].to_numpy(), frame["death"].to_numpy()


def late_entry(frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return frame["entry"].to_numpy(), frame["time"].to_numpy(), frame["death"].to_numpy()


def assert_cox(fit: CoxFit, analysis: str) -> None:
    expected = reference("lung_cox.csv").query("analysis == @analysis")
    terms = list(expected["term"])
    assert list(fit.terms[: len(terms)]) == terms
    np.testing.assert_allclose(fit.coef[: len(terms)], expected["coef"], rtol=0, atol=COEFFICIENT)
    np.testing.assert_allclose(fit.se[: len(terms)], expected["se"], rtol=0, atol=COEFFICIENT)
    assert fit.log_likelihood == pytest.approx(expected["log_likelihood"].iloc[0], abs=1e-8)
    assert fit.rows == expected["patients"].iloc[0]
    assert fit.events == expected["events"].iloc[0]


def test_cox_of_sex_alone(everyone):
    assert_cox(cox(everyone[["female"]], *from_origin(everyone)), "sex_all_228")


def test_cox_efron(complete):
    assert_cox(cox(complete[TERMS], *from_origin(complete)), "efron")


def test_efron_and_breslow_differ_by_more_than_the_tolerance():
    table = reference("lung_cox.csv").set_index(["analysis", "term"])["coef"]
    assert (table["efron"] - table["breslow"]).abs().min() > 10 * COEFFICIENT


def test_cox_stratified_by_center(with_center):
    fit = cox(with_center[TERMS], *from_origin(with_center), strata=with_center["inst"])
    assert_cox(fit, "efron_strata_center")


def test_cox_with_center_dummies(with_center):
    coded = center_dummies(*from_origin(with_center), with_center["inst"])
    design = pd.concat([with_center[TERMS], coded.dummies], axis=1)
    assert_cox(cox(design, *from_origin(with_center), strata=coded.block), "efron_factor_center")


def test_cox_with_delayed_entry(complete):
    assert_cox(cox(complete[TERMS], *late_entry(complete)), "efron_delayed_entry")


def test_cox_with_delayed_entry_and_strata(complete):
    fit = cox(complete[["female", "age"]], *late_entry(complete), strata=complete["ph.ecog"])
    assert_cox(fit, "efron_delayed_entry_strata_ecog")


def test_cox_with_a_time_varying_covariate(complete):
    early = complete.assign(
        start=0.0, stop=complete["time"].clip(upper=200), female_late=0.0
    ).assign(death=complete["death"].where(complete["time"] <= 200, 0))
    late = complete[complete["time"] > 200]
    late = late.assign(start=200.0, stop=late["time"], female_late=late["female"])
    episodes = pd.concat([early, late])
    fit = cox(
        episodes[[*TERMS, "female_late"]], episodes["start"], episodes["stop"], episodes["death"]
    )
    assert_cox(fit, "efron_start_stop")


@pytest.mark.parametrize("kind", ["log", "log-log", "plain"])
@pytest.mark.parametrize("analysis", ["men", "women", "delayed_entry"])
def test_survival_and_median(everyone, complete, analysis, kind):
    sex = {"men": 0, "women": 1}
    if analysis in sex:
        episodes = from_origin(everyone[everyone["female"] == sex[analysis]])
    else:
        episodes = late_entry(complete)
    curve = kaplan_meier(*episodes, interval_kind=kind)
    query = "analysis == @analysis and interval_kind == @kind"
    expected = reference("lung_survival.csv").query(query)
    at = survival_at(curve, expected["time"])
    for column in ("survival", "standard_error", "lower", "upper"):
        np.testing.assert_allclose(at[column], expected[column], rtol=ARITHMETIC, err_msg=column)
    np.testing.assert_array_equal(
        numbers_at_risk(*episodes[:2], expected["time"]), expected["at_risk"]
    )
    median = reference("lung_median.csv").query(query).iloc[0]
    found = median_survival(curve)
    assert (found.estimate, found.lower, found.upper) == (
        median["median"],
        median["lower"],
        median["upper"],
    )
    assert found.interval_kind == kind
    assert curve["events"].sum() == median["events"]


def test_logrank(everyone):
    expected = reference("lung_logrank.csv").set_index("analysis").loc["sex_all_228"]
    test = logrank(*from_origin(everyone), everyone["female"])
    assert test.chi2 == pytest.approx(expected["chi2"], rel=ARITHMETIC)
    assert test.p_value == pytest.approx(expected["p_value"], rel=1e-9)
    for arm in ("control", "treated"):
        assert test.observed[arm] == expected[f"observed_{arm}"]
        assert test.expected[arm] == pytest.approx(expected[f"expected_{arm}"], rel=ARITHMETIC)


def test_logrank_stratified_by_center(with_center):
    expected = reference("lung_logrank.csv").set_index("analysis").loc["sex_strata_center"]
    test = logrank(*from_origin(with_center), with_center["female"], strata=with_center["inst"])
    assert test.chi2 == pytest.approx(expected["chi2"], rel=ARITHMETIC)
    assert test.observed["treated"] == expected["observed_treated"]
    assert test.expected["treated"] == pytest.approx(expected["expected_treated"], rel=ARITHMETIC)


def test_logrank_with_delayed_entry(complete):
    expected = reference("lung_logrank.csv").set_index("analysis").loc["delayed_entry"]
    test = logrank(*late_entry(complete), complete["female"])
    assert test.chi2 == pytest.approx(expected["chi2"], rel=ARITHMETIC)


@pytest.mark.parametrize("intervals", [1, 3, 5, 8])
def test_piecewise_exponential(complete, intervals):
    expected = reference("lung_piecewise_exponential.csv").query("intervals == @intervals")
    deaths = complete.loc[complete["death"] == 1, "time"]
    cuts = np.quantile(deaths, np.arange(1, intervals) / intervals)
    printed = str(expected["cuts"].iloc[0]).split() if intervals > 1 else []
    np.testing.assert_allclose(cuts, [float(cut) for cut in printed], rtol=1e-14)
    person_time = split_person_time(*from_origin(complete), cuts)
    collapsed = person_time.collapse(complete[TERMS].to_numpy())
    assert person_time.cells == expected["rows"].iloc[0]
    assert collapsed.cells == expected["collapsed_rows"].iloc[0]
    fit = piecewise_exponential_mle(person_time.events, person_time.exposure, complete[TERMS])
    by_term = expected.set_index("term")
    levels = [f"log_hazard_{interval + 1}" for interval in range(intervals)]
    for found, column, terms in (
        (fit.coef, "coef", TERMS),
        (fit.se, "se", TERMS),
        (fit.log_hazard, "coef", levels),
        (fit.log_hazard_se, "se", levels),
    ):
        np.testing.assert_allclose(found, by_term.loc[terms, column], rtol=0, atol=1e-8)
    assert fit.log_likelihood == pytest.approx(expected["log_likelihood"].iloc[0], abs=1e-8)


def test_collapsed_rows_have_the_same_fit(complete):
    person_time = split_person_time(*from_origin(complete), [108.8, 183.6, 290.4, 446.4])
    collapsed = person_time.collapse(complete[TERMS].to_numpy())
    patterns = np.unique(complete[TERMS].to_numpy(), axis=0)
    rows = piecewise_exponential_mle(person_time.events, person_time.exposure, complete[TERMS])
    fit = piecewise_exponential_mle(collapsed.events, collapsed.exposure, patterns)
    np.testing.assert_allclose(fit.coef, rows.coef, atol=1e-9)
    assert fit.log_likelihood == pytest.approx(rows.log_likelihood, abs=1e-8)
