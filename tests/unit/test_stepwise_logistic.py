from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from hccbayes.errors import InputError
from hccbayes.frequentist.logistic import logistic_regression
from hccbayes.frequentist.stepwise_logistic import stepwise_logistic


@pytest.fixture
def patients() -> pd.DataFrame:
    rng = np.random.default_rng(7)
    n = 200
    frame = pd.DataFrame(rng.normal(size=(n, 4)), columns=["a", "b", "c", "d"])
    stage = rng.integers(0, 3, n)
    frame = frame.assign(stage_b=(stage == 1) * 1.0, stage_c=(stage == 2) * 1.0)
    linear = 1.2 * frame["a"] - 0.8 * frame["b"] + 1.5 * frame["stage_c"] - 0.5
    return frame.assign(treatment=rng.binomial(1, expit(linear)))


COLUMNS = ["a", "b", "c", "d", "stage_b", "stage_c"]
FACTORS = {"a": ["a"], "b": ["b"], "c": ["c"], "d": ["d"], "stage": ["stage_b", "stage_c"]}


@pytest.mark.parametrize("direction", ["both", "forward", "backward"])
def test_aic_ends_where_no_move_helps(patients, direction):
    chosen = stepwise_logistic(
        patients[COLUMNS], patients["treatment"], direction=direction, factors=FACTORS
    )
    assert {"a", "b", "stage"} <= set(chosen.factors)
    aics = [step.aic for step in chosen.path]
    assert aics == sorted(aics, reverse=True)
    assert chosen.fit.aic == aics[-1]
    neighbors = [set(chosen.factors) ^ {factor} for factor in FACTORS]
    if direction == "forward":
        neighbors = [factors for factors in neighbors if len(factors) > len(chosen.factors)]
    if direction == "backward":
        neighbors = [factors for factors in neighbors if len(factors) < len(chosen.factors)]
    for factors in neighbors:
        terms = [term for factor in factors for term in FACTORS[factor]]
        other = logistic_regression(patients[terms], patients["treatment"])
        assert other.aic > chosen.fit.aic


def test_each_forward_step_is_the_best_one(patients):
    chosen = stepwise_logistic(
        patients[["a", "b", "c"]], patients["treatment"], direction="forward"
    )
    alone = {
        name: logistic_regression(patients[[name]], patients["treatment"]).aic for name in "abc"
    }
    assert chosen.path[0].action == "start"
    assert chosen.path[1].factor == min(alone, key=alone.__getitem__)
    assert chosen.path[1].aic == alone[chosen.path[1].factor]


def test_likelihood_ratio_keeps_what_passes_its_limits(patients):
    chosen = stepwise_logistic(
        patients[COLUMNS],
        patients["treatment"],
        criterion="likelihood_ratio",
        p_enter=0.01,
        p_remove=0.02,
        factors=FACTORS,
    )
    assert set(chosen.factors) == {"a", "b", "stage"}
    assert chosen.terms == ("a", "b", "stage_b", "stage_c")
    assert all(step.p_value < 0.01 for step in chosen.path if step.action == "enter")
    assert np.isnan(chosen.path[0].p_value)


def test_backward_removes_by_the_largest_p_value(patients):
    chosen = stepwise_logistic(
        patients[COLUMNS],
        patients["treatment"],
        direction="backward",
        criterion="likelihood_ratio",
        factors=FACTORS,
    )
    removed = [step for step in chosen.path if step.action == "remove"]
    assert {step.factor for step in removed} == set(FACTORS) - set(chosen.factors)
    assert all(step.p_value > 0.10 for step in removed)


def test_both_removes_what_another_factor_made_idle():
    # z predicts treatment best alone, and not beside the x1 and x2 it is made of.
    rng = np.random.default_rng(3)
    x1, x2 = rng.normal(size=(2, 400))
    frame = pd.DataFrame({"z": x1 + x2 + rng.normal(0, 0.3, 400), "x1": x1, "x2": x2})
    treatment = rng.binomial(1, expit(1.5 * x1 + 1.5 * x2))
    forward, both = (
        stepwise_logistic(
            frame,
            treatment,
            direction=direction,
            criterion="likelihood_ratio",
            p_enter=0.2,
            p_remove=0.3,
        )
        for direction in ("forward", "both")
    )
    assert forward.path[1].factor == "z"
    assert set(forward.factors) == {"z", "x1", "x2"}
    assert set(both.factors) == {"x1", "x2"}
    assert both.path[-1].action == "remove"
    # The best of all subsets by Akaike's criterion, too.
    subsets = [list(names) for size in range(4) for names in combinations(frame, size)]
    best = min(subsets, key=lambda names: logistic_regression(frame[names], treatment).aic)
    assert set(best) == set(both.factors)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"direction": "sideways"}, "choose from both, forward, backward"),
        ({"criterion": "bic"}, "choose from aic, likelihood_ratio"),
        ({"p_enter": 0.2, "p_remove": 0.1}, "without end"),
        ({"factors": {"a": ["a"]}}, "each column exactly once"),
    ],
)
def test_wrong_arguments_are_refused(patients, changes, message):
    with pytest.raises(InputError, match=message):
        stepwise_logistic(patients[["a", "b"]], patients["treatment"], **changes)
