"""Bayesian and frequentist answers side by side: a join of two estimate tables.

Two Bayesian fits are compared with the conventional analysis: the analysis itself, whose priors may
pull it away, and a reference fit that holds neither prior nor coarse intervals and must agree with
Cox regression. Where it does not, something is wrong with the model, the data or the code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import numpy as np
import pandas as pd
from scipy.stats import norm

from hccbayes import cut_points, defaults
from hccbayes.priors import named_prior
from hccbayes.records import TREATMENT_CONTRAST
from hccbayes.spec import AnalysisSpec

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr

PriorName = Literal["analysis", "reference"]

CROSSCHECK_COLUMNS: Final = (
    "estimand",
    "term",
    "time",
    "prior",
    "method",
    "bayes",
    "bayes_sd",
    "frequentist",
    "frequentist_se",
    "difference",
    "difference_in_sd",
    "remark",
)
TWIN: Final = "cox_efron"
"""The frequentist method whose target is exactly that of the reference fit."""
_COMPARED: Final = ("survival", "median")
"""Beside log hazard ratios: unadjusted Kaplan-Meier numbers, for orientation."""


def reference_spec(spec: AnalysisSpec, stop: pd.Series, event: pd.Series) -> AnalysisSpec:
    """Return the analysis with everything taken out that Cox regression does not have.

    Effects get N(0, 10) priors, the baseline is near-flat (gamma, shape 0.01) and cut at every
    third distinct event time, and centers are left out, as in ``cox_efron``.
    """
    near_flat = named_prior("reference")
    priors = spec.priors.model_copy(
        update={
            "treatment": near_flat,
            "covariates": near_flat,
            "gamma_shape": defaults.REFERENCE_GAMMA_SHAPE,
        }
    )
    hazard = spec.hazard.model_copy(
        update={
            "cuts": tuple(float(cut) for cut in cut_points.event_time_cuts(stop, event)),
            "baseline": "gamma",
            "center": "none",
            "center_slope": False,
        }
    )
    return spec.model_copy(update={"priors": priors, "hazard": hazard})


def bayesian_moments(draws: xr.Dataset, population: str) -> pd.DataFrame:
    """Return posterior mean and standard deviation of what has a frequentist counterpart.

    Parameters
    ----------
    draws
        What :func:`hccbayes.estimands.estimand_draws` returned.
    population
        Population whose survival and medians are compared with Kaplan-Meier.

    Returns
    -------
    pandas.DataFrame
        ``estimand``, ``term``, ``time``, ``bayes``, ``bayes_sd``; the mean and standard deviation
        of a median that some draws do not reach are empty.
    """
    rows: list[tuple[str, str, float, np.ndarray]] = [
        ("log_hr", "treated / control", np.nan, np.asarray(draws["log_hr"]))
    ]
    if "covariate_log_hr" in draws:
        for contrast in draws["contrast"].values:
            own = draws["covariate_log_hr"].sel(contrast=contrast)
            rows.append(("log_hr", str(contrast), np.nan, np.asarray(own)))
    for arm in draws["arm"].values:
        of_arm = draws.sel(population=population, arm=arm)
        rows.append(("median", str(arm), np.nan, np.asarray(of_arm["median"])))
        for time in draws["time"].values:
            alive = np.asarray(of_arm["survival"].sel(time=time))
            rows.append(("survival", str(arm), float(time), alive))
    moments = [(*labels, *_mean_and_sd(values)) for *labels, values in rows]
    return pd.DataFrame(moments, columns=["estimand", "term", "time", "bayes", "bayes_sd"])


def _mean_and_sd(values: np.ndarray) -> tuple[float, float]:
    if not np.isfinite(values).all():
        return float("nan"), float("nan")
    return float(values.mean()), float(values.std(ddof=1))


def crosscheck_table(
    analysis: pd.DataFrame, reference: pd.DataFrame, conventional: pd.DataFrame
) -> pd.DataFrame:
    """Join both fits with the conventional estimates.

    Parameters
    ----------
    analysis, reference
        What :func:`bayesian_moments` returned for the two fits.
    conventional
        The frequentist rows of the estimate table.

    Returns
    -------
    pandas.DataFrame
        Columns of :data:`CROSSCHECK_COLUMNS`. ``difference`` is Bayesian minus frequentist,
        ``difference_in_sd`` the same in posterior standard deviations. ``remark`` says in words
        what a difference means. The reference fit has no centers, so it is set only against the
        methods without them.
    """
    rows = conventional[conventional["estimand"].isin(["log_hr", *_COMPARED])]
    twin = pd.DataFrame(
        {
            "estimand": rows["estimand"],
            "term": rows["contrast"],
            "time": rows["time"],
            "method": rows["method"],
            "frequentist": rows["estimate"],
            "frequentist_se": _standard_error(rows),
        }
    )
    joined = []
    fits: tuple[tuple[PriorName, pd.DataFrame], ...] = (
        ("analysis", analysis),
        ("reference", reference),
    )
    for name, moments in fits:
        own = twin if name == "analysis" else twin[twin["method"].isin([TWIN, "km"])]
        joined.append(own.merge(moments, on=["estimand", "term", "time"]).assign(prior=name))
    table = pd.concat(joined, ignore_index=True)
    table["difference"] = table["bayes"] - table["frequentist"]
    table["difference_in_sd"] = table["difference"] / table["bayes_sd"]
    table["remark"] = [_remark(row) for row in table.itertuples()]
    return table[list(CROSSCHECK_COLUMNS)]


def adjusted_crosscheck(effects: Mapping[str, xr.Dataset], twins: pd.DataFrame) -> pd.DataFrame:
    """Set weighted and matched effects beside the weighted and matched Cox and Kaplan-Meier.

    Parameters
    ----------
    effects
        Estimand draws of one population each, by method.
    twins
        Frequentist rows of the estimate table. Where a row has a twin whose variance includes the
        estimated score, that one is taken.

    Returns
    -------
    pandas.DataFrame
        Columns of :data:`CROSSCHECK_COLUMNS`; ``term`` holds contrast and Bayesian method.
    """
    estimated = twins["method"].str.endswith("_m_estimation")
    key = ["estimand", "contrast", "population", "time"]
    best = twins.assign(order=~estimated).sort_values("order", kind="stable")
    best = best.drop_duplicates(key).rename(columns={"estimate": "frequentist"})
    best = best.assign(frequentist_se=_standard_error(best))
    found = []
    for method, draws in effects.items():
        population = str(draws["population"].item())
        own = _population_moments(draws.isel(population=0))
        joined = own.merge(
            best[best["population"] == population], on=["estimand", "contrast", "time"]
        )
        found.append(joined.assign(term=joined["contrast"] + f" ({method})", prior="analysis"))
    table = pd.concat(found, ignore_index=True)
    table["difference"] = table["bayes"] - table["frequentist"]
    table["difference_in_sd"] = table["difference"] / table["bayes_sd"]
    table["remark"] = [_adjusted_remark(value) for value in table["difference_in_sd"]]
    return table[list(CROSSCHECK_COLUMNS)]


def _population_moments(draws: xr.Dataset) -> pd.DataFrame:
    """Return mean and standard deviation of one population's estimands that have a twin."""
    rows = [("log_marginal_hr", TREATMENT_CONTRAST, np.nan, np.asarray(draws["log_marginal_hr"]))]
    horizon = float(draws.attrs["horizon"])
    for arm in draws["arm"].values:
        own = draws.sel(arm=arm)
        rows.append(("rmst", str(arm), horizon, np.asarray(own["rmst"])))
        for time in draws["time"].values:
            alive = np.asarray(own["survival"].sel(time=time))
            rows.append(("survival", str(arm), float(time), alive))
    moments = [(*labels, *_mean_and_sd(values)) for *labels, values in rows]
    return pd.DataFrame(moments, columns=["estimand", "contrast", "time", "bayes", "bayes_sd"])


def _adjusted_remark(difference: float) -> str:
    if not np.isfinite(difference):
        return "not comparable: one of the two is not estimable"
    size = abs(difference)
    if size <= defaults.CROSSCHECK_REMARK:
        return "agrees"
    return (
        f"differs by {size:.2f} sd: the prior, the shape of the hazard, or the score (posterior "
        "mean against maximum likelihood) moves it"
    )


def _standard_error(rows: pd.DataFrame) -> pd.Series:
    """Return standard errors from Wald intervals; other kinds of interval have none."""
    quantile = norm.ppf((1.0 + rows["interval_prob"]) / 2.0)
    error = (rows["upper"] - rows["lower"]) / (2.0 * quantile)
    return error.where(rows["interval_kind"] == "wald")


def _remark(row: object) -> str:
    difference = float(getattr(row, "difference_in_sd"))  # noqa: B009
    estimand, method, prior = (str(getattr(row, name)) for name in ("estimand", "method", "prior"))
    if not np.isfinite(difference):
        return "not comparable: one of the two is not estimable"
    size = abs(difference)
    if estimand != "log_hr":
        return "unadjusted Kaplan-Meier against the standardized curve: different populations"
    if prior == "reference":
        agree = size <= defaults.CROSSCHECK_AGREEMENT
        return "agrees" if agree else f"differs by {size:.2f} sd: investigate"
    if size <= defaults.CROSSCHECK_REMARK:
        return "agrees" if method == TWIN else ""
    if method == "cox_crude":
        return f"differs by {size:.2f} sd: unadjusted against adjusted"
    return f"differs by {size:.2f} sd: the prior or the centers move it; see the reference row"
