from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hccbayes.errors import InputError
from hccbayes.frequentist.identifiability import NotEstimableError
from hccbayes.frequentist.kaplan_meier import kaplan_meier, median_survival, survival_at
from hccbayes.frequentist.weighted_curves import weighted_curve, weighted_kaplan_meier


@pytest.fixture
def patients() -> pd.DataFrame:
    rng = np.random.default_rng(21)
    n = 50
    time = np.ceil(rng.exponential(10, n)) + 1
    return pd.DataFrame(
        {
            "entry": np.where(rng.random(n) < 0.3, 1.5, 0.0),
            "time": time,
            "event": (rng.random(n) < 0.7).astype(int),
            "weight": rng.uniform(0.2, 3, n),
            "arm": rng.integers(0, 2, n),
        }
    )


def test_four_patients_by_hand():
    # Weights 1, 2, 3, 4; deaths at 1 and 3: S = 9/10, then 9/10 * 4/7.
    curve = weighted_kaplan_meier(np.zeros(4), [1, 2, 3, 4], [1, 0, 1, 0], [1, 2, 3, 4])
    np.testing.assert_allclose(curve["survival"], [1, 0.9, 0.9, 0.9 * 4 / 7, 0.9 * 4 / 7])
    np.testing.assert_array_equal(curve["at_risk"], [4, 4, 3, 2, 1])
    np.testing.assert_array_equal(curve["at_risk_weighted"], [10, 10, 9, 7, 4])
    np.testing.assert_array_equal(curve["events_weighted"], [0, 1, 0, 3, 0])
    np.testing.assert_array_equal(curve["censored"], [0, 0, 1, 0, 1])
    # d log S / d w is (d / n - [died]) / (n - d) for those at risk: at 1, and at 3.
    first = np.array([-1 / 10, 1 / 90, 1 / 90, 1 / 90])
    second = np.array([0, 0, -1 / 7, 3 / 28])
    weights = np.array([1, 2, 3, 4])
    se = [0.9 * np.sqrt(np.sum((weights * first) ** 2)),
          0.9 * 4 / 7 * np.sqrt(np.sum((weights * (first + second)) ** 2))]  # fmt: skip
    np.testing.assert_allclose(curve["standard_error"].iloc[[1, 3]], se, rtol=1e-13)


def test_equal_weights_without_delayed_entry_are_kaplan_meier(patients):
    arguments = (np.zeros(50), patients["time"], patients["event"])
    plain = kaplan_meier(*arguments, interval_kind="log-log", prob=0.9)
    # Greenwood's variance and the infinitesimal jackknife are the same number here.
    weighted = weighted_kaplan_meier(
        *arguments, np.full(50, 2.5), interval_kind="log-log", prob=0.9
    )
    pd.testing.assert_frame_equal(weighted[plain.columns], plain, rtol=1e-11)
    np.testing.assert_allclose(weighted["at_risk_weighted"], 2.5 * plain["at_risk"], rtol=1e-14)


def test_restricted_mean_without_weights_has_its_greenwood_variance(patients):
    curve = weighted_curve(np.zeros(50), patients["time"], patients["event"], np.ones(50))
    mean, sensitivity = curve.restricted_mean(12.0)
    plain = kaplan_meier(np.zeros(50), patients["time"], patients["event"])
    grid = np.linspace(0, 12, 120001)
    steps = survival_at(plain, grid[:-1])["survival"].to_numpy()
    # Times are whole months: the sum over a grid of 1e-4 is exact but for rounding.
    assert mean == pytest.approx(steps.mean() * 12, rel=1e-10)
    variance = 0.0
    for row in plain[(plain["events"] > 0) & (plain["time"] < 12)].itertuples():
        area = steps[grid[:-1] >= row.time - 1e-9].sum() * 1e-4
        variance += area**2 * row.events / (row.at_risk * (row.at_risk - row.events))
    assert np.sum(sensitivity**2) == pytest.approx(variance, rel=1e-9)


def test_restricted_mean_by_hand():
    # One death at 1 of two patients of weights 1 and 3: 1 + 3/4 * (2 - 1) months to 2.
    mean, sensitivity = weighted_curve([0, 0], [1, 3], [1, 0], [1, 3]).restricted_mean(2)
    assert mean == pytest.approx(1.75, rel=1e-14)
    # d/dw of w2 / (w1 + w2).
    np.testing.assert_allclose(sensitivity, [-3 / 16, 1 / 16], rtol=1e-13)


def test_sensitivity_is_the_derivative_by_weight(patients):
    follow_up = (patients["entry"], patients["time"], patients["event"])
    weights = patients["weight"].to_numpy()
    members = patients["arm"] == 1
    curve = weighted_curve(*follow_up, weights, members=members)
    step = 1e-5
    for row in range(50):
        shift = step * np.eye(50)[row]
        above, below = (
            weighted_curve(*follow_up, weights + sign * shift, members=members).survival
            for sign in (1, -1)
        )
        np.testing.assert_allclose(
            curve.sensitivity[row], (above - below) / (2 * step), rtol=1e-6, atol=1e-9
        )
    assert (curve.sensitivity[~members] == 0).all()
    # The scale of the weights is nothing to a curve.
    np.testing.assert_allclose(weights @ curve.sensitivity, 0, atol=1e-13)


def test_whole_weights_are_replicates_in_clusters(patients):
    count = np.arange(50) % 3 + 1
    columns = ["entry", "time", "event"]
    weighted = weighted_kaplan_meier(*patients[columns].to_numpy().T, count)
    rows = np.repeat(np.arange(50), count)
    copies = patients.iloc[rows]
    replicated = weighted_kaplan_meier(
        *copies[columns].to_numpy().T, np.ones(len(rows)), cluster=rows
    )
    shared = ["time", "survival", "standard_error", "lower", "upper", "at_risk_weighted"]
    pd.testing.assert_frame_equal(weighted[shared], replicated[shared], rtol=1e-10)


def test_all_dead_has_no_standard_error():
    curve = weighted_kaplan_meier(np.zeros(3), [1, 2, 2], [1, 1, 1], [0.1, 0.2, 0.7])
    last = curve.iloc[-1]
    assert last["survival"] == 0.0
    assert np.isnan([last["standard_error"], last["lower"], last["upper"]]).all()
    assert median_survival(curve).estimate == 2.0


def test_weight_zero_is_not_there(patients):
    weights = patients["weight"].where(patients["arm"] == 1, 0.0)
    own = patients[patients["arm"] == 1]
    curve = weighted_kaplan_meier(patients["entry"], patients["time"], patients["event"], weights)
    alone = weighted_kaplan_meier(own["entry"], own["time"], own["event"], own["weight"])
    pd.testing.assert_frame_equal(curve, alone)


def test_delayed_entry_counts_those_from_the_origin():
    curve = weighted_kaplan_meier([0, 0, 2], [1, 3, 4], [1, 0, 1], [1, 2, 5])
    np.testing.assert_array_equal(curve["at_risk"], [2, 2, 2, 1])
    np.testing.assert_array_equal(curve["at_risk_weighted"], [3, 3, 7, 5])


def test_wrong_input_is_refused(patients):
    follow_up = (patients["entry"], patients["time"], patients["event"])
    curve = weighted_curve(*follow_up, patients["weight"])
    with pytest.raises(InputError, match="the curve ends at"):
        curve.restricted_mean(1000.0)
    with pytest.raises(InputError, match="not known: -1"):
        curve.at([3, -1])
    with pytest.raises(NotEstimableError, match="nobody of the curve"):
        weighted_curve(*follow_up, patients["weight"], members=np.zeros(50))
    with pytest.raises(InputError, match="choose from log, log-log, plain"):
        weighted_kaplan_meier(*follow_up, patients["weight"], interval_kind="logit")
