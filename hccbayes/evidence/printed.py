"""A printed number is an interval of values: everything that rounds to it.

The number of digits printed says how wide the interval is, so numbers are read as text.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Final

_NUMBER: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_BEYOND: Final = frozenset({"na", "nr", "not reached", "inf"})
"""What is printed for a time that lies beyond the follow-up."""
_EMPTY: Final = frozenset({"", "-", "\N{EN DASH}", "\N{EM DASH}", "nan", "none"})
SLACK: Final = 1e-9
"""Relative slack of comparisons, far above floating point and far below any printed digit."""


@dataclass(frozen=True, slots=True)
class Printed:
    """A number as it stands in print.

    Parameters
    ----------
    text
        What is printed.
    value
        The number itself; the bound where ``<`` or ``>`` is printed, infinity for a time that is
        not reached.
    low, high
        Smallest and largest value that would be printed like this: half a unit of the last digit
        on either side, one side open after ``<`` and ``>``.
    """

    text: str
    value: float
    low: float
    high: float

    @property
    def decimals(self) -> int:
        """Digits after the decimal point."""
        return _decimals(self.text)

    @property
    def is_count(self) -> bool:
        """Whether it is a whole number, printed without decimals."""
        return self.decimals == 0 and math.isfinite(self.low) and math.isfinite(self.high)

    def holds(self, low: float, high: float | None = None) -> bool:
        """Return whether a value, or any value from `low` to `high`, would be printed like this."""
        high = low if high is None else high
        slack = SLACK * max(1.0, abs(self.value) if math.isfinite(self.value) else 1.0)
        return low <= self.high + slack and high >= self.low - slack

    def may_equal(self, other: Printed) -> bool:
        """Return whether both may print one value: their intervals share more than an end."""
        if self.text == other.text or self.value == other.value:
            return True
        return self.low + SLACK < other.high and other.low + SLACK < self.high

    def cut_from(self, value: float) -> bool:
        """Return whether `value` gives this number when digits are cut off, not rounded."""
        unit = 10.0**-self.decimals
        return self.value - SLACK <= value < self.value + unit - SLACK

    def like(self, value: float) -> str:
        """Return `value` with as many decimals as this number."""
        return f"{value:.{self.decimals}f}"


def parse(cell: object) -> Printed | None:
    """Return a printed number, ``None`` for an empty cell.

    Parameters
    ----------
    cell
        Text such as ``0.360``, ``<0.001``, ``>0.999``, ``12%`` or ``not reached``. A number that
        is not text has lost the zeros at its end: its interval is then wider than the printed one.

    Raises
    ------
    ValueError
        If the cell is not a number.
    """
    text = _text(cell)
    if text.casefold() in _EMPTY:
        return None
    if text.casefold() in _BEYOND:
        return Printed(text, math.inf, math.inf, math.inf)
    bare = text.removesuffix("%").strip().replace("\N{MINUS SIGN}", "-")
    sign = bare[0] if bare[:1] in {"<", ">", "\N{LESS-THAN OR EQUAL TO}"} else ""
    digits = bare.removeprefix(sign).removeprefix("=").strip()
    if not _NUMBER.fullmatch(digits):
        raise ValueError(f"{text!r} is not a number")
    value = float(digits)
    if sign:
        above = sign == ">"
        return Printed(text, value, value if above else -math.inf, math.inf if above else value)
    half = 0.5 * 10.0 ** -_decimals(digits)
    return Printed(text, value, value - half, value + half)


def is_number(cell: object) -> bool:
    """Return whether a cell is a printed number or empty."""
    try:
        parse(cell)
    except ValueError:
        return False
    return True


def number(cell: object) -> float:
    """Return the value of a printed number, ``nan`` for an empty cell.

    Raises
    ------
    ValueError
        If the cell is not a number.
    """
    found = parse(cell)
    return math.nan if found is None else found.value


def _text(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float):
        return "" if math.isnan(cell) else f"{cell:.15g}"
    return str(cell).strip()


def _decimals(text: str) -> int:
    """Return the decimals of a number, 0 of a word; an exponent moves the point."""
    if not any(character.isdigit() for character in text):
        return 0
    mantissa, _, exponent = text.removesuffix("%").casefold().partition("e")
    places = len(mantissa.partition(".")[2].strip())
    return max(0, places - int(exponent)) if exponent else places
