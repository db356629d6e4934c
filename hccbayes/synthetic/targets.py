"""What a synthetic cohort has to reproduce, as plain records; a study file states nothing else.

Counts stand in the order of the levels. Effects are treated over control, times in months.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from hccbayes.arms import Arm
from hccbayes.errors import HccbayesError

Part = Literal["matched", "remainder"]
Sample = Literal["all", "matched"]
Status = Literal["identified", "derived", "invented", "not targeted"]
"""``identified``: printed, and reproduced. ``derived``: follows from print by a calculation, a
repair or an inference that the note names. ``invented``: print is silent, a value was chosen.
``not targeted``: printed, but left to where the other targets put it."""
Level = str | int

PARTS: Final[tuple[Part, Part]] = ("matched", "remainder")

HR_TOLERANCE: Final = 1e-3
"""Largest distance of a hazard ratio from its target, whatever the number of digits printed."""


class InfeasibleDrawError(HccbayesError, ArithmeticError):
    """A random draw cannot be bent to the targets; the next one is tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Margin:
    """One-way counts of a categorical variable.

    Parameters
    ----------
    column
        Column of the cohort.
    levels
        Values of the column, in the order in which latent scores rise through them.
    treated, control
        Counts in each whole arm.
    matched_treated, matched_control
        Counts in the matched subset; empty where none were printed.
    within
        ``(column, level)``: the last level occurs only in patients of that level of an earlier
        column.
    status, note
        For the manifest.
    """

    column: str
    levels: tuple[Level, ...]
    treated: tuple[int, ...]
    control: tuple[int, ...]
    matched_treated: tuple[int, ...] = ()
    matched_control: tuple[int, ...] = ()
    within: tuple[str, Level] | None = None
    status: Status = "identified"
    note: str = ""

    @property
    def by_part(self) -> bool:
        """Whether the matched subset has counts of its own."""
        return bool(self.matched_treated)

    def whole(self, arm: Arm) -> tuple[int, ...]:
        """Return the counts of a whole arm."""
        return self.treated if arm == "treated" else self.control

    def matched(self, arm: Arm) -> tuple[int, ...]:
        """Return the counts of an arm's matched subset."""
        return self.matched_treated if arm == "treated" else self.matched_control

    def counts(self, arm: Arm, part: Part) -> tuple[int, ...]:
        """Return the counts of a part: the matched subset, or what is left of the arm."""
        if part == "matched":
            return self.matched(arm)
        if not self.by_part:
            return self.whole(arm)
        return tuple(a - m for a, m in zip(self.whole(arm), self.matched(arm), strict=True))


@dataclass(frozen=True, slots=True)
class MeanSd:
    """Printed mean and standard deviation."""

    mean: float
    sd: float


@dataclass(frozen=True, slots=True)
class Quartiles:
    """Printed median and quartiles, R's type 7, which is NumPy's default; ``None``: no target."""

    lower: float | None
    median: float
    upper: float


Summary = MeanSd | Quartiles


@dataclass(frozen=True, slots=True)
class Unused:
    """A printed number that is no target: it is reported beside what the cohort gives."""

    quantity: str
    sample: Sample
    arm: Arm
    printed: float
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Continuous:
    """A continuous variable.

    Parameters
    ----------
    column
        Column of the cohort.
    treated, control, matched_treated, matched_control
        Printed summaries; ``None`` where there is none that can be used.
    cut
        ``(column, value)``: an earlier two-level margin whose first level holds the patients at
        or below the value.
    decimals
        Decimals of the values.
    unused
        Printed numbers that are no targets.
    """

    column: str
    treated: Summary | None
    control: Summary | None
    matched_treated: Summary | None = None
    matched_control: Summary | None = None
    cut: tuple[str, float] | None = None
    decimals: int = 1
    unused: tuple[Unused, ...] = ()

    def whole(self, arm: Arm) -> Summary | None:
        """Return the summary of a whole arm."""
        return self.treated if arm == "treated" else self.control

    def matched(self, arm: Arm) -> Summary | None:
        """Return the summary of an arm's matched subset."""
        return self.matched_treated if arm == "treated" else self.matched_control
