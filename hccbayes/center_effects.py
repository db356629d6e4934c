"""Center terms of the linear predictor: fixed or hierarchical levels, and treatment slopes.

A center's effect is its log hazard against the event-weighted mean center. Centering at that mean,
and not at an arbitrary center, takes the correlation with the baseline out of the posterior.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hccbayes.priors import Prior
from hccbayes.spec import HazardSection, PriorSection

if TYPE_CHECKING:
    import pandas as pd
    from pytensor.tensor.variable import TensorVariable

_SPREADS: Final = {"center_effect": "center_sd", "center_slope": "center_slope_sd"}
TWO_CENTERS: Final = 2
"""With two centers a standard deviation cannot be learnt: the half contrast gets a fixed prior."""


def uses_centers(hazard: HazardSection, frame: pd.DataFrame) -> bool:
    """Whether the model has center terms: it asks for them and the cohort has two or more."""
    return hazard.center != "none" and frame["center"].nunique() >= TWO_CENTERS


def center_level(
    hazard: HazardSection, priors: PriorSection, shares: TensorVariable, count: int
) -> TensorVariable:
    """Make ``center_effect``, the log hazard of each center, dims ``center``."""
    return _center_vector(
        "center_effect",
        kind=hazard.center,
        fixed=priors.center,
        scale=priors.center_sd,
        shares=shares,
        count=count,
    )


def center_slope(
    hazard: HazardSection, priors: PriorSection, shares: TensorVariable, count: int
) -> TensorVariable:
    """Make ``center_slope``, each center's deviation of the log hazard ratio, dims ``center``."""
    return _center_vector(
        "center_slope",
        kind=hazard.center,
        fixed=priors.center_slope,
        scale=priors.center_slope_sd,
        shares=shares,
        count=count,
    )


def _center_vector(
    name: str, *, kind: str, fixed: Prior, scale: Prior, shares: TensorVariable, count: int
) -> TensorVariable:
    """Make one vector of center terms, centered at its event-weighted mean."""
    import pymc as pm

    if count == TWO_CENTERS:
        half = fixed.variable(f"{name}_half_contrast")
        raw = half * pm.math.stack([1.0, -1.0])
    elif kind == "hierarchical":
        spread = scale.variable(_SPREADS[name])
        # The mean of independent effects would be subtracted again below: drawing them with sum
        # zero gives the same prior for what is left, with one dimension less to explore.
        raw = spread * pm.ZeroSumNormal(f"{name}_raw", dims="center")
    else:
        raw = fixed.variable(f"{name}_raw", dims="center")
    return pm.Deterministic(name, raw - pm.math.dot(shares, raw), dims="center")
