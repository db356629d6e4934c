"""The smooth of scaled Schoenfeld residuals against R's spline and lm (schoenfeld_smooth.R)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cohort_models import of_cohorts

from hccbayes.frequentist.schoenfeld import proportional_hazards_test
from hccbayes.frequentist.schoenfeld_smooth import schoenfeld_smooth

DATA = Path(__file__).resolve().parents[1] / "data"
TERMS = ["treatment", "age_years"]
CLASSIC = ("veteran", "pbc", "colon", "kidney")
EACH_COEFFICIENT = 1e-6
"""Standard errors: what the Cox coefficients, which are added to the residuals, agree to."""


SUFFIX = {"lung": "", "simulated": "", **dict.fromkeys(CLASSIC, "_classic")}


@pytest.mark.parametrize("transform", ["km", "identity", "log", "rank"])
@of_cohorts(list(SUFFIX))
def test_curve_and_band(cohort, cohort_name, transform):
    frame = cohort.astype({"age_years": float})
    reference = pd.read_csv(DATA / f"schoenfeld_smooth{SUFFIX[cohort_name]}.csv", comment="#")
    test = proportional_hazards_test(
        frame[TERMS], frame["entry"], frame["time"], frame["event"], transform=transform
    )
    smooth = schoenfeld_smooth(test)
    own = reference[(reference["cohort"] == cohort_name) & (reference["transform"] == transform)]
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
