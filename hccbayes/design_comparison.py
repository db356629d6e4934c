"""One question under several designs of time zero, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pandas as pd

from hccbayes import figure_data
from hccbayes.conventional_twins import conventional_twins
from hccbayes.errors import InputError, Problem
from hccbayes.estimand_table import Labels, estimate_rows
from hccbayes.estimands import estimand_draws, populations
from hccbayes.fit import fit
from hccbayes.progress import Progress, Silent
from hccbayes.records import Diagnosis, estimate_table
from hccbayes.sensitivity.structure import CompiledModels, refit_data, relabeled
from hccbayes.spec import AnalysisSpec, DesignChoice, DesignSection
from hccbayes.strategy_effect import strategy_effect
from hccbayes.study import Study, build_study
from hccbayes.time_zero.emulation import emulate

if TYPE_CHECKING:
    import xarray as xr

    from hccbayes.cohort import Cohort
    from hccbayes.time_zero.record import DesignedCohort

DESIGN_COLUMNS: Final = (
    "design",
    "patients",
    "treated_patients",
    "treated_events",
    "treated_person_months",
    "control_patients",
    "control_events",
    "control_person_months",
    "left_out",
    "estimand",
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DesignComparison:
    """What several designs of time zero make of one cohort.

    Parameters
    ----------
    estimates
        Estimate table, Bayesian and frequentist; ``model`` is the analysis's name and the design,
        ``NAME: landmark at 3 months``.
    designs
        One row a design: :data:`DESIGN_COLUMNS`.
    diagnoses
        The gate of each fit, by design.
    notes
        Sentences to be read before a number is quoted, by design.
    specs
        The analysis under each design.
    weights
        Weights of clones over time, where clone-censor-weight is among the designs.
    synthetic
        Name of the synthetic cohort, if it is one.
    """

    estimates: pd.DataFrame
    designs: pd.DataFrame
    diagnoses: dict[str, Diagnosis]
    notes: dict[str, tuple[str, ...]]
    specs: tuple[AnalysisSpec, ...]
    weights: xr.Dataset | None = None
    synthetic: str = ""

    @property
    def passed(self) -> bool:
        """Whether every fit passed its gate."""
        return all(one.passed for one in self.diagnoses.values())


def compare_designs(
    cohort: Cohort,
    spec: AnalysisSpec,
    choices: Sequence[DesignChoice] = (),
    *,
    progress: Progress | None = None,
) -> DesignComparison:
    """Fit the analysis under several designs of time zero.

    The hazard model, its covariates and priors are those of the model file, and effects are those
    in all patients that the design keeps (``ate``); with a landmark or late entry times count from
    there. Cox regression and Kaplan-Meier stand beside each.

    Parameters
    ----------
    cohort
        Patients as they were read, with ``treatment_start``.
    spec
        The analysis with its ``[design]``; ``[propensity]`` is not used.
    choices
        Designs; without them those of ``[[design.compare]]``, or naive, a landmark and
        clone-censor-weight at the section's own times, and time-dependent treatment.
    progress
        Told about stages and draws.

    Raises
    ------
    InputError
        If there is no ``[design]``, or a design does not fit the data; every one that does not is
        named before anything is fitted.
    """
    watch = progress or Silent()
    section = _section(spec)
    wanted = tuple(choices) or section.compare or default_choices(section)
    _check_choices(wanted, spec)
    specs = [_with_design(spec, section.chosen(choice)) for choice in wanted]
    made = _all_made(cohort, specs)
    models = CompiledModels()
    rows, diagnoses, notes, sizes, weights = [], {}, {}, [], None
    for own, (designed, study) in zip(specs, made, strict=True):
        watch.stage(f"fitting the model: {designed.label}")
        fitted = _fitted(designed, study, own, models, watch)
        rows.append(fitted.rows)
        diagnoses[designed.label] = fitted.diagnosis
        notes[designed.label] = (*designed.notes, *fitted.notes)
        weights = fitted.weights if fitted.weights is not None else weights
        sizes.append(_size(designed, cohort, fitted.clones))
    estimates = pd.concat(rows, ignore_index=True)
    designs = pd.DataFrame(sizes, columns=list(DESIGN_COLUMNS))
    if cohort.synthetic:
        for table in (estimates, designs):
            table.attrs["synthetic"] = cohort.synthetic
    return DesignComparison(
        estimates=estimates,
        designs=designs,
        diagnoses=diagnoses,
        notes=notes,
        specs=tuple(specs),
        weights=weights,
        synthetic=cohort.synthetic,
    )


def default_choices(section: DesignSection) -> tuple[DesignChoice, ...]:
    """Return the designs that a section has the times and dates for.

    Parameters
    ----------
    section
        The model file's section.
    """
    found = [DesignChoice(method="naive")]
    dated = section.treatment_start is not None
    landmark = section.landmark or section.grace
    if dated and landmark is not None:
        found.append(DesignChoice(method="landmark", landmark=landmark))
    if dated:
        found.append(DesignChoice(method="time_dependent"))
    if dated and section.grace is not None:
        found.append(DesignChoice(method="clone_censor_weight"))
    if section.survival_required is not None:
        found.append(DesignChoice(method="delayed_entry"))
    return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Fitted:
    rows: pd.DataFrame
    diagnosis: Diagnosis
    notes: tuple[str, ...]
    weights: xr.Dataset | None = None
    clones: pd.DataFrame | None = None


def _check_choices(choices: Sequence[DesignChoice], spec: AnalysisSpec) -> None:
    """Raise where there are no two designs, or something else than designs."""
    if not all(isinstance(one, DesignChoice) for one in choices):
        message = "must be hccbayes.spec.DesignChoice, as in DesignChoice(method='naive')"
        raise InputError(Problem("choices", message))
    if len(choices) < 2:
        message = (
            "there is nothing to set beside the naive design: give [design] treatment_start and a "
            "landmark or grace, or list [[design.compare]]"
        )
        raise InputError(Problem("[design]", message), source=spec.model.name)


def _section(spec: AnalysisSpec) -> DesignSection:
    if spec.design is None:
        message = "is not in the model file; it says when treatment started and what to compare"
        raise InputError(Problem("[design]", message), source=spec.model.name)
    return spec.design


def _with_design(spec: AnalysisSpec, design: DesignSection) -> AnalysisSpec:
    """Return the analysis under one design, without a score and what needs it."""
    estimands = spec.estimands.model_copy(update={"populations": ("ate",)})
    return spec.model_copy(
        update={
            "design": design,
            "estimands": estimands,
            "propensity": None,
            "adjustment": type(spec.adjustment)(),
        }
    )


def _all_made(cohort: Cohort, specs: Sequence[AnalysisSpec]) -> list[tuple[DesignedCohort, Study]]:
    """Return every design made ready, or raise with all that cannot be."""
    made, problems = [], []
    for own in specs:
        assert own.design is not None
        try:
            designed = emulate(cohort, own)
            made.append((designed, build_study(designed.cohort, own)))
        except InputError as error:
            problems += [
                Problem(f"{own.design.label}: {one.where}", one.message, one.rows)
                for one in error.problems
            ]
    if problems:
        raise InputError(problems, source=cohort.source)
    return made


def _fitted(
    designed: DesignedCohort,
    study: Study,
    spec: AnalysisSpec,
    models: CompiledModels,
    watch: Progress,
) -> _Fitted:
    """Return what the fit of one design gives."""
    name = f"{spec.model.name}: {designed.label}"
    if designed.method == "clone_censor_weight":
        return _of_clones(designed, study, spec, name)
    compiled = models.get(study, spec)
    tree, diagnosis = fit(
        compiled, spec.sampler, data=refit_data(compiled, study, spec), on_progress=watch.draws
    )
    frame = designed.cohort.frame
    draws, _ = estimand_draws(
        relabeled(tree["posterior"].to_dataset(), study, spec),
        study.design,
        study.data,
        targets=populations(study.design, study.data, spec.estimands.populations),
        frame=study.times,
        censoring_survival=figure_data.censoring_survival(frame, study.times.grid),
        seed=spec.sampler.seed,
    )
    labels = Labels(method=spec.method, model=name, estimands=spec.estimands)
    bayes = estimate_table(estimate_rows(draws, labels))
    twins = conventional_twins(designed.cohort, study, spec).assign(model=name)
    table = pd.concat([bayes, twins], ignore_index=True)
    return _Fitted(rows=table, diagnosis=diagnosis, notes=twins.attrs["notes"])


def _of_clones(designed: DesignedCohort, study: Study, spec: AnalysisSpec, name: str) -> _Fitted:
    """Return what the fit of the strategies gives."""
    found = strategy_effect(designed.cohort, study, spec)
    effect = found.effect
    assert effect.diagnosis is not None  # its posterior is sampled
    labels = Labels(method=effect.method, model=name, estimands=spec.estimands)
    rows = estimate_table(estimate_rows(effect.draws, labels))
    table = pd.concat([rows, found.conventional.assign(model=name)], ignore_index=True)
    return _Fitted(
        rows=table,
        diagnosis=effect.diagnosis,
        notes=effect.notes,
        weights=found.weights,
        clones=found.episodes,
    )


def _size(
    designed: DesignedCohort, cohort: Cohort, clones: pd.DataFrame | None
) -> tuple[object, ...]:
    """Return a design's row of :data:`DESIGN_COLUMNS`; of clones without their weights."""
    arms: list[object] = []
    summary = designed.cohort.summary()
    for arm, code in (("treated", 1), ("control", 0)):
        if clones is None:
            size = summary.arms[arm]
            arms += [size.patients, size.events, size.person_months]
            continue
        own = clones[clones["treatment"] == code]
        months = float((own["stop"] - own["start"]).sum())
        arms += [own["patient_index"].nunique(), int(own["event"].sum()), months]
    patients = len(designed.cohort.frame)
    left_out = len(cohort.frame) - patients
    return (designed.label, patients, *arms, left_out, designed.estimand)
