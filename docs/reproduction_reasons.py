"""Why a number of the synthetic cohort is not the printed one: labels, and rules that give them.

Rules read the evidence tables (what is unusable, repaired or doubtful, and under which id) and the
manifest of the cohort (what it was built to carry). :data:`SYMMETRIC_LIMITS` alone names a study.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Final

import pandas as pd

import hccbayes as hb
from hccbayes.evidence import two_arm_floor
from reproduction_cohorts import coding_of, cohort_name, level_events, printed_se
from reproduction_record import Found, agrees

TARGET: Final = "target"
WITHIN_TOLERANCE: Final = "target within tolerance"
OTHER_MODEL: Final = "target of another model"
CONTRADICTORY: Final = "contradictory print"
MISPRINT: Final = "misprint"
LOG_RANK_TYPE: Final = "log-rank type ratio"
NORMAL_LIMITS: Final = "normal-approximation limits"
AT_RISK: Final = "numbers at risk"
NOT_IDENTIFIED: Final = "not identified"
FREE_WIDTH: Final = "free standard error"
TOO_FEW_EVENTS: Final = "too few events in a level"
MATCHED_OUTCOME: Final = "matched outcome"
INVENTED: Final = "invented events"
FREE_P: Final = "free p"
FREE_CENSORING: Final = "free censoring"
DERIVED: Final = "derived from p"
OTHER_TEST: Final = "another p"
P_CUT_OFF: Final = "p cut off"
OTHER_CHOICE: Final = "test chosen otherwise"
FREE_VALUES: Final = "free values"
OTHER_SELECTION: Final = "another selection"
BROKEN_RULE: Final = "rule not kept"
OTHER_SMD: Final = "SMD of other counts"
OTHER_PERCENT: Final = "percentage of other counts"
CUT_OFF: Final = "percentage cut off"
ABSENT: Final = "not in the cohort"
WEIGHTED: Final = "weighted analysis"
NULL_COHORT: Final = "null cohort"

REASONS: Final[dict[str, str]] = {
    TARGET: "The cohort was built to carry this number; nothing differs.",
    WITHIN_TOLERANCE: "The cohort was built to carry this ratio, within the tolerance of its "
    "manifest and not to the last printed digit.",
    OTHER_MODEL: "The cohort was built to carry this ratio in a model without the covariate whose "
    "printed interval contradicts its ratio (C6); the regression here holds it, as the printed one "
    "did.",
    CONTRADICTORY: "No data give the printed numbers, or two of them exclude each other. The id in "
    'brackets is that of `hb.evidence.table("inconsistencies")`.',
    MISPRINT: "A digit is misprinted; the remark holds the repair.",
    LOG_RANK_TYPE: "The running text prints a ratio of observed over expected events, whose "
    "interval is narrower than that of any Cox regression (C5); here it is Cox.",
    NORMAL_LIMITS: "The printed limits of the median are symmetric, normal approximations (N13); "
    "here the Kaplan-Meier curve's limits are inverted.",
    AT_RISK: "The printed rates are whole patients over n: shares still under observation, not "
    "survival (S4).",
    NOT_IDENTIFIED: "Print gives no patient. The covariates of the cohort have the printed "
    "margins and bear on survival through the printed adjusted hazard ratios alone: a covariate "
    "without one is independent of survival, but for chance, and no univariable ratio is a target.",
    FREE_WIDTH: "The ratio is a target; limits and p also depend on how many events there were and "
    "when, and on how the covariates go together, which print does not give.",
    TOO_FEW_EVENTS: "The printed interval needs more events among those with the rarer level than "
    "the cohort has: no Cox regression has an SE below sqrt(1/d1 + 1/d0).",
    MATCHED_OUTCOME: "Of the matched pairs' outcomes the hazard ratios alone are targets; medians "
    "and numbers of events are what the whole cohort's leave.",
    INVENTED: "The number of events is not printed, or cannot be what is printed, and was "
    "invented.",
    FREE_P: "A p of the log-rank test is no target; it follows from the times.",
    FREE_CENSORING: "Who was censored when is not printed and was invented. The follow-up of "
    "Chen 2025 does not go with its median and its 40% of deaths, which need early censoring "
    "(C15).",
    DERIVED: "No ratio is printed; the cohort's was derived from the p.",
    OTHER_TEST: "None of the usual tests of the printed counts gives the printed p.",
    P_CUT_OFF: "The counts agree; the p of a usual test was cut off, not rounded.",
    OTHER_CHOICE: "The counts agree; the printed p is that of another usual test of them, which the "
    "remark names, than the one that the rule on expected counts takes.",
    FREE_VALUES: "Mean and standard deviation, or the quartiles, are targets; the values of the "
    "single patients are not printed, and the p follows from them.",
    OTHER_SELECTION: "The multivariable model holds those whose univariable p is small in the "
    "cohort, which are others than in print.",
    OTHER_PERCENT: "The printed percentage is not that of the printed count; the counts agree.",
    CUT_OFF: "The percentage was cut off, not rounded, or is 100 less one that was; the counts "
    "agree.",
    BROKEN_RULE: "By the study's own rule on the printed univariable p it would be the other way.",
    OTHER_SMD: "The printed standardized difference is not that of the printed counts.",
    ABSENT: "The synthetic cohort has no such variable, or nobody under observation so late.",
    WEIGHTED: "Propensity weights need patients; the printed weighted table contradicts itself "
    "(L3, L4) and is not reproduced.",
    NULL_COHORT: "The cohort of the null: treatment does nothing, and what differs between the "
    "arms is immortal time. Printed outcomes are no targets.",
}
"""What each label means, in the order in which the page explains them."""

PRIOR: Final = "interval without the Cox ratio"
PROPORTIONAL: Final = "interval without the Kaplan-Meier number"
BAYESIAN_REASONS: Final = {
    PRIOR: "The prior holds the ratio back more than the data move it.",
    PROPORTIONAL: "The fit has one hazard ratio for all times, and of few events few intervals of "
    "constant hazard (one in ten events at the most); an arm's own curve need not follow.",
}
"""Why a Bayesian interval does not hold the frequentist estimate."""

SYMMETRIC_LIMITS: Final = {"Lin2023": "N13"}
"""Studies whose printed limits of medians are normal approximations, with the inconsistency."""
TEST_IDS: Final = {
    "Chen2025": "the test stated is not the test used throughout (C13)",
    "Lu2025": "more than one test was used (L11)",
    "Sun2025": "the test stated is not the test used (S6)",
}
"""What the list of inconsistencies says of the tests of a study's Table 1."""
_IDS: Final = re.compile(r"\b[LCNS]\d+\b")
_LOG_RANK_ID: Final = "C5"


def ids(text: str) -> tuple[str, ...]:
    """Return the ids of inconsistencies that a text names."""
    return tuple(_IDS.findall(text))


def ratio_target(row: pd.Series) -> pd.Series | None:
    """Return the manifest's row of a printed hazard ratio, nothing where it is no target."""
    manifest = hb.synthetic.manifest(cohort_name(row["study"]))
    endpoint = "os" if row["endpoint"] == "OS" else "pfs"
    column = "treatment" if row["term"] == "treatment" else coding_of(row).column
    names = {f"{endpoint}: {column}"} | ({endpoint} if column == "treatment" else set())
    sample = "all" if row["analysis_set"] == "unadjusted" else row["analysis_set"]
    quantity = "hazard ratio, adjusted" if row["adjusted"] == "yes" else "hazard ratio"
    found = manifest[
        (manifest["quantity"] == quantity)
        & manifest["item"].isin(names)
        & (manifest["sample"] == sample)
        & (manifest["status"] != "not targeted")
    ]
    return None if found.empty else found.iloc[0]


def outcome_target(row: pd.Series, quantity: str) -> pd.Series | None:
    """Return the manifest's row of a median, limit or number of events, targeted or not."""
    manifest = hb.synthetic.manifest(cohort_name(row["study"]))
    endpoint = "os" if row["endpoint"] == "OS" else "pfs"
    sample = "all" if row["analysis_set"] == "unadjusted" else row["analysis_set"]
    found = manifest[
        (manifest["quantity"] == quantity)
        & (manifest["item"] == endpoint)
        & (manifest["sample"] == sample)
        & (manifest["arm"] == row["arm"])
    ]
    return None if found.empty else found.iloc[0]


def of_ratio(
    row: pd.Series, found: Found, differs: Sequence[str], target: pd.Series | None
) -> tuple[list[str], str]:
    """Return labels and remark of a hazard ratio beside its printed counterpart."""
    if not differs:
        return ([TARGET] if target is not None else []), ""
    if _LOG_RANK_ID in ids(row["reason"]):
        return [LOG_RANK_TYPE], row["reason"]
    labels: list[str] = []
    remarks: list[str] = []
    left = set(differs)
    repaired = row["repaired_field"]
    if repaired in left:
        labels.append(MISPRINT)
        remarks.append(row["reason"])
        if agrees(row["repaired_value"], getattr(found, repaired)):
            left.remove(repaired)
    elif row["use"] in {"no", "caution"}:
        labels.append(CONTRADICTORY)
        remarks.append(row["reason"])
    more, remark = _model_labels(row, found, left, target)
    return labels + more, "; ".join(part for part in (*remarks, remark) if part)


def _model_labels(
    row: pd.Series, found: Found, left: set[str], target: pd.Series | None
) -> tuple[list[str], str]:
    """Return what explains the parts that no fault of the print explains."""
    if not left:
        return [], ""
    if target is None:
        return [NOT_IDENTIFIED, *_too_few(row)], _floor_remark(row)
    distance = min(abs(value - target["target"]) for value in (found.estimate, 1 / found.estimate))
    if distance > target["tolerance"]:
        ratio = f"{target['achieved']:.{len(row['printed_hr'].partition('.')[2])}f}"
        return [OTHER_MODEL], f"{ratio} in the manifest's model; {target['note']}"
    labels = [WITHIN_TOLERANCE] if "estimate" in left else []
    if not left - {"estimate"}:
        return labels, ""
    return [*labels, *(_too_few(row) or [FREE_WIDTH])], _floor_remark(row)


def _floor(row: pd.Series) -> float:
    """Return the least standard error that the cohort's events of the two levels allow."""
    events = level_events(row)
    return math.nan if events is None else two_arm_floor(*events)


def _too_few(row: pd.Series) -> list[str]:
    # A printed interval that no data allow says nothing of the cohort.
    sound = row["use"] in {"yes", "repaired"}
    return [TOO_FEW_EVENTS] if sound and printed_se(row) < _floor(row) else []


def _floor_remark(row: pd.Series) -> str:
    if not _too_few(row):
        return ""
    numerator, denominator = level_events(row) or (0, 0)
    return (
        f"printed SE at most {printed_se(row):.4f}, with {numerator} and {denominator} events not "
        f"below {_floor(row):.4f}"
    )
