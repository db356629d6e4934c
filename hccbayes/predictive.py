"""Does the model fit: the prior predictive gate and cohorts replicated from the posterior.

Nothing here fits a model; it simulates from draws that are there. Times are in months.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from hccbayes import curves, defaults
from hccbayes.arms import ARM_VALUE, ARMS
from hccbayes.estimands import hazard_draws
from hccbayes.frequentist.kaplan_meier import kaplan_meier, median_survival, survival_at
from hccbayes.records import CheckResult
from hccbayes.standardization import HazardDraws, Population, mean_survival

if TYPE_CHECKING:
    import pandas as pd

    from hccbayes.design import Design
    from hccbayes.hazard_data import HazardData

FloatArray = NDArray[np.float64]


def prior_predictive_check(
    prior: xr.Dataset, data: HazardData, population: Population
) -> CheckResult:
    """Check that the prior median survival is neither below a month nor above ten years.

    Parameters
    ----------
    prior
        Prior draws of the hazard model.
    data
        What the model is fitted to; only its structure is used.
    population
        Patients to standardize over.

    Returns
    -------
    CheckResult
        Passed where ``P(median < 1 month) + P(median > 120 months) < 0.10`` under control.
    """
    limits = [defaults.PRIOR_MEDIAN_TOO_SHORT, defaults.PRIOR_MEDIAN_TOO_LONG]
    survival = mean_survival(hazard_draws(prior, data), population, "control", limits)
    short = float((survival[:, 0] < 0.5).mean())
    long = float((survival[:, 1] > 0.5).mean())
    return CheckResult(
        name="prior_predictive",
        passed=short + long < defaults.PRIOR_MEDIAN_SHARE_LIMIT,
        message=(
            f"prior median survival below 1 month with probability {short:.2f}, "
            f"above 10 years with {long:.2f} (limit {defaults.PRIOR_MEDIAN_SHARE_LIMIT} in all)"
        ),
        value=short + long,
    )


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Patients:
    """What a replicated cohort keeps of each patient; arrays with one element (or row) each.

    ``start``, ``stop`` in months, ``event``, ``treatment``, standardized ``covariates``, and
    ``center_index`` into the model's centers. With a time-dependent treatment a row is an episode,
    replicated as one that enters at its start, and patients are ``switching``: what ends an
    episode without treatment is then also the start of treatment, so that censoring differs
    between the arms.
    """

    start: FloatArray
    stop: FloatArray
    event: FloatArray
    treatment: FloatArray
    covariates: FloatArray
    center_index: NDArray[np.intp]
    switching: bool = False


def posterior_predictive(
    posterior: xr.Dataset,
    episodes: pd.DataFrame,
    design: Design,
    data: HazardData,
    *,
    grid: FloatArray,
    landmark: float,
    seed: int,
    replicates: int = defaults.REPLICATES,
) -> xr.Dataset:
    """Replicate the cohort from the posterior and describe each replicate as the data are.

    A censored patient keeps the time of censoring; for a patient with an event a time of
    censoring is drawn from the censoring distribution beyond the event (reverse Kaplan-Meier),
    or is the largest follow-up where that distribution has mass left.

    Parameters
    ----------
    posterior
        Draws; `replicates` of them, evenly spaced, are used.
    episodes
        ``start``, ``stop``, ``event``, ``treatment``; delayed entry is kept.
    design, data
        What the model was fitted to.
    grid
        Months at which replicated Kaplan-Meier curves are read.
    landmark
        Months at which survival is compared as a number.
    seed
        Seed of the simulation.
    replicates
        Number of replicated cohorts.

    Returns
    -------
    xarray.Dataset
        ``survival`` (replicate, arm, curve_time), ``statistic`` (replicate, quantity) and
        ``observed`` (quantity): events, survival at the landmark and median by arm; ``nan`` where
        a replicate's follow-up ends before, and for a median that is not reached.
    """
    patients = patients_of(episodes, design, data)
    survival = np.empty((replicates, len(ARMS), len(grid)))
    statistic = []
    cohorts = replicated_cohorts(posterior, patients, data, seed=seed, replicates=replicates)
    for index, (stop, event) in enumerate(cohorts):
        survival[index] = _curves(patients, stop, event, grid)
        statistic.append(_statistics(patients, stop, event, landmark))
    observed = _statistics(patients, patients.stop, patients.event, landmark)
    return xr.Dataset(
        {
            "survival": (("replicate", "arm", "curve_time"), survival),
            "statistic": (("replicate", "quantity"), [list(row.values()) for row in statistic]),
            "observed": (("quantity",), list(observed.values())),
        },
        coords={"arm": list(ARMS), "curve_time": grid, "quantity": list(observed)},
    )


def replicated_cohorts(
    posterior: xr.Dataset,
    patients: Patients,
    data: HazardData,
    *,
    seed: int,
    replicates: int = defaults.REPLICATES,
) -> Iterator[tuple[FloatArray, FloatArray]]:
    """Yield follow-up (months) and events of cohorts replicated from the posterior.

    Censoring is as for :func:`posterior_predictive`.

    Parameters
    ----------
    posterior
        Draws; `replicates` of them, evenly spaced, are used.
    patients
        From :func:`patients_of`.
    data
        What the model was fitted to.
    seed
        Seed of the simulation.
    replicates
        Number of replicated cohorts.
    """
    rng = np.random.default_rng(seed)
    draws = hazard_draws(posterior, data)
    chosen = np.linspace(0, len(draws.treatment) - 1, replicates).astype(np.intp)
    for hazard in patient_hazards(draws, patients, chosen):
        yield _replicate(patients, hazard, data.cuts, rng)


def patients_of(episodes: pd.DataFrame, design: Design, data: HazardData) -> Patients:
    """Return the patients of a cohort with their standardized covariates and own centers.

    Parameters
    ----------
    episodes
        ``patient_index``, ``start``, ``stop``, ``event``, ``treatment``.
    design, data
        What the model was fitted to.
    """
    own = episodes["patient_index"].to_numpy()
    center = design.center_index if data.centers else np.zeros_like(design.center_index)
    start, stop, event, treatment = (
        episodes[name].to_numpy(dtype=np.float64)
        for name in ("start", "stop", "event", "treatment")
    )
    return Patients(
        start=start,
        stop=stop,
        event=event,
        treatment=treatment,
        covariates=design.matrix[own],
        center_index=center[own],
        switching=len(own) > len(np.unique(own)),
    )


def patient_hazards(draws: HazardDraws, patients: Patients, chosen: NDArray[np.intp]) -> FloatArray:
    """Return each patient's hazard under the own arm, ``(draws, patients, intervals)``."""
    population = Population(
        covariates=patients.covariates,
        center_index=patients.center_index,
        weight=np.ones_like(patients.stop),
    )
    everybody = slice(None)
    predictor = {arm: draws.predictor(population, everybody, arm)[chosen] for arm in ARMS}
    is_treated = patients.treatment == ARM_VALUE["treated"]
    own = np.where(is_treated, predictor["treated"], predictor["control"])
    stratum = patients.center_index if draws.stratified else np.zeros_like(patients.center_index)
    hazard: FloatArray = np.exp(own)[:, :, None] * draws.baseline[chosen][:, stratum, :]
    if draws.effect_deviation is not None:
        contrast = patients.treatment - draws.treatment_mean
        hazard *= np.exp(draws.effect_deviation[chosen][:, None, :] * contrast[:, None])
    return hazard


def _replicate(
    patients: Patients, hazard: FloatArray, cuts: FloatArray, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Return one replicate's follow-up and events."""
    months = curves.time_in_intervals(patients.start, cuts)
    before = np.einsum("ij,ij->i", hazard, months)
    target = before + rng.standard_exponential(len(before))
    event_time = curves.time_at_cumulative_hazard(hazard, target, cuts)
    censoring = censoring_times(patients, rng)
    # Ties in the last bit must not make an episode of no length.
    stop = np.maximum(np.minimum(event_time, censoring), np.nextafter(patients.start, np.inf))
    return stop, (event_time <= censoring).astype(np.float64)


def censoring_times(patients: Patients, rng: np.random.Generator) -> FloatArray:
    """Return when each patient would have been censored, drawn beyond the event for the dead."""
    result = patients.stop.copy()
    everybody = np.ones(len(result), dtype=bool)
    arms = [patients.treatment == value for value in ARM_VALUE.values()]
    for own in arms if patients.switching else [everybody]:
        start, stop, event = patients.start[own], patients.stop[own], patients.event[own]
        result[own] = _censoring_times(start, stop, event, rng)
    return result


def _censoring_times(
    start: FloatArray, stop: FloatArray, event: FloatArray, rng: np.random.Generator
) -> FloatArray:
    curve = kaplan_meier(start, stop, 1.0 - event)
    times, uncensored = curve["time"].to_numpy(), curve["survival"].to_numpy()
    died = event == 1
    at_event = uncensored[np.searchsorted(times, stop[died], side="right") - 1]
    level = at_event * (1.0 - rng.random(len(at_event)))
    # First time at which the probability of being uncensored has fallen to the level drawn.
    position = np.searchsorted(-uncensored, -level, side="left")
    beyond = np.append(times, stop.max())[position]
    result = stop.copy()
    result[died] = np.maximum(beyond, stop[died])
    return result


def _curves(
    patients: Patients, stop: FloatArray, event: FloatArray, grid: FloatArray
) -> FloatArray:
    rows = []
    for arm in ARMS:
        own = patients.treatment == ARM_VALUE[arm]
        curve = kaplan_meier(patients.start[own], stop[own], event[own])
        rows.append(_read(curve, grid))
    return np.stack(rows)


def _read(curve: pd.DataFrame, times: FloatArray) -> FloatArray:
    """Read a curve at given times; ``nan`` beyond its end, unless it has reached 0 there."""
    died_out = float(curve["survival"].iloc[-1]) == 0.0
    values = np.full(len(times), 0.0 if died_out else np.nan)
    known = times <= curve["time"].iloc[-1]
    values[known] = survival_at(curve, times[known])["survival"]
    return values


def _statistics(
    patients: Patients, stop: FloatArray, event: FloatArray, landmark: float
) -> dict[str, float]:
    result: dict[str, float] = {}
    for arm in ARMS:
        own = patients.treatment == ARM_VALUE[arm]
        curve = kaplan_meier(patients.start[own], stop[own], event[own])
        median = median_survival(curve).estimate
        result[f"events {arm}"] = float(event[own].sum())
        result[f"survival at {landmark:g} months {arm}"] = float(
            _read(curve, np.array([landmark]))[0]
        )
        result[f"median {arm}"] = median if np.isfinite(median) else np.nan
    return result
