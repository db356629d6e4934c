"""Restricted mean, survival and median of a piecewise-constant hazard against printed numbers.

The specification of the methods (section 8) prints them for cut points 3, 6 and 12 months and
hazards 0.05, 0.09, 0.08 and 0.05 per person-month, with six decimals.
"""

from __future__ import annotations

import numpy as np
import pytest

from hccbayes import curves
from hccbayes.standardization import (
    HazardDraws,
    Population,
    mean_restricted_mean,
    mean_survival,
    population_median,
)

CUTS = np.array([3.0, 6.0, 12.0])
HAZARD = np.array([0.05, 0.09, 0.08, 0.05])
HALF_A_DIGIT = 5e-7


def test_curves() -> None:
    assert curves.restricted_mean(HAZARD, 24.0, CUTS) == pytest.approx(11.848497, abs=HALF_A_DIGIT)
    assert curves.survival(HAZARD, [24.0], CUTS)[0] == pytest.approx(0.223130, abs=HALF_A_DIGIT)
    assert curves.median_survival(HAZARD, CUTS) == pytest.approx(9.414340, abs=HALF_A_DIGIT)


def test_standardization_over_one_pattern() -> None:
    draws = HazardDraws(
        baseline=HAZARD[None, None, :],
        treatment=np.zeros(1),
        treatment_mean=0.5,
        covariates=np.zeros((1, 0)),
        center_effect=np.zeros((1, 1)),
        center_slope=np.zeros((1, 1)),
        cuts=CUTS,
    )
    everybody = Population.of(np.zeros((3, 0)), np.zeros(3, dtype=np.intp), np.ones(3))
    survival = mean_survival(draws, everybody, "control", [24.0])[0, 0]
    assert survival == pytest.approx(0.223130, abs=HALF_A_DIGIT)
    mean = mean_restricted_mean(draws, everybody, "control", 24.0)[0]
    assert mean == pytest.approx(11.848497, abs=HALF_A_DIGIT)
    median = population_median(draws, everybody, "control", 24.0)[0]
    assert median == pytest.approx(9.414340, abs=HALF_A_DIGIT)
