"""Estimand draws and their table, from a posterior of six draws made by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from hccbayes import curves
from hccbayes.design import Design, build_design
from hccbayes.errors import InputError
from hccbayes.estimand_table import Labels, estimate_rows
from hccbayes.estimands import (
    estimand_draws,
    hazard_draws,
    populations,
    treated_over_control,
)
from hccbayes.hazard_data import HazardData, build_hazard_data
from hccbayes.records import Estimate, estimate_table
from hccbayes.spec import EstimandSection, IntervalSection
from hccbayes.time_frame import TimeFrame, time_frame

FRAME = pd.DataFrame(
    {
        "patient": list("abcdefgh"),
        "entry": 0.0,
        "time": [4.0, 9.0, 15.0, 20.0, 3.0, 8.0, 18.0, 25.0],
        "event": [1, 1, 1, 0, 1, 1, 1, 0],
        "treatment": [1, 1, 1, 1, 0, 0, 0, 0],
        "age": [50.0, 62, 70, 54, 66, 58, 47, 73],
        "invasion": [0.0, 1, 0, 1, 1, 1, 0, 1],
        "center": ["n", "s", "n", "s", "n", "s", "n", "s"],
    }
)
CUTS = [6.0]
CHAINS, DRAWS = 2, 3
LOG_HR = np.array([[-0.6, -0.1, 0.2], [-0.9, -0.3, -0.4]])
GAMMA = np.stack([np.full((2, 3), 0.8), LOG_HR / 2], axis=-1)
LOG_BASELINE = np.log([0.06, 0.09]) + np.arange(6).reshape(2, 3, 1) / 10
SLOPE = np.stack([np.full((2, 3), 0.05), np.full((2, 3), -0.15)], axis=-1)
TIMES = TimeFrame(times=(6.0, 12.0), horizon=20.0, follow_up=20.0)
SUMS = 1e-13


@pytest.fixture
def design() -> Design:
    cohort: Any = SimpleNamespace(frame=FRAME, source="toy")
    return build_design(cohort, "treatment + age + invasion")


def data_of(design: Design, *, use_centers: bool) -> HazardData:
    episodes = FRAME.assign(patient_index=range(8), start=0.0, stop=FRAME["time"])
    return build_hazard_data(episodes, design, CUTS, use_centers=use_centers)


def posterior(*, centers: bool = False, slopes: bool = False, **values: Any) -> xr.Dataset:
    dims = ("chain", "draw")
    found: dict[str, Any] = {
        "treatment": (dims, LOG_HR),
        "covariates": ((*dims, "covariate"), GAMMA),
        "log_baseline": ((*dims, "interval"), LOG_BASELINE),
    }
    if centers:
        found["center_effect"] = ((*dims, "center"), 2 * SLOPE)
    if slopes:
        found["center_slope"] = ((*dims, "center"), SLOPE)
        found["center_log_hr"] = ((*dims, "center"), LOG_HR[..., None] + SLOPE)
        found["center_slope_sd"] = (dims, np.full((2, 3), 0.25))
    coords = {
        "chain": [0, 1],
        "draw": [0, 1, 2],
        "covariate": ["age", "invasion"],
        "interval": ["0-6", "6+"],
    }
    if centers:
        coords["center"] = ["n", "s"]
    return xr.Dataset(found | values, coords=coords)


def draws_of(
    design: Design,
    sample: xr.Dataset,
    *,
    names: tuple[str, ...] = ("ate",),
    use_centers: bool = False,
    frame: TimeFrame = TIMES,
) -> tuple[xr.Dataset, xr.DataArray]:
    data = data_of(design, use_centers=use_centers)
    return estimand_draws(
        sample,
        design,
        data,
        targets=populations(design, data, names),
        frame=frame,
        censoring_survival=np.linspace(1.0, 0.4, len(frame.grid) - 1),
        seed=5,
    )


def survival_by_hand(design: Design, arm: float, rows: np.ndarray, time: float) -> float:
    """Return the mean survival of some patients in the last draw of the second chain."""
    predictor = design.matrix[rows] @ GAMMA[1, 2] + LOG_HR[1, 2] * (arm - 0.5)
    hazard = np.exp(predictor)[:, None] * np.exp(LOG_BASELINE[1, 2])
    return float(curves.survival(hazard, [time], CUTS).mean())


ROWS = {"ate": np.arange(8), "att": np.arange(4), "atc": np.arange(4, 8)}


def test_dimensions_and_labels(design: Design) -> None:
    draws, curve = draws_of(design, posterior(), names=("att", "ate"))
    assert dict(draws.sizes) == {
        "chain": 2,
        "draw": 3,
        "contrast": 2,
        "population": 2,
        "arm": 2,
        "time": 2,
    }
    assert draws["population"].values.tolist() == ["att", "ate"]
    assert draws["arm"].values.tolist() == ["treated", "control"]
    assert draws["time"].values.tolist() == [6.0, 12.0]
    assert draws["contrast"].values.tolist() == ["age: per 1", "invasion: 1 / 0"]
    assert draws["survival"].dims == ("chain", "draw", "population", "arm", "time")
    assert draws["rmst"].dims == draws["median"].dims == ("chain", "draw", "population", "arm")
    assert draws["log_marginal_hr"].dims == ("chain", "draw", "population")
    assert draws.attrs == {"horizon": 20.0, "follow_up": 20.0}
    assert curve.dims == ("chain", "draw", "population", "arm", "curve_time")
    assert (curve.sel(curve_time=0.0) == 1.0).all()


@pytest.mark.parametrize("population", ["ate", "att", "atc"])
@pytest.mark.parametrize(("arm", "value"), [("treated", 1.0), ("control", 0.0)])
def test_survival_is_averaged_over_the_population_s_patients(
    design: Design, population: str, arm: str, value: float
) -> None:
    draws, curve = draws_of(design, posterior(), names=("ate", "att", "atc"))
    own = draws["survival"].sel(population=population, arm=arm, chain=1, draw=2)
    for time in (6.0, 12.0):
        by_hand = survival_by_hand(design, value, ROWS[population], time)
        assert float(own.sel(time=time)) == pytest.approx(by_hand, rel=SUMS)
        on_curve = curve.sel(population=population, arm=arm, chain=1, draw=2, curve_time=time)
        assert float(on_curve) == pytest.approx(by_hand, rel=SUMS)


def test_restricted_mean_and_median_belong_to_their_arm_and_draw(design: Design) -> None:
    draws, curve = draws_of(design, posterior())
    own = draws.sel(population="ate", chain=1, draw=2)
    for arm, value in (("treated", 1.0), ("control", 0.0)):
        median = float(own["median"].sel(arm=arm))
        assert survival_by_hand(design, value, ROWS["ate"], median) == pytest.approx(0.5, abs=SUMS)
        steps = curve.sel(population="ate", arm=arm, chain=1, draw=2)
        # Trapezoids on the grid: error below (1/12) step^2 tau max|S''|, S'' below h^2 = 0.3^2.
        area = np.trapezoid(steps, curve["curve_time"])
        bound = (20 / 60) ** 2 * 20 * 0.3**2 / 12
        assert float(own["rmst"].sel(arm=arm)) == pytest.approx(area, abs=bound)


def test_the_marginal_effect_lies_between_the_conditional_one_and_none(design: Design) -> None:
    draws, _ = draws_of(design, posterior())
    marginal = draws["log_marginal_hr"].sel(population="ate")
    assert (np.sign(marginal) == np.sign(LOG_HR)).all()
    assert (abs(marginal) < abs(LOG_HR)).all()


def test_covariate_effects_are_on_their_own_scale(design: Design) -> None:
    draws, _ = draws_of(design, posterior())
    age = draws["covariate_log_hr"].sel(contrast="age: per 1")
    np.testing.assert_allclose(age, 0.8 / (2 * FRAME["age"].std()), rtol=SUMS)
    invasion = draws["covariate_log_hr"].sel(contrast="invasion: 1 / 0")
    np.testing.assert_array_equal(invasion, LOG_HR / 2)


def test_without_covariates_and_centers_there_is_the_treatment_alone() -> None:
    cohort: Any = SimpleNamespace(frame=FRAME.drop(columns="center"), source="toy")
    bare = build_design(cohort, "treatment")
    draws, _ = draws_of(bare, posterior().drop_vars(["covariates", "covariate"]))
    assert set(draws.data_vars) == {"log_hr", "survival", "rmst", "median", "log_marginal_hr"}
    # Proportional hazards in everybody: marginal and conditional agree up to the grid.
    np.testing.assert_allclose(draws["log_marginal_hr"][..., 0], LOG_HR, atol=1e-4)


def test_centers_and_slopes(design: Design) -> None:
    draws, _ = draws_of(design, posterior(centers=True, slopes=True), use_centers=True)
    np.testing.assert_array_equal(draws["log_center_hr"], 2 * SLOPE)
    np.testing.assert_allclose(draws["center_log_hr"].sel(center="s"), LOG_HR - 0.15, rtol=SUMS)
    # A survival by hand in which both center terms take part.
    center = np.array([0, 1] * 4)
    own = 2 * SLOPE[0, 0][center] + (LOG_HR[0, 0] + SLOPE[0, 0][center]) * 0.5
    hazard = np.exp(design.matrix @ GAMMA[0, 0] + own)[:, None] * np.exp(LOG_BASELINE[0, 0])
    by_hand = curves.survival(hazard, [12.0], CUTS).mean()
    value = draws["survival"].sel(chain=0, draw=0, population="ate", arm="treated", time=12.0)
    assert float(value) == pytest.approx(by_hand, rel=SUMS)


def test_a_new_center_adds_the_spread_between_centers(design: Design) -> None:
    sample = posterior(centers=True, slopes=True)
    first, _ = draws_of(design, sample, use_centers=True)
    again, _ = draws_of(design, sample, use_centers=True)
    noise = np.random.default_rng(5).standard_normal((2, 3))
    np.testing.assert_allclose(first["new_center_log_hr"], LOG_HR + 0.25 * noise, rtol=SUMS)
    np.testing.assert_array_equal(first["new_center_log_hr"], again["new_center_log_hr"])


def test_strata_take_the_place_of_the_shared_baseline(design: Design) -> None:
    by_center = np.stack([LOG_BASELINE, LOG_BASELINE + 0.7], axis=2)
    sample = posterior(
        log_baseline_by_center=(("chain", "draw", "center", "interval"), by_center)
    ).assign_coords(center=["n", "s"])
    hazards = hazard_draws(sample, data_of(design, use_centers=True))
    assert hazards.stratified
    assert hazards.baseline.shape == (6, 2, 2)
    np.testing.assert_allclose(hazards.baseline[4], np.exp(by_center[1, 1]), rtol=SUMS)


def test_draws_run_over_chains_first(design: Design) -> None:
    hazards = hazard_draws(posterior(), data_of(design, use_centers=False))
    np.testing.assert_array_equal(hazards.treatment, LOG_HR.ravel())
    np.testing.assert_array_equal(hazards.covariates, GAMMA.reshape(6, 2))
    assert (hazards.center_effect.shape, hazards.center_slope.shape) == ((6, 1), (6, 1))


def test_the_order_of_dimensions_in_the_posterior_does_not_matter(design: Design) -> None:
    turned = posterior().transpose("covariate", "interval", "draw", "chain")
    usual, _ = draws_of(design, posterior())
    other, _ = draws_of(design, turned)
    np.testing.assert_array_equal(usual["survival"], other["survival"])


@pytest.mark.parametrize("name", ["ate", "att", "atc"])
def test_a_population_holds_its_patients(design: Design, name: str) -> None:
    target = populations(design, data_of(design, use_centers=False), (name,))[name]
    share = target.weight[target.weight > 0]
    np.testing.assert_allclose(share, 1 / len(ROWS[name]), rtol=SUMS)
    assert len(share) == len(ROWS[name])


def test_an_unknown_population_is_refused(design: Design) -> None:
    with pytest.raises(InputError, match=r"unknown: \['ato'\]; known: ate, att, atc \(ato needs"):
        populations(design, data_of(design, use_centers=False), ("ate", "ato"))


def test_overlap_counts_patients_by_their_chance_of_either_arm(design: Design) -> None:
    data = data_of(design, use_centers=False)
    score = np.linspace(0.0, 1.0, len(design.treatment))
    target = populations(design, data, ("ato",), score=score)["ato"]
    tilt = score * (1 - score)
    assert target.weight.max() == pytest.approx(tilt.max() / tilt.sum(), rel=SUMS)
    assert target.weight.sum() == pytest.approx(1.0, rel=SUMS)
    # Who is sure of an arm is nobody of this population.
    assert (target.weight == 0).sum() == 2


def test_dirichlet_populations_scatter_around_the_sample(design: Design) -> None:
    """Shares have mean 1/n and variance (n - 1) / (n^2 (n + 1)) under a flat Dirichlet."""
    data, draws = data_of(design, use_centers=False), 4000
    rng = np.random.default_rng(3)
    target = populations(design, data, ("ate",), dirichlet=(draws, rng))["ate"]
    n = len(design.treatment)
    assert target.weight.shape == (draws, n)
    np.testing.assert_allclose(target.weight.sum(axis=1), 1.0, rtol=SUMS)
    variance = (n - 1) / (n**2 * (n + 1))
    error = np.sqrt(variance / draws)
    assert np.abs(target.weight.mean(axis=0) - 1 / n).max() < 4.5 * error
    np.testing.assert_allclose(target.weight.var(axis=0), variance, rtol=0.15)


def test_time_frame_is_what_both_arms_were_followed_for() -> None:
    frame = time_frame(FRAME, EstimandSection(times=(6, 12)))
    assert (frame.times, frame.horizon, frame.follow_up) == ((6.0, 12.0), 20.0, 20.0)
    whole = time_frame(FRAME, EstimandSection(times=(20,), horizon=20))
    assert (whole.times, whole.horizon) == ((20.0,), 20.0)
    shorter = FRAME.assign(time=FRAME["time"] - 0.5)
    assert time_frame(shorter, EstimandSection(times=(6,))).horizon == 19.0
    assert time_frame(shorter, EstimandSection(times=(6,), horizon=19.5)).horizon == 19.5


def test_a_follow_up_of_less_than_a_month_is_its_own_horizon() -> None:
    frame = time_frame(FRAME.assign(time=FRAME["time"] / 40), EstimandSection(times=()))
    assert frame.horizon == 0.5


@pytest.mark.parametrize(
    ("estimands", "wheres", "message"),
    [
        ({"times": (6, 24, 36)}, ["[estimands] times"], "remove 24, 36"),
        ({"times": (6,), "horizon": 21}, ["[estimands] horizon"], "21 lies beyond"),
        (
            {"times": (24,), "horizon": 24},
            ["[estimands] times", "[estimands] horizon"],
            "one arm's follow-up ends at 20 months",
        ),
    ],
)
def test_times_beyond_the_follow_up_are_refused(
    estimands: dict[str, Any], wheres: list[str], message: str
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        time_frame(FRAME, EstimandSection(**estimands))
    assert [problem.where for problem in caught.value.problems] == wheres


def test_the_grid_holds_the_ends_and_the_times() -> None:
    grid = TimeFrame(times=(7.77, 19.0, 20.0), horizon=19.5, follow_up=20.0).grid
    assert (grid[0], grid[-1]) == (0.0, 20.0)
    assert 7.77 in grid
    assert (np.diff(grid) > 0).all()


# The table.

LABELS = Labels(
    method="pe_rw1",
    model="toy",
    estimands=EstimandSection(
        times=(6, 12), hr_thresholds=(1, 0.7), interval=IntervalSection(prob=0.5)
    ),
)


def table_of(draws: xr.Dataset, labels: Labels = LABELS) -> pd.DataFrame:
    return estimate_table(estimate_rows(draws, labels))


def one(table: pd.DataFrame, **labels: object) -> pd.Series:
    """Return the one row with these labels."""
    for name, value in labels.items():
        table = table[table[name] == value]
    assert len(table) == 1
    return table.iloc[0]


def test_rows_of_one_population(design: Design) -> None:
    draws, _ = draws_of(design, posterior())
    table = table_of(draws)
    labels = table[["estimand", "contrast", "population"]].agg(" ".join, axis=1).tolist()
    own = [
        f"{name}{kind}"
        for name in ("survival", "survival", "rmst")
        for kind in (" treated ate", " control ate", "_difference treated - control ate")
    ]
    assert labels == [
        "log_hr treated / control sample",
        "hr treated / control sample",
        "prob_hr_below_1 treated / control sample",
        "prob_hr_below_0.7 treated / control sample",
        "log_marginal_hr treated / control ate",
        "marginal_hr treated / control ate",
        "prob_marginal_hr_below_1 treated / control ate",
        "prob_marginal_hr_below_0.7 treated / control ate",
        *own,
        "median treated ate",
        "prob_median_not_reached treated ate",
        "median control ate",
        "prob_median_not_reached control ate",
        "median_difference treated - control ate",
        "log_hr age: per 1 sample",
        "hr age: per 1 sample",
        "log_hr invasion: 1 / 0 sample",
        "hr invasion: 1 / 0 sample",
    ]
    assert set(table["source"]) == {"bayes"}
    assert set(table["method"]) == {"pe_rw1"}
    assert set(table["model"]) == {"toy"}
    survival = table[table["estimand"] == "survival"]
    assert survival["time"].tolist() == [6.0, 6.0, 12.0, 12.0]
    assert one(table, estimand="rmst", contrast="treated")["time"] == 20.0
    timeless = [
        "log_hr",
        "hr",
        "marginal_hr",
        "median",
        "prob_median_not_reached",
        "median_difference",
    ]
    assert table.loc[table["estimand"].isin(timeless), "time"].isna().all()


def test_the_treatment_effect_by_hand(design: Design) -> None:
    draws, _ = draws_of(design, posterior())
    table = table_of(draws)
    log_hr = one(table, estimand="log_hr", contrast="treated / control")
    # Sorted draws: -0.9 -0.6 -0.4 -0.3 -0.1 0.2; quartiles at positions 1.25 and 3.75.
    assert log_hr["estimate"] == pytest.approx(LOG_HR.mean(), rel=SUMS)
    assert log_hr["lower"] == pytest.approx(-0.55, rel=SUMS)
    assert log_hr["upper"] == pytest.approx(-0.15, rel=SUMS)
    assert log_hr["prob_benefit"] == pytest.approx(5 / 6, rel=SUMS)
    hr = one(table, estimand="hr", contrast="treated / control")
    assert hr["estimate"] == pytest.approx((np.exp(-0.4) + np.exp(-0.3)) / 2, rel=SUMS)
    assert hr["prob_benefit"] == log_hr["prob_benefit"]
    # exp(-0.4) = 0.67 < 0.7 < exp(-0.3) = 0.74
    assert one(table, estimand="prob_hr_below_0.7")["estimate"] == pytest.approx(0.5, rel=SUMS)
    assert one(table, estimand="prob_hr_below_1")["estimate"] == pytest.approx(5 / 6, rel=SUMS)


def test_benefit_is_a_low_hazard_and_a_long_life(design: Design) -> None:
    """Five of six draws favor the treated arm, whatever the quantity."""
    draws, _ = draws_of(design, posterior())
    table = table_of(draws)
    for estimand in ("marginal_hr", "rmst_difference"):
        assert one(table, estimand=estimand)["prob_benefit"] == pytest.approx(5 / 6, rel=SUMS)
    for time in (6.0, 12.0):
        row = one(table, estimand="survival_difference", time=time)
        assert row["prob_benefit"] == pytest.approx(5 / 6, rel=SUMS)
    own_values = table[table["contrast"].isin(["treated", "control"])]
    assert own_values["prob_benefit"].isna().all()
    assert table[table["contrast"] == "age: per 1"]["prob_benefit"].isna().all()


def test_a_difference_is_taken_draw_by_draw(design: Design) -> None:
    draws, _ = draws_of(design, posterior())
    difference = draws["rmst"].sel(arm="treated") - draws["rmst"].sel(arm="control")
    row = one(table_of(draws), estimand="rmst_difference")
    assert row["estimate"] == pytest.approx(float(difference.mean()), rel=SUMS)
    assert row["lower"] == pytest.approx(float(difference.quantile(0.25)), rel=SUMS)


def with_medians(design: Design, treated: list[float], control: list[float]) -> pd.DataFrame:
    draws, _ = draws_of(design, posterior())
    values = np.stack([treated, control], axis=-1).reshape(2, 3, 1, 2)
    draws["median"] = draws["median"].copy(data=values)
    return table_of(draws)


INF = np.inf


def test_medians_that_are_not_reached(design: Design) -> None:
    table = with_medians(design, [9, 10, 11, 12, INF, INF], [5, 6, 7, 8, 9, 10])
    treated = one(table, estimand="median", contrast="treated")
    # Order statistics at 1/4, 1/2 and 3/4 of six draws: the second, third and fifth.
    assert (treated["estimate"], treated["lower"], treated["upper"]) == (11.0, 10.0, INF)
    assert treated["interval_kind"] == "eti"
    unreached = table[table["estimand"] == "prob_median_not_reached"]["estimate"].tolist()
    assert unreached == [pytest.approx(1 / 3, rel=SUMS), 0.0]
    difference = one(table, estimand="median_difference")
    assert (difference["estimate"], difference["upper"]) == (4.0, INF)
    assert difference["prob_benefit"] == 1.0


def test_a_median_reached_by_the_treated_alone_is_no_benefit(design: Design) -> None:
    table = with_medians(design, [9, 10, 11, 12, 13, 14], [5, 6, INF, INF, INF, INF])
    difference = one(table, estimand="median_difference")
    assert difference["estimate"] == -INF
    assert difference["prob_benefit"] == pytest.approx(2 / 6, rel=SUMS)


def test_a_difference_of_two_unreached_medians_is_left_empty(design: Design) -> None:
    table = with_medians(design, [9, 10, 11, 12, 13, INF], [5, 6, 7, 8, 9, INF])
    row = one(table, estimand="median_difference")
    assert row[["estimate", "lower", "upper", "prob_benefit", "interval_prob"]].isna().all()
    assert row["interval_kind"] == ""


def test_rows_of_centers(design: Design) -> None:
    draws, _ = draws_of(design, posterior(centers=True, slopes=True), use_centers=True)
    table = table_of(draws)
    north = one(table, estimand="center_hr", contrast="n / mean center")
    assert north["estimate"] == pytest.approx(np.exp(0.1), rel=SUMS)
    assert np.isnan(north["prob_benefit"])
    south = one(table, estimand="log_hr", population="center s")
    assert south["contrast"] == "treated / control"
    assert south["estimate"] == pytest.approx(LOG_HR.mean() - 0.15, rel=SUMS)
    # Draw 0.2 - 0.15 stays above 0.
    assert south["prob_benefit"] == pytest.approx(5 / 6, rel=SUMS)
    new = one(table, estimand="log_hr", population="new center")
    assert new["estimate"] == pytest.approx(float(draws["new_center_log_hr"].mean()), rel=SUMS)
    assert len(table[table["population"] == "new center"]) == 4


def test_each_population_has_its_rows(design: Design) -> None:
    draws, _ = draws_of(design, posterior(), names=("ate", "att", "atc"))
    table = table_of(draws)
    counts = table["population"].value_counts()
    assert counts["ate"] == counts["att"] == counts["atc"] == 18
    own = one(table, estimand="survival", contrast="treated", population="att", time=12.0)
    mean = draws["survival"].sel(population="att", arm="treated", time=12.0).mean()
    assert own["estimate"] == pytest.approx(float(mean), rel=SUMS)


def test_an_empty_row_has_labels_and_no_numbers() -> None:
    row = LABELS.row("rmst", "treated", "att", 12.0)
    assert isinstance(row, Estimate)
    assert (row.method, row.model, row.time, row.population) == ("pe_rw1", "toy", 12.0, "att")
    assert np.isnan(row.estimate)


def test_difference_of_arms_without_a_warning() -> None:
    draws = xr.DataArray(
        [[1.0, INF, INF], [3.0, 2.0, INF]],
        dims=("arm", "draw"),
        coords={"arm": ["control", "treated"]},
    )
    np.testing.assert_array_equal(treated_over_control(draws), [2.0, -INF, np.nan])
