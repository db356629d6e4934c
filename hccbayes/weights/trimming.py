"""Patients whose score leaves nobody to compare them with are set aside, and counted.

Crump, Hotz, Imbens and Mitnik 2009, Biometrika 96:187.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from hccbayes import defaults
from hccbayes.arms import (
    ARM_VALUE,
    ARMS,
    BoolArray,
    FloatArray,
    arm_indicator,
    check_both_arms,
    named,
    patient_names,
    propensity_score,
)
from hccbayes.errors import InputError, Problem


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Trimming:
    """Patients kept and set aside by their score.

    Parameters
    ----------
    kept
        True for patients whose score lies from `limit` to ``1 - limit``, shape ``(patients,)``.
    limit
        The limit used.
    optimal
        Whether the limit was chosen from the scores.
    kept_by_arm, trimmed_by_arm
        Number of patients by arm.
    trimmed_names
        Names of the patients set aside.
    """

    kept: BoolArray
    limit: float
    optimal: bool
    kept_by_arm: Mapping[str, int]
    trimmed_by_arm: Mapping[str, int]
    trimmed_names: tuple[str, ...]


def crump_trim(
    score: ArrayLike,
    treatment: ArrayLike,
    limit: float | Literal["optimal"] = defaults.TRIMMING_LIMIT,
    *,
    names: Sequence[object] | None = None,
) -> Trimming:
    """Return which patients have a score from `limit` to ``1 - limit``, ends included.

    The effect estimated in those who are kept is theirs, not that of all patients; scores should
    be estimated again among them.

    Parameters
    ----------
    score
        Probability of treatment, shape ``(patients,)``.
    treatment
        1 for treated patients, 0 for controls, shape ``(patients,)``.
    limit
        At least 0 and below 0.5, or ``"optimal"`` for :func:`optimal_limit`.
    names
        Identifiers of the patients; positions from 0 where there is none.

    Raises
    ------
    InputError
        If the input is wrong or nobody of an arm is left.
    """
    arm = arm_indicator(treatment, names)
    e = propensity_score(score, len(arm), names)
    if isinstance(limit, str) and limit != "optimal":
        raise InputError(Problem("limit", f"must be a number or `optimal`, not `{limit}`"))
    chosen = optimal_limit(e) if isinstance(limit, str) else float(limit)
    if not 0.0 <= chosen < 0.5:
        raise InputError(Problem("limit", f"must be at least 0 and below 0.5, not {limit!r}"))
    kept = (e >= chosen) & (e <= 1.0 - chosen)
    check_both_arms(arm, kept, f"has no patient with a score from {chosen:.3g} to {1 - chosen:.3g}")
    return Trimming(
        kept=kept,
        limit=chosen,
        optimal=isinstance(limit, str),
        kept_by_arm=_counts(arm, kept),
        trimmed_by_arm=_counts(arm, ~kept),
        trimmed_names=named(~kept, patient_names(names, len(arm))),
    )


def optimal_limit(score: FloatArray) -> float:
    r"""Return the limit that minimizes the variance bound of the effect in those kept.

    With :math:`g = 1 / (e (1 - e))` it is :math:`\alpha = 1/2 - \sqrt{1/4 - 1/\gamma}` where
    :math:`\gamma = 2\,\mathrm{E}(g \mid g \le \gamma)`, and 0 where :math:`\max g \le
    2\,\mathrm{E}(g)` (corollary 1). Of several roots in a sample the largest is taken, which keeps
    most patients.

    Parameters
    ----------
    score
        Probabilities of treatment, shape ``(patients,)``; 0 and 1 are always trimmed.

    Raises
    ------
    InputError
        If every score is 0 or 1.
    """
    with np.errstate(divide="ignore", over="ignore"):
        inner = np.sort(1.0 / (score * (1.0 - score)))
    inner = inner[np.isfinite(inner)]
    if not len(inner):
        raise InputError(Problem("propensity score", "is 0 or 1 for every patient"))
    twice_mean = 2.0 * np.cumsum(inner) / np.arange(1, len(inner) + 1)
    last = int(np.flatnonzero(inner <= twice_mean)[-1])
    if last == len(score) - 1:
        return 0.0
    return float(0.5 - np.sqrt(0.25 - 1.0 / twice_mean[last]))


def _counts(arm: FloatArray, chosen: BoolArray) -> dict[str, int]:
    return {name: int((chosen & (arm == ARM_VALUE[name])).sum()) for name in ARMS}
