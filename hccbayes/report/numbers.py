"""Numbers and labels as a reader of a table wants them."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import pandas as pd

_SPECIAL: Final = re.compile(r"([\\`*_\[\]|~])")
_BLOCK_MARK: Final = re.compile(r"^([#+=-])")
"""What would make a heading or a list at the start of a line."""
_PROBABILITY_PREFIX: Final = "prob_"
_THREE_DIGITS: Final = frozenset(
    {
        "survival",
        "survival_difference",
        "log_hr",
        "log_hr_at",
        "log_marginal_hr",
        "log_center_hr",
        "logrank_p",
    }
)
_CLOSE_TO_ONE: Final = 0.05
_MOST_CERTAIN: Final = 0.999

_BELOW: Final = {
    "prob_hr_below_": "HR",
    "prob_hr_at_below_": "HR(t)",
    "prob_marginal_hr_at_below_": "marginal HR(t)",
    "prob_marginal_hr_below_": "marginal HR",
}

ESTIMAND_NAMES: Final[dict[str, str]] = {
    "log_hr": "conditional log hazard ratio",
    "hr": "conditional hazard ratio",
    "log_hr_at": "conditional log hazard ratio, interval that ends at",
    "hr_at": "conditional hazard ratio, interval that ends at",
    "log_marginal_hr_at": "marginal log hazard ratio, phase that ends at",
    "marginal_hr_at": "marginal hazard ratio, phase that ends at",
    "log_marginal_hr": "marginal log hazard ratio",
    "marginal_hr": "marginal hazard ratio",
    "survival": "survival",
    "survival_difference": "survival difference",
    "rmst": "restricted mean, months",
    "rmst_difference": "restricted mean difference, months",
    "median": "median survival, months",
    "median_difference": "median difference, months",
    "center_hr": "center's hazard ratio",
    "log_center_hr": "center's log hazard ratio",
    "prob_median_not_reached": "P(median not reached)",
    "logrank_chi2": "log-rank chi-square",
    "logrank_p": "log-rank p",
}
"""Estimands in words."""


_METHODS: Final[dict[str, str]] = {
    "pe_rw1": "Bayes, random walk",
    "pe_rw2": "Bayes, second-order walk",
    "pe_independent": "Bayes, independent intervals",
    "pe_gamma": "Bayes, gamma intervals",
    "pe_matched": "Bayes, matched",
    "pe_doubly_robust": "Bayes, doubly robust",
    "cox_matched_clustered": "Cox, matched, clustered by pair",
    "cox_crude": "Cox, unadjusted",
    "cox_efron": "Cox, adjusted",
    "cox_efron_phases": "Cox, effect by phase",
    "cox_efron_strata": "Cox, stratified by center",
    "cox_efron_center": "Cox, center as covariate",
    "cox_efron_frailty_gaussian": "Cox, center frailties",
    "cox_efron_strata_slopes": "Cox, effect by center",
    "cox_efron_standardized": "Cox, standardized",
    "pe_clone_censor_weight": "Bayes, clone-censor-weight",
    "cox_clone_censor_weight": "Cox, clone-censor-weight",
    "cox_clone_censor_weight_bootstrap": "Cox, clone-censor-weight, bootstrap",
    "km_clone_censor_weight": "Kaplan-Meier, clone-censor-weight",
    "km_clone_censor_weight_bootstrap": "Kaplan-Meier, clone-censor-weight, bootstrap",
}
_DESIGNS: Final[dict[str, str]] = {
    "landmark": "landmark",
    "time_dependent": "time-dependent treatment",
    "delayed_entry": "delayed entry",
}
_METHODS_BY_TARGET: Final[dict[str, str]] = {
    "pe_weighted_{}": "Bayes, {}",
    "pe_weighted_{}_uncalibrated": "Bayes, {}, raw (not valid)",
    "pe_cut_{}": "Bayes, {}, cut",
    "pe_bayesian_bootstrap_{}": "Bayesian bootstrap, {}",
    "cox_{}_robust": "Cox, {}, robust",
    "cox_{}_m_estimation": "Cox, {}, M-estimation",
}
_WEIGHT_NAMES: Final[dict[str, str]] = {
    "ate": "ATE weights",
    "att": "ATT weights",
    "atc": "ATC weights",
    "ato": "overlap weights",
    "matching": "matching weights",
}
_BASELINES: Final = ("pe_rw1", "pe_rw2", "pe_independent", "pe_gamma")
METHOD_NAMES: Final[dict[str, str]] = (
    _METHODS
    | {
        name.format(target): words.format(weights)
        for target, weights in _WEIGHT_NAMES.items()
        for name, words in _METHODS_BY_TARGET.items()
    }
    | {
        f"{name}_{design}": f"{_METHODS[name]}, {words}"
        for name in _BASELINES
        for design, words in _DESIGNS.items()
    }
)
"""Methods in words."""


def estimand_name(estimand: str) -> str:
    """Return an estimand in words, ``P(HR < 0.8)`` for ``prob_hr_below_0.8``."""
    for prefix, ratio in _BELOW.items():
        if estimand.startswith(prefix):
            return f"P({ratio} < {estimand.removeprefix(prefix)})"
    return ESTIMAND_NAMES.get(estimand, estimand)


def escape_markdown(text: str) -> str:
    """Return text that Markdown shows as it stands, HTML included."""
    plain = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    escaped = _SPECIAL.sub(r"\\\1", " ".join(plain.split()))
    return _BLOCK_MARK.sub(r"\\\1", escaped)


def format_number(value: float, estimand: str, *, digits: int | None = None) -> str:
    """Return a number with the digits its kind deserves; ``not reached`` for such a median."""
    if math.isnan(value):
        return ""
    if math.isinf(value):
        return "not reached" if estimand == "median" else str(value)
    if estimand.startswith(_PROBABILITY_PREFIX):
        return format_probability(value)
    return f"{value:.{_digits(value, estimand) if digits is None else digits}f}"


def format_probability(value: float) -> str:
    """Return a probability with three digits, never 0 or 1: draws are finite in number."""
    if math.isnan(value):
        return ""
    if value > _MOST_CERTAIN:
        return f"> {_MOST_CERTAIN}"
    if value < 1.0 - _MOST_CERTAIN:
        return f"< {1.0 - _MOST_CERTAIN:.3f}"
    return f"{value:.3f}"


def format_interval(row: pd.Series) -> str:
    """Return ``0.62 (0.41 to 0.94)`` for a row of the estimate table, digits set by the point."""
    estimand = str(row["estimand"])
    estimate = float(row["estimate"])
    digits = _digits(estimate, estimand)
    point = format_number(estimate, estimand, digits=digits)
    lower, upper = (
        format_number(float(row[side]), estimand, digits=digits) for side in ("lower", "upper")
    )
    return f"{point} ({lower} to {upper})" if lower and upper else point


def _digits(value: float, estimand: str) -> int:
    """Return three digits for shares, logs and ratios close to 1 (effects per unit), else two."""
    close = estimand == "hr" and abs(value - 1.0) < _CLOSE_TO_ONE
    return 3 if close or estimand in _THREE_DIGITS else 2
