"""A cohort of a table of visits by hand, its findings, and faults by name."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hccbayes.errors import InputError
from hccbayes.time_zero.seen_visits import VisitFinding
from hccbayes.time_zero.visit_cohort import VisitCohort, cohort_from_visits
from hccbayes.time_zero.visit_rules import VisitRules

NAMES = ["patient_id", "visit_date", "age", "afp", "drug", "tace", "death", "days_to_end"]
RULES = VisitRules(
    index_treatment="drug",
    added_treatment="tace",
    follow_up="days_to_end",
    event="death",
    covariates=("age", "afp"),
    history=(("tace", "prior_tace"),),
    age="age",
)


def visits(*rows: tuple) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=NAMES)


def three() -> pd.DataFrame:
    """One patient with history and a late addition, one never added, one never on the drug."""
    return visits(
        ("a", "2015-01-01", 60, 10.0, 0, 1, 1, 400),
        ("a", "2015-03-02", 60, 20.0, 0, 1, 1, 340),
        ("a", "2015-04-01", 60, 30.0, 1, 0, 1, 310),
        ("a", "2015-05-01", 60, 40.0, 1, 1, 1, 280),
        ("b", "2016-01-01", 50, 5.0, 1, 0, 0, 100),
        ("c", "2016-01-01", 40, 6.0, 0, 1, 1, 50),
    )


def one(cohort: VisitCohort, words: str) -> VisitFinding:
    """Return the one finding that holds these words."""
    (found,) = [finding for finding in cohort.findings if words in finding.finding]
    return found


def none(cohort: VisitCohort, words: str) -> bool:
    return not any(words in finding.finding for finding in cohort.findings)


def problems(frame: pd.DataFrame) -> list[str]:
    with pytest.raises(InputError) as error:
        cohort_from_visits(frame, RULES)
    return [str(problem) for problem in error.value.problems]


def test_cohort_by_hand():
    cohort = cohort_from_visits(three(), RULES)
    frame = cohort.frame
    assert frame.columns.tolist() == [
        "patient_id", "time_zero", "start_year", "days_since_first_visit", "follow_up_months",
        "death", "days_to_tace", "months_to_tace", "naive_arm", "age", "afp", "prior_tace",
    ]  # fmt: skip
    assert frame["patient_id"].tolist() == ["a", "b"]
    assert frame["time_zero"].dt.strftime("%Y-%m-%d").tolist() == ["2015-04-01", "2016-01-01"]
    assert frame["start_year"].tolist() == [2015, 2016]
    assert frame["days_since_first_visit"].tolist() == [90, 0]
    np.testing.assert_allclose(frame["follow_up_months"], [310 / 30.4375, 100 / 30.4375])
    assert frame["death"].tolist() == [1, 0]
    np.testing.assert_array_equal(frame["days_to_tace"], [30.0, np.nan])
    np.testing.assert_allclose(frame["months_to_tace"], [30 / 30.4375, np.nan])
    assert frame["naive_arm"].tolist() == ["tace+drug", "drug"]
    assert frame["afp"].tolist() == [30.0, 5.0]
    assert frame["prior_tace"].tolist() == [2, 0]
    assert (cohort.patients_read, cohort.visits_read) == (3, 6)
    assert one(cohort, "patients without drug").ids == ("c",)
    assert "1 of 1 patient in `tace+drug`" in cohort.notes[0]


def test_window_includes_its_last_day():
    labels = {
        days: cohort_from_visits(
            three(),
            VisitRules(
                index_treatment="drug", added_treatment="tace", follow_up="days_to_end",
                event="death", window_days=days, arms=("both", "alone"),
            ),
        ).frame["naive_arm"][0]
        for days in (29, 30)
    }  # fmt: skip
    assert labels == {29: "alone", 30: "both"}


def test_follow_up_in_months():
    rules = VisitRules(
        index_treatment="drug", added_treatment="tace", follow_up="days_to_end", event="death",
        follow_up_unit="months",
    )  # fmt: skip
    assert cohort_from_visits(three(), rules).frame["follow_up_months"].tolist() == [310.0, 100.0]


def test_order_of_rows_does_not_matter_but_is_found():
    frame = three()
    cohort = cohort_from_visits(frame.iloc[::-1], RULES)
    expected = cohort_from_visits(frame, RULES).frame
    pd.testing.assert_frame_equal(
        cohort.frame.sort_values("patient_id", ignore_index=True), expected
    )
    assert one(cohort, "before the row above").visits == 3
    apart = cohort_from_visits(frame.iloc[[0, 4, 1, 2, 3, 5]], RULES)
    assert one(apart, "not together").ids == ("a",)
    pd.testing.assert_frame_equal(apart.frame, expected)


def test_two_rows_of_a_day_are_one_visit():
    frame = visits(
        ("a", "2015-01-01", 60, 10.0, 0, 1, 1, 100),
        ("a", "2015-01-01", 60, 11.0, 0, 0, 1, 100),
        ("a", "2015-02-01", 60, 20.0, 1, 0, 1, 69),
        ("a", "2015-02-01", 60, 30.0, 0, 1, 1, 69),
        ("b", "2015-02-01", 60, 30.0, 1, 0, 1, 69),
        ("b", "2015-02-01", 60, 30.0, 1, 0, 1, 69),
    )
    cohort = cohort_from_visits(frame, RULES)
    assert cohort.frame["prior_tace"].tolist() == [1, 0]
    assert cohort.frame["afp"].tolist() == [30.0, 30.0]
    assert cohort.frame["days_to_tace"][0] == 0.0
    assert one(cohort, "one day with different").visits == 4
    assert one(cohort, "stand twice").ids == ("b",)


def test_visits_after_the_end_do_not_count():
    frame = visits(
        ("a", "2015-01-01", 60, 10.0, 1, 0, 1, 10),
        ("a", "2015-01-20", 60, 10.0, 1, 1, 1, -9),
        ("b", "2015-01-20", 60, 10.0, 1, 0, 1, -3),
    )
    cohort = cohort_from_visits(frame, RULES)
    assert cohort.frame["patient_id"].tolist() == ["a"]
    assert np.isnan(cohort.frame["days_to_tace"][0])
    found = one(cohort, "visits after the end")
    assert (found.visits, found.patients, found.cohort_patients) == (2, 2, 1)
    assert one(cohort, "treatment recorded after").ids == ("a", "b")
    assert one(cohort, "patients without drug").ids == ("b",)


def test_treatment_after_the_end_that_time_zero_states():
    frame = visits(
        ("a", "2015-01-01", 60, 10.0, 1, 0, 1, 10),
        ("a", "2015-01-20", 60, 10.0, 1, 1, 0, 5),
    )
    cohort = cohort_from_visits(frame, RULES)
    assert np.isnan(cohort.frame["days_to_tace"][0])
    assert cohort.frame["naive_arm"][0] == "drug"
    assert one(cohort, "tace after the end of follow-up stated").ids == ("a",)
    assert one(cohort, "death differs").visits == 2
    found = one(cohort, "a day or more")
    assert "14.00 days more" in found.detail


def test_ends_that_differ_by_a_time_of_day():
    frame = visits(
        ("a", "2015-01-01", 60, 10.0, 1, 0, 1, 99.542),
        ("a", "2015-01-31", 60, 10.0, 1, 0, 1, 70.0),
        ("b", "2015-01-01", 60, 10.0, 1, 0, 1, 99.0),
    )
    cohort = cohort_from_visits(frame, RULES)
    found = one(cohort, "less than a day")
    assert found.ids == ("a",)
    assert "most 0.46 days apart" in found.detail
    assert "0 still differ" in found.detail
    assert "0.00 days less to 0.46 days more" in found.detail
    assert none(cohort, "a day or more")


def test_ages():
    frame = visits(
        ("a", "2015-01-01", 60, 10.0, 1, 0, 1, 100),
        ("a", "2015-02-01", 0, 10.0, 1, 0, 1, 69),
        ("b", "2015-01-01", 50, 10.0, 1, 0, 1, 99),
        ("b", "2016-01-01", 51, 10.0, 1, 0, 1, 0),
    )
    cohort = cohort_from_visits(frame, RULES)
    assert one(cohort, "age below 1").ids == ("a",)
    assert one(cohort, "age lower than").visits == 1
    assert one(cohort, "births").ids == ("a",)


def test_zeros_indicators_limits_and_missing_values():
    count = 400
    rng = np.random.default_rng(7)
    frame = pd.DataFrame(
        {
            "patient_id": np.repeat(np.arange(count // 2), 2),
            "visit_date": ["2015-01-01", "2015-02-01"] * (count // 2),
            "age": 60,
            "afp": np.minimum(rng.lognormal(3, 2, count), 100.0),
            "lesions": 1.0,
            "size": 20.0,
            "new": rng.integers(0, 2, count),
            "drug": 1,
            "tace": 0,
            "death": 0,
            "days_to_end": [100, 69] * (count // 2),
        }
    )
    frame.loc[3, "new"] = 4
    frame.loc[5, "size"] = 0.0
    frame.loc[8, "lesions"] = 0.0
    frame.loc[10, "afp"] = np.nan
    rules = VisitRules(
        index_treatment="drug", added_treatment="tace", follow_up="days_to_end", event="death",
        covariates=("afp",), zero_together=(("lesions", "size"),),
    )  # fmt: skip
    cohort = cohort_from_visits(frame, rules)
    assert one(cohort, "new is neither 0 nor 1").ids == ("1",)
    assert one(cohort, "size is 0 and lesions").ids == ("2",)
    assert one(cohort, "lesions is 0 and size").ids == ("4",)
    limit = one(cohort, "afp at its largest")
    assert limit.visits == (frame["afp"] == 100.0).sum() > 20
    assert one(cohort, "afp is missing").ids == ("5",)
    assert np.isnan(cohort.frame["afp"][5])


def dated(start: pd.DatetimeIndex, follow_up: np.ndarray) -> pd.DataFrame:
    count = len(start)
    return pd.DataFrame(
        {
            "patient_id": np.arange(count), "visit_date": start.strftime("%Y-%m-%d"), "age": 60,
            "afp": 1.0, "drug": 1, "tace": 0, "death": 1, "days_to_end": follow_up,
        }
    )  # fmt: skip


def test_events_on_one_day_of_the_month():
    rng = np.random.default_rng(3)
    start = pd.Timestamp("2015-01-01") + pd.to_timedelta(rng.integers(0, 900, 300), unit="D")
    days = rng.integers(30, 600, 300)
    assert none(cohort_from_visits(dated(start, days), RULES), "only the month")
    end = start + pd.to_timedelta(days, unit="D")
    middle = end + pd.to_timedelta(15 - end.day, unit="D")
    known = np.where(rng.random(300) < 0.4, (middle - start).days, days)
    found = one(cohort_from_visits(dated(start, known), RULES), "only the month")
    assert "day 15" in found.finding
    expected = ((start + pd.to_timedelta(known, unit="D")).day == 15).sum()
    assert found.patients == expected
    assert found.detail.startswith(f"{expected} of 300 events")


def test_visits_on_a_schedule():
    rng = np.random.default_rng(4)
    gaps = np.where(np.arange(300) < 80, 90, rng.integers(20, 200, 300))
    frame = visits(
        *(
            (patient, day.strftime("%Y-%m-%d"), 60, 1.0, 1, 0, 0, 500 - (day - start).days)
            for patient, gap in enumerate(gaps)
            for start in [pd.Timestamp("2015-01-01")]
            for day in (start, start + pd.to_timedelta(gap, unit="D"))
        )
    )
    found = one(cohort_from_visits(frame, RULES), "exactly 90 days")
    assert found.visits == (gaps == 90).sum()


def test_findings_table_counts_and_names_only_if_asked():
    cohort = cohort_from_visits(three(), RULES)
    table = cohort.findings_table()
    assert table.columns.tolist() == [
        "finding", "visits", "patients", "cohort_patients", "time_zero_visits", "detail", "action",
    ]  # fmt: skip
    named = cohort.findings_table(examples=True)
    assert named.loc[named["finding"].str.contains("without drug"), "examples"].item() == "c"


def test_every_fault_at_once():
    frame = three().astype(object)
    frame.loc[0, "visit_date"] = "01/02/2015"
    frame.loc[3, "drug"] = 2
    frame.loc[4, "days_to_end"] = "100 d"
    frame.loc[5, "death"] = None
    found = problems(frame)
    assert len(found) == 4
    text = " ".join(found)
    assert "DD/MM/YYYY ('01/02/2015') beside YYYY-MM-DD" in text
    assert "must be 0 or 1, found '2' (row a (line 4))" in text
    assert "'100 d' (row b)" in text
    assert "column death: is missing (row c)" in text


def test_columns_rows_and_nobody():
    with pytest.raises(InputError, match="did you mean `visitdate`"):
        cohort_from_visits(three().rename(columns={"visit_date": "visitdate"}), RULES)
    with pytest.raises(InputError, match="no rows"):
        cohort_from_visits(visits(), RULES)
    with pytest.raises(InputError, match="nobody has a time zero"):
        cohort_from_visits(three().assign(drug=0), RULES)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"added_treatment": "drug"}, "cannot be the index treatment"),
        ({"follow_up_unit": "fortnights"}, "choose from days"),
        ({"window_days": -1}, "at least 0"),
        ({"arms": ("same", "same")}, "two different"),
        ({"history": (("tace", "death"),)}, "two columns `death`"),
        ({"covariates": ("date",)}, "rename the column"),
    ],
)
def test_rules_that_contradict_themselves(options, words):
    fields = {"index_treatment": "drug", "added_treatment": "tace"}
    with pytest.raises(InputError, match=words):
        VisitRules(**{**fields, "follow_up": "days_to_end", "event": "death", **options})


def test_a_cell_is_found_by_patient_and_line():
    frame = three().astype(object)
    frame.loc[[1, 4], "visit_date"] = ["2015-02-30", "soon"]
    text = " ".join(problems(frame))
    assert "'2015-02-30' (row a (line 2))" in text
    assert "'soon'; write dates as YYYY-MM-DD (row b)" in text


def test_a_file_with_semicolons_is_one_problem():
    (text,) = problems(pd.DataFrame({"patient_id;visit_date": ["a;2015-01-01"]}))
    assert "separated by semicolons" in text
