"""Targets of the synthetic cohort after Lin 2023: a PD-1 inhibitor added to HAIC and lenvatinib.

Hepatocellular carcinoma after failed TACE, one center, 75 against 74 patients, 48 pairs matched by
propensity score. Printed hazard ratios are control over treated and are inverted here.
"""

from __future__ import annotations

from typing import Final

from hccbayes.synthetic.outcome_targets import ArmEndpoint, Effect, Endpoint, Regression
from hccbayes.synthetic.printed_tables import (
    CONTROL_OVER_TREATED,
    NO_YES,
    adverse_event_table,
    margin_table,
    mean_sd_table,
    quartile_table,
)
from hccbayes.synthetic.study_targets import StudyTargets
from hccbayes.synthetic.targets import Margin, Unused

_MARGINS: Final = margin_table(
    ("sex", ("female", "male"), (9, 66), (14, 60), (7, 41), (6, 42)),
    ("etiology", ("other", "HCV", "HBV"), (5, 0, 70), (11, 0, 63), (5, 0, 43), (2, 0, 46)),
    ("child_pugh_score", ("5-6", "7-9"), (55, 20), (52, 22), (36, 12), (36, 12)),
    ("bclc_stage", ("B", "C"), (44, 31), (41, 33), (27, 21), (29, 19)),
    ("cirrhosis", NO_YES, (24, 51), (21, 53), (14, 34), (9, 39)),
    ("portal_vein_thrombus", NO_YES, (47, 28), (45, 29), (27, 21), (29, 19)),
    ("tumors_above_3", NO_YES, (5, 70), (5, 69), (4, 44), (3, 45)),
    ("afp_above_400", NO_YES, (38, 37), (41, 33), (27, 21), (25, 23)),
    ("extrahepatic_metastases", NO_YES, (47, 28), (54, 20), (30, 18), (34, 14)),
    ("arterioportal_fistula", NO_YES, (45, 30), (40, 34), (29, 19), (25, 23)),
    ("ascites", NO_YES, (52, 23), (52, 22), (34, 14), (33, 15)),
    (
        "haic_courses",
        (2, 3, 4, 5, 6, 7, 8),
        (7, 34, 11, 13, 5, 2, 3),
        (7, 35, 14, 12, 4, 2, 0),
        (3, 21, 9, 7, 3, 2, 3),
        (3, 24, 7, 9, 3, 2, 0),
    ),
    notes={
        "portal_vein_thrombus": "matched labels exchanged: 27 with thrombus among 21 of stage C "
        "are impossible",
    },
    within={
        "portal_vein_thrombus": ("bclc_stage", "C"),
        "extrahepatic_metastases": ("bclc_stage", "C"),
    },
)

_GGT_UNUSED: Final = (
    Unused(
        "lower quartile",
        "all",
        "control",
        176.8,
        "impossible: it lies above its median of 159.4, and half of the 48 matched, at least 24, "
        "lie at or below 152.0, where it leaves room for 19 of 74; median and upper quartile hold",
    ),
    Unused(
        "lower quartile",
        "matched",
        "treated",
        10.2,
        "possible beside the quartiles of the whole arm, but a quarter of the subset at the lower "
        "end of normal contradicts the disease and the whole arm's 116.2; probably a lost digit; "
        "median and upper quartile hold",
    ),
)
"""Printed GGT: 159.4 (176.8-336.4) of the controls, 203.1 (10.2-305.1) of the matched treated."""

_CONTINUOUS: Final = (
    *mean_sd_table(
        ("age_years", (55.3, 9.5), (56.0, 10.5), (55.1, 10.0), (54.5, 10.4)),
        ("tumor_size_cm", (8.3, 3.8), (7.5, 3.8), (8.0, 3.6), (7.9, 3.8)),
        ("albumin_g_l", (35.9, 6.3), (34.8, 5.7), (36.3, 4.6), (37.0, 5.8)),
    ),
    *quartile_table(
        (
            "ca199_u_ml",
            (14.9, 25.3, 52.3),
            (15.1, 28.5, 55.0),
            (19.1, 23.1, 35.5),
            (12.8, 27.3, 48.1),
        ),
        (
            "bilirubin_umol_l",
            (12.6, 18.6, 29.3),
            (11.9, 18.3, 29.2),
            (12.6, 19.1, 27.6),
            (11.8, 16.8, 26.3),
        ),
        (
            "alt_iu_l",
            (27.0, 45.2, 58.6),
            (27.0, 37.5, 52.2),
            (29.0, 45.0, 59.0),
            (28.5, 36.0, 48.5),
        ),
        (
            "ast_iu_l",
            (42.4, 71.0, 110.1),
            (36.2, 52.5, 87.3),
            (42.5, 68.5, 100.0),
            (35.0, 51.0, 82.5),
        ),
        (
            "ggt_iu_l",
            (116.2, 198.2, 338.1),
            (None, 159.4, 336.4),
            (None, 203.1, 305.1),
            (74.2, 152.0, 331.7),
        ),
        (
            "alp_iu_l",
            (125.6, 182.2, 267.2),
            (111.5, 147.4, 242.8),
            (125.6, 180.2, 253.2),
            (103.2, 140.2, 216.6),
        ),
        unused={"ggt_iu_l": _GGT_UNUSED},
    ),
)

_OS_EFFECTS: Final = (
    Effect("etiology", ("HBV",), 1.614),
    Effect("child_pugh_score", ("7-9",), 1.612),
    Effect("arterioportal_fistula", ("yes",), 1.0 / 0.468),
)
_PFS_EFFECTS: Final = (
    Effect("etiology", ("HBV",), 1.824),
    Effect("child_pugh_score", ("7-9",), 1.612),
    Effect("arterioportal_fistula", ("yes",), 1.0 / 0.546),
)

_OS: Final = Endpoint(
    name="os",
    treated=ArmEndpoint(
        events=48, median=16.0, hazard=(0.04,), lost=0.2, lost_by=24.0, longest=50.0
    ),
    control=ArmEndpoint(
        events=49, median=9.0, hazard=(0.07,), lost=0.2, lost_by=24.0, longest=50.0
    ),
    hr=1.0 / 1.837,
    hr_note=CONTROL_OVER_TREATED.format(1.837),
    interval=(1.0 / 2.753, 1.0 / 1.226),
    effects=_OS_EFFECTS,
)

_PFS_EVENTS: Final = (
    "printed 16 and 28 are the progressive best responses, not the events: 48 and 49 deaths are "
    "events already, and the printed standard error of 0.208 needs 93 at the least (4 / SE^2)"
)

_PFS: Final = Endpoint(
    name="pfs",
    treated=ArmEndpoint(
        events=53,
        median=11.0,
        share_of_overall=(2.5, 1.0),
        longest=45.0,
        events_status="invented",
        events_note=_PFS_EVENTS,
    ),
    control=ArmEndpoint(
        events=53,
        median=6.0,
        share_of_overall=(2.5, 1.0),
        longest=30.0,
        events_status="invented",
        events_note=_PFS_EVENTS,
    ),
    hr=1.0 / 2.079,
    hr_note=CONTROL_OVER_TREATED.format(2.079),
    interval=(1.0 / 3.126, 1.0 / 1.382),
)

_REGRESSIONS: Final = (
    Regression(
        endpoint="os",
        sample="all",
        treatment=1.0 / 2.009,
        effects=_OS_EFFECTS,
        note=CONTROL_OVER_TREATED.format(2.009),
    ),
    Regression(
        endpoint="pfs",
        sample="all",
        treatment=1.0 / 2.175,
        effects=_PFS_EFFECTS,
        note=CONTROL_OVER_TREATED.format(2.175),
    ),
)

_ADVERSE_EVENTS: Final = adverse_event_table(
    ("ae_fever", (8, 9)),
    ("ae_decreased_appetite", (24, 18)),
    ("ae_abdominal_pain", (40, 35)),
    ("ae_nausea_vomiting", (4, 6)),
    ("ae_elevated_transaminases", (25, 26)),
    ("ae_thrombocytopenia", (16, 10)),
    ("ae_gastrointestinal_hemorrhage", (10, 11)),
    ("ae_hyperbilirubinemia", (19, 22), (4, 2)),
    ("ae_decreased_albumin", (13, 11)),
    ("ae_neutropenia", (8, 11)),
    ("ae_creatinine_increased", (30, 27)),
    ("ae_liver_abscess", (1, 2)),
    ("ae_cholesteatoma", (2, 3)),
    ("ae_cholecystitis", (1, 2)),
    ("ae_hypertension", (21, 10), (3, 1)),
    ("ae_hand_foot_skin_reaction", (29, 22)),
    ("ae_skin_rash", (16, 14), (2, 3)),
    ("ae_proteinuria", (21, 15)),
    ("ae_fatigue", (27, 28), (1, 2)),
    ("ae_gingival_bleeding", (4, 5)),
    ("ae_diarrhea", (11, 18)),
)

LIN2023: Final = StudyTargets(
    name="synthetic_lin2023",
    title="Synthetic cohort with the printed margins of Lin 2023",
    seed=2023,
    arm_labels=("HAIC + lenvatinib + PD-1", "HAIC + lenvatinib"),
    sizes=(75, 74),
    matched_sizes=(48, 48),
    margins=_MARGINS,
    continuous=_CONTINUOUS,
    os=_OS,
    pfs=_PFS,
    regressions=_REGRESSIONS,
    responses=(
        Margin(
            column="best_response",
            levels=("CR", "PR", "SD", "PD"),
            treated=(1, 33, 25, 16),
            control=(1, 24, 21, 28),
            note="mRECIST",
        ),
    ),
    adverse_events=_ADVERSE_EVENTS,
    severe_labels=("1-2", "3-4"),
    notes=(
        "Invented: the joint distribution of the covariates (independent given arm and matching, "
        "but portal vein thrombus and extrahepatic metastases occur in BCLC stage C alone); "
        "progression-free events (53 and 53: every death is one, so at least 97, and about 106 "
        "give the printed standard error); the censoring mechanism; who of an arm has which "
        "response and adverse event; the outcomes of the matched subset.",
        "Printed limits of the medians are symmetric, hence normal approximations and no targets.",
        "The severe grade is printed as above 3, probably 3 or more; it is written 3-4.",
    ),
)
"""Lin 2023; counts as printed in its tables, with the repairs that the notes name."""
