"""What a synthetic cohort's outcomes have to reproduce, as plain records.

Effects are treated over control, times in months.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

from hccbayes.arms import Arm
from hccbayes.synthetic.targets import HR_TOLERANCE, Level, Sample, Status


@dataclass(frozen=True, slots=True)
class Effect:
    """The hazard ratio of some levels of a column against its other levels."""

    column: str
    levels: tuple[Level, ...]
    hr: float


@dataclass(frozen=True, slots=True)
class MatchedMedian:
    """A printed median of an arm's matched subset and its limits, in months, reached exactly.

    An event of the arm is moved onto each of these months. The choice of who is matched then makes
    it the one at which the subset's curve, or its limit, comes down to one half. Limits are by R's
    default (log) intervals; ``inf`` for one that is not reached. `patients` is the subset's size.
    """

    patients: int
    lower: float
    median: float
    upper: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmEndpoint:
    """One arm's outcome.

    Parameters
    ----------
    events
        Number of events, reached exactly.
    median
        Kaplan-Meier median, reached exactly.
    lower, upper
        Limits of the median by R's default (log) intervals, reached exactly; ``inf`` for a limit
        that is not reached, ``None`` for one that is not a target.
    matched
        Median and limits of the matched subset; ``None`` where they are no targets.
    hazard, cuts
        Shape of the hazard the raw times of overall survival are drawn from; the targets replace
        its scale.
    share_of_overall
        Beta distribution of the time of progression as a share of overall follow-up.
    lost, lost_by
        Share of patients with a short potential follow-up, uniform from half a month to
        `lost_by`.
    longest
        End of the longest follow-up.
    events_status, events_note
        ``invented`` where the number of events was not printed; the note says what bounds it.
    """

    events: int
    median: float
    lower: float | None = None
    upper: float | None = None
    matched: MatchedMedian | None = None
    hazard: tuple[float, ...] = (0.05,)
    cuts: tuple[float, ...] = ()
    share_of_overall: tuple[float, float] = (2.0, 1.0)
    lost: float = 0.2
    lost_by: float = 24.0
    longest: float = 70.0
    events_status: Status = "identified"
    events_note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Overall or progression-free survival of both arms and their hazard ratio.

    Parameters
    ----------
    name
        ``os`` or ``pfs``.
    treated, control
        The arms.
    hr
        Cox hazard ratio, treated over control, of the whole cohort.
    hr_status, hr_note
        For the manifest.
    interval
        Printed 95% interval of the hazard ratio, no target; ``None`` where there is none.
    settled_by
        Arm whose tail is stretched until the hazard ratio is right.
    effects
        Prognostic covariates of the raw times of overall survival.
    """

    name: Literal["os", "pfs"]
    treated: ArmEndpoint
    control: ArmEndpoint
    hr: float
    hr_status: Status = "identified"
    hr_note: str = ""
    interval: tuple[float, float] | None = None
    settled_by: Arm = "control"
    effects: tuple[Effect, ...] = ()

    @property
    def time_column(self) -> str:
        """``os_months`` or ``pfs_months``."""
        return f"{self.name}_months"

    @property
    def event_column(self) -> str:
        """``death`` or ``progression_or_death``."""
        return EVENT_COLUMNS[self.name]

    def arm(self, arm: Arm) -> ArmEndpoint:
        """Return one arm's outcome."""
        return self.treated if arm == "treated" else self.control


EVENT_COLUMNS: Final[dict[str, str]] = {"os": "death", "pfs": "progression_or_death"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Regression:
    """A printed Cox regression, matched by choosing which patient has which outcome.

    Parameters
    ----------
    endpoint, sample
        What it was fitted to.
    treatment
        Hazard ratio, treated over control.
    effects
        Hazard ratios of the covariates; none for a regression on treatment alone.
    effect_tolerance
        Largest distance of the covariates' ratios; that of treatment is always ``HR_TOLERANCE``.
    status, note
        For the manifest.
    """

    endpoint: Literal["os", "pfs"]
    sample: Sample
    treatment: float
    effects: tuple[Effect, ...] = ()
    effect_tolerance: float = HR_TOLERANCE
    status: Status = "identified"
    note: str = ""

    @property
    def tolerances(self) -> tuple[float, ...]:
        """Largest distances of the ratios of treatment and of each covariate."""
        return HR_TOLERANCE, *[self.effect_tolerance for _ in self.effects]


@dataclass(frozen=True, slots=True, kw_only=True)
class AdverseEvent:
    """Patients with an adverse event, ``(treated, control)``; `severe` where it was printed."""

    column: str
    any_grade: tuple[int, int]
    severe: tuple[int, int] | None = None


def not_reached(limit: float | None) -> bool:
    """Whether a target says that a curve does not come down to one half."""
    return limit is not None and math.isinf(limit)
