"""Bad input: every fault with its line, study and column."""

from __future__ import annotations

import pandas as pd
import pytest

from hccbayes import evidence
from hccbayes.errors import InputError
from hccbayes.evidence.text_table import text_table

ROW = {
    "study": "A",
    "endpoint": "OS",
    "hr": "0.70",
    "lower": "0.52",
    "upper": "0.94",
    "p": "0.019",
    "interval_prob": "0.95",
}


def message(frame, kind="hazard_ratios"):
    with pytest.raises(InputError) as caught:
        evidence.audit(frame, kind=kind)
    return str(caught.value)


def test_missing_column_is_named_with_the_nearest():
    frame = pd.DataFrame([ROW]).rename(columns={"upper": "uper"})
    assert "column upper: is not in the table; did you mean `uper`?" in message(frame)


@pytest.mark.parametrize(
    ("column", "text", "says"),
    [
        ("upper", "1.1.674", "'1.1.674' is not a number"),
        ("hr", "0", "a hazard ratio is positive"),
        ("lower", "-0.2", "not negative"),
        ("p", "1.2", "between 0 and 1"),
        ("interval_prob", "0.94", "one of 0.90, 0.95, 0.99"),
        ("study", "", "is empty"),
        ("endpoint", "", "is empty"),
        ("lower", "1.30", "interval is reversed: 1.30 to 0.94"),
        ("lower", "", "is empty though upper is 0.94; fill both or neither"),
        ("upper", "", "is empty though lower is 0.52"),
        ("hr", "0,70", "'0,70' is not a number; write it with a decimal point"),
        ("interval_prob", "95", "one of 0.90, 0.95, 0.99; write 0.95"),
        ("interval_prob", "90%", "write 0.90"),
        ("n_treated", "-3", "is -3; it cannot be negative"),
        ("median_control", "-1", "is -1; it cannot be negative"),
        ("events_treated", "many", "'many' is not a number"),
    ],
)
def test_cells_are_named_with_line_and_column(column, text, says):
    text_of = message(pd.DataFrame([ROW, ROW | {column: text}]))
    assert "row 2" in text_of
    assert column in text_of
    assert says in text_of


def test_unknown_words_name_the_known_ones():
    text = message(pd.DataFrame([ROW | {"adjusted": "maybe"}]))
    assert "choose from yes, no" in text


def test_every_fault_is_listed_at_once():
    rows = [ROW | {"hr": "x"}, ROW, ROW | {"p": "y", "interval_prob": "0.8"}]
    text = message(pd.DataFrame(rows))
    assert text.startswith("3 problems in DataFrame")
    assert text.index("row 1") < text.index("row 3")


def test_misprints_become_findings_on_request():
    rows = pd.DataFrame([ROW | {"upper": "1.1.674"}, ROW | {"lower": "1.30"}])
    found = evidence.audit(rows, kind="hazard_ratios", unreadable="report")
    bad = found[found["check"] == "unreadable"]
    assert list(bad["row"]) == [1, 2]
    assert list(bad["field"]) == ["upper", "lower, upper"]


def test_unknown_way_with_misprints_is_refused():
    with pytest.raises(InputError, match="choose from error, report"):
        evidence.audit(pd.DataFrame([ROW]), kind="hazard_ratios", unreadable="ignore")


@pytest.mark.parametrize("kind", list(evidence.LAYOUTS))
def test_tables_without_rows_or_without_numbers(kind):
    layout = evidence.LAYOUTS[kind]
    assert "has no row" in message(pd.DataFrame(columns=layout.required), kind=kind)
    filled = {"arm": "treated", "arm_total": "10", "total": "10", "month": "12"}
    row = {name: filled.get(name, "A") if name in layout.filled else "" for name in layout.columns}
    assert len(evidence.audit(pd.DataFrame([row]), kind=kind)) == 0


@pytest.mark.parametrize(
    ("changes", "checks"),
    [
        ({"hr": "0.05", "lower": "0.00", "upper": "0.90", "p": "0.042"}, []),
        ({"lower": "0.70", "upper": "0.70", "p": "<0.001"}, []),
        ({"hr": "1.00", "upper": "NA", "p": "1.000"}, ["interval_asymmetric"]),
        ({"hr": "", "p": ""}, []),
    ],
)
def test_extreme_numbers_do_not_break_a_check(changes, checks):
    found = evidence.audit(pd.DataFrame([ROW | changes]), kind="hazard_ratios")
    assert list(evidence.alarms(found)["check"]) == checks


def test_unknown_kind_names_the_known_ones():
    assert "choose from hazard_ratios, baseline" in message(pd.DataFrame([ROW]), kind="forest")


HEADER = "study,endpoint,hr,lower,upper,interval_prob,p"
LINE = "A,OS,0.70,0.52,0.94,0.95,0.019"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "file: is empty; a header and at least one row are needed"),
        ("\n\n", "file: is empty"),
        (HEADER, "table: has no row below its header"),
        (f"{HEADER}\n{LINE},5", "row 1: has 8 fields under a header of 7; put a cell"),
        (f"{HEADER}\n{LINE}\nB,OS,0.7", "row 2: has 3 fields under a header of 7; leave an empty"),
        (f"{HEADER}\n{LINE}".replace(",", ";"), "file: has semicolons between its fields"),
        (f"{HEADER}\n{LINE}".replace(",", "\t"), "file: has tabs between its fields"),
        (f"{HEADER},hr\n{LINE},0.71", "column hr: stands 2 times; keep one"),
        (f'{HEADER}\nA,OS,"0.70,0.52', "is a quotation mark left open?"),
        (f"{HEADER}\n{LINE}".encode("utf-16"), "file: is binary or UTF-16"),
        (b"PK\x03\x04\x00\x00", "file: is binary or UTF-16"),
        (f"{HEADER}\n\xe9{LINE}".encode("latin-1"), "is not UTF-8 text (line 2 of the file)"),
    ],
)
def test_a_file_that_is_no_table(tmp_path, content, says):
    path = tmp_path / "ratios.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    for read in (
        lambda: evidence.audit(path, kind="hazard_ratios"),
        lambda: evidence.audit(path, kind="hazard_ratios", unreadable="report"),
    ):
        with pytest.raises(InputError) as caught:
            read()
        assert str(caught.value).startswith("1 problem in ratios.csv:")
        assert says in str(caught.value)


def test_a_file_that_is_not_there(tmp_path):
    assert "is not there" in message(tmp_path / "absent.csv")
    assert "is a folder; name the CSV file in it" in message(tmp_path)


def test_what_spreadsheets_leave_behind_is_passed_over(tmp_path):
    path = tmp_path / "ratios.csv"
    path.write_text(f"\ufeff\n{HEADER},,\n\n{LINE},,\n\n", encoding="utf-8")
    assert list(evidence.audit(path, kind="hazard_ratios")["check"]) == ["events_implied"]
    frame, source = text_table(path)
    assert (list(frame.columns), len(frame), source) == (HEADER.split(","), 1, "ratios.csv")


def test_columns_and_cells_are_complained_of_at_once(tmp_path):
    path = tmp_path / "ratios.csv"
    path.write_text("study,endpoint,hr,hr,lower,p\nA,OS,zero,1,0.5,2\n")
    lines = message(path).splitlines()
    assert lines[0] == "4 problems in ratios.csv:"
    assert [line.split(":")[0] for line in lines[1:]] == [
        "  - column upper",
        "  - column hr",
        "  - row 1 (A), column hr",
        "  - row 1 (A), column p",
    ]


def test_a_file_keeps_the_digits_that_are_printed(tmp_path):
    # 0.70 with two digits has SE 0.151; read as 0.7 the interval would be three times as wide.
    path = tmp_path / "ratios.csv"
    pd.DataFrame([ROW | {"hr": "0.80"}]).to_csv(path, index=False)
    assert "interval_asymmetric" in set(evidence.audit(path, kind="hazard_ratios")["check"])


def test_kind_is_told_from_the_columns():
    assert evidence.kind_of(pd.DataFrame([ROW])) == "hazard_ratios"
    columns = ["study", "endpoint", "arm", "n", "month", "percent", "median"]
    assert evidence.kind_of(pd.DataFrame(columns=columns)) == "survival_rates"
    with pytest.raises(InputError) as caught:
        evidence.kind_of(pd.DataFrame([ROW | {"hr": "x"}]).rename(columns={"upper": "uper"}))
    text = str(caught.value)
    assert "column upper: is not in the table; did you mean `uper`?" in text
    assert "row 1 (A), column hr: 'x' is not a number" in text
    assert "looks like hazard_ratios" in text
    with pytest.raises(InputError, match=r"a, b fit no kind; .*baseline \(study, variable"):
        evidence.kind_of(pd.DataFrame(columns=["a", "b"]))


@pytest.mark.parametrize(
    ("kind", "row", "says"),
    [
        ("baseline", {"arm": "Treated"}, "column arm: is 'Treated'; choose from treated, control"),
        ("baseline", {"arm_total": ""}, "column arm_total: is empty"),
        ("baseline", {"sd": "-1"}, "column sd: is -1; it cannot be negative"),
        ("event_counts", {"count": "-2"}, "column count: is -2; it cannot be negative"),
        ("survival_rates", {"month": "-12"}, "column month: is -12; it cannot be negative"),
        ("survival_rates", {"percent": "half"}, "column percent: 'half' is not a number"),
        ("medians", {"median": "-1"}, "column median: is -1; it cannot be negative"),
        (
            "medians",
            {"median": "5", "median_lower": "9", "median_upper": "4"},
            "column median_lower, median_upper: interval is reversed: 9 to 4",
        ),
    ],
)
def test_cells_of_the_other_kinds(kind, row, says):
    filled = {"arm": "treated", "arm_total": "10", "total": "10", "month": "12"}
    layout = evidence.LAYOUTS[kind]
    whole = {
        name: filled.get(name, "A") if name in layout.filled else "" for name in layout.columns
    }
    assert f"row 1 (A), {says}" in message(pd.DataFrame([whole | row]), kind=kind)


def test_a_measurement_may_be_negative():
    row = {"study": "A", "variable": "albi", "level": "", "arm": "treated", "arm_total": "10"}
    row |= {"median": "-2.6", "q1": "-2.9", "q3": "-2.1"}
    assert len(evidence.audit(pd.DataFrame([row]), kind="baseline")) == 0


def test_table_of_ones_own():
    cells = evidence.printed_cells("hazard_ratios").head(8)
    assert len(evidence.read_table(cells, "hazard_ratios")) == 8
    faulty = cells.copy()
    faulty.loc[6, "upper"] = "x"
    faulty.loc[7, "interval_prob"] = "0.94"
    faulty.loc[8, ["lower", "upper"]] = ["1.00", "0.59"]
    faulty.loc[5, "use"] = "perhaps"
    with pytest.raises(InputError) as caught:
        evidence.read_table(faulty, "hazard_ratios")
    text = str(caught.value)
    assert "row 6 (Chen2025), column upper: 'x': is not a number" in text
    assert "row 7 (Chen2025), column interval_prob: '0.94'" in text
    assert "row 8 (Chen2025), columns lower and upper: interval is reversed" in text
    assert "row 5 (Chen2025), column use: 'perhaps'" in text


def test_table_of_ones_own_with_other_columns():
    cells = evidence.printed_cells("hazard_ratios").head(2)
    with pytest.raises(InputError, match="column se: does not belong"):
        evidence.read_table(cells.assign(se="0.1"), "hazard_ratios")
    with pytest.raises(InputError, match="column hr: is not in the table"):
        evidence.read_table(cells.drop(columns="hr"), "hazard_ratios")


def test_file_of_ones_own_that_is_no_table(tmp_path):
    path = tmp_path / "own.csv"
    path.write_bytes("study\n\xe9".encode("latin-1"))
    with pytest.raises(InputError, match=r"own\.csv:\n.*is not UTF-8 text"):
        evidence.read_table(path, "hazard_ratios")
    evidence.printed_cells("exposure").to_csv(path, index=False)
    pd.testing.assert_frame_equal(
        evidence.read_table(path, "exposure"), evidence.table("exposure", usable_only=False)
    )


def test_reason_and_repair_go_together():
    cells = evidence.printed_cells("hazard_ratios").head(8)
    for column, text, says in (
        ("use", "caution", "column reason: is empty"),
        ("repaired_field", "hr", "column repaired_value"),
        ("use", "repaired", "column repaired_field"),
    ):
        faulty = cells.copy()
        faulty.loc[6, ["use", "reason", "repaired_field", "repaired_value"]] = ["yes", "", "", ""]
        faulty.loc[6, column] = text
        with pytest.raises(InputError, match=says):
            evidence.read_table(faulty, "hazard_ratios")
