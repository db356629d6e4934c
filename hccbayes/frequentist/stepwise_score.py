"""The stepwise propensity score of a cohort as tables: its path, and what it kept."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import norm

from hccbayes.defaults import INTERVAL_PROB
from hccbayes.frequentist.identifiability import NotEstimableError
from hccbayes.frequentist.screening import ratio_of, reason_of
from hccbayes.frequentist.stepwise_logistic import (
    Criterion,
    StepwiseSelection,
    StepwiseStep,
    stepwise_logistic,
)

SCORE_COLUMNS: Final = ("covariate", "term", "kept", "odds_ratio", "lower", "upper", "p_value")
PATH_COLUMNS: Final = tuple(StepwiseStep.__dataclass_fields__)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StepwiseScore:
    """A stepwise logistic propensity score.

    Parameters
    ----------
    terms
        One row a term, columns of :data:`SCORE_COLUMNS`: odds ratio of treatment with Wald limits
        and p; ``nan`` for terms that were not kept.
    path
        One row a step: ``action``, ``factor``, ``aic``, ``log_likelihood``, ``p_value``.
    note
        Why there is no score; empty where there is one.
    """

    terms: pd.DataFrame
    path: pd.DataFrame
    note: str


def stepwise_score(
    columns: pd.DataFrame,
    treatment: ArrayLike,
    factors: Mapping[str, Sequence[str]],
    *,
    criterion: Criterion = "aic",
    prob: float = INTERVAL_PROB,
) -> StepwiseScore:
    """Return the stepwise logistic score of a design.

    Parameters
    ----------
    columns, treatment, factors, criterion
        As for :func:`hccbayes.frequentist.stepwise_logistic.stepwise_logistic`, both directions.
    prob
        Probability of the limits.
    """
    try:
        found = stepwise_logistic(columns, treatment, factors=factors, criterion=criterion)
    except NotEstimableError as error:
        return StepwiseScore(
            terms=pd.DataFrame(columns=list(SCORE_COLUMNS)),
            path=pd.DataFrame(columns=list(PATH_COLUMNS)),
            note=reason_of(error),
        )
    rows = [_row(factor, term, found, prob) for factor, terms in factors.items() for term in terms]
    return StepwiseScore(
        terms=pd.DataFrame(rows, columns=list(SCORE_COLUMNS)),
        path=pd.DataFrame([asdict(step) for step in found.path], columns=list(PATH_COLUMNS)),
        note="",
    )


def _row(factor: str, term: str, found: StepwiseSelection, prob: float) -> dict[str, Any]:
    row: dict[str, Any] = {"covariate": factor, "term": term, "kept": term in found.terms}
    if not row["kept"]:
        return row | dict.fromkeys(("odds_ratio", "lower", "upper", "p_value"), math.nan)
    place = found.fit.terms.index(term)
    coef, se = float(found.fit.coef[place]), float(found.fit.se[place])
    half = float(norm.ppf((1.0 + prob) / 2.0)) * se
    return row | {
        "odds_ratio": ratio_of(coef),
        "lower": ratio_of(coef - half),
        "upper": ratio_of(coef + half),
        "p_value": 2.0 * float(norm.sf(abs(coef / se))),
    }
