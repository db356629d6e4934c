"""Numbers and labels as a reader of a table wants them."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import pandas as pd

_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]()#+!|~-])")
_PROBABILITY_PREFIX: Final = "prob_"
_RATIOS: Final = frozenset({"hr", "marginal_hr", "center_hr"})
_SHARES: Final = frozenset({"survival", "survival_difference"})

ESTIMAND_NAMES: Final[dict[str, str]] = {
    "log_hr": "log hazard ratio (conditional)",
    "hr": "hazard ratio (conditional)",
    "marginal_hr": "marginal hazard ratio",
    "survival": "survival",
    "survival_difference": "survival difference",
    "rmst": "restricted mean survival, months",
    "rmst_difference": "restricted mean difference, months",
    "median": "median survival, months",
    "median_difference": "median difference, months",
    "center_hr": "center's hazard ratio",
    "prob_median_not_reached": "P(median not reached)",
    "logrank_chi2": "log-rank chi-square",
    "logrank_p": "log-rank p",
}
"""Estimands in words."""


def estimand_name(estimand: str) -> str:
    """Return an estimand in words, ``P(HR < 0.8)`` for ``prob_hr_below_0.8``."""
    threshold = estimand.removeprefix("prob_hr_below_")
    if threshold != estimand:
        return f"P(HR < {threshold})"
    return ESTIMAND_NAMES.get(estimand, estimand)


def escape_markdown(text: str) -> str:
    """Return text that Markdown shows as it stands, HTML included."""
    plain = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(r"\\\1", " ".join(plain.split()))


def format_number(value: float, estimand: str) -> str:
    """Return a number with the digits its kind deserves; ``not reached`` for an infinite median."""
    if math.isnan(value):
        return ""
    if math.isinf(value):
        return "not reached" if value > 0 else "-inf"
    if estimand.startswith(_PROBABILITY_PREFIX) or estimand in _SHARES | {"logrank_p"}:
        return f"{value:.3f}"
    if estimand == "log_hr" or (estimand in _RATIOS and abs(value - 1.0) < 0.1):
        return f"{value:.3f}"
    return f"{value:.2f}"


def format_interval(row: pd.Series) -> str:
    """Return ``0.62 (0.41 to 0.94)`` for a row of the estimate table."""
    estimand = str(row["estimand"])
    point = format_number(float(row["estimate"]), estimand)
    lower, upper = (format_number(float(row[side]), estimand) for side in ("lower", "upper"))
    return f"{point} ({lower} to {upper})" if lower and upper else point
