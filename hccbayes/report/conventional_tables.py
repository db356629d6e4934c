"""The tables of a conventional analysis as text, for the terminal and for Markdown alike."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

import pandas as pd

from hccbayes.frequentist.workflow import ConventionalAnalysis
from hccbayes.plots.p_values import p_text
from hccbayes.records import DIFFERENCE_CONTRAST, TREATMENT_CONTRAST
from hccbayes.report.numbers import estimand_name, format_interval
from hccbayes.report.text_cells import (
    INDENT,
    TextTable,
    interval_cell,
    method_words,
    p_cell,
    ratio_cell,
    records,
    row_notes,
)

_NOT_ESTIMABLE: Final = "not estimable: "
_TERM: Final = "term treatment: has "
"""A subgroup's model has no other term."""
_ABSENT: Final = "\N{EN DASH}"
_ARM_ESTIMANDS: Final = ("survival", "median", "rmst")


def text_tables(result: ConventionalAnalysis) -> tuple[TextTable, ...]:
    """Return the tables in the order of a paper; those that are absent or empty are left out."""
    makers: tuple[Callable[[ConventionalAnalysis], TextTable | None], ...] = (
        _baseline,
        _survival,
        _tests,
        _effects,
        _covariates,
        _subgroups,
        _score,
        _score_path,
        _responses,
        _adverse_events,
    )
    made = (maker(result) for maker in makers)
    return tuple(table for table in made if table is not None and table.rows)


def effect_line(result: ConventionalAnalysis) -> str:
    """Return the treatment's hazard ratio in unadjusted and adjusted Cox regression, in a line."""
    table = result.estimates
    own = table[(table["estimand"] == "hr") & (table["contrast"] == TREATMENT_CONTRAST)]
    numbers = {row["method"]: interval_cell(row) for row in records(own)}
    crude, adjusted = (numbers.get(name, "not there") for name in ("cox_crude", "cox_efron"))
    return f"Hazard ratio, treated over control: {crude} unadjusted, {adjusted} adjusted"


def _baseline(result: ConventionalAnalysis) -> TextTable:
    rows = []
    for variable, own in result.baseline.groupby("variable", sort=False):
        first = own.iloc[0].to_dict()
        name = f"{variable}, {first['shown']}"
        if not first["level"]:
            rows.append((name, first["treated"], first["control"], *_tested(first)))
            continue
        rows.append((name, "", "", *_tested(first)))
        rows += [
            (f"{INDENT}{row['level']}", row["treated"], row["control"], "", "", "")
            for row in records(own)
        ]
    return TextTable(
        title="Baseline characteristics",
        header=("variable", "treated", "control", "test", "P", "SMD"),
        rows=tuple(rows),
        texts=4,
        notes=row_notes(result.baseline, "variable"),
    )


def _tested(row: Mapping[Any, Any]) -> tuple[str, str, str]:
    smd = float(row["smd"])
    difference = "" if math.isnan(smd) else f"{smd:.3f}"
    return str(row["test"]), p_text(float(row["p_value"])), difference


def _survival(result: ConventionalAnalysis) -> TextTable:
    """Return survival, median and restricted mean: a row each, the arms and their difference."""
    own = result.estimates[result.estimates["method"] == "km"]
    rows = []
    for name in _ARM_ESTIMANDS:
        of_name = own[own["estimand"].isin([name, f"{name}_difference"])]
        for time in of_name["time"].drop_duplicates():
            at = of_name[of_name["time"].isna() if time != time else of_name["time"] == time]
            cells = {str(row["contrast"]): format_interval(row) for _, row in at.iterrows()}
            when = "" if time != time else f", {time:g} months"
            words = estimand_name(name).removesuffix(", months")
            columns = ("treated", "control", DIFFERENCE_CONTRAST)
            rows.append((words + when, *(cells.get(column, "") for column in columns)))
    return TextTable(
        title="Survival by arm, Kaplan-Meier",
        header=("", "treated", "control", "difference"),
        rows=tuple(rows),
        texts=4,
    )


def _tests(result: ConventionalAnalysis) -> TextTable:
    table = result.estimates
    equal = table[table["estimand"].isin(["logrank_p", "max_combo_p"])]
    proportional = table[
        (table["estimand"] == "proportional_hazards_p") & (table["contrast"] == TREATMENT_CONTRAST)
    ]
    rows = [(f"Equal survival: {method_words(row['method'])}", row) for row in records(equal)]
    rows += [("Proportional hazards: Schoenfeld, adjusted", row) for row in records(proportional)]
    return TextTable(
        title="Tests",
        header=("test", "P"),
        rows=tuple((name, p_cell(row["estimate"])) for name, row in rows),
        texts=1,
    )


def _effects(result: ConventionalAnalysis) -> TextTable:
    table = result.estimates
    own = table[(table["estimand"] == "hr") & (table["contrast"] == TREATMENT_CONTRAST)]
    return TextTable(
        title="Hazard ratio of the treatment, treated / control",
        header=("method", "hazard ratio"),
        rows=tuple((method_words(row["method"]), interval_cell(row)) for row in records(own)),
        texts=1,
    )


def _covariates(result: ConventionalAnalysis) -> TextTable:
    together = {row["term"]: row for row in records(result.multivariable)}
    rows = []
    for row in records(result.univariable):
        cells = [row["contrast"]]
        for own in (row, together.get(row["term"])):
            cells += [_ABSENT, ""] if own is None else [ratio_cell(own), p_cell(own["p_value"], "")]
        rows.append(tuple(cells))
    return TextTable(
        title=f"Cox regression; covariates with a univariable P below {result.p_enter:g} together",
        header=("term", "univariable HR", "P", "multivariable HR", "P"),
        rows=tuple(rows),
        texts=1,
        notes=tuple(
            dict.fromkeys(
                (
                    *row_notes(result.univariable, "term"),
                    *row_notes(result.multivariable, "term"),
                )
            )
        ),
    )


def _subgroups(result: ConventionalAnalysis) -> TextTable:
    rows: list[tuple[str, ...]] = []
    for covariate, own in result.subgroups.groupby("covariate", sort=False):
        if own.iloc[0]["level"]:
            p_value = p_cell(own.iloc[0]["interaction_p"], _ABSENT)
            rows.append((str(covariate), "", "", "", p_value))
        for row in records(own):
            name = f"{INDENT}{row['level']}" if row["level"] else str(covariate)
            counts = [f"{row[f'{arm}_events']}/{row[f'{arm}_n']}" for arm in ("treated", "control")]
            rows.append((name, *counts, ratio_cell(row), ""))
    return TextTable(
        title="Subgroups: events/patients by arm and unadjusted hazard ratio",
        header=("subgroup", "treated", "control", "hazard ratio", "P interaction"),
        rows=tuple(rows),
        texts=1,
        notes=_subgroup_notes(result.subgroups),
    )


def _subgroup_notes(subgroups: pd.DataFrame) -> tuple[str, ...]:
    """Return why levels have no hazard ratio, and what the interaction tests leave out."""
    found = []
    for row in records(subgroups[subgroups["note"] != ""]):
        reason, interaction = split_note(str(row["note"]))
        if reason:
            found.append(f"{row['covariate']} {row['level']}: not estimable, {reason}")
        if interaction:
            found.append(f"{row['covariate']}: {interaction}")
    return tuple(found)


def split_note(note: str) -> tuple[str, str]:
    """Return why a subgroup has no hazard ratio, in short, and what its note says of the test.

    Parameters
    ----------
    note
        Of :data:`hccbayes.frequentist.subgroups.SUBGROUP_COLUMNS`.
    """
    reason, _, rest = note.partition("interaction")
    if not note.startswith(_NOT_ESTIMABLE):
        return "", note
    negated = reason.endswith("no ")
    own = reason.removesuffix("no ").removesuffix("; ").removeprefix(_NOT_ESTIMABLE)
    test = f"{'no ' if negated else ''}interaction{rest}" if rest else ""
    return own.removeprefix(_TERM).split(": it, or")[0], test


def _score(result: ConventionalAnalysis) -> TextTable | None:
    if result.propensity is None:
        return None
    rows = [
        (
            str(row["term"]),
            ratio_cell(row, "odds_ratio") if row["kept"] else "left out",
            p_cell(row["p_value"], ""),
        )
        for row in records(result.propensity)
    ]
    return TextTable(
        title="Stepwise propensity score",
        header=("term", "odds ratio of treatment", "P"),
        rows=tuple(rows),
        texts=1,
    )


def _score_path(result: ConventionalAnalysis) -> TextTable | None:
    if result.propensity_path is None:
        return None
    rows = [
        (str(row["action"]), str(row["factor"]), f"{row['aic']:.2f}", p_cell(row["p_value"], ""))
        for row in records(result.propensity_path)
    ]
    return TextTable(
        title="Steps to the propensity score",
        header=("step", "covariate", "AIC", "P"),
        rows=tuple(rows),
        texts=2,
    )


def _responses(result: ConventionalAnalysis) -> TextTable | None:
    if result.response is None:
        return None
    rows = tuple((str(row["rate"]), *_proportions(row)) for row in records(result.response))
    return TextTable(
        title="Response",
        header=("rate", *_PROPORTIONS),
        rows=rows,
        texts=5,
        notes=row_notes(result.response, "rate"),
    )


def _adverse_events(result: ConventionalAnalysis) -> TextTable | None:
    if result.adverse_events is None:
        return None
    rows = tuple(
        (f"{row['event']}, {row['grade']}", *_proportions(row))
        for row in records(result.adverse_events)
    )
    header = ("event, grade", *_PROPORTIONS)
    notes = row_notes(result.adverse_events, "event", "grade")
    return TextTable(title="Adverse events", header=header, rows=rows, texts=5, notes=notes)


_PROPORTIONS: Final = ("treated", "control", "difference, percent", "test", "P")


def _proportions(row: Mapping[Any, Any]) -> tuple[str, ...]:
    if math.isnan(float(row["treated_n"])):
        return ("not estimable", "", "", "", "")
    arms = [
        f"{int(row[f'{arm}_n'])}/{int(row[f'{arm}_total'])} ({row[f'{arm}_percent']:.1f}%)"
        for arm in ("treated", "control")
    ]
    three = [100.0 * float(row[name]) for name in ("risk_difference", "lower", "upper")]
    difference = f"{three[0]:.1f} ({three[1]:.1f} to {three[2]:.1f})"
    p_value = p_cell(row["p_value"], "")
    return (*arms, "" if math.isnan(three[0]) else difference, str(row["test"]), p_value)
