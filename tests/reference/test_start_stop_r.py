"""Episodes of the package against R's tmerge, and the regressions on them (start_stop.R).

`heart` is made from `jasa`, with the conventions of R's own table: a day is added to all times, and
a transplantation on the day of the end is taken to be half a day earlier. `mgus2` has age in months
as its clock, entered at diagnosis. `pbcseq` carries laboratory values forward as R's vignette on
time-dependent covariates does; visits after the end of follow-up are left out there.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from classic_cohorts import number, read_classic
from conftest import DATA, Reference

from hccbayes.frequentist.cox import cox
from hccbayes.frequentist.piecewise_exponential import piecewise_exponential_mle
from hccbayes.person_time import split_person_time
from hccbayes.time_zero.episode_rules import EpisodeRules
from hccbayes.time_zero.start_stop import episode_totals, visit_episodes

ARITHMETIC = 1e-12
COEFFICIENTS = 1e-8
"""Relative, and in standard errors: both programs iterate to the last digits."""
STANDARD_ERRORS = 1e-6
CUTS = {
    "heart": [30, 100, 365],
    "mgus2": [12 * 60, 12 * 70, 12 * 80, 12 * 90],
    "pbcseq": [365, 1000, 2000, 3000],
}
TERMS = {
    "heart": ["treatment", "age", "surgery"],
    "mgus2": ["treatment", "male", "recent"],
    "pbcseq": ["log_bili", "log_protime"],
}


def heart() -> pd.DataFrame:
    jasa = read_classic("jasa")
    end, transplant = jasa["futime"] + 1.0, jasa["wait.time"] + 1.0
    patients = pd.DataFrame(
        {
            "patient": np.arange(1, len(jasa) + 1),
            "time": end,
            "event": jasa["fustat"],
            "treatment_start": transplant.mask(transplant == end, end - 0.5),
            "age": jasa["age"] - 48,
            "surgery": jasa["surgery"],
        }
    )
    return visit_episodes(patients, rules=EpisodeRules(entry=None, baseline=("age", "surgery")))


def mgus2() -> pd.DataFrame:
    frame = read_classic("mgus2")
    entry = 12 * frame["age"]
    patients = pd.DataFrame(
        {
            "patient": frame["id"],
            "entry": entry,
            "time": entry + frame["futime"],
            "event": frame["death"],
            "treatment_start": (entry + frame["ptime"]).where(frame["pstat"] == 1),
            "male": number(frame["sex"] == "M"),
            "recent": number(frame["dxyr"] >= 1983),
        }
    )
    return visit_episodes(patients, rules=EpisodeRules(baseline=("male", "recent")))


def first_visits() -> pd.DataFrame:
    pbc = read_classic("pbc")
    return pbc[pbc["id"] <= 312].assign(
        event=number(pbc["status"] == 2), treatment=number(pbc["trt"] == 1), start=0.0
    )


def pbcseq() -> pd.DataFrame:
    rules = EpisodeRules(
        patient="id",
        entry=None,
        treatment_start="treatment_start",
        visit_time="day",
        covariates=("bili", "protime"),
        after_end="drop",
    )
    patients = first_visits()
    # Randomized at time 0: on treatment throughout, or never.
    patients = patients.assign(treatment_start=np.where(patients["treatment"] == 1, 0.0, np.nan))
    episodes = visit_episodes(patients, read_classic("pbcseq"), rules)
    return with_logarithms(episodes)


def with_logarithms(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(log_bili=np.log(frame["bili"]), log_protime=np.log(frame["protime"]))


BUILDERS: dict[str, Callable[[], pd.DataFrame]] = {
    "heart": heart,
    "mgus2": mgus2,
    "pbcseq": pbcseq,
}


@pytest.fixture(scope="module", params=list(BUILDERS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def episodes(name: str) -> pd.DataFrame:
    return BUILDERS[name]()


@pytest.fixture(scope="module")
def reference(name: str) -> Reference:
    table = pd.read_csv(
        DATA / "start_stop_classic.csv", comment="#", dtype={"label": str, "convention": str}
    )
    return Reference(table[table["cohort"] == name].fillna({"label": "", "convention": ""}))


def same_fit(coef, se, reference, analysis, terms):
    expected_se = reference.of_terms(analysis, "", terms, "se")
    expected = reference.of_terms(analysis, "", terms, "coef")
    np.testing.assert_allclose(se, expected_se, rtol=STANDARD_ERRORS)
    assert (np.abs(coef - expected) / expected_se).max() < COEFFICIENTS


def test_rows_exposure_and_events_by_treatment(episodes, reference):
    totals = episode_totals(episodes)
    assert totals["treatment"].tolist() == [0, 1]
    for row in totals.itertuples():
        for quantity in ("rows", "patients", "events"):
            expected = reference("totals", "", str(row.treatment), quantity)
            assert getattr(row, quantity) == expected
        exposure = reference("totals", "", str(row.treatment), "exposure")
        assert row.exposure == pytest.approx(exposure, rel=ARITHMETIC)


def test_cox(episodes, reference, name):
    terms = TERMS[name]
    columns = [episodes[column] for column in ("start", "stop", "event")]
    fit = cox(episodes[terms].astype(float), *columns)
    same_fit(fit.coef, fit.se, reference, "cox", terms)
    expected = reference("cox", "", "", "log_likelihood")
    assert fit.log_likelihood == pytest.approx(expected, rel=ARITHMETIC)


def test_piecewise_exponential(episodes, reference, name):
    terms, cuts = TERMS[name], CUTS[name]
    columns = [episodes[column] for column in ("start", "stop", "event")]
    pieces = split_person_time(*columns, cuts)
    fit = piecewise_exponential_mle(
        pieces.events, pieces.exposure, episodes[terms].to_numpy(dtype=float)
    )
    intervals = [f"interval{number}" for number in range(1, len(cuts) + 2)]
    same_fit(fit.coef, fit.se, reference, "piecewise_exponential", terms)
    same_fit(fit.log_hazard, fit.log_hazard_se, reference, "piecewise_exponential", intervals)


def test_heart_row_for_row():
    table = read_classic("heart").sort_values(["id", "start"])
    found = heart()
    columns = ["start", "stop", "event", "treatment"]
    expected = table.rename(columns={"transplant": "treatment"})[columns]
    np.testing.assert_array_equal(found[columns], expected)
    np.testing.assert_array_equal(found["patient"].astype(int), table["id"])


@pytest.mark.parametrize("name", ["pbcseq"], scope="module")
def test_values_carried_forward(name, episodes, reference):
    span = episodes["stop"] - episodes["start"]
    for column in ("bili", "protime"):
        values = episodes[column]
        total = reference("carried", "", column, "sum")
        exposure = reference("carried", "", column, "exposure")
        assert values.sum() == pytest.approx(total, rel=ARITHMETIC)
        assert (values * span).sum() == pytest.approx(exposure, rel=ARITHMETIC)


@pytest.mark.parametrize("name", ["pbcseq"], scope="module")
def test_values_of_the_first_visit_alone(name, reference):
    frame, terms = with_logarithms(first_visits()), TERMS[name]
    fit = cox(frame[terms], frame["start"], frame["time"], frame["event"])
    same_fit(fit.coef, fit.se, reference, "cox_baseline", terms)
