r"""Propensity scores to balancing weights: pure functions of the score, the arm and the target.

A target is a tilting function :math:`h(e)` of the score: patients are weighted to the population
with density proportional to :math:`h(e(x)) f(x)`, each by :math:`w = h(e) / r` with :math:`r` the
probability of the arm received, :math:`e` for treated and :math:`1 - e` for controls (Li, Morgan
and Zaslavsky 2018, Journal of the American Statistical Association 113:390). Scores are never
clipped: where :math:`r = 0` the weight is the limit of the formula, and an infinite one is an
error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import entr

from hccbayes.arms import FloatArray, arm_indicator, named, patient_names, propensity_score
from hccbayes.errors import InputError, Problem
from hccbayes.weights.record import Weights


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A population that weights may aim at.

    Parameters
    ----------
    tilt
        The tilting function h of the score.
    treated_at_zero, control_at_zero
        Limit of the weight as the probability of the arm received goes to 0.
    population
        Whom the weighted sample stands for, in words.
    stabilized
        Whether the weight is multiplied by the share of the arm received.
    """

    tilt: Callable[[FloatArray], FloatArray]
    treated_at_zero: float
    control_at_zero: float
    population: str
    stabilized: bool = False


def _entropy(score: FloatArray) -> FloatArray:
    return np.asarray(entr(score) + entr(1.0 - score), dtype=np.float64)


TARGETS: Final[Mapping[str, Target]] = MappingProxyType(
    {
        "ate": Target(
            tilt=np.ones_like,
            treated_at_zero=np.inf,
            control_at_zero=np.inf,
            population="all patients",
        ),
        "ate_stabilized": Target(
            tilt=np.ones_like,
            treated_at_zero=np.inf,
            control_at_zero=np.inf,
            population="all patients",
            stabilized=True,
        ),
        "att": Target(
            tilt=lambda score: score,
            treated_at_zero=1.0,
            control_at_zero=np.inf,
            population="the treated",
        ),
        "atc": Target(
            tilt=lambda score: 1.0 - score,
            treated_at_zero=np.inf,
            control_at_zero=1.0,
            population="the controls",
        ),
        "ato": Target(
            tilt=lambda score: score * (1.0 - score),
            treated_at_zero=1.0,
            control_at_zero=1.0,
            population="patients who may well receive either treatment (overlap)",
        ),
        "matching": Target(
            tilt=lambda score: np.minimum(score, 1.0 - score),
            treated_at_zero=1.0,
            control_at_zero=1.0,
            population="patients whom pair matching would keep",
        ),
        "entropy": Target(
            tilt=_entropy,
            treated_at_zero=np.inf,
            control_at_zero=np.inf,
            population="patients who may receive either treatment (entropy)",
        ),
    }
)
r"""Targets by name: ``ate`` :math:`h = 1`; ``ate_stabilized`` the same times the arm's share
(Robins, Hernan and Brumback 2000); ``att`` :math:`h = e`; ``atc`` :math:`h = 1 - e`; ``ato``
:math:`h = e (1 - e)` (Li, Morgan and Zaslavsky 2018); ``matching`` :math:`h = \min(e, 1 - e)` (Li
and Greene 2013); ``entropy`` :math:`h = -e \log e - (1 - e) \log(1 - e)` (Zhou, Matsouaka and
Thomas 2020). Only ``ato`` and ``matching`` are finite for every score."""


def known_target(target: str) -> Target:
    """Return a target by name, or raise :class:`InputError` with the names there are."""
    if target not in TARGETS:
        known = ", ".join(TARGETS)
        raise InputError(Problem("target", f"`{target}` is not known; use one of {known}"))
    return TARGETS[target]


def propensity_weights(
    score: ArrayLike,
    treatment: ArrayLike,
    target: str,
    *,
    names: Sequence[object] | None = None,
) -> Weights:
    """Return the weights of patients for a target.

    Parameters
    ----------
    score
        Probability of treatment, shape ``(patients,)``.
    treatment
        1 for treated patients, 0 for controls, shape ``(patients,)``.
    target
        One of :data:`TARGETS`.
    names
        Identifiers of the patients, for errors; positions from 0 where there is none.

    Raises
    ------
    InputError
        If the input is wrong, a weight is infinite because the score rules out the arm a patient
        received, or an arm has no weight at all.
    """
    e = propensity_score(score, np.size(treatment), names)
    values = weight_values(e, treatment, target, names=names)
    return Weights.of(values, treatment, target, names=names)


def weight_values(
    score: ArrayLike,
    treatment: ArrayLike,
    target: str,
    *,
    names: Sequence[object] | None = None,
) -> FloatArray:
    """Return the weights of :func:`propensity_weights` as an array, also for draws of the score.

    Parameters
    ----------
    score
        Shape ``(..., patients)``.
    treatment, target, names
        As in :func:`propensity_weights`.

    Returns
    -------
    numpy.ndarray
        Finite weights in the shape of `score`.
    """
    aim = known_target(target)
    arm = arm_indicator(treatment, names)
    e = propensity_score(score, len(arm), names, draws=True)
    treated = arm == 1.0
    received = np.where(treated, e, 1.0 - e)
    share = np.where(treated, arm.mean(), 1.0 - arm.mean()) if aim.stabilized else 1.0
    weight = np.broadcast_to(
        np.where(treated, aim.treated_at_zero, aim.control_at_zero), e.shape
    ).copy()
    with np.errstate(over="ignore"):  # 1 / r of a denormal r; it is refused below
        np.divide(aim.tilt(e), received, out=weight, where=received > 0)
    infinite = ~np.isfinite(weight).reshape(-1, len(arm)).all(axis=0)
    if infinite.any():
        rows = named(infinite, patient_names(names, len(arm)))
        raise InputError(
            Problem(
                "propensity score",
                f"gives an infinite weight for target `{target}`: the score rules out the arm the "
                "patient received. Use overlap weights (target `ato`) or trim (`crump_trim`)",
                rows,
            )
        )
    return np.asarray(weight * share, dtype=np.float64)
