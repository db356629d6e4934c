"""Printed counts, percentages and their p beside those of a conventional table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

import reproduction_reasons as reasons
from hccbayes.evidence import parse
from hccbayes.evidence.count_tests import count_p_values
from hccbayes.frequentist.choice_of_test import FISHER, PEARSON, YATES
from reproduction_record import AGREE, DIFFER, ESTIMATE_ONLY, agrees, p_text

TESTS: Final = {
    "pearson": PEARSON,
    "yates": YATES,
    "fisher": FISHER,
    "linear_by_linear": "linear-by-linear",
    "mann_whitney": "Mann-Whitney of the levels",
}
"""Tests of counts by name, the usual one first."""
TWO_LEVELS: Final = {"linear_by_linear": "N - 1 chi-square"}
"""Names that tests have in a 2 x 2 table."""
POINTS: Final = 1
"""Decimals of a risk difference in percentage points."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How far a row agrees, the labels of the reasons, and what more is to be said."""

    agreement: str
    labels: tuple[str, ...]
    remarks: tuple[str, ...] = ()

    def reason(self) -> str:
        """Return the labels as a row has them."""
        return "; ".join(dict.fromkeys(self.labels))

    def remark(self) -> str:
        """Return the remarks as a row has them, each part once."""
        parts = [part for text in self.remarks for part in text.split("; ")]
        return "; ".join(dict.fromkeys(part for part in parts if part))


def verdict(counts_differ: bool, labels: Sequence[str], remarks: Sequence[str]) -> Verdict:
    """Return the verdict of a row of counts; without a label it is a target that holds."""
    if counts_differ:
        return Verdict(DIFFER, tuple(labels), tuple(remarks))
    if labels:
        return Verdict(ESTIMATE_ONLY, tuple(labels), tuple(remarks))
    return Verdict(AGREE, (reasons.TARGET,), tuple(remarks))


def p_labels(
    printed: str, p: float, counts: Sequence[Sequence[int]], doubts: Sequence[str]
) -> tuple[list[str], list[str]]:
    """Return labels and remarks of a printed p beside that of the test that the rule takes.

    Parameters
    ----------
    printed
        The p as printed; empty where none is.
    p
        The p of the rule's test.
    counts
        Patients by level: treated, control.
    doubts
        What the evidence tables say of the row; told where no usual test gives the printed p.
    """
    if not printed or agrees(printed, p):
        return [], []
    fitting = other_test(printed, counts)
    if not fitting:
        cut = _cut_off(printed, counts)
        return ([reasons.P_CUT_OFF], [cut]) if cut else ([reasons.OTHER_TEST], list(doubts))
    copied = [text for text in doubts if "copy" in text]
    labels = [reasons.CONTRADICTORY] if copied else []
    return [*labels, reasons.OTHER_CHOICE], [fitting, *copied]


def other_test(printed: str, counts: Sequence[Sequence[int]]) -> str:
    """Return which usual test of the counts gives the printed p, empty where none does."""
    found = count_p_values(counts)
    for key, name in TESTS.items():
        if key in found and agrees(printed, found[key]):
            shown = TWO_LEVELS.get(key, name) if len(counts) == 2 else name
            return f"{shown} gives p {p_text(found[key], printed)}"
    return ""


def _cut_off(printed: str, counts: Sequence[Sequence[int]]) -> str:
    """Return which usual test gives the printed p when digits are cut off, empty for none."""
    text = parse(printed)
    for key, p in count_p_values(counts).items():
        if text.cut_from(p):
            return f"{TESTS[key]} gives p {p:.{text.decimals + 2}f}"
    return ""


def percent_label(printed: str, count: float, total: float) -> str:
    """Return why a printed percentage is not that of its count; empty where it is."""
    share = 100 * count / total
    if agrees(printed, share):
        return ""
    text = parse(printed)
    rest = parse(text.like(100 - text.value))
    cut = text.cut_from(share) or rest.cut_from(100 - share)
    return reasons.CUT_OFF if cut else reasons.OTHER_PERCENT


def share_text(count: float, total: float, printed_percent: str) -> str:
    """Return a count of a total with its percentage, which has the printed digits."""
    parsed = parse(printed_percent)
    digits = (parsed.decimals if parsed else 0) or 1
    return f"{count:.0f} of {total:.0f} ({100 * count / total:.{digits}f}%)"


def p_and_difference(row: pd.Series, printed_p: str) -> str:
    """Return test, p and risk difference of a row of proportions, after a comma."""
    p = f", p {p_text(row['p_value'], printed_p)} ({row['test']})" if row["test"] else ""
    # Adding zero takes the sign from a difference that rounds to nothing.
    difference, lower, upper = (
        f"{round(100 * row[name], POINTS) + 0.0:.{POINTS}f}"
        for name in ("risk_difference", "lower", "upper")
    )
    return f"{p}, difference {difference} ({lower} to {upper}) points"


def counted_verdict(arms: pd.DataFrame, found: pd.Series) -> Verdict:
    """Return the verdict of a printed event or category by arm beside a row of proportions.

    Parameters
    ----------
    arms
        Printed rows of one event: treated, control, and both together where print has them.
    found
        Row of the table, columns of ``hccbayes.frequentist.proportions.PROPORTION_COLUMNS``.
    """
    by_arm = {
        arm: (int(found[f"{arm}_n"]), int(found[f"{arm}_total"])) for arm in ("treated", "control")
    }
    by_arm["overall"] = tuple(sum(pair) for pair in zip(*by_arm.values(), strict=True))
    labels, remarks, differ = [], [], False
    for _, row in arms.iterrows():
        count, total = by_arm[row["arm"]]
        differ |= (count, total) != (int(row["count"]), int(row["total"]))
        label = percent_label(row["printed_percent"], count, total)
        if label:
            labels.append(label)
            remarks += [row["reason"]] if row["repaired_field"] == "percent" else []
    printed = arms.iloc[0]["printed_p"]
    table = [[by_arm[arm][0] for arm in ("treated", "control")]]
    table.append([by_arm[arm][1] - by_arm[arm][0] for arm in ("treated", "control")])
    doubts = [reason for reason in arms["reason"] if reason]
    more, told = p_labels(printed, found["p_value"], table, doubts)
    return verdict(differ, [*labels, *more], [*told, *remarks])
