"""Univariable Cox models, and the multivariable one of those whose p is small: what papers do.

A description of practice and no recommendation. Covariates that confound need not be associated
with survival on their own; the p-values and limits of the multivariable model are those of a model
chosen beforehand, which this one is not (Sun, Shook and Kay 1996, Journal of Clinical Epidemiology
49:907).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from scipy.stats import chi2 as chi2_distribution
from scipy.stats import norm

from hccbayes.defaults import INTERVAL_PROB
from hccbayes.errors import InputError, Problem
from hccbayes.formula import TREATMENT
from hccbayes.frequentist.arguments import is_number
from hccbayes.frequentist.covariate_levels import check_numbers
from hccbayes.frequentist.cox import CoxFit, cox
from hccbayes.frequentist.episodes import Episodes
from hccbayes.frequentist.identifiability import NotEstimableError
from hccbayes.frequentist.partial_likelihood import likelihood_slots, partial_likelihood

P_ENTER: Final = 0.05
"""Univariable p below which a covariate enters, unless another limit is given; 0.1 is common."""

COX_COLUMNS: Final = ("covariate", "term", "contrast", "hr", "lower", "upper", "p_value", "note")
UNIVARIABLE_COLUMNS: Final = (*COX_COLUMNS[:-1], "entry_p", "enters", "note")

NO_TREATMENT_RULE: Final = "enters whatever its p: it is what the study asks about"
NO_INTERACTION: Final = "not screened: an interaction means nothing without its main effects"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Screening:
    """Univariable and multivariable Cox models under an entry rule.

    Parameters
    ----------
    univariable
        One row a term, columns of :data:`UNIVARIABLE_COLUMNS`: hazard ratio, Wald limits and p of
        the model that holds its covariate alone; ``entry_p`` decides over the covariate.
    multivariable
        One row a term of the covariates that entered, columns of :data:`COX_COLUMNS`.
    p_enter
        Limit of ``entry_p``.
    """

    univariable: pd.DataFrame
    multivariable: pd.DataFrame
    p_enter: float


def screened_cox(
    frame: pd.DataFrame,
    design: pd.DataFrame,
    covariates: Mapping[str, Sequence[str]],
    contrasts: Mapping[str, str],
    *,
    p_enter: float = P_ENTER,
    prob: float = INTERVAL_PROB,
) -> Screening:
    """Return Cox models of each covariate alone, and of those with a small p together.

    A covariate enters where its univariable p is below `p_enter`: Wald's p of a single term, the
    likelihood ratio p of a factor of several. The treatment always enters. A covariate whose
    hazard ratio the data do not determine does not enter.

    Parameters
    ----------
    frame
        One row a patient: ``entry`` and ``time`` in months, ``event``.
    design
        One column a term, ``treatment`` among them, rows as in `frame`.
    covariates
        Terms of each covariate, ``treatment`` among them.
    contrasts
        What each term's hazard ratio compares.
    p_enter
        Limit of the rule, above 0 and at most 1.
    prob
        Probability of the limits.

    Raises
    ------
    InputError
        If the limit or the follow-up is wrong, a term is no number, or the covariates do not hold
        the treatment and columns of the design.
    """
    check_numbers(frame, ("entry", "time", "event"))
    _check(design, covariates, p_enter)
    follow_up = (frame["entry"], frame["time"], frame["event"])
    univariable: list[dict[str, Any]] = []
    entering: list[str] = []
    for covariate, terms in covariates.items():
        rows, entry_p = _univariable(covariate, terms, design, follow_up, contrasts, prob)
        enters = covariate == TREATMENT or entry_p < p_enter
        if enters:
            entering.append(covariate)
        univariable += [row | {"entry_p": entry_p, "enters": enters} for row in rows]
    chosen = {name: covariates[name] for name in entering}
    together = [term for terms in chosen.values() for term in terms]
    fit, reason = _fit(design[together], follow_up, prob)
    multivariable = [
        _row(name, term, contrasts, fit, reason) for name, terms in chosen.items() for term in terms
    ]
    return Screening(
        univariable=pd.DataFrame(univariable, columns=list(UNIVARIABLE_COLUMNS)),
        multivariable=pd.DataFrame(multivariable, columns=list(COX_COLUMNS)),
        p_enter=p_enter,
    )


_FollowUp = tuple[pd.Series, pd.Series, pd.Series]


def _univariable(
    covariate: str,
    terms: Sequence[str],
    design: pd.DataFrame,
    follow_up: _FollowUp,
    contrasts: Mapping[str, str],
    prob: float,
) -> tuple[list[dict[str, Any]], float]:
    """Return the rows of a covariate's own model, and the p that decides whether it enters."""
    if ":" in covariate:
        rows = [_row(covariate, term, contrasts, None, NO_INTERACTION) for term in terms]
        return rows, math.nan
    fit, reason = _fit(design[list(terms)], follow_up, prob)
    note = NO_TREATMENT_RULE if covariate == TREATMENT and fit is not None else reason
    rows = [_row(covariate, term, contrasts, fit, note) for term in terms]
    if fit is None:
        return rows, math.nan
    if len(terms) == 1:
        return rows, float(rows[0]["p_value"])
    statistic = 2.0 * (fit.log_likelihood - null_log_likelihood(*follow_up))
    return rows, float(chi2_distribution.sf(statistic, len(terms)))


def null_log_likelihood(entry: pd.Series, time: pd.Series, event: pd.Series) -> float:
    """Return the log partial likelihood of a Cox model without terms, Efron's ties."""
    episodes = Episodes.of(entry, time, event)
    rows = len(episodes.stop)
    slots = likelihood_slots(episodes, np.zeros(rows, dtype=np.intp), "efron")
    empty = partial_likelihood(np.zeros((rows, 1)), np.ones(rows), slots, np.zeros(1))
    return empty.value


def reason_of(error: InputError) -> str:
    """Return why something is not estimable, as one line for a note."""
    return "not estimable: " + "; ".join(str(problem) for problem in error.problems)


def ratio_of(log_ratio: float) -> float:
    """Return the ratio of a log ratio; infinite where it is larger than a number can be."""
    with np.errstate(over="ignore"):
        return float(np.exp(log_ratio))


def _fit(design: pd.DataFrame, follow_up: _FollowUp, prob: float) -> tuple[CoxFit | None, str]:
    """Return the fit, or ``None`` and the reason."""
    try:
        return cox(design, *follow_up, prob=prob), ""
    except NotEstimableError as error:
        return None, reason_of(error)


def _row(
    covariate: str, term: str, contrasts: Mapping[str, str], fit: CoxFit | None, note: str
) -> dict[str, Any]:
    numbers = dict.fromkeys(("hr", "lower", "upper", "p_value"), math.nan)
    if fit is not None:
        place = fit.terms.index(term)
        coef, se = float(fit.coef[place]), float(fit.se[place])
        numbers = {
            "hr": ratio_of(coef),
            "lower": ratio_of(fit.lower[place]),
            "upper": ratio_of(fit.upper[place]),
            "p_value": 2.0 * float(norm.sf(abs(coef / se))),
        }
    return {
        "covariate": covariate,
        "term": term,
        "contrast": contrasts[term],
        **numbers,
        "note": note,
    }


def _check(design: pd.DataFrame, covariates: Mapping[str, Sequence[str]], p_enter: float) -> None:
    problems = []
    if not (is_number(p_enter) and 0 < p_enter <= 1):
        problems.append(Problem("p_enter", f"must lie above 0 and not above 1, not {p_enter!r}"))
    if TREATMENT not in covariates:
        problems.append(Problem("covariates", f"must hold `{TREATMENT}`"))
    problems += [
        Problem(f"term {term}", "is no number; make its levels columns of 0/1")
        for term, kind in design.dtypes.items()
        if not pd.api.types.is_numeric_dtype(kind)
    ]
    unknown = [term for terms in covariates.values() for term in terms if term not in design]
    if unknown:
        known = ", ".join(map(str, design.columns))
        message = f"unknown terms {', '.join(unknown)}; the design has {known}"
        problems.append(Problem("covariates", message))
    if problems:
        raise InputError(problems)
