"""The smooth of scaled Schoenfeld residuals: closed forms of least squares."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import linregress
from scipy.stats import t as student

from hccbayes.errors import InputError
from hccbayes.frequentist.identifiability import NotEstimableError
from hccbayes.frequentist.schoenfeld import ProportionalHazardsTest, proportional_hazards_test
from hccbayes.frequentist.schoenfeld_smooth import GRID, schoenfeld_smooth


def made_up(residuals, clock):
    """Return a test that holds the residuals of one term and nothing else."""
    frame = pd.DataFrame({"time": clock, "transformed_time": clock, "x": residuals})
    none = pd.DataFrame()
    return ProportionalHazardsTest(
        table=none, residuals=frame, schoenfeld=none, transform="identity", ties="efron", reason=""
    )


@pytest.fixture
def cloud(rng):
    clock = np.sort(rng.uniform(0.0, 30.0, 60))
    return clock, rng.normal(0.02 * clock, 1.0)


def test_two_degrees_of_freedom_are_the_regression_line_with_its_band(cloud):
    clock, residuals = cloud
    smooth = schoenfeld_smooth(made_up(residuals, clock), df=2)
    line = linregress(clock, residuals)
    at = smooth["transformed_time"].to_numpy()
    np.testing.assert_allclose(smooth["estimate"], line.intercept + line.slope * at, rtol=1e-10)
    spread = residuals - line.intercept - line.slope * clock
    variance = spread @ spread / 58 * (1 / 60 + (at - clock.mean()) ** 2 / (60 * clock.var()))
    half = student.ppf(0.975, 58) * np.sqrt(variance)
    np.testing.assert_allclose(smooth["upper"] - smooth["estimate"], half, rtol=1e-10)
    np.testing.assert_allclose(smooth["estimate"] - smooth["lower"], half, rtol=1e-10)


def test_a_natural_spline_with_knots_of_the_basis_is_found_again(cloud):
    clock, _ = cloud
    grid = np.linspace(clock.min(), clock.max(), GRID)
    knots = np.quantile(np.concatenate([grid, clock]), [0.0, 1 / 3, 2 / 3, 1.0])
    # The truncated-power natural spline (Hastie, Tibshirani & Friedman 2009, eq. 5.4 and 5.5).
    d = [
        lambda x, k=knot: (
            (np.clip(x - k, 0, None) ** 3 - np.clip(x - knots[3], 0, None) ** 3) / (knots[3] - k)
        )
        for knot in knots[:3]
    ]

    def curve(x):
        return 1.0 - 0.1 * x + 2e-3 * (d[0](x) - d[2](x)) - 1e-3 * (d[1](x) - d[2](x))

    smooth = schoenfeld_smooth(made_up(curve(clock), clock))
    # Least squares of 60 values on 4 columns: rounding alone.
    np.testing.assert_allclose(smooth["estimate"], curve(grid), atol=1e-10)
    assert (smooth["upper"] - smooth["lower"]).max() < 1e-10


def test_rows_and_ends_of_the_table(rng):
    design = pd.DataFrame({"arm": np.repeat([0.0, 1.0], 40), "age": rng.normal(size=80)})
    time = rng.exponential(10.0, 80)
    event = rng.uniform(size=80) < 0.8
    test = proportional_hazards_test(design, np.zeros(80), time, event)
    smooth = schoenfeld_smooth(test, prob=0.9)
    assert smooth["term"].tolist() == ["arm"] * GRID + ["age"] * GRID
    clock = test.residuals["transformed_time"]
    for _, own in smooth.groupby("term"):
        assert own["transformed_time"].iloc[0] == clock.min()
        assert own["transformed_time"].iloc[-1] == clock.max()
    assert set(smooth["residuals"]) == {event.sum()}
    assert set(smooth["interval_prob"]) == {0.9}
    wide = schoenfeld_smooth(test)
    assert (wide["upper"] > smooth["upper"]).all()


def test_events_without_a_residual_are_left_out_and_counted(cloud):
    clock, residuals = cloud
    missing = np.arange(60) % 5 == 0
    smooth = schoenfeld_smooth(made_up(np.where(missing, np.nan, residuals), clock), df=2)
    line = linregress(clock[~missing], residuals[~missing])
    at = smooth["transformed_time"].to_numpy()
    np.testing.assert_allclose(smooth["estimate"], line.intercept + line.slope * at, rtol=1e-10)
    assert set(smooth["residuals"]) == {48}


@pytest.mark.parametrize(("df", "prob"), [(1, 0.95), (2.5, 0.95), (4, 1.0), (4, 0.0)])
def test_bad_options_are_refused(cloud, df, prob):
    clock, residuals = cloud
    with pytest.raises(InputError, match="must"):
        schoenfeld_smooth(made_up(residuals, clock), df=df, prob=prob)


def test_too_few_events_are_named():
    with pytest.raises(NotEstimableError, match="4 residuals are too few"):
        schoenfeld_smooth(made_up(np.arange(4.0), np.arange(4.0)))
    with pytest.raises(NotEstimableError, match="at too few times"):
        schoenfeld_smooth(made_up(np.arange(9.0), np.repeat(3.0, 9)))
