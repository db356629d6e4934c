"""Double robustness with known nuisance functions: one of the two may be wrong, not both.

4,000 patients, two confounders, exponential survival and censoring; the estimates are plain means
of the contributions at the true or a deliberately wrong score and outcome model. Nothing is fitted,
so that a Monte Carlo error is the standard deviation of the contributions over root n.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from scipy.special import expit

from hccbayes.adjustment.doubly_robust import _Patients, contributions
from hccbayes.curves import time_in_intervals
from hccbayes.weights import known_target

PATIENTS = 4000
TIME = 12.0
LOG_RATIO = -0.6
CENSORING = 0.02
ERRORS = 4.0
"""Monte Carlo standard errors within which an estimate is called right: 1 in 16,000 by chance."""


@dataclass(frozen=True)
class Truth:
    """A cohort, its true score and its true hazards under treatment and control."""

    patients: _Patients
    score: np.ndarray
    hazard: dict[float, np.ndarray]

    @property
    def gain(self) -> np.ndarray:
        """Each patient's true difference of the survival at 12 months."""
        return np.asarray(np.exp(-TIME * self.hazard[1.0]) - np.exp(-TIME * self.hazard[0.0]))


def cohort(seed: int) -> Truth:
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal(PATIENTS), (rng.random(PATIENTS) < 0.5).astype(float)
    score = expit(-0.3 + 0.8 * x + 0.9 * y)
    arm = (rng.random(PATIENTS) < score).astype(float)
    base = 0.06 * np.exp(0.7 * x + 0.6 * y)
    hazard = {0.0: base, 1.0: base * np.exp(LOG_RATIO)}
    death = rng.exponential(1.0 / np.where(arm == 1.0, hazard[1.0], hazard[0.0]))
    end = np.minimum(rng.exponential(1.0 / CENSORING, PATIENTS), 30.0)
    time, grid, cuts = np.minimum(death, end), np.array([0.0, TIME]), np.array([])
    until = np.minimum(time[:, None], grid)
    patients = _Patients(
        time=time,
        event=(death <= end).astype(float),
        treatment=arm,
        cuts=cuts,
        grid=grid,
        at_own=time_in_intervals(time, cuts),
        at_grid=time_in_intervals(grid, cuts),
        until=time_in_intervals(until.reshape(-1), cuts).reshape(PATIENTS, 2, 1),
    )
    return Truth(patients=patients, score=score, hazard=hazard)


def contrast(truth: Truth, score: np.ndarray, hazard: dict[float, np.ndarray]) -> np.ndarray:
    """Return each patient's augmented difference of the survival at 12 months."""
    censoring = np.array([CENSORING])
    arms = [
        contributions(truth.patients, hazard[arm][:, None], censoring, received, arm)[:, 1]
        for arm, received in ((1.0, score), (0.0, 1.0 - score))
    ]
    return np.asarray(arms[0] - arms[1])


def wrong_score(truth: Truth) -> np.ndarray:
    """Return the share treated: as though treatment had been drawn by lot."""
    return np.full(PATIENTS, truth.patients.treatment.mean())


def wrong_hazard(truth: Truth) -> dict[float, np.ndarray]:
    """Return the arms' crude rates: as though no covariate mattered."""
    own = truth.patients
    return {
        arm: np.full(
            PATIENTS,
            own.event[own.treatment == arm].sum() / own.time[own.treatment == arm].sum(),
        )
        for arm in (0.0, 1.0)
    }


@pytest.fixture(scope="module", params=[1, 2, 3])
def truth(request: pytest.FixtureRequest) -> Truth:
    return cohort(request.param)


def error(values: np.ndarray, weight: np.ndarray | None = None) -> tuple[float, float]:
    """Return a weighted mean and its Monte Carlo standard error."""
    share = np.ones(PATIENTS) if weight is None else weight / weight.mean()
    mean = float(np.mean(share * values))
    return mean, float(np.std(share * (values - mean)) / np.sqrt(PATIENTS))


@pytest.mark.parametrize("score_is_right", [True, False])
@pytest.mark.parametrize("outcome_is_right", [True, False])
def test_one_right_model_is_enough(
    truth: Truth, score_is_right: bool, outcome_is_right: bool
) -> None:
    score = truth.score if score_is_right else wrong_score(truth)
    hazard = truth.hazard if outcome_is_right else wrong_hazard(truth)
    bias, se = error(contrast(truth, score, hazard) - truth.gain)
    assert se < 0.02
    if score_is_right or outcome_is_right:
        assert abs(bias) < ERRORS * se
    else:
        assert bias < -2.0 * ERRORS * se  # confounding hides the gain


def test_the_wrong_outcome_model_alone_is_far_off(truth: Truth) -> None:
    """The case above has something to mend: plain g-computation from it is biased."""
    wrong = wrong_hazard(truth)
    plain = np.exp(-TIME * wrong[1.0]) - np.exp(-TIME * wrong[0.0])
    bias, se = error(plain - truth.gain)
    assert bias < -0.05
    assert abs(bias) > 3.0 * ERRORS * se


@pytest.mark.parametrize("target", ["att", "atc", "ato", "matching"])
@pytest.mark.parametrize("outcome_is_right", [True, False])
def test_a_right_score_is_right_for_every_target(
    truth: Truth, target: str, outcome_is_right: bool
) -> None:
    hazard = truth.hazard if outcome_is_right else wrong_hazard(truth)
    tilt = known_target(target).tilt(truth.score)
    bias, se = error(contrast(truth, truth.score, hazard) - truth.gain, tilt)
    assert abs(bias) < ERRORS * se


def test_a_wrong_score_moves_the_population_of_other_targets(truth: Truth) -> None:
    """Double robustness is for all patients: elsewhere the score says whose effect it is.

    With the share treated as everyone's score the tilt is constant, so that the "overlap" estimate
    is the effect in all patients, however right the outcome model.
    """
    score = wrong_score(truth)
    tilt = known_target("ato").tilt(score)
    values = contrast(truth, score, truth.hazard)
    to_all, se = error(values - truth.gain, tilt)
    assert abs(to_all) < ERRORS * se
    overlap = truth.score * (1.0 - truth.score)
    by_overlap = float(np.average(truth.gain, weights=overlap))
    assert by_overlap - truth.gain.mean() > 0.005  # the populations differ


def test_a_wrong_censoring_hazard_is_mended_by_a_right_outcome_model(truth: Truth) -> None:
    """Three times the hazard: with a right outcome model the augmentation still has mean zero."""
    own = contributions(
        truth.patients,
        truth.hazard[1.0][:, None],
        np.array([3.0 * CENSORING]),
        truth.score,
        1.0,
    )
    bias, se = error(own[:, 1] - np.exp(-TIME * truth.hazard[1.0]))
    assert abs(bias) < ERRORS * se
