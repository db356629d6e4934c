"""What a cohort built from numbers at risk has to reproduce, as plain records; times in months."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hccbayes.arms import Arm
from hccbayes.synthetic.targets import Part


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskTable:
    """Numbers at risk of one part of an arm.

    Parameters
    ----------
    months
        From 0 on.
    overall, progression_free
        Patients under observation just before each month, for overall and for progression-free
        survival.
    """

    months: tuple[float, ...]
    overall: tuple[int, ...]
    progression_free: tuple[int, ...]

    def of(self, endpoint: str) -> tuple[int, ...]:
        """Return the numbers of ``os`` or ``pfs``."""
        return self.overall if endpoint == "os" else self.progression_free


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskTargets:
    """What annealing is to reach.

    Parameters
    ----------
    tables
        By arm and part.
    longest
        End of follow-up by arm.
    deaths
        By arm.
    median
        Printed median by arm; ``inf`` where the curve stays above one half.
    hr, matched_hr
        Hazard ratios, treated over control.
    """

    tables: Mapping[tuple[Arm, Part], RiskTable]
    longest: Mapping[Arm, float]
    deaths: Mapping[Arm, int]
    median: Mapping[Arm, float]
    hr: float
    matched_hr: float
