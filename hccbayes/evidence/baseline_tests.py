"""Checks of the p values and standardized differences of a baseline table."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Final

import pandas as pd

from hccbayes.evidence.audit_cells import readable_cells
from hccbayes.evidence.count_tests import COUNT_TESTS, MEAN_TESTS, count_p_values
from hccbayes.evidence.factors import (
    ARMS,
    WEIGHTED,
    Factor,
    Measurement,
    factors_of,
    measurements_of,
)
from hccbayes.evidence.findings import Finding
from hccbayes.evidence.p_values import PrintedP, count_p_findings, tests_that_fit
from hccbayes.evidence.printed import Printed
from hccbayes.standardized_difference import (
    Range,
    difference_range,
    factor_smd_range,
    mean_smd_range,
)

IMBALANCE: Final = 0.1
"""Standardized difference beyond which matched arms are called imbalanced (Austin 2009)."""


def factor_p(cells: pd.DataFrame) -> Iterator[Finding]:
    """Find a p of a factor that none of the usual tests gives; say which tests give the others."""
    yield from count_p_findings(
        PrintedP(factor.place(), factor.analysis_set, factor.p, counts)
        for factor in factors_of(cells)
        if factor.p is not None and (counts := factor.counts()) is not None
    )


def mean_p(cells: pd.DataFrame) -> Iterator[Finding]:
    """Say where neither Welch's nor Student's test gives the p of a mean and standard deviation.

    A note, since the p may be of a rank test on data that are not printed.
    """
    for row in measurements_of(cells):
        ranges = mean_p_ranges(row)
        if row.p is None or not ranges:
            continue
        if not any(row.p.holds(low, high) for low, high in ranges.values()):
            text = ", ".join(
                f"{name} {low:.3g} to {high:.3g}" for name, (low, high) in ranges.items()
            )
            message = "no t test gives this p within rounding: a rank test?"
            yield row.place().finding("p_not_from_means", "note", "p", row.p.text, text, message)


def mean_p_ranges(row: Measurement) -> dict[str, Range]:
    """Return the range of p that rounding leaves each t test, empty where no mean is printed."""
    means, deviations = row.ranges("mean"), row.ranges("sd")
    sizes = (row.sizes.get("treated", 0.0), row.sizes.get("control", 0.0))
    if means is None or deviations is None or min(sizes) < 2:
        return {}
    differences = difference_range(means)
    variances = [[max(0.0, end) ** 2 for end in own] for own in deviations]
    found = {}
    for name, test in MEAN_TESTS.items():
        values = [
            test(difference, (one, two), sizes)
            for difference, one, two in product(differences, *variances)
        ]
        found[name] = (min(values), max(values))
    return found


def printed_smd(cells: pd.DataFrame) -> Iterator[Finding]:
    """Find a standardized difference that does not follow from the shares or means.

    A weighted difference may be divided by the weighted or by the unweighted spread.
    """
    factors = factors_of(cells)
    unweighted = {(one.study, one.variable): one.counts() for one in factors if one.counts()}
    printed: dict[tuple[str, str, str], list[str]] = {}
    for one in factors:
        if one.smd is not None:
            printed.setdefault((one.study, one.analysis_set, one.smd.text), []).append(one.variable)
    for factor in factors:
        ranges = smd_ranges(factor, unweighted.get((factor.study, factor.variable)))
        if factor.smd is not None and ranges:
            same = printed[factor.study, factor.analysis_set, factor.smd.text]
            others = [name for name in same if name != factor.variable]
            yield from _smd_finding(factor, factor.smd, ranges, others)
    for row in measurements_of(cells):
        means, deviations = row.ranges("mean"), row.ranges("sd")
        if row.smd is not None and means is not None and deviations is not None:
            yield from _smd_finding(row, row.smd, [mean_smd_range(means, deviations)], [])


def smd_ranges(factor: Factor, unweighted: Sequence[tuple[int, int]] | None = None) -> list[Range]:
    """Return the ranges of the standardized difference by each convention, weighted spread first.

    Parameters
    ----------
    factor
        The row.
    unweighted
        Its counts before weighting, for a weighted factor.
    """
    treated, control = (factor.shares(arm) for arm in ARMS)
    if treated is None or control is None:
        return []
    kept = [
        place
        for place, (one, two) in enumerate(zip(treated, control, strict=True))
        if max(one[1], two[1]) > 0
    ]
    if len(kept) < 2:
        return [(0.0, 0.0)]
    one, two = ([shares[place] for place in kept] for shares in (treated, control))
    ranges = [factor_smd_range(one, two)]
    if factor.analysis_set == WEIGHTED and unweighted is not None:
        if len(unweighted) == len(treated):
            spreads = [[unweighted[place][arm] for place in kept] for arm in (0, 1)]
            ranges.append(
                factor_smd_range(one, two, spread_treated=spreads[0], spread_control=spreads[1])
            )
    return ranges


def imbalance(cells: pd.DataFrame) -> Iterator[Finding]:
    """Say where matched or weighted arms differ by more than :data:`IMBALANCE`."""
    for factor in factors_of(cells):
        ranges = smd_ranges(factor)
        if factor.analysis_set in {"matched", WEIGHTED} and ranges and ranges[0][0] > IMBALANCE:
            low, high = ranges[0]
            yield factor.place().finding(
                "imbalance",
                "note",
                "count",
                "" if factor.p is None else f"p {factor.p.text}",
                f"SMD {(low + high) / 2:.2f}",
                f"the arms differ by {(low + high) / 2:.2f} standard deviations; a p value does "
                "not measure balance",
            )


def reproduce_p(data: pd.DataFrame | str | Path) -> pd.DataFrame:
    """Return the p of every test of every factor, and which of them print as the printed p.

    Parameters
    ----------
    data
        A baseline table in the layout of the audit: a frame of text or the path of a CSV file.

    Returns
    -------
    pandas.DataFrame
        One row a factor with whole counts in both arms: ``study``, ``analysis_set``, ``variable``,
        ``p`` as printed, ``smd`` from the counts, one column a test (``nan`` where it does not
        apply), and ``fits``, the tests that give the printed p.

    Raises
    ------
    InputError
        As :func:`hccbayes.evidence.audit` does.
    """
    counted = [
        (factor, counts)
        for factor in factors_of(readable_cells(data, "baseline"))
        if (counts := factor.counts()) is not None
    ]
    columns = ["study", "analysis_set", "variable", "p", "smd", *COUNT_TESTS, "fits"]
    return pd.DataFrame([_p_row(*pair) for pair in counted], columns=columns)


def _p_row(factor: Factor, counts: Sequence[tuple[int, int]]) -> dict[str, object]:
    p_values, ranges = count_p_values(counts), smd_ranges(factor)
    return {
        "study": factor.study,
        "analysis_set": factor.analysis_set,
        "variable": factor.variable,
        "p": "" if factor.p is None else factor.p.text,
        "smd": ranges[0][0] if ranges else math.nan,
        **{name: p_values.get(name, math.nan) for name in COUNT_TESTS},
        "fits": ", ".join(tests_that_fit(factor.p, p_values)) if factor.p else "",
    }


def _smd_finding(
    row: Factor | Measurement, smd: Printed, ranges: Sequence[Range], others: Sequence[str]
) -> Iterator[Finding]:
    ends = sorted((abs(smd.low), abs(smd.high)))
    low, high = ends if smd.low * smd.high > 0 else (0.0, ends[1])
    if any(one[0] <= high + 1e-9 and one[1] >= low - 1e-9 for one in ranges):
        return
    message = "the standardized difference does not follow from the printed numbers"
    if others:
        message += f"; the same value is printed for {', '.join(others)}"
    first = ranges[0]
    expected = smd.like((first[0] + first[1]) / 2.0)
    yield row.place().finding(
        "smd_not_reproduced", "inconsistent", "smd", smd.text, expected, message
    )
