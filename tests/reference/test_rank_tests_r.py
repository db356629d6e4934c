"""The log-rank family and its hazard ratios against R (rank_tests.R).

Sums over risk sets agree to 1e-10; p of the max-combo test to the error that is stated beside it
(of pmvnorm, or four standard errors of a simulation where p is below 1e-4), and the relative 1e-5
of the quasi-random points here.
"""

from __future__ import annotations

import numpy as np
import pytest
from cohort_models import STRATUM, WEIGHTED, WEIGHTED_CENTERS, of_cohorts

from hccbayes.frequentist.fleming_harrington import fleming_harrington, weighted_fleming_harrington
from hccbayes.frequentist.logrank import logrank
from hccbayes.frequentist.max_combo import max_combo
from hccbayes.frequentist.observed_expected import (
    observed_expected_hazard_ratio,
    peto_hazard_ratio,
)

ARITHMETIC = 1e-10
COLUMNS = ["entry", "time", "event", "treatment"]
EXPONENTS = [(0, 0), (1, 0), (0, 1), (1, 1), (0.5, 0.5)]


@pytest.fixture(scope="module")
def reference(reference_of):
    return reference_of("rank_tests")


@pytest.fixture(scope="module", params=["one_stratum", "strata"])
def analysis(request):
    return request.param


@pytest.fixture(scope="module")
def rows(analysis, cohort, cohort_name):
    """Return the columns of a test and its strata."""
    if analysis == "one_stratum":
        return [cohort[name] for name in COLUMNS], {}
    kept = cohort.dropna(subset=[STRATUM[cohort_name]])
    return [kept[name] for name in COLUMNS], {"strata": kept[STRATUM[cohort_name]]}


@pytest.mark.parametrize(("rho", "gamma"), EXPONENTS)
def test_fleming_harrington(rows, reference, analysis, rho, gamma):
    test = fleming_harrington(*rows[0], rho=rho, gamma=gamma, **rows[1])
    label = f"{rho:g} {gamma:g}"
    found = {
        "z": test.z,
        "chi2": test.chi2,
        "p_value": test.p_value,
        "observed": test.observed["treated"],
        "expected": test.expected["treated"],
        "variance": test.variance,
    }
    for quantity, value in found.items():
        expected = reference("fleming_harrington", analysis, label, quantity)
        # z is a difference of sums: what it loses is relative to them.
        size = test.observed["treated"] / np.sqrt(test.variance)
        slack = 1e-12 * size if quantity in ("z", "p_value") else 1e-13
        assert value == pytest.approx(expected, rel=1e-9, abs=slack), quantity


def test_logrank(rows, reference, analysis):
    test = logrank(*rows[0], **rows[1])
    found = {
        "chi2": test.chi2,
        "p_value": test.p_value,
        "observed": test.observed["treated"],
        "expected": test.expected["treated"],
    }
    for quantity, value in found.items():
        expected = reference("fleming_harrington", analysis, "0 0", quantity)
        assert value == pytest.approx(expected, rel=1e-9), quantity


def check_weighted(cohort, reference, clustering, cluster, rho, gamma):
    test = weighted_fleming_harrington(
        *(cohort[name] for name in COLUMNS),
        cohort["weight"],
        rho=rho,
        gamma=gamma,
        cluster=cluster,
    )
    for quantity in ("z", "variance"):
        expected = reference("fleming_harrington", clustering, f"{rho:g} {gamma:g}", quantity)
        assert getattr(test, quantity) == pytest.approx(expected, rel=1e-9), quantity


@pytest.mark.parametrize(("rho", "gamma"), EXPONENTS)
@of_cohorts(WEIGHTED)
def test_weighted_fleming_harrington(cohort, reference, rho, gamma):
    check_weighted(cohort, reference, "robust", None, rho, gamma)


@pytest.mark.parametrize(("rho", "gamma"), EXPONENTS)
@of_cohorts(WEIGHTED_CENTERS)
def test_weighted_and_clustered_fleming_harrington(cohort, reference, rho, gamma):
    check_weighted(cohort, reference, "cluster", cohort["center"], rho, gamma)


def test_max_combo(rows, reference, analysis):
    test = max_combo(*rows[0], **rows[1])
    expected = reference("max_combo", analysis, "", "statistic")
    assert test.statistic == pytest.approx(expected, rel=ARITHMETIC)
    for first, second in zip(*np.tril_indices(4, -1), strict=True):
        label = f"{second} {first}"
        expected = reference("max_combo", analysis, label, "correlation")
        assert test.correlation[first, second] == pytest.approx(expected, rel=ARITHMETIC)
    p_value = reference("max_combo", analysis, "", "p_value")
    error = reference("max_combo", analysis, "", "p_error") + 1e-5 * p_value
    assert test.p_value == pytest.approx(p_value, abs=error)


@pytest.mark.parametrize(
    ("name", "ratio"),
    [("observed_expected", observed_expected_hazard_ratio), ("peto", peto_hazard_ratio)],
)
def test_hazard_ratios(rows, reference, analysis, name, ratio):
    found = ratio(*rows[0], **rows[1])
    assert found.method == name
    for quantity in ("estimate", "lower", "upper", "log_standard_error"):
        expected = reference(name, analysis, "", quantity)
        assert getattr(found, quantity) == pytest.approx(expected, rel=ARITHMETIC)
