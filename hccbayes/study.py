"""A cohort made ready for one model: times, designs, episodes, person-time. Nothing is fitted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from hccbayes import figure_data
from hccbayes.arms import ARMS
from hccbayes.center_effects import uses_centers
from hccbayes.design import (
    Design,
    build_design,
    build_propensity_design,
    incomplete_problems,
)
from hccbayes.errors import InputError, Problem
from hccbayes.hazard_data import HazardData, build_hazard_data, choose_cuts
from hccbayes.person_time import numeric_weights
from hccbayes.propensity_model import center_terms
from hccbayes.spec import AnalysisSpec
from hccbayes.time_frame import TimeFrame, time_frame
from hccbayes.time_varying_effect import effect_cuts
from hccbayes.time_zero.emulation import check_design

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from hccbayes.cohort import Cohort


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Study:
    """A cohort made ready for one model: times, design, episodes, person-time.

    ``at_risk`` counts the patients of each arm at risk at the horizon of the restricted mean;
    ``score_design`` is that of the propensity model, where there is one; ``synthetic`` names the
    synthetic cohort that this is, so that every table and figure of it says so.
    """

    times: TimeFrame
    design: Design
    score_design: Design | None
    episodes: pd.DataFrame
    data: HazardData
    at_risk: Mapping[str, int]
    synthetic: str = ""


def build_study(cohort: Cohort, spec: AnalysisSpec, *, weights: ArrayLike | None = None) -> Study:
    """Return the design and the person-time table of a cohort under a model; nothing is fitted.

    Parameters
    ----------
    cohort
        Validated patients.
    spec
        The analysis.
    weights
        One number a patient, for all of its episodes; never a model variable.

    Returns
    -------
    Study
        With the propensity score's design where the model has one.

    Raises
    ------
    InputError
        If the formula, the times, the cut points or the weights do not fit the cohort; every
        problem is named.
    """
    check_design(cohort, spec)
    episodes = cohort.episodes()
    problems = incomplete_problems(cohort.frame)
    if problems:
        raise InputError(problems, source=f"{spec.model.name} on {cohort.source}")
    at_risk = cohort.at_risk_frame()
    times = _attempt(problems, lambda: time_frame(at_risk, spec.estimands))
    design = _attempt(problems, lambda: build_design(cohort, spec.hazard.formula))
    cuts = _attempt(
        problems, lambda: choose_cuts(spec.hazard.cuts, episodes["stop"], episodes["event"])
    )
    if times is not None and cuts is not None:
        own_cuts, follow_up = cuts, times.follow_up
        cuts = _attempt(problems, lambda: effect_cuts(spec.hazard, own_cuts, follow_up))
    score_design = None
    if (section := spec.propensity) is not None:
        score_design = _attempt(problems, lambda: build_propensity_design(cohort, section.formula))
        if score_design is not None:
            own = score_design
            _attempt(problems, lambda: center_terms(section, own))
    if problems or times is None or design is None or cuts is None:
        raise InputError(problems, source=f"{spec.model.name} on {cohort.source}")
    data = build_hazard_data(
        episodes,
        design,
        cuts,
        use_centers=uses_centers(spec.hazard, cohort.frame),
        weights=_by_episode(weights, episodes, len(cohort.frame)),
    )
    numbers = figure_data.numbers_at_risk(at_risk, [times.horizon])[:, 0]
    return Study(
        times=times,
        design=design,
        score_design=score_design,
        episodes=episodes,
        data=data,
        at_risk=dict(zip(ARMS, numbers.tolist(), strict=True)),
        synthetic=cohort.synthetic,
    )


def once_a_patient(
    weights: Mapping[str, NDArray[np.float64]], study: Study
) -> dict[str, NDArray[np.float64]]:
    """Return each episode's weight in named populations: its patient's for the first, then 0.

    Parameters
    ----------
    weights
        One number a patient, by population.
    study
        Whose episodes they are.
    """
    patient = study.episodes["patient_index"]
    first = (~patient.duplicated()).to_numpy(dtype=np.float64)
    return {name: own[patient] * first for name, own in weights.items()}


def _by_episode(
    weights: ArrayLike | None, episodes: pd.DataFrame, patients: int
) -> NDArray[np.float64] | None:
    """Return each episode's weight, that of its patient."""
    if weights is None:
        return None
    return numeric_weights(weights, patients)[episodes["patient_index"]]


def _attempt[T](problems: list[Problem], step: Callable[[], T]) -> T | None:
    """Return a step's result, or keep its problems and return nothing."""
    try:
        return step()
    except InputError as error:
        problems.extend(error.problems)
        return None
