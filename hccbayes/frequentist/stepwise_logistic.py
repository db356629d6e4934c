"""Stepwise choice of a propensity model's covariates, as papers report it.

A description of practice, kept so that a published analysis can be repeated, and no recommendation:
the covariates it leaves out are those that predict treatment little, whatever they do to survival,
and standard errors after it are those of a model chosen without looking.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import chi2 as chi2_distribution

from hccbayes.errors import InputError, Problem
from hccbayes.frequentist.logistic import LogisticFit, logistic_regression

Direction = Literal["both", "forward", "backward"]
Criterion = Literal["aic", "likelihood_ratio"]
Action = Literal["start", "enter", "remove"]

AIC_TOLERANCE: Final = 1e-7
"""A smaller fall of the criterion is rounding (R's ``step``)."""
P_ENTER: Final = 0.05
P_REMOVE: Final = 0.10


@dataclass(frozen=True, slots=True, kw_only=True)
class StepwiseStep:
    """One move of a stepwise selection.

    Parameters
    ----------
    action
        ``start``, ``enter`` or ``remove``.
    factor
        The factor that came or went; empty at the start.
    aic, log_likelihood
        Of the model after the move.
    p_value
        Of the likelihood ratio test of the models before and after it; ``nan`` at the start.
    """

    action: Action
    factor: str
    aic: float
    log_likelihood: float
    p_value: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StepwiseSelection:
    """What a stepwise selection kept, and how it came there.

    Parameters
    ----------
    factors
        Factors kept, in the order of the data.
    terms
        Their columns.
    path
        Every move, the start first.
    fit
        The model at its end.
    """

    factors: tuple[str, ...]
    terms: tuple[str, ...]
    path: tuple[StepwiseStep, ...]
    fit: LogisticFit


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Search:
    """What the moves are made on."""

    columns: pd.DataFrame
    treatment: ArrayLike
    groups: Mapping[str, tuple[str, ...]]
    direction: Direction
    p_enter: float
    p_remove: float

    def terms(self, factors: Sequence[str]) -> list[str]:
        return [term for factor in self.groups if factor in factors for term in self.groups[factor]]

    def fit(self, factors: Sequence[str]) -> LogisticFit:
        return logistic_regression(self.columns[self.terms(factors)], self.treatment)

    def moves(self, kept: Sequence[str], action: Action) -> dict[str, LogisticFit]:
        """Return the fit after each possible move of one kind."""
        if action == "enter":
            outside = [factor for factor in self.groups if factor not in kept]
            allowed = self.direction != "backward"
            return {factor: self.fit([*kept, factor]) for factor in outside if allowed}
        allowed = self.direction != "forward"
        return {
            factor: self.fit([one for one in kept if one != factor]) for factor in kept if allowed
        }


def stepwise_logistic(
    columns: pd.DataFrame,
    treatment: ArrayLike,
    *,
    direction: Direction = "both",
    criterion: Criterion = "aic",
    p_enter: float = P_ENTER,
    p_remove: float = P_REMOVE,
    factors: Mapping[str, Sequence[str]] | None = None,
) -> StepwiseSelection:
    r"""Choose the covariates of a logistic propensity model step by step.

    ``forward`` and ``both`` start without covariates, ``backward`` with all. By ``aic`` each step
    is the move that lowers :math:`-2\ell + 2k` most (R's ``step``). By ``likelihood_ratio`` the
    factor with the smallest p-value below `p_enter` enters, after those with the largest above
    `p_remove` have left; p-values are those of the likelihood ratio test, where programs differ
    (SAS enters by the score test and removes by Wald's).

    Parameters
    ----------
    columns, treatment
        As for :func:`hccbayes.frequentist.logistic.logistic_regression`.
    direction
        ``both``, ``forward`` or ``backward``.
    criterion
        ``aic`` or ``likelihood_ratio``.
    p_enter, p_remove
        Limits of ``likelihood_ratio``; without effect on ``aic``.
    factors
        Columns of each factor, which enter and leave together; each column its own where left out.

    Returns
    -------
    StepwiseSelection
        Of use to repeat what a paper did. Choose covariates before looking at the data instead.

    Raises
    ------
    InputError
        If a name or a limit is not known, or the factors do not hold each column once.
    NotEstimableError
        If a model on the way separates the arms.
    """
    _check_names(direction, criterion, p_enter, p_remove)
    search = _Search(
        columns=columns,
        treatment=treatment,
        groups=_groups(columns, factors),
        direction=direction,
        p_enter=p_enter,
        p_remove=p_remove,
    )
    next_move = _move_by_aic if criterion == "aic" else _move_by_likelihood_ratio
    kept = list(search.groups) if direction == "backward" else []
    fit = search.fit(kept)
    path = [_step("start", "", fit, fit)]
    while (move := next_move(search, kept, fit)) is not None:
        action, factor, moved = move
        kept = [*kept, factor] if action == "enter" else [one for one in kept if one != factor]
        path.append(_step(action, factor, fit, moved))
        fit = moved
    return StepwiseSelection(
        factors=tuple(factor for factor in search.groups if factor in kept),
        terms=tuple(search.terms(kept)),
        path=tuple(path),
        fit=fit,
    )


_Move = tuple[Action, str, LogisticFit]


def _move_by_aic(search: _Search, kept: Sequence[str], fit: LogisticFit) -> _Move | None:
    """Return the move that lowers the criterion most, if one does."""
    actions: tuple[Action, ...] = ("remove", "enter")
    moves: list[_Move] = [
        (action, factor, moved)
        for action in actions
        for factor, moved in search.moves(kept, action).items()
    ]
    best = min(moves, key=lambda move: move[2].aic, default=None)
    return best if best is not None and best[2].aic < fit.aic - AIC_TOLERANCE else None


def _move_by_likelihood_ratio(
    search: _Search, kept: Sequence[str], fit: LogisticFit
) -> _Move | None:
    """Return the removal of the largest p-value above its limit, or else the next entry."""
    removals = search.moves(kept, "remove")
    if removals:
        factor = max(removals, key=lambda one: _p_value(fit, removals[one]))
        if _p_value(fit, removals[factor]) > search.p_remove:
            return "remove", factor, removals[factor]
    entries = search.moves(kept, "enter")
    if entries:
        factor = min(entries, key=lambda one: _p_value(fit, entries[one]))
        if _p_value(fit, entries[factor]) < search.p_enter:
            return "enter", factor, entries[factor]
    return None


def _p_value(one: LogisticFit, other: LogisticFit) -> float:
    """Return the p-value of the likelihood ratio test of two nested models, in either order."""
    statistic = 2.0 * abs(one.log_likelihood - other.log_likelihood)
    return float(chi2_distribution.sf(statistic, df=abs(len(one.terms) - len(other.terms))))


def _step(action: Action, factor: str, before: LogisticFit, after: LogisticFit) -> StepwiseStep:
    return StepwiseStep(
        action=action,
        factor=factor,
        aic=after.aic,
        log_likelihood=after.log_likelihood,
        p_value=float("nan") if action == "start" else _p_value(before, after),
    )


def _groups(
    columns: pd.DataFrame, factors: Mapping[str, Sequence[str]] | None
) -> dict[str, tuple[str, ...]]:
    names = [str(column) for column in columns.columns]
    if factors is None:
        return {name: (name,) for name in names}
    groups = {factor: tuple(terms) for factor, terms in factors.items()}
    listed = [term for terms in groups.values() for term in terms]
    if sorted(listed) != sorted(names) or not all(groups.values()):
        raise InputError(
            Problem("factors", f"must hold each column exactly once: {', '.join(names)}")
        )
    return groups


def _check_names(direction: str, criterion: str, p_enter: float, p_remove: float) -> None:
    problems = []
    for name, value, kind in (
        ("direction", direction, Direction),
        ("criterion", criterion, Criterion),
    ):
        if value not in get_args(kind):
            known = ", ".join(get_args(kind))
            problems.append(Problem(name, f"unknown {name} {value!r}; choose from {known}"))
    if not 0 < p_enter <= p_remove < 1:
        message = "need 0 < p_enter <= p_remove < 1: a factor could enter and leave without end"
        problems.append(Problem("p_enter, p_remove", message))
    if problems:
        raise InputError(problems)
