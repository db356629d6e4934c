"""Checks of responses, adverse events and other counts out of a total."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Final

import pandas as pd

from hccbayes.evidence.factors import ARMS, WEIGHTED
from hccbayes.evidence.findings import Finding, Place, place_of
from hccbayes.evidence.p_values import PrintedP, count_p_findings
from hccbayes.evidence.percent_checks import percentages
from hccbayes.evidence.printed import parse

RESPONSE_SUMS: Final = {"ORR": ("CR", "PR"), "DCR": ("CR", "PR", "SD")}
"""Objective response and disease control as sums of best responses."""
_BEST: Final = ("CR", "PR", "SD", "PD")
_ANY: Final = "any"
"""Category of an adverse event of any grade."""
_EVENT: Final = ("study", "analysis_set", "group", "category")
_NAMED: Final = ("group", "category", "analysis_set", "arm")


def event_percentages(cells: pd.DataFrame) -> Iterator[Finding]:
    """Find percentages that do not follow from counts, or that no count gives."""
    yield from percentages(cells, count="count", total="total", percent="percent", named=_NAMED)


def event_p(cells: pd.DataFrame) -> Iterator[Finding]:
    """Find a p that no usual test of the two arms' counts gives."""
    yield from count_p_findings(_printed_p(cells))


def grades_within_any(cells: pd.DataFrame) -> Iterator[Finding]:
    """Find severe events that are more frequent than the event of any grade."""
    key = ["study", "analysis_set", "group", "arm"]
    for _, rows in cells[cells["count"] != ""].groupby(key, sort=False):
        whole = rows[rows["category"] == _ANY]
        if len(whole) != 1:
            continue
        most = parse(whole["count"].iloc[0])
        for line in rows.index[rows["category"] != _ANY]:
            own = parse(rows.loc[line, "count"])
            if own is not None and most is not None and own.value > most.value:
                message = "more patients than have the event in any grade"
                yield _place(rows.loc[[line]]).finding(
                    "subset_above_whole",
                    "impossible",
                    "count",
                    own.text,
                    f"at most {most.text}",
                    message,
                )


def responses_add_up(cells: pd.DataFrame) -> Iterator[Finding]:
    """Find response rates that are not the sum of their best responses, or sums above the arm."""
    key = ["study", "analysis_set", "group", "arm"]
    for _, rows in cells[cells["count"] != ""].groupby(key, sort=False):
        counts = {row["category"]: parse(row["count"]) for _, row in rows.iterrows()}
        values = {name: count.value for name, count in counts.items() if count is not None}
        for name, parts in RESPONSE_SUMS.items():
            if name in values and all(part in values for part in parts):
                expected = sum(values[part] for part in parts)
                if values[name] != expected:
                    message = f"{name} is not {' + '.join(parts)}"
                    yield _place(rows[rows["category"] == name]).finding(
                        "response_sum",
                        "inconsistent",
                        "count",
                        f"{values[name]:g}",
                        f"{expected:g}",
                        message,
                    )
        total = parse(rows["total"].iloc[0])
        best = sum(values.get(name, 0.0) for name in _BEST)
        if total is not None and best > total.value:
            message = "best responses add up to more than the arm"
            yield _place(rows).finding(
                "response_sum", "impossible", "count", f"{best:g}", total.text, message
            )


def percentages_add_to_whole(cells: pd.DataFrame) -> Iterator[Finding]:
    """Say where shares without counts add up to 100: the denominator may be the events.

    Where a patient may have several of the listed events, shares of patients add up to more.
    """
    key = ["study", "analysis_set", "category", "arm", "total"]
    for _, rows in cells[cells["count"] == ""].groupby(key, sort=False):
        shares = [value for cell in rows["percent"] if (value := parse(cell)) is not None]
        if len(shares) < 3 or len(shares) != rows["group"].nunique():
            continue
        low, high = (sum(getattr(one, end) for one in shares) for end in ("low", "high"))
        if low <= 100.0 <= high:
            message = "shares add up to 100: shares of events rather than of patients?"
            yield _place(rows).finding(
                "shares_add_to_whole",
                "note",
                "percent",
                f"{(low + high) / 2:.1f}",
                "",
                message,
            )


def same_counts(cells: pd.DataFrame) -> Iterator[Finding]:
    """Find events of three patients or more with the same counts but another p in both arms."""
    key = ["study", "analysis_set"]
    both = ["group", "category"]
    for _, rows in cells[(cells["count"] != "") & (cells["p"] != "")].groupby(key, sort=False):
        found = []
        for _, own in rows.groupby(both, sort=False):
            pair = [_whole(own[own["arm"] == arm]) for arm in ARMS]
            if pair[0] is not None and pair[1] is not None:
                found.append((own, (pair[0], pair[1]), parse(own["p"].iloc[0])))
        for (one, counts, p), (other, others, p_other) in combinations(found, 2):
            if counts == others and p and p_other and not p.holds(p_other.low, p_other.high):
                message = f"same counts as {_place(one).item}, but p is {p.text} there"
                yield _place(other).finding(
                    "identical_rows", "inconsistent", "p", p_other.text, "", message
                )


EVENT_CHECKS: Final[dict[str, Callable[[pd.DataFrame], Iterator[Finding]]]] = {
    "percentages": event_percentages,
    "p_not_reproduced": event_p,
    "subset_above_whole": grades_within_any,
    "response_sum": responses_add_up,
    "shares_add_to_whole": percentages_add_to_whole,
    "identical_rows": same_counts,
}
"""Checks of counts out of a total by name."""


def _whole(rows: pd.DataFrame) -> tuple[int, int] | None:
    """Return count and total of one arm, ``None`` unless both are printed as whole numbers."""
    if len(rows) != 1:
        return None
    count, total = parse(rows["count"].iloc[0]), parse(rows["total"].iloc[0])
    if count is None or total is None or not (count.is_count and total.is_count):
        return None
    return (int(count.value), int(total.value)) if count.value <= total.value else None


def _printed_p(cells: pd.DataFrame) -> Iterator[PrintedP]:
    """Yield each p of an event with whole counts in both arms: patients with it and without."""
    named = cells[(cells["p"] != "") & (cells["analysis_set"] != WEIGHTED)]
    for _, rows in named.groupby(list(_EVENT), sort=False):
        treated, control = (_whole(rows[rows["arm"] == arm]) for arm in ARMS)
        p = parse(rows["p"].iloc[0])
        if p is not None and treated is not None and control is not None:
            counts = [(treated[0], control[0])]
            counts.append((treated[1] - treated[0], control[1] - control[0]))
            yield PrintedP(place_of(rows, _EVENT[2:]), rows["analysis_set"].iloc[0], p, counts)


def _place(rows: pd.DataFrame) -> Place:
    return place_of(rows, _NAMED)
