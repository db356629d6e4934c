"""Posterior draws of every estimand, and their table.

``estimand_draws`` turns the posterior into draws of hazard ratios, survival, restricted means,
medians and marginal hazard ratios for named populations; ``estimate_table`` summarizes them.
The quantities and their formulas are in ``docs/estimands.md``. Times are in months.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from hccbayes import defaults
from hccbayes.errors import InputError, Problem
from hccbayes.spec import EstimandSection
from hccbayes.standardization import (
    ARM_VALUE,
    Arm,
    HazardDraws,
    Population,
    marginal_log_hr,
    mean_restricted_mean,
    mean_survival,
    population_median,
)

if TYPE_CHECKING:
    import pandas as pd

    from hccbayes.design import Design
    from hccbayes.hazard_data import HazardData

FloatArray = NDArray[np.float64]
ARMS: tuple[Arm, ...] = ("treated", "control")


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeFrame:
    """Times of an analysis, none beyond what both arms were followed for.

    Parameters
    ----------
    times
        Months at which survival is reported.
    horizon
        Months to which the restricted mean is integrated.
    follow_up
        Largest follow-up common to both arms; medians are looked for up to here.
    """

    times: tuple[float, ...]
    horizon: float
    follow_up: float

    @property
    def grid(self) -> FloatArray:
        """Grid of the curves: time 0 to the common follow-up, with the reported times on it."""
        even = np.linspace(0.0, self.follow_up, defaults.CURVE_POINTS)
        return np.union1d(even, self.times)


def time_frame(frame: pd.DataFrame, estimands: EstimandSection) -> TimeFrame:
    """Return the times of an analysis, refusing those that no data support.

    Parameters
    ----------
    frame
        A cohort's frame with ``time`` and ``treatment``.
    estimands
        Times and horizon asked for; without a horizon, the common follow-up in whole months.

    Raises
    ------
    InputError
        If a time or the horizon lies beyond the largest follow-up of either arm.
    """
    follow_up = float(frame.groupby("treatment")["time"].max().min())
    usual = float(math.floor(follow_up)) if follow_up >= 1 else follow_up
    horizon = usual if estimands.horizon is None else estimands.horizon
    late = [time for time in estimands.times if time > follow_up]
    limit = f"one arm's follow-up ends at {follow_up:.4g} months"
    problems = []
    if late:
        listed = ", ".join(f"{time:g}" for time in late)
        problems.append(Problem("[estimands] times", f"{limit}; remove {listed}"))
    if horizon > follow_up:
        problems.append(Problem("[estimands] horizon", f"{limit}; {horizon:g} lies beyond"))
    if problems:
        raise InputError(problems)
    return TimeFrame(times=estimands.times, horizon=horizon, follow_up=follow_up)


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
    return HazardDraws(
        baseline=np.exp(log_baseline),
        treatment=np.asarray(stacked["treatment"]),
        treatment_mean=data.treatment_mean,
        covariates=array("covariates", (len(data.covariate_names),)),
        center_effect=array("center_effect", (centers,)),
        center_slope=array("center_slope", (centers,)),
        cuts=data.cuts,
    )


def populations(design: Design, data: HazardData, names: tuple[str, ...]) -> dict[str, Population]:
    """Return the standardization targets: ``ate`` everybody, ``att`` the treated, ``atc`` the rest.

    Raises
    ------
    InputError
        If a name is unknown.
    """
    weights = {
        "ate": np.ones_like(design.treatment),
        "att": design.treatment,
        "atc": 1.0 - design.treatment,
    }
    unknown = [name for name in names if name not in weights]
    if unknown:
        raise InputError(
            Problem("[estimands] populations", f"unknown: {unknown}; known: {', '.join(weights)}")
        )
    center = design.center_index if data.centers else np.zeros_like(design.center_index)
    return {name: Population.of(design.matrix, center, weights[name]) for name in names}


def estimand_draws(
    posterior: xr.Dataset,
    design: Design,
    data: HazardData,
    *,
    names: tuple[str, ...],
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
    names
        Populations.
    frame
        Times and horizon.
    censoring_survival
        Probability of being uncensored in the middle of each step of ``frame.grid``.
    seed
        For the new center's predictive draws.

    Returns
    -------
    draws
        ``log_hr``; ``covariate_log_hr`` (contrast) on the covariates' own scale; ``survival``
        (population, arm, time), ``rmst`` and ``median`` (population, arm), ``log_marginal_hr``
        (population); with centers ``log_center_hr`` (center), and with a treatment slope
        ``center_log_hr`` (center) and ``new_center_log_hr``. Dims ``chain, draw`` first.
    curves
        Survival on the grid, dims ``chain, draw, population, arm, curve_time``.
    """
    hazards = hazard_draws(posterior, data)
    chains, draws = posterior.sizes["chain"], posterior.sizes["draw"]
    targets = populations(design, data, names)
    grid = frame.grid
    curve = np.stack(
        [
            np.stack([mean_survival(hazards, target, arm, grid) for arm in ARMS], axis=1)
            for target in targets.values()
        ],
        axis=1,
    )
    coords = {"chain": posterior["chain"], "draw": posterior["draw"], "population": list(names)}
    curves = xr.DataArray(
        curve.reshape(chains, draws, *curve.shape[1:]),
        dims=("chain", "draw", "population", "arm", "curve_time"),
        coords=coords | {"arm": list(ARMS), "curve_time": grid},
    )
    result = _effects(posterior, design, seed)
    result["survival"] = _at_times(hazards, targets, frame.times, curves)
    per_arm = (
        ("rmst", mean_restricted_mean, frame.horizon),
        ("median", population_median, frame.follow_up),
    )
    for name, function, end in per_arm:
        values = [
            [function(hazards, target, arm, end) for arm in ARMS] for target in targets.values()
        ]
        result[name] = _shaped(np.moveaxis(np.asarray(values), -1, 0), curves)
    marginal = [
        marginal_log_hr(curve[:, index, 0], curve[:, index, 1], censoring_survival)
        for index in range(len(names))
    ]
    shape = (chains, draws, len(names))
    result["log_marginal_hr"] = (
        ("chain", "draw", "population"),
        np.stack(marginal, axis=-1).reshape(shape),
    )
    result.attrs.update(horizon=frame.horizon, follow_up=frame.follow_up)
    return result, curves


def _at_times(
    hazards: HazardDraws,
    targets: dict[str, Population],
    times: tuple[float, ...],
    like: xr.DataArray,
) -> xr.DataArray:
    values = [
        [mean_survival(hazards, target, arm, times) for arm in ARMS] for target in targets.values()
    ]
    array = _shaped(np.moveaxis(np.asarray(values), 2, 0), like, extra=("time",))
    return array.assign_coords(time=list(times))


def _shaped(values: FloatArray, like: xr.DataArray, extra: tuple[str, ...] = ()) -> xr.DataArray:
    """Return draws x population x arm (x extra) as a DataArray with chains and draws apart."""
    chains, draws = like.sizes["chain"], like.sizes["draw"]
    dims = ("chain", "draw", "population", "arm", *extra)
    coords = {name: like[name] for name in dims[:4]}
    return xr.DataArray(values.reshape(chains, draws, *values.shape[1:]), dims=dims, coords=coords)


def _effects(posterior: xr.Dataset, design: Design, seed: int) -> xr.Dataset:
    """Return the conditional effects: treatment, covariates on their own scale, centers."""
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


__all__ = [
    "ARMS",
    "ARM_VALUE",
    "TimeFrame",
    "estimand_draws",
    "hazard_draws",
    "populations",
    "time_frame",
    "treated_over_control",
]
