"""What the hazard model is fitted to: events and exposure by pattern and interval.

A pattern is a combination of treatment, covariates and center; episodes that share one have the
same hazard in every interval, so that only their sums matter. With continuous covariates a pattern
is a patient.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hccbayes import cut_points
from hccbayes.errors import InputError, Problem
from hccbayes.person_time import PersonTime, split_person_time
from hccbayes.spec import Cuts, QuantileCuts

if TYPE_CHECKING:
    import pandas as pd

    from hccbayes.design import Design

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class HazardData:
    """Patterns, their events and their exposure.

    Parameters
    ----------
    person_time
        Events and person-months, ``(patterns, intervals)``; ``row_of_episode`` maps each episode
        to its pattern.
    treatment
        0 or 1, shape ``(patterns,)``.
    treatment_mean
        Treated share of the patients; subtracted from `treatment` in the linear predictor.
    covariates
        Standardized, shape ``(patterns, covariates)``.
    covariate_names
        Names of the columns of `covariates`.
    center_index
        Index into `centers`, shape ``(patterns,)``.
    centers
        Labels; empty where the model has no centers.
    weighted
        Whether weights other than 1 entered.
    """

    person_time: PersonTime
    treatment: FloatArray
    treatment_mean: float
    covariates: FloatArray
    covariate_names: tuple[str, ...]
    center_index: NDArray[np.intp]
    centers: tuple[str, ...]
    weighted: bool = False

    @property
    def cuts(self) -> FloatArray:
        """Interior cut points, months."""
        return self.person_time.cuts

    @property
    def intervals(self) -> tuple[str, ...]:
        """Labels of the intervals, in months."""
        return cut_points.interval_labels(self.cuts)

    @property
    def interval_events(self) -> FloatArray:
        """Events by interval, shape ``(intervals,)``."""
        return np.asarray(self.person_time.events.sum(axis=0))

    @property
    def arm_events(self) -> FloatArray:
        """Events of treated and control patients by interval, shape ``(2, intervals)``."""
        return np.stack([self.treatment, 1.0 - self.treatment]) @ self.person_time.events

    @property
    def center_events(self) -> FloatArray:
        """Events by center and interval, shape ``(centers, intervals)``; one row without."""
        total = np.zeros((max(1, len(self.centers)), len(self.interval_events)))
        np.add.at(total, self.center_index, self.person_time.events)
        return total


def choose_cuts(cuts: Cuts, stop: ArrayLike, event: ArrayLike) -> FloatArray:
    """Return the interior cut points that a model file's ``cuts`` means for these data."""
    if cuts == "auto":
        return cut_points.auto_cuts(stop, event)
    if cuts == "fine":
        return cut_points.fine_cuts(stop, event)
    if isinstance(cuts, QuantileCuts):
        return cut_points.event_quantile_cuts(stop, event, cuts.quantile)
    return cut_points.list_cuts(cuts, float(np.max(np.asarray(stop, dtype=np.float64))))


def build_hazard_data(
    episodes: pd.DataFrame,
    design: Design,
    cuts: ArrayLike,
    *,
    use_centers: bool,
    weights: ArrayLike | None = None,
) -> HazardData:
    """Split episodes at the cut points and collapse them by pattern.

    Parameters
    ----------
    episodes
        Columns ``patient_index`` (row of the design), ``start``, ``stop``, ``event``,
        ``treatment``; months.
    design
        Covariates of the patients.
    cuts
        Interior cut points, months.
    use_centers
        Whether the model has center terms; without them centers do not split patterns.
    weights
        One number an episode; ``None`` for 1.

    Raises
    ------
    InputError
        If no event is left, or what :func:`~hccbayes.person_time.split_person_time` finds.
    """
    split = split_person_time(
        episodes["start"], episodes["stop"], episodes["event"], cuts, weights=weights
    )
    if split.events.sum() <= 0:
        raise InputError(Problem("episodes", "hold no event; a hazard cannot be learnt"))
    patient = episodes["patient_index"].to_numpy()
    center = design.center_index if use_centers else np.zeros_like(design.center_index)
    keys = np.column_stack(
        [episodes["treatment"].to_numpy(dtype=np.float64), center[patient], design.matrix[patient]]
    )
    collapsed = split.collapse(keys)
    patterns = np.unique(keys, axis=0)
    return HazardData(
        person_time=collapsed,
        treatment=patterns[:, 0],
        treatment_mean=float(design.treatment.mean()),
        covariates=patterns[:, 2:],
        covariate_names=tuple(term.name for term in design.terms),
        center_index=patterns[:, 1].astype(np.intp),
        centers=design.centers if use_centers else (),
        weighted=weights is not None,
    )
