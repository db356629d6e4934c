"""The outcome model of an analysis: fitted, standardized over populations, and checked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from hccbayes import cross_validation, figure_data, predictive
from hccbayes.estimands import estimand_draws, populations
from hccbayes.fit import compile_model, fit
from hccbayes.hazard_model import build_hazard_model
from hccbayes.progress import Progress
from hccbayes.records import CheckResult, Diagnosis
from hccbayes.spec import AnalysisSpec
from hccbayes.study import Study

if TYPE_CHECKING:
    import pymc as pm
    import xarray as xr
    from numpy.typing import NDArray

    from hccbayes.cohort import Cohort
    from hccbayes.standardization import Population

_DIRICHLET_STREAM = 2


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class OutcomeFit:
    """One fit and the draws of its estimands.

    Parameters
    ----------
    study
        What it was fitted to.
    model
        The PyMC model.
    tree
        Groups ``posterior`` and ``sample_stats``.
    diagnosis
        The gate of the fit.
    draws, curves
        From :func:`hccbayes.estimands.estimand_draws`.
    """

    study: Study
    model: pm.Model
    tree: xr.DataTree
    diagnosis: Diagnosis
    draws: xr.Dataset
    curves: xr.DataArray

    @property
    def posterior(self) -> xr.Dataset:
        """Draws of the hazard model."""
        return self.tree["posterior"].to_dataset()


def fit_outcome(
    cohort: Cohort,
    study: Study,
    spec: AnalysisSpec,
    watch: Progress,
    *,
    name: str = "model",
    score: NDArray[np.float64] | None = None,
) -> OutcomeFit:
    """Fit the outcome model and standardize it over the model file's populations.

    Parameters
    ----------
    cohort, study, spec
        Patients, what the model is fitted to, and the analysis.
    watch
        Told about stages and draws.
    name
        What the stages call the fit.
    score
        Propensity score of the patients, for the population ``ato``.
    """
    watch.stage(f"compiling the {name}")
    model = build_hazard_model(study.data, spec.hazard, spec.priors)
    compiled = compile_model(model, spec.sampler.backend)
    watch.stage(f"sampling the {name}")
    tree, diagnosis = fit(compiled, spec.sampler, on_progress=watch.draws)
    posterior = tree["posterior"].to_dataset()
    watch.stage(f"standardizing the {name} over the cohort")
    draws, curves = estimand_draws(
        posterior,
        study.design,
        study.data,
        targets=_targets(study, spec, posterior, score),
        frame=study.times,
        censoring_survival=figure_data.censoring_survival(cohort.frame, study.times.grid),
        seed=spec.sampler.seed,
    )
    return OutcomeFit(
        study=study, model=model, tree=tree, diagnosis=diagnosis, draws=draws, curves=curves
    )


def _targets(
    study: Study,
    spec: AnalysisSpec,
    posterior: xr.Dataset,
    score: NDArray[np.float64] | None,
) -> dict[str, Population]:
    dirichlet = None
    if spec.adjustment.patients == "dirichlet":
        count = posterior.sizes["chain"] * posterior.sizes["draw"]
        dirichlet = (count, np.random.default_rng([spec.sampler.seed, _DIRICHLET_STREAM]))
    names = spec.estimands.populations
    return populations(study.design, study.data, names, score=score, dirichlet=dirichlet)


def prior_check(prior: xr.Dataset, outcome: OutcomeFit) -> CheckResult:
    """Return whether the priors expect survival that this field has ever seen."""
    study = outcome.study
    everybody = populations(study.design, study.data, ("ate",))["ate"]
    return predictive.prior_predictive_check(prior, study.data, everybody)


def with_information(outcome: OutcomeFit, checked: CheckResult) -> Diagnosis:
    """Return the gate's diagnosis with what has no pass or fail added for the reader."""
    study, posterior = outcome.study, outcome.posterior
    by_patient = cross_validation.patient_log_likelihood(
        posterior, study.episodes, study.design, study.data
    )
    information = (
        replace(checked, passed=None),
        cross_validation.leave_one_out(by_patient, posterior),
    )
    return replace(outcome.diagnosis, checks=outcome.diagnosis.checks + information)
