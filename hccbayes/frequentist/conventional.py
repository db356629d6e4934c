"""The conventional analysis of a cohort as rows of the estimate table, for the cross-check."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from hccbayes.arms import ARM_VALUE, Arm
from hccbayes.defaults import INTERVAL_PROB
from hccbayes.errors import InputError
from hccbayes.frequentist.arm_rows import median_rows
from hccbayes.frequentist.conventional_centers import center_rows, term_rows
from hccbayes.frequentist.conventional_cohort import (
    ConventionalCohort,
    checked_cohort,
    not_estimable,
)
from hccbayes.frequentist.conventions import convention_rows
from hccbayes.frequentist.identifiability import NotEstimableError
from hccbayes.frequentist.kaplan_meier import kaplan_meier, median_survival, survival_at
from hccbayes.frequentist.logrank import logrank
from hccbayes.frequentist.phased_cox import phase_rows
from hccbayes.frequentist.restricted_mean_contrast import restricted_mean_contrast
from hccbayes.records import (
    DIFFERENCE_CONTRAST,
    TREATMENT_CONTRAST,
    Estimate,
    FrequentistLabels,
    estimate_table,
)


def conventional_estimates(
    frame: pd.DataFrame,
    design: pd.DataFrame,
    contrasts: Mapping[str, str],
    *,
    times: Sequence[float],
    model: str,
    horizon: float | None = None,
    center_slopes: bool = False,
    phase_ends: Sequence[float] = (),
    prob: float = INTERVAL_PROB,
) -> pd.DataFrame:
    """Return Kaplan-Meier, log-rank and Cox estimates of a cohort.

    Survival by arm (limits on the log scale) and its difference (Wald, from Greenwood's variance)
    at each time within the follow-up of the arms concerned; restricted mean by arm and its
    difference; median by arm and its difference; log-rank, stratified by center too; log hazard
    ratio and hazard ratio of each term by these methods:

    ==============================  ===========================================================
    ``cox_crude``                   treatment alone; only where the design has more terms
    ``cox_efron``                   all terms
    ``cox_efron_strata``            all terms, stratified by center
    ``cox_efron_phases``            all terms, treatment by phase; only with `phase_ends`
    ``cox_efron_center``            all terms and center dummies
    ``cox_efron_frailty_gaussian``  all terms, centers as Gaussian frailties
    ``cox_efron_strata_slopes``     treatment in each center, stratified by center
    ==============================  ===========================================================

    The methods with centers and the stratified log-rank need at least two centers.
    ``cox_efron_center`` and the frailties also give ``center_hr``, each center against the mean
    center (weighted by events).
    A center without events takes no part in ``cox_efron_center``: its dummy runs to minus infinity,
    and the limit is the fit without its patients (see
    :func:`hccbayes.frequentist.center_dummies.center_dummies`).

    Parameters
    ----------
    frame
        One row a patient: ``entry`` and ``time`` in months, ``event``, ``treatment`` (0 or 1), and
        ``center`` where there is one.
    design
        The model's terms, one column each, on their own scale, without intercept and centers; the
        first is ``treatment``. Rows as in `frame`.
    contrasts
        Contrast label of each term; ``treatment`` has ``treated / control``.
    times
        Months at which survival is reported.
    model
        Name of the model file.
    horizon
        Months to which restricted means are taken; none without it.
    center_slopes
        Whether each center's own treatment effect is asked for.
    phase_ends
        Where the treatment effect changes by phase: the phases' bounds, and last the month under
        which the last one is filed, the end of the common follow-up.
    prob
        Probability of every interval.

    Returns
    -------
    pandas.DataFrame
        The estimate table. What the data do not determine (a separated term, no event in both
        arms' risk sets) is ``nan``; ``attrs["notes"]``, a tuple of sentences, says why, and counts
        the centers and patients that the center dummies leave out.

    Raises
    ------
    InputError
        If a column, a contrast or a value is missing or wrong, or an arm has no patient.
    """
    labels = FrequentistLabels(population="sample", model=model, prob=prob)
    cohort = checked_cohort(frame, design, contrasts, labels)
    notes: list[str] = []
    rows = [*_twin_rows(cohort, times, horizon, notes, slopes=center_slopes)]
    if phase_ends:
        rows += phase_rows(cohort, phase_ends, notes)
    return _table(rows, notes)


def all_estimates(
    frame: pd.DataFrame,
    design: pd.DataFrame,
    contrasts: Mapping[str, str],
    *,
    times: Sequence[float],
    model: str,
    horizon: float | None = None,
    center_slopes: bool = False,
    prob: float = INTERVAL_PROB,
) -> pd.DataFrame:
    """Return the conventional estimates and those under every other convention.

    Parameters, columns and errors are those of :func:`conventional_estimates`; the further rows
    are listed in :func:`hccbayes.frequentist.conventions.convention_rows`.
    """
    labels = FrequentistLabels(population="sample", model=model, prob=prob)
    cohort = checked_cohort(frame, design, contrasts, labels)
    notes: list[str] = []
    rows = [
        *_twin_rows(cohort, times, horizon, notes, slopes=center_slopes),
        *convention_rows(cohort, times, horizon, notes),
    ]
    return _table(rows, notes)


def _twin_rows(
    cohort: ConventionalCohort,
    times: Sequence[float],
    horizon: float | None,
    notes: list[str],
    *,
    slopes: bool,
) -> Iterable[Estimate]:
    yield from _kaplan_meier_rows(cohort, times)
    yield from _restricted_mean_rows(cohort, horizon, notes)
    yield from _logrank_rows(cohort, notes)
    yield from _cox_rows(cohort, notes)
    if cohort.has_centers:
        yield from center_rows(cohort, notes, slopes=slopes)


def _table(rows: Iterable[Estimate], notes: Sequence[str]) -> pd.DataFrame:
    table = estimate_table(list(rows))
    table.attrs["notes"] = tuple(notes)
    return table


def _kaplan_meier_rows(cohort: ConventionalCohort, times: Sequence[float]) -> Iterable[Estimate]:
    curves = {}
    for arm, value in ARM_VALUE.items():
        own = cohort.frame[cohort.frame["treatment"] == value]
        follow_up = (own["entry"], own["time"], own["event"])
        curves[arm] = kaplan_meier(*follow_up, prob=cohort.labels.prob)
    for arm, curve in curves.items():
        known, survival, _, lower, upper = _read(curve, times)
        for time, estimate, *limits in zip(known, survival, lower, upper, strict=True):
            yield cohort.labels.row(
                "survival",
                arm,
                "km",
                estimate,
                limits=(limits[0], limits[1]),
                kind="log",
                time=time,
            )
    yield from _difference_rows(cohort, curves, times)
    medians = {arm: median_survival(curve) for arm, curve in curves.items()}
    yield from median_rows(cohort.labels, "km", medians)


def _difference_rows(
    cohort: ConventionalCohort, curves: Mapping[Arm, pd.DataFrame], times: Sequence[float]
) -> Iterable[Estimate]:
    """Yield the difference of the arms, with the variances of two independent curves added."""
    common = min(float(curve["time"].iloc[-1]) for curve in curves.values())
    shared = [time for time in times if time <= common]
    known, treated, treated_se, *_ = _read(curves["treated"], shared)
    _, control, control_se, *_ = _read(curves["control"], shared)
    differences = np.subtract(treated, control)
    errors = np.hypot(treated_se, control_se)
    for time, difference, se in zip(known, differences, errors, strict=True):
        yield cohort.labels.wald(
            "survival_difference",
            DIFFERENCE_CONTRAST,
            "km",
            float(difference),
            float(se),
            time=time,
        )


def _restricted_mean_rows(
    cohort: ConventionalCohort, horizon: float | None, notes: list[str]
) -> Iterable[Estimate]:
    if horizon is None:
        return
    try:
        found = restricted_mean_contrast(*cohort.follow_up, cohort.frame["treatment"], horizon)
    except InputError as error:
        notes.append(not_estimable("km, rmst", error))
        return
    for arm, mean in (("treated", found.treated), ("control", found.control)):
        yield cohort.labels.wald(
            "rmst", arm, "km", mean.estimate, mean.standard_error, time=horizon
        )
    gain = found.difference
    yield cohort.labels.wald(
        "rmst_difference",
        DIFFERENCE_CONTRAST,
        "km",
        gain.estimate,
        gain.standard_error,
        time=horizon,
    )


def _read(curve: pd.DataFrame, times: Sequence[float]) -> list[list[float]]:
    """Return time, survival, standard error and limits at the times a curve has, as columns."""
    end = float(curve["time"].iloc[-1])
    at = survival_at(curve, [time for time in times if time <= end])
    columns = ("time", "survival", "standard_error", "lower", "upper")
    return [at[column].astype(float).to_list() for column in columns]


def _logrank_rows(cohort: ConventionalCohort, notes: list[str]) -> Iterable[Estimate]:
    strata: dict[str, pd.Series | None] = {"logrank": None}
    if cohort.has_centers:
        strata["logrank_strata_center"] = cohort.frame["center"]
    for method, labels in strata.items():
        statistic = p_value = float("nan")
        try:
            test = logrank(*cohort.follow_up, cohort.frame["treatment"], strata=labels)
            statistic, p_value = test.chi2, test.p_value
        except NotEstimableError as error:
            notes.append(not_estimable(method, error))
        yield cohort.labels.row("logrank_chi2", TREATMENT_CONTRAST, method, statistic)
        yield cohort.labels.row("logrank_p", TREATMENT_CONTRAST, method, p_value)


def _cox_rows(cohort: ConventionalCohort, notes: list[str]) -> Iterable[Estimate]:
    designs = {"cox_efron": cohort.design}
    if cohort.design.shape[1] > 1:
        designs = {"cox_crude": cohort.design[["treatment"]]} | designs
    for method, design in designs.items():
        coef = lower = upper = np.full(design.shape[1], np.nan)
        try:
            fit = cohort.cox(design)
            coef, lower, upper = fit.coef, fit.lower, fit.upper
        except NotEstimableError as error:
            notes.append(not_estimable(method, error))
        yield from term_rows(cohort, method, coef, lower, upper)
