"""From pairs to weights, clusters and a reason for everyone left over."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from hccbayes.arms import BoolArray, FloatArray
from hccbayes.matching.distance import Candidates
from hccbayes.matching.nearest import Matches
from hccbayes.matching.record import UNMATCHED, Estimand, IntArray, MatchedPairs


def account(
    matches: Matches,
    found: Candidates,
    focal: BoolArray,
    *,
    estimand: Estimand,
    ratio: int,
    caliper: float | None,
    caliper_measure: str,
    ties: int,
    factors: Sequence[str],
) -> MatchedPairs:
    """Return the record of a matching.

    Parameters
    ----------
    matches
        Row and column of the distance matrix of each pair; in the order in which a focal patient
        found them.
    found
        Distances and permissions, shape ``(focal patients, others)``.
    focal
        True for the focal patients, shape ``(patients,)``.
    estimand, ratio, caliper, caliper_measure, ties
        As in :class:`MatchedPairs` and :func:`hccbayes.matching.match`.
    factors
        Names of the exact factors.
    """
    ordered = sorted(matches, key=lambda pair: pair[0])  # stable: first match first
    rows = np.array([row for row, _ in ordered], dtype=np.intp)
    columns = np.array([column for _, column in ordered], dtype=np.intp)
    positions, others = np.flatnonzero(focal)[rows], np.flatnonzero(~focal)[columns]
    treated, control = (positions, others) if estimand == "att" else (others, positions)
    pairs = pd.DataFrame(
        {
            "pair": np.unique(rows, return_inverse=True)[1] + 1,
            "treated": treated,
            "control": control,
            "distance": found.distance[rows, columns],
        }
    )
    cluster = _clusters(positions, others, len(focal))
    is_treated = focal if estimand == "att" else ~focal
    matched = cluster != UNMATCHED
    return MatchedPairs(
        pairs=pairs,
        weights=_weights(positions, others, len(focal)),
        unmatched=_unmatched(found, focal, matched, is_treated, factors),
        cluster=cluster,
        estimand=estimand,
        caliper=caliper,
        caliper_measure=caliper_measure,
        ties=ties,
        incomplete=int((np.bincount(rows)[np.unique(rows)] < ratio).sum()),
        counts={
            arm: {
                "matched": int((matched & own).sum()),
                "unmatched": int((~matched & own).sum()),
            }
            for arm, own in (("treated", is_treated), ("control", ~is_treated))
        },
    )


def _weights(focal: IntArray, others: IntArray, patients: int) -> FloatArray:
    weights = np.zeros(patients)
    matches = np.bincount(focal, minlength=patients)
    np.add.at(weights, others, 1.0 / matches[focal])
    used = np.unique(others)
    weights[used] *= len(used) / weights[used].sum()
    weights[np.unique(focal)] = 1.0
    return weights


def _clusters(focal: IntArray, others: IntArray, patients: int) -> IntArray:
    """Return the number of the group of pairs that hang together through shared patients."""
    links = coo_array((np.ones(len(focal)), (focal, others)), shape=(patients, patients))
    _, component = connected_components(links, directed=False)
    cluster = np.full(patients, UNMATCHED, dtype=np.intp)
    members = np.union1d(focal, others)
    # Numbered in the order in which the patients stand in the data.
    cluster[members] = pd.factorize(component[members])[0]
    return cluster


def _unmatched(
    found: Candidates,
    focal: BoolArray,
    matched: BoolArray,
    treated: BoolArray,
    factors: Sequence[str],
) -> pd.DataFrame:
    other = "control" if (focal == treated).all() else "treated patient"
    reasons = np.full(len(focal), "not needed", dtype=object)
    reasons[focal] = np.select(
        [~found.same_factors.any(axis=1), ~found.allowed.any(axis=1)],
        [f"no {other} with the same {' and '.join(factors)}", f"no {other} within the caliper"],
        default=f"no {other} left",
    )
    index = np.flatnonzero(~matched)
    return pd.DataFrame(
        {
            "index": index,
            "arm": np.where(treated[index], "treated", "control"),
            "reason": reasons[index],
        }
    )
