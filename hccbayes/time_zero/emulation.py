"""A model file's design applied to a cohort: one door for all of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hccbayes.errors import InputError, Problem
from hccbayes.time_zero.cloning import FollowUp, check_strategies
from hccbayes.time_zero.design_checks import design_findings
from hccbayes.time_zero.designs import (
    delayed_entry,
    landmark,
    naive,
    small_arm_notes,
    time_dependent,
)
from hccbayes.time_zero.record import (
    DesignedCohort,
    strategies_in_words,
    unweighted_episodes,
)

if TYPE_CHECKING:
    from hccbayes.cohort import Cohort
    from hccbayes.spec import AnalysisSpec, DesignSection


def emulate(cohort: Cohort, spec: AnalysisSpec) -> DesignedCohort:
    """Return the cohort under the model file's design, with what the data say against it.

    Parameters
    ----------
    cohort
        Patients as they were read.
    spec
        The analysis. Without ``[design]`` the cohort stays as it is.

    Returns
    -------
    DesignedCohort
        For ``clone_censor_weight`` the cohort is that of the start-stop model which stands beside
        the clones; these are made where their weights are.

    Raises
    ------
    InputError
        If the design does not fit the data; see :mod:`hccbayes.time_zero.designs`; or the cohort
        was made by another design.
    """
    if cohort.design:
        check_design(cohort, spec)
        return _made(cohort, spec)
    findings = design_findings(cohort, spec.design)
    if spec.design is None:
        designed = DesignedCohort(
            method="naive",
            label="naive",
            cohort=cohort,
            episodes=unweighted_episodes(cohort),
            estimand="the arms as the data label them",
        )
        return replace(designed, notes=findings)
    designed = _designed(cohort, spec.design)
    if designed.cohort is not cohort:
        made = replace(designed.cohort, design=spec.design.label)
        designed = replace(designed, cohort=made)
    smaller = small_arm_notes(designed.cohort) if designed.cohort is not cohort else []
    notes = dict.fromkeys((*findings, *designed.notes, *smaller))
    return replace(designed, label=spec.design.label, notes=tuple(notes))


def expected_design(spec: AnalysisSpec) -> str:
    """Return what a cohort of the model file's design is called; empty for one as it was read."""
    if spec.design is None or spec.design.method == "naive":
        return ""
    return spec.design.label


def check_design(cohort: Cohort, spec: AnalysisSpec) -> None:
    """Raise where a cohort is not that of the model file's design.

    Raises
    ------
    InputError
        Saying which design the cohort has and which the model file asks for.
    """
    wanted = expected_design(spec)
    if cohort.design != wanted:
        raise InputError(
            Problem(
                "[design] method",
                f"asks for '{wanted or 'naive'}' and the cohort is '{cohort.design or 'as read'}'; "
                "give hccbayes.time_zero.emulate(cohort, spec).cohort of the cohort as it was read",
            )
        )


def _made(cohort: Cohort, spec: AnalysisSpec) -> DesignedCohort:
    """Return a cohort that the design has made already."""
    assert spec.design is not None
    return DesignedCohort(
        method=spec.design.method,
        label=cohort.design,
        cohort=cohort,
        episodes=unweighted_episodes(cohort),
        estimand=cohort.design,
    )


def _beside_clones(cohort: Cohort, design: DesignSection) -> DesignedCohort:
    """Return the start-stop cohort whose model stands beside the clones."""
    assert design.grace is not None
    check_strategies(FollowUp.of(cohort.frame), design.grace, design.control)
    return replace(
        time_dependent(cohort),
        method="clone_censor_weight",
        estimand=strategies_in_words(design.grace, design.control),
        notes=(
            "Rows of clone-censor-weight compare strategies from time zero, weighted for leaving "
            "them; they hold if the covariates of the formula say all that decides on the start "
            "of treatment and on survival. Rows of other methods are those of the start-stop model "
            "of the same patients, whose treatment counts from its start; so are the figures of "
            "survival.",
        ),
    )


def _designed(cohort: Cohort, design: DesignSection) -> DesignedCohort:
    if design.method == "landmark":
        assert design.landmark is not None  # the section refuses to be made without it
        return landmark(cohort, design.landmark)
    if design.method == "delayed_entry":
        assert design.survival_required is not None
        return delayed_entry(cohort, design.survival_required)
    if design.method == "time_dependent":
        return time_dependent(cohort)
    if design.method == "clone_censor_weight":
        return _beside_clones(cohort, design)
    return naive(cohort)
