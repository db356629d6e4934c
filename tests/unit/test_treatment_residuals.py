"""What conventional figures draw: means of residuals, weighted numbers at risk, weighted curves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import hccbayes as hb
from hccbayes.conventional_curves import conventional_curves, has_steps
from hccbayes.design import build_design
from hccbayes.errors import InputError
from hccbayes.figure_data import numbers_at_risk_dataset, weighted_numbers_at_risk_dataset
from hccbayes.frequentist.cox import cox
from hccbayes.frequentist.kaplan_meier import kaplan_meier
from hccbayes.treatment_residuals import EVENTS_PER_MEAN, residual_means, treatment_residuals

MODELS = Path(__file__).resolve().parents[2] / "models"


@pytest.fixture(scope="module")
def chen():
    spec = hb.AnalysisSpec.from_toml(MODELS / "chen2025_os_adjusted.toml")
    return hb.read_cohort(spec.data.source, spec.roles), spec


def small_cohort(events: int) -> tuple[pd.DataFrame, hb.Cohort, hb.AnalysisSpec]:
    """Return patients of whom the first ones have the event, arms taking turns."""
    count = 24
    frame = pd.DataFrame(
        {
            "id": [f"P{row:02d}" for row in range(count)],
            "months": [1.0 + row for row in range(count)],
            "death": [int(row < events) for row in range(count)],
            "arm": ["tace", "systemic"] * (count // 2),
            "age": [50 + (row * 7) % 13 for row in range(count)],
        }
    )
    spec = hb.AnalysisSpec.from_dict(
        {
            "model": {"name": "small", "question": "?"},
            "data": {
                "id": "id",
                "time": "months",
                "event": "death",
                "arm": {"column": "arm", "treated": "tace", "control": "systemic"},
            },
            "hazard": {"formula": "treatment + age"},
            "estimands": {"times": [6]},
        }
    )
    return frame, hb.read_cohort(frame, spec.roles), spec


def test_means_hold_every_event_once_and_none_alone(chen):
    cohort, spec = chen
    found = treatment_residuals(cohort.frame, build_design(cohort, spec.hazard.formula), 0.95)
    means = residual_means(found)
    events = means["events"].to_numpy()
    own = found.test.residuals
    assert events.min() >= EVENTS_PER_MEAN
    assert events.sum() == len(own) == cohort.frame["event"].sum()
    for mean, column in (
        ("mean_residual", "treatment"),
        ("mean_time", "time"),
        ("mean_transformed_time", "transformed_time"),
    ):
        whole = np.average(means[mean], weights=events)
        assert whole == pytest.approx(own[column].mean(), rel=1e-12)
    assert (np.diff(means["mean_time"]) > 0).all()
    first = own.nsmallest(int(events[0]), "time", keep="first")
    assert means["mean_time"][0] == pytest.approx(first["time"].mean(), rel=1e-12)


def test_the_smooth_and_its_axis_are_those_of_all_events(chen):
    cohort, spec = chen
    design = build_design(cohort, spec.hazard.formula)
    found = treatment_residuals(cohort.frame, design, 0.9)
    means = residual_means(found)
    assert found.smooth is not None
    np.testing.assert_allclose(
        means["transformed_time"], found.smooth["transformed_time"], rtol=1e-12, atol=1e-12
    )
    np.testing.assert_array_equal(means["estimate"], found.smooth["estimate"])
    times = found.test.residuals["time"]
    assert (float(means["time"][0]), float(means["time"][-1])) == (times.min(), times.max())
    assert means.attrs["interval_prob"] == 0.9
    assert means.attrs["p_value"] == found.test.table["p_value"].item()
    follow_up = (cohort.frame[name] for name in ("entry", "time", "event"))
    fit = cox(design.conventional(), *follow_up)
    assert means.attrs["coefficient"] == fit.coef[0]


def test_few_events_leave_out_the_smooth_with_a_word():
    _, cohort, spec = small_cohort(events=4)
    found = treatment_residuals(cohort.frame, build_design(cohort, spec.hazard.formula), 0.95)
    assert found.smooth is None
    assert found.note.startswith("smooth of the Schoenfeld residuals: not estimable: ")
    means = residual_means(found)
    assert means.sizes["group"] == 1
    assert means["estimate"].isnull().all()
    assert means.attrs["note"] == found.note
    assert found.note in conventional_curves(cohort, spec).notes


def test_weighted_numbers_at_risk_by_hand():
    frame = pd.DataFrame(
        {
            "entry": [0.0, 0.0, 2.0, 0.0],
            "time": [3.0, 1.0, 6.0, 5.0],
            "event": [1, 1, 0, 1],
            "treatment": [1, 1, 1, 0],
        }
    )
    found = weighted_numbers_at_risk_dataset(frame, [0.5, 2.0, 0.25, 3.0])["at_risk"]
    assert found["risk_time"].to_numpy().tolist() == [0, 1, 2, 3, 4, 5, 6]
    # At risk just before a time; the third patient enters at 2 and is counted from the next on.
    assert found.sel(arm="treated").to_numpy().tolist() == [2.5, 2.5, 0.5, 0.75, 0.25, 0.25, 0.25]
    assert found.sel(arm="control").to_numpy().tolist() == [3, 3, 3, 3, 3, 3, 0]
    ones = weighted_numbers_at_risk_dataset(frame, np.ones(4))["at_risk"]
    np.testing.assert_array_equal(ones, numbers_at_risk_dataset(frame)["at_risk"])
    with pytest.raises(InputError):
        weighted_numbers_at_risk_dataset(frame, [1.0, 1.0, -1.0, 1.0])


def test_overlap_weights_by_the_score_of_all_terms(chen):
    cohort, spec = chen
    found = conventional_curves(cohort, spec)
    assert found.weighted is not None
    sums = found.weighted.at_risk["at_risk"].isel(risk_time=0).to_numpy()
    # Overlap weights of a maximum-likelihood score balance the arms exactly: equal sums.
    assert sums[0] == pytest.approx(sums[1], rel=1e-8)
    for arm, own in found.weighted.curves.groupby("arm"):
        plain = found.plain.curves[found.plain.curves["arm"] == arm]
        np.testing.assert_array_equal(own["at_risk"], plain["at_risk"])
        assert not np.allclose(own["survival"], plain["survival"])
        first = found.weighted.at_risk["at_risk"].sel(arm=arm, risk_time=0.0)
        assert own["at_risk_weighted"].iloc[0] == pytest.approx(float(first), rel=1e-12)
    assert any("weights for patients by overlap (ato)" in note for note in found.notes)


def test_plain_curves_are_those_of_the_arms(chen):
    cohort, spec = chen
    found = conventional_curves(cohort, spec).plain
    own = cohort.frame[cohort.frame["treatment"] == 1]
    expected = kaplan_meier(own["entry"], own["time"], own["event"])
    drawn = found.curves[found.curves["arm"] == "treated"].drop(columns="arm")
    pd.testing.assert_frame_equal(drawn.reset_index(drop=True), expected)
    # The synthetic cohort carries the printed medians of the arms, 26.0 and 8.6 months.
    assert found.medians["estimate"].tolist() == [26.0, 8.6]


def test_trimmed_weights_are_taken_as_given_and_said(chen):
    cohort, spec = chen
    own = spec.with_values(["adjustment.trim=0.1"])
    found = conventional_curves(cohort, own)
    assert found.weighted is not None
    assert any("below 0.1 or above 0.9" in note for note in found.notes)


def test_no_weights_without_the_method_that_needs_them(chen):
    cohort, spec = chen
    assert conventional_curves(
        cohort, spec.with_values(["adjustment.method='gcomp'"])
    ).weighted is (None)


def test_a_score_without_a_maximum_gives_a_note():
    frame, _, _ = small_cohort(events=12)
    frame["separates"] = (frame["arm"] == "tace").astype(int) * 10 + frame.index % 3
    spec = small_cohort(events=12)[2].with_values(
        ["propensity.formula='separates'", "adjustment.method='weighted'"]
    )
    found = conventional_curves(hb.read_cohort(frame, spec.roles), spec)
    assert found.weighted is None
    assert any(note.startswith("weighted Kaplan-Meier: not estimable") for note in found.notes)


def test_curves_without_steps_are_told():
    falls_at_once = pd.DataFrame({"arm": "treated", "time": [0.0, 5.0], "survival": [1.0, 0.0]})
    steps = pd.DataFrame({"arm": "control", "time": [0.0, 2.0], "survival": [1.0, 0.5]})
    assert not has_steps(pd.concat([falls_at_once, steps]))
    assert not has_steps(steps)
    assert has_steps(pd.concat([steps, steps.assign(arm="treated")]))
