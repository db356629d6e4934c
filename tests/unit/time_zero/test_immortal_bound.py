"""What a study's rules alone produce, and what they leave of its published ratio."""

from __future__ import annotations

import math
import time

import numpy as np
import pandas as pd
import pytest

from hccbayes.cohort import read_cohort
from hccbayes.errors import InputError
from hccbayes.frequentist.cox import cox
from hccbayes.frequentist.kaplan_meier import kaplan_meier, median_survival
from hccbayes.roles import ArmRole, Roles
from hccbayes.time_zero.immortal_cohort import immortal_rules_of
from hccbayes.time_zero.immortal_comparison import BOUND_COLUMNS, immortal_bound
from hccbayes.time_zero.immortal_inversion import (
    PublishedRatio,
    divided,
    inverted,
    true_ratio,
    widened,
)
from hccbayes.time_zero.immortal_rules import ImmortalRules, limit_of_rules
from hccbayes.time_zero.immortal_studies import analyze_studies, simulate_studies

LU = {"treated": 141, "control": 26, "window": (0.0, 3.0)}


@pytest.fixture(scope="module")
def rules() -> ImmortalRules:
    return ImmortalRules(**LU, median=15.0, administrative=(6.0, 64.0))


@pytest.fixture(scope="module")
def published() -> PublishedRatio:
    return PublishedRatio(hr=0.52, lower=0.33, upper=0.82)


@pytest.fixture(scope="module")
def bound(rules, published):
    return immortal_bound(rules, published, simulations=1_000, seed=20261126)


def test_studies_are_analyzed_as_the_package_does():
    """Cox ratio and Kaplan-Meier medians of every study, against the one-study functions."""
    rng = np.random.default_rng(4)
    end = rng.exponential(10.0, (40, 30))
    death, treated = rng.random((40, 30)) < 0.7, rng.random((40, 30)) < 0.4
    found = analyze_studies(end, death, treated)
    for row in range(40):
        arm, zero = treated[row], np.zeros(30)
        design = pd.DataFrame({"treatment": arm.astype(float)})
        fit = cox(design, zero, end[row], death[row])
        assert math.log(found.hazard_ratio[row]) == pytest.approx(fit.coef[0], abs=1e-7)
        for which, median in ((arm, found.median_treated), (~arm, found.median_control)):
            curve = kaplan_meier(zero[which], end[row][which], death[row][which])
            assert median[row] == pytest.approx(median_survival(curve).estimate)


def test_a_median_on_one_half_is_the_midpoint():
    """Four deaths without censoring: the curve sits on 1/2 from the second to the third."""
    end = np.array([[1.0, 2.0, 4.0, 8.0, 3.0, 5.0]])
    treated = np.array([[True, True, True, True, False, False]])
    found = analyze_studies(end, np.ones_like(treated), treated)
    assert found.median_treated[0] == 3.0
    assert found.median_control[0] == 4.0


def test_studies_without_an_estimate_are_named_as_such():
    """No treated death, no control death, one arm alone."""
    end = np.tile(np.arange(1.0, 7.0), (3, 1))
    treated = np.array([[1, 0, 1, 0, 1, 0], [1, 0, 1, 0, 1, 0], [1, 1, 1, 1, 1, 1]], bool)
    death = np.array([[0, 1, 0, 1, 0, 1], [1, 0, 1, 0, 1, 0], [1, 1, 1, 1, 1, 1]], bool)
    found = analyze_studies(end, death, treated)
    assert found.hazard_ratio[0] == 0.0
    assert found.hazard_ratio[1] == math.inf
    assert math.isnan(found.hazard_ratio[2])
    assert math.isnan(found.median_control[2])
    assert math.isinf(found.median_treated[0])


@pytest.mark.parametrize("early_deaths", ["control", "excluded"])
def test_one_large_study_is_the_limit(early_deaths):
    rules = ImmortalRules(
        **LU, median=15.0, early_deaths=early_deaths, further_months=0.7, administrative=(6, 64)
    )
    limit = limit_of_rules(rules)
    found = simulate_studies(
        rules.mechanism(),
        limit.intended_share,
        patients=300_000,
        studies=1,
        rng=np.random.default_rng(8),
    )
    share = limit.treated_share
    # Information of a Cox estimate, deaths times the product of shares; nine in ten die.
    error = 1 / math.sqrt(0.75 * 300_000 * share * (1 - share))
    assert abs(math.log(found.hazard_ratio[0] / limit.hazard_ratio)) < 4 * error
    assert found.treated_share[0] == pytest.approx(share, abs=4 * math.sqrt(0.25 / 300_000))


def test_the_documented_study_of_167():
    """Evidence L13: share 0.84, medians 16.5 and 4.9, and the ratio between its two readings.

    Common median 15, start uniform on 0-3, 90% meant to be treated. The ratio rests on censoring,
    on which the row is silent: 0.60 without, 0.55 where all follow-up ends at 36 months, 0.52 where
    it ends between 6 and 64 months. Early deaths left out give 0.93 without censoring.
    """
    fields = {**LU, "median": 15.0, "intended_share": 0.9}
    limit = limit_of_rules(ImmortalRules(**fields))
    assert limit.treated_share == pytest.approx(0.8404, abs=1e-4)
    assert limit.median_treated == pytest.approx(16.48, abs=0.01)
    assert limit.median_control == pytest.approx(4.88, abs=0.01)
    assert limit.hazard_ratio == pytest.approx(0.602, abs=1e-3)
    cut = limit_of_rules(ImmortalRules(**fields, administrative=(36.0, 36.0)))
    assert cut.hazard_ratio == pytest.approx(0.548, abs=1e-3)
    shipped = limit_of_rules(ImmortalRules(**fields, administrative=(6.0, 64.0)))
    assert shipped.hazard_ratio == pytest.approx(0.523, abs=1e-3)
    dropped = limit_of_rules(ImmortalRules(**fields, early_deaths="excluded"))
    assert dropped.hazard_ratio == pytest.approx(0.935, abs=1e-3)
    assert dropped.exponential_ratio == pytest.approx(0.937, abs=1e-3)


def test_null_studies_surround_the_limit(bound):
    """Mean log ratio against a seed's spread; a small arm biases it by a few hundredths."""
    logs = np.log(bound.null_ratios)
    bias = logs.mean() - math.log(bound.limit.hazard_ratio)
    assert abs(bias) < 0.06
    assert logs.std() > 0.25
    assert bound.studies.treated_share.mean() == pytest.approx(
        141 / 167, abs=4 * math.sqrt(0.25 / 167 / 1000)
    )


def test_share_as_extreme_on_either_side(rules):
    low = immortal_bound(rules, PublishedRatio(hr=0.52, lower=0.3, upper=0.9), simulations=400)
    ratios = low.null_ratios
    assert low.as_extreme == (ratios <= 0.52).mean()
    expected = math.sqrt(low.as_extreme * (1 - low.as_extreme) / 400)
    assert low.as_extreme_mcse == pytest.approx(expected)
    high = immortal_bound(rules, PublishedRatio(hr=1.2, lower=0.9, upper=1.6), simulations=400)
    assert high.as_extreme == (ratios >= 1.2).mean()


def test_what_remains_is_as_uncertain_as_the_studies_differ(bound, published):
    """Early deaths make the arms: the spread exceeds the published error, and limits carry it."""
    left, ratio = bound.remaining, bound.limit.hazard_ratio
    assert bound.spread > published.se
    assert left.hr == pytest.approx(0.52 / ratio)
    assert math.log(left.upper / left.lower) == pytest.approx(2 * 1.959964 * bound.spread)
    assert bound.share_remaining == pytest.approx(1 - math.log(ratio) / math.log(0.52))
    # Quantiles of 1,000 studies and their standard deviation tell the same.
    assert bound.spread == pytest.approx(np.log(bound.null_ratios).std(), rel=0.1)


def test_divided_carries_the_published_error_where_it_is_larger(published):
    assert widened(published, published.se) is published
    left = divided(published, 0.8)
    width = math.log(published.upper / published.lower)
    assert math.log(left.upper / left.lower) == pytest.approx(width)
    assert widened(published, 2 * published.se).se == pytest.approx(2 * published.se)


@pytest.mark.parametrize("truth", [0.6, 1.0, 1.3])
def test_inversion_finds_the_truth(rules, truth):
    """The naive ratio of a very large study, back to the truth it was made with."""
    naive = limit_of_rules(rules, truth).hazard_ratio
    assert true_ratio(rules, naive) == pytest.approx(truth, rel=1e-4)


def test_inversion_holds_one_where_the_rules_make_everything(rules):
    null = limit_of_rules(rules).hazard_ratio
    exact = PublishedRatio(hr=null, lower=0.8 * null, upper=1.25 * null)
    assert inverted(rules, exact).hr == pytest.approx(1.0, abs=1e-4)
    assert inverted(rules, exact).lower < 1.0 < inverted(rules, exact).upper
    assert divided(exact, null).hr == pytest.approx(1.0)


def test_inversion_beyond_its_range(rules):
    assert true_ratio(rules, 1e-4) == 0.0
    assert true_ratio(rules, 1e3) == math.inf


def test_without_immortal_time_everything_remains():
    rules = ImmortalRules(treated=80, control=80, window=(0.0, 0.0), median=12.0)
    bound = immortal_bound(rules, PublishedRatio(hr=0.6, lower=0.4, upper=0.9), simulations=200)
    assert bound.limit.hazard_ratio == pytest.approx(1.0, abs=1e-9)
    assert bound.remaining.hr == pytest.approx(0.6)
    assert bound.true_ratio.hr == pytest.approx(0.6, rel=1e-4)
    assert bound.share_remaining == pytest.approx(1.0)


def test_table(bound):
    table = bound.table()
    assert tuple(table.columns) == BOUND_COLUMNS
    null = table[(table["kind"] == "null studies") & (table["quantity"] == "hazard ratio")].iloc[0]
    assert null["lower"] < bound.limit.hazard_ratio < null["upper"]
    assert 0 < null["mcse"] < 0.02
    assert set(table["kind"]) == {
        "null studies",
        "large study",
        "published",
        "divided",
        "inverted",
    }
    assert not table[["estimate"]].isna().any().any()


def test_without_a_published_ratio(rules):
    bound = immortal_bound(rules, simulations=200)
    assert bound.remaining is None
    assert bound.true_ratio is None
    assert math.isnan(bound.as_extreme)
    assert len(bound.sentences) == 2
    assert set(bound.table()["kind"]) == {"null studies", "large study"}


def test_the_same_seed_gives_the_same_studies(rules):
    first, second = (immortal_bound(rules, simulations=150, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first.null_ratios, second.null_ratios)
    other = immortal_bound(rules, simulations=150, seed=4)
    assert not np.array_equal(first.null_ratios, other.null_ratios)


def test_the_shipped_null_cohort_is_made_by_its_rules():
    """Without its column of dates: no effect, and the rules make the whole observed ratio."""
    roles = Roles(
        id="patient_id",
        time="os_months",
        event="death",
        arm=ArmRole(
            column="arm", treated="TACE + targeted + PD-(L)1", control="targeted + PD-(L)1"
        ),
        time_unit="months",
        time_zero="start of treatment",
    )
    cohort = read_cohort("synthetic:lu2025_immortal_null", roles)
    assert "treatment_start" not in cohort.frame or cohort.frame["treatment_start"].isna().all()
    frame = cohort.frame
    fit = cox(frame[["treatment"]].astype(float), frame["entry"], frame["time"], frame["event"])
    ratio, lower, upper = (float(np.exp(x[0])) for x in (fit.coef, fit.lower, fit.upper))
    observed = PublishedRatio(hr=ratio, lower=lower, upper=upper)
    assert observed.upper < 1.0
    bound = immortal_bound(immortal_rules_of(cohort, (0.0, 3.0)), observed, simulations=500)
    assert 0.2 < bound.as_extreme < 0.8
    assert bound.remaining.lower < 1.0 < bound.remaining.upper
    assert abs(math.log(bound.true_ratio.hr)) < 0.1
    assert "the rules alone can produce it" in bound.sentences[1]


def test_sentences_say_what_is_assumed(bound):
    text = " ".join(bound.sentences)
    assert "With these rules and no effect at all, the hazard ratio would be 0.51" in text
    assert "uniform between 0 and 3 months" in text
    assert "counted as a control" in text
    assert "between 6 and 64 months" in text


def test_sentence_of_a_result_that_rules_seldom_make():
    rules = ImmortalRules(
        treated=169, control=253, window=(1.0, 1.0), median=12.0, early_deaths="excluded"
    )
    bound = immortal_bound(rules, PublishedRatio(hr=0.36, lower=0.28, upper=0.46), simulations=200)
    assert "less than 0.5% have one as low as that" in bound.sentences[1]
    assert "of the log hazard ratio remains" in bound.sentences[2]


def test_a_thousand_studies_take_seconds(rules):
    began = time.process_time()
    immortal_bound(rules, simulations=1_000)
    assert time.process_time() - began < 5.0


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"hr": 0.5, "lower": 0.8, "upper": 0.3}, "limits are reversed"),
        ({"hr": 0.9, "lower": 0.3, "upper": 0.8}, "does not hold the hazard ratio 0.9"),
        ({"hr": -0.5, "lower": 0.3, "upper": 0.8}, "hr: must be a positive number"),
        ({"hr": "0.5", "lower": 0.3, "upper": 0.8}, "hr: must be a positive number, not '0.5'"),
        ({"hr": 0.5, "lower": 0.3, "upper": 0.8, "prob": 95}, "prob: must lie between 0 and 1"),
    ],
)
def test_published_ratios_are_checked(fields, message):
    with pytest.raises(InputError, match=message):
        PublishedRatio(**fields)


def test_arguments_are_checked_at_once():
    with pytest.raises(InputError) as caught:
        immortal_bound({"treated": 141}, 0.5, simulations=10, seed="one")
    assert [problem.where for problem in caught.value.problems] == [
        "rules",
        "published",
        "simulations",
        "seed",
    ]
