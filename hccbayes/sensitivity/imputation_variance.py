"""How much of an estimate's uncertainty comes from values that nobody knows: Rubin's components."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike

from hccbayes.arms import ARMS
from hccbayes.estimands import treated_over_control
from hccbayes.records import DIFFERENCE_CONTRAST, TREATMENT_CONTRAST

IMPUTATION = "imputation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Components:
    """Variance of a posterior mean over imputations, as standard deviations.

    Parameters
    ----------
    mean
        Of the posterior means.
    within_sd
        Root of the mean posterior variance: what would be left if nothing were missing.
    between_sd
        Standard deviation of the posterior means.
    total_sd
        Root of :math:`T = W + (1 + 1/m) B`.
    missing_information
        Fraction of the information that is missing, 0 to 1.
    """

    mean: float
    within_sd: float
    between_sd: float
    total_sd: float
    missing_information: float


def rubin_components(means: ArrayLike, variances: ArrayLike) -> Components:
    r"""Combine the posterior means and variances of completed cohorts.

    With W the mean variance, B the variance of the m means and :math:`r = (1 + 1/m) B / W`, the
    fraction of missing information is

    .. math:: \frac{r + 2 / (\nu + 3)}{r + 1}, \qquad \nu = (m - 1) (1 + 1/r)^2

    (Rubin 1987, sections 3.1 and 3.3), and 0 where B is 0. The Monte Carlo error of the means
    counts as between: W over the effective number of draws.

    Parameters
    ----------
    means, variances
        One a completed cohort, shape ``(imputations,)``; variances above 0.
    """
    mean, variance = np.asarray(means, dtype=np.float64), np.asarray(variances, dtype=np.float64)
    count = len(mean)
    within = float(variance.mean())
    between = float(mean.var(ddof=1)) if count > 1 else 0.0
    inflated = (1.0 + 1.0 / count) * between
    missing = 0.0
    if inflated > 0:
        ratio = inflated / within
        freedom = (count - 1) * (1.0 + 1.0 / ratio) ** 2
        missing = (ratio + 2.0 / (freedom + 3.0)) / (ratio + 1.0)
    return Components(
        mean=float(mean.mean()),
        within_sd=float(np.sqrt(within)),
        between_sd=float(np.sqrt(between)),
        total_sd=float(np.sqrt(within + inflated)),
        missing_information=missing,
    )


def variance_table(draws: xr.Dataset) -> pd.DataFrame:
    """Return the components of every quantity with a mean and a variance.

    Parameters
    ----------
    draws
        What :func:`hccbayes.estimands.estimand_draws` returned, with a dimension ``imputation``.

    Returns
    -------
    pandas.DataFrame
        ``estimand``, ``contrast``, ``population``, ``time`` as in the estimate table, then the
        fields of :class:`Components`; log hazard ratios, log marginal hazard ratios, survival and
        restricted means. A quantity of which some draw is infinite has no variance and no row.
    """
    rows = []
    for labels, own in _quantities(draws):
        if not bool(np.isfinite(own).all()):
            continue
        by_imputation = own.transpose(IMPUTATION, ...).to_numpy().reshape(own.sizes[IMPUTATION], -1)
        found = rubin_components(by_imputation.mean(axis=1), by_imputation.var(axis=1, ddof=1))
        names = ("estimand", "contrast", "population", "time")
        rows.append(dict(zip(names, labels, strict=True)) | asdict(found))
    return pd.DataFrame(rows)


_Labels = tuple[str, str, str, float]


def _quantities(draws: xr.Dataset) -> Iterator[tuple[_Labels, xr.DataArray]]:
    """Yield what is on an additive scale, labeled as in the estimate table."""
    none = float("nan")
    yield ("log_hr", TREATMENT_CONTRAST, "sample", none), draws["log_hr"]
    if "covariate_log_hr" in draws:
        for contrast in draws["contrast"].values:
            labels = ("log_hr", str(contrast), "sample", none)
            yield labels, draws["covariate_log_hr"].sel(contrast=contrast)
    for population in draws["population"].values:
        own = draws.sel(population=population)
        name = str(population)
        yield ("log_marginal_hr", TREATMENT_CONTRAST, name, none), own["log_marginal_hr"]
        for time in draws["time"].values:
            yield from _arms("survival", name, float(time), own["survival"].sel(time=time))
        yield from _arms("rmst", name, float(draws.attrs["horizon"]), own["rmst"])


def _arms(
    estimand: str, population: str, time: float, draws: xr.DataArray
) -> Iterator[tuple[_Labels, xr.DataArray]]:
    for arm in ARMS:
        yield (estimand, arm, population, time), draws.sel(arm=arm)
    labels = (f"{estimand}_difference", DIFFERENCE_CONTRAST, population, time)
    yield labels, treated_over_control(draws)
