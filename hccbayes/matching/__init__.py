"""Matched pairs by the propensity score or by covariates, without a model of the outcome."""

from hccbayes.matching.distance import CALIPER_SCALES, DISTANCES
from hccbayes.matching.nearest import ORDERS
from hccbayes.matching.pairing import METHODS, match
from hccbayes.matching.record import UNMATCHED, MatchedPairs

__all__ = [
    "CALIPER_SCALES",
    "DISTANCES",
    "METHODS",
    "ORDERS",
    "UNMATCHED",
    "MatchedPairs",
    "match",
]
