"""What the figures of a conventional analysis draw: curves, numbers at risk, residuals.

Curves and residuals are computed for the figures alone; the tables hold no patient.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from hccbayes import figure_data
from hccbayes.adjustment.sample_weights import analysis_weights
from hccbayes.arms import ARM_VALUE, ARMS, Arm
from hccbayes.cohort import Cohort
from hccbayes.design import build_design, build_propensity_design
from hccbayes.errors import InputError
from hccbayes.formula import TREATMENT
from hccbayes.frequentist.conventional_cohort import not_estimable
from hccbayes.frequentist.kaplan_meier import kaplan_meier
from hccbayes.frequentist.logistic import logistic_regression
from hccbayes.frequentist.quantiles import survival_quantiles
from hccbayes.frequentist.score_weights import estimated_weights
from hccbayes.frequentist.weighted_curves import weighted_kaplan_meier
from hccbayes.propensity import score_columns
from hccbayes.propensity_model import center_terms
from hccbayes.records import POPULATION_NAMES
from hccbayes.spec import AnalysisSpec
from hccbayes.time_zero.emulation import emulate
from hccbayes.treatment_residuals import TreatmentResiduals, treatment_residuals

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ArmCurves:
    """Survival curves of both arms with what stands around them.

    Parameters
    ----------
    curves
        The tables of ``kaplan_meier`` or ``weighted_kaplan_meier`` one below the other, with
        ``arm``.
    medians
        One row an arm, as of :func:`hccbayes.frequentist.quantiles.survival_quantiles`.
    at_risk
        Patients, or sums of weights, at risk; dims ``arm, risk_time``.
    """

    curves: pd.DataFrame
    medians: pd.DataFrame
    at_risk: xr.Dataset


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ConventionalCurves:
    """What the figures of a conventional analysis draw beside its tables.

    Parameters
    ----------
    arm_names
        The treated and the control arm in words.
    plain
        Kaplan-Meier curves of the cohort as it is.
    weighted
        The same under the weights of the model file; ``None`` where it has none.
    residuals
        Of the treatment; ``None`` where the Cox model is not estimable.
    notes
        What is not there and why, and whom the weights stand for.
    """

    arm_names: tuple[str, str]
    plain: ArmCurves
    weighted: ArmCurves | None
    residuals: TreatmentResiduals | None
    notes: tuple[str, ...]


def conventional_curves(cohort: Cohort, spec: AnalysisSpec) -> ConventionalCurves:
    """Return the curves and residuals of a cohort.

    Weighted curves are made where the model file has ``[propensity]`` and its ``[adjustment]``
    asks for ``weighted``: by the maximum-likelihood score, for the target named there. Their
    limits include the estimation of the score, unless weights were trimmed or truncated.

    Parameters
    ----------
    cohort
        A validated cohort, read with the roles of `spec`.
    spec
        The model file.

    Raises
    ------
    InputError
        If a formula's term is constant or collinear. What the data do not determine is left out,
        with a note.
    """
    notes: list[str] = []
    cohort = emulate(cohort, spec).cohort
    names, prob = spec.data.arm.names, spec.estimands.interval.prob
    return ConventionalCurves(
        arm_names=(names["treated"], names["control"]),
        plain=_plain(cohort.frame, prob),
        weighted=_weighted(cohort, spec, notes),
        residuals=_residuals(cohort, spec, notes),
        notes=tuple(notes),
    )


def has_steps(curves: pd.DataFrame) -> bool:
    """Return whether the survival of every arm is somewhere between 0 and 1 after time 0.

    Where it is not, log(-log S) has no value.
    """
    inside = (curves["survival"] > 0.0) & (curves["survival"] < 1.0) & (curves["time"] > 0.0)
    return bool(inside.groupby(curves["arm"]).any().reindex(ARMS, fill_value=False).all())


def _plain(frame: pd.DataFrame, prob: float) -> ArmCurves:
    curves: dict[Arm, pd.DataFrame] = {}
    for arm in ARMS:
        own = frame[frame[TREATMENT] == ARM_VALUE[arm]]
        curves[arm] = kaplan_meier(own["entry"], own["time"], own["event"], prob=prob)
    return _joined(curves, figure_data.numbers_at_risk_dataset(frame))


def _joined(curves: Mapping[Arm, pd.DataFrame], at_risk: xr.Dataset) -> ArmCurves:
    medians = [survival_quantiles(own, (0.5,)).assign(arm=arm) for arm, own in curves.items()]
    return ArmCurves(
        curves=pd.concat([own.assign(arm=arm) for arm, own in curves.items()], ignore_index=True),
        medians=pd.concat(medians, ignore_index=True),
        at_risk=at_risk,
    )


def _weighted(cohort: Cohort, spec: AnalysisSpec, notes: list[str]) -> ArmCurves | None:
    """Return the weighted curves, or nothing and a note where there is no score."""
    section = spec.propensity
    if section is None or "weighted" not in spec.adjustment.method:
        return None
    design = build_propensity_design(cohort, section.formula)
    columns = score_columns(design, with_centers=center_terms(section, design) != "none")
    target = POPULATION_NAMES[spec.adjustment.target]
    try:
        score = logistic_regression(columns, design.treatment).score
        made = _weighted_curves(cohort.frame, spec, columns, score, notes)
    except InputError as error:
        notes.append(not_estimable("weighted Kaplan-Meier", error))
        return None
    notes.append(
        f"weighted Kaplan-Meier: weights for {target} ({spec.adjustment.target}) by the "
        "maximum-likelihood score of all its terms, not the stepwise one."
    )
    return made


def _weighted_curves(
    frame: pd.DataFrame,
    spec: AnalysisSpec,
    columns: pd.DataFrame,
    score: FloatArray,
    notes: list[str],
) -> ArmCurves:
    section, treatment = spec.adjustment, frame[TREATMENT].to_numpy(dtype=np.float64)
    names = tuple(frame["patient"].astype(str))
    weights, done = analysis_weights(score, treatment, section, names)
    notes.extend(done)
    own_formula = section.trim is None and section.truncate is None
    fitted = (
        estimated_weights(columns, score, treatment, section.target, weights.values)
        if own_formula
        else None
    )
    curves = {
        arm: weighted_kaplan_meier(
            *(frame["entry"], frame["time"], frame["event"]),
            weights.values,
            estimated=fitted,
            members=treatment == value,
            prob=spec.estimands.interval.prob,
        )
        for arm, value in ARM_VALUE.items()
    }
    return _joined(curves, figure_data.weighted_numbers_at_risk_dataset(frame, weights.values))


def _residuals(cohort: Cohort, spec: AnalysisSpec, notes: list[str]) -> TreatmentResiduals | None:
    design = build_design(cohort, spec.hazard.formula)
    try:
        found = treatment_residuals(cohort.frame, design, spec.estimands.interval.prob)
    except InputError as error:
        notes.append(not_estimable("Schoenfeld residuals", error))
        return None
    if found.note:
        notes.append(found.note)
    return found
