"""R's survfit and coxph on the synthetic Chen 2025 cohort (tests/reference/r/synthetic_chen2025.R).

R gives the printed medians, limits and hazard ratios, and the package gives what R gives.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hccbayes.frequentist.cox import cox
from hccbayes.frequentist.kaplan_meier import kaplan_meier, median_survival
from hccbayes.synthetic import load

DATA = Path(__file__).resolve().parents[1] / "data"
COLUMNS = {"os": ("os_months", "death"), "pfs": ("pfs_months", "progression_or_death")}
TREATED = "HAIC + lenvatinib + PD-1"
PRINTED_MEDIANS = {
    "os_treated": (169, 68, 26.0, 18.4, np.inf),
    "os_control": (253, 194, 8.6, 7.9, 10.0),
    "pfs_treated": (169, 118, 7.7, 6.7, 10.8),
    "pfs_control": (253, 238, 5.4, 4.5, 6.1),
}
MATCHED_MEDIANS = {
    "os_treated_matched": (26.0, 18.6, np.inf),
    "os_control_matched": (8.4, 6.7, 11.8),
    "pfs_treated_matched": (7.6, 6.3, 9.0),
    "pfs_control_matched": (5.5, 3.9, 6.3),
}
# Coefficients of the package agree with R's to 1e-6, the accuracy it promises.
COEFFICIENT = 1e-6


@pytest.fixture(scope="module")
def cohort() -> pd.DataFrame:
    return load("chen2025")


def reference(name: str) -> pd.DataFrame:
    return pd.read_csv(DATA / name, comment="#").set_index("analysis")


@pytest.mark.parametrize("analysis", PRINTED_MEDIANS)
def test_r_gives_the_printed_median_and_limits(analysis: str) -> None:
    row = reference("synthetic_chen2025_median.csv").loc[analysis]
    patients, events, median, lower, upper = PRINTED_MEDIANS[analysis]
    assert (row["patients"], row["events"]) == (patients, events)
    assert row["interval_kind"] == "log"
    assert (row["median"], row["lower"]) == (median, lower)
    assert (np.inf if pd.isna(row["upper"]) else row["upper"]) == upper


@pytest.mark.parametrize("analysis", MATCHED_MEDIANS)
def test_r_gives_the_printed_matched_median_and_limits(analysis: str) -> None:
    row = reference("synthetic_chen2025_median.csv").loc[analysis]
    assert row["patients"] == 151
    upper = np.inf if pd.isna(row["upper"]) else row["upper"]
    assert (row["median"], row["lower"], upper) == MATCHED_MEDIANS[analysis]


@pytest.mark.parametrize(
    ("analysis", "printed"),
    [
        ("os", 0.36),
        ("pfs", 0.76),
        ("os_matched", 0.36),
        ("os_matched_adjusted", 0.34),
        ("pfs_matched", 0.76),
        ("pfs_matched_adjusted", 0.75),
    ],
)
def test_r_gives_the_printed_hazard_ratio(analysis: str, printed: float) -> None:
    rows = reference("synthetic_chen2025_cox.csv").loc[[analysis]].set_index("term")
    assert np.exp(rows.loc["treatment", "coef"]) == pytest.approx(printed, abs=1e-3)


def test_standard_errors_respect_the_floor_that_print_breaks() -> None:
    row = reference("synthetic_chen2025_cox.csv").loc["os"]
    assert row["se"] >= np.sqrt(1 / 68 + 1 / 194)
    printed = np.log(0.46 / 0.28) / (2 * 1.96)
    assert printed < np.sqrt(1 / 68 + 1 / 194)


@pytest.mark.parametrize("analysis", [*PRINTED_MEDIANS, *MATCHED_MEDIANS])
def test_package_gives_the_same_medians_as_r(cohort: pd.DataFrame, analysis: str) -> None:
    endpoint, arm, *matched = analysis.split("_")
    part = cohort[(cohort["arm"] == TREATED) == (arm == "treated")]
    if matched:
        part = part[part["matched"] == "yes"]
    time, event = COLUMNS[endpoint]
    found = median_survival(kaplan_meier(np.zeros(len(part)), part[time], part[event]))
    row = reference("synthetic_chen2025_median.csv").loc[analysis]
    assert (found.estimate, found.lower) == (row["median"], row["lower"])
    assert found.upper == (np.inf if pd.isna(row["upper"]) else row["upper"])


@pytest.mark.parametrize(
    "analysis",
    ["os", "pfs", "os_matched", "os_matched_adjusted", "pfs_matched", "pfs_matched_adjusted"],
)
def test_package_gives_the_same_cox_regressions_as_r(cohort: pd.DataFrame, analysis: str) -> None:
    rows = reference("synthetic_chen2025_cox.csv").loc[[analysis]]
    part = cohort[cohort["matched"] == "yes"] if "matched" in analysis else cohort
    time, event = COLUMNS[analysis.split("_")[0]]
    indicators = {
        "treatment": part["arm"] == TREATED,
        "ecog_score": part["ecog_score"] >= 1,
        "lung_metastasis_number": part["lung_metastasis_number"] == "multiple",
        "portal_vein_thrombus": part["portal_vein_thrombus"] == "yes",
        "child_pugh": part["child_pugh"] == "B",
    }
    design = pd.DataFrame({term: indicators[term].astype(float) for term in rows["term"]})
    fit = cox(design, np.zeros(len(part)), part[time], part[event])
    np.testing.assert_allclose(fit.coef, rows["coef"], atol=COEFFICIENT)
    np.testing.assert_allclose(fit.se, rows["se"], atol=COEFFICIENT)
