"""Matched pairs as a frozen record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hccbayes.arms import FloatArray

IntArray = NDArray[np.intp]
Estimand = Literal["att", "atc"]

UNMATCHED: Final = -1
"""Cluster of a patient who is in no pair."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class MatchedPairs:
    """Who was matched with whom, who was not and why.

    Patients are named by their position in the arrays that were matched, from 0.

    Parameters
    ----------
    pairs
        Columns ``pair, treated, control, distance``: one row a treated patient and a control, in
        the order of the focal patients. Rows with the same `pair`, counted from 1, have the same
        focal patient (the treated one for ``att``, the control for ``atc``).
    weights
        1 for matched focal patients, 0 for unmatched patients, shape ``(patients,)``; matched
        patients of the other arm have the sum of 1 / (matches of the focal patient) over their
        pairs, scaled to the number of them. All 1 in 1:1 pairs without replacement.
    unmatched
        Columns ``index, arm, reason``: every patient in no pair.
    cluster
        Number of the independent group a patient is in, from 0, shape ``(patients,)``;
        :data:`UNMATCHED` for patients in no pair. Pairs that share a patient are in one cluster.
    estimand
        ``att`` where controls were sought for treated patients, ``atc`` for the reverse. With
        unmatched focal patients the effect is that in the matched ones.
    caliper
        Largest difference allowed, in units of `caliper_measure`; ``None`` where there is none.
    caliper_measure
        What the caliper is on: ``logit_score`` or ``score``.
    ties
        Matches for which another patient was as near and available, of nearest neighbor matching.
    incomplete
        Focal patients with fewer matches than the ratio asks for, and at least one.
    counts
        Matched and unmatched patients, ``counts["treated"]["matched"]``.
    """

    pairs: pd.DataFrame
    weights: FloatArray
    unmatched: pd.DataFrame
    cluster: IntArray
    estimand: Estimand
    caliper: float | None
    caliper_measure: str
    ties: int
    incomplete: int
    counts: Mapping[str, Mapping[str, int]]

    @property
    def matched(self) -> IntArray:
        """Positions of the patients in some pair, increasing."""
        return np.flatnonzero(self.cluster != UNMATCHED)
