"""Whether the propensity scores of the arms overlap: in numbers, in words, and in bins to draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from hccbayes.arms import ARM_VALUE, ARMS, Arm, FloatArray, arm_indicator, propensity_score
from hccbayes.weight_bins import BINS, binned_dataset, counts_by_arm, equal_bins
from hccbayes.weights import Weights

NEAR_CERTAIN: Final = 0.05
"""A score below it, or above its mirror, leaves next to no choice of treatment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlapDiagnostics:
    r"""How far the arms' propensity scores overlap.

    Parameters
    ----------
    patients
        Number of patients, by arm.
    lowest, highest
        Smallest and largest score, by arm.
    outside
        Patients whose score lies below the smallest or above the largest of the other arm, by arm.
    c_statistic
        Probability that a treated patient drawn at random has a higher score than a control, ties
        counted half: the area under the receiver operating characteristic curve. 0.5 where the
        arms are alike; near 1 where they can hardly be compared.
    near_certain
        Share of all patients with a score below :data:`NEAR_CERTAIN` or above its mirror.
    overlap_coefficient
        :math:`\sum_b \min(p_{1b}, p_{0b})` with the share :math:`p_{ab}` of arm a's patients in bin
        b (Weitzman 1970): 1 for equal histograms, 0 for disjoint ones. It falls with the number of
        bins, and below 1 by chance where an arm is small.
    bins
        Number of equal bins between 0 and 1.
    """

    patients: Mapping[Arm, int]
    lowest: Mapping[Arm, float]
    highest: Mapping[Arm, float]
    outside: Mapping[Arm, int]
    c_statistic: float
    near_certain: float
    overlap_coefficient: float
    bins: int

    @property
    def sentences(self) -> tuple[str, ...]:
        """What a report says of the overlap, one sentence a number."""
        ranges = " and ".join(
            f"from {self.lowest[arm]:.3f} to {self.highest[arm]:.3f} in the {arm} arm"
            for arm in ARMS
        )
        return (
            f"Propensity scores run {ranges}.",
            *(self._outside(arm, other) for arm, other in zip(ARMS, ARMS[::-1], strict=True)),
            f"The c-statistic is {self.c_statistic:.3f}: it says how well the score tells the arms "
            "apart (0.5 not at all, 1 completely), not how good the adjustment is.",
            f"{self.near_certain:.1%} of the patients have a score below {NEAR_CERTAIN:g} or above "
            f"{1.0 - NEAR_CERTAIN:g}.",
            f"The histograms of the arms' scores in {self.bins} bins have "
            f"{self.overlap_coefficient:.0%} of their area in common.",
        )

    def _outside(self, arm: Arm, other: Arm) -> str:
        return (
            f"{self.outside[arm]} of {self.patients[arm]} patients of the {arm} arm have a score "
            f"outside the range of the {other} arm."
        )


def overlap_diagnostics(
    score: ArrayLike,
    treatment: ArrayLike,
    *,
    bins: int = BINS,
    names: Sequence[object] | None = None,
) -> OverlapDiagnostics:
    """Return how far the arms' propensity scores overlap, without weights.

    Parameters
    ----------
    score
        Probability of treatment, shape ``(patients,)``.
    treatment
        1 for treated patients, 0 for controls, shape ``(patients,)``.
    bins
        Number of bins of the overlap coefficient.
    names
        Identifiers of the patients, for errors; positions from 0 where there is none.

    Raises
    ------
    InputError
        If the scores, the arms or the number of bins are wrong.
    """
    arm = arm_indicator(treatment, names)
    e = propensity_score(score, len(arm), names)
    own = {name: e[arm == ARM_VALUE[name]] for name in ARMS}
    counts = counts_by_arm(e, arm, equal_bins(1.0, bins))
    shares = counts / counts.sum(axis=1, keepdims=True)
    return OverlapDiagnostics(
        patients={name: len(own[name]) for name in ARMS},
        lowest={name: float(own[name].min()) for name in ARMS},
        highest={name: float(own[name].max()) for name in ARMS},
        outside={
            name: _outside(own[name], own[other])
            for name, other in zip(ARMS, ARMS[::-1], strict=True)
        },
        c_statistic=_c_statistic(own["treated"], own["control"]),
        near_certain=float(((e < NEAR_CERTAIN) | (e > 1.0 - NEAR_CERTAIN)).mean()),
        overlap_coefficient=float(shares.min(axis=0).sum()),
        bins=int(bins),
    )


def _outside(scores: FloatArray, others: FloatArray) -> int:
    return int(((scores < others.min()) | (scores > others.max())).sum())


def _c_statistic(treated: FloatArray, control: FloatArray) -> float:
    """Return the Mann-Whitney statistic over the number of pairs; ties have their mean rank."""
    ranks = rankdata(np.concatenate([treated, control]))[: len(treated)]
    larger = float(ranks.sum()) - len(treated) * (len(treated) + 1) / 2.0
    return larger / (len(treated) * len(control))


def overlap_counts(
    score: ArrayLike,
    treatment: ArrayLike,
    weights: ArrayLike,
    *,
    bins: int = BINS,
    arm_names: Mapping[str, str],
    names: Sequence[object] | None = None,
) -> xr.Dataset:
    """Return the propensity scores of each arm in bins, as patients and as sums of weights.

    Parameters
    ----------
    score
        Probability of treatment, shape ``(patients,)``.
    treatment
        1 for treated patients, 0 for controls, shape ``(patients,)``.
    weights
        Weights of the patients, 0 for those left out, shape ``(patients,)``.
    bins
        Number of bins of equal width between 0 and 1, at most
        :data:`hccbayes.weight_bins.MOST_BINS`.
    arm_names
        Display name of each arm.
    names
        Identifiers of the patients, for errors; positions from 0 where there is none.

    Returns
    -------
    xarray.Dataset
        ``patients`` and ``weighted`` (sum of weights), dims ``arm`` and ``bin``, with the
        coordinates ``arm_name``, ``bin_start`` and ``bin_end``. In a bin of a single patient the
        sum is that patient's weight: take fewer bins where this must not be told.

    Raises
    ------
    InputError
        If the input is wrong, the number of bins is out of range, or an arm has no name.
    """
    arm = arm_indicator(treatment, names)
    e = propensity_score(score, len(arm), names)
    values = Weights.of(weights, arm, "given", names=names).values
    edges = equal_bins(1.0, bins)
    variables = {
        "patients": counts_by_arm(e, arm, edges).astype(np.intp),
        "weighted": counts_by_arm(e, arm, edges, values),
    }
    return binned_dataset(variables, edges, arm_names)
