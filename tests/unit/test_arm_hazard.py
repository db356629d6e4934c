"""Two weighted arms: maximum, information and sandwich, against other routes to them."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytensor.tensor as pt
import pytest
from scipy.optimize import minimize

from hccbayes.adjustment.arm_hazard import (
    ArmHazards,
    PatientHazards,
    maximum_likelihood,
    sandwich,
)
from hccbayes.errors import InputError
from hccbayes.frequentist.weighted_cox import weighted_cox
from hccbayes.person_time import PersonTime

CUTS = [3.0, 8.0]
FLOATING_POINT = 1e-9
"""Sums of a hundred numbers and a 6 by 6 inverse, relative to their size."""


def cohort(seed: int = 3, patients: int = 80, *, censored: bool = True) -> pd.DataFrame:
    """Return patients whose arms differ in survival, with tied times (a tenth of a month)."""
    rng = np.random.default_rng(seed)
    treatment = (rng.random(patients) < 0.35).astype(np.float64)
    death = np.ceil(10.0 * rng.exponential(10.0 * np.exp(0.6 * treatment))) / 10.0
    end = np.ceil(10.0 * rng.uniform(4.0, 30.0, patients)) / 10.0 if censored else np.inf
    return pd.DataFrame(
        {
            "entry": np.zeros(patients),
            "time": np.minimum(death, end),
            "event": (death <= end).astype(np.float64),
            "treatment": treatment,
        }
    )


def weights_of(frame: pd.DataFrame, seed: int = 4) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.2, 3.0, len(frame))


@pytest.fixture
def frame() -> pd.DataFrame:
    return cohort()


@pytest.fixture
def patients(frame: pd.DataFrame) -> PatientHazards:
    return PatientHazards.of(frame, CUTS)


def log_likelihood(arms: ArmHazards, theta: np.ndarray) -> float:
    log_hazard = theta[1:] + theta[0] * arms.contrast[:, None]
    return float(np.sum(arms.events * log_hazard - arms.exposure * np.exp(log_hazard)))


def gradient(arms: ArmHazards, theta: np.ndarray) -> np.ndarray:
    log_hazard = theta[1:] + theta[0] * arms.contrast[:, None]
    residual = arms.events - arms.exposure * np.exp(log_hazard)
    return np.concatenate([[arms.contrast @ residual.sum(axis=1)], residual.sum(axis=0)])


def at_risk_table(frame: pd.DataFrame, cluster: np.ndarray | None = None) -> PatientHazards:
    """Return intervals that have shrunk to the event times: exposure is being at risk there."""
    moments = np.unique(frame.loc[frame["event"] == 1, "time"])
    time, event, entry = (frame[name].to_numpy()[:, None] for name in ("time", "event", "entry"))
    return PatientHazards(
        person_time=PersonTime(
            cuts=moments[:-1],
            events=((time == moments) & (event == 1)).astype(np.float64),
            exposure=((time >= moments) & (entry < moments)).astype(np.float64),
            row_of_episode=np.arange(len(frame)),
        ),
        treatment=frame["treatment"].to_numpy(),
        cluster=np.arange(len(frame)) if cluster is None else cluster,
    )


def cox(frame: pd.DataFrame, weights: np.ndarray, cluster: np.ndarray | None = None):
    return weighted_cox(
        frame[["treatment"]],
        frame["entry"],
        frame["time"],
        frame["event"],
        weights,
        cluster=cluster,
        ties="breslow",
    )


def test_maximum_is_that_of_a_general_optimizer(frame, patients) -> None:
    arms = patients.arms(weights_of(frame))
    start = np.concatenate([[0.5], np.full(3, -3.0)])
    found = minimize(
        lambda theta: -log_likelihood(arms, theta),
        start,
        jac=lambda theta: -gradient(arms, theta),
        method="BFGS",
        options={"gtol": 1e-8},
    )
    theta = maximum_likelihood(arms)
    # Near the maximum a point is away by its gradient over the curvature.
    reach = np.linalg.norm(np.linalg.inv(arms.information(theta)), 2)
    allowed = 2.0 * reach * np.linalg.norm(found.jac) + 1e-12
    assert allowed < 1e-5
    np.testing.assert_allclose(theta, found.x, atol=allowed)
    assert np.linalg.norm(gradient(arms, theta)) < 1e-9


def test_maximum_far_from_the_start_is_reached() -> None:
    """A log hazard ratio of -6.9: full Newton steps from 0 would overshoot."""
    arms = ArmHazards.of(
        np.array([[50.0, 50.0], [1.0, 1.0]]),
        np.array([[50.0, 50.0], [1000.0, 1000.0]]),
        np.array([3.0]),
    )
    assert maximum_likelihood(arms)[0] == pytest.approx(math.log(0.001), rel=1e-12)


def test_one_interval_has_a_closed_form() -> None:
    """Rates 6/60 and 3/90: ratio 1/3, and a variance of 1/6 + 1/3."""
    arms = ArmHazards.of(np.array([[6.0], [3.0]]), np.array([[60.0], [90.0]]), np.array([]))
    theta = maximum_likelihood(arms)
    assert theta[0] == pytest.approx(math.log(1.0 / 3.0), rel=1e-13)
    np.testing.assert_allclose(arms.hazards(theta)[:, 0], [0.1, 1.0 / 30.0], rtol=1e-13)
    assert arms.treated_share == pytest.approx(1.0 / 3.0)
    covariance = np.linalg.inv(arms.information(theta))
    assert covariance[0, 0] == pytest.approx(1.0 / 6.0 + 1.0 / 3.0, rel=1e-12)


def test_information_is_minus_the_second_derivative(frame, patients) -> None:
    arms = patients.arms(weights_of(frame))
    theta = maximum_likelihood(arms) + np.array([0.3, -0.2, 0.1, 0.2])  # not only at the maximum
    step = 1e-5
    numerical = np.empty((4, 4))
    for row in range(4):
        away = step * np.eye(4)[row]
        numerical[row] = (gradient(arms, theta - away) - gradient(arms, theta + away)) / (2 * step)
    # Central differences err by step^2 times third derivatives (below 200) and 1e-14 / step.
    np.testing.assert_allclose(arms.information(theta), numerical, atol=1e-7)


def test_gradient_by_hand_is_that_of_the_log_likelihood(frame, patients) -> None:
    """The two tests above rest on it."""
    arms = patients.arms(weights_of(frame))
    theta = np.array([-0.4, -2.0, -2.5, -3.0])
    step = 1e-5
    for row in range(4):
        away = step * np.eye(4)[row]
        rise = log_likelihood(arms, theta + away) - log_likelihood(arms, theta - away)
        assert rise / (2 * step) == pytest.approx(gradient(arms, theta)[row], abs=1e-6)


@pytest.mark.parametrize("with_pairs", [False, True])
def test_at_the_event_times_it_is_weighted_cox_regression(with_pairs: bool) -> None:
    """With intervals shrunk to the event times both are the same function: Breslow's."""
    frame = cohort(seed=11)
    frame.loc[::7, "entry"] = np.minimum(1.0, 0.5 * frame.loc[::7, "time"])
    weights = weights_of(frame)
    cluster = np.arange(len(frame)) // 2 if with_pairs else None
    patients = at_risk_table(frame, cluster)
    fitted = cox(frame, weights, cluster)
    theta = maximum_likelihood(patients.arms(weights))
    assert theta[0] == pytest.approx(fitted.coef[0], rel=FLOATING_POINT)
    covariance = sandwich(patients, weights, small_sample=False)
    assert covariance[0, 0] == pytest.approx(fitted.robust_covariance[0, 0], rel=FLOATING_POINT)


def test_cuts_at_the_event_times_are_weighted_cox_where_nobody_is_censored() -> None:
    """Everyone at risk spends each whole interval at risk, so that ordinary intervals do."""
    frame = cohort(seed=5, censored=False)
    weights = weights_of(frame)
    patients = PatientHazards.of(frame, np.unique(frame["time"])[:-1])
    fitted = cox(frame, weights)
    assert maximum_likelihood(patients.arms(weights))[0] == pytest.approx(
        fitted.coef[0], rel=FLOATING_POINT
    )
    covariance = sandwich(patients, weights, small_sample=False)
    assert covariance[0, 0] == pytest.approx(fitted.robust_covariance[0, 0], rel=FLOATING_POINT)


SIX = pd.DataFrame(
    {
        "entry": [0.0] * 6,
        "time": [2.0, 5.0, 4.0, 1.0, 6.0, 3.0],
        "event": [1.0, 1.0, 0.0, 1.0, 1.0, 1.0],
        "treatment": [1.0, 1.0, 1.0, 0.0, 0.0, 0.0],
    }
)
SIX_WEIGHTS = (0.5, 2.0, 1.0, 1.5, 1.0, 0.25)


def six_by_hand(pairs: list[list[int]]) -> np.ndarray:
    """Return the sandwich of six patients, one cut at 3 months, summed patient by patient."""
    events, months = np.zeros((2, 2)), np.zeros((2, 2))
    rows = []
    for (_, row), weight in zip(SIX.iterrows(), SIX_WEIGHTS, strict=True):
        spent = [min(row.time, 3.0), max(row.time - 3.0, 0.0)]
        died = [row.event * (row.time <= 3.0), row.event * (row.time > 3.0)]
        rows.append((int(row.treatment), weight, died, spent))
        for j in range(2):
            events[rows[-1][0], j] += weight * died[j]
            months[rows[-1][0], j] += weight * spent[j]
    share = events[1].sum() / events.sum()
    low, high = -5.0, 5.0
    for _ in range(200):  # bisection of the profile score
        beta = 0.5 * (low + high)
        risk = months[1] * math.exp(beta)
        if events[1].sum() > np.sum(events.sum(axis=0) * risk / (risk + months[0])):
            low = beta
        else:
            high = beta
    level = events.sum(axis=0) / (months[0] + months[1] * math.exp(beta))
    hazard = np.stack([level, level * math.exp(beta)])
    curvature, scores = np.zeros((3, 3)), []
    for arm, weight, died, spent in rows:
        score = np.zeros(3)
        for j in range(2):
            away = died[j] - spent[j] * hazard[arm, j]
            direction = np.array([arm - share, j == 0, j == 1], dtype=float)
            score += weight * away * direction
            curvature += weight * spent[j] * hazard[arm, j] * np.outer(direction, direction)
        scores.append(score)
    middle = np.zeros((3, 3))
    for pair in pairs:
        total = sum(scores[patient] for patient in pair)
        middle += np.outer(total, total)
    bread = np.linalg.inv(curvature)
    return bread @ middle @ bread


@pytest.mark.parametrize(
    ("pairs", "cluster"),
    [
        ([[0], [1], [2], [3], [4], [5]], None),
        ([[0, 3], [1, 4], [2, 5]], [7, 2, 5, 7, 2, 5]),
    ],
    ids=["patients", "pairs"],
)
def test_six_patients_by_hand(pairs: list[list[int]], cluster: list[int] | None) -> None:
    """Scores of a pair are added before they are squared."""
    patients = PatientHazards.of(SIX, [3.0], cluster)
    found = sandwich(patients, SIX_WEIGHTS, small_sample=False)
    np.testing.assert_allclose(found, six_by_hand(pairs), rtol=FLOATING_POINT, atol=1e-12)


def test_few_clusters_of_an_arm_widen_the_sandwich() -> None:
    """K / (K - 1) with K the smaller arm's clusters that have a weight."""
    patients = PatientHazards.of(SIX, [3.0])
    ratio = sandwich(patients, SIX_WEIGHTS) / sandwich(patients, SIX_WEIGHTS, small_sample=False)
    np.testing.assert_allclose(ratio, 3.0 / 2.0, rtol=1e-12)
    one_less = np.array(SIX_WEIGHTS) * [1, 1, 1, 1, 1, 0]
    ratio = sandwich(patients, one_less) / sandwich(patients, one_less, small_sample=False)
    np.testing.assert_allclose(ratio, 2.0 / 1.0, rtol=1e-12)


@pytest.mark.parametrize(("treated", "factor"), [(29, 29.0 / 28.0), (30, 1.0)])
def test_the_small_sample_factor_ends_at_thirty(treated: int, factor: float) -> None:
    frame = cohort(patients=120)
    frame["treatment"] = (np.arange(120) < treated).astype(np.float64)
    patients = PatientHazards.of(frame, CUTS)
    weights = weights_of(frame)
    ratio = sandwich(patients, weights) / sandwich(patients, weights, small_sample=False)
    np.testing.assert_allclose(ratio, factor, rtol=1e-12)


def test_a_common_factor_of_the_weights_changes_nothing(frame, patients) -> None:
    weights = weights_of(frame)
    np.testing.assert_allclose(
        sandwich(patients, 37.5 * weights), sandwich(patients, weights), rtol=FLOATING_POINT
    )
    np.testing.assert_allclose(
        maximum_likelihood(patients.arms(37.5 * weights)),
        maximum_likelihood(patients.arms(weights)),
        rtol=1e-12,
    )


def test_where_the_arm_is_centered_changes_no_control_hazard(frame, patients) -> None:
    """The share that is subtracted depends on the weights; control and treated hazards do not."""
    weights = weights_of(frame)
    arms = patients.arms(weights)
    moved = ArmHazards(
        events=arms.events, exposure=arms.exposure, cuts=arms.cuts, treated_share=0.0
    )
    np.testing.assert_allclose(
        arms.hazards(maximum_likelihood(arms)),
        moved.hazards(maximum_likelihood(moved)),
        rtol=1e-12,
    )


def test_patients_without_weight_are_as_though_absent(frame, patients) -> None:
    weights = weights_of(frame)
    weights[::5] = 0.0
    kept = weights > 0
    fewer = PatientHazards.of(frame[kept], CUTS)
    np.testing.assert_allclose(
        sandwich(patients, weights), sandwich(fewer, weights[kept]), rtol=FLOATING_POINT
    )


def test_unit_weights_and_a_right_model_give_the_model_s_own_variance() -> None:
    """Sandwich and inverse information estimate the same; over 4,000 patients they agree to 10%.

    The relative standard deviation of a variance from n squared scores is sqrt((k - 1) / n) with
    their kurtosis k below 10: 5%.
    """
    frame = cohort(seed=8, patients=4000)
    patients = PatientHazards.of(frame, CUTS)
    arms = patients.arms(np.ones(4000))
    model = np.linalg.inv(arms.information(maximum_likelihood(arms)))
    ratio = sandwich(patients, np.ones(4000))[0, 0] / model[0, 0]
    assert ratio == pytest.approx(1.0, abs=0.10)


@pytest.mark.parametrize("arm", ["control", "treated"])
def test_an_arm_without_a_weighted_event_is_named(frame, patients, arm: str) -> None:
    code = float(arm == "treated")
    own = (frame["treatment"] == code).to_numpy()
    with pytest.raises(InputError, match=f"{arm} arm: has no event with a weight above 0"):
        patients.arms(np.where(own & (frame["event"] == 1), 0.0, 1.0))
    without = frame.assign(event=frame["event"].where(~own, 0.0))
    with pytest.raises(InputError, match=f"{arm} arm: has no event"):
        PatientHazards.of(without, CUTS).arms(np.ones(len(frame)))


def test_an_interval_without_a_weighted_event_is_named(frame, patients) -> None:
    middle = (frame["time"] > 3.0) & (frame["time"] <= 8.0)
    with pytest.raises(InputError, match="an interval is left without any; trim fewer patients"):
        patients.arms(np.where(middle, 0.0, 1.0))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda ones: pt.as_tensor_variable(ones) * pt.dscalar("scale"), "must be plain numbers"),
        (lambda ones: -ones, "must be finite and at least 0"),
        (lambda ones: ones * np.nan, "must be finite and at least 0"),
        (lambda ones: ones * np.inf, "must be finite and at least 0"),
        (lambda ones: ones[:-1], "one an episode is needed: 80"),
        (lambda ones: ones.astype(str), "must be plain numbers"),
    ],
    ids=["symbolic", "negative", "missing", "infinite", "too few", "text"],
)
def test_weights_that_are_none_are_refused(patients, wrong, message: str) -> None:
    weights = wrong(np.ones(80))
    with pytest.raises(InputError, match=message):
        patients.arms(weights)
    with pytest.raises(InputError, match=message):
        sandwich(patients, weights)
