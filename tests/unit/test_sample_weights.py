"""Weights of an analysis: what trimming and truncation do and say, and when a reader is warned."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hccbayes.adjustment.matched import match_patients
from hccbayes.adjustment.sample_weights import analysis_weights, weight_cautions
from hccbayes.cohort.review import cohort_warnings
from hccbayes.errors import InputError
from hccbayes.spec import AdjustmentSection
from hccbayes.spec.adjustment import MatchingSection
from hccbayes.weights import Weights, propensity_weights, summary_table, truncate_weights

SCORE = np.array([0.02, 0.3, 0.6, 0.97, 0.05, 0.4, 0.5, 0.8])
TREATMENT = np.array([1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0])
NAMES = tuple("abcdefgh")


def section(**fields: Any) -> AdjustmentSection:
    return AdjustmentSection.model_validate({"method": "weighted"} | fields)


@pytest.mark.parametrize("target", ["ate", "att", "atc", "ato", "matching"])
def test_as_they_are_they_are_those_of_the_score(target: str) -> None:
    weights, notes = analysis_weights(SCORE, TREATMENT, section(target=target), NAMES)
    expected = propensity_weights(SCORE, TREATMENT, target)
    np.testing.assert_array_equal(weights.values, expected.values)
    assert (weights.target, notes) == (target, ())


def test_trimmed_patients_weigh_nothing_and_are_counted() -> None:
    weights, (note,) = analysis_weights(SCORE, TREATMENT, section(target="ate", trim=0.1), NAMES)
    kept = np.array([False, True, True, False, False, True, True, True])
    np.testing.assert_array_equal(weights.values > 0, kept)
    expected = propensity_weights(SCORE[kept], TREATMENT[kept], "ate").values
    np.testing.assert_array_equal(weights.values[kept], expected)
    assert "below 0.1 or above 0.9" in note
    assert "2 treated and 1 control" in note


def test_trimming_that_empties_an_arm_says_so() -> None:
    far = np.where(TREATMENT == 1, 0.95, 0.5)
    with pytest.raises(InputError, match=r"treated arm.*no patient with a score from 0\.1 to 0\.9"):
        analysis_weights(far, TREATMENT, section(trim=0.1), NAMES)


def test_an_infinite_weight_names_the_patient_among_those_kept() -> None:
    """Trimming takes patients away before: the name must still be the right one."""
    score = SCORE.copy()
    score[2] = 0.0
    with pytest.raises(InputError, match=r"infinite weight for target `ate`.*\(row c\)"):
        analysis_weights(score, TREATMENT, section(target="ate"), NAMES)
    shifted = np.where(np.arange(8) == 5, 1.0, SCORE)
    weights, _ = analysis_weights(shifted, TREATMENT, section(target="ate", trim=0.1), NAMES)
    assert weights.values[5] == 0.0


def test_truncated_weights_are_counted_in_the_note_and_in_the_table() -> None:
    weights, (note,) = analysis_weights(SCORE, TREATMENT, section(target="ate", truncate=90), NAMES)
    raw = propensity_weights(SCORE, TREATMENT, "ate")
    lower, upper = np.percentile(raw.values, [10, 90])
    np.testing.assert_array_equal(weights.values, np.clip(raw.values, lower, upper))
    assert note.startswith("2 weights beyond percentile 90 or its mirror")
    assert f"{lower:.3g} and {upper:.3g}" in note
    assert summary_table(weights)["truncated"].sum() == 2
    assert weights.truncation == truncate_weights(raw, 90).truncation


def test_percentiles_are_of_those_who_are_kept() -> None:
    both = section(target="ate", trim=0.1, truncate=75)
    weights, notes = analysis_weights(SCORE, TREATMENT, both, NAMES)
    kept = weights.values > 0
    raw = propensity_weights(SCORE[kept], TREATMENT[kept], "ate").values
    assert weights.values.max() == np.percentile(raw, 75)
    assert weights.values[kept].min() == np.percentile(raw, 25)
    assert [note.split()[1] for note in notes] == ["with", "weights"]


def weights_of(treated: list[float], control: list[float], target: str = "ato") -> Weights:
    arm = np.repeat([1.0, 0.0], [len(treated), len(control)])
    return Weights.of([*treated, *control], arm, target)


@pytest.mark.parametrize(("patients", "warned"), [(14, True), (15, False)])
def test_an_effective_size_below_fifteen_is_a_caution(patients: int, warned: bool) -> None:
    found = weight_cautions(weights_of([0.5] * 40, [0.2] * patients))
    assert bool(found) is warned
    if warned:
        assert "the control arm of 14 counts for 14.0 patients" in found[0]
        assert "patients by overlap" in found[0]


def test_the_effective_size_and_not_the_number_of_patients_is_judged() -> None:
    """(10 + 39)^2 / (100 + 39) = 17.3 of 40; with one weight of 20, (20 + 39)^2 / 439 = 7.9."""
    assert weight_cautions(weights_of([10.0, *[1.0] * 39], [1.0] * 40)) == []
    (found,) = weight_cautions(weights_of([20.0, *[1.0] * 39], [1.0] * 40))
    assert "treated arm of 40 counts for 7.9 patients" in found


@pytest.mark.parametrize(
    ("total", "words"), [(44.1, "+10%"), (43.9, None), (36.1, None), (35.8, "-11%"), (60.0, "+50%")]
)
def test_totals_of_ate_weights_that_miss_their_sample_are_a_caution(
    total: float, words: str | None
) -> None:
    """Inverse probability weights of an arm should sum to all 40 patients."""
    found = weight_cautions(weights_of([2.0] * 20, [total / 20] * 20, "ate"))
    assert len(found) == (words is not None)
    if words:
        assert (
            f"weights of the control arm sum to {total:.1f} and should sum to about 40"
            in (found[0])
        )
        assert words in found[0]


@pytest.mark.parametrize("target", ["att", "atc", "ato", "matching"])
def test_other_targets_have_no_total_to_reach(target: str) -> None:
    assert weight_cautions(weights_of([0.1] * 40, [0.4] * 40, target)) == []


@pytest.mark.parametrize("target", ["att", "atc"])
def test_few_patients_do_not_carry_these_targets(target: str) -> None:
    (found,) = weight_cautions(weights_of([1.0] * 40, [1.0] * 29, target))
    assert "with 29 patients in the smaller arm, the sandwich is not wide enough" in found


def test_patients_who_were_trimmed_are_no_part_of_the_total() -> None:
    """Forty of eighty are trimmed: the weights of either arm should sum to 40, and do."""
    weights = weights_of([2.0] * 20 + [0.0] * 20, [2.0] * 20 + [0.0] * 20, "ate")
    assert weight_cautions(weights) == []
    short = weights_of([2.0] * 20 + [0.0] * 20, [1.5] * 20 + [0.0] * 20, "ate")
    (found,) = weight_cautions(short)
    assert "control arm sum to 30.0 and should sum to about 40" in found


def test_a_caliper_that_leaves_no_pair_says_what_to_do(make_problem) -> None:
    problem = make_problem()
    treatment = problem.propensity.design.treatment
    score = np.where(treatment == 1, 0.9, 0.1)
    with pytest.raises(InputError, match=r"no pair lies within the caliper.*Widen the caliper"):
        match_patients(
            score, problem.propensity.design, problem.frame, MatchingSection(caliper=0.1), seed=1
        )


@pytest.mark.parametrize("fewer", ["treated", "control"])
def test_matches_are_sought_for_the_smaller_arm(make_problem, fewer: str) -> None:
    """Either way every patient of the smaller arm could have a partner."""
    problem = make_problem()
    design = problem.propensity.design
    arm = design.treatment if fewer == "treated" else 1.0 - design.treatment
    assert design.treatment.sum() < len(design.treatment) / 2
    turned = type(design)(
        terms=design.terms,
        matrix=design.matrix,
        columns=design.columns,
        treatment=arm,
        centers=design.centers,
        center_index=design.center_index,
    )
    pairs = match_patients(
        problem.propensity.score, turned, problem.frame, MatchingSection(caliper=0), seed=1
    )
    assert pairs.estimand == ("att" if fewer == "treated" else "atc")
    assert pairs.counts[fewer]["unmatched"] == 0


@pytest.mark.parametrize("arm", ["both", "one"])
@pytest.mark.parametrize(("patients", "warned"), [(29, True), (30, False)])
def test_a_small_arm_is_a_caution_of_the_cohort(
    make_problem, arm: str, patients: int, warned: bool
) -> None:
    problem = make_problem()
    first = (np.arange(len(problem.frame)) < patients).astype(int)
    frame = problem.frame.assign(treatment=first if arm == "both" else 1 - first)
    found = [one for one in cohort_warnings(frame, problem.spec.roles) if "fewer than 30" in one]
    assert [one.startswith(f"arm {arm} has 29 patients") for one in found] == [True] * warned
