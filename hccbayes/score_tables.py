"""Tables of the propensity layer that an analysis reports and a results folder holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import pandas as pd

TABLE_FILES: Final = ("balance", "weights", "baseline", "balance_by_center", "propensity")
"""Names of the tables, and of their files without ``.csv``."""
TEXT_COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "balance": ("term", "kind", "statistic", "sample", "balanced"),
    "weights": ("arm",),
    "baseline": (
        "variable",
        "level",
        "shown",
        "treated_before",
        "control_before",
        "treated_after",
        "control_after",
    ),
    "balance_by_center": ("center", "term", "kind", "statistic", "balanced"),
    "propensity": ("term",),
}
"""Columns that are text even where all of it is empty or looks like numbers."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ScoreTables:
    """Who is compared with whom, before and after; no patient's row.

    Parameters
    ----------
    balance
        One row a term, statistic and sample (``weighted``, ``matched``).
    weights
        One row an arm: patients, sum of weights, effective sample size, largest weight.
    baseline
        Characteristics of the arms before and after weighting, side by side.
    balance_by_center
        Differences within each center before and after weighting; without a row where the cohort
        has no centers.
    propensity
        Log odds ratios of treatment, a row a term: posterior mean and standard deviation, maximum
        likelihood and Firth's penalized likelihood with their standard errors; empty where a
        likelihood has no maximum.
    conventions
        Sentences on overlap, and on how balance is measured.
    """

    balance: pd.DataFrame
    weights: pd.DataFrame
    baseline: pd.DataFrame
    balance_by_center: pd.DataFrame
    propensity: pd.DataFrame
    conventions: tuple[str, ...]

    @property
    def tables(self) -> Mapping[str, pd.DataFrame]:
        """The tables by the names of their files."""
        return {name: getattr(self, name) for name in TABLE_FILES}
