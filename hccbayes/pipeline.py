"""The whole analysis, from a cohort to numbers; it reads like a method section.

Every step lives in a file of its own; nothing is computed here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from hccbayes import defaults
from hccbayes.analysis import Analysis
from hccbayes.cautions import cautions
from hccbayes.cohort import Cohort
from hccbayes.conventional_twins import conventional_twins
from hccbayes.crosscheck import (
    adjusted_crosscheck,
    bayesian_moments,
    crosscheck_table,
    reference_spec,
)
from hccbayes.estimand_table import Labels, estimate_rows
from hccbayes.fit import sample_prior
from hccbayes.further_effects import FurtherEffects, further_effects
from hccbayes.outcome import OutcomeFit, fit_outcome, prior_check, with_information
from hccbayes.progress import Progress, Silent
from hccbayes.propensity import PropensityFit, fit_propensity
from hccbayes.provenance import provenance
from hccbayes.records import estimate_table
from hccbayes.results_tree import results_tree
from hccbayes.spec import AnalysisSpec
from hccbayes.study import Study, build_study
from hccbayes.time_zero.emulation import emulate
from hccbayes.time_zero.missing_dates import bound_sentences

if TYPE_CHECKING:
    pass


def analyse(cohort: Cohort, spec: AnalysisSpec, *, progress: Progress | None = None) -> Analysis:
    """Fit the models, check them, estimate, and set every number beside its frequentist twin.

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
        With ``passed`` False, a fit failed its gate and says so; nothing is raised.

    Raises
    ------
    InputError
        If the model does not fit the data: times beyond the follow-up, a constant or collinear
        term, cut points that nobody reaches, an infinite weight, no pair within the caliper.
    """
    watch = progress or Silent()
    designed = emulate(cohort, spec)
    cohort = designed.cohort
    study = build_study(cohort, spec)
    propensity = _propensity(study, spec, watch)
    score = None if propensity is None else propensity.score
    main = fit_outcome(cohort, study, spec, watch, score=score)
    beside = further_effects(cohort, spec, main, propensity, watch)
    bare_spec = reference_spec(spec, cohort.frame["time"], cohort.frame["event"])
    bare_study = build_study(cohort, bare_spec)
    bare = fit_outcome(cohort, bare_study, bare_spec, watch, name="reference fit", score=score)
    watch.stage("checking the model and comparing with Kaplan-Meier and Cox")
    prior = sample_prior(main.model, draws=defaults.PRIOR_DRAWS, seed=spec.sampler.seed)
    checked = prior_check(prior, main)
    conventional = conventional_twins(cohort, study, spec, score)
    summary = cohort.summary()
    return Analysis(
        spec=spec,
        summary=summary,
        estimates=pd.concat(
            [_bayesian_rows(spec, main, beside), conventional, *beside.conventional],
            ignore_index=True,
        ),
        crosscheck=_crosscheck(main, bare, conventional, beside),
        posterior=results_tree(cohort, spec, main, bare, prior, beside.groups),
        diagnosis=with_information(main, checked),
        reference_diagnosis=bare.diagnosis,
        further_diagnoses=beside.diagnoses,
        score_tables=beside.score_tables,
        cautions=(
            *cautions(summary, study.data, spec, study.at_risk, checked),
            *designed.notes,
            *bound_sentences(cohort, spec),
            *conventional.attrs["notes"],
            *beside.notes,
        ),
        provenance=provenance(spec),
    )


def _propensity(study: Study, spec: AnalysisSpec, watch: Progress) -> PropensityFit | None:
    if spec.propensity is None or study.score_design is None:
        return None
    watch.stage("fitting the propensity score")
    return fit_propensity(
        study.score_design, spec.propensity, spec.sampler, on_progress=watch.draws
    )


def _bayesian_rows(spec: AnalysisSpec, main: OutcomeFit, beside: FurtherEffects) -> pd.DataFrame:
    labels = Labels(method=spec.method, model=spec.model.name, estimands=spec.estimands)
    rows = estimate_rows(main.draws, labels)
    for effect in beside.effects:
        own = Labels(method=effect.method, model=spec.model.name, estimands=spec.estimands)
        rows += estimate_rows(effect.draws, own)
    return estimate_table(rows)


def _crosscheck(
    main: OutcomeFit,
    bare: OutcomeFit,
    conventional: pd.DataFrame,
    beside: FurtherEffects,
) -> pd.DataFrame:
    table = crosscheck_table(
        bayesian_moments(main.draws), bayesian_moments(bare.draws), conventional
    )
    if not beside.effects:
        return table
    effects = {effect.method: effect.draws for effect in beside.effects}
    twins = pd.concat(beside.conventional, ignore_index=True)
    return pd.concat([table, adjusted_crosscheck(effects, twins)], ignore_index=True)
