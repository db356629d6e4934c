r"""Two weighted arms whose hazard ratio changes between phases, each an ArmHazards of its own.

Without a prior the likelihood of the phases separates: phase k has its own log hazard ratio
:math:`\beta_k` and its own intervals. What they share is the patients, in the sandwich, and the
prior of the level, in the posterior. Parameters are in the order :math:`(\beta_1, ..., \beta_K,
l_1, ..., l_J)`; with one phase everything here is :mod:`hccbayes.adjustment.arm_hazard`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hccbayes.adjustment.arm_hazard import (
    ArmHazards,
    PatientHazards,
    arm_scores,
    maximum_likelihood,
    small_sample_factor,
)
from hccbayes.adjustment.pseudo_posterior import baseline_prior, curvature_transform
from hccbayes.person_time import PersonTime

if TYPE_CHECKING:
    import pymc as pm

    from hccbayes.spec import PriorSection

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]


@dataclass(frozen=True, eq=False, kw_only=True)
class PhasedArms:
    """Rows of two arms with their weights, and which phase each interval is in.

    Parameters
    ----------
    rows
        Weighted events and exposure by row, its arm and its cluster.
    phase
        Phase of each interval, from 0 without a gap, not decreasing; shape ``(intervals,)``.
    """

    rows: PatientHazards
    phase: IntArray

    @property
    def phases(self) -> int:
        """Number of phases."""
        return int(self.phase.max()) + 1

    @cached_property
    def parts(self) -> tuple[tuple[PatientHazards, ArmHazards], ...]:
        """Rows and weighted sums of each phase.

        Raises
        ------
        InputError
            If a phase has no event of an arm.
        """
        found = []
        ones = np.ones(len(self.rows.treatment))
        for index in range(self.phases):
            own = replace(self.rows, person_time=_intervals(self.rows, self.phase == index))
            found.append((own, own.arms(ones)))
        return tuple(found)

    @cached_property
    def maximum(self) -> FloatArray:
        """Maximum likelihood, shape ``(K + J,)``."""
        return self._joined([maximum_likelihood(arms) for _, arms in self.parts])

    @property
    def information(self) -> FloatArray:
        """Minus the second derivative at the maximum, shape ``(K + J, K + J)``."""
        size = self.phases + len(self.phase)
        found = np.zeros((size, size))
        for index, (_, arms) in enumerate(self.parts):
            place = self._places(index)
            found[np.ix_(place, place)] = arms.information(self.maximum[place])
        return found

    def scores(self, theta: FloatArray) -> FloatArray:
        """Return the weighted score of each row, shape ``(rows, K + J)``."""
        own = [
            arm_scores(rows, arms, theta[self._places(index)])
            for index, (rows, arms) in enumerate(self.parts)
        ]
        return self._joined(own)

    def scores_of(self, events: FloatArray, exposure: FloatArray) -> FloatArray:
        """Return the scores at this maximum of other weighted numbers, by cluster.

        Parameters
        ----------
        events, exposure
            Of the same rows, shape ``(rows, intervals)``.

        Returns
        -------
        numpy.ndarray
            Shape ``(clusters, K + J)``, clusters numbered from 0.
        """
        own = replace(self.rows.person_time, events=events, exposure=exposure)
        other = replace(self.rows, person_time=own)
        found = []
        for index, (_, arms) in enumerate(self.parts):
            moved = replace(other, person_time=_intervals(other, self.phase == index))
            found.append(arm_scores(moved, arms, self.maximum[self._places(index)]))
        return self._by_cluster(self._joined(found))

    @property
    def information_of_clusters(self) -> FloatArray:
        """What each cluster adds to the information, shape ``(clusters, K + J, K + J)``."""
        size, intervals = len(self.maximum), len(self.phase)
        log_hazard = self.maximum[self.phases :] + self.maximum[self.phase] * self.contrast
        arm = self.rows.treatment.astype(np.intp)
        expected = self.rows.person_time.exposure * np.exp(log_hazard)[arm]
        found = np.zeros((int(self.rows.cluster.max()) + 1, size, size))
        for own in range(2):
            direction = np.zeros((intervals, size))
            direction[np.arange(intervals), self.phase] = self.contrast[own]
            direction[np.arange(intervals), self.phases + np.arange(intervals)] = 1.0
            by_cluster = self._by_cluster(expected * (arm == own)[:, None])
            found += np.einsum("nj,jp,jq->npq", by_cluster, direction, direction, optimize=True)
        return found

    def _by_cluster(self, values: FloatArray) -> FloatArray:
        """Return sums over the rows of each cluster."""
        total = np.zeros((int(self.rows.cluster.max()) + 1, values.shape[1]))
        np.add.at(total, self.rows.cluster, values)
        return total

    @property
    def contrast(self) -> FloatArray:
        """Arm minus the share of the treated among the events of the phase, ``(2, intervals)``."""
        shares = np.array([arms.treated_share for _, arms in self.parts])
        return np.array([[0.0], [1.0]]) - shares[self.phase]

    def sandwich(self) -> FloatArray:
        r"""Return :math:`H^{-1} J H^{-1}` over clusters, the weights taken as known."""
        total = self._by_cluster(self.scores(self.maximum))
        used = self.rows.person_time.exposure.sum(axis=1) > 0
        middle = total.T @ total * small_sample_factor(self.rows, used)
        bread = np.linalg.inv(self.information)
        return np.asarray(bread @ middle @ bread)

    def _places(self, index: int) -> IntArray:
        """Return where a phase's parameters stand: its effect, then its intervals."""
        return np.append(index, self.phases + np.flatnonzero(self.phase == index))

    def _joined(self, parts: Sequence[FloatArray]) -> FloatArray:
        """Return arrays of phases, last dimension ``(1 + J_k,)``, in the order of parameters."""
        shape = (*parts[0].shape[:-1], self.phases + len(self.phase))
        found = np.zeros(shape)
        for index, part in enumerate(parts):
            found[..., self._places(index)] = part
        return found


def _intervals(rows: PatientHazards, chosen: NDArray[np.bool_]) -> PersonTime:
    own = rows.person_time
    return PersonTime(
        cuts=own.cuts[chosen[:-1] & chosen[1:]],
        events=own.events[:, chosen],
        exposure=own.exposure[:, chosen],
        row_of_episode=own.row_of_episode,
    )


def build_phased_model(phase: Sequence[int], priors: PriorSection) -> pm.Model:
    """Build the model of two weighted arms with an effect by phase; nothing is sampled.

    Parameters
    ----------
    phase
        Phase of each interval.
    priors
        As for :func:`hccbayes.adjustment.pseudo_posterior.build_arm_model`; the effects of phases
        are independent, each with the prior of the treatment.

    Returns
    -------
    pymc.Model
        ``treatment`` (dims ``phase``; marginal log hazard ratios) and ``log_baseline`` (dims
        ``interval``).
    """
    import pymc as pm

    intervals, phases = len(phase), max(phase) + 1
    with pm.Model(coords={"interval": range(intervals), "phase": range(phases)}) as model:
        for name, shape in (("events", (2, intervals)), ("exposure", (2, intervals))):
            pm.Data(name, np.ones(shape))
        pm.Data("contrast", np.tile([[-0.5], [0.5]], intervals))
        pm.Data("maximum", np.zeros(phases + intervals))
        pm.Data("transform", np.eye(phases + intervals))
        each = [priors.treatment.variable(f"treatment_{index}") for index in range(phases)]
        effect = pm.Deterministic("treatment", pm.math.stack(each), dims="phase")
        mean, covariance = baseline_prior(intervals, priors)
        log_baseline = pm.MvNormal("log_baseline", mu=mean, cov=covariance, dims="interval")
        theta = pm.math.concatenate([effect, log_baseline])
        maximum = model["maximum"]
        read_at = maximum + pm.math.dot(model["transform"], theta - maximum)
        log_hazard = read_at[phases:] + read_at[np.asarray(phase)] * model["contrast"]
        expected = model["exposure"] * pm.math.exp(log_hazard)
        pm.Potential("log_likelihood", pm.math.sum(model["events"] * log_hazard - expected))
    return model


def phased_data(arms: PhasedArms, sandwich: FloatArray | None = None) -> dict[str, FloatArray]:
    """Return what the model holds as data; with a sandwich, its curvature is adjusted to it."""
    transform = np.eye(len(arms.maximum))
    if sandwich is not None:
        transform = curvature_transform(arms.information, sandwich)
    treated = arms.rows.treatment == 1
    own = arms.rows.person_time
    return {
        "events": np.stack([own.events[~treated].sum(axis=0), own.events[treated].sum(axis=0)]),
        "exposure": np.stack(
            [own.exposure[~treated].sum(axis=0), own.exposure[treated].sum(axis=0)]
        ),
        "contrast": arms.contrast,
        "maximum": arms.maximum,
        "transform": transform,
    }
