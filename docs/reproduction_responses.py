"""Printed response rates and their p beside the cohorts' counts and tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pandas as pd

import reproduction_reasons as reasons
from hccbayes import evidence
from hccbayes.evidence import parse
from hccbayes.evidence.count_tests import count_p_values
from reproduction_cohorts import outcome
from reproduction_record import AGREE, DIFFER, ESTIMATE_ONLY, NOT_COMPARED, Row, agrees, p_text

NOT_FITTED: Final = "not fitted: a response"
TESTS: Final = {
    "pearson": "Pearson",
    "yates": "Yates",
    "fisher": "Fisher",
    "linear_by_linear": "N - 1 chi-square",
}
"""Tests of a 2 x 2 table by name, the usual one first."""
CATEGORIES: Final = {
    **{level: (level,) for level in ("CR", "PR", "SD", "PD")},
    "ORR": ("CR", "PR", "yes"),
    "DCR": ("CR", "PR", "SD"),
}
"""Values of a response column that a printed category counts."""
COLUMNS: Final = {
    ("Chen2025", "all"): "best_response",
    ("Lin2023", "all"): "best_response",
    ("Lu2025", "liver lesions"): "liver_response",
    ("Lu2025", "lung lesions"): "lung_response",
    ("Sun2025", "all"): "objective_response",
}
"""Response column of a study and site."""


def response_rows(study: str) -> Iterator[Row]:
    """Yield a row for each printed response category, both arms in it."""
    table = evidence.table("responses", usable_only=False)
    own = table[(table["study"] == study) & (table["source"] == study)]
    for _, arms in own.groupby(["site", "analysis_set", "category"], sort=False):
        yield _category(arms.sort_values("arm", ascending=False))


def _category(arms: pd.DataFrame) -> Row:
    """Return the row of a category; arms stand in the order treated, control."""
    first = arms.iloc[0]
    printed_p = first["printed_p"]
    column = COLUMNS.get((first["study"], first["site"]))
    counts = [_count(row, column) for _, row in arms.iterrows()]
    known = [int(row["count"]) for _, row in arms.iterrows()]
    test, p = _test(known if column is None else counts, arms["total"].tolist(), printed_p)
    labels, remarks, agreement = _judged(arms, counts, p, printed_p)
    found = ", ".join(
        _share(count, row) for count, (_, row) in zip(counts, arms.iterrows(), strict=True)
    )
    if column is None:
        found = "not computed"
        labels, agreement = [reasons.ABSENT], NOT_COMPARED
        remarks = [f"the printed counts give p {p_text(p, printed_p)} ({TESTS[test]}; C13)"]
    elif test:
        found = f"{found}, p {p_text(p, printed_p)} ({TESTS[test]})"
    printed = ", ".join(_printed(row) for _, row in arms.iterrows())
    return Row(
        study=first["study"],
        endpoint="response",
        sample=first["analysis_set"],
        quantity=first["category"],
        item=", ".join([*([] if first["site"] == "all" else [first["site"]]), *arms["arm"]]),
        printed=f"{printed}, p {printed_p}" if printed_p else printed,
        frequentist=found,
        method=", ".join(["count", *([TESTS[test]] if test and column else [])]),
        bayes=NOT_FITTED,
        agreement=agreement,
        reason="; ".join(labels),
        remark="; ".join(dict.fromkeys(remarks)),
        evidence=" ".join(["responses", *(str(index) for index in sorted(arms.index))]),
    )


def _count(row: pd.Series, column: str | None) -> int:
    if column is None:
        return -1
    patients = outcome(row["study"], "OS", row["analysis_set"]).arm(row["arm"])
    return int(patients.frame[column].isin(CATEGORIES[row["category"]]).sum())


def _test(counts: list[int], totals: list[float], printed_p: str) -> tuple[str, float]:
    """Return the test that gives the printed p, Pearson's where none does, and its p."""
    if not printed_p or len(counts) < 2:
        return "", float("nan")
    others = [int(total) - count for count, total in zip(counts, totals, strict=True)]
    found = count_p_values([counts, others])
    for name in TESTS:
        if name in found and agrees(printed_p, found[name]):
            return name, found[name]
    return "pearson", found["pearson"]


def _judged(
    arms: pd.DataFrame, counts: list[int], p: float, printed_p: str
) -> tuple[list[str], list[str], str]:
    """Return labels, remarks and agreement: first of the counts, then of percentages and p."""
    rows = [row for _, row in arms.iterrows()]
    if any(count != int(row["count"]) for count, row in zip(counts, rows, strict=True)):
        return [], [], DIFFER
    labels, remarks = [], []
    for count, row in zip(counts, rows, strict=True):
        share = 100 * count / row["total"]
        if not agrees(row["printed_percent"], share):
            cut = parse(row["printed_percent"]).cut_from(share)
            labels.append(reasons.CUT_OFF if cut else reasons.OTHER_PERCENT)
    if printed_p and not agrees(printed_p, p):
        labels.append(reasons.OTHER_TEST)
        remarks += [row["reason"] for row in rows if row["reason"]]
    if labels:
        return list(dict.fromkeys(labels)), remarks, ESTIMATE_ONLY
    return [reasons.TARGET], [], AGREE


def _digits(row: pd.Series) -> int:
    return parse(row["printed_percent"]).decimals or 1


def _printed(row: pd.Series) -> str:
    percent = f"{row['printed_percent']}%"
    if not row["printed_count"]:
        return f"{percent} of {row['total']:.0f}"
    return f"{row['printed_count']} of {row['total']:.0f} ({percent})"


def _share(count: int, row: pd.Series) -> str:
    total = row["total"]
    return f"{count} of {total:.0f} ({100 * count / total:.{_digits(row)}f}%)"
