"""Tests of counts and means, standardized differences and floors: closed forms and toy cases."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hccbayes.evidence.count_tests import (
    count_p_values,
    fisher,
    student_t,
    welch_t,
)
from hccbayes.evidence.se_floors import covariate_floor, minimum_events, two_arm_floor
from hccbayes.standardized_difference import (
    factor_smd,
    factor_smd_range,
    mean_smd_range,
)


def test_lady_tasting_tea():
    # 3 of 4 right: P(3) + P(4) + P(1) + P(0) = (16 + 1 + 16 + 1) / 70.
    p = count_p_values([(3, 1), (1, 3)])
    assert p["fisher"] == pytest.approx(34 / 70, abs=1e-12)
    # Chi-square 2 on one degree of freedom; corrected 8 * (8 - 4)^2 / 4^4 = 0.5.
    assert p["pearson"] == pytest.approx(math.erfc(math.sqrt(2.0 / 2)), abs=1e-12)
    assert p["yates"] == pytest.approx(math.erfc(math.sqrt(0.5 / 2)), abs=1e-12)
    assert p["linear_by_linear"] == pytest.approx(math.erfc(math.sqrt(1.75 / 2)), abs=1e-12)


def test_freeman_halton_by_hand():
    # Margins 2, 1, 1 and 2 treated of 4: six choices of two patients; (2,0,0), (0,1,1) have chance
    # 1/6, (1,1,0) and (1,0,1) 2/6. The first pair is as likely as itself: 2/6 together.
    assert fisher(np.array([[2, 0], [0, 1], [0, 1]])) == pytest.approx(2 / 6, abs=1e-12)
    assert fisher(np.array([[1, 1], [1, 0], [0, 1]])) == pytest.approx(1.0, abs=1e-12)


def test_exact_test_is_left_out_where_there_are_too_many_tables():
    assert "fisher" not in count_p_values([(90, 80), (70, 95), (88, 81), (60, 70)])
    assert "fisher" in count_p_values([(9, 8), (7, 9), (8, 8)])


def test_levels_nobody_has_do_not_count():
    assert count_p_values([(5, 3), (0, 0), (5, 7)]) == count_p_values([(5, 3), (5, 7)])


def test_one_level_cannot_differ_and_an_empty_arm_cannot_be_tested():
    assert set(count_p_values([(5, 7)]).values()) == {1.0}
    assert count_p_values([(5, 0), (5, 0)]) == {}


def test_t_tests_from_summaries():
    # Difference 1, variances 4 and 4, ten each: t = 1 / sqrt(0.8), 18 degrees of freedom.
    from scipy.stats import t

    expected = 2 * t.sf(1 / math.sqrt(0.8), 18)
    assert student_t(1.0, (4.0, 4.0), (10.0, 10.0)) == pytest.approx(expected, rel=1e-12)
    assert welch_t(1.0, (4.0, 4.0), (10.0, 10.0)) == pytest.approx(expected, rel=1e-12)
    assert welch_t(0.0, (0.0, 0.0), (10.0, 10.0)) == 1.0
    assert student_t(0.0, (0.0, 0.0), (10.0, 10.0)) == 1.0


def test_smd_of_two_levels_is_the_textbook_formula():
    p, q = 0.4, 0.3
    expected = abs(p - q) / math.sqrt((p * (1 - p) + q * (1 - q)) / 2)
    assert factor_smd([40, 60], [30, 70]) == pytest.approx(expected, rel=1e-12)
    assert factor_smd([60, 40], [70, 30]) == pytest.approx(expected, rel=1e-12)


def test_smd_does_not_depend_on_the_order_of_levels():
    one, two = [84, 53, 4], [9, 17, 0]
    assert factor_smd(one, two) == pytest.approx(factor_smd(one[::-1], two[::-1]), rel=1e-9)


def test_smd_limits():
    assert factor_smd([5, 5], [50, 50]) == 0.0
    assert factor_smd([5, 0], [0, 5]) == math.inf


def test_rounded_shares_give_a_range_that_holds_the_truth():
    low, high = factor_smd_range([(0.395, 0.405), (0.595, 0.605)], [(0.295, 0.305), (0.695, 0.705)])
    assert low < factor_smd([40, 60], [30, 70]) < high
    # The ends are those of the widest and the narrowest pair.
    assert low == pytest.approx(factor_smd([39.5, 60.5], [30.5, 69.5]), rel=1e-9)
    assert high == pytest.approx(factor_smd([40.5, 59.5], [29.5, 70.5]), rel=1e-9)


def test_overlapping_shares_may_not_differ_at_all():
    low, _ = factor_smd_range([(0.3, 0.4), (0.6, 0.7)], [(0.35, 0.45), (0.55, 0.65)])
    assert low == 0.0


def test_too_many_rounded_levels_are_not_judged():
    ranges = [(0.1, 0.11)] * 9
    assert factor_smd_range(ranges, ranges) == (0.0, math.inf)


def test_mean_difference_range():
    low, high = mean_smd_range([(9.5, 10.5), (11.5, 12.5)], [(1.9, 2.1), (1.9, 2.1)])
    assert (low, high) == pytest.approx((1.0 / 2.1, 3.0 / 1.9), rel=1e-12)


def test_floors_by_hand():
    assert two_arm_floor(68, 194) == pytest.approx(math.sqrt(1 / 68 + 1 / 194), rel=1e-12)
    assert two_arm_floor(50, 50) == pytest.approx(covariate_floor(100), rel=1e-12)
    assert two_arm_floor(0, 10) == covariate_floor(0) == math.inf
    assert minimum_events(0.2082) == 93
    assert minimum_events(0.2) == 100
