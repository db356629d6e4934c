"""Reading and validating a cohort: every check by its message, its rows and its place."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hccbayes.cohort import Cohort, read_cohort
from hccbayes.cohort.checks import listed
from hccbayes.cohort.values import label_text
from hccbayes.errors import InputError, Problem
from hccbayes.roles import ArmRole, Roles
from hccbayes.spec import AnalysisSpec

ROOT = Path(__file__).resolve().parents[2]
SYSUCC = ROOT.parent / "shared" / "data" / "sysucc_targeted.csv"
ARM = ArmRole(column="arm", treated="tace", control="systemic")
ROLES = Roles(
    id="id",
    time="months",
    event="death",
    arm=ARM,
    center="hospital",
    covariates=("age", "stage"),
)


def patients() -> pd.DataFrame:
    """Return eight patients without a fault: two arms, two centers, two stages."""
    return pd.DataFrame(
        {
            "id": [f"P{row}" for row in range(1, 9)],
            "months": [1.5, 2.0, 4.0, 8.0, 3.0, 6.0, 9.0, 12.0],
            "death": [1, 0, 1, 1, 0, 1, 1, 0],
            "arm": ["tace", "systemic"] * 4,
            "hospital": ["north", "north", "south", "south"] * 2,
            "age": [50, 61, 47, 72, 66, 58, 63, 55],
            "stage": ["B", "C", "C", "B", "B", "C", "C", "B"],
        }
    )


def with_cells(column: str, cells: dict[int, object]) -> pd.DataFrame:
    """Return the patients with some cells of one column replaced, by row from zero."""
    frame = patients()
    frame[column] = frame[column].astype(object)
    for row, value in cells.items():
        frame.loc[row, column] = value
    return frame


def changed(**fields: object) -> Roles:
    """Return the roles with some fields changed, validated anew."""
    return Roles.model_validate(ROLES.model_dump() | fields)


def problems_of(data: pd.DataFrame | str | Path, roles: Roles = ROLES) -> tuple[Problem, ...]:
    """Return what `read_cohort` finds wrong; there must be something."""
    with pytest.raises(InputError) as caught:
        read_cohort(data, roles)
    return caught.value.problems


def only_problem(data: pd.DataFrame | str | Path, roles: Roles = ROLES) -> Problem:
    """Return the one problem that is found."""
    (problem,) = problems_of(data, roles)
    return problem


def outcome(data: pd.DataFrame | Path, roles: Roles) -> Cohort | InputError:
    """Return the cohort or the error that names what is wrong; anything else is raised."""
    try:
        return read_cohort(data, roles)
    except InputError as error:
        return error


# What a valid cohort holds.


def test_frame_has_the_names_and_types_that_are_promised():
    cohort = read_cohort(patients(), ROLES)
    assert {name: str(dtype) for name, dtype in cohort.frame.dtypes.items()} == {
        "patient": "object",
        "entry": "float64",
        "time": "float64",
        "event": "int64",
        "treatment": "int64",
        "center": "object",
        "age": "int64",
        "stage": "object",
    }
    assert cohort.frame.index.equals(pd.RangeIndex(8))
    assert cohort.frame["treatment"].tolist() == [1, 0] * 4
    assert cohort.frame["entry"].tolist() == [0.0] * 8
    assert cohort.frame["time"].tolist() == patients()["months"].tolist()
    assert (cohort.source, cohort.rows_read, cohort.exclusions) == ("DataFrame", 8, ())


def test_no_center_column_without_a_center_role():
    frame = read_cohort(patients(), changed(center=None)).frame
    assert "center" not in frame
    assert read_cohort(patients(), changed(center=None)).summary().centers == 0


def test_summary_counts_by_hand():
    data = patients().assign(entry=[0.5, 0, 0, 0, 0, 0, 0, 2.0])
    summary = read_cohort(data, changed(entry="entry")).summary()
    treated, control = summary.arms["treated"], summary.arms["control"]
    # Treated: times 1.5, 4, 3, 9 and entry 0.5; control: 2, 8, 6, 12 and entry 2.
    assert (treated.label, treated.patients, treated.events) == ("tace", 4, 3)
    assert treated.person_months == 17.0
    assert (control.label, control.patients, control.events) == ("systemic", 4, 2)
    assert control.person_months == 26.0
    assert (summary.centers, summary.rows_read) == (2, 8)


def test_episodes_run_from_entry_to_the_end_of_follow_up():
    data = patients().assign(entry=[0.5] + [0.0] * 7)
    cohort = read_cohort(data, changed(entry="entry"))
    episodes = cohort.episodes()
    assert list(episodes.columns) == [
        "patient",
        "start",
        "stop",
        "event",
        "treatment",
        "center",
        "age",
        "stage",
        "patient_index",
    ]
    assert episodes["start"].tolist() == [0.5] + [0.0] * 7
    assert episodes["stop"].tolist() == data["months"].tolist()
    episodes.loc[0, "stop"] = -1.0
    assert cohort.frame.loc[0, "time"] == 1.5


@pytest.mark.parametrize(
    ("unit", "months"),
    [("days", 1 / 30.4375), ("weeks", 7 / 30.4375), ("months", 1.0), ("years", 12.0)],
)
def test_times_are_converted_to_months(unit, months):
    data = patients()
    # Whole numbers of any unit that are plausible in each: 40 days to 5 years.
    data["months"] = [1, 2, 3, 4, 5, 5, 5, 5] if unit == "years" else [40] * 8
    frame = read_cohort(data, changed(time_unit=unit)).frame
    # One multiplication apart from the division: one rounding each.
    np.testing.assert_allclose(frame["time"], data["months"] * months, rtol=4 * 2.0**-53)


def test_the_input_is_left_as_it_was():
    data = with_cells("months", {0: 0.0, 1: " 2 "})
    data.loc[3, "age"] = np.nan
    data.index = pd.Index(range(100, 108), name="row")
    before = data.copy(deep=True)
    read_cohort(data, changed(zero_time="half_unit", missing="exclude"))
    pd.testing.assert_frame_equal(data, before)


def test_a_cohort_is_frozen():
    cohort = read_cohort(patients(), ROLES)
    with pytest.raises(AttributeError):
        cohort.source = "other"


# The same table from a frame, a CSV file and a Parquet file.


def test_csv_and_parquet_give_the_cohort_of_the_frame(tmp_path):
    data = patients().assign(id=["007", "08", *(f"P{row}" for row in range(6))])
    data.to_csv(tmp_path / "p.csv", index=False)
    data.to_parquet(tmp_path / "p.parquet")
    expected = read_cohort(data, ROLES)
    for name in ("p.csv", "p.parquet"):
        cohort = read_cohort(str(tmp_path / name), ROLES)
        pd.testing.assert_frame_equal(cohort.frame, expected.frame)
        assert cohort.source == name
        content = (tmp_path / name).read_bytes()
        assert cohort.sha256 == hashlib.sha256(content).hexdigest()
    assert expected.frame["patient"].tolist()[:2] == ["007", "08"]


def test_digest_of_a_frame_follows_its_content_alone():
    first = read_cohort(patients(), ROLES)
    moved = patients()
    moved.index = pd.Index(range(8, 0, -1))
    assert read_cohort(moved, changed(covariates=("age",))).sha256 == first.sha256
    assert read_cohort(with_cells("age", {0: 51}), ROLES).sha256 != first.sha256
    extra, other = patients().assign(extra=1), patients().assign(other=1)
    assert read_cohort(extra, ROLES).sha256 != read_cohort(other, ROLES).sha256
    # The digest is written into results: it may not change between versions unnoticed.
    assert first.sha256[:12] == "651cad567dcd"


def test_a_byte_order_mark_and_blanks_in_the_header_are_harmless(tmp_path):
    text = patients().to_csv(index=False).replace("id,months,", "id, months ,")
    (tmp_path / "p.csv").write_text(text, encoding="utf-8-sig")
    assert len(read_cohort(tmp_path / "p.csv", ROLES).frame) == 8


def test_whole_floats_of_a_frame_are_whole_labels_and_identifiers():
    data = patients().assign(id=[float(row) for row in range(8)], hospital=[1.0, 1.0, 2, 2] * 2)
    frame = read_cohort(data, ROLES).frame
    assert frame["patient"].tolist() == list("01234567")
    assert sorted(set(frame["center"])) == ["1", "2"]


def test_a_declared_category_keeps_its_order_and_stays_a_category():
    data = patients()
    data["stage"] = pd.Categorical(data["stage"], categories=["C", "B", "A"])
    data["age"] = pd.Categorical([1, 2] * 4)
    frame = read_cohort(data, ROLES).frame
    assert list(frame["stage"].cat.categories) == ["C", "B"]
    assert frame["age"].tolist() == ["1", "2"] * 4


def test_true_and_false_become_one_and_zero():
    data = patients().assign(age=[True, False] * 4, stage=["TRUE", "false"] * 4)
    frame = read_cohort(data, ROLES).frame
    assert frame["age"].tolist() == frame["stage"].tolist() == [1, 0] * 4


@pytest.mark.parametrize(
    "values",
    [
        [1, 0] * 4,
        [1.0, 0.0] * 4,
        ["1", "0"] * 4,
        ["1.0", "0.0"] * 4,
        [True, False] * 4,
        ["TRUE", "False"] * 4,
    ],
)
def test_events_and_labels_are_read_in_every_spelling(values):
    arm = {"column": "arm", "treated": 1, "control": 0}
    frame = read_cohort(patients().assign(arm=values), changed(arm=arm)).frame
    assert frame["treatment"].tolist() == [1, 0] * 4
    data = patients().assign(death=values, arm=["tace", "tace", "systemic", "systemic"] * 2)
    assert read_cohort(data, ROLES).frame["event"].tolist() == [1, 0] * 4


def test_labels_keep_case_and_leading_zeros():
    assert label_text("01") != label_text(1)
    assert label_text("TACE") != label_text("tace")
    assert label_text(1) == label_text("1.0") == label_text(1.0) == label_text(True) == "1"


def test_an_arm_called_none_or_na_is_not_missing(tmp_path):
    data = patients().replace({"arm": {"tace": "NA", "systemic": "None"}})
    data.to_csv(tmp_path / "p.csv", index=False)
    arm = {"column": "arm", "treated": "NA", "control": "None"}
    frame = read_cohort(tmp_path / "p.csv", changed(arm=arm)).frame
    assert frame["treatment"].tolist() == [1, 0] * 4


# Files that cannot be read.


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("p.csv", b"", "is empty"),
        ("p.csv", b"id,months,death,arm\n", "holds no row"),
        ("p.csv", b"id,arm\nJos\xe9,tace\n", "is not UTF-8 text"),
        ("p.csv", b"id,arm\n1,2,3\n", "Expected 2 fields in line 2, saw 3"),
        ("p.parquet", b"not parquet", "cannot be read"),
        ("p.parquet", b"PAR1\0\0\0\0PAR1", "cannot be read"),
        ("p.xlsx", b"", "has .xlsx, which is not read; give a .csv or .parquet file"),
        ("p", b"", "has no ending, which is not read"),
    ],
)
def test_unreadable_files_are_one_clear_problem(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    problem = only_problem(tmp_path / name)
    assert message in problem.message
    assert "\n" not in problem.message


def test_an_absent_file_and_a_folder_are_named(tmp_path):
    problem = only_problem(tmp_path / "absent.csv")
    assert problem.where == "data file"
    assert "No such file" in problem.message
    assert "absent.csv" in problem.message
    (tmp_path / "folder.csv").mkdir()
    assert "directory" in only_problem(tmp_path / "folder.csv").message


def test_the_error_names_the_file_and_not_its_folder(tmp_path):
    with_cells("death", {0: 7}).to_csv(tmp_path / "p.csv", index=False)
    with pytest.raises(InputError) as caught:
        read_cohort(tmp_path / "p.csv", ROLES)
    assert caught.value.source == "p.csv"
    assert str(caught.value).startswith("1 problem in p.csv:")


def test_other_objects_empty_frames_and_unknown_data_sets_are_refused():
    assert "not list" in only_problem([1, 2]).message
    assert "holds no row" in only_problem(patients().iloc[:0]).message
    assert "holds no row" in only_problem(pd.DataFrame()).message
    assert "choose from ncctg_lung" in only_problem("dataset:lung").message


def test_semicolons_are_recognized(tmp_path):
    patients().to_csv(tmp_path / "p.csv", index=False, sep=";")
    problems = problems_of(tmp_path / "p.csv")
    assert [problem.where for problem in problems] == [f"column {c}" for c in ROLES.columns]
    assert all("separated by semicolons" in problem.message for problem in problems)


@pytest.mark.parametrize("seed", range(2))
def test_a_damaged_parquet_file_is_a_cohort_or_an_input_error(tmp_path, seed):
    rng = np.random.default_rng([20261122, seed])
    path = tmp_path / "p.parquet"
    patients().to_parquet(path)
    clean = path.read_bytes()
    for _ in range(40):
        content = bytearray(clean)
        content[int(rng.integers(len(content)))] = int(rng.integers(256))
        path.write_bytes(bytes(content))
        assert isinstance(outcome(path, ROLES), Cohort | InputError)


# Columns.


def test_absent_columns_come_with_a_close_match():
    data = patients().rename(columns={"months": "Month"})
    time, grade = problems_of(data, changed(covariates=("histology",)))
    assert (time.where, time.message) == (
        "column months",
        "is not in the data; did you mean `Month`?",
    )
    assert grade.where == "column histology"
    assert "columns are 'id', 'Month', 'death'" in grade.message


@pytest.mark.parametrize("column", ["id", "months", "death", "arm", "hospital", "age"])
def test_any_absent_column_leaves_the_other_checks_running(column):
    data = with_cells("stage", {2: "D"}).drop(columns=column)
    absent, category = problems_of(data)
    assert absent.where == f"column {column}"
    assert category.where == "column stage"
    assert category.rows == (("line 3",) if column == "id" else ("P3",))


def test_a_repeated_column_is_refused_from_a_frame_and_a_file(tmp_path):
    data = pd.concat([patients(), patients()[["age"]]], axis="columns")
    data.to_csv(tmp_path / "p.csv", index=False)
    for source in (data, tmp_path / "p.csv"):
        problem = only_problem(source)
        assert (problem.where, problem.message) == (
            "column age",
            "stands 2 times in the data; keep one",
        )


@pytest.mark.parametrize("name", ["patient", "entry", "time", "event", "treatment", "start"])
def test_a_covariate_under_a_reserved_name_is_refused(name):
    problem = only_problem(patients().assign(**{name: range(8)}), changed(covariates=(name,)))
    assert problem.where == f"column {name}"
    assert f"reserved name `{name}`; rename the column" in problem.message


def test_the_outcome_cannot_be_a_covariate():
    problem = only_problem(patients(), changed(covariates=("age", "months")))
    assert problem.message == "is the time column and cannot be a covariate as well"


def test_a_reserved_name_in_its_own_role_is_no_clash():
    data = patients().rename(columns={"hospital": "center", "months": "time"})
    cohort = read_cohort(data, changed(center="center", time="time", covariates=("center", "age")))
    assert list(cohort.frame.columns) == [
        "patient",
        "entry",
        "time",
        "event",
        "treatment",
        "center",
        "age",
    ]


def test_a_center_that_is_a_covariate_as_well_is_text():
    data = patients().assign(hospital=["1", "x", "1", "2", "1", "x", "2", "1"])
    frame = read_cohort(data, changed(covariates=("hospital",))).frame
    assert frame["hospital"].tolist() == frame["center"].tolist() == data["hospital"].tolist()


def test_an_unused_column_under_a_reserved_name_is_warned_about():
    cohort = read_cohort(patients().assign(treatment=0), ROLES)
    assert cohort.frame["treatment"].sum() == 4
    assert (
        "the data's own column `treatment` is not used: `treatment` is made from column arm"
        in cohort.warnings
    )


def test_labels_that_read_the_same_are_refused():
    arm = {"column": "arm", "treated": 1, "control": "1.0"}
    problems = problems_of(patients(), changed(arm=arm))
    assert "`treated` and `control` are both '1'" in problems[0].message


# Cells.


@pytest.mark.parametrize(
    ("column", "cells", "message", "rows"),
    [
        ("months", {0: "six"}, "text where a number is needed: 'six'", ("P1",)),
        ("months", {0: "3,5", 4: "2 months"}, "'3,5', '2 months'; write numbers", ("P1", "P5")),
        ("months", {1: np.inf}, "give a finite number", ("P2",)),
        ("months", {1: -2, 3: -1e-9}, "holds '-2', '-1e-09'; a time", ("P2", "P4")),
        ("months", {6: 0}, "1 patient with a follow-up of zero; correct the data", ("P7",)),
        ("months", {6: None}, "1 value missing", ("P7",)),
        (
            "death",
            {0: 2, 2: "yes"},
            "a censored time 0, found '2', 'yes'; subtract 1",
            ("P1", "P3"),
        ),
        ("death", {0: 0.5}, "found '0.5'", ("P1",)),
        ("arm", {0: "TACE", 5: "other"}, "neither arm: 'TACE', 'other'", ("P1", "P6")),
        ("arm", {0: None}, "missing = 'exclude'", ("P1",)),
        ("hospital", {0: " "}, "1 value missing", ("P1",)),
        ("id", {0: None}, "1 value missing", ("line 1",)),
        ("age", {0: "NA", 1: None}, "2 values missing", ("P1", "P2")),
        ("age", {3: "unknown"}, "text where a number is needed: 'unknown'", ("P4",)),
        ("age", {3: "1e999"}, "holds '1e999'; give a finite number", ("P4",)),
        ("stage", {3: "D"}, "category 'D' with one patient; merge it", ("P4",)),
        ("stage", {3: "D", 4: "A"}, "'D', 'A' with one patient each; merge them", ("P4", "P5")),
        ("id", {3: "P1", 5: "P1"}, "1 identifier stands in more than one row", ("P1",)),
    ],
)
def test_a_bad_cell_is_named_with_its_row(column, cells, message, rows):
    problem = only_problem(with_cells(column, cells))
    assert problem.where == f"column {column}"
    assert message in problem.message
    assert problem.rows == rows


def test_rows_that_share_an_identifier_are_told_apart_by_their_line():
    data = with_cells("id", {3: "P1"})
    data.loc[3, "death"] = 9
    shared, event = problems_of(data)
    assert shared.rows == ("P1",)
    assert event.rows == ("P1 (line 4)",)


@pytest.mark.parametrize("entry", [8.0, 9.0])
def test_entry_must_come_before_the_end(entry):
    data = patients().assign(start_month=[0, 0, 0, entry, 0, 0, 0, 0])
    problem = only_problem(data, changed(entry="start_month"))
    assert problem.where == "column start_month"
    assert "entry is not before the end of follow-up" in problem.message
    assert problem.rows == ("P4",)


def test_entry_is_judged_against_the_replaced_follow_up():
    data = patients().assign(start_month=[0.25, 0, 0, 0, 0, 0, 0, 0])
    data.loc[0, "months"] = 0.0
    roles = changed(entry="start_month", zero_time="half_unit")
    assert read_cohort(data, roles).frame.loc[0, ["entry", "time"]].tolist() == [0.25, 0.5]
    data.loc[0, "start_month"] = 0.5
    assert only_problem(data, roles).rows == ("P1",)
    # Without the policy the zero itself is the fault, and it is named once.
    assert "follow-up of zero" in only_problem(data, changed(entry="start_month")).message


def test_negative_and_textual_entries_are_found():
    data = patients().assign(start_month=[-1, "x", 0, 0, 0, 0, 0, 0])
    text, negative = problems_of(data, changed(entry="start_month"))
    assert (text.rows, negative.rows) == (("P2",), ("P1",))


def test_a_stage_that_mixes_digits_and_letters_is_a_category():
    data = patients().assign(stage=["0", "A", "B", "0", "A", "B", "B", "A"])
    cohort = read_cohort(data, ROLES)
    assert cohort.frame["stage"].tolist() == list("0AB0ABBA")
    assert "column stage is read as categories, and holds numbers: '0' beside text" in (
        cohort.warnings
    )


# Policies.


def test_missing_values_are_excluded_on_record():
    data = with_cells("age", {0: None, 1: None, 2: None})
    data.loc[2, "stage"] = None
    cohort = read_cohort(data, changed(missing="exclude", covariates=("age", "stage")))
    assert [(found.reason, found.ids) for found in cohort.exclusions] == [
        ("missing value in age (missing = 'exclude')", ("P1", "P2")),
        ("missing value in age and stage (missing = 'exclude')", ("P3",)),
    ]
    assert cohort.frame["patient"].tolist() == ["P4", "P5", "P6", "P7", "P8"]
    assert cohort.frame.index.equals(pd.RangeIndex(5))
    assert cohort.rows_read == 8 == len(cohort.frame) + sum(e.count for e in cohort.exclusions)
    assert cohort.summary().exclusions[0] == ("missing value in age (missing = 'exclude')", 2)


def test_a_missing_value_in_an_unused_column_excludes_nobody():
    data = patients().assign(note=None)
    assert len(read_cohort(data, changed(missing="exclude")).frame) == 8


def test_an_excluded_row_is_not_judged_but_its_identifier_is():
    data = with_cells("age", {0: None})
    data.loc[0, "death"] = 9
    assert len(read_cohort(data, changed(missing="exclude")).frame) == 7
    data.loc[0, "id"] = "P5"
    assert "more than one row" in only_problem(data, changed(missing="exclude")).message


def test_excluding_everybody_is_a_problem():
    problem = only_problem(patients().assign(age=None), changed(missing="exclude"))
    assert problem.message == "no patient is left after the exclusions"


@pytest.mark.parametrize(
    ("unit", "half", "words"),
    [
        ("months", 0.5, "half a month (0.5 months"),
        ("days", 0.5 / 30.4375, "half a day (0.0164 months"),
        ("years", 6.0, "half a year (6 months"),
    ],
)
def test_zero_follow_up_becomes_half_a_unit(unit, half, words):
    data = with_cells("months", {0: 0, 3: 0.0})
    if unit == "days":
        data["months"] = data["months"] * 30
    cohort = read_cohort(data, changed(zero_time="half_unit", time_unit=unit))
    # One multiplication against one division.
    np.testing.assert_allclose(cohort.frame.loc[[0, 3], "time"], half, rtol=2.0**-52)
    assert any(f"2 follow-ups of zero set to {words}" in warning for warning in cohort.warnings)


def test_zero_follow_up_is_excluded_on_record():
    cohort = read_cohort(with_cells("months", {0: 0}), changed(zero_time="exclude"))
    (exclusion,) = cohort.exclusions
    assert (exclusion.reason, exclusion.ids) == (
        "follow-up of zero (zero_time = 'exclude')",
        ("P1",),
    )
    assert len(cohort.frame) == 7


def test_cohort_checks_see_the_patients_who_remain():
    # Stage B of P1 and P4 alone; P1 goes because its follow-up is zero.
    data = patients().assign(stage=["B", "C", "C", "B", "C", "C", "C", "C"])
    data.loc[0, "months"] = 0.0
    problem = only_problem(data, changed(zero_time="exclude"))
    assert problem.message.startswith("category 'B' with one patient")
    assert problem.rows == ("P4",)


# The cohort as a whole.


def test_an_arm_without_a_patient_and_labels_of_no_arm():
    label, arm = problems_of(patients().replace({"arm": {"tace": "TACE"}}))
    assert "labels of neither arm: 'TACE'" in label.message
    assert label.rows == ("P1", "P3", "P5", "P7")
    assert arm.message == "no patient bears the label 'tace'; two arms are needed"


def test_an_arm_without_an_event():
    data = patients()
    data.loc[data["arm"] == "systemic", "death"] = 0
    problem = only_problem(data)
    assert "none of the 4 patients of arm 'systemic' has the event" in problem.message


def test_an_unreadable_event_leaves_the_arms_events_open():
    data = patients()
    data.loc[data["arm"] == "systemic", "death"] = 0
    data["death"] = data["death"].astype(object)
    data.loc[1, "death"] = "?"
    assert only_problem(data).rows == ("P2",)


@pytest.mark.parametrize(("column", "value"), [("age", 60), ("stage", "B")])
def test_a_constant_covariate(column, value):
    problem = only_problem(patients().assign(**{column: value}))
    assert problem.where == f"column {column}"
    assert problem.message == f"has the same value '{value}' in every patient; leave it out"


@pytest.mark.parametrize(
    ("unit", "factor", "message"),
    [
        # The median of the toy times is 5: times 40 is 200 months, 16.7 years; 200 days are 6.6
        # months and plausible.
        ("months", 40, "median follow-up would be 16.7 years; were days declared as months?"),
        # 500 years; 500 days are 16.4 months.
        ("years", 100, "median follow-up would be 500.0 years; were days declared as years?"),
        # 20 years; 20 days are 0.7 months, 20 months are plausible.
        ("years", 4, "median follow-up would be 20.0 years; were months declared as years?"),
        ("days", 1000, "median follow-up would be 13.7 years; is time_unit = 'days' right?"),
    ],
)
def test_implausible_follow_up_asks_about_the_unit(unit, factor, message):
    data = patients()
    data["months"] *= factor
    problem = only_problem(data, changed(time_unit=unit))
    assert (problem.where, problem.message) == ("column months", message)


def test_one_follow_up_beyond_fifty_years_is_named():
    problem = only_problem(with_cells("months", {7: 601}))
    assert problem.message.startswith("longest follow-up would be 50.1 years")
    assert problem.rows == ("P8",)
    assert read_cohort(with_cells("months", {7: 600}), ROLES).rows_read == 8


def test_eight_faults_are_eight_problems_at_once():
    data = with_cells("months", {0: "six", 1: -1})
    data["death"] = data["death"].astype(object)
    data["age"] = data["age"].astype(object)
    data.loc[2, "death"] = 3
    data.loc[3, "arm"] = "other"
    data.loc[4, "id"] = "P6"
    data.loc[5, "age"] = None
    data.loc[6, "stage"] = "D"
    data = data.drop(columns="hospital")
    problems = problems_of(data)
    assert [problem.where for problem in problems] == [
        "column hospital",
        "column id",
        "column months",
        "column months",
        "column death",
        "column arm",
        "column age",
        "column stage",
    ]
    assert [problem.rows for problem in problems] == [
        (),
        ("P6",),
        ("P1",),
        ("P2",),
        ("P3",),
        ("P4",),
        ("P6 (line 6)",),
        ("P7",),
    ]


# Warnings.


def test_small_arms_are_warned_about_by_their_display_names():
    arm = {**ARM.model_dump(), "treated_name": "TACE"}
    warnings = read_cohort(patients(), changed(arm=arm)).warnings
    assert [warning.split(":")[0] for warning in warnings] == [
        "arm TACE has 4 patients, fewer than 30",
        "arm systemic has 4 patients, fewer than 30",
    ]
    many = pd.concat([patients()] * 8, ignore_index=True)
    assert read_cohort(many.assign(id=range(64)), ROLES).warnings == ()


def test_centers_are_warned_about_by_name():
    data = patients().assign(
        hospital=["a", "b", "a", "b", "c", "b", "a", "d"], death=[1, 0, 1, 1, 0, 1, 1, 1]
    )
    warnings = [text for text in read_cohort(data, ROLES).warnings if "center" in text]
    assert warnings == [
        "2 centers with one patient: 'c', 'd'",
        "2 centers with one arm only: 'a' (tace), 'b' (systemic)",
        "1 center without an event: 'c'",
    ]


def test_a_single_center_is_warned_about():
    warnings = read_cohort(patients().assign(hospital="north"), ROLES).warnings
    assert "every patient comes from one center, 'north'" in warnings


def test_blanks_around_cells_are_removed_and_reported():
    data = with_cells("id", {0: " P1", 1: "P2 "})
    data.loc[2, "stage"] = "C "
    cohort = read_cohort(data, ROLES)
    assert cohort.frame["patient"].tolist() == patients()["id"].tolist()
    assert cohort.frame["stage"].tolist() == patients()["stage"].tolist()
    assert "column id: surrounding blanks were removed in 2 rows" in cohort.warnings
    assert "column stage: surrounding blanks were removed in 1 row" in cohort.warnings


def test_short_follow_up_is_warned_about():
    warnings = read_cohort(patients(), changed(time_unit="days")).warnings
    # Twelve days are 0.39 months.
    assert "the longest follow-up is 0.39 months: is time_unit = 'days' right?" in warnings


def test_long_lists_are_cut_and_say_so():
    assert listed(["a", "b", "a"]) == "'a', 'b'"
    assert listed(range(8), 5) == "'0', '1', '2', '3', '4' and 3 more"


# Real data.


def test_ncctg_lung_reads_as_its_model_file_says():
    roles = AnalysisSpec.from_toml(ROOT / "models" / "ncctg_lung_os.toml").roles
    cohort = read_cohort("dataset:ncctg_lung", roles)
    summary = cohort.summary()
    assert (summary.source, summary.rows_read, summary.centers) == ("dataset:ncctg_lung", 228, 18)
    # 53 deaths of women and 112 of men; the two men left out (rows 14 and 156) both died.
    assert (summary.arms["treated"].patients, summary.arms["treated"].events) == (90, 53)
    assert (summary.arms["control"].patients, summary.arms["control"].events) == (136, 110)
    assert [(found.reason, found.ids) for found in cohort.exclusions] == [
        ("missing value in ecog_score (missing = 'exclude')", ("L014",)),
        ("missing value in institution (missing = 'exclude')", ("L156",)),
    ]
    # Without the institution, R counts 69522 days in the 227 complete patients.
    complete = read_cohort("dataset:ncctg_lung", roles.model_copy(update={"center": None}))
    days = complete.frame["time"].sum() * 30.4375
    # 227 roundings of at most half a unit in the last place each, and their sum.
    assert days == pytest.approx(69522, rel=227 * 2.0**-52)
    assert complete.frame["event"].sum() == 164


def test_sysucc_reads_as_its_model_file_says():
    if not SYSUCC.exists():
        pytest.skip("the patient data are not beside the project")
    roles = AnalysisSpec.from_toml(ROOT / "models" / "sysucc_targeted_os.toml").roles
    cohort = read_cohort(SYSUCC, roles)
    summary = cohort.summary()
    assert (summary.source, summary.rows_read, len(cohort.frame)) == (
        "sysucc_targeted.csv",
        246,
        246,
    )
    assert (summary.arms["treated"].patients, summary.arms["treated"].events) == (76, 40)
    assert (summary.arms["control"].patients, summary.arms["control"].events) == (170, 87)
    assert cohort.warnings == (
        "2 follow-ups of zero set to half a month (0.5 months; zero_time = 'half_unit')",
    )
    zero = only_problem(SYSUCC, roles.model_copy(update={"zero_time": "error"}))
    assert (zero.where, len(zero.rows)) == ("column os_months", 2)
    left = read_cohort(SYSUCC, roles.model_copy(update={"zero_time": "exclude"}))
    assert left.exclusions[0].ids == zero.rows
    assert len(left.frame) == 244


# Corrupted at random.

JUNK: tuple[object, ...] = (
    None,
    np.nan,
    np.inf,
    -1,
    0,
    0.5,
    1e308,
    "",
    " ",
    "NA",
    "x",
    "é",
    "1,5",
    "tace",
    True,
    pd.NaT,
    pd.Timestamp("2020-01-01"),
    [1, 2],
    {"a": 1},
    2 + 1j,
    b"x",
)


def assert_valid(cohort: Cohort) -> None:
    """Assert what every cohort promises."""
    frame = cohort.frame
    assert not frame.isna().to_numpy().any()
    assert (frame["entry"] >= 0).all()
    assert (frame["entry"] < frame["time"]).all()
    assert np.isfinite(frame["time"]).all()
    assert set(frame["event"]) <= {0, 1}
    assert set(frame["treatment"]) == {0, 1}
    assert frame["patient"].is_unique
    assert frame.groupby("treatment")["event"].sum().min() > 0
    assert cohort.rows_read == len(frame) + sum(found.count for found in cohort.exclusions)


def corrupted(rng: np.random.Generator) -> pd.DataFrame:
    """Return the patients with random cells, columns and rows spoiled."""
    data = patients().astype(object)
    for _ in range(rng.integers(1, 4)):
        row = int(rng.integers(8))
        column = int(rng.integers(data.shape[1]))
        data.iat[row, column] = JUNK[int(rng.integers(len(JUNK)))]
    kind = rng.integers(8)
    if kind == 0:
        data = data.drop(columns=data.columns[int(rng.integers(data.shape[1]))])
    elif kind == 1:
        data = data.iloc[: int(rng.integers(0, 4))]
    elif kind == 2:
        data = pd.concat([data, data.iloc[:, :2]], axis="columns")
    elif kind == 3:
        data["age"] = data["age"].astype("category") if data["age"].map(np.isscalar).all() else None
    return data


@pytest.mark.parametrize("seed", range(4))
def test_a_corrupted_frame_is_a_cohort_or_an_input_error(seed):
    rng = np.random.default_rng([20261120, seed])
    kinds = set()
    for _ in range(60):
        roles = changed(
            missing=str(rng.choice(["error", "exclude"])),
            zero_time=str(rng.choice(["error", "exclude", "half_unit"])),
        )
        result = outcome(corrupted(rng), roles)
        kinds.add(type(result))
        if isinstance(result, Cohort):
            assert_valid(result)
        else:
            assert all(problem.where and problem.message for problem in result.problems)
            assert result.problems
    assert kinds == {Cohort, InputError}


@pytest.mark.parametrize("seed", range(2))
def test_a_corrupted_file_is_a_cohort_or_an_input_error(tmp_path, seed):
    rng = np.random.default_rng([20261121, seed])
    clean = patients().to_csv(index=False).encode()
    path = tmp_path / "p.csv"
    kinds = set()
    for _ in range(60):
        content = bytearray(clean)
        for _ in range(rng.integers(1, 4)):
            content[int(rng.integers(len(content)))] = int(rng.integers(256))
        path.write_bytes(bytes(content))
        result = outcome(path, ROLES)
        kinds.add(type(result))
        if isinstance(result, Cohort):
            assert_valid(result)
        else:
            assert result.source == "p.csv"
    assert kinds == {Cohort, InputError}
