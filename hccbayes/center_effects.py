"""Center terms of the linear predictor: fixed or hierarchical levels, and treatment slopes.

A center's effect is its log hazard against the event-weighted mean center. Centering at that mean,
and not at an arbitrary center, takes the correlation with the baseline out of the posterior.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import helmert

from hccbayes.priors import Prior
from hccbayes.spec import HazardSection, PriorSection

if TYPE_CHECKING:
    import pandas as pd
    from pytensor.tensor.variable import TensorVariable

FloatArray = NDArray[np.float64]

_SPREADS: Final = {"center_effect": "center_sd", "center_slope": "center_slope_sd"}
TWO_CENTERS: Final = 2
"""With two centers a standard deviation cannot be learnt: the half contrast gets a fixed prior."""


def uses_centers(hazard: HazardSection, frame: pd.DataFrame) -> bool:
    """Whether the model has center terms: it asks for them and the cohort has two or more."""
    return hazard.center != "none" and frame["center"].nunique() >= TWO_CENTERS


def center_matrix(hazard: HazardSection, share: FloatArray) -> FloatArray:
    r"""Return M so that the centers' effects are M times independent coefficients.

    Every column has event-weighted mean zero. With two centers M holds the half contrast. Fixed
    effects have one coefficient a center. Hierarchical ones have one less: the mean of independent
    effects would be subtracted again, so that coefficients of an orthonormal basis of the contrasts
    give the same prior for what is left, with one dimension less to explore.

    Parameters
    ----------
    hazard
        Says whether centers are fixed or hierarchical.
    share
        Event share of each center, summing to 1, shape ``(centers,)``.

    Returns
    -------
    numpy.ndarray
        Shape ``(centers, coefficients)``.
    """
    count = len(share)
    if count == TWO_CENTERS:
        basis = np.array([[1.0], [-1.0]])
    elif hazard.center == "hierarchical":
        basis = helmert(count).T
    else:
        basis = np.eye(count)
    return np.asarray(basis - share @ basis)


def center_level(
    hazard: HazardSection, priors: PriorSection, matrix: TensorVariable, count: int
) -> TensorVariable:
    """Make ``center_effect``, the log hazard of each center, dims ``center``."""
    return _center_vector(
        "center_effect",
        kind=hazard.center,
        fixed=priors.center,
        scale=priors.center_sd,
        matrix=matrix,
        count=count,
    )


def center_slope(
    hazard: HazardSection, priors: PriorSection, matrix: TensorVariable, count: int
) -> TensorVariable:
    """Make ``center_slope``, each center's deviation of the log hazard ratio, dims ``center``."""
    return _center_vector(
        "center_slope",
        kind=hazard.center,
        fixed=priors.center_slope,
        scale=priors.center_slope_sd,
        matrix=matrix,
        count=count,
    )


def _center_vector(
    name: str, *, kind: str, fixed: Prior, scale: Prior, matrix: TensorVariable, count: int
) -> TensorVariable:
    """Make one vector of center terms, with event-weighted mean zero."""
    import pymc as pm

    if count == TWO_CENTERS:
        effect = matrix[:, 0] * fixed.variable(f"{name}_half_contrast")
    elif kind == "hierarchical":
        contrasts = pm.Normal(f"{name}_raw", dims="center_contrast")
        effect = scale.variable(_SPREADS[name]) * pm.math.dot(matrix, contrasts)
    else:
        effect = pm.math.dot(matrix, fixed.variable(f"{name}_raw", dims="center"))
    return pm.Deterministic(name, effect, dims="center")
