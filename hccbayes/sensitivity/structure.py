"""What makes a compiled model fit an analysis: everything about it that is not data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hccbayes.fit import CompiledModel, DataUpdate, compile_model
from hccbayes.hazard_model import build_hazard_model, model_coords, model_data, prior_data
from hccbayes.priors import Prior
from hccbayes.spec import AnalysisSpec, Backend, HazardSection, PriorSection
from hccbayes.study import Study

if TYPE_CHECKING:
    import xarray as xr

_STANDARD: Final[dict[str, dict[str, float]]] = {
    "normal": {"mu": 0.0, "sigma": 1.0},
    "student_t": {"nu": 4.0, "mu": 0.0, "sigma": 1.0},
    "half_normal": {"sigma": 1.0},
    "gamma": {"alpha": 1.0, "beta": 1.0},
}
_KEPT: Final = 2
"""Compiled models that a process keeps; cells of one structure follow one another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """A model without its data: analyses that share one are refits of one compiled model.

    Parameters
    ----------
    backend
        Sampler.
    baseline, center, center_slope
        Of the hazard section; `center` is empty where the cohort has no two of them.
    effect
        How the effect of treatment changes with time.
    effect_phases
        Number of its phases, 0 where it has none.
    effect_walk_sd_known
        Whether the standard deviation of its walk is a number and not learnt.
    intervals, covariates, centers
        Numbers of them.
    families
        Prior families by field.
    """

    backend: Backend
    baseline: str
    center: str
    center_slope: bool
    effect: str
    effect_phases: int
    effect_walk_sd_known: bool
    intervals: int
    covariates: int
    centers: int
    families: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, study: Study, spec: AnalysisSpec) -> Structure:
        """Return the structure of a model of a cohort that is made ready."""
        data = study.data
        return cls(
            backend=spec.sampler.backend,
            baseline=spec.hazard.baseline,
            center=spec.hazard.center if data.centers else "",
            center_slope=spec.hazard.center_slope,
            effect=spec.hazard.effect,
            effect_phases=_phases(spec.hazard),
            effect_walk_sd_known=isinstance(spec.priors.effect_walk_sd, float),
            intervals=len(data.intervals),
            covariates=len(data.covariate_names),
            centers=len(data.centers),
            families=tuple(
                (name, prior.dist)
                for name in type(spec.priors).model_fields
                if isinstance(prior := getattr(spec.priors, name), Prior)
            ),
        )


def _phases(hazard: HazardSection) -> int:
    return len(hazard.effect_phases) + 1 if hazard.effect == "phases" else 0


class CompiledModels:
    """The compiled models of one process, the newest few of them."""

    def __init__(self) -> None:
        self._kept: dict[Structure, CompiledModel] = {}
        self.compilations = 0

    def get(self, study: Study, spec: AnalysisSpec) -> CompiledModel:
        """Return the compiled model of an analysis, compiling it where it is a new one."""
        structure = Structure.of(study, spec)
        if structure not in self._kept:
            while len(self._kept) >= _KEPT:
                self._kept.pop(next(iter(self._kept)))
            model = build_hazard_model(study.data, spec.hazard, _standard(spec.priors))
            self._kept[structure] = compile_model(model, spec.sampler.backend)
            self.compilations += 1
        return self._kept[structure]


def _standard(priors: PriorSection) -> PriorSection:
    """Return priors of the same families whose parameters are no analysis's own.

    Chains start where the priors that a model is compiled with put them. With these, a refit does
    not depend on which analysis its model was compiled for.
    """
    usual = PriorSection()
    changes = {}
    for name in type(priors).model_fields:
        own, default = getattr(priors, name), getattr(usual, name)
        if isinstance(own, Prior) and not (isinstance(default, Prior) and default.dist == own.dist):
            changes[name] = Prior.of(own.dist, **_STANDARD[own.dist])
        elif isinstance(default, Prior) and not isinstance(own, Prior):
            changes[name] = own  # A scale that is known is part of the structure.
    return usual.model_copy(update=changes)


def refit_data(compiled: CompiledModel, study: Study, spec: AnalysisSpec) -> DataUpdate:
    """Return everything that a refit of a compiled model may change, for an analysis."""
    return model_data(study.data, spec.hazard, spec.priors) | prior_data(
        compiled.model, spec.priors
    )


def relabeled(posterior: xr.Dataset, study: Study, spec: AnalysisSpec) -> xr.Dataset:
    """Return the draws with the labels of this analysis: the compiled model has those of another.

    Cut points, covariates and centers of the same number are refits of one model.
    """
    labels = model_coords(study.data, spec.hazard)
    own = {name: list(values) for name, values in labels.items() if name in posterior.dims}
    return posterior.assign_coords(own)
