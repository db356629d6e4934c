from __future__ import annotations

import math
from dataclasses import asdict

import numpy as np
import pytensor.tensor as pt
import pytest
import statsmodels.api as sm
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hccbayes.errors import InputError
from hccbayes.weights import (
    TARGETS,
    Weights,
    crump_trim,
    effective_sample_size,
    optimal_limit,
    propensity_weights,
    scale_to_arm_size,
    scale_to_effective_size,
    summary_table,
    truncate_weights,
    weight_values,
)

LOG2 = math.log(2.0)
ENTROPY_QUARTER = -(0.25 * math.log(0.25) + 0.75 * math.log(0.75))

# Weights by hand of a treated and a control with score 1/4, and of both with score 1/2.
BY_HAND = {
    "ate": ((4.0, 4 / 3), (2.0, 2.0)),
    "att": ((1.0, 1 / 3), (1.0, 1.0)),
    "atc": ((3.0, 1.0), (1.0, 1.0)),
    "ato": ((0.75, 0.25), (0.5, 0.5)),
    "matching": ((1.0, 1 / 3), (1.0, 1.0)),
    "entropy": ((4 * ENTROPY_QUARTER, ENTROPY_QUARTER / 0.75), (2 * LOG2, 2 * LOG2)),
}


@pytest.mark.parametrize("target", BY_HAND)
def test_formulas_by_hand(target):
    quarter, half = BY_HAND[target]
    weights = propensity_weights([0.25, 0.25, 0.5, 0.5], [1, 0, 1, 0], target)
    np.testing.assert_allclose(weights.values, [*quarter, *half], rtol=1e-15)
    assert weights.target == target


def test_stabilized_weights_carry_the_share_of_the_arm():
    # One of four treated: p = 1/4.
    weights = propensity_weights([0.5, 0.2, 0.2, 0.5], [1, 0, 0, 0], "ate_stabilized")
    np.testing.assert_allclose(
        weights.values, [0.25 / 0.5, 0.75 / 0.8, 0.75 / 0.8, 0.75 / 0.5], rtol=1e-15
    )


def test_every_target_has_a_formula_by_hand():
    assert set(TARGETS) == {*BY_HAND, "ate_stabilized"}


# The weight where the score is certain: (treated, e = 1), (control, e = 0), (treated, e = 0),
# (control, e = 1). None stands for infinity.
AT_THE_ENDS = {
    "ate": (1.0, 1.0, None, None),
    "ate_stabilized": (0.5, 0.5, None, None),
    "att": (1.0, 0.0, 1.0, None),
    "atc": (0.0, 1.0, None, 1.0),
    "ato": (0.0, 0.0, 1.0, 1.0),
    "matching": (0.0, 0.0, 1.0, 1.0),
    "entropy": (0.0, 0.0, None, None),
}


@pytest.mark.parametrize("target", AT_THE_ENDS)
@pytest.mark.parametrize(
    ("which", "arm", "score"), [(0, 1, 1.0), (1, 0, 0.0), (2, 1, 0.0), (3, 0, 1.0)]
)
def test_scores_of_0_and_1(target, which, arm, score):
    expected = AT_THE_ENDS[target][which]
    scores, arms = [score, 0.5, 0.5, 0.5], [arm, 1 - arm, arm, 1 - arm]
    if expected is None:
        with pytest.raises(InputError, match="infinite weight.*ato.*crump_trim") as raised:
            propensity_weights(scores, arms, target, names=["A7", "A8", "A9", "B1"])
        assert raised.value.problems[0].rows == ("A7",)
    else:
        assert propensity_weights(scores, arms, target).values[0] == expected


def test_the_limits_are_those_of_the_formulas():
    for target, (_, _, treated, control) in AT_THE_ENDS.items():
        for arm, limit in ((1, treated), (0, control)):
            small = 1e-9
            scores = [small if arm else 1.0 - small, 0.5]
            weight = weight_values(scores, [arm, 1 - arm], target)[0]
            if limit is None:
                assert weight > 9.0, target  # at least -log(small) / 2
            else:
                # 1 - (1 - 1e-9) is 1e-9 to 1e-7 of itself; the weights move by 1e-9 then.
                assert weight == pytest.approx(limit, abs=1e-8), target


def test_a_denormal_score_is_infinite_rather_than_a_warning():
    with pytest.raises(InputError, match="infinite weight"):
        propensity_weights([5e-324, 0.5], [1, 0], "ate")


def test_sums_and_effective_sizes_of_a_worked_example():
    # Treated weights 2, 4, 4: sum 10, (10)^2 / 36. Control weights 2, 4/3: (10/3)^2 / (52/9).
    weights = propensity_weights([0.5, 0.25, 0.25, 0.5, 0.25], [1, 1, 1, 0, 0], "ate")
    treated, control = weights.arms["treated"], weights.arms["control"]
    assert (treated.patients, control.patients) == (3, 2)
    assert treated.total == pytest.approx(10.0, rel=1e-15)
    assert treated.effective_sample_size == pytest.approx(100 / 36, rel=1e-15)
    assert treated.largest == 4.0
    assert control.total == pytest.approx(10 / 3, rel=1e-15)
    assert control.effective_sample_size == pytest.approx(100 / 52, rel=1e-15)
    table = summary_table(weights).set_index("arm")
    assert list(table.index) == ["treated", "control"]
    assert table.loc["treated", "effective_sample_size"] == treated.effective_sample_size
    assert table["truncated"].tolist() == [0, 0]
    assert asdict(weights)["target"] == "ate"


def test_effective_sample_size_has_no_scale():
    weights = np.array([1.0, 2.0, 3.0])
    assert effective_sample_size(weights) == pytest.approx(36 / 14, rel=1e-15)
    assert effective_sample_size(weights * 1e200) == pytest.approx(36 / 14, rel=1e-15)
    assert effective_sample_size(np.full(7, 0.3)) == pytest.approx(7.0, rel=1e-15)


@pytest.mark.parametrize("target", [target for target in TARGETS if target != "ate_stabilized"])
def test_swapping_the_arms_swaps_the_weights(target):
    mirrored = {"att": "atc", "atc": "att"}.get(target, target)
    scores = np.arange(1, 64) / 64.0  # so that 1 - e is exact
    arm = np.arange(63) % 2
    np.testing.assert_allclose(
        weight_values(scores, arm, target),
        weight_values(1.0 - scores, 1 - arm, mirrored),
        rtol=1e-14,
    )


@settings(max_examples=25, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1), slope=st.floats(-1.5, 1.5))
def test_overlap_weights_of_a_logistic_fit_balance_means_exactly(seed, slope):
    # The score equations of the maximum likelihood are the balance conditions (Li, Morgan and
    # Zaslavsky 2018, theorem 3): sum A (1 - e) x - sum (1 - A) e x = sum (A - e) x = 0.
    rng = np.random.default_rng(seed)
    covariates = np.column_stack([rng.normal(size=120), rng.integers(0, 2, 120)])
    arm = (rng.uniform(size=120) < 1 / (1 + np.exp(-slope * covariates[:, 0]))).astype(float)
    assume(20 <= arm.sum() <= 100)
    design = sm.add_constant(covariates)
    fit = sm.Logit(arm, design).fit(method="newton", tol=1e-12, maxiter=100, disp=False)
    weights = propensity_weights(fit.predict(design), arm, "ato")
    treated, control = (weights.values * (arm == own) for own in (1.0, 0.0))
    np.testing.assert_allclose(treated.sum(), control.sum(), rtol=1e-10)
    # Newton's last step was below 1e-12; the score it leaves is below 120 * 1e-12 * x^2 / 4.
    np.testing.assert_allclose(
        treated @ covariates / treated.sum(), control @ covariates / control.sum(), atol=1e-9
    )


def test_draws_of_the_score_are_weighted_row_by_row():
    scores = np.array([[0.2, 0.4, 0.6], [0.3, 0.5, 0.9]])
    arm = [1, 0, 1]
    for target in TARGETS:
        found = weight_values(scores, arm, target)
        assert found.shape == (2, 3)
        for draw in range(2):
            np.testing.assert_array_equal(found[draw], weight_values(scores[draw], arm, target))
    with pytest.raises(InputError, match="one dimension"):
        propensity_weights(scores, arm, "ato")
    with pytest.raises(InputError, match="infinite") as raised:
        weight_values([[0.2, 0.4, 0.6], [0.3, 1.0, 0.9]], arm, "ate", names="abc")
    assert raised.value.problems[0].rows == ("b",)


def test_scales():
    weights = propensity_weights([0.5, 0.25, 0.25, 0.5, 0.25], [1, 1, 1, 0, 0], "ate")
    effective = scale_to_effective_size(weights)
    np.testing.assert_allclose(effective.values[:3].sum(), 100 / 36, rtol=1e-15)
    np.testing.assert_allclose(effective.values[3:].sum(), 100 / 52, rtol=1e-15)
    np.testing.assert_allclose(effective.values[:3], np.array([2, 4, 4]) * 100 / 360, rtol=1e-15)
    assert effective.scale == "effective_size"
    size = scale_to_arm_size(weights)
    np.testing.assert_allclose(size.values[:3].sum(), 3.0, rtol=1e-15)
    np.testing.assert_allclose(size.values[3:].sum(), 2.0, rtol=1e-15)
    assert weights.scale == "raw"
    assert weights.values[0] == 2.0
    # Scaling again starts from the arms' sums, so that it changes nothing but the sum.
    np.testing.assert_allclose(scale_to_effective_size(size).values, effective.values, rtol=1e-15)


def test_truncation_says_what_it_moved():
    # 1, ..., 101: the 1st and 99th percentiles are 2 and 100.
    values = np.arange(1.0, 102.0)
    arm = np.where(values >= 100, 1, 0)
    weights = truncate_weights(Weights.of(values, arm, "ate"))
    np.testing.assert_array_equal(weights.values, np.clip(values, 2.0, 100.0))
    done = weights.truncation
    assert (done.lower, done.upper, done.percentile) == (2.0, 100.0, 99.0)
    assert done.raised == {"treated": 0, "control": 1}
    assert done.lowered == {"treated": 1, "control": 0}
    assert summary_table(weights)["truncated"].tolist() == [1, 1]
    with pytest.raises(InputError, match="truncate once"):
        truncate_weights(weights)
    with pytest.raises(InputError, match="before the arms are scaled"):
        truncate_weights(scale_to_arm_size(Weights.of(values, arm, "ate")))
    with pytest.raises(InputError, match="50 to 100"):
        truncate_weights(Weights.of(values, arm, "ate"), percentile=1)
    whole = truncate_weights(Weights.of(values, arm, "ate"), percentile=100)
    np.testing.assert_array_equal(whole.values, values)


def test_trimming_at_a_limit_counts_and_names():
    score = [0.05, 0.1, 0.5, 0.9, 0.95, 0.5]
    found = crump_trim(score, [0, 0, 0, 1, 1, 1], names=list("abcdef"))
    assert found.kept.tolist() == [False, True, True, True, False, True]
    assert found.trimmed_names == ("a", "e")
    assert found.kept_by_arm == {"treated": 2, "control": 2}
    assert found.trimmed_by_arm == {"treated": 1, "control": 1}
    assert (found.limit, found.optimal) == (0.1, False)


def test_trimming_that_empties_an_arm_is_an_error():
    with pytest.raises(InputError, match="treated arm: has no patient with a score from 0.1"):
        crump_trim([0.5, 0.5, 0.95], [0, 0, 1])


def test_the_optimal_limit_by_hand():
    # Ten patients with g = 4 and one with g = 1 / (0.01 * 0.99): twice the mean of all is 25.6, so
    # it is trimmed; gamma = 8 and alpha = 1/2 - sqrt(1/8).
    score = np.array([0.5] * 10 + [0.01])
    assert optimal_limit(score) == pytest.approx(0.5 - math.sqrt(0.125), rel=1e-15)
    # Without it nobody is.
    assert optimal_limit(score[:10]) == 0.0
    # Scores of 0 and 1 are, whatever the others are.
    assert optimal_limit(np.array([0.5, 0.5, 0.0])) == pytest.approx(0.5 - math.sqrt(0.125))
    found = crump_trim(score, [1, 0] * 5 + [0], "optimal")
    assert (found.kept.sum(), found.optimal) == (10, True)
    with pytest.raises(InputError, match="0 or 1 for every"):
        optimal_limit(np.array([0.0, 1.0]))


def test_the_optimal_limit_minimizes_the_variance_bound(rng):
    # The bound is E[g | kept] / P(kept), n sum(g) / k^2 in a sample; the rule is its minimum up to
    # one patient at the margin, who changes it by 1 / k of itself at most.
    score = rng.beta(0.6, 0.8, 2000)
    g = 1.0 / (score * (1.0 - score))

    def bound(limit):
        kept = np.minimum(score, 1 - score) >= limit
        return len(score) * g[kept].sum() / kept.sum() ** 2

    found = optimal_limit(score)
    best = min(bound(limit) for limit in np.minimum(score, 1 - score) if limit < 0.5)
    kept = np.minimum(score, 1 - score) >= found
    assert 0 < found < 0.15
    assert bound(found) <= best * (1 + 1 / kept.sum())
    gamma = 1.0 / (found * (1.0 - found))
    assert gamma == pytest.approx(2.0 * g[g <= gamma].mean(), rel=1e-10)


@pytest.mark.parametrize("score", [[0.5, 1.1], [0.5, -0.1], [0.5, np.nan]])
def test_scores_out_of_range_name_the_patient(score):
    with pytest.raises(InputError, match="between 0 and 1") as raised:
        propensity_weights(score, [1, 0], "ato", names=["P1", "P2"])
    assert raised.value.problems[0].rows == ("P2",)


def test_wrong_input_is_refused():
    with pytest.raises(InputError, match="`overlap` is not known; use one of ate, .*entropy"):
        propensity_weights([0.5, 0.5], [1, 0], "overlap")
    with pytest.raises(InputError, match="treatment: must be 1"):
        propensity_weights([0.5, 0.5], [1, 2], "ato")
    with pytest.raises(InputError, match="control arm: has no patient"):
        propensity_weights([0.5, 0.5], [1, 1], "ato")
    with pytest.raises(InputError, match="one a patient is needed: 2"):
        propensity_weights([0.5, 0.5, 0.5], [1, 0], "ato")
    with pytest.raises(InputError, match="names"):
        propensity_weights([0.5, 2.0], [1, 0], "ato", names=["only one"])
    with pytest.raises(InputError, match="limit"):
        crump_trim([0.5, 0.5], [1, 0], 0.5)
    with pytest.raises(InputError, match="`best`"):
        crump_trim([0.5, 0.5], [1, 0], "best")
    # Every control has overlap weight 0: there is nobody to compare with.
    with pytest.raises(InputError, match="control arm: has no patient with a weight"):
        propensity_weights([0.5, 0.0], [1, 0], "ato")


@pytest.mark.parametrize("wrong", [-1.0, np.nan, np.inf])
def test_wrong_weights_name_the_patient(wrong):
    with pytest.raises(InputError, match="finite and at least 0") as raised:
        Weights.of([1.0, wrong], [1, 0], "other", names=["P1", "P2"])
    assert raised.value.problems[0].rows == ("P2",)


def test_symbolic_weights_and_scores_are_refused():
    with pytest.raises(InputError, match="plain numbers"):
        Weights.of(pt.dvector("w"), [1, 0], "ato")
    with pytest.raises(InputError, match="plain numbers"):
        propensity_weights(pt.dvector("e"), [1, 0], "ato")
