"""The pieces from which a cohort with printed margins is put together, on toy cases."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from hccbayes.errors import InputError
from hccbayes.frequentist.cox import cox
from hccbayes.synthetic.annealing import Schedule, anneal
from hccbayes.synthetic.conditions import distance_from_half, log_limit_curves
from hccbayes.synthetic.continuous import remaining_mean_sd, values_around_cut
from hccbayes.synthetic.coupling import couple
from hccbayes.synthetic.covariates import assign_levels, correlation_matrix
from hccbayes.synthetic.event_times import EARLIEST, FollowUp, exact_events, move_times
from hccbayes.synthetic.exact_counts import place
from hccbayes.synthetic.outcome_targets import ArmEndpoint, Effect, MatchedMedian, Regression
from hccbayes.synthetic.overall_age import assign_ages
from hccbayes.synthetic.partial_likelihood import log_hr_offset, partial_score
from hccbayes.synthetic.quartiles import quartile_values
from hccbayes.synthetic.reordering import reorder_outcomes
from hccbayes.synthetic.study_targets import StudyTargets
from hccbayes.synthetic.targets import InfeasibleDrawError, Margin, MeanSd, Quartiles

LETTERS = Margin(column="letter", levels=("a", "b"), treated=(2, 2), control=(2, 2))


def test_score_of_three_patients_by_hand() -> None:
    # Deaths at 1 (treated) and 2 (control); the third, treated, is censored at 3. With HR 2 the
    # mean of treatment among those at risk is 4/5 at time 1 and 2/3 at time 2.
    score, information = partial_score([1, 0, 1], [1, 2, 3], [1, 1, 0], math.log(2))
    np.testing.assert_allclose(score, [(1 - 4 / 5) + (0 - 2 / 3)], rtol=1e-14)
    np.testing.assert_allclose(information, [[4 / 25 + 2 / 9]], rtol=1e-14)


def test_score_vanishes_at_the_cox_estimate(rng: np.random.Generator) -> None:
    design = pd.DataFrame({"x": rng.integers(0, 2, 80), "z": rng.normal(size=80)}).astype(float)
    time = rng.exponential(size=80)
    event = rng.integers(0, 2, 80)
    fit = cox(design, np.zeros(80), time, event)
    score, information = partial_score(design, time, event, fit.coef)
    np.testing.assert_allclose(score, 0, atol=1e-8)
    np.testing.assert_allclose(np.sqrt(np.diag(np.linalg.inv(information))), fit.se, rtol=1e-9)
    np.testing.assert_allclose(log_hr_offset(design, time, event, fit.coef), 0, atol=1e-9)


@pytest.mark.parametrize("events", [1, 3, 5])
def test_exact_events_scales_until_the_count_is_right(events: int) -> None:
    time, limit = np.array([1.0, 2.0, 4.0, 8.0, 16.0]), np.array([9.0, 7.0, 8.0, 6.0, 3.0])
    found = exact_events(time, limit, events)
    assert found.event.sum() == events
    # Censored follow-up ends at its limit, and ratios of event times are those of the draw.
    np.testing.assert_array_equal(found.time[~found.event], limit[~found.event])
    factors = found.time[found.event] / time[found.event]
    np.testing.assert_allclose(factors, factors[0], rtol=1e-15)


def test_moving_times_puts_median_and_limits_in_place(rng: np.random.Generator) -> None:
    raw = FollowUp(np.sort(rng.exponential(10, 101)), np.ones(101, dtype=bool))
    target = ArmEndpoint(events=101, median=6.5, lower=5.25, upper=9.125)
    moved = move_times(raw, target, 40.0)
    found = moved.median()
    assert (found.lower, found.estimate, found.upper) == (5.25, 6.5, 9.125)
    assert (moved.time.min(), moved.time.max()) == (EARLIEST, 40.0)
    assert (np.diff(moved.time) >= 0).all()


def test_moving_times_refuses_a_limit_that_is_reached() -> None:
    raw = FollowUp(np.arange(1.0, 102.0), np.ones(101, dtype=bool))
    target = ArmEndpoint(events=101, median=6.5, lower=5.0, upper=math.inf)
    with pytest.raises(InfeasibleDrawError, match="should"):
        move_times(raw, target, 40.0)


def test_levels_follow_the_scores_and_the_counts() -> None:
    everyone = np.ones(4, dtype=bool)
    found = assign_levels(LETTERS, (3, 1), np.array([0.2, -1.0, 3.0, 0.1]), everyone)
    assert found.tolist() == ["a", "a", "b", "a"]


def test_last_level_stays_where_it_is_allowed() -> None:
    allowed = np.array([True, True, False, False])
    found = assign_levels(LETTERS, (2, 2), np.array([-5.0, -4.0, 9.0, 8.0]), allowed)
    assert found.tolist() == ["b", "b", "a", "a"]
    with pytest.raises(InputError, match="counts 1, 3 do not fit 4 patients"):
        assign_levels(LETTERS, (1, 3), np.zeros(4), allowed)


def test_correlation_names_known_columns_and_is_a_correlation() -> None:
    matrix = correlation_matrix(["a", "b", "c"], {("a", "c"): 0.5})
    np.testing.assert_array_equal(matrix, [[1, 0, 0.5], [0, 1, 0], [0.5, 0, 1]])
    with pytest.raises(InputError, match="unknown column 'x'; choose from a, b, c"):
        correlation_matrix(["a", "b", "c"], {("a", "x"): 0.5})
    with pytest.raises(InputError, match="positive definite"):
        correlation_matrix(["a", "b"], {("a", "b"): 1.0})


def test_rest_of_a_mean_and_sd(rng: np.random.Generator) -> None:
    part, rest = rng.normal(3, 2, 40), rng.normal(5, 1, 25)
    both = np.concatenate([part, rest])
    whole = MeanSd(both.mean(), both.std(ddof=1))
    found = remaining_mean_sd(whole, 65, MeanSd(part.mean(), part.std(ddof=1)), 40)
    assert found.mean == pytest.approx(rest.mean(), rel=1e-12)
    assert found.sd == pytest.approx(rest.std(ddof=1), rel=1e-12)


def test_values_around_a_cut_have_mean_sd_and_count() -> None:
    score = np.linspace(0, 1, 50) ** 1.5
    values = values_around_cut(score, 20, 10.0, MeanSd(12.3, 3.6))
    assert (values < 10).sum() == 20
    assert values.mean() == pytest.approx(12.3, rel=1e-12)
    assert values.std(ddof=1) == pytest.approx(3.6, rel=1e-12)
    with pytest.raises(InputError, match="no values with 20 of 50 below 10"):
        values_around_cut(score, 20, 10.0, MeanSd(3.0, 0.5))


def test_quartiles_of_whole_and_part_hold_together() -> None:
    whole, matched = Quartiles(14.9, 25.3, 52.3), Quartiles(19.1, 23.1, 35.5)
    part, rest = quartile_values(whole, matched, (48, 27), 1)
    assert (len(part), len(rest)) == (48, 27)
    both = np.concatenate([part, rest])
    np.testing.assert_allclose(np.quantile(part, [0.25, 0.5, 0.75]), [19.1, 23.1, 35.5], rtol=1e-14)
    np.testing.assert_allclose(np.quantile(both, [0.25, 0.5, 0.75]), [14.9, 25.3, 52.3], rtol=1e-14)


def test_contradicting_quartiles_are_refused() -> None:
    # Half of 48 lie above 50, so at most 24 + 4 of 52 lie below: the whole median cannot be 10.
    with pytest.raises(InputError, match="contradict"):
        quartile_values(Quartiles(5.0, 10.0, 15.0), Quartiles(40.0, 50.0, 60.0), (48, 4), 1)
    with pytest.raises(InputError, match="are needed"):
        quartile_values(None, None, (4, 4), 1)


def test_coupling_orders_progression_before_death() -> None:
    os = FollowUp(np.array([2.0, 9.0, 5.0]), np.array([True, False, True]))
    pfs = FollowUp(np.array([8.0, 4.0, 1.0]), np.array([False, True, True]))
    found = couple(os, pfs)
    assert found.time.tolist() == [1.0, 8.0, 4.0]
    assert found.event.tolist() == [True, False, True]


def test_coupling_refuses_what_cannot_be() -> None:
    os = FollowUp(np.array([2.0, 9.0]), np.array([True, True]))
    pfs = FollowUp(np.array([1.0, 4.0]), np.array([True, False]))
    with pytest.raises(InfeasibleDrawError, match="precede"):
        couple(os, pfs)


def test_reordering_reaches_an_adjusted_ratio_and_keeps_the_curves(
    rng: np.random.Generator,
) -> None:
    n = 200
    frame = pd.DataFrame(
        {
            "arm": np.repeat(["new", "old"], n // 2),
            "marker": np.where(rng.random(n) < 0.4, "yes", "no"),
            "os_months": rng.exponential(10, n).round(3) + 0.5,
            "death": rng.integers(0, 2, n),
        }
    )
    treated = pd.DataFrame({"treatment": frame["arm"] == "new"}).astype(float)
    # Exchanges leave the unadjusted ratio as it is, so that the adjusted one lies near it.
    unadjusted = np.exp(cox(treated, np.zeros(n), frame["os_months"], frame["death"]).coef[0])
    wanted = Regression(
        endpoint="os",
        sample="all",
        treatment=unadjusted,
        effects=(Effect("marker", ("yes",), 2.0),),
    )
    study = StudyTargets(
        name="toy", title="", seed=1, arm_labels=("new", "old"), sizes=(n // 2, n // 2)
    )
    found = reorder_outcomes(frame, study, [wanted], rng)
    design = pd.DataFrame(
        {"treatment": found["arm"] == "new", "marker": found["marker"] == "yes"}
    ).astype(float)
    fit = cox(design, np.zeros(n), found["os_months"], found["death"])
    # The tolerance of every ratio.
    np.testing.assert_allclose(np.exp(fit.coef), [unadjusted, 2.0], atol=1e-3)
    for arm in ("new", "old"):
        before, after = (
            part.loc[part["arm"] == arm, ["os_months", "death"]].sort_values(["os_months", "death"])
            for part in (frame, found)
        )
        np.testing.assert_array_equal(before.to_numpy(), after.to_numpy())
    pd.testing.assert_frame_equal(frame[["arm", "marker"]], found[["arm", "marker"]])


def test_placing_keeps_sums_and_covers_everyone(rng: np.random.Generator) -> None:
    eligible = np.arange(30) < 20
    table = place([12, 9, 3], eligible, rng, cover=True)
    assert table.sum(axis=0).tolist() == [12, 9, 3]
    assert (table.any(axis=1) == eligible).all()
    with pytest.raises(InputError, match="too few events"):
        place([12, 5], eligible, rng, cover=True)
    with pytest.raises(InputError, match="21 patients needed, 20 there"):
        place([21], eligible, rng, cover=False)


def test_ages_hit_their_anchors(rng: np.random.Generator) -> None:
    frame = pd.DataFrame({"old": ["yes"] * 3 + ["no"] * 4})
    assign_ages(frame, "old", [(0, 20.0), (3, 49.0), (4, 50.0), (6, 80.0)], rng)
    assert frame["age_years"].median() == 49.0
    assert ((frame["age_years"] >= 50) == (frame["old"] == "yes")).all()
    assert (frame["age_years"].min(), frame["age_years"].max()) == (20.0, 80.0)


def test_tied_deaths_are_those_of_efron() -> None:
    # Two of four die at 1, one of them treated; HR 2. Efron's second death sees the risk set with
    # half of both: mean of treatment 4/6, then (4 - 1) / (6 - 1.5).
    score, _ = partial_score([1, 0, 1, 0], [1, 1, 2, 3], [1, 1, 0, 0], math.log(2))
    np.testing.assert_allclose(score, [1 - 4 / 6 - 3 / 4.5], rtol=1e-14)


def test_annealing_ends_where_distances_are_small_or_gives_up(rng: np.random.Generator) -> None:
    def propose(state: float) -> float:
        return state + rng.normal(0, 0.3)

    def distances(state: float) -> np.ndarray:
        return np.array([state - 3.0])

    schedule = Schedule(steps=2000, first=1.0, last=0.01)
    assert anneal(0.0, propose, distances, schedule, rng) == pytest.approx(3.0, abs=0.5)
    with pytest.raises(InfeasibleDrawError, match="1 of 1 targets missed"):
        anneal(0.0, lambda state: state, distances, schedule, rng)


def test_limits_of_four_deaths_by_hand() -> None:
    lower, alive, upper = log_limit_curves(np.array([1.0, 0.0, 1.0, 0.0]))
    np.testing.assert_allclose(alive, [3 / 4, 3 / 4, 3 / 8, 3 / 8], rtol=1e-14)
    error = np.sqrt([1 / 12, 1 / 12, 1 / 12 + 1 / 2, 1 / 12 + 1 / 2])
    np.testing.assert_allclose(upper, alive * np.exp(1.959963984540054 * error), rtol=1e-12)
    np.testing.assert_allclose(lower * upper, alive**2, rtol=1e-12)
    clock = np.array([1.0, 2.0, 3.0, 4.0])
    assert distance_from_half(clock, alive, 3.0) == 0.0
    assert distance_from_half(clock, alive, 2.0) == pytest.approx(0.25, abs=2e-4)
    assert distance_from_half(clock, alive, math.inf) == pytest.approx(0.125, abs=2e-4)
    assert distance_from_half(clock, upper, math.inf) == 0.0


def test_moving_times_puts_events_on_the_months_of_the_subset(rng: np.random.Generator) -> None:
    raw = FollowUp(np.sort(rng.exponential(10, 101)), np.ones(101, dtype=bool))
    subset = MatchedMedian(60, 5.0, 6.25, 10.0)
    target = ArmEndpoint(events=101, median=6.5, lower=5.25, upper=9.125, matched=subset)
    moved = move_times(raw, target, 40.0)
    found = moved.median()
    assert (found.lower, found.estimate, found.upper) == (5.25, 6.5, 9.125)
    assert np.isin([5.0, 6.25, 10.0], moved.time).all()
    assert (np.diff(moved.time) >= 0).all()


def test_printed_ggt_quartile_of_the_controls_is_impossible() -> None:
    matched = Quartiles(74.2, 152.0, 331.7)
    # Half of 48 lie at or below 152.0: 24; a lower quartile of 176.8 leaves room for 19 of 74.
    with pytest.raises(InputError, match="contradict"):
        quartile_values(Quartiles(176.8, 200.0, 336.4), matched, (48, 26), 1)
    part, rest = quartile_values(Quartiles(None, 159.4, 336.4), matched, (48, 26), 1)
    np.testing.assert_allclose(np.quantile(part, [0.25, 0.5, 0.75]), [74.2, 152.0, 331.7])
    both = np.quantile(np.concatenate([part, rest]), [0.5, 0.75])
    np.testing.assert_allclose(both, [159.4, 336.4], rtol=1e-14)


def test_printed_ggt_quartile_of_the_matched_treated_is_possible() -> None:
    whole, matched = Quartiles(116.2, 198.2, 338.1), Quartiles(10.2, 203.1, 305.1)
    part, _ = quartile_values(whole, matched, (48, 27), 1)
    # A quarter of 48, and the neighbor of an interpolation: thirteen at or below 10.2.
    assert (part <= 10.2).sum() >= 12


def test_wrong_correlations_are_named_all_at_once() -> None:
    wrong = {("a", "x"): 0.1, ("b", "b"): 0.5, ("a", "b"): math.nan, ("a", "c"): 2.0}
    with pytest.raises(InputError) as caught:
        correlation_matrix(["a", "b", "c"], wrong)
    text = str(caught.value)
    for part in ("unknown column 'x'", "'b' is paired with itself", "is nan", "is 2.0, not in -1"):
        assert part in text
