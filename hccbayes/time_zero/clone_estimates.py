"""Weighted Cox regression and Kaplan-Meier curves of clones, as rows of the estimate table.

Both clones of a patient are one cluster. Two standard errors are given: from influences with the
weights taken as known, and from bootstrap samples of patients in which the start of treatment, and
so the weights, are fitted again: the honest one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from hccbayes.arms import ARM_VALUE, ARMS, Arm
from hccbayes.defaults import INTERVAL_PROB
from hccbayes.errors import InputError, Problem
from hccbayes.frequentist.arguments import check_prob
from hccbayes.frequentist.identifiability import NotEstimableError
from hccbayes.frequentist.weighted_cox import weighted_cox
from hccbayes.frequentist.weighted_curves import WeightedCurve, weighted_curve
from hccbayes.frequentist.weighted_variance import influence, standard_errors
from hccbayes.records import (
    DIFFERENCE_CONTRAST,
    TREATMENT_CONTRAST,
    Estimate,
    FrequentistLabels,
    estimate_table,
)
from hccbayes.time_zero.clone_weights import StrategyWeights, fitted_weights
from hccbayes.time_zero.cloning import FollowUp, covariate_matrix
from hccbayes.time_zero.strategy_weights import weight_notes, weighted_rows

if TYPE_CHECKING:
    from hccbayes.spec.design import ControlStrategy, StartTiming

FloatArray = NDArray[np.float64]

COX: Final = "cox_clone_censor_weight"
KM: Final = "km_clone_censor_weight"
BOOTSTRAP: Final = "_bootstrap"
FEWEST_SAMPLES: Final = 50
_STEPS: Final = 100
_TOLERANCE: Final = 1e-12


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class _Quantities:
    """Log hazard ratio, then by arm and for the difference: restricted mean and survival."""

    values: FloatArray
    errors: FloatArray


def clone_estimates(
    frame: pd.DataFrame,
    covariates: ArrayLike,
    *,
    grace: float,
    times: Sequence[float],
    horizon: float,
    model: str,
    control: ControlStrategy = "never",
    timing: StartTiming = "as_observed",
    stabilized: bool = False,
    truncation: float | None = None,
    prob: float = INTERVAL_PROB,
    samples: int = 0,
    seed: int = 0,
) -> pd.DataFrame:
    """Return weighted Cox and Kaplan-Meier estimates of the strategies.

    The marginal log hazard ratio and hazard ratio (Breslow's ties), survival by arm and its
    difference at each time, the restricted mean by arm and its difference; by the methods
    ``cox_clone_censor_weight`` and ``km_clone_censor_weight`` with weights taken as known, and with
    ``_bootstrap`` added from samples of patients, of which the standard deviation is taken. Samples
    without an estimate, such as those whose clones of a strategy are not followed to the last time,
    are left out, and a note counts them.

    Parameters
    ----------
    frame, covariates
        As for :func:`hccbayes.adjustment.clone_censor_weight.weighted_clones`.
    grace, control, timing, stabilized, truncation
        As for :func:`hccbayes.time_zero.clone_weights.fitted_weights`.
    times, horizon
        Months at which survival is reported, and to which the restricted mean is taken.
    model
        Name of the model file.
    prob
        Probability of every interval.
    samples, seed
        Of the bootstrap, at least 50; 0 for none.

    Returns
    -------
    pandas.DataFrame
        The estimate table; ``attrs["notes"]``, a tuple of sentences.

    Raises
    ------
    InputError
        If the input is wrong, or a time lies beyond a strategy's follow-up.
    """
    check_prob(prob)
    if samples and samples < FEWEST_SAMPLES:
        raise InputError(Problem("samples", f"0, or at least {FEWEST_SAMPLES}; not {samples}"))
    follow_up = FollowUp.of(frame)
    matrix = covariate_matrix(covariates, follow_up.patient)
    options: dict[str, Any] = {
        "grace": grace,
        "control": control,
        "timing": timing,
        "stabilized": stabilized,
        "truncation": truncation,
    }
    labels = FrequentistLabels(population="ate", model=model, prob=prob)
    weights = fitted_weights(follow_up, matrix, **options)
    found = _with_errors(weights, times, horizon)
    rows = _rows(found.values, found.errors, labels, times, horizon, "")
    notes = weight_notes(weights)
    if samples:
        rng = np.random.default_rng(seed)
        drawn = np.array(list(_bootstrap(follow_up, matrix, options, times, horizon, samples, rng)))
        if len(drawn) < samples // 2:
            few = f"{len(drawn)} of {samples} samples of patients had an estimate"
            raise InputError(Problem("bootstrap", few))
        rows += _rows(found.values, drawn.std(axis=0, ddof=1), labels, times, horizon, BOOTSTRAP)
        if len(drawn) < samples:
            left = samples - len(drawn)
            notes += (f"{left} of {samples} bootstrap samples had no estimate and were left out.",)
    table = estimate_table(rows)
    table.attrs["notes"] = notes
    return table


def _with_errors(weights: StrategyWeights, times: Sequence[float], horizon: float) -> _Quantities:
    """Return the quantities and their standard errors with weights taken as known."""
    rows = weighted_rows(weights)
    cluster = rows["patient_index"].to_numpy()
    part = rows["start"], rows["stop"], rows["event"], rows["weight"]
    fitted = weighted_cox(
        rows[["treatment"]].astype(np.float64), *part, cluster=cluster, ties="breslow"
    )
    curves: dict[Arm, WeightedCurve] = {
        arm: weighted_curve(*part, members=rows["treatment"] == ARM_VALUE[arm]) for arm in ARMS
    }
    values = [np.atleast_1d(fitted.coef[0])]
    sensitivity = [fitted.sensitivity[:, :1]]
    own = [_of_curve(curves[arm], times, horizon) for arm in ARMS]
    own.append((own[0][0] - own[1][0], own[0][1] - own[1][1]))
    values += [value for value, _ in own]
    sensitivity += [derivative for _, derivative in own]
    moved = influence(np.hstack(sensitivity), rows["weight"].to_numpy())
    return _Quantities(values=np.concatenate(values), errors=standard_errors(moved, cluster))


def clone_quantities(
    weights: StrategyWeights, times: Sequence[float], horizon: float
) -> FloatArray:
    """Return log hazard ratio, then restricted mean and survival by arm and their differences.

    The numbers of weighted Cox regression (Breslow's ties) and of weighted product limits, from
    sums of weights at the distinct event times alone, which a bootstrap can afford.

    Parameters
    ----------
    weights, times, horizon
        As for :func:`clone_estimates`.

    Raises
    ------
    NotEstimableError
        If a strategy has no event, or nobody at risk with a weight up to the last time asked for.
    """
    _check_followed(weights, max((*times, horizon)))
    table = weights.clones.rows
    moments = np.unique(table.loc[table["event"] == 1, "stop"])
    start, stop = (table[name].to_numpy(dtype=np.float64)[:, None] for name in ("start", "stop"))
    at_risk = (start < moments) & (stop >= moments)
    weight = weights.at(np.broadcast_to(moments, at_risk.shape)) * at_risk
    dying = weight * ((stop == moments) & (table["event"].to_numpy()[:, None] == 1))
    member = np.stack([table["treatment"].to_numpy() == ARM_VALUE[arm] for arm in ARMS])
    present, dead = member.astype(np.float64) @ weight, member.astype(np.float64) @ dying
    if (dead.sum(axis=1) <= 0).any():
        raise NotEstimableError(Problem("event", "a strategy has no event with a weight"))
    hazard = np.divide(dead, present, out=np.zeros_like(dead), where=present > 0)
    survival = np.cumprod(1.0 - hazard, axis=1)
    last = np.searchsorted(moments, times, side="right")
    by_arm = []
    for own in survival:
        steps = np.append(1.0, own)
        ends = np.minimum(np.append(moments, np.inf), horizon)
        area = ends[0] + np.diff(ends) @ own
        by_arm.append(np.append(area, steps[last]))
    parts = [[_breslow(dead, present)], *by_arm, by_arm[0] - by_arm[1]]
    return np.concatenate(parts)


def _check_followed(weights: StrategyWeights, last: float) -> None:
    """Raise where no clone of a strategy is followed to a time, beyond which no curve is known."""
    table = weights.clones.rows
    rows = np.flatnonzero((table["start"] < last) & (table["stop"] >= last))
    weight = weights.at(np.full(len(rows), last, dtype=np.float64), rows)
    treatment = table["treatment"].to_numpy()[rows]
    problems = [
        Problem("times", f"no {arm} clone is followed to {last:g} months")
        for arm in ARMS
        if not (weight[treatment == ARM_VALUE[arm]] > 0).any()
    ]
    if problems:
        raise NotEstimableError(problems)


def _breslow(dead: FloatArray, present: FloatArray) -> float:
    """Return the log hazard ratio of the first arm from weighted deaths and numbers at risk."""
    total, ratio = dead.sum(axis=0), 0.0
    for _ in range(_STEPS):
        risk = present[0] * np.exp(ratio)
        share = risk / (risk + present[1])
        step = float((dead[0].sum() - total @ share) / (total @ (share * (1.0 - share))))
        ratio += float(np.clip(step, -1.0, 1.0))
        if abs(step) < _TOLERANCE:
            return ratio
    raise NotEstimableError(Problem("treatment", "has no finite log hazard ratio"))


def _of_curve(
    curve: WeightedCurve, times: Sequence[float], horizon: float
) -> tuple[FloatArray, FloatArray]:
    """Return restricted mean and survival at times, and their sensitivities."""
    mean, of_mean = curve.restricted_mean(horizon)
    survival, of_survival = curve.at(np.asarray(times, dtype=np.float64))
    return np.append(mean, survival), np.column_stack([of_mean, of_survival])


def _rows(
    values: FloatArray,
    errors: FloatArray,
    labels: FrequentistLabels,
    times: Sequence[float],
    horizon: float,
    suffix: str,
) -> list[Estimate]:
    half = labels.quantile * errors[0]
    limits = float(values[0] - half), float(values[0] + half)
    rows = [
        *labels.ratio("marginal_hr", TREATMENT_CONTRAST, f"{COX}{suffix}", float(values[0]), limits)
    ]
    place = 1
    for contrast in (*ARMS, DIFFERENCE_CONTRAST):
        ending = "_difference" if contrast == DIFFERENCE_CONTRAST else ""
        for name, time in (("rmst", horizon), *(("survival", time) for time in times)):
            rows.append(
                labels.wald(
                    f"{name}{ending}",
                    contrast,
                    f"{KM}{suffix}",
                    float(values[place]),
                    float(errors[place]),
                    time=time,
                )
            )
            place += 1
    return rows


def _bootstrap(
    follow_up: FollowUp,
    covariates: FloatArray,
    options: dict[str, Any],
    times: Sequence[float],
    horizon: float,
    samples: int,
    rng: np.random.Generator,
) -> Iterator[FloatArray]:
    """Yield the quantities of samples of patients, but for samples that have none."""
    size = len(follow_up.time)
    for _ in range(samples):
        index = rng.integers(0, size, size)
        try:
            weights = fitted_weights(follow_up.take(index), covariates[index], **options)
            yield clone_quantities(weights, times, horizon)
        except (InputError, NotEstimableError):
            continue
