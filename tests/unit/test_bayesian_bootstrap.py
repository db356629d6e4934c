"""The Bayesian bootstrap: its scores are posterior modes, its shares keep the arms' sizes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit, logit

from hccbayes.adjustment import bayesian_bootstrap
from hccbayes.adjustment.arm_hazard import maximum_likelihood
from hccbayes.adjustment.bayesian_bootstrap import (
    _arm_shares,
    bayesian_bootstrap_effect,
    refitted_score,
)
from hccbayes.errors import InputError
from hccbayes.weights import weight_values

CENTERS = {"center": "hospital"}


def with_hospitals(frame):
    hospital = np.array(["east", "north", "west"])[np.arange(len(frame)) % 3]
    return frame.assign(hospital=hospital)


@pytest.fixture
def hospitals(make_problem, confounded):
    """A problem with three hospitals as columns of the score."""
    return make_problem(frame=with_hospitals(confounded()), data=CENTERS)


def log_posterior(coef, matrix, treatment, share, prior, terms) -> float:
    """Return the log posterior of intercept, coefficients and centers, up to a constant."""
    predictor = matrix @ coef
    likelihood = share @ (treatment * predictor - np.logaddexp(0.0, predictor))
    own, centers = coef[1 : terms + 1], coef[terms + 1 :]
    if prior == "student_t":
        density = -4.0 * np.sum(np.log1p(own**2 / (7.0 * 2.5**2)))
    else:
        density = -0.5 * np.sum(own**2)
    density -= 0.5 * (coef[0] - logit(treatment.mean())) ** 2 / 1.5**2
    return float(likelihood + density - 0.5 * np.sum(centers**2) / 2.5**2)


def mode_by_optimizer(problem, prior: str, share: np.ndarray) -> np.ndarray:
    design = problem.propensity.design
    terms = design.matrix.shape[1]
    dummies = problem.propensity.columns.to_numpy()[:, terms:]
    matrix = np.column_stack(
        [np.ones(len(share)), design.matrix, dummies - dummies.mean(axis=0, keepdims=True)]
    )
    found = minimize(
        lambda coef: -log_posterior(coef, matrix, design.treatment, share, prior, terms),
        np.zeros(matrix.shape[1]),
        method="Nelder-Mead",
        options={"xatol": 1e-8, "fatol": 1e-12, "maxiter": 20_000, "maxfev": 20_000},
    )
    assert found.success
    return expit(matrix @ found.x)


@pytest.mark.parametrize("prior", ["student_t", "normal"])
def test_the_refitted_score_is_the_posterior_mode(make_problem, prior: str) -> None:
    """The simplex stops at 1e-12 of the log density: 1e-6 off in a coefficient of curvature 1."""
    problem = make_problem()
    (share,) = _arm_shares(problem.propensity.design.treatment, 1, np.random.default_rng(6))
    found = refitted_score(problem.propensity, prior, share)
    np.testing.assert_allclose(found, mode_by_optimizer(problem, prior, share), atol=1e-5)


@pytest.mark.parametrize("prior", ["student_t", "normal"])
def test_so_it_is_with_centers(hospitals, prior: str) -> None:
    assert hospitals.propensity.columns.columns.to_list() == [
        "age",
        "invasion",
        "center north",
        "center west",
    ]
    (share,) = _arm_shares(hospitals.propensity.design.treatment, 1, np.random.default_rng(7))
    found = refitted_score(hospitals.propensity, prior, share)
    np.testing.assert_allclose(found, mode_by_optimizer(hospitals, prior, share), atol=1e-5)


def test_a_heavy_tail_lets_a_strong_term_go_further(make_problem, confounded) -> None:
    """Where one term all but decides the arm, the Student prior shrinks it less."""
    frame = confounded()
    frame["arm"] = np.where(frame["age"] + 2.0 * (frame.index % 5) > 60.0, "both", "one")
    propensity = make_problem(frame=frame).propensity
    spread = {
        prior: np.ptp(logit(refitted_score(propensity, prior, np.ones(len(frame)))))
        for prior in ("student_t", "normal")
    }
    assert spread["student_t"] > 1.2 * spread["normal"]


def test_shares_add_up_to_the_arms_and_are_dirichlet() -> None:
    """Of n patients a share has mean 1 and variance (n - 1) / (n + 1)."""
    treatment = np.repeat([1.0, 0.0], [4, 16])
    share = _arm_shares(treatment, 20_000, np.random.default_rng(8))
    np.testing.assert_allclose(share[:, :4].sum(axis=1), 4.0, rtol=1e-12)
    np.testing.assert_allclose(share[:, 4:].sum(axis=1), 16.0, rtol=1e-12)
    assert (share > 0).all()
    for own, count in ((share[:, 0], 4), (share[:, 4], 16)):
        variance = (count - 1.0) / (count + 1.0)
        # Means of 20,000: 5 standard errors; a variance errs by less than 3 of its own / root n.
        assert own.mean() == pytest.approx(1.0, abs=5.0 * np.sqrt(variance / 20_000))
        assert own.var() == pytest.approx(variance, abs=5.0 * 3.0 * variance / np.sqrt(20_000))


@pytest.mark.parametrize("prior", ["horseshoe", "r2d2"])
def test_a_prior_without_such_a_mode_is_refused(make_problem, prior: str) -> None:
    with pytest.raises(InputError, match=rf"whose mode is found; not '{prior}'"):
        make_problem(propensity={"prior": prior}, propagate="bayesian_bootstrap")
    problem = make_problem(propensity={"prior": prior})
    with pytest.raises(InputError, match=rf"needs prior = student_t or normal, not {prior}"):
        bayesian_bootstrap_effect(problem)


@pytest.mark.parametrize("target", ["ate", "ato"])
def test_a_draw_is_the_weighted_fit_under_its_shares(
    make_problem, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    monkeypatch.setattr(bayesian_bootstrap, "REPLICATES", 3)
    problem = make_problem(propagate="bayesian_bootstrap", target=target)
    effect = bayesian_bootstrap_effect(problem)
    assert (effect.method, effect.population) == (f"pe_bayesian_bootstrap_{target}", target)
    assert effect.draws.sizes["draw"] == 3
    treatment = problem.propensity.design.treatment
    shares = _arm_shares(treatment, 3, np.random.default_rng([20261120, 4]))
    patients = problem.patients(np.ones(len(treatment), dtype=bool))
    expected = [
        maximum_likelihood(
            patients.arms(
                share
                * weight_values(
                    refitted_score(problem.propensity, "student_t", share), treatment, target
                )
            )
        )[0]
        for share in shares
    ]
    found = effect.draws["log_marginal_hr"].to_numpy()[0, :, 0]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    again = bayesian_bootstrap_effect(problem)
    assert again.draws.equals(effect.draws)


def test_it_is_a_sensitivity_and_says_so(make_problem, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bayesian_bootstrap, "REPLICATES", 2)
    effect = bayesian_bootstrap_effect(make_problem(propagate="bayesian_bootstrap"))
    assert effect.diagnosis is None
    assert "intervals are too narrow" in effect.notes[0]


def test_its_curves_follow_from_its_hazards(make_problem, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proportional hazards: log S treated over log S control is the hazard ratio at all times."""
    monkeypatch.setattr(bayesian_bootstrap, "REPLICATES", 4)
    draws = bayesian_bootstrap_effect(make_problem(propagate="bayesian_bootstrap")).draws
    ratio = np.log(draws["survival"].sel(arm="treated")) / np.log(
        draws["survival"].sel(arm="control")
    )
    for time in (6.0, 12.0):
        np.testing.assert_allclose(
            np.log(ratio.sel(time=time)), draws["log_marginal_hr"], rtol=1e-10
        )
