"""Scores and weights in bins, and how far scores overlap: counted by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import xarray as xr
from scipy.stats import mannwhitneyu

from hccbayes.errors import InputError
from hccbayes.overlap import NEAR_CERTAIN, overlap_counts, overlap_diagnostics
from hccbayes.weight_bins import BINS, MOST_BINS, weight_counts
from hccbayes.weights import TARGETS, Weights, propensity_weights, truncate_weights

NAMES = {"treated": "TACE + systemic", "control": "Systemic"}
# Four bins of 0.25: control 2, 1, 1, 0 of four, treated 0, 1, 2, 1 of four.
SCORE = [0.02, 0.1, 0.3, 0.5, 0.3, 0.6, 0.7, 1.0]
TREATMENT = [0, 0, 0, 0, 1, 1, 1, 1]


@pytest.fixture
def cohort(rng):
    """Return scores and arms of 30 treated patients and 170 controls."""
    arm = np.repeat([1.0, 0.0], [30, 170])
    return rng.beta(2.0 + 2.0 * arm, 4.0), arm


def test_diagnostics_by_hand():
    found = overlap_diagnostics(SCORE, TREATMENT, bins=4)
    assert found.patients == {"treated": 4, "control": 4}
    assert found.lowest == {"treated": 0.3, "control": 0.02}
    assert found.highest == {"treated": 1.0, "control": 0.5}
    # A score equal to the other arm's smallest (0.3) is inside its range.
    assert found.outside == {"treated": 3, "control": 2}
    # Of 16 pairs the treated score is higher in 4 + 4 + 4 + 2 and equal in 1; lower in 1.
    assert found.c_statistic == 14.5 / 16.0
    assert found.near_certain == 2 / 8
    # Shares (2, 1, 1, 0) / 4 and (0, 1, 2, 1) / 4 have 1/4 + 1/4 in common.
    assert found.overlap_coefficient == 0.5
    assert found.bins == 4


def test_c_statistic_is_that_of_mann_and_whitney(cohort):
    score, arm = cohort
    score = np.round(score, 2)  # with ties
    found = overlap_diagnostics(score, arm)
    pairs = 30 * 170
    expected = mannwhitneyu(score[arm == 1], score[arm == 0]).statistic / pairs
    # Rank sums are exact multiples of 1/2; one division is rounded on either side.
    assert found.c_statistic == pytest.approx(expected, rel=1e-15)


def test_equal_scores_overlap_wholly():
    found = overlap_diagnostics([0.4, 0.4, 0.4], [1, 0, 0])
    assert found.c_statistic == 0.5
    assert found.overlap_coefficient == 1.0
    assert found.outside == {"treated": 0, "control": 0}
    assert found.near_certain == 0.0


def test_separated_scores_do_not_overlap():
    found = overlap_diagnostics([0.96, 0.99, 0.01, 0.02], [1, 1, 0, 0])
    assert found.c_statistic == 1.0
    assert found.overlap_coefficient == 0.0
    assert found.outside == {"treated": 2, "control": 2}
    assert found.near_certain == 1.0


def test_a_score_at_the_limit_is_not_near_certain():
    found = overlap_diagnostics([NEAR_CERTAIN, 1.0 - NEAR_CERTAIN], [1, 0])
    assert found.near_certain == 0.0


def test_sentences_hold_the_numbers_of_the_record():
    said = overlap_diagnostics(SCORE, TREATMENT, bins=4).sentences
    assert said[0] == (
        "Propensity scores run from 0.300 to 1.000 in the treated arm and from 0.020 to 0.500 in "
        "the control arm."
    )
    assert said[1].startswith("3 of 4 patients of the treated arm have a score outside")
    assert said[2].startswith("2 of 4 patients of the control arm")
    assert "c-statistic is 0.906" in said[3]
    assert said[4] == "25.0% of the patients have a score below 0.05 or above 0.95."
    assert "4 bins have 50% of their area in common" in said[5]


def test_score_bins_by_hand():
    weights = [1.0, 2.0, 0.0, 3.0, 0.5, 0.25, 0.25, 4.0]
    counts = overlap_counts(SCORE, TREATMENT, weights, bins=4, arm_names=NAMES)
    np.testing.assert_array_equal(counts["bin_start"], [0.0, 0.25, 0.5, 0.75])
    np.testing.assert_array_equal(counts["bin_end"], [0.25, 0.5, 0.75, 1.0])
    # 0.5 is in the bin that starts there, 1 in the last one.
    np.testing.assert_array_equal(counts["patients"].sel(arm="control"), [2, 1, 1, 0])
    np.testing.assert_array_equal(counts["patients"].sel(arm="treated"), [0, 1, 2, 1])
    np.testing.assert_array_equal(counts["weighted"].sel(arm="control"), [3.0, 0.0, 3.0, 0.0])
    np.testing.assert_array_equal(counts["weighted"].sel(arm="treated"), [0.0, 0.5, 0.5, 4.0])
    assert counts["arm_name"].to_numpy().tolist() == ["TACE + systemic", "Systemic"]


@pytest.mark.parametrize("target", TARGETS)
def test_score_bins_add_up_to_patients_and_weights(cohort, target):
    score, arm = cohort
    weights = propensity_weights(score, arm, target)
    counts = overlap_counts(score, arm, weights.values, arm_names=NAMES)
    for name, size in weights.arms.items():
        assert int(counts["patients"].sel(arm=name).sum()) == size.patients
        # Sums of at most 170 positive numbers in another order.
        total = float(counts["weighted"].sel(arm=name).sum())
        assert total == pytest.approx(size.total, rel=170 * np.finfo(float).eps)


def test_weight_bins_by_hand():
    weights = Weights.of([0.0, 1.0, 2.0, 4.0, 0.5, 3.0], [1, 1, 1, 1, 0, 0], "given")
    counts = weight_counts(weights, bins=4, arm_names=NAMES)
    np.testing.assert_array_equal(counts["bin_end"], [1.0, 2.0, 3.0, 4.0])
    np.testing.assert_array_equal(counts["patients"].sel(arm="treated"), [1, 1, 1, 1])
    np.testing.assert_array_equal(counts["patients"].sel(arm="control"), [1, 0, 0, 1])
    np.testing.assert_array_equal(counts["share"].sel(arm="control"), [0.5, 0.0, 0.0, 0.5])
    treated, control = counts.sel(arm="treated"), counts.sel(arm="control")
    assert [int(one["arm_patients"]) for one in (treated, control)] == [4, 2]
    assert [int(one["zero"]) for one in (treated, control)] == [1, 0]
    assert [float(one["total"]) for one in (treated, control)] == [7.0, 3.5]
    assert [float(one["largest"]) for one in (treated, control)] == [4.0, 3.0]
    # (sum w)^2 / sum w^2; the record works in weights relative to the largest.
    assert float(treated["effective_sample_size"]) == pytest.approx(49 / 21, rel=1e-15)
    assert float(control["effective_sample_size"]) == pytest.approx(12.25 / 9.25, rel=1e-15)
    assert counts.attrs == {"target": "given", "scale": "raw"}


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("bins", [1, BINS, MOST_BINS])
def test_weight_bins_hold_everyone(cohort, target, bins):
    weights = propensity_weights(*cohort, target)
    counts = weight_counts(weights, bins=bins, arm_names=NAMES)
    assert counts["patients"].sum("bin").to_numpy().tolist() == [30, 170]
    assert counts.sizes == {"arm": 2, "bin": bins}
    np.testing.assert_allclose(counts["share"].sum("bin"), 1.0, rtol=bins * np.finfo(float).eps)
    assert float(counts["bin_end"][-1]) == weights.values.max()


def test_weight_bins_say_how_many_were_truncated(cohort):
    weights = truncate_weights(propensity_weights(*cohort, "ate"), 95.0)
    done = weights.truncation
    assert done is not None
    counts = weight_counts(weights, arm_names=NAMES)
    for arm in ("treated", "control"):
        expected = done.raised[arm] + done.lowered[arm]
        assert int(counts["truncated"].sel(arm=arm)) == expected
    # 5% in either tail of 200 patients: ten lie beyond each limit.
    assert int(counts["truncated"].sum()) == 20


def test_datasets_hold_no_patient(cohort):
    score, arm = cohort
    weights = propensity_weights(score, arm, "ate")
    scores = overlap_counts(score, arm, weights.values, bins=MOST_BINS, arm_names=NAMES)
    binned = weight_counts(weights, bins=MOST_BINS, arm_names=NAMES)
    for counts in (scores, binned):
        assert set(counts.dims) == {"arm", "bin"}
        assert counts.sizes == {"arm": 2, "bin": MOST_BINS}
    # The largest weight of an arm is said on purpose, and the last border is that of both.
    told = [values for name, values in binned.variables.items() if name != "largest"]
    numbers = [one.to_numpy().ravel() for one in told if one.dtype.kind in "fi"]
    assert np.isin(np.concatenate(numbers), weights.values).sum() == 1
    numbers = [
        one.to_numpy().ravel() for one in scores.variables.values() if one.dtype.kind in "fi"
    ]
    assert not np.isin(np.concatenate(numbers), score).any()


def test_scores_cannot_be_told_from_bins_of_other_scores():
    """Moving every score within its bin changes nothing."""
    one = overlap_counts([0.11, 0.52, 0.58], [1, 0, 0], [1, 1, 1], bins=2, arm_names=NAMES)
    two = overlap_counts([0.42, 0.93, 0.71], [1, 0, 0], [1, 1, 1], bins=2, arm_names=NAMES)
    xr.testing.assert_identical(one, two)


@pytest.mark.parametrize("bins", [0, -3, MOST_BINS + 1, 2.5, True, "ten", math.nan])
def test_wrong_numbers_of_bins_are_refused(bins):
    weights = propensity_weights(SCORE[1:-1], TREATMENT[1:-1], "ate")
    message = f"must be a whole number from 1 to {MOST_BINS}"
    with pytest.raises(InputError, match=message):
        weight_counts(weights, bins=bins, arm_names=NAMES)
    with pytest.raises(InputError, match=message):
        overlap_counts(SCORE, TREATMENT, np.ones(8), bins=bins, arm_names=NAMES)
    with pytest.raises(InputError, match=message):
        overlap_diagnostics(SCORE, TREATMENT, bins=bins)


def test_wrong_input_is_refused_with_the_patients():
    with pytest.raises(InputError, match=r"between 0 and 1 \(row b\)"):
        overlap_diagnostics([0.5, 1.2], [1, 0], names=["a", "b"])
    with pytest.raises(InputError, match="control arm: has no patient"):
        overlap_diagnostics([0.5, 0.2], [1, 1])
    with pytest.raises(InputError, match=r"finite and at least 0 \(row a\)"):
        overlap_counts([0.5, 0.2], [1, 0], [-1.0, 1.0], arm_names=NAMES, names=["a", "b"])
    with pytest.raises(InputError, match="no name is given for control"):
        overlap_counts([0.5, 0.2], [1, 0], [1.0, 1.0], arm_names={"treated": "t"})
