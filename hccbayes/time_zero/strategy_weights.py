r"""Weights that make the clones of a strategy stand for all patients under that strategy.

With s the start of treatment, g the grace period and H the cumulative start hazard
(:mod:`hccbayes.time_zero.start_hazard`):

- **Control.** A clone that has not started by t has weight :math:`1 / P(\text{not started by } t
  \mid x) = e^{H(t \mid x)}`.
- **Treated, as observed.** The strategy is "start within g, when patients who do so start": the
  start has the density :math:`f^*(s) = f(s) / F(g)` with :math:`F = 1 - e^{-H}`. The weight is the
  ratio of what the strategy and what the data give to the treatment seen so far: for who started
  at s :math:`f^*/f = 1 / F(g)` from s on, and for who has not started by t

  .. math:: \frac{1 - F^*(t)}{1 - F(t)} = \frac{1 - e^{-\{H(g) - H(t)\}}}{1 - e^{-H(g)}}

  which falls from 1 at time 0 to 0 at g, so that the clone that is censored there counts no more.
  Among patients alive and alike the mean is :math:`\{e^{-H(t)} - e^{-H(g)} + F(t)\} / F(g) = 1` at
  every t: nothing jumps. Death before the start is no obstacle: the ratio up to death is that of
  the treatment process alone, whose hazards death does not enter (Cain et al. 2010, International
  Journal of Biostatistics 6:18; Hernan 2018).
- **Treated, end of grace.** Weight 1 to g, then :math:`1 / F(g)` for those who started: the usual
  version. Up to g it follows everybody as they were, after g those who started early stand for
  those who would be started at g; where starting early itself helps or harms within the grace
  period, no single strategy has these curves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hccbayes import defaults
from hccbayes.errors import InputError, Problem
from hccbayes.time_zero.cloning import Clones, FollowUp, clone_patients
from hccbayes.time_zero.start_hazard import StartHazard, fit_start_hazard

if TYPE_CHECKING:
    import xarray as xr

    from hccbayes.spec.design import ControlStrategy, StartTiming

FloatArray = NDArray[np.float64]

TIMINGS: Final = ("as_observed", "end_of_grace")
QUANTILES: Final = (0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
"""Quantiles of weights that are shown over time; the last is the largest."""
STEP: Final = 0.1
"""Months, three days, over which a weight is read in the middle; a tenth of it moves no estimate in
the fourth digit."""
RARE: Final = 0.05
"""Probability of doing what a strategy asks below which a caution is printed."""
LARGE_SHARE: Final = 0.05
"""Share of a strategy's weight at the end of the grace period in one clone that is called large."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class StrategyWeights:
    """Weights of clones as functions of time.

    Parameters
    ----------
    clones
        The clones.
    hazard
        Fitted start of treatment.
    covariates
        Baseline covariates of the patients, shape ``(patients, columns)``.
    timing
        ``as_observed`` or ``end_of_grace``.
    numerator
        Start hazard without covariates, whose inverse weights stabilize; none where they do not.
    largest
        Limits of the weights of strategy 0 and 1.
    """

    clones: Clones
    hazard: StartHazard
    covariates: FloatArray
    timing: StartTiming = "as_observed"
    numerator: StartHazard | None = None
    largest: tuple[float, float] = (np.inf, np.inf)

    def __post_init__(self) -> None:
        """Refuse an unknown timing."""
        if self.timing not in TIMINGS:
            known = ", ".join(TIMINGS)
            raise InputError(Problem("timing", f"unknown: {self.timing!r}; choose from {known}"))

    def at(self, times: FloatArray, rows: NDArray[np.intp] | None = None) -> FloatArray:
        """Return the weight of rows of the clones at times while they are at risk.

        Parameters
        ----------
        times
            Months, shape ``(rows,)`` or ``(rows, times)``.
        rows
            Rows of ``clones.rows``; all where left out.

        Returns
        -------
        numpy.ndarray
            Shaped as `times`.
        """
        table = self.clones.rows
        index = np.arange(len(table)) if rows is None else rows
        patient = table["patient_index"].to_numpy()[index]
        treated = table["treatment"].to_numpy()[index] == 1
        started = table["started"].to_numpy()[index]
        own = self.covariates[patient]
        found = np.empty(times.shape)
        found[treated] = self._treated(times[treated], own[treated], started[treated])
        found[~treated] = self._control(times[~treated], own[~treated])
        limit = np.where(treated, self.largest[1], self.largest[0])
        return np.minimum(found, limit[:, None] if times.ndim == 2 else limit)

    def _control(self, times: FloatArray, covariates: FloatArray) -> FloatArray:
        clock = times
        if self.clones.control == "not_within_grace":
            clock = np.minimum(times, self.clones.grace)
        log_weight = self.hazard.cumulative(clock, covariates)
        if self.numerator is not None:
            log_weight = log_weight - self.numerator.cumulative(clock, covariates[:, :0])
        return np.exp(log_weight)

    def _treated(
        self, times: FloatArray, covariates: FloatArray, started: NDArray[np.bool_]
    ) -> FloatArray:
        grace = self.clones.grace
        end = np.full(len(times), grace)
        at_end = self.hazard.cumulative(end, covariates)
        began = started
        if times.ndim == 2:
            at_end, began = at_end[:, None], started[:, None]
        by_end = -np.expm1(-at_end)
        if self.timing == "as_observed":
            left = at_end - self.hazard.cumulative(np.minimum(times, grace), covariates)
            return np.where(began, 1.0, -np.expm1(-left)) / by_end
        after = 1.0
        if self.numerator is not None:
            marginal = self.numerator.cumulative(np.array([grace]), np.zeros((1, 0)))
            after = -np.expm1(-float(marginal[0]))
        return np.where(times > grace, after / by_end, 1.0)

    def truncated(self, percentile: float) -> StrategyWeights:
        """Return weights none of which is above a percentile of its strategy's largest ones.

        Parameters
        ----------
        percentile
            Of the clones' weights at the end of their follow-up, from 50 to 100.
        """
        if not 50.0 <= percentile <= 100.0:
            raise InputError(
                Problem("truncation", f"a percentile from 50 to 100, not {percentile}")
            )
        table = self.clones.rows
        final = table.groupby(["treatment", "patient_index"]).tail(1).index.to_numpy()
        weight = self.at(table["stop"].to_numpy()[final], final)
        treatment = table["treatment"].to_numpy()[final]
        limits = tuple(float(np.percentile(weight[treatment == arm], percentile)) for arm in (0, 1))
        return replace(self, largest=(limits[0], limits[1]))


def fitted_weights(
    follow_up: FollowUp,
    covariates: FloatArray,
    *,
    grace: float,
    control: ControlStrategy = "never",
    timing: StartTiming = "as_observed",
    stabilized: bool = False,
    truncation: float | None = None,
) -> StrategyWeights:
    """Clone patients, fit the start of treatment and return the weights of the clones.

    Parameters
    ----------
    follow_up, covariates
        The patients, and their baseline covariates, shape ``(patients, columns)``; may have no
        column.
    grace
        Months within which strategy 1 starts treatment.
    control
        ``never`` or ``not_within_grace``.
    timing
        ``as_observed`` or ``end_of_grace``.
    stabilized
        Whether weights are divided by what they would be without covariates; it changes how much
        each stretch of time says about a single hazard ratio, and no curve. Treated clones
        ``as_observed`` have a mean weight of 1 as they are.
    truncation
        Percentile of the weights above which they are cut; none where they are not.

    Raises
    ------
    InputError
        If strategies cannot be told apart in these patients, or an option is unknown.
    """
    clones = clone_patients(follow_up, grace, control=control)
    within = control == "not_within_grace"
    hazard = fit_start_hazard(follow_up, covariates, grace, within_grace=within)
    numerator = None
    if stabilized:
        numerator = fit_start_hazard(follow_up, covariates[:, :0], grace, within_grace=within)
    weights = StrategyWeights(
        clones=clones, hazard=hazard, covariates=covariates, timing=timing, numerator=numerator
    )
    return weights if truncation is None else weights.truncated(truncation)


def weighted_person_time(
    weights: StrategyWeights, cuts: FloatArray, *, step: float = STEP
) -> tuple[FloatArray, FloatArray]:
    r"""Return weighted events and exposure of each row of the clones.

    An event has the weight of its moment; exposure is :math:`\int w(t)\,dt` over the row's time in
    the interval, by the midpoint rule on a fine grid, whose error is of the order
    :math:`(\lambda h)^2 / 24` of the exposure with start hazard :math:`\lambda` and step h.

    Parameters
    ----------
    weights
        Weights of the clones.
    cuts
        Interior cut points, months.
    step
        Months.

    Returns
    -------
    events, exposure
        Shape ``(rows, intervals)``.
    """
    table = weights.clones.rows
    start, stop = (table[name].to_numpy(dtype=np.float64) for name in ("start", "stop"))
    fixed = table["started"].to_numpy() & (weights.timing == "as_observed")
    whole = np.concatenate([[0.0], cuts, [np.inf]])
    exposure = np.zeros((len(table), len(cuts) + 1))
    months = np.minimum(stop[:, None], whole[1:]) - np.maximum(start[:, None], whole[:-1])
    exposure[fixed] = np.maximum(months[fixed], 0.0)
    exposure[fixed] *= weights.at(stop[fixed], np.flatnonzero(fixed))[:, None]
    grid = _grid(weights, cuts, step)
    interval = np.searchsorted(cuts, grid[:-1], side="right")
    for index in range(len(cuts) + 1):
        rows = np.flatnonzero(~fixed & (months[:, index] > 0))
        edges = grid[np.searchsorted(interval, index) : np.searchsorted(interval, index + 1) + 1]
        low = np.maximum(start[rows, None], edges[:-1])
        spent = np.maximum(np.minimum(stop[rows, None], edges[1:]) - low, 0.0)
        exposure[rows, index] = (weights.at(low + 0.5 * spent, rows) * spent).sum(axis=1)
    events = np.zeros_like(exposure)
    dead = np.flatnonzero(table["event"].to_numpy() == 1)
    events[dead, np.searchsorted(cuts, stop[dead], side="left")] = weights.at(stop[dead], dead)
    return events, exposure


def _grid(weights: StrategyWeights, cuts: FloatArray, step: float) -> FloatArray:
    """Return grid points: cut points, bends of the weights, and steps while they move."""
    end = float(weights.clones.rows["stop"].max())
    moving = _moving_until(weights)
    even = np.arange(0.0, min(moving, end), step)
    knots = np.concatenate([weights.hazard.cuts, [weights.clones.grace], cuts])
    return np.unique(np.concatenate([even, knots[knots < end], [0.0, end]]))


def _moving_until(weights: StrategyWeights) -> float:
    """Return the time after which no weight changes."""
    grace = weights.clones.grace
    later = np.isfinite(weights.hazard.log_hazard[-1])
    return np.inf if later and weights.clones.control == "never" else grace


def weighted_rows(weights: StrategyWeights) -> pd.DataFrame:
    """Return rows of the clones, split where weights change and an event asks for them.

    What Cox regression and Kaplan-Meier curves read is the weight at the distinct event times, and
    that is the weight of the row which holds the event time: nothing is approximated.

    Returns
    -------
    pandas.DataFrame
        The columns of ``clones.rows`` with ``weight``; rows of weight 0 are left out.
    """
    table = weights.clones.rows
    moments = np.unique(table.loc[table["event"] == 1, "stop"])
    moments = moments[moments <= _moving_until(weights)]
    knots = np.unique(np.append(moments, weights.clones.grace))
    start, stop = (table[name].to_numpy(dtype=np.float64) for name in ("start", "stop"))
    first = np.searchsorted(knots, start, side="right")
    last = np.searchsorted(knots, stop, side="left")
    # A treated clone that has started keeps its weight.
    fixed = table["started"].to_numpy() & (weights.timing == "as_observed")
    pieces = np.where(fixed, 1, last - first + 1)
    row = np.repeat(np.arange(len(table)), pieces)
    order = np.arange(len(row)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    padded = np.append(knots, np.inf)
    begin = np.where(order == 0, start[row], padded[first[row] + order - 1])
    end = np.where(order == pieces[row] - 1, stop[row], padded[first[row] + order])
    found = table.iloc[row].assign(
        start=begin,
        stop=end,
        event=table["event"].to_numpy()[row] * (end == stop[row]),
        weight=weights.at(end, row),
    )
    return found[found["weight"] > 0].reset_index(drop=True)


def weights_over_time(
    weights: StrategyWeights, times: Sequence[float] | FloatArray | None = None
) -> xr.Dataset:
    """Return quantiles of the weights, effective sizes and clones at risk, by strategy and time.

    Parameters
    ----------
    weights
        Weights of the clones.
    times
        Months; by default 61 from 0 to the end of follow-up.

    Returns
    -------
    xarray.Dataset
        ``weight`` (arm, time, quantile), ``effective_sample_size``, ``at_risk`` and ``mean_weight``
        (arm, time); ``nan`` where no clone is at risk. No patient is in it.
    """
    import xarray as xr

    from hccbayes.arms import ARM_VALUE, ARMS

    table = weights.clones.rows
    end = float(table["stop"].max())
    grid = np.linspace(0.0, end, defaults.CURVE_POINTS) if times is None else np.asarray(times)
    shape = (len(ARMS), len(grid))
    quantile = np.full((*shape, len(QUANTILES)), np.nan)
    size, mean, count = np.full(shape, np.nan), np.full(shape, np.nan), np.zeros(shape, dtype=int)
    start, stop = (table[name].to_numpy(dtype=np.float64) for name in ("start", "stop"))
    for arm_index, arm in enumerate(ARMS):
        member = table["treatment"].to_numpy() == ARM_VALUE[arm]
        for time_index, time in enumerate(grid):
            rows = np.flatnonzero(member & (start <= time) & (stop > time))
            if not len(rows):
                continue
            own = weights.at(np.full(len(rows), time, dtype=np.float64), rows)
            place = (arm_index, time_index)
            quantile[place] = np.quantile(own, QUANTILES)
            count[place], mean[place] = len(rows), own.mean()
            size[place] = own.sum() ** 2 / (own**2).sum() if own.any() else 0.0
    return xr.Dataset(
        {
            "weight": (("arm", "time", "quantile"), quantile),
            "effective_sample_size": (("arm", "time"), size),
            "mean_weight": (("arm", "time"), mean),
            "at_risk": (("arm", "time"), count),
        },
        coords={"arm": list(ARMS), "time": grid, "quantile": list(QUANTILES)},
        attrs={"grace": weights.clones.grace, "timing": weights.timing, "units": "months"},
    )


def weight_notes(weights: StrategyWeights) -> tuple[str, ...]:
    """Return what to know of the weights before a number is quoted."""
    clones, notes = weights.clones, list(weights.hazard.notes)
    patients = weights.covariates
    end = np.full(len(patients), clones.grace)
    not_by_grace = np.exp(-weights.hazard.cumulative(end, patients))
    for name, probability in (
        (f"starting within {clones.grace:.3g} months", 1.0 - not_by_grace),
        (f"not starting within {clones.grace:.3g} months", not_by_grace),
    ):
        rare = int((probability < RARE).sum())
        if rare:
            notes.append(
                f"{rare} of {len(patients)} patients have a probability of {name} below {RARE:g} "
                f"(smallest {probability.min():.2g}): few like them show what the strategy does."
            )
    sizes = weights_over_time(weights, [np.nextafter(clones.grace, np.inf)]).isel(time=0)
    for arm in sizes["arm"].values:
        own = sizes.sel(arm=arm)
        count, size = int(own["at_risk"]), float(own["effective_sample_size"])
        total = float(own["mean_weight"]) * count
        share = float(own["weight"].max()) / total if total > 0 else np.nan
        if share > LARGE_SHARE:
            notes.append(f"One {arm} clone carries {share:.0%} of its arm's weight.")
        if size < defaults.SMALL_EFFECTIVE_SIZE:
            notes.append(
                f"At the end of the grace period {count} {arm} clones at risk count as {size:.1f}."
            )
    if np.isfinite(weights.largest).any():
        limits = ", ".join(f"{limit:.3g}" for limit in weights.largest)
        notes.append(f"Weights were truncated at {limits} (control, treated).")
    if clones.without_control:
        notes.append(
            f"{len(clones.without_control)} patients start at time zero and have no control clone."
        )
    return tuple(notes)
