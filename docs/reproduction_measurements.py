"""Printed means and medians of Table 1 beside those of the cohorts, with the rule's test.

Means and quartiles are computed here: the conventional table shows either, as the test goes, and
print does not go by the test.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
import pandas as pd

import reproduction_reasons as reasons
from hccbayes import evidence
from hccbayes.evidence.baseline_tests import mean_p_ranges
from hccbayes.evidence.factors import measurements_of
from reproduction_cohorts import outcome
from reproduction_columns import COUNTED_TWICE, baseline_column
from reproduction_conventional import tables
from reproduction_counts import Verdict
from reproduction_record import AGREE, DIFFER, ESTIMATE_ONLY, Row, agrees, p_text

ARMS: Final = ("treated", "control", "overall")
_Summary = Callable[[np.ndarray], float]


def _quantile(share: float) -> _Summary:
    return lambda values: float(np.quantile(values, share))


SUMMARIES: Final[Mapping[str, Mapping[str, _Summary]]] = {
    "mean_sd": {
        "mean": lambda values: float(values.mean()),
        "sd": lambda values: float(values.std(ddof=1)),
    },
    "median_iqr": {"median": _quantile(0.5), "q1": _quantile(0.25), "q3": _quantile(0.75)},
    "median_range": {
        "median": _quantile(0.5),
        "minimum": lambda values: float(values.min()),
        "maximum": lambda values: float(values.max()),
    },
}
"""What is printed of numbers by kind, the center first."""
NAMES: Final = {
    "mean_sd": "mean (SD)",
    "median_iqr": "median (quartiles)",
    "median_range": "median (range)",
}


def measurement_row(rows: pd.DataFrame, endpoint: str, bayes: str) -> Row:
    """Return the row of a variable printed as means or medians.

    Parameters
    ----------
    rows
        Printed rows of one variable and sample, one an arm.
    endpoint, bayes
        What the row has for them.
    """
    rows = rows.sort_values("arm", key=lambda arms: arms.map(ARMS.index))
    first = rows.iloc[0]
    cells = [_cells(row) for _, row in rows.iterrows()]
    column = baseline_column(first["study"], first["variable"])
    table = tables(first["study"], first["analysis_set"]).baseline
    test = table[table["variable"] == column].iloc[0]
    printed = ", ".join(text for text, _, _ in cells)
    found = ", ".join(text for _, text, _ in cells)
    if {"treated", "control"} <= set(rows["arm"]):
        found += f", p {p_text(test['p_value'], first['printed_p'])} ({test['test']})"
        found += f", SMD {test['smd']:.3f}"
    judged = _judged(rows, [differs for _, _, differs in cells], float(test["p_value"]))
    return Row(
        study=first["study"],
        endpoint=endpoint,
        sample=first["analysis_set"],
        quantity=f"{first['variable']}, {NAMES[first['kind']]}",
        item=", ".join(rows["arm"]),
        printed=f"{printed}, p {first['printed_p']}" if first["printed_p"] else printed,
        frequentist=found,
        method=f"conventional baseline, {test['test']}",
        bayes=bayes,
        agreement=judged.agreement,
        reason=judged.reason(),
        remark=judged.remark(),
        evidence=" ".join(["baseline", *(str(index) for index in sorted(rows.index))]),
    )


def _cells(row: pd.Series) -> tuple[str, str, tuple[str, ...]]:
    """Return an arm's numbers as printed, as found with the printed digits, and what differs."""
    column = baseline_column(row["study"], row["variable"])
    patients = outcome(row["study"], "OS", row["analysis_set"]).arm(row["arm"]).frame
    values = patients[column].to_numpy(dtype=float)
    printed, found, differs = [], [], []
    for name, summary in SUMMARIES[row["kind"]].items():
        text = _text(row, name)
        value = summary(values)
        printed.append(text)
        found.append(f"{value:.{evidence.parse(text).decimals}f}")
        if not agrees(text, value):
            differs.append(name)
    return _joined(printed), _joined(found), tuple(differs)


def _text(row: pd.Series, name: str) -> str:
    """Return what is printed; ranges have no text of their own in the evidence table."""
    return str(row.get(f"printed_{name}", f"{row[name]:g}"))


def _joined(parts: list[str]) -> str:
    return f"{parts[0]} ({' to '.join(parts[1:])})"


def _judged(rows: pd.DataFrame, differs: list[tuple[str, ...]], p: float) -> Verdict:
    first = rows.iloc[0]
    parts = {part for own in differs for part in own}
    labels, remarks = [], []
    unusable = rows[rows["use"] == "no"]
    if parts and len(unusable):
        labels.append(reasons.CONTRADICTORY)
        remarks += list(unusable["reason"])
    elif parts:
        labels.append(reasons.FREE_VALUES)
    if first["printed_p"] and not agrees(first["printed_p"], p):
        counted = first["variable"] in COUNTED_TWICE.values()
        labels.append(reasons.OTHER_TEST if counted else reasons.FREE_VALUES)
        remarks.append(_t_tests(first))
    if parts & {"mean", "median"}:
        return Verdict(DIFFER, tuple(labels), tuple(remarks))
    if labels:
        return Verdict(ESTIMATE_ONLY, tuple(labels), tuple(remarks))
    return Verdict(AGREE, (reasons.TARGET,))


def _t_tests(row: pd.Series) -> str:
    """Return the p that t tests give within the rounding of the printed means."""
    cells = evidence.printed_cells("baseline")
    own = cells[
        (cells["study"] == row["study"])
        & (cells["analysis_set"] == row["analysis_set"])
        & (cells["variable"] == row["variable"])
    ]
    measured = measurements_of(own)
    ranges = mean_p_ranges(measured[0]) if measured else {}
    if not ranges:
        return ""
    low, high = (end(pair[at] for pair in ranges.values()) for at, end in ((0, min), (1, max)))
    within = evidence.parse(row["printed_p"]).holds(low, high)
    among = "among them" if within else "not among them"
    return (
        f"t tests of the printed means give p {p_text(low)} to {p_text(high)} within rounding, the "
        f"printed one {among}"
    )
