"""Which layout the cells of a column of dates have in common, and what is wrong with the others."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hccbayes.cohort.checks import listed
from hccbayes.errors import Problem
from hccbayes.time_zero.date_layouts import LAYOUTS, PARTIAL, TWO_DIGIT_YEAR, YEARS, DateLayout
from hccbayes.time_zero.episode_columns import cell_rows

_EXAMPLES: Final = 3


@dataclass(frozen=True, slots=True, eq=False)
class DistinctCells:
    """The distinct cells of a column, and what is said of them."""

    where: str
    texts: pd.Series
    codes: NDArray[np.intp]
    ids: NDArray[Any]
    problems: list[Problem]

    def read(self, wanted: DateLayout | None) -> tuple[pd.Series, str]:
        """Return the date of each distinct cell, and the layout's name."""
        if self.texts.empty:
            return pd.Series(pd.NaT, index=self.texts.index, dtype="datetime64[ns]"), ""
        layouts = LAYOUTS if wanted is None else (wanted,)
        read = {one.name: one.read(self.texts) for one in LAYOUTS}
        rows = np.bincount(self.codes[self.codes >= 0], minlength=len(self.texts))
        held = {one.name: int(rows[read[one.name].notna()].sum()) for one in layouts}
        most = max(held.values())
        best = [name for name, count in held.items() if count == most]
        chosen = best[0]
        self._ambiguous(best, read, most)
        self._others(chosen, read)
        return read[chosen], chosen

    def _say(self, message: str, mask: NDArray[np.bool_]) -> None:
        codes = np.flatnonzero(mask)
        self.problems.append(
            Problem(self.where, message, cell_rows(self.ids, np.isin(self.codes, codes)))
        )

    def _shown(self, mask: NDArray[np.bool_]) -> str:
        return listed(self.texts[mask], _EXAMPLES)

    def _ambiguous(self, best: Sequence[str], read: dict[str, pd.Series], most: int) -> None:
        """Add a problem where several layouts read as many cells and disagree on a date."""
        if most == 0 or len(best) < 2:
            return
        first, second = read[best[0]], read[best[1]]
        differ = ((first != second) & first.notna() & second.notna()).to_numpy()
        apart = (first.isna() != second.isna()).to_numpy()
        if apart.any():  # Neither reads all: each cell that one alone reads is named below.
            return
        if differ.any():
            example = self.texts[differ].iloc[0]
            readings = " or ".join(
                f"{one[differ].iloc[0]:%Y-%m-%d} as {name}"
                for name, one in zip(best, (first, second), strict=False)
            )
            message = (
                f"can be read in two ways: {example!r} is {readings}, and no cell decides; "
                "write dates as YYYY-MM-DD, or name the layout"
            )
            self._say(message, differ)

    def _others(self, chosen: str, read: dict[str, pd.Series]) -> None:
        """Add a problem for each kind of cell that the chosen layout cannot read."""
        unread = read[chosen].isna().to_numpy()
        ours = self._shown(~unread)
        for name, dates in read.items():
            theirs = unread & dates.notna().to_numpy()
            if theirs.any():
                beside = f" beside {chosen} ({ours})" if ours else f"; {chosen} is asked for"
                message = f"dates are written as {name} ({self._shown(theirs)}){beside}; use one"
                self._say(message, theirs)
                unread &= ~theirs
        kinds = {
            "lack the day or the month, which is not made up": self._match(PARTIAL),
            "have a year of two digits; write four": self._match(TWO_DIGIT_YEAR),
            f"are no day of the calendar from {YEARS[0]} to {YEARS[1]}": self._shaped(),
        }
        for message, mask in kinds.items():
            if (unread & mask).any():
                self._say(f"dates {message}: {self._shown(unread & mask)}", unread & mask)
                unread = unread & ~mask
        if unread.any():
            message = f"holds text where a date is needed: {self._shown(unread)}"
            self._say(f"{message}; write dates as YYYY-MM-DD", unread)

    def _match(self, pattern: re.Pattern[str]) -> NDArray[np.bool_]:
        return self.texts.str.match(pattern).to_numpy(dtype=bool)

    def _shaped(self) -> NDArray[np.bool_]:
        matches = [self._match(one.shape) for one in LAYOUTS]
        return np.logical_or.reduce(matches)
