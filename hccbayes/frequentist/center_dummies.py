"""Centers as dummies of a Cox model, with the limit where a center's coefficient is infinite."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from hccbayes.errors import InputError, Problem
from hccbayes.frequentist.episodes import Episodes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CenterDummies:
    """Centers coded for a Cox model so that every coefficient can be finite.

    Parameters
    ----------
    dummies
        0/1 columns ``center[LABEL]``, one a center but the first of its block, a row an episode.
    block
        Stratum of each episode: centers whose levels the data compare with one another.
    without_event
        Centers without an event and their numbers of episodes.
    compared
        Centers with events, by block; one block in an ordinary cohort.
    """

    dummies: pd.DataFrame
    block: NDArray[np.intp]
    without_event: dict[str, int]
    compared: tuple[tuple[str, ...], ...]


def center_dummies(
    start: ArrayLike, stop: ArrayLike, event: ArrayLike, center: ArrayLike
) -> CenterDummies:
    r"""Code centers as dummies and put those with an infinite coefficient into strata.

    The partial likelihood of a center without events falls with its coefficient :math:`\gamma_c`,
    which stands only in denominators, so that its supremum over :math:`\gamma_c` is reached at
    minus infinity and is the partial likelihood without that center's patients: they say nothing
    of the other coefficients. The same happens between blocks of centers, where no event of one
    block has a patient of an earlier block at risk. Levels are comparable exactly within the
    strongly connected components of the graph with an edge from c to c' where an event in c has a
    patient of c' at risk (Ford 1957, for paired comparisons). As the levels of the blocks move
    apart, a risk set weighs only its own block: in the limit the blocks are strata, and a center
    without events is a stratum that contributes nothing. R's ``coxph`` approaches this limit and
    warns.

    Parameters
    ----------
    start, stop, event
        Episodes in months as for :meth:`Episodes.of`.
    center
        Center of each episode.

    Raises
    ------
    InputError
        If a center is missing.
    """
    episodes = Episodes.of(start, stop, event)
    codes, labels = pd.factorize(np.asarray(center), sort=True)
    if (codes < 0).any() or len(codes) != len(episodes.stop):
        raise InputError(Problem("center", "is missing for some patients"))
    block_of_center = _blocks(episodes, codes, len(labels))
    _, first_of_block = np.unique(block_of_center, return_index=True)
    coded = [index for index in range(len(labels)) if index not in first_of_block]
    dummies = pd.DataFrame(
        {f"center[{labels[index]}]": (codes == index).astype(np.float64) for index in coded},
        index=range(len(codes)),
    )
    episodes_of = np.bincount(codes, minlength=len(labels))
    events_of = np.bincount(codes[episodes.event], minlength=len(labels))
    with_event = [index for index in range(len(labels)) if events_of[index]]
    return CenterDummies(
        dummies=dummies,
        block=block_of_center[codes],
        without_event={
            str(labels[index]): int(episodes_of[index])
            for index in range(len(labels))
            if not events_of[index]
        },
        compared=tuple(
            tuple(str(labels[index]) for index in with_event if block_of_center[index] == block)
            for block in np.unique(block_of_center[with_event])
        ),
    )


def _blocks(episodes: Episodes, codes: NDArray[np.intp], centers: int) -> NDArray[np.intp]:
    """Strongly connected components of the centers."""
    compared = np.zeros((centers, centers))
    for row in np.flatnonzero(episodes.event):
        time = episodes.stop[row]
        at_risk = (episodes.entry < time) & (time <= episodes.stop)
        compared[codes[row], codes[at_risk]] = 1.0
    _, block = connected_components(csr_array(compared), directed=True, connection="strong")
    return block.astype(np.intp)
