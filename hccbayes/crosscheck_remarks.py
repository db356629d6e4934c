"""What a difference between a Bayesian and a frequentist number means, in words."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final, Literal

from hccbayes import defaults

Fit = Literal["analysis", "reference"]
RemarkFunction = Callable[[float, str, str, Fit], str]
"""Takes the difference in posterior standard deviations, estimand, method and fit."""

TWIN: Final = "cox_efron"
"""The frequentist method whose hazard ratios are exactly those of the reference fit."""
STANDARDIZED: Final = "cox_efron_standardized"
"""The one whose survival, means and marginal hazard ratios are."""
PHASES: Final = "cox_efron_phases"
"""The one whose hazard ratios by phase are those of a reference fit with phases."""
KM: Final = "km"
"""Unadjusted Kaplan-Meier numbers, for orientation."""
CLONES: Final = ("cox_clone_censor_weight_bootstrap", "km_clone_censor_weight_bootstrap")
"""Those of weighted clones, with errors in which the weights are estimated again."""
_CENTERS: Final = frozenset({"cox_efron_frailty_gaussian", "cox_efron_strata_slopes"})


def remark(difference: float, estimand: str, method: str, fit: Fit) -> str:
    """Return what to think of a difference between the outcome model and its twin."""
    if not math.isfinite(difference):
        return _not_comparable(estimand)
    if method == KM:
        return "unadjusted Kaplan-Meier against the standardized curve: different populations"
    size = abs(difference)
    if fit == "reference":
        exact = estimand in {"log_hr", "log_hr_at"}
        limit = defaults.CROSSCHECK_AGREEMENT if exact else defaults.CROSSCHECK_REMARK
        return "agrees" if size <= limit else f"differs by {size:.2f} sd: investigate"
    if size <= defaults.CROSSCHECK_REMARK:
        return "agrees" if method in (TWIN, STANDARDIZED, PHASES) else ""
    if method == "cox_crude":
        return f"differs by {size:.2f} sd: unadjusted against adjusted"
    if method in _CENTERS or estimand == "log_center_hr":
        return f"differs by {size:.2f} sd: few centers, so that the prior of their spread speaks"
    return f"differs by {size:.2f} sd: the prior or the centers move it; see the reference row"


def changing_effect_remark(difference: float, estimand: str, method: str, fit: Fit) -> str:
    """Return the same where the effect of the outcome model changes with time."""
    plain = remark(difference, estimand, method, fit)
    comparable = fit == "reference" or method in (PHASES, KM) or not math.isfinite(difference)
    if comparable or abs(difference) <= defaults.CROSSCHECK_REMARK:
        return plain
    return (
        f"differs by {abs(difference):.2f} sd: one hazard ratio for all times against an effect "
        "that changes"
    )


def adjusted_remark(difference: float, estimand: str, method: str, fit: Fit) -> str:
    """Return what to think of a difference between a weighted or matched effect and its twin."""
    if not math.isfinite(difference):
        return _not_comparable(estimand)
    size = abs(difference)
    if size <= defaults.CROSSCHECK_REMARK:
        return "agrees"
    return (
        f"differs by {size:.2f} sd: the prior, the shape of the hazard, or the score (posterior "
        "mean against maximum likelihood) moves it"
    )


def _not_comparable(estimand: str) -> str:
    if estimand.startswith("median"):
        return "not comparable: not reached in some posterior draws, or in the other curve"
    return "not comparable: one of the two is not estimable"
