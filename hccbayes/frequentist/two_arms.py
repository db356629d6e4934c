"""Who of two arms is at risk and who has the event at each event time of each stratum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hccbayes.errors import InputError, Problem
from hccbayes.frequentist.episodes import BoolArray, Episodes, FloatArray, stratum_codes
from hccbayes.frequentist.identifiability import NotEstimableError


@dataclass(frozen=True, slots=True, eq=False)
class ArmRiskSets:
    """The event times of a stratum, each with its two-by-two table.

    Parameters
    ----------
    events, events_treated
        At each distinct event time, in all and of the treated arm, shape ``(times,)``.
    at_risk, at_risk_treated
        Just before it.
    """

    events: NDArray[np.intp]
    events_treated: NDArray[np.intp]
    at_risk: NDArray[np.intp]
    at_risk_treated: NDArray[np.intp]

    @property
    def share_treated(self) -> FloatArray:
        """Treated share of each risk set."""
        return self.at_risk_treated / self.at_risk

    @property
    def expected_treated(self) -> FloatArray:
        """Events of the treated arm where the hazards are equal."""
        return self.events * self.share_treated

    @property
    def variance(self) -> FloatArray:
        r"""Hypergeometric variance :math:`d p (1 - p) (n - d) / (n - 1)` of the treated events."""
        share = self.share_treated
        # One at risk leaves no variance; the formula would be 0 / 0.
        spread = (self.at_risk - self.events) / np.maximum(self.at_risk - 1, 1)
        return self.events * share * (1.0 - share) * spread

    @property
    def survival_before(self) -> FloatArray:
        """Kaplan-Meier survival of both arms together just before each time, 1 at the first."""
        survival = np.cumprod(1.0 - self.events / self.at_risk)
        return np.concatenate([[1.0], survival[:-1]])


def treated_rows(treated: ArrayLike, rows: int) -> BoolArray:
    """Return which rows are treated.

    Raises
    ------
    InputError
        If there is not one 0 or 1 a row; naming the rows that are neither.
    """
    arm = np.asarray(treated)
    if arm.shape != (rows,):
        raise InputError(Problem("treated", f"one 0 or 1 a row is needed: {rows}"))
    wrong = ~np.isin(arm, (0, 1))
    if wrong.any():
        where = tuple(str(row) for row in np.flatnonzero(wrong))
        raise InputError(Problem("treated", "one 0 or 1 a row is needed", where))
    return np.asarray(arm == 1)


def empty_arm(arm: BoolArray) -> str:
    """Return which arm, ``treated`` or ``control``, has no patient; empty where both have one."""
    if not arm.any():
        return "treated"
    return "control" if arm.all() else ""


def nothing_to_test(arm: BoolArray) -> NotEstimableError:
    """Return the error of a test without information on a difference of the arms.

    Parameters
    ----------
    arm
        Whether each row in use is treated.
    """
    if empty := empty_arm(arm):
        message = f"the {empty} arm has no patient"
    else:
        message = (
            "no event tells the arms apart: none with a weight happened while both arms were at "
            "risk and was survived by somebody"
        )
    return NotEstimableError(Problem("treated", f"{message}; nothing to test"))


def arm_risk_sets(
    start: ArrayLike,
    stop: ArrayLike,
    event: ArrayLike,
    treated: ArrayLike,
    strata: ArrayLike | None = None,
) -> Sequence[ArmRiskSets]:
    """Return the risk sets of each stratum that has an event.

    Parameters
    ----------
    start, stop, event
        Episodes in months as for :meth:`Episodes.of`.
    treated
        1 for the treated arm, 0 for control.
    strata
        Label of each row's stratum.

    Raises
    ------
    InputError
        If the input is wrong.
    """
    episodes = Episodes.of(start, stop, event)
    arm = treated_rows(treated, len(episodes.stop))
    codes = stratum_codes(strata, len(arm))
    return [
        _of_stratum(episodes.take(codes == code), arm[codes == code])
        for code in np.unique(codes[episodes.event])
    ]


def _of_stratum(episodes: Episodes, arm: BoolArray) -> ArmRiskSets:
    times = episodes.event_times()
    own = episodes.take(arm)
    return ArmRiskSets(
        events=episodes.ends(times, event=True),
        events_treated=own.ends(times, event=True),
        at_risk=episodes.at_risk(times),
        at_risk_treated=own.at_risk(times),
    )
