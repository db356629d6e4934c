"""Whether the arms are alike: before and after weighting or matching, by draw and by center."""

from hccbayes.balance.baseline import BASELINE_COLUMNS, baseline_table
from hccbayes.balance.draws import balance_over_draws
from hccbayes.balance.statistics import (
    STATISTICS,
    Statistic,
    known_statistic,
    standard_deviation,
    weighted_mean,
    weighted_variance,
)
from hccbayes.balance.table import BALANCE_COLUMNS, balance_by_center, balance_table
from hccbayes.balance.terms import BalanceTerm, Factors, balance_terms

__all__ = [
    "BALANCE_COLUMNS",
    "BASELINE_COLUMNS",
    "STATISTICS",
    "BalanceTerm",
    "Factors",
    "Statistic",
    "balance_by_center",
    "balance_over_draws",
    "balance_table",
    "balance_terms",
    "baseline_table",
    "known_statistic",
    "standard_deviation",
    "weighted_mean",
    "weighted_variance",
]
