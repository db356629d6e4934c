"""Targets of the synthetic cohort after Chen 2025: HAIC added to lenvatinib and a PD-1 inhibitor.

Hepatocellular carcinoma with lung metastases, three centers, 169 against 253 patients, 151 pairs
matched by propensity score.
"""

from __future__ import annotations

import math
from typing import Final

from hccbayes.synthetic.outcome_targets import (
    AdverseEvent,
    ArmEndpoint,
    Effect,
    Endpoint,
    PrintedMedian,
    Regression,
)
from hccbayes.synthetic.study_targets import StudyTargets
from hccbayes.synthetic.targets import Continuous, Margin, MeanSd

_MARGINS: Final = (
    Margin(
        column="age_above_50",
        levels=("no", "yes"),
        treated=(88, 81),
        control=(140, 113),
        matched_treated=(79, 72),
        matched_control=(83, 68),
    ),
    Margin(
        column="sex",
        levels=("female", "male"),
        treated=(18, 151),
        control=(42, 211),
        matched_treated=(18, 133),
        matched_control=(20, 131),
        note="printed labels exchanged: a female majority of 83-89% contradicts the disease and "
        "the regression table",
    ),
    Margin(
        column="ecog_score",
        levels=(0, 1, 2),
        treated=(133, 36, 0),
        control=(231, 20, 2),
        matched_treated=(133, 18, 0),
        matched_control=(131, 20, 0),
        note="the matched counts equal those of sex: one of the two rows is a copy of the other",
    ),
    Margin(
        column="etiology",
        levels=("other", "HBV"),
        treated=(15, 154),
        control=(16, 237),
        matched_treated=(12, 139),
        matched_control=(13, 138),
    ),
    Margin(
        column="tumor_number",
        levels=("single", "multiple"),
        treated=(56, 113),
        control=(78, 175),
        matched_treated=(46, 105),
        matched_control=(40, 111),
    ),
    Margin(
        column="tumor_above_10_cm",
        levels=("no", "yes"),
        treated=(45, 124),
        control=(81, 172),
        matched_treated=(38, 113),
        matched_control=(42, 109),
    ),
    Margin(
        column="lung_metastasis_number",
        levels=("single", "multiple"),
        treated=(33, 136),
        control=(52, 201),
        matched_treated=(26, 125),
        matched_control=(28, 123),
    ),
    Margin(
        column="portal_vein_thrombus",
        levels=("no", "yes"),
        treated=(55, 114),
        control=(105, 148),
        matched_treated=(52, 99),
        matched_control=(54, 97),
    ),
    Margin(
        column="afp_above_400",
        levels=("no", "yes"),
        treated=(62, 107),
        control=(91, 162),
        matched_treated=(57, 94),
        matched_control=(55, 96),
    ),
    Margin(
        column="albi_grade",
        levels=(1, 2, 3),
        treated=(56, 108, 5),
        control=(85, 163, 5),
        matched_treated=(50, 97, 4),
        matched_control=(52, 96, 3),
    ),
    Margin(
        column="child_pugh",
        levels=("A", "B"),
        treated=(146, 23),
        control=(219, 34),
        matched_treated=(132, 19),
        matched_control=(132, 19),
    ),
)

_CONTINUOUS: Final = (
    Continuous(
        column="age_years",
        treated=MeanSd(49.0, 12.0),
        control=MeanSd(49.0, 12.0),
        matched_treated=MeanSd(49.0, 12.0),
        matched_control=MeanSd(49.0, 12.0),
        cut=("age_above_50", 50.0),
    ),
    Continuous(
        column="tumor_size_cm",
        treated=MeanSd(12.3, 3.4),
        control=MeanSd(12.3, 3.6),
        matched_treated=MeanSd(12.4, 3.4),
        matched_control=MeanSd(12.4, 3.7),
        cut=("tumor_above_10_cm", 10.0),
    ),
)

_OS_EFFECTS: Final = (
    Effect("ecog_score", (1, 2), 1.56),
    Effect("lung_metastasis_number", ("multiple",), 1.28),
    Effect("portal_vein_thrombus", ("yes",), 1.71),
    Effect("child_pugh", ("B",), 1.52),
)
_PFS_EFFECTS: Final = (Effect("portal_vein_thrombus", ("yes",), 1.34),)

_OS: Final = Endpoint(
    name="os",
    treated=ArmEndpoint(
        events=68,
        median=26.0,
        lower=18.4,
        upper=math.inf,
        hazard=(0.035, 0.030, 0.002),
        cuts=(12.0, 26.0),
        lost=0.6,
        lost_by=25.0,
        longest=70.0,
    ),
    control=ArmEndpoint(
        events=194, median=8.6, lower=7.9, upper=10.0, hazard=(0.08,), lost=0.2, lost_by=30.0
    ),
    hr=0.36,
    hr_note="printed interval 0.28-0.46 is narrower than a Cox model with 68 and 194 deaths allows",
    effects=_OS_EFFECTS,
)

_PFS: Final = Endpoint(
    name="pfs",
    treated=ArmEndpoint(
        events=118,
        median=7.7,
        lower=6.7,
        upper=10.8,
        share_of_overall=(1.2, 1.2),
        longest=60.0,
    ),
    control=ArmEndpoint(
        events=238,
        median=5.4,
        lower=4.5,
        upper=6.1,
        share_of_overall=(4.0, 1.0),
        longest=35.0,
    ),
    hr=0.76,
    settled_by="treated",
)

_INFERRED: Final = (
    "the regression table does not name its sample; its widths point to the matched one. The "
    "printed model held age as well, whose interval contradicts its own ratio"
)

_REGRESSIONS: Final = (
    Regression(endpoint="os", sample="matched", treatment=0.36, tolerance=5e-3),
    Regression(
        endpoint="os",
        sample="matched",
        treatment=0.34,
        effects=_OS_EFFECTS,
        tolerance=5e-3,
        status="derived",
        note=_INFERRED,
    ),
    Regression(endpoint="pfs", sample="matched", treatment=0.76, tolerance=5e-3),
    Regression(
        endpoint="pfs",
        sample="matched",
        treatment=0.75,
        effects=_PFS_EFFECTS,
        tolerance=5e-3,
        status="derived",
        note=_INFERRED,
    ),
)

_ADVERSE_EVENTS: Final = (
    AdverseEvent(column="ae_abdominal_pain", any_grade=(89, 11), severe=(24, 3)),
    AdverseEvent(column="ae_nausea", any_grade=(82, 29), severe=(17, 2)),
    AdverseEvent(column="ae_diarrhea", any_grade=(58, 39), severe=(16, 5)),
    AdverseEvent(column="ae_decreased_appetite", any_grade=(73, 91), severe=(1, 2)),
    AdverseEvent(column="ae_rash", any_grade=(18, 28), severe=(4, 6)),
    AdverseEvent(column="ae_fatigue", any_grade=(59, 86), severe=(11, 16)),
    AdverseEvent(column="ae_hypoproteinemia", any_grade=(39, 55), severe=(3, 5)),
    AdverseEvent(column="ae_elevated_bilirubin", any_grade=(27, 20), severe=(2, 4)),
    AdverseEvent(column="ae_elevated_alt", any_grade=(28, 49), severe=(1, 1)),
    AdverseEvent(column="ae_elevated_ast", any_grade=(25, 53), severe=(1, 1)),
    AdverseEvent(column="ae_hypothyroidism", any_grade=(7, 10), severe=(1, 2)),
    AdverseEvent(column="ae_sensory_neuropathy", any_grade=(41, 0), severe=(0, 0)),
    AdverseEvent(column="ae_leukopenia", any_grade=(48, 19), severe=(9, 3)),
    AdverseEvent(column="ae_thrombocytopenia", any_grade=(32, 42), severe=(6, 4)),
    AdverseEvent(column="ae_hypertension", any_grade=(31, 40), severe=(4, 7)),
    AdverseEvent(column="ae_hand_foot_skin_reaction", any_grade=(12, 19), severe=(1, 1)),
    AdverseEvent(column="ae_dysphonia", any_grade=(5, 8), severe=(0, 0)),
    AdverseEvent(column="ae_proteinuria", any_grade=(33, 45), severe=(6, 9)),
    AdverseEvent(column="ae_immune_related", any_grade=(16, 29), severe=(5, 11)),
)

_MODES: Final = (
    AdverseEvent(column="mode_intrahepatic_progression", any_grade=(21, 98)),
    AdverseEvent(column="mode_new_intrahepatic_lesion", any_grade=(17, 71)),
    AdverseEvent(column="mode_extrahepatic_progression", any_grade=(58, 49)),
    AdverseEvent(column="mode_new_extrahepatic_lesion", any_grade=(69, 47)),
    AdverseEvent(column="mode_death", any_grade=(10, 22)),
)

CHEN2025: Final = StudyTargets(
    name="synthetic_chen2025",
    title="Synthetic cohort with the printed margins of Chen 2025",
    seed=2025,
    arm_labels=("HAIC + lenvatinib + PD-1", "lenvatinib + PD-1"),
    sizes=(169, 253),
    matched_sizes=(151, 151),
    margins=_MARGINS,
    continuous=_CONTINUOUS,
    center_shares=((0.55, 0.25, 0.20), (0.40, 0.35, 0.25)),
    center_sd=0.2,
    os=_OS,
    pfs=_PFS,
    regressions=_REGRESSIONS,
    responses=(
        Margin(
            column="best_response",
            levels=("CR", "PR", "SD", "PD"),
            treated=(0, 79, 61, 29),
            control=(0, 58, 117, 78),
            matched_treated=(0, 72, 58, 21),
            matched_control=(0, 31, 78, 42),
            note="RECIST 1.1",
        ),
    ),
    adverse_events=_ADVERSE_EVENTS,
    overall=AdverseEvent(column="ae_any", any_grade=(127, 146), severe=(42, 31)),
    modes=_MODES,
    printed_medians=(
        PrintedMedian(
            endpoint="os", sample="matched", arm="treated", median=26.0, lower=18.6, upper=math.inf
        ),
        PrintedMedian(
            endpoint="os", sample="matched", arm="control", median=8.4, lower=6.7, upper=11.8
        ),
        PrintedMedian(
            endpoint="pfs", sample="matched", arm="treated", median=7.6, lower=6.3, upper=9.0
        ),
        PrintedMedian(
            endpoint="pfs", sample="matched", arm="control", median=5.5, lower=3.9, upper=6.3
        ),
    ),
    notes=(
        "Invented: centers, their sizes and effects; the joint distribution of the covariates "
        "(independent given arm and matching); the censoring mechanism; who of an arm has which "
        "response, adverse event and mode; the matched deaths; treatment dates, which are absent.",
        "Printed medians leave the hazard ratio free: with these counts, medians and limits a Cox "
        "hazard ratio anywhere from 0.25 to 0.48 is possible.",
        "The printed inclusion rules allow no death before about 15 weeks and ask for 12 months of "
        "follow-up. Print contradicts the second (a median of 26.0 months with 40% deaths needs "
        "early censoring); neither is imposed here.",
        "Modes of progression are counts of modes (175 and 287), not of patients: printed shares "
        "add up to 100%. In the control arm 299 modes would fit the shares as well.",
    ),
)
"""Chen 2025; counts as printed in its tables, with the repairs that the notes name."""
