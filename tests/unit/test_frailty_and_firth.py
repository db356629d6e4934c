from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2

from hccbayes.errors import InputError
from hccbayes.frequentist.cox import cox
from hccbayes.frequentist.firth_cox import firth_cox
from hccbayes.frequentist.frailty import frailty_cox
from hccbayes.frequentist.identifiability import NotEstimableError


def cohort(rng, rows=150, centers=10, spread=0.8):
    center = rng.integers(0, centers, rows)
    design = pd.DataFrame({"treatment": rng.binomial(1, 0.5, rows), "age": rng.normal(size=rows)})
    hazard = 0.1 * np.exp(rng.normal(0, spread, centers)[center] - 0.5 * design["treatment"])
    stop = np.ceil(rng.exponential(1 / hazard))
    return design, np.zeros(rows), np.minimum(stop, 40), (stop <= 40).astype(int), center


def test_gamma_frailties_have_their_closed_form(rng):
    # (d + nu) / (H + nu), H the cumulative hazard of a center's patients at frailty 1.
    design, start, stop, event, center = cohort(rng)
    fit = frailty_cox(design, start, stop, event, center, variance=0.4, ties="breslow")
    risk = np.exp(design.to_numpy() @ fit.coef)
    own = risk * np.exp(fit.log_frailty.to_numpy())[center]
    times = np.unique(stop[event == 1])
    jumps = [(event * (stop == time)).sum() / own[stop >= time].sum() for time in times]
    exposure = [risk[row] * np.sum(np.array(jumps)[times <= stop[row]]) for row in range(150)]
    deaths, hazard = np.bincount(center, event), np.bincount(center, exposure)
    np.testing.assert_allclose(np.exp(fit.log_frailty), (deaths + 2.5) / (hazard + 2.5), rtol=1e-8)
    assert np.exp(fit.log_frailty).mean() == pytest.approx(1.0, abs=1e-9)


def test_the_variance_is_where_the_marginal_likelihood_is_largest(rng):
    arguments = cohort(rng)
    best = frailty_cox(*arguments)
    around = [frailty_cox(*arguments, variance=best.variance * factor) for factor in (0.97, 1.03)]
    assert best.variance > 0.05
    assert best.reason == ""
    assert all(fit.marginal_log_likelihood < best.marginal_log_likelihood for fit in around)


def test_gaussian_frailties_average_to_nothing(rng):
    fit = frailty_cox(*cohort(rng), distribution="gaussian")
    assert fit.log_frailty.mean() == pytest.approx(0.0, abs=1e-9)
    assert fit.method == "cox_efron_frailty_gaussian"
    assert np.isnan(fit.marginal_log_likelihood)


@pytest.mark.parametrize("distribution", ["gamma", "gaussian"])
def test_a_small_variance_is_the_ordinary_model(rng, distribution):
    arguments = cohort(rng)
    plain = cox(*arguments[:4])
    fit = frailty_cox(*arguments, distribution=distribution, variance=1e-9)
    # Frailties of 1e-9 times at most the deaths of a center change the score by as much.
    np.testing.assert_allclose(fit.coef, plain.coef, atol=1e-6)
    np.testing.assert_allclose(fit.se, plain.se, atol=1e-6)


@pytest.mark.parametrize("distribution", ["gamma", "gaussian"])
def test_equal_centers_have_no_variance(rng, distribution):
    # The same patients in each of four centers.
    design, start, stop, event, _ = cohort(rng, rows=40, spread=0.0)
    four = [pd.concat([design] * 4), *(np.tile(column, 4) for column in (start, stop, event))]
    fit = frailty_cox(*four, np.repeat(["a", "b", "c", "d"], 40), distribution=distribution)
    assert fit.variance == 0.0
    assert "no more than chance" in fit.reason
    np.testing.assert_allclose(fit.coef, cox(*four).coef, atol=1e-8)
    if distribution == "gamma":
        assert fit.marginal_log_likelihood == pytest.approx(fit.log_likelihood)
    assert list(fit.log_frailty.index) == ["a", "b", "c", "d"]
    np.testing.assert_allclose(fit.log_frailty, 0.0, atol=1e-9)


def test_frailty_refuses_what_it_cannot_fit(rng):
    design, start, stop, event, center = cohort(rng)
    with pytest.raises(NotEstimableError, match="one cluster tells nothing"):
        frailty_cox(design, start, stop, event, np.zeros(150))
    with pytest.raises(NotEstimableError, match="no event"):
        frailty_cox(design, start, stop, np.zeros(150), center)
    with pytest.raises(NotEstimableError, match="treatment: has no finite log hazard ratio"):
        frailty_cox(design, start, stop, event * (design["treatment"] == 0), center)
    with pytest.raises(NotEstimableError, match="old: is constant, or a combination"):
        frailty_cox(design.assign(old=-design["age"]), start, stop, event, center)
    with pytest.raises(InputError, match="choose from gamma, gaussian"):
        frailty_cox(design, start, stop, event, center, distribution="t")
    with pytest.raises(InputError, match="variance: must be above 0"):
        frailty_cox(design, start, stop, event, center, variance=0.0)
    with pytest.raises(InputError, match="missing values are not a cluster"):
        frailty_cox(design, start, stop, event, [None, *center[1:]])
    with pytest.raises(InputError, match="one label a row"):
        frailty_cox(design, start, stop, event, center[1:])


def test_firth_of_six_patients_by_hand():
    # Untreated die at 1 (three and three at risk), 3 (two and two) and 6 (alone), no treated one:
    # penalized log r / 2 - 3 log(1 + r), largest at r = 1/5; information 2 r / (1 + r)^2.
    design = pd.DataFrame({"treatment": [0, 1, 0, 1, 1, 0]})
    fit = firth_cox(design, np.zeros(6), [1, 2, 3, 4, 5, 6], [1, 0, 1, 0, 0, 1])
    assert fit.coef[0] == pytest.approx(np.log(1 / 5), abs=1e-9)
    assert fit.se[0] == pytest.approx(np.sqrt(18 / 5), rel=1e-8)

    def penalized(log_ratio):
        return log_ratio / 2 - 3 * np.log1p(np.exp(log_ratio))

    drop = 3.841458820694124 / 2
    for limit in (fit.lower[0], fit.upper[0]):
        assert penalized(limit) == pytest.approx(penalized(np.log(0.2)) - drop, abs=1e-8)
    assert fit.lower[0] < fit.coef[0] < fit.upper[0]
    ratio = 2 * (penalized(np.log(0.2)) - penalized(0.0))
    assert fit.p_value[0] == pytest.approx(chi2.sf(ratio, 1), rel=1e-8)
    # log(1/2) for choosing 3 and 2 of one arm: the likelihood has 1/3 and 1/2 less.
    constant = -np.log(3) - np.log(2) + np.log(2) / 2
    assert fit.log_likelihood == pytest.approx(penalized(np.log(0.2)) + constant, abs=1e-9)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_firth_approaches_the_ordinary_fit(rng, ties):
    design, start, stop, event, _ = cohort(rng, rows=2000)
    firth, plain = (fit(design, start, stop, event, ties=ties) for fit in (firth_cox, cox))
    # The penalty is of order 1, the information of order 1000.
    np.testing.assert_allclose(firth.coef, plain.coef, atol=0.05 * plain.se.max())
    np.testing.assert_allclose(firth.lower, plain.lower, atol=0.1 * plain.se.max())
    assert (np.abs(firth.coef - plain.coef) > 1e-6).any()


def test_firth_does_not_depend_on_the_units(rng):
    design, start, stop, event, _ = cohort(rng)
    years = firth_cox(design, start, stop, event)
    months = firth_cox(design.assign(age=12 * design["age"]), start, stop, event)
    assert 12 * months.coef[1] == pytest.approx(years.coef[1], abs=1e-9)
    assert 12 * months.upper[1] == pytest.approx(years.upper[1], abs=1e-8)
    # log |I| / 2 grows by the logarithm of the factor.
    assert months.log_likelihood == pytest.approx(years.log_likelihood + np.log(12), abs=1e-8)


def test_firth_refuses_what_no_penalty_mends(rng):
    design, start, stop, event, _ = cohort(rng)
    with pytest.raises(NotEstimableError, match="no event"):
        firth_cox(design, start, stop, np.zeros(150))
    with pytest.raises(NotEstimableError, match="twice: is constant, or a combination"):
        firth_cox(design.assign(twice=2 * design["age"]), start, stop, event)
    with pytest.raises(NotEstimableError, match="treatment: is constant"):
        firth_cox(design[["treatment"]], start, stop, event, strata=design["treatment"])
    with pytest.raises(InputError, match="between 0 and 1"):
        firth_cox(design, start, stop, event, prob=1)
