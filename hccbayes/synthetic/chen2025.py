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
    MatchedMedian,
    Regression,
)
from hccbayes.synthetic.printed_tables import (
    NO_YES,
    SINGLE_MULTIPLE,
    adverse_event_table,
    margin_table,
    mean_sd_table,
)
from hccbayes.synthetic.study_targets import StudyTargets
from hccbayes.synthetic.targets import Margin

_MARGINS: Final = margin_table(
    ("age_above_50", NO_YES, (88, 81), (140, 113), (79, 72), (83, 68)),
    ("sex", ("female", "male"), (18, 151), (42, 211), (18, 133), (20, 131)),
    ("ecog_score", (0, 1, 2), (133, 36, 0), (231, 20, 2), (133, 18, 0), (131, 20, 0)),
    ("etiology", ("other", "HBV"), (15, 154), (16, 237), (12, 139), (13, 138)),
    ("tumor_number", SINGLE_MULTIPLE, (56, 113), (78, 175), (46, 105), (40, 111)),
    ("tumor_above_10_cm", NO_YES, (45, 124), (81, 172), (38, 113), (42, 109)),
    ("lung_metastasis_number", SINGLE_MULTIPLE, (33, 136), (52, 201), (26, 125), (28, 123)),
    ("portal_vein_thrombus", NO_YES, (55, 114), (105, 148), (52, 99), (54, 97)),
    ("afp_above_400", NO_YES, (62, 107), (91, 162), (57, 94), (55, 96)),
    ("albi_grade", (1, 2, 3), (56, 108, 5), (85, 163, 5), (50, 97, 4), (52, 96, 3)),
    ("child_pugh", ("A", "B"), (146, 23), (219, 34), (132, 19), (132, 19)),
    notes={
        "sex": "printed labels exchanged: a female majority of 83-89% contradicts the disease and "
        "the regression table",
        "ecog_score": "the matched counts equal those of sex: one of the two rows is a copy of the "
        "other",
    },
)

_CONTINUOUS: Final = mean_sd_table(
    ("age_years", (49.0, 12.0), (49.0, 12.0), (49.0, 12.0), (49.0, 12.0)),
    ("tumor_size_cm", (12.3, 3.4), (12.3, 3.6), (12.4, 3.4), (12.4, 3.7)),
    cuts={"age_years": ("age_above_50", 50.0), "tumor_size_cm": ("tumor_above_10_cm", 10.0)},
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
        matched=MatchedMedian(151, 18.6, 26.0, math.inf),
        hazard=(0.035, 0.030, 0.002),
        cuts=(12.0, 26.0),
        lost=0.6,
        lost_by=25.0,
        longest=70.0,
    ),
    control=ArmEndpoint(
        events=194,
        median=8.6,
        lower=7.9,
        upper=10.0,
        matched=MatchedMedian(151, 6.7, 8.4, 11.8),
        hazard=(0.08,),
        lost=0.2,
        lost_by=30.0,
    ),
    hr=0.36,
    hr_note="printed interval 0.28-0.46 is narrower than a Cox model with 68 and 194 deaths allows",
    interval=(0.28, 0.46),
    effects=_OS_EFFECTS,
)

_PFS: Final = Endpoint(
    name="pfs",
    treated=ArmEndpoint(
        events=118,
        median=7.7,
        lower=6.7,
        upper=10.8,
        matched=MatchedMedian(151, 6.3, 7.6, 9.0),
        share_of_overall=(1.2, 1.2),
        longest=60.0,
    ),
    control=ArmEndpoint(
        events=238,
        median=5.4,
        lower=4.5,
        upper=6.1,
        matched=MatchedMedian(151, 3.9, 5.5, 6.3),
        share_of_overall=(4.0, 1.0),
        longest=35.0,
    ),
    hr=0.76,
    interval=(0.61, 0.95),
    settled_by="treated",
)

_INFERRED: Final = (
    "the regression table does not name its sample; its widths point to the matched one. The "
    "printed model held age as well, whose interval contradicts its own ratio"
)

HALF_DIGIT: Final = 5e-3
"""The covariates' ratios were printed with two decimals: half a unit of the second."""

_REGRESSIONS: Final = (
    Regression(endpoint="os", sample="matched", treatment=0.36),
    Regression(
        endpoint="os",
        sample="matched",
        treatment=0.34,
        effects=_OS_EFFECTS,
        effect_tolerance=HALF_DIGIT,
        status="derived",
        note=_INFERRED,
    ),
    Regression(endpoint="pfs", sample="matched", treatment=0.76),
    Regression(
        endpoint="pfs",
        sample="matched",
        treatment=0.75,
        effects=_PFS_EFFECTS,
        effect_tolerance=HALF_DIGIT,
        status="derived",
        note=_INFERRED,
    ),
)

_ADVERSE_EVENTS: Final = adverse_event_table(
    ("ae_abdominal_pain", (89, 11), (24, 3)),
    ("ae_nausea", (82, 29), (17, 2)),
    ("ae_diarrhea", (58, 39), (16, 5)),
    ("ae_decreased_appetite", (73, 91), (1, 2)),
    ("ae_rash", (18, 28), (4, 6)),
    ("ae_fatigue", (59, 86), (11, 16)),
    ("ae_hypoproteinemia", (39, 55), (3, 5)),
    ("ae_elevated_bilirubin", (27, 20), (2, 4)),
    ("ae_elevated_alt", (28, 49), (1, 1)),
    ("ae_elevated_ast", (25, 53), (1, 1)),
    ("ae_hypothyroidism", (7, 10), (1, 2)),
    ("ae_sensory_neuropathy", (41, 0), (0, 0)),
    ("ae_leukopenia", (48, 19), (9, 3)),
    ("ae_thrombocytopenia", (32, 42), (6, 4)),
    ("ae_hypertension", (31, 40), (4, 7)),
    ("ae_hand_foot_skin_reaction", (12, 19), (1, 1)),
    ("ae_dysphonia", (5, 8), (0, 0)),
    ("ae_proteinuria", (33, 45), (6, 9)),
    ("ae_immune_related", (16, 29), (5, 11)),
)

_MODES: Final = adverse_event_table(
    ("mode_intrahepatic_progression", (21, 98)),
    ("mode_new_intrahepatic_lesion", (17, 71)),
    ("mode_extrahepatic_progression", (58, 49)),
    ("mode_new_extrahepatic_lesion", (69, 47)),
    ("mode_death", (10, 22)),
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
    notes=(
        "Invented: centers, their sizes and effects; the joint distribution of the covariates "
        "(independent given arm and matching); the censoring mechanism; who of an arm has which "
        "response, adverse event and mode; the matched deaths; treatment dates, which are absent.",
        "Matched medians and limits hold exactly beside those of the whole arms: an event stands "
        "on each printed month, and who of an arm is matched was chosen so that the subset's curve "
        "or limit passes one half there. Print has no matched numbers of events; they are free.",
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
