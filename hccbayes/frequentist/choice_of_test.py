"""Which two-sample test a paper would take, and its p, by name.

Counts: Cochran's rule on expected counts (1954, Biometrics 10:417). Numbers: Shapiro and Wilk's
test in each arm decides between a t test and ranks. Both describe practice. To let the data choose
the test spoils its error rate, and a p of a baseline comparison does not measure imbalance; read
the standardized difference.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np
from scipy import stats

from hccbayes.errors import InputError, Problem
from hccbayes.evidence.count_tests import MEAN_TESTS, Counts, fisher, pearson, yates
from hccbayes.frequentist.episodes import FloatArray

TTest = Literal["welch", "student"]

PEARSON: Final = "Pearson chi-square"
YATES: Final = "Yates-corrected chi-square"
FISHER: Final = "Fisher exact"
MANN_WHITNEY: Final = "Mann-Whitney"
T_TEST_NAMES: Final[dict[str, str]] = {"welch": "Welch t", "student": "Student t"}

EXPECTED_ENOUGH: Final = 5.0
"""Expected count from which a cell needs no care."""
EXPECTED_LEAST: Final = 1.0
"""Expected count below which no chi-square approximation is trusted."""
SHARE_SMALL: Final = 0.2
"""Share of cells of a larger table that may have expected counts below 5."""
PATIENTS_FOR_YATES: Final = 40
"""Patients from which a 2 x 2 table with an expected count below 5 is corrected, not exact."""
SHAPIRO_LIMIT: Final = 0.05
"""p of the Shapiro-Wilk test below which an arm's numbers are not taken as normal."""
SHAPIRO_SIZES: Final = (3, 5000)
"""Patients for which Royston's approximation of its p holds."""

COUNT_RULE: Final = (
    "Counts of 2 x 2: Pearson chi-square where every expected count is 5 or more; "
    "Yates-corrected where one is from 1 to 5 and there are 40 patients or more; otherwise Fisher "
    "exact. Larger tables: Pearson where no expected count is below 1 and at most a fifth are "
    "below 5; otherwise Fisher exact (Freeman-Halton)."
)
VALUE_RULE: Final = (
    "Numbers: t test where Shapiro-Wilk gives p of 0.05 or more in both arms; otherwise "
    "Mann-Whitney, by the normal approximation with the correction for ties and without one for "
    "continuity."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedTest:
    """A test by name and its two-sided p.

    Parameters
    ----------
    name
        As papers write it; empty where there is none.
    p_value
        ``nan`` where there is none.
    note
        Why there is none, or what to know of this one.
    """

    name: str
    p_value: float
    note: str = ""


def expected_counts(counts: Counts) -> FloatArray:
    """Return the counts that the margins lead to expect, shape ``(levels, 2)``."""
    sums = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0, keepdims=True)
    return np.asarray(sums / counts.sum(), dtype=np.float64)


def counts_test(counts: Counts) -> NamedTest:
    """Return the test that :data:`COUNT_RULE` takes for a table of counts.

    Parameters
    ----------
    counts
        Patients by level (rows) and arm (treated, control), shape ``(levels, 2)``; levels nobody
        has are left out.
    """
    if (counts.sum(axis=0) == 0).any():
        return NamedTest(name="", p_value=math.nan, note="not estimable: an arm has no patient")
    held = counts[counts.sum(axis=1) > 0]
    if len(held) == 1:
        return NamedTest(
            name="", p_value=math.nan, note="not estimable: the same for every patient"
        )
    name = _count_test(held)
    if name == FISHER and math.isnan(p_value := fisher(held)):
        note = "expected counts ask for Fisher's test, which has too many tables to enumerate here"
        return NamedTest(name=PEARSON, p_value=pearson(held), note=note)
    if name == FISHER:
        return NamedTest(name=FISHER, p_value=p_value)
    return NamedTest(name=name, p_value=yates(held) if name == YATES else pearson(held))


def values_test(treated: FloatArray, control: FloatArray, *, t_test: TTest = "welch") -> NamedTest:
    """Return the test that :data:`VALUE_RULE` takes for numbers of two arms.

    Parameters
    ----------
    treated, control
        Finite numbers of each arm.
    t_test
        ``welch`` or, with one variance for both arms, ``student``.

    Raises
    ------
    InputError
        If the t test is not known.
    """
    if t_test not in get_args(TTest):
        known = ", ".join(get_args(TTest))
        raise InputError(Problem("t_test", f"unknown t test {t_test!r}; choose from {known}"))
    arms = (treated, control)
    if min(len(arm) for arm in arms) == 0:
        return NamedTest(name="", p_value=math.nan, note="not estimable: an arm has no patient")
    if np.ptp(np.concatenate(arms)) == 0:
        return NamedTest(
            name="", p_value=math.nan, note="not estimable: the same for every patient"
        )
    if all(looks_normal(arm) for arm in arms):
        variances = (float(treated.var(ddof=1)), float(control.var(ddof=1)))
        sizes = (float(len(treated)), float(len(control)))
        p_value = MEAN_TESTS[t_test](float(treated.mean() - control.mean()), variances, sizes)
        return NamedTest(name=T_TEST_NAMES[t_test], p_value=p_value)
    ranks = stats.mannwhitneyu(treated, control, method="asymptotic", use_continuity=False)
    return NamedTest(name=MANN_WHITNEY, p_value=float(ranks.pvalue))


def looks_normal(values: FloatArray) -> bool:
    """Return whether the Shapiro-Wilk test lets numbers pass as normal.

    Numbers that do not vary, or of which there are fewer than 3 or more than 5000, do not pass: the
    test is not defined for them.
    """
    least, most = SHAPIRO_SIZES
    if not least <= len(values) <= most or np.ptp(values) == 0:
        return False
    return bool(stats.shapiro(values).pvalue >= SHAPIRO_LIMIT)


def _count_test(counts: Counts) -> str:
    expected = expected_counts(counts)
    smallest = float(expected.min())
    if len(counts) > 2:
        small = float((expected < EXPECTED_ENOUGH).mean())
        return PEARSON if smallest >= EXPECTED_LEAST and small <= SHARE_SMALL else FISHER
    if smallest >= EXPECTED_ENOUGH:
        return PEARSON
    large = counts.sum() >= PATIENTS_FOR_YATES
    return YATES if large and smallest >= EXPECTED_LEAST else FISHER
