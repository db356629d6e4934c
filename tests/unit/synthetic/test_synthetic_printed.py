"""The shipped rows against the evidence tables: counts taken from print a second time.

Labels differ between the two, and some are exchanged, so that the counts of a variable's levels are
compared as a set.
"""

from __future__ import annotations

import io
from collections import Counter
from importlib import resources

import numpy as np
import pandas as pd
import pytest
from lifelines import CoxPHFitter, KaplanMeierFitter
from lifelines.utils import median_survival_times

from hccbayes.synthetic.shipped import load, manifest

STUDIES = {
    "chen2025": ("Chen2025", "HAIC + lenvatinib + PD-1"),
    "lin2023": ("Lin2023", "HAIC + lenvatinib + PD-1"),
    "lu2025": ("Lu2025", "TACE + targeted + PD-(L)1"),
    "sun2025": ("Sun2025", "metastasectomy"),
}
ENDPOINTS = {"os": "death", "pfs": "progression_or_death"}


def evidence(table: str, study: str) -> pd.DataFrame:
    file = resources.files("hccbayes.evidence").joinpath("data", f"{table}.csv")
    text = io.StringIO(file.read_text(encoding="utf-8"))
    frame = pd.read_csv(text, keep_default_na=False, na_values=[""])
    return frame[(frame["study"] == study) & frame["arm"].isin(["treated", "control"])]


def part_of(name: str, sample: str, arm: str) -> pd.DataFrame:
    frame = load(name)
    if sample == "matched":
        frame = frame[frame["matched"] == "yes"]
    return frame[(frame["arm"] == STUDIES[name][1]) == (arm == "treated")]


def level_counts(part: pd.DataFrame) -> Counter[tuple[int, ...]]:
    """Return how often each set of level counts occurs among the columns, empty levels left out."""
    columns = [column for column in part if part[column].nunique() <= 8]
    return Counter(tuple(sorted(part[column].value_counts())) for column in columns)


@pytest.mark.parametrize(
    ("name", "sample", "arm"),
    [
        (name, sample, arm)
        for name in STUDIES
        for sample in ("unadjusted", "matched")
        for arm in ("treated", "control")
        if (name, sample) != ("lu2025", "matched")
    ],
)
def test_rows_have_the_counts_of_the_baseline_table(name: str, sample: str, arm: str) -> None:
    table = evidence("baseline", STUDIES[name][0])
    table = table[(table["analysis_set"] == sample) & (table["arm"] == arm)]
    counts = table[(table["kind"] == "count") & (table["count"] > 0)]
    printed = Counter(
        tuple(sorted(group["count"].astype(int))) for _, group in counts.groupby("variable")
    )
    assert len(counts["variable"].unique()) >= 10
    assert printed - level_counts(part_of(name, sample, arm)) == Counter()


def test_chen_has_nineteen_adverse_events_by_grade() -> None:
    table = evidence("adverse_events", "Chen2025")
    for arm in ("treated", "control"):
        rows = table[table["arm"] == arm].pivot(index="event", columns="grade", values="count")
        rows = rows.fillna(0).astype(int)
        part = part_of("chen2025", "all", arm)
        events = [column for column in part if column.startswith("ae_")]
        assert len(events) == 19
        found = [((part[e] != "none").sum(), (part[e] == "3-4").sum()) for e in events]
        grades = part[events]
        anything = (grades != "none").any(axis=1).sum(), (grades == "3-4").any(axis=1).sum()
        assert sorted([*found, anything]) == sorted(zip(rows["any"], rows["3-4"], strict=True))


def test_chen_has_the_printed_modes_of_progression() -> None:
    table = evidence("progression_patterns", "Chen2025")
    for arm, total in (("treated", 175), ("control", 287)):
        printed = table.loc[table["arm"] == arm, "repaired_value"].astype(int)
        part = part_of("chen2025", "all", arm)
        modes = part[[column for column in part if column.startswith("mode_")]]
        assert sorted(modes.sum()) == sorted(printed)
        assert printed.sum() == total


@pytest.mark.parametrize(("sample", "column"), [("unadjusted", "count"), ("matched", "count")])
def test_chen_has_the_printed_responses(sample: str, column: str) -> None:
    table = evidence("responses", "Chen2025")
    table = table[(table["analysis_set"] == sample) & table["category"].isin(["PR", "SD", "PD"])]
    for arm in ("treated", "control"):
        rows = table[table["arm"] == arm].set_index("category")[column].astype(int)
        assert len(rows) == 3
        found = part_of("chen2025", sample, arm)["best_response"].value_counts()
        assert found.to_dict() == rows.to_dict()


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("arm", ["treated", "control"])
@pytest.mark.parametrize("sample", ["unadjusted", "matched"])
def test_lifelines_gives_the_printed_medians_of_chen(sample: str, arm: str, endpoint: str) -> None:
    table = evidence("outcomes", "Chen2025")
    chosen = (table["kind"] == "own") & (table["endpoint"] == endpoint.upper())
    chosen &= (table["analysis_set"] == sample) & (table["arm"] == arm)
    (printed,) = table.loc[chosen, "median"]
    part = part_of("chen2025", sample, arm)
    curve = KaplanMeierFitter().fit(part[f"{endpoint}_months"], part[ENDPOINTS[endpoint]])
    assert median_survival_times(curve) == float(printed)


def hazard_ratio(name: str, sample: str, endpoint: str, covariates: dict[str, list[object]]):
    frame = pd.concat([part_of(name, sample, arm) for arm in ("treated", "control")])
    data = pd.DataFrame({"treatment": frame["arm"] == STUDIES[name][1]})
    for column, levels in covariates.items():
        data[column] = frame[column].isin(levels)
    data = data.astype(float).assign(
        time=frame[f"{endpoint}_months"], event=frame[ENDPOINTS[endpoint]]
    )
    # Newton's steps end far below the tolerance of 1e-3.
    fit = CoxPHFitter().fit(data, "time", "event", fit_options={"precision": 1e-9})
    return np.exp(fit.params_), float(fit.standard_errors_["treatment"])


@pytest.mark.parametrize(
    ("name", "sample", "endpoint", "covariates", "printed"),
    [
        ("chen2025", "all", "os", {}, 0.36),
        ("chen2025", "all", "pfs", {}, 0.76),
        ("chen2025", "matched", "os", {}, 0.36),
        ("chen2025", "matched", "pfs", {}, 0.76),
        ("chen2025", "matched", "pfs", {"portal_vein_thrombus": ["yes"]}, 0.75),
        ("lin2023", "all", "os", {}, 1 / 1.837),
        ("lin2023", "all", "pfs", {}, 1 / 2.079),
        ("sun2025", "all", "os", {}, 1 / 2.845),
        ("sun2025", "matched", "os", {}, 1 / 4.317),
        ("sun2025", "matched", "os", {"hepatic_t_stage": ["II"]}, 1 / 4.441),
        (
            "sun2025",
            "all",
            "os",
            {"hepatic_t_stage": ["II"], "afp_20_or_above": ["yes"]},
            1 / 2.177,
        ),
    ],
)
def test_lifelines_gives_the_printed_hazard_ratios(
    name: str, sample: str, endpoint: str, covariates: dict[str, list[object]], printed: float
) -> None:
    ratios, _ = hazard_ratio(name, sample, endpoint, covariates)
    assert ratios["treatment"] == pytest.approx(printed, abs=1e-3)


def test_invented_events_of_lin_are_labelled_and_give_the_printed_error() -> None:
    table = manifest("lin2023")
    events = table[(table["quantity"] == "events") & (table["item"] == "pfs")]
    assert (events["status"] == "invented").all()
    assert events["note"].str.contains("48 and 49 deaths").all()
    # Each death is an event, and the information of two arms is at most a quarter of the events.
    printed = np.log(3.126 / 1.382) / (2 * 1.959963984540054)
    assert events["achieved"].sum() >= max(48 + 49, 4 / printed**2)
    _, error = hazard_ratio("lin2023", "all", "pfs", {})
    # The error goes with one over the root of the events: two events more or less.
    assert error == pytest.approx(printed, rel=1 / events["achieved"].sum())


def test_unused_quartiles_of_lin_are_reported() -> None:
    table = manifest("lin2023")
    rows = table[table["item"] == "ggt_iu_l"]
    unused = rows[rows["status"] == "not targeted"]
    assert sorted(unused["target"]) == [10.2, 176.8]
    assert unused["note"].str.contains("possible").all()
    assert (rows["status"] == "identified").sum() == 10
