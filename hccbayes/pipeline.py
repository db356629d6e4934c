"""The whole analysis, from a cohort to numbers; it reads like a method section.

Every step lives in a file of its own; nothing is computed here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import pandas as pd
import xarray as xr

from hccbayes import cross_validation, defaults, figure_data, predictive
from hccbayes.analysis import Analysis
from hccbayes.arms import ARMS
from hccbayes.cautions import cautions
from hccbayes.center_effects import uses_centers
from hccbayes.cohort import Cohort
from hccbayes.crosscheck import bayesian_moments, crosscheck_table, reference_spec
from hccbayes.design import Design, build_design
from hccbayes.errors import InputError, Problem
from hccbayes.estimand_table import Labels, estimate_rows
from hccbayes.estimands import estimand_draws, populations
from hccbayes.fit import compile_model, fit, sample_prior
from hccbayes.frequentist.conventional import conventional_estimates
from hccbayes.hazard_data import HazardData, build_hazard_data, choose_cuts
from hccbayes.hazard_model import build_hazard_model
from hccbayes.provenance import provenance
from hccbayes.records import CheckResult, Diagnosis, estimate_table
from hccbayes.spec import AnalysisSpec
from hccbayes.time_frame import TimeFrame, time_frame

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pymc as pm
    from numpy.typing import ArrayLike


class Progress(Protocol):
    """Told what is going on: a stage's name, and draws done of draws in all."""

    def stage(self, name: str) -> None:
        """Take note that a stage begins."""

    def draws(self, done: int, total: int) -> None:
        """Take note of the draws done, tuning included, over all chains."""


class _Silent:
    """Progress that nobody watches."""

    def stage(self, name: str) -> None:
        """Say nothing."""

    def draws(self, done: int, total: int) -> None:
        """Say nothing."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Study:
    """A cohort made ready for one model: times, design, episodes, person-time.

    ``at_risk`` counts the patients of each arm at risk at the horizon of the restricted mean.
    """

    times: TimeFrame
    design: Design
    episodes: pd.DataFrame
    data: HazardData
    at_risk: Mapping[str, int]


def build_study(cohort: Cohort, spec: AnalysisSpec, *, weights: ArrayLike | None = None) -> Study:
    """Return the design and the person-time table of a cohort under a model; nothing is fitted.

    Parameters
    ----------
    cohort
        Validated patients.
    spec
        The analysis.
    weights
        One number a patient; never a model variable.

    Raises
    ------
    InputError
        If the formula, the times, the cut points or the weights do not fit the cohort; every
        problem is named.
    """
    episodes = cohort.episodes().assign(patient_index=range(len(cohort.frame)))
    problems: list[Problem] = []
    times = _attempt(problems, lambda: time_frame(cohort.frame, spec.estimands))
    design = _attempt(problems, lambda: build_design(cohort, spec.hazard.formula))
    cuts = _attempt(
        problems, lambda: choose_cuts(spec.hazard.cuts, episodes["stop"], episodes["event"])
    )
    if times is None or design is None or cuts is None:
        raise InputError(problems, source=f"{spec.model.name} on {cohort.source}")
    data = build_hazard_data(
        episodes, design, cuts, use_centers=uses_centers(spec.hazard, cohort.frame), weights=weights
    )
    at_risk = figure_data.numbers_at_risk(cohort.frame, [times.horizon])[:, 0]
    return Study(
        times=times,
        design=design,
        episodes=episodes,
        data=data,
        at_risk=dict(zip(ARMS, at_risk.tolist(), strict=True)),
    )


def _attempt[T](problems: list[Problem], step: Callable[[], T]) -> T | None:
    """Return a step's result, or keep its problems and return nothing."""
    try:
        return step()
    except InputError as error:
        problems.extend(error.problems)
        return None


def analyse(cohort: Cohort, spec: AnalysisSpec, *, progress: Progress | None = None) -> Analysis:
    """Fit the model, check it, estimate, and set every number beside its frequentist counterpart.

    Parameters
    ----------
    cohort
        From :func:`hccbayes.read_cohort`, read with ``spec.roles``.
    spec
        The named analysis.
    progress
        Told about stages and draws.

    Returns
    -------
    Analysis
        With ``diagnosis.passed`` False, the fit failed its gate and says so; nothing is raised.

    Raises
    ------
    InputError
        If the model does not fit the data: times beyond the follow-up, a constant or collinear
        term, cut points that nobody reaches.
    """
    watch = progress or _Silent()
    main = _fit_hazard(cohort, spec, watch)
    bare_spec = reference_spec(spec, cohort.frame["time"], cohort.frame["event"])
    bare = _fit_hazard(cohort, bare_spec, watch, name="reference fit")
    watch.stage("checking the model and comparing with Kaplan-Meier and Cox")
    prior = sample_prior(main.model, draws=defaults.PRIOR_DRAWS, seed=spec.sampler.seed)
    prior_check = _prior_check(prior, main)
    conventional = conventional_estimates(
        cohort.frame,
        main.study.design.conventional(),
        main.study.design.contrasts(),
        times=spec.estimands.times,
        model=spec.model.name,
        prob=spec.estimands.interval.prob,
    )
    labels = Labels(method=spec.method, model=spec.model.name, estimands=spec.estimands)
    bayes = estimate_table(estimate_rows(main.draws, labels))
    population = spec.estimands.populations[0]
    summary = cohort.summary()
    return Analysis(
        spec=spec,
        summary=summary,
        estimates=pd.concat([bayes, conventional], ignore_index=True),
        crosscheck=crosscheck_table(
            bayesian_moments(main.draws, population),
            bayesian_moments(bare.draws, population),
            conventional,
        ),
        posterior=_results_tree(cohort, spec, main, bare, prior),
        diagnosis=_with_information(main, prior_check),
        reference_diagnosis=bare.diagnosis,
        cautions=(
            *cautions(summary, main.study.data, spec, main.study.at_risk, prior_check),
            *conventional.attrs["notes"],
        ),
        provenance=provenance(spec),
    )


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class _Fitted:
    """One fit and the draws of its estimands."""

    study: Study
    model: pm.Model
    tree: xr.DataTree
    diagnosis: Diagnosis
    draws: xr.Dataset
    curves: xr.DataArray

    @property
    def posterior(self) -> xr.Dataset:
        return self.tree["posterior"].to_dataset()


def _fit_hazard(
    cohort: Cohort, spec: AnalysisSpec, watch: Progress, name: str = "model"
) -> _Fitted:
    study = build_study(cohort, spec)
    watch.stage(f"compiling the {name}")
    model = build_hazard_model(study.data, spec.hazard, spec.priors)
    compiled = compile_model(model, spec.sampler.backend)
    watch.stage(f"sampling the {name}")
    tree, diagnosis = fit(compiled, spec.sampler, on_progress=watch.draws)
    watch.stage(f"standardizing the {name} over the cohort")
    draws, curves = estimand_draws(
        tree["posterior"].to_dataset(),
        study.design,
        study.data,
        targets=populations(study.design, study.data, spec.estimands.populations),
        frame=study.times,
        censoring_survival=figure_data.censoring_survival(cohort.frame, study.times.grid),
        seed=spec.sampler.seed,
    )
    return _Fitted(
        study=study, model=model, tree=tree, diagnosis=diagnosis, draws=draws, curves=curves
    )


def _prior_check(prior: xr.Dataset, main: _Fitted) -> CheckResult:
    everybody = populations(main.study.design, main.study.data, ("ate",))["ate"]
    return predictive.prior_predictive_check(prior, main.study.data, everybody)


def _with_information(main: _Fitted, prior_check: CheckResult) -> Diagnosis:
    """Return the gate's diagnosis with what has no pass or fail added for the reader."""
    study = main.study
    by_patient = cross_validation.patient_log_likelihood(
        main.posterior, study.episodes, study.design, study.data
    )
    information = (
        replace(prior_check, passed=None),
        cross_validation.leave_one_out(by_patient, main.posterior),
    )
    return replace(main.diagnosis, checks=main.diagnosis.checks + information)


def _results_tree(
    cohort: Cohort,
    spec: AnalysisSpec,
    main: _Fitted,
    bare: _Fitted,
    prior: xr.Dataset,
) -> xr.DataTree:
    """Return everything that figures and later work need, without a patient's row."""
    study, times = main.study, main.study.times
    replicated = predictive.posterior_predictive(
        main.posterior,
        study.episodes,
        study.design,
        study.data,
        grid=times.grid,
        landmark=times.times[0] if times.times else times.horizon,
        seed=spec.sampler.seed,
    )
    curves = figure_data.curve_dataset(
        main.curves,
        main.posterior,
        study.data,
        interval=spec.estimands.interval,
        arm_names=spec.data.arm.names,
        follow_up=times.follow_up,
    )
    groups = {
        "posterior": main.posterior,
        "sample_stats": main.tree["sample_stats"].to_dataset(),
        "prior": prior,
        "estimands": main.draws,
        "curves": curves,
        "kaplan_meier": figure_data.kaplan_meier_dataset(
            cohort.frame, spec.estimands.interval.prob
        ),
        "numbers_at_risk": figure_data.numbers_at_risk_dataset(cohort.frame),
        "predictive": replicated,
        "reference_posterior": bare.posterior,
    }
    return xr.DataTree.from_dict(groups)
