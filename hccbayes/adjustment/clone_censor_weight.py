r"""The effect of strategies by cloning, censoring and weighting.

Each patient counts in both strategies while consistent with both, and weights make up for clones no
longer followed (:mod:`hccbayes.time_zero.clone_weights`). Two hazard models are fitted to the
weighted clones: one log hazard ratio over all of follow-up, the limit of a weighted Cox regression,
and one by phase, up to the end of the grace period and after it, for survival, restricted means and
medians. During the grace period the arms share most of their patients, so that proportional hazards
cannot be expected.

The posterior has the width of a jackknife over patients, both clones of a patient together, in
which the weights are estimated again (:mod:`hccbayes.adjustment.clone_jackknife`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from hccbayes.adjustment.clone_jackknife import clone_covariance, moved_person_time
from hccbayes.adjustment.phased_clones import (
    FEWEST_PHASE_EVENTS,
    WeightedClones,
    clone_arms,
    phased_cuts,
)
from hccbayes.adjustment.phased_posterior import POPULATION, phased_estimands, phased_posterior
from hccbayes.adjustment.problem import AdjustedEffect
from hccbayes.time_zero.clone_weights import fitted_weights
from hccbayes.time_zero.cloning import FollowUp, covariate_matrix
from hccbayes.time_zero.start_derivatives import start_scores
from hccbayes.time_zero.strategy_weights import weight_notes

if TYPE_CHECKING:
    import pandas as pd

    from hccbayes.spec import (
        Calibration,
        PriorSection,
        SamplerSection,
    )
    from hccbayes.spec.design import ControlStrategy, StartTiming
    from hccbayes.time_frame import TimeFrame

FloatArray = NDArray[np.float64]

METHOD: Final = "pe_clone_censor_weight"


def weighted_clones(
    frame: pd.DataFrame,
    covariates: ArrayLike,
    *,
    grace: float,
    control: ControlStrategy = "never",
    timing: StartTiming = "as_observed",
    stabilized: bool = False,
    truncation: float | None = None,
) -> WeightedClones:
    """Clone the patients, fit the start of treatment and weight the clones.

    Parameters
    ----------
    frame
        ``patient``, ``entry``, ``time``, ``event`` and ``treatment_start`` (months; missing where
        it never was), one row a patient.
    covariates
        Baseline, standardized, shape ``(patients, columns)``; may have no column.
    grace, control, timing, stabilized, truncation
        As for :func:`hccbayes.time_zero.clone_weights.fitted_weights`.

    Raises
    ------
    InputError
        If the input is wrong, or strategies cannot be told apart in these patients.
    """
    follow_up = FollowUp.of(frame)
    matrix = covariate_matrix(covariates, follow_up.patient)
    weights = fitted_weights(
        follow_up,
        matrix,
        grace=grace,
        control=control,
        timing=timing,
        stabilized=stabilized,
        truncation=truncation,
    )
    within = control == "not_within_grace"
    scores, information = start_scores(
        weights.hazard, follow_up, matrix, grace, within_grace=within
    )
    return WeightedClones(
        weights=weights,
        follow_up=follow_up,
        start_scores=scores,
        start_information=information,
    )


def clone_censor_weight_effect(
    frame: pd.DataFrame,
    covariates: ArrayLike,
    *,
    grace: float,
    priors: PriorSection,
    sampler: SamplerSection,
    times: TimeFrame,
    censoring_survival: FloatArray,
    control: ControlStrategy = "never",
    timing: StartTiming = "as_observed",
    calibration: Calibration = "curvature",
    stabilized: bool = False,
    truncation: float | None = None,
) -> AdjustedEffect:
    """Return the effect of the strategies in all patients.

    Parameters
    ----------
    frame, covariates, grace, control, timing, stabilized, truncation
        As for :func:`weighted_clones`.
    priors, sampler
        Priors of the effect and the hazards; how the posterior is drawn.
    times
        When survival is read, and to where the restricted mean goes.
    censoring_survival
        Probability of being uncensored in the middle of each step of ``times.grid``.
    calibration
        ``curvature``, ``open_faced``, or ``none`` for the pseudo-posterior as it is, which is
        shown as a warning.

    Returns
    -------
    AdjustedEffect
        ``log_marginal_hr`` is the log hazard ratio over all of follow-up; ``survival``, ``rmst``
        and ``median`` are those of the model by phase, whose log hazard ratios are ``log_hr_at``
        (``effect_time``: the end of each phase).

    Raises
    ------
    InputError
        As for :func:`weighted_clones`; if a strategy has no event.
    """
    clones = weighted_clones(
        frame,
        covariates,
        grace=grace,
        control=control,
        timing=timing,
        stabilized=stabilized,
        truncation=truncation,
    )
    return effect_of_clones(
        clones,
        priors=priors,
        sampler=sampler,
        times=times,
        censoring_survival=censoring_survival,
        calibration=calibration,
    )


def effect_of_clones(
    clones: WeightedClones,
    *,
    priors: PriorSection,
    sampler: SamplerSection,
    times: TimeFrame,
    censoring_survival: FloatArray,
    calibration: Calibration = "curvature",
) -> AdjustedEffect:
    """Return the effect in clones that have been weighted.

    Parameters
    ----------
    clones
        What :func:`weighted_clones` returned.
    priors, sampler, times, censoring_survival, calibration
        As for :func:`clone_censor_weight_effect`.
    """
    weights = clones.weights
    cuts, phase = phased_cuts(weights.clones)
    single, by_phase = (
        clone_arms(clones, cuts, np.zeros_like(phase)),
        clone_arms(clones, cuts, phase),
    )
    notes = list(weight_notes(weights))
    if by_phase.phases == 1:
        notes.append(
            f"Fewer than {FEWEST_PHASE_EVENTS} events of a strategy lie before or after the end of "
            "the grace period: the hazards were taken to be proportional throughout."
        )
    moved = moved_person_time(clones, cuts)
    if calibration == "none":
        notes.append("The pseudo-posterior is uncalibrated: its width follows the weights' scale.")
    fits = [
        phased_posterior(arms, clone_covariance(arms, clones, moved), priors, sampler, calibration)
        for arms in ([single, by_phase] if by_phase.phases > 1 else [single])
    ]
    draws = phased_estimands(fits[-1].posterior, by_phase, times, censoring_survival)
    draws = draws.assign(log_marginal_hr=_single_ratio(fits[0].posterior, draws))
    worst = next((one for one in fits if not one.diagnosis.passed), fits[0])
    return AdjustedEffect(
        method=METHOD,
        population=POPULATION,
        draws=draws,
        diagnosis=worst.diagnosis,
        notes=tuple(notes),
    )


def _single_ratio(posterior: xr.Dataset, draws: xr.Dataset) -> tuple[tuple[str, ...], FloatArray]:
    """Return the draws of the single log hazard ratio, in the shape of the other draws.

    The two fits have the same number of draws unless one was made again at twice the length: then
    draws are repeated, or every other one is left out.
    """
    own = posterior["treatment"].isel(phase=0).transpose("chain", "draw").to_numpy()
    wanted = draws.sizes["draw"]
    index = np.arange(wanted) * own.shape[1] // wanted
    return ("chain", "draw", "population"), own[:, index, None]
