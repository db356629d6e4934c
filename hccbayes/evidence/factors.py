"""Baseline rows put together: a factor with its levels, a measurement with its means."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

import pandas as pd

from hccbayes.evidence.findings import Place, joined
from hccbayes.evidence.printed import Printed, parse

Range = tuple[float, float]

ARMS = ("treated", "control")
WEIGHTED = "weighted"
"""Analysis set whose counts are sums of weights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One count of a factor as printed, and the line it stands in."""

    line: int
    count: Printed | None
    percent: Printed | None
    total: Printed
    weighted: bool

    def share(self) -> Range | None:
        """Return the smallest and largest share that count and percentage leave possible."""
        ranges = []
        if self.count is not None and self.total.value > 0:
            count, total = (self.patients(one) for one in (self.count, self.total))
            ranges.append((max(0.0, count[0]) / total[1], min(1.0, count[1] / total[0])))
        if self.percent is not None:
            ranges.append((max(0.0, self.percent.low) / 100, min(100.0, self.percent.high) / 100))
        if not ranges:
            return None
        low, high = max(one[0] for one in ranges), min(one[1] for one in ranges)
        return (low, high) if low <= high else ranges[0]

    def patients(self, printed: Printed) -> Range:
        """Return the range of a printed number of patients; only a sum of weights is rounded."""
        if printed.is_count and not self.weighted:
            return printed.value, printed.value
        return printed.low, printed.high


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineRow:
    """What a factor and a measurement have in common: whose row it is, its p and its difference."""

    study: str
    analysis_set: str
    variable: str
    p: Printed | None
    smd: Printed | None
    line: int

    def place(self, line: int | None = None) -> Place:
        """Return where a finding stands: at a line of the row, or at the one with its p."""
        item = joined((self.variable, self.analysis_set))
        return Place(self.line if line is None else line, self.study, item)


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor(BaselineRow):
    """A categorical baseline row: its levels in printed order, and the cells of each arm."""

    levels: tuple[str, ...]
    cells: Mapping[tuple[str, str], Cell]

    def counts(self) -> list[tuple[int, int]] | None:
        """Return patients by level, treated and control; ``None`` if any is a sum of weights."""
        found = []
        for level in self.levels:
            pair = [self.cells.get((level, arm)) for arm in ARMS]
            whole = [
                int(cell.count.value)
                for cell in pair
                if cell is not None
                and cell.count is not None
                and cell.count.is_count
                and not cell.weighted
            ]
            if len(whole) != 2:
                return None
            found.append((whole[0], whole[1]))
        return found

    def shares(self, arm: str) -> list[Range] | None:
        """Return the range of each level's share in one arm, ``None`` if one is not printed."""
        ranges = []
        for level in self.levels:
            cell = self.cells.get((level, arm))
            share = None if cell is None else cell.share()
            if share is None:
                return None
            ranges.append(share)
        return ranges


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement(BaselineRow):
    """A baseline row of a measurement in one or two arms, by arm."""

    lines: Mapping[str, int]
    sizes: Mapping[str, float]
    values: Mapping[str, Mapping[str, Printed | None]]

    def ranges(self, field: str) -> list[Range] | None:
        """Return the printed ranges of a field in both arms, ``None`` if one is not printed."""
        found = [self.values.get(arm, {}).get(field) for arm in ARMS]
        pair = [(value.low, value.high) for value in found if value is not None]
        return pair if len(pair) == 2 else None


def factors_of(cells: pd.DataFrame) -> list[Factor]:
    """Return the factors of a baseline table, in its order."""
    counted = cells[(cells["count"] != "") | ((cells["percent"] != "") & (cells["mean"] == ""))]
    rows = counted[counted["kind"] != "total"]
    return [
        _factor(key, own)
        for key, own in rows.groupby(["study", "analysis_set", "variable"], sort=False)
        if own["level"].nunique() == own.groupby("arm")["level"].size().max()
    ]


def measurements_of(cells: pd.DataFrame) -> list[Measurement]:
    """Return the measurements of a baseline table, in its order."""
    rows = cells[(cells["mean"] != "") | (cells["median"] != "")]
    return [
        _measurement(key, own)
        for key, own in rows.groupby(["study", "analysis_set", "variable"], sort=False)
    ]


def _factor(key: tuple[Hashable, ...], rows: pd.DataFrame) -> Factor:
    found = {}
    for line in rows.index:
        row = rows.loc[line]
        total = parse(row["arm_total"])
        if total is not None:
            found[row["level"], row["arm"]] = Cell(
                line=int(line),
                count=parse(row["count"]),
                percent=parse(row["percent"]),
                total=total,
                weighted=row["analysis_set"] == WEIGHTED,
            )
    study, analysis_set, variable = map(str, key)
    return Factor(
        study=study,
        analysis_set=analysis_set,
        variable=variable,
        levels=tuple(rows["level"].drop_duplicates()),
        cells=found,
        p=_first(rows["p"]),
        smd=_first(rows["smd"]),
        line=_line_of(rows),
    )


def _measurement(key: tuple[Hashable, ...], rows: pd.DataFrame) -> Measurement:
    study, analysis_set, variable = map(str, key)
    by_arm = {rows.loc[line, "arm"]: rows.loc[line] for line in rows.index}
    fields = ("mean", "sd", "median", "q1", "q3")
    totals = {arm: parse(row["arm_total"]) for arm, row in by_arm.items()}
    return Measurement(
        study=study,
        analysis_set=analysis_set,
        variable=variable,
        lines={row["arm"]: int(str(line)) for line, row in rows.iterrows()},
        sizes={arm: total.value for arm, total in totals.items() if total is not None},
        values={arm: {name: parse(row[name]) for name in fields} for arm, row in by_arm.items()},
        p=_first(rows["p"]),
        smd=_first(rows["smd"]),
        line=_line_of(rows),
    )


def _first(column: pd.Series) -> Printed | None:
    filled = column[column != ""]
    return parse(filled.iloc[0]) if len(filled) else None


def _line_of(rows: pd.DataFrame) -> int:
    """Return the first line that carries a p or a standardized difference, else the first."""
    telling = rows[(rows["p"] != "") | (rows["smd"] != "")]
    return int((telling if len(telling) else rows).index[0])
