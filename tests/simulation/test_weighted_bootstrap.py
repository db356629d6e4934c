"""The variance with an estimated score against the bootstrap of the whole procedure."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from hccbayes.frequentist.logistic import logistic_regression
from hccbayes.frequentist.score_weights import estimated_weights
from hccbayes.frequentist.weighted_cox import weighted_cox
from hccbayes.frequentist.weighted_curves import weighted_curve
from hccbayes.frequentist.weighted_variance import influence, standard_errors
from hccbayes.weights import weight_values

PATIENTS = 300
RESAMPLES = 400
COLUMNS = ["x", "y"]


@pytest.fixture(scope="module")
def cohort() -> pd.DataFrame:
    """Two strong confounders, so that the estimation of the score matters."""
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(2, PATIENTS))
    treatment = rng.binomial(1, expit(0.6 * x - 0.4 * y))
    death = rng.exponential(1 / (0.06 * np.exp(0.9 * x + 0.5 * y - 0.4 * treatment)))
    censored = rng.uniform(6, 40, PATIENTS)
    return pd.DataFrame(
        {
            "x": x,
            "y": y,
            "treatment": treatment,
            "time": np.minimum(death, censored),
            "event": (death <= censored).astype(int),
        }
    )


def estimates(
    cohort: pd.DataFrame, score: np.ndarray, target: str
) -> tuple[np.ndarray, np.ndarray]:
    """Log hazard ratio, difference of survival at 12 and of the restricted mean to 18 months."""
    start = np.zeros(len(cohort))
    follow_up = (start, cohort["time"], cohort["event"])
    weights = weight_values(score, cohort["treatment"], target)
    fit = weighted_cox(cohort[["treatment"]] * 1.0, *follow_up, weights)
    treated, control = (
        weighted_curve(*follow_up, weights, members=cohort["treatment"] == arm) for arm in (1, 0)
    )
    survival = [curve.at(12.0) for curve in (treated, control)]
    mean = [curve.restricted_mean(18.0) for curve in (treated, control)]
    values = [fit.coef[0], survival[0][0][0] - survival[1][0][0], mean[0][0] - mean[1][0]]
    sensitivity = [fit.sensitivity, survival[0][1] - survival[1][1], mean[0][1] - mean[1][1]]
    return np.array(values), np.column_stack(sensitivity)


@pytest.mark.parametrize("target", ["ate", "att", "matching"])
def test_standard_errors_are_those_of_the_bootstrap(cohort, target):
    score = logistic_regression(cohort[COLUMNS], cohort["treatment"]).score
    fitted = estimated_weights(cohort[COLUMNS], score, cohort["treatment"], target)
    _, sensitivity = estimates(cohort, score, target)
    with_score = standard_errors(influence(sensitivity, fitted.values, fitted))
    as_given = standard_errors(influence(sensitivity, fitted.values))
    rng = np.random.default_rng(2)
    resampled = []
    for _ in range(RESAMPLES):
        drawn = cohort.iloc[rng.integers(0, PATIENTS, PATIENTS)].reset_index(drop=True)
        own = logistic_regression(drawn[COLUMNS], drawn["treatment"]).score
        resampled.append(estimates(drawn, own, target)[0])
    bootstrap = np.std(resampled, axis=0, ddof=1)
    # A standard deviation of B draws has a relative error of 1 / sqrt(2 B), 3.5%; three of them,
    # and 3 / sqrt(n) / 10 = 2% for what is of higher order in 1/n.
    tolerance = 3 / np.sqrt(2 * RESAMPLES) + 0.02
    np.testing.assert_allclose(with_score, bootstrap, rtol=tolerance)
    # Confounders that predict survival strongly: weights taken as given overstate the error.
    assert (as_given > 1.08 * with_score).all()
