"""Clones of patients under two strategies, with the weights of staying in them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from hccbayes.design import build_propensity_design
from hccbayes.spec.design import duration_text
from hccbayes.time_zero.clone_weights import fitted_weights
from hccbayes.time_zero.cloning import FollowUp
from hccbayes.time_zero.designs import time_dependent
from hccbayes.time_zero.record import DesignedCohort, start_times, strategies_in_words
from hccbayes.time_zero.strategy_weights import weight_notes, weighted_rows

if TYPE_CHECKING:
    from hccbayes.cohort import Cohort
    from hccbayes.spec.design import ControlStrategy, StartTiming

_COLUMNS = ["patient", "patient_index", "start", "stop", "event", "treatment", "weight"]


def clone_censor_weight(
    cohort: Cohort,
    grace: float,
    *,
    formula: str = "",
    control: ControlStrategy = "never",
    timing: StartTiming = "as_observed",
    truncation: float | None = None,
) -> DesignedCohort:
    """Return both sets of clones, each row with the weight of having stayed in its strategy.

    A patient counts in both strategies until the data leave one (Hernan 2018, BMJ 360:k182;
    Maringe et al. 2020, International Journal of Epidemiology 49:1719); the clone is then censored,
    and those who stay weigh more by one over their probability of staying, from a
    piecewise-exponential model of the start of treatment. The formulas are those of
    :func:`hccbayes.time_zero.clone_weights.fitted_weights`.

    Parameters
    ----------
    cohort
        Patients with ``treatment_start``, followed from time zero.
    grace
        Months within which the treated strategy starts.
    formula
        Covariates at time zero that decide on the start of treatment, such as
        ``age_years + child_pugh_score``; without it, none does.
    control, timing, truncation
        As for :func:`~hccbayes.time_zero.clone_weights.fitted_weights`.

    Returns
    -------
    DesignedCohort
        ``episodes`` hold the clones: fit them with their weights and the patient as the cluster.
        The cohort is the one with time-dependent treatment.

    Raises
    ------
    InputError
        If there are no dates of treatment, a patient enters late, nobody or everybody starts within
        the grace period, or the formula does not fit the cohort.
    """
    start_times(cohort)
    covariates = np.zeros((len(cohort.frame), 0))
    if formula.strip():
        covariates = build_propensity_design(cohort, formula).matrix
    weights = fitted_weights(
        FollowUp.of(cohort.frame),
        covariates,
        grace=grace,
        control=control,
        timing=timing,
        truncation=truncation,
    )
    rows = weighted_rows(weights)
    designed = time_dependent(cohort)
    return replace(
        designed,
        method="clone_censor_weight",
        label=f"clone-censor-weight, {duration_text(grace)} of grace",
        episodes=rows[_COLUMNS],
        estimand=strategies_in_words(grace, control),
        notes=weight_notes(weights),
    )
