"""One row of a manifest, and how its numbers are measured.

Achieved values are measured on the finished table with the package's own Kaplan-Meier curves and
Cox regression, not taken over from the construction.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from hccbayes.arms import Arm
from hccbayes.frequentist.cox import CoxFit, cox
from hccbayes.frequentist.kaplan_meier import MedianSurvival, kaplan_meier, median_survival
from hccbayes.synthetic.conditions import sample_rows
from hccbayes.synthetic.outcome_targets import EVENT_COLUMNS
from hccbayes.synthetic.study_targets import StudyTargets
from hccbayes.synthetic.targets import Sample, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetRow:
    """One row of a manifest.

    Parameters
    ----------
    quantity
        What is counted or estimated: ``patients``, ``events``, ``median``, ``hazard ratio``, ...
    item
        Variable and level, endpoint, or adverse event.
    sample, arm
        ``all`` or ``matched``; ``treated``, ``control`` or ``both``.
    target, achieved
        The printed (or chosen) number, and the cohort's; ``inf`` for a limit that is not reached.
    tolerance
        Largest distance allowed; ``nan`` where the number is not a target.
    status, note
        As in :data:`hccbayes.synthetic.targets.Status`.
    """

    quantity: str
    item: str
    sample: str
    arm: str
    target: float
    achieved: float
    tolerance: float
    status: Status
    note: str = ""

    @property
    def met(self) -> bool:
        """Whether the target is met; true of what is not a target."""
        if math.isnan(self.tolerance) or self.target == self.achieved:
            return True
        return abs(self.target - self.achieved) <= self.tolerance


def arm_frame(study: StudyTargets, frame: pd.DataFrame, arm: Arm, sample: Sample) -> pd.DataFrame:
    """Return one arm of the whole cohort or of the matched subset."""
    part = frame.iloc[sample_rows(frame, sample)]
    return part[part["arm"] == study.label(arm)]


def km_median(frame: pd.DataFrame, endpoint: str) -> MedianSurvival:
    """Return the Kaplan-Meier median of ``os`` or ``pfs`` with R's default limits."""
    time = frame[f"{endpoint}_months"].to_numpy(dtype=np.float64)
    event = frame[EVENT_COLUMNS[endpoint]].to_numpy(dtype=np.float64)
    return median_survival(kaplan_meier(np.zeros_like(time), time, event))


def cox_of(frame: pd.DataFrame, endpoint: str, design: pd.DataFrame) -> CoxFit:
    """Return the Cox regression of ``os`` or ``pfs`` on a design."""
    time = frame[f"{endpoint}_months"].to_numpy(dtype=np.float64)
    event = frame[EVENT_COLUMNS[endpoint]].to_numpy(dtype=np.float64)
    return cox(design, np.zeros_like(time), time, event)


def treatment_fit(study: StudyTargets, frame: pd.DataFrame, endpoint: str) -> CoxFit:
    """Return the Cox regression of an endpoint on treatment alone."""
    treated = (frame["arm"] == study.label("treated")).astype(float)
    return cox_of(frame, endpoint, pd.DataFrame({"treatment": treated}))


def exact_row(
    quantity: str,
    item: str,
    sample: str,
    arm: str,
    target: float,
    achieved: float,
    status: Status = "identified",
    note: str = "",
) -> TargetRow:
    """Return a target that is to be met exactly."""
    return TargetRow(
        quantity=quantity,
        item=item,
        sample=sample,
        arm=arm,
        target=float(target),
        achieved=float(achieved),
        tolerance=0.0,
        status=status,
        note=note,
    )


def free_row(
    quantity: str,
    item: str,
    printed: float,
    achieved: float,
    where: tuple[Sample, str] = ("all", "both"),
    note: str = "",
) -> TargetRow:
    """Return a printed number that is no target; `where` is its sample and arm."""
    return TargetRow(
        quantity=quantity,
        item=item,
        sample=where[0],
        arm=where[1],
        target=printed,
        achieved=float(achieved),
        tolerance=math.nan,
        status="not targeted",
        note=note,
    )
