"""Bayesian and frequentist answers side by side: a join of two estimate tables.

Two Bayesian fits are compared with the conventional analysis: the analysis itself, whose priors may
pull it away, and a reference fit that holds neither prior nor coarse intervals and must agree with
Cox regression. Where it does not, something is wrong with the model, the data or the code.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
from scipy.stats import norm

from hccbayes import cut_points, defaults
from hccbayes.crosscheck_remarks import (
    KM,
    PHASES,
    STANDARDIZED,
    TWIN,
    Fit,
    RemarkFunction,
    adjusted_remark,
    changing_effect_remark,
    remark,
)
from hccbayes.estimands import treated_over_control
from hccbayes.priors import named_prior
from hccbayes.records import DIFFERENCE_CONTRAST, TREATMENT_CONTRAST
from hccbayes.spec import AnalysisSpec

if TYPE_CHECKING:
    import xarray as xr

CROSSCHECK_COLUMNS: Final = (
    "estimand",
    "term",
    "population",
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
WITHOUT_TWIN: Final[Mapping[str, str]] = {
    "hr": "its logarithm is compared",
    "log_hr_at": "compared where the effect changes by phase; a smoothed effect has no counterpart",
    "marginal_hr": "its logarithm is compared",
    "log_marginal_hr_at": "the phases of cloned patients have no counterpart",
    "center_hr": "its logarithm is compared",
    "prob_": "the probability of a hypothesis has no frequentist counterpart",
    "new center": "a prediction; frailty models give none with its uncertainty",
}
"""Bayesian rows that are compared with nothing (by estimand, its beginning, or population): why."""
_OF_REFERENCE: Final = (TWIN, STANDARDIZED, KM)
_OF_PHASED_REFERENCE: Final = (PHASES, KM)
_KEY: Final = ["estimand", "term", "population", "time"]


def reference_spec(spec: AnalysisSpec, stop: pd.Series, event: pd.Series) -> AnalysisSpec:
    """Return the analysis with everything taken out that Cox regression does not have.

    Effects get N(0, 10) priors, the baseline is near-flat (gamma, shape 0.01) and cut at every
    third distinct event time and where survival is read, and centers are left out, as in
    ``cox_efron``. An effect by phase stays one, with N(0, 10) steps and the bounds among the cuts,
    as in ``cox_efron_phases``; any other that changes with time is replaced by a constant one.
    """
    phased = spec.hazard.effect == "phases"
    bounds = spec.hazard.effect_phases if phased else ()
    through = (*spec.estimands.times, *bounds)
    cuts = cut_points.event_time_cuts(stop, event, through=through)
    near_flat = named_prior("reference")
    priors = spec.priors.model_copy(
        update={
            "treatment": near_flat,
            "covariates": near_flat,
            "gamma_shape": defaults.REFERENCE_GAMMA_SHAPE,
            **({"effect_walk_sd": defaults.REFERENCE_EFFECT_STEP_SD} if phased else {}),
        }
    )
    hazard = spec.hazard.model_copy(
        update={
            "cuts": tuple(float(cut) for cut in cuts),
            "baseline": "gamma",
            "center": "none",
            "center_slope": False,
            "effect": "phases" if phased else "constant",
        }
    )
    return spec.model_copy(update={"priors": priors, "hazard": hazard})


def bayesian_moments(draws: xr.Dataset) -> pd.DataFrame:
    """Return posterior mean and standard deviation of what has a frequentist counterpart.

    Parameters
    ----------
    draws
        What :func:`hccbayes.estimands.estimand_draws` or
        :func:`~hccbayes.estimands.population_draws` returned.

    Returns
    -------
    pandas.DataFrame
        ``estimand``, ``term`` (the contrast), ``population``, ``time``, ``bayes``, ``bayes_sd``;
        the mean and standard deviation of a median that some draws do not reach are empty.
    """
    rows = [*_effect_draws(draws)]
    for population in draws["population"].values if "population" in draws else ():
        own = draws.sel(population=population)
        rows += [
            (estimand, term, str(population), time, values)
            for estimand, term, time, values in _population_draws(own)
        ]
    moments = [(*labels, *_mean_and_sd(np.asarray(values))) for *labels, values in rows]
    return pd.DataFrame(moments, columns=[*_KEY, "bayes", "bayes_sd"])


def _effect_draws(draws: xr.Dataset) -> Iterator[tuple[str, str, str, float, xr.DataArray]]:
    """Yield draws of conditional effects and centers, with their labels."""
    if "log_hr" in draws:
        yield "log_hr", TREATMENT_CONTRAST, "sample", np.nan, draws["log_hr"]
    for time in draws["effect_time"].values if "log_hr_at" in draws else ():
        if "log_hr" not in draws:
            break  # The phases of cloned patients have no counterpart.
        own = draws["log_hr_at"].sel(effect_time=time)
        yield "log_hr_at", TREATMENT_CONTRAST, "sample", float(time), own
    if "covariate_log_hr" in draws:
        for contrast in draws["contrast"].values:
            own = draws["covariate_log_hr"].sel(contrast=contrast)
            yield "log_hr", str(contrast), "sample", np.nan, own
    for center in draws["center"].values if "center" in draws.coords else ():
        if "log_center_hr" in draws:
            level = draws["log_center_hr"].sel(center=center)
            yield "log_center_hr", f"{center} / mean center", "sample", np.nan, level
        if "center_log_hr" in draws:
            slope = draws["center_log_hr"].sel(center=center)
            yield "log_hr", TREATMENT_CONTRAST, f"center {center}", np.nan, slope


def _population_draws(draws: xr.Dataset) -> Iterator[tuple[str, str, float, xr.DataArray]]:
    """Yield draws of one population's estimands, with their labels."""
    horizon = float(draws.attrs["horizon"])
    yield "log_marginal_hr", TREATMENT_CONTRAST, np.nan, draws["log_marginal_hr"]
    by_arm: list[tuple[str, float, xr.DataArray]] = [
        ("rmst", horizon, draws["rmst"]),
        ("median", np.nan, draws["median"]),
        *(("survival", float(time), draws["survival"].sel(time=time)) for time in draws["time"]),
    ]
    for estimand, time, values in by_arm:
        for arm in values["arm"].values:
            yield estimand, str(arm), time, values.sel(arm=arm)
        yield f"{estimand}_difference", DIFFERENCE_CONTRAST, time, treated_over_control(values)


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
        The frequentist rows of the estimate table: of the sample, and standardized.

    Returns
    -------
    pandas.DataFrame
        Columns of :data:`CROSSCHECK_COLUMNS`. ``difference`` is Bayesian minus frequentist,
        ``difference_in_sd`` the same in posterior standard deviations. ``remark`` says in words
        what a difference means. The reference fit has no centers, so it is set only against the
        methods without them; with an effect by phase, only against Cox by phase and Kaplan-Meier,
        since the others hold one hazard ratio for all times. Kaplan-Meier, which stands for no
        standardized population, is set beside the first of them.
    """
    twins = _twins(conventional)
    standardized = analysis.loc[analysis["population"] != "sample", "population"]
    if len(standardized):
        twins["population"] = twins["population"].where(twins["method"] != KM, standardized.iloc[0])
    phased = twins["method"].eq(PHASES).any()
    of_reference = twins["method"].isin(_OF_PHASED_REFERENCE if phased else _OF_REFERENCE)
    fits: dict[Fit, pd.DataFrame] = {
        "analysis": analysis.merge(twins, on=_KEY),
        "reference": reference.merge(twins[of_reference], on=_KEY),
    }
    table = pd.concat([own.assign(prior=fit) for fit, own in fits.items()], ignore_index=True)
    changing = analysis["estimand"].eq("log_hr_at").any()
    return _with_differences(table, changing_effect_remark if changing else remark)


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
    estimated = twins["method"].str.endswith(("_m_estimation", "_bootstrap"))
    ordered = twins.assign(order=~estimated).sort_values("order", kind="stable")
    best = _twins(ordered).drop_duplicates(_KEY)
    found = []
    for method, draws in effects.items():
        joined = bayesian_moments(draws).merge(best, on=_KEY)
        found.append(joined.assign(term=joined["term"] + f" ({method})", prior="analysis"))
    return _with_differences(pd.concat(found, ignore_index=True), adjusted_remark)


def _twins(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the frequentist side of the join."""
    table = rows.rename(columns={"contrast": "term", "estimate": "frequentist"})
    table = table.assign(frequentist_se=_standard_error(rows))
    return table[[*_KEY, "method", "frequentist", "frequentist_se"]]


def _standard_error(rows: pd.DataFrame) -> pd.Series:
    """Return standard errors from Wald limits, and of survival from those on the log scale."""
    quantile = norm.ppf((1.0 + rows["interval_prob"]) / 2.0)
    wald = (rows["upper"] - rows["lower"]) / (2.0 * quantile)
    on_log_scale = (rows["interval_kind"] == "log") & (rows["estimand"] == "survival")
    # The upper limit may have been cut at 1.
    ratio = (rows["estimate"] / rows["lower"]).where(on_log_scale)
    log = rows["estimate"] * np.log(ratio) / quantile
    return wald.where(rows["interval_kind"] == "wald", log)


def _with_differences(table: pd.DataFrame, in_words: RemarkFunction) -> pd.DataFrame:
    table = table.assign(difference=table["bayes"] - table["frequentist"])
    table["difference_in_sd"] = table["difference"] / table["bayes_sd"]
    columns = ("difference_in_sd", "estimand", "method", "prior")
    table["remark"] = [in_words(*row) for row in table[list(columns)].itertuples(index=False)]
    return table[list(CROSSCHECK_COLUMNS)]
