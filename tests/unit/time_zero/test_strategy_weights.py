"""Weights of clones: by hand, by quadrature, and in simulations where the truth is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad
from scipy.special import expit

from hccbayes.defaults import DAYS_PER_MONTH
from hccbayes.errors import InputError
from hccbayes.time_zero.clone_person_time import weighted_person_time
from hccbayes.time_zero.clone_weights import StrategyWeights
from hccbayes.time_zero.cloning import FollowUp, clone_patients
from hccbayes.time_zero.start_hazard import StartHazard
from hccbayes.time_zero.strategy_weights import (
    QUANTILES,
    weight_notes,
    weighted_rows,
    weights_over_time,
)

GRACE = 3.0
HAZARD = StartHazard(
    cuts=np.array([1.0, 3.0]), log_hazard=np.log([0.3, 0.1, 0.02]), slopes=np.array([-0.5])
)
AT_ZERO = replace(HAZARD, at_zero=np.array([-1.5, 0.3]))


def frame_of(size: int, seed: int, *, deadly_start: float = 0.0) -> tuple[pd.DataFrame, np.ndarray]:
    """Return patients who start by HAZARD and die by 0.08 exp(0.7 x), after a start by another."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(size)
    own = rng.exponential(size=size) * np.exp(0.5 * x)
    start = np.where(
        own < 0.3,
        own / 0.3,
        np.where(own < 0.5, 1.0 + (own - 0.3) / 0.1, 3.0 + (own - 0.5) / 0.02),
    )
    death = rng.exponential(size=size) / (0.08 * np.exp(0.7 * x))
    after = start + (death - start) * np.exp(-deadly_start)
    death = np.where(death < start, death, after)
    end = rng.uniform(6.0, 30.0, size)
    time = np.minimum(death, end)
    frame = pd.DataFrame(
        {
            "patient": [f"p{index}" for index in range(size)],
            "entry": 0.0,
            "time": time,
            "event": (death <= end).astype(int),
            "treatment_start": np.where(start < time, start, np.nan),
        }
    )
    return frame, x[:, None]


def weights_of(
    frame: pd.DataFrame, x: np.ndarray, hazard: StartHazard = HAZARD, **options
) -> StrategyWeights:
    control = options.pop("control", "never")
    clones = clone_patients(FollowUp.of(frame), GRACE, control=control)
    return StrategyWeights(clones=clones, hazard=hazard, covariates=x, **options)


@pytest.fixture
def three() -> pd.DataFrame:
    """One starts at 2, one dies untreated at 2.5, one never starts and is followed to 10."""
    return pd.DataFrame(
        {
            "patient": ["a", "b", "c"],
            "entry": 0.0,
            "time": [8.0, 2.5, 10.0],
            "event": [1, 1, 0],
            "treatment_start": [2.0, np.nan, np.nan],
        }
    )


def test_weights_by_hand(three) -> None:
    """H(2) = 0.4, H(2.5) = 0.45, H(3) = 0.5 and H(5) = 0.54 where the covariate is 0."""
    weights = weights_of(three, np.zeros((3, 1)))
    rows = weights.clones.rows
    key = list(rows[["patient", "treatment", "started"]].itertuples(index=False, name=None))
    by_end = 1.0 - np.exp(-0.5)

    def at(patient: str, treatment: int, started: bool, time: float) -> float:
        row = np.array([key.index((patient, treatment, started))])
        return float(weights.at(np.array([time]), row)[0])

    assert at("a", 1, False, 0.0) == pytest.approx(1.0)
    assert at("a", 1, False, 2.0) == pytest.approx((1.0 - np.exp(-0.1)) / by_end)
    assert at("a", 1, True, 2.5) == pytest.approx(1.0 / by_end)
    assert at("a", 1, True, 7.0) == pytest.approx(1.0 / by_end)
    assert at("b", 1, False, 2.5) == pytest.approx((1.0 - np.exp(-0.05)) / by_end)
    assert at("c", 1, False, 3.0) == pytest.approx(0.0, abs=1e-15)
    assert at("b", 0, False, 2.5) == pytest.approx(np.exp(0.45))
    assert at("c", 0, False, 5.0) == pytest.approx(np.exp(0.54))
    weights = weights_of(three, np.zeros((3, 1)), timing="end_of_grace")
    assert at("a", 1, False, 2.0) == at("c", 1, False, 3.0) == 1.0
    assert at("a", 1, True, 2.5) == 1.0
    assert at("a", 1, True, 3.5) == pytest.approx(1.0 / by_end)
    weights = weights_of(three, np.zeros((3, 1)), control="not_within_grace")
    assert at("c", 0, False, 5.0) == pytest.approx(np.exp(0.5))
    # Where a share p0 starts at once, who waits begins below 1: (1 - exp(-0.5)) / F(3).
    weights = weights_of(three, np.zeros((3, 1)), AT_ZERO)
    by_end = 1.0 - (1.0 - expit(-1.5)) * np.exp(-0.5)
    assert at("c", 1, False, 0.0) == pytest.approx((1.0 - np.exp(-0.5)) / by_end)
    assert at("c", 0, False, 0.0) == pytest.approx(1.0 / (1.0 - expit(-1.5)))


@pytest.mark.parametrize("hazard", [HAZARD, AT_ZERO], ids=["later", "some at once"])
@pytest.mark.parametrize("x", [-2.0, 0.0, 1.5])
@pytest.mark.parametrize("time", [0.0, 0.4, 1.0, 2.2, 2.999, 3.0, 9.0])
def test_the_mean_weight_is_one_at_every_time(hazard, x: float, time: float) -> None:
    """By quadrature over the start, among patients alike whom death does not touch."""
    covariate = np.array([[x]])

    def cumulative(at: float) -> float:
        return float(hazard.cumulative(np.array([at]), covariate)[0])

    frame = pd.DataFrame(
        {
            "patient": ["starts", "does not"],
            "entry": 0.0,
            "time": 20.0,
            "event": 0,
            "treatment_start": [1e-9, np.nan],
        }
    )
    weights = weights_of(frame, np.array([[x], [x]]), hazard)
    rows = weights.clones.rows
    started = np.flatnonzero((rows["treatment"] == 1) & rows["started"])
    waiting = np.flatnonzero((rows["treatment"] == 1) & (rows["patient"] == "does not"))
    control = np.flatnonzero((rows["treatment"] == 0) & (rows["patient"] == "does not"))
    clock = np.array([time])

    def density(at: float) -> float:
        edges = np.searchsorted(hazard.cuts, at)
        rate = np.exp(hazard.log_hazard[edges] + x * hazard.slopes[0])
        return rate * np.exp(-cumulative(at))

    reached = min(time, GRACE)
    share, error = quad(density, 0.0, reached, points=[1.0] if reached > 1 else None)
    share += -np.expm1(-cumulative(0.0))
    assert error < 1e-8
    mean = share * float(weights.at(clock, started)[0])
    if time <= GRACE:
        mean += np.exp(-cumulative(time)) * float(weights.at(clock, waiting)[0])
    assert mean == pytest.approx(1.0, abs=1e-7)
    # The control's mean: who has not started yet stands for all.
    assert np.exp(-cumulative(time)) * float(weights.at(clock, control)[0]) == pytest.approx(1.0)


@pytest.mark.parametrize("deadly_start", [0.0, 1.0])
def test_weighted_survival_is_that_of_the_strategy_where_death_competes(deadly_start) -> None:
    """A weighted share of clones alive is unbiased: mean of 1(alive) w is survival as intended.

    40,000 patients against a simulation of the strategy itself, within four standard errors of
    both; with an effect of treatment on death as well, and without censoring before 6 months.
    """
    size = 40_000
    frame, x = frame_of(size, 11, deadly_start=deadly_start)
    weights = weights_of(frame, x)
    rows = weights.clones.rows
    rng = np.random.default_rng(12)
    rate = np.exp(-0.5 * x[:, 0])
    by_end = -np.expm1(-0.5 * rate)
    own = -np.log1p(-rng.random(size) * by_end) / rate
    start = np.where(own < 0.3, own / 0.3, 1.0 + (own - 0.3) / 0.1)
    death = rng.exponential(size=size) / (0.08 * np.exp(0.7 * x[:, 0]))
    treated = np.where(death < start, death, start + (death - start) * np.exp(-deadly_start))
    for time in (0.5, 1.5, 2.9, 4.0, 6.0):
        for strategy, intended in ((1, treated), (0, death)):
            own_rows = np.flatnonzero(
                (rows["treatment"] == strategy) & (rows["start"] <= time) & (rows["stop"] > time)
            )
            weight = np.zeros(size)
            at = weights.at(np.full(len(own_rows), time), own_rows)
            weight[rows["patient_index"].to_numpy()[own_rows]] = at
            alive = (intended > time).astype(float)
            error = np.sqrt((weight.var() + alive.var()) / size)
            assert abs(weight.mean() - alive.mean()) < 4.0 * error


def test_exposure_is_the_integral_of_the_weight(three) -> None:
    """Control: the integral of exp(H), exp(0.3 t) up to 1 and on; the grid errs by its square."""
    weights = weights_of(three, np.zeros((3, 1)))
    rows = weights.clones.rows
    cuts = np.array([2.0, 3.0])
    events, exposure = weighted_person_time(weights, cuts)

    def control(time: float) -> float:
        return float(np.exp(np.interp(time, [0.0, 1.0, 3.0, 20.0], [0.0, 0.3, 0.5, 0.84])))

    def treated(time: float) -> float:
        return (1.0 - np.exp(-0.5) * control(time)) / (1.0 - np.exp(-0.5))

    row = rows.index[(rows["patient"] == "c") & (rows["treatment"] == 0)][0]
    expected = [
        quad(control, 0.0, 2.0, points=[1.0])[0],
        quad(control, 2.0, 3.0)[0],
        quad(control, 3.0, 10.0)[0],
    ]
    np.testing.assert_allclose(exposure[row], expected, rtol=1e-4)
    row = rows.index[(rows["patient"] == "b") & (rows["treatment"] == 1)][0]
    expected = [quad(treated, 0.0, 2.0, points=[1.0])[0], quad(treated, 2.0, 2.5)[0], 0.0]
    np.testing.assert_allclose(exposure[row], expected, rtol=1e-4)
    np.testing.assert_allclose(events[row], [0.0, treated(2.5), 0.0], rtol=1e-12)
    row = rows.index[(rows["patient"] == "a") & rows["started"]][0]
    np.testing.assert_allclose(exposure[row], np.array([0.0, 1.0, 5.0]) / (1 - np.exp(-0.5)))


@pytest.mark.parametrize("timing", ["as_observed", "end_of_grace"])
def test_a_finer_grid_moves_nothing(timing) -> None:
    """Halving the step changes the weighted exposure by a quarter of an error below 1e-4."""
    frame, x = frame_of(300, 3)
    weights = weights_of(frame, x, timing=timing)
    cuts = np.array([3.0, 12.0])
    events, exposure = weighted_person_time(weights, cuts)
    finer_events, finer = weighted_person_time(weights, cuts, step=0.01)
    np.testing.assert_array_equal(events, finer_events)
    np.testing.assert_allclose(exposure.sum(axis=0), finer.sum(axis=0), rtol=1e-4)


@pytest.mark.parametrize("timing", ["as_observed", "end_of_grace"])
def test_rows_hold_the_weight_of_every_event_time_at_risk(timing) -> None:
    frame, x = frame_of(120, 4)
    weights = weights_of(frame, x, timing=timing)
    whole, rows = weights.clones.rows, weighted_rows(weights)
    moments = np.unique(whole.loc[whole["event"] == 1, "stop"])
    for time in moments:
        at_risk = np.flatnonzero((whole["start"] < time) & (whole["stop"] >= time))
        expected = weights.at(np.full(len(at_risk), time), at_risk)
        expected = pd.Series(
            expected,
            index=pd.MultiIndex.from_frame(whole.iloc[at_risk][["treatment", "patient_index"]]),
        )
        split = rows[(rows["start"] < time) & (rows["stop"] >= time)]
        found = split.set_index(["treatment", "patient_index"])["weight"]
        assert found.index.is_unique
        np.testing.assert_allclose(
            found.reindex(expected.index, fill_value=0.0), expected, rtol=1e-12, atol=1e-12
        )
    assert rows["event"].sum() == whole["event"].sum()
    assert (rows["stop"] > rows["start"]).all()


def test_stabilized_weights_differ_by_a_function_of_time_alone() -> None:
    frame, x = frame_of(200, 5)
    numerator = replace(HAZARD, slopes=np.zeros(0))
    plain, stable = (weights_of(frame, x, numerator=one) for one in (None, numerator))
    rows = np.flatnonzero(plain.clones.rows["treatment"] == 0)
    times = np.full(len(rows), 2.0)
    np.testing.assert_allclose(plain.at(times, rows) / stable.at(times, rows), np.exp(0.4))


def test_stabilized_treated_weights_rise_to_the_ratio_of_probabilities() -> None:
    """At the end of grace: P(start by then) over that given the covariate, mean about 1."""
    frame, x = frame_of(200, 5)
    numerator = replace(HAZARD, slopes=np.zeros(0))
    weights = weights_of(frame, x, timing="end_of_grace", numerator=numerator)
    table = weights.clones.rows
    rows = np.flatnonzero(table["started"])
    own = x[table["patient_index"].to_numpy()[rows], 0]
    expected = -np.expm1(-0.5) / -np.expm1(-0.5 * np.exp(-0.5 * own))
    np.testing.assert_allclose(weights.at(np.full(len(rows), 4.0), rows), expected)
    np.testing.assert_array_equal(weights.at(np.full(len(rows), 3.0), rows), 1.0)
    # Events, of which a phase may have none of a strategy, ask for the weights of no row as well.
    assert weights.at(np.zeros(0), np.zeros(0, dtype=np.intp)).shape == (0,)


def test_truncation_limits_the_largest_and_says_so() -> None:
    frame, x = frame_of(400, 6)
    weights = weights_of(frame, x)
    cut = weights.truncated(95.0)
    rows = weights.clones.rows
    stop = rows["stop"].to_numpy()
    np.testing.assert_allclose(
        cut.at(stop),
        np.minimum(
            weights.at(stop), np.where(rows["treatment"] == 1, cut.largest[1], cut.largest[0])
        ),
    )
    final = rows.groupby(["treatment", "patient_index"]).tail(1)
    own = final[final["treatment"] == 0]
    share = np.mean(weights.at(own["stop"].to_numpy(), own.index.to_numpy()) > cut.largest[0])
    assert share == pytest.approx(0.05, abs=1.0 / len(own))
    assert any("truncated at" in note for note in weight_notes(cut))
    with pytest.raises(InputError, match="percentile from 50 to 100"):
        weights.truncated(10.0)


def ten(waiting: int = 1) -> tuple[pd.DataFrame, np.ndarray]:
    """Three start at 2, hazards of a start in the ratio 1, 2, 4; some die waiting at 2.5; six wait.

    The last six are followed to 10 and never start: their treated clones come down to 0.
    """
    starts, last = [2.0] * 3, 6
    frame = pd.DataFrame(
        {
            "patient": [f"p{index}" for index in range(3 + waiting + last)],
            "entry": 0.0,
            "time": [8.0] * 3 + [2.5] * waiting + [10.0] * last,
            "event": [1] * (3 + waiting) + [0] * last,
            "treatment_start": starts + [np.nan] * (waiting + last),
        }
    )
    ratio = np.array([1.0, 2.0, 4.0] + [1.0] * (waiting + last))
    return frame, -2.0 * np.log(ratio)[:, None]


def test_truncation_counts_the_clones_that_still_count_by_hand() -> None:
    """H(3) is 0.5, 1 and 2 for who starts, and who dies waiting has come down to 0.12.

    Of the treated clones' weights 0.12, 1.16, 1.58, 2.54 the 75th percentile is a quarter of the
    way from the third to the fourth; six more that are 0 would take it to 0.9.
    """
    weights = weights_of(*ten())
    by_start = 1.0 / -np.expm1(-np.array([2.0, 1.0, 0.5]))
    waiting = -np.expm1(-0.05) / -np.expm1(-0.5)
    control, treated = weights.final_weights()
    np.testing.assert_allclose(np.sort(treated), [waiting, *by_start])
    np.testing.assert_allclose(
        np.sort(control), np.exp([0.4, 0.45, *[0.64] * 6, 0.8, 1.6]), rtol=1e-12
    )
    cut = weights.truncated(75.0)
    expected = np.exp(0.64), 0.75 * by_start[1] + 0.25 * by_start[2]
    np.testing.assert_allclose(cut.largest, expected)
    assert weight_notes(cut)[-1] == (
        "Weights were truncated at 1.9 (control: 2 of 10 clones, 20.0%) and "
        "1.82 (treated: 1 of 4 clones, 25.0%)."
    )


def test_a_limit_below_one_is_refused_with_the_percentile_that_is_enough() -> None:
    """Four of seven die waiting: the fifth weight, the first above 1, is the percentile 400 / 6."""
    weights = weights_of(*ten(waiting=4))
    with pytest.raises(InputError) as raised:
        weights.truncated(60.0)
    (problem,) = raised.value.problems
    assert problem.where == "truncation"
    assert problem.message == (
        "percentile 60 of the weights of 7 treated clones is 0.743, and a limit below 1 makes a "
        "clone count less than the patient it is; take a percentile of at least 67, or leave "
        "truncation out"
    )
    assert weights.truncated(67.0).largest[1] > 1.0
    # A weight of 1 is no limit below 1.
    frame, x = ten()
    assert weights_of(frame, x, timing="end_of_grace").truncated(60.0).largest[1] == 1.0


def test_rare_starts_and_large_weights_are_told() -> None:
    frame, x = frame_of(150, 7)
    x = x.copy()
    x[:20] = 6.0  # hazards of starting of a twentieth
    notes = weight_notes(weights_of(frame, x))
    assert any("probability of starting within 3 months below 0.05" in note for note in notes)
    frame.loc[0, "treatment_start"] = 0.0
    assert any("no control clone" in note for note in weight_notes(weights_of(frame, x)))


@pytest.mark.parametrize(
    ("control", "share", "columns", "expected"),
    [
        (
            "never",
            1.0,
            1,
            "7 starts after time zero for 1 covariate: the weights lean on the model",
        ),
        ("not_within_grace", 1.0, 1, "5 starts after time zero for 1 covariate: the weights lean"),
        ("never", 10.0, 6, None),
        ("never", 10.0, 8, "70 starts after time zero for 8 covariates: the weights lean on the"),
        ("never", 1.0, 0, None),
    ],
)
def test_few_starts_for_the_covariates_are_told(control, share, columns, expected) -> None:
    """Of 200 patients 1 or 10 start at once, 5 or 50 within 3 months, 2 or 20 later."""
    start = np.full(200, np.nan)
    counts = np.cumsum(np.array([1, 5, 2]) * int(share))
    start[: counts[2]], start[: counts[1]], start[: counts[0]] = 5.0, 2.0, 0.0
    frame = pd.DataFrame(
        {
            "patient": [f"p{index}" for index in range(200)],
            "entry": 0.0,
            "time": 10.0,
            "event": 1,
            "treatment_start": start,
        }
    )
    hazard = replace(HAZARD, slopes=np.zeros(columns))
    weights = weights_of(frame, np.zeros((200, columns)), hazard, control=control)
    found = [note for note in weight_notes(weights) if "lean on the model" in note]
    assert len(found) == (expected is not None)
    if expected is not None:
        assert found[0].startswith(expected)
        assert ("slopes are the same before and after" in found[0]) == (control == "never")


def test_durations_of_notes_are_said_as_in_the_model_file() -> None:
    grace = 90.0 / DAYS_PER_MONTH
    frame, x = frame_of(150, 7)
    clones = clone_patients(FollowUp.of(frame), grace)
    weights = StrategyWeights(clones=clones, hazard=HAZARD, covariates=np.full_like(x, 6.0))
    notes = weight_notes(weights)
    assert any("a probability of starting within 90 days below 0.05" in note for note in notes)
    assert not any("2.96" in note for note in notes)


def test_weights_over_time_hold_no_patient(three) -> None:
    found = weights_over_time(weights_of(three, np.zeros((3, 1))), [0.0, 2.0, 2.6, 9.0, 10.0])
    assert found["weight"].dims == ("arm", "time", "quantile")
    assert tuple(found["quantile"].values) == QUANTILES
    assert found["at_risk"].sel(arm="treated").values.tolist() == [3, 3, 2, 0, 0]
    assert found["at_risk"].sel(arm="control").values.tolist() == [3, 2, 1, 1, 0]
    # At time 0 all weights are 1; alone at 9, a clone counts as one.
    np.testing.assert_allclose(found["weight"].sel(time=0.0), 1.0)
    np.testing.assert_allclose(found["effective_sample_size"].sel(time=0.0), 3.0)
    assert float(found["effective_sample_size"].sel(arm="control", time=9.0)) == pytest.approx(1.0)
    assert np.isnan(found["weight"].sel(arm="treated", time=9.0)).all()
    at = found["weight"].sel(arm="treated", time=2.6, quantile=1.0)
    assert float(at) == pytest.approx(1.0 / (1.0 - np.exp(-0.5)))


def test_an_unknown_timing_is_refused(three) -> None:
    with pytest.raises(InputError, match="choose from as_observed, end_of_grace"):
        weights_of(three, np.zeros((3, 1)), timing="at_once")
