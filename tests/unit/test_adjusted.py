from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hccbayes.errors import InputError
from hccbayes.frequentist.adjusted import matched_estimates, weighted_estimates
from hccbayes.frequentist.conventional import conventional_estimates
from hccbayes.frequentist.kaplan_meier import median_survival, survival_at
from hccbayes.frequentist.logistic import logistic_regression
from hccbayes.frequentist.score_weights import estimated_weights
from hccbayes.frequentist.weighted_cox import weighted_cox
from hccbayes.frequentist.weighted_curves import weighted_curve, weighted_kaplan_meier
from hccbayes.frequentist.weighted_logrank import weighted_logrank
from hccbayes.frequentist.weighted_variance import influence, standard_errors
from hccbayes.records import ESTIMATE_COLUMNS
from hccbayes.weights import TARGETS, weight_values

Z = 1.959963984540054
COLUMNS = ["x", "y"]


@pytest.fixture
def patients() -> pd.DataFrame:
    rng = np.random.default_rng(41)
    n = 120
    x, y = rng.normal(size=(2, n))
    treatment = rng.binomial(1, 1 / (1 + np.exp(-0.8 * x)))
    time = rng.exponential(14 * np.exp(-0.5 * x + 0.3 * treatment))
    end = np.where(treatment == 1, 30.0, 20.0)
    return pd.DataFrame(
        {
            "patient": [f"P{row}" for row in range(n)],
            "entry": 0.0,
            "time": np.minimum(time, end),
            "event": (time <= end).astype(int),
            "treatment": treatment,
            "x": x,
            "y": y,
        }
    )


def score_of(patients: pd.DataFrame) -> np.ndarray:
    return logistic_regression(patients[COLUMNS], patients["treatment"]).score


def weighted(patients: pd.DataFrame, target: str = "ato", **changes) -> pd.DataFrame:
    score = score_of(patients)
    arguments = {
        "target": target,
        "times": [6, 12, 24],
        "horizon": 18.0,
        "model": "toy",
        "score": score,
        "score_columns": patients[COLUMNS],
    } | changes
    weights = weight_values(score, patients["treatment"], target)
    return weighted_estimates(patients, weights, **arguments)


def one(table: pd.DataFrame, **where: object) -> pd.Series:
    rows = table
    for column, value in where.items():
        rows = rows[rows[column] == value]
    (row,) = (found for _, found in rows.iterrows())
    return row


@pytest.mark.parametrize("target", TARGETS)
def test_table_has_the_methods_and_the_population(patients, target):
    table = weighted(patients, target)
    assert list(table.columns) == list(ESTIMATE_COLUMNS)
    assert set(table["method"]) == {
        f"cox_{target}_robust",
        f"cox_{target}_m_estimation",
        f"km_{target}",
        f"km_{target}_m_estimation",
        f"logrank_{target}",
        f"logrank_{target}_m_estimation",
    }
    assert set(table["population"]) == {"ate" if target == "ate_stabilized" else target}
    assert set(table["source"]) == {"frequentist"}
    assert not table.duplicated(["estimand", "contrast", "time", "method"]).any()
    assert table.attrs["notes"] == ()


def test_without_a_score_weights_are_taken_as_given(patients):
    table = weighted(patients, score=None, score_columns=None)
    assert set(table["method"]) == {"cox_ato_robust", "km_ato", "logrank_ato"}


def test_hazard_ratio_has_both_intervals(patients):
    table = weighted(patients, prob=0.9)
    score = score_of(patients)
    fitted = estimated_weights(patients[COLUMNS], score, patients["treatment"], "ato")
    fit = weighted_cox(
        patients[["treatment"]] * 1.0,
        patients["entry"],
        patients["time"],
        patients["event"],
        fitted.values,
    )
    both = {
        "cox_ato_robust": fit.robust_se[0],
        "cox_ato_m_estimation": standard_errors(influence(fit.sensitivity, fitted.values, fitted))[
            0
        ],
    }
    for method, se in both.items():
        log_hr, hr = (
            one(table, estimand=name, method=method) for name in ("log_marginal_hr", "marginal_hr")
        )
        assert log_hr["estimate"] == fit.coef[0]
        half = 1.6448536269514722 * se
        assert log_hr["upper"] - log_hr["estimate"] == pytest.approx(half, rel=1e-10)
        assert hr["lower"] == pytest.approx(np.exp(log_hr["lower"]), rel=1e-14)
        assert (log_hr["interval_prob"], log_hr["interval_kind"]) == (0.9, "wald")


def test_differences_use_the_influences_of_both_arms(patients):
    table = weighted(patients)
    score = score_of(patients)
    fitted = estimated_weights(patients[COLUMNS], score, patients["treatment"], "ato")
    treated, control = (
        weighted_curve(
            patients["entry"],
            patients["time"],
            patients["event"],
            fitted.values,
            members=patients["treatment"] == arm,
        )
        for arm in (1, 0)
    )
    for estimand, time, (one_arm, other_arm) in (
        ("survival_difference", 12, (treated.at(12), control.at(12))),
        ("rmst_difference", 18, (treated.restricted_mean(18), control.restricted_mean(18))),
    ):
        sensitivity = (one_arm[1] - other_arm[1]).reshape(len(patients), 1)
        for method, model in (("km_ato", None), ("km_ato_m_estimation", fitted)):
            row = one(table, estimand=estimand, time=time, method=method)
            assert row["estimate"] == pytest.approx(
                float(np.squeeze(one_arm[0] - other_arm[0])), rel=1e-12
            )
            se = standard_errors(influence(sensitivity, fitted.values, model))[0]
            assert (row["upper"] - row["lower"]) / 2 == pytest.approx(Z * se, rel=1e-10)


def test_log_rank_and_curves_have_both_variances(patients):
    table = weighted(patients)
    score = score_of(patients)
    fitted = estimated_weights(patients[COLUMNS], score, patients["treatment"], "ato")
    follow_up = (patients["entry"], patients["time"], patients["event"])
    for suffix, model in (("", None), ("_m_estimation", fitted)):
        test = weighted_logrank(*follow_up, patients["treatment"], fitted.values, estimated=model)
        method = f"logrank_ato{suffix}"
        assert one(table, estimand="logrank_chi2", method=method)["estimate"] == test.chi2
        assert one(table, estimand="logrank_p", method=method)["estimate"] == test.p_value
        curve = weighted_kaplan_meier(
            *follow_up, fitted.values, estimated=model, members=patients["treatment"] == 1
        )
        at, median = survival_at(curve, 12).iloc[0], median_survival(curve)
        arm = {"contrast": "treated", "method": f"km_ato{suffix}"}
        row = one(table, estimand="survival", time=12, **arm)
        assert (row["lower"], row["upper"]) == (at["lower"], at["upper"])
        row = one(table, estimand="median", **arm)
        assert (row["lower"], row["upper"]) == (median.lower, median.upper)


def test_unit_weights_repeat_the_conventional_estimates(patients):
    # Greenwood's variance, and Efron's estimate; the weights' log-rank has a variance of its own.
    table = weighted_estimates(
        patients, np.ones(120), target="ate", times=[6, 12, 24], horizon=18, model="toy"
    )
    plain = conventional_estimates(
        patients,
        patients[["treatment"]] * 1.0,
        {"treatment": "treated / control"},
        times=[6, 12, 24],
        model="toy",
    )
    key = ["estimand", "contrast", "time"]
    joined = plain[plain["method"] == "km"].merge(table, on=key, suffixes=("", "_weighted"))
    assert len(joined) == (plain["method"] == "km").sum()
    for column in ("estimate", "lower", "upper"):
        np.testing.assert_allclose(joined[f"{column}_weighted"], joined[column], rtol=1e-9)
    own = one(table, estimand="log_marginal_hr")["estimate"]
    assert own == pytest.approx(one(plain, estimand="log_hr")["estimate"], rel=1e-8)


def test_times_beyond_an_arm_are_left_out_and_a_horizon_is_noted(patients):
    table = weighted(patients, horizon=25.0, score=None, score_columns=None)
    survival = table[table["estimand"] == "survival"].groupby("contrast")["time"].apply(list)
    assert survival["treated"] == [6, 12, 24]
    assert survival["control"] == [6, 12]
    assert table.loc[table["estimand"] == "survival_difference", "time"].to_list() == [6, 12]
    assert np.isfinite(one(table, estimand="rmst", contrast="treated")["estimate"])
    assert np.isnan(one(table, estimand="rmst", contrast="control")["estimate"])
    difference = one(table, estimand="rmst_difference")
    assert np.isnan(difference["estimate"])
    assert difference["interval_kind"] == ""
    (note,) = table.attrs["notes"]
    assert note.startswith("km_ato, rmst, control: not estimable")
    assert "the curve ends at 20 months" in note


def test_no_event_in_an_arm_is_nan_with_a_note(patients):
    changed = patients.assign(event=patients["event"].where(patients["treatment"] == 0, 0))
    table = weighted(changed)
    ratios = table[table["estimand"].isin(["log_marginal_hr", "marginal_hr"])]
    assert ratios["estimate"].isna().all()
    assert (ratios["interval_kind"] == "").all()
    assert [note.split(":")[0] for note in table.attrs["notes"]] == [
        "cox_ato_robust",
        "cox_ato_m_estimation",
    ]
    assert table.loc[table["estimand"] == "logrank_chi2", "estimate"].notna().all()


def test_all_dead_leaves_an_empty_interval(patients):
    changed = patients.assign(event=1)
    last = changed.loc[changed["treatment"] == 0, "time"].max()
    table = weighted(changed, times=[last], score=None, score_columns=None)
    row = one(table, estimand="survival_difference")
    assert np.isfinite(row["estimate"])
    assert np.isnan(row["lower"])
    assert row["interval_kind"] == ""


def pairs_of(patients: pd.DataFrame) -> pd.DataFrame:
    """The j-th treated and the j-th control patient in order of x."""
    ranked = patients.sort_values("x", kind="stable")
    place = ranked.groupby("treatment").cumcount()
    smaller = patients["treatment"].value_counts().min()
    return ranked.assign(pair=place)[place < smaller]


def test_matched_rows_are_clustered_by_pair(patients):
    matched = pairs_of(patients)
    table = matched_estimates(matched, matched["pair"], times=[6, 12], horizon=18.0, model="toy")
    assert set(table["method"]) == {"cox_matched_clustered", "km_matched", "logrank_matched"}
    assert set(table["population"]) == {"matched"}
    fit = weighted_cox(
        matched[["treatment"]] * 1.0,
        matched["entry"],
        matched["time"],
        matched["event"],
        np.ones(len(matched)),
        cluster=matched["pair"],
    )
    row = one(table, estimand="log_marginal_hr")
    assert row["estimate"] == fit.coef[0]
    assert row["upper"] - row["estimate"] == pytest.approx(Z * fit.robust_se[0], rel=1e-10)
    assert fit.clusters == matched["pair"].nunique()
    test = weighted_logrank(
        *(matched[name] for name in ("entry", "time", "event", "treatment")),
        np.ones(len(matched)),
        cluster=matched["pair"],
    )
    assert one(table, estimand="logrank_chi2")["estimate"] == pytest.approx(test.chi2, rel=1e-12)


def test_pairs_reach_the_difference_and_not_an_arms_own_curve(patients):
    matched = pairs_of(patients)
    arguments = {"times": [12], "horizon": 18.0, "model": "toy"}
    paired = matched_estimates(matched, matched["pair"], **arguments)
    alone = weighted_estimates(matched, np.ones(len(matched)), target="ate", **arguments)
    key = ["estimand", "contrast", "time"]
    joined = paired.merge(alone, on=key, suffixes=("", "_alone"))
    arms = joined["contrast"].isin(["treated", "control"])
    np.testing.assert_allclose(
        joined.loc[arms, "lower"], joined.loc[arms, "lower_alone"], rtol=1e-12
    )
    difference = joined[joined["estimand"] == "survival_difference"].iloc[0]
    assert difference["estimate"] == difference["estimate_alone"]
    assert difference["lower"] != pytest.approx(difference["lower_alone"], rel=1e-6)


def test_pairs_without_an_arm_are_named(patients):
    matched = pairs_of(patients)
    with pytest.raises(InputError, match=r"pair: these pairs lack an arm \(row 0\)"):
        matched_estimates(
            matched.iloc[1:], matched["pair"].iloc[1:], times=[], horizon=6.0, model="toy"
        )
    with pytest.raises(InputError, match="pair: missing values"):
        matched_estimates(matched, [None] * len(matched), times=[], horizon=6.0, model="toy")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame.drop(columns="entry"), "column entry: is needed"),
        (lambda frame: frame.assign(patient="P1"), "column patient: one row a patient"),
        (lambda frame: frame.assign(treatment=1), "must hold 0 and 1, and both"),
    ],
)
def test_wrong_frame_is_refused(patients, change, message):
    with pytest.raises(InputError, match=message):
        weighted_estimates(
            change(patients), np.ones(120), target="ate", times=[], horizon=6.0, model="toy"
        )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"target": "everyone"}, "unknown target 'everyone'; choose from ate"),
        ({"score": None}, "give both or neither"),
        ({"prob": 95.0}, "between 0 and 1"),
        ({"target": "att"}, "not a multiple of the target's formula"),
    ],
)
def test_wrong_arguments_are_refused(patients, changes, message):
    score = score_of(patients)
    arguments = {
        "target": "ate", "times": [], "horizon": 6.0, "model": "toy", "score": score,
        "score_columns": patients[COLUMNS],
    } | changes  # fmt: skip
    with pytest.raises(InputError, match=message):
        weighted_estimates(
            patients, weight_values(score, patients["treatment"], "ate"), **arguments
        )
