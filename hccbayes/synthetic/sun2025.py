"""Targets of the synthetic cohort after Sun 2025: surgery against immunotherapy combinations.

Hepatocellular carcinoma with resectable lung metastases, four centers, 60 against 59 patients, 23
pairs matched by propensity score. Printed hazard ratios are control over treated and are inverted
here. Printed survival rates are multiples of 1/60, 1/59 and 1/23: numbers at risk, not survival.
"""

from __future__ import annotations

import math
from typing import Final

from hccbayes.synthetic.outcome_targets import Effect, Regression
from hccbayes.synthetic.printed_tables import (
    CONTROL_OVER_TREATED,
    NO_YES,
    SINGLE_MULTIPLE,
    margin_table,
)
from hccbayes.synthetic.risk_targets import RiskTable, RiskTargets
from hccbayes.synthetic.study_targets import StudyTargets
from hccbayes.synthetic.targets import Margin

_MARGINS: Final = margin_table(
    ("age_50_or_above", NO_YES, (16, 44), (22, 37), (5, 18), (8, 15)),
    ("sex", ("female", "male"), (13, 47), (10, 49), (4, 19), (4, 19)),
    ("hbsag", ("negative", "positive"), (13, 47), (7, 52), (4, 19), (2, 21)),
    ("afp_20_or_above", NO_YES, (41, 19), (14, 45), (13, 10), (13, 10)),
    ("alt_40_or_above", NO_YES, (47, 13), (41, 18), (19, 4), (18, 5)),
    ("bilirubin_17_or_above", NO_YES, (38, 22), (37, 22), (15, 8), (16, 7)),
    ("platelets_100_or_above", NO_YES, (10, 50), (8, 51), (4, 19), (4, 19)),
    ("leukocytes_4_or_above", NO_YES, (13, 47), (7, 52), (6, 17), (3, 20)),
    ("hepatic_t_stage", ("0-I", "II"), (54, 6), (33, 26), (18, 5), (15, 8)),
    ("lung_metastasis_number", SINGLE_MULTIPLE, (42, 18), (20, 39), (13, 10), (13, 10)),
)

_MONTHS: Final = (0.0, 12.0, 24.0, 36.0)

SUN2025_RISK: Final = RiskTargets(
    tables={
        ("treated", "matched"): RiskTable(
            months=_MONTHS, overall=(23, 20, 8, 5), progression_free=(23, 16, 6, 3)
        ),
        ("treated", "remainder"): RiskTable(
            months=_MONTHS, overall=(37, 28, 11, 7), progression_free=(37, 23, 9, 7)
        ),
        ("control", "matched"): RiskTable(
            months=_MONTHS, overall=(23, 16, 7, 0), progression_free=(23, 9, 1, 0)
        ),
        ("control", "remainder"): RiskTable(
            months=_MONTHS, overall=(36, 19, 5, 0), progression_free=(36, 12, 4, 0)
        ),
    },
    longest={"treated": 84.0, "control": 36.0},
    deaths={"treated": 17, "control": 29},
    median={"treated": math.inf, "control": 24.0},
    hr=1.0 / 2.845,
    matched_hr=1.0 / 4.317,
)
"""Printed rates times arm sizes; deaths are one solution that fits them."""

REPAIRED_SE: Final = 0.3185
"""Of the log hazard ratio, from the interval 1.524-5.311 after the misprint 2.524 is repaired."""

SUN2025_AGES: Final = (
    (0, 23.0),
    (37, 49.5),
    (38, 50.0),
    (59, 55.0),
    (118, 78.0),
)
"""Printed median 55 and range 23-78 of the whole cohort, of whom 38 of 119 are below 50."""

COVARIATE_TOLERANCE: Final = 1e-2
"""Of the adjusted ratios of AFP and stage; those of treatment hold to 1e-3 like all others.

Outcomes are exchanged within an arm and its matched or unmatched part alone, where two patients who
exchange move these ratios by 0.02 to 0.3. Of the unmatched, all but one with stage II are controls
and all but one without raised AFP are treated, so that few choices are left: in seven begun cohorts
the search did not bring all five adjusted ratios to 1e-3, though the two of the matched subset
alone. That is no proof that they cannot be."""

SUN2025: Final = StudyTargets(
    name="synthetic_sun2025",
    title="Synthetic cohort with the printed margins of Sun 2025",
    seed=2026,
    arm_labels=("metastasectomy", "immunotherapy combination"),
    sizes=(60, 59),
    matched_sizes=(23, 23),
    margins=_MARGINS,
    regressions=(
        Regression(
            endpoint="os",
            sample="all",
            treatment=1.0 / 2.845,
            note=CONTROL_OVER_TREATED.format(2.845),
        ),
        Regression(
            endpoint="os",
            sample="matched",
            treatment=1.0 / 4.317,
            note=CONTROL_OVER_TREATED.format(4.317),
        ),
        Regression(
            endpoint="os",
            sample="all",
            treatment=1.0 / 2.177,
            effects=(
                Effect("afp_20_or_above", ("yes",), 1.219),
                Effect("hepatic_t_stage", ("II",), 2.342),
            ),
            effect_tolerance=COVARIATE_TOLERANCE,
            note=CONTROL_OVER_TREATED.format(2.177),
        ),
        Regression(
            endpoint="os",
            sample="matched",
            treatment=1.0 / 4.441,
            effects=(Effect("hepatic_t_stage", ("II",), 3.086),),
            effect_tolerance=COVARIATE_TOLERANCE,
            note=CONTROL_OVER_TREATED.format(4.441),
        ),
    ),
    responses=(
        Margin(
            column="objective_response",
            levels=("not applicable", "no", "yes"),
            treated=(60, 0, 0),
            control=(0, 37, 22),
            status="derived",
            note="37.3% of 59; response has no meaning after surgery",
        ),
    ),
    notes=(
        "Invented: deaths (17 and 29 are one solution of the risk tables, medians and hazard "
        "ratios; at least 40 are needed for the printed standard error); the joint distribution "
        "of the covariates (independent given arm and matching); the times within the intervals "
        "of the risk tables; progression-free events; ages. Centers and calendar time are absent.",
        "Printed 1-, 2- and 3-year rates are read as numbers at risk: as survival they contradict "
        "the printed medians.",
        "Adjusted hazard ratios of stage and AFP hold to 0.01, those of treatment to 0.001: who "
        "has which outcome is free within an arm and its matched or unmatched part alone, and "
        "among the unmatched both nearly coincide with the arm.",
        "pfs_months is time to recurrence after surgery and to progression on systemic therapy.",
    ),
)
"""Sun 2025; counts as printed in its tables, with the repairs that the notes name."""
