"""One cell of a grid: the analysis fitted on a compiled model, its estimates and its diagnosis."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from hccbayes import defaults, figure_data
from hccbayes.adjustment.methods import adjust
from hccbayes.adjustment.problem import AdjustmentProblem
from hccbayes.cohort import Cohort
from hccbayes.errors import InputError, Problem
from hccbayes.estimand_table import Labels, estimate_rows
from hccbayes.estimands import (
    effect_draws,
    hazard_draws,
    population_draws,
    populations,
)
from hccbayes.fit import fit
from hccbayes.propensity import PropensityFit, fit_propensity
from hccbayes.records import Diagnosis, Estimate
from hccbayes.sensitivity.grid import NOBODY, Cell
from hccbayes.sensitivity.structure import CompiledModels, refit_data, relabeled
from hccbayes.spec import AnalysisSpec
from hccbayes.study import Study, build_study
from hccbayes.time_varying_effect import log_hr_over_time
from hccbayes.time_zero.emulation import emulate

if TYPE_CHECKING:
    import xarray as xr

_SCORES_KEPT: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedCell:
    """What one cell found.

    Parameters
    ----------
    estimates
        Bayesian rows of the estimate table: conditional effects, the outcome model standardized
        over the populations, and every other method of adjustment asked for.
    diagnoses
        The gate of every fit, the outcome model's first, by name.
    """

    estimates: tuple[Estimate, ...]
    diagnoses: dict[str, Diagnosis]

    @property
    def passed(self) -> bool:
        """Whether every fit passed its gate."""
        return all(one.passed for one in self.diagnoses.values())


class CellFitter:
    """Fits the cells of one process; keeps compiled models and propensity scores between them.

    Parameters
    ----------
    cohort
        All patients, read with the roles of the grid's model.
    """

    def __init__(self, cohort: Cohort) -> None:
        self._cohort = cohort
        self._scores: dict[str, PropensityFit] = {}
        self.models = CompiledModels()

    def fit(self, cell: Cell) -> FittedCell:
        """Fit a cell.

        Hazard ratios are summarized over all draws; survival, restricted means and marginal hazard
        ratios over 1,000 of them, evenly spaced
        (:data:`hccbayes.defaults.SENSITIVITY_DRAWS`).

        Raises
        ------
        InputError
            If the model does not fit the patients of the cell.
        """
        spec = cell.spec
        cohort = emulate(without_center(self._cohort, cell.left_out), spec).cohort
        study = build_study(cohort, spec)
        propensity = self._propensity(study, cell)
        compiled = self.models.get(study, spec)
        tree, diagnosis = fit(compiled, spec.sampler, data=refit_data(compiled, study, spec))
        diagnoses = {"outcome model": diagnosis}
        if propensity is not None:
            diagnoses["propensity score"] = propensity.diagnosis
        posterior = relabeled(tree["posterior"].to_dataset(), study, spec)
        rows = _outcome_rows(cohort, study, spec, posterior, propensity)
        if propensity is not None and spec.adjustment.needs_score:
            own, more = _adjusted_rows(cohort, study, spec, posterior, propensity)
            rows += own
            diagnoses |= more
        return FittedCell(estimates=tuple(rows), diagnoses=diagnoses)

    def _propensity(self, study: Study, cell: Cell) -> PropensityFit | None:
        """Return the score of a cell's patients; the same section and patients have one."""
        section, sampler = cell.spec.propensity, cell.spec.sampler
        if section is None or study.score_design is None or not _uses_score(cell.spec):
            return None
        key = f"{section.model_dump_json()} {sampler.model_dump_json()} {cell.left_out}"
        if key not in self._scores:
            while len(self._scores) >= _SCORES_KEPT:
                self._scores.pop(next(iter(self._scores)))
            self._scores[key] = fit_propensity(study.score_design, section, sampler)
        return self._scores[key]


def without_center(cohort: Cohort, label: str) -> Cohort:
    """Return the cohort without the patients of one center; all of them where none is named.

    Raises
    ------
    InputError
        If the cohort has no such center, or an arm is empty without it.
    """
    if label == NOBODY:
        return cohort
    frame = cohort.frame
    if "center" not in frame or label not in set(frame["center"]):
        raise InputError(Problem("left-out center", f"the cohort has no center {label!r}"))
    kept = frame[frame["center"] != label].reset_index(drop=True)
    if set(kept["treatment"].unique()) != {0, 1}:
        raise InputError(Problem("left-out center", f"without {label!r} an arm has no patient"))
    return replace(cohort, frame=kept)


def _uses_score(spec: AnalysisSpec) -> bool:
    return spec.adjustment.needs_score or "ato" in spec.estimands.populations


def _outcome_rows(
    cohort: Cohort,
    study: Study,
    spec: AnalysisSpec,
    posterior: xr.Dataset,
    propensity: PropensityFit | None,
) -> list[Estimate]:
    labels = Labels(method=spec.method, model=spec.model.name, estimands=spec.estimands)
    effects = effect_draws(posterior, study.design, spec.sampler.seed).merge(
        log_hr_over_time(posterior, study.data.cuts, study.times.follow_up)
    )
    thinned = _thinned(posterior)
    dirichlet = None
    if spec.adjustment.patients == "dirichlet":
        count = thinned.sizes["chain"] * thinned.sizes["draw"]
        dirichlet = (count, np.random.default_rng(spec.sampler.seed))
    targets = populations(
        study.design,
        study.data,
        spec.estimands.populations,
        score=None if propensity is None else propensity.score,
        dirichlet=dirichlet,
    )
    standardized, _ = population_draws(
        hazard_draws(thinned, study.data),
        targets,
        frame=study.times,
        censoring_survival=figure_data.censoring_survival(cohort.frame, study.times.grid),
        shape=(thinned.sizes["chain"], thinned.sizes["draw"]),
    )
    return estimate_rows(effects, labels) + estimate_rows(standardized, labels)


def _thinned(posterior: xr.Dataset) -> xr.Dataset:
    """Return about a thousand draws, evenly spaced in every chain."""
    count = posterior.sizes["chain"] * posterior.sizes["draw"]
    step = max(1, count // defaults.SENSITIVITY_DRAWS)
    return posterior.isel(draw=slice(None, None, step))


def _adjusted_rows(
    cohort: Cohort,
    study: Study,
    spec: AnalysisSpec,
    posterior: xr.Dataset,
    propensity: PropensityFit,
) -> tuple[list[Estimate], dict[str, Diagnosis]]:
    """Return the rows of the other methods of adjustment, and their gates."""
    problem = AdjustmentProblem(
        frame=cohort.frame,
        spec=spec,
        propensity=propensity,
        times=study.times,
        censoring_survival=figure_data.censoring_survival(cohort.frame, study.times.grid),
        outcome=hazard_draws(_thinned(posterior), study.data),
        outcome_design=study.design,
        outcome_centers=bool(study.data.centers),
    )
    rows: list[Estimate] = []
    diagnoses: dict[str, Diagnosis] = {}
    for effect in adjust(problem, lambda _: None).effects:
        labels = Labels(method=effect.method, model=spec.model.name, estimands=spec.estimands)
        rows += estimate_rows(effect.draws, labels)
        if effect.diagnosis is not None:
            diagnoses[effect.method] = effect.diagnosis
    return rows, diagnoses


def centers_of(cohort: Cohort) -> tuple[str, ...]:
    """Return the labels of the cohort's centers, in order."""
    return tuple(sorted(pd.unique(cohort.frame["center"]))) if "center" in cohort.frame else ()
