"""E-values against the printed digits of their authors and of the cohort studies' hazard ratios."""

from __future__ import annotations

import math

import numpy as np
import pytest
import xarray as xr

from hccbayes.errors import InputError
from hccbayes.sensitivity import e_value_draws, e_value_rows, hazard_ratio_e_value
from hccbayes.spec import IntervalSection

HALF_DIGIT = 0.0005
"""Printed to three decimals; of studies that print control over treated, the inverse is taken."""
PRINTED = {
    "documentation of the R package EValue": ((0.56, 0.46, 0.69), 2.350, 1.908),
    "Chen2025, overall survival": ((0.34, 0.24, 0.46), 3.603, 2.805),
    "Chen2025, progression-free survival": ((0.75, 0.57, 0.98), 1.739, 1.134),
    "Lin2023, overall survival": ((1 / 2.009, 1 / 3.029, 1 / 1.332), 2.617, 1.737),
    "Sun2025, overall survival": ((1 / 2.177, 1 / 4.439, 1 / 1.068), 2.808, 1.268),
    "Jin2024, overall survival": ((0.63, 0.53, 0.75), 2.096, 1.739),
}


@pytest.mark.parametrize(("ratio", "point", "limit"), PRINTED.values(), ids=PRINTED.keys())
def test_printed_e_values(ratio, point, limit):
    found = hazard_ratio_e_value(*ratio, outcome="common")
    assert found.point == pytest.approx(point, abs=HALF_DIGIT)
    assert found.limit == pytest.approx(limit, abs=HALF_DIGIT)


def test_risk_ratio_of_the_documented_example():
    assert hazard_ratio_e_value(0.56, 0.46, 0.69, outcome="common").risk_ratio == pytest.approx(
        0.6701, abs=0.00005
    )


def test_rare_outcome_by_hand():
    found = hazard_ratio_e_value(0.5, 0.4, 0.8, outcome="rare")
    assert found.risk_ratio == 0.5
    assert found.point == pytest.approx(2.0 + math.sqrt(2.0), rel=1e-14)
    assert found.limit == pytest.approx(1.25 + math.sqrt(1.25 * 0.25), rel=1e-14)


@pytest.mark.parametrize("outcome", ["common", "rare"])
def test_harm_is_the_mirror_of_benefit(outcome):
    benefit = hazard_ratio_e_value(0.56, 0.46, 0.69, outcome=outcome)
    harm = hazard_ratio_e_value(1 / 0.56, 1 / 0.69, 1 / 0.46, outcome=outcome)
    assert harm.point == pytest.approx(benefit.point, rel=1e-13)
    assert harm.limit == pytest.approx(benefit.limit, rel=1e-13)
    assert harm.risk_ratio == pytest.approx(1 / benefit.risk_ratio, rel=1e-13)


@pytest.mark.parametrize("ratio", [(0.8, 0.6, 1.1), (1.3, 0.9, 1.8), (0.8, 0.6, 1.0)])
def test_interval_with_no_effect_in_it_needs_no_confounder(ratio):
    found = hazard_ratio_e_value(*ratio, outcome="common")
    assert found.limit == 1.0
    assert found.point > 1.0
    assert "holds no effect already" in found.sentence()


def test_no_effect():
    assert hazard_ratio_e_value(1.0, 0.5, 2.0, outcome="common").point == 1.0


def test_sentence_holds_the_numbers():
    sentence = hazard_ratio_e_value(0.56, 0.46, 0.69, outcome="common").sentence()
    assert "0.56" in sentence
    assert "2.35" in sentence
    assert "1.91" in sentence


def test_draws_keep_their_form():
    log_hr = xr.DataArray(
        np.log([[0.56, 0.69], [1 / 0.56, 1.0]]),
        dims=("chain", "draw"),
        coords={"chain": [0, 1], "draw": [0, 1]},
        name="log_hr",
    )
    found = e_value_draws(log_hr, outcome="common")
    assert found.dims == ("chain", "draw")
    assert found.name == "e_value"
    assert found.to_numpy() == pytest.approx(np.array([[2.350, 1.908], [2.350, 1.0]]), abs=0.0005)
    plain = e_value_draws(log_hr.to_numpy(), outcome="common")
    assert isinstance(plain, np.ndarray)
    np.testing.assert_array_equal(plain, found.to_numpy())


def test_draws_on_the_other_side_have_nothing_to_explain():
    log_hr = np.log([0.56, 1 / 0.56])
    below = e_value_draws(log_hr, outcome="common", side="below")
    above = e_value_draws(log_hr, outcome="common", side="above")
    assert below == pytest.approx([2.350, 1.0], abs=0.0005)
    assert above == pytest.approx([1.0, 2.350], abs=0.0005)


def test_extreme_draws_stay_numbers():
    found = e_value_draws(np.array([-60.0, 60.0, 1e-12]), outcome="common")
    assert np.isfinite(found).all()
    assert found[0] == pytest.approx(found[1], rel=1e-9)
    # For large hazard ratios the risk ratio is sqrt(HR) / log 2, and E twice that less one half.
    assert found[0] == pytest.approx(2 * math.exp(30.0) / math.log(2.0), rel=1e-9)
    # R - 1 is log 2 times the log hazard ratio there; the rest is rounding under a square root.
    assert found[2] == pytest.approx(1.0, abs=2e-6)


def test_rows_of_normal_draws(rng):
    log_hr = rng.normal(math.log(0.5), 0.2, 4000)
    interval = IntervalSection(prob=0.95, kind="eti")
    by_draw, of_estimate, of_limit = e_value_rows(
        log_hr, interval, outcome="common", model="toy", method="pe_rw1"
    )
    assert [by_draw.estimand, of_estimate.estimand, of_limit.estimand] == [
        "e_value",
        "e_value_of_estimate",
        "e_value_of_limit",
    ]
    # One-sided E-values are monotone: quantiles of them are E-values of quantiles. Neighboring
    # draws near a quantile lie within 0.01 of each other, over which the E-value is a line.
    assert by_draw.estimate == pytest.approx(of_estimate.estimate, abs=1e-3)
    assert by_draw.lower == pytest.approx(of_limit.estimate, abs=1e-3)
    strongest = e_value_draws(np.quantile(log_hr, [0.025]), outcome="common")[0]
    assert by_draw.upper == pytest.approx(strongest, abs=1e-3)
    assert (by_draw.source, by_draw.model, by_draw.method) == ("bayes", "toy", "pe_rw1")
    assert by_draw.prob_benefit is None


def test_rows_of_harm_are_taken_from_its_side(rng):
    log_hr = rng.normal(math.log(2.0), 0.2, 4000)
    interval = IntervalSection(prob=0.9, kind="hdi")
    benefit = e_value_rows(-log_hr, interval, outcome="common", model="toy", method="pe_rw1")
    harm = e_value_rows(log_hr, interval, outcome="common", model="toy", method="pe_rw1")
    assert harm[0].estimate == pytest.approx(benefit[0].estimate, rel=1e-12)
    assert harm[0].lower == pytest.approx(benefit[0].lower, rel=1e-12)


def test_bad_input_is_named_at_once():
    with pytest.raises(InputError) as caught:
        hazard_ratio_e_value(-0.5, 0.0, math.inf, outcome="frequent")  # type: ignore[arg-type]
    assert {problem.where for problem in caught.value.problems} == {
        "hazard_ratio",
        "lower",
        "upper",
        "outcome",
    }
    with pytest.raises(InputError, match="does not hold the hazard ratio"):
        hazard_ratio_e_value(0.5, 0.6, 0.8, outcome="common")
    with pytest.raises(InputError) as caught:
        e_value_draws(np.array([0.1, math.nan]), outcome="common", side="left")  # type: ignore[type-var]
    assert {problem.where for problem in caught.value.problems} == {"log_hr", "side"}
    interval = IntervalSection(prob=0.95, kind="eti")
    with pytest.raises(InputError, match="not finite"):
        e_value_rows([0.1, math.inf], interval, outcome="common", model="toy", method="pe_rw1")
