from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from lifelines import CoxPHFitter

from hccbayes.frequentist.cox import cox
from hccbayes.frequentist.episodes import Episodes
from hccbayes.frequentist.identifiability import NotEstimableError
from hccbayes.frequentist.partial_likelihood import likelihood_slots, partial_likelihood
from hccbayes.frequentist.running_sums import running_likelihood

TERMS = ["treatment", "age", "marker"]


def cohort(rng, rows, *, months, delayed):
    stop = rng.exponential(8, rows) + 0.1
    entry = np.where(rng.uniform(size=rows) < 0.5 * delayed, stop * rng.uniform(0.1, 0.9, rows), 0)
    if months:
        stop, entry = np.ceil(stop), np.floor(entry)
    design = np.column_stack(
        [rng.binomial(1, 0.4, rows), rng.normal(size=rows), rng.exponential(size=rows)]
    )
    return design, Episodes.of(entry, stop, rng.binomial(1, 0.7, rows))


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("months", [False, True])
@pytest.mark.parametrize("delayed", [False, True])
@pytest.mark.parametrize("coef", [[0.0, 0.0, 0.0], [0.7, -1.2, 0.4], [6.0, -4.0, 3.0]])
def test_running_sums_are_the_sums_over_risk_sets(rng, ties, months, delayed, coef):
    design, episodes = cohort(rng, 80, months=months, delayed=delayed)
    strata = rng.integers(0, 3, 80)
    fast = running_likelihood(design, episodes, strata, ties)(np.array(coef))
    slots = likelihood_slots(episodes, strata, ties)
    dense = partial_likelihood(design, np.ones(80), slots, np.array(coef))
    # Sums of 80 numbers, of which a difference is taken: some hundred roundings.
    assert fast.value == pytest.approx(dense.value, rel=1e-12)
    np.testing.assert_allclose(fast.score, dense.score, rtol=1e-10, atol=1e-10)
    size = np.abs(dense.information).max()
    np.testing.assert_allclose(fast.information, dense.information, atol=1e-10 * size)


def test_a_large_mean_of_a_stratum_takes_no_digits(rng):
    design, episodes = cohort(rng, 200, months=True, delayed=False)
    strata = np.arange(200) % 2
    coef = np.array([0.3, -0.2, 0.1])
    near = running_likelihood(design, episodes, strata, "efron")(coef)
    far = running_likelihood(design + 1e5 * strata[:, None], episodes, strata, "efron")(coef)
    # 1e5 leaves 1e-11 of a value near 1.
    np.testing.assert_allclose(far.information, near.information, rtol=1e-9, atol=1e-8)


def test_a_risk_set_below_the_smallest_number_is_no_improvement():
    # The last to die has a relative risk of exp(-2000) to the first.
    design, episodes = (
        np.array([[1.0], [0.5], [-1.0]]),
        Episodes.of(np.zeros(3), [1, 2, 3], [1] * 3),
    )
    likelihood = running_likelihood(design, episodes, np.zeros(3, dtype=np.intp), "efron")
    assert likelihood(np.array([1000.0])).value == -np.inf
    assert np.isfinite(likelihood(np.array([100.0])).value)


@pytest.mark.parametrize("months", [False, True])
@pytest.mark.parametrize("delayed", [False, True])
@pytest.mark.parametrize("stratified", [False, True])
def test_efron_is_lifelines_taken_to_its_last_digit(rng, months, delayed, stratified):
    rows = 400
    design, episodes = cohort(rng, rows, months=months, delayed=delayed)
    entry = np.maximum(episodes.entry, 0.0)
    strata = rng.integers(0, 3, rows) if stratified else None
    frame = pd.DataFrame(design, columns=TERMS)
    own = cox(frame, entry, episodes.stop, episodes.event, strata=strata)
    columns = frame.assign(entry=entry, stop=episodes.stop, event=episodes.event)
    if stratified:
        columns["stratum"] = strata
    rival = CoxPHFitter().fit(
        columns if delayed else columns.drop(columns="entry"),
        "stop",
        "event",
        entry_col="entry" if delayed else None,
        strata="stratum" if stratified else None,
        fit_options={"precision": 1e-18, "r_precision": 0.0, "max_steps": 200, "step_size": 0.5},
    )
    # A Newton decrement of 1e-18 is an error of some 1e-9 standard errors.
    np.testing.assert_allclose((own.coef - rival.params_[TERMS]) / own.se, 0, atol=5e-9)
    np.testing.assert_allclose(own.se, rival.standard_errors_[TERMS], rtol=1e-8)
    assert own.log_likelihood == pytest.approx(rival.log_likelihood_, rel=1e-12)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_nearly_the_same_term_twice_is_a_fit(rng, ties):
    # A term that is nearly another has a large standard error and a maximum all the same.
    design, episodes = cohort(rng, 100, months=True, delayed=False)
    frame = pd.DataFrame(design, columns=TERMS)
    frame["again"] = frame["age"] + 1e-4 * rng.normal(size=100)
    fit = cox(frame, np.zeros(100), episodes.stop, episodes.event, ties=ties)
    assert fit.se[-1] > 100
    frame["again"] = frame["age"]
    with pytest.raises(NotEstimableError, match="term again"):
        cox(frame, np.zeros(100), episodes.stop, episodes.event, ties=ties)
