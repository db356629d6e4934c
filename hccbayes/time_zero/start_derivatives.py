"""Score and information of each patient in the model of the start of treatment."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from hccbayes.time_zero.cloning import FollowUp
from hccbayes.time_zero.start_hazard import StartHazard
from hccbayes.time_zero.start_time import starts_at_risk

FloatArray = NDArray[np.float64]


def start_scores(
    fitted: StartHazard,
    follow_up: FollowUp,
    covariates: FloatArray,
    grace: float,
    *,
    within_grace: bool = False,
) -> tuple[FloatArray, FloatArray]:
    """Return each patient's score and information, in the order of the parameters.

    Parameters
    ----------
    fitted
        The model.
    follow_up, covariates, grace, within_grace
        What it was fitted to.

    Returns
    -------
    scores
        Shape ``(patients, parameters)``; they sum to 0 at the maximum of the likelihood.
    information
        Shape ``(patients, parameters, parameters)``.
    """
    person_time, later = starts_at_risk(follow_up, grace, within_grace=within_grace)
    used = np.isfinite(fitted.log_hazard)
    patients, size = covariates.shape[0], covariates.shape[1] + int(used.sum())
    own = covariates[later]
    hazard = np.exp(fitted.log_hazard[used]) * np.exp(own @ fitted.slopes)[:, None]
    expected = person_time.exposure[:, used] * hazard
    residual = person_time.events[:, used] - expected
    # What each interval's log hazard changes with: the covariates, and its own level.
    direction = np.zeros((len(own), int(used.sum()), size))
    direction[:, :, : own.shape[1]] = own[:, None, :]
    direction[:, np.arange(int(used.sum())), own.shape[1] + np.arange(int(used.sum()))] = 1.0
    total = len(fitted.parameters)
    scores, information = np.zeros((patients, total)), np.zeros((patients, total, total))
    scores[later, :size] = np.einsum("nj,njp->np", residual, direction)
    information[later, :size, :size] = np.einsum(
        "nj,njp,njq->npq", expected, direction, direction, optimize=True
    )
    if fitted.at_zero is not None:
        columns = np.column_stack([np.ones(patients), covariates])
        share = expit(columns @ fitted.at_zero)
        scores[:, size:] = ((follow_up.start == 0) - share)[:, None] * columns
        information[:, size:, size:] = np.einsum(
            "n,np,nq->npq", share * (1 - share), columns, columns
        )
    return scores, information
