"""The cohort of the liver patients, made from their visits, is the one made by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from conftest import PATIENTS

from hccbayes.time_zero.visit_cohort import VisitCohort, cohort_from_visits
from hccbayes.time_zero.visit_rules import VisitRules

VISITS = PATIENTS.with_name("sysucc_visits.csv")
RULES = VisitRules(
    index_treatment="targeted_therapy",
    added_treatment="embolization",
    follow_up="days_to_end",
    event="death",
    age="age_years",
    covariates=(
        "age_years",
        "hepatic_lesions",
        "largest_lesion_mm",
        "vascular_invasion",
        "lymph_node_metastasis",
        "distant_metastasis",
        "child_pugh_score",
        "afp_ng_ml",
    ),
    history=(("embolization", "prior_embolizations"), ("resection", "prior_resection")),
    arms=("embolisation+targeted", "targeted"),
    zero_together=(("hepatic_lesions", "largest_lesion_mm"),),
)


@pytest.fixture(scope="module")
def cohort() -> VisitCohort:
    if not VISITS.exists():
        pytest.skip("sysucc_visits.csv is not beside the project")
    return cohort_from_visits(pd.read_csv(VISITS), RULES)


def test_every_column_of_the_246_patients(cohort):
    expected = pd.read_csv(PATIENTS)
    found = cohort.frame.rename(columns={"follow_up_months": "os_months", "naive_arm": "arm"})
    exact = expected.columns.drop("os_months")
    pd.testing.assert_frame_equal(found[exact], expected[exact], check_exact=True)
    # The file has four decimals.
    np.testing.assert_array_equal(found["os_months"].round(4), expected["os_months"])


@pytest.mark.parametrize(
    ("words", "visits", "patients", "cohort_patients", "time_zero_visits"),
    [
        ("patients without targeted_therapy", 9688, 2114, 0, 0),
        ("by less than a day", 7476, 1433, 138, 138),
        ("visits on the last day", 149, 149, 12, 2),
        ("treatment recorded on the last day", 25, 25, 12, 2),
        ("only the month is known", 603, 603, 52, 12),
        ("stand twice", 10, 1, 0, 0),
        ("one day with different values", 14, 3, 0, 0),
        ("age below 1", 45, 21, 0, 0),
        ("age lower than", 24, 18, 0, 0),
        ("hepatic_lesions is 0", 14, 9, 2, 0),
        ("largest_lesion_mm is 0", 1, 1, 0, 0),
        ("new_lesion is neither", 4, 4, 0, 0),
        ("afp_ng_ml at its largest", 339, 168, 28, 13),
        ("visits after time zero without", 7, 1, 1, 0),
        ("time zero is the first visit", 33, 33, 33, 33),
        ("exactly 90 days", 496, 221, 14, 1),
    ],
)
def test_findings(cohort, words, visits, patients, cohort_patients, time_zero_visits):
    table = cohort.findings_table()
    (row,) = table[table["finding"].str.contains(words)].itertuples()
    counts = (row.visits, row.patients, row.cohort_patients, row.time_zero_visits)
    assert counts == (visits, patients, cohort_patients, time_zero_visits)


def test_what_the_real_visits_are_free_of(cohort):
    found = " ".join(cohort.findings_table()["finding"])
    for words in ("a day or more", "after the end", "death differs", "row above", "not together"):
        assert words not in found


def test_ends_differ_by_a_time_of_day_only(cohort):
    (found,) = [one for one in cohort.findings if "less than a day" in one.finding]
    assert "most 0.83 days apart" in found.detail
    assert "4 still differ" in found.detail
    assert "138 patients, by 0.83 days less to 0.75 days more" in found.detail


def test_what_the_naive_arm_takes_from_the_future(cohort):
    (note,) = cohort.notes
    assert "9 of 76 patients in `embolisation+targeted`" in note
    assert "18 died in the window" in note
