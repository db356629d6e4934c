"""The analysis as the cohort papers make it, table by table, with what to think of each.

A description of practice, so that a published analysis can be repeated on the same terms and stand
beside the Bayesian one. It recommends nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from hccbayes.cohort import Cohort
from hccbayes.design import Design, build_design, build_propensity_design
from hccbayes.errors import InputError, Problem
from hccbayes.formula import TREATMENT, covariate_columns, propensity_columns
from hccbayes.frequentist.adverse_events import adverse_event_table
from hccbayes.frequentist.baseline_comparison import compare_baseline
from hccbayes.frequentist.choice_of_test import COUNT_RULE, VALUE_RULE, TTest
from hccbayes.frequentist.conventional import all_estimates
from hccbayes.frequentist.response import RESPONDERS, response_table
from hccbayes.frequentist.screening import P_ENTER, Screening, screened_cox
from hccbayes.frequentist.stepwise_score import StepwiseScore, stepwise_score
from hccbayes.frequentist.subgroups import subgroup_hazard_ratios
from hccbayes.spec import AnalysisSpec
from hccbayes.time_frame import time_frame
from hccbayes.time_zero.emulation import emulate

BASELINE_CAUTION: Final = (
    "baseline: a p does not measure imbalance and shrinks with the sample that matching leaves; "
    "read the SMD."
)
STEPWISE_CAUTION: Final = (
    "propensity: the covariates were chosen step by step by AIC, which keeps what predicts "
    "treatment, whatever it does to survival; the limits and p are those of a model chosen "
    "without looking."
)
SUBGROUP_CAUTION: Final = (
    "subgroups: unadjusted hazard ratios, many and noisy; only the interaction compares them, and "
    "no p is corrected for their number."
)
RESPONSE_CAUTION: Final = (
    "response: unadjusted, and after time zero; responders are not to be compared with others for "
    "survival."
)
ADVERSE_EVENT_CAUTION: Final = (
    "adverse_events: shares of patients, not of time on treatment; no p is corrected for the "
    "number of events."
)
CENTER_CAUTION: Final = "univariable, multivariable, subgroups: centers are not in these models."


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ConventionalAnalysis:
    """The tables of a cohort paper.

    Parameters
    ----------
    estimates
        Every number of the layer as an estimate table: curves, tests, Cox models, each with its
        convention as the method (:func:`hccbayes.frequentist.conventional.all_estimates`).
    baseline
        Table 1 by arm (:func:`hccbayes.frequentist.baseline_comparison.compare_baseline`).
    univariable, multivariable
        Cox models under the entry rule (:class:`hccbayes.frequentist.screening.Screening`).
    subgroups
        Treatment effect by level (:data:`hccbayes.frequentist.subgroups.SUBGROUP_COLUMNS`).
    propensity, propensity_path
        The stepwise logistic score and how it came about; ``None`` without ``[propensity]``.
    response
        Response rates; ``None`` where no column was named.
    adverse_events
        Adverse events by grade; ``None`` where no column was named.
    p_enter
        Limit of the entry rule.
    notes
        The rules behind the tables, and cautions: read them with the numbers.
    """

    estimates: pd.DataFrame
    baseline: pd.DataFrame
    univariable: pd.DataFrame
    multivariable: pd.DataFrame
    subgroups: pd.DataFrame
    propensity: pd.DataFrame | None
    propensity_path: pd.DataFrame | None
    response: pd.DataFrame | None
    adverse_events: pd.DataFrame | None
    p_enter: float
    notes: tuple[str, ...]


def conventional_analysis(
    cohort: Cohort,
    spec: AnalysisSpec,
    *,
    p_enter: float = P_ENTER,
    t_test: TTest = "welch",
    response: str | None = None,
    responders: Mapping[str, Sequence[str]] = RESPONDERS,
    adverse_events: Sequence[str] = (),
) -> ConventionalAnalysis:
    """Analyze a cohort as the papers do.

    Curves, tests and Cox models under all their conventions, baseline table with tests by name,
    univariable and multivariable Cox regression under an entry rule, treatment effect by subgroup,
    the stepwise propensity score where the model file has ``[propensity]``, response rates and
    adverse events where columns are named.

    Parameters
    ----------
    cohort
        A validated cohort, read with the roles of `spec`.
    spec
        The model file. Columns of response and adverse events that no formula uses are read with
        the cohort where ``[data] covariates`` lists them.
    p_enter
        A covariate enters the multivariable model where its univariable p is below; 0.05 or 0.1
        in print.
    t_test
        ``welch`` or ``student``.
    response
        Column of the best response.
    responders
        Labels that count as success, by name of the rate.
    adverse_events
        Columns with the worst grade of each adverse event.

    Returns
    -------
    ConventionalAnalysis
        What is not estimable is ``nan`` with a note in its row.

    Raises
    ------
    InputError
        If a column is not there, an option is wrong, treatment is time-dependent, a time of
        ``[estimands]`` lies beyond the follow-up, or a formula's term is constant or collinear.
    """
    cohort = emulate(cohort, spec).cohort
    if cohort.time_dependent:
        raise InputError(
            Problem(
                "[design] method",
                "lets treatment start later: tables by arm would look into the future. Use a "
                "landmark, or `hccbayes run`, whose Cox rows are start-stop",
            )
        )
    frame = cohort.frame
    outcomes = [*([response] if response is not None else []), *adverse_events]
    covariates = covariate_columns(spec.hazard.formula)
    _check_outcomes(frame, outcomes, spec)
    prob = spec.estimands.interval.prob
    design = build_design(cohort, spec.hazard.formula)
    estimates = _estimates(cohort, spec, design)
    screening = _screening(cohort, spec, design, p_enter)
    score = _score(cohort, spec)
    shown = [name for name in cohort.roles.covariates if name not in outcomes]
    responses = events = None
    if response is not None:
        responses = response_table(frame, response, responders=responders, prob=prob)
    if adverse_events:
        events = adverse_event_table(frame, adverse_events, prob=prob)
    return ConventionalAnalysis(
        estimates=estimates,
        baseline=compare_baseline(frame[shown], frame[TREATMENT], t_test=t_test),
        univariable=screening.univariable,
        multivariable=screening.multivariable,
        subgroups=subgroup_hazard_ratios(frame, covariates, prob=prob),
        propensity=None if score is None else score.terms,
        propensity_path=None if score is None else score.path,
        response=responses,
        adverse_events=events,
        p_enter=p_enter,
        notes=(
            *estimates.attrs["notes"],
            *_notes(cohort, p_enter, score),
            *([RESPONSE_CAUTION] if responses is not None else []),
            *([ADVERSE_EVENT_CAUTION] if events is not None else []),
        ),
    )


def _estimates(cohort: Cohort, spec: AnalysisSpec, design: Design) -> pd.DataFrame:
    times = time_frame(cohort.frame, spec.estimands)
    return all_estimates(
        cohort.frame,
        design.conventional(),
        design.contrasts(),
        times=times.times,
        horizon=times.horizon,
        center_slopes=spec.hazard.center_slope,
        model=spec.model.name,
        prob=spec.estimands.interval.prob,
    )


def _screening(cohort: Cohort, spec: AnalysisSpec, design: Design, p_enter: float) -> Screening:
    columns = design.conventional()
    return screened_cox(
        cohort.frame,
        columns,
        {TREATMENT: (TREATMENT,), **covariate_terms(design)},
        design.contrasts(),
        p_enter=p_enter,
        prob=spec.estimands.interval.prob,
    )


def _score(cohort: Cohort, spec: AnalysisSpec) -> StepwiseScore | None:
    if spec.propensity is None:
        return None
    design = build_propensity_design(cohort, spec.propensity.formula)
    prob = spec.estimands.interval.prob
    return stepwise_score(design.columns, design.treatment, covariate_terms(design), prob=prob)


def covariate_terms(design: Design) -> dict[str, tuple[str, ...]]:
    """Return the columns of each term of a formula, which enter and leave a model together.

    ``stage[T.B]`` and ``stage[T.C]`` belong to ``stage``, the columns of a spline to the spline.
    """
    terms: dict[str, tuple[str, ...]] = {}
    for term in design.terms:
        covariate = re.sub(r"\[[^\]]*\]", "", term.name)
        terms[covariate] = (*terms.get(covariate, ()), term.name)
    return terms


def _notes(cohort: Cohort, p_enter: float, score: StepwiseScore | None) -> Iterable[str]:
    """Yield the rules behind the tables that are always there, and the cautions they need."""
    notice = cohort.summary().notice
    if notice:
        yield notice
    yield COUNT_RULE
    yield VALUE_RULE
    yield BASELINE_CAUTION
    yield (
        f"multivariable: covariates with a univariable p below {p_enter:g} and the treatment. This "
        "describes practice and is not advised: what confounds need not be associated with "
        "survival on its own, and after such a choice limits are too narrow and p too small."
    )
    if cohort.roles.center is not None:
        yield CENTER_CAUTION
    yield SUBGROUP_CAUTION
    if score is not None:
        yield STEPWISE_CAUTION if not score.note else f"propensity: {score.note}"


def _check_outcomes(frame: pd.DataFrame, outcomes: Sequence[str], spec: AnalysisSpec) -> None:
    known = ", ".join(map(str, frame.columns))
    problems = [
        Problem(
            f"column {name}",
            f"is not in the cohort, which has {known}; list it in [data] covariates",
        )
        for name in outcomes
        if name not in frame
    ]
    formulas = {"hazard": covariate_columns(spec.hazard.formula)}
    if spec.propensity is not None:
        formulas["propensity"] = propensity_columns(spec.propensity.formula)
    problems += [
        Problem(f"column {name}", f"comes after time zero; take it out of the [{section}] formula")
        for section, columns in formulas.items()
        for name in outcomes
        if name in columns
    ]
    if problems:
        raise InputError(problems)
