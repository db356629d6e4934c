"""Targets of the synthetic cohort after Lu 2025: TACE added to targeted and PD-(L)1 therapy.

Hepatocellular carcinoma with metastases in the lung alone, two centers, 141 against 26 patients.
Print holds no hazard ratio and no number of deaths.
"""

from __future__ import annotations

from typing import Final

from hccbayes.synthetic.outcome_targets import AdverseEvent, ArmEndpoint, Endpoint
from hccbayes.synthetic.study_targets import StudyTargets
from hccbayes.synthetic.targets import Margin

_MARGINS: Final = (
    Margin(
        column="center",
        levels=("SWMU", "WCH"),
        treated=(40, 101),
        control=(15, 11),
    ),
    Margin(
        column="age_60_or_above",
        levels=("no", "yes"),
        treated=(91, 50),
        control=(21, 5),
    ),
    Margin(
        column="sex",
        levels=("female", "male"),
        treated=(19, 122),
        control=(3, 23),
    ),
    Margin(
        column="child_pugh",
        levels=("A", "B"),
        treated=(34, 107),
        control=(9, 17),
        note="as printed; the labels are probably exchanged, since at most 119 of 124 patients in "
        "class B have a printed finding that raises the score",
    ),
    Margin(
        column="albi_grade",
        levels=(1, 2, 3),
        treated=(84, 53, 4),
        control=(9, 17, 0),
    ),
    Margin(
        column="tumor_number",
        levels=("single", "multiple"),
        treated=(94, 47),
        control=(10, 16),
    ),
    Margin(
        column="alt_40_or_above",
        levels=("no", "yes"),
        treated=(68, 73),
        control=(12, 14),
    ),
    Margin(
        column="afp_400_or_above",
        levels=("no", "yes"),
        treated=(71, 70),
        control=(10, 16),
    ),
    Margin(
        column="portal_vein_thrombus",
        levels=("no", "yes"),
        treated=(91, 50),
        control=(13, 13),
    ),
    Margin(
        column="hepatitis_b",
        levels=("no", "yes"),
        treated=(23, 118),
        control=(7, 19),
    ),
    Margin(
        column="tumor_size",
        levels=("below 3 cm", "3 to 5 cm", "5 to 10 cm", "10 cm or more"),
        treated=(6, 15, 46, 74),
        control=(2, 4, 9, 11),
    ),
    Margin(
        column="cirrhosis",
        levels=("no", "yes"),
        treated=(68, 73),
        control=(17, 9),
    ),
    Margin(
        column="portal_hypertension",
        levels=("no", "yes"),
        treated=(87, 54),
        control=(15, 11),
    ),
    Margin(
        column="ascites",
        levels=("no", "yes"),
        treated=(61, 80),
        control=(18, 8),
    ),
    Margin(
        column="diabetes",
        levels=("no", "yes"),
        treated=(123, 18),
        control=(22, 4),
    ),
    Margin(
        column="hypertension",
        levels=("no", "yes"),
        treated=(112, 29),
        control=(20, 6),
    ),
    Margin(
        column="hepatitis_c",
        levels=("no", "yes"),
        treated=(138, 3),
        control=(25, 1),
    ),
    Margin(
        column="smoking",
        levels=("no", "yes"),
        treated=(79, 62),
        control=(15, 11),
    ),
    Margin(
        column="alcohol",
        levels=("no", "yes"),
        treated=(80, 61),
        control=(15, 11),
    ),
    Margin(
        column="leukocytes_4_or_above",
        levels=("no", "yes"),
        treated=(16, 125),
        control=(3, 23),
    ),
    Margin(
        column="hemoglobin_120_or_above",
        levels=("no", "yes"),
        treated=(36, 105),
        control=(11, 15),
    ),
    Margin(
        column="platelets_100_or_above",
        levels=("no", "yes"),
        treated=(18, 123),
        control=(2, 24),
        note="the lower level is printed as above 100",
    ),
    Margin(
        column="albumin_35_or_above",
        levels=("no", "yes"),
        treated=(12, 129),
        control=(2, 24),
    ),
    Margin(
        column="bilirubin_34_or_above",
        levels=("no", "yes"),
        treated=(128, 13),
        control=(22, 4),
    ),
    Margin(
        column="lung_metastases_side",
        levels=("unilateral", "bilateral"),
        treated=(13, 128),
        control=(3, 23),
    ),
    Margin(
        column="lung_metastasis_0_8_cm_or_above",
        levels=("no", "yes"),
        treated=(51, 90),
        control=(10, 16),
    ),
)

_OS: Final = Endpoint(
    name="os",
    treated=ArmEndpoint(
        events=110,
        median=15.0,
        hazard=(0.045,),
        lost=0.1,
        lost_by=24.0,
        longest=60.0,
        events_status="invented",
    ),
    control=ArmEndpoint(
        events=22,
        median=4.5,
        hazard=(0.12, 0.04),
        cuts=(5.0,),
        lost=0.1,
        lost_by=24.0,
        longest=60.0,
        events_status="invented",
    ),
    hr=0.58,
    hr_status="derived",
    hr_note="from p = 0.023 with 130 deaths; 0.36-0.93 with what is not known",
)

_PFS: Final = Endpoint(
    name="pfs",
    treated=ArmEndpoint(
        events=125,
        median=8.0,
        share_of_overall=(2.0, 1.5),
        longest=45.0,
        events_status="invented",
    ),
    control=ArmEndpoint(
        events=24,
        median=4.0,
        share_of_overall=(4.0, 1.0),
        longest=55.0,
        events_status="invented",
    ),
    hr=0.61,
    hr_status="derived",
    hr_note="from p = 0.038 with 130 events; 0.38-0.97 with what is not known",
)

LU2025: Final = StudyTargets(
    name="synthetic_lu2025",
    title="Synthetic cohort with the printed margins of Lu 2025",
    seed=2024,
    arm_labels=("TACE + targeted + PD-(L)1", "targeted + PD-(L)1"),
    sizes=(141, 26),
    margins=_MARGINS,
    os=_OS,
    pfs=_PFS,
    responses=(
        Margin(
            column="liver_response",
            levels=("no", "yes"),
            treated=(81, 60),
            control=(14, 12),
            status="derived",
            note="mRECIST; the only counts that give 42.6% and 46.2%",
        ),
        Margin(
            column="lung_response",
            levels=("no", "yes"),
            treated=(104, 37),
            control=(21, 5),
            status="derived",
            note="mRECIST; the only counts that give 26.2% and 19.2%",
        ),
    ),
    adverse_events=(
        AdverseEvent(column="ae_abdominal_pain", any_grade=(66, 12)),
        AdverseEvent(column="ae_fever", any_grade=(11, 3)),
        AdverseEvent(column="ae_nausea_and_vomiting", any_grade=(33, 7)),
        AdverseEvent(column="ae_rash", any_grade=(21, 11)),
    ),
    notes=(
        "Invented: deaths (110 and 22) and progression-free events; the joint distribution of the "
        "covariates (independent given arm); the censoring mechanism; who of an arm has which "
        "response and adverse event. Treatment dates are absent.",
        "Hazard ratios are derived from printed p-values, which stand for the unadjusted and for "
        "the weighted analysis alike and so belong to one of them at the most. Medians of 15 and "
        "4.5 months are compatible with any hazard ratio from strong benefit to none.",
        "The weighted table is not reproduced: its percentages and differences contradict each "
        "other. The row on liver function among the adverse events repeats a baseline row and is "
        "left out.",
        "The treated had to live to their embolization, up to three months after time zero. The "
        "cohort synthetic_lu2025_immortal_null shows how much of the contrast that alone can make.",
    ),
)
"""Lu 2025; counts as printed in its tables, with the repairs that the notes name."""
