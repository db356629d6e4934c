"""The conventional tables of docs/reproduction.md: two ways to a number agree, verdicts by hand."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

from hccbayes.evidence.count_tests import count_p_values

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture(scope="module")
def scripts() -> Iterator[ModuleType]:
    """The generator, imported from docs/ as it imports its own parts."""
    sys.path.insert(0, str(DOCS))
    try:
        yield import_module("reproduction")
    finally:
        sys.path.remove(str(DOCS))


@pytest.fixture(scope="module")
def written(scripts: ModuleType) -> pd.DataFrame:
    return scripts.read_rows()


def test_conventional_ratios_are_those_of_the_page(scripts: ModuleType) -> None:
    """Two ways to one Cox regression: the conventional table, and the rows' own fits."""
    conventional, hazard = (
        import_module(f"reproduction_{name}") for name in ("conventional", "hazard_ratios")
    )
    cohorts = import_module("reproduction_cohorts")
    for study, endpoint, sample in (("Sun2025", "OS", "matched"), ("Lin2023", "PFS", "unadjusted")):
        table = conventional.regressions(study, endpoint, sample).univariable
        found = table.set_index("covariate")
        patients = cohorts.outcome(study, endpoint, sample)
        for index, row in conventional.univariable(study, endpoint, sample).iterrows():
            own = conventional.univariable(study, endpoint, sample).loc[[index]]
            term = hazard.ratio_term(row)
            ratio = hazard.ratio(hazard.fitted(own, patients), term)
            there = found.loc[term]
            assert there["hr"] == pytest.approx(ratio.estimate, rel=1e-8)
            assert there["lower"] == pytest.approx(ratio.lower, rel=1e-8)
            assert there["upper"] == pytest.approx(ratio.upper, rel=1e-8)
            assert there["p_value"] == pytest.approx(ratio.p, rel=1e-6)


def test_means_and_quartiles_are_those_of_the_conventional_table(scripts: ModuleType) -> None:
    """Where the conventional table shows what print shows, both have the same numbers."""
    conventional, measured = (
        import_module(f"reproduction_{name}") for name in ("conventional", "measurements")
    )
    frame = conventional.patients("Lin2023", "unadjusted")
    treated = frame["arm"] == "HAIC + lenvatinib + PD-1"
    table = conventional.tables("Lin2023", "unadjusted").baseline.set_index("variable")
    kinds = {"mean (sd)": "mean_sd", "median [quartiles]": "median_iqr"}
    seen = set()
    for name, row in table[table["shown"].isin(kinds)].iterrows():
        kind = kinds[row["shown"]]
        seen.add(kind)
        values = frame.loc[treated, name].to_numpy(dtype=float)
        found = [f"{summary(values):.1f}" for summary in measured.SUMMARIES[kind].values()]
        shown_text = (
            f"{found[0]} ({found[1]})" if kind == "mean_sd" else "{} [{}, {}]".format(*found)
        )
        assert row["treated"] == shown_text
    assert seen == set(kinds.values())


@pytest.mark.parametrize(
    ("printed", "test", "label"),
    [
        # 15 and 11 of 26, 40 and 101 of 141: Pearson 0.0035, Yates 0.0070, Fisher 0.0057.
        ("0.003", "pearson", ""),
        ("0.007", "pearson", "test chosen otherwise"),
        ("0.006", "yates", "test chosen otherwise"),
        ("0.005", "yates", "p cut off"),
        ("0.042", "pearson", "another p"),
        ("", "pearson", ""),
    ],
)
def test_where_a_printed_p_comes_from(
    scripts: ModuleType, printed: str, test: str, label: str
) -> None:
    counts = [[40, 15], [101, 11]]
    found = count_p_values(counts)[test]
    labels, remarks = import_module("reproduction_counts").p_labels(printed, found, counts, [])
    assert labels == ([label] if label else [])
    assert bool(remarks) is (label in {"test chosen otherwise", "p cut off"})


@pytest.mark.parametrize(
    ("printed", "count", "total", "label"),
    [
        ("44.59", 33, 74, ""),
        ("85.13", 63, 74, "percentage cut off"),  # 85.135
        ("60.82", 45, 74, "percentage cut off"),  # 60.811: 100 less 39.18, itself cut off
        ("44.54", 33, 74, "percentage of other counts"),
    ],
)
def test_where_a_printed_percentage_comes_from(
    scripts: ModuleType, printed: str, count: int, total: int, label: str
) -> None:
    assert import_module("reproduction_counts").percent_label(printed, count, total) == label


def test_worst_grade_over_all_events(scripts: ModuleType) -> None:
    """The printed overall incidence is of patients: the worst grade of each, not a sum."""
    frame = import_module("reproduction_conventional").patients("Chen2025", "unadjusted")
    events = [name for name in frame if name.startswith("ae_") and name != "ae_any"]
    severe = (frame[events] == "3-4").any(axis="columns")
    some = (frame[events] != "none").any(axis="columns")
    assert ((frame["ae_any"] == "3-4") == severe).all()
    assert ((frame["ae_any"] != "none") == some).all()


def test_overviews_count_every_row_once(scripts: ModuleType, written: pd.DataFrame) -> None:
    page = import_module("reproduction_tables_page")
    lines = [line.strip("| ").split(" | ") for line in page.overview(written)]
    numbers = {
        line[0]: [int(cell) for cell in line[1:]] for line in lines if line[0] in page.TABLES
    }
    assert sum(own[0] for own in numbers.values()) == len(written)
    for own in numbers.values():
        assert own[0] == sum(own[1:])
    *_, total = page.p_overview(written)
    printed, *outcomes = [int(cell) for cell in total.strip("| ").split(" | ")[2:]]
    assert printed == sum(outcomes)
