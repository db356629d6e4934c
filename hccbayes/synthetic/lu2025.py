"""Targets of the synthetic cohort after Lu 2025: TACE added to targeted and PD-(L)1 therapy.

Hepatocellular carcinoma with metastases in the lung alone, two centers, 141 against 26 patients.
Print holds no hazard ratio and no number of deaths.
"""

from __future__ import annotations

from typing import Final

from hccbayes.synthetic.outcome_targets import ArmEndpoint, Endpoint
from hccbayes.synthetic.printed_tables import (
    NO_YES,
    SINGLE_MULTIPLE,
    adverse_event_table,
    margin_table,
)
from hccbayes.synthetic.study_targets import StudyTargets
from hccbayes.synthetic.targets import Margin

_MARGINS: Final = margin_table(
    ("center", ("SWMU", "WCH"), (40, 101), (15, 11)),
    ("age_60_or_above", NO_YES, (91, 50), (21, 5)),
    ("sex", ("female", "male"), (19, 122), (3, 23)),
    ("child_pugh", ("A", "B"), (34, 107), (9, 17)),
    ("albi_grade", (1, 2, 3), (84, 53, 4), (9, 17, 0)),
    ("tumor_number", SINGLE_MULTIPLE, (94, 47), (10, 16)),
    ("alt_40_or_above", NO_YES, (68, 73), (12, 14)),
    ("afp_400_or_above", NO_YES, (71, 70), (10, 16)),
    ("portal_vein_thrombus", NO_YES, (91, 50), (13, 13)),
    ("hepatitis_b", NO_YES, (23, 118), (7, 19)),
    (
        "tumor_size",
        ("below 3 cm", "3 to 5 cm", "5 to 10 cm", "10 cm or more"),
        (6, 15, 46, 74),
        (2, 4, 9, 11),
    ),
    ("cirrhosis", NO_YES, (68, 73), (17, 9)),
    ("portal_hypertension", NO_YES, (87, 54), (15, 11)),
    ("ascites", NO_YES, (61, 80), (18, 8)),
    ("diabetes", NO_YES, (123, 18), (22, 4)),
    ("hypertension", NO_YES, (112, 29), (20, 6)),
    ("hepatitis_c", NO_YES, (138, 3), (25, 1)),
    ("smoking", NO_YES, (79, 62), (15, 11)),
    ("alcohol", NO_YES, (80, 61), (15, 11)),
    ("leukocytes_4_or_above", NO_YES, (16, 125), (3, 23)),
    ("hemoglobin_120_or_above", NO_YES, (36, 105), (11, 15)),
    ("platelets_100_or_above", NO_YES, (18, 123), (2, 24)),
    ("albumin_35_or_above", NO_YES, (12, 129), (2, 24)),
    ("bilirubin_34_or_above", NO_YES, (128, 13), (22, 4)),
    ("lung_metastases_side", ("unilateral", "bilateral"), (13, 128), (3, 23)),
    ("lung_metastasis_0_8_cm_or_above", NO_YES, (51, 90), (10, 16)),
    notes={
        "child_pugh": "as printed; the labels are probably exchanged, since at most 119 of 124 "
        "patients in class B have a printed finding that raises the score",
        "platelets_100_or_above": "the lower level is printed as above 100",
    },
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
    adverse_events=adverse_event_table(
        ("ae_abdominal_pain", (66, 12)),
        ("ae_fever", (11, 3)),
        ("ae_nausea_and_vomiting", (33, 7)),
        ("ae_rash", (21, 11)),
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
