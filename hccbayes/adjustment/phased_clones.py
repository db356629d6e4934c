"""Weighted clones as data of hazards by phase, up to the end of the grace period and after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hccbayes.adjustment.arm_hazard import PatientHazards
from hccbayes.adjustment.phased_arms import PhasedArms
from hccbayes.cut_points import auto_cuts
from hccbayes.person_time import PersonTime
from hccbayes.time_zero.clone_person_time import weighted_person_time
from hccbayes.time_zero.clone_weights import StrategyWeights
from hccbayes.time_zero.cloning import Clones, FollowUp

FloatArray = NDArray[np.float64]

FEWEST_PHASE_EVENTS: Final = 5
"""Events of either strategy in either phase below which the effect is not told apart by phase."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class WeightedClones:
    """Clones with their weights, and what the width of their estimates needs.

    Parameters
    ----------
    weights
        Weights as functions of time.
    follow_up
        The patients.
    start_scores, start_information
        Score and information of each patient in the start hazard, ``(patients, parameters)`` and
        ``(patients, parameters, parameters)``.
    """

    weights: StrategyWeights
    follow_up: FollowUp
    start_scores: FloatArray
    start_information: FloatArray


def phased_cuts(clones: Clones) -> tuple[FloatArray, NDArray[np.intp]]:
    """Return cut points of the hazards, the end of grace among them, and each interval's phase.

    The clinical grid, merged to eight deaths an interval on either side of the end of the grace
    period; a death counts once, though both clones may have it.
    """
    rows, grace = clones.rows, clones.grace
    dead = rows[rows["event"] == 1]
    once = dead.drop_duplicates("patient_index")["stop"].to_numpy()
    last = float(rows["stop"].max())
    counts = [
        int(((dead["treatment"] == arm) & ((dead["stop"] <= grace) == early)).sum())
        for arm in (0, 1)
        for early in (True, False)
    ]
    if min(counts) < FEWEST_PHASE_EVENTS:
        cuts = _merged(once, last)
        return cuts, np.zeros(len(cuts) + 1, dtype=np.intp)
    early = _merged(once[once <= grace], grace)
    late = _merged(once[once > grace], last)
    cuts = np.concatenate([early[early < grace], [grace], late[late > grace]])
    phase = np.concatenate(
        [np.zeros(len(early[early < grace]) + 1), np.ones(len(late[late > grace]) + 1)]
    )
    return cuts, phase.astype(np.intp)


def _merged(event_times: FloatArray, end: float) -> FloatArray:
    return auto_cuts(np.append(event_times, end), np.append(np.ones(len(event_times)), 0.0))


def clone_arms(clones: WeightedClones, cuts: FloatArray, phase: NDArray[np.intp]) -> PhasedArms:
    r"""Return weighted events and exposure of the clones.

    Weights of both strategies have one factor, :math:`\sum_d w_d / \sum_d w_d^2` over the events d,
    with which the weighted events are as many as their effective number; strategies keep the size
    that the whole cohort has in each.
    """
    table = clones.weights.clones.rows
    events, exposure = weighted_person_time(clones.weights, cuts)
    factor = common_factor(events)
    return PhasedArms(
        rows=PatientHazards(
            person_time=PersonTime(
                cuts=cuts,
                events=events * factor,
                exposure=exposure * factor,
                row_of_episode=np.arange(len(table)),
            ),
            treatment=table["treatment"].to_numpy(dtype=np.float64),
            cluster=table["patient_index"].to_numpy(dtype=np.intp),
        ),
        phase=phase,
    )


def common_factor(events: FloatArray) -> float:
    """Return the factor with which weighted events are as many as their effective number."""
    return float(events.sum() / (events**2).sum()) if events.any() else 1.0
