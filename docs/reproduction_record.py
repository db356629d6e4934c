"""One row of the comparison: what is printed, what the cohort gives, whether they agree and why."""

from __future__ import annotations

import math
import re
from dataclasses import asdict, dataclass, fields
from typing import Final

import pandas as pd

from hccbayes.evidence import parse

AGREE: Final = "yes"
ESTIMATE_ONLY: Final = "estimate"
DIFFER: Final = "no"
NOT_COMPARED: Final = "not compared"
_NUMBER: Final = r"(\d+(?:\.\d+)?|not reached|NA)"
_LEADING: Final = re.compile(rf"{_NUMBER}%?(?: \({_NUMBER} to {_NUMBER}\))?")
_PARTS: Final = ("estimate", "lower", "upper", "p")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One printed number, with its limits and p where they are printed beside it.

    Parameters
    ----------
    study, endpoint, sample, quantity, item
        What it is; ratios say what stands over what.
    printed, frequentist, bayes
        The numbers as text, with the printed digits.
    method
        How the frequentist number was computed.
    bayes_remark
        Why the Bayesian interval does not hold the frequentist estimate, where it does not.
    fit, term
        Which Bayesian fit holds the counterpart, and which of its numbers; empty where none does.
    agreement
        ``yes``: all of it rounds to the printed digits; ``estimate``: the estimate does, limits or
        p do not; ``no``; ``not compared``.
    reason
        Labels of :data:`reproduction_reasons.REASONS`, separated by ``; ``.
    remark
        What the evidence tables say of this number, and more of the kind.
    evidence
        Table and row that the printed number comes from.
    """

    study: str
    endpoint: str
    sample: str
    quantity: str
    item: str
    printed: str
    frequentist: str
    method: str
    bayes: str = ""
    bayes_remark: str = ""
    fit: str = ""
    term: str = ""
    agreement: str = NOT_COMPARED
    reason: str = ""
    remark: str = ""
    evidence: str = ""


COLUMNS: Final = tuple(field.name for field in fields(Row))


KEY: Final = ("study", "endpoint", "sample", "quantity", "item", "evidence")
"""Columns that tell the rows apart."""


def table_of(rows: list[Row]) -> pd.DataFrame:
    """Return the rows as text, in their order."""
    return pd.DataFrame([asdict(row) for row in rows], columns=list(COLUMNS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Printed:
    """An estimate, its limits and p as printed; empty where nothing is."""

    estimate: str = ""
    lower: str = ""
    upper: str = ""
    p: str = ""

    def text(self) -> str:
        """Return them in one line."""
        limits = f" ({self.lower} to {self.upper})" if self.lower or self.upper else ""
        p = f"p {self.p}" if self.p else ""
        return ", ".join(part for part in (f"{self.estimate}{limits}", p) if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The same as numbers; ``nan`` where there is none."""

    estimate: float = math.nan
    lower: float = math.nan
    upper: float = math.nan
    p: float = math.nan

    def inverted(self) -> Found:
        """Return the ratio upside down."""
        return Found(
            estimate=1 / self.estimate, lower=1 / self.upper, upper=1 / self.lower, p=self.p
        )

    def text(self, printed: Printed, *, decimals: int | None = None, unit: str = "") -> str:
        """Return the numbers with the digits of the printed estimate; `unit` follows it."""
        digits = decimals if decimals is not None else _decimals(printed.estimate)
        limits = ""
        if not (math.isnan(self.lower) or math.isinf(self.lower)):
            limits = f" ({months(self.lower, digits)} to {months(self.upper, digits)})"
        p = "" if math.isnan(self.p) else f"p {p_text(self.p, printed.p)}"
        estimate = (
            "" if math.isnan(self.estimate) else f"{months(self.estimate, digits)}{unit}{limits}"
        )
        return ", ".join(part for part in (estimate, p) if part)

    def differs(self, printed: Printed) -> tuple[str, ...]:
        """Return which printed parts these numbers do not round to."""
        return tuple(
            part for part in _PARTS if not agrees(getattr(printed, part), getattr(self, part))
        )


def agrees(text: str, value: float) -> bool:
    """Return whether a number rounds to what is printed; nothing printed agrees with anything.

    A misprint that is no number agrees with nothing.
    """
    try:
        printed = parse(text)
    except ValueError:
        return False
    if printed is None:
        return True
    return not math.isnan(value) and printed.holds(value)


def agreement(differs: tuple[str, ...]) -> str:
    """Return how far a row agrees, from the parts that differ."""
    if not differs:
        return AGREE
    return DIFFER if "estimate" in differs else ESTIMATE_ONLY


def months(value: float, digits: int) -> str:
    """Return a number with its digits; infinity is a time that is not reached."""
    return "not reached" if math.isinf(value) else f"{value:.{digits}f}"


def p_text(value: float, printed: str = "") -> str:
    """Return a p with the printed digits, three where print gives a bound or nothing."""
    digits = max(_decimals(printed), 3)
    smallest = 10.0**-digits
    return f"<{smallest:.{digits}f}" if value < smallest else f"{value:.{digits}f}"


def _decimals(text: str, *, usual: int = 2) -> int:
    try:
        printed = parse(text)
    except ValueError:
        return usual
    if printed is None:
        return usual
    return 1 if math.isinf(printed.value) else printed.decimals


def leading(text: str) -> tuple[float, float, float]:
    """Return the estimate and limits at the head of a cell; ``nan`` where there is none."""
    found = _LEADING.match(text)
    if found is None:
        return math.nan, math.nan, math.nan
    estimate, lower, upper = (_value(part) for part in found.groups())
    return estimate, lower, upper


def _value(text: str | None) -> float:
    if text is None:
        return math.nan
    return math.inf if text in {"not reached", "NA"} else float(text)
