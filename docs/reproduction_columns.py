"""Which column of a synthetic cohort a printed Table 1 variable or adverse event is.

Nothing printed stands here but names: numbers come from :mod:`hccbayes.evidence`.
"""

from __future__ import annotations

from typing import Final

_COMMON: Final = {
    "age_50": "age_50_or_above",
    "age_60": "age_60_or_above",
    "albi": "albi_grade",
    "alt_40": "alt_40_or_above",
    "lung_met_number": "lung_metastasis_number",
    "plt_100": "platelets_100_or_above",
    "pvtt": "portal_vein_thrombus",
    "wbc_4": "leukocytes_4_or_above",
}
"""Columns whose name is not the evidence table's, in every study that has the variable."""

_OWN: Final = {
    "Chen2025": {
        "afp_400": "afp_above_400",
        "age_50": "age_above_50",
        "ecog": "ecog_score",
        "tumor_size_10": "tumor_above_10_cm",
    },
    "Lin2023": {
        "afp_400": "afp_above_400",
        "alb": "albumin_g_l",
        "alp": "alp_iu_l",
        "alt": "alt_iu_l",
        "apf": "arterioportal_fistula",
        "ast": "ast_iu_l",
        "bclc": "bclc_stage",
        "ca199": "ca199_u_ml",
        "child_pugh": "child_pugh_score",
        "extrahepatic_met": "extrahepatic_metastases",
        "ggt": "ggt_iu_l",
        "tbil": "bilirubin_umol_l",
        "tumor_number_3": "tumors_above_3",
    },
    # A covariate may not be called center, which is a role.
    "Lu2025": {
        "afp_400": "afp_400_or_above",
        "alb_35": "albumin_35_or_above",
        "center": "hospital",
        "hbv": "hepatitis_b",
        "hcv": "hepatitis_c",
        "hgb_120": "hemoglobin_120_or_above",
        "lung_diameter_08": "lung_metastasis_0_8_cm_or_above",
        "lung_site": "lung_metastases_side",
        "tbil_34": "bilirubin_34_or_above",
    },
    "Sun2025": {
        "afp_20": "afp_20_or_above",
        "tbil_17": "bilirubin_17_or_above",
    },
}
"""Columns of one study that the rule of :data:`_COMMON` does not give."""

_LEVELS: Final = {
    **dict.fromkeys(("Absent", "Absence"), "no"),
    **dict.fromkeys(("Present", "Presence"), "yes"),
    **dict.fromkeys(("Male", "Men", "M"), "male"),
    **dict.fromkeys(("Female", "Women", "F"), "female"),
    **{name: name.lower() for name in ("Single", "Multiple", "Unilateral", "Bilateral")},
    **{name: name.lower() for name in ("Negative", "Positive")},
    "Hepatitis B": "HBV",
    "Hepatitis C": "HCV",
    "Nonhepatitis B and C": "other",
    "Others": "other",
    "0/I": "0-I",
}
_TUMOR_SIZES: Final = {
    "<3cm": "below 3 cm",
    "<5cm": "3 to 5 cm",
    "<10cm": "5 to 10 cm",
    "≥10cm": "10 cm or more",
}
_BELOW: Final = ("<", "≤")
_ABOVE: Final = (">", "≥")

COUNTED_TWICE: Final = {"haic_courses_n": "haic_courses"}
"""Variables printed by level beside their mean: the same numbers, counted."""
TIMES: Final = "{} times"
"""Number of courses as a level; a bare number would be averaged, not counted."""

ANY_EVENT: Final = "ae_any"
"""Worst grade over all adverse events of a patient; made where it is needed."""
_EVENTS: Final = {
    "overall_incidence": ANY_EVENT,
    "albumin_decreased": "ae_decreased_albumin",
    "bleeding_(gingiva)": "ae_gingival_bleeding",
    "elevated_serum_ast_or_alt": "ae_elevated_transaminases",
    "hand_foot_skin_reaction": "ae_hand_foot_skin_reaction",
    "immunity_related_aes": "ae_immune_related",
}


def baseline_column(study: str, variable: str) -> str:
    """Return the column of a Table 1 variable."""
    return _OWN[study].get(variable, _COMMON.get(variable, variable))


def level_value(variable: str, level: str) -> str:
    """Return a printed level as the cohort has it; beyond a limit is ``yes``."""
    if variable in COUNTED_TWICE:
        return TIMES.format(level)
    if variable == "tumor_size":
        return _TUMOR_SIZES[level]
    if level.startswith(_BELOW):
        return "no"
    if level.startswith(_ABOVE):
        return "yes"
    return _LEVELS.get(level, level)


def event_column(event: str) -> str:
    """Return the column of an adverse event, whether the cohort has it or not."""
    name = event.lower().replace(" ", "_").replace("-", "_").replace("/", "_")
    return _EVENTS.get(name, f"ae_{name}")
