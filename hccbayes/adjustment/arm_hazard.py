r"""The hazards of two weighted arms: likelihood, maximum, and the sandwich over patients.

Arm a has in interval j the hazard :math:`\log h_{aj} = l_j + \beta (a - \bar a)` and the weighted
log-likelihood :math:`\sum_{aj} d_{aj} \log h_{aj} - e_{aj} h_{aj}` with weighted events d and
exposure e: the piecewise-exponential form of a marginal structural model (Hernan, Brumback & Robins
2000), whose :math:`\beta` is the marginal log hazard ratio of the weighted population. Two rows of
numbers are all a fit needs; the sandwich needs the patients. Nothing here imports PyMC.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hccbayes import defaults
from hccbayes.errors import InputError, Problem
from hccbayes.person_time import PersonTime, numeric_weights, split_person_time

if TYPE_CHECKING:
    import pandas as pd

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

_STEPS: Final = 100
_TOLERANCE: Final = 1e-12


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class PatientHazards:
    """Events and exposure of each patient, and who is in which arm and cluster.

    Parameters
    ----------
    person_time
        Unweighted, one row a patient, ``(patients, intervals)``.
    treatment
        1 for treated patients, shape ``(patients,)``.
    cluster
        Patients of one cluster are dependent (a pair); shape ``(patients,)``.
    """

    person_time: PersonTime
    treatment: FloatArray
    cluster: IntArray

    @classmethod
    def of(
        cls, frame: pd.DataFrame, cuts: ArrayLike, cluster: ArrayLike | None = None
    ) -> PatientHazards:
        """Return the patients of a cohort's frame, each a cluster unless one is given."""
        rows = len(frame)
        return cls(
            person_time=split_person_time(frame["entry"], frame["time"], frame["event"], cuts),
            treatment=frame["treatment"].to_numpy(dtype=np.float64),
            cluster=np.arange(rows) if cluster is None else np.asarray(cluster, dtype=np.intp),
        )

    def arms(self, weights: ArrayLike) -> ArmHazards:
        """Return the weighted sums of the arms.

        Raises
        ------
        InputError
            If a weight is symbolic, negative or not finite, or an interval or arm is left without
            an event.
        """
        own = numeric_weights(weights, len(self.treatment))
        member = np.stack([1.0 - self.treatment, self.treatment]) * own
        events = member @ self.person_time.events
        return ArmHazards.of(events, member @ self.person_time.exposure, self.person_time.cuts)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ArmHazards:
    """Weighted events and exposure of the control (row 0) and the treated arm (row 1).

    Parameters
    ----------
    events, exposure
        Shape ``(2, intervals)``; exposure in person-months.
    cuts
        Interior cut points, months.
    treated_share
        Weighted share of the treated among the events; what is subtracted from the arm, so that
        the intervals' hazards are those of the average event.
    """

    events: FloatArray
    exposure: FloatArray
    cuts: FloatArray
    treated_share: float

    @classmethod
    def of(cls, events: FloatArray, exposure: FloatArray, cuts: FloatArray) -> ArmHazards:
        """Return the arms, or raise where there is nothing to estimate."""
        problems = []
        for row, arm in enumerate(("control", "treated")):
            if events[row].sum() <= 0:
                problems.append(
                    Problem(f"{arm} arm", "has no event with a weight above 0: no effect to fit")
                )
        if (events.sum(axis=0) <= 0).any():
            problems.append(
                Problem("weighted events", "an interval is left without any; trim fewer patients")
            )
        if problems:
            raise InputError(problems)
        share = float(events[1].sum() / events.sum())
        return cls(events=events, exposure=exposure, cuts=cuts, treated_share=share)

    @property
    def contrast(self) -> FloatArray:
        """Arm minus the treated share, shape ``(2,)``."""
        return np.array([0.0, 1.0]) - self.treated_share

    def hazards(self, theta: FloatArray) -> FloatArray:
        """Return the hazards of arms and intervals, ``(2, intervals)``; `theta` is beta, then l."""
        return np.exp(theta[1:] + theta[0] * self.contrast[:, None])

    def information(self, theta: FloatArray) -> FloatArray:
        """Return minus the second derivative of the log-likelihood, ``(1 + J, 1 + J)``."""
        expected = self.exposure * self.hazards(theta)
        size = expected.shape[1] + 1
        found = np.zeros((size, size))
        found[0, 0] = self.contrast**2 @ expected.sum(axis=1)
        found[0, 1:] = found[1:, 0] = self.contrast @ expected
        found[np.arange(1, size), np.arange(1, size)] = expected.sum(axis=0)
        return found


def maximum_likelihood(arms: ArmHazards) -> FloatArray:
    r"""Return the weighted maximum likelihood estimate, :math:`(\beta, l_1, ..., l_J)`.

    Given :math:`\beta` the hazards have a closed form, so that Newton's method runs over one
    number; the profile log-likelihood is concave.
    """
    contrast, events = arms.contrast, arms.events
    beta = 0.0
    for _ in range(_STEPS):
        risk = arms.exposure * np.exp(beta * contrast)[:, None]
        share = risk[1] / risk.sum(axis=0)
        by_interval = events.sum(axis=0)
        score = events[1].sum() - by_interval @ share
        step = score / (by_interval @ (share * (1.0 - share)))
        # Far from the maximum a full step may leave the range where exp() is a number.
        beta += float(np.clip(step, -2.0, 2.0))
        if abs(step) < _TOLERANCE:
            break
    else:
        raise InputError(Problem("weighted fit", "did not converge; the arms hardly overlap"))
    risk = arms.exposure * np.exp(beta * contrast)[:, None]
    return np.concatenate([[beta], np.log(by_interval / risk.sum(axis=0))])


def sandwich(
    patients: PatientHazards, weights: ArrayLike, *, small_sample: bool = True
) -> FloatArray:
    r"""Return :math:`H^{-1} J H^{-1}`, the covariance of the weighted maximum over patients.

    H is the weighted information and J sums the outer products of the clusters' weighted scores
    (Lin & Wei 1989; Binder 1992 for Cox regression). Weights count as known, which is conservative
    for estimated inverse probability and overlap weights (Lunceford & Davidian 2004). It does not
    depend on a common factor of the weights of both arms.

    Parameters
    ----------
    patients
        Events, exposure and clusters.
    weights
        Numbers, one a patient; those with 0 do not count as clusters.
    small_sample
        Whether J is multiplied by K / (K - 1) with K the clusters of the smaller arm, where that
        arm has fewer than 30.

    Returns
    -------
    numpy.ndarray
        Shape ``(1 + J, 1 + J)``, in the order of :func:`maximum_likelihood`.
    """
    own = numeric_weights(weights, len(patients.treatment))
    arms = patients.arms(own)
    theta = maximum_likelihood(arms)
    scores = arm_scores(patients, arms, theta) * own[:, None]
    used = own > 0
    _, code = np.unique(patients.cluster[used], return_inverse=True)
    total = np.zeros((int(code.max()) + 1, scores.shape[1]))
    np.add.at(total, code, scores[used])
    middle = total.T @ total
    if small_sample:
        middle *= small_sample_factor(patients, used)
    bread = np.linalg.inv(arms.information(theta))
    return np.asarray(bread @ middle @ bread)


def arm_scores(patients: PatientHazards, arms: ArmHazards, theta: FloatArray) -> FloatArray:
    """Return each row's derivative of its log-likelihood, before its weight, ``(rows, 1 + J)``.

    Parameters
    ----------
    patients, arms
        Rows, and the arms they are in.
    theta
        Where it is taken, in the order of :func:`maximum_likelihood`.
    """
    hazard = arms.hazards(theta)[patients.treatment.astype(np.intp)]
    residual = patients.person_time.events - patients.person_time.exposure * hazard
    contrast = patients.treatment - arms.treated_share
    return np.column_stack([contrast * residual.sum(axis=1), residual])


def small_sample_factor(patients: PatientHazards, used: NDArray[np.bool_]) -> float:
    """Return K / (K - 1), K the clusters with a weight of the smaller arm, where they are few."""
    counts = [
        len(np.unique(patients.cluster[used & (patients.treatment == arm)])) for arm in (0.0, 1.0)
    ]
    smallest = min(counts)
    return smallest / (smallest - 1.0) if 1 < smallest < defaults.SMALL_ARM else 1.0
