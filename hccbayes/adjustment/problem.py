"""What every method of adjustment is given, and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hccbayes.adjustment.arm_hazard import PatientHazards
from hccbayes.adjustment.sample_weights import kept_after_trimming
from hccbayes.cut_points import auto_cuts
from hccbayes.records import Diagnosis
from hccbayes.spec import AnalysisSpec
from hccbayes.standardization import HazardDraws
from hccbayes.time_frame import TimeFrame

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from hccbayes.design import Design
    from hccbayes.propensity import PropensityFit

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class AdjustmentProblem:
    """A cohort with its propensity score and its outcome model.

    Parameters
    ----------
    frame
        The cohort's frame, one row a patient.
    spec
        The analysis.
    propensity
        The fitted score.
    times
        Times at which estimands are read.
    censoring_survival
        Probability of being uncensored in the middle of each step of ``times.grid``.
    outcome, outcome_design, outcome_centers
        Draws of the outcome model, its design, and whether centers are in it; for doubly robust
        estimation.
    """

    frame: pd.DataFrame
    spec: AnalysisSpec
    propensity: PropensityFit
    times: TimeFrame
    censoring_survival: FloatArray
    outcome: HazardDraws
    outcome_design: Design
    outcome_centers: bool

    @property
    def names(self) -> tuple[str, ...]:
        """Identifiers of the patients, for messages."""
        return tuple(self.frame["patient"].astype(str))

    @property
    def kept(self) -> NDArray[np.bool_]:
        """Who stays after trimming by the posterior mean score, the same for every method."""
        own = self.propensity
        return kept_after_trimming(
            own.score, own.design.treatment, self.spec.adjustment, self.names
        )

    def patients(
        self, used: NDArray[np.bool_], cluster: NDArray[np.intp] | None = None
    ) -> PatientHazards:
        """Return events and exposure of all patients, cut where those used have their events.

        The clinical grid, merged to eight events an interval, so that no interval is without a
        weighted event whatever grid the outcome model has.
        """
        own = self.frame[used]
        cuts = auto_cuts(own["time"], own["event"])
        return PatientHazards.of(self.frame, cuts, cluster=cluster)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class AdjustedEffect:
    """What one method found.

    Parameters
    ----------
    method
        Its name in the estimate table.
    population
        Whom the effect is about.
    draws
        What :func:`hccbayes.estimands.population_draws` returns, for this one population.
    diagnosis
        The gate of its fit; ``None`` where nothing was sampled.
    notes
        Sentences to be read before its numbers are quoted.
    """

    method: str
    population: str
    draws: xr.Dataset
    diagnosis: Diagnosis | None = None
    notes: tuple[str, ...] = field(default=())
