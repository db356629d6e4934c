"""Ages where a paper printed a two-level margin by arm and quantiles of the whole cohort alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd


def assign_ages(
    frame: pd.DataFrame,
    margin: str,
    anchors: Sequence[tuple[int, float]],
    rng: np.random.Generator,
) -> None:
    """Add ``age_years``, in place.

    Parameters
    ----------
    frame
        The cohort with the margin, ``no`` for the younger.
    margin
        Its column.
    anchors
        Positions in the order of age, counted from 0, and the ages there; ages between them are
        linear. Two neighbors with one age make a quartile that is exact.
    rng
        Source of the order within each group.
    """
    positions, ages = zip(*anchors, strict=True)
    values = np.round(np.interp(np.arange(len(frame)), positions, ages), 1)
    older = (frame[margin] == "yes").to_numpy(dtype=bool)
    order = np.lexsort((rng.random(len(frame)), older))
    frame["age_years"] = 0.0
    frame.loc[order, "age_years"] = values
