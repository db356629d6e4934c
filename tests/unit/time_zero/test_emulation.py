"""The design section of a model file: read, checked against the data, applied, printed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from hccbayes import read_cohort, time_zero
from hccbayes.cohort import Cohort
from hccbayes.errors import InputError
from hccbayes.frequentist.cox import cox
from hccbayes.roles import ArmRole, Roles, TimeColumn
from hccbayes.spec import AnalysisSpec
from hccbayes.spec.design import duration_text
from hccbayes.study import build_study

DAY = 1.0 / 30.4375
START = {"column": "start", "unit": "months"}


def spec(**design: Any) -> AnalysisSpec:
    values: dict[str, Any] = {
        "model": {"name": "toy"},
        "data": {
            "id": "id",
            "time": "months",
            "event": "death",
            "arm": {"column": "arm", "treated": "tace", "control": "systemic"},
            "time_zero": "first systemic dose",
        },
        "hazard": {"formula": "treatment + age"},
        "estimands": {"times": [6.0]},
    }
    return AnalysisSpec.from_dict(values | ({"design": design} if design else {}))


def frame(size: int = 240, seed: int = 3, **columns: Any) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    months = rng.exponential(15.0, size) + 0.05
    start = np.where(rng.random(size) < 0.6, rng.uniform(0.0, 3.0, size), np.nan)
    start = np.where(start < months, start, np.nan)
    return pd.DataFrame(
        {
            "id": [f"P{row}" for row in range(size)],
            "months": months,
            "death": (rng.random(size) < 0.8).astype(int),
            "arm": np.where(np.isfinite(start), "tace", "systemic"),
            "start": start,
            "age": rng.normal(60.0, 9.0, size),
        }
    ).assign(**columns)


def cohort(own: AnalysisSpec, **columns: Any) -> Cohort:
    return read_cohort(frame(**columns), own.roles)


@pytest.mark.parametrize(
    ("design", "words"),
    [
        ({"method": "landmark", "treatment_start": START}, "needs `landmark`"),
        ({"method": "landmark", "landmark": 3.0}, "needs `treatment_start`"),
        ({"method": "clone_censor_weight", "treatment_start": START}, "needs `grace`"),
        ({"method": "delayed_entry"}, "needs `survival_required`"),
        ({"method": "time_dependent"}, "immortal_bound"),
        ({"landmark": -1.0}, "positive"),
        ({"landmark": {"value": 90, "unit": "moons"}}, "unit"),
        ({"landmark": "90"}, "write months"),
        ({"landmark": True}, "write months"),
        ({"start_window": [3.0, 1.0]}, "earliest < latest"),
        ({"method": "landmarks"}, "landmark"),
        ({"graze": 3.0}, "Did you mean `grace`"),
    ],
)
def test_a_wrong_design_section_says_what_is_wrong(design: dict[str, Any], words: str):
    with pytest.raises(InputError, match=words):
        spec(**design)


def test_a_time_dependent_treatment_has_no_score_at_time_zero():
    values = spec(method="time_dependent", treatment_start=START).to_dict()
    with pytest.raises(InputError, match="no propensity score at time zero"):
        AnalysisSpec.from_dict(values | {"propensity": {"formula": "age"}})


def test_the_start_of_treatment_belongs_to_the_design():
    values = spec().to_dict()
    values["data"]["treatment_start"] = START
    with pytest.raises(InputError, match=r"put it in \[design\]"):
        AnalysisSpec.from_dict(values)


def test_a_design_survives_being_written():
    own = spec(method="landmark", treatment_start=START, landmark={"value": 90, "unit": "days"})
    assert own.design is not None
    assert own.design.landmark == pytest.approx(90 * DAY)
    assert AnalysisSpec.from_dict(own.to_dict()) == own
    assert own.design.label == "landmark at 90 days"
    assert own.method == "pe_rw1_landmark"


@pytest.mark.parametrize(
    ("months", "text"),
    [(3.0, "3 months"), (0.5, "0.5 months"), (105 * DAY, "105 days"), (2.345678, "2.346 months")],
)
def test_durations_are_said_as_one_would(months: float, text: str):
    assert duration_text(months) == text


def test_arms_that_look_ahead_are_found():
    own = spec(method="naive", treatment_start=START)
    found = time_zero.design_findings(cohort(own), own.design)
    assert any("cannot have been known at time zero" in one for one in found)
    at_once = frame()["start"].where(frame()["start"].isna(), 0.0)
    found = time_zero.design_findings(cohort(own, start=at_once), own.design)
    assert not any("cannot have been known" in one for one in found)


def test_controls_who_start_later_and_labels_that_contradict_are_found():
    own = spec(method="naive", treatment_start=START)
    data = frame()
    starters = data.index[(data["start"] > 1.0) & (data["start"] < 2.5)]
    data.loc[starters[:3], "arm"] = "systemic"
    found = time_zero.design_findings(read_cohort(data, own.roles), own.design)
    assert any("3 patients of arm 'systemic' started" in one for one in found)
    assert any("contradict each other" in one for one in found)


def test_immortal_time_is_seen_without_dates():
    """Starts between 0 and 3 months leave the treated without early deaths."""
    found = time_zero.design_findings(cohort(spec()), None)
    assert len(found) == 1
    assert "Nobody of arm 'tace' has the event before 1.34 months" in found[0]


def test_inclusion_that_asks_for_survival_is_found_in_the_data():
    own = spec()
    data = frame()
    data["arm"] = np.where(np.arange(len(data)) % 2 == 0, "tace", "systemic")
    late = data[data["months"] > 4.0]
    found = time_zero.design_findings(read_cohort(late, own.roles), None)
    assert len(found) == 2
    assert all("ask for survival?" in one for one in found)
    assert not time_zero.design_findings(read_cohort(data, own.roles), None)


def test_false_alarms_of_a_late_first_event_are_as_rare_as_stated():
    """A constant hazard from time zero: the first event is late with the stated probability."""
    own = spec()
    alarms = 0
    for seed in range(150):
        rng = np.random.default_rng([77, seed])
        data = frame(80, months=rng.exponential(12.0, 80) + 1e-6, start=np.nan)
        data["arm"] = np.where(rng.random(80) < 0.5, "tace", "systemic")
        alarms += len(time_zero.design_findings(read_cohort(data, own.roles), None))
    # 300 arms at one in a thousand: more than 3 has probability 3e-4.
    assert alarms <= 3


def test_stated_requirements_are_held_against_the_data():
    own = spec(survival_required=3.5, minimum_follow_up=12.0)
    found = time_zero.design_findings(cohort(own), own.design)
    assert any("died before: the data or the statement is wrong" in one for one in found)
    assert any("were censored before" in one for one in found)
    kept = frame()
    kept = kept[(kept["months"] > 12.0) | ((kept["death"] == 1) & (kept["months"] > 3.5))]
    found = time_zero.design_findings(read_cohort(kept, own.roles), own.design)
    assert any("Use [design] method = 'delayed_entry'" in one for one in found)
    assert any("unless a patient died" in one for one in found)


def test_a_cohort_of_another_design_is_refused():
    own = spec(method="landmark", treatment_start=START, landmark=3.0)
    as_read = cohort(own)
    with pytest.raises(InputError, match="asks for 'landmark at 3 months'"):
        build_study(as_read, own)
    designed = time_zero.emulate(as_read, own).cohort
    study = build_study(designed, own)
    assert len(study.episodes) == int((frame()["months"] > 3.0).sum())
    again = time_zero.emulate(designed, own)
    assert again.cohort is designed
    with pytest.raises(InputError, match="the cohort is 'landmark at 3 months'"):
        build_study(designed, spec(treatment_start=START))


def test_person_time_of_a_time_dependent_treatment_is_that_of_its_episodes():
    own = spec(method="time_dependent", treatment_start=START)
    designed = time_zero.emulate(cohort(own), own)
    study = build_study(designed.cohort, own)
    months = study.data.person_time.exposure.sum(axis=1)
    by_arm = [months[study.data.treatment == arm].sum() for arm in (0.0, 1.0)]
    data = frame()
    treated = (data["months"] - data["start"]).sum()
    assert by_arm[1] == pytest.approx(treated)
    assert sum(by_arm) == pytest.approx(data["months"].sum())


def test_weights_of_patients_are_those_of_their_episodes():
    own = spec(method="time_dependent", treatment_start=START)
    designed = time_zero.emulate(cohort(own), own).cohort
    weights = np.linspace(0.5, 2.0, len(designed.frame))
    study = build_study(designed, own, weights=weights)
    expected = float(weights @ (designed.frame["time"] - designed.frame["entry"]))
    assert study.data.person_time.exposure.sum() == pytest.approx(expected)


def test_the_target_trial_is_printed_beside_its_emulation():
    own = spec(
        method="clone_censor_weight",
        treatment_start=START,
        grace={"value": 90, "unit": "days"},
        eligibility=["BCLC B", "no earlier embolization"],
        conditioned_on=["alive at first imaging"],
        minimum_follow_up=1.0,
    )
    table = time_zero.target_trial(own).set_index("component")
    assert list(table.columns) == ["target trial", "emulation"]
    assert table.loc["Eligibility", "target trial"] == "BCLC B; no earlier embolization"
    assert "alive at first imaging; follow-up of 1 month" in table.loc["Eligibility", "emulation"]
    assert "started within 90 days" in table.loc["Strategies", "target trial"]
    assert "cloned into both strategies" in table.loc["Assignment", "emulation"]
    assert table.loc["Time zero", "emulation"] == "first systemic dose"
    with pytest.raises(ValueError, match=r"no \[design\]"):
        time_zero.target_trial(spec())


def test_in_the_synthetic_null_cohort_only_the_naive_design_finds_an_effect():
    roles = Roles(
        id="patient_id",
        time="os_months",
        event="death",
        arm=ArmRole(
            column="arm", treated="TACE + targeted + PD-(L)1", control="targeted + PD-(L)1"
        ),
        treatment_start=TimeColumn(column="treatment_start_months"),
    )
    patients = read_cohort("synthetic:lu2025_immortal_null", roles)

    def fit(designed: time_zero.DesignedCohort) -> tuple[float, float]:
        rows = designed.cohort.at_risk_frame()
        found = cox(rows[["treatment"]].astype(float), rows["entry"], rows["time"], rows["event"])
        return float(found.coef[0]), float(found.se[0])

    estimate, se = fit(time_zero.naive(patients))
    assert estimate + 1.96 * se < 0.0
    repaired = [
        time_zero.time_dependent(patients),
        *(time_zero.landmark(patients, time) for time in (1.0, 2.0, 3.0, 4.0)),
    ]
    for designed in repaired:
        estimate, se = fit(designed)
        assert abs(estimate) < 1.96 * se, designed.label


def test_delayed_entry_after_the_last_start_leaves_nothing_immortal():
    own = spec(method="delayed_entry", treatment_start=START, survival_required=3.0)
    found = time_zero.design_findings(cohort(own), own.design)
    assert not any("cannot have been known" in one for one in found)
    early = spec(method="delayed_entry", treatment_start=START, survival_required=1.0)
    found = time_zero.design_findings(cohort(early), early.design)
    assert any("cannot have been known at entry, 1 month after it" in one for one in found)


def test_a_design_is_applied_once():
    own = spec(method="landmark", treatment_start=START, landmark=1.0)
    designed = time_zero.emulate(cohort(own), own).cohort
    assert designed.design == "landmark at 1 month"
    for design in (time_zero.time_dependent, lambda c: time_zero.landmark(c, 2.0)):
        with pytest.raises(InputError, match="was applied to this cohort before"):
            design(designed)
    with pytest.raises(InputError, match="was applied to this cohort before"):
        time_zero.clone_censor_weight(designed, 2.0)


@pytest.mark.parametrize("time", ["3", None, True])
def test_a_time_that_is_no_number_is_refused(time: Any):
    own = spec(treatment_start=START)
    with pytest.raises(InputError, match="positive number of months"):
        time_zero.landmark(cohort(own), time)


def test_clones_that_cannot_be_made_are_refused_before_a_fit():
    own = spec(method="clone_censor_weight", treatment_start=START, grace=400.0)
    with pytest.raises(InputError, match="grace"):
        time_zero.emulate(cohort(own), own)


def test_who_was_ever_treated_is_no_population_of_a_changing_treatment():
    values = spec(method="time_dependent", treatment_start=START).to_dict()
    values["estimands"] = {"populations": ["att"]}
    with pytest.raises(InputError, match="not known at time zero"):
        AnalysisSpec.from_dict(values)


def test_variants_of_clones_are_told_apart_and_wrong_entries_are_numbered():
    clones = {"method": "clone_censor_weight"}
    variants = [clones, {**clones, "timing": "end_of_grace"}, {**clones, "truncate": 95}]
    own = spec(treatment_start=START, grace=3.0, compare=variants)
    assert own.design is not None
    labels = [own.design.chosen(choice).label for choice in own.design.compare]
    assert len(set(labels)) == 3
    assert labels[1].endswith("starts at its end")
    with pytest.raises(InputError, match="number 2: .*needs `landmark`"):
        spec(treatment_start=START, compare=[{"method": "naive"}, {"method": "landmark"}])
    with pytest.raises(InputError, match="names a design twice: naive"):
        spec(compare=[{"method": "naive"}, {"method": "naive"}])


def test_one_column_with_two_roles_is_an_input_error():
    own = spec(treatment_start={"column": "months"})
    with pytest.raises(InputError, match="two roles: months"):
        _ = own.roles
