"""Schoenfeld residuals and the test of proportional hazards, as R's ``cox.zph`` has them.

R's ``survival`` tests by the score since version 3.0 (Therneau's ``cox.zph``), not by the
approximation of Grambsch & Therneau (1994) that older versions and lifelines use; the two differ
most in small and in stratified cohorts. Here it is the score test.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import chi2 as chi2_distribution
from scipy.stats import rankdata

from hccbayes.errors import InputError, Problem
from hccbayes.frequentist.arguments import check_known
from hccbayes.frequentist.cox import cox, design_values
from hccbayes.frequentist.episodes import Episodes, FloatArray, stratum_codes
from hccbayes.frequentist.kaplan_meier import kaplan_meier
from hccbayes.frequentist.partial_likelihood import Ties, likelihood_slots
from hccbayes.frequentist.risk_set_moments import RiskSetMoments, risk_set_moments

TimeTransform = Literal["km", "identity", "log", "rank"]

GLOBAL = "GLOBAL"
"""Name of the row that tests all terms at once."""
NO_CHANGE = "the events do not tell a change with time: too few times at which the term varies"
_COLUMNS = (GLOBAL, "time", "transformed_time")
SINGULAR = 1e-10
"""Share of the information on a change with time that is the rounding of differences of sums."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ProportionalHazardsTest:
    r"""A score test of proportional hazards.

    Parameters
    ----------
    table
        A row each term, or group of terms, and one ``GLOBAL``: ``term``, ``chi2``, ``df``,
        ``p_value``, ``reason``: why there is no test, with ``nan`` beside it; empty as a rule.
    residuals
        A row each event, ordered by stratum and time: ``time``, ``transformed_time`` and the scaled
        Schoenfeld residual of each term plus its coefficient, an estimate of the coefficient at
        that time. A term that varies in no risk set of the event's stratum has no residual there:
        ``nan``, and its name in `reason`; as have terms that the strata they share do not tell
        apart.
    schoenfeld
        The same rows with the residuals unscaled, :math:`x_i - \bar x(t_i)`.
    transform
        ``km``, ``identity``, ``log`` or ``rank``.
    ties
        ``efron`` or ``breslow``.
    reason
        Which terms have no residual in which strata; empty as a rule.
    """

    table: pd.DataFrame
    residuals: pd.DataFrame
    schoenfeld: pd.DataFrame
    transform: str
    ties: str
    reason: str


def proportional_hazards_test(
    design: pd.DataFrame,
    start: ArrayLike,
    stop: ArrayLike,
    event: ArrayLike,
    *,
    strata: ArrayLike | None = None,
    ties: Ties = "efron",
    transform: TimeTransform = "km",
    groups: Mapping[str, Sequence[str]] | None = None,
) -> ProportionalHazardsTest:
    r"""Test whether the coefficients of a Cox model change with time.

    The score test of :math:`\theta = 0` in :math:`\beta(t) = \beta + \theta g(t)` at the fitted
    coefficients,

    .. math:: \chi^2 = \begin{pmatrix} 0 \\ U \end{pmatrix}'
              \begin{pmatrix} \sum d_s V_s & \sum d_s g_s V_s \\
              \sum d_s g_s V_s & \sum d_s g_s^2 V_s \end{pmatrix}^{-1}
              \begin{pmatrix} 0 \\ U \end{pmatrix}, \qquad
              U = \sum_i g(t_i)\, \{x_i - \bar x(t_i)\}

    over events i and denominators s; the test of a term takes the rows and columns of all
    :math:`\beta` and of its own :math:`\theta`. Equal to ``cox.zph`` of R's survival 3.0 and later.

    Parameters
    ----------
    design
        One column a term, one row an episode, without intercept.
    start, stop, event
        Episodes in months as for :meth:`Episodes.of`.
    strata
        Label of each row's stratum.
    ties
        ``efron`` or ``breslow``.
    transform
        g: ``km`` is 1 less the Kaplan-Meier curve of all rows just before the time (R's default),
        ``identity`` the time, ``log`` its logarithm, ``rank`` the rank of the end of follow-up
        among all rows.
    groups
        Columns that are tested together, as the levels of a factor, by name of the group; columns
        in no group are tested alone.

    Raises
    ------
    InputError
        If the input is wrong, or ``log`` is asked for with an event at time 0.
    NotEstimableError
        As for :func:`hccbayes.frequentist.cox.cox`.
    """
    fit = cox(design, start, stop, event, strata=strata, ties=ties)
    values, terms = design_values(design, fit.rows)
    members = _members(terms, groups or {})
    episodes = Episodes.of(start, stop, event)
    codes = stratum_codes(strata, len(values))
    transformed = _transformed(episodes, start, transform)
    # Standardized, so that what counts as rounding does not depend on the units.
    scale = values.std(axis=0)
    standardized = (values - values.mean(axis=0)) / scale
    slots = likelihood_slots(episodes, codes, ties)
    moments = risk_set_moments(standardized, episodes, codes, slots, fit.coef * scale)
    # A constant taken off g changes nothing but the rounding.
    clock = transformed - transformed[episodes.event].mean()
    slot_clock = clock[slots.deaths.argmax(axis=0)]
    died = np.flatnonzero(episodes.event)
    died = died[np.lexsort((episodes.stop[died], codes[died]))]
    schoenfeld = standardized[died] - _mean_at(moments, codes[died], episodes.stop[died])
    table = _table(moments, slot_clock, clock[died] @ schoenfeld, members, terms)
    scaled, absent = _scaled(moments, schoenfeld, codes[died], fit.coef * scale, terms)
    frame = pd.DataFrame({"time": episodes.stop[died], "transformed_time": transformed[died]})
    return ProportionalHazardsTest(
        table=table,
        residuals=frame.assign(**dict(zip(terms, (scaled / scale).T, strict=True))),
        schoenfeld=frame.assign(**dict(zip(terms, (schoenfeld * scale).T, strict=True))),
        transform=transform,
        ties=ties,
        reason="; ".join(
            f"{message} in {_stratum_name(strata, codes, code)}" for code, message in absent
        ),
    )


def _members(terms: Sequence[str], groups: Mapping[str, Sequence[str]]) -> dict[str, list[int]]:
    """Return the columns of each test, in the order of the design."""
    group_of = {term: name for name, own in groups.items() for term in own}
    listed = [term for own in groups.values() for term in own]
    unknown = [term for term in listed if term not in terms]
    if unknown:
        known = ", ".join(terms)
        raise InputError(
            Problem("groups", f"unknown terms {', '.join(unknown)}; the design has {known}")
        )
    if len(set(listed)) < len(listed):
        raise InputError(Problem("groups", "a term stands in two groups"))
    taken = [name for name in (*terms, *groups) if name in _COLUMNS]
    if taken:
        message = f"{', '.join(taken)} cannot be the name of a term: a column of the result has it"
        raise InputError(Problem("design", message))
    members: dict[str, list[int]] = {}
    for column, term in enumerate(terms):
        members.setdefault(group_of.get(term, term), []).append(column)
    return members


def _transformed(episodes: Episodes, start: ArrayLike, transform: str) -> FloatArray:
    """Return g at the end of each episode."""
    check_known("transform", transform, get_args(TimeTransform))
    stop = episodes.stop
    if transform == "log":
        if (stop[episodes.event] == 0).any():
            raise InputError(Problem("transform", "an event at time 0 has no logarithm"))
        logarithms = np.zeros_like(stop)
        return np.log(stop, out=logarithms, where=stop > 0)
    if transform == "km":
        curve = kaplan_meier(start, stop, episodes.event)
        # The first row is time 0; the value before a time is that of the row before its own.
        before = np.searchsorted(curve["time"].to_numpy()[1:], stop, side="left")
        return 1.0 - curve["survival"].to_numpy()[before]
    return stop if transform == "identity" else np.asarray(rankdata(stop), dtype=np.float64)


def _mean_at(moments: RiskSetMoments, strata: ArrayLike, times: FloatArray) -> FloatArray:
    """Return the mean covariates of the risk set of each death, averaged over its ties."""
    frame = pd.DataFrame(moments.mean).groupby([moments.stratum, moments.time]).mean()
    keys = pd.MultiIndex.from_arrays([np.asarray(strata), times])
    return frame.loc[keys].to_numpy()


def _table(
    moments: RiskSetMoments,
    clock: FloatArray,
    score: FloatArray,
    members: Mapping[str, Sequence[int]],
    terms: Sequence[str],
) -> pd.DataFrame:
    """Return the tests of each group of terms and of all."""
    blocks = [
        np.einsum("s,sij->ij", moments.deaths * clock**power, moments.covariance)
        for power in range(3)
    ]
    fitted = np.linalg.inv(blocks[0])
    # Information on the change with time that is left once the coefficients are fitted.
    left = blocks[2] - blocks[1] @ fitted @ blocks[1]
    rows = []
    for name, columns in {**members, GLOBAL: list(range(len(terms)))}.items():
        own = left[np.ix_(columns, columns)]
        scale = np.sqrt(np.diag(blocks[2])[list(columns)])
        row = {"term": name, "chi2": np.nan, "df": len(columns), "p_value": np.nan}
        if _determined(own, scale):
            statistic = float(score[list(columns)] @ np.linalg.solve(own, score[list(columns)]))
            p_value = float(chi2_distribution.sf(statistic, len(columns)))
            rows.append(row | {"chi2": statistic, "p_value": p_value, "reason": ""})
        else:
            rows.append(row | {"reason": NO_CHANGE})
    return pd.DataFrame(rows)


def _determined(information: FloatArray, scale: FloatArray) -> bool:
    """Return whether the events tell a change with time from a constant coefficient."""
    if (scale == 0).any():
        return False
    relative = information / np.outer(scale, scale)
    return bool(np.linalg.eigvalsh(relative)[0] > SINGULAR)


def _scaled(
    moments: RiskSetMoments,
    schoenfeld: FloatArray,
    strata: ArrayLike,
    coef: FloatArray,
    terms: Sequence[str],
) -> tuple[FloatArray, list[tuple[int, str]]]:
    """Return scaled residuals plus coefficients, and by stratum why there are none."""
    codes = np.asarray(strata)
    information = np.einsum("s,sij->ij", moments.deaths, moments.covariance)
    varies, counted = {}, np.zeros_like(information)
    for code in np.unique(codes):
        own = moments.covariance[moments.stratum == code]
        varies[code] = np.diagonal(own, axis1=1, axis2=2).max(axis=0) > 1e-12
        counted += np.outer(varies[code], varies[code]) * (codes == code).sum()
    # Mean information of an event, over the strata in which both terms vary.
    average = information / np.where(counted == 0, 1, counted)
    scaled = np.full_like(schoenfeld, np.nan)
    absent: list[tuple[int, str]] = []
    for code, present in varies.items():
        rows, columns = np.flatnonzero(codes == code), np.flatnonzero(present)
        absent += [
            (int(code), f"{terms[term]} does not vary")
            for term in np.flatnonzero(~present).tolist()
        ]
        own = average[np.ix_(columns, columns)]
        if columns.size and not _invertible(own):
            listed = ", ".join(terms[term] for term in columns.tolist())
            absent.append((int(code), f"{listed} are not told apart"))
            continue
        part = schoenfeld[np.ix_(rows, columns)] @ np.linalg.inv(own)
        scaled[np.ix_(rows, columns)] = part + coef[columns]
    return scaled, absent


def _invertible(information: FloatArray) -> bool:
    """Return whether a mean information, of positive diagonal, is more than rounding."""
    scale = np.sqrt(np.diag(information))
    eigenvalues = np.linalg.eigvalsh(information / np.outer(scale, scale))
    return bool(np.abs(eigenvalues).min() > SINGULAR)


def _stratum_name(strata: ArrayLike | None, codes: ArrayLike, code: int) -> str:
    if strata is None:
        return "any risk set"
    return f"stratum {np.asarray(strata)[np.asarray(codes) == code][0]}"
