"""The analysis over completed cohorts: one compiled model, draws stacked, complete cases beside.

Each completed cohort is fitted as if nothing had been missing, and an equal number of draws of each
make one posterior (Gelman et al. 2013, section 18.2; Zhou & Reiter 2010, American Statistician
64:159): the mixture carries the uncertainty within and between imputations, in every tail.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from hccbayes import figure_data
from hccbayes.cohort.values import final_frame
from hccbayes.errors import InputError, Problem
from hccbayes.estimand_table import Labels, estimate_rows
from hccbayes.estimands import estimand_draws, populations
from hccbayes.fit import CompiledModel, compile_model, fit
from hccbayes.hazard_model import build_hazard_model, model_data
from hccbayes.outcome import OutcomeFit, fit_outcome
from hccbayes.progress import Progress, Silent
from hccbayes.records import Diagnosis, Exclusion, estimate_table
from hccbayes.sensitivity.imputation import (
    CYCLES,
    IMPUTATIONS,
    Imputations,
    impute_covariates,
)
from hccbayes.sensitivity.imputation_variance import IMPUTATION, variance_table
from hccbayes.spec import AnalysisSpec
from hccbayes.study import Study, build_study

if TYPE_CHECKING:
    import xarray as xr

    from hccbayes.cohort import Cohort

_SAMPLER_STREAM: Final = 3
_DIRICHLET_STREAM: Final = 4


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class MissingDataAnalysis:
    """What an analysis says where covariates are missing; no patient is in it.

    Parameters
    ----------
    estimates
        Estimate table: every row of the stacked draws, method ``pe_rw1_imputed``, then every row of
        the complete cases, method ``pe_rw1_complete_cases``, for the model's own baseline. The
        complete cases are a population of their own: compare their hazard ratios before their
        standardized survival.
    draws
        Draws of the estimands, dims ``imputation, chain, draw`` first.
    variance
        Standard deviations within and between imputations and the fraction of missing information,
        from :func:`~hccbayes.sensitivity.imputation_variance.variance_table`.
    missing
        Number and share of missing values by covariate.
    trace
        Means of imputed values by cycle.
    patients, complete_cases
        Patients in the cohort, and those with no missing value.
    diagnoses
        The gate of each fit to a completed cohort. Chains are compared within one imputation only:
        chains of different ones have different posteriors.
    complete_diagnosis
        The gate of the complete cases' fit; ``None`` where they cannot be analyzed.
    notes
        What a reader must know.
    """

    estimates: pd.DataFrame
    draws: xr.Dataset
    variance: pd.DataFrame
    missing: pd.DataFrame
    trace: pd.DataFrame
    patients: int
    complete_cases: int
    diagnoses: tuple[Diagnosis, ...]
    complete_diagnosis: Diagnosis | None
    notes: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether every fit to a completed cohort passed its gate."""
        return all(diagnosis.passed for diagnosis in self.diagnoses)


def missing_data_analysis(
    cohort: Cohort,
    spec: AnalysisSpec,
    *,
    imputations: int = IMPUTATIONS,
    cycles: int = CYCLES,
    seed: int | None = None,
    progress: Progress | None = None,
) -> MissingDataAnalysis:
    """Fit the outcome model to multiply imputed cohorts, and to the complete cases beside.

    Parameters
    ----------
    cohort
        Read with ``missing = "impute"``.
    spec
        The analysis. Its propensity score and adjustment are left out; the columns they name still
        help to impute the others.
    imputations, cycles
        As for :func:`~hccbayes.sensitivity.imputation.impute_covariates`.
    seed
        Of the imputations; the sampler's own without it.
    progress
        Told about stages and draws.

    Returns
    -------
    MissingDataAnalysis
        Where nothing is missing, the one fit that :func:`hccbayes.analyse` makes.

    Raises
    ------
    InputError
        What the imputation finds; if the model does not fit a completed cohort; or if a population
        needs a propensity score.
    """
    if "ato" in spec.estimands.populations:
        message = (
            "ato needs a propensity score, which is not fitted to imputed cohorts; leave it out"
        )
        raise InputError(Problem("[estimands] populations", message))
    watch = progress or Silent()
    watch.stage("imputing missing covariates")
    rng = np.random.default_rng(spec.sampler.seed if seed is None else seed)
    imputed = impute_covariates(cohort, rng=rng, imputations=imputations, cycles=cycles)
    complete, problem = _complete_cases(cohort, spec, watch)
    if imputed.missing.empty and complete is not None:
        draws = complete.draws.expand_dims(IMPUTATION)
        diagnoses: tuple[Diagnosis, ...] = (complete.diagnosis,)
    else:
        draws, diagnoses = _stacked(imputed, spec, watch)
    return MissingDataAnalysis(
        estimates=_estimates(draws, complete, spec),
        draws=draws,
        variance=variance_table(draws),
        missing=imputed.missing,
        trace=imputed.trace,
        patients=len(cohort.frame),
        complete_cases=int(cohort.frame.notna().all(axis=1).sum()),
        diagnoses=diagnoses,
        complete_diagnosis=None if complete is None else complete.diagnosis,
        notes=(*imputed.notes, *problem, *_left_out(spec)),
    )


def complete_case_cohort(cohort: Cohort) -> Cohort:
    """Return the patients without a missing value, as ``missing = "exclude"`` would read them.

    Parameters
    ----------
    cohort
        Read with ``missing = "impute"``.
    """
    known = cohort.frame.notna().all(axis=1)
    if known.all():
        return cohort
    frame = cohort.frame[known].copy()
    for name in frame:
        if isinstance(frame[name].dtype, pd.CategoricalDtype):
            frame[name] = frame[name].cat.remove_unused_categories()
    left_out = Exclusion(
        reason="missing value in a covariate (complete cases)",
        ids=tuple(cohort.frame.loc[~known, "patient"].astype(str)),
    )
    return replace(
        cohort,
        frame=final_frame(frame, cohort.roles),
        exclusions=(*cohort.exclusions, left_out),
    )


def _complete_cases(
    cohort: Cohort, spec: AnalysisSpec, watch: Progress
) -> tuple[OutcomeFit | None, tuple[str, ...]]:
    """Return the fit to patients without a missing value, or why there is none."""
    complete = complete_case_cohort(cohort)
    if len(complete.frame) == 0:
        return None, ("complete cases: no patient is without a missing value",)
    own = spec.model_copy(update={"propensity": None})
    try:
        study = build_study(complete, own)
    except InputError as error:
        if len(complete.frame) == len(cohort.frame):
            raise
        reasons = "; ".join(str(problem) for problem in error.problems)
        return None, (f"complete cases: cannot be analyzed: {reasons}",)
    return fit_outcome(complete, study, own, watch, name="model of the complete cases"), ()


def _stacked(
    imputed: Imputations, spec: AnalysisSpec, watch: Progress
) -> tuple[xr.Dataset, tuple[Diagnosis, ...]]:
    """Return equally many draws of every completed cohort, and the gate of each fit."""
    import xarray as xr

    own = spec.model_copy(update={"propensity": None})
    compiled: CompiledModel | None = None
    parts, diagnoses = [], []
    for number, cohort in enumerate(imputed.cohorts):
        study = build_study(cohort, own)
        if compiled is None:
            watch.stage("compiling the model of the completed cohorts")
            model = build_hazard_model(study.data, spec.hazard, spec.priors)
            compiled = compile_model(model, spec.sampler.backend)
        watch.stage(f"sampling completed cohort {number + 1} of {len(imputed.cohorts)}")
        draws, diagnosis = _refit(compiled, cohort, study, own, number, watch)
        parts.append(draws)
        diagnoses.append(diagnosis)
    stacked = xr.concat(parts, dim=IMPUTATION, combine_attrs="override")
    return stacked, tuple(diagnoses)


def _refit(
    compiled: CompiledModel,
    cohort: Cohort,
    study: Study,
    spec: AnalysisSpec,
    number: int,
    watch: Progress,
) -> tuple[xr.Dataset, Diagnosis]:
    """Fit the compiled model to one completed cohort and return its estimands' draws."""
    seed = _stream(spec, _SAMPLER_STREAM, number)
    sampler = spec.sampler.model_copy(update={"seed": seed})
    data = model_data(study.data, spec.hazard, spec.priors)
    tree, diagnosis = fit(compiled, sampler, data=data, on_progress=watch.draws)
    # A fit that was repeated at twice the length counts as much as the others.
    every = tree["posterior"].sizes["draw"] // sampler.draws
    posterior = tree["posterior"].to_dataset().isel(draw=slice(None, None, every))
    posterior = posterior.assign_coords(draw=range(sampler.draws))
    dirichlet = None
    if spec.adjustment.patients == "dirichlet":
        own = np.random.default_rng(_stream(spec, _DIRICHLET_STREAM, number))
        dirichlet = (sampler.draws * sampler.chains, own)
    draws, _ = estimand_draws(
        posterior,
        study.design,
        study.data,
        targets=populations(
            study.design, study.data, spec.estimands.populations, dirichlet=dirichlet
        ),
        frame=study.times,
        censoring_survival=figure_data.censoring_survival(cohort.frame, study.times.grid),
        seed=seed,
    )
    return draws, diagnosis


def _stream(spec: AnalysisSpec, stream: int, number: int) -> int:
    """Return a seed of its own for each completed cohort."""
    return int(np.random.SeedSequence([spec.sampler.seed, stream, number]).generate_state(1)[0])


def _estimates(draws: xr.Dataset, complete: OutcomeFit | None, spec: AnalysisSpec) -> pd.DataFrame:
    def labels(suffix: str) -> Labels:
        method = f"{spec.method}_{suffix}"
        return Labels(method=method, model=spec.model.name, estimands=spec.estimands)

    rows = estimate_rows(draws, labels("imputed"))
    if complete is not None:
        rows += estimate_rows(complete.draws, labels("complete_cases"))
    return estimate_table(rows)


def _left_out(spec: AnalysisSpec) -> tuple[str, ...]:
    if spec.propensity is None:
        return ()
    return ("the propensity score and its adjustments are not repeated on imputed cohorts",)
