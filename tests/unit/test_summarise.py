"""Draws to numbers: points, intervals, probabilities, infinite draws."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr

from hccbayes.records import Estimate
from hccbayes.spec import IntervalSection
from hccbayes.summarise import (
    interval_kind,
    summarise,
    summarise_curve,
    with_draws,
    with_probability,
)

ETI = IntervalSection(prob=0.8, kind="eti")
HDI = IntervalSection(prob=0.5, kind="hdi")
EVEN = np.arange(101.0)
ROUNDED = pytest.approx([50.0, 10.0, 90.0], rel=1e-14)
"""Mean and limits of the even draws; (1 - 0.8) / 2 is not quite a tenth."""
ROW = Estimate(
    estimand="hr",
    contrast="treated / control",
    population="sample",
    estimate=float("nan"),
    source="bayes",
    method="pe_rw1",
    model="toy",
)
INF = float("inf")


def test_equal_tails_of_even_draws() -> None:
    summary = summarise(EVEN, ETI)
    assert [summary.point, summary.lower, summary.upper] == ROUNDED


def test_quantiles_are_interpolated_as_in_r() -> None:
    # Type 7: position 0.1 * 3 = 0.3 between 0 and 10.
    summary = summarise([0.0, 10.0, 20.0, 100.0], ETI)
    assert summary.lower == pytest.approx(3.0, rel=1e-15)
    assert summary.upper == pytest.approx(20 + 0.7 * 80, rel=1e-15)


def test_mean_and_median_are_told_apart() -> None:
    draws = [0.0, 1.0, 2.0, 9.0]
    assert summarise(draws, ETI).point == 3.0
    assert summarise(draws, ETI, point="median").point == 1.5


def test_draws_of_all_chains_are_pooled() -> None:
    assert summarise(EVEN[:100].reshape(4, 25), ETI).point == 49.5


def test_the_highest_density_interval_lies_where_draws_are_dense() -> None:
    # Draws k^2: dense near 0, so that the shortest interval holding half begins there.
    summary = summarise(np.linspace(0, 1, 1001) ** 2, HDI)
    assert summary.lower == 0.0
    assert summary.upper == pytest.approx(0.25, abs=2 / 1000)  # one step of the draws is 0.001


@pytest.mark.parametrize(
    ("draws", "point", "lower", "upper"),
    [
        ([1.0, 2, 3, 4, INF, INF, INF, INF, INF, INF], INF, 1.0, INF),
        ([1.0, 2, 3, 4, 5, 6, 7, 8, 9, INF], 5.0, 1.0, 9.0),
        ([-INF, INF], -INF, -INF, INF),
        ([INF, INF, INF], INF, INF, INF),
    ],
)
def test_infinite_draws_give_order_statistics(
    draws: list[float], point: float, lower: float, upper: float
) -> None:
    summary = summarise(draws, ETI, point="median")
    assert (summary.point, summary.lower, summary.upper) == (point, lower, upper)


def test_infinite_draws_have_no_highest_density_interval() -> None:
    assert interval_kind([1.0, INF], HDI) == "eti"
    assert interval_kind([1.0, 2.0], HDI) == "hdi"
    summary = summarise([1.0, 2.0, 3.0, INF], HDI, point="median")
    assert (summary.lower, summary.upper) == (1.0, 3.0)


def test_nan_draws_are_an_error() -> None:
    with pytest.raises(ValueError, match="draws hold nan"):
        summarise([1.0, np.nan], ETI)


def test_a_row_is_filled_and_keeps_its_labels() -> None:
    row = with_draws(ROW, EVEN, ETI, benefit=EVEN < 25)
    assert [row.estimate, row.lower, row.upper] == ROUNDED
    assert (row.interval_prob, row.interval_kind) == (0.8, "eti")
    assert row.prob_benefit == pytest.approx(25 / 101, rel=1e-15)
    assert (row.estimand, row.contrast, row.model) == ("hr", "treated / control", "toy")
    assert with_draws(ROW, EVEN, ETI).prob_benefit is None


def test_a_probability_has_no_interval() -> None:
    row = with_probability(ROW, EVEN < 50)
    assert row.estimate == pytest.approx(50 / 101, rel=1e-15)
    assert np.isnan([row.lower, row.upper]).all()
    assert (row.interval_prob, row.interval_kind) == (None, "")


@pytest.mark.parametrize("interval", [ETI, HDI], ids=lambda one: one.kind)
def test_curves_are_summarized_point_by_point(
    interval: IntervalSection, rng: np.random.Generator
) -> None:
    draws: Any = xr.DataArray(
        rng.gamma(2.0, size=(2, 50, 2, 3)),
        dims=("chain", "draw", "arm", "curve_time"),
        coords={"arm": ["treated", "control"], "curve_time": [0.0, 1.0, 2.0]},
    )
    curve = summarise_curve(draws, interval)
    assert curve.dims == ("statistic", "arm", "curve_time")
    assert curve["statistic"].values.tolist() == ["mean", "lower", "upper"]
    for arm in ("treated", "control"):
        for time in (0.0, 2.0):
            own = summarise(draws.sel(arm=arm, curve_time=time), interval)
            np.testing.assert_allclose(
                curve.sel(arm=arm, curve_time=time), [own.point, own.lower, own.upper], rtol=1e-14
            )
