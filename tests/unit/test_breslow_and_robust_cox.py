from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hccbayes.errors import InputError
from hccbayes.frequentist.breslow import breslow_likelihood
from hccbayes.frequentist.cox import cox
from hccbayes.frequentist.episodes import Episodes
from hccbayes.frequentist.identifiability import NotEstimableError
from hccbayes.frequentist.newton import NoMaximumError, Point, maximize
from hccbayes.frequentist.partial_likelihood import likelihood_slots, partial_likelihood
from hccbayes.frequentist.robust_cox import robust_cox


def cohort(rng, rows=60):
    stop = np.ceil(rng.exponential(6, rows))
    start = np.where(rng.uniform(size=rows) < 0.4, stop / 2, 0.0)
    event = rng.binomial(1, 0.7, rows)
    design = pd.DataFrame({"treatment": rng.binomial(1, 0.5, rows), "age": rng.normal(size=rows)})
    return design, start, stop, event


def test_running_sums_are_the_sums_over_risk_sets(rng):
    design, start, stop, event = cohort(rng)
    episodes, strata = Episodes.of(start, stop, event), rng.integers(0, 3, len(stop))
    values, coef = design.to_numpy(dtype=float), np.array([0.7, -1.2])
    fast = breslow_likelihood(values, episodes, strata)(coef)
    dense = partial_likelihood(
        values, np.ones(len(stop)), likelihood_slots(episodes, strata, "breslow"), coef
    )
    assert fast.value == pytest.approx(dense.value, rel=1e-13)
    np.testing.assert_allclose(fast.score, dense.score, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(fast.information, dense.information, rtol=1e-11)


def test_breslow_by_hand():
    # At 1 two of three die, of whom one is treated; at 2 the last, untreated:
    # value b - 2 log(1 + 2 r) with r = exp(b) for one untreated and two treated.
    fit = cox(pd.DataFrame({"treatment": [1, 0, 1]}), [0, 0, 0], [1, 1, 2], [1, 1, 0],
              ties="breslow")  # fmt: skip
    # Score 1 - 4 r / (1 + 2 r) = 0 at r = 1/2; information 2 * (1/2) (1/2).
    assert fit.coef[0] == pytest.approx(np.log(0.5), abs=1e-10)
    assert fit.se[0] == pytest.approx(np.sqrt(2), rel=1e-9)
    assert fit.method == "cox_breslow"


def test_without_ties_breslow_is_efron(rng):
    design, _, stop, event = cohort(rng)
    follow_up = (np.zeros(60), stop + rng.uniform(0, 0.5, 60), event)
    efron, breslow = (cox(design, *follow_up, ties=ties) for ties in ("efron", "breslow"))
    np.testing.assert_allclose(breslow.coef, efron.coef, atol=1e-8)
    assert breslow.log_likelihood == pytest.approx(efron.log_likelihood, abs=1e-9)


def test_unknown_ties_are_refused(rng):
    with pytest.raises(InputError, match="choose from efron, breslow"):
        cox(*cohort(rng), ties="exact")


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("fit", [cox, robust_cox])
def test_degenerate_designs_are_named(ties, fit):
    zeros, stop = np.zeros(6), [1, 2, 3, 4, 5, 6]
    arm = pd.DataFrame({"treatment": [0, 1, 0, 1, 0, 1]})
    with pytest.raises(NotEstimableError, match="no event"):
        fit(arm, zeros, stop, zeros, ties=ties)
    with pytest.raises(NotEstimableError, match="treatment: has no finite log hazard ratio"):
        fit(arm, zeros, stop, [1, 0, 1, 0, 1, 0], ties=ties)
    with pytest.raises(NotEstimableError, match="twice: is constant, or a combination"):
        fit(arm.assign(twice=2 * arm["treatment"]), zeros, stop, np.ones(6), ties=ties)
    with pytest.raises(NotEstimableError, match="treatment: is constant"):
        fit(arm, zeros, stop, np.ones(6), strata=arm["treatment"], ties=ties)
    with pytest.raises(NotEstimableError, match="treatment: is constant"):
        fit(arm.iloc[:1], [0], [1], [1], ties=ties)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_all_tied_at_once_say_no_effect(ties):
    # Everybody dies at one time: the likelihood is symmetric in the arms.
    design = pd.DataFrame({"treatment": [0, 1, 0, 1]})
    fit = cox(design, np.zeros(4), np.full(4, 5.0), np.ones(4), ties=ties)
    assert fit.coef[0] == pytest.approx(0.0, abs=1e-9)
    assert np.isfinite(fit.se).all()


def test_copies_of_the_patients_in_clusters_tell_nothing_new(rng):
    design, start, stop, event = cohort(rng)
    once = robust_cox(design, start, stop, event, ties="breslow")
    twice = robust_cox(
        pd.concat([design, design]), *(np.tile(column, 2) for column in (start, stop, event)),
        cluster=np.tile(np.arange(60), 2), ties="breslow",
    )  # fmt: skip
    np.testing.assert_allclose(twice.coef, once.coef, atol=1e-9)
    np.testing.assert_allclose(twice.se, once.se, rtol=1e-8)
    np.testing.assert_allclose(twice.model_se, once.model_se / np.sqrt(2), rtol=1e-8)
    assert (once.method, twice.method) == ("cox_breslow_robust", "cox_breslow_cluster")
    assert (once.clusters, twice.clusters) == (60, 60)


def test_too_few_clusters_are_refused(rng):
    design, start, stop, event = cohort(rng)
    with pytest.raises(NotEstimableError, match="2 clusters cannot give the variance of 2 terms"):
        robust_cox(design, start, stop, event, cluster=np.arange(60) % 2)
    with pytest.raises(InputError, match="between 0 and 1"):
        robust_cox(design, start, stop, event, prob=0)


def test_newton_solves_a_parabola_in_a_step():
    calls = []

    def parabola(coef):
        calls.append(coef)
        return Point(-float((coef - 3) @ (coef - 3)), -2 * (coef - 3), 2 * np.eye(1))

    best, point = maximize(parabola, np.zeros(1))
    assert (best[0], point.value, len(calls)) == (3.0, 0.0, 2)


def test_newton_says_how_it_failed():
    with pytest.raises(NoMaximumError, match="singular"):
        maximize(lambda coef: Point(0.0, np.ones(1), np.zeros((1, 1))), np.zeros(1))
    with pytest.raises(NoMaximumError, match="no step"):
        maximize(lambda coef: Point(-float(coef[0]), np.ones(1), np.eye(1)), np.zeros(1))
    with pytest.raises(NoMaximumError, match="no convergence after 200 steps"):
        maximize(lambda coef: Point(float(coef[0]), np.ones(1), np.eye(1)), np.zeros(1))
