"""Every convention as a row of the estimate table: the numbers are those of the functions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hccbayes.frequentist.concordance import concordance
from hccbayes.frequentist.conventional import all_estimates, conventional_estimates
from hccbayes.frequentist.cox import cox
from hccbayes.frequentist.firth_cox import firth_cox
from hccbayes.frequentist.fleming_harrington import fleming_harrington
from hccbayes.frequentist.follow_up import median_follow_up
from hccbayes.frequentist.kaplan_meier import kaplan_meier, median_survival, survival_at
from hccbayes.frequentist.max_combo import max_combo
from hccbayes.frequentist.nelson_aalen import cumulative_hazard_at, nelson_aalen
from hccbayes.frequentist.observed_expected import peto_hazard_ratio
from hccbayes.frequentist.restricted_mean_contrast import restricted_mean_contrast
from hccbayes.frequentist.schoenfeld import proportional_hazards_test
from hccbayes.records import ESTIMATE_COLUMNS

CONTRASTS = {"treatment": "treated / control", "age": "age, per 1"}
KEY = ["estimand", "contrast", "population", "time", "method"]


@pytest.fixture(scope="module")
def patients() -> pd.DataFrame:
    rng = np.random.default_rng(21)
    n = 90
    treatment = rng.integers(0, 2, n).astype(float)
    age = rng.normal(0, 1, n)
    death = rng.exponential(12 * np.exp(0.6 * treatment - 0.4 * age))
    end = rng.uniform(14, 30, n)
    return pd.DataFrame(
        {
            "entry": 0.0,
            "time": np.maximum(np.round(np.minimum(death, end), 1), 0.1),
            "event": (death <= end).astype(int),
            "treatment": treatment,
            "center": rng.choice(list("abcdef"), n),
            "age": age,
        }
    )


def every(patients: pd.DataFrame, **options) -> pd.DataFrame:
    arguments = {"times": [6.0, 12.0], "horizon": 12.0, "model": "toy", "prob": 0.9} | options
    return all_estimates(patients, patients[["treatment", "age"]], CONTRASTS, **arguments)


@pytest.fixture(scope="module")
def table(patients) -> pd.DataFrame:
    return every(patients)


@pytest.fixture(scope="module")
def follow_up(patients) -> list[pd.Series]:
    return [patients[name] for name in ("entry", "time", "event")]


@pytest.fixture(scope="module")
def treated(patients) -> list[pd.Series]:
    own = patients[patients["treatment"] == 1]
    return [own[name] for name in ("entry", "time", "event")]


def one(table: pd.DataFrame, **fields) -> pd.Series:
    for column, value in fields.items():
        table = table[table[column] == value]
    assert len(table) == 1
    return table.iloc[0]


def assert_row(row: pd.Series, estimate: float, limits: tuple[float, float], kind: str) -> None:
    assert (row["estimate"], row["lower"], row["upper"]) == pytest.approx((estimate, *limits))
    assert (row["interval_kind"], row["interval_prob"]) == (kind, 0.9)


def test_the_table_holds_the_conventional_rows_and_no_row_twice(patients, table):
    assert list(table.columns) == list(ESTIMATE_COLUMNS)
    assert not table.duplicated(KEY).any()
    plain = conventional_estimates(
        patients,
        patients[["treatment", "age"]],
        CONTRASTS,
        times=[6.0, 12.0],
        horizon=12.0,
        model="toy",
        prob=0.9,
    )
    pd.testing.assert_frame_equal(table.iloc[: len(plain)], plain, check_names=False)
    assert set(table["source"]) == {"frequentist"}


@pytest.mark.parametrize("kind", ["log", "log-log", "plain"])
def test_limits_of_curves_and_medians_by_name(table, treated, kind):
    curve = kaplan_meier(*treated, interval_kind=kind, prob=0.9)
    at = survival_at(curve, 12.0).iloc[0]
    method = "km" if kind == "log" else f"km_{kind}"
    row = one(table, estimand="survival", contrast="treated", time=12.0, method=method)
    assert_row(row, at["survival"], (at["lower"], at["upper"]), kind)
    median = median_survival(curve)
    row = one(table, estimand="quantile_0.5", contrast="treated", method=f"km_{kind}")
    assert_row(row, median.estimate, (median.lower, median.upper), kind)


def test_hazard_and_follow_up(table, treated):
    at = cumulative_hazard_at(nelson_aalen(*treated, prob=0.9), 6.0).iloc[0]
    row = one(table, estimand="cumulative_hazard", contrast="treated", time=6.0)
    assert_row(row, at["cumulative_hazard"], (at["lower"], at["upper"]), "log")
    found = median_follow_up(*treated, prob=0.9)
    row = one(table, estimand="median_follow_up", contrast="treated")
    assert_row(row, found.estimate, (found.lower, found.upper), "log")


def test_ratio_of_restricted_means(patients, table, follow_up):
    ratio = restricted_mean_contrast(*follow_up, patients["treatment"], 12.0, prob=0.9).ratio
    assert_row(
        one(table, estimand="rmst_ratio"), ratio.estimate, (ratio.lower, ratio.upper), "wald"
    )


def test_tests_by_name(patients, table, follow_up):
    late = fleming_harrington(*follow_up, patients["treatment"], rho=0.0, gamma=1.0)
    own = {"method": "fleming_harrington_0_1"}
    assert one(table, estimand="logrank_z", **own)["estimate"] == pytest.approx(late.z)
    assert one(table, estimand="logrank_p", **own)["estimate"] == pytest.approx(late.p_value)
    combined = max_combo(*follow_up, patients["treatment"])
    assert one(table, estimand="max_combo_p")["estimate"] == pytest.approx(combined.p_value)
    peto = peto_hazard_ratio(*follow_up, patients["treatment"], prob=0.9)
    row = one(table, estimand="hr", method="peto")
    assert_row(row, peto.estimate, (peto.lower, peto.upper), "wald")


def test_models_by_name(patients, table, follow_up):
    design = patients[["treatment", "age"]]
    breslow = cox(design, *follow_up, ties="breslow", prob=0.9)
    row = one(table, estimand="log_hr", contrast="age, per 1", method="cox_breslow")
    assert_row(row, breslow.coef[1], (breslow.lower[1], breslow.upper[1]), "wald")
    firth = firth_cox(design, *follow_up, prob=0.9)
    row = one(table, estimand="log_hr", contrast="treated / control", method="cox_firth_efron")
    assert_row(row, firth.coef[0], (firth.lower[0], firth.upper[0]), "profile")
    with_centers = {"cox_efron_cluster", "cox_efron_frailty_gamma"}
    assert with_centers <= set(table["method"])
    alone = every(patients.drop(columns="center"))
    assert not with_centers & set(alone["method"])
    assert "cox_efron_robust" in set(alone["method"])


def test_checks_of_the_adjusted_model(patients, table, follow_up):
    design = patients[["treatment", "age"]]
    test = proportional_hazards_test(design, *follow_up).table.set_index("term")["p_value"]
    own = table[table["estimand"] == "proportional_hazards_p"].set_index("contrast")["estimate"]
    assert own.to_dict() == pytest.approx(
        {
            "treated / control": test["treatment"],
            "age, per 1": test["age"],
            "GLOBAL": test["GLOBAL"],
        }
    )
    score = design.to_numpy() @ cox(design, *follow_up).coef
    found = concordance(score, *follow_up, prob=0.9)
    row = one(table, estimand="concordance")
    assert_row(row, found.estimate, (found.lower, found.upper), "wald")


def test_what_cannot_be_estimated_is_a_note(patients):
    silent = patients.assign(event=patients["event"].where(patients["treatment"] == 0, 0))
    table = every(silent)
    empty = table[table["estimate"].isna()]
    notes = " | ".join(table.attrs["notes"])
    for method in set(empty["method"]) - {"km"}:
        assert method in notes, method
    assert not np.isinf(table.loc[table["estimand"] == "log_hr", "estimate"]).any()
    # Firth's penalty has an estimate where the partial likelihood has none.
    row = one(table, estimand="log_hr", contrast="treated / control", method="cox_firth_efron")
    assert np.isfinite(row["estimate"])


def test_an_arm_in_which_everybody_dies(patients):
    table = every(patients.assign(event=patients["event"].where(patients["treatment"] == 0, 1)))
    row = one(table, estimand="median_follow_up", contrast="treated")
    assert np.isnan(row["estimate"])
    noted = [note for note in table.attrs["notes"] if note.startswith("reverse_km, treated")]
    assert "every patient had the event" in noted[0]
    assert np.isfinite(one(table, estimand="median_follow_up", contrast="control")["estimate"])


def test_nobody_dies(patients):
    table = every(patients.assign(event=0))
    ratios = table[table["estimand"].isin(["hr", "log_hr"])]
    assert ratios["estimate"].isna().all()
    methods = set(ratios["method"])
    noted = {note.split(":")[0] for note in table.attrs["notes"]}
    assert methods <= noted
