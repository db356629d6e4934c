from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import gamma

from hccbayes.errors import InputError
from hccbayes.frequentist.collapsed_gamma import (
    collapsed_log_likelihood,
    collapsed_posterior_moments,
)
from hccbayes.priors import Prior

EVENTS = np.array([[3, 2], [1, 4]])
EXPOSURE = np.array([[20.0, 12.0], [15.0, 25.0]])
ARM = np.array([0.0, 1.0])


def test_likelihood_is_the_integral_over_the_hazards():
    beta, shape, rate = -0.4, np.array([1.5, 0.8]), np.array([10.0, 6.0])
    expected = 0.0
    for interval in range(2):
        hazard_ratio = np.exp(beta * ARM)

        def density(level, j=interval, ratio=hazard_ratio):
            likelihood = (level * ratio) ** EVENTS[:, j] * np.exp(-level * ratio * EXPOSURE[:, j])
            return np.prod(likelihood) * gamma.pdf(level, shape[j], scale=1 / rate[j])

        integral, _ = quad(density, 0, np.inf, epsabs=0, epsrel=1e-11)
        expected += np.log(integral)
    found = collapsed_log_likelihood(beta, EVENTS, EXPOSURE, ARM, shape=shape, rate=rate)
    # The peak's own relative error bound.
    assert found == pytest.approx(expected, rel=1e-9)


def test_narrow_prior_is_returned():
    prior = Prior.of("normal", mu=0.3, sigma=1e-4)
    found = collapsed_posterior_moments(EVENTS, EXPOSURE, ARM, shape=1, rate=5, prior=prior)
    # The likelihood moves the mean by its score times the prior variance, about 3 x 1e-8.
    assert found.mean == pytest.approx(0.3, abs=1e-7)
    assert found.sd == pytest.approx(1e-4, rel=1e-6)


def test_swapping_the_arms_changes_the_sign():
    prior = Prior.of("normal", mu=0, sigma=1)
    tiny = {"shape": 1e-9, "rate": 1e-9}
    one = collapsed_posterior_moments(EVENTS, EXPOSURE, ARM, **tiny, prior=prior)
    other = collapsed_posterior_moments(EVENTS[::-1], EXPOSURE[::-1], ARM, **tiny, prior=prior)
    # Exactly so in the limit of a scale-free prior; here up to shape and rate.
    assert one.mean == pytest.approx(-other.mean, abs=1e-7)
    assert one.sd == pytest.approx(other.sd, abs=1e-7)


def test_arm_without_events_needs_a_prior():
    events = np.array([[3, 2], [0, 0]])
    with pytest.raises(InputError, match="improper under a flat prior"):
        collapsed_posterior_moments(events, EXPOSURE, ARM, shape=1, rate=5)
    prior = Prior.of("normal", mu=0, sigma=0.7)
    found = collapsed_posterior_moments(events, EXPOSURE, ARM, shape=1, rate=5, prior=prior)
    assert found.mean < 0
    assert found.sd < 0.7


def test_wrong_arguments_are_refused():
    with pytest.raises(InputError, match="must be normal or flat, not student_t"):
        collapsed_posterior_moments(
            EVENTS, EXPOSURE, ARM, shape=1, rate=1, prior=Prior.of("student_t", nu=3, mu=0, sigma=1)
        )
    with pytest.raises(InputError, match="one covariate"):
        collapsed_posterior_moments(EVENTS, EXPOSURE, np.ones((2, 2)), shape=1, rate=1)
    with pytest.raises(InputError, match="finite and positive"):
        collapsed_log_likelihood(0.0, EVENTS, EXPOSURE, ARM, shape=0, rate=1)
    with pytest.raises(InputError, match="needs a number or 2 values"):
        collapsed_log_likelihood(0.0, EVENTS, EXPOSURE, ARM, shape=[1, 1, 1], rate=1)
