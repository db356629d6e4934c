"""Centers in the conventional rows: levels, frailties and effects of their own."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hccbayes.frequentist.conventional import conventional_estimates
from hccbayes.frequentist.cox import cox
from hccbayes.frequentist.frailty import frailty_cox
from hccbayes.frequentist.restricted_mean import restricted_mean

CONTRASTS = {"treatment": "treated / control", "age": "age, per 1"}


@pytest.fixture
def patients() -> pd.DataFrame:
    rng = np.random.default_rng(8)
    n = 160
    center = rng.choice(["east", "north", "south"], n, p=[0.5, 0.3, 0.2])
    treatment = rng.integers(0, 2, n).astype(float)
    level = pd.Series(center).map({"east": 0.0, "north": 0.6, "south": -0.5}).to_numpy()
    death = rng.exponential(12 * np.exp(0.5 * treatment - level))
    end = rng.uniform(10, 30, n)
    return pd.DataFrame(
        {
            "entry": 0.0,
            "time": np.minimum(death, end),
            "event": (death <= end).astype(int),
            "treatment": treatment,
            "center": center,
            "age": rng.normal(0, 1, n),
        }
    )


def estimates(patients: pd.DataFrame, **options) -> pd.DataFrame:
    arguments = {"times": [], "model": "toy", "center_slopes": True} | options
    return conventional_estimates(patients, patients[["treatment", "age"]], CONTRASTS, **arguments)


def levels(table: pd.DataFrame, method: str) -> pd.DataFrame:
    own = table[(table["estimand"] == "log_center_hr") & (table["method"] == method)]
    return own.set_index(own["contrast"].str.removesuffix(" / mean center"))


def event_shares(patients: pd.DataFrame) -> pd.Series:
    events = patients.groupby("center")["event"].sum()
    return events / events.sum()


def test_levels_are_against_the_mean_center(patients):
    found = levels(estimates(patients), "cox_efron_center")
    assert list(found.index) == ["east", "north", "south"]
    shares = event_shares(patients)
    assert (found["estimate"] * shares).sum() == pytest.approx(0.0, abs=1e-9)
    # Whatever center has no dummy: deviations coded directly give the same numbers.
    coded = pd.DataFrame(
        {
            name: (patients["center"] == name) * 1.0
            - (patients["center"] == "east") * shares[name] / shares["east"]
            for name in ("north", "south")
        }
    )
    design = pd.concat([patients[["treatment", "age"]], coded], axis=1)
    fit = cox(design, *(patients[name] for name in ("entry", "time", "event")))
    for index, name in ((2, "north"), (3, "south")):
        row = found.loc[name]
        assert row["estimate"] == pytest.approx(fit.coef[index], abs=1e-8)
        assert (row["lower"], row["upper"]) == pytest.approx(
            (fit.lower[index], fit.upper[index]), abs=1e-7
        )
    ratios = estimates(patients).query("estimand == 'center_hr' and method == 'cox_efron_center'")
    np.testing.assert_allclose(ratios["estimate"], np.exp(found["estimate"]), rtol=1e-12)


def test_frailties_are_the_predicted_levels(patients):
    table = estimates(patients)
    found = levels(table, "cox_efron_frailty_gaussian")
    follow_up = [patients[name] for name in ("entry", "time", "event")]
    fit = frailty_cox(
        patients[["treatment", "age"]], *follow_up, patients["center"], distribution="gaussian"
    )
    assert fit.variance > 0
    expected = fit.log_frailty - (fit.log_frailty * event_shares(patients)).sum()
    np.testing.assert_allclose(found["estimate"], expected, rtol=1e-12)
    assert found["lower"].isna().all()
    assert (found["interval_kind"] == "").all()
    # Shrunken, and in the order of the free ones.
    free = levels(table, "cox_efron_center")["estimate"]
    assert (found["estimate"].abs() < free.abs()).all()
    own = table.query("estimand == 'log_hr' and method == 'cox_efron_frailty_gaussian'")
    np.testing.assert_allclose(own["estimate"], fit.coef, rtol=1e-12)


def test_equal_centers_have_no_frailty_and_a_note(patients):
    rng = np.random.default_rng(1)
    table = estimates(patients.assign(center=rng.permutation(["a", "b"] * 80)))
    assert any(
        note.startswith("cox_efron_frailty_gaussian: the variance between centers is 0")
        for note in table.attrs["notes"]
    )
    np.testing.assert_allclose(levels(table, "cox_efron_frailty_gaussian")["estimate"], 0.0)


def test_effects_by_center_without_covariates_are_those_of_the_centers_alone(patients):
    table = conventional_estimates(
        patients,
        patients[["treatment"]],
        CONTRASTS,
        times=[],
        model="toy",
        center_slopes=True,
    )
    found = table[(table["method"] == "cox_efron_strata_slopes") & (table["estimand"] == "log_hr")]
    assert list(found["population"]) == ["center east", "center north", "center south"]
    for population, row in found.set_index("population").iterrows():
        own = patients[patients["center"] == str(population).removeprefix("center ")]
        fit = cox(own[["treatment"]], *(own[name] for name in ("entry", "time", "event")))
        assert row["estimate"] == pytest.approx(fit.coef[0], abs=1e-8)
        assert row["upper"] == pytest.approx(fit.upper[0], abs=1e-7)


def test_a_center_with_one_arm_has_no_effect_of_its_own(patients):
    south = patients["center"] == "south"
    changed = patients.assign(treatment=patients["treatment"].where(~south, 1.0))
    table = estimates(changed)
    found = table[table["method"] == "cox_efron_strata_slopes"].set_index("population")
    assert found.loc["center south", "estimate"].isna().all()
    assert found.loc[["center east", "center north"], "estimate"].notna().all()
    (note,) = [note for note in table.attrs["notes"] if "slopes" in note]
    assert note.startswith("cox_efron_strata_slopes, center south: not estimable: term treatment")


def test_effects_by_center_only_where_asked_for(patients):
    assert "cox_efron_strata_slopes" not in set(estimates(patients, center_slopes=False)["method"])


def test_restricted_means_and_their_difference(patients):
    table = estimates(patients, horizon=20.0)
    found = table[(table["method"] == "km") & table["estimand"].str.startswith("rmst")]
    assert list(found["contrast"]) == ["treated", "control", "treated - control"]
    assert set(found["time"]) == {20.0}
    own = patients[patients["treatment"] == 1]
    mean = restricted_mean(own["entry"], own["time"], own["event"], 20.0)
    first = found.iloc[0]
    assert (first["estimate"], first["lower"]) == pytest.approx((mean.estimate, mean.lower))
    assert found.iloc[2]["estimate"] == pytest.approx(
        found.iloc[0]["estimate"] - found.iloc[1]["estimate"]
    )


def test_a_horizon_beyond_the_follow_up_is_a_note(patients):
    table = estimates(patients, horizon=99.0)
    assert not table["estimand"].str.startswith("rmst").any()
    assert any(note.startswith("km, rmst: not estimable") for note in table.attrs["notes"])
