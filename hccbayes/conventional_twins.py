"""The frequentist twins of an outcome model: of the sample, and standardized over populations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from hccbayes import figure_data
from hccbayes.estimands import population_weights
from hccbayes.frequentist.conventional import conventional_estimates
from hccbayes.frequentist.standardized_rows import ReadingTimes, standardized_estimates
from hccbayes.study import once_a_patient
from hccbayes.time_varying_effect import phases_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hccbayes.cohort import Cohort
    from hccbayes.spec import AnalysisSpec
    from hccbayes.study import Study


def conventional_twins(
    cohort: Cohort, study: Study, spec: AnalysisSpec, score: NDArray[np.float64] | None = None
) -> pd.DataFrame:
    """Return the frequentist twins of an outcome model's numbers.

    Parameters
    ----------
    cohort
        Patients; where treatment is time-dependent, rows are their episodes.
    study, spec
        What the model is fitted to, and the analysis.
    score
        Propensity score of the patients, for the population ``ato``.

    Returns
    -------
    pandas.DataFrame
        The estimate table; ``attrs["notes"]``, a tuple of sentences, says what is not estimable.
    """
    frame, design, times = cohort.at_risk_frame(), study.design, study.times
    terms = design.conventional(study.episodes)
    plain = conventional_estimates(
        frame,
        terms,
        design.contrasts(),
        times=times.times,
        horizon=times.horizon,
        center_slopes=spec.hazard.center_slope,
        phase_ends=phases_of(spec.hazard, times.follow_up),
        model=spec.model.name,
        prob=spec.estimands.interval.prob,
    )
    reading = ReadingTimes(
        times=times.times,
        horizon=times.horizon,
        grid=times.grid,
        censoring_survival=figure_data.censoring_survival(cohort.frame, times.grid),
    )
    standardized = standardized_estimates(
        frame,
        terms,
        once_a_patient(population_weights(design, spec.estimands.populations, score), study),
        reading,
        model=spec.model.name,
        prob=spec.estimands.interval.prob,
    )
    table = pd.concat([plain, standardized], ignore_index=True)
    table.attrs["notes"] = plain.attrs["notes"] + standardized.attrs["notes"]
    return table
