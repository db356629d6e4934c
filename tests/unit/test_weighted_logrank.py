from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hccbayes.errors import InputError
from hccbayes.frequentist.identifiability import NotEstimableError
from hccbayes.frequentist.logistic import logistic_regression
from hccbayes.frequentist.logrank import logrank
from hccbayes.frequentist.score_weights import estimated_weights
from hccbayes.frequentist.weighted_logrank import weighted_logrank


@pytest.fixture
def patients() -> pd.DataFrame:
    rng = np.random.default_rng(31)
    n = 70
    x = rng.normal(size=n)
    return pd.DataFrame(
        {
            "x": x,
            "treatment": rng.binomial(1, 1 / (1 + np.exp(-x))),
            "entry": np.where(rng.random(n) < 0.3, 0.5, 0.0),
            "time": np.ceil(rng.exponential(12 * np.exp(-0.5 * x))),
            "event": (rng.random(n) < 0.8).astype(int),
            "weight": rng.uniform(0.3, 3, n),
            "center": rng.choice(["north", "south"], n),
        }
    )


def follow_up(patients: pd.DataFrame) -> tuple[pd.Series, pd.Series, pd.Series, pd.Series]:
    return tuple(patients[name] for name in ("entry", "time", "event", "treatment"))


def test_four_patients_by_hand():
    # Control of weight 1, treated of weight 2, control of weight 3 die in this order; a treated
    # of weight 4 survives: expected 1 * 6/10, 2 * 6/9, 3 * 4/7.
    test = weighted_logrank(np.zeros(4), [1, 2, 3, 4], [1, 1, 1, 0], [0, 1, 0, 1], [1, 2, 3, 4])
    expected = 6 / 10 + 2 * 6 / 9 + 3 * 4 / 7
    assert test.expected["treated"] == pytest.approx(expected, rel=1e-14)
    assert test.observed == {"treated": 2.0, "control": 4.0}
    assert test.expected["control"] == pytest.approx(6 - expected, rel=1e-14)
    # w * ((x - mean at the own death) - sum over earlier and own deaths of (x - mean) dN / n).
    steps = np.array([1 / 10, 2 / 9, 3 / 7])
    means = np.array([6 / 10, 6 / 9, 4 / 7])
    influences = [
        1 * (-means[0] + means[0] * steps[0]),
        2 * (1 - means[1] - np.sum((1 - means[:2]) * steps[:2])),
        3 * (-means[2] + np.sum(means * steps)),
        4 * (-np.sum((1 - means) * steps)),
    ]
    assert sum(influences) == pytest.approx(2 - expected, rel=1e-12)
    variance = np.sum(np.square(influences))
    assert test.chi2 == pytest.approx((2 - expected) ** 2 / variance, rel=1e-12)


def test_equal_weights_have_the_score_of_the_log_rank(patients):
    strata = patients["center"]
    weighted = weighted_logrank(*follow_up(patients), np.full(70, 2.0), strata=strata)
    plain = logrank(*follow_up(patients), strata=strata)
    assert weighted.expected["treated"] == pytest.approx(2 * plain.expected["treated"], rel=1e-12)
    assert weighted.observed["treated"] == 2 * plain.observed["treated"]


def test_scale_of_the_weights_does_not_matter(patients):
    one, other = (
        weighted_logrank(*follow_up(patients), factor * patients["weight"]) for factor in (1, 1e6)
    )
    assert other.chi2 == pytest.approx(one.chi2, rel=1e-11)


def test_clusters_of_copies_are_weights(patients):
    count = np.arange(70) % 3 + 1
    rows = np.repeat(np.arange(70), count)
    weighted = weighted_logrank(*follow_up(patients), count)
    copies = patients.iloc[rows]
    replicated = weighted_logrank(*follow_up(copies), np.ones(len(rows)), cluster=rows)
    assert replicated.chi2 == pytest.approx(weighted.chi2, rel=1e-11)


def test_estimated_score_gives_the_variance_of_the_whole_procedure(patients):
    arm = patients["treatment"].to_numpy()
    columns = patients[["x"]]
    score = logistic_regression(columns, arm).score
    fitted = estimated_weights(columns, score, arm, "ato")
    test = weighted_logrank(*follow_up(patients), fitted.values, estimated=fitted)
    observed = test.observed["treated"] - test.expected["treated"]

    def statistic(slope_and_intercept, count):
        e = 1 / (1 + np.exp(-(slope_and_intercept[0] + slope_and_intercept[1] * patients["x"])))
        weights = count * np.where(arm == 1, 1 - e, e)
        own = weighted_logrank(*follow_up(patients), weights)
        return own.observed["treated"] - own.expected["treated"]

    # The score model refitted by one Newton step: exact to first order, which is what counts.
    design = np.column_stack([np.ones(70), patients["x"]])
    coef = logistic_regression(columns, arm).coef
    inverse = np.linalg.inv((design * (score * (1 - score))[:, None]).T @ design)
    step = 1e-4
    influences = []
    for row in range(70):
        moved = inverse @ design[row] * (arm[row] - score[row])
        unit = np.eye(70)[row]
        above, below = (
            statistic(coef + sign * step * moved, 1 + sign * step * unit) for sign in (1, -1)
        )
        influences.append((above - below) / (2 * step))
    # Central differences err by the step squared, 1e-8, and rounding over the step, 1e-11.
    assert test.chi2 == pytest.approx(observed**2 / np.sum(np.square(influences)), rel=1e-6)


@pytest.mark.parametrize("event", [[0, 0], [1, 1]])
def test_no_common_risk_set_is_not_estimable(event):
    with pytest.raises(NotEstimableError, match="both arms were at risk"):
        weighted_logrank([0, 1], [1, 2], event, [1, 0], [0.3, 0.7])


def test_wrong_input_is_refused(patients):
    start, stop, event, _ = follow_up(patients)
    with pytest.raises(InputError, match="one 0 or 1 a row"):
        weighted_logrank(start, stop, event, np.full(70, 2), patients["weight"])
    with pytest.raises(InputError, match="weights: one an episode"):
        weighted_logrank(*follow_up(patients), np.ones(3))
