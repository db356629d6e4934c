"""Weighted Cox regression and curves of clones, by two routes, and their bootstrap."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hccbayes.errors import InputError
from hccbayes.frequentist.identifiability import NotEstimableError
from hccbayes.frequentist.kaplan_meier import kaplan_meier, survival_at
from hccbayes.time_zero.clone_estimates import clone_estimates, clone_quantities
from hccbayes.time_zero.clone_weights import fitted_weights
from hccbayes.time_zero.cloning import FollowUp

OPTIONS = {"grace": 3.0, "times": (2.0, 6.0), "horizon": 10.0, "model": "clones"}


def cohort(size: int = 150, seed: int = 1) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(size)
    start = rng.exponential(size=size) * np.exp(0.4 * x) / 0.25
    death = rng.exponential(size=size) * np.exp(-0.6 * x) / 0.07
    end = rng.uniform(12.0, 30.0, size)
    # Ties: times in tenths of a month.
    time = np.ceil(10.0 * np.minimum(death, end)) / 10.0
    frame = pd.DataFrame(
        {
            "patient": [f"p{index}" for index in range(size)],
            "entry": 0.0,
            "time": time,
            "event": (death <= end).astype(int),
            "treatment_start": np.where(start < np.minimum(time, 6.0), np.round(start, 1), np.nan),
        }
    )
    return frame, x[:, None]


def value(table: pd.DataFrame, estimand: str, contrast: str, time: float = np.nan) -> float:
    own = table[(table["estimand"] == estimand) & (table["contrast"] == contrast)]
    own = own[~own["method"].str.endswith("bootstrap")]
    return float((own if np.isnan(time) else own[own["time"] == time])["estimate"].iloc[0])


@pytest.mark.parametrize("timing", ["as_observed", "end_of_grace"])
def test_sums_at_event_times_are_cox_regression_and_product_limits_of_the_rows(timing) -> None:
    frame, x = cohort()
    table = clone_estimates(frame, x, timing=timing, **OPTIONS)
    weights = fitted_weights(FollowUp.of(frame), x, grace=3.0, timing=timing)
    found = clone_quantities(weights, OPTIONS["times"], OPTIONS["horizon"])
    expected = [value(table, "log_marginal_hr", "treated / control")]
    for contrast, ending in (
        ("treated", ""),
        ("control", ""),
        ("treated - control", "_difference"),
    ):
        expected.append(value(table, f"rmst{ending}", contrast))
        expected += [value(table, f"survival{ending}", contrast, time) for time in (2.0, 6.0)]
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_without_covariates_the_control_curve_is_kaplan_meier_s() -> None:
    """Weights alike for all who are at risk: artificial censoring is censoring like any other."""
    frame, x = cohort()
    table = clone_estimates(frame, x[:, :0], **OPTIONS)
    end = np.minimum(frame["treatment_start"].fillna(np.inf), frame["time"])
    at_risk = end > 0
    curve = kaplan_meier(
        np.zeros(int(at_risk.sum())),
        end[at_risk],
        (frame["event"] * frame["treatment_start"].isna())[at_risk],
    )
    for row in survival_at(curve, [2.0, 6.0]).itertuples():
        assert value(table, "survival", "control", row.time) == pytest.approx(row.survival)


def test_bootstrap_rows_have_the_same_estimates_and_a_seed() -> None:
    frame, x = cohort()
    first, again, other = (
        clone_estimates(frame, x, samples=50, seed=seed, **OPTIONS) for seed in (1, 1, 2)
    )
    pd.testing.assert_frame_equal(first, again)
    assert not first["upper"].equals(other["upper"])
    bootstrap = first["method"].str.endswith("_bootstrap")
    assert bootstrap.sum() == (~bootstrap).sum() == 11
    np.testing.assert_array_equal(
        first.loc[bootstrap, "estimate"], first.loc[~bootstrap, "estimate"]
    )
    # Of 50 samples a standard deviation errs by a tenth; both methods estimate the same.
    width = (first["upper"] - first["lower"]).to_numpy()
    ratio = width[bootstrap] / width[~bootstrap]
    assert 0.6 < ratio.min() < ratio.max() < 1.5


def short_of(months: float, beyond: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Return patients of whom few that start within the grace period are followed beyond a time."""
    frame, x = cohort()
    early = np.flatnonzero((frame["treatment_start"] <= 3.0) & (frame["time"] > months))
    cut = early[beyond:]
    frame.loc[cut, ["time", "event"]] = np.array([months - 1.0, 0])
    return frame.astype({"event": int}), x


def test_a_curve_is_not_carried_on_where_nobody_is_followed() -> None:
    """As the plain estimate refuses, by either the horizon or a time; not where one is followed."""
    frame, x = short_of(10.0, 0)
    weights = fitted_weights(FollowUp.of(frame), x, grace=3.0)
    end = float(frame.loc[frame["treatment_start"] <= 3.0, "time"].max())
    assert np.isfinite(clone_quantities(weights, (2.0, 6.0), end)).all()
    for times, horizon in (((2.0, 6.0), 10.0), ((2.0, 10.0), 6.0)):
        with pytest.raises(NotEstimableError, match="no treated clone is followed to 10 months"):
            clone_quantities(weights, times, horizon)
        with pytest.raises(InputError, match="the curve ends at 9"):
            clone_estimates(frame, x, **OPTIONS | {"times": times, "horizon": horizon})
    one, x = short_of(10.0, 1)
    weights = fitted_weights(FollowUp.of(one), x, grace=3.0)
    assert np.isfinite(clone_quantities(weights, (2.0, 6.0), 10.0)).all()


def test_bootstrap_samples_not_followed_to_the_horizon_are_left_out_and_counted() -> None:
    """Two treated patients are followed to the horizon: a sample has neither by (1 - 2/n)^n."""
    frame, x = short_of(10.0, 2)
    table = clone_estimates(frame, x, samples=60, seed=4, **OPTIONS)
    rng = np.random.default_rng(4)
    early = frame["treatment_start"].to_numpy() <= 3.0
    last = np.where(early, frame["time"], 0.0)
    reached = [last[rng.integers(0, len(last), len(last))].max() >= 10.0 for _ in range(60)]
    left = reached.count(False)
    assert 0 < left < 30
    expected = f"{left} of 60 bootstrap samples had no estimate and were left out."
    assert expected in table.attrs["notes"]


def test_wrong_arguments_are_refused() -> None:
    frame, x = cohort()
    with pytest.raises(InputError, match="0, or at least 50; not 5"):
        clone_estimates(frame, x, samples=5, **OPTIONS)
    with pytest.raises(InputError, match="the curve ends at"):
        clone_estimates(frame, x, **OPTIONS | {"horizon": 99.0})
    with pytest.raises(InputError, match="immortal_bound"):
        clone_estimates(frame.drop(columns="treatment_start"), x, **OPTIONS)
