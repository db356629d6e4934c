"""Which test gives the printed p: p values from counts, or from means and standard deviations.

All of them are two-sided. Arms are columns in the order treated, control.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.special import gammaln

Counts = NDArray[np.int64]
"""Patients by level (rows) and arm (two columns)."""

_FISHER_TABLES: Final = 200_000
"""Tables with the same margins that are enumerated at most; beyond it there is no exact test."""
_SAME: Final = 1e-7
"""Relative difference below which two tables are equally likely, as R's fisher.test has it."""


def pearson(counts: Counts) -> float:
    """Return the p of Pearson's chi-square test without continuity correction."""
    return float(stats.chi2_contingency(counts, correction=False).pvalue)


def yates(counts: Counts) -> float:
    """Return the p of the chi-square test with Yates' correction; ``nan`` beyond two levels."""
    if counts.shape[0] != 2:
        return math.nan
    return float(stats.chi2_contingency(counts, correction=True).pvalue)


def fisher(counts: Counts) -> float:
    """Return the p of the exact test: Fisher's, or Freeman and Halton's for more levels.

    The probability of all tables with these margins that are no likelier than this one, by
    enumeration; ``nan`` where there are too many. SciPy's own test of larger tables draws at
    random.
    """
    if counts.shape[0] == 2:
        return float(stats.fisher_exact(counts).pvalue)
    margins, treated = counts.sum(axis=1), int(counts[:, 0].sum())
    if float(np.prod(margins + 1.0)) / float(margins.max() + 1) > _FISHER_TABLES:
        return math.nan
    columns = _compositions(margins, treated)
    log_chance = _log_choose(margins, columns).sum(axis=1)
    own = float(_log_choose(margins, counts[:, 0]).sum())
    chance = np.exp(log_chance - log_chance.max())
    return float(chance[log_chance <= own + _SAME].sum() / chance.sum())


def mann_whitney(counts: Counts) -> float:
    """Return the p of the rank-sum test of levels in their printed order, ``nan`` for two levels.

    Normal approximation with the correction for ties, without one for continuity.
    """
    if counts.shape[0] < 3:
        return math.nan
    ranks = np.arange(counts.shape[0])
    treated, control = (np.repeat(ranks, counts[:, arm]) for arm in (0, 1))
    return float(
        stats.mannwhitneyu(treated, control, method="asymptotic", use_continuity=False).pvalue
    )


def linear_by_linear(counts: Counts) -> float:
    """Return the p of the linear-by-linear association: ``(N - 1) r ** 2``, one degree of freedom.

    `r` is the correlation of the arm with the level's place in print. With two levels it is
    Pearson's statistic times ``(N - 1) / N``, which some programs print for 2 x 2 tables (Campbell
    2007, Statistics in Medicine 26:3661).
    """
    total = int(counts.sum())
    place = np.repeat(np.arange(counts.shape[0]), counts.sum(axis=1))
    arm = np.concatenate([np.repeat([0, 1], row) for row in counts])
    correlation = float(np.corrcoef(place, arm)[0, 1])
    return float(stats.chi2.sf((total - 1) * correlation**2, 1))


COUNT_TESTS: Final[dict[str, Callable[[Counts], float]]] = {
    "pearson": pearson,
    "yates": yates,
    "fisher": fisher,
    "linear_by_linear": linear_by_linear,
    "mann_whitney": mann_whitney,
}
"""Tests of counts by name."""


def count_p_values(counts: Sequence[Sequence[int]]) -> dict[str, float]:
    """Return the p of every test that applies to a table of counts.

    Parameters
    ----------
    counts
        One pair (treated, control) a level; levels nobody has are left out.

    Returns
    -------
    dict
        p by test; 1 for all where one level is left, since the arms cannot differ, and nothing
        where an arm is empty.
    """
    table = np.asarray(counts, dtype=np.int64)
    table = table[table.sum(axis=1) > 0]
    if len(table) == 0 or (table.sum(axis=0) == 0).any():
        return {}
    if len(table) == 1:
        return {"pearson": 1.0, "fisher": 1.0}
    found = {name: test(table) for name, test in COUNT_TESTS.items()}
    return {name: p for name, p in found.items() if not math.isnan(p)}


def welch_t(difference: float, variances: tuple[float, float], sizes: tuple[float, float]) -> float:
    """Return Welch's p of a difference of means, from standard deviations squared and sizes."""
    parts = [variance / size for variance, size in zip(variances, sizes, strict=True)]
    if sum(parts) == 0:
        return 1.0 if difference == 0 else 0.0
    degrees = sum(parts) ** 2 / sum(
        part**2 / (size - 1) for part, size in zip(parts, sizes, strict=True)
    )
    return float(2.0 * stats.t.sf(abs(difference) / math.sqrt(sum(parts)), degrees))


def student_t(
    difference: float, variances: tuple[float, float], sizes: tuple[float, float]
) -> float:
    """Return Student's p of a difference of means with the pooled variance."""
    degrees = sizes[0] + sizes[1] - 2
    pooled = ((sizes[0] - 1) * variances[0] + (sizes[1] - 1) * variances[1]) / degrees
    se = math.sqrt(pooled * (1 / sizes[0] + 1 / sizes[1]))
    if se == 0:
        return 1.0 if difference == 0 else 0.0
    return float(2.0 * stats.t.sf(abs(difference) / se, degrees))


MEAN_TESTS: Final = {"welch": welch_t, "student": student_t}
"""Tests of means by name."""


def _compositions(margins: Counts, total: int) -> Counts:
    """Return every way in which `total` treated patients spread over the levels."""
    partial = np.zeros((1, 0), dtype=np.int64)
    for place, size in enumerate(margins[:-1]):
        rest = int(margins[place + 1 :].sum())
        parts = []
        for value in range(int(size) + 1):
            left = total - partial.sum(axis=1) - value
            fits = (left >= 0) & (left <= rest)
            parts.append(np.column_stack([partial[fits], np.full(int(fits.sum()), value)]))
        partial = np.vstack(parts)
    return np.column_stack([partial, total - partial.sum(axis=1)])


def _log_choose(sizes: Counts, taken: Counts) -> NDArray[np.float64]:
    return np.asarray(gammaln(sizes + 1) - gammaln(taken + 1) - gammaln(sizes - taken + 1))
