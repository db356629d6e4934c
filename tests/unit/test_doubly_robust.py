"""Doubly robust survival: the contribution by numerical integration, identities, curves, limits."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import quad

from hccbayes.adjustment.doubly_robust import (
    _decreasing,
    _log_marginal_hr,
    _medians,
    _Patients,
    contributions,
    doubly_robust_effect,
)
from hccbayes.curves import time_in_intervals
from hccbayes.errors import InputError

CUTS = np.array([3.0, 6.0])
TIMES = np.array([1.0, 3.0, 4.5, 6.0, 9.0, 2.0])
EVENTS = np.array([1.0, 1.0, 0.0, 1.0, 0.0, 1.0])
ARM = np.array([1.0, 1.0, 1.0, 0.0, 1.0, 1.0])
GRID = np.array([0.0, 1.0, 2.5, 3.0, 5.0, 6.0, 8.0])
HAZARD = np.array(
    [
        [0.10, 0.05, 0.20],
        [0.02, 0.30, 0.01],
        [0.08, 0.08, 0.08],
        [0.15, 0.02, 0.05],
        [0.04, 0.10, 0.30],
        [0.00, 0.12, 0.06],
    ]
)
CENSORING = np.array([0.01, 0.05, 0.0])
RECEIVED = np.array([0.2, 0.5, 0.9, 0.4, 0.05, 0.7])


def patients_of(
    time: np.ndarray, event: np.ndarray, arm: np.ndarray, cuts: np.ndarray, grid: np.ndarray
) -> _Patients:
    until = np.minimum(time[:, None], grid)
    return _Patients(
        time=time,
        event=event,
        treatment=arm,
        cuts=cuts,
        grid=grid,
        at_own=time_in_intervals(time, cuts),
        at_grid=time_in_intervals(grid, cuts),
        until=time_in_intervals(until.reshape(-1), cuts).reshape(*until.shape, -1),
    )


def everyone(time: np.ndarray, event: np.ndarray, cuts: np.ndarray, grid: np.ndarray) -> _Patients:
    return patients_of(time, event, np.ones_like(time), cuts, grid)


def step_hazard(values: np.ndarray, at: float, cuts: np.ndarray = CUTS) -> float:
    return float(values[np.searchsorted(cuts, at, side="left")])


def cumulative(values: np.ndarray, until: float, cuts: np.ndarray = CUTS) -> float:
    edges = [0.0, *cuts, math.inf]
    return sum(
        value * max(0.0, min(until, high) - low)
        for value, low, high in zip(values, edges, edges[1:], strict=False)
    )


def by_quadrature(row: int, time: float) -> float:
    """Return one patient's contribution with the integral taken numerically."""
    hazard = HAZARD[row]
    alive = math.exp(-cumulative(hazard, time))
    if ARM[row] != 1.0:
        return alive

    def inverse(at: float) -> float:
        return math.exp(cumulative(hazard, at) + cumulative(CENSORING, at))

    end = min(time, TIMES[row])
    inner = [cut for cut in CUTS if cut < end]
    integral, _ = quad(
        lambda at: step_hazard(hazard, at) * inverse(at),
        0.0,
        end,
        points=inner or None,
        epsabs=1e-13,
        epsrel=1e-13,
    )
    died = inverse(TIMES[row]) if EVENTS[row] == 1.0 and TIMES[row] <= time else 0.0
    return alive * (1.0 - (died - integral) / RECEIVED[row])


def test_contributions_are_those_of_numerical_integration() -> None:
    """Events on cut points and on grid times, a hazard of 0, a patient of the other arm."""
    patients = patients_of(TIMES, EVENTS, ARM, CUTS, GRID)
    found = contributions(patients, HAZARD, CENSORING, RECEIVED, 1.0)
    expected = [[by_quadrature(row, time) for time in GRID] for row in range(6)]
    # quad's own tolerance, times 1 / 0.05 of the smallest score.
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-11)
    assert (found[:, 0] == 1.0).all()


def test_the_other_arm_is_its_mirror() -> None:
    treated = patients_of(TIMES, EVENTS, ARM, CUTS, GRID)
    control = patients_of(TIMES, EVENTS, 1.0 - ARM, CUTS, GRID)
    np.testing.assert_array_equal(
        contributions(treated, HAZARD, CENSORING, RECEIVED, 1.0),
        contributions(control, HAZARD, CENSORING, RECEIVED, 0.0),
    )


def test_patients_of_the_other_arm_give_the_outcome_model_alone() -> None:
    patients = patients_of(TIMES, EVENTS, np.zeros(6), CUTS, GRID)
    found = contributions(patients, HAZARD, CENSORING, RECEIVED, 1.0)
    expected = [[math.exp(-cumulative(row, time)) for time in GRID] for row in HAZARD]
    np.testing.assert_allclose(found, expected, rtol=1e-14)


def test_without_censoring_in_one_arm_it_is_being_alive_whatever_the_model() -> None:
    """The integral of h / S is 1 / S - 1, so that 1 (T > t) is left of each contribution."""
    patients = everyone(TIMES, np.ones(6), CUTS, GRID)
    found = contributions(patients, HAZARD, np.zeros(3), np.ones(6), 1.0)
    alive = (TIMES[:, None] > GRID).astype(float)
    np.testing.assert_allclose(found, alive, atol=1e-13)


def test_in_one_arm_with_fine_intervals_it_is_the_arm_s_own_curve() -> None:
    """With both hazards by maximum likelihood the corrections cancel up to an interval's width.

    In interval j the events and the expected events are equal, d_j; what they are multiplied by,
    1 / (S G), rises from its start to its end. The correction is at most the sum of d_j times the
    rise, over n.
    """
    rng = np.random.default_rng(2)
    time = np.round(rng.exponential(8.0, 400), 4) + 1e-4
    event = (rng.random(400) < 0.6).astype(float)
    cuts = np.arange(0.1, 15.0, 0.1)
    grid = np.array([0.0, 3.0, 6.0, 12.0])
    months = time_in_intervals(time, cuts)
    interval = np.searchsorted(cuts, time, side="left")
    died = np.bincount(interval, weights=event, minlength=len(cuts) + 1)
    left = np.bincount(interval, weights=1.0 - event, minlength=len(cuts) + 1)
    hazard, censoring = died / months.sum(axis=0), left / months.sum(axis=0)
    found = contributions(
        everyone(time, event, cuts, grid), np.tile(hazard, (400, 1)), censoring, np.ones(400), 1.0
    ).mean(axis=0)
    at_edges = np.exp(np.cumsum(np.append(0.0, (hazard + censoring)[:-1] * 0.1)))
    for column, end in enumerate(grid[1:], start=1):
        inside = round(end / 0.1)
        curve = math.exp(-hazard[:inside].sum() * 0.1)
        allowed = curve * float(died[:inside] @ np.diff(at_edges[: inside + 1])) / 400
        assert 0.0 < allowed < 0.01
        assert abs(found[column] - curve) <= allowed


def test_it_does_not_depend_on_the_unit_of_time() -> None:
    months = contributions(
        patients_of(TIMES, EVENTS, ARM, CUTS, GRID), HAZARD, CENSORING, RECEIVED, 1.0
    )
    days = contributions(
        patients_of(32.0 * TIMES, EVENTS, ARM, 32.0 * CUTS, 32.0 * GRID),
        HAZARD / 32.0,
        CENSORING / 32.0,
        RECEIVED,
        1.0,
    )
    np.testing.assert_allclose(days, months, rtol=1e-12)


def test_curves_are_made_to_fall_by_pooling_neighbors() -> None:
    """0.9 and 0.95 are pooled at 0.925; a curve that falls already is left as it is."""
    rising = np.array([1.0, 0.9, 0.95, 0.5, -0.1])
    falling = np.array([1.0, 0.8, 0.8, 0.3, 0.1])
    found = _decreasing(np.stack([rising, falling])[None])
    np.testing.assert_allclose(found[0, 0], [1.0, 0.925, 0.925, 0.5, 0.0])
    np.testing.assert_array_equal(found[0, 1], falling)


def test_a_curve_above_one_starts_at_one() -> None:
    found = _decreasing(np.array([[[1.0, 1.2, 1.1, 0.7]]]))
    np.testing.assert_array_equal(found[0, 0], [1.0, 1.0, 1.0, 0.7])


def test_medians_lie_between_grid_times_or_beyond() -> None:
    grid = np.array([0.0, 2.0, 4.0, 8.0])
    curves = np.array(
        [
            [1.0, 0.8, 0.6, 0.2],  # 4 + 0.1 / 0.4 * 4
            [1.0, 0.5, 0.4, 0.3],  # on the grid
            [1.0, 0.9, 0.8, 0.51],  # not reached
            [1.0, 0.5, 0.5, 0.1],  # the first time
            [1.0, 0.0, 0.0, 0.0],
        ]
    )
    np.testing.assert_allclose(_medians(curves, grid), [5.0, 2.0, np.inf, 2.0, 1.0])


def test_a_curve_that_never_falls_has_no_hazard() -> None:
    """Treated, control: both fall, at hazards 0.05 and 0.1; one falls; neither does."""
    time = np.linspace(0.0, 12.0, 241)
    flat, falling = np.ones_like(time), np.exp(-0.1 * time)
    draws = np.array(
        [[np.exp(-0.05 * time), falling], [flat, falling], [falling, flat], [flat, flat]]
    )
    found = _log_marginal_hr(draws, np.ones(240))
    # The grid's steps are 0.005 of cumulative hazard: second-order sums.
    assert found[0] == pytest.approx(math.log(0.5), abs=1e-4)
    np.testing.assert_array_equal(found[1:], [-np.inf, np.inf, 0.0])
    died_out = np.array([[np.where(time < 6.0, falling, 0.0), falling]])
    assert found[0] < 0.0 < _log_marginal_hr(died_out, np.ones(240))[0]


def test_delayed_entry_is_refused_and_the_patients_are_named(make_problem) -> None:
    problem = make_problem(method="doubly_robust")
    problem.frame.loc[[3, 7], "entry"] = 0.25
    with pytest.raises(InputError, match=r"needs follow-up from time zero.*id-0003, id-0007"):
        doubly_robust_effect(problem)


def test_the_effect_has_the_estimands_of_its_population(make_problem) -> None:
    problem = make_problem(method="doubly_robust", target="ate")
    draws = doubly_robust_effect(problem).draws
    assert dict(draws.sizes) == {"chain": 1, "draw": 60, "population": 1, "arm": 2, "time": 2}
    assert draws["population"].values.tolist() == ["ate"]
    assert draws.attrs == {"horizon": 12.0, "follow_up": problem.times.follow_up}
    survival = draws["survival"]
    assert (survival.sel(time=6.0) >= survival.sel(time=12.0)).all()
    assert ((survival >= 0.0) & (survival <= 1.0)).all()
    assert ((draws["rmst"] > 0.0) & (draws["rmst"] < 12.0)).all()


def test_its_draws_are_reproduced_by_the_seed(make_problem) -> None:
    first, again = (doubly_robust_effect(make_problem(method="doubly_robust")) for _ in range(2))
    assert first.draws.equals(again.draws)


@pytest.mark.parametrize(
    ("target", "trim"), [("ate", None), ("att", None), ("ato", None), ("ate", 0.3)]
)
def test_one_draw_is_the_bootstrap_mean_of_the_contributions(
    make_problem, target: str, trim: float | None
) -> None:
    """Of the 12-month survival of the treated, with shares and censoring drawn again here.

    Patients who are trimmed by their mean score, as for the weighted estimate, have no share.
    """
    changed = {} if trim is None else {"trim": trim}
    problem = make_problem(method="doubly_robust", target=target, draws=2, **changed)
    found = doubly_robust_effect(problem).draws["survival"].sel(arm="treated", time=12.0)
    frame, outcome, score = problem.frame, problem.outcome, problem.propensity.scores[0]
    time, event = (frame[name].to_numpy(dtype=float) for name in ("time", "event"))
    treated = frame["treatment"].to_numpy() == 1
    grid = np.union1d(problem.times.grid, [12.0])
    rng = np.random.default_rng([20261120, 8])
    censored = np.stack(
        [
            np.bincount(
                np.searchsorted(outcome.cuts, time[own], side="left"),
                weights=1.0 - event[own],
                minlength=4,
            )
            for own in (treated, ~treated)
        ]
    )
    months = np.stack(
        [time_in_intervals(time[own], outcome.cuts).sum(axis=0) for own in (treated, ~treated)]
    )
    # Gamma prior of shape 2 around the hazard of both arms together.
    everybody = (censored.sum(axis=0) + 0.5) / months.sum(axis=0)
    shape = np.broadcast_to(2.0 + censored, (2, 2, 4))
    hazards = rng.standard_gamma(shape) / (2.0 / everybody + months)
    shares = rng.standard_exponential((2, len(time)))
    tilt = {"ate": np.ones_like(score), "att": score, "ato": score * (1.0 - score)}[target]
    matrix = problem.outcome_design.matrix
    ratio = np.exp(outcome.treatment[0] + matrix @ outcome.covariates[0])
    patients = patients_of(time, event, treated.astype(float), outcome.cuts, grid)
    own = contributions(patients, np.outer(ratio, outcome.baseline[0, 0]), hazards[0, 0], score, 1)
    mean = problem.propensity.score
    kept = (mean >= (trim or 0.0)) & (mean <= 1.0 - (trim or 0.0))
    assert kept.all() == (trim is None)
    weight = shares[0] * tilt * kept
    curve = _decreasing((weight @ own / weight.sum())[None, None])[0, 0]
    assert float(found[0, 0, 0]) == pytest.approx(curve[np.searchsorted(grid, 12.0)], rel=1e-12)


def test_options_that_change_or_miss_its_population_are_noted(make_problem) -> None:
    by_target = {
        target: doubly_robust_effect(make_problem(method="doubly_robust", target=target)).notes
        for target in ("ate", "ato")
    }
    assert [len(notes) for notes in by_target.values()] == [1, 2]
    assert "population is made by the score" in by_target["ato"][1]
    cut = make_problem(method="doubly_robust", target="ate", truncate=99)
    assert "truncate does not apply" in doubly_robust_effect(cut).notes[1]


def test_trimming_that_empties_an_arm_is_refused(make_problem) -> None:
    with pytest.raises(InputError, match="no patient with a score from 0.5 to 0.5"):
        doubly_robust_effect(make_problem(method="doubly_robust", trim=0.4999))
