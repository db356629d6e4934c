"""Balance for every draw of the propensity score."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike

from hccbayes.arms import FloatArray, arm_indicator, patient_names
from hccbayes.balance.statistics import standard_deviation
from hccbayes.balance.terms import balance_terms
from hccbayes.errors import InputError, Problem
from hccbayes.weights import weight_values


def balance_over_draws(
    columns: pd.DataFrame,
    treatment: ArrayLike,
    scores: ArrayLike,
    target: str,
    *,
    names: Sequence[object] | None = None,
) -> xr.DataArray:
    """Return the weighted standardized mean difference of each column, draw by draw.

    Weights and differences are made within each draw; the denominators are unweighted and the same
    for all.

    Parameters
    ----------
    columns
        Numbers, one row a patient.
    treatment
        1 for treated patients, 0 for controls, shape ``(patients,)``.
    scores
        Probabilities of treatment, shape ``(draws, patients)``.
    target
        One of :data:`hccbayes.weights.TARGETS`.
    names
        Identifiers of the patients, for errors; positions from 0 where there is none.

    Returns
    -------
    xarray.DataArray
        Dims ``draw`` and ``term``; signed, treated minus control. Without factors as a whole.

    Raises
    ------
    InputError
        If the input is wrong, or a weight is infinite in some draw.
    """
    arm = arm_indicator(treatment, names)
    terms = balance_terms(columns, None, patient_names(names, len(arm)))
    values = np.column_stack([term.values for term in terms])
    if np.ndim(scores) != 2:
        raise InputError(Problem("scores", "must have the dimensions draw and patient"))
    weights = weight_values(scores, arm, target, names=names)
    means = [_means(values[arm == own], weights[:, arm == own]) for own in (1.0, 0.0)]
    spread = np.array([standard_deviation(term, arm, target) for term in terms])
    constant = np.ptp(values, axis=0) == 0
    with np.errstate(divide="ignore"):  # a column that separates the arms is infinitely far apart
        difference = (means[0] - means[1]) / np.where(constant, 1.0, spread)
    smd = np.where(constant, 0.0, difference)
    return xr.DataArray(
        smd,
        dims=("draw", "term"),
        coords={"draw": np.arange(len(smd)), "term": [term.name for term in terms]},
        name="smd",
    )


def _means(values: FloatArray, weights: FloatArray) -> FloatArray:
    """Return weighted means, shape ``(draws, columns)``."""
    total = weights.sum(axis=1, keepdims=True)
    if not (total > 0).all():
        raise InputError(Problem("scores", "leave an arm without any weight in some draw"))
    return np.asarray(weights @ values / total, dtype=np.float64)
