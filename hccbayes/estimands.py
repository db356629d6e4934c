"""Posterior draws of every estimand, and their table.

``estimand_draws`` turns the posterior into draws of hazard ratios, survival, restricted means,
medians and marginal hazard ratios for named populations; ``estimate_table`` summarizes them.
The quantities and their formulas are in ``docs/estimands.md``. Times are in months.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from hccbayes.arms import ARMS
from hccbayes.errors import InputError, Problem
from hccbayes.standardization import (
    HazardDraws,
    Population,
    marginal_log_hr,
    mean_restricted_mean,
    mean_survival,
    population_median,
)
from hccbayes.time_frame import TimeFrame
from hccbayes.time_varying_effect import log_hr_over_time

if TYPE_CHECKING:
    from hccbayes.design import Design
    from hccbayes.hazard_data import HazardData

FloatArray = NDArray[np.float64]


def hazard_draws(posterior: xr.Dataset, data: HazardData) -> HazardDraws:
    """Return the posterior's draws as arrays whose first dimension runs over chains and draws."""
    stacked = posterior.stack(sample=("chain", "draw")).transpose("sample", ...)
    count = stacked.sizes["sample"]
    centers = max(1, len(data.centers))

    def array(name: str, shape: tuple[int, ...]) -> FloatArray:
        return np.asarray(stacked[name]) if name in stacked else np.zeros((count, *shape))

    if "log_baseline_by_center" in stacked:
        log_baseline = np.asarray(stacked["log_baseline_by_center"])
    else:
        log_baseline = np.asarray(stacked["log_baseline"])[:, None, :]
    treatment = np.asarray(stacked["treatment"])
    deviation = None
    if "log_hr_by_interval" in stacked:
        deviation = np.asarray(stacked["log_hr_by_interval"]) - treatment[:, None]
    return HazardDraws(
        baseline=np.exp(log_baseline),
        treatment=treatment,
        treatment_mean=data.treatment_mean,
        covariates=array("covariates", (len(data.covariate_names),)),
        center_effect=array("center_effect", (centers,)),
        center_slope=array("center_slope", (centers,)),
        cuts=data.cuts,
        effect_deviation=deviation,
    )


def populations(
    design: Design,
    data: HazardData,
    names: tuple[str, ...],
    *,
    score: FloatArray | None = None,
    dirichlet: tuple[int, np.random.Generator] | None = None,
) -> dict[str, Population]:
    """Return the standardization targets.

    Parameters
    ----------
    design, data
        Patients, and whether the model has centers.
    names
        ``ate`` everybody, ``att`` the treated, ``atc`` the controls, ``ato`` everybody by the
        overlap e (1 - e) of the propensity score.
    score
        Propensity score of the patients, for ``ato``.
    dirichlet
        Number of draws and a generator, where the patients stand for a population that they are a
        sample of; without it the population is these patients.

    Raises
    ------
    InputError
        If a name is unknown, or there is no score for ``ato``.
    """
    weights = population_weights(design, names, score)
    center = design.center_index if data.centers else np.zeros_like(design.center_index)
    if dirichlet is None:
        return {name: Population.of(design.matrix, center, own) for name, own in weights.items()}
    draws, rng = dirichlet
    return {
        name: Population.dirichlet(design.matrix, center, own, draws=draws, rng=rng)
        for name, own in weights.items()
    }


def population_weights(
    design: Design, names: Sequence[str], score: FloatArray | None = None
) -> dict[str, FloatArray]:
    """Return the weight of each patient in each population, shape ``(patients,)``.

    Parameters
    ----------
    design, names, score
        As for :func:`populations`.

    Raises
    ------
    InputError
        If a name is unknown, or there is no score for ``ato``.
    """
    weights = {
        "ate": np.ones_like(design.treatment),
        "att": design.treatment,
        "atc": 1.0 - design.treatment,
    }
    if score is not None:
        weights["ato"] = score * (1.0 - score)
    unknown = [name for name in names if name not in weights]
    if unknown:
        needs = " (ato needs a propensity score)" if "ato" in unknown else ""
        known = ", ".join(weights)
        raise InputError(
            Problem("[estimands] populations", f"unknown: {unknown}; known: {known}{needs}")
        )
    return {name: weights[name] for name in names}


def estimand_draws(
    posterior: xr.Dataset,
    design: Design,
    data: HazardData,
    *,
    targets: Mapping[str, Population],
    frame: TimeFrame,
    censoring_survival: FloatArray,
    seed: int,
) -> tuple[xr.Dataset, xr.DataArray]:
    """Return draws of the estimands, and of the population survival curves on the grid.

    Parameters
    ----------
    posterior
        Draws of the hazard model.
    design, data
        What it was fitted to.
    targets
        Populations by name, from :func:`populations`.
    frame
        Times and horizon.
    censoring_survival
        Probability of being uncensored in the middle of each step of ``frame.grid``.
    seed
        For the new center's predictive draws.

    Returns
    -------
    draws
        ``log_hr``; ``covariate_log_hr`` (contrast) on the covariates' own scale; what
        :func:`population_draws` returns; with centers ``log_center_hr`` (center), and with a
        treatment slope ``center_log_hr`` (center) and ``new_center_log_hr``; where the effect
        changes with time ``log_hr_at`` (effect_time, months). Dims ``chain, draw`` first.
    curves
        Survival on the grid, dims ``chain, draw, population, arm, curve_time``.
    """
    shape = (posterior.sizes["chain"], posterior.sizes["draw"])
    over_populations, curves = population_draws(
        hazard_draws(posterior, data),
        targets,
        frame=frame,
        censoring_survival=censoring_survival,
        shape=shape,
    )
    labels = {dim: posterior[dim] for dim in ("chain", "draw")}
    effects = effect_draws(posterior, design, seed)
    effects = effects.merge(log_hr_over_time(posterior, data.cuts, frame.follow_up))
    draws = effects.merge(over_populations.assign_coords(labels))
    return draws.assign_attrs(over_populations.attrs), curves.assign_coords(labels)


def population_draws(
    hazards: HazardDraws,
    targets: Mapping[str, Population],
    *,
    frame: TimeFrame,
    censoring_survival: FloatArray,
    shape: tuple[int, int],
) -> tuple[xr.Dataset, xr.DataArray]:
    """Return survival, restricted mean, median and marginal hazard ratio of populations.

    Parameters
    ----------
    hazards
        Posterior draws.
    targets
        Populations by name.
    frame, censoring_survival
        As for :func:`estimand_draws`.
    shape
        Chains and draws, whose product is the number of draws of `hazards`.

    Returns
    -------
    draws
        ``survival`` (population, arm, time), ``rmst`` and ``median`` (population, arm),
        ``log_marginal_hr`` (population), dims ``chain, draw`` first.
    curves
        Survival on the grid, dims ``chain, draw, population, arm, curve_time``.
    """
    coords = {
        "chain": range(shape[0]),
        "draw": range(shape[1]),
        "population": list(targets),
        "arm": list(ARMS),
        "time": list(frame.times),
        "curve_time": frame.grid,
    }

    def over_arms(function: Callable[..., FloatArray], at: Any, *extra: str) -> xr.DataArray:
        values = [[function(hazards, one, arm, at) for arm in ARMS] for one in targets.values()]
        # Draws come third, after population and arm; then whatever else there is.
        array = np.moveaxis(np.asarray(values), 2, 0)
        dims = ("chain", "draw", "population", "arm", *extra)
        array = array.reshape(*shape, *array.shape[1:])
        return xr.DataArray(array, dims=dims, coords={dim: coords[dim] for dim in dims})

    curves = over_arms(mean_survival, frame.grid, "curve_time")
    flat = curves.to_numpy().reshape(-1, *curves.shape[2:])
    marginal = [
        marginal_log_hr(flat[:, index, 0], flat[:, index, 1], censoring_survival)
        for index in range(len(targets))
    ]
    draws = xr.Dataset(
        {
            "survival": over_arms(mean_survival, frame.times, "time"),
            "rmst": over_arms(mean_restricted_mean, frame.horizon),
            "median": over_arms(population_median, frame.follow_up),
            "log_marginal_hr": (
                ("chain", "draw", "population"),
                np.stack(marginal, axis=-1).reshape(*shape, len(targets)),
            ),
        },
        attrs={"horizon": frame.horizon, "follow_up": frame.follow_up},
    )
    return draws, curves


def effect_draws(posterior: xr.Dataset, design: Design, seed: int) -> xr.Dataset:
    """Return the conditional effects: treatment, covariates on their own scale, centers.

    Parameters
    ----------
    posterior, design, seed
        As for :func:`estimand_draws`.
    """
    result = xr.Dataset({"log_hr": posterior["treatment"]})
    if design.terms:
        own = posterior["covariates"] / xr.DataArray(design.scales, dims="covariate")
        labels = [term.contrast for term in design.terms]
        result["covariate_log_hr"] = own.rename(covariate="contrast").assign_coords(contrast=labels)
    if "center_effect" in posterior:
        result["log_center_hr"] = posterior["center_effect"]
    if "center_log_hr" in posterior:
        result["center_log_hr"] = posterior["center_log_hr"]
    if "center_slope_sd" in posterior:
        rng = np.random.default_rng(seed)
        noise = rng.standard_normal(posterior["treatment"].shape)
        result["new_center_log_hr"] = posterior["treatment"] + posterior["center_slope_sd"] * noise
    return result


def treated_over_control(draws: xr.DataArray) -> xr.DataArray:
    """Return the difference of the arms, treated minus control; ``nan`` where both are infinite."""
    with np.errstate(invalid="ignore"):
        return draws.sel(arm="treated", drop=True) - draws.sel(arm="control", drop=True)
