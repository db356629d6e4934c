from __future__ import annotations

import numpy as np
import pytest

from hccbayes.errors import InputError
from hccbayes.frequentist.kaplan_meier import (
    kaplan_meier,
    median_survival,
    numbers_at_risk,
    survival_at,
)

Z = 1.959963984540054


def test_five_patients_by_hand():
    curve = kaplan_meier(np.zeros(5), [1, 2, 3, 4, 5], [1, 0, 1, 1, 0])
    np.testing.assert_allclose(curve["survival"], [1, 4 / 5, 4 / 5, 8 / 15, 4 / 15, 4 / 15])
    np.testing.assert_array_equal(curve["at_risk"], [5, 5, 4, 3, 2, 1])
    np.testing.assert_array_equal(curve["events"], [0, 1, 0, 1, 1, 0])
    np.testing.assert_array_equal(curve["censored"], [0, 0, 1, 0, 0, 1])
    log_se = np.sqrt(1 / 20 + 1 / 6)
    row = curve[curve["time"] == 3].iloc[0]
    assert row["standard_error"] == pytest.approx(8 / 15 * log_se, rel=1e-14)
    assert row["lower"] == pytest.approx(8 / 15 * np.exp(-Z * log_se), rel=1e-12)
    assert row["upper"] == 1.0


@pytest.mark.parametrize(
    ("kind", "to_scale"),
    [("log", np.log), ("log-log", lambda s: np.log(-np.log(s))), ("plain", lambda s: s)],
)
def test_limits_are_symmetric_on_their_scale(kind, to_scale):
    stop = np.arange(1.0, 41.0)
    curve = kaplan_meier(np.zeros(40), stop, np.ones(40), interval_kind=kind)
    middle = curve[(curve["time"] > 10) & (curve["time"] < 30)]
    middle_of_limits = (to_scale(middle["lower"]) + to_scale(middle["upper"])) / 2
    np.testing.assert_allclose(middle_of_limits, to_scale(middle["survival"]), rtol=0, atol=1e-13)


def test_limits_where_survival_is_one_or_zero():
    curve = kaplan_meier([0, 0, 0], [1, 2, 3], [0, 1, 1], interval_kind="log-log")
    assert curve.loc[curve["time"] == 1, ["lower", "upper"]].to_numpy().tolist() == [[1.0, 1.0]]
    last = curve.iloc[-1]
    assert last["survival"] == 0
    assert np.isnan([last["standard_error"], last["lower"], last["upper"]]).all()


def test_delayed_entry_counts_who_is_there():
    curve = kaplan_meier([0, 0, 2], [1, 3, 4], [1, 1, 1])
    np.testing.assert_array_equal(curve["at_risk"], [2, 2, 2, 1])
    np.testing.assert_allclose(curve["survival"], [1, 1 / 2, 1 / 4, 0])


def test_entry_at_an_event_time_is_after_it():
    curve = kaplan_meier([0, 0, 1], [1, 3, 4], [1, 1, 1])
    assert curve.loc[curve["time"] == 1, "at_risk"].item() == 2


def test_an_event_at_time_zero_has_a_row_after_the_first():
    curve = kaplan_meier([0, 0], [0, 2], [1, 0])
    np.testing.assert_array_equal(curve["time"], [0, 0, 2])
    np.testing.assert_array_equal(curve["survival"], [1, 0.5, 0.5])
    assert survival_at(curve, 0)["survival"].item() == 0.5


def test_median_on_one_half_is_the_midpoint():
    assert median_survival(kaplan_meier(np.zeros(4), [1, 2, 3, 4], np.ones(4))).estimate == 2.5


def test_median_off_one_half_is_an_event_time():
    assert median_survival(kaplan_meier(np.zeros(3), [1, 2, 3], np.ones(3))).estimate == 2.0


def test_median_on_one_half_to_the_end_is_where_that_begins():
    assert median_survival(kaplan_meier([0, 0], [1, 2], [1, 0])).estimate == 1.0


def test_median_not_reached_is_infinite():
    found = median_survival(kaplan_meier(np.zeros(4), [1, 2, 3, 4], [1, 0, 0, 0]))
    assert found.estimate == np.inf
    assert found.upper == np.inf


def test_rounded_one_half_is_one_half():
    # 8/10 * 7/8 * 6/7 * 5/6 = 1/2 up to rounding, in which it may lie on either side.
    stop = [1, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert median_survival(kaplan_meier(np.zeros(10), stop, np.ones(10))).estimate == 4.5


def test_survival_is_read_after_the_event_and_not_beyond_the_end():
    curve = kaplan_meier([0, 0], [1, 3], [1, 0])
    np.testing.assert_array_equal(survival_at(curve, [0.9, 1, 3])["survival"], [1, 0.5, 0.5])
    with pytest.raises(InputError, match=r"ends at 3 months; not known: 3.5"):
        survival_at(curve, [1, 3.5])


def test_numbers_at_risk():
    np.testing.assert_array_equal(
        numbers_at_risk([0, 0, 2], [1, 3, 4], [0, 1, 1.5, 2, 2.5, 5]), [2, 2, 1, 1, 2, 0]
    )


@pytest.mark.parametrize(
    ("start", "stop", "event", "message"),
    [
        ([], [], [], "positive length"),
        ([0, 0], [1], [1], "one positive length"),
        ([0], [-1], [1], "0 <= start < stop"),
        ([2], [2], [1], "0 <= start < stop"),
        ([0], [np.nan], [1], "finite"),
        ([0], [1], [2], "0 or 1"),
    ],
)
def test_wrong_episodes_are_refused(start, stop, event, message):
    with pytest.raises(InputError, match=message):
        kaplan_meier(start, stop, event)


def test_unknown_interval_kind_is_refused():
    with pytest.raises(InputError, match="choose from log, log-log, plain"):
        kaplan_meier([0], [1], [1], interval_kind="logit")  # type: ignore[arg-type]
