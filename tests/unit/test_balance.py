from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from scipy.stats import ks_2samp

from hccbayes.balance import (
    BALANCE_COLUMNS,
    BASELINE_COLUMNS,
    STATISTICS,
    balance_by_center,
    balance_over_draws,
    balance_table,
    balance_terms,
    baseline_table,
    standard_deviation,
    weighted_variance,
)
from hccbayes.errors import InputError
from hccbayes.matching import match
from hccbayes.standardized_difference import factor_smd
from hccbayes.weights import TARGETS, propensity_weights

# Treated: ages 1, 2, 3 (mean 2, variance 1). Controls: 4, 6, 8, 10 (mean 7, variance 20/3).
AGE = pd.DataFrame({"age": [1.0, 2, 3, 4, 6, 8, 10]})
ARM = np.array([1, 1, 1, 0, 0, 0, 0])
WEIGHTS = np.array([1.0, 1.0, 2.0, 3.0, 1.0, 0.0, 0.0])
# Treated 2 of 3, controls 1 of 4.
SICK = pd.DataFrame({"sick": [1, 1, 0, 1, 0, 0, 0]})


def value(table, term, statistic, column="adjusted"):
    row = table[(table["term"] == term) & (table["statistic"] == statistic)]
    assert len(row) == 1
    return row[column].iloc[0]


@pytest.fixture
def cohort():
    rng = np.random.default_rng(20261121)
    frame = pd.DataFrame({"x": rng.normal(5, 2, 80), "sick": rng.integers(0, 2, 80)})
    frame["stage"] = rng.choice(["A", "B", "C"], 80)
    frame["center"] = rng.choice(["north", "south"], 80)
    frame["score"] = expit(-0.5 + 0.3 * (frame["x"] - 5))
    frame["arm"] = (rng.uniform(size=80) < frame["score"]).astype(int)
    return frame


@pytest.mark.parametrize(
    ("target", "spread"),
    [
        ("att", 1.0),
        ("atc", math.sqrt(20 / 3)),
        ("ate", math.sqrt((1 + 20 / 3) / 2)),
        ("ate_stabilized", math.sqrt((1 + 20 / 3) / 2)),
        ("ato", math.sqrt((1 + 20 / 3) / 2)),
        ("matching", math.sqrt((1 + 20 / 3) / 2)),
        ("entropy", math.sqrt((1 + 20 / 3) / 2)),
    ],
)
def test_means_are_weighted_and_denominators_are_not(target, spread):
    table = balance_table(AGE, ARM, weights=WEIGHTS, target=target)
    # Weighted means (1 + 2 + 6) / 4 and (12 + 6) / 4.
    assert value(table, "age", "smd") == pytest.approx((2.25 - 4.5) / spread, rel=1e-14)
    assert value(table, "age", "smd", "unadjusted") == pytest.approx(-5 / spread, rel=1e-14)


def test_every_target_has_a_denominator_by_hand():
    tested = {"att", "atc", "ate", "ate_stabilized", "ato", "matching", "entropy"}
    assert set(TARGETS) == tested


@pytest.mark.parametrize(
    ("target", "variance"),
    [("att", 2 / 9), ("atc", 3 / 16), ("ate", (2 / 9 + 3 / 16) / 2)],
)
def test_binary_columns(target, variance):
    table = balance_table(SICK, ARM, weights=WEIGHTS, target=target)
    # Weighted shares 2/4 and 3/4.
    assert value(table, "sick", "difference") == pytest.approx(-0.25, rel=1e-14)
    assert value(table, "sick", "smd") == pytest.approx(-0.25 / math.sqrt(variance), rel=1e-14)
    assert value(table, "sick", "difference", "unadjusted") == pytest.approx(5 / 12, rel=1e-14)
    assert table["kind"].unique().tolist() == ["binary"]
    assert set(table["statistic"]) == {"smd", "difference"}


def test_variance_ratio_by_hand():
    # Treated: mean 9/4, sum w (x - m)^2 = 1.5625 + 0.0625 + 2 * 0.5625 = 2.75; shares 1/4, 1/4,
    # 1/2: 1 - 3/8; 2.75 / 4 / (5/8) = 1.1. Controls: 4, 4, 4, 6: 3 / 4 / (1 - 10/16) = 2.
    table = balance_table(AGE, ARM, weights=WEIGHTS)
    assert value(table, "age", "variance_ratio") == pytest.approx(0.55, rel=1e-14)
    assert value(table, "age", "variance_ratio", "unadjusted") == pytest.approx(
        1 / (20 / 3), rel=1e-14
    )
    assert value(table, "age", "variance_ratio", "threshold") == 2.0
    assert value(table, "age", "variance_ratio", "balanced")
    assert not value(balance_table(AGE, ARM), "age", "variance_ratio", "balanced")


def test_weighted_variance_of_equal_weights_divides_by_n_minus_1(rng):
    values = rng.normal(size=30)
    assert weighted_variance(values, np.full(30, 0.7)) == pytest.approx(
        values.var(ddof=1), rel=1e-13
    )
    assert weighted_variance(np.full(5, 0.1), np.arange(5.0)) == 0.0
    assert math.isnan(weighted_variance(np.array([1.0, 2.0]), np.array([1.0, 0.0])))


def test_kolmogorov_smirnov_by_hand_and_by_scipy(cohort):
    # Treated steps 1/4, 1/2, 1 at 1, 2, 3; controls 3/4 at 4: the distance at 3 is 1.
    table = balance_table(AGE, ARM, weights=WEIGHTS)
    assert value(table, "age", "ks") == 1.0
    # With ties: treated 1, 2, 2; controls 2, 2, 3: at 1 it is 1/3, at 2 it is 1/3.
    tied = balance_table(pd.DataFrame({"age": [1.0, 2, 2, 2, 2, 3]}), [1, 1, 1, 0, 0, 0])
    assert value(tied, "age", "ks", "unadjusted") == pytest.approx(1 / 3, rel=1e-15)
    x, arm = cohort["x"].round(1), cohort["arm"]
    found = balance_table(x.to_frame(), arm)
    expected = ks_2samp(x[arm == 1], x[arm == 0]).statistic
    assert value(found, "x", "ks", "unadjusted") == pytest.approx(expected, rel=1e-13)


def test_whole_weights_are_repeated_patients(cohort):
    weights = np.random.default_rng(5).integers(0, 4, 80)
    repeated = cohort.loc[np.repeat(cohort.index, weights)].reset_index(drop=True)
    for target in ("att", "ate"):
        found = balance_table(cohort[["x", "sick"]], cohort["arm"], weights=weights, target=target)
        twice = balance_table(repeated[["x", "sick"]], repeated["arm"], target=target)
        for statistic, term in (("ks", "x"), ("difference", "sick")):
            assert value(found, term, statistic) == pytest.approx(
                value(twice, term, statistic, "unadjusted"), rel=1e-12
            )


def test_a_factor_by_dummies_by_labels_and_by_counts(cohort):
    dummies = pd.get_dummies(cohort["stage"], dtype=float)
    arm = cohort["arm"].to_numpy()
    weights = propensity_weights(cohort["score"], arm, "ato").values
    table = balance_table(
        dummies,
        arm,
        weights=weights,
        target="ato",
        factors={"labels": cohort["stage"], "all": ["A", "B", "C"], "without A": ["B", "C"]},
    )
    smd = [value(table, name, "smd") for name in ("labels", "all", "without A")]
    before = [value(table, name, "smd", "unadjusted") for name in ("labels", "all", "without A")]
    counts = [[int(((cohort["stage"] == s) & (arm == a)).sum()) for s in "ABC"] for a in (1, 0)]
    shares = [[weights[(cohort["stage"] == s) & (arm == a)].sum() for s in "ABC"] for a in (1, 0)]
    # The levels left out of the quadratic form differ; it does not depend on them.
    np.testing.assert_allclose(before, factor_smd(*counts), rtol=1e-10)
    np.testing.assert_allclose(
        smd, factor_smd(*shares, spread_treated=counts[0], spread_control=counts[1]), rtol=1e-10
    )
    assert set(table.loc[table["kind"] == "factor", "statistic"]) == {"smd"}


def test_a_factor_of_two_levels_is_a_binary_column(cohort):
    for target in ("ate", "att", "atc"):
        table = balance_table(
            cohort[["sick"]], cohort["arm"], target=target, factors={"factor": cohort["sick"]}
        )
        assert value(table, "factor", "smd", "unadjusted") == pytest.approx(
            abs(value(table, "sick", "smd", "unadjusted")), rel=1e-12
        )


def test_the_table_judges_what_was_adjusted(cohort):
    columns = cohort[["x", "sick"]]
    before = balance_table(columns, cohort["arm"])
    assert list(before.columns) == list(BALANCE_COLUMNS)
    assert before["adjusted"].isna().all()
    judged = before[before["threshold"].notna()]
    smd = judged["statistic"] == "smd"
    assert (judged.loc[smd, "balanced"] == (judged.loc[smd, "unadjusted"].abs() < 0.1)).all()
    assert before.loc[before["statistic"] == "ks", "balanced"].isna().all()
    one = balance_table(columns, cohort["arm"], statistics=["smd"])
    assert one["statistic"].unique().tolist() == ["smd"]
    assert str(one["balanced"].dtype) == "boolean"


def test_an_arm_that_does_not_vary_is_said_to_be_pooled():
    sick = pd.DataFrame({"sick": [0, 0, 0, 1, 1, 0, 0]})
    table = balance_table(sick, ARM, target="att", factors={"as factor": sick["sick"]})
    # Shares 0 and 1/2; the treated have no variance, both arms' mean variance is 1/8.
    assert value(table, "sick", "smd", "unadjusted") == pytest.approx(-math.sqrt(2), rel=1e-14)
    assert value(table, "as factor", "smd", "unadjusted") == pytest.approx(math.sqrt(2), rel=1e-14)
    said = " ".join(table.attrs["conventions"])
    assert "In the treated arm sick, as factor has no variance" in said
    assert "averaged" in said
    other = balance_table(sick, ARM, target="atc").attrs["conventions"]
    assert "standard deviation of the control arm" in other[0]
    assert len(other) == len(table.attrs["conventions"]) - 1


def test_constant_columns_and_separating_columns():
    columns = pd.DataFrame({"same": np.full(7, 0.1), "apart": 1.0 - ARM, "arm": ARM})
    table = balance_table(columns, ARM, weights=WEIGHTS)
    assert value(table, "same", "smd") == 0.0
    assert math.isnan(value(table, "same", "variance_ratio"))
    assert value(table, "same", "variance_ratio", "balanced") is pd.NA
    assert value(table, "apart", "smd") == -math.inf
    assert value(table, "arm", "smd") == math.inf
    assert not value(table, "arm", "smd", "balanced")


def test_draws_are_the_table_of_each_draw(cohort):
    columns = cohort[["x", "sick"]].assign(same=1.0)
    rng = np.random.default_rng(1)
    scores = expit(rng.normal(size=(5, 80)))
    for target in TARGETS:
        found = balance_over_draws(columns, cohort["arm"], scores, target)
        assert found.dims == ("draw", "term")
        for draw in range(5):
            weights = propensity_weights(scores[draw], cohort["arm"], target).values
            table = balance_table(columns, cohort["arm"], weights=weights, target=target)
            expected = table.loc[table["statistic"] == "smd", "adjusted"]
            np.testing.assert_allclose(found.sel(draw=draw), expected, rtol=1e-10, atol=1e-14)


def test_centers_are_measured_by_the_same_standard_deviation(cohort):
    weights = propensity_weights(cohort["score"], cohort["arm"], "ato").values
    table = balance_by_center(
        cohort[["x"]], cohort["arm"], cohort["center"], weights=weights, target="ato"
    )
    assert table["center"].tolist() == ["north", "south"]
    spread = standard_deviation(
        balance_terms(cohort[["x"]], None, tuple(map(str, range(80))))[0],
        cohort["arm"].to_numpy(dtype=float),
        "ato",
    )
    for _, row in table.iterrows():
        own = cohort[cohort["center"] == row["center"]]
        arms = [own[own["arm"] == arm] for arm in (1, 0)]
        assert [row["treated"], row["control"]] == [len(arm) for arm in arms]
        plain = arms[0]["x"].mean() - arms[1]["x"].mean()
        weighted = [np.average(arm["x"], weights=weights[arm.index]) for arm in arms]
        assert row["unadjusted"] == pytest.approx(plain / spread, rel=1e-10)
        assert row["adjusted"] == pytest.approx((weighted[0] - weighted[1]) / spread, rel=1e-9)
    assert "all centers together" in table.attrs["conventions"][-1]


def test_a_center_with_one_arm_has_no_balance():
    table = balance_by_center(AGE, ARM, ["A", "B", "B", "B", "B", "C", "C"]).set_index("center")
    assert table["treated"].tolist() == [1, 2, 0]
    assert table["control"].tolist() == [0, 2, 2]
    assert table["unadjusted"].isna().tolist() == [True, False, True]
    assert table["balanced"].isna().tolist() == [True, False, True]


@settings(max_examples=30, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1), shift=st.floats(-100, 100), scale=st.floats(0.01, 100))
def test_units_do_not_matter(seed, shift, scale):
    rng = np.random.default_rng(seed)
    arm = np.r_[1, 1, 0, 0, rng.integers(0, 2, 26)]
    x, weights = rng.normal(size=30), rng.uniform(0.1, 2, 30)
    tables = [
        balance_table(pd.DataFrame({"x": values}), arm, weights=weights, target="att")
        for values in (x, shift + scale * x)
    ]
    # A shift of up to 1e4 standard deviations costs four of sixteen digits.
    for column in ("unadjusted", "adjusted"):
        np.testing.assert_allclose(tables[0][column], tables[1][column], rtol=1e-8, atol=1e-10)


def test_baseline_table_before_and_after_weighting():
    frame = AGE.assign(sick=SICK["sick"], stage=list("ABABBCC"))
    table = baseline_table(frame, ARM, weights=WEIGHTS, target="att")
    assert list(table.columns) == list(BASELINE_COLUMNS)
    rows = table.set_index(["variable", "level"])
    patients = rows.loc[("patients", "")]
    # Effective sizes 16 / 6 and 16 / 10.
    assert (patients["treated_before"], patients["control_before"]) == ("3", "4")
    assert patients["treated_after"] == "2.7 effective"
    assert patients["control_after"] == "1.6 effective"
    age = rows.loc[("age", "")]
    assert age["shown"] == "mean (sd)"
    assert (age["treated_before"], age["control_before"]) == ("2.0 (1.0)", "7.0 (2.6)")
    assert (age["treated_after"], age["control_after"]) == ("2.2 (1.0)", "4.5 (1.4)")
    assert age["smd_after"] == pytest.approx(-2.25, rel=1e-14)
    sick = rows.loc[("sick", "")]
    assert (sick["treated_before"], sick["control_before"]) == ("2 (66.7%)", "1 (25.0%)")
    assert (sick["treated_after"], sick["control_after"]) == ("50.0%", "75.0%")
    assert rows.loc[("stage", "B"), "treated_before"] == "1 (33.3%)"
    assert rows.loc[("stage", "C"), "control_after"] == "0.0%"
    assert rows.loc[("stage", ""), "smd_before"] > 0
    assert math.isnan(rows.loc[("stage", "A"), "smd_before"])


def test_baseline_table_of_matched_patients(cohort):
    found = match(cohort["score"], cohort["arm"], caliper=0.2)
    frame = cohort[["x", "sick", "stage"]]
    table = baseline_table(frame, cohort["arm"], matched=found.matched, target="att")
    kept = cohort.loc[found.matched]
    rows = table.set_index(["variable", "level"])
    assert rows.loc[("patients", ""), "treated_after"] == str(len(found.pairs))
    treated = kept[kept["arm"] == 1]
    expected = f"{treated['x'].mean():.1f} ({treated['x'].std():.1f})"
    assert rows.loc[("x", ""), "treated_after"] == expected
    count = (treated["stage"] == "B").sum()
    assert rows.loc[("stage", "B"), "treated_after"] == f"{count} ({count / len(treated):.1%})"
    again = balance_table(
        frame[["x", "sick"]], cohort["arm"], weights=found.weights, target="att",
        factors={"stage": frame["stage"]},
    )  # fmt: skip
    for name in frame:
        assert rows.loc[(name, ""), "smd_after"] == pytest.approx(
            value(again, name, "smd"), rel=1e-12
        )


def test_medians_are_values_that_occur():
    table = baseline_table(AGE, ARM, weights=WEIGHTS, medians=["age"], digits=0)
    age = table.set_index("variable").loc["age"]
    assert age["shown"] == "median [quartiles]"
    # Controls 4, 6, 8, 10: a quarter of the weight is reached at 4, half at 6, three at 8.
    assert age["control_before"] == "6 [4, 8]"
    # Weights 3 and 1 of 4 and 6: three quarters are reached at 4.
    assert age["control_after"] == "4 [4, 4]"
    assert age["treated_after"] == "2 [1, 3]"


def test_missing_values_have_a_row():
    frame = AGE.assign(age=[np.nan, 2, 3, 4, np.nan, 8, 10], stage=["A", None, *"ABABB"])
    rows = baseline_table(frame, ARM, weights=WEIGHTS).set_index(["variable", "level"])
    assert rows.loc[("age", "missing"), "treated_before"] == "1 (33.3%)"
    assert rows.loc[("age", "missing"), "control_after"] == "25.0%"
    assert rows.loc[("age", ""), "treated_before"] == "2.5 (0.7)"
    # One control has weight and an age: no standard deviation.
    assert rows.loc[("age", ""), "control_after"] == "4.0 (-)"
    assert rows.loc[("stage", "missing"), "treated_before"] == "1 (33.3%)"
    assert rows.loc[("stage", "A"), "treated_before"] == "2 (100.0%)"


def test_a_variable_one_arm_lacks_has_no_difference():
    frame = AGE.assign(age=[np.nan] * 3 + [4, 6, 8, 10])
    rows = baseline_table(frame, ARM).set_index(["variable", "level"])
    assert rows.loc[("age", ""), "treated_before"] == "-"
    assert math.isnan(rows.loc[("age", ""), "smd_before"])
    assert rows.loc[("age", ""), "treated_after"] == ""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"statistics": ["mean"]}, "`mean` is not known; use one of smd, difference"),
        ({"target": "overlap"}, "`overlap` is not known; use one of ate"),
        ({"factors": {"stage": ["B"]}}, "factor stage: needs dummy columns; not there: B"),
        ({"factors": {"stage": ["age"]}}, "factor stage: needs columns of 0 and 1"),
        ({"factors": {"stage": pd.Series(["A", None] * 3 + ["A"])}}, "factor stage: is missing"),
        ({"factors": {"stage": pd.Series(["A"])}}, "factor stage: one label a patient"),
        ({"weights": -WEIGHTS}, "at least 0"),
        ({"weights": WEIGHTS * (1 - ARM)}, "treated arm: has no patient with a weight"),
    ],
)
def test_wrong_input_of_the_table_is_refused(options, message):
    with pytest.raises(InputError, match=message):
        balance_table(AGE, ARM, **options)


def test_wrong_columns_are_refused():
    with pytest.raises(InputError, match="column age: is missing") as raised:
        balance_table(AGE.where(AGE["age"] > 1), ARM, names=list("abcdefg"))
    assert raised.value.problems[0].rows == ("a",)
    with pytest.raises(InputError, match="one row a patient is needed: 7, got 6"):
        balance_table(AGE.iloc[1:], ARM)
    with pytest.raises(InputError, match="column age: is there twice"):
        balance_table(pd.concat([AGE, AGE], axis=1), ARM)
    with pytest.raises(InputError, match="plain numbers"):
        balance_table(pd.DataFrame({"stage": list("ABABABA")}), ARM)
    with pytest.raises(InputError, match="center: is missing"):
        balance_by_center(AGE, ARM, ["A"] * 6 + [None])
    with pytest.raises(InputError, match="draw and patient"):
        balance_over_draws(AGE, ARM, np.full(7, 0.5), "ato")
    with pytest.raises(InputError, match="without any weight"):
        balance_over_draws(AGE, ARM, np.where(ARM == 1, 1.0, 0.5)[None], "ato")


def test_wrong_input_of_the_baseline_table_is_refused():
    with pytest.raises(InputError, match="not both"):
        baseline_table(AGE, ARM, weights=WEIGHTS, matched=[0, 3])
    with pytest.raises(InputError, match="holds a patient twice"):
        baseline_table(AGE, ARM, matched=[0, 3, 3])
    with pytest.raises(InputError, match="positions of patients"):
        baseline_table(AGE, ARM, matched=[0, 7])
    with pytest.raises(InputError, match="positions of patients"):
        baseline_table(AGE, ARM, matched=ARM == 1)
    with pytest.raises(InputError, match="medians: not in the frame: stage"):
        baseline_table(AGE, ARM, medians=["stage"])
    with pytest.raises(InputError, match="missing for every patient"):
        baseline_table(AGE.assign(age=np.nan), ARM)


def test_the_registry_says_what_it_holds():
    assert list(STATISTICS) == ["smd", "difference", "variance_ratio", "ks"]
    assert {name for name, statistic in STATISTICS.items() if statistic.threshold} == {
        "smd",
        "variance_ratio",
    }
