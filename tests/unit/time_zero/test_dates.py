"""One layout a column, or every fault with its patients."""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd
import pytest

from hccbayes.errors import InputError
from hccbayes.time_zero.dates import months_between, read_dates


def column(*cells: object) -> pd.Series:
    return pd.Series(list(cells), name="visit_date", dtype=object)


def read(*cells: object, **options) -> tuple[str, list[str]]:
    found = read_dates(column(*cells), [f"P{row}" for row in range(len(cells))], **options)
    return found.layout, list(found.values.dt.strftime("%Y-%m-%d"))


def problems(*cells: object, **options) -> dict[str, tuple[str, ...]]:
    """Return the messages, and the patients of each."""
    with pytest.raises(InputError) as error:
        read(*cells, **options)
    assert {problem.where for problem in error.value.problems} == {"column visit_date"}
    return {problem.message: problem.rows for problem in error.value.problems}


@pytest.mark.parametrize(
    ("cells", "layout", "days"),
    [
        (("2012-03-04", "2019-12-31"), "YYYY-MM-DD", ["2012-03-04", "2019-12-31"]),
        (
            ("2012-03-04 00:00:00", "2012-03-05T13:30:00"),
            "YYYY-MM-DD",
            ["2012-03-04", "2012-03-05"],
        ),
        (("2012/3/4",), "YYYY/MM/DD", ["2012-03-04"]),
        (("20120304",), "YYYYMMDD", ["2012-03-04"]),
        ((20120304.0, 20191231.0), "YYYYMMDD", ["2012-03-04", "2019-12-31"]),
        (("31/12/2019", "04/03/2012"), "DD/MM/YYYY", ["2019-12-31", "2012-03-04"]),
        (("12/31/2019", "04/03/2012"), "MM/DD/YYYY", ["2019-12-31", "2012-04-03"]),
        (("31.12.2019",), "DD.MM.YYYY", ["2019-12-31"]),
        (("04-Mar-2012", "31-dec-2019"), "DD-Mon-YYYY", ["2012-03-04", "2019-12-31"]),
        ((43830, 43831), "day numbers of a spreadsheet", ["2019-12-31", "2020-01-01"]),
        (("43830.0",), "day numbers of a spreadsheet", ["2019-12-31"]),
        (
            (pd.Timestamp("2012-01-01 13:00"), datetime.date(2011, 1, 1), "2012-05-06"),
            "YYYY-MM-DD",
            ["2012-01-01", "2011-01-01", "2012-05-06"],
        ),
    ],
)
def test_layouts(cells, layout, days):
    assert read(*cells) == (layout, days)


def test_two_layouts_are_named_with_examples_of_both():
    found = problems("2012-03-04", "04/03/2012", "2013-01-01")
    (message,) = found
    assert "DD/MM/YYYY ('04/03/2012') beside YYYY-MM-DD ('2012-03-04', '2013-01-01')" in message
    assert found[message] == ("P1",)


def test_days_first_beside_months_first():
    (message,) = problems("31/12/2019", "05/06/2012", "12/31/2019")
    assert "MM/DD/YYYY ('12/31/2019') beside DD/MM/YYYY" in message


def test_no_cell_decides():
    found = problems("04/03/2012", "05/06/2012", "05/05/2012")
    (message,) = found
    assert "2012-03-04 as DD/MM/YYYY or 2012-04-03 as MM/DD/YYYY" in message
    assert found[message] == ("P0", "P1")
    assert read("04/03/2012", layout="MM/DD/YYYY") == ("MM/DD/YYYY", ["2012-04-03"])


def test_both_readings_may_be_one_day():
    assert read("05/05/2012", "07/07/2013")[1] == ["2012-05-05", "2013-07-07"]


def test_every_fault_at_once():
    found = problems(
        "2012-02-30",
        "2012-01-01",
        "2012",
        "2012-05",
        "2012-xx-01",
        "soon",
        None,
        "1/2/12",
        "05.2012",
    )
    by_patients = {rows: message for message, rows in found.items()}
    assert "day or the month" in by_patients["P2", "P3", "P4", "P8"]
    assert "two digits" in by_patients[("P7",)]
    assert "no day of the calendar" in by_patients[("P0",)]
    assert "'soon'" in by_patients[("P5",)]
    assert "1 date missing" in by_patients[("P6",)]


@pytest.mark.parametrize("year", ["0212", "1212", "2912"])
def test_years_nobody_lived_in(year):
    (message,) = problems(f"{year}-01-01", "2012-01-01")
    assert "no day of the calendar" in message


def test_years_alone_are_no_day_numbers():
    (message,) = problems(2012, 2013)
    assert "day or the month" in message


def test_missing_where_allowed():
    found = read_dates(column("2012-03-04", None, "", "NA"), list("abcd"), missing=True)
    assert found.values.notna().tolist() == [True, False, False, False]


def test_datetime64_keeps_the_local_day():
    zoned = pd.Series(pd.to_datetime(["2012-03-04 23:30"])).dt.tz_localize("Asia/Shanghai")
    assert read_dates(zoned, ["a"], name="day").values[0] == pd.Timestamp("2012-03-04")


def test_layout_asked_for():
    (message,) = problems("04/03/2012", "2012-01-01", layout="YYYY-MM-DD")
    assert "DD/MM/YYYY ('04/03/2012') beside YYYY-MM-DD ('2012-01-01')" in message
    (message,) = problems("2012-01-01", layout="DDMMYYYY")
    assert "choose from YYYY-MM-DD" in message


def test_months_are_days_over_30_4375():
    start = pd.Series(pd.to_datetime(["2019-01-01", "2020-02-29"]))
    end = pd.Series(pd.to_datetime(["2019-01-31", "2020-02-29"]))
    np.testing.assert_allclose(months_between(start, end), [30 / 30.4375, 0.0], rtol=1e-15)
