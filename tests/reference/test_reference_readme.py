"""The counts in README.md are those of the tables."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

FOLDER = Path(__file__).resolve().parent
DATA = FOLDER.parent / "data"
ROW = re.compile(r"^\| `(\w+)` \| (\d+) \| (\d+) \|", re.MULTILINE)


def rows(name: str) -> int:
    """Return how many numbers a table holds, 0 where there is none of that name."""
    file = DATA / f"{name}.csv"
    return len(pd.read_csv(file, comment="#")) if file.exists() else 0


def test_counts_of_the_tables():
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    listed = {name: (int(whole), int(classic)) for name, whole, classic in ROW.findall(text)}
    one_a_row = {
        file.stem.removesuffix("_classic").removesuffix("_sysucc")
        for file in DATA.glob("*.csv")
        if "value" in pd.read_csv(file, comment="#", nrows=1)
    }
    assert set(listed) == one_a_row
    for name, (whole, classic) in listed.items():
        if name == "classic_data":
            assert whole == classic == rows(name)
            continue
        assert classic == rows(f"{name}_classic")
        assert whole == rows(name) + classic + rows(f"{name}_sysucc"), name
    totals = [sum(column) for column in zip(*listed.values(), strict=True)]
    assert f"These are {totals[0]} numbers" in text
    assert f"{totals[1]} of them of the classic data" in text
