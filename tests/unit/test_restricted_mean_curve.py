"""The restricted mean up to each time of a grid, against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from hccbayes.figure_data import restricted_mean_curve

GRIDS = {
    "even": np.linspace(0.0, 60.0, 241),
    "uneven": np.array([0.0, 0.01, 2.0, 2.5, 30.0, 60.0]),
    "one step": np.array([0.0, 60.0]),
}


def curve(values: np.ndarray, time: np.ndarray, *dims: str) -> xr.DataArray:
    return xr.DataArray(values, dims=(*dims, "curve_time"), coords={"curve_time": time})


@pytest.mark.parametrize("grid", list(GRIDS))
@pytest.mark.parametrize("rate", [1e-4, 0.05, 3.0])
def test_exact_for_exponential_survival_on_any_grid(grid, rate):
    r""":math:`\int_0^t e^{-\lambda u} du = (1 - e^{-\lambda t}) / \lambda`."""
    time = GRIDS[grid]
    found = restricted_mean_curve(curve(np.exp(-rate * time), time))
    np.testing.assert_allclose(found, -np.expm1(-rate * time) / rate, rtol=1e-10)


def test_exact_for_piecewise_constant_hazards_with_their_cuts_on_the_grid():
    cuts, rates = np.array([3.0, 9.0]), np.array([0.2, 0.02, 0.1])
    time = np.array([0.0, 1.0, 3.0, 6.0, 9.0, 20.0])
    widths = np.clip(time[:, None], [0.0, 3.0, 9.0], [3.0, 9.0, np.inf]) - np.array([0.0, *cuts])
    survival = np.exp(-widths @ rates)
    # Area of each interval: survival at its beginning times (1 - exp(-rate * width)) / rate.
    before = np.exp(-np.array([0.0, 0.6, 0.6 + 0.12]))
    expected = (before * -np.expm1(-widths * rates) / rates).sum(axis=1)
    found = restricted_mean_curve(curve(survival, time))
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_starts_at_0_and_keeps_dimensions_and_labels():
    time = np.linspace(0.0, 24.0, 7)
    rates = np.array([0.02, 0.05, 0.1, 0.2, 0.3, 0.4]).reshape(1, 3, 2, 1)
    values = np.exp(-rates * time)
    survival = curve(values, time, "chain", "draw", "arm").assign_coords(arm=["treated", "control"])
    found = restricted_mean_curve(survival)
    assert found.dims == survival.dims
    xr.testing.assert_identical(found.coords.to_dataset(), survival.coords.to_dataset())
    np.testing.assert_array_equal(found.isel(curve_time=0), np.zeros((1, 3, 2)))
    np.testing.assert_allclose(found, -np.expm1(-rates * time) / rates, rtol=1e-12)
    # The curves that went in are as they were.
    np.testing.assert_array_equal(survival, values)


def test_survival_that_does_not_fall():
    time = np.array([0.0, 1.0, 4.0, 10.0])
    found = restricted_mean_curve(curve(np.ones(4), time))
    np.testing.assert_array_equal(found, time)
    # Flat in the middle alone.
    found = restricted_mean_curve(curve(np.array([1.0, 0.5, 0.5, 0.25]), time))
    areas = [0.5 / np.log(2.0), 0.5 * 3.0, 0.25 / np.log(2.0) * 6.0]
    np.testing.assert_allclose(found, [0.0, *np.cumsum(areas)], rtol=1e-12)


@pytest.mark.parametrize("fall", [1e-3, 1e-6, 1e-9, 1e-11, 1e-13])
def test_survival_that_hardly_falls_keeps_its_digits(fall):
    """The mean of an exponential that loses the share f is 1 - f/2 - f^2/12 - f^3/24 - ..."""
    found = restricted_mean_curve(curve(np.array([1.0, 1.0 - fall]), np.array([0.0, 2.0])))
    series = 1.0 - fall / 2.0 - fall**2 / 12.0 - fall**3 / 24.0
    assert float(found[-1]) == pytest.approx(2.0 * series, rel=fall**4 + 1e-15, abs=0.0)


@pytest.mark.parametrize("values", [[1.0, 0.5, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]])
def test_survival_of_0_adds_nothing(values):
    """The exponential that goes from some survival to none falls at once."""
    found = restricted_mean_curve(curve(np.array(values), np.array([0.0, 1.0, 2.0, 8.0])))
    until_half = 0.5 / np.log(2.0) if values[1] else 0.0
    expected = [0.0, until_half, until_half, until_half]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_survival_beyond_the_smallest_number():
    """A hazard of 40 a month: nothing is left to count with after 19 months."""
    time = np.linspace(0.0, 60.0, 61)
    survival = np.exp(-40.0 * time)
    assert survival[-1] == 0.0
    found = restricted_mean_curve(curve(survival, time))
    np.testing.assert_allclose(found[1:], 1.0 / 40.0, rtol=1e-12)
