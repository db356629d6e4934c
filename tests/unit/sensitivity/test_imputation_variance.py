"""Rubin's components against numbers worked out by hand and against the known answer."""

from __future__ import annotations

import numpy as np
import pytest

from hccbayes.sensitivity.imputation_variance import rubin_components


def test_components_by_hand():
    """Means 1, 2, 3 and variances 2: B = 1, T = 2 + 4/3, r = 2/3, nu = 2 * 2.5^2 = 12.5."""
    found = rubin_components([1.0, 2.0, 3.0], [2.0, 2.0, 2.0])
    assert found.mean == pytest.approx(2.0)
    assert found.within_sd == pytest.approx(2.0**0.5)
    assert found.between_sd == pytest.approx(1.0)
    assert found.total_sd == pytest.approx((10.0 / 3.0) ** 0.5)
    assert found.missing_information == pytest.approx((2 / 3 + 2 / 15.5) / (5 / 3))


def test_nothing_between_is_nothing_missing():
    for count in (1, 20):
        found = rubin_components([0.5] * count, [0.04] * count)
        assert (found.missing_information, found.between_sd) == (0.0, 0.0)
        assert found.total_sd == pytest.approx(0.2)


def test_mean_of_a_normal_with_values_missing(rng):
    """Of 1,000 values 40% are missing: total variance 1/600, and 40% of the information is."""
    known = rng.standard_normal(600)
    means, variances = [], []
    for _ in range(2000):
        spread = known.std(ddof=1) * np.sqrt(599 / rng.chisquare(599))
        center = known.mean() + spread / np.sqrt(600) * rng.standard_normal()
        values = np.r_[known, center + spread * rng.standard_normal(400)]
        means.append(values.mean())
        variances.append(values.var(ddof=1) / 1000)
    found = rubin_components(means, variances)
    # B from 2,000 imputations has a relative standard error of 3%; its share of T is 40%.
    assert found.total_sd == pytest.approx(known.std(ddof=1) / 600**0.5, rel=4 * 0.03 * 0.4 / 2)
    assert found.missing_information == pytest.approx(0.4, abs=4 * 0.03 * 0.4 * 0.6)
