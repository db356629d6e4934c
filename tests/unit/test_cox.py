from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize

from hccbayes.errors import InputError
from hccbayes.frequentist.cox import cox
from hccbayes.frequentist.identifiability import NotEstimableError

FOUR = pd.DataFrame({"treatment": [0.0, 1.0, 0.0, 1.0]})


@pytest.fixture
def simulated() -> pd.DataFrame:
    rng = np.random.default_rng(20261121)
    n = 60
    return pd.DataFrame(
        {
            "treatment": rng.integers(0, 2, n).astype(float),
            "age_years": rng.normal(60, 10, n),
            "time": np.ceil(rng.exponential(12, n)),
            "event": rng.integers(0, 2, n),
            "stop": rng.normal(size=n),
        }
    )


def test_four_patients_by_hand():
    # Deaths 1 to 4, treated every second: the score is 1 - 2r/(1+r) - 2r/(1+2r) with r the hazard
    # ratio, whose root is r = (sqrt(17) - 1) / 8.
    fit = cox(FOUR, np.zeros(4), [1, 2, 3, 4], np.ones(4))
    ratio = (np.sqrt(17) - 1) / 8
    assert fit.coef[0] == pytest.approx(np.log(ratio), rel=1e-9)
    assert fit.log_likelihood == pytest.approx(
        np.log(1 / (2 + 2 * ratio) * ratio / (1 + 2 * ratio) / (1 + ratio)), rel=1e-12
    )
    information = 2 * ratio / (1 + ratio) ** 2 + 2 * ratio / (1 + 2 * ratio) ** 2
    assert fit.se[0] == pytest.approx(information**-0.5, rel=1e-8)
    assert fit.upper[0] - fit.coef[0] == pytest.approx(1.959963984540054 * fit.se[0], rel=1e-12)


def test_ties_by_hand_are_efrons():
    # A treated and a control death together, a treated survivor: r / ((2r + 1)(1.5 r + 0.5)) has
    # its maximum at r = sqrt(1/6). Breslow's r / (2r + 1)^2 would have it at 1/2.
    design = pd.DataFrame({"treatment": [1.0, 0.0, 1.0]})
    fit = cox(design, np.zeros(3), [1, 1, 2], [1, 1, 0])
    assert fit.coef[0] == pytest.approx(-np.log(6) / 2, rel=1e-9)


def test_units_of_a_term_do_not_matter(simulated):
    follow_up = (np.zeros(60), simulated["time"], simulated["event"])
    fit = cox(simulated[["treatment", "age_years"]], *follow_up)
    design = simulated[["treatment", "age_years"]].assign(age_years=simulated["age_years"] * 1e6)
    scaled = cox(design, *follow_up)
    np.testing.assert_allclose(scaled.coef * [1, 1e6], fit.coef, rtol=1e-8)
    np.testing.assert_allclose(scaled.se * [1, 1e6], fit.se, rtol=1e-8)


def test_only_the_order_of_times_matters_also_at_zero(simulated):
    time = simulated["time"] - simulated["time"].min()
    assert simulated["event"][time == 0].sum() > 0
    design = simulated[["treatment", "age_years"]]
    at_zero = cox(design, np.zeros(60), time, simulated["event"])
    shifted = cox(design, np.zeros(60), time + 1, simulated["event"])
    np.testing.assert_allclose(at_zero.coef, shifted.coef, rtol=1e-12)


def test_zero_follow_up_beside_delayed_entry(simulated):
    design = simulated[["treatment", "age_years"]]
    time = simulated["time"] - simulated["time"].min()
    start = np.where(time > 5, 3.0, 0.0)
    fit = cox(design, start, time, simulated["event"])
    shifted = cox(design, np.where(start > 0, start + 1, 0), time + 1, simulated["event"])
    np.testing.assert_allclose(fit.coef, shifted.coef, rtol=1e-12)


def test_a_term_may_be_called_like_a_column_of_the_fit(simulated):
    fit = cox(simulated[["treatment", "stop"]], np.zeros(60), simulated["time"], simulated["event"])
    assert fit.terms == ("treatment", "stop")


def test_splitting_episodes_changes_nothing(simulated):
    design = simulated[["treatment", "age_years"]]
    time, event = simulated["time"].to_numpy(), simulated["event"].to_numpy()
    late = time > 6
    fit = cox(design, np.zeros(60), time, event)
    split = cox(
        pd.concat([design, design[late]]),
        np.concatenate([np.zeros(60), np.full(late.sum(), 6.0)]),
        np.concatenate([np.minimum(time, 6.0), time[late]]),
        np.concatenate([np.where(late, 0, event), event[late]]),
    )
    np.testing.assert_allclose(split.coef, fit.coef, rtol=1e-8)
    assert split.log_likelihood == pytest.approx(fit.log_likelihood, rel=1e-12)


@pytest.mark.parametrize("delayed", [False, True])
def test_separation_names_the_term(simulated, delayed):
    time = np.where(simulated["treatment"] == 1, 1.0, 2.0) + np.arange(60) / 100
    start = np.where(np.arange(60) % 2 == 0, 0.5, 0.0) if delayed else np.zeros(60)
    with pytest.raises(NotEstimableError, match="separation") as raised:
        cox(simulated[["age_years", "treatment"]], start, time, np.ones(60))
    assert [problem.where for problem in raised.value.problems] == ["term treatment"]


def test_an_arm_without_events_is_separation(simulated):
    event = np.where(simulated["treatment"] == 1, 0, 1)
    with pytest.raises(NotEstimableError, match="term treatment"):
        cox(simulated[["treatment"]], np.zeros(60), simulated["time"], event)


def test_separation_by_a_combination_names_its_terms():
    rng = np.random.default_rng(3)
    first, second = rng.normal(size=(2, 30))
    design = pd.DataFrame({"a": first, "b": second, "c": rng.normal(size=30)})
    with pytest.raises(NotEstimableError, match="separation") as raised:
        cox(design, np.zeros(30), 100 - 10 * (first + second), np.ones(30))
    assert {"term a", "term b"} <= {problem.where for problem in raised.value.problems}


def test_collinear_term_is_named(simulated):
    design = simulated[["treatment", "age_years"]].assign(
        again=lambda frame: frame["age_years"] - 3 * frame["treatment"]
    )
    with pytest.raises(NotEstimableError, match="combination") as raised:
        cox(design, np.zeros(60), simulated["time"], simulated["event"])
    assert [problem.where for problem in raised.value.problems] == ["term again"]


def test_term_constant_within_strata_is_named(simulated):
    with pytest.raises(NotEstimableError, match="term treatment"):
        cox(
            simulated[["treatment", "age_years"]],
            np.zeros(60),
            simulated["time"],
            simulated["event"],
            strata=simulated["treatment"],
        )


def test_term_constant_in_every_risk_set_is_named():
    # The arms are never at risk together, though the term varies over all rows.
    start, stop = [0, 0, 0, 5, 5, 5], [1, 2, 3, 6, 7, 8]
    design = pd.DataFrame({"treatment": [1.0, 1, 1, 0, 0, 0], "x": [1.0, 2, 1, 4, 3, 4]})
    with pytest.raises(NotEstimableError, match="term treatment"):
        cox(design, start, stop, [1, 1, 0, 1, 1, 0])


def test_wrong_input_is_refused(simulated):
    follow_up = (np.zeros(60), simulated["time"], simulated["event"])
    with pytest.raises(InputError, match="59 rows for 60"):
        cox(simulated[["treatment"]].iloc[1:], *follow_up)
    with pytest.raises(InputError, match="term age_years: has missing"):
        cox(simulated[["age_years"]].where(simulated["age_years"] > 60), *follow_up)
    with pytest.raises(InputError, match="no column"):
        cox(simulated[[]], *follow_up)
    with pytest.raises(NotEstimableError, match="no event"):
        cox(simulated[["treatment"]], np.zeros(60), simulated["time"], np.zeros(60))


@pytest.mark.parametrize("seed", [3, 5])
def test_newton_steps_that_overshoot_are_no_failure(seed):
    # A rare term whose events are early: a full first step ends in an overflow (seed 5), a half
    # one too (seed 3). A general optimizer finds the maximum of the likelihood without ties.
    rng = np.random.default_rng(seed)
    rare = (np.arange(40) < 2).astype(float)
    covariate = rng.normal(size=40)
    time = np.argsort(np.argsort(-4 * rare - covariate + rng.gumbel(size=40))) + 1.0
    design = pd.DataFrame({"rare": rare, "covariate": covariate})
    fit = cox(design, np.zeros(40), time, np.ones(40))

    def minus_log_likelihood(beta):
        eta = design.to_numpy() @ beta
        return -sum(eta[i] - np.log(np.exp(eta[time >= time[i]]).sum()) for i in range(40))

    found = minimize(minus_log_likelihood, [0.0, 0.0], method="BFGS", options={"gtol": 1e-6})
    # BFGS stops at a score of 1e-6 with numerical gradients: the square root of rounding.
    np.testing.assert_allclose(fit.coef, found.x, atol=1e-4)
    assert fit.log_likelihood == pytest.approx(-found.fun, abs=1e-8)


def test_text_is_named_and_not_computed_with():
    frame = pd.DataFrame({"treatment": [0, 1, 0, 1], "stage": list("abab")})
    with pytest.raises(InputError, match="term stage: is no number; make its levels columns"):
        cox(frame, [0] * 4, [1, 2, 3, 4], [1, 1, 1, 0])
    with pytest.raises(InputError, match="stop: must be plain numbers, not text"):
        cox(frame[["treatment"]], [0] * 4, ["a", 2, 3, 4], [1, 1, 1, 0])
    with pytest.raises(InputError, match="prob: must lie between 0 and 1, not 'a'"):
        cox(frame[["treatment"]], [0] * 4, [1, 2, 3, 4], [1, 1, 1, 0], prob="a")
