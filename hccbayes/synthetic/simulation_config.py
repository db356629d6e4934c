"""The parameters of a simulated cohort, checked where they are made."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hccbayes.errors import InputError
from hccbayes.synthetic.config_checks import config_problems

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Covariate:
    """A covariate of a simulated cohort, independent of the others.

    Parameters
    ----------
    name
        Column.
    kind
        ``binary`` (0 or 1) or ``normal`` (mean 0, standard deviation 1).
    share
        Probability of 1.
    log_hr
        Log hazard ratio per unit.
    log_odds
        Log odds ratio of treatment per unit; with `log_hr` it makes confounding.
    missing
        Share of values taken away.
    missing_with, missing_log_odds
        Another covariate with which values are missing more often, and the log odds ratio per
        unit of it; completely at random where it is left out.
    """

    name: str
    kind: Literal["binary", "normal"] = "binary"
    share: float = 0.5
    log_hr: float = 0.0
    log_odds: float = 0.0
    missing: float = 0.0
    missing_with: str = ""
    missing_log_odds: float = 1.0

    def draw(self, size: int, rng: np.random.Generator) -> FloatArray:
        """Return values."""
        if self.kind == "normal":
            return rng.standard_normal(size)
        return (rng.random(size) < self.share).astype(np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Center:
    """A center of a simulated cohort.

    Parameters
    ----------
    name
        Value of the column ``center``.
    share
        Share of the patients.
    log_hazard
        Log hazard against the baseline.
    log_odds
        Log odds of treatment against the average.
    log_hr
        Deviation of the center's log hazard ratio.
    """

    name: str
    share: float
    log_hazard: float = 0.0
    log_odds: float = 0.0
    log_hr: float = 0.0


_DEFAULT_COVARIATES = (
    Covariate(name="portal_vein_thrombus", share=0.6, log_hr=0.45, log_odds=0.8),
    Covariate(name="child_pugh_b", share=0.15, log_hr=0.45, log_odds=-1.0),
    Covariate(name="tumor_size", kind="normal", log_hr=0.3, log_odds=0.4),
)
_DEFAULT_CENTERS = (
    Center(name="center A", share=0.5, log_hazard=-0.1, log_odds=0.4),
    Center(name="center B", share=0.3, log_hazard=0.0, log_odds=0.0),
    Center(name="center C", share=0.2, log_hazard=0.25, log_odds=-0.7),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortConfig:
    """Parameters of :func:`hccbayes.synthetic.simulation.simulate_cohort`.

    Parameters
    ----------
    patients
        Patients drawn at time zero.
    covariates, centers
        :class:`Covariate` and :class:`Center` records; the centers' shares add up to 1.
    cuts, hazard
        Interior cut points in months and the baseline hazard of each interval, in deaths per
        person-month.
    log_hr
        Log hazard ratio, treated over control: one number, or one each interval for an effect
        that changes with time.
    treated_log_odds
        Intercept of the log odds of treatment.
    start
        ``(earliest, latest)``: month at which treatment starts, uniform between them; ``None``
        where it starts at time zero. Who dies or is censored before was never treated.
    early_end
        What becomes of patients who meant to be treated and did not live to the start:
        ``control``, which makes immortal time, or ``dropped``.
    latest_entry
        Delayed entry, uniform from 0 to this month; who dies or is censored before is not seen.
    administrative
        Months between which follow-up ends for administrative reasons.
    loss_hazard
        Hazard of loss to follow-up, in losses per person-month.
    unmeasured_log_hr, unmeasured_log_loss
        Log hazard ratios of an unmeasured standard normal number for death and for loss.
    arm_labels
        Treated and control.
    times, horizon
        Months of the true survival, and of the true restricted mean.

    Raises
    ------
    InputError
        If a number is out of range or not finite, a name is unknown, taken or given twice, or
        lengths do not fit; all problems are listed.
    """

    patients: int = 400
    covariates: tuple[Covariate, ...] = _DEFAULT_COVARIATES
    centers: tuple[Center, ...] = _DEFAULT_CENTERS
    cuts: tuple[float, ...] = (3.0, 6.0, 12.0, 24.0)
    hazard: tuple[float, ...] = (0.04, 0.07, 0.08, 0.06, 0.04)
    log_hr: tuple[float, ...] = (math.log(0.6),)
    treated_log_odds: float = 0.0
    start: tuple[float, float] | None = None
    early_end: Literal["control", "dropped"] = "control"
    latest_entry: float = 0.0
    administrative: tuple[float, float] = (12.0, 60.0)
    loss_hazard: float = 0.005
    unmeasured_log_hr: float = 0.0
    unmeasured_log_loss: float = 0.0
    arm_labels: tuple[str, str] = ("locoregional + systemic", "systemic")
    times: tuple[float, ...] = (6.0, 12.0, 24.0)
    horizon: float = field(default=24.0)

    def __post_init__(self) -> None:
        """Check what the types do not say."""
        problems = list(config_problems(self))
        if problems:
            raise InputError(problems, source="CohortConfig")

    @property
    def center_shares(self) -> list[float]:
        """Shares of the centers."""
        return [center.share for center in self.centers]

    @property
    def log_hr_by_interval(self) -> tuple[float, ...]:
        """The log hazard ratio of each interval."""
        return self.log_hr if len(self.log_hr) > 1 else self.log_hr * len(self.hazard)

    def draw_start(self, size: int, rng: np.random.Generator) -> FloatArray:
        """Return months at which treatment would start."""
        if self.start is None:
            return np.zeros(size)
        return rng.uniform(self.start[0], self.start[1], size)
