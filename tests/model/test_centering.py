"""Walk and center effects have an event-weighted mean of zero, whatever their variables are."""

from __future__ import annotations

import numpy as np
import pytest

from hccbayes import walk
from hccbayes.fit import sample_prior
from hccbayes.hazard_model import build_hazard_model
from hccbayes.spec import SamplerSection

ROUNDING = 1e-12
"""Sums of a few numbers below 100."""


@pytest.mark.parametrize("baseline", ["rw1", "rw2", "independent"])
def test_level_is_the_mean_log_hazard_of_the_events(baseline, small_study, evaluate, random_point):
    spec, study = small_study(baseline=baseline)
    model = build_hazard_model(study.data, spec.hazard, spec.priors)
    share = study.data.interval_events / study.data.interval_events.sum()
    for seed in range(20):
        point = random_point(model, seed)
        found = evaluate(model, point, ["log_baseline"])["log_baseline"]
        level = np.log(np.log(2.0) / 10.0) + point["level"]
        assert share @ found == pytest.approx(level, abs=ROUNDING)


@pytest.mark.parametrize("center", ["fixed", "hierarchical"])
def test_center_terms_average_to_nothing(center, small_study, evaluate, random_point):
    spec, study = small_study(center=center, center_slope=True)
    model = build_hazard_model(study.data, spec.hazard, spec.priors)
    events = study.data.center_events.sum(axis=1)
    assert len(events) == 4
    share = events / events.sum()
    for seed in range(20):
        point = random_point(model, seed)
        found = evaluate(model, point, ["center_effect", "center_slope", "center_log_hr"])
        assert share @ found["center_effect"] == pytest.approx(0.0, abs=ROUNDING)
        assert share @ found["center_slope"] == pytest.approx(0.0, abs=ROUNDING)
        # `treatment` is therefore the mean of the centers' own log hazard ratios.
        assert share @ found["center_log_hr"] == pytest.approx(point["treatment"], abs=ROUNDING)


def test_in_every_posterior_draw(small_study, compiled_small):
    spec, study = small_study(center="hierarchical")
    sampler = SamplerSection(draws=100, tune=200, chains=2, seed=3)
    posterior = compiled_small(center="hierarchical").sample(sampler)["posterior"].to_dataset()
    intervals = study.data.interval_events / study.data.interval_events.sum()
    walked = posterior["log_baseline"].values @ intervals
    level = np.log(np.log(2.0) / 10.0) + posterior["level"].values
    np.testing.assert_allclose(walked, level, rtol=0, atol=ROUNDING)
    centers = study.data.center_events.sum(axis=1)
    mean = posterior["center_effect"].values @ (centers / centers.sum())
    np.testing.assert_allclose(mean, 0.0, atol=ROUNDING)


def test_in_every_prior_draw(small_study):
    spec, study = small_study(center="hierarchical")
    model = build_hazard_model(study.data, spec.hazard, spec.priors)
    prior = sample_prior(model, draws=200, seed=1)
    centers = study.data.center_events.sum(axis=1)
    mean = prior["center_effect"].values @ (centers / centers.sum())
    np.testing.assert_allclose(mean, 0.0, atol=ROUNDING)
    assert prior["center_effect"].values.std() > 0.1


def test_first_order_walk_has_the_variances_it_says():
    """Increments are independent with variance (months between midpoints) / 6."""
    share = np.array([0.4, 0.3, 0.2, 0.1])
    matrix = walk.first_order([3.0, 6.0, 12.0], share)
    assert walk.midpoints([3.0, 6.0, 12.0]) == pytest.approx([1.5, 4.5, 9.0, 15.0])
    increments = np.diff(matrix, axis=0)
    expected = np.diag(np.array([3.0, 4.5, 6.0]) / 6.0)
    np.testing.assert_allclose(increments @ increments.T, expected, rtol=0, atol=1e-15)


def test_second_order_walk_on_a_six_month_grid_has_unit_second_differences():
    share = np.array([0.3, 0.2, 0.2, 0.2, 0.1])
    matrix = walk.second_order([6.0, 12.0, 18.0, 24.0], share)
    np.testing.assert_allclose(np.diff(matrix, n=2, axis=0), np.eye(3), rtol=0, atol=1e-14)
    time = walk.midpoints([6.0, 12.0, 18.0, 24.0])
    np.testing.assert_allclose(share @ matrix, 0.0, atol=1e-14)
    np.testing.assert_allclose((share * (time - share @ time)) @ matrix, 0.0, atol=1e-13)


def test_trend_is_one_per_twelve_months():
    share = np.array([0.5, 0.3, 0.2])
    line = walk.trend([12.0, 24.0], share)
    np.testing.assert_allclose(np.diff(line), 1.0, rtol=0, atol=1e-15)
    assert share @ line == pytest.approx(0.0, abs=1e-15)
