"""Which covariates enter the multivariable model, in print and by the same rule in the cohort.

The rule is on univariable p, and these are not determined by print. The printed multivariable
ratios stand a second time beside the model that the rule makes of the cohort; beside the model of
the printed covariates they stand among the hazard ratios.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pandas as pd

import reproduction_reasons as reasons
from hccbayes import evidence
from hccbayes.evidence import parse
from reproduction_conventional import P_ENTER, regressions, univariable
from reproduction_hazard_ratios import printed_ratio, ratio_item, ratio_term
from reproduction_record import AGREE, DIFFER, NOT_COMPARED, Found, Row, agreement, p_text

ENTERS: Final = "enters the multivariable model"
BY_RULE: Final = "hazard ratio, adjusted by the rule"
NOT_FITTED: Final = "not fitted: the rule's choice"
STAYS_OUT: Final = "stays out"


def entry_rows(study: str) -> Iterator[Row]:
    """Yield each covariate's entry, and each printed multivariable ratio beside the rule's model.

    Nothing for a study that prints no univariable table.
    """
    if study not in P_ENTER:
        return
    table = evidence.table("hazard_ratios", usable_only=False)
    own = table[(table["study"] == study) & (table["source"] == study)]
    adjusted = own[own["adjusted"] == "yes"]
    for (endpoint, sample), model in adjusted.groupby(["endpoint", "analysis_set"], sort=False):
        alone = univariable(study, endpoint, sample)
        for index, row in alone[alone["term"] == "covariate"].iterrows():
            yield _entry(index, row, row["covariate"] in set(model["covariate"]))
        for index, row in model.iterrows():
            yield _by_rule(index, row)


def _entry(index: object, row: pd.Series, entered: bool) -> Row:
    study = row["study"]
    table = regressions(study, row["endpoint"], row["analysis_set"]).univariable
    found = table.set_index("covariate").loc[row["covariate"]]
    enters = bool(found["enters"])
    limit = P_ENTER[study]
    by_print = parse(row["printed_p"]).value < limit
    labels, remarks = [], []
    if entered != enters:
        labels.append(reasons.NOT_IDENTIFIED)
    if by_print != entered:
        labels.append(reasons.BROKEN_RULE)
        remarks.append(f"printed p {row['printed_p']} and limit {limit:g}; {_doubt(row)}")
    return _row(
        index,
        row,
        quantity=ENTERS,
        item=str(row["covariate"]),
        printed=f"{_said(entered)}, p {row['printed_p']}",
        frequentist=f"{_said(enters)}, p {p_text(found['entry_p'], row['printed_p'])}",
        method=f"conventional univariable, p below {limit:g}",
        agreement=AGREE if entered == enters else DIFFER,
        reason="; ".join(labels),
        remark="; ".join(part for part in remarks if part),
    )


def _doubt(row: pd.Series) -> str:
    """Return the id under which a broken rule is listed, where it is."""
    listed = evidence.table("inconsistencies")
    own = listed[(listed["study"] == row["study"]) & listed["location"].str.endswith("rule")]
    return f"its own rule is not kept ({own.iloc[0]['id']})" if len(own) else ""


def _by_rule(index: object, row: pd.Series) -> Row:
    analysis = regressions(row["study"], row["endpoint"], row["analysis_set"])
    model = analysis.multivariable.set_index("covariate")
    printed = printed_ratio(row)
    chosen = [name for name in model.index if name != "treatment"]
    fields = {
        "quantity": BY_RULE,
        "item": ratio_item(row),
        "printed": printed.text(),
        "method": "conventional multivariable, " + ", ".join(["treatment", *chosen]),
    }
    term = ratio_term(row)
    if term not in model.index:
        return _row(
            index,
            row,
            frequentist=STAYS_OUT,
            agreement=NOT_COMPARED,
            reason=reasons.OTHER_SELECTION,
            **fields,
        )
    at = model.loc[term]
    found = Found(estimate=at["hr"], lower=at["lower"], upper=at["upper"], p=at["p_value"])
    if term == "treatment" and row["numerator"] == "control":
        found = found.inverted()
    differs = found.differs(printed)
    labels, remark = _why(row, found, differs, chosen) if differs else ([], "")
    return _row(
        index,
        row,
        frequentist=found.text(printed),
        agreement=agreement(differs),
        reason="; ".join(labels),
        remark=remark,
        **fields,
    )


def _why(
    row: pd.Series, found: Found, differs: tuple[str, ...], chosen: list[str]
) -> tuple[list[str], str]:
    """Return labels and remark of a ratio of the rule's model beside the printed one."""
    table = evidence.table("hazard_ratios", usable_only=False)
    place = ["study", "endpoint", "analysis_set", "model"]
    same = table[(table[place] == row[place]).all(axis="columns")]
    if set(same.loc[same["term"] == "covariate", "covariate"]) == set(chosen):
        return reasons.of_ratio(row, found, differs, reasons.ratio_target(row))
    doubtful = row["use"] in {"no", "caution"}
    labels = [reasons.CONTRADICTORY] if doubtful else []
    return [*labels, reasons.OTHER_SELECTION], row["reason"] if doubtful else ""


def _said(enters: bool) -> str:
    return "enters" if enters else STAYS_OUT


def _row(index: object, row: pd.Series, **fields: str) -> Row:
    return Row(
        study=row["study"],
        endpoint=row["endpoint"],
        sample=row["analysis_set"],
        bayes=NOT_FITTED,
        evidence=f"hazard_ratios {index}",
        **fields,
    )
