"""The marginal effect from a weighted or matched sample, its width calibrated to the sandwich."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from hccbayes.adjustment.arm_hazard import ArmHazards, PatientHazards, sandwich
from hccbayes.adjustment.problem import AdjustedEffect, AdjustmentProblem
from hccbayes.adjustment.pseudo_posterior import arm_data, build_arm_model, open_faced
from hccbayes.estimands import population_draws
from hccbayes.fit import CompiledModel, compile_model, fit
from hccbayes.standardization import HazardDraws, Population
from hccbayes.weights import Weights, scale_to_effective_size

if TYPE_CHECKING:
    from hccbayes.records import Diagnosis
    from hccbayes.spec import Backend, Calibration, PriorSection, SamplerSection

FloatArray = NDArray[np.float64]

_COMPILED_KEPT: Final = 16
"""Compiled models are kept: they depend on the number of intervals and on prior families alone."""


def weighted_effect(problem: AdjustmentProblem, weights: Weights) -> AdjustedEffect:
    """Return the effect in the weighted population.

    Weights come from the posterior mean of the score, one set, not drawn again (Saarela et al.
    2015, Biometrika 102:467). Each arm is scaled to its effective sample size, so that the prior
    weighs as much against the data as it should, and the pseudo-posterior gets the covariance of
    the sandwich over patients.
    """
    section, spec = problem.spec.adjustment, problem.spec
    raw = section.calibration == "none"
    posterior, diagnosis, cuts = arm_posterior(
        problem.patients(weights.values > 0),
        weights if raw else scale_to_effective_size(weights),
        priors=spec.priors,
        sampler=spec.sampler,
        calibration=section.calibration,
    )
    notes = (
        "The uncalibrated pseudo-posterior is shown as a warning: its width follows the scale of "
        "the weights, not the data (intervals of nominally 95% covered 46% to 61% with raw inverse "
        "probability weights in simulations).",
    )
    return AdjustedEffect(
        method=f"pe_weighted_{section.target}{'_uncalibrated' if raw else ''}",
        population=section.target,
        draws=marginal_draws(posterior, cuts, problem, section.target),
        diagnosis=diagnosis,
        notes=notes if raw else (),
    )


def arm_posterior(
    patients: PatientHazards,
    weights: Weights,
    *,
    priors: PriorSection,
    sampler: SamplerSection,
    calibration: Calibration,
) -> tuple[xr.Dataset, Diagnosis, FloatArray]:
    """Return the calibrated posterior of two weighted arms.

    Parameters
    ----------
    patients
        Events and exposure, with the clusters of the sandwich.
    weights
        Scaled as the prior should meet them.
    priors, sampler
        Priors of the effect and the hazards; how the posterior is drawn.
    calibration
        ``open_faced``, ``curvature``, or ``none`` for the pseudo-posterior as it is.

    Returns
    -------
    posterior
        ``treatment`` and ``log_control_hazard`` (dims ``interval``).
    diagnosis
        The gate of the fit.
    cuts
        Interior cut points, months.
    """
    arms = patients.arms(weights.values)
    wanted = None if calibration == "none" else sandwich(patients, weights.values)
    compiled = compiled_arm_model(arms.events.shape[1], priors, sampler.backend)
    data = arm_data(arms, wanted if calibration == "curvature" else None)
    tree, diagnosis = fit(compiled, sampler, data=data)
    posterior = tree["posterior"].to_dataset()[["treatment", "log_baseline"]]
    if calibration == "open_faced" and wanted is not None:
        posterior = open_faced(posterior, wanted)
    return with_control_hazard(posterior, arms), diagnosis, arms.cuts


@lru_cache(maxsize=_COMPILED_KEPT)
def compiled_arm_model(intervals: int, priors: PriorSection, backend: Backend) -> CompiledModel:
    """Return the compiled model of two arms; every fit gives it its own data."""
    return compile_model(build_arm_model(intervals, priors), backend)


def marginal_draws(
    posterior: xr.Dataset, cuts: FloatArray, problem: AdjustmentProblem, population: str
) -> xr.Dataset:
    """Return the estimands of two arms without covariates, as those of one population.

    The log hazard ratio of the weighted arms is itself marginal, so that it stands for
    ``log_marginal_hr``.

    Parameters
    ----------
    posterior
        ``treatment`` and ``log_control_hazard`` (dims ``interval``).
    cuts
        Interior cut points, months.
    problem
        Times and censoring.
    population
        Its name.
    """
    shape = (posterior.sizes["chain"], posterior.sizes["draw"])
    treatment = posterior["treatment"].transpose("chain", "draw").to_numpy().reshape(-1)
    log_hazard = posterior["log_control_hazard"].transpose("chain", "draw", ...).to_numpy()
    count = len(treatment)
    hazards = HazardDraws(
        baseline=np.exp(log_hazard.reshape(count, 1, -1)),
        treatment=treatment,
        treatment_mean=0.0,
        covariates=np.zeros((count, 0)),
        center_effect=np.zeros((count, 1)),
        center_slope=np.zeros((count, 1)),
        cuts=cuts,
    )
    everybody = Population(
        covariates=np.zeros((1, 0)), center_index=np.zeros(1, dtype=np.intp), weight=np.ones(1)
    )
    draws, _ = population_draws(
        hazards,
        {population: everybody},
        frame=problem.times,
        censoring_survival=problem.censoring_survival,
        shape=shape,
    )
    marginal = (("chain", "draw", "population"), treatment.reshape(*shape, 1))
    return draws.assign(log_marginal_hr=marginal)


def with_control_hazard(posterior: xr.Dataset, arms: ArmHazards) -> xr.Dataset:
    """Return the draws with the hazards of the control arm in place of the average event's."""
    control = posterior["log_baseline"] - posterior["treatment"] * arms.treated_share
    return posterior[["treatment"]].assign(log_control_hazard=control)
