"""Every other number of the layer as a row of the estimate table, its convention in the method.

``conventional.py`` has the rows that a Bayesian number is compared with. Here are those that a
paper may have printed instead: other limits, tests, ties, variances and penalties. What cannot be
estimated is a row without a number, and a note says why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd

from hccbayes.arms import ARM_VALUE, Arm
from hccbayes.errors import InputError
from hccbayes.frequentist.concordance import concordance
from hccbayes.frequentist.conventional_centers import term_rows
from hccbayes.frequentist.conventional_cohort import ConventionalCohort, not_estimable
from hccbayes.frequentist.cox import CoxFit, cox
from hccbayes.frequentist.curve_limits import LimitKind
from hccbayes.frequentist.firth_cox import FirthCoxFit, firth_cox
from hccbayes.frequentist.fleming_harrington import fleming_harrington
from hccbayes.frequentist.follow_up import median_follow_up
from hccbayes.frequentist.frailty import FrailtyCoxFit, frailty_cox
from hccbayes.frequentist.kaplan_meier import kaplan_meier, survival_at
from hccbayes.frequentist.max_combo import max_combo
from hccbayes.frequentist.nelson_aalen import cumulative_hazard_at, nelson_aalen
from hccbayes.frequentist.observed_expected import (
    observed_expected_hazard_ratio,
    peto_hazard_ratio,
)
from hccbayes.frequentist.quantiles import survival_quantiles
from hccbayes.frequentist.restricted_mean_contrast import restricted_mean_contrast
from hccbayes.frequentist.robust_cox import RobustCoxFit, robust_cox
from hccbayes.frequentist.schoenfeld import proportional_hazards_test
from hccbayes.records import TREATMENT_CONTRAST, Estimate

LIMITS: Final[tuple[LimitKind, ...]] = ("log", "log-log", "plain")
EXPONENTS: Final = ((0.0, 1.0), (1.0, 0.0), (1.0, 1.0))
"""Fleming-Harrington weights beside the log-rank test's (0, 0): late, early, middle differences."""

_Fit = CoxFit | RobustCoxFit | FirthCoxFit | FrailtyCoxFit


def convention_rows(
    cohort: ConventionalCohort,
    times: Sequence[float],
    horizon: float | None,
    notes: list[str],
) -> Iterable[Estimate]:
    """Yield the rows.

    ============================================  ================================================
    estimand                                      methods
    ============================================  ================================================
    ``survival``                                  ``km_log-log``, ``km_plain`` limits
    ``quantile_0.25``, ``_0.5``, ``_0.75``        ``km_log``, ``km_log-log``, ``km_plain`` limits
    ``cumulative_hazard``                         ``nelson_aalen``
    ``median_follow_up``                          ``reverse_km``
    ``rmst_ratio``                                ``km``
    ``logrank_z``, ``logrank_p``                  ``fleming_harrington_RHO_GAMMA``
    ``max_combo_z``, ``max_combo_p``              ``max_combo``
    ``hr``                                        ``observed_expected``, ``peto``
    ``hr`` of each term                           ``cox_breslow``, ``cox_efron_robust``,
                                                  ``cox_efron_cluster`` and
                                                  ``cox_efron_frailty_gamma`` (by center),
                                                  ``cox_firth_efron``
    ``proportional_hazards_p`` of each term       ``schoenfeld_km``
    ``concordance``                               ``cox_efron``
    ============================================  ================================================

    Parameters
    ----------
    cohort
        Patients, terms and labels.
    times, horizon
        Months at which curves are read, and of the restricted mean.
    notes
        Is told what cannot be estimated, and why.
    """
    for arm, value in ARM_VALUE.items():
        yield from _arm_rows(cohort, cohort.frame["treatment"] == value, arm, times, notes)
    if horizon is not None:
        yield from _ratio_of_means(cohort, horizon, notes)
    yield from _test_rows(cohort, notes)
    yield from _model_rows(cohort, notes)
    yield from _check_rows(cohort, notes)


def _arm_rows(
    cohort: ConventionalCohort, own: pd.Series, arm: Arm, times: Sequence[float], notes: list[str]
) -> Iterable[Estimate]:
    follow_up = [column[own] for column in cohort.follow_up]
    labels = cohort.labels
    within = [time for time in times if time <= float(follow_up[1].max())]
    for kind in LIMITS:
        curve = kaplan_meier(*follow_up, interval_kind=kind, prob=labels.prob)
        if kind != "log":  # those are in the conventional rows
            for row in survival_at(curve, within).to_dict("records"):
                limits = (row["lower"], row["upper"])
                yield labels.row(
                    "survival",
                    arm,
                    f"km_{kind}",
                    row["survival"],
                    limits=limits,
                    kind=kind,
                    time=row["time"],
                )
        for row in survival_quantiles(curve).to_dict("records"):
            name = f"quantile_{row['prob']:g}"
            limits = (row["lower"], row["upper"])
            yield labels.row(name, arm, f"km_{kind}", row["estimate"], limits=limits, kind=kind)
            if row["reason"]:
                notes.append(f"km_{kind}, {name}, {arm}: {row['reason']}")
    hazard = nelson_aalen(*follow_up, prob=labels.prob)
    for row in cumulative_hazard_at(hazard, within).to_dict("records"):
        limits = (row["lower"], row["upper"])
        yield labels.row(
            "cumulative_hazard",
            arm,
            "nelson_aalen",
            row["cumulative_hazard"],
            limits=limits,
            kind="log",
            time=row["time"],
        )
    yield _follow_up_row(cohort, own, arm, notes)


def _follow_up_row(
    cohort: ConventionalCohort, own: pd.Series, arm: Arm, notes: list[str]
) -> Estimate:
    estimate, limits = np.nan, (np.nan, np.nan)
    try:
        found = median_follow_up(
            *(column[own] for column in cohort.follow_up), prob=cohort.labels.prob
        )
        estimate, limits = found.estimate, (found.lower, found.upper)
        if found.reason:
            notes.append(f"reverse_km, {arm}: {found.reason}")
    except InputError as error:
        notes.append(not_estimable(f"reverse_km, {arm}", error))
    return cohort.labels.row(
        "median_follow_up", arm, "reverse_km", estimate, limits=limits, kind="log"
    )


def _ratio_of_means(
    cohort: ConventionalCohort, horizon: float, notes: list[str]
) -> Iterable[Estimate]:
    try:
        ratio = restricted_mean_contrast(
            *cohort.follow_up, cohort.frame["treatment"], horizon, prob=cohort.labels.prob
        ).ratio
    except InputError as error:
        notes.append(not_estimable("km, rmst_ratio", error))
        return
    limits = (ratio.lower, ratio.upper)
    yield cohort.labels.row(
        "rmst_ratio",
        TREATMENT_CONTRAST,
        "km",
        ratio.estimate,
        limits=limits,
        kind="wald",
        time=horizon,
    )


def _test_rows(cohort: ConventionalCohort, notes: list[str]) -> Iterable[Estimate]:
    arguments = (*cohort.follow_up, cohort.frame["treatment"])
    labels = cohort.labels
    for rho, gamma in EXPONENTS:
        method = f"fleming_harrington_{rho:g}_{gamma:g}"
        z = p_value = np.nan
        try:
            test = fleming_harrington(*arguments, rho=rho, gamma=gamma)
            z, p_value = test.z, test.p_value
        except InputError as error:
            notes.append(not_estimable(method, error))
        yield labels.row("logrank_z", TREATMENT_CONTRAST, method, z)
        yield labels.row("logrank_p", TREATMENT_CONTRAST, method, p_value)
    z = p_value = np.nan
    try:
        combined = max_combo(*arguments)
        z, p_value = combined.statistic, combined.p_value
    except InputError as error:
        notes.append(not_estimable("max_combo", error))
    yield labels.row("max_combo_z", TREATMENT_CONTRAST, "max_combo", z)
    yield labels.row("max_combo_p", TREATMENT_CONTRAST, "max_combo", p_value)
    for method, ratio in (
        ("observed_expected", observed_expected_hazard_ratio),
        ("peto", peto_hazard_ratio),
    ):
        log_hr = se = np.nan
        try:
            found = ratio(*arguments, prob=labels.prob)
            log_hr, se = found.log_estimate, found.log_standard_error
        except InputError as error:
            notes.append(not_estimable(method, error))
        half = labels.quantile * se
        yield from labels.ratio(
            "hr", TREATMENT_CONTRAST, method, log_hr, (log_hr - half, log_hr + half)
        )


def _model_rows(cohort: ConventionalCohort, notes: list[str]) -> Iterable[Estimate]:
    for method, fit in _models(cohort).items():
        coef = lower = upper = np.full(cohort.design.shape[1], np.nan)
        kind = "profile" if method == "cox_firth_efron" else "wald"
        try:
            found = fit()
            coef, lower, upper = found.coef, found.lower, found.upper
        except InputError as error:
            notes.append(not_estimable(method, error))
        yield from term_rows(cohort, method, coef, lower, upper, kind=kind)


def _models(cohort: ConventionalCohort) -> Mapping[str, Callable[[], _Fit]]:
    """Return how each model is fitted, by method."""
    terms, follow_up, prob = cohort.design, cohort.follow_up, cohort.labels.prob
    models: dict[str, Callable[[], _Fit]] = {
        "cox_breslow": lambda: cox(terms, *follow_up, ties="breslow", prob=prob),
        "cox_efron_robust": lambda: robust_cox(terms, *follow_up, prob=prob),
        "cox_firth_efron": lambda: firth_cox(terms, *follow_up, prob=prob),
    }
    if cohort.has_centers:
        center = cohort.frame["center"]
        models["cox_efron_cluster"] = lambda: robust_cox(
            terms, *follow_up, cluster=center, prob=prob
        )
        models["cox_efron_frailty_gamma"] = lambda: frailty_cox(
            terms, *follow_up, center, prob=prob
        )
    return models


def _check_rows(cohort: ConventionalCohort, notes: list[str]) -> Iterable[Estimate]:
    """Yield what speaks of the adjusted Cox model: proportionality and concordance."""
    labels, method = cohort.labels, "schoenfeld_km"
    try:
        test = proportional_hazards_test(cohort.design, *cohort.follow_up)
        for row in test.table.to_dict("records"):
            contrast = cohort.contrasts.get(str(row["term"]), str(row["term"]))
            yield labels.row("proportional_hazards_p", contrast, method, row["p_value"])
            if row["reason"]:
                notes.append(f"{method}, {row['term']}: {row['reason']}")
    except InputError as error:
        notes.append(not_estimable(method, error))
    try:
        fit = cohort.cox(cohort.design)
        score = cohort.design.to_numpy(dtype=np.float64) @ fit.coef
        found = concordance(score, *cohort.follow_up, prob=labels.prob)
        limits = (found.lower, found.upper)
        yield labels.row(
            "concordance", "all terms", "cox_efron", found.estimate, limits=limits, kind="wald"
        )
    except InputError as error:
        notes.append(not_estimable("concordance", error))
