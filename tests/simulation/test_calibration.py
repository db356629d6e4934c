"""Known truth: bias and coverage over simulated cohorts (benchmarks/calibration.py)."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
FEW = 6
BIAS_LIMIT = 0.03
"""A quarter of a posterior standard deviation, and 3% of a hazard ratio."""
COVERAGE_LIMITS = (0.92, 0.98)
"""Two standard errors of a share of 0.95 in 200."""


@pytest.fixture(scope="module")
def calibration() -> ModuleType:
    spec = importlib.util.spec_from_file_location("calibration", BENCHMARKS / "calibration.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["calibration"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def committed() -> pd.DataFrame:
    return pd.read_csv(BENCHMARKS / "calibration.csv")


def assert_calibrated(calibration: ModuleType, table: pd.DataFrame) -> None:
    assert len(table) == calibration.REPLICATES
    summary = calibration.summarize(table)
    assert abs(summary["mean bias"]) < BIAS_LIMIT
    assert COVERAGE_LIMITS[0] <= summary["coverage of the 95% interval"] <= COVERAGE_LIMITS[1]
    # The posterior is as wide as the estimates scatter: a sample sd of 200 has 5% error.
    width = summary["mean posterior sd"] / summary["sd of the estimates"]
    assert width == pytest.approx(1.0, abs=4.0 / np.sqrt(2.0 * len(table)))


def assert_same_fits(table: pd.DataFrame, committed: pd.DataFrame) -> None:
    """Cohorts are the same to the patient, posteriors within their Monte Carlo error.

    The same seed gives the same draws on one machine; on another the last bit of a sum may differ
    and chains part. Two means are then four standard errors apart in one of 16,000 replicates; the
    error of a standard deviation is that of a mean over the square root of two, and an end of the
    95% interval has about 2.7 times a mean's (a normal density of 0.058 at its quantile).
    """
    np.testing.assert_array_equal(table["replicate"], committed["replicate"])
    np.testing.assert_array_equal(table["events"], committed["events"])
    error = np.hypot(table["mcse"], committed["mcse"])
    for column, factor in (("mean", 1.0), ("sd", 1.0), ("lower", 2.7), ("upper", 2.7)):
        distance = (table[column] - committed[column]).abs()
        assert (distance < 4.0 * factor * error).all(), f"{column}: {distance.max()}"


def test_simulation_has_the_truth_it_says(calibration):
    """Weibull regression with center dummies, twenty cohorts pooled, finds the effect."""
    from lifelines import WeibullAFTFitter

    estimates, information = [], []
    for replicate in range(20):
        frame = calibration.simulate(replicate)
        design = frame[["months", "death", *calibration.COVARIATE_EFFECTS]].assign(
            treated=(frame["arm"] == "combined").astype(float)
        )
        dummies = pd.get_dummies(frame["hospital"], drop_first=True, dtype=float)
        fit = WeibullAFTFitter().fit(pd.concat([design, dummies], axis=1), "months", "death")
        shape = np.exp(fit.params_["rho_", "Intercept"])
        # Accelerated failure time to log hazard ratio; shape's own error is of second order.
        estimates.append(-shape * fit.params_["lambda_", "treated"])
        information.append((shape * fit.standard_errors_["lambda_", "treated"]) ** -2)
    pooled = np.average(estimates, weights=information)
    assert abs(pooled - calibration.LOG_HR) < 4.0 * np.sum(information) ** -0.5
    assert 0.6 < np.mean([calibration.simulate(one)["death"].mean() for one in range(20)]) < 0.7


def test_replicates_have_their_own_random_numbers(calibration):
    first, again, other = (calibration.simulate(replicate) for replicate in (0, 0, 1))
    pd.testing.assert_frame_equal(first, again)
    assert not first["months"].equals(other["months"])


def test_committed_results_are_calibrated(calibration, committed):
    assert list(committed.columns) == list(calibration.COLUMNS)
    assert_calibrated(calibration, committed)
    assert committed["divergences"].sum() == 0
    assert (~committed["passed"]).mean() < 0.02


def test_some_replicates_are_the_committed_ones(calibration, committed):
    table = pd.DataFrame(calibration.calibrate(FEW))
    assert_same_fits(table, committed.head(FEW))


@pytest.mark.slow
@pytest.mark.calibration
def test_all_replicates(calibration, committed):
    table = pd.DataFrame(calibration.calibrate(calibration.REPLICATES))
    assert_same_fits(table, committed)
    assert_calibrated(calibration, table)
