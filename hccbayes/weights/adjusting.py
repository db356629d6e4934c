"""Weights truncated at percentiles, or scaled arm by arm."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hccbayes import defaults
from hccbayes.arms import ARM_VALUE, ARMS, check_both_arms
from hccbayes.errors import InputError, Problem
from hccbayes.weights.record import Scale, Truncation, Weights


def truncate_weights(
    weights: Weights, percentile: float = defaults.TRUNCATION_PERCENTILE
) -> Weights:
    """Return the weights with both tails moved to percentiles of all patients' weights.

    Parameters
    ----------
    weights
        Raw weights.
    percentile
        Upper percentile, from 50 to 100; the lower one is ``100 - percentile``. Percentiles are
        interpolated linearly (R's type 7) over both arms together.

    Returns
    -------
    Weights
        With the limits and the number of truncated weights by arm in ``truncation``. The target
        is no longer met exactly: truncation trades bias for variance.

    Raises
    ------
    InputError
        If the percentile is out of range, or the weights were scaled or truncated before.
    """
    if not 50.0 <= percentile <= 100.0:
        raise InputError(Problem("percentile", f"must lie from 50 to 100, not {percentile!r}"))
    if weights.scale != "raw" or weights.truncation is not None:
        raise InputError(Problem("weights", "truncate once, and before the arms are scaled"))
    lower, upper = np.percentile(weights.values, [100.0 - percentile, percentile])
    counts = [
        {arm: int((beyond & (weights.treatment == ARM_VALUE[arm])).sum()) for arm in ARMS}
        for beyond in (weights.values < lower, weights.values > upper)
    ]
    truncated = np.minimum(np.maximum(weights.values, lower), upper)
    check_both_arms(weights.treatment, truncated > 0, "has no patient with a weight above 0")
    return replace(
        weights,
        values=truncated,
        truncation=Truncation(
            percentile=float(percentile),
            lower=float(lower),
            upper=float(upper),
            raised=counts[0],
            lowered=counts[1],
        ),
    )


def scale_to_effective_size(weights: Weights) -> Weights:
    """Return the weights with each arm's sum equal to its effective sample size.

    A weighted likelihood is as informative as its weights are large; with this scale an arm counts
    as the number of unweighted patients that would estimate a mean as precisely.
    """
    return _scaled(weights, "effective_size")


def scale_to_arm_size(weights: Weights) -> Weights:
    """Return the weights with each arm's sum equal to its number of patients."""
    return _scaled(weights, "arm_size")


def _scaled(weights: Weights, scale: Scale) -> Weights:
    values = weights.values.copy()
    for arm, size in weights.arms.items():
        total = size.effective_sample_size if scale == "effective_size" else float(size.patients)
        values[weights.treatment == ARM_VALUE[arm]] *= total / size.total
    return replace(weights, values=values, scale=scale)
