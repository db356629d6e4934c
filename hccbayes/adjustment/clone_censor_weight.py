r"""The effect of strategies by cloning, censoring and weighting.

Each patient counts in both strategies while consistent with both, and weights make up for clones no
longer followed (:mod:`hccbayes.time_zero.strategy_weights`). Two hazard models are fitted to the
weighted clones: one log hazard ratio over all of follow-up, the limit of a weighted Cox regression,
and one by phase, up to the end of the grace period and after it, for survival, restricted means and
medians. During the grace period the arms share most of their patients, so that proportional hazards
cannot be expected.

The posterior has the width of a jackknife over patients, both clones of a patient together, in
which the weights are estimated again (:func:`clone_covariance`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from hccbayes.adjustment.arm_hazard import PatientHazards
from hccbayes.adjustment.phased_arms import PhasedArms, build_phased_model, phased_data
from hccbayes.adjustment.problem import AdjustedEffect
from hccbayes.adjustment.pseudo_posterior import moved_draws
from hccbayes.cut_points import auto_cuts
from hccbayes.estimands import population_draws
from hccbayes.fit import CompiledModel, compile_model, fit
from hccbayes.person_time import PersonTime
from hccbayes.standardization import HazardDraws, Population
from hccbayes.time_zero.cloning import Clones, FollowUp, covariate_matrix
from hccbayes.time_zero.start_hazard import start_scores
from hccbayes.time_zero.strategy_weights import (
    StrategyWeights,
    fitted_weights,
    weight_notes,
    weighted_person_time,
)

if TYPE_CHECKING:
    import pandas as pd

    from hccbayes.records import Diagnosis
    from hccbayes.spec import (
        Backend,
        Calibration,
        PriorSection,
        SamplerSection,
    )
    from hccbayes.spec.design import ControlStrategy, StartTiming
    from hccbayes.time_frame import TimeFrame

FloatArray = NDArray[np.float64]

_Moved = tuple[tuple[FloatArray, FloatArray], tuple[FloatArray, FloatArray]]
"""Weighted events and exposure before and after a parameter is moved."""

METHOD: Final = "pe_clone_censor_weight"
POPULATION: Final = "ate"
FEWEST_PHASE_EVENTS: Final = 5
"""Events of either strategy in either phase below which the effect is not told apart by phase."""
_COMPILED_KEPT: Final = 16
_STEP: Final = 1e-4
"""Change of a parameter of the start hazard by which scores are differentiated."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class WeightedClones:
    """Clones with their weights, and what the width of their estimates needs.

    Parameters
    ----------
    weights
        Weights as functions of time.
    follow_up
        The patients.
    start_scores, start_information
        Score and information of each patient in the start hazard, ``(patients, parameters)`` and
        ``(patients, parameters, parameters)``.
    """

    weights: StrategyWeights
    follow_up: FollowUp
    start_scores: FloatArray
    start_information: FloatArray


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
        As for :func:`hccbayes.time_zero.strategy_weights.fitted_weights`.

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
        _posterior(arms, clone_covariance(arms, clones, moved), priors, sampler, calibration)
        for arms in ([single, by_phase] if by_phase.phases > 1 else [single])
    ]
    draws = _estimands(fits[-1].posterior, by_phase, times, censoring_survival)
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


def phased_cuts(clones: Clones) -> tuple[FloatArray, NDArray[np.intp]]:
    """Return cut points of the hazards, the end of grace among them, and each interval's phase.

    The clinical grid, merged to eight deaths an interval on either side of the end of the grace
    period; a death counts once, though both clones may have it.
    """
    rows, grace = clones.rows, clones.grace
    dead = rows[rows["event"] == 1]
    once = dead.drop_duplicates("patient_index")["stop"].to_numpy()
    last = float(rows["stop"].max())
    counts = [
        int(((dead["treatment"] == arm) & ((dead["stop"] <= grace) == early)).sum())
        for arm in (0, 1)
        for early in (True, False)
    ]
    if min(counts) < FEWEST_PHASE_EVENTS:
        cuts = _merged(once, last)
        return cuts, np.zeros(len(cuts) + 1, dtype=np.intp)
    early = _merged(once[once <= grace], grace)
    late = _merged(once[once > grace], last)
    cuts = np.concatenate([early[early < grace], [grace], late[late > grace]])
    phase = np.concatenate(
        [np.zeros(len(early[early < grace]) + 1), np.ones(len(late[late > grace]) + 1)]
    )
    return cuts, phase.astype(np.intp)


def _merged(event_times: FloatArray, end: float) -> FloatArray:
    return auto_cuts(np.append(event_times, end), np.append(np.ones(len(event_times)), 0.0))


def clone_arms(clones: WeightedClones, cuts: FloatArray, phase: NDArray[np.intp]) -> PhasedArms:
    r"""Return weighted events and exposure of the clones.

    Weights of both strategies have one factor, :math:`\sum_d w_d / \sum_d w_d^2` over the events d,
    with which the weighted events are as many as their effective number; strategies keep the size
    that the whole cohort has in each.
    """
    table = clones.weights.clones.rows
    events, exposure = weighted_person_time(clones.weights, cuts)
    factor = _common_factor(events)
    return PhasedArms(
        rows=PatientHazards(
            person_time=PersonTime(
                cuts=cuts,
                events=events * factor,
                exposure=exposure * factor,
                row_of_episode=np.arange(len(table)),
            ),
            treatment=table["treatment"].to_numpy(dtype=np.float64),
            cluster=table["patient_index"].to_numpy(dtype=np.intp),
        ),
        phase=phase,
    )


def clone_covariance(
    arms: PhasedArms, clones: WeightedClones, moved: Sequence[_Moved] | None = None
) -> FloatArray:
    r"""Return the covariance of the maximum over patients, estimation of the weights included.

    With :math:`U_i, H_i` a patient's score and information in the outcome, :math:`s_i, I_i` in the
    start of treatment, :math:`D_i = \partial U_i / \partial \alpha'` and no index for sums, the
    estimates change without patient i, to one step of Newton's method, by

    .. math:: \psi_i = -(H - H_i)^{-1} \{U_i + (D - D_i)(I - I_i)^{-1} s_i\}

    and the covariance is :math:`\frac{n - 1}{n} \sum_i \psi_i \psi_i'`: the jackknife that
    Mancl & DeRouen (2001, Biometrics 57:126) approximate for clusters. To first order it is the
    sandwich of the stacked equations, which with few hundred patients is too narrow: each patient
    with a large weight pulls the fit, and the weights themselves, towards it.

    Parameters
    ----------
    arms, clones
        Hazards of the clones, at whose maximum all is taken.
    moved
        What :func:`moved_person_time` returned for the cut points; computed where left out.

    Returns
    -------
    numpy.ndarray
        Shape ``(K + J, K + J)``.
    """
    own = arms.rows.person_time
    pairs = moved_person_time(clones, own.cuts) if moved is None else moved
    score, outcome = arms.scores_of(own.events, own.exposure), arms.information_of_clusters
    slope = [
        (arms.scores_of(*after) - arms.scores_of(*before)) / (2.0 * _STEP)
        for before, after in pairs
    ]
    by_patient = np.stack(slope, axis=-1)
    start = clones.start_information
    # A covariate that nobody at risk differs in has no information.
    without = np.linalg.pinv(start.sum(axis=0) - start, hermitian=True)
    shift = np.einsum("npq,nq->np", without, clones.start_scores)
    pull = score + np.einsum("nqp,np->nq", by_patient.sum(axis=0) - by_patient, shift)
    left = np.linalg.solve(outcome.sum(axis=0) - outcome, pull[:, :, None])[:, :, 0]
    patients = len(left)
    return np.asarray(left.T @ left * (patients - 1) / patients)


def moved_person_time(clones: WeightedClones, cuts: FloatArray) -> list[_Moved]:
    """Return weighted events and exposure with each parameter of the start moved down and up.

    Parameters
    ----------
    clones, cuts
        As for :func:`clone_arms`.
    """
    hazard = clones.weights.hazard
    factor = _common_factor(weighted_person_time(clones.weights, cuts)[0])

    def at(parameters: FloatArray) -> tuple[FloatArray, FloatArray]:
        other = replace(clones.weights, hazard=hazard.with_parameters(parameters))
        events, exposure = weighted_person_time(other, cuts)
        return events * factor, exposure * factor

    steps = _STEP * np.eye(len(hazard.parameters))
    return [(at(hazard.parameters - step), at(hazard.parameters + step)) for step in steps]


def _common_factor(events: FloatArray) -> float:
    return float(events.sum() / (events**2).sum()) if events.any() else 1.0


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class _Fitted:
    posterior: xr.Dataset
    diagnosis: Diagnosis


def _posterior(
    arms: PhasedArms,
    covariance: FloatArray,
    priors: PriorSection,
    sampler: SamplerSection,
    calibration: Calibration,
) -> _Fitted:
    """Return draws of ``treatment`` (phase) and ``log_control_hazard`` (interval)."""
    wanted = covariance if calibration == "curvature" else None
    compiled = compiled_phased_model(tuple(map(int, arms.phase)), priors, sampler.backend)
    tree, diagnosis = fit(compiled, sampler, data=phased_data(arms, wanted))
    posterior = tree["posterior"].to_dataset()[["treatment", "log_baseline"]]
    if calibration == "open_faced":
        parts = [posterior[name].transpose("chain", "draw", ...).to_numpy() for name in posterior]
        moved = moved_draws(np.concatenate(parts, axis=-1), covariance)
        places = {"treatment": slice(0, arms.phases), "log_baseline": slice(arms.phases, None)}
        posterior = posterior.copy(data={name: moved[..., own] for name, own in places.items()})
    effect = posterior["treatment"].isel(phase=xr.DataArray(arms.phase, dims="interval"))
    control = posterior["log_baseline"] + effect.drop_vars("phase") * xr.DataArray(
        arms.contrast[0], dims="interval"
    )
    return _Fitted(
        posterior=posterior[["treatment"]].assign(log_control_hazard=control), diagnosis=diagnosis
    )


@lru_cache(maxsize=_COMPILED_KEPT)
def compiled_phased_model(
    phase: tuple[int, ...], priors: PriorSection, backend: Backend
) -> CompiledModel:
    """Return the compiled model of these phases; every fit gives it its own data."""
    return compile_model(build_phased_model(phase, priors), backend)


def _estimands(
    posterior: xr.Dataset, arms: PhasedArms, times: TimeFrame, censoring_survival: FloatArray
) -> xr.Dataset:
    """Return the estimands of the strategies, draw by draw."""
    shape = (posterior.sizes["chain"], posterior.sizes["draw"])
    count = shape[0] * shape[1]
    effect = posterior["treatment"].transpose("chain", "draw", "phase").to_numpy()
    log_hazard = posterior["log_control_hazard"].transpose("chain", "draw", "interval").to_numpy()
    hazards = HazardDraws(
        baseline=np.exp(log_hazard.reshape(count, 1, -1)),
        treatment=np.zeros(count),
        treatment_mean=0.0,
        covariates=np.zeros((count, 0)),
        center_effect=np.zeros((count, 1)),
        center_slope=np.zeros((count, 1)),
        cuts=arms.rows.person_time.cuts,
        effect_deviation=effect.reshape(count, -1)[:, arms.phase],
    )
    everybody = Population(
        covariates=np.zeros((1, 0)), center_index=np.zeros(1, dtype=np.intp), weight=np.ones(1)
    )
    draws, _ = population_draws(
        hazards,
        {POPULATION: everybody},
        frame=times,
        censoring_survival=censoring_survival,
        shape=shape,
    )
    if arms.phases == 1:
        return draws
    cuts = np.append(arms.rows.person_time.cuts, times.follow_up)
    ends = [float(cuts[np.flatnonzero(arms.phase == index)[-1]]) for index in range(arms.phases)]
    by_phase = xr.DataArray(
        effect, dims=("chain", "draw", "effect_time"), coords={"effect_time": ends}
    )
    return draws.assign(log_hr_at=by_phase)
