"""Cox regression, run to the last digit and with its failures named.

The likelihood is the package's own (`running_sums.py`). lifelines has Efron's ties alone, stops
where half the Newton decrement is below 1e-7, up to 4e-4 standard errors off, does not step back
from a step that is too long, and takes many times as long; tests hold the two together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

from hccbayes.defaults import INTERVAL_PROB
from hccbayes.errors import InputError, Problem
from hccbayes.frequentist.arguments import check_prob, term_values
from hccbayes.frequentist.breslow import breslow_likelihood
from hccbayes.frequentist.efron import efron_likelihood
from hccbayes.frequentist.episodes import Episodes, FloatArray, stratum_codes
from hccbayes.frequentist.identifiability import (
    NotEstimableError,
    dependent_terms,
    separated_terms,
)
from hccbayes.frequentist.newton import NoMaximumError, maximize
from hccbayes.frequentist.partial_likelihood import Ties

SUSPICIOUS_SE: Final = 100.0
"""Standard error of a standardized term, 1e-4 of one event's information, from which a fit is
searched for separation. Where a coefficient runs to infinity Newton's method stops when score and
information have both gone below rounding, at standard errors of a million and more."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CoxFit:
    """A fitted Cox model, on the scale of the design it was given.

    Parameters
    ----------
    terms
        Names of the design's columns.
    coef, se
        Log hazard ratios per unit of each term and their standard errors from the observed
        information, shape ``(terms,)``.
    lower, upper
        Wald limits of `coef`.
    interval_prob
        Probability of the limits.
    log_likelihood
        Log partial likelihood at its maximum.
    rows, events
        Rows and events used.
    method
        ``cox_efron`` or ``cox_breslow``.
    """

    terms: tuple[str, ...]
    coef: FloatArray
    se: FloatArray
    lower: FloatArray
    upper: FloatArray
    interval_prob: float
    log_likelihood: float
    rows: int
    events: int
    method: str = "cox_efron"


def cox(
    design: pd.DataFrame,
    start: ArrayLike,
    stop: ArrayLike,
    event: ArrayLike,
    *,
    strata: ArrayLike | None = None,
    ties: Ties = "efron",
    prob: float = INTERVAL_PROB,
) -> CoxFit:
    r"""Fit a Cox model by maximum partial likelihood.

    .. math:: \ell(\beta) = \sum_k \Bigl[ \sum_{i \in D_k} x_i'\beta - \sum_{r=0}^{d_k - 1}
              \log\Bigl(\sum_{i \in R_k} e^{x_i'\beta}
              - \tfrac{r}{d_k} \sum_{i \in D_k} e^{x_i'\beta}\Bigr) \Bigr]

    over the event times k of every stratum, with deaths :math:`D_k` and risk set :math:`R_k`; the
    default of R's ``coxph`` (Efron 1977). With Breslow's (1974) ties the :math:`r / d_k` are 0,
    which draws hazard ratios toward 1 where ties are many.

    Parameters
    ----------
    design
        One column a term, one row an episode, without intercept.
    start, stop, event
        Episodes in months as for :meth:`Episodes.of`.
    strata
        Label of each row's stratum; each has a baseline hazard of its own.
    ties
        ``efron`` or ``breslow``.
    prob
        Probability of the Wald limits.

    Returns
    -------
    CoxFit
        Coefficients in the order of the columns.

    Raises
    ------
    InputError
        If the input is wrong.
    NotEstimableError
        If there is no event, a term is constant or a combination of the terms before it wherever
        patients are compared, or a coefficient runs to infinity because its term separates those
        who die from those at risk with them. The message names the terms.
    """
    check_prob(prob)
    if ties not in _LIKELIHOODS:
        known = ", ".join(get_args(Ties))
        raise InputError(Problem("ties", f"unknown ties {ties!r}; choose from {known}"))
    episodes = Episodes.of(start, stop, event)
    values, terms = design_values(design, len(episodes.stop))
    codes = stratum_codes(strata, len(values))
    if not episodes.event.any():
        raise NotEstimableError(Problem("event", "no event: a Cox model has nothing to fit"))
    check_identified(values, terms, episodes, codes)
    # Standardized, so that neither the steps nor what a suspicious error is depend on the units.
    scale = values.std(axis=0)
    standardized = (values - values.mean(axis=0)) / scale
    coef, se, log_likelihood = _fit(standardized, terms, episodes, codes, ties)
    half = float(norm.ppf((1 + prob) / 2)) * se / scale
    return CoxFit(
        terms=terms,
        coef=coef / scale,
        se=se / scale,
        lower=coef / scale - half,
        upper=coef / scale + half,
        interval_prob=prob,
        log_likelihood=log_likelihood,
        rows=len(values),
        events=int(episodes.event.sum()),
        method=f"cox_{ties}",
    )


def check_identified(
    design: FloatArray, terms: Sequence[str], episodes: Episodes, strata: NDArray[np.intp]
) -> None:
    """Raise where the risk sets do not determine every coefficient.

    Raises
    ------
    NotEstimableError
        Naming each term that is constant or a combination of those before it.
    """
    message = "is constant, or a combination of the terms before it, in every risk set"
    dependent = dependent_terms(design, terms, episodes, strata)
    if dependent:
        raise NotEstimableError([Problem(f"term {term}", message) for term in dependent])


def design_values(design: pd.DataFrame, rows: int) -> tuple[FloatArray, tuple[str, ...]]:
    """Return a design as an array, shape ``(rows, terms)``, and the names of its columns.

    Raises
    ------
    InputError
        If it has no column, not one row an episode, a name twice, or a value that is no number.
    """
    problems = []
    if not len(design.columns):
        problems.append(Problem("design", "has no column; a Cox model needs a term"))
    if len(design) != rows:
        problems.append(Problem("design", f"has {len(design)} rows for {rows} episodes"))
    if problems:
        raise InputError(problems)
    return term_values(design)


def _fit(
    design: FloatArray,
    terms: Sequence[str],
    episodes: Episodes,
    strata: NDArray[np.intp],
    ties: Ties,
) -> tuple[FloatArray, FloatArray, float]:
    """Return coefficients, standard errors and log-likelihood of a standardized design."""
    likelihood = _LIKELIHOODS[ties](design, episodes, strata)
    try:
        coef, fitted = maximize(likelihood, np.zeros(design.shape[1]))
        variances = np.diag(np.linalg.inv(fitted.information))
    except (NoMaximumError, np.linalg.LinAlgError) as failure:
        separated = separated_terms(design, terms, episodes, strata)
        raise not_estimable(separated, terms, str(failure)) from None
    # Far along a separating direction the variances are rounding, of either sign.
    known = bool((np.isfinite(variances) & (variances > 0)).all())
    if not known or not (variances < SUSPICIOUS_SE**2).all():
        separated = separated_terms(design, terms, episodes, strata)
        if separated or not known:
            raise not_estimable(separated, terms, "the information is singular")
    return coef, np.sqrt(variances), fitted.value


_LIKELIHOODS: Final = {"efron": efron_likelihood, "breslow": breslow_likelihood}


def not_estimable(separated: Sequence[str], terms: Sequence[str], reason: str) -> NotEstimableError:
    """Return the error of a fit without a maximum: its separated terms, or else the reason."""
    if not separated:
        listed = ", ".join(terms)
        return NotEstimableError(
            Problem("Cox model", f"did not converge with the terms {listed}: {reason}")
        )
    return NotEstimableError(
        [
            Problem(
                f"term {term}",
                "has no finite log hazard ratio: it, or a combination with it, is largest in "
                "those who die at every event (separation)",
            )
            for term in separated
        ]
    )
