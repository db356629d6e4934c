from __future__ import annotations

import numpy as np
import pytest

from hccbayes.errors import InputError
from hccbayes.frequentist.identifiability import NotEstimableError
from hccbayes.frequentist.logrank import logrank


def test_four_patients_by_hand():
    test = logrank(np.zeros(4), [2, 4, 1, 3], np.ones(4), [1, 1, 0, 0])
    # At 1, 2, 3, 4: 2 of 4, 2 of 3, 1 of 2 and 1 of 1 at risk are treated.
    expected = 1 / 2 + 2 / 3 + 1 / 2 + 1
    variance = 1 / 4 + 2 / 9 + 1 / 4
    assert test.expected["treated"] == pytest.approx(expected, rel=1e-14)
    assert test.expected["control"] == pytest.approx(4 - expected, rel=1e-14)
    assert test.observed == {"treated": 2.0, "control": 2.0}
    assert test.chi2 == pytest.approx((2 - expected) ** 2 / variance, rel=1e-13)


def test_ties_take_the_hypergeometric_variance():
    # Two of four die at once, one of them treated; two of the four are treated: (O - E)^2 = 0 at
    # that time; then one treated of two dies.
    test = logrank(np.zeros(4), [1, 2, 1, 3], [1, 1, 1, 0], [1, 1, 0, 0])
    variance = 2 * (1 / 2) * (1 / 2) * (4 - 2) / (4 - 1) + 1 / 4
    assert test.chi2 == pytest.approx((2 - 1.5) ** 2 / variance, rel=1e-13)


def test_strata_add_their_scores():
    stop = np.array([2, 4, 1, 3, 5, 7, 9, 6])
    event = np.array([1, 1, 1, 1, 1, 0, 1, 1])
    arm = np.array([1, 1, 0, 0, 0, 1, 1, 0])
    stratum = np.array(["a", "a", "a", "a", "b", "b", "b", "b"])
    parts = [
        logrank(np.zeros(4), stop[half], event[half], arm[half])
        for half in (slice(0, 4), slice(4, 8))
    ]
    whole = logrank(np.zeros(8), stop, event, arm, strata=stratum)
    assert whole.expected["treated"] == pytest.approx(
        sum(part.expected["treated"] for part in parts), rel=1e-14
    )
    score = whole.observed["treated"] - whole.expected["treated"]
    variances = [
        (part.observed["treated"] - part.expected["treated"]) ** 2 / part.chi2 for part in parts
    ]
    assert whole.chi2 == pytest.approx(score**2 / sum(variances), rel=1e-12)


def test_delayed_entry_leaves_the_earlier_risk_sets():
    # The patient who enters at 2 is in no risk set before: the same as starting the clock there.
    late = logrank([0, 0, 2, 2], [1, 3, 4, 5], [1, 1, 1, 1], [1, 1, 0, 0])
    # At 1: 2 of 2 treated (no variance); at 3: 1 of 3; at 4 and 5: none.
    assert late.expected["treated"] == pytest.approx(1 + 1 / 3, rel=1e-14)
    assert late.chi2 == pytest.approx((2 - 4 / 3) ** 2 / (2 / 9), rel=1e-13)


def test_no_common_risk_set_is_not_estimable():
    with pytest.raises(NotEstimableError, match="both arms were at risk"):
        logrank([0, 0], [1, 1], [0, 0], [1, 0])


def test_wrong_arms_and_strata_are_refused():
    with pytest.raises(InputError, match="one 0 or 1 a row"):
        logrank([0, 0], [1, 2], [1, 1], [1, 2])
    with pytest.raises(InputError, match="missing values are not a stratum"):
        logrank([0, 0], [1, 2], [1, 1], [1, 0], strata=["a", None])
