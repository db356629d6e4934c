"""One pooled effect: its mean, its limits of two kinds, and where a new study would lie."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, get_args

import numpy as np
from scipy.stats import norm
from scipy.stats import t as t_distribution

from hccbayes.frequentist.episodes import FloatArray
from hccbayes.frequentist.heterogeneity import (
    Estimator,
    Heterogeneity,
    h_squared,
    i_squared,
    pooled_effect,
    tau_squared,
)

FIXED: Final = "fixed_effect"
POOLED_COLUMNS: Final = (
    "method",
    "interval_kind",
    "log_hr",
    "se",
    "lower",
    "upper",
    "p_value",
    "hr",
    "hr_lower",
    "hr_upper",
    "tau_squared",
    "tau",
    "i_squared",
    "h_squared",
    "prediction_lower",
    "prediction_upper",
    "note",
)
"""Columns of the pooled effects. The limits of prediction are log hazard ratios; a fixed effect,
which supposes that there is no heterogeneity, has none."""
METHOD_LABELS: Final[Mapping[str, str]] = MappingProxyType(
    {
        FIXED: "Fixed effect",
        "dersimonian_laird": "Random effects (DerSimonian-Laird)",
        "reml": "Random effects (REML)",
        "paule_mandel": "Random effects (Paule-Mandel)",
    }
)
INTERVAL_LABELS: Final[Mapping[str, str]] = MappingProxyType(
    {"wald": "Wald", "hartung_knapp": "Hartung-Knapp"}
)

ONE_STUDY: Final = "not estimable: heterogeneity between studies needs two studies at least"
NO_PREDICTION: Final = "not estimable: a prediction interval needs three studies at least"
TWO_STUDIES: Final = f"two studies: heterogeneity rests on one degree of freedom; {NO_PREDICTION}"
NO_DEGREES: Final = "not estimable: a Hartung-Knapp interval needs two studies at least"
SAME_EFFECTS: Final = (
    "Hartung-Knapp limits of no width, and no test: the studies' effects are the same, which is no "
    "certainty; read the Wald limits"
)
NO_SPREAD: Final = 1e-24
"""Hartung and Knapp's factor of effects that differ by the rounding of their mean alone."""
BEYOND: Final = "a hazard ratio, or a limit of one, is larger than a number can be"
NARROWER: Final = (
    "Hartung-Knapp standard error below the Wald one: the studies differ less than their standard "
    "errors lead to expect, which is not a gain in knowledge"
)


def pooled_rows(
    method: str,
    effects: FloatArray,
    variances: FloatArray,
    heterogeneity: Heterogeneity,
    prob: float,
) -> list[dict[str, Any]]:
    """Return a method's row with Wald and with Hartung-Knapp limits.

    Parameters
    ----------
    method
        A key of :data:`METHOD_LABELS`.
    effects, variances
        Log hazard ratios and squared standard errors, shape ``(studies,)``.
    heterogeneity
        Cochran's Q of these studies.
    prob
        Probability of every interval.

    Returns
    -------
    list of dict
        Two rows with the keys of :data:`POOLED_COLUMNS`.
    """
    several = len(effects) > 1
    between = 0.0 if method == FIXED else math.nan
    if several and method in get_args(Estimator):
        between = tau_squared(effects, variances, _estimator(method))
    # A single study is its own mean whatever the heterogeneity; its limits leave that out.
    mean, se = pooled_effect(effects, variances, between if several else 0.0)
    shared: dict[str, Any] = {
        "method": method,
        "log_hr": mean,
        "hr": hazard_ratio(mean),
        "tau_squared": between,
        "tau": math.sqrt(between),
        "i_squared": i_squared(between, heterogeneity),
        "h_squared": h_squared(between, heterogeneity),
        **_prediction(method, mean, se, between, len(effects), prob),
    }
    if method == FIXED and several:
        # No between-study variance to share the total with: Higgins and Thompson's own forms.
        q, degrees = heterogeneity.q, heterogeneity.degrees
        shared["i_squared"] = 100.0 * max(0.0, (q - degrees) / q) if q > 0 else 0.0
        shared["h_squared"] = q / degrees
    z = float(norm.ppf((1.0 + prob) / 2.0))
    wald: dict[str, Any] = _limits(mean, se, z, 2.0 * float(norm.sf(abs(mean / se))))
    wald |= {"interval_kind": "wald", "note": ""}
    knapp = _hartung_knapp(effects, variances, mean, between, se, prob)
    shared_note = {1: ONE_STUDY, 2: "" if method == FIXED else TWO_STUDIES}.get(len(effects), "")
    for own in (wald, knapp):
        notes = (own["note"], shared_note, beyond(own["hr_lower"], own["hr_upper"]))
        own["note"] = "; ".join(filter(None, notes))
    return [shared | wald, shared | knapp]


def _hartung_knapp(
    effects: FloatArray,
    variances: FloatArray,
    mean: float,
    between: float,
    wald_se: float,
    prob: float,
) -> dict[str, Any]:
    degrees = len(effects) - 1
    if degrees == 0:
        empty = _limits(mean, math.nan, math.nan, math.nan)
        return empty | {"interval_kind": "hartung_knapp", "note": NO_DEGREES}
    factor = float(((effects - mean) ** 2 / (variances + between)).sum()) / degrees
    se = wald_se * math.sqrt(factor)
    quantile = float(t_distribution.ppf((1.0 + prob) / 2.0, degrees))
    if factor < NO_SPREAD:
        # R's metafor has limits without width, and a p of 0, or none where the mean is 0.
        return _limits(mean, 0.0, 0.0, math.nan) | {
            "interval_kind": "hartung_knapp",
            "note": SAME_EFFECTS,
        }
    p_value = 2.0 * float(t_distribution.sf(abs(mean) / se, degrees))
    note = NARROWER if se < wald_se * (1.0 - 1e-9) else ""
    return _limits(mean, se, quantile, p_value) | {"interval_kind": "hartung_knapp", "note": note}


def _limits(mean: float, se: float, quantile: float, p_value: float) -> dict[str, float]:
    lower, upper = mean - quantile * se, mean + quantile * se
    return {
        "se": se,
        "lower": lower,
        "upper": upper,
        "p_value": p_value,
        "hr_lower": hazard_ratio(lower),
        "hr_upper": hazard_ratio(upper),
    }


def hazard_ratio(log_hr: float) -> float:
    """Return a hazard ratio; infinite where it is larger than a number can be."""
    with np.errstate(over="ignore"):
        return float(np.exp(log_hr))


def beyond(*ratios: float) -> str:
    """Return the note of hazard ratios beyond what a number can be, empty where there are none."""
    return BEYOND if any(math.isinf(ratio) for ratio in ratios) else ""


def _prediction(
    method: str, mean: float, se: float, between: float, count: int, prob: float
) -> dict[str, float]:
    """Return the limits of a new study's log hazard ratio; none without a between-study variance.

    They rest on the Wald standard error, whatever the interval of the mean.
    """
    half = math.nan
    if method != FIXED and count > 2:
        quantile = float(t_distribution.ppf((1.0 + prob) / 2.0, count - 2))
        half = quantile * math.hypot(math.sqrt(between), se)
    return {"prediction_lower": mean - half, "prediction_upper": mean + half}


def _estimator(method: str) -> Estimator:
    return next(name for name in get_args(Estimator) if name == method)
