from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from hccbayes.errors import InputError
from hccbayes.frequentist.cox import cox
from hccbayes.frequentist.fleming_harrington import fleming_harrington, weighted_fleming_harrington
from hccbayes.frequentist.identifiability import NotEstimableError
from hccbayes.frequentist.logrank import logrank
from hccbayes.frequentist.max_combo import largest_exceeds, max_combo
from hccbayes.frequentist.observed_expected import (
    observed_expected_hazard_ratio,
    peto_hazard_ratio,
)
from hccbayes.frequentist.weighted_logrank import weighted_logrank

ROOT = Path(__file__).resolve().parents[2]
FOUR = (np.zeros(4), [2, 4, 1, 3], np.ones(4), [1, 1, 0, 0])


def cohort(rng, rows=80):
    stop = np.ceil(rng.exponential(10, rows))
    start = np.where(rng.uniform(size=rows) < 0.3, stop / 2, 0.0)
    event, arm = rng.binomial(1, 0.7, rows), rng.binomial(1, 0.5, rows)
    return start, stop, event, arm


def test_four_patients_by_hand():
    test = fleming_harrington(*FOUR, rho=1)
    # Survival just before 1, 2, 3, 4 is 1, 3/4, 1/2, 1/4; expected 1/2, 2/3, 1/2, 1.
    score = -1 / 2 + 3 / 4 * (1 - 2 / 3) - 1 / 2 * 1 / 2
    variance = 1 / 4 + 9 / 16 * 2 / 9 + 1 / 4 * 1 / 4
    assert test.observed["treated"] - test.expected["treated"] == pytest.approx(score, rel=1e-14)
    assert test.variance == pytest.approx(variance, rel=1e-14)
    assert test.z == pytest.approx(score / np.sqrt(variance), rel=1e-14)
    late = fleming_harrington(*FOUR, gamma=1)
    score = 1 / 4 * (1 - 2 / 3) - 1 / 2 * 1 / 2
    assert late.observed["treated"] - late.expected["treated"] == pytest.approx(score, rel=1e-13)


def test_without_exponents_it_is_the_log_rank_test(rng):
    start, stop, event, arm = cohort(rng)
    strata = rng.integers(0, 3, len(stop))
    test, plain = (function(start, stop, event, arm, strata=strata)
                   for function in (fleming_harrington, logrank))  # fmt: skip
    assert test.chi2 == pytest.approx(plain.chi2, rel=1e-12)
    assert test.p_value == pytest.approx(plain.p_value, rel=1e-11)
    assert test.expected == pytest.approx(plain.expected, rel=1e-13)


def test_weighted_without_exponents_is_the_weighted_log_rank_test(rng):
    start, stop, event, arm = cohort(rng)
    weights, cluster = rng.uniform(0, 2, len(stop)), rng.integers(0, 20, len(stop))
    arguments = (start, stop, event, arm, weights)
    test = weighted_fleming_harrington(*arguments, cluster=cluster)
    plain = weighted_logrank(*arguments, cluster=cluster)
    assert test.chi2 == pytest.approx(plain.chi2, rel=1e-12)
    assert test.observed == pytest.approx(plain.observed, rel=1e-13)


@pytest.mark.parametrize(("rho", "gamma"), [(1, 0), (0, 1), (1, 1)])
def test_equal_weights_have_the_counted_score(rng, rho, gamma):
    start, stop, event, arm = cohort(rng)
    strata = rng.integers(0, 2, len(stop))
    options = {"rho": rho, "gamma": gamma, "strata": strata}
    counted = fleming_harrington(start, stop, event, arm, **options)
    weighted = weighted_fleming_harrington(start, stop, event, arm, np.full(80, 2.5), **options)
    assert weighted.expected["treated"] == pytest.approx(2.5 * counted.expected["treated"])
    assert weighted.observed["control"] == pytest.approx(2.5 * counted.observed["control"])


def test_a_scale_of_the_weights_changes_no_test(rng):
    start, stop, event, arm = cohort(rng)
    weights = rng.uniform(0.1, 2, len(stop))
    one, ten = (
        weighted_fleming_harrington(start, stop, event, arm, factor * weights, rho=0.5)
        for factor in (1, 10)
    )
    assert ten.z == pytest.approx(one.z, rel=1e-12)


@pytest.mark.parametrize("test", [fleming_harrington, max_combo])
@pytest.mark.parametrize(
    ("stop", "event", "arm"),
    [
        ([1, 2, 3, 4], [0, 0, 0, 0], [0, 1, 0, 1]),
        ([5, 5, 5, 5], [1, 1, 1, 1], [0, 1, 0, 1]),
        ([1, 2, 3, 4], [1, 1, 1, 1], [1, 1, 1, 1]),
        ([1], [1], [0]),
    ],
    ids=["all censored", "all die at once", "one arm", "one patient"],
)
def test_nothing_to_test_is_said(test, stop, event, arm):
    reason = "survived by somebody" if len(set(arm)) == 2 else "the .* arm has no patient"
    with pytest.raises(NotEstimableError, match="survived by somebody|arm has no patient") as error:
        test(np.zeros(len(stop)), stop, event, arm)
    if test is fleming_harrington:
        assert re.search(reason, str(error.value))
        with pytest.raises(NotEstimableError, match="the control arm has no patient"):
            weighted_fleming_harrington(
                np.zeros(len(stop)), stop, event, np.ones(len(stop)), np.ones(len(stop))
            )


def test_strata_of_one_arm_say_nothing():
    stop, event, arm = [1, 2, 3, 4], [1, 1, 1, 1], [0, 0, 1, 1]
    with pytest.raises(NotEstimableError, match="nothing to test"):
        fleming_harrington(np.zeros(4), stop, event, arm, strata=["a", "a", "b", "b"])
    both = fleming_harrington(
        np.zeros(8), [*stop, *stop], [*event, *event], [*arm, 1, 1, 1, 1],
        strata=[*"mmmmbbbb"],
    )  # fmt: skip
    assert both.chi2 == pytest.approx(fleming_harrington(np.zeros(4), stop, event, arm).chi2)


def test_an_arm_without_events_is_tested():
    follow_up = (np.zeros(4), [1, 2, 5, 5], [1, 1, 0, 0], [0, 0, 1, 1])
    assert fleming_harrington(*follow_up).z < 0
    # 1/2 + 2/3 expected, variance 1/4 + 2/9.
    peto = peto_hazard_ratio(*follow_up)
    assert peto.log_estimate == pytest.approx(-(1 / 2 + 2 / 3) / (1 / 4 + 2 / 9), rel=1e-13)
    with pytest.raises(NotEstimableError, match="no event in the treated arm"):
        observed_expected_hazard_ratio(*follow_up)


def test_wrong_exponents_are_refused():
    with pytest.raises(InputError, match="rho: must be at least 0"):
        fleming_harrington(*FOUR, rho=-1)
    with pytest.raises(InputError, match="gamma: must be at least 0"):
        weighted_fleming_harrington(*FOUR, np.ones(4), gamma=np.inf)
    with pytest.raises(InputError, match="twice"):
        max_combo(*FOUR, weights=[(0, 0), (0, 0)])
    with pytest.raises(InputError, match="at least one pair"):
        max_combo(*FOUR, weights=[])
    with pytest.raises(InputError, match="between 0 and 1"):
        peto_hazard_ratio(*FOUR, prob=2)


def test_hazard_ratios_of_four_patients():
    # Observed 2 and 2, expected 8/3 and 4/3.
    ratio = observed_expected_hazard_ratio(*FOUR)
    assert ratio.estimate == pytest.approx(0.5, rel=1e-14)
    assert ratio.log_standard_error == pytest.approx(np.sqrt(3 / 8 + 3 / 4), rel=1e-14)
    peto = peto_hazard_ratio(*FOUR)
    variance = 1 / 4 + 2 / 9 + 1 / 4
    assert peto.log_estimate == pytest.approx((2 - 8 / 3) / variance, rel=1e-14)
    assert peto.log_standard_error == pytest.approx(variance**-0.5, rel=1e-14)
    assert (ratio.method, peto.method) == ("observed_expected", "peto")


def test_the_text_of_chen_2025_prints_a_log_rank_ratio():
    # 0.36 (0.28-0.46) in the paper. From the printed margins the ratio of observed over expected is
    # 0.37 (0.29-0.47), and it is narrower than a Cox model with 68 and 194 deaths can be.
    file = ROOT / "hccbayes" / "synthetic" / "data" / "synthetic_chen2025.csv"
    frame = pd.read_csv(file, comment="#")
    treated = (frame["arm"] == "HAIC + lenvatinib + PD-1").astype(float)
    follow_up = (np.zeros(len(frame)), frame["os_months"], frame["death"])
    ratio = observed_expected_hazard_ratio(*follow_up, treated)
    two_digits = (0.37, 0.29, 0.47)
    assert (ratio.estimate, ratio.lower, ratio.upper) == pytest.approx(two_digits, abs=5e-3)
    fit = cox(pd.DataFrame({"treatment": treated}), *follow_up)
    assert ratio.log_standard_error < np.sqrt(1 / 68 + 1 / 194) < fit.se[0]


def test_one_weight_is_its_own_test():
    test = max_combo(*FOUR, weights=[(1, 0)])
    alone = fleming_harrington(*FOUR, rho=1)
    assert test.p_value == pytest.approx(alone.p_value, rel=1e-12)
    assert (test.statistic, test.rho, test.gamma) == (pytest.approx(abs(alone.z)), 1.0, 0.0)


def test_statistics_are_those_of_their_tests(rng):
    start, stop, event, arm = cohort(rng)
    test = max_combo(start, stop, event, arm)
    for _, row in test.components.iterrows():
        own = fleming_harrington(start, stop, event, arm, rho=row["rho"], gamma=row["gamma"])
        assert (row["z"], row["p_value"]) == pytest.approx((own.z, own.p_value), rel=1e-11)
    smallest = test.components["p_value"].min()
    assert smallest < test.p_value < 4 * smallest


@pytest.mark.parametrize("limit", [0.5, 2.0, 8.0])
def test_independent_and_equal_statistics(limit):
    one = 2 * norm.sf(limit)
    # Quasi-random points: a relative 1e-5.
    independent = largest_exceeds(limit, np.eye(3))
    assert independent == pytest.approx(-np.expm1(3 * np.log1p(-one)), rel=1e-5)
    assert largest_exceeds(limit, np.ones((3, 3))) == pytest.approx(one, rel=1e-12)
    assert largest_exceeds(limit, np.array([[1.0, -1.0], [-1.0, 1.0]])) == pytest.approx(one)


@pytest.mark.parametrize("limit", [1.0, 3.0, 6.0])
@pytest.mark.parametrize("order", [[0, 1, 2], [2, 0, 1], [1, 2, 0]])
def test_a_sum_of_two_statistics(limit, order):
    # Z3 = (Z1 + Z2) / sqrt(2), a singular correlation: the box is a hexagon, whose rim lies
    # limit / max |cos| away in the direction of an angle.
    angles = np.array([0.0, np.pi / 2, np.pi / 4])
    factor = np.column_stack([np.cos(angles), np.sin(angles)])[order]

    def beyond(angle):
        rim = limit / np.abs(np.cos(angle - angles)).max()
        return np.exp(-(rim**2) / 2) / (2 * np.pi)

    kinks = np.pi * np.array([1, 3, 6]) / 8
    expected = 2 * quad(beyond, 0, np.pi, points=kinks, epsabs=0, epsrel=1e-10)[0]
    assert largest_exceeds(limit, factor @ factor.T) == pytest.approx(expected, rel=1e-5)
