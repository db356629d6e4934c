"""The model of the start of treatment: closed forms, other routes to its maximum, known truth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from hccbayes.frequentist.piecewise_exponential import piecewise_exponential_mle
from hccbayes.person_time import split_person_time
from hccbayes.time_zero.cloning import FollowUp
from hccbayes.time_zero.start_derivatives import start_scores
from hccbayes.time_zero.start_fit import RIDGE_SD, fit_start_hazard, ridge_fit
from hccbayes.time_zero.start_hazard import StartHazard
from hccbayes.time_zero.start_time import MOST_INTERVALS, STARTS_PER_INTERVAL, start_cuts

GRACE = 3.0


def follow_up(size: int, seed: int, *, at_zero: float = 0.0) -> tuple[FollowUp, np.ndarray]:
    """Return patients who start with hazard 0.3 exp(0.5 x) to 3 months and a tenth of it later."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(size)
    own = rng.exponential(size=size) * np.exp(-0.5 * x)
    start = np.where(own < 0.9, own / 0.3, 3.0 + (own - 0.9) / 0.03)
    if at_zero:
        start = np.where(rng.random(size) < expit(np.log(at_zero) + 0.5 * x), 0.0, start)
    frame = pd.DataFrame(
        {
            "patient": [f"p{index}" for index in range(size)],
            "entry": 0.0,
            "time": rng.exponential(12.0, size),
            "event": 1,
            "treatment_start": start,
        }
    )
    return FollowUp.of(frame), x[:, None]


def test_one_interval_and_no_covariate_is_starts_over_person_months() -> None:
    """Four patients: starts at 1 and 2, a death at 2, and one followed past the grace period."""
    frame = pd.DataFrame(
        {
            "patient": list("abcd"),
            "entry": 0.0,
            "time": [5.0, 6.0, 2.0, 9.0],
            "event": [1, 0, 1, 1],
            "treatment_start": [1.0, 2.0, np.nan, np.nan],
        }
    )
    own = fit_start_hazard(FollowUp.of(frame), np.zeros((4, 0)), GRACE)
    np.testing.assert_allclose(own.cuts, [3.0])
    assert np.exp(own.log_hazard[0]) == pytest.approx(2.0 / (1.0 + 2.0 + 2.0 + 3.0))
    # Nobody starts later: the hazard is 0 there, and the cumulative hazard stays.
    assert own.log_hazard[1] == -np.inf
    found = own.cumulative(np.array([1.0, 3.0, 3.5, 100.0]), np.zeros((4, 0)))
    np.testing.assert_allclose(found, [0.25, 0.75, 0.75, 0.75])


def test_cumulative_hazard_by_hand() -> None:
    own = StartHazard(
        cuts=np.array([1.0, 3.0]),
        log_hazard=np.log([0.2, 0.1, 0.05]),
        slopes=np.array([np.log(2.0)]),
        at_zero=np.array([0.0, 0.0]),
    )
    times = np.array([[0.0, 0.5, 1.0, 2.0, 3.0, 5.0]])
    # A half start at time zero: log 2; then twice 0.2, 0.1 and 0.05 a month.
    expected = np.log(2.0) + 2.0 * np.array([0.0, 0.1, 0.2, 0.3, 0.4, 0.5])
    np.testing.assert_allclose(own.cumulative(times, np.array([[1.0]]))[0], expected)
    moved = own.with_parameters(own.parameters + 1.0)
    np.testing.assert_allclose(moved.parameters, own.parameters + 1.0)


def influences(fitted: StartHazard, own: FollowUp, x: np.ndarray) -> np.ndarray:
    """Return each patient's score over the information of all."""
    scores, information = start_scores(fitted, own, x, GRACE)
    return scores @ np.linalg.inv(information.sum(axis=0))


def test_known_hazards_are_found() -> None:
    """20,000 patients: each estimate within four of its standard errors."""
    own, x = follow_up(20_000, 3)
    fitted = fit_start_hazard(own, x, GRACE)
    influence = influences(fitted, own, x)
    errors = np.sqrt((influence**2).sum(axis=0))
    truth = np.concatenate([[0.5], np.log(np.where(np.append(0.0, fitted.cuts) < 3.0, 0.3, 0.03))])
    assert (np.abs(fitted.parameters - truth) < 4.0 * errors).all()
    # 4 intervals on either side at the most.
    assert len(fitted.log_hazard) == 2 * MOST_INTERVALS


def test_influences_sum_to_zero_and_square_to_the_model_s_variance() -> None:
    """At the maximum scores sum to 0; under the model their squares estimate the information.

    The relative error of a variance from n squares is about sqrt((kurtosis - 1) / n): 6% here.
    """
    own, x = follow_up(4_000, 4, at_zero=0.2)
    fitted = fit_start_hazard(own, x, GRACE)
    influence = influences(fitted, own, x)
    assert influence.shape == (4_000, len(fitted.parameters))
    np.testing.assert_allclose(influence.sum(axis=0), 0.0, atol=1e-6)
    later = own.start > 0
    stop = np.minimum(own.start, own.time)[later]
    split = split_person_time(np.zeros(len(stop)), stop, np.isfinite(own.start[later]), fitted.cuts)
    model = piecewise_exponential_mle(split.events, split.exposure, x[later])
    ratio = np.sqrt((influence[:, 0] ** 2).sum()) / model.se[0]
    assert ratio == pytest.approx(1.0, abs=0.12)


def test_a_share_starts_at_time_zero_itself() -> None:
    own, x = follow_up(20_000, 5, at_zero=0.25)
    fitted = fit_start_hazard(own, x, GRACE)
    assert fitted.at_zero is not None
    # Standard errors of about 0.02 (intercept) and 0.02 (slope).
    np.testing.assert_allclose(fitted.at_zero, [np.log(0.25), 0.5], atol=0.08)
    at = fitted.cumulative(np.zeros(3), np.array([[-1.0], [0.0], [1.0]]))
    shares = expit(fitted.at_zero[0] + fitted.at_zero[1] * np.array([-1.0, 0.0, 1.0]))
    np.testing.assert_allclose(-np.expm1(-at), shares, rtol=1e-12)


def test_every_interval_with_time_before_it_ends_has_enough_starts() -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        start = np.round(rng.exponential(2.0, 60), 1)
        start = start[start > 0]
        cuts = start_cuts(start, GRACE)
        assert GRACE in cuts
        counts = np.bincount(np.searchsorted(cuts, start), minlength=len(cuts) + 1)
        # Tied starts move a quantile; none is left without.
        assert counts.min() > 0
        assert len(cuts) + 1 <= 2 * MOST_INTERVALS


@pytest.mark.parametrize("count", [1, STARTS_PER_INTERVAL, 2 * STARTS_PER_INTERVAL - 1])
def test_few_starts_make_one_interval(count: int) -> None:
    np.testing.assert_array_equal(start_cuts(np.linspace(0.1, 2.9, count), GRACE), [GRACE])


def test_without_a_prior_the_ridge_is_maximum_likelihood() -> None:
    rng = np.random.default_rng(2)
    matrix = rng.normal(1.0, [0.3, 4.0], (90, 2))
    exposure = rng.uniform(0.5, 2.0, (90, 3))
    events = (rng.random((90, 3)) < 0.3).astype(float)
    fitted = piecewise_exponential_mle(events, exposure, matrix)
    slopes, log_hazard = ridge_fit(events, exposure, matrix, np.inf)
    np.testing.assert_allclose(slopes, fitted.coef, rtol=1e-6)
    np.testing.assert_allclose(log_hazard, fitted.log_hazard, rtol=1e-6)


def test_separation_gets_a_prior_and_a_note() -> None:
    """Nobody with the covariate starts: its slope is finite, and negative."""
    own, _ = follow_up(200, 6)
    covariate = np.isinf(own.start).astype(float)
    fitted = fit_start_hazard(own, np.column_stack([covariate]), GRACE)
    assert -6.0 * RIDGE_SD / covariate.std() < fitted.slopes[0] < 0.0
    assert "normal prior of standard deviation 1" in fitted.notes[0]


def test_a_few_who_start_at_once_are_not_modeled() -> None:
    own, x = follow_up(100, 7)
    own.start[0] = 0.0
    fitted = fit_start_hazard(own, np.column_stack([x, own.start == 0]), GRACE)
    assert fitted.at_zero is not None
    np.testing.assert_allclose(fitted.at_zero, [np.log(0.01 / 0.99), 0.0, 0.0], atol=1e-12)
    assert any("start at time zero" in note for note in fitted.notes)


def test_starts_after_grace_may_be_left_out() -> None:
    own, x = follow_up(500, 8)
    fitted = fit_start_hazard(own, x, GRACE, within_grace=True)
    assert fitted.cuts.max() < GRACE
    # As though follow-up ended with the grace period.
    ended = FollowUp(
        patient=own.patient,
        time=np.minimum(own.time, GRACE),
        event=own.event,
        start=np.where(own.start < GRACE, own.start, np.inf),
    )
    other = fit_start_hazard(ended, x, GRACE)
    np.testing.assert_allclose(fitted.parameters, other.parameters, rtol=1e-9)
