"""Printed Table 1 beside the conventional baseline table of the cohorts: a row a variable."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import pandas as pd

import reproduction_reasons as reasons
from hccbayes import evidence
from reproduction_columns import baseline_column, level_value
from reproduction_conventional import tables
from reproduction_counts import Verdict, p_labels, percent_label, verdict
from reproduction_measurements import measurement_row
from reproduction_record import NOT_COMPARED, Row, agrees, p_text

ENDPOINT: Final = "Table 1"
NOT_FITTED: Final = "not fitted: baseline"
ARMS: Final = ("treated", "control", "overall")
SMD_DIGITS: Final = 3


def baseline_rows(study: str) -> Iterator[Row]:
    """Yield a row for each variable and sample of the printed Table 1."""
    table = evidence.table("baseline", usable_only=False)
    own = table[(table["study"] == study) & (table["source"] == study)]
    samples = own["analysis_set"].drop_duplicates()
    for sample in samples[samples != "weighted"]:
        rows = own[own["analysis_set"] == sample]
        for _, variable in rows.groupby("variable", sort=False):
            yield _variable(variable)
    if (samples == "weighted").any():
        yield _weighted(own[own["analysis_set"] == "weighted"])


def _variable(rows: pd.DataFrame) -> Row:
    kind = rows.iloc[0]["kind"]
    if kind == "total":
        return _sizes(rows)
    if kind == "count":
        return _factor(rows)
    return measurement_row(rows, ENDPOINT, NOT_FITTED)


def _sizes(rows: pd.DataFrame) -> Row:
    """Return the row of the arm sizes, which Table 1 has in its head."""
    first = _in_order(rows).iloc[0]
    sizes = tables(first["study"], first["analysis_set"]).baseline.iloc[0]
    found = {arm: int(sizes[arm]) for arm in ("treated", "control")}
    found["overall"] = sum(found.values())
    printed = _in_order(rows).set_index("arm")["printed_count"]
    differ = any(int(count) != found[arm] for arm, count in printed.items())
    return _row(
        rows,
        printed=", ".join(printed),
        frequentist=", ".join(str(found[arm]) for arm in printed.index),
        method="count",
        judged=verdict(differ, [], []),
    )


def _factor(rows: pd.DataFrame) -> Row:
    """Return the row of a variable counted by level."""
    first = rows.iloc[0]
    printed_levels = list(rows["printed_level"].drop_duplicates())
    column = baseline_column(first["study"], first["variable"])
    table = tables(first["study"], first["analysis_set"]).baseline
    found = table[table["variable"] == column].set_index("level")
    by_level = {
        level: _counts(found, value) for level, value in _values(rows, printed_levels).items()
    }
    totals = _counts(table.assign(level="patients").iloc[:1].set_index("level"), "patients")
    tested = rows[(rows["printed_p"] != "") | (rows["printed_smd"] != "")]
    printed_p, printed_smd = (
        (tested.iloc[0][name] if len(tested) else "") for name in ("printed_p", "printed_smd")
    )
    test = found.iloc[0]
    tail = [f"SMD {test['smd']:.{SMD_DIGITS}f}"]
    if test["test"]:
        tail.insert(0, f"p {p_text(test['p_value'], printed_p)} ({test['test']})")
    return _row(
        rows,
        printed=_with_tail(_printed_levels(rows), _printed_tail(printed_p, printed_smd)),
        frequentist=_with_tail(_found_levels(rows, by_level, totals), tail),
        method=f"conventional baseline, {test['test'] or 'no test'}",
        judged=_judged(rows, by_level, totals, test),
    )


def _values(rows: pd.DataFrame, printed_levels: Sequence[str]) -> dict[str, str]:
    """Return the cohort's value of each printed level.

    Exchanged labels are taken as printed, so that the row shows them; of a label that says the
    same as another the repair is taken.
    """
    variable = rows.iloc[0]["variable"]
    values = {level: level_value(variable, level) for level in printed_levels}
    if len(set(values.values())) == len(values):
        return values
    repaired = dict(zip(rows["printed_level"], rows["level"], strict=True))
    return {level: level_value(variable, repaired[level]) for level in printed_levels}


def _counts(found: pd.DataFrame, level: str) -> dict[str, int]:
    """Return a level's patients by arm; a level that nobody has is not in the table."""
    if level not in found.index:
        return dict.fromkeys(ARMS, 0)
    own = {arm: int(found.loc[level, arm].split(" ")[0]) for arm in ("treated", "control")}
    return {**own, "overall": sum(own.values())}


def _judged(
    rows: pd.DataFrame,
    by_level: dict[str, dict[str, int]],
    totals: dict[str, int],
    test: pd.Series,
) -> Verdict:
    """Return the verdict: first of the counts, then of percentages, p and SMD."""
    labels, remarks, differ = [], [], False
    for _, row in rows.iterrows():
        count = by_level[row["printed_level"]][row["arm"]]
        if count != int(row["count"]):
            differ = True
            continue
        label = percent_label(row["printed_percent"], count, totals[row["arm"]])
        if label:
            labels.append(label)
            remarks += [row["reason"]] if row["repaired_field"] == "percent" else []
    exchanged = rows[rows["printed_level"] != rows["level"]]
    if len(exchanged):
        labels.append(reasons.MISPRINT)
        remarks += list(exchanged["reason"])
    first = rows[rows["arm"] == "treated"].iloc[0]
    counts = [[count["treated"], count["control"]] for count in by_level.values()]
    doubts = [reason for reason in rows["reason"] if reason]
    more, told = p_labels(first["printed_p"], test["p_value"], counts, doubts)
    if more:
        told.append(reasons.TEST_IDS.get(first["study"], ""))
    smd = first["printed_smd"]
    if smd and not agrees(smd, test["smd"]):
        more.append(reasons.MISPRINT if first["repaired_field"] == "smd" else reasons.OTHER_SMD)
        told += [first["reason"]]
    return verdict(differ, [*labels, *more], [*told, *remarks])


def _weighted(rows: pd.DataFrame) -> Row:
    """Return one row for a weighted Table 1, which is not reproduced."""
    variables = rows.loc[rows["kind"] != "total", "variable"].nunique()
    return _row(
        rows,
        quantity="all variables",
        printed=f"{variables} variables with p and SMD",
        frequentist="not computed",
        method="",
        judged=Verdict(NOT_COMPARED, (reasons.WEIGHTED,)),
    )


def _row(
    rows: pd.DataFrame,
    *,
    printed: str,
    frequentist: str,
    method: str,
    judged: Verdict,
    quantity: str = "",
) -> Row:
    first = rows.iloc[0]
    return Row(
        study=first["study"],
        endpoint=ENDPOINT,
        sample=first["analysis_set"],
        quantity=quantity or first["variable"],
        item=", ".join(_in_order(rows)["arm"].drop_duplicates()),
        printed=printed,
        frequentist=frequentist,
        method=method,
        bayes=NOT_FITTED,
        agreement=judged.agreement,
        reason=judged.reason(),
        remark=judged.remark(),
        evidence=" ".join(["baseline", *(str(index) for index in rows.index)]),
    )


def _in_order(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.sort_values("arm", key=lambda arms: arms.map(ARMS.index), kind="stable")


def _printed_levels(rows: pd.DataFrame) -> str:
    parts = []
    for level, own in _in_order(rows).groupby("printed_level", sort=False):
        cells = [f"{row['printed_count']} ({row['printed_percent']}%)" for _, row in own.iterrows()]
        parts.append(f"{level}: {', '.join(cells)}")
    return "; ".join(_in_print(parts, rows))


def _found_levels(
    rows: pd.DataFrame, by_level: dict[str, dict[str, int]], totals: dict[str, int]
) -> str:
    parts = []
    for level, own in _in_order(rows).groupby("printed_level", sort=False):
        cells = [_share(by_level[level][row["arm"]], totals, row) for _, row in own.iterrows()]
        parts.append(f"{level}: {', '.join(cells)}")
    return "; ".join(_in_print(parts, rows))


def _in_print(parts: Sequence[str], rows: pd.DataFrame) -> list[str]:
    """Return the parts, one a level, in the order of print."""
    order = list(rows["printed_level"].drop_duplicates())
    return sorted(parts, key=lambda part: order.index(part.rpartition(": ")[0]))


def _share(count: int, totals: dict[str, int], row: pd.Series) -> str:
    digits = evidence.parse(row["printed_percent"]).decimals or 1
    return f"{count} ({100 * count / totals[row['arm']]:.{digits}f}%)"


def _printed_tail(p: str, smd: str) -> list[str]:
    return [text for text in (f"p {p}" if p else "", f"SMD {smd}" if smd else "") if text]


def _with_tail(levels: str, tail: Sequence[str]) -> str:
    return "; ".join([levels, ", ".join(tail)]) if tail else levels
