"""Width of the estimates in weighted clones: a jackknife over patients, weights fitted again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hccbayes.adjustment.phased_arms import PhasedArms
from hccbayes.adjustment.phased_clones import WeightedClones, common_factor
from hccbayes.time_zero.clone_person_time import weighted_person_time

FloatArray = NDArray[np.float64]

MovedPersonTime = tuple[tuple[FloatArray, FloatArray], tuple[FloatArray, FloatArray]]
"""Weighted events and exposure before and after a parameter is moved."""

_STEP: Final = 1e-4
"""Change of a parameter of the start hazard by which scores are differentiated."""


def clone_covariance(
    arms: PhasedArms, clones: WeightedClones, moved: Sequence[MovedPersonTime] | None = None
) -> FloatArray:
    r"""Return the covariance of the maximum over patients, estimation of the weights included.

    With :math:`U_i, H_i` a patient's score and information in the outcome, :math:`s_i, I_i` in the
    start of treatment, :math:`D_i = \partial U_i / \partial \alpha'` and no index for sums, the
    estimates change without patient i, to one step of Newton's method, by

    .. math:: \psi_i = -(H - H_i)^{-1} \{U_i + (D - D_i)(I - I_i)^{-1} s_i\}

    and the covariance is :math:`\frac{n - 1}{n} \sum_i \psi_i \psi_i'`: the jackknife that
    Mancl & DeRouen (2001, Biometrics 57:126) approximate for clusters. To first order it is the
    sandwich of the stacked equations, which with few hundred patients is too narrow: each patient
    with a large weight pulls the fit, and the weights themselves, towards it.

    Parameters
    ----------
    arms, clones
        Hazards of the clones, at whose maximum all is taken.
    moved
        What :func:`moved_person_time` returned for the cut points; computed where left out.

    Returns
    -------
    numpy.ndarray
        Shape ``(K + J, K + J)``.
    """
    own = arms.rows.person_time
    pairs = moved_person_time(clones, own.cuts) if moved is None else moved
    score, outcome = arms.scores_of(own.events, own.exposure), arms.information_of_clusters
    slope = [
        (arms.scores_of(*after) - arms.scores_of(*before)) / (2.0 * _STEP)
        for before, after in pairs
    ]
    by_patient = np.stack(slope, axis=-1)
    start = clones.start_information
    # A covariate that nobody at risk differs in has no information.
    without = np.linalg.pinv(start.sum(axis=0) - start, hermitian=True)
    shift = np.einsum("npq,nq->np", without, clones.start_scores)
    pull = score + np.einsum("nqp,np->nq", by_patient.sum(axis=0) - by_patient, shift)
    left = np.linalg.solve(outcome.sum(axis=0) - outcome, pull[:, :, None])[:, :, 0]
    patients = len(left)
    return np.asarray(left.T @ left * (patients - 1) / patients)


def moved_person_time(clones: WeightedClones, cuts: FloatArray) -> list[MovedPersonTime]:
    """Return weighted events and exposure with each parameter of the start moved down and up.

    Parameters
    ----------
    clones, cuts
        As for :func:`hccbayes.adjustment.phased_clones.clone_arms`.
    """
    hazard = clones.weights.hazard
    factor = common_factor(weighted_person_time(clones.weights, cuts)[0])

    def at(parameters: FloatArray) -> tuple[FloatArray, FloatArray]:
        other = replace(clones.weights, hazard=hazard.with_parameters(parameters))
        events, exposure = weighted_person_time(other, cuts)
        return events * factor, exposure * factor

    steps = _STEP * np.eye(len(hazard.parameters))
    return [(at(hazard.parameters - step), at(hazard.parameters + step)) for step in steps]
