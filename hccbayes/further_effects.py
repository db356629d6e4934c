"""What an analysis reports beside its outcome model: weighting, matching, strategies of cloning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hccbayes import figure_data
from hccbayes.adjustment.methods import adjust
from hccbayes.adjustment.problem import AdjustedEffect, AdjustmentProblem
from hccbayes.adjustment.tables import score_groups, score_tables
from hccbayes.estimands import hazard_draws
from hccbayes.records import Diagnosis
from hccbayes.score_tables import ScoreTables
from hccbayes.strategy_effect import strategy_effect

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from hccbayes.cohort import Cohort
    from hccbayes.outcome import OutcomeFit
    from hccbayes.progress import Progress
    from hccbayes.propensity import PropensityFit
    from hccbayes.spec import AnalysisSpec


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class FurtherEffects:
    """Effects beside the outcome model, and what is shown of them.

    Parameters
    ----------
    effects
        One a method, in the order of the model file.
    conventional
        Their frequentist twins, tables of estimate rows.
    notes
        Sentences to be read before a number is quoted.
    diagnoses
        The gates of their fits and of the propensity score, by name.
    groups
        What the results tree holds of them.
    score_tables
        Tables of the propensity layer; ``None`` without a score.
    """

    effects: tuple[AdjustedEffect, ...] = ()
    conventional: tuple[pd.DataFrame, ...] = ()
    notes: tuple[str, ...] = ()
    diagnoses: Mapping[str, Diagnosis] = field(default_factory=dict)
    groups: Mapping[str, xr.Dataset] = field(default_factory=dict)
    score_tables: ScoreTables | None = None


def further_effects(
    cohort: Cohort,
    spec: AnalysisSpec,
    main: OutcomeFit,
    propensity: PropensityFit | None,
    watch: Progress,
) -> FurtherEffects:
    """Return the effects that the model file asks for beside the outcome model.

    Parameters
    ----------
    cohort, spec, main
        Patients under their design, the analysis, and its fitted outcome model.
    propensity
        The fitted score, where the model file has one.
    watch
        Told what begins.
    """
    if propensity is not None:
        return _adjusted(cohort, spec, main, propensity, watch)
    if spec.design is not None and spec.design.method == "clone_censor_weight":
        watch.stage("cloning, censoring and weighting")
        found = strategy_effect(cohort, main.study, spec)
        return FurtherEffects(
            effects=(found.effect,),
            conventional=(found.conventional,),
            notes=tuple(dict.fromkeys((*found.effect.notes, *found.conventional.attrs["notes"]))),
            diagnoses=_gates((found.effect,)),
            groups={"strategy_weights": found.weights},
        )
    return FurtherEffects()


def _adjusted(
    cohort: Cohort,
    spec: AnalysisSpec,
    main: OutcomeFit,
    propensity: PropensityFit,
    watch: Progress,
) -> FurtherEffects:
    study = main.study
    problem = AdjustmentProblem(
        frame=cohort.frame,
        spec=spec,
        propensity=propensity,
        times=study.times,
        censoring_survival=figure_data.censoring_survival(cohort.frame, study.times.grid),
        outcome=hazard_draws(main.posterior, study.data),
        outcome_design=study.design,
        outcome_centers=bool(study.data.centers),
    )
    found = adjust(problem, watch.stage)
    return FurtherEffects(
        effects=found.effects,
        conventional=(found.conventional,),
        notes=found.notes,
        diagnoses={"propensity": propensity.diagnosis} | _gates(found.effects),
        groups=score_groups(propensity, found, spec.data.arm.names),
        score_tables=score_tables(cohort.frame, spec, propensity, found),
    )


def _gates(effects: tuple[AdjustedEffect, ...]) -> dict[str, Diagnosis]:
    return {one.method: one.diagnosis for one in effects if one.diagnosis is not None}
