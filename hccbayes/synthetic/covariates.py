"""Covariates whose one-way counts are exact: levels by the rank of latent normal scores.

With independent scores this is the maximum-entropy completion of the printed margins: nothing is
claimed about how covariates go together. A correlation matrix of the scores is a sensitivity
analysis, never knowledge.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hccbayes.arms import ARMS, Arm
from hccbayes.errors import InputError, Problem
from hccbayes.synthetic.continuous import ordered_values
from hccbayes.synthetic.study_targets import StudyTargets
from hccbayes.synthetic.targets import PARTS, Margin, Part

FloatArray = NDArray[np.float64]
Correlation = Mapping[tuple[str, str], float]
"""Correlations of the latent scores by pairs of columns; pairs left out are uncorrelated."""
SMALLEST_EIGENVALUE: Final = 1e-10
"""At or below it a correlation matrix counts as singular; eigenvalues are rounded at 1e-15."""


def draw_covariates(
    study: StudyTargets, rng: np.random.Generator, *, correlation: Correlation | None = None
) -> pd.DataFrame:
    """Draw every covariate of a study, part by part.

    Parameters
    ----------
    study
        The targets.
    rng
        Source of the latent scores.
    correlation
        Of the latent scores.

    Returns
    -------
    pandas.DataFrame
        One row a patient: ``arm``, ``matched`` (``yes`` or ``no``, where the study has a matched
        subset), a column each margin and each continuous variable.

    Raises
    ------
    InputError
        If a correlation names no margin or the matrix is not positive definite.
    """
    columns = [margin.column for margin in study.margins]
    matrix = correlation_matrix(columns, correlation or {})
    parts = [
        _draw_part(study, arm, part, rng.multivariate_normal(np.zeros(len(columns)), matrix, size))
        for arm in ARMS
        for part in PARTS
        if (size := study.size(arm, part)) > 0
    ]
    frame = pd.concat(parts, ignore_index=True)
    for variable in study.continuous:
        frame[variable.column] = 0.0
        for arm in ARMS:
            ordered_values(frame, study.label(arm), arm, variable, rng)
    return frame


def correlation_matrix(columns: Sequence[str], correlation: Correlation) -> FloatArray:
    """Return the matrix of the latent scores.

    Raises
    ------
    InputError
        If a column is unknown or paired with itself, a number is not in -1 to 1, or the matrix is
        not positive definite; all problems are listed.
    """
    problems: list[Problem] = []
    matrix = np.eye(len(columns))
    for pair, value in correlation.items():
        unknown = [name for name in pair if name not in columns]
        for name in unknown:
            known = ", ".join(columns)
            problems.append(Problem("correlation", f"unknown column {name!r}; choose from {known}"))
        if pair[0] == pair[1]:
            problems.append(Problem("correlation", f"{pair[0]!r} is paired with itself"))
        if not -1.0 <= value <= 1.0:
            problems.append(
                Problem("correlation", f"of {pair[0]} and {pair[1]} is {value!r}, not in -1 to 1")
            )
        if not unknown:
            row, column = columns.index(pair[0]), columns.index(pair[1])
            matrix[row, column] = matrix[column, row] = value
    if not problems and np.linalg.eigvalsh(matrix)[0] <= SMALLEST_EIGENVALUE:
        problems.append(Problem("correlation", "the matrix is not positive definite"))
    if problems:
        raise InputError(problems, source="correlation")
    return matrix


def _draw_part(study: StudyTargets, arm: Arm, part: Part, scores: FloatArray) -> pd.DataFrame:
    size = len(scores)
    frame = pd.DataFrame({"arm": [study.label(arm)] * size})
    if study.has_matched:
        frame["matched"] = "yes" if part == "matched" else "no"
    for position, margin in enumerate(study.margins):
        allowed = np.ones(size, dtype=bool)
        if margin.within is not None:
            column, level = margin.within
            allowed = (frame[column] == level).to_numpy(dtype=bool)
        frame[margin.column] = assign_levels(
            margin, margin.counts(arm, part), scores[:, position], allowed
        )
    return frame


def assign_levels(
    margin: Margin, counts: Sequence[int], scores: FloatArray, allowed: NDArray[np.bool_]
) -> NDArray[np.object_]:
    """Return levels that rise with the scores and have exactly these counts.

    Parameters
    ----------
    margin
        Its levels, and its name for messages.
    counts
        Patients of each level, adding up to the number of scores.
    scores
        Latent scores, shape ``(patients,)``.
    allowed
        Who may have the last level.

    Raises
    ------
    InputError
        If the counts are negative, do not add up, or more patients need the last level than may
        have it.
    """
    wanted = np.asarray(counts)
    if (wanted < 0).any() or wanted.sum() != len(scores) or wanted[-1] > allowed.sum():
        listed = ", ".join(str(count) for count in counts)
        raise InputError(
            Problem(margin.column, f"counts {listed} do not fit {len(scores)} patients")
        )
    # Scores of those who may not have the last level are put below all others.
    ranked = np.where(allowed, scores, scores - (np.ptp(scores) + 1.0))
    order = np.argsort(ranked, kind="stable")
    result = np.empty(len(scores), dtype=object)
    result[order] = np.repeat(np.array(margin.levels, dtype=object), wanted)
    return result
