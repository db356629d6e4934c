"""What the rules alone could have produced, where the model file states them and has no dates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hccbayes.errors import InputError
from hccbayes.frequentist.cox import cox
from hccbayes.frequentist.identifiability import NotEstimableError
from hccbayes.time_zero.immortal_cohort import immortal_rules_of
from hccbayes.time_zero.immortal_comparison import ImmortalBound, immortal_bound
from hccbayes.time_zero.immortal_inversion import PublishedRatio

if TYPE_CHECKING:
    from hccbayes.cohort import Cohort
    from hccbayes.spec import AnalysisSpec


def bound_of_design(cohort: Cohort, spec: AnalysisSpec) -> ImmortalBound | None:
    """Return what the study's rules alone could have produced, beside the cohort's crude ratio.

    Parameters
    ----------
    cohort
        Patients with the arms of the data.
    spec
        The analysis; its ``[design]`` has a ``start_window`` and no dates of treatment.

    Returns
    -------
    ImmortalBound or None
        None where the window is not stated, dates are there, or Cox regression has no estimate.

    Raises
    ------
    InputError
        If the rules cannot have given this cohort.
    """
    design = spec.design
    if design is None or design.start_window is None or design.treatment_start is not None:
        return None
    frame = cohort.frame
    try:
        fit = cox(
            frame[["treatment"]].astype(np.float64), frame["entry"], frame["time"], frame["event"]
        )
    except NotEstimableError:
        return None
    rules = immortal_rules_of(cohort, design.start_window, early_deaths=design.early_deaths)
    ratio, lower, upper = (float(np.exp(value[0])) for value in (fit.coef, fit.lower, fit.upper))
    return immortal_bound(rules, PublishedRatio(hr=ratio, lower=lower, upper=upper))


def bound_sentences(cohort: Cohort, spec: AnalysisSpec) -> tuple[str, ...]:
    """Return the bound in sentences, or why the rules do not fit this cohort.

    Parameters
    ----------
    cohort, spec
        As for :func:`bound_of_design`.
    """
    try:
        bound = bound_of_design(cohort, spec)
    except InputError as error:
        return tuple(f"Immortal time by the stated rules: {one}" for one in error.problems)
    if bound is None:
        return ()
    return (
        "Dates of treatment are not in the data. What follows is what the rules of [design] "
        "start_window allow, beside the crude hazard ratio of this cohort, called published:",
        *bound.sentences,
    )
