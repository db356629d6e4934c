"""Weights from propensity scores: targets, trimming, truncation and scaling, without a model."""

from hccbayes.weights.adjusting import (
    scale_to_arm_size,
    scale_to_effective_size,
    truncate_weights,
)
from hccbayes.weights.record import (
    ArmWeights,
    Truncation,
    Weights,
    effective_sample_size,
    summary_table,
)
from hccbayes.weights.targets import (
    TARGETS,
    Target,
    known_target,
    propensity_weights,
    weight_values,
)
from hccbayes.weights.trimming import Trimming, crump_trim, optimal_limit

__all__ = [
    "TARGETS",
    "ArmWeights",
    "Target",
    "Trimming",
    "Truncation",
    "Weights",
    "crump_trim",
    "effective_sample_size",
    "known_target",
    "optimal_limit",
    "propensity_weights",
    "scale_to_arm_size",
    "scale_to_effective_size",
    "summary_table",
    "truncate_weights",
    "weight_values",
]
