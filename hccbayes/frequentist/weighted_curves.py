"""Weighted Kaplan-Meier curves and restricted means, with variances that hold for weights.

Greenwood's formula holds for patients counted by whole numbers. Here the variance is that of the
infinitesimal jackknife: the derivative of the curve with respect to each weight, which is R's
``survfit(weights, robust = TRUE)`` for weights taken as given and equals Greenwood's without
weights and delayed entry. With a logistic score model the same derivative carries the estimation
of the weights (:func:`hccbayes.frequentist.weighted_variance.influence`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from hccbayes.defaults import INTERVAL_PROB
from hccbayes.errors import InputError, Problem
from hccbayes.frequentist.curve_limits import (
    LimitKind,
    check_interval,
    curve_columns,
    curve_notes,
)
from hccbayes.frequentist.episodes import Episodes, FloatArray
from hccbayes.frequentist.identifiability import NotEstimableError
from hccbayes.frequentist.weighted_cox import cluster_codes
from hccbayes.frequentist.weighted_variance import (
    EstimatedWeights,
    case_weights,
    influence,
    standard_errors,
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WeightedCurve:
    r"""A weighted product limit and its derivatives with respect to the weights.

    Parameters
    ----------
    time
        Distinct ends of episodes with a weight, increasing, shape ``(times,)``.
    survival
        :math:`\prod_{t_k \le t} (1 - d_k^w / n_k^w)` at them.
    sensitivity
        Derivative of each value of survival with respect to each row's weight, shape
        ``(rows, times)``; 0 for rows that are not members.
    weights
        Weight of each row, 0 for rows that are not members.
    at_risk, events, censored
        Rows at risk just before each time, and rows that end there, counted.
    at_risk_weighted, events_weighted
        The same as sums of weights.
    from_origin, from_origin_weighted
        Under observation from time 0, counted and as a sum of weights.
    """

    time: FloatArray
    survival: FloatArray
    sensitivity: FloatArray
    weights: FloatArray
    at_risk: NDArray[np.intp]
    events: NDArray[np.intp]
    censored: NDArray[np.intp]
    at_risk_weighted: FloatArray
    events_weighted: FloatArray
    from_origin: int
    from_origin_weighted: float

    def at(self, times: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return survival, shape ``(times,)``, and its sensitivity, ``(rows, times)``.

        Raises
        ------
        InputError
            If a time is negative, not finite or beyond the last end of an episode.
        """
        clock = np.atleast_1d(np.asarray(times, dtype=np.float64))
        self._check_within(clock)
        row = np.searchsorted(self.time, clock, side="right")
        survival = np.concatenate([[1.0], self.survival])[row]
        before = np.zeros((len(self.weights), 1))
        return survival, np.concatenate([before, self.sensitivity], axis=1)[:, row]

    def restricted_mean(self, horizon: float) -> tuple[float, FloatArray]:
        r"""Return :math:`\int_0^\tau S(u)\,du` in months and its sensitivity, shape ``(rows,)``.

        Raises
        ------
        InputError
            If the horizon is negative, not finite or beyond the last end of an episode.
        """
        self._check_within(np.array([horizon]))
        ends = np.minimum(np.append(self.time, np.inf), horizon)
        widths = np.diff(ends)
        mean = float(ends[0] + widths @ self.survival)
        return mean, self.sensitivity @ widths

    def table(
        self,
        influences: FloatArray,
        *,
        cluster: ArrayLike | None = None,
        interval_kind: LimitKind = "log",
        prob: float = INTERVAL_PROB,
    ) -> pd.DataFrame:
        """Return the curve as :func:`hccbayes.frequentist.kaplan_meier.kaplan_meier` does.

        Parameters
        ----------
        influences
            Of the rows on survival at each time, shape ``(rows, times)``.
        cluster
            Label of each row's cluster; each row its own where left out.
        interval_kind, prob
            Scale of the limits and their pointwise probability.

        Returns
        -------
        pandas.DataFrame
            The columns of ``kaplan_meier``, whose numbers are counts of rows, then
            ``at_risk_weighted`` and ``events_weighted``.
        """
        check_interval(interval_kind, prob)
        se = standard_errors(influences, cluster)
        log_se = np.full_like(se, np.nan)
        np.divide(se, self.survival, out=log_se, where=self.survival > 0)
        columns = curve_columns(self.survival, log_se, interval_kind, prob)
        curve = pd.DataFrame(
            {"time": np.concatenate([[0.0], self.time])}
            | columns
            | {
                "at_risk": np.concatenate([[self.from_origin], self.at_risk]),
                "events": np.concatenate([[0], self.events]),
                "censored": np.concatenate([[0], self.censored]),
            }
        )
        return curve.assign(
            interval_kind=interval_kind,
            interval_prob=prob,
            note=curve_notes(columns["survival"], columns["standard_error"]),
            at_risk_weighted=np.concatenate([[self.from_origin_weighted], self.at_risk_weighted]),
            events_weighted=np.concatenate([[0.0], self.events_weighted]),
        )

    def _check_within(self, times: FloatArray) -> None:
        outside = times[~((times >= 0) & (times <= self.time[-1]))]
        if outside.size:
            listed = ", ".join(f"{time:g}" for time in outside)
            raise InputError(
                Problem("times", f"the curve ends at {self.time[-1]:g} months; not known: {listed}")
            )


def weighted_curve(
    start: ArrayLike,
    stop: ArrayLike,
    event: ArrayLike,
    weights: ArrayLike,
    *,
    members: ArrayLike | None = None,
) -> WeightedCurve:
    r"""Return the weighted product limit of some rows, with its derivatives.

    .. math:: \frac{\partial \log S(t)}{\partial w_i} = -\sum_{t_k \le t}
              \frac{dN_i(t_k) - Y_i(t_k)\, d_k^w / n_k^w}{n_k^w - d_k^w}

    Parameters
    ----------
    start, stop, event
        Episodes in months as for :meth:`Episodes.of`.
    weights
        One a row, at least 0; a row of weight 0 is not there.
    members
        Whether each row belongs to the curve, as the patients of one arm do; all where left out.
        The others have sensitivity 0, so that influences on two arms can be added row by row.

    Raises
    ------
    InputError
        If the input is wrong.
    NotEstimableError
        If no member has a weight.
    """
    episodes = Episodes.of(start, stop, event)
    all_weights = case_weights(weights, len(episodes.stop))
    if members is not None:
        all_weights = np.where(np.asarray(members, dtype=bool), all_weights, 0.0)
    used = all_weights > 0
    if not used.any():
        raise NotEstimableError(Problem("weights", "nobody of the curve has a weight above 0"))
    own, weight = episodes.take(used), all_weights[used]
    times = np.unique(own.stop)
    at_risk = (own.entry[:, None] < times) & (times <= own.stop[:, None])
    dying = own.event[:, None] & (own.stop[:, None] == times)
    events, present = dying.sum(axis=0), at_risk.sum(axis=0)
    deaths_w, present_w = weight @ dying, weight @ at_risk
    # Counted, not subtracted: sums of weights leave a rounding error where all at risk die.
    survives = present > events
    left = np.where(survives, present_w - deaths_w, 1.0)
    survival = np.cumprod(np.where(survives, 1.0 - deaths_w / present_w, 0.0))
    per_time = (dying - at_risk * (deaths_w / present_w)) / left
    sensitivity = np.zeros((len(used), len(times)))
    sensitivity[used] = -np.cumsum(per_time, axis=1) * survival
    return WeightedCurve(
        time=times,
        survival=survival,
        sensitivity=sensitivity,
        weights=all_weights,
        at_risk=present,
        events=events,
        censored=own.ends(times, event=False),
        at_risk_weighted=present_w,
        events_weighted=deaths_w,
        from_origin=int(np.isneginf(own.entry).sum()),
        from_origin_weighted=float(weight[np.isneginf(own.entry)].sum()),
    )


def weighted_kaplan_meier(
    start: ArrayLike,
    stop: ArrayLike,
    event: ArrayLike,
    weights: ArrayLike,
    *,
    estimated: EstimatedWeights | None = None,
    cluster: ArrayLike | None = None,
    members: ArrayLike | None = None,
    interval_kind: LimitKind = "log",
    prob: float = INTERVAL_PROB,
) -> pd.DataFrame:
    """Estimate survival by the weighted product limit, with pointwise limits.

    Parameters
    ----------
    start, stop, event, weights, members
        As for :func:`weighted_curve`.
    estimated
        The score model behind the weights, whose estimation the variance then includes; with
        `members`, the patients of the other arm have their share in it. Left out, the weights are
        taken as given (R's ``survfit(weights, robust = TRUE)``).
    cluster
        Label of each row's cluster; each row its own where left out.
    interval_kind, prob
        Scale of the limits and their pointwise probability.

    Returns
    -------
    pandas.DataFrame
        As :meth:`WeightedCurve.table`; it can be read by ``survival_at`` and ``median_survival`` of
        :mod:`hccbayes.frequentist.kaplan_meier`.

    Raises
    ------
    InputError, NotEstimableError
        As for :func:`weighted_curve`; if a cluster is missing, the interval's kind unknown.
    """
    curve = weighted_curve(start, stop, event, weights, members=members)
    groups = cluster_codes(cluster, len(curve.weights))
    influences = influence(curve.sensitivity, curve.weights, estimated)
    return curve.table(influences, cluster=groups, interval_kind=interval_kind, prob=prob)
