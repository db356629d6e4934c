from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hccbayes.errors import InputError
from hccbayes.frequentist.identifiability import NotEstimableError
from hccbayes.frequentist.logistic import logistic_regression
from hccbayes.frequentist.restricted_mean import restricted_mean, weighted_restricted_mean
from hccbayes.frequentist.restricted_mean_contrast import restricted_mean_contrast
from hccbayes.frequentist.score_weights import estimated_weights
from hccbayes.frequentist.weighted_curves import weighted_curve
from hccbayes.frequentist.weighted_variance import influence


def cohort(rng, rows=60):
    stop = np.ceil(rng.exponential(10, rows) * 2) / 2
    return np.zeros(rows), stop, rng.binomial(1, 0.7, rows), rng.binomial(1, 0.5, rows)


def test_two_patients_by_hand():
    # Survival 1 to month 1 and 1/2 to month 2; one death of two leaves 1/2 of a month behind it.
    found = restricted_mean([0, 0], [1, 3], [1, 1], 2.0)
    assert found.estimate == 1.5
    assert found.standard_error == pytest.approx(np.sqrt(0.5**2 * 1 / (2 * 1)), rel=1e-14)
    assert (found.at_risk, found.reason) == (1, "")


def test_all_dead_before_the_horizon():
    # The curve is 0 from month 3 on: (1 + 3) / 2, the mean; the last death has no variance left.
    found = restricted_mean([0, 0], [1, 3], [1, 1], 10.0)
    assert found.estimate == 2.0
    assert found.at_risk == 0
    # The variance of a mean of two with n in the denominator: (1 - 2)^2 + (3 - 2)^2 over 2 * 2.
    assert found.standard_error == pytest.approx(np.sqrt(2 / 4), rel=1e-14)


def test_nobody_dies_before_the_horizon():
    found = restricted_mean([0, 0, 0], [5, 6, 7], [1, 1, 0], 4.0)
    assert (found.estimate, found.standard_error, found.at_risk) == (4.0, 0.0, 3)
    assert "no variation" in found.reason


def test_the_horizon_must_be_observed():
    with pytest.raises(NotEstimableError, match=r"beyond the follow-up of 3, which 50.0% survive"):
        restricted_mean([0, 0], [1, 3], [1, 0], 3.5)
    for horizon in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(InputError, match="above 0 and finite"):
            restricted_mean([0, 0], [1, 3], [1, 0], horizon)


def test_the_jackknife_is_greenwood_without_weights(rng):
    start, stop, event, _ = cohort(rng)
    plain = restricted_mean(start, stop, event, 8.0)
    weighted, influence = weighted_restricted_mean(start, stop, event, np.ones(60), 8.0)
    assert weighted.estimate == pytest.approx(plain.estimate, rel=1e-13)
    assert weighted.standard_error == pytest.approx(plain.standard_error, rel=1e-12)
    assert np.sum(influence**2) == pytest.approx(plain.standard_error**2, rel=1e-12)
    assert weighted.at_risk == plain.at_risk
    assert weighted.variance != plain.variance


def test_contrast_by_hand():
    follow_up = ([0, 0, 0, 0], [1, 3, 2, 4], [1, 1, 1, 1], [0, 0, 1, 1])
    found = restricted_mean_contrast(*follow_up, 3.0)
    # Control: 1 + 2/2 = 2, var 1^2 / 2; treated: 2 + 1/2, var (1/2)^2 / 2.
    assert (found.control.estimate, found.treated.estimate) == (2.0, 2.5)
    assert found.difference.estimate == 0.5
    assert found.difference.standard_error == pytest.approx(np.sqrt(0.5 + 0.125), rel=1e-14)
    assert found.ratio.estimate == pytest.approx(1.25, rel=1e-14)
    relative = np.sqrt(0.5 / 4 + 0.125 / 6.25)
    assert found.ratio.standard_error == pytest.approx(relative, rel=1e-14)
    assert found.ratio.upper == pytest.approx(
        1.25 * np.exp(1.959963984540054 * relative), rel=1e-12
    )


def test_clusters_of_one_change_nothing(rng):
    start, stop, event, arm = cohort(rng)
    plain = restricted_mean_contrast(start, stop, event, arm, 6.0)
    single = restricted_mean_contrast(start, stop, event, arm, 6.0, cluster=np.arange(60))
    assert single.difference.standard_error == pytest.approx(
        plain.difference.standard_error, rel=1e-12
    )
    assert single.ratio.p_value == pytest.approx(plain.ratio.p_value, rel=1e-10)


def test_perfect_pairs_leave_no_variance_of_the_difference():
    # Each treated patient dies with his control: the pairs' influences cancel.
    stop, event = [1, 2, 3, 1, 2, 3], np.ones(6)
    arm, pair = [0, 0, 0, 1, 1, 1], [1, 2, 3, 1, 2, 3]
    with pytest.raises(NotEstimableError, match="no variation of events"):
        restricted_mean_contrast(np.zeros(6), stop, event, arm, 2.5, cluster=pair)


def test_an_estimated_score_joins_the_arms(rng):
    start, stop, event, _ = cohort(rng)
    covariate = rng.normal(size=60)
    arm = rng.binomial(1, 1 / (1 + np.exp(-covariate)))
    columns = pd.DataFrame({"x": covariate})
    score = logistic_regression(columns, arm).score
    fitted = estimated_weights(columns, score, arm, "ate")
    follow_up = (start, stop, event)
    found = restricted_mean_contrast(*follow_up, arm, 6.0, weights=fitted.values, estimated=fitted)
    means, sensitivities = zip(
        *(
            weighted_curve(*follow_up, fitted.values, members=arm == value).restricted_mean(6.0)
            for value in (1, 0)
        ),
        strict=True,
    )
    assert found.difference.estimate == pytest.approx(means[0] - means[1], rel=1e-11)
    joint = influence((sensitivities[0] - sensitivities[1])[:, None], fitted.values, fitted)
    assert found.difference.standard_error == pytest.approx(np.sqrt(np.sum(joint**2)), rel=1e-11)
    given = restricted_mean_contrast(*follow_up, arm, 6.0, weights=fitted.values)
    assert given.difference.estimate == found.difference.estimate
    assert given.difference.standard_error != found.difference.standard_error
    with pytest.raises(InputError, match="needs the weights"):
        restricted_mean_contrast(*follow_up, arm, 6.0, estimated=fitted)


def test_an_arm_without_events_still_contrasts():
    found = restricted_mean_contrast(np.zeros(4), [1, 3, 5, 5], [1, 1, 0, 0], [0, 0, 1, 1], 3.0)
    assert found.treated.reason
    assert found.difference.estimate == 1.0
    assert found.difference.standard_error == found.control.standard_error


def test_bad_arms_are_refused():
    with pytest.raises(NotEstimableError, match="the control arm has no patient"):
        restricted_mean_contrast([0, 0], [1, 2], [1, 1], [1, 1], 1.5)
    with pytest.raises(InputError, match="one 0 or 1 a row"):
        restricted_mean_contrast([0, 0], [1, 2], [1, 1], [1, 2], 1.5)
    with pytest.raises(InputError, match="between 0 and 1"):
        restricted_mean_contrast([0, 0], [1, 2], [1, 1], [1, 0], 1.5, prob=0)
