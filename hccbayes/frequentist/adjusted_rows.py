"""Rows of the estimate table of one weighted analysis: curves, restricted means, tests, ratios."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hccbayes.arms import ARMS, Arm
from hccbayes.errors import InputError
from hccbayes.frequentist.arm_rows import median_rows
from hccbayes.frequentist.conventional_cohort import not_estimable
from hccbayes.frequentist.episodes import FloatArray
from hccbayes.frequentist.identifiability import NotEstimableError
from hccbayes.frequentist.kaplan_meier import MedianSurvival, median_survival, survival_at
from hccbayes.frequentist.weighted_cox import weighted_cox
from hccbayes.frequentist.weighted_curves import WeightedCurve
from hccbayes.frequentist.weighted_logrank import weighted_logrank
from hccbayes.frequentist.weighted_variance import EstimatedWeights, influence, standard_errors
from hccbayes.records import (
    DIFFERENCE_CONTRAST,
    TREATMENT_CONTRAST,
    Estimate,
    FrequentistLabels,
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VarianceMethod:
    """One way to a standard error, and the names of the rows that have it.

    Parameters
    ----------
    cox, km, logrank
        The estimate table's method of Cox regression, of curves and means, and of the test.
    estimated
        The score model behind the weights; weights taken as given where it is left out.
    """

    cox: str
    km: str
    logrank: str
    estimated: EstimatedWeights | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WeightedAnalysis:
    """Everything the rows are made of, checked.

    Parameters
    ----------
    frame
        One row a patient: ``entry`` and ``time`` in months, ``event``, ``treatment``.
    weights, cluster
        Weight and cluster of each patient, shape ``(patients,)``.
    curves
        Weighted curve of each arm.
    times, horizon
        Months at which survival is reported, and to which the restricted mean is taken.
    labels
        Population, model and interval probability of the rows.
    """

    frame: pd.DataFrame
    weights: FloatArray
    cluster: NDArray[np.intp]
    curves: Mapping[Arm, WeightedCurve]
    times: Sequence[float]
    horizon: float
    labels: FrequentistLabels

    def follow_up(self) -> tuple[pd.Series, pd.Series, pd.Series]:
        """Return entry, time and event."""
        return self.frame["entry"], self.frame["time"], self.frame["event"]


def analysis_rows(
    analysis: WeightedAnalysis, variance: VarianceMethod
) -> tuple[list[Estimate], tuple[str, ...]]:
    """Return the rows of one way to a standard error, and what could not be estimated.

    Parameters
    ----------
    analysis
        Patients, weights and curves.
    variance
        How standard errors are made, and what the rows are called.

    Returns
    -------
    tuple
        The rows, and a sentence for each that is ``nan``.
    """
    notes: list[str] = []
    rows = [
        *_survival_rows(analysis, variance),
        *_restricted_mean_rows(analysis, variance, notes),
        *_logrank_rows(analysis, variance, notes),
        *_cox_rows(analysis, variance, notes),
    ]
    return rows, tuple(notes)


def _survival_rows(analysis: WeightedAnalysis, variance: VarianceMethod) -> Iterable[Estimate]:
    """Yield survival by arm, its difference, and medians."""
    medians: dict[Arm, MedianSurvival] = {}
    for arm, curve in analysis.curves.items():
        influences = influence(curve.sensitivity, analysis.weights, variance.estimated)
        table = curve.table(influences, cluster=analysis.cluster, prob=analysis.labels.prob)
        within = [time for time in analysis.times if time <= curve.time[-1]]
        at = survival_at(table, within)
        for time, estimate, low, high in at[["time", "survival", "lower", "upper"]].to_numpy():
            yield analysis.labels.row(
                "survival", arm, variance.km, estimate, limits=(low, high), kind="log", time=time
            )
        medians[arm] = median_survival(table)
    common = min(curve.time[-1] for curve in analysis.curves.values())
    for time in [one for one in analysis.times if one <= common]:
        difference, se = _survival_difference(analysis, variance, time)
        yield analysis.labels.wald(
            "survival_difference", DIFFERENCE_CONTRAST, variance.km, difference, se, time=time
        )
    yield from median_rows(analysis.labels, variance.km, medians)


def _survival_difference(
    analysis: WeightedAnalysis, variance: VarianceMethod, time: float
) -> tuple[float, float]:
    """Return the difference of the arms at a time, and its standard error."""
    (treated, treated_sensitivity), (control, control_sensitivity) = (
        analysis.curves[arm].at(time) for arm in ARMS
    )
    difference = float(treated[0] - control[0])
    # Where all have died the curve says nothing of its own precision.
    known = treated[0] > 0 and control[0] > 0
    sensitivity = treated_sensitivity - control_sensitivity
    se = _standard_error(analysis, variance, sensitivity) if known else float("nan")
    return difference, se


def _restricted_mean_rows(
    analysis: WeightedAnalysis, variance: VarianceMethod, notes: list[str]
) -> Iterable[Estimate]:
    horizon = analysis.horizon
    means: dict[str, tuple[float, FloatArray]] = {}
    for arm, curve in analysis.curves.items():
        try:
            means[arm] = curve.restricted_mean(horizon)
        except InputError as error:
            notes.append(not_estimable(f"{variance.km}, rmst, {arm}", error))
            means[arm] = (float("nan"), np.full(len(analysis.weights), np.nan))
    contrasts = dict(means)
    contrasts[DIFFERENCE_CONTRAST] = (
        means["treated"][0] - means["control"][0],
        means["treated"][1] - means["control"][1],
    )
    for contrast, (estimate, sensitivity) in contrasts.items():
        se = _standard_error(analysis, variance, sensitivity[:, None])
        name = "rmst_difference" if contrast == DIFFERENCE_CONTRAST else "rmst"
        yield analysis.labels.wald(name, contrast, variance.km, estimate, se, time=horizon)


def _logrank_rows(
    analysis: WeightedAnalysis, variance: VarianceMethod, notes: list[str]
) -> Iterable[Estimate]:
    statistic = p_value = float("nan")
    try:
        test = weighted_logrank(
            *analysis.follow_up(),
            analysis.frame["treatment"],
            analysis.weights,
            cluster=analysis.cluster,
            estimated=variance.estimated,
        )
        statistic, p_value = test.chi2, test.p_value
    except NotEstimableError as error:
        notes.append(not_estimable(variance.logrank, error))
    yield analysis.labels.row("logrank_chi2", TREATMENT_CONTRAST, variance.logrank, statistic)
    yield analysis.labels.row("logrank_p", TREATMENT_CONTRAST, variance.logrank, p_value)


def _cox_rows(
    analysis: WeightedAnalysis, variance: VarianceMethod, notes: list[str]
) -> Iterable[Estimate]:
    coef = se = float("nan")
    design = analysis.frame[["treatment"]].astype(np.float64)
    try:
        fit = weighted_cox(design, *analysis.follow_up(), analysis.weights)
        coef, se = float(fit.coef[0]), _standard_error(analysis, variance, fit.sensitivity)
    except NotEstimableError as error:
        notes.append(not_estimable(variance.cox, error))
    half = analysis.labels.quantile * se
    yield from analysis.labels.ratio(
        "marginal_hr", TREATMENT_CONTRAST, variance.cox, coef, (coef - half, coef + half)
    )


def _standard_error(
    analysis: WeightedAnalysis, variance: VarianceMethod, sensitivity: FloatArray
) -> float:
    """Return the standard error of one estimate from its sensitivity, shape ``(patients, 1)``."""
    influences = influence(sensitivity, analysis.weights, variance.estimated)
    return float(standard_errors(influences, analysis.cluster)[0])
