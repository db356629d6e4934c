"""Event times with an exact number of events, exact median and limits, and a given hazard ratio.

What a Kaplan-Meier curve does depends on the order of the times alone. Times are therefore drawn
once, and then moved by an increasing piecewise-linear function that puts the events at which the
curve and its limits come down to one half onto the printed months. The median and its limits leave
the hazard ratio free; the length of one arm's tail settles it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import norm

from hccbayes.arms import ARMS, Arm
from hccbayes.curves import time_at_cumulative_hazard
from hccbayes.defaults import INTERVAL_PROB
from hccbayes.frequentist.kaplan_meier import MedianSurvival, kaplan_meier, median_survival
from hccbayes.synthetic.outcome_targets import ArmEndpoint, Endpoint, not_reached
from hccbayes.synthetic.partial_likelihood import log_hr_offset, partial_score
from hccbayes.synthetic.targets import InfeasibleDrawError

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

TIME_DECIMALS: Final = 3
"""Thousandths of a month: three quarters of an hour, so that ties are rare."""
SHORTEST_LOSS: Final = 0.5
"""Months before which nobody is lost."""
CENSORED_SHARE: Final = (6.0, 1.0)
"""Beta distribution of where, in the overall follow-up of a patient without progression, the last
assessment stands: 86% of the way on average."""
EARLIEST: Final = 0.3
"""Month at which the first follow-up of an arm ends."""
LOG_HR_TOLERANCE: Final = 1e-3
"""Of the log hazard ratio where the tail is settled: 4e-4 of a ratio of 0.36."""
SHORTEST_TAIL: Final = 1.02
"""The longest follow-up is at least this many times the last month that is fixed by a target."""


@dataclass(frozen=True, slots=True, eq=False)
class FollowUp:
    """Months and events, shape ``(patients,)`` each."""

    time: FloatArray
    event: BoolArray

    def median(self) -> MedianSurvival:
        """Return the Kaplan-Meier median with R's default limits."""
        return median_survival(kaplan_meier(np.zeros_like(self.time), self.time, self.event))


def draw_overall(
    endpoint: Endpoint, log_hazard: dict[Arm, FloatArray], rng: np.random.Generator
) -> dict[Arm, FollowUp]:
    """Draw overall survival of both arms once.

    Parameters
    ----------
    endpoint
        The targets.
    log_hazard
        Each patient's log hazard against the baseline, by arm.
    rng
        Source of the raw times.

    Raises
    ------
    InfeasibleDrawError
        If this draw cannot be bent to the targets.
    """
    raw = {arm: _raw_follow_up(endpoint.arm(arm), log_hazard[arm], rng) for arm in ARMS}
    return _bend(endpoint, raw)


def draw_progression(
    endpoint: Endpoint, overall: dict[Arm, FollowUp], rng: np.random.Generator
) -> dict[Arm, FollowUp]:
    """Draw progression-free survival of both arms once, from overall follow-up.

    Raw times are shares of each patient's overall follow-up, so that progression tends to stand
    before death already; the dead have an event, and so many others that the count is right.

    Raises
    ------
    InfeasibleDrawError
        If this draw cannot be bent to the targets.
    """
    raw = {arm: _raw_progression(endpoint.arm(arm), overall[arm], rng) for arm in ARMS}
    return _bend(endpoint, raw)


def _bend(endpoint: Endpoint, raw: dict[Arm, FollowUp]) -> dict[Arm, FollowUp]:
    """Move both arms' times onto the targets; the tail of one arm settles the hazard ratio."""
    settling = endpoint.settled_by
    other: Arm = "control" if settling == "treated" else "treated"
    fixed = move_times(raw[other], endpoint.arm(other), endpoint.arm(other).longest)
    settled = _settle_hazard_ratio(fixed, raw[settling], endpoint)
    follow_up: dict[Arm, FollowUp] = {other: fixed, settling: settled}
    for arm in ARMS:
        _require_targets(follow_up[arm], endpoint.arm(arm))
    return follow_up


def exact_events(time: FloatArray, limit: FloatArray, events: int) -> FollowUp:
    r"""Return follow-up with exactly this many events: all event times scaled by one factor.

    Patient i has an event where :math:`c T_i \le C_i`; the factor c lies between the ratios
    :math:`C_i / T_i` of rank `events` and of the rank after it.
    """
    ratio = np.sort(limit / time)[::-1]
    if events < len(ratio):
        factor = float(np.sqrt(ratio[events - 1] * ratio[events]))
    else:
        factor = float(ratio[-1])
    scaled = time * factor
    return FollowUp(np.minimum(scaled, limit), scaled <= limit)


def move_times(raw: FollowUp, target: ArmEndpoint, longest: float) -> FollowUp:
    """Move follow-up so that the median, and the limits that are targets, stand where they should.

    For the matched subset an event is moved onto each of its printed months: of those between the
    months that the whole arm fixes the one nearest to where a random subset of that size would
    have its limit.

    Raises
    ------
    InfeasibleDrawError
        If a limit is reached that should not be, or the other way around, or there is no event to
        move onto a month.
    """
    before, after = _whole_anchors(raw, target, longest)
    if target.matched is not None:
        printed = (target.matched.lower, target.matched.median, target.matched.upper)
        expected = _subset_limits(raw, target.matched.patients)
        for month, at in zip(printed, expected, strict=True):
            if np.isfinite(month) and month not in after:
                _add_anchor(raw, before, after, month, at)
    moved = np.round(np.interp(raw.time, before, after), TIME_DECIMALS)
    return FollowUp(moved, raw.event)


def _subset_limits(raw: FollowUp, patients: int) -> tuple[float, float, float]:
    """Return lower limit, median and upper limit a random subset would have on average.

    Its curve is that of the arm; its standard error is larger by the root of the sizes' ratio.
    """
    quantile = norm.ppf(0.5 + INTERVAL_PROB / 2.0) * np.sqrt(len(raw.time) / patients)
    prob = float(2.0 * norm.cdf(quantile) - 1.0)
    curve = kaplan_meier(np.zeros_like(raw.time), raw.time, raw.event, prob=prob)
    found = median_survival(curve)
    return found.lower, found.estimate, found.upper


def _whole_anchors(
    raw: FollowUp, target: ArmEndpoint, longest: float
) -> tuple[list[float], list[float]]:
    """Return raw times and the months they go to: median, limits, first and last follow-up."""
    found = raw.median()
    wanted = [(found.lower, target.lower), (found.estimate, target.median)]
    wanted.append((found.upper, target.upper))
    before, after = [float(raw.time.min())], [EARLIEST]
    for at, month in wanted:
        if month is None:
            continue
        if np.isinf(at) != not_reached(month):
            raise InfeasibleDrawError("a curve that should reach one half does not, or it does")
        if np.isfinite(at):
            before.append(at)
            after.append(month)
    end = float(raw.time.max())
    if end > before[-1]:
        before.append(end)
        after.append(longest)
    if (np.diff(before) <= 0).any():
        raise InfeasibleDrawError("two limits fall on one event")
    return before, after


def _add_anchor(
    raw: FollowUp, before: list[float], after: list[float], month: float, expected: float
) -> None:
    """Add the event nearest to the expected time of those that can go to a month, in place."""
    place = int(np.searchsorted(after, month))
    if place == len(after):
        raise InfeasibleDrawError("a printed month lies beyond the longest follow-up")
    between = raw.event & (raw.time > before[place - 1]) & (raw.time < before[place])
    if not between.any():
        raise InfeasibleDrawError("no event can be moved onto a printed month")
    candidates = np.sort(raw.time[between])
    # An expected limit that is not reached is later than all.
    nearest = np.argmin(np.abs(candidates - min(expected, candidates[-1])))
    before.insert(place, float(candidates[nearest]))
    after.insert(place, month)


def _raw_follow_up(
    target: ArmEndpoint, log_hazard: FloatArray, rng: np.random.Generator
) -> FollowUp:
    size = len(log_hazard)
    hazard = np.asarray(target.hazard) * np.exp(log_hazard)[:, None]
    time = time_at_cumulative_hazard(hazard, rng.exponential(size=size), target.cuts)
    lost = rng.random(size) < target.lost
    early = rng.uniform(SHORTEST_LOSS, target.lost_by, size)
    late = rng.uniform(target.lost_by / 2.0, target.longest, size)
    return exact_events(time, np.where(lost, early, late), target.events)


def _raw_progression(target: ArmEndpoint, overall: FollowUp, rng: np.random.Generator) -> FollowUp:
    event = overall.event.copy()
    alive = np.flatnonzero(~event)
    event[rng.choice(alive, target.events - int(event.sum()), replace=False)] = True
    share = np.where(
        event,
        rng.beta(*target.share_of_overall, len(event)),
        rng.beta(*CENSORED_SHARE, len(event)),
    )
    return FollowUp(overall.time * share, event)


def _settle_hazard_ratio(fixed: FollowUp, raw: FollowUp, endpoint: Endpoint) -> FollowUp:
    """Stretch one arm's tail until the Cox score vanishes at the printed hazard ratio."""
    target = endpoint.arm(endpoint.settled_by)
    log_hr = float(np.log(endpoint.hr))
    months = [month for month in (target.median, target.upper) if month is not None]
    if target.matched is not None:
        months.append(target.matched.upper)
    last = max(month for month in months if np.isfinite(month))
    treated = np.concatenate([np.zeros(len(fixed.time)), np.ones(len(raw.time))])
    if endpoint.settled_by == "control":
        treated = 1.0 - treated
    event = np.concatenate([fixed.event, raw.event])

    def score(log_longest: float) -> float:
        settled = move_times(raw, target, float(np.exp(log_longest)))
        time = np.concatenate([fixed.time, settled.time])
        return float(partial_score(treated, time, event, log_hr)[0][0])

    bracket = np.log(last * SHORTEST_TAIL), np.log(target.longest)
    if score(bracket[0]) * score(bracket[1]) > 0:
        raise InfeasibleDrawError("no length of the tail gives the hazard ratio")
    settled = move_times(raw, target, float(np.exp(brentq(score, *bracket, xtol=1e-10))))
    time = np.concatenate([fixed.time, settled.time])
    # The score steps where two patients change places, so its zero may fall into a step.
    if abs(float(log_hr_offset(treated, time, event, log_hr)[0])) > LOG_HR_TOLERANCE:
        raise InfeasibleDrawError("the hazard ratio steps over its target")
    return settled


def _require_targets(follow_up: FollowUp, target: ArmEndpoint) -> None:
    """Ask once more after rounding, which can make ties."""
    found = follow_up.median()
    pairs = [(found.estimate, target.median), (found.lower, target.lower)]
    pairs.append((found.upper, target.upper))
    wrong = [month for at, month in pairs if month is not None and at != month]
    if wrong or int(follow_up.event.sum()) != target.events:
        raise InfeasibleDrawError("rounding moved a median or a limit")
