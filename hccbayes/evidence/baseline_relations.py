"""Checks across baseline rows: subsets, stages that findings imply, copies, labels, quartiles."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, groupby, product
from typing import Final

import pandas as pd
from scipy.stats import hypergeom

from hccbayes.evidence.factors import (
    ARMS,
    WEIGHTED,
    Factor,
    factors_of,
    measurements_of,
)
from hccbayes.evidence.findings import Finding, Severity

COINCIDENCE: Final = 0.01
"""Expected number of identical pairs of rows, over a whole table, below which chance is no
explanation."""
IMPLIES: Final = (
    ("pvtt", "bclc", "C"),
    ("extrahepatic_met", "bclc", "C"),
)
"""(finding, factor, level): whoever has the finding is in that level. Portal vein invasion and
extrahepatic spread make Barcelona stage C (Reig 2022, J Hepatol 76:681)."""
_PRESENT: Final = re.compile(r"present|presence|yes|positive|\+", re.IGNORECASE)
_WOMEN: Final = re.compile(r"f(emale)?s?|wom[ae]n", re.IGNORECASE)


def matched_within_full(cells: pd.DataFrame) -> Iterator[Finding]:
    """Find matched counts that exceed those of the cohort they were taken from."""
    factors = {(one.study, one.variable, one.analysis_set): one for one in factors_of(cells)}
    for (study, variable, analysis_set), part in factors.items():
        whole = factors.get((study, variable, "unadjusted"))
        if analysis_set != "matched" or whole is None:
            continue
        for key, cell in part.cells.items():
            full = whole.cells.get(key)
            if full is None or cell.count is None or full.count is None:
                continue
            if cell.count.value > full.count.value:
                yield part.place(cell.line).finding(
                    "subset_above_whole",
                    "impossible",
                    "count",
                    cell.count.text,
                    f"at most {full.count.text}",
                    f"{key[0]}, {key[1]}: more matched patients than there are",
                )


def implied_levels(cells: pd.DataFrame) -> Iterator[Finding]:
    """Find findings that are more frequent than the stage they imply, by :data:`IMPLIES`."""
    factors = {(one.study, one.analysis_set, one.variable): one for one in factors_of(cells)}
    tables = dict.fromkeys(key[:2] for key in factors if key[1] != WEIGHTED)
    for (study, analysis_set), arm in product(tables, ARMS):
        members = []
        for name, whole_name, level in IMPLIES:
            factor = factors.get((study, analysis_set, name))
            whole = factors.get((study, analysis_set, whole_name))
            own = None if factor is None else _present(factor, arm)
            stage = None if whole is None else whole.cells.get((level, arm))
            if factor is not None and own is not None and stage is not None and stage.count:
                members.append(_Implied(factor, own.count, stage.count.value, own.line))
        yield from _implied(arm, members)


def identical_rows(cells: pd.DataFrame) -> Iterator[Finding]:
    """Find two factors with the same counts in both arms: one may be a copy.

    Where the printed p values differ, one of the two is a copy or one p is wrong. Otherwise the
    chance is stated: the expected number of such pairs in a table of this size, if a row's total is
    equally likely to be anything and its split over the arms is hypergeometric.
    """
    counted = [(one, counts) for one in factors_of(cells) if (counts := one.counts())]
    by_table = sorted(counted, key=lambda pair: (pair[0].study, pair[0].analysis_set))
    for _, own in groupby(by_table, key=lambda pair: (pair[0].study, pair[0].analysis_set)):
        rows = [(one, sorted(pair for pair in counts if sum(pair))) for one, counts in own]
        rows = [row for row in rows if len(row[1]) > 1]
        pairs = len(rows) * (len(rows) - 1) / 2
        for (one, counts), (other, others) in combinations(rows, 2):
            if counts == others:
                yield _identical(one, other, counts, pairs)


def quartiles_in_order(cells: pd.DataFrame) -> Iterator[Finding]:
    """Find medians that lie outside of their quartiles."""
    for row in measurements_of(cells):
        for arm, values in row.values.items():
            median, low, high = values["median"], values["q1"], values["q3"]
            if median is None or low is None or high is None:
                continue
            if median.high < low.low or median.low > high.high or low.low > high.high:
                yield row.place(row.lines[arm]).finding(
                    "quartiles_disordered",
                    "impossible",
                    "median, q1, q3",
                    f"{median.text} ({low.text}-{high.text})",
                    "",
                    f"{arm}: the median does not lie between the quartiles",
                )


def sex_labels(cells: pd.DataFrame) -> Iterator[Finding]:
    """Find cohorts of liver cancer with more women than men: the labels may be swapped."""
    for factor in factors_of(cells):
        women = [level for level in factor.levels if _WOMEN.fullmatch(level)]
        if len(women) != 1 or len(factor.levels) != 2:
            continue
        shares = [
            factor.cells[women[0], arm].share() for arm in ARMS if (women[0], arm) in factor.cells
        ]
        known = [share for share in shares if share is not None]
        if known and all(share[0] > 0.5 for share in known):
            yield factor.place().finding(
                "sex_labels",
                "suspicious",
                "level",
                f"{100 * known[0][0]:.0f}% {women[0]}",
                "men in the majority",
                "three in four patients with liver cancer are men: swapped labels?",
            )


@dataclass(frozen=True, slots=True)
class _Present:
    """How many patients of an arm have a finding, and the line that says so."""

    count: float
    line: int


@dataclass(frozen=True, slots=True)
class _Implied:
    """Patients with a finding, and patients in the stage it implies."""

    factor: Factor
    count: float
    stage: float
    line: int


def _present(factor: Factor, arm: str) -> _Present | None:
    for level in factor.levels:
        cell = factor.cells.get((level, arm))
        if _PRESENT.fullmatch(level) and cell is not None and cell.count is not None:
            return _Present(cell.count.value, cell.line)
    return None


def _implied(arm: str, members: list[_Implied]) -> Iterator[Finding]:
    for member in members:
        if member.count > member.stage:
            yield member.factor.place(member.line).finding(
                "implied_level",
                "impossible",
                "count",
                f"{member.count:g}",
                f"at most {member.stage:g}",
                f"{arm}: the finding makes stage C, and fewer patients are of stage C",
            )
    if len(members) < 2 or any(member.count > member.stage for member in members):
        return
    last = members[-1]
    both = sum(member.count for member in members) - last.stage
    if both > 0:
        names = " and ".join(member.factor.variable for member in members)
        yield last.factor.place(last.line).finding(
            "implied_overlap",
            "note",
            "count",
            "",
            f"at least {both:g}",
            f"{arm}: {names} make stage C ({last.stage:g}), so at least {both:g} have both",
        )


def _identical(one: Factor, other: Factor, counts: list[tuple[int, int]], pairs: float) -> Finding:
    chance = pairs * coincidence(counts)
    differ = (
        one.p is not None and other.p is not None and not one.p.holds(other.p.low, other.p.high)
    )
    message = f"counts are those of {one.variable} in both arms"
    severity: Severity = "note"
    if differ and one.p is not None and other.p is not None:
        severity = "inconsistent"
        message += f", but p is {one.p.text} there and {other.p.text} here"
    elif chance < COINCIDENCE:
        severity = "suspicious"
    message += f"; {chance:.2g} such pairs expected by chance"
    text = "; ".join(f"{treated}/{control}" for treated, control in counts)
    return other.place().finding("identical_rows", severity, "count", text, "", message)


def coincidence(counts: list[tuple[int, int]]) -> float:
    """Return the chance that an unrelated factor has these counts, in either order of its levels.

    Parameters
    ----------
    counts
        Patients by level, (treated, control).

    Notes
    -----
    Level by level: the number of patients in the level is uniform on what is left, and its split
    over the arms hypergeometric. A cautious guess; rare levels are likelier in practice.
    """
    treated, control = (sum(pair[arm] for pair in counts) for arm in (0, 1))
    chance = 1.0
    for one, two in counts[:-1]:
        chance *= float(hypergeom.pmf(one, treated + control, one + two, treated))
        chance /= treated + control + 1
        treated, control = treated - one, control - two
    return min(1.0, 2.0 * chance)
