"""Priors: what they say on the hazard ratio scale, their TOML form, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from hccbayes.errors import InputError
from hccbayes.priors import TREATMENT_PRIORS, Prior, named_prior

FAMILIES = [
    Prior.of("normal", mu=-0.3, sigma=0.7),
    Prior.of("student_t", nu=7, mu=0.1, sigma=2.5),
    Prior.of("half_normal", sigma=0.5),
    Prior.of("gamma", alpha=2.0, beta=4.0),
]


@pytest.mark.parametrize(
    ("name", "log_hr", "printed", "digits"),
    [
        # Section 5 of the specification prints these probabilities and limits.
        ("default", math.log(0.5), 0.16, 2),
        ("sceptical", math.log(0.5), 0.025, 3),
        ("enthusiastic", math.log(0.6), 0.5, 12),
    ],
)
def test_named_priors_have_their_stated_probabilities(
    name: str, log_hr: float, printed: float, digits: int
) -> None:
    assert round(float(named_prior(name).frozen().cdf(log_hr)), digits) == printed


def test_default_prior_puts_95_percent_on_hazard_ratios_of_a_quarter_to_four() -> None:
    low, high = np.exp(TREATMENT_PRIORS["default"].frozen().ppf([0.025, 0.975]))
    assert (round(low, 2), round(high, 1)) == (0.25, 3.9)


def test_reference_prior_is_flat_over_any_plausible_effect() -> None:
    density = TREATMENT_PRIORS["reference"].frozen().pdf
    # Between HR 1 and HR 0.1 a normal density of sd 10 falls by exp(-log(0.1)^2 / 200).
    assert density(math.log(0.1)) / density(0.0) == pytest.approx(
        math.exp(-(math.log(0.1) ** 2) / 200), rel=1e-12
    )


@pytest.mark.parametrize(
    ("prior", "mean", "variance"),
    [
        (FAMILIES[0], -0.3, 0.49),
        (FAMILIES[1], 0.1, 2.5**2 * 7 / 5),
        (FAMILIES[2], 0.5 * math.sqrt(2 / math.pi), 0.25 * (1 - 2 / math.pi)),
        (FAMILIES[3], 0.5, 0.125),
    ],
    ids=lambda value: str(value),
)
def test_scipy_distribution_has_the_family_s_moments(
    prior: Prior, mean: float, variance: float
) -> None:
    assert prior.frozen().mean() == pytest.approx(mean, rel=1e-12)
    assert prior.frozen().var() == pytest.approx(variance, rel=1e-12)


@pytest.mark.parametrize("prior", FAMILIES, ids=str)
def test_draws_are_seeded_and_follow_the_distribution(prior: Prior) -> None:
    first = prior.draw(2000, rng=np.random.default_rng(1))
    assert np.array_equal(first, prior.draw(2000, rng=np.random.default_rng(1)))
    assert not np.array_equal(first, prior.draw(2000, rng=np.random.default_rng(2)))
    # A Kolmogorov-Smirnov distance that 1 in 10,000 such samples exceeds; the seed is fixed.
    assert stats.kstest(first, prior.frozen().cdf).pvalue > 1e-4


@pytest.mark.parametrize("prior", FAMILIES, ids=str)
def test_toml_form_reads_back_equal(prior: Prior) -> None:
    assert Prior.from_toml(prior.to_toml()) == prior


@pytest.mark.parametrize("name", list(TREATMENT_PRIORS))
def test_a_name_stands_for_its_prior(name: str) -> None:
    assert Prior.from_toml(name) == TREATMENT_PRIORS[name]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("optimistic", "choose from default, sceptical, enthusiastic, reference"),
        ({"mu": 0, "sigma": 1}, "needs `dist`, one of normal, student_t, half_normal, gamma"),
        ({"dist": "cauchy", "x": 1}, "unknown dist 'cauchy'; choose from normal"),
        ({"dist": "normal", "mu": 0}, r"takes mu, sigma; got \['mu'\]"),
        ({"dist": "normal", "mu": 0, "sigma": 1, "tau": 1}, r"takes mu, sigma; got"),
        ({"dist": "normal", "mu": "0", "sigma": 1}, "parameters must be numbers"),
        ({"dist": "normal", "mu": True, "sigma": 1}, "parameters must be numbers"),
        ({"dist": "normal", "mu": 0, "sigma": 0}, "sigma must be finite and positive"),
        ({"dist": "normal", "mu": 0, "sigma": -1}, "sigma must be finite and positive"),
        ({"dist": "normal", "mu": math.inf, "sigma": 1}, "mu must be finite"),
        ({"dist": "half_normal", "sigma": math.inf}, "sigma must be finite"),
        ({"dist": "normal", "mu": math.nan, "sigma": 1}, "mu must be finite"),
        ({"dist": "gamma", "alpha": 0, "beta": -1}, "alpha, beta must be finite and positive"),
    ],
)
def test_wrong_priors_are_refused_by_name(value: str | dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Prior.from_toml(value)


def test_a_prior_needs_every_parameter_of_its_family() -> None:
    with pytest.raises(InputError, match="needs nu, mu, sigma"):
        Prior("student_t", (0.0, 1.0))


def test_description_on_the_hazard_ratio_scale() -> None:
    assert TREATMENT_PRIORS["default"].describe_hr() == (
        "normal(mu=0, sigma=0.7): 95% of hazard ratios between 0.25 and 3.9; "
        "P(HR < 1) = 0.50, P(HR < 0.5) = 0.16"
    )


def test_description_on_the_survival_scale() -> None:
    # 0.5 ** 3.94 = 0.065 and 0.5 ** 0.2536 = 0.839.
    assert TREATMENT_PRIORS["default"].describe_survival(0.5) == (
        "with 50% alive under control, 7% to 84% under treatment (95% of the prior)"
    )
