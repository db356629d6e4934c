"""The propensity model: its density and scores by hand, its priors, its centers, its notes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.special import expit, logit
from scipy.stats import beta, dirichlet, norm, t

from hccbayes.design import Design, Term
from hccbayes.errors import InputError
from hccbayes.fit import compile_model, fit
from hccbayes.propensity import (
    PropensityFit,
    _notes,
    fit_propensity,
    score_columns,
    score_draws,
)
from hccbayes.propensity_model import build_propensity_model, center_terms
from hccbayes.spec import PropensitySection, SamplerSection

SAMPLER = SamplerSection(draws=1000, tune=500, chains=4, seed=20261120)
NOISE_TERMS = slice(2, 12)
SINGLE = 1e-6
"""PyTensor keeps constants such as 1.5 in single precision: logarithms of a few, 6e-8 off each."""


def section(prior: str = "student_t", center: str = "auto") -> PropensitySection:
    return PropensitySection.model_validate({"formula": "x", "prior": prior, "center": center})


def design_of(
    columns: pd.DataFrame, treatment: np.ndarray, centers: np.ndarray | None = None
) -> Design:
    """Return a design standardized as the package does it, without a cohort."""
    terms, matrix = [], np.empty(columns.shape)
    for index, name in enumerate(columns):
        own = columns[name].to_numpy()
        binary = bool(np.isin(own, (0.0, 1.0)).all())
        scale = 1.0 if binary else 2.0 * float(own.std(ddof=1))
        terms.append(
            Term(
                name=name,
                kind="binary" if binary else "continuous",
                mean=float(own.mean()),
                scale=scale,
                contrast=name,
            )
        )
        matrix[:, index] = (own - own.mean()) / scale
    labels, code = (
        ((), np.zeros(len(columns), dtype=np.intp))
        if centers is None
        else np.unique(centers, return_inverse=True)
    )
    return Design(
        terms=tuple(terms),
        matrix=matrix,
        columns=columns,
        treatment=treatment.astype(np.float64),
        centers=tuple(str(label) for label in labels),
        center_index=code,
    )


def sparse_design(patients: int, noise: int, *, seed: int = 21) -> Design:
    """Return a design of two terms that matter and others that do not."""
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((patients, 2 + noise))
    values[:, 1] = values[:, 1] > 0.3
    treated = rng.random(patients) < expit(-0.4 + 0.9 * values[:, 0] + 0.9 * values[:, 1])
    names = [f"x{column}" for column in range(2 + noise)]
    return design_of(pd.DataFrame(values, columns=names), treated)


def center_design(count: int, patients: int = 160) -> Design:
    rng = np.random.default_rng(count)
    center = np.arange(patients) % count
    x = rng.standard_normal(patients)
    treated = rng.random(patients) < expit(0.5 * x + 0.4 * (center - 1.0))
    return design_of(pd.DataFrame({"x": x}), treated, center)


@pytest.fixture(scope="module")
def large() -> tuple[Design, PropensityFit]:
    """4,000 patients, four terms, the default prior."""
    design = sparse_design(4000, 2)
    return design, fit_propensity(design, section(), SAMPLER)


def mean_scores_close(design: Design, fitted: PropensityFit, prior: str) -> None:
    """Compare with maximum likelihood, to Monte Carlo error, shrinkage and skewness.

    The prior's pull on a coefficient a is the slope of its log density, 8 |a| / (7 * 2.5^2 + a^2)
    for the Student and |a| for the normal one, times the posterior variance; a posterior mean lies
    off the mode by at most the posterior variance of the predictor.
    """
    assert fitted.diagnosis.passed, fitted.diagnosis.headline()
    own = fitted.maximum_likelihood
    assert own is not None
    variance = logit(fitted.scores).var(axis=0)
    ess = 1000.0  # of 4,000 draws
    coef = fitted.posterior["coefficients"].mean(("chain", "draw")).to_numpy()
    spread = fitted.posterior["coefficients"].var(("chain", "draw")).to_numpy()
    slope = 8.0 / (7.0 * 2.5**2 + coef**2) if prior == "student_t" else np.ones_like(coef)
    shift = np.abs(design.matrix) @ (slope * np.abs(coef) * spread)
    allowed = shift + variance + 5.0 * np.sqrt(variance / ess)
    assert (np.abs(logit(fitted.score) - logit(own.score)) < allowed).all()
    # And that is close: a few hundredths of a log odds, a hundredth of a probability.
    assert np.median(allowed) < 0.05
    assert np.abs(fitted.score - own.score).max() < 0.01


def test_of_many_patients_mean_scores_are_those_of_maximum_likelihood(large) -> None:
    design, fitted = large
    mean_scores_close(design, fitted, "student_t")
    assert fitted.notes == ()


@pytest.mark.slow
def test_so_are_those_under_a_normal_prior(large) -> None:
    design, _ = large
    mean_scores_close(design, fit_propensity(design, section("normal"), SAMPLER), "normal")


def test_spread_of_the_scores_is_that_of_maximum_likelihood(large) -> None:
    """Posterior deviations of the coefficients are standard errors, to 5 / sqrt(2 * 1000)."""
    design, fitted = large
    chance = expit(logit(fitted.maximum_likelihood.score))
    full = np.column_stack([np.ones(len(chance)), design.matrix])
    information = (full * (chance * (1.0 - chance))[:, None]).T @ full
    wanted = np.sqrt(np.diag(np.linalg.inv(information)))[1:]
    found = fitted.posterior["coefficients"].std(("chain", "draw"), ddof=1).to_numpy()
    np.testing.assert_allclose(found / wanted, 1.0, atol=0.12)


def test_scores_hold_no_outcome_and_one_row_a_draw(large) -> None:
    design, fitted = large
    assert fitted.scores.shape == (4000, 4000)
    assert ((fitted.scores > 0.0) & (fitted.scores < 1.0)).all()
    np.testing.assert_allclose(fitted.score, fitted.scores.mean(axis=0))
    assert set(fitted.posterior.data_vars) == {"intercept", "coefficients"}
    assert fitted.columns is design.columns


def test_score_draws_are_the_inverse_logit_by_hand() -> None:
    design = center_design(3, patients=6)
    rng = np.random.default_rng(1)
    posterior = xr.Dataset(
        {
            "intercept": (("chain", "draw"), rng.normal(size=(2, 5))),
            "coefficients": (("chain", "draw", "covariate"), rng.normal(size=(2, 5, 1))),
            "center_effect": (("chain", "draw", "center"), rng.normal(size=(2, 5, 3))),
        }
    )
    found = score_draws(posterior, design)
    assert found.shape == (10, 6)
    for chain in range(2):
        for draw in range(5):
            at = {"chain": chain, "draw": draw}
            for patient in range(6):
                predictor = (
                    float(posterior["intercept"][at])
                    + float(posterior["coefficients"][at][0]) * design.matrix[patient, 0]
                    + float(posterior["center_effect"][at][design.center_index[patient]])
                )
                expected = 1.0 / (1.0 + np.exp(-predictor))
                assert found[5 * chain + draw, patient] == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("order", [("draw", "chain"), ("chain", "draw")])
def test_score_draws_run_over_draws_within_chains_whatever_the_order(order) -> None:
    design = center_design(2, patients=4)
    posterior = xr.Dataset(
        {
            "intercept": (("chain", "draw"), [[0.0, 1.0], [2.0, 3.0]]),
            "coefficients": (("chain", "draw", "covariate"), np.zeros((2, 2, 1))),
        }
    ).transpose(*order, ...)
    np.testing.assert_allclose(
        logit(score_draws(posterior, design))[:, 0], [0, 1, 2, 3], atol=1e-12
    )


CHOICES = [
    (1, "auto", "none"),
    (1, "fixed", "none"),
    (1, "random", "none"),
    (2, "auto", "fixed"),
    (3, "auto", "fixed"),
    (4, "auto", "random"),
    (7, "auto", "random"),
    (4, "fixed", "fixed"),
    (4, "random", "random"),
    (2, "fixed", "fixed"),
    (4, "none", "none"),
]


@pytest.mark.parametrize(("count", "asked", "meant"), CHOICES)
def test_what_center_means(count: int, asked: str, meant: str) -> None:
    assert center_terms(section(center=asked), center_design(count)) == meant


@pytest.mark.parametrize("count", [2, 3])
def test_a_random_intercept_of_few_centers_is_refused(count: int) -> None:
    with pytest.raises(
        InputError, match=rf"\[propensity\] center: 'random' needs 4 .* are {count}"
    ):
        build_propensity_model(center_design(count), section(center="random"))


@pytest.mark.parametrize(
    ("count", "names"),
    [
        (1, {"intercept", "coefficients"}),
        (2, {"intercept", "coefficients", "center_raw"}),
        (3, {"intercept", "coefficients", "center_raw"}),
        (4, {"intercept", "coefficients", "center_raw", "center_sd"}),
    ],
)
def test_free_variables_by_number_of_centers(count: int, names: set[str]) -> None:
    model = build_propensity_model(center_design(count), section())
    assert {variable.name for variable in model.free_RVs} == names


def bernoulli(design: Design, predictor: np.ndarray) -> float:
    return float(np.sum(design.treatment * predictor - np.logaddexp(0.0, predictor)))


@pytest.mark.parametrize("prior", ["student_t", "normal"])
def test_the_log_density_by_hand(log_density, prior: str) -> None:
    design = sparse_design(40, 1)
    model = build_propensity_model(design, section(prior))
    values = {"intercept": 0.4, "coefficients": np.array([0.8, -1.2, 2.5])}
    density = {
        "student_t": t.logpdf(values["coefficients"], 7, scale=2.5),
        "normal": norm.logpdf(values["coefficients"]),
    }[prior]
    expected = (
        norm.logpdf(0.4, logit(design.treatment.mean()), 1.5)
        + density.sum()
        + bernoulli(design, 0.4 + design.matrix @ values["coefficients"])
    )
    assert log_density(model, values) == pytest.approx(expected, abs=SINGLE)


def test_r2d2_by_hand_with_several_terms(log_density) -> None:
    """Coefficient k is raw_k sqrt(R2 / (1 - R2) * phi_k * pi^2 / 3 / var(x_k))."""
    design = sparse_design(60, 1)
    model = build_propensity_model(design, section("r2d2"))
    raw, share, portion = np.array([0.5, -0.3, 1.1]), 0.4, np.array([0.2, 0.5, 0.3])
    values = {
        "intercept": -0.2,
        "coefficients_raw": raw,
        "explained_share": share,
        "portion": portion,
    }
    variance = share / (1 - share) * portion * np.pi**2 / 3.0 / design.matrix.var(axis=0)
    expected = (
        norm.logpdf(-0.2, logit(design.treatment.mean()), 1.5)
        + norm.logpdf(raw).sum()
        + beta.logpdf(share, 1.2, 2.8)
        + dirichlet.logpdf(portion, np.full(3, 0.5))
        + bernoulli(design, -0.2 + design.matrix @ (raw * np.sqrt(variance)))
    )
    assert log_density(model, values) == pytest.approx(expected, abs=SINGLE)


def test_r2d2_with_a_single_term_has_no_portions(log_density) -> None:
    design = design_of(
        pd.DataFrame({"x": np.arange(8.0)}), np.array([0, 1, 0, 0, 1, 0, 1, 1], dtype=float)
    )
    model = build_propensity_model(design, section("r2d2"))
    assert {variable.name for variable in model.free_RVs} == {
        "intercept",
        "coefficients_raw",
        "explained_share",
    }
    share, raw = 0.3, np.array([0.9])
    coef = raw * np.sqrt(share / (1 - share) * np.pi**2 / 3.0 / design.matrix.var(axis=0))
    expected = (
        norm.logpdf(0.1, 0.0, 1.5)
        + norm.logpdf(raw).sum()
        + beta.logpdf(share, 1.2, 2.8)
        + bernoulli(design, 0.1 + design.matrix @ coef)
    )
    values = {"intercept": 0.1, "coefficients_raw": raw, "explained_share": share}
    assert log_density(model, values) == pytest.approx(expected, abs=SINGLE)


@pytest.mark.parametrize(("count", "kind"), [(3, "fixed"), (4, "random")])
def test_center_effects_have_mean_zero_over_patients(evaluate, count: int, kind: str) -> None:
    design = center_design(count, patients=41)
    model = build_propensity_model(design, section(center=kind))
    values: dict[str, Any] = {
        "intercept": 0.3,
        "coefficients": np.array([0.2]),
        "center_raw": np.arange(1.0, count),
        "center_sd": 0.7,
    }
    effect = evaluate(model, values, ["center_effect"])["center_effect"]
    assert effect[design.center_index].sum() == pytest.approx(0.0, abs=1e-12)
    # Contrasts of centers have the prior's variance: 2 sd^2 between any two, by Helmert's rows.
    units = np.eye(count - 1)
    columns = [
        evaluate(model, values | {"center_raw": unit}, ["center_effect"])["center_effect"]
        for unit in units
    ]
    basis = np.stack(columns, axis=1)
    sd = 2.5 if kind == "fixed" else 0.7
    for first in range(count):
        for second in range(first):
            spread = np.sum((basis[first] - basis[second]) ** 2)
            assert spread == pytest.approx(2.0 * sd**2, rel=1e-10)


def test_score_columns_hold_all_centers_but_the_first() -> None:
    design = center_design(3, patients=9)
    columns = score_columns(design, with_centers=True)
    assert columns.columns.to_list() == ["x", "center 1", "center 2"]
    np.testing.assert_array_equal(columns["center 2"], (design.center_index == 2).astype(float))
    assert score_columns(design, with_centers=False) is design.columns


def arms(treated: int, control: int) -> np.ndarray:
    return np.repeat([1.0, 0.0], [treated, control])


@pytest.mark.parametrize(
    ("terms", "smaller", "told"),
    [(5, 26, None), (6, 26, 5), (5, 25, None), (3, 13, 2), (2, 13, None), (1, 4, 0)],
)
def test_more_terms_than_a_fifth_of_the_smaller_arm_are_noted(
    terms: int, smaller: int, told: int | None
) -> None:
    """With 26 controls five terms are allowed; the number that is told is the one allowed."""
    columns = pd.DataFrame(np.random.default_rng(2).normal(size=(smaller + 40, terms)))
    columns.columns = [f"x{index}" for index in range(terms)]
    for treatment in (arms(smaller, 40), arms(40, smaller)):
        notes = _notes(columns, treatment, "")
        assert len(notes) == (told is not None)
        if told is not None:
            assert f"has {terms} term" in notes[0]
            assert f"{smaller} patients in the smaller arm, more than {told} (a fifth)" in notes[0]


def test_a_term_that_is_constant_in_an_arm_is_named() -> None:
    columns = pd.DataFrame({"x": np.arange(40.0), "invasion": [0.0] * 20 + [0.0, 1.0] * 10})
    (note,) = _notes(columns, arms(20, 20), "")
    assert note.startswith("invasion is the same for every patient of the treated arm")
    (note,) = _notes(columns, arms(20, 20)[::-1], "")
    assert "of the control arm" in note


def test_a_center_with_one_arm_is_named() -> None:
    """Of the first center, which has no column of its own, the cohort's warnings speak."""
    center = np.repeat([0, 1, 2], 20)
    treatment = np.where(center == 2, 0.0, np.arange(60) % 2)
    x = np.random.default_rng(3).normal(size=60)
    design = design_of(pd.DataFrame({"x": x}), treatment, center)
    (note,) = _notes(score_columns(design, with_centers=True), treatment, "")
    assert note.startswith("center 2 is the same for every patient of the treated arm")


@pytest.mark.slow
def test_separation_is_noted_and_the_posterior_exists() -> None:
    """A cut in age decides the arm: maximum likelihood has no score, the posterior has."""
    age = np.arange(60.0)
    x = np.random.default_rng(4).normal(size=60)
    design = design_of(pd.DataFrame({"age": age, "x": x}), (age > 35).astype(float))
    fitted = fit_propensity(design, section(), SAMPLER)
    assert fitted.maximum_likelihood is None
    assert fitted.firth is not None
    (note,) = fitted.notes
    assert note.startswith("By maximum likelihood the propensity model has no fit")
    assert "age" in note
    assert ((fitted.scores > 0.0) & (fitted.scores < 1.0)).all()
    assert fitted.diagnosis.passed, fitted.diagnosis.headline()


@pytest.fixture(scope="module")
def sparse_fits() -> Callable[[str], xr.DataTree]:
    """Return a maker of fits of 150 patients and 12 terms, ten of them noise."""
    design = sparse_design(150, 10)
    kept: dict[str, xr.DataTree] = {}

    def make(prior: str) -> xr.DataTree:
        if prior not in kept:
            tree, diagnosis = fit(
                compile_model(build_propensity_model(design, section(prior))), SAMPLER
            )
            assert diagnosis.passed, diagnosis.headline()
            kept[prior] = tree
        return kept[prior]

    return make


@pytest.mark.slow
@pytest.mark.parametrize("prior", ["horseshoe", "r2d2"])
def test_sparse_priors_shrink_noise_and_sample_without_divergence(sparse_fits, prior: str) -> None:
    tree = sparse_fits(prior)
    assert int(tree["sample_stats"]["diverging"].sum()) == 0
    wide, narrow = (
        sparse_fits(name)["posterior"]["coefficients"].to_numpy().reshape(-1, 12)
        for name in ("student_t", prior)
    )
    noise = {name: draws[:, NOISE_TERMS] for name, draws in (("wide", wide), ("narrow", narrow))}
    assert np.mean(noise["narrow"] ** 2) < 0.5 * np.mean(noise["wide"] ** 2)
    means = {name: np.linalg.norm(draws.mean(axis=0)) for name, draws in noise.items()}
    assert means["narrow"] < 0.7 * means["wide"]
    # What matters is shrunken less, in relation: it keeps half of its size at least.
    assert np.linalg.norm(narrow.mean(axis=0)[:2]) > 0.5 * np.linalg.norm(wide.mean(axis=0)[:2])


@pytest.mark.slow
@pytest.mark.parametrize("count", [3, 4])
def test_centers_are_learnt(count: int) -> None:
    """Shares of treatment by center, on average, are those of the patients."""
    design = center_design(count, patients=600)
    fitted = fit_propensity(design, section(), SAMPLER)
    assert fitted.diagnosis.passed, fitted.diagnosis.headline()
    assert ("center_sd" in fitted.posterior) == (count == 4)
    for center in range(count):
        own = design.center_index == center
        share = design.treatment[own].mean()
        # Shrinkage towards the mean center is below the standard error of a share, 0.04.
        assert fitted.score[own].mean() == pytest.approx(share, abs=0.04)
