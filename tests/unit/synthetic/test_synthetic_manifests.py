"""Every target of every manifest, measured anew on the shipped rows.

Curves, limits and partial likelihoods are written out here once more, so that a mistake in the
package's own estimators cannot hide in the manifests they wrote.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from importlib import resources

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize

from hccbayes.synthetic.chen2025 import CHEN2025
from hccbayes.synthetic.immortal_null import treatment_episodes
from hccbayes.synthetic.lin2023 import LIN2023
from hccbayes.synthetic.lu2025 import LU2025
from hccbayes.synthetic.shipped import SHIPPED, load, manifest
from hccbayes.synthetic.study_targets import StudyTargets
from hccbayes.synthetic.sun2025 import SUN2025

STUDIES: dict[str, StudyTargets] = {
    "chen2025": CHEN2025,
    "lin2023": LIN2023,
    "lu2025": LU2025,
    "lu2025_immortal_null": LU2025,
    "sun2025": SUN2025,
}
EVENTS = {"os": "death", "pfs": "progression_or_death"}
Z = 1.959963984540054


def arm_rows(study: StudyTargets, frame: pd.DataFrame, row: pd.Series) -> pd.DataFrame:
    part = frame[frame["matched"] == "yes"] if row["sample"] == "matched" else frame
    return part if row["arm"] == "both" else part[part["arm"] == study.label(row["arm"])]


def first_below_half(times: np.ndarray, curve: np.ndarray) -> float:
    """Return when a curve comes below one half; the middle of a stretch on it, as R has it."""
    below = np.flatnonzero(curve < 0.5 - 1e-8)
    on = np.flatnonzero(np.abs(curve - 0.5) <= 1e-8)
    if on.size and below.size:
        return float(times[on[0]] + times[below[0]]) / 2
    return float(times[below[0]]) if below.size else np.inf


def median_and_limits(time: np.ndarray, event: np.ndarray) -> tuple[float, float, float]:
    """Return the Kaplan-Meier median and R's default limits, one death time after the other."""
    deaths = np.unique(time[event == 1])
    at_risk = np.array([(time >= t).sum() for t in deaths])
    died = np.array([((time == t) & (event == 1)).sum() for t in deaths])
    alive = np.cumprod(1 - died / at_risk)
    left = np.where(at_risk > died, at_risk * (at_risk - died), np.inf)
    error = np.sqrt(np.cumsum(died / left))
    lower, upper = alive * np.exp(-Z * error), alive * np.exp(Z * error)
    return tuple(first_below_half(deaths, curve) for curve in (alive, lower, upper))


def hazard_ratios(design: np.ndarray, start: np.ndarray, stop: np.ndarray, event: np.ndarray):
    """Return Efron's Cox hazard ratios by direct maximization."""
    deaths = np.unique(stop[event == 1])
    sets = [((start < t) & (stop >= t), (stop == t) & (event == 1)) for t in deaths]

    def loss(coef: np.ndarray) -> float:
        linear = design @ coef
        risk = np.exp(linear)
        total = 0.0
        for exposed, died in sets:
            count = int(died.sum())
            shares = np.arange(count) / count
            total += (
                linear[died].sum() - np.log(risk[exposed].sum() - shares * risk[died].sum()).sum()
            )
        return -total

    found = minimize(loss, np.zeros(design.shape[1]), method="BFGS", options={"gtol": 1e-3})
    return np.exp(found.x)


def adverse_events(study: StudyTargets, part: pd.DataFrame, item: str) -> float:
    name, _, severe = item.partition(", ")
    columns = [event.column for event in study.adverse_events] if name == "ae_any" else [name]
    grades = part[columns]
    hit = grades == study.severe_labels[1] if severe else grades != "none"
    return float(hit.any(axis=1).sum())


def patients(study: StudyTargets, frame: pd.DataFrame, row: pd.Series) -> float:
    part, item = arm_rows(study, frame, row), row["item"]
    if item == "arm size":
        return float(len(part))
    if item.startswith("ae_"):
        return adverse_events(study, part, item)
    if item.startswith("mode_"):
        return float(part[item].sum())
    if item.startswith("progression after"):
        late = part["pfs_months"] > part["os_months"]
        return float((late | ((part["death"] == 1) & (part["progression_or_death"] == 0))).sum())
    column, level = item.split(": ", 1)
    return float((part[column].astype(str) == level).sum())


def median(study: StudyTargets, frame: pd.DataFrame, row: pd.Series) -> float:
    part = arm_rows(study, frame, row)
    if row["item"] not in EVENTS:
        return quantile(study, frame, row)
    found = median_and_limits(
        part[f"{row['item']}_months"].to_numpy(), part[EVENTS[row["item"]]].to_numpy()
    )
    return found[("median", "median, lower limit", "median, upper limit").index(row["quantity"])]


def quantile(study: StudyTargets, frame: pd.DataFrame, row: pd.Series) -> float:
    share = {"lower quartile": 0.25, "median": 0.5, "upper quartile": 0.75}[row["quantity"]]
    return float(arm_rows(study, frame, row)[row["item"]].quantile(share))


def unadjusted(study: StudyTargets, frame: pd.DataFrame, row: pd.Series) -> float:
    part, endpoint = arm_rows(study, frame, row), row["item"].split(":")[0]
    treated = (part["arm"] == study.label("treated")).to_numpy(float)[:, None]
    time = part[f"{endpoint}_months"].to_numpy()
    return float(hazard_ratios(treated, 0 * time - 1, time, part[EVENTS[endpoint]].to_numpy())[0])


def adjusted(study: StudyTargets, frame: pd.DataFrame, row: pd.Series) -> float:
    part = arm_rows(study, frame, row)
    endpoint, term = row["item"].split(": ")
    (regression,) = [
        printed
        for printed in study.regressions
        if (printed.endpoint, printed.sample) == (endpoint, row["sample"]) and printed.effects
    ]
    design = {"treatment": part["arm"] == study.label("treated")}
    design |= {e.column: part[e.column].isin(e.levels) for e in regression.effects}
    time = part[f"{endpoint}_months"].to_numpy()
    event = part[EVENTS[endpoint]].to_numpy()
    values = np.column_stack([column.to_numpy(float) for column in design.values()])
    return float(hazard_ratios(values, 0 * time - 1, time, event)[list(design).index(term)])


def time_dependent(study: StudyTargets, frame: pd.DataFrame, row: pd.Series) -> float:
    rows = treatment_episodes(frame)
    # Nobody starts treatment at an end of follow-up at 0: -1 only marks the origin.
    start = np.where(rows["start"] == 0, -1.0, rows["start"])
    values = rows[["treatment"]].to_numpy()
    return float(hazard_ratios(values, start, rows["stop"].to_numpy(), rows["death"].to_numpy())[0])


def at_risk(study: StudyTargets, frame: pd.DataFrame, row: pd.Series) -> float:
    endpoint, month = row["item"].split(": month ")
    return float((arm_rows(study, frame, row)[f"{endpoint}_months"] >= float(month)).sum())


MEASURES: dict[str, Callable[[StudyTargets, pd.DataFrame, pd.Series], float]] = {
    "patients": patients,
    "events": lambda s, f, r: float(arm_rows(s, f, r)[EVENTS[r["item"]]].sum()),
    "mean": lambda s, f, r: float(arm_rows(s, f, r)[r["item"]].mean()),
    "sd": lambda s, f, r: float(arm_rows(s, f, r)[r["item"]].std()),
    "median": median,
    "median, lower limit": median,
    "median, upper limit": median,
    "lower quartile": quantile,
    "upper quartile": quantile,
    "hazard ratio": unadjusted,
    "hazard ratio, adjusted": adjusted,
    "hazard ratio, naive": unadjusted,
    "hazard ratio, time-dependent": time_dependent,
    "at risk": at_risk,
}


@pytest.mark.parametrize("name", SHIPPED)
def test_every_target_is_met_by_the_rows(name: str) -> None:
    frame, table = load(name), manifest(name)
    targets = table[table["tolerance"].notna()]
    assert len(targets) > 100
    missed = []
    for _, row in targets.iterrows():
        found = MEASURES[row["quantity"]](STUDIES[name], frame, row)
        if found != row["target"] and not abs(found - row["target"]) <= row["tolerance"]:
            missed.append((row["quantity"], row["item"], row["target"], found))
    assert missed == []


@pytest.mark.parametrize("name", SHIPPED)
def test_achieved_values_are_those_of_the_rows(name: str) -> None:
    frame, table = load(name), manifest(name)
    for _, row in table.iterrows():
        if row["quantity"] in MEASURES and not row["quantity"].startswith("hazard"):
            found = MEASURES[row["quantity"]](STUDIES[name], frame, row)
            # Eight significant digits are written.
            assert found == row["achieved"] or found == pytest.approx(row["achieved"], rel=1e-7)


@pytest.mark.parametrize("name", SHIPPED)
def test_counts_medians_and_limits_allow_no_distance(name: str) -> None:
    table = manifest(name)
    exact = table["quantity"].isin(["patients", "events", "at risk"])
    exact |= table["quantity"].str.startswith("median") & table["item"].isin(EVENTS)
    assert set(table.loc[exact, "tolerance"].dropna()) <= {0.0}
    ratios = (table["quantity"] == "hazard ratio") & (table["sample"] == "all")
    assert set(table.loc[ratios, "tolerance"]) <= {1e-3}


def test_chen_targets_are_the_printed_numbers() -> None:
    table = manifest("chen2025")
    outcome = table[(table["sample"] == "all") & table["item"].isin(["os", "pfs"])]
    printed = {
        ("events", "os"): [68, 194],
        ("median", "os"): [26.0, 8.6],
        ("median, lower limit", "os"): [18.4, 7.9],
        ("median, upper limit", "os"): [np.inf, 10.0],
        ("hazard ratio", "os"): [0.36],
        ("events", "pfs"): [118, 238],
        ("median", "pfs"): [7.7, 5.4],
        ("median, lower limit", "pfs"): [6.7, 4.5],
        ("median, upper limit", "pfs"): [10.8, 6.1],
        ("hazard ratio", "pfs"): [0.76],
    }
    for (quantity, item), values in printed.items():
        rows = outcome[(outcome["quantity"] == quantity) & (outcome["item"] == item)]
        assert rows["target"].tolist() == values
        assert (rows["status"] == "identified").all()
    assert table["item"].str.match(r"ae_(?!any).*[a-z]$").sum() > 2 * 19
    modes = table[table["item"].str.startswith("mode_")].groupby("arm")["achieved"].sum()
    assert modes.to_dict() == {"treated": 175, "control": 287}


@pytest.mark.parametrize("name", ["chen2025", "lin2023", "lu2025", "sun2025"])
def test_progression_is_never_later_than_death(name: str) -> None:
    frame = load(name)
    assert (frame["pfs_months"] <= frame["os_months"]).all()
    assert (frame.loc[frame["death"] == 1, "progression_or_death"] == 1).all()
    assert (frame["os_months"] > 0).all()


def test_stage_c_holds_thrombus_and_metastases_in_lin() -> None:
    frame = load("lin2023")
    inside = (frame["portal_vein_thrombus"] == "yes") | (frame["extrahepatic_metastases"] == "yes")
    assert (frame.loc[inside, "bclc_stage"] == "C").all()


def test_progressive_disease_as_best_response_has_progressed() -> None:
    for name in ("chen2025", "lin2023"):
        frame = load(name)
        progressed = frame[frame["best_response"] == "PD"]
        assert (progressed["progression_or_death"] == 1).all()


def test_modes_belong_to_patients_who_progressed_or_died() -> None:
    frame = load("chen2025")
    living = [name for name in frame if name.startswith("mode_") and name != "mode_death"]
    progressed = frame["progression_or_death"] == 1
    assert ((frame[living].sum(axis=1) > 0) == progressed).all()
    assert (frame.loc[frame["mode_death"] == 1, "death"] == 1).all()


def test_null_cohort_shows_immortal_time_and_nothing_else() -> None:
    table = manifest("lu2025_immortal_null").set_index("quantity")
    assert table.loc["hazard ratio, naive", "achieved"] < 0.6
    assert table.loc["hazard ratio, time-dependent", "achieved"] == pytest.approx(1.0, abs=0.05)
    frame = load("lu2025_immortal_null")
    treated = frame["arm"] == LU2025.label("treated")
    assert frame["treatment_start_months"].notna().equals(treated)
    started = frame[treated]
    assert (started["treatment_start_months"] < started["os_months"]).all()
    assert started["treatment_start_months"].between(0, 3).all()


@pytest.mark.parametrize("name", SHIPPED)
def test_manifest_knows_its_file(name: str) -> None:
    file = resources.files("hccbayes.synthetic").joinpath("data", f"synthetic_{name}.csv")
    table = manifest(name)
    assert hashlib.sha256(file.read_bytes()).hexdigest() == table.attrs["sha256"]
    assert table.attrs["synthetic"] == f"synthetic_{name}"
    assert set(table["status"]) <= {"identified", "derived", "invented", "not targeted"}
    assert table["tolerance"].isna().equals(table["status"] == "not targeted")
    assert any(note.startswith(("Invented", "The true hazard")) for note in table.attrs["notes"])
