"""One model compiled once and refitted with patients left out or moved to the other arm.

A refit is the same model with other data: the treatment's mean, the scale of the covariates and
what random walk and centers are centered at stay those of the whole cohort. The prior is then the
same in every refit, and a difference of two posteriors is due to the patients alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hccbayes.errors import InputError, Problem
from hccbayes.fit import CompiledModel, compile_model, fit
from hccbayes.hazard_data import HazardData, build_hazard_data
from hccbayes.hazard_model import build_hazard_model, model_data
from hccbayes.progress import Progress, Silent
from hccbayes.records import Diagnosis
from hccbayes.spec import AnalysisSpec
from hccbayes.study import Study

if TYPE_CHECKING:
    import xarray as xr

FloatArray = NDArray[np.float64]

PRIOR_SIDE: Final = (
    "interval_share",
    "walk_matrix",
    "trend_line",
    "center_matrix",
    "effect_matrix",
)
"""Arrays that place the prior: made from the events of the whole cohort and held in a refit."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class StudyFit:
    """A model fitted to a cohort, ready to be fitted again.

    Parameters
    ----------
    study
        What it was fitted to.
    spec
        The analysis; its name is that of the fit.
    compiled
        The compiled model.
    tree
        Groups ``posterior`` and ``sample_stats``.
    diagnosis
        The gate of the fit.
    """

    study: Study
    spec: AnalysisSpec
    compiled: CompiledModel
    tree: xr.DataTree
    diagnosis: Diagnosis

    @property
    def posterior(self) -> xr.Dataset:
        """Draws of the hazard model."""
        return self.tree["posterior"].to_dataset()

    @property
    def patients(self) -> int:
        """Number of patients."""
        return len(self.study.design.treatment)


def fit_study(study: Study, spec: AnalysisSpec, *, progress: Progress | None = None) -> StudyFit:
    """Compile the outcome model and fit it.

    Parameters
    ----------
    study
        The cohort made ready, without weights.
    spec
        The analysis.
    progress
        Told about stages and draws.

    Raises
    ------
    InputError
        If the study is weighted: a patient of a weighted sample has no likelihood of its own.
    """
    if study.data.weighted:
        raise InputError(
            Problem("study", "is weighted; leaving patients out is for unweighted likelihoods")
        )
    watch = progress or Silent()
    watch.stage("compiling the model")
    compiled = compile_model(
        build_hazard_model(study.data, spec.hazard, spec.priors), spec.sampler.backend
    )
    watch.stage("sampling the model")
    tree, diagnosis = fit(compiled, spec.sampler, on_progress=watch.draws)
    return StudyFit(study=study, spec=spec, compiled=compiled, tree=tree, diagnosis=diagnosis)


def refit(
    base: StudyFit, *, weights: ArrayLike | None = None, treatment: ArrayLike | None = None
) -> StudyFit:
    """Fit the compiled model again, with patients left out or moved to the other arm.

    Parameters
    ----------
    base
        The fit to start from, which is left as it is.
    weights
        1 for patients who stay and 0 for those left out, shape ``(patients,)``.
    treatment
        1 for treated and 0 for control patients, shape ``(patients,)``.

    Returns
    -------
    StudyFit
        Its study has the same patients, with their new arms.

    Raises
    ------
    InputError
        If there is not one 0 or 1 a patient, no event is left, or a patient with more than one
        episode (of a treatment that changes in time) is to be moved.
    """
    changed = changed_study(base, weights=weights, treatment=treatment)
    data = {
        name: value
        for name, value in model_data(changed.data, base.spec.hazard, base.spec.priors).items()
        if name not in PRIOR_SIDE
    }
    tree, diagnosis = fit(base.compiled, base.spec.sampler, data=data)
    return replace(base, study=changed, tree=tree, diagnosis=diagnosis)


def changed_study(
    base: StudyFit, *, weights: ArrayLike | None = None, treatment: ArrayLike | None = None
) -> Study:
    """Return the study of a refit; parameters and errors are those of :func:`refit`."""
    study, episodes = base.study, base.study.episodes
    own = episodes["patient_index"].to_numpy()
    kept = None if weights is None else _zero_or_one(weights, base.patients, "weights")
    if treatment is not None:
        arm = _zero_or_one(treatment, base.patients, "treatment")
        if len(own) != base.patients:
            raise InputError(
                Problem("treatment", "changes in time; such patients cannot be moved as a whole")
            )
        episodes = episodes.assign(treatment=arm[own])
    data: HazardData = build_hazard_data(
        episodes,
        study.design,
        study.data.cuts,
        use_centers=bool(study.data.centers),
        weights=None if kept is None else kept[own],
    )
    return replace(study, episodes=episodes, data=data)


def _zero_or_one(values: ArrayLike, patients: int, where: str) -> FloatArray:
    numbers = np.asarray(values, dtype=np.float64)
    if numbers.shape != (patients,) or not np.isin(numbers, (0.0, 1.0)).all():
        raise InputError(Problem(where, f"one 0 or 1 a patient is needed: {patients}"))
    return numbers
