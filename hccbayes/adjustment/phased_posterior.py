"""Posterior of the hazards of two strategies by phase, and the estimands it gives."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from hccbayes.adjustment.phased_arms import PhasedArms, build_phased_model, phased_data
from hccbayes.adjustment.pseudo_posterior import moved_draws
from hccbayes.estimands import population_draws
from hccbayes.fit import CompiledModel, compile_model, fit
from hccbayes.standardization import HazardDraws, Population

if TYPE_CHECKING:
    from hccbayes.records import Diagnosis
    from hccbayes.spec import (
        Backend,
        Calibration,
        PriorSection,
        SamplerSection,
    )
    from hccbayes.time_frame import TimeFrame

FloatArray = NDArray[np.float64]

POPULATION: Final = "ate"
_COMPILED_KEPT: Final = 16


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class PhasedPosterior:
    """Draws of the hazards of two strategies, and how the sampler did.

    Parameters
    ----------
    posterior
        ``treatment`` (phase) and ``log_control_hazard`` (interval).
    diagnosis
        The sampler's.
    """

    posterior: xr.Dataset
    diagnosis: Diagnosis


def phased_posterior(
    arms: PhasedArms,
    covariance: FloatArray,
    priors: PriorSection,
    sampler: SamplerSection,
    calibration: Calibration,
) -> PhasedPosterior:
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
    return PhasedPosterior(
        posterior=posterior[["treatment"]].assign(log_control_hazard=control), diagnosis=diagnosis
    )


@lru_cache(maxsize=_COMPILED_KEPT)
def compiled_phased_model(
    phase: tuple[int, ...], priors: PriorSection, backend: Backend
) -> CompiledModel:
    """Return the compiled model of these phases; every fit gives it its own data."""
    return compile_model(build_phased_model(phase, priors), backend)


def phased_estimands(
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
