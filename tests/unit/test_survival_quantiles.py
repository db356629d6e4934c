from __future__ import annotations

import numpy as np
import pytest

from hccbayes.errors import InputError
from hccbayes.frequentist.follow_up import median_follow_up, reverse_kaplan_meier
from hccbayes.frequentist.identifiability import NotEstimableError
from hccbayes.frequentist.kaplan_meier import kaplan_meier
from hccbayes.frequentist.nelson_aalen import cumulative_hazard_at, nelson_aalen
from hccbayes.frequentist.quantiles import survival_quantiles


def test_quantiles_of_four_patients():
    curve = kaplan_meier(np.zeros(4), [1, 2, 3, 4], np.ones(4))
    found = survival_quantiles(curve, [0.1, 0.25, 0.5, 0.75, 0.9])
    # 0.75, 0.5, 0.25, 0: a curve that sits on the level has the midpoint of the stretch.
    assert list(found["estimate"]) == [1.0, 1.5, 2.5, 3.5, 4.0]


def test_plain_limits_by_hand():
    # Greenwood at 1: S = 0.75, se = 0.75 sqrt(1 / (4 * 3)) = 0.2165; limits 0.326 and 1.174 (1).
    curve = kaplan_meier(np.zeros(4), [1, 2, 3, 4], [1, 0, 0, 0], interval_kind="plain")
    found = survival_quantiles(curve, [0.2, 0.5]).set_index("prob")
    assert found.loc[0.2, "estimate"] == 1.0
    assert (found["lower"] == 1.0).all()
    assert np.isinf(found["upper"]).all()
    assert "upper limit not reached" in found.loc[0.2, "reason"]
    assert "not reached: survival is still 0.750" in found.loc[0.5, "reason"]


def test_all_censored_says_so():
    found = survival_quantiles(kaplan_meier([0, 0], [3, 5], [0, 0]), [0.5]).iloc[0]
    assert np.isinf([found["estimate"], found["lower"], found["upper"]]).all()
    assert "still 1.000 when follow-up ends at 5 months" in found["reason"]


@pytest.mark.parametrize("patients", [1, 5])
def test_all_dead_at_once_has_no_lower_limit(patients):
    curve = kaplan_meier(np.zeros(patients), np.full(patients, 5.0), np.ones(patients))
    found = survival_quantiles(curve, [0.5]).iloc[0]
    assert found["estimate"] == 5.0
    assert np.isnan(found["lower"])
    assert "no lower limit: the curve falls to 0" in found["reason"]


@pytest.mark.parametrize("prob", [0.0, 1.0, -1.0, np.nan])
def test_shares_outside_are_refused(prob):
    with pytest.raises(InputError, match="between 0 and 1"):
        survival_quantiles(kaplan_meier([0], [1], [1]), [prob])


def test_nelson_aalen_by_hand():
    follow_up = (np.zeros(4), [1, 2, 2, 3], [1, 1, 1, 0])
    together = nelson_aalen(*follow_up)
    assert list(together["cumulative_hazard"]) == pytest.approx(
        [0, 1 / 4, 1 / 4 + 2 / 3, 1 / 4 + 2 / 3], rel=1e-14
    )
    assert together["standard_error"].iloc[2] == pytest.approx(np.sqrt(1 / 16 + 2 / 9), rel=1e-14)
    one_by_one = nelson_aalen(*follow_up, ties="fleming-harrington")
    assert one_by_one["cumulative_hazard"].iloc[2] == pytest.approx(
        1 / 4 + 1 / 3 + 1 / 2, rel=1e-14
    )
    assert one_by_one["standard_error"].iloc[2] == pytest.approx(
        np.sqrt(1 / 16 + 1 / 9 + 1 / 4), rel=1e-14
    )


def test_nelson_aalen_limits():
    row = nelson_aalen(np.zeros(4), [1, 2, 3, 4], [1, 0, 0, 0]).iloc[1]
    # One death of four: H = se = 1/4, so that the log limits are H exp(-z) and H exp(z).
    z = 1.959963984540054
    assert (row["lower"], row["upper"]) == pytest.approx((np.exp(-z) / 4, np.exp(z) / 4), rel=1e-12)
    plain = nelson_aalen(np.zeros(4), [1, 2, 3, 4], [1, 0, 0, 0], interval_kind="plain").iloc[1]
    assert (plain["lower"], plain["upper"]) == pytest.approx((0.0, (1 + z) / 4), rel=1e-12)


def test_nelson_aalen_with_delayed_entry():
    # The patient who enters at 2 is not at risk at 1: 1/1, then 1/2.
    curve = nelson_aalen([0, 0, 2], [1, 3, 4], [1, 1, 1])
    assert list(curve["cumulative_hazard"]) == pytest.approx([0, 1 / 2, 1, 2], rel=1e-14)


def test_nelson_aalen_refuses_unknown_names_and_times():
    with pytest.raises(InputError, match="choose from nelson-aalen, fleming-harrington"):
        nelson_aalen([0], [1], [1], ties="efron")
    with pytest.raises(InputError, match="choose from log, plain"):
        nelson_aalen([0], [1], [1], interval_kind="log-log")
    with pytest.raises(InputError, match="between 0 and 1"):
        nelson_aalen([0], [1], [1], prob=1.0)
    with pytest.raises(InputError, match="ends at 1 months; not known: 2"):
        cumulative_hazard_at(nelson_aalen([0], [1], [1]), [0.5, 2])


def test_follow_up_by_hand():
    # Censored at 4 with three at risk, and at 8 alone: 2/3, then 0.
    found = median_follow_up(np.zeros(4), [2, 4, 6, 8], [1, 0, 1, 0])
    assert (found.estimate, found.patients, found.censored) == (8.0, 4, 2)
    assert found.reason
    curve = reverse_kaplan_meier(np.zeros(4), [2, 4, 6, 8], [1, 0, 1, 0])
    assert list(curve["survival"]) == pytest.approx([1, 1, 2 / 3, 2 / 3, 0], abs=1e-15)


def test_the_dead_are_at_risk_of_censoring_at_their_time():
    curve = reverse_kaplan_meier([0, 0], [3, 3], [1, 0])
    assert curve["survival"].iloc[-1] == 0.5


def test_follow_up_of_the_dead_is_not_known():
    with pytest.raises(NotEstimableError, match="every patient had the event"):
        median_follow_up([0, 0], [3, 4], [1, 1])
