from __future__ import annotations

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit

from hccbayes.errors import InputError
from hccbayes.matching import UNMATCHED, match

# Treated 0 and 1, controls 2 to 4, by the raw score.
SCORE = np.array([0.50, 0.30, 0.46, 0.52, 0.28])
ARM = np.array([1, 1, 0, 0, 0])


def pairs_of(found):
    return list(zip(found.pairs["treated"], found.pairs["control"], strict=True))


@pytest.fixture
def cohort():
    rng = np.random.default_rng(20261121)
    frame = pd.DataFrame({"x": rng.normal(size=60), "z": rng.normal(size=60)})
    frame["center"] = rng.choice(["A", "B", "C"], 60)
    frame["score"] = expit(-0.7 + frame["x"])
    frame["arm"] = (rng.uniform(size=60) < frame["score"]).astype(int)
    return frame


def test_five_patients_by_hand():
    found = match(SCORE, ARM, distance="score")
    assert pairs_of(found) == [(0, 3), (1, 4)]
    np.testing.assert_allclose(found.pairs["distance"], [0.02, 0.02], rtol=1e-12)
    assert found.pairs["pair"].tolist() == [1, 2]
    assert found.weights.tolist() == [1, 1, 0, 1, 1]
    assert found.cluster.tolist() == [0, 1, UNMATCHED, 0, 1]
    assert found.unmatched.to_dict("records") == [
        {"index": 2, "arm": "control", "reason": "not needed"}
    ]
    assert found.counts == {
        "treated": {"matched": 2, "unmatched": 0},
        "control": {"matched": 2, "unmatched": 1},
    }
    assert (found.caliper, found.ties, found.incomplete) == (None, 0, 0)
    assert found.matched.tolist() == [0, 1, 3, 4]


def test_the_order_decides_who_chooses_first():
    # Both treated are nearest to the control with 0.50; the other control has 0.10.
    score, arm = [0.52, 0.51, 0.50, 0.10], [1, 1, 0, 0]
    first = {"largest": 0, "smallest": 1, "data": 0}
    for order, who in first.items():
        found = match(score, arm, distance="score", order=order)
        assert (who, 2) in pairs_of(found), order
    default = match(score, arm, distance="score")
    assert pairs_of(default) == pairs_of(match(score, arm, distance="score", order="largest"))


def test_controls_choose_from_the_smallest_score_upwards():
    found = match(SCORE, ARM, distance="score", estimand="atc")
    # 0.28 takes 0.30, then 0.46 takes 0.50, and nobody is left for 0.52.
    assert sorted(pairs_of(found)) == [(0, 2), (1, 4)]
    assert found.unmatched.to_dict("records") == [
        {"index": 3, "arm": "control", "reason": "no treated patient left"}
    ]
    assert found.estimand == "atc"


def test_a_random_order_needs_a_seed_and_repeats(cohort):
    def random(seed):
        return pairs_of(match(cohort["score"], cohort["arm"], order="random", seed=seed))

    assert random(3) == random(3) == random(np.random.default_rng(3))
    assert any(random(3) != random(seed) for seed in range(4, 8))
    with pytest.raises(InputError, match="seed: is needed"):
        match(cohort["score"], cohort["arm"], order="random")


def test_ties_are_counted_and_go_to_the_first_in_the_data():
    found = match([0.5, 0.25, 0.75, 0.25], [1, 0, 0, 0], distance="score")
    assert pairs_of(found) == [(0, 1)]
    assert found.ties == 1


def slow_nearest(measure, arm, caliper, ratio=1):
    """Return pairs by loops alone: largest measure first, nearest control still free."""
    treated = sorted(np.flatnonzero(arm == 1), key=lambda i: -measure[i])
    free = set(np.flatnonzero(arm == 0))
    pairs = []
    for _ in range(ratio):
        for i in treated:
            near = [j for j in sorted(free) if abs(measure[i] - measure[j]) <= caliper]
            if near:
                best = min(near, key=lambda j: abs(measure[i] - measure[j]))
                free.remove(best)
                pairs.append((i, best))
    return sorted(pairs)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**32 - 1),
    caliper=st.sampled_from([None, 0.05, 0.2, 1.0]),
    ratio=st.integers(1, 3),
    replace=st.booleans(),
    estimand=st.sampled_from(["att", "atc"]),
)
def test_whatever_is_matched_keeps_the_rules(seed, caliper, ratio, replace, estimand):
    rng = np.random.default_rng(seed)
    score = expit(rng.normal(size=40).round(1))  # with ties
    arm = np.r_[1, 0, rng.integers(0, 2, 38)]
    options = {"caliper": caliper, "ratio": ratio, "replace": replace, "estimand": estimand}
    measure = logit(score)
    gaps = np.abs(measure[arm == 1][:, None] - measure[arm == 0])
    if caliper is not None and gaps.min() > caliper * measure.std(ddof=1):
        with pytest.raises(InputError, match="no pair lies within"):
            match(score, arm, **options)
        return
    found = match(score, arm, **options)
    treated, control = found.pairs["treated"].to_numpy(), found.pairs["control"].to_numpy()
    focal, other = (treated, control) if estimand == "att" else (control, treated)
    assert (arm[treated] == 1).all()
    assert (arm[control] == 0).all()
    gap = np.abs(logit(score[treated]) - logit(score[control]))
    np.testing.assert_array_equal(found.pairs["distance"], gap)
    if caliper is not None:
        assert found.caliper == pytest.approx(caliper * logit(score).std(ddof=1), rel=1e-14)
        assert (gap <= found.caliper).all()
    assert len(set(zip(treated, control, strict=True))) == len(treated)
    assert np.bincount(focal).max() <= ratio
    if not replace:
        assert np.bincount(other).max() == 1
    # Everybody is in a pair or has a reason, never both.
    in_pairs = set(treated) | set(control)
    assert in_pairs | set(found.unmatched["index"]) == set(range(40))
    assert in_pairs.isdisjoint(found.unmatched["index"])
    assert set(found.matched) == in_pairs
    # Weights: 1 for each matched focal patient, the number of matched others on the other side.
    assert set(found.weights[np.unique(focal)]) == {1.0}
    assert found.weights[np.unique(other)].sum() == pytest.approx(len(np.unique(other)))
    assert (found.weights[found.unmatched["index"]] == 0).all()
    # Pairs that share a patient are in one cluster.
    assert (found.cluster[treated] == found.cluster[control]).all()
    if not replace:
        assert len(np.unique(found.cluster[focal])) == len(np.unique(focal))
        if estimand == "att":
            width = np.inf if caliper is None else found.caliper
            expected = slow_nearest(logit(score), arm, width, ratio)
            assert sorted(zip(treated, control, strict=True)) == expected


def brute_force(distance, allowed):
    """Return the size and total distance of the best matching, over all assignments."""
    rows, columns = distance.shape
    best = (0, 0.0)
    for choice in permutations([*range(columns), *[None] * rows], rows):
        used = [(i, j) for i, j in enumerate(choice) if j is not None]
        if all(allowed[i, j] for i, j in used):
            total = sum(distance[i, j] for i, j in used)
            best = min(best, (-len(used), total))
    return -best[0], best[1]


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize(("treated", "control"), [(3, 4), (4, 3), (2, 4)])
def test_optimal_is_the_best_of_all_assignments(seed, treated, control):
    rng = np.random.default_rng(seed)
    score = rng.uniform(0.1, 0.9, treated + control)
    arm = np.repeat([1, 0], [treated, control])
    distance = np.abs(logit(score[:treated])[:, None] - logit(score[treated:]))
    for caliper in (None, 0.4):
        try:
            found = match(score, arm, method="optimal", caliper=caliper)
        except InputError:
            assert brute_force(distance, distance <= 0.4 * logit(score).std(ddof=1))[0] == 0
            continue
        allowed = np.full(distance.shape, True) if caliper is None else distance <= found.caliper
        size, total = brute_force(distance, allowed)
        assert len(found.pairs) == size
        assert found.pairs["distance"].sum() == pytest.approx(total, rel=1e-12)


def test_optimal_beats_greedy_by_hand():
    # Greedy: 0.52 takes 0.51 and leaves 0.60 for 0.45, in all 0.01 + 0.15. Optimal: 0.08 + 0.06.
    score, arm = [0.52, 0.45, 0.51, 0.60], [1, 1, 0, 0]
    greedy = match(score, arm, distance="score")
    optimal = match(score, arm, distance="score", method="optimal")
    assert greedy.pairs["distance"].sum() == pytest.approx(0.16, rel=1e-12)
    assert optimal.pairs["distance"].sum() == pytest.approx(0.14, rel=1e-12)
    assert pairs_of(optimal) == [(0, 3), (1, 2)]


def test_optimal_with_a_ratio_matches_everyone_once_before_anyone_twice():
    score = [0.50, 0.60, 0.49, 0.50, 0.57]
    found = match(score, [1, 1, 0, 0, 0], distance="score", method="optimal", ratio=2)
    assert sorted(pairs_of(found)) == [(0, 2), (0, 3), (1, 4)]
    assert found.incomplete == 1
    # A single control goes to the nearer patient.
    few = match(score[:2] + score[4:], [1, 1, 0], distance="score", method="optimal", ratio=2)
    assert pairs_of(few) == [(1, 2)]
    one_each = match(
        [0.50, 0.90, 0.49, 0.51], [1, 1, 0, 0], distance="score", method="optimal", ratio=2
    )
    assert sorted(one_each.pairs["treated"]) == [0, 1]


def test_optimal_never_has_fewer_pairs_or_a_larger_distance_than_nearest(cohort):
    for caliper in (0.05, 0.2, None):
        nearest = match(cohort["score"], cohort["arm"], caliper=caliper)
        optimal = match(cohort["score"], cohort["arm"], caliper=caliper, method="optimal")
        assert len(optimal.pairs) >= len(nearest.pairs)
        if len(optimal.pairs) == len(nearest.pairs):
            assert optimal.pairs["distance"].sum() <= nearest.pairs["distance"].sum() + 1e-12


def test_caliper_scales(cohort):
    measure = logit(cohort["score"].to_numpy())
    arm = cohort["arm"].to_numpy()
    sample = match(cohort["score"], arm, caliper=0.2)
    assert sample.caliper == pytest.approx(0.2 * measure.std(ddof=1), rel=1e-14)
    pooled = match(cohort["score"], arm, caliper=0.2, caliper_scale="pooled")
    own = [measure[arm == value].var(ddof=1) for value in (0, 1)]
    assert pooled.caliper == pytest.approx(0.2 * np.sqrt(np.mean(own)), rel=1e-14)
    assert pooled.caliper < sample.caliper
    plain = match(cohort["score"], arm, caliper=0.2, distance="score")
    assert plain.caliper == pytest.approx(0.2 * cohort["score"].std(), rel=1e-14)
    assert (plain.caliper_measure, sample.caliper_measure) == ("score", "logit_score")
    raw = match(cohort["score"], arm, caliper=0.03, distance="score", caliper_scale="raw")
    assert raw.caliper == 0.03
    assert 0 < raw.pairs["distance"].max() <= 0.03


def test_exact_factors_and_reasons(cohort):
    arm = cohort["arm"].where(cohort["center"] != "C", 1)
    found = match(cohort["score"], arm, exact=cohort[["center"]], caliper=0.3)
    center = cohort["center"].to_numpy()
    assert (center[found.pairs["treated"]] == center[found.pairs["control"]]).all()
    reasons = found.unmatched.set_index("index")["reason"]
    in_c = np.flatnonzero(center == "C")
    assert set(reasons[in_c]) == {"no control with the same center"}
    treated = found.unmatched.query("arm == 'treated'")
    assert set(treated["reason"]) <= {
        "no control with the same center",
        "no control within the caliper",
        "no control left",
    }
    assert set(found.unmatched.query("arm == 'control'")["reason"]) == {"not needed"}
    both = cohort[["center"]].assign(sex="f")
    again = match(cohort["score"], arm, exact=both, caliper=0.3)
    pd.testing.assert_frame_equal(again.pairs, found.pairs)
    assert "no control with the same center and sex" in set(again.unmatched["reason"])


def test_reasons_of_the_caliper_and_of_being_last():
    # 0.9 is too far from everybody; 0.50 and 0.51 want the same control.
    score = [0.90, 0.51, 0.50, 0.505, 0.1]
    found = match(score, [1, 1, 1, 0, 0], distance="score", caliper=0.1)
    reasons = found.unmatched.set_index("index")["reason"].to_dict()
    assert reasons == {
        0: "no control within the caliper",
        2: "no control left",
        4: "not needed",
    }


def test_weights_and_clusters_of_a_ratio():
    # Treated 0 has controls 2 and 3, treated 1 has control 4 alone.
    found = match(
        [0.50, 0.80, 0.49, 0.51, 0.79], [1, 1, 0, 0, 0], distance="score", ratio=2, caliper=0.5
    )
    assert pairs_of(found) == [(0, 3), (0, 2), (1, 4)] or pairs_of(found) == [
        (0, 2),
        (0, 3),
        (1, 4),
    ]
    # 1/2, 1/2 and 1 sum to 2 and are scaled to the three controls.
    np.testing.assert_allclose(found.weights, [1, 1, 0.75, 0.75, 1.5], rtol=1e-15)
    assert found.cluster.tolist() == [0, 1, 0, 0, 1]
    assert found.incomplete == 1
    assert found.pairs["pair"].tolist() == [1, 1, 2]


def test_replacement_shares_controls_and_clusters():
    score, arm = [0.50, 0.52, 0.90, 0.51, 0.88], [1, 1, 1, 0, 0]
    found = match(score, arm, distance="score", replace=True)
    assert pairs_of(found) == [(0, 3), (1, 3), (2, 4)]
    # Sums 2 and 1, scaled to two controls.
    np.testing.assert_allclose(found.weights, [1, 1, 1, 4 / 3, 2 / 3], rtol=1e-15)
    assert found.cluster.tolist() == [0, 0, 1, 0, 1]


def test_mahalanobis_by_hand_and_by_the_formula(cohort):
    covariates = cohort[["x", "z"]]
    arm = cohort["arm"].to_numpy()
    found = match(cohort["score"], arm, distance="mahalanobis", covariates=covariates)
    values = covariates.to_numpy()
    within = sum(
        np.cov(values[arm == own], rowvar=False) * ((arm == own).sum() - 1) for own in (0, 1)
    ) / (len(arm) - 2)
    inverse = np.linalg.inv(within)
    for treated, control, distance in found.pairs[["treated", "control", "distance"]].to_numpy():
        difference = values[int(treated)] - values[int(control)]
        assert distance == pytest.approx(np.sqrt(difference @ inverse @ difference), rel=1e-10)
    # Linear maps of the covariates change nothing.
    mapped = pd.DataFrame({"a": 1e6 * covariates["x"] + 5, "b": covariates["z"] - covariates["x"]})
    again = match(cohort["score"], arm, distance="mahalanobis", covariates=mapped)
    np.testing.assert_allclose(again.pairs["distance"], found.pairs["distance"], rtol=1e-8)


def test_mahalanobis_keeps_to_a_caliper_on_the_logit(cohort):
    found = match(
        cohort["score"],
        cohort["arm"],
        distance="mahalanobis",
        covariates=cohort[["x", "z"]],
        caliper=0.1,
    )
    measure = logit(cohort["score"].to_numpy())
    gap = np.abs(measure[found.pairs["treated"]] - measure[found.pairs["control"]])
    assert found.caliper_measure == "logit_score"
    assert gap.max() <= found.caliper
    # Without a caliper scores of 0 and 1 are in nobody's way.
    certain = cohort["score"].where(cohort.index > 0, 0.0)
    match(certain, cohort["arm"], distance="mahalanobis", covariates=cohort[["x", "z"]])


def test_no_pair_within_the_caliper_says_what_to_do():
    with pytest.raises(InputError, match=r"caliper of 0.\d+: the smallest difference is 0.6"):
        match([0.8, 0.9, 0.2, 0.1], [1, 1, 0, 0], distance="score", caliper=0.1)
    with pytest.raises(InputError, match="exact: no treated patient and control agree"):
        match([0.5, 0.5], [1, 0], exact=pd.DataFrame({"center": ["A", "B"]}))


def test_certain_scores_have_no_logit():
    with pytest.raises(InputError, match="no logit") as raised:
        match([1.0, 0.5, 0.5], [1, 1, 0], names=["P1", "P2", "P3"])
    assert raised.value.problems[0].rows == ("P1",)
    assert pairs_of(match([1.0, 0.4, 0.5], [1, 1, 0], distance="score", order="data")) == [(0, 2)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "genetic"}, "`genetic` is not known; use one of nearest, optimal"),
        ({"distance": "euclidean"}, "use one of logit_score, score, mahalanobis"),
        ({"estimand": "ate"}, "use one of att, atc"),
        ({"caliper_scale": "treated"}, "use one of sample, pooled, raw"),
        ({"order": "best"}, "use one of largest, smallest, random, data"),
        ({"ratio": 0}, "ratio: must be a whole number of at least 1"),
        ({"ratio": 1.5}, "ratio: must be a whole number"),
        ({"caliper": 0.0}, "caliper: must be a positive number"),
        ({"caliper": float("nan")}, "caliper: must be a positive number"),
        ({"method": "optimal", "replace": True}, "neither an order nor replacement"),
        ({"method": "optimal", "order": "largest"}, "neither an order nor replacement"),
        ({"distance": "mahalanobis"}, "covariates: are needed"),
        ({"covariates": pd.DataFrame({"x": range(5)})}, "distance `mahalanobis` only"),
        ({"exact": pd.DataFrame({"x": range(4)})}, "exact: one row a patient"),
        ({"exact": pd.DataFrame({"x": ["A", None] * 2 + ["B"]})}, "exact x: is missing"),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        match(SCORE, ARM, **options)


def test_a_score_without_spread_has_no_caliper():
    with pytest.raises(InputError, match="the same for all"):
        match([0.5] * 4, [1, 1, 0, 0], caliper=0.2)
    with pytest.raises(InputError, match="two patients in each arm"):
        match(SCORE, [1, 0, 0, 0, 0], caliper=0.2, caliper_scale="pooled")


def test_covariates_without_a_covariance_are_named(cohort):
    def matched(**columns):
        covariates = cohort[["x", "z"]].assign(**columns)
        return match(cohort["score"], cohort["arm"], distance="mahalanobis", covariates=covariates)

    with pytest.raises(InputError, match="covariate w: is constant within the arms"):
        matched(w=cohort["x"] - 2 * cohort["z"])
    with pytest.raises(InputError, match="covariate w: is constant"):
        matched(w=1.0)
    with pytest.raises(InputError, match="covariate w: is constant"):
        matched(w=cohort["arm"])
    with pytest.raises(InputError, match="covariate w: is missing") as raised:
        matched(w=cohort["x"].where(cohort.index != 7))
    assert raised.value.problems[0].rows == ("7",)
    with pytest.raises(InputError, match="plain numbers"):
        matched(w=cohort["center"])
