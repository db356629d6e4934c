"""Targets of the synthetic cohort after Lin 2023: a PD-1 inhibitor added to HAIC and lenvatinib.

Hepatocellular carcinoma after failed TACE, one center, 75 against 74 patients, 48 pairs matched by
propensity score. Printed hazard ratios are control over treated and are inverted here.
"""

from __future__ import annotations

from typing import Final

from hccbayes.synthetic.outcome_targets import (
    AdverseEvent,
    ArmEndpoint,
    Effect,
    Endpoint,
    Regression,
)
from hccbayes.synthetic.study_targets import StudyTargets
from hccbayes.synthetic.targets import Continuous, Margin, MeanSd, Quartiles

_MARGINS: Final = (
    Margin(
        column="sex",
        levels=("female", "male"),
        treated=(9, 66),
        control=(14, 60),
        matched_treated=(7, 41),
        matched_control=(6, 42),
    ),
    Margin(
        column="etiology",
        levels=("other", "HCV", "HBV"),
        treated=(5, 0, 70),
        control=(11, 0, 63),
        matched_treated=(5, 0, 43),
        matched_control=(2, 0, 46),
    ),
    Margin(
        column="child_pugh_score",
        levels=("5-6", "7-9"),
        treated=(55, 20),
        control=(52, 22),
        matched_treated=(36, 12),
        matched_control=(36, 12),
    ),
    Margin(
        column="bclc_stage",
        levels=("B", "C"),
        treated=(44, 31),
        control=(41, 33),
        matched_treated=(27, 21),
        matched_control=(29, 19),
    ),
    Margin(
        column="cirrhosis",
        levels=("no", "yes"),
        treated=(24, 51),
        control=(21, 53),
        matched_treated=(14, 34),
        matched_control=(9, 39),
    ),
    Margin(
        column="portal_vein_thrombus",
        levels=("no", "yes"),
        treated=(47, 28),
        control=(45, 29),
        matched_treated=(27, 21),
        matched_control=(29, 19),
        within=("bclc_stage", "C"),
        note="matched labels exchanged: 27 with thrombus among 21 of stage C are impossible",
    ),
    Margin(
        column="tumors_above_3",
        levels=("no", "yes"),
        treated=(5, 70),
        control=(5, 69),
        matched_treated=(4, 44),
        matched_control=(3, 45),
    ),
    Margin(
        column="afp_above_400",
        levels=("no", "yes"),
        treated=(38, 37),
        control=(41, 33),
        matched_treated=(27, 21),
        matched_control=(25, 23),
    ),
    Margin(
        column="extrahepatic_metastases",
        levels=("no", "yes"),
        treated=(47, 28),
        control=(54, 20),
        matched_treated=(30, 18),
        matched_control=(34, 14),
        within=("bclc_stage", "C"),
    ),
    Margin(
        column="arterioportal_fistula",
        levels=("no", "yes"),
        treated=(45, 30),
        control=(40, 34),
        matched_treated=(29, 19),
        matched_control=(25, 23),
    ),
    Margin(
        column="ascites",
        levels=("no", "yes"),
        treated=(52, 23),
        control=(52, 22),
        matched_treated=(34, 14),
        matched_control=(33, 15),
    ),
    Margin(
        column="haic_courses",
        levels=(2, 3, 4, 5, 6, 7, 8),
        treated=(7, 34, 11, 13, 5, 2, 3),
        control=(7, 35, 14, 12, 4, 2, 0),
        matched_treated=(3, 21, 9, 7, 3, 2, 3),
        matched_control=(3, 24, 7, 9, 3, 2, 0),
    ),
)

_CONTINUOUS: Final = (
    Continuous(
        column="age_years",
        treated=MeanSd(55.3, 9.5),
        control=MeanSd(56.0, 10.5),
        matched_treated=MeanSd(55.1, 10.0),
        matched_control=MeanSd(54.5, 10.4),
    ),
    Continuous(
        column="tumor_size_cm",
        treated=MeanSd(8.3, 3.8),
        control=MeanSd(7.5, 3.8),
        matched_treated=MeanSd(8.0, 3.6),
        matched_control=MeanSd(7.9, 3.8),
    ),
    Continuous(
        column="albumin_g_l",
        treated=MeanSd(35.9, 6.3),
        control=MeanSd(34.8, 5.7),
        matched_treated=MeanSd(36.3, 4.6),
        matched_control=MeanSd(37.0, 5.8),
    ),
    Continuous(
        column="ca199_u_ml",
        treated=Quartiles(14.9, 25.3, 52.3),
        control=Quartiles(15.1, 28.5, 55.0),
        matched_treated=Quartiles(19.1, 23.1, 35.5),
        matched_control=Quartiles(12.8, 27.3, 48.1),
    ),
    Continuous(
        column="bilirubin_umol_l",
        treated=Quartiles(12.6, 18.6, 29.3),
        control=Quartiles(11.9, 18.3, 29.2),
        matched_treated=Quartiles(12.6, 19.1, 27.6),
        matched_control=Quartiles(11.8, 16.8, 26.3),
    ),
    Continuous(
        column="alt_iu_l",
        treated=Quartiles(27.0, 45.2, 58.6),
        control=Quartiles(27.0, 37.5, 52.2),
        matched_treated=Quartiles(29.0, 45.0, 59.0),
        matched_control=Quartiles(28.5, 36.0, 48.5),
    ),
    Continuous(
        column="ast_iu_l",
        treated=Quartiles(42.4, 71.0, 110.1),
        control=Quartiles(36.2, 52.5, 87.3),
        matched_treated=Quartiles(42.5, 68.5, 100.0),
        matched_control=Quartiles(35.0, 51.0, 82.5),
    ),
    Continuous(
        column="ggt_iu_l",
        treated=Quartiles(116.2, 198.2, 338.1),
        control=None,
        matched_treated=None,
        matched_control=Quartiles(74.2, 152.0, 331.7),
        note="two of four printed triples are not in order or not plausible; they are left out",
    ),
    Continuous(
        column="alp_iu_l",
        treated=Quartiles(125.6, 182.2, 267.2),
        control=Quartiles(111.5, 147.4, 242.8),
        matched_treated=Quartiles(125.6, 180.2, 253.2),
        matched_control=Quartiles(103.2, 140.2, 216.6),
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
    hr_note="printed 1.837, control over treated",
    effects=_OS_EFFECTS,
)

_PFS: Final = Endpoint(
    name="pfs",
    treated=ArmEndpoint(
        events=50,
        median=11.0,
        share_of_overall=(2.5, 1.0),
        longest=45.0,
        events_status="invented",
    ),
    control=ArmEndpoint(
        events=50,
        median=6.0,
        share_of_overall=(2.5, 1.0),
        longest=30.0,
        events_status="invented",
    ),
    hr=1.0 / 2.079,
    hr_note="printed 2.079, control over treated",
)

_REGRESSIONS: Final = (
    Regression(
        endpoint="os",
        sample="all",
        treatment=1.0 / 2.009,
        effects=_OS_EFFECTS,
        note="printed 2.009, control over treated",
    ),
    Regression(
        endpoint="pfs",
        sample="all",
        treatment=1.0 / 2.175,
        effects=_PFS_EFFECTS,
        note="printed 2.175, control over treated",
    ),
)

_ADVERSE_EVENTS: Final = (
    AdverseEvent(column="ae_fever", any_grade=(8, 9)),
    AdverseEvent(column="ae_decreased_appetite", any_grade=(24, 18)),
    AdverseEvent(column="ae_abdominal_pain", any_grade=(40, 35)),
    AdverseEvent(column="ae_nausea_vomiting", any_grade=(4, 6)),
    AdverseEvent(column="ae_elevated_transaminases", any_grade=(25, 26)),
    AdverseEvent(column="ae_thrombocytopenia", any_grade=(16, 10)),
    AdverseEvent(column="ae_gastrointestinal_hemorrhage", any_grade=(10, 11)),
    AdverseEvent(column="ae_hyperbilirubinemia", any_grade=(19, 22), severe=(4, 2)),
    AdverseEvent(column="ae_decreased_albumin", any_grade=(13, 11)),
    AdverseEvent(column="ae_neutropenia", any_grade=(8, 11)),
    AdverseEvent(column="ae_creatinine_increased", any_grade=(30, 27)),
    AdverseEvent(column="ae_liver_abscess", any_grade=(1, 2)),
    AdverseEvent(column="ae_cholesteatoma", any_grade=(2, 3)),
    AdverseEvent(column="ae_cholecystitis", any_grade=(1, 2)),
    AdverseEvent(column="ae_hypertension", any_grade=(21, 10), severe=(3, 1)),
    AdverseEvent(column="ae_hand_foot_skin_reaction", any_grade=(29, 22)),
    AdverseEvent(column="ae_skin_rash", any_grade=(16, 14), severe=(2, 3)),
    AdverseEvent(column="ae_proteinuria", any_grade=(21, 15)),
    AdverseEvent(column="ae_fatigue", any_grade=(27, 28), severe=(1, 2)),
    AdverseEvent(column="ae_gingival_bleeding", any_grade=(4, 5)),
    AdverseEvent(column="ae_diarrhea", any_grade=(11, 18)),
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
        "progression-free events (50 and 50: every death is one, so at least 97, and the printed "
        "standard error of 0.208 leaves no room for many more); the censoring mechanism; who of "
        "an arm has which response and adverse event; the outcomes of the matched subset.",
        "Printed limits of the medians are symmetric, hence normal approximations and no targets.",
        "The severe grade is printed as above 3, probably 3 or more; it is written 3-4.",
    ),
)
"""Lin 2023; counts as printed in its tables, with the repairs that the notes name."""
