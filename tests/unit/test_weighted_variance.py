"""Both variances against brute force: derivatives of the whole procedure, stacked equations."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.special import expit

from hccbayes.frequentist.logistic import logistic_regression
from hccbayes.frequentist.score_weights import estimated_weights
from hccbayes.frequentist.weighted_cox import weighted_cox
from hccbayes.frequentist.weighted_curves import weighted_curve
from hccbayes.frequentist.weighted_variance import (
    EstimatedWeights,
    influence,
    sandwich,
    standard_errors,
)
from hccbayes.weights import TARGETS, weight_values

N = 60
COLUMNS = ["x", "y"]


@pytest.fixture(scope="module")
def patients() -> pd.DataFrame:
    rng = np.random.default_rng(12)
    x, y = rng.normal(size=(2, N))
    treatment = rng.binomial(1, expit(0.7 * x - 0.5 * y))
    time = np.ceil(rng.exponential(12 * np.exp(-0.6 * x + 0.4 * treatment)))
    return pd.DataFrame(
        {
            "x": x,
            "y": y,
            "treatment": treatment,
            "entry": np.where(rng.random(N) < 0.2, 0.5, 0.0),
            "time": np.minimum(time, 30.0),
            "event": (time <= 30).astype(int),
        }
    )


def follow_up(patients: pd.DataFrame) -> tuple[pd.Series, pd.Series, pd.Series]:
    return patients["entry"], patients["time"], patients["event"]


def sensitivities(patients: pd.DataFrame, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Log hazard ratio, survival of the treated at 6 months, restricted mean of the controls."""
    fit = weighted_cox(patients[["treatment"]].astype(float), *follow_up(patients), weights)
    treated, control = (
        weighted_curve(*follow_up(patients), weights, members=patients["treatment"] == arm)
        for arm in (1, 0)
    )
    survival, survival_sensitivity = treated.at(6.0)
    mean, mean_sensitivity = control.restricted_mean(15.0)
    return (
        np.array([fit.coef[0], survival[0], mean]),
        np.column_stack([fit.sensitivity, survival_sensitivity, mean_sensitivity]),
    )


def whole_procedure(patients: pd.DataFrame, target: str, count: np.ndarray) -> np.ndarray:
    """Estimates where each patient counts `count` times in score model and outcome analysis."""
    arm = patients["treatment"].to_numpy()
    score = (
        sm.GLM(
            arm,
            sm.add_constant(patients[COLUMNS]),
            family=sm.families.Binomial(),
            freq_weights=count,
        )
        .fit(tol=1e-15, maxiter=200)
        .fittedvalues.to_numpy()
    )
    weights = weight_values(score, arm, target)
    if target == "ate_stabilized":
        share = count @ arm / count.sum()
        weights = np.where(arm == 1, share / score, (1 - share) / (1 - score))
    return sensitivities(patients, count * weights)[0]


@pytest.mark.parametrize("target", TARGETS)
def test_influence_is_the_derivative_of_the_whole_procedure(patients, target):
    arm = patients["treatment"]
    score = logistic_regression(patients[COLUMNS], arm).score
    fitted = estimated_weights(patients[COLUMNS], score, arm, target)
    found = influence(sensitivities(patients, fitted.values)[1], fitted.values, fitted)
    # The influences of score equations and weighted ones each add up to 0.
    np.testing.assert_allclose(found.sum(axis=0), 0, atol=1e-9)
    step = 1e-3
    for row in range(0, N, 11):
        above, below = (
            whole_procedure(patients, target, 1 + sign * step * np.eye(N)[row]) for sign in (1, -1)
        )
        # A patient's influence is of the order 1/n of the estimate; third derivatives, n^-3
        # times the step squared, are far below the iterations' own rounding of 1e-9 / step.
        np.testing.assert_allclose(found[row], (above - below) / (2 * step), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("target", ["ate", "ate_stabilized", "ato"])
def test_variance_is_that_of_the_stacked_equations(patients, target):
    arm = patients["treatment"].to_numpy()
    design = np.column_stack([np.ones(N), patients[COLUMNS]])
    time, event, entry = (patients[name].to_numpy() for name in ("time", "event", "entry"))
    logistic = logistic_regression(patients[COLUMNS], arm)
    fitted = estimated_weights(patients[COLUMNS], logistic.score, arm, target)
    fit = weighted_cox(patients[["treatment"]] * 1.0, *follow_up(patients), fitted.values,
                       ties="breslow")  # fmt: skip

    def weights_of(parameters):
        score = expit(design @ parameters[:3])
        tilt = score * (1 - score) if target == "ato" else np.ones(N)
        by_arm = np.where(arm == 1, parameters[3], 1 - parameters[3])
        share = by_arm if target == "ate_stabilized" else 1.0
        return share * tilt / np.where(arm == 1, score, 1 - score)

    def totals(parameters):
        """Sums over patients of the logistic score, A - p and the weighted Cox score (Breslow)."""
        weights = weights_of(parameters)
        risk = weights * np.exp(arm * parameters[4])
        cox_score = 0.0
        for row in np.flatnonzero(event):
            at_risk = (entry < time[row]) & (time >= time[row])
            cox_score += weights[row] * (
                arm[row] - risk[at_risk] @ arm[at_risk] / risk[at_risk].sum()
            )
        score = expit(design @ parameters[:3])
        return np.concatenate([design.T @ (arm - score), [np.sum(arm - parameters[3]), cox_score]])

    estimates = np.concatenate([logistic.coef, [arm.mean()], fit.coef])
    np.testing.assert_allclose(totals(estimates), 0, atol=1e-8)
    step = 1e-5
    bread = np.column_stack(
        [
            (totals(estimates + step * unit) - totals(estimates - step * unit)) / (2 * step)
            for unit in np.eye(5)
        ]
    )
    each = np.column_stack(
        [
            design * (arm - logistic.score)[:, None],
            arm - arm.mean(),
            fitted.values[:, None] * fit.score_residuals,
        ]
    )
    inverse = np.linalg.inv(bread)
    stacked = inverse @ each.T @ each @ inverse.T
    found = sandwich(influence(fit.sensitivity, fitted.values, fitted))
    # Central differences of the bread err by the step squared and rounding over the step: 1e-9.
    assert found[0, 0] == pytest.approx(stacked[4, 4], rel=1e-7)


def test_sandwich_adds_clusters_first():
    influences = np.array([[1.0, 0], [2, 1], [-4, 3]])
    np.testing.assert_array_equal(sandwich(influences), [[21, -10], [-10, 10]])
    np.testing.assert_array_equal(
        sandwich(influences, ["a", "b", "a"]), [[9 + 4, -9 + 2], [-9 + 2, 9 + 1]]
    )
    np.testing.assert_allclose(standard_errors(influences, ["a", "b", "a"]) ** 2, [13, 10])


def test_influence_by_hand():
    # Two patients, one parameter: direct part w * dtheta/dw, and 0.5 * 1 + 3 * -1 for the score.
    fitted = EstimatedWeights(
        values=np.array([2.0, 4.0]),
        jacobian=np.array([[0.5], [3.0]]),
        parameter_influence=np.array([[0.1], [-0.2]]),
    )
    sensitivity = np.array([[1.0], [-1.0]])
    np.testing.assert_allclose(influence(sensitivity, fitted.values), [[2], [-4]])
    np.testing.assert_allclose(
        influence(sensitivity, fitted.values, fitted), [[2 - 0.25], [-4 + 0.5]]
    )


def test_scale_of_stabilization_does_not_reach_curves(patients):
    # A factor by arm cancels in a curve of one arm, and with it the uncertainty of the factor.
    arm = patients["treatment"]
    score = logistic_regression(patients[COLUMNS], arm).score
    plain, stabilized = (
        estimated_weights(patients[COLUMNS], score, arm, target)
        for target in ("ate", "ate_stabilized")
    )
    one, other = (
        influence(sensitivities(patients, fitted.values)[1][:, 1:], fitted.values, fitted)
        for fitted in (plain, stabilized)
    )
    np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)
