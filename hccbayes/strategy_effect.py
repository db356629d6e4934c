"""Start within the grace period against the control strategy: the effect of cloned patients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from hccbayes import figure_data
from hccbayes.adjustment.clone_censor_weight import effect_of_clones, weighted_clones
from hccbayes.adjustment.problem import AdjustedEffect
from hccbayes.time_zero.clone_estimates import clone_estimates
from hccbayes.time_zero.strategy_weights import weighted_rows, weights_over_time

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from hccbayes.cohort import Cohort
    from hccbayes.design import Design
    from hccbayes.spec import AnalysisSpec
    from hccbayes.study import Study

BOOTSTRAP_SAMPLES: Final = 200
"""Samples of patients behind the frequentist standard errors; some four seconds."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class StrategyEffect:
    """What clone-censor-weight found.

    Parameters
    ----------
    effect
        Estimand draws with their gate.
    conventional
        Weighted Cox regression and Kaplan-Meier of the same clones, as estimate rows.
    episodes
        Rows of the clones with their weights; in memory alone.
    weights
        Quantiles of the weights and effective sizes by strategy and time; no patient is in it.
    """

    effect: AdjustedEffect
    conventional: pd.DataFrame
    episodes: pd.DataFrame
    weights: xr.Dataset


def strategy_effect(
    cohort: Cohort, study: Study, spec: AnalysisSpec, *, samples: int = BOOTSTRAP_SAMPLES
) -> StrategyEffect:
    """Return the effect of the strategies by clone-censor-weight.

    The start of treatment is modeled with the covariates of the hazard formula, and with the
    centers where the hazard model has them.

    Parameters
    ----------
    cohort, study
        Patients with ``treatment_start``, and their design.
    spec
        The analysis, with ``[design] grace``.
    samples
        Bootstrap samples of the frequentist twin.

    Raises
    ------
    InputError
        If strategies cannot be told apart in these patients; see
        :func:`hccbayes.adjustment.clone_censor_weight.weighted_clones`.
    """
    section = spec.design
    assert section is not None
    assert section.grace is not None
    options: dict[str, Any] = {
        "grace": section.grace,
        "control": section.control,
        "timing": section.timing,
        "truncation": section.truncate,
    }
    covariates = _confounders(study.design, with_centers=bool(study.data.centers))
    clones = weighted_clones(cohort.frame, covariates, **options)
    effect = effect_of_clones(
        clones,
        priors=spec.priors,
        sampler=spec.sampler,
        times=study.times,
        censoring_survival=figure_data.censoring_survival(cohort.frame, study.times.grid),
        calibration=spec.adjustment.calibration,
    )
    conventional = clone_estimates(
        cohort.frame,
        covariates,
        times=study.times.times,
        horizon=study.times.horizon,
        model=spec.model.name,
        prob=spec.estimands.interval.prob,
        samples=samples,
        seed=spec.sampler.seed,
        **options,
    )
    return StrategyEffect(
        effect=effect,
        conventional=conventional,
        episodes=weighted_rows(clones.weights),
        weights=weights_over_time(clones.weights),
    )


def _confounders(design: Design, *, with_centers: bool) -> NDArray[np.float64]:
    """Return the covariates, standardized, and an indicator of each center beyond the first."""
    if not with_centers:
        return design.matrix
    centers = np.arange(1, len(design.centers))
    return np.column_stack([design.matrix, design.center_index[:, None] == centers])
