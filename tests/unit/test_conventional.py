from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hccbayes.errors import InputError
from hccbayes.frequentist.conventional import conventional_estimates
from hccbayes.frequentist.kaplan_meier import kaplan_meier, survival_at
from hccbayes.records import ESTIMATE_COLUMNS

CONTRASTS = {"treatment": "treated / control", "age_years": "age_years, per 1"}


@pytest.fixture
def patients() -> pd.DataFrame:
    rng = np.random.default_rng(11)
    n = 80
    treatment = rng.integers(0, 2, n)
    time = np.minimum(rng.exponential(14, n), np.where(treatment == 1, 30.0, 20.0))
    return pd.DataFrame(
        {
            "entry": 0.0,
            "time": time,
            "event": (rng.random(n) < 0.8).astype(int),
            "treatment": treatment,
            "center": rng.choice(["north", "south", "west"], n),
            "age_years": rng.normal(60, 8, n),
        }
    )


def estimates(patients: pd.DataFrame, **changes) -> pd.DataFrame:
    arguments = {"times": [6, 12, 24], "model": "toy"} | changes
    return conventional_estimates(
        patients, patients[["treatment", "age_years"]].astype(float), CONTRASTS, **arguments
    )


def test_table_has_the_methods_and_the_columns(patients):
    table = estimates(patients)
    assert list(table.columns) == list(ESTIMATE_COLUMNS)
    assert set(table["method"]) == {
        "km",
        "logrank",
        "logrank_strata_center",
        "cox_crude",
        "cox_efron",
        "cox_efron_strata",
        "cox_efron_center",
        "cox_efron_frailty_gaussian",
    }
    assert set(table["population"]) == {"sample"}
    assert set(table["source"]) == {"frequentist"}
    assert table["prob_benefit"].isna().all()
    assert table.attrs["notes"] == ()
    key = ["estimand", "contrast", "time", "method"]
    assert not table.duplicated(key).any()
    per_method = table[table["estimand"] == "log_hr"].groupby("method").size().to_dict()
    assert per_method == {
        "cox_crude": 1,
        "cox_efron": 2,
        "cox_efron_strata": 2,
        "cox_efron_center": 2,
        "cox_efron_frailty_gaussian": 2,
    }


def test_times_beyond_an_arm_are_left_out(patients):
    table = estimates(patients)
    survival = table[table["estimand"] == "survival"].groupby("contrast")["time"].apply(list)
    assert survival["treated"] == [6, 12, 24]
    assert survival["control"] == [6, 12]
    assert table.loc[table["estimand"] == "survival_difference", "time"].to_list() == [6, 12]


def test_difference_is_walds(patients):
    table = estimates(patients, prob=0.9)
    row = table[(table["estimand"] == "survival_difference") & (table["time"] == 12)].iloc[0]
    at = {}
    for arm in (0, 1):
        own = patients[patients["treatment"] == arm]
        at[arm] = survival_at(kaplan_meier(own["entry"], own["time"], own["event"]), 12).iloc[0]
    assert row["estimate"] == pytest.approx(at[1]["survival"] - at[0]["survival"], rel=1e-13)
    half = 1.6448536269514722 * np.hypot(at[0]["standard_error"], at[1]["standard_error"])
    assert row["upper"] - row["estimate"] == pytest.approx(half, rel=1e-12)
    assert (row["interval_prob"], row["interval_kind"]) == (0.9, "wald")


def test_hazard_ratio_is_the_exponential_of_its_log(patients):
    table = estimates(patients).set_index(["method", "contrast"])
    log_hr, hr = (table[table["estimand"] == name] for name in ("log_hr", "hr"))
    for column in ("estimate", "lower", "upper"):
        np.testing.assert_allclose(hr[column], np.exp(log_hr[column]), rtol=1e-14)


def test_one_center_or_none_has_no_center_methods(patients):
    single = set(estimates(patients.assign(center="north"))["method"])
    none = set(estimates(patients.drop(columns="center"))["method"])
    assert single == none == {"km", "logrank", "cox_crude", "cox_efron"}


def test_treatment_alone_has_no_crude_twin(patients):
    table = conventional_estimates(
        patients.drop(columns="center"),
        patients[["treatment"]].astype(float),
        CONTRASTS,
        times=[],
        model="toy",
    )
    assert set(table["method"]) == {"km", "logrank", "cox_efron"}


def test_center_without_event_is_counted_in_a_note(patients):
    west = patients["center"] == "west"
    changed = patients.assign(event=patients["event"].where(~west, 0))
    table = estimates(changed)
    (note,) = table.attrs["notes"]
    assert f"1 center(s) without an event, with {west.sum()} patient(s)" in note
    assert note.endswith("west")
    rest = estimates(changed[~west])
    method = "cox_efron_center"
    np.testing.assert_allclose(
        table.loc[table["method"] == method, "estimate"],
        rest.loc[rest["method"] == method, "estimate"],
        rtol=1e-9,
    )


def test_what_is_not_estimable_is_nan_with_a_note(patients):
    changed = patients.drop(columns="center")
    changed = changed.assign(event=changed["event"].where(changed["treatment"] == 0, 0))
    table = estimates(changed)
    ratios = table[table["estimand"].isin(["log_hr", "hr"])]
    assert ratios["estimate"].isna().all()
    assert (ratios["interval_kind"] == "").all()
    notes = table.attrs["notes"]
    assert [note.split(":")[0] for note in notes] == ["cox_crude", "cox_efron"]
    assert all("term treatment" in note for note in notes)
    assert table.loc[table["estimand"] == "logrank_chi2", "estimate"].notna().all()


def test_all_dead_leaves_an_empty_interval(patients):
    changed = patients.drop(columns="center").assign(event=1)
    table = estimates(changed, times=[changed.loc[changed["treatment"] == 1, "time"].max()])
    row = table[table["estimand"] == "survival"].iloc[0]
    assert row["estimate"] == pytest.approx(0.0, abs=1e-15)
    assert np.isnan(row["lower"])
    assert row["interval_kind"] == ""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame.drop(columns="entry"), "column entry: is needed"),
        (lambda frame: frame.assign(treatment=1), "must hold 0 and 1, and both"),
        (lambda frame: frame.assign(center=None), "column center: has missing"),
    ],
)
def test_wrong_frame_is_refused(patients, change, message):
    with pytest.raises(InputError, match=message):
        estimates(change(patients))


def test_design_must_start_with_treatment_and_have_labels(patients):
    design = patients[["age_years", "treatment"]]
    with pytest.raises(InputError, match="first column must be `treatment`"):
        conventional_estimates(patients, design, CONTRASTS, times=[], model="toy")
    with pytest.raises(InputError, match="term sex: has no contrast label"):
        conventional_estimates(
            patients, design[["treatment"]].assign(sex=0), CONTRASTS, times=[], model="toy"
        )
