"""The smooth of scaled Schoenfeld residuals against R's spline and lm (schoenfeld_smooth.R)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from lifelines.datasets import load_lung

from hccbayes.frequentist.schoenfeld import proportional_hazards_test
from hccbayes.frequentist.schoenfeld_smooth import schoenfeld_smooth

DATA = Path(__file__).resolve().parents[1] / "data"
TERMS = ["treatment", "age_years"]
EACH_COEFFICIENT = 1e-6
"""Standard errors: what the Cox coefficients, which are added to the residuals, agree to."""


def cohort_of(name):
    if name == "simulated":
        return pd.read_csv(DATA / "frequentist_cohort.csv", comment="#")
    lung = load_lung()
    return lung.assign(
        entry=0.0,
        event=lung["status"],
        treatment=(lung["sex"] == 2).astype(float),
        age_years=lung["age"].astype(float),
    )


@pytest.fixture(scope="module")
def reference():
    return pd.read_csv(DATA / "schoenfeld_smooth.csv", comment="#")


@pytest.mark.parametrize("transform", ["km", "identity", "log", "rank"])
@pytest.mark.parametrize("name", ["lung", "simulated"])
def test_curve_and_band(reference, name, transform):
    frame = cohort_of(name)
    test = proportional_hazards_test(
        frame[TERMS], frame["entry"], frame["time"], frame["event"], transform=transform
    )
    smooth = schoenfeld_smooth(test)
    own = reference[(reference["cohort"] == name) & (reference["transform"] == transform)]
    for term in TERMS:
        expected = own[own["term"] == term]
        found = smooth[smooth["term"] == term].iloc[expected["point"] - 1]
        # The transformed times of both programs differ by the rounding of sums and products.
        time = expected["transformed_time"]
        np.testing.assert_allclose(found["transformed_time"], time, rtol=1e-12, atol=1e-14)
        close = EACH_COEFFICIENT * expected["half_width"].min()
        np.testing.assert_allclose(found["estimate"], expected["estimate"], rtol=0, atol=close)
        for bound, sign in (("lower", -1.0), ("upper", 1.0)):
            limit = expected["estimate"] + sign * expected["half_width"]
            np.testing.assert_allclose(found[bound], limit, rtol=0, atol=close)
