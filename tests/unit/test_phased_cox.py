"""Cox regression with treatment by phase: the split by hand, R's numbers, rows, what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from lifelines.datasets import load_lung

from hccbayes.errors import InputError
from hccbayes.frequentist.conventional import conventional_estimates
from hccbayes.frequentist.phased_cox import PHASES, split_at

DATA = Path(__file__).resolve().parents[1] / "data"
COEFFICIENT = 1e-6
"""The accuracy the package promises of coefficients."""
CONTRASTS = {
    "treatment": "treated / control",
    "age": "age: per 1",
    "ph.ecog": "ph.ecog: per 1",
}


@pytest.fixture(scope="module")
def patients() -> pd.DataFrame:
    lung = load_lung().dropna(subset=["ph.ecog"]).reset_index(drop=True)
    enters = (np.arange(1, len(lung) + 1) * 7) % 100
    return lung.assign(
        treatment=(lung["sex"] == 2).astype(int),
        event=lung["status"],
        entry=0.0,
        late=np.where(enters < lung["time"], enters, 0),
    )


def estimates(patients: pd.DataFrame, ends: tuple[float, ...]) -> pd.DataFrame:
    design = patients[["treatment", "age", "ph.ecog"]].astype(float)
    return conventional_estimates(
        patients, design, CONTRASTS, times=[], model="toy", phase_ends=ends
    )


def test_follow_up_is_split_at_the_bounds_by_hand() -> None:
    # On a bound, behind it by rounding, over two bounds, entering on one, entering behind it.
    split = split_at(
        [0.0, 0.0, 0.0, 3.0, 4.0], [3.0, 3.0 + 1e-12, 15.0, 12.0, 5.0], [1, 1, 0, 1, 1], [3, 12]
    )
    assert split.to_numpy().tolist() == [
        [0, 0, 0.0, 3.0, 1],
        [1, 0, 0.0, 3.0, 1],
        [2, 0, 0.0, 3.0, 0],
        [2, 1, 3.0, 12.0, 0],
        [2, 2, 12.0, 15.0, 0],
        [3, 1, 3.0, 12.0, 1],
        [4, 1, 4.0, 5.0, 1],
    ]


@pytest.mark.parametrize("bounds", [[0.0], [3.0, 3.0], [6.0, 3.0], [np.nan]])
def test_bounds_that_are_none_are_refused(bounds: list[float]) -> None:
    with pytest.raises(InputError, match="bounds: must be positive"):
        split_at([0.0], [5.0], [1], bounds)


@pytest.mark.parametrize("analysis", ["from_origin", "late_entry"])
def test_rows_equal_r(analysis: str, patients: pd.DataFrame) -> None:
    expected = pd.read_csv(DATA / "lung_phases.csv", comment="#")
    expected = expected[expected["analysis"] == analysis].set_index("term")
    if analysis == "late_entry":
        patients = patients.assign(entry=patients["late"])
    rows = estimates(patients, (180.0, 365.0, 965.0))
    own = rows[rows["method"] == PHASES]
    by_phase = own[own["estimand"] == "log_hr_at"]
    assert by_phase["time"].tolist() == [180.0, 365.0, 965.0]
    overall = own[own["estimand"] == "log_hr"].set_index("contrast")
    terms = ["female_1", "female_2", "female_3", "average", "age", "ph.ecog"]
    labels = ["treated / control", "age: per 1", "ph.ecog: per 1"]
    found = pd.concat([by_phase, overall.loc[labels]])
    np.testing.assert_allclose(
        found["estimate"], expected.loc[terms, "coef"], rtol=COEFFICIENT, atol=COEFFICIENT
    )
    half = 1.959963984540054 * expected.loc[terms, "se"].to_numpy()
    width = (found["upper"] - found["lower"]).to_numpy() / 2.0
    np.testing.assert_allclose(width, half, rtol=COEFFICIENT)
    ratios = own[own["estimand"] == "hr_at"]
    np.testing.assert_allclose(ratios["estimate"], np.exp(by_phase["estimate"]), rtol=1e-14)
    assert rows.attrs["notes"] == ()


def test_a_phase_without_deaths_of_an_arm_is_named(patients: pd.DataFrame) -> None:
    """After day 700 five women and no man die: their hazard ratio has no finite estimate."""
    late = (patients["time"] > 700) & (patients["treatment"] == 1)
    rows = estimates(patients.assign(event=np.where(late, 0, patients["event"])), (700.0, 965.0))
    own = rows[rows["method"] == PHASES]
    assert own["estimate"].isna().all()
    assert own.groupby("estimand").size().to_dict() == {
        "hr": 3,
        "hr_at": 2,
        "log_hr": 3,
        "log_hr_at": 2,
    }
    (note,) = rows.attrs["notes"]
    assert note.startswith("cox_efron_phases: not estimable: term treatment[700+]")
    assert rows.query("method == 'cox_efron'")["estimate"].notna().all()


def test_without_phases_there_are_no_such_rows(patients: pd.DataFrame) -> None:
    assert PHASES not in set(estimates(patients, ())["method"])
