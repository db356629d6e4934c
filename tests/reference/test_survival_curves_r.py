"""Curves, quantiles, hazards, follow-up and restricted means against R (survival_curves.R).

All of them are sums and products over risk sets: asked to agree to 1e-10 of themselves, R's 15
digits less what the sums cost. Times are read off the data and agree exactly but for midpoints.
"""

from __future__ import annotations

import numpy as np
import pytest
from cohort_models import WEIGHTED, of_cohorts

from hccbayes.frequentist.follow_up import median_follow_up
from hccbayes.frequentist.kaplan_meier import (
    kaplan_meier,
    median_survival,
    numbers_at_risk,
    survival_at,
)
from hccbayes.frequentist.nelson_aalen import cumulative_hazard_at, nelson_aalen
from hccbayes.frequentist.quantiles import survival_quantiles
from hccbayes.frequentist.restricted_mean import restricted_mean
from hccbayes.frequentist.restricted_mean_contrast import restricted_mean_contrast
from hccbayes.frequentist.weighted_curves import weighted_kaplan_meier

ARITHMETIC = 1e-10
FOLLOW_UP = ["entry", "time", "event"]
COLUMNS = {"estimate": "survival", "lower": "lower", "upper": "upper"}


@pytest.fixture(scope="module")
def reference(reference_of):
    return reference_of("survival_curves")


def columns(frame):
    return [frame[name] for name in FOLLOW_UP]


def beyond(value):
    """R's NA is a quantile that the follow-up does not reach."""
    return np.inf if np.isnan(value) else value


def of_arm(cohort, arm):
    return cohort if arm == "all" else cohort[cohort["treatment"] == (arm == "treated")]


@pytest.mark.parametrize("kind", ["log", "log-log", "plain"])
@pytest.mark.parametrize("arm", ["all", "control", "treated"])
def test_curve_and_limits(cohort, reference, kind, arm):
    part = of_arm(cohort, arm)
    curve = kaplan_meier(*columns(part), interval_kind=kind)
    own = f"{arm} "
    labels = [label for convention, label in reference.rows("curve")
              if convention == kind and label.startswith(own)]  # fmt: skip
    assert 2 <= len(labels) <= 3
    times = [float(label.removeprefix(own)) for label in labels]
    found = survival_at(curve, times)
    for quantity in ("survival", "standard_error", "lower", "upper"):
        expected = reference.of_terms("curve", kind, labels, quantity)
        np.testing.assert_allclose(found[quantity], expected, rtol=ARITHMETIC, err_msg=quantity)
    at_risk = numbers_at_risk(part["entry"], part["time"], times)
    np.testing.assert_array_equal(at_risk, reference.of_terms("curve", kind, labels, "at_risk"))


@pytest.mark.parametrize("kind", ["log", "log-log", "plain"])
@pytest.mark.parametrize("arm", ["all", "control", "treated"])
def test_quantiles(cohort, reference, kind, arm):
    part = of_arm(cohort, arm)
    curve = kaplan_meier(*columns(part), interval_kind=kind)
    found = survival_quantiles(curve, [0.1, 0.25, 0.5, 0.75]).set_index("prob")
    for prob, row in found.iterrows():
        for quantity, column in COLUMNS.items():
            limit = curve[column].dropna()
            first = (limit <= 1 - prob + 1e-8).idxmax()
            if (limit.loc[first:] > limit[first]).any():
                # R takes the later time of a limit that rises again; here the first one counts.
                assert row[quantity] == curve["time"][first]
                continue
            expected = beyond(reference("quantile", kind, f"{arm} {prob:g}", quantity))
            assert row[quantity] == pytest.approx(expected, rel=1e-14), (prob, quantity)
        assert bool(row["reason"]) == bool(np.isinf([row["estimate"], row["upper"]]).any())
    median = median_survival(curve)
    half = found.loc[0.5]
    assert (median.estimate, median.upper) == (half["estimate"], half["upper"])


@of_cohorts(WEIGHTED)
def test_weighted_quantiles(cohort, reference):
    curve = weighted_kaplan_meier(*columns(cohort), cohort["weight"])
    for _, row in survival_quantiles(curve).iterrows():
        for quantity in ("estimate", "lower", "upper"):
            label = f"{row['prob']:g}"
            expected = beyond(reference("quantile_weighted", "log", label, quantity))
            assert row[quantity] == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("ties", ["nelson-aalen", "fleming-harrington"])
def test_cumulative_hazard(cohort, reference, ties):
    curve = nelson_aalen(*columns(cohort), ties=ties)
    labels = [label for convention, label in reference.rows("hazard") if convention == ties]
    assert len(labels) == 3
    at = cumulative_hazard_at(curve, [float(label) for label in labels])
    for label, (_, row) in zip(labels, at.iterrows(), strict=True):
        expected = reference("hazard", ties, label, "estimate")
        assert row["cumulative_hazard"] == pytest.approx(expected, rel=ARITHMETIC)
        expected = reference("hazard", ties, label, "standard_error")
        assert row["standard_error"] == pytest.approx(expected, rel=ARITHMETIC)


@pytest.mark.parametrize("kind", ["log", "log-log", "plain"])
def test_median_follow_up(cohort, reference, kind):
    found = median_follow_up(*columns(cohort), interval_kind=kind)
    for quantity in ("estimate", "lower", "upper"):
        expected = beyond(reference("follow_up", kind, "", quantity))
        assert getattr(found, quantity) == pytest.approx(expected, rel=1e-14)
    assert found.censored == (cohort["event"] == 0).sum()


def test_restricted_means(cohort, reference):
    horizons = list(dict.fromkeys(label for _, label in reference.rows("rmst")))
    assert len(horizons) == 2
    for label in horizons:
        found = restricted_mean_contrast(*columns(cohort), cohort["treatment"], float(label))
        for arm in ("treated", "control"):
            own = restricted_mean(*columns(cohort[cohort["treatment"] == (arm == "treated")]),
                                  float(label))  # fmt: skip
            assert getattr(found, arm) == own
            expected = reference("rmst", "greenwood", label, arm)
            assert own.estimate == pytest.approx(expected, rel=ARITHMETIC)
            expected = reference("rmst", "greenwood", label, f"{arm}_se")
            assert own.standard_error == pytest.approx(expected, rel=ARITHMETIC)
        for scale in ("difference", "ratio"):
            contrast = getattr(found, scale)
            for quantity in ("estimate", "standard_error", "lower", "upper", "p_value"):
                expected = reference("rmst", scale, label, quantity)
                # A difference of two areas loses their leading digits.
                assert getattr(contrast, quantity) == pytest.approx(expected, rel=1e-8, abs=1e-9)
