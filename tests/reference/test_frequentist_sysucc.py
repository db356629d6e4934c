"""The frequentist layer against R on 246 real patients (tests/reference/r/sysucc_targeted.R).

The patients' rows are not part of the project; two of them have a follow-up of zero, which R's
``Surv(time, event)`` takes as it is.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hccbayes.frequentist.cox import cox
from hccbayes.frequentist.kaplan_meier import kaplan_meier, median_survival, survival_at
from hccbayes.frequentist.logrank import logrank

HERE = Path(__file__).resolve()
DATA = HERE.parents[1] / "data"
PATIENTS = HERE.parents[2].parent / "shared" / "data" / "sysucc_targeted.csv"


@pytest.fixture(scope="module", params=["as_read", "half_unit"])
def policy(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def patients(policy) -> pd.DataFrame:
    if not PATIENTS.exists():
        pytest.skip("sysucc_targeted.csv is not beside the project")
    frame = pd.read_csv(PATIENTS)
    return frame.assign(
        treatment=(frame["arm"] == "embolisation+targeted").astype(float),
        log10_afp=np.log10(frame["afp_ng_ml"] + 1),
        os_months=frame["os_months"].replace(0.0, 0.5 if policy == "half_unit" else 0.0),
        start=0.0,
    )


def reference(name: str, analysis: str) -> pd.DataFrame:
    return pd.read_csv(DATA / name, comment="#").query("analysis == @analysis")


@pytest.mark.parametrize("adjustment", ["crude", "adjusted"])
def test_cox(patients, policy, adjustment):
    expected = reference("sysucc_cox.csv", f"{adjustment}_{policy}")
    design = patients[list(expected["term"])]
    fit = cox(design, patients["start"], patients["os_months"], patients["death"])
    np.testing.assert_allclose(fit.coef, expected["coef"], rtol=0, atol=1e-6)
    np.testing.assert_allclose(fit.se, expected["se"], rtol=0, atol=1e-6)
    assert fit.log_likelihood == pytest.approx(expected["log_likelihood"].iloc[0], abs=1e-8)
    assert (fit.rows, fit.events) == (246, 127)


@pytest.mark.parametrize("arm", ["control", "treated"])
def test_kaplan_meier(patients, policy, arm):
    own = patients[patients["treatment"] == (arm == "treated")]
    curve = kaplan_meier(own["start"], own["os_months"], own["death"])
    expected = reference("sysucc_survival.csv", f"{arm}_{policy}")
    at = survival_at(curve, expected["time"])
    for column in ("survival", "standard_error", "lower", "upper"):
        np.testing.assert_allclose(at[column], expected[column], rtol=1e-10, err_msg=column)
    median = reference("sysucc_median.csv", f"{arm}_{policy}").fillna(np.inf).iloc[0]
    found = median_survival(curve)
    # Medians are follow-up times, read with 4 decimals; a midpoint may be rounded.
    assert found.estimate == pytest.approx(median["median"], rel=1e-14)
    assert found.lower == pytest.approx(median["lower"], rel=1e-14)
    assert found.upper == pytest.approx(median["upper"], rel=1e-14)


def test_logrank(patients, policy):
    expected = reference("sysucc_logrank.csv", policy).iloc[0]
    test = logrank(
        patients["start"], patients["os_months"], patients["death"], patients["treatment"]
    )
    assert test.chi2 == pytest.approx(expected["chi2"], rel=1e-9)
    assert test.expected["treated"] == pytest.approx(expected["expected_treated"], rel=1e-10)
