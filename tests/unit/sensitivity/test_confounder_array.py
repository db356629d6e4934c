"""The array of corrected hazard ratios against a cohort counted by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hccbayes.errors import InputError
from hccbayes.sensitivity import bias_factor, corrected_hazard_ratios


def test_printed_bias_factors():
    assert bias_factor(2.0, 0.2, 0.6) == pytest.approx(0.75, rel=1e-14)
    assert bias_factor(3.0, 0.2, 0.6) == pytest.approx(0.636, abs=0.0005)


def test_a_rare_event_counted_by_hand():
    """1,000 patients an arm, a death rate of 1 in 10,000, tripled by the confounder."""
    treated = 300 * 3e-4 + 700 * 1e-4
    control = 500 * 3e-4 + 500 * 1e-4
    assert bias_factor(3.0, 0.3, 0.5) == pytest.approx(treated / control, rel=1e-13)


def test_nothing_to_correct():
    found = bias_factor([1.0, 4.0], [0.2, 0.5], [0.7, 0.5])
    np.testing.assert_array_equal(found, [1.0, 1.0])


def test_array_divides_estimate_and_limits():
    array = corrected_hazard_ratios(
        0.5,
        0.4,
        0.8,
        confounder_hr=[1.0, 2.0],
        prevalence_treated=[0.2, 0.6, 1.0],
        prevalence_control=[0.2, 0.6],
    )
    assert array["hazard_ratio"].sizes == {
        "confounder_hr": 2,
        "prevalence_treated": 3,
        "prevalence_control": 2,
    }
    cell = array.sel(confounder_hr=2.0, prevalence_treated=0.2, prevalence_control=0.6)
    assert cell["bias_factor"] == pytest.approx(0.75)
    assert cell["hazard_ratio"] == pytest.approx(0.5 / 0.75)
    assert cell["lower"] == pytest.approx(0.4 / 0.75)
    assert cell["upper"] == pytest.approx(0.8 / 0.75)
    mirrored = array.sel(confounder_hr=2.0, prevalence_treated=0.6, prevalence_control=0.2)
    assert mirrored["bias_factor"] * cell["bias_factor"] == pytest.approx(1.0)
    assert (array.sel(confounder_hr=1.0)["hazard_ratio"] == 0.5).all()


def test_caution_travels_with_the_default_array():
    array = corrected_hazard_ratios(0.5, 0.4, 0.8)
    assert "corrects too much" in array.attrs["caution"]
    assert np.isfinite(array["hazard_ratio"]).all()
    assert array.sizes["confounder_hr"] == 5


def test_bad_input_is_named_at_once():
    with pytest.raises(InputError) as caught:
        corrected_hazard_ratios(0.0, 0.4, math.nan, confounder_hr=2.0)
    assert {problem.where for problem in caught.value.problems} == {
        "hazard_ratio",
        "upper",
        "confounder_hr",
    }
    with pytest.raises(InputError) as caught:
        bias_factor([0.0, 2.0], 1.2, math.nan)
    assert {problem.where for problem in caught.value.problems} == {
        "confounder_hr",
        "prevalence_treated",
        "prevalence_control",
    }
