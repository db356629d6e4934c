"""Checks that need several printed hazard ratios at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import pandas as pd

from hccbayes.evidence.findings import Finding, Place, joined
from hccbayes.evidence.printed import Printed, parse

_CONTRAST: Final = (
    *("study", "endpoint", "analysis_set", "adjusted", "term", "covariate", "level"),
    *("numerator", "treated_label", "control_label"),
)
"""What two rows have in common that print the same contrast."""


def printed_twice(cells: pd.DataFrame) -> Iterator[Finding]:
    """Find one contrast with two values.

    Only where the table says which covariate a row is about; otherwise rows cannot be told apart.
    """
    named = cells[(cells["covariate"] != "") & (cells["hr"] != "")]
    for _, rows in named.groupby(list(_CONTRAST), sort=False):
        first, *others = [_triple(rows.loc[line]) for line in rows.index]
        for line, other in zip(rows.index[1:], others, strict=True):
            if not all(_agree(one, two) for one, two in zip(first, other, strict=True)):
                message = f"row {rows.index[0]} prints another value for the same contrast"
                yield _place(rows, line).finding(
                    "printed_twice",
                    "inconsistent",
                    "hr, lower, upper",
                    _text(other),
                    _text(first),
                    message,
                )


def p_repeated(cells: pd.DataFrame) -> Iterator[Finding]:
    """Say where two analysis sets of one contrast have the same p to three decimals."""
    exact = cells[cells["p"].str.fullmatch(r"0?\.\d{3,}") & (cells["analysis_set"] != "")]
    key = ["study", "endpoint", "term", "covariate", "level", "adjusted", "p"]
    for _, rows in exact.groupby(key, sort=False):
        if rows["analysis_set"].nunique() > 1:
            second = rows.index[1]
            sets = " and ".join(rows["analysis_set"].drop_duplicates())
            message = f"the same p is printed for the {sets} analyses"
            yield _place(rows, second).finding(
                "p_repeated", "note", "p", rows.loc[second, "p"], "", message
            )


def shared_control(cells: pd.DataFrame) -> Iterator[Finding]:
    """Say where contrasts share their control arm and so are correlated."""
    named = cells[(cells["control_label"] != "") & (cells["n_control"] != "")]
    treatment = named[named["covariate"].isin(["", "treatment"])]
    key = ["study", "endpoint", "analysis_set", "adjusted", "control_label", "n_control"]
    for _, rows in treatment.groupby(key, sort=False):
        if rows["treated_label"].nunique() > 1:
            second = rows.index[1]
            message = f"shares its control arm with row {rows.index[0]}: correlated effects"
            yield _place(rows, second).finding(
                "shared_control", "note", "n_control", rows.loc[second, "n_control"], "", message
            )


PAIR_CHECKS: Final[dict[str, Callable[[pd.DataFrame], Iterator[Finding]]]] = {
    "printed_twice": printed_twice,
    "p_repeated": p_repeated,
    "shared_control": shared_control,
}
"""Checks of a whole table of hazard ratios by name."""


def _triple(row: pd.Series) -> tuple[Printed | None, ...]:
    return tuple(parse(row[name]) for name in ("hr", "lower", "upper"))


def _agree(one: Printed | None, other: Printed | None) -> bool:
    return one is None or other is None or one.may_equal(other)


def _text(values: tuple[Printed | None, ...]) -> str:
    hr, lower, upper = ("" if value is None else value.text for value in values)
    return f"{hr} ({lower}-{upper})"


def _place(rows: pd.DataFrame, line: int) -> Place:
    row = rows.loc[line]
    parts = [str(row[name]) for name in ("endpoint", "analysis_set", "covariate", "level")]
    parts.append("adjusted" if row["adjusted"] == "yes" else "")
    return Place(int(line), str(row["study"]), joined(parts))
