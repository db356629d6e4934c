"""What the package raises when its input is wrong.

A user's mistake is described by one or more :class:`Problem` records, collected before anything is
raised, so that a data file or a model file is mended in one round and not one message at a time.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

_ROWS_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a file, a column or a field.

    Parameters
    ----------
    where
        The file, column or field, as the user knows it: ``"column os_months"``,
        ``"[hazard] cuts"``.
    message
        What is wrong and what to do about it, as one sentence.
    rows
        Identifiers of the rows concerned; empty where the problem is not about rows.
    """

    where: str
    message: str
    rows: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return ``where: message (rows a, b, ...)`` with at most eight identifiers."""
        text = f"{self.where}: {self.message}"
        if not self.rows:
            return text
        shown = ", ".join(self.rows[:_ROWS_SHOWN])
        more = len(self.rows) - _ROWS_SHOWN
        rest = f" and {more} more" if more > 0 else ""
        noun = "row" if len(self.rows) == 1 else "rows"
        return f"{text} ({noun} {shown}{rest})"


class HccbayesError(Exception):
    """Base of every error the package raises on purpose."""


class InputError(HccbayesError, ValueError):
    """Data, a model file or an argument is wrong.

    Parameters
    ----------
    problems
        Every problem found, in the order in which a reader would meet them.
    source
        The file or object that holds them; printed as the first line.
    """

    def __init__(self, problems: Iterable[Problem] | Problem, *, source: str = "") -> None:
        self.problems: tuple[Problem, ...] = (
            (problems,) if isinstance(problems, Problem) else tuple(problems)
        )
        self.source = source
        super().__init__(str(self))

    def __str__(self) -> str:
        """Return the source, then one problem a line."""
        count = len(self.problems)
        noun = "problem" if count == 1 else "problems"
        head = f"{count} {noun} in {self.source}" if self.source else f"{count} {noun}"
        return "\n".join([f"{head}:", *(f"  - {problem}" for problem in self.problems)])


class MissingDependencyError(HccbayesError, ImportError):
    """An optional package is needed for what was asked; the message says how to install it."""


class FolderExistsError(HccbayesError, FileExistsError):
    """A results folder is already there and would have been overwritten."""
