"""The parts of the page on the papers' conventional tables: overviews, and folded tables."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

import pandas as pd

import reproduction_adverse_events
import reproduction_baseline
import reproduction_reasons as reasons
from hccbayes.report.numbers import escape_markdown
from reproduction_cohorts import NULL, STUDIES
from reproduction_entry import BY_RULE, ENTERS
from reproduction_record import AGREE, DIFFER, ESTIMATE_ONLY, NOT_COMPARED

SAMPLES: Final = {"unadjusted": "whole cohort", "matched": "matched", "weighted": "weighted"}
AGREEMENTS: Final = {AGREE: "yes", ESTIMATE_ONLY: "estimate", DIFFER: "no", NOT_COMPARED: ""}
SURVIVAL: Final = "survival"
COX: Final = "Cox regression"
RULE: Final = "entry rule"
BASELINE: Final = "Table 1"
RESPONSE: Final = "response"
EVENTS: Final = "adverse events"
TABLES: Final = (SURVIVAL, COX, RESPONSE, BASELINE, RULE, EVENTS)
"""What the papers' tables are about, in the order of the page."""
FOLDED: Final = (BASELINE, RULE, EVENTS)
"""Tables that stand folded below those of a study's survival numbers."""
_HEADINGS: Final = ("Analysis", "What", "Arms", "Printed", "Conventional", "Agrees", "Why")
_PRINTED_P: Final = re.compile(r"\bp [<>]?\d")
_MEASURED: Final = re.compile(r", (mean|median) \(")
_GIVES: Final = re.compile(r"(?:^|; )([^;]+?) gives p")
P_OUTCOMES: Final = {
    reasons.OTHER_CHOICE: "another usual test",
    reasons.P_CUT_OFF: "cut off",
    reasons.OTHER_TEST: "no usual test",
    reasons.FREE_VALUES: "values not printed",
}
"""Where a printed p that the rule's test does not give comes from, by label."""


def table_name(row: pd.Series) -> str:
    """Return which of the papers' tables a row is of."""
    if row["quantity"] in {ENTERS, BY_RULE}:
        return RULE
    if row["endpoint"] == reproduction_baseline.ENDPOINT:
        return BASELINE
    if row["endpoint"] == reproduction_adverse_events.ENDPOINT:
        return EVENTS
    if row["endpoint"] == "response":
        return RESPONSE
    return COX if row["quantity"].startswith("hazard ratio") else SURVIVAL


def folded(rows: pd.DataFrame) -> pd.Series:
    """Return which rows stand in folded tables."""
    return rows.apply(table_name, axis="columns").isin(FOLDED)


def overview(rows: pd.DataFrame) -> Iterator[str]:
    """Yield the overviews by table and by study, and folded by both."""
    names = rows.apply(table_name, axis="columns")
    yield from _head("table")
    for table in TABLES:
        own = rows[names == table]
        yield _line((table, len(own), counts(own)))
    yield _line(("all", len(rows), counts(rows)))
    yield from ("", *_head("study"))
    for study in (*STUDIES, NULL):
        own = rows[rows["study"] == study]
        yield _line((study, len(own), counts(own)))
    yield from ("", "<details>", "<summary>By study and table</summary>", "")
    yield from _head("study", "table")
    for study in (*STUDIES, NULL):
        for table in TABLES:
            own = rows[(rows["study"] == study) & (names == table)]
            if len(own):
                yield _line((study, table, len(own), counts(own)))
    yield from ("", "</details>")


def _head(*first: str) -> Iterator[str]:
    yield _line(
        (*first, "rows", "agree in every digit", "estimate alone", "differ", "no counterpart")
    )
    yield "|" + " --- |" * (len(first) + 5)


def counts(rows: pd.DataFrame) -> str:
    """Return how many rows agree, by degree, as cells."""
    found = Counter(rows["agreement"])
    return " | ".join(str(found[degree]) for degree in AGREEMENTS)


def p_overview(rows: pd.DataFrame) -> Iterator[str]:
    """Yield the lines of the table that says which test gives the printed p."""
    yield (
        "| study | table | printed p | the rule's test | " + " | ".join(P_OUTCOMES.values()) + " |"
    )
    yield "|" + " --- |" * (4 + len(P_OUTCOMES))
    kinds = {
        "Table 1, counts": lambda row: _is(row, BASELINE) and not _measured(row),
        "Table 1, numbers": lambda row: _is(row, BASELINE) and _measured(row),
        "response": lambda row: _is(row, RESPONSE),
        "adverse events": lambda row: _is(row, EVENTS),
    }
    tested = rows[rows["printed"].str.contains(_PRINTED_P) & (rows["agreement"] != NOT_COMPARED)]
    lines = []
    for study in STUDIES:
        for name, belongs in kinds.items():
            own = tested[(tested["study"] == study) & tested.apply(belongs, axis="columns")]
            if len(own):
                lines.append((study, name, len(own), *p_counts(own)))
    yield from (_line(line) for line in lines)
    sums = [sum(line[place] for line in lines) for place in range(2, 4 + len(P_OUTCOMES))]
    yield _line(("all", "all", *sums))


def p_counts(rows: pd.DataFrame) -> tuple[int, ...]:
    """Return how many printed p the rule's test gives, and how many each other outcome."""
    found = Counter(_p_outcome(row) for _, row in rows.iterrows())
    return (found[""], *(found[label] for label in P_OUTCOMES))


def _p_outcome(row: pd.Series) -> str:
    own = [label for label in row["reason"].split("; ") if label in P_OUTCOMES]
    return own[0] if own else ""


def _is(row: pd.Series, table: str) -> bool:
    return table_name(row) == table


def _measured(row: pd.Series) -> bool:
    return _MEASURED.search(row["quantity"]) is not None


def _line(cells: tuple[object, ...]) -> str:
    return "| " + " | ".join(map(str, cells)) + " |"


def in_words(rows: pd.DataFrame) -> Iterator[str]:
    """Yield what the conventional tables show, as list items."""
    names = rows.apply(table_name, axis="columns")
    for table, parts in (
        (BASELINE, "counts, means or quartiles"),
        (RESPONSE, "counts"),
        (EVENTS, "counts"),
    ):
        own = Counter(rows.loc[names == table, "agreement"])
        compared = own.total() - own[NOT_COMPARED]
        same = own[AGREE] + own[ESTIMATE_ONLY]
        yield (
            f"- **{table[0].upper()}{table[1:]}**: in {same} of {compared} rows with a counterpart "
            f"the printed {parts} come back, in {own[AGREE]} of them with everything else that is "
            f"printed in the row.{_exceptions(rows[names == table])}"
        )
    chosen = Counter(rows.loc[rows["quantity"] == ENTERS, "agreement"])
    broken = rows["reason"].str.contains(reasons.BROKEN_RULE)
    yield (
        f"- **Entry rule**: the rule on univariable p takes or leaves the same covariates as print "
        f"in {chosen[AGREE]} of {chosen.total()} cases; {int(broken.sum())} of print's own choices "
        "goes against the rule that it states."
    )


def _exceptions(rows: pd.DataFrame) -> str:
    """Return which rows of a table differ, and why."""
    apart = rows[rows["agreement"] == DIFFER]
    told = [
        f"{row['study']} {row['quantity']}, {SAMPLES[row['sample']]} ({row['reason']}"
        f"{''.join(f', {name}' for name in reasons.ids(row['remark']))})"
        for _, row in apart.iterrows()
    ]
    return f" The others: {'; '.join(told)}." if told else ""


def other_tests(rows: pd.DataFrame) -> str:
    """Return which other tests give printed p, by study, as a sentence."""
    parts = []
    for study in STUDIES:
        own = rows[(rows["study"] == study) & rows["reason"].str.contains(reasons.OTHER_CHOICE)]
        found = Counter(name for text in own["remark"] for name in _GIVES.findall(text))
        if found:
            named = ", ".join(f"{name} {count}" for name, count in found.most_common())
            parts.append(f"{study}: {named}")
    return f"Other usual tests that give printed p: {'; '.join(parts)}."


def folded_tables(rows: pd.DataFrame) -> Iterator[str]:
    """Yield a study's folded tables."""
    names = rows.apply(table_name, axis="columns")
    for table in FOLDED:
        own = rows[names == table]
        if len(own):
            yield from ("", "<details>", f"<summary>{_summary(table, own)}</summary>", "")
            yield _line(_HEADINGS)
            yield "|" + " --- |" * len(_HEADINGS)
            yield from (_line(tuple(_cells(row))) for _, row in own.iterrows())
            yield from ("", "</details>")


def _summary(table: str, rows: pd.DataFrame) -> str:
    found = Counter(rows["agreement"])
    return (
        f"{table[0].upper()}{table[1:]}: {len(rows)} rows, {found[AGREE]} agree in all, "
        f"{found[ESTIMATE_ONLY]} in the estimate, {found[DIFFER]} differ, "
        f"{found[NOT_COMPARED]} have no counterpart"
    )


def _cells(row: pd.Series) -> list[str]:
    texts = [
        f"{row['endpoint']}, {SAMPLES[row['sample']]}",
        *(row[name] for name in ("quantity", "item", "printed", "frequentist")),
        AGREEMENTS[row["agreement"]],
        why(row),
    ]
    return [escape_markdown(text) for text in texts]


def why(row: pd.Series) -> str:
    """Return labels and remark of a row in one cell."""
    return ": ".join(part for part in (row["reason"], row["remark"]) if part)
