"""Printed response rates and their p beside the conventional response table of the cohorts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pandas as pd

import reproduction_reasons as reasons
from hccbayes import evidence
from hccbayes.evidence.count_tests import count_p_values
from reproduction_cohorts import outcome
from reproduction_conventional import tables
from reproduction_counts import (
    TESTS,
    Verdict,
    counted_verdict,
    other_test,
    p_and_difference,
    percent_label,
    share_text,
    verdict,
)
from reproduction_record import NOT_COMPARED, Row, p_text

NOT_FITTED: Final = "not fitted: a response"
_RECIST: Final = (
    *((level, (level,)) for level in ("CR", "PR", "SD", "PD")),
    ("ORR", ("CR", "PR")),
    ("DCR", ("CR", "PR", "SD")),
)
_YES: Final = (("ORR", ("yes",)),)
RESPONSES: Final = {
    ("Chen2025", "all"): ("best_response", _RECIST),
    ("Lin2023", "all"): ("best_response", _RECIST),
    ("Lu2025", "liver lesions"): ("liver_response", _YES),
    ("Lu2025", "lung lesions"): ("lung_response", _YES),
    ("Sun2025", "all"): ("objective_response", _YES),
}
"""Response column of a study and site, and the labels that a printed category counts."""


def response_rows(study: str) -> Iterator[Row]:
    """Yield a row for each printed response category, both arms in it."""
    table = evidence.table("responses", usable_only=False)
    own = table[(table["study"] == study) & (table["source"] == study)]
    for _, arms in own.groupby(["site", "analysis_set", "category"], sort=False):
        yield _category(arms.sort_values("arm", ascending=False))


def _category(arms: pd.DataFrame) -> Row:
    """Return the row of a category; arms stand in the order treated, control."""
    first = arms.iloc[0]
    if (first["study"], first["site"]) not in RESPONSES:
        return _row(arms, "not computed", "", _absent(arms))
    if len(arms) == 1:
        return _single(arms)
    column, categories = RESPONSES[first["study"], first["site"]]
    found = tables(first["study"], first["analysis_set"], column, categories).response
    rate = found.set_index("rate").loc[first["category"]]
    shares = ", ".join(
        share_text(rate[f"{row['arm']}_n"], rate[f"{row['arm']}_total"], row["printed_percent"])
        for _, row in arms.iterrows()
    )
    text = shares + p_and_difference(rate, first["printed_p"])
    return _row(arms, text, f"conventional response, {rate['test']}", counted_verdict(arms, rate))


def _single(arms: pd.DataFrame) -> Row:
    """Return the row of one arm, where the other has nothing to respond."""
    row = arms.iloc[0]
    column, categories = RESPONSES[row["study"], row["site"]]
    patients = outcome(row["study"], "OS", row["analysis_set"]).arm(row["arm"]).frame
    count = int(patients[column].isin(dict(categories)[row["category"]]).sum())
    label = percent_label(row["printed_percent"], count, len(patients))
    differs = (count, len(patients)) != (int(row["count"]), int(row["total"]))
    text = share_text(count, len(patients), row["printed_percent"])
    return _row(arms, text, "count", verdict(differs, [label] if label else [], []))


def _absent(arms: pd.DataFrame) -> Verdict:
    """Return why a category has no counterpart, and which test gives its printed p."""
    counts = [[int(count) for count in arms["count"]]]
    counts.append([int(row["total"] - row["count"]) for _, row in arms.iterrows()])
    printed = arms.iloc[0]["printed_p"]
    pearson = p_text(count_p_values(counts)["pearson"], printed)
    told = other_test(printed, counts) or f"{TESTS['pearson']} gives p {pearson}"
    return Verdict(NOT_COMPARED, (reasons.ABSENT,), (f"of the printed counts {told} (C13)",))


def _row(arms: pd.DataFrame, found: str, method: str, judged: Verdict) -> Row:
    first = arms.iloc[0]
    printed = ", ".join(_printed(row) for _, row in arms.iterrows())
    p = first["printed_p"]
    return Row(
        study=first["study"],
        endpoint="response",
        sample=first["analysis_set"],
        quantity=first["category"],
        item=", ".join([*([] if first["site"] == "all" else [first["site"]]), *arms["arm"]]),
        printed=f"{printed}, p {p}" if p else printed,
        frequentist=found,
        method=method,
        bayes=NOT_FITTED,
        agreement=judged.agreement,
        reason=judged.reason(),
        remark=judged.remark(),
        evidence=" ".join(["responses", *(str(index) for index in sorted(arms.index))]),
    )


def _printed(row: pd.Series) -> str:
    percent = f"{row['printed_percent']}%"
    if not row["printed_count"]:
        return f"{percent} of {row['total']:.0f}"
    return f"{row['printed_count']} of {row['total']:.0f} ({percent})"
