r"""E-values: how strong an unmeasured confounder would have to be to explain an effect away.

A hazard ratio is first put on the risk ratio scale. Where the outcome is common at the end of
follow-up (more than about 15%, as deaths of liver cancer are),

.. math:: RR \approx \frac{1 - 0.5^{\sqrt{HR}}}{1 - 0.5^{\sqrt{1 / HR}}},

and where it is rare the risk ratio is the hazard ratio. With R the risk ratio or its inverse,
whichever is above 1,

.. math:: E = R + \sqrt{R (R - 1)}

is the smallest risk ratio that a confounder would need with both treatment and outcome, beyond the
measured covariates, to move the effect to none (VanderWeele & Ding 2017, Annals of Internal
Medicine 167:268). An E-value says nothing of whether such a confounder exists.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from hccbayes.errors import InputError, Problem
from hccbayes.records import TREATMENT_CONTRAST, Estimate
from hccbayes.spec import IntervalSection
from hccbayes.summarise import summarise, with_draws

FloatArray = NDArray[np.float64]

Outcome = Literal["common", "rare"]
Side = Literal["either", "below", "above"]
_LOG_TWO: Final = math.log(2.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class EValue:
    """E-values of a hazard ratio and of the end of its interval nearer to 1.

    Parameters
    ----------
    hazard_ratio, lower, upper
        The effect, treated over control.
    risk_ratio
        The effect on the risk ratio scale.
    point
        E-value of the hazard ratio, at least 1.
    limit
        E-value of the limit nearer to 1; 1 where the interval holds 1.
    outcome
        ``common`` or ``rare``.
    """

    hazard_ratio: float
    lower: float
    upper: float
    risk_ratio: float
    point: float
    limit: float
    outcome: Outcome

    def sentence(self) -> str:
        """Return what the two numbers mean, in one sentence."""
        kept = (
            "the interval holds no effect already"
            if self.limit == 1.0
            else f"to move the interval to 1 takes {self.limit:.2f}"
        )
        return (
            f"To explain a hazard ratio of {self.hazard_ratio:.2f} away, an unmeasured confounder "
            f"would need a risk ratio of {self.point:.2f} with both treatment and outcome, beyond "
            f"the measured covariates; {kept}."
        )


def hazard_ratio_e_value(
    hazard_ratio: float, lower: float, upper: float, *, outcome: Outcome
) -> EValue:
    """Return the E-values of a hazard ratio with its interval.

    Parameters
    ----------
    hazard_ratio, lower, upper
        Treated over control, ``0 < lower <= hazard_ratio <= upper``.
    outcome
        ``common`` where more than about 15% of the patients have the event by the end of
        follow-up, ``rare`` otherwise.

    Returns
    -------
    EValue
        A hazard ratio above 1 has the E-value of its inverse.

    Raises
    ------
    InputError
        If a number is not positive and finite, or the interval does not hold the hazard ratio.
    """
    numbers = {"hazard_ratio": hazard_ratio, "lower": lower, "upper": upper}
    problems = [
        Problem(name, f"must be positive and finite, not {value!r}")
        for name, value in numbers.items()
        if not (math.isfinite(value) and value > 0)
    ]
    if not problems and not lower <= hazard_ratio <= upper:
        message = f"({lower:g}, {upper:g}) does not hold the hazard ratio {hazard_ratio:g}"
        problems.append(Problem("interval", message))
    problems += _choice_problems(outcome, "either")
    if problems:
        raise InputError(problems)
    logs = np.log([hazard_ratio, lower if hazard_ratio > 1 else upper])
    side: Side = "above" if hazard_ratio > 1 else "below"
    point, limit = _e_values(logs, outcome, side)
    return EValue(
        hazard_ratio=hazard_ratio,
        lower=lower,
        upper=upper,
        risk_ratio=math.exp(float(_log_risk_ratio(logs[:1], outcome)[0])),
        point=float(point),
        limit=float(limit),
        outcome=outcome,
    )


def e_value_draws[Draws: (FloatArray, xr.DataArray)](
    log_hr: Draws, *, outcome: Outcome, side: Side = "either"
) -> Draws:
    """Return the E-value of every draw of a log hazard ratio.

    Parameters
    ----------
    log_hr
        Draws of any shape, treated over control.
    outcome
        As in :func:`hazard_ratio_e_value`.
    side
        ``either`` takes a draw on the other side of no effect by its inverse: strength whatever the
        direction. ``below`` asks what explains a benefit away and gives 1 to draws of hazard ratios
        above 1, where there is no benefit to explain; ``above`` is its mirror. One-sided E-values
        never fall as the effect grows, so that quantiles of the draws are E-values of quantiles.

    Returns
    -------
    numpy.ndarray or xarray.DataArray
        As `log_hr`, at least 1.

    Raises
    ------
    InputError
        If a draw is not finite, or a choice is unknown.
    """
    values = np.asarray(log_hr, dtype=np.float64)
    problems = _choice_problems(outcome, side)
    if not np.isfinite(values).all():
        problems.append(Problem("log_hr", "holds draws that are not finite"))
    if problems:
        raise InputError(problems)
    found = _e_values(values, outcome, side)
    if isinstance(log_hr, xr.DataArray):
        return log_hr.copy(data=found).rename("e_value")
    return found


def e_value_rows(
    log_hr: ArrayLike,
    interval: IntervalSection,
    *,
    outcome: Outcome,
    model: str,
    method: str,
) -> list[Estimate]:
    """Return the E-value as rows of the estimate table.

    Parameters
    ----------
    log_hr
        Posterior draws of the log hazard ratio, any shape.
    interval
        Probability and kind of the intervals.
    outcome
        As in :func:`hazard_ratio_e_value`.
    model, method
        Labels of the rows.

    Returns
    -------
    list of Estimate
        ``e_value``, median and interval of the draws' E-values on the side of the posterior median;
        ``e_value_of_estimate``, the E-value of the posterior median hazard ratio; and
        ``e_value_of_limit``, that of the limit of the hazard ratio's interval nearer to 1.
    """
    draws = np.asarray(log_hr, dtype=np.float64).ravel()
    side: Side = "above" if draws.size and np.median(draws) > 0 else "below"
    by_draw = e_value_draws(draws, outcome=outcome, side=side)
    hr = summarise(np.exp(draws), interval, point="median")
    # A highest density interval of draws with a long tail may leave their median out.
    single = hazard_ratio_e_value(
        hr.point, min(hr.lower, hr.point), max(hr.upper, hr.point), outcome=outcome
    )

    def row(estimand: str, value: float) -> Estimate:
        return Estimate(
            estimand=estimand,
            contrast=TREATMENT_CONTRAST,
            population="sample",
            estimate=value,
            source="bayes",
            method=method,
            model=model,
        )

    return [
        with_draws(row("e_value", math.nan), by_draw, interval, point="median"),
        row("e_value_of_estimate", single.point),
        row("e_value_of_limit", single.limit),
    ]


def _choice_problems(outcome: str, side: str) -> list[Problem]:
    chosen = {"outcome": (outcome, get_args(Outcome)), "side": (side, get_args(Side))}
    return [
        Problem(name, f"must be one of {', '.join(known)}, not {value!r}")
        for name, (value, known) in chosen.items()
        if value not in known
    ]


def _log_risk_ratio(log_hr: FloatArray, outcome: Outcome) -> FloatArray:
    """Return the log risk ratio; ``expm1`` keeps digits where a hazard ratio is near 0 or large."""
    if outcome == "rare":
        return log_hr
    with np.errstate(over="ignore"):
        root = np.exp(0.5 * log_hr)
        inverse = np.exp(-0.5 * log_hr)
    above = np.log(-np.expm1(-_LOG_TWO * root))
    return np.asarray(above - np.log(-np.expm1(-_LOG_TWO * inverse)))


def _e_values(log_hr: FloatArray, outcome: Outcome, side: Side) -> FloatArray:
    if side == "below":
        log_hr = np.minimum(log_hr, 0.0)
    elif side == "above":
        log_hr = np.maximum(log_hr, 0.0)
    ratio = np.exp(np.abs(_log_risk_ratio(np.asarray(log_hr), outcome)))
    return np.asarray(ratio + np.sqrt(ratio * (ratio - 1.0)))
