"""Cox regression, run to the last digit and with its failures named.

Efron's ties are lifelines' fit, which stops where half the Newton decrement is below 1e-7, up to
4e-4 standard errors off; the settings here take it to rounding. It has no Breslow's ties.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

from hccbayes.defaults import INTERVAL_PROB
from hccbayes.errors import InputError, Problem
from hccbayes.frequentist.breslow import breslow_likelihood
from hccbayes.frequentist.episodes import Episodes, FloatArray, stratum_codes
from hccbayes.frequentist.identifiability import (
    NotEstimableError,
    dependent_terms,
    separated_terms,
)
from hccbayes.frequentist.newton import NoMaximumError, maximize
from hccbayes.frequentist.partial_likelihood import Ties

NEWTON: Final = {"precision": 1e-18, "r_precision": 0.0, "max_steps": 200}
"""A decrement of 1e-18 leaves an error of 1e-9 standard errors. The relative change of the
log-likelihood is no criterion: it reaches its rounding while the coefficients still move."""

STEP_SIZES: Final = (0.5, 0.1)
"""First steps tried, as shares of Newton's; lifelines lengthens them as it converges. A full first
step can overshoot to an overflow, and lifelines does not step back."""

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
    if not 0 < prob < 1:
        raise InputError(Problem("prob", f"must lie between 0 and 1, not {prob!r}"))
    if ties not in _FITS:
        known = ", ".join(get_args(Ties))
        raise InputError(Problem("ties", f"unknown ties {ties!r}; choose from {known}"))
    episodes = Episodes.of(start, stop, event)
    values, terms = design_values(design, len(episodes.stop))
    codes = stratum_codes(strata, len(values))
    if not episodes.event.any():
        raise NotEstimableError(Problem("event", "no event: a Cox model has nothing to fit"))
    check_identified(values, terms, episodes, codes)
    # Standardized, so that neither lifelines' warnings nor its steps depend on the units.
    scale = values.std(axis=0)
    standardized = (values - values.mean(axis=0)) / scale
    coef, se, log_likelihood = _FITS[ties](standardized, terms, episodes, codes)
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
        If it has no column, not one row an episode, a name twice, or a value that is not finite.
    """
    terms = tuple(str(column) for column in design.columns)
    problems = []
    if not terms:
        problems.append(Problem("design", "has no column; a Cox model needs a term"))
    if len(design) != rows:
        problems.append(Problem("design", f"has {len(design)} rows for {rows} episodes"))
    for column in design.columns[design.columns.duplicated()]:
        problems.append(Problem(f"term {column}", "stands in the design twice"))
    if problems:
        raise InputError(problems)
    values = design.to_numpy(dtype=np.float64)
    for term, finite in zip(terms, np.isfinite(values).all(axis=0), strict=True):
        if not finite:
            problems.append(Problem(f"term {term}", "has missing or infinite values"))
    if problems:
        raise InputError(problems)
    return values, terms


def _efron(
    design: FloatArray, terms: Sequence[str], episodes: Episodes, strata: NDArray[np.intp]
) -> tuple[FloatArray, FloatArray, float]:
    """Return coefficients, standard errors and log-likelihood of a standardized design."""
    reason = ""
    for step_size in STEP_SIZES:
        try:
            coef, se, log_likelihood = _lifelines_fit(design, episodes, strata, step_size)
        except _FitFailed as failure:
            reason = str(failure)
            # A second attempt is of no use where there is no maximum.
            separated = separated_terms(design, terms, episodes, strata)
            if separated:
                raise not_estimable(separated, terms, reason) from None
            continue
        if not (se < SUSPICIOUS_SE).all():
            separated = separated_terms(design, terms, episodes, strata)
            if separated:
                raise not_estimable(separated, terms, "")
        return coef, se, log_likelihood
    raise not_estimable((), terms, reason)


def _breslow(
    design: FloatArray, terms: Sequence[str], episodes: Episodes, strata: NDArray[np.intp]
) -> tuple[FloatArray, FloatArray, float]:
    """Return coefficients, standard errors and log-likelihood of a standardized design."""
    reason = ""
    likelihood = breslow_likelihood(design, episodes, strata)
    try:
        coef, fitted = maximize(likelihood, np.zeros(design.shape[1]))
        se = np.sqrt(np.diag(np.linalg.inv(fitted.information)))
        if (se < SUSPICIOUS_SE).all():
            return coef, se, fitted.value
    except NoMaximumError as failure:
        reason = str(failure)
    separated = separated_terms(design, terms, episodes, strata)
    raise not_estimable(separated, terms, reason or "the information is singular")


_FITS: Final = {"efron": _efron, "breslow": _breslow}


class _FitFailed(Exception):
    """lifelines did not converge; the message says how."""


def _lifelines_fit(
    design: FloatArray, episodes: Episodes, strata: NDArray[np.intp], step_size: float
) -> tuple[FloatArray, FloatArray, float]:
    from lifelines import CoxPHFitter
    from lifelines.exceptions import ConvergenceError, ConvergenceWarning

    # Names of our own: a term may be called like one of these columns.
    columns = [f"x{index}" for index in range(design.shape[1])]
    frame = pd.DataFrame(design, columns=columns).assign(
        stop=episodes.stop, event=episodes.event, stratum=strata
    )
    if episodes.delayed:
        # Anything before 0 puts an episode that starts at the origin into every risk set up to
        # its end; minus infinity is refused.
        frame["entry"] = np.maximum(episodes.entry, -1.0)
    try:
        with warnings.catch_warnings():
            # exp() of a diverging linear predictor; the failure is reported by its own error.
            warnings.simplefilter("ignore", RuntimeWarning)
            # After the line above and so before it in effect: it is a RuntimeWarning itself.
            warnings.simplefilter("error", ConvergenceWarning)
            fitted = CoxPHFitter().fit(
                frame if strata.any() else frame.drop(columns="stratum"),
                duration_col="stop",
                event_col="event",
                entry_col="entry" if episodes.delayed else None,
                strata="stratum" if strata.any() else None,
                fit_options={"step_size": step_size, **NEWTON},
            )
    except (ConvergenceError, ConvergenceWarning, np.linalg.LinAlgError) as failure:
        raise _FitFailed(str(failure).strip()) from None
    se = fitted.standard_errors_[columns].to_numpy()
    if not np.isfinite(se).all():
        raise _FitFailed("the information is singular")
    return fitted.params_[columns].to_numpy(), se, float(fitted.log_likelihood_)


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
