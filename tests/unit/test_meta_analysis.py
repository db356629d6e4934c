"""Pooled hazard ratios: closed forms with equal standard errors, and what few studies allow.

With one standard error s for all k studies every estimator of the between-study variance is the
sample variance less s squared, the mean is the plain one, and Hartung and Knapp's standard error is
that of a mean of k numbers.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.meta_analysis import combine_effects

from hccbayes.errors import InputError
from hccbayes.frequentist.heterogeneity import (
    _restricted_log_likelihood,
    cochran_q,
    tau_squared,
    tau_squared_limits,
)
from hccbayes.frequentist.meta_analysis import FOREST_COLUMNS, pool_hazard_ratios
from hccbayes.frequentist.pooled_effects import (
    METHOD_LABELS,
    NO_DEGREES,
    NO_PREDICTION,
    ONE_STUDY,
    POOLED_COLUMNS,
    SAME_EFFECTS,
)

RANDOM = ("dersimonian_laird", "reml", "paule_mandel")
EFFECTS = np.array([-0.9, -0.5, -0.4, 0.2])
SE = 0.1
# A root is found to a few rounding errors of its bracket, which is of the size of the effects.
ROUNDING = 1e-12


def studies(effects, se) -> pd.DataFrame:
    names = [f"study {place}" for place in range(len(effects))]
    return pd.DataFrame({"study": names, "log_hr": effects, "se": se}, dtype=object).astype(
        {"log_hr": float, "se": float}
    )


def row(found, method: str, kind: str = "wald") -> pd.Series:
    return found.pooled.query("method == @method and interval_kind == @kind").iloc[0]


@pytest.fixture
def equal():
    return pool_hazard_ratios(studies(EFFECTS, SE))


@pytest.mark.parametrize("method", RANDOM)
def test_equal_standard_errors_have_a_closed_form(equal, method):
    variance = EFFECTS.var(ddof=1)
    wald = row(equal, method)
    assert wald["tau_squared"] == pytest.approx(variance - SE**2, rel=ROUNDING)
    assert wald["tau"] == pytest.approx(math.sqrt(variance - SE**2), rel=ROUNDING)
    assert wald["log_hr"] == pytest.approx(EFFECTS.mean(), rel=ROUNDING)
    assert wald["se"] == pytest.approx(math.sqrt(variance / 4), rel=ROUNDING)
    assert wald["i_squared"] == pytest.approx(100 * (1 - SE**2 / variance), rel=ROUNDING)
    assert wald["h_squared"] == pytest.approx(variance / SE**2, rel=ROUNDING)
    half = stats.t.ppf(0.975, 2) * math.sqrt(variance - SE**2 + variance / 4)
    assert wald["prediction_upper"] == pytest.approx(EFFECTS.mean() + half, rel=ROUNDING)
    assert wald["prediction_lower"] == pytest.approx(EFFECTS.mean() - half, rel=ROUNDING)


@pytest.mark.parametrize("method", METHOD_LABELS)
def test_hartung_knapp_of_equal_standard_errors_is_a_t_test(equal, method):
    knapp = row(equal, method, "hartung_knapp")
    test = stats.ttest_1samp(EFFECTS, 0.0)
    limits = test.confidence_interval(0.95)
    assert knapp["p_value"] == pytest.approx(test.pvalue, rel=1e-10)
    assert knapp["lower"] == pytest.approx(limits.low, rel=1e-10)
    assert knapp["upper"] == pytest.approx(limits.high, rel=1e-10)
    assert knapp["hr_upper"] == pytest.approx(math.exp(limits.high), rel=1e-10)


def test_cochran_q_by_hand(equal):
    q = 3 * EFFECTS.var(ddof=1) / SE**2
    assert equal.heterogeneity.q == pytest.approx(q, rel=ROUNDING)
    assert equal.heterogeneity.degrees == 3
    assert equal.heterogeneity.p_value == pytest.approx(stats.chi2.sf(q, 3), rel=1e-9)
    fixed = row(equal, "fixed_effect")
    assert fixed["i_squared"] == pytest.approx(100 * (q - 3) / q, rel=ROUNDING)
    assert fixed["h_squared"] == pytest.approx(q / 3, rel=ROUNDING)
    # Generalized Q of equal standard errors: 3 var / (s2 + tau2) at the quantiles of chi-square.
    for limit, tail in ((equal.tau_squared_lower, 0.975), (equal.tau_squared_upper, 0.025)):
        expected = 3 * EFFECTS.var(ddof=1) / stats.chi2.ppf(tail, 3) - SE**2
        assert limit == pytest.approx(expected, rel=1e-10)


def test_statsmodels_agrees_where_it_is_right():
    se = np.array([0.1, 0.25, 0.4, 0.2])
    ours = pool_hazard_ratios(studies(EFFECTS, se))
    theirs = combine_effects(EFFECTS, se**2, method_re="chi2")
    assert row(ours, "fixed_effect")["log_hr"] == pytest.approx(theirs.mean_effect_fe, rel=ROUNDING)
    assert row(ours, "fixed_effect")["se"] == pytest.approx(theirs.sd_eff_w_fe, rel=ROUNDING)
    dl = row(ours, "dersimonian_laird")
    assert dl["tau_squared"] == pytest.approx(theirs.tau2, rel=ROUNDING)
    assert dl["log_hr"] == pytest.approx(theirs.mean_effect_re, rel=ROUNDING)
    knapp = row(ours, "dersimonian_laird", "hartung_knapp")
    assert knapp["se"] == pytest.approx(theirs.sd_eff_w_re_hksj, rel=ROUNDING)
    assert dl["i_squared"] == pytest.approx(100 * theirs.i2, rel=ROUNDING)


@pytest.mark.parametrize("seed", range(20))
def test_reml_is_the_highest_point_of_the_restricted_likelihood(seed):
    rng = np.random.default_rng(seed)
    count = int(rng.integers(2, 9))
    effects, variances = rng.normal(0, 0.6, count), rng.uniform(0.05, 0.8, count) ** 2
    best = tau_squared(effects, variances, "reml")
    height = _restricted_log_likelihood(effects, variances, best)
    for value in np.linspace(0, 6, 4001):
        # Rounding of a sum of logarithms of order 10.
        assert height >= _restricted_log_likelihood(effects, variances, value) - 1e-13


def test_paule_mandel_solves_its_equation():
    se = np.array([0.1, 0.25, 0.4, 0.2])
    found = tau_squared(EFFECTS, se**2, "paule_mandel")
    weights = 1 / (se**2 + found)
    mean = np.average(EFFECTS, weights=weights)
    assert (weights * (EFFECTS - mean) ** 2).sum() == pytest.approx(3, rel=1e-12)


def test_studies_that_agree_have_no_heterogeneity_and_a_note():
    found = pool_hazard_ratios(studies([-0.41, -0.40, -0.39], 0.2))
    for method in RANDOM:
        wald, knapp = row(found, method), row(found, method, "hartung_knapp")
        assert wald["tau"] == 0
        assert wald["i_squared"] == 0
        assert wald["h_squared"] == 1
        assert wald["se"] == pytest.approx(0.2 / math.sqrt(3))
        assert knapp["se"] == pytest.approx(0.01 / math.sqrt(3))
        assert "not a gain in knowledge" in knapp["note"]
    assert found.tau_squared_lower == 0


def test_identical_effects_are_no_trouble():
    knapp = row(pool_hazard_ratios(studies([-0.5] * 3, [0.1, 0.2, 0.3])), "reml", "hartung_knapp")
    # R's metafor: se 0, limits at the effect, p of 0 or (without an effect) NaN.
    assert knapp["se"] == 0
    assert knapp["lower"] == knapp["upper"] == knapp["log_hr"]
    assert math.isnan(knapp["p_value"])
    assert SAME_EFFECTS in knapp["note"]
    null = row(pool_hazard_ratios(studies([0.0] * 3, [0.1, 0.2, 0.3])), "reml", "hartung_knapp")
    assert math.isnan(null["p_value"])


def test_one_study_is_itself_and_says_what_is_missing():
    found = pool_hazard_ratios(studies([-0.5], [0.2]))
    assert found.notes == (ONE_STUDY,)
    for method in METHOD_LABELS:
        wald, knapp = row(found, method), row(found, method, "hartung_knapp")
        assert wald["log_hr"] == -0.5
        assert wald["upper"] == pytest.approx(-0.5 + stats.norm.ppf(0.975) * 0.2)
        assert ONE_STUDY in wald["note"]
        assert math.isnan(knapp["lower"])
        assert NO_DEGREES in knapp["note"]
        assert math.isnan(wald["i_squared"])
        assert found.studies[f"weight_{method}"].tolist() == [100.0]
    assert math.isnan(row(found, "reml")["tau"])
    assert math.isnan(found.tau_squared_upper)
    assert math.isnan(found.heterogeneity.p_value)
    forest = found.forest()
    assert (forest.loc[forest["lower"].isna(), "note"] != "").all()


def test_two_studies_have_no_prediction_interval_and_say_so():
    found = pool_hazard_ratios(studies([-1.0, -0.2], [0.1, 0.2]))
    wald = row(found, "reml")
    assert wald["tau"] > 0
    assert math.isnan(wald["prediction_lower"])
    assert NO_PREDICTION in wald["note"]
    assert "one degree of freedom" in found.notes[0]
    last = found.forest().iloc[-1]
    assert (last["kind"], last["note"]) == ("prediction", NO_PREDICTION)


def test_limits_beyond_numbers_are_infinite():
    found = pool_hazard_ratios(studies([-0.5, 0.5], [90.0, 90.0]), prob=0.999)
    assert found.pooled["hr_upper"].notna().all()
    assert pool_hazard_ratios(studies([-0.5], [900.0])).studies["hr_upper"].tolist() == [np.inf]


def test_forest_has_studies_the_pooled_effect_and_the_prediction(equal):
    forest = equal.forest("reml", interval_kind="hartung_knapp")
    assert list(forest.columns) == list(FOREST_COLUMNS)
    assert forest["kind"].tolist() == ["study"] * 4 + ["pooled", "prediction"]
    assert forest["weight"].tolist()[:4] == pytest.approx([25.0] * 4)
    knapp = row(equal, "reml", "hartung_knapp")
    assert (
        forest.loc[4, ["hr", "lower", "upper"]].tolist()
        == knapp[["hr", "hr_lower", "hr_upper"]].tolist()
    )
    assert forest.loc[5, "upper"] == pytest.approx(math.exp(knapp["prediction_upper"]))
    assert forest.loc[0, "lower"] == pytest.approx(math.exp(-0.9 - stats.norm.ppf(0.975) * SE))
    assert equal.forest("fixed_effect")["kind"].tolist() == ["study"] * 4 + ["pooled"]


def test_effects_turned_round_turn_the_results_round(equal):
    turned = pool_hazard_ratios(studies(-EFFECTS, SE))
    assert (turned.pooled["log_hr"] == -equal.pooled["log_hr"]).all()
    assert turned.pooled["lower"].tolist() == pytest.approx((-equal.pooled["upper"]).tolist())
    assert list(turned.pooled.columns) == list(POOLED_COLUMNS)


def test_another_probability_moves_the_limits_alone(equal):
    narrow = pool_hazard_ratios(studies(EFFECTS, SE), prob=0.9)
    assert (narrow.pooled["se"] == equal.pooled["se"]).all()
    wald = row(narrow, "reml")
    assert wald["upper"] - wald["log_hr"] == pytest.approx(stats.norm.ppf(0.95) * wald["se"])
    assert narrow.tau_squared_upper < equal.tau_squared_upper


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (studies([], []), "there is none"),
        (studies([-0.5, np.nan], 0.1), "must be finite"),
        (studies([-0.5, 0.1], [0.1, 0.0]), "must be positive"),
        (studies([-0.5, 0.1], 0.1).assign(study="same"), "names a study twice"),
        (studies([-0.5, 0.1], 0.1).drop(columns="se"), "column se: is needed"),
    ],
)
def test_wrong_studies_are_named(frame, message):
    with pytest.raises(InputError, match=message):
        pool_hazard_ratios(frame)


def test_wrong_options_are_named(equal):
    with pytest.raises(InputError, match="choose from fixed_effect"):
        equal.forest("hedges")
    with pytest.raises(InputError, match="choose from wald, hartung_knapp"):
        equal.forest(interval_kind="profile")
    with pytest.raises(InputError, match="between 0 and 1"):
        pool_hazard_ratios(studies(EFFECTS, SE), prob=1.0)
    with pytest.raises(InputError, match="choose from dersimonian_laird"):
        tau_squared(EFFECTS, np.full(4, 0.01), "hedges")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="two studies"):
        tau_squared(EFFECTS[:1], np.array([0.01]), "reml")


def test_limits_of_the_variance_hold_its_estimate():
    variances = np.array([0.01, 0.04, 0.02, 0.09])
    low, high = tau_squared_limits(EFFECTS, variances, 0.95)
    assert low <= tau_squared(EFFECTS, variances, "paule_mandel") <= high
    assert cochran_q(EFFECTS, variances).q > stats.chi2.ppf(0.975, 3)
    assert low > 0
