"""The model file as typed, frozen values."""

from hccbayes.spec.analysis import AnalysisSpec
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
    "AnalysisSpec",
    "Backend",
    "Cuts",
    "DataSection",
    "EstimandSection",
    "HazardSection",
    "IntervalSection",
    "ModelSection",
    "PriorSection",
    "QuantileCuts",
    "SamplerSection",
]
