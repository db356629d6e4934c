"""Pooled hazard ratios against metafor (R): fixtures of meta_analysis.R, and the printed sets.

The fixtures agree to 1e-6 of each quantity, and p-values to 1e-6: metafor iterates its estimators
to a tolerance of 1e-14, and both sides solve the same equations. For the sets of published hazard
ratios five decimals of metafor's numbers were recorded (four of Q), made with standard errors from
z = 1.96 instead of 1.959964. That scales every SE by 1.00002, which moves the pooled numbers by a
few 1e-5 of themselves; 1e-4 leaves room for it and for the last recorded decimal.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hccbayes import evidence
from hccbayes.frequentist.meta_analysis import MetaAnalysis, pool_hazard_ratios

DATA = Path(__file__).resolve().parents[1] / "data"
AGREEMENT = 1e-6
PRINTED = 1e-4

STUDIES = pd.read_csv(DATA / "meta_analysis_studies.csv", comment="#")
NUMBERS = pd.read_csv(DATA / "meta_analysis.csv", comment="#")
WHOLE = {
    "q": lambda found: found.heterogeneity.q,
    "q_p_value": lambda found: found.heterogeneity.p_value,
    "tau_squared_lower": lambda found: found.tau_squared_lower,
    "tau_squared_upper": lambda found: found.tau_squared_upper,
}

TACE = "TACE+systemic vs systemic"
HAIC = "HAIC+systemic vs systemic"
TRIPLET = "HAIC+systemic+PD-1 vs HAIC+systemic"

# comparisons, endpoint, k, fixed mu, SE, Q, REML mu, SE, tau, DL tau, PM tau
RECORDED = [
    ((TACE,), "OS", 3, -0.46739, 0.07028, 9.2416, -0.45658, 0.19122, 0.29996, 0.25866, 0.31165),
    ((TACE,), "PFS", 3, -0.41025, 0.05443, 15.5639, -0.48067, 0.17645, 0.28527, 0.27481, 0.28711),
    ((HAIC,), "OS", 2, -1.11956, 0.14753, 0.2873, -1.11956, 0.14753, 0.0, 0.0, 0.0),
    ((HAIC,), "PFS", 2, -0.48237, 0.12490, 10.7910, -0.78633, 0.52878, 0.71355, 0.71355, 0.71355),
    (
        (TACE, HAIC),
        *("OS", 5, -0.58801, 0.06344, 25.4572, -0.70544, 0.20136, 0.41069, 0.35959, 0.42098),
    ),
    (
        (TACE, HAIC),
        *("PFS", 5, -0.42176, 0.04990, 26.6351, -0.56900, 0.18143, 0.37464, 0.29407, 0.40945),
    ),
    ((TRIPLET,), "OS", 2, -0.72010, 0.16350, 0.0293, -0.72010, 0.16350, 0.0, 0.0, 0.0),
]


@pytest.fixture(scope="module")
def pooled() -> dict[str, MetaAnalysis]:
    return {str(name): pool_hazard_ratios(own) for name, own in STUDIES.groupby("set")}


def number(found: MetaAnalysis, method: str, quantity: str) -> float:
    """Return our number under the name that the fixture has for it."""
    if quantity in WHOLE:
        return WHOLE[quantity](found)
    kind = "hartung_knapp" if quantity.endswith("hartung_knapp") else "wald"
    rows = found.pooled.set_index(["method", "interval_kind"])
    return float(rows.loc[(method, kind), quantity.removesuffix(f"_{kind}")])


@pytest.mark.parametrize(
    ("name", "method", "quantity", "value"), list(NUMBERS.itertuples(index=False, name=None))
)
def test_metafor(pooled, name, method, quantity, value):
    found = number(pooled[name], method, quantity)
    assert found == pytest.approx(value, rel=AGREEMENT, abs=AGREEMENT)


def test_every_set_and_method_is_in_the_fixture():
    methods = {"fixed_effect", "dersimonian_laird", "reml", "paule_mandel"}
    assert set(NUMBERS["method"]) == methods
    assert set(NUMBERS["set"]) == set(STUDIES["set"])
    assert NUMBERS.groupby(["set", "method"]).size().min() >= 13


def published(comparisons: tuple[str, ...], endpoint: str) -> pd.DataFrame:
    """Return one published effect a study, the adjusted one where a study prints several."""
    rows = evidence.table("hazard_ratios")
    rows = rows[(rows["term"] == "treatment") & rows["comparison"].isin(comparisons)]
    rows = rows[(rows["endpoint"] == endpoint) & rows["se"].notna()]
    preferred = rows.assign(rank=rows["adjusted"].map({"yes": 0}).fillna(1))
    return preferred.sort_values("rank", kind="stable").drop_duplicates("study")


@pytest.mark.parametrize("case", RECORDED, ids=lambda case: "-".join(case[0]) + case[1])
def test_published_sets(case):
    comparisons, endpoint, count, *recorded = case
    found = pool_hazard_ratios(published(comparisons, endpoint))
    assert len(found.studies) == count
    rows = found.pooled[found.pooled["interval_kind"] == "wald"].set_index("method")
    ours = [
        rows.loc["fixed_effect", "log_hr"],
        rows.loc["fixed_effect", "se"],
        found.heterogeneity.q,
        rows.loc["reml", "log_hr"],
        rows.loc["reml", "se"],
        rows.loc["reml", "tau"],
        rows.loc["dersimonian_laird", "tau"],
        rows.loc["paule_mandel", "tau"],
    ]
    allowed = np.full(len(ours), PRINTED)
    allowed[2] = 5e-5 + 5e-5 * recorded[2]
    assert (np.abs(np.subtract(ours, recorded)) < allowed).all()


def test_hartung_knapp_of_the_embolization_trials_is_the_recorded_one():
    rows = pool_hazard_ratios(published((TACE,), "OS")).pooled
    row = rows.query("method == 'reml' and interval_kind == 'hartung_knapp'").iloc[0]
    assert f"{row['hr_lower']:.2f}-{row['hr_upper']:.2f}" == "0.27-1.48"
