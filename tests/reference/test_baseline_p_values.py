"""The printed baseline p-values and standardized differences, recomputed from the shipped counts.

Beside them stand numbers that were computed independently from the papers (baseline_checks.csv,
which is not part of the project): p to four decimals and differences to three, so that half a unit
of the last decimal is what rounding allows.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from hccbayes import evidence
from hccbayes.evidence.count_tests import count_p_values
from hccbayes.evidence.p_values import tests_that_fit as fitting_tests
from hccbayes.frequentist.baseline_comparison import compare_baseline
from hccbayes.standardized_difference import factor_smd, factor_smd_range

CHECKS = Path(__file__).resolve().parents[2].parent / "shared" / "evidence" / "baseline_checks.csv"
KEY = ["study", "analysis_set", "variable"]
P_ROUNDING = 5e-5 + 1e-9
SMD_ROUNDING = 5e-4 + 1e-9
TEST_NAMES = {"p_chi2": "pearson", "p_yates": "yates", "p_fisher": "fisher"}
NO_TEST_FITS = {("Lu2025", "unadjusted", "alb_35"), ("Lin2023", "unadjusted", "cirrhosis")}
"""Printed p that no usual test of the printed counts gives (L11, N6)."""


def arms_of(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return a printed number by level and arm, levels in the order of print."""
    wide = rows.pivot(index="level", columns="arm", values=column)
    return wide.loc[rows["level"].drop_duplicates(), ["treated", "control"]]


def factors() -> dict[tuple[str, str, str], pd.DataFrame]:
    table = evidence.table("baseline", usable_only=False)
    counted = table[(table["kind"] == "count") & table["arm"].isin(["treated", "control"])]
    return {(str(a), str(b), str(c)): own for (a, b, c), own in counted.groupby(KEY, sort=False)}


@pytest.fixture(scope="module")
def printed() -> dict[tuple[str, str, str], pd.DataFrame]:
    return factors()


@pytest.fixture(scope="module")
def checks() -> pd.DataFrame:
    if not CHECKS.is_file():
        pytest.skip("no shared/evidence/baseline_checks.csv beside the project")
    table = pd.read_csv(CHECKS, dtype=str, keep_default_na=False)
    spelled = table["variable"].replace({"centre": "center"}).str.replace("tumour", "tumor")
    return table.assign(variable=spelled, analysis_set=table["sample"]).set_index(KEY)


def counts_of(rows: pd.DataFrame) -> list[tuple[int, int]]:
    return [(int(one), int(two)) for one, two in arms_of(rows, "count").to_numpy()]


def test_every_check_has_its_counts(printed, checks):
    assert len(checks) == 118
    assert [key for key in checks.index if key not in printed] == []


def test_p_values_equal_the_independent_ones(printed, checks):
    compared = 0
    for key, check in checks.iterrows():
        for column, name in TEST_NAMES.items():
            if check[column] == "":
                continue
            found = count_p_values(counts_of(printed[key]))[name]
            assert found == pytest.approx(float(check[column]), abs=P_ROUNDING), (key, name)
            compared += 1
    assert compared == (checks[list(TEST_NAMES)] != "").to_numpy().sum() > 200


def test_the_test_behind_each_printed_p_is_found(printed, checks):
    unfitted = set()
    for key, check in checks.iterrows():
        text = printed[key]["printed_p"].iloc[0]
        if key[1] == "weighted" or text == "":
            continue
        assert text == check["p_printed"], key
        fits = fitting_tests(evidence.parse(text), count_p_values(counts_of(printed[key])))
        named = {TEST_NAMES[name] for name in check["p_matches"].split(",") if name}
        assert named <= set(fits), key
        if not fits:
            unfitted.add(key)
    assert unfitted == NO_TEST_FITS


def test_standardized_differences_equal_the_independent_ones(printed, checks):
    compared = 0
    for key, check in checks.iterrows():
        if key[1] == "weighted":
            continue
        arms = arms_of(printed[key], "count")
        found = factor_smd(arms["treated"].tolist(), arms["control"].tolist())
        assert found == pytest.approx(float(check["smd_recalc"]), abs=SMD_ROUNDING), key
        compared += 1
    assert compared == 92


def test_weighted_differences_lie_where_rounded_sums_allow(printed, checks):
    """Sums of weights are printed to one decimal, which leaves each share a range."""
    weighted = [key for key in checks.index if key[1] == "weighted"]
    assert len(weighted) == 26
    for key in weighted:
        sums, totals = (arms_of(printed[key], name) for name in ("count", "arm_total"))
        ranges = [
            [
                ((one - 0.05) / (total + 0.05), (one + 0.05) / (total - 0.05))
                for one, total in zip(sums[arm], totals[arm], strict=True)
            ]
            for arm in ("treated", "control")
        ]
        low, high = factor_smd_range(*ranges)
        found = float(checks.loc[key, "smd_recalc"])
        assert low - SMD_ROUNDING <= found <= high + SMD_ROUNDING, key


def test_the_comparison_of_patients_gives_the_same_numbers(printed):
    """Patients made from the counts: p by the test that is named, and the difference."""
    ours = {
        "Pearson chi-square": "pearson",
        "Yates-corrected chi-square": "yates",
        "Fisher exact": "fisher",
    }
    used = set()
    for key, rows in printed.items():
        if key[1] == "weighted":
            continue
        counts = counts_of(rows)
        labels, treated = [], []
        for place, pair in enumerate(counts):
            for arm, number in zip((1, 0), pair, strict=True):
                labels += [f"level {place}"] * number
                treated += [arm] * number
        table = compare_baseline(pd.DataFrame({"factor": labels}), treated)
        first = table.iloc[1]
        held = [pair for pair in counts if sum(pair) > 0]
        smd = factor_smd([pair[0] for pair in held], [pair[1] for pair in held])
        assert first["smd"] == pytest.approx(smd, rel=1e-9, abs=1e-12), key
        name = ours[first["test"]]
        assert first["p_value"] == pytest.approx(count_p_values(counts)[name], rel=1e-9), key
        used.add(name)
    assert used == {"pearson", "yates", "fisher"}
