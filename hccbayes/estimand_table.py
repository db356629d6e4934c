"""Estimand draws to rows of the estimate table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr

from hccbayes.arms import ARMS
from hccbayes.estimands import treated_over_control
from hccbayes.records import (
    DIFFERENCE_CONTRAST,
    TREATMENT_CONTRAST,
    Estimate,
)
from hccbayes.spec import EstimandSection
from hccbayes.summarise import Point, with_draws, with_probability


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """Method and model of every row, and what is reported."""

    method: str
    model: str
    estimands: EstimandSection

    def row(
        self, estimand: str, contrast: str, population: str = "sample", time: float | None = None
    ) -> Estimate:
        """Return a row without numbers."""
        return Estimate(
            estimand=estimand,
            contrast=contrast,
            population=population,
            time=time,
            estimate=float("nan"),
            source="bayes",
            method=self.method,
            model=self.model,
        )


def estimate_rows(draws: xr.Dataset, labels: Labels) -> list[Estimate]:
    """Return the rows of one analysis.

    Parameters
    ----------
    draws
        What :func:`hccbayes.estimands.estimand_draws`,
        :func:`~hccbayes.estimands.population_draws` or :func:`~hccbayes.estimands.effect_draws`
        returned.
    labels
        Method, model, thresholds and intervals.

    Returns
    -------
    list of Estimate
        Treatment effect first, by time where it changes, then each population, covariates and
        centers.
    """
    rows = [*_treatment_rows(draws["log_hr"], labels, "sample")] if "log_hr" in draws else []
    for time in draws["effect_time"].values if "log_hr_at" in draws else ():
        at_time = draws["log_hr_at"].sel(effect_time=time)
        # Weighted arms have no covariates: their ratio by phase is that of the population.
        conditional = "log_hr" in draws
        population = "sample" if conditional else str(draws["population"].values[0])
        name = "hr_at" if conditional else "marginal_hr_at"
        rows += _treatment_rows(at_time, labels, population, name, float(time))
    for population in draws["population"].values if "population" in draws else ():
        own = draws.sel(population=population, drop=True)
        rows += _population_rows(own, labels, str(population))
    rows += _covariate_rows(draws, labels)
    rows += _center_rows(draws, labels)
    return rows


def _treatment_rows(
    log_hr: xr.DataArray,
    labels: Labels,
    population: str,
    name: str = "hr",
    time: float | None = None,
) -> Iterator[Estimate]:
    interval = labels.estimands.interval
    benefit = log_hr < 0
    row = labels.row(f"log_{name}", TREATMENT_CONTRAST, population, time)
    # An infinite draw (an arm that nobody leaves) has no mean.
    point: Point = "mean" if bool(np.isfinite(log_hr).all()) else "median"
    yield with_draws(row, log_hr, interval, point=point, benefit=benefit)
    hr = np.exp(log_hr)
    yield with_draws(replace(row, estimand=name), hr, interval, point="median", benefit=benefit)
    for threshold in labels.estimands.hr_thresholds:
        below = replace(row, estimand=f"prob_{name}_below_{threshold:g}")
        yield with_probability(below, hr < threshold)


def _population_rows(draws: xr.Dataset, labels: Labels, population: str) -> Iterator[Estimate]:
    horizon = float(draws.attrs["horizon"])
    yield from _treatment_rows(draws["log_marginal_hr"], labels, population, "marginal_hr")
    for time in draws["time"].values:
        at_time = draws["survival"].sel(time=time)
        yield from _arm_rows(at_time, labels, labels.row("survival", "", population, float(time)))
    yield from _arm_rows(draws["rmst"], labels, labels.row("rmst", "", population, horizon))
    yield from _median_rows(draws["median"], labels, labels.row("median", "", population))


def _arm_rows(draws: xr.DataArray, labels: Labels, row: Estimate) -> Iterator[Estimate]:
    """Yield one row an arm and one for their difference."""
    interval = labels.estimands.interval
    for arm in ARMS:
        yield with_draws(replace(row, contrast=arm), draws.sel(arm=arm), interval)
    difference = treated_over_control(draws)
    row = replace(row, estimand=f"{row.estimand}_difference", contrast=DIFFERENCE_CONTRAST)
    yield with_draws(row, difference, interval, benefit=difference > 0)


def _median_rows(draws: xr.DataArray, labels: Labels, row: Estimate) -> Iterator[Estimate]:
    """Yield medians, the probability that they are not reached, and their difference.

    The difference is left empty when in some draw neither arm reaches its median.
    """
    interval = labels.estimands.interval
    for arm in ARMS:
        own = draws.sel(arm=arm)
        yield with_draws(replace(row, contrast=arm), own, interval, point="median")
        unreached = replace(row, estimand="prob_median_not_reached", contrast=arm)
        yield with_probability(unreached, np.isinf(own))
    difference = treated_over_control(draws)
    row = replace(row, estimand="median_difference", contrast=DIFFERENCE_CONTRAST)
    if bool(np.isnan(difference).any()):
        yield row
    else:
        yield with_draws(row, difference, interval, point="median", benefit=difference > 0)


def _covariate_rows(draws: xr.Dataset, labels: Labels) -> Iterator[Estimate]:
    if "covariate_log_hr" not in draws:
        return
    for contrast in draws["contrast"].values:
        own = draws["covariate_log_hr"].sel(contrast=contrast)
        row = labels.row("log_hr", str(contrast))
        yield with_draws(row, own, labels.estimands.interval)
        hr = replace(row, estimand="hr")
        yield with_draws(hr, np.exp(own), labels.estimands.interval, point="median")


def _center_rows(draws: xr.Dataset, labels: Labels) -> Iterator[Estimate]:
    interval = labels.estimands.interval
    if "log_center_hr" in draws:
        for center in draws["center"].values:
            row = labels.row("center_hr", f"{center} / mean center")
            own = np.exp(draws["log_center_hr"].sel(center=center))
            yield with_draws(row, own, interval, point="median")
    if "center_log_hr" in draws:
        for center in draws["center"].values:
            log_hr = draws["center_log_hr"].sel(center=center)
            yield from _treatment_rows(log_hr, labels, f"center {center}")
    if "new_center_log_hr" in draws:
        yield from _treatment_rows(draws["new_center_log_hr"], labels, "new center")
