"""A printed p value against the usual tests of the counts it belongs to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from hccbayes.evidence.count_tests import count_p_values
from hccbayes.evidence.findings import Finding, Place
from hccbayes.evidence.printed import Printed


@dataclass(frozen=True, slots=True)
class PrintedP:
    """A printed p, the counts it is about, and where it stands.

    Parameters
    ----------
    place
        Where it stands.
    analysis_set
        The set its table belongs to: tests are counted by study and set.
    p
        As printed.
    counts
        One pair (treated, control) a level.
    """

    place: Place
    analysis_set: str
    p: Printed
    counts: Sequence[tuple[int, int]]


def count_p_findings(values: Iterable[PrintedP]) -> Iterator[Finding]:
    """Find printed p values that no usual test gives; say which tests give the others."""
    fitting: dict[tuple[str, str], list[tuple[int, list[str]]]] = {}
    for value in values:
        p_values = count_p_values(value.counts)
        fits = tests_that_fit(value.p, p_values)
        table = (value.place.study, value.analysis_set)
        fitting.setdefault(table, []).append((value.place.row, fits))
        if p_values and not fits:
            counts = "; ".join(f"{treated}/{control}" for treated, control in value.counts)
            yield value.place.finding(
                "p_not_reproduced",
                "inconsistent",
                "p",
                value.p.text,
                ", ".join(f"{name} {one:.3g}" for name, one in p_values.items()),
                f"no usual test of the counts {counts} gives this p",
            )
    for (study, analysis_set), rows in fitting.items():
        yield _tests_used(study, analysis_set, rows)


def tests_that_fit(p: Printed, p_values: dict[str, float]) -> list[str]:
    """Return the names of the tests whose p prints as this one.

    Where none is rounded to it, those whose p gives it with its digits cut off.
    """
    rounded = [name for name, value in p_values.items() if p.holds(value)]
    return rounded or [name for name, value in p_values.items() if p.cut_from(value)]


def _tests_used(study: str, analysis_set: str, rows: Sequence[tuple[int, list[str]]]) -> Finding:
    """Return a note on which tests give how many of the printed p, from row and fitting tests."""
    counted = Counter(name for _, fits in rows for name in fits)
    whole = [name for name, count in counted.items() if count == len(rows)]
    parts = ", ".join(f"{name} {count}" for name, count in counted.most_common()) or "none"
    message = f"no single test gives all {len(rows)} p values ({parts})"
    if whole:
        message = f"one test gives all {len(rows)} p values: {' or '.join(whole)} ({parts})"
    place = Place(rows[0][0], study, analysis_set)
    return place.finding("tests_used", "note", "p", "", "", message)
