from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hccbayes.errors import InputError
from hccbayes.frequentist.logistic import logistic_regression
from hccbayes.frequentist.score_weights import estimated_weights, weight_derivative
from hccbayes.weights import TARGETS, weight_values

SCORE = np.array([0.2, 0.5, 0.8, 0.25])
ARM = np.array([1, 0, 0, 1])

BY_HAND = {
    "ate": [5, 2, 5, 4],
    "ate_stabilized": [2.5, 1, 2.5, 2],
    "att": [1, 1, 4, 1],
    "atc": [4, 1, 1, 3],
    "ato": [0.8, 0.5, 0.8, 0.75],
    "matching": [1, 1, 1, 1],
    "entropy": [
        (-0.2 * np.log(0.2) - 0.8 * np.log(0.8)) / 0.2,
        np.log(2) / 0.5,
        (-0.2 * np.log(0.2) - 0.8 * np.log(0.8)) / 0.2,
        (-0.25 * np.log(0.25) - 0.75 * np.log(0.75)) / 0.25,
    ],
}


@pytest.fixture
def patients() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(2, 80))
    return pd.DataFrame({"x": x, "y": 100 + 10 * y, "treatment": rng.binomial(1, 0.4, 80)})


def test_every_target_has_weights_by_hand():
    assert set(BY_HAND) == set(TARGETS)


@pytest.mark.parametrize("target", TARGETS)
def test_weights_are_those_by_hand(target):
    np.testing.assert_allclose(weight_values(SCORE, ARM, target), BY_HAND[target], rtol=1e-14)


def test_matching_weights_on_the_other_side_of_one_half():
    np.testing.assert_allclose(
        weight_values([0.8, 0.2], [1, 0], "matching"), [0.25, 0.25], rtol=1e-14
    )


@pytest.mark.parametrize("target", TARGETS)
def test_derivative_is_that_of_the_weights(target):
    # Away from 1/2, where the matching weights have no derivative.
    score = np.concatenate([np.linspace(0.05, 0.45, 9), np.linspace(0.55, 0.95, 9)] * 2)
    arm = np.repeat([0, 1], 18)
    step = 1e-6
    numeric = (
        weight_values(score + step, arm, target) - weight_values(score - step, arm, target)
    ) / (2 * step)
    # The third derivative is at most 6 / 0.05^4, so central differences err by 2e-7.
    found = weight_derivative(score, arm, target)
    np.testing.assert_allclose(found, numeric, rtol=1e-7, atol=2e-7)


@pytest.mark.parametrize("target", TARGETS)
def test_jacobian_is_the_derivative_by_the_models_parameters(patients, target):
    columns, arm = patients[["x", "y"]], patients["treatment"].to_numpy()
    score = logistic_regression(columns, arm).score
    found = estimated_weights(columns, score, arm, target)
    np.testing.assert_array_equal(found.values, weight_values(score, arm, target))
    # A patient's influence on the fitted weights, which no parametrization enters, is what the
    # weights change by when her row counts a little more: dw/de e(1 - e) x' (X'WX)^-1 x (A - e).
    design = np.column_stack([np.ones(80), columns])
    spread = score * (1 - score)
    information = (design * spread[:, None]).T @ design
    by_row = (weight_derivative(score, arm, target) * spread)[:, None] * design
    expected = by_row @ np.linalg.inv(information) @ (design * (arm - score)[:, None]).T
    if target == "ate_stabilized":
        by_share = np.where(arm == 1, 1 / score, -1 / (1 - score))
        expected += np.outer(by_share, arm - arm.mean()) / 80
    np.testing.assert_allclose(
        found.jacobian @ found.parameter_influence.T, expected, rtol=1e-8, atol=1e-10
    )


def test_a_multiple_of_the_weights_is_accepted_and_others_are_not(patients):
    columns, arm = patients[["x", "y"]], patients["treatment"].to_numpy()
    score = logistic_regression(columns, arm).score
    weights = weight_values(score, arm, "ate")
    plain = estimated_weights(columns, score, arm, "ate")
    tripled = estimated_weights(columns, score, arm, "ate", 3 * weights)
    np.testing.assert_allclose(tripled.jacobian, 3 * plain.jacobian, rtol=1e-12)
    np.testing.assert_allclose(tripled.values, 3 * weights, rtol=1e-12)
    with pytest.raises(InputError, match="truncated, or scaled by arm"):
        estimated_weights(columns, score, arm, "ate", np.minimum(weights, 3.0))


def test_a_shrunken_score_is_refused(patients):
    columns, arm = patients[["x", "y"]], patients["treatment"].to_numpy()
    firth = logistic_regression(columns, arm, penalty="firth").score
    with pytest.raises(InputError, match="not the maximum-likelihood logistic fit"):
        estimated_weights(columns, firth, arm, "ate")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((SCORE, ARM, "everyone"), "choose from ate, ate_stabilized, att, atc, ato, matching"),
        (([0.2, 1.0], [1, 1], "ate"), r"strictly between 0 and 1 \(row 1\)"),
        (([0.2, np.nan], [1, 1], "ate"), "strictly between 0 and 1"),
        ((SCORE, [1, 0, 2, 1], "ate"), "one 0 or 1 a score"),
        ((SCORE, [1, 0], "ate"), "one 0 or 1 a score"),
    ],
)
def test_wrong_input_is_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        weight_derivative(*arguments)


def test_wrong_score_columns_are_refused(patients):
    columns, arm = patients[["x", "y"]], patients["treatment"].to_numpy()
    score = logistic_regression(columns, arm).score
    with pytest.raises(InputError, match="have 79 rows for 80 scores"):
        estimated_weights(columns.iloc[1:], score, arm, "ate")
    with pytest.raises(InputError, match="collinear"):
        estimated_weights(columns.assign(z=columns["x"] * 2), score, arm, "ate")
