"""The model file as typed, frozen values."""

from hccbayes.spec.adjustment import (
    AdjustmentSection,
    Calibration,
    MatchingSection,
    PropensitySection,
    Target,
)
from hccbayes.spec.analysis import AnalysisSpec
from hccbayes.spec.design import DesignChoice, DesignMethod, DesignSection
from hccbayes.spec.sections import (
    Backend,
    Cuts,
    DataSection,
    EstimandSection,
    HazardSection,
    IntervalSection,
    ModelSection,
    PriorSection,
    QuantileCuts,
    SamplerSection,
)

__all__ = [
    "AdjustmentSection",
    "AnalysisSpec",
    "Backend",
    "Calibration",
    "Cuts",
    "DataSection",
    "DesignChoice",
    "DesignMethod",
    "DesignSection",
    "EstimandSection",
    "HazardSection",
    "IntervalSection",
    "MatchingSection",
    "ModelSection",
    "PriorSection",
    "PropensitySection",
    "QuantileCuts",
    "SamplerSection",
    "Target",
]
