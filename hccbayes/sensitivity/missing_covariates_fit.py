"""The model with missing covariates as unknowns, fitted; conditional effects to the table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pandas as pd

from hccbayes.estimand_table import Labels, estimate_rows
from hccbayes.estimands import effect_draws
from hccbayes.fit import compile_model, fit
from hccbayes.progress import Progress, Silent
from hccbayes.records import Diagnosis, estimate_table
from hccbayes.sensitivity.incomplete_study import incomplete_study
from hccbayes.sensitivity.missing_covariates_model import (
    MISSING_RAW,
    build_missing_covariates_model,
)
from hccbayes.spec import AnalysisSpec

if TYPE_CHECKING:
    import xarray as xr

    from hccbayes.cohort import Cohort

METHOD_SUFFIX: Final = "missing_in_model"


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class MissingCovariatesFit:
    """Effects from the model that holds missing covariates as unknowns; no patient is in it.

    Parameters
    ----------
    estimates
        Hazard ratios of treatment, covariates and centers, method ``pe_rw1_missing_in_model``.
        Standardized survival is left to multiple imputation: it averages over patients whose
        covariates are unknown here.
    posterior
        Draws of the model's parameters, without the patients' missing values.
    draws
        From :func:`hccbayes.estimands.effect_draws`, on the covariates' own scale.
    diagnosis
        The gate of the fit, missing values included.
    """

    estimates: pd.DataFrame
    posterior: xr.Dataset
    draws: xr.Dataset
    diagnosis: Diagnosis


def fit_missing_covariates(
    cohort: Cohort, spec: AnalysisSpec, *, progress: Progress | None = None
) -> MissingCovariatesFit:
    """Fit the hazard model and the missing covariates together.

    Parameters
    ----------
    cohort
        Read with ``missing = "impute"``.
    spec
        The analysis.
    progress
        Told about stages and draws.

    Raises
    ------
    InputError
        What :func:`~hccbayes.sensitivity.incomplete_study.incomplete_study` finds.
    """
    watch = progress or Silent()
    study = incomplete_study(cohort, spec)
    watch.stage("compiling the model with missing covariates")
    model = build_missing_covariates_model(study, spec.hazard, spec.priors)
    compiled = compile_model(model, spec.sampler.backend)
    watch.stage("sampling the model with missing covariates")
    tree, diagnosis = fit(compiled, spec.sampler, on_progress=watch.draws)
    posterior = tree["posterior"].to_dataset()
    patients = [str(name) for name in posterior if str(name).startswith(MISSING_RAW)]
    posterior = posterior.drop_vars(patients)
    draws = effect_draws(posterior, study.design, spec.sampler.seed)
    labels = Labels(
        method=f"{spec.method}_{METHOD_SUFFIX}", model=spec.model.name, estimands=spec.estimands
    )
    return MissingCovariatesFit(
        estimates=estimate_table(estimate_rows(draws, labels)),
        posterior=posterior,
        draws=draws,
        diagnosis=diagnosis,
    )
