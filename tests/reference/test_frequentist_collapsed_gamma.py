"""The gamma-integrated likelihood on the lung cancer data, female alone, five intervals.

Expected values were integrated in R and are printed with six digits (log-likelihood: five
decimals), whence the tolerances of half a unit of the last digit.
"""

from __future__ import annotations

import numpy as np
import pytest

from hccbayes.frequentist.collapsed_gamma import (
    collapsed_log_likelihood,
    collapsed_posterior_moments,
)
from hccbayes.frequentist.piecewise_exponential import piecewise_exponential_mle
from hccbayes.priors import Prior

EVENTS = np.array([[25, 26, 21, 19, 20], [8, 7, 11, 14, 13]])
DAYS = np.array(
    [[13516.6, 7649.4, 7169.4, 5577.6, 5102.0], [9451.0, 5753.0, 6043.4, 5045.8, 4213.8]]
)
FEMALE = np.array([0.0, 1.0])
HALF_DIGIT = 0.5e-6 * (1 + 1e-6)


@pytest.mark.parametrize(
    ("shape", "rate", "log_likelihood", "flat", "normal"),
    [
        (0.01, 3, -1175.12937, (-0.524345, 0.167755), (-0.509899, 0.165018)),
        (1, 300, -1157.28016, (-0.526151, 0.166562), (-0.511852, 0.163859)),
        (1e-6, 3e-4, -1220.92493, (-0.524327, 0.167768), (-0.509880, 0.165030)),
    ],
)
def test_gamma_integrated_posterior(shape, rate, log_likelihood, flat, normal):
    at_zero = collapsed_log_likelihood(0.0, EVENTS, DAYS, FEMALE, shape=shape, rate=rate)
    assert at_zero == pytest.approx(log_likelihood, abs=0.5e-5)
    standard_normal = Prior.of("normal", mu=0, sigma=1)
    for prior, (mean, sd) in ((None, flat), (standard_normal, normal)):
        found = collapsed_posterior_moments(
            EVENTS, DAYS, FEMALE, shape=shape, rate=rate, prior=prior
        )
        assert found.mean == pytest.approx(mean, abs=HALF_DIGIT)
        assert found.sd == pytest.approx(sd, abs=HALF_DIGIT)


def test_maximum_likelihood_of_the_same_table():
    fit = piecewise_exponential_mle(EVENTS, DAYS, FEMALE)
    assert fit.coef[0] == pytest.approx(-0.519384, abs=HALF_DIGIT)
    # Information of the profile likelihood: events times the variance of female in the hazard.
    hazard = np.array([1.0, np.exp(fit.coef[0])])[:, None] * DAYS
    share = hazard[1] / hazard.sum(axis=0)
    information = np.sum(EVENTS.sum(axis=0) * share * (1 - share))
    assert fit.se[0] == pytest.approx(information**-0.5, rel=1e-9)
