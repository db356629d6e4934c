from __future__ import annotations

import numpy as np
import pytest

from hccbayes.errors import InputError
from hccbayes.frequentist.piecewise_exponential import piecewise_exponential_mle

ARM = np.array([0.0, 1.0])


def test_two_arms_and_one_interval_have_a_closed_form():
    fit = piecewise_exponential_mle([[20], [10]], [[100.0], [150.0]], ARM)
    assert fit.coef[0] == pytest.approx(np.log((10 / 150) / (20 / 100)), rel=1e-10)
    assert fit.se[0] == pytest.approx(np.sqrt(1 / 10 + 1 / 20), rel=1e-10)
    assert fit.log_hazard[0] == pytest.approx(np.log(20 / 100), rel=1e-10)
    assert fit.log_hazard_se[0] == pytest.approx(np.sqrt(1 / 20), rel=1e-10)
    expected = 20 * np.log(20 / 100) + 10 * np.log(10 / 150) - 30
    assert fit.log_likelihood == pytest.approx(expected, rel=1e-12)


def test_hazards_without_an_effect_are_events_over_exposure():
    fit = piecewise_exponential_mle([[4, 9], [4, 9]], [[40.0, 30.0], [40.0, 30.0]], ARM)
    assert fit.coef[0] == pytest.approx(0, abs=1e-10)
    np.testing.assert_allclose(fit.log_hazard, np.log([0.1, 0.3]), rtol=1e-9)


def test_location_and_scale_of_a_covariate_move_only_the_hazard():
    rng = np.random.default_rng(1)
    design = rng.normal(size=(30, 2))
    exposure = rng.uniform(1, 5, size=(30, 3))
    events = rng.poisson(0.2 * exposure)
    fit = piecewise_exponential_mle(events, exposure, design)
    moved = piecewise_exponential_mle(events, exposure, 1000 + 10 * design)
    np.testing.assert_allclose(10 * moved.coef, fit.coef, rtol=1e-8)
    np.testing.assert_allclose(10 * moved.se, fit.se, rtol=1e-8)
    np.testing.assert_allclose(
        moved.log_hazard + 1000 * moved.coef.sum(), fit.log_hazard, rtol=1e-7
    )
    assert moved.log_likelihood == pytest.approx(fit.log_likelihood, rel=1e-12)


def test_interval_without_exposure_has_no_hazard():
    fit = piecewise_exponential_mle([[3, 0], [5, 0]], [[10.0, 0.0], [9.0, 0.0]], ARM)
    assert np.isnan(fit.log_hazard[1])
    assert np.isnan(fit.log_hazard_se[1])
    assert fit.coef[0] == pytest.approx(np.log((5 / 9) / (3 / 10)), rel=1e-9)
    assert np.isfinite(fit.log_likelihood)


def test_interval_without_event_is_refused():
    with pytest.raises(InputError, match="interval 2 of 3"):
        piecewise_exponential_mle([[3, 0, 1], [5, 0, 1]], np.ones((2, 3)), ARM)


def test_constant_or_dependent_column_is_named():
    events, exposure = np.ones((4, 1)), np.ones((4, 1))
    design = np.array([[0.0, 1, 0], [1, 1, 2], [0, 1, 0], [1, 1, 2]])
    with pytest.raises(InputError, match=r"column 2, 3 is constant"):
        piecewise_exponential_mle(events, exposure, design)


def test_arm_without_events_is_separation():
    with pytest.raises(InputError, match="design column 1: has no finite log hazard ratio"):
        piecewise_exponential_mle([[5, 4], [0, 0]], np.full((2, 2), 10.0), ARM)


@pytest.mark.parametrize(
    ("events", "exposure", "message"),
    [
        ([[1], [1]], [[1.0], [0.0]], "without exposure"),
        ([[0], [0]], [[1.0], [1.0]], "no event"),
        ([[1], [-1]], [[1.0], [1.0]], "at least 0"),
        ([[1, 1], [1, 1]], [[1.0], [1.0]], "shape"),
    ],
)
def test_wrong_person_time_is_refused(events, exposure, message):
    with pytest.raises(InputError, match=message):
        piecewise_exponential_mle(events, exposure, ARM)
