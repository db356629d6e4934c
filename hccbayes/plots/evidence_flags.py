"""Letters for what is to be minded about a published hazard ratio, and their key."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from string import ascii_lowercase
from typing import Any, Final

_WIDTH: Final = 128
"""Characters of a line of the key: 170 mm of the house's text."""
_FLAGS: Final = {
    "hr_outside_interval": "HR outside of its interval",
    "interval_asymmetric": "interval as printed not symmetric on the log scale",
    "p_against_interval": "printed p does not follow from the interval",
    "se_below_floor": "interval too narrow for the events",
    "printed_twice": "another value printed elsewhere for the same contrast",
    "unreadable": "misprint",
}
"""Alarms of the audit in words."""
_REASONS: Final = {
    "direction": "direction of the ratio uncertain",
    "one-sided": "printed p is one-sided",
    "p does not follow": _FLAGS["p_against_interval"],
    "log-rank type": "from the running text, of log-rank type",
}
"""What a reason to be cautious says of the ratio, and its words in the key."""


def flagged(row: Mapping[Any, Any]) -> list[str]:
    """Return what is to be minded about a row, in words.

    Parameters
    ----------
    row
        ``flags``, the alarms of the audit; ``reason``; and ``told_apart``, the treated arm where
        the study has several, else empty.
    """
    alarms = [name for name in str(row["flags"]).split("; ") if name]
    words = [_FLAGS.get(name, name.replace("_", " ")) for name in alarms]
    words += [text for part, text in _REASONS.items() if part in str(row["reason"])]
    words += [f"treated with {row['told_apart']}"] if row["told_apart"] else []
    return list(dict.fromkeys(words))


def flag_letters(rows: Iterable[Mapping[Any, Any]]) -> dict[str, str]:
    """Return a letter for each of the words, in the order of rows."""
    words = dict.fromkeys(word for row in rows for word in flagged(row))
    return dict(zip(words, ascii_lowercase, strict=False))


def flag_key(letters: Mapping[str, str]) -> str:
    """Return the key, ``a, misprint; b, ...``, in lines as wide as the figure."""
    # A letter does not stand at the end of a line, apart from its words.
    text = "; ".join(f"{letter},\N{NO-BREAK SPACE}{words}" for words, letter in letters.items())
    return textwrap.fill(text, _WIDTH)
