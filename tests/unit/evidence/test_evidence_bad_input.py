"""Bad input: every fault with its line, study and column."""

from __future__ import annotations

import pandas as pd
import pytest

from hccbayes import evidence
from hccbayes.errors import InputError

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
    ],
)
def test_cells_are_named_with_line_and_column(column, text, says):
    text_of = message(pd.DataFrame([ROW, ROW | {column: text}]))
    assert "line 2" in text_of
    assert column in text_of
    assert says in text_of


def test_unknown_words_name_the_known_ones():
    text = message(pd.DataFrame([ROW | {"adjusted": "maybe"}]))
    assert "choose from yes, no" in text


def test_every_fault_is_listed_at_once():
    rows = [ROW | {"hr": "x"}, ROW, ROW | {"p": "y", "interval_prob": "0.8"}]
    text = message(pd.DataFrame(rows))
    assert text.startswith("3 problems in DataFrame")
    assert text.index("line 1") < text.index("line 3")


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


def test_files(tmp_path):
    path = tmp_path / "ratios.csv"
    pd.DataFrame([ROW | {"hr": "x"}]).to_csv(path, index=False)
    assert "ratios.csv" in message(path)
    assert "is not there" in message(tmp_path / "absent.csv")
    path.write_bytes(b"")
    assert "cannot be read" in message(path)
    path.write_bytes("study,endpoint\nA,\xe9".encode("latin-1"))
    assert "cannot be read" in message(path)


def test_a_file_keeps_the_digits_that_are_printed(tmp_path):
    # 0.70 with two digits has SE 0.151; read as 0.7 the interval would be three times as wide.
    path = tmp_path / "ratios.csv"
    pd.DataFrame([ROW | {"hr": "0.80"}]).to_csv(path, index=False)
    assert "interval_asymmetric" in set(evidence.audit(path, kind="hazard_ratios")["check"])


def test_kind_is_told_from_the_columns():
    assert evidence.kind_of(pd.DataFrame([ROW])) == "hazard_ratios"
    columns = ["study", "endpoint", "arm", "n", "month", "percent", "median"]
    assert evidence.kind_of(pd.DataFrame(columns=columns)) == "survival_rates"
    with pytest.raises(InputError, match=r"looks like hazard_ratios"):
        evidence.kind_of(pd.DataFrame([ROW]).drop(columns="upper"))


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
    assert "line 6 (Chen2025), column upper: 'x': is not a number" in text
    assert "line 7 (Chen2025), column interval_prob: '0.94'" in text
    assert "line 8 (Chen2025), columns lower and upper: interval is reversed" in text
    assert "line 5 (Chen2025), column use: 'perhaps'" in text


def test_table_of_ones_own_with_other_columns():
    cells = evidence.printed_cells("hazard_ratios").head(2)
    with pytest.raises(InputError, match="column se: does not belong"):
        evidence.read_table(cells.assign(se="0.1"), "hazard_ratios")
    with pytest.raises(InputError, match="column hr: is not in the table"):
        evidence.read_table(cells.drop(columns="hr"), "hazard_ratios")


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
