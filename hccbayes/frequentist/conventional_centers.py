"""Centers in Cox regression: strata, covariates, frailties, and effects of their own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from hccbayes.frequentist.center_dummies import CenterDummies, center_dummies
from hccbayes.frequentist.conventional_cohort import ConventionalCohort, not_estimable
from hccbayes.frequentist.cox import design_values
from hccbayes.frequentist.episodes import Episodes, FloatArray
from hccbayes.frequentist.frailty import frailty_cox
from hccbayes.frequentist.identifiability import NotEstimableError
from hccbayes.frequentist.partial_likelihood import likelihood_slots, partial_likelihood
from hccbayes.records import TREATMENT_CONTRAST, Estimate

STRATA = "cox_efron_strata"
COVARIATE = "cox_efron_center"
FRAILTY = "cox_efron_frailty_gaussian"
SLOPES = "cox_efron_strata_slopes"


def center_rows(
    cohort: ConventionalCohort, notes: list[str], *, slopes: bool
) -> Iterable[Estimate]:
    """Yield the log hazard ratios of all terms with centers in the model, and the centers' own.

    Parameters
    ----------
    cohort
        With two or more centers.
    notes
        Is told what cannot be estimated, and why.
    slopes
        Whether the treatment effect of each center is asked for.
    """
    yield from _strata_rows(cohort, notes)
    yield from _covariate_rows(cohort, notes)
    yield from _frailty_rows(cohort, notes)
    if slopes:
        yield from _slope_rows(cohort, notes)


def term_rows(
    cohort: ConventionalCohort,
    method: str,
    coef: FloatArray,
    lower: FloatArray,
    upper: FloatArray,
    *,
    kind: str = "wald",
) -> Iterable[Estimate]:
    """Yield log hazard ratio and hazard ratio of the design's terms, as far as there are any."""
    for term, value, low, high in zip(cohort.design.columns, coef, lower, upper, strict=False):
        contrast = cohort.contrasts[term]
        yield from cohort.labels.ratio("hr", contrast, method, float(value), (low, high), kind=kind)


def _strata_rows(cohort: ConventionalCohort, notes: list[str]) -> Iterable[Estimate]:
    coef = lower = upper = np.full(cohort.design.shape[1], np.nan)
    try:
        fit = cohort.cox(cohort.design, cohort.frame["center"])
        coef, lower, upper = fit.coef, fit.lower, fit.upper
    except NotEstimableError as error:
        notes.append(not_estimable(STRATA, error))
    yield from term_rows(cohort, STRATA, coef, lower, upper)


def _covariate_rows(cohort: ConventionalCohort, notes: list[str]) -> Iterable[Estimate]:
    coded = center_dummies(*cohort.follow_up, cohort.frame["center"])
    notes.extend(_center_notes(coded))
    design = pd.concat([cohort.design.reset_index(drop=True), coded.dummies], axis=1)
    terms = cohort.design.shape[1]
    coef = lower = upper = np.full(terms, np.nan)
    levels: list[Estimate] = []
    try:
        fit = cohort.cox(design, coded.block)
        # Center dummies stand behind the terms.
        coef, lower, upper = (part[:terms] for part in (fit.coef, fit.lower, fit.upper))
        if len(coded.compared) == 1:
            levels = list(_level_rows(cohort, coded, design, fit.coef))
    except NotEstimableError as error:
        notes.append(not_estimable(COVARIATE, error))
    yield from term_rows(cohort, COVARIATE, coef, lower, upper)
    yield from levels


def _level_rows(
    cohort: ConventionalCohort, coded: CenterDummies, design: pd.DataFrame, coef: FloatArray
) -> Iterable[Estimate]:
    """Yield each center's log hazard against the mean center, weighted by events."""
    episodes = Episodes.of(*cohort.follow_up)
    values, terms = design_values(design, len(episodes.stop))
    slots = likelihood_slots(episodes, coded.block, "efron")
    centered = values - values.mean(axis=0)
    information = partial_likelihood(centered, np.ones(len(values)), slots, coef).information
    own = np.flatnonzero([term in coded.dummies.columns for term in terms])
    covariance = np.linalg.inv(information)[np.ix_(own, own)]
    centers = list(coded.compared[0])
    # A row a center, a column a dummy; the center without one is the zero.
    levels = np.array([[f"center[{label}]" == terms[k] for k in own] for label in centers], float)
    contrasts = levels - _event_shares(cohort, centers) @ levels
    log_hr = contrasts @ coef[own]
    se = np.sqrt(np.einsum("ij,jk,ik->i", contrasts, covariance, contrasts))
    half = cohort.labels.quantile * se
    for label, value, width in zip(centers, log_hr, half, strict=True):
        limits = (value - width, value + width)
        yield from cohort.labels.ratio("center_hr", mean_center(label), COVARIATE, value, limits)


def _frailty_rows(cohort: ConventionalCohort, notes: list[str]) -> Iterable[Estimate]:
    coef = lower = upper = np.full(cohort.design.shape[1], np.nan)
    levels: list[Estimate] = []
    try:
        fit = frailty_cox(
            cohort.design,
            *cohort.follow_up,
            cohort.frame["center"],
            distribution="gaussian",
            prob=cohort.labels.prob,
        )
        coef, lower, upper = fit.coef, fit.lower, fit.upper
        if fit.reason:
            notes.append(f"{FRAILTY}: the variance between centers is 0: {fit.reason}")
        centers = [str(label) for label in fit.log_frailty.index]
        own = fit.log_frailty.to_numpy()
        deviation = own - _event_shares(cohort, centers) @ own
        unknown = (np.nan, np.nan)
        for label, value in zip(centers, deviation, strict=True):
            contrast = mean_center(label)
            levels += cohort.labels.ratio("center_hr", contrast, FRAILTY, float(value), unknown)
    except NotEstimableError as error:
        notes.append(not_estimable(FRAILTY, error))
    yield from term_rows(cohort, FRAILTY, coef, lower, upper)
    yield from levels


def _slope_rows(cohort: ConventionalCohort, notes: list[str]) -> Iterable[Estimate]:
    """Yield each center's own treatment effect, centers as strata, covariate effects in common."""
    center = cohort.frame["center"].astype(str)
    labels = sorted(center.unique())
    found = dict.fromkeys(labels, (np.nan, np.nan, np.nan))
    known = [label for label in labels if _own_effect(cohort, center == label, label, notes)]
    part = cohort.only(center.isin(known))
    try:
        fit = part.cox(_slope_design(part, known), part.frame["center"])
        found |= dict(zip(known, zip(fit.coef, fit.lower, fit.upper, strict=True), strict=False))
    except NotEstimableError as error:
        notes.append(not_estimable(SLOPES, error))
    for label, (value, low, high) in found.items():
        own = replace(cohort.labels, population=f"center {label}")
        yield from own.ratio("hr", TREATMENT_CONTRAST, SLOPES, float(value), (low, high))


def _own_effect(cohort: ConventionalCohort, own: pd.Series, label: str, notes: list[str]) -> bool:
    """Whether a center's patients alone say something of the treatment; a note where not."""
    alone = cohort.only(own)
    try:
        alone.cox(alone.design[["treatment"]])
    except NotEstimableError as error:
        notes.append(not_estimable(f"{SLOPES}, center {label}", error))
        return False
    return True


def _slope_design(part: ConventionalCohort, centers: Sequence[str]) -> pd.DataFrame:
    """Return a treatment column a center, and behind them the other terms."""
    treatment = part.design["treatment"]
    columns = {
        f"treatment[{label}]": treatment.where(part.frame["center"].astype(str) == label, 0.0)
        for label in centers
    }
    return pd.DataFrame(columns).join(part.design.drop(columns="treatment"))


def mean_center(label: str) -> str:
    """Return the contrast of a center with the mean center."""
    return f"{label} / mean center"


def _event_shares(cohort: ConventionalCohort, centers: Sequence[str]) -> FloatArray:
    """Return the share of the events of each center, the weights of the mean center."""
    events = cohort.frame.groupby(cohort.frame["center"].astype(str))["event"].sum()
    counts = events.reindex(list(centers)).to_numpy(dtype=np.float64)
    return np.asarray(counts / counts.sum())


def _center_notes(coded: CenterDummies) -> Iterable[str]:
    if coded.without_event:
        listed = ", ".join(coded.without_event)
        patients = sum(coded.without_event.values())
        yield (
            f"cox_efron_center: {len(coded.without_event)} center(s) without an event, with "
            f"{patients} patient(s), carry no information and take no part: {listed}"
        )
    if len(coded.compared) > 1:
        listed = "; ".join(", ".join(block) for block in coded.compared)
        yield (
            "cox_efron_center: some centers' levels cannot be compared with one another and are "
            f"strata: {listed}"
        )
