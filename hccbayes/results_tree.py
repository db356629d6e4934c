"""Draws and curves of an analysis in one tree, without a patient's row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import xarray as xr

from hccbayes import figure_data, predictive
from hccbayes.errors import InputError
from hccbayes.outcome import OutcomeFit
from hccbayes.spec import AnalysisSpec
from hccbayes.treatment_residuals import residual_means, treatment_residuals

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hccbayes.cohort import Cohort
    from hccbayes.study import Study


def results_tree(
    cohort: Cohort,
    spec: AnalysisSpec,
    main: OutcomeFit,
    bare: OutcomeFit,
    prior: xr.Dataset,
    further: Mapping[str, xr.Dataset],
) -> xr.DataTree:
    """Return everything that figures and later work need.

    Parameters
    ----------
    cohort, spec
        Patients and analysis.
    main, bare
        The analysis's fit and the reference fit.
    prior
        Draws from the prior.
    further
        Groups of the propensity layer, by name.
    """
    study, times = main.study, main.study.times
    at_risk = cohort.at_risk_frame()
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
        "kaplan_meier": figure_data.kaplan_meier_dataset(at_risk, spec.estimands.interval.prob),
        "numbers_at_risk": figure_data.numbers_at_risk_dataset(at_risk),
        "predictive": replicated,
        "reference_posterior": bare.posterior,
        **_residuals(cohort, spec, study),
        **further,
    }
    return xr.DataTree.from_dict(groups)


def _residuals(cohort: Cohort, spec: AnalysisSpec, study: Study) -> dict[str, xr.Dataset]:
    """Return the group of Schoenfeld residuals; none where Cox has no estimate."""
    prob = spec.estimands.interval.prob
    try:
        found = treatment_residuals(cohort.at_risk_frame(), study.design, prob)
        return {"schoenfeld": residual_means(found)}
    except InputError:
        return {}
