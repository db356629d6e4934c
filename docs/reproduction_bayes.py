"""The Bayesian column: the package's model with default priors, fitted to the coded cohorts.

Each fit is the study's named analysis (`models/`) with its formula replaced by the treatment alone,
or by the covariates of the printed multivariable regression, and without centers, which the printed
regressions did not have.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr

import hccbayes as hb
import reproduction_reasons as reasons
from hccbayes import evidence
from hccbayes.outcome import fit_outcome
from hccbayes.progress import Silent
from hccbayes.records import Diagnosis
from hccbayes.summarise import summarise
from reproduction_cohorts import TIME_AND_EVENT, coded, outcome, spec_of
from reproduction_record import Found, Printed, leading

COVARIATES: Final = "printed covariates"
TIMES: Final = (12.0, 24.0)
"""Months at which survival is asked for: those of the printed rates that both arms reach."""
BEYOND: Final = "not estimated: beyond the follow-up of an arm"
FAILED: Final = "gate failed: "
_CHANCE_SHOWN: Final = 0.999


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """Draws of the estimands of one fit, and its gate."""

    draws: xr.Dataset
    diagnosis: Diagnosis
    spec: hb.AnalysisSpec


def run_fit(name: str, *, seed: int | None = None) -> Fitted:
    """Fit what a row's ``fit`` names: ``STUDY ENDPOINT SAMPLE, COVARIATES``."""
    which, covariates = name.split(", ")
    study, endpoint, sample = which.split(" ")
    design = _design(study, endpoint, sample, adjusted=covariates == COVARIATES)
    cohort, spec = _analysis(study, endpoint, sample, design)
    if seed is not None:
        spec = spec.with_values([f"sampler.seed={seed}"])
    fitted = fit_outcome(cohort, hb.build_study(cohort, spec), spec, Silent())
    return Fitted(fitted.draws, fitted.diagnosis, spec)


def _design(study: str, endpoint: str, sample: str, *, adjusted: bool) -> pd.DataFrame:
    """Return the coded covariates, ``treatment`` not among them."""
    if not adjusted:
        return pd.DataFrame(index=outcome(study, endpoint, sample).frame.index)
    table = evidence.table("hazard_ratios", usable_only=False)
    rows = table[
        (table["study"] == study)
        & (table["endpoint"] == endpoint)
        & (table["analysis_set"] == sample)
        & (table["adjusted"] == "yes")
    ]
    return coded(rows).drop(columns="treatment")


def _analysis(
    study: str, endpoint: str, sample: str, design: pd.DataFrame
) -> tuple[hb.Cohort, hb.AnalysisSpec]:
    patients = outcome(study, endpoint, sample)
    named = spec_of(study, endpoint)
    values = named.to_dict()
    values["hazard"] |= {"formula": " + ".join(["treatment", *design.columns]), "center": "none"}
    values["data"].pop("center", None)
    times = [time for time in TIMES if time <= patients.stop.groupby(patients.treated).max().min()]
    values["estimands"] |= {"times": times, "horizon": times[-1]}
    spec = hb.AnalysisSpec.from_dict(values)
    own = ["patient_id", "arm", *TIME_AND_EVENT[endpoint]]
    frame = pd.concat([patients.frame[own], design], axis="columns")
    frame.attrs["synthetic"] = patients.frame.attrs.get("synthetic", f"synthetic_{study.lower()}")
    return hb.read_cohort(frame, spec.roles), spec


def fill_bayes(rows: pd.DataFrame, fits: dict[str, Fitted]) -> pd.DataFrame:
    """Return the rows with the Bayesian column of those whose fit is given."""
    filled = rows.copy()
    for index, row in rows[rows["fit"].isin(list(fits))].iterrows():
        text = cell(row, fits[row["fit"]])
        filled.loc[index, ["bayes", "bayes_remark"]] = text, bayes_remark(row, text)
    return filled


def bayes_remark(row: pd.Series, text: str) -> str:
    """Return why the interval misses the frequentist estimate; nothing where it holds it."""
    _, lower, upper = leading(text)
    estimate, *_ = leading(row["frequentist"])
    if np.isnan([estimate, lower, upper]).any() or lower <= estimate <= upper:
        return ""
    if row["quantity"].startswith("hazard ratio"):
        return reasons.PRIOR
    return reasons.PROPORTIONAL


def run_all(names: Iterable[str]) -> dict[str, Fitted]:
    """Return every fit that the rows name, telling which one is under way."""
    fits = {}
    for name in dict.fromkeys(names):
        if name:
            fits[name] = run_fit(name)
            verdict = "passed" if fits[name].diagnosis.passed else "FAILED"
            print(f"{name}: gate {verdict}", flush=True)
    return fits


def cell(row: pd.Series, fitted: Fitted) -> str:
    """Return the Bayesian counterpart of a row as text, with the printed digits."""
    text = _cell(row, fitted)
    return text if fitted.diagnosis.passed else FAILED + text


def _cell(row: pd.Series, fitted: Fitted) -> str:
    what, _, rest = str(row["term"]).partition(" ")
    printed = Printed(estimate=_printed_estimate(row))
    if what == "benefit":
        return chance_text(float((fitted.draws["log_hr"] < 0).mean()))
    if what == "median":
        return _summary(fitted, fitted.draws["median"].sel(arm=rest)).text(printed, decimals=1)
    if what == "survival":
        arm, month = rest.split(" ")
        if float(month) not in fitted.draws["time"].values:
            return BEYOND
        draws = 100 * fitted.draws["survival"].sel(arm=arm, time=float(month))
        return _summary(fitted, draws, point="mean").text(printed, decimals=1, unit="%")
    return _summary(fitted, ratio_draws(row, fitted)).text(printed)


def ratio_draws(row: pd.Series, fitted: Fitted) -> xr.DataArray:
    """Return draws of a row's hazard ratio, numerator over denominator as the row has them."""
    if row["term"] == "treatment":
        sign = -1 if row["item"] == "control / treated" else 1
        return np.exp(sign * fitted.draws["log_hr"])
    contrasts = [
        name for name in fitted.draws["contrast"].values if str(name).split(": ")[0] == row["term"]
    ]
    (contrast,) = contrasts
    return np.exp(fitted.draws["covariate_log_hr"].sel(contrast=contrast))


def _summary(fitted: Fitted, draws: xr.DataArray, point: str = "median") -> Found:
    summary = summarise(draws, fitted.spec.estimands.interval, point=point)
    return Found(estimate=summary.point, lower=summary.lower, upper=summary.upper)


def _printed_estimate(row: pd.Series) -> str:
    """Return the printed ratio, whose digits are used; nothing where it is in a figure."""
    first = str(row["printed"]).split(" ")[0].rstrip(",")
    return first if first[:1].isdecimal() else ""


def chance_text(chance: float) -> str:
    """Return the posterior probability that treatment lowers the hazard."""
    if chance > _CHANCE_SHOWN:
        return f"P(HR < 1) > {_CHANCE_SHOWN}"
    return f"P(HR < 1) = {chance:.3f}"
