"""The naive ratio of a treatment without effect: closed form, quadrature and simulation."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad

from hccbayes.errors import InputError
from hccbayes.frequentist.cox import cox
from hccbayes.time_zero.immortal_closed_form import naive_hazard_ratio
from hccbayes.time_zero.immortal_rules import ImmortalRules, limit_of_rules

LARGE = 400_000


def simulated(median, window, share, early_deaths, seed=20261126):
    """Return death, treated of one large study without censoring, drawn by its story."""
    rng = np.random.default_rng(seed)
    death = rng.exponential(median / math.log(2.0), LARGE)
    meant = rng.random(LARGE) < share
    treated = meant & (death > rng.uniform(*window, LARGE))
    kept = treated | ~meant if early_deaths == "excluded" else np.ones(LARGE, bool)
    return death[kept], treated[kept]


@pytest.mark.parametrize(
    ("median", "start", "share", "ratio"), [(8.0, 3.0, 0.5, 0.66424), (15.0, 3.0, 0.9, 0.43765)]
)
def test_published_numbers(median, start, share, ratio):
    assert naive_hazard_ratio(median, start, share) == pytest.approx(ratio, abs=5e-6)


def test_fixed_start_is_the_formula():
    rate, start, share = math.log(2.0) / 9.0, 2.5, 0.7
    q = math.exp(-rate * start)
    expected = (1 - share * q - share * rate * start * q) / ((1 - share * q) * (1 + rate * start))
    assert naive_hazard_ratio(9.0, start, share) == pytest.approx(expected, rel=1e-13)


def test_uniform_start_averages_deaths_and_person_time():
    """Expected deaths and person-time integrated over the start by quadrature."""
    rate, low, high, share = math.log(2.0) / 15.0, 0.5, 4.0, 0.8
    width = high - low
    deaths = share * quad(lambda g: math.exp(-rate * g) / width, low, high)[0]
    months = share * quad(lambda g: math.exp(-rate * g) * (g + 1 / rate) / width, low, high)[0]
    expected = (deaths / months) / ((1 - deaths) / (1 / rate - months))
    assert naive_hazard_ratio(15.0, (low, high), share) == pytest.approx(expected, rel=1e-12)


def test_narrow_window_tends_to_the_fixed_start():
    fixed = naive_hazard_ratio(15.0, 3.0, 0.9)
    for width in (1e-3, 1e-5, 1e-7):
        near = naive_hazard_ratio(15.0, (3.0 - width, 3.0 + width), 0.9)
        assert near == pytest.approx(fixed, rel=max(width**2, 1e-9))


def test_start_at_time_zero_has_no_immortal_time():
    assert naive_hazard_ratio(12.0, 0.0, 0.4) == pytest.approx(1.0, rel=1e-14)


@pytest.mark.parametrize("early_deaths", ["control", "excluded"])
@pytest.mark.parametrize("window", [(3.0, 3.0), (0.0, 3.0), (1.0, 6.0)])
def test_large_study_agrees(window, early_deaths):
    """Exponential fit within four standard errors, sqrt(1 / d1 + 1 / d0)."""
    death, treated = simulated(10.0, window, 0.75, early_deaths)
    rates = [arm.size / arm.sum() for arm in (death[treated], death[~treated])]
    error = math.sqrt(1 / treated.sum() + 1 / (~treated).sum())
    expected = naive_hazard_ratio(10.0, window, 0.75, early_deaths=early_deaths)
    assert abs(math.log(rates[0] / rates[1]) - math.log(expected)) < 4 * error


@pytest.mark.parametrize("early_deaths", ["control", "excluded"])
@pytest.mark.parametrize("window", [(3.0, 3.0), (0.0, 3.0)])
def test_limits_by_quadrature_agree(window, early_deaths):
    """The exponential limit to rounding, the Cox limit and the medians within Monte Carlo error."""
    rules = ImmortalRules(
        treated=75,
        control=25,
        window=window,
        early_deaths=early_deaths,
        median=10.0,
        intended_share=0.75,
    )
    limit = limit_of_rules(rules)
    closed = naive_hazard_ratio(10.0, window, 0.75, early_deaths=early_deaths)
    assert limit.exponential_ratio == pytest.approx(closed, rel=1e-9)
    death, treated = simulated(10.0, window, 0.75, early_deaths)
    design = pd.DataFrame({"treatment": treated.astype(float)})
    fit = cox(design, np.zeros(death.size), death, np.ones(death.size))
    assert abs(fit.coef[0] - math.log(limit.hazard_ratio)) < 4 * fit.se[0]
    share_error = math.sqrt(0.25 / death.size)
    assert abs(treated.mean() - limit.treated_share) < 4 * share_error
    for arm, median in ((treated, limit.median_treated), (~treated, limit.median_control)):
        below = (death[arm] < median).mean()
        assert abs(below - 0.5) < 4 * math.sqrt(0.25 / arm.sum())


def test_every_mistake_is_named_at_once():
    with pytest.raises(InputError) as caught:
        naive_hazard_ratio(-3.0, (3.0, 0.0), 1.0, early_deaths="lost")
    assert [problem.where for problem in caught.value.problems] == [
        "median",
        "start",
        "intended_share",
        "early_deaths",
    ]


@pytest.mark.parametrize("value", ["fifteen", None, math.nan, math.inf, True, 0])
def test_no_number_is_refused(value):
    with pytest.raises(InputError, match="median: must be a positive number"):
        naive_hazard_ratio(value, 3.0, 0.5)


@pytest.mark.parametrize("value", ["0-3", (0.0,), (0.0, "3"), -1.0])
def test_no_window_is_refused(value):
    with pytest.raises(InputError, match="start"):
        naive_hazard_ratio(8.0, value, 0.5)
