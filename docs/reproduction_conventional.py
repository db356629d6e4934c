"""`hb.frequentist.conventional_analysis` of the synthetic cohorts, as the papers made it.

Both come from the study's named analysis (`models/`) without centers, which the printed analyses
did not have. For the tables every column of the printed Table 1, the response and the adverse
events are listed under ``[data] covariates``, and the formula, which they do not use, is the
treatment alone; the regressions hold the covariates of the printed univariable table, coded as
print codes them.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import pandas as pd

import hccbayes as hb
from hccbayes import evidence
from hccbayes.frequentist.workflow import ConventionalAnalysis
from reproduction_cohorts import TIME_AND_EVENT, coded, outcome, spec_of
from reproduction_columns import ANY_EVENT, COUNTED_TWICE, TIMES, baseline_column

P_ENTER: Final = {"Chen2025": 0.1, "Lin2023": 0.05, "Sun2025": 0.05}
"""Univariable p below which a covariate enters, as the studies' sections on statistics say."""
_GRADES: Final = ("none", "1-2", "3-4")


def baseline_variables(study: str) -> list[str]:
    """Return the variables of the printed Table 1, without the arm sizes."""
    table = evidence.table("baseline", usable_only=False)
    own = table[(table["study"] == study) & (table["kind"] != "total")]
    return list(own["variable"].drop_duplicates())


@cache
def patients(study: str, sample: str) -> pd.DataFrame:
    """Return a sample's rows with the columns that the printed tables have beside the cohort's."""
    frame = outcome(study, "OS", sample).frame
    events = [name for name in frame if name.startswith("ae_")]
    made = {
        counted: frame[column].map(TIMES.format)
        for counted, column in COUNTED_TWICE.items()
        if column in frame
    }
    if "center" in frame:
        made["hospital"] = frame["center"]
    # Where an event has no grades there is no worst one.
    if events and set(frame[events].to_numpy().ravel()) <= set(_GRADES):
        worst = frame[events].apply(lambda column: column.map(_GRADES.index)).max(axis="columns")
        made[ANY_EVENT] = worst.map(dict(enumerate(_GRADES)))
    whole = frame.assign(**made)
    whole.attrs.update(frame.attrs)
    return whole


@cache
def tables(
    study: str,
    sample: str,
    response: str = "",
    responders: tuple[tuple[str, tuple[str, ...]], ...] = (),
) -> ConventionalAnalysis:
    """Return the tables of a sample.

    Parameters
    ----------
    study, sample
        As the evidence tables name them; ``unadjusted`` or ``matched``.
    response
        Column of the response; empty for none.
    responders
        Labels that count, by category.
    """
    frame = patients(study, sample)
    # Print has adverse events of the whole cohorts alone.
    events = [name for name in frame if name.startswith("ae_") and sample == "unadjusted"]
    columns = [baseline_column(study, name) for name in baseline_variables(study)]
    spec = _spec(study, "OS", [*columns, *events, *([response] if response else [])])
    return hb.frequentist.conventional_analysis(
        hb.read_cohort(frame, spec.roles),
        spec,
        response=response or None,
        responders=dict(responders) or {"ORR": ("CR", "PR")},
        adverse_events=events,
    )


@cache
def regressions(study: str, endpoint: str, sample: str) -> ConventionalAnalysis:
    """Return the Cox tables of the printed univariable covariates, under the study's rule."""
    rows = univariable(study, endpoint, sample)
    design = coded(rows[rows["term"] == "covariate"])
    frame = patients(study, sample)
    own = frame[["patient_id", "arm", *TIME_AND_EVENT[endpoint]]]
    both = pd.concat([own, design], axis="columns")
    both.attrs.update(frame.attrs)
    spec = _spec(study, endpoint, [], formula=" + ".join(["treatment", *design.columns]))
    cohort = hb.read_cohort(both, spec.roles)
    return hb.frequentist.conventional_analysis(cohort, spec, p_enter=P_ENTER[study])


def univariable(study: str, endpoint: str, sample: str) -> pd.DataFrame:
    """Return the printed univariable Cox rows of one table."""
    table = evidence.table("hazard_ratios", usable_only=False)
    return table[
        (table["study"] == study)
        & (table["source"] == study)
        & (table["endpoint"] == endpoint)
        & (table["analysis_set"] == sample)
        & (table["model"] == "univariable Cox")
    ]


def _spec(
    study: str, endpoint: str, covariates: list[str], *, formula: str = "treatment"
) -> hb.AnalysisSpec:
    values = spec_of(study, endpoint).to_dict()
    values["hazard"]["center"] = "none"
    values["hazard"]["formula"] = formula
    values["data"].pop("center", None)
    values["data"]["covariates"] = covariates
    return hb.AnalysisSpec.from_dict(values)
