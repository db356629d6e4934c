"""What every design of time zero returns: the patients it keeps and their episodes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hccbayes.errors import InputError, Problem
from hccbayes.spec.design import duration_text

if TYPE_CHECKING:
    import pandas as pd

    from hccbayes.cohort import Cohort
    from hccbayes.spec import DesignMethod
    from hccbayes.spec.design import ControlStrategy

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class DesignedCohort:
    """A cohort under one design of time zero.

    Parameters
    ----------
    method
        ``naive``, ``landmark``, ``time_dependent``, ``clone_censor_weight`` or ``delayed_entry``.
    label
        The design in words, ``landmark at 3 months``.
    cohort
        The patients analyzed, one row each, on the design's clock; everything else in the package
        reads them.
    episodes
        ``patient``, ``patient_index`` (row of the cohort's frame), ``start``, ``stop`` (months, at
        risk in ``(start, stop]``), ``event``, ``treatment`` and ``weight``; of clones two sets a
        patient, ``treatment`` being the strategy.
    estimand
        One sentence: what the contrast of the arms means.
    notes
        Sentences to be read before a number is quoted.
    """

    method: DesignMethod
    label: str
    cohort: Cohort
    episodes: pd.DataFrame
    estimand: str
    notes: tuple[str, ...] = field(default=())


def unweighted_episodes(cohort: Cohort) -> pd.DataFrame:
    """Return a cohort's episodes as a design holds them, each with weight 1."""
    columns = ["patient", "patient_index", "start", "stop", "event", "treatment"]
    return cohort.episodes()[columns].assign(weight=1.0)


def strategies_in_words(grace: float, control: ControlStrategy) -> str:
    """Return the contrast of the strategies of cloned patients, in a sentence.

    Parameters
    ----------
    grace
        Months within which the treated strategy starts.
    control
        Whether the control strategy never starts, or does not within the grace period.
    """
    other = "never" if control == "never" else "not within it"
    within = duration_text(grace)
    return f"treatment started within {within} of time zero against {other}, in all patients"


def start_times(cohort: Cohort) -> FloatArray:
    """Return when each patient's treatment started, months; infinite where it never did.

    Raises
    ------
    InputError
        If the cohort was read without the dates of treatment.
    """
    if "treatment_start" not in cohort.frame:
        raise without_dates(cohort.source)
    return cohort.frame["treatment_start"].to_numpy(dtype=np.float64)


def without_dates(source: str = "") -> InputError:
    """Return the error of a design that needs dates which the data do not have."""
    message = (
        "is not in the data, and this design needs to know when each patient's treatment started; "
        "name its column in [design] treatment_start (Roles.treatment_start), or, where nobody "
        "knows, ask hccbayes.time_zero.immortal_bound what the rules alone can produce"
    )
    return InputError(Problem("treatment_start", message), source=source)
