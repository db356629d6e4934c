"""One printed hazard ratio as numbers with their rounding."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd
from scipy.stats import norm

from hccbayes.evidence.findings import Place, joined
from hccbayes.evidence.printed import Printed, number, parse


@dataclass(frozen=True, slots=True, kw_only=True)
class HazardRatioRow:
    """A row of the layout ``hazard_ratios``; ``None`` and ``nan`` where nothing is printed.

    ``inverted`` rows print control over treated. ``floor_applies`` is false for weighted analyses
    and for continuous covariates.
    """

    place: Place
    is_treatment: bool
    inverted: bool
    floor_applies: bool
    hr: Printed | None
    lower: Printed | None
    upper: Printed | None
    p: Printed | None
    interval_prob: float
    patients: float
    events_treated: float
    events_control: float
    events_at_most: float
    median_treated: float
    median_control: float

    @property
    def z(self) -> float:
        """Normal quantile of the interval's own probability, 1.6449 for a 90% interval."""
        return float(norm.ppf(0.5 + self.interval_prob / 2.0))

    @property
    def most_events(self) -> float:
        """A number of events there cannot be more of; ``nan`` where nothing bounds them."""
        events = self.events_treated + self.events_control
        known = [value for value in (events, self.events_at_most, self.patients) if value > 0]
        return min(known) if known else math.nan

    @property
    def log_hr(self) -> tuple[float, float]:
        """Smallest and largest log hazard ratio that is printed like this."""
        return log_range(self.hr)

    @property
    def se(self) -> tuple[float, float]:
        """Smallest and largest standard error that gives the printed limits.

        ``(log upper - log lower) / (2 z)``; ``nan`` where there is no interval.
        """
        if self.lower is None or self.upper is None:
            return math.nan, math.nan
        (low_min, low_max), (high_min, high_max) = log_range(self.lower), log_range(self.upper)
        return (
            max(0.0, high_min - low_max) / (2.0 * self.z),
            (high_max - low_min) / (2.0 * self.z),
        )

    @property
    def wald_z(self) -> tuple[float, float]:
        """Smallest and largest ``|log HR| / SE`` that rounding leaves possible."""
        if self.hr is None or self.lower is None or self.upper is None:
            return math.nan, math.nan
        low, high = self.log_hr
        smallest = 0.0 if low <= 0.0 <= high else min(abs(low), abs(high))
        largest = max(abs(low), abs(high))
        se_low, se_high = self.se
        return (
            smallest / se_high if se_high > 0 else math.inf,
            largest / se_low if se_low > 0 else math.inf,
        )


def log_range(printed: Printed | None) -> tuple[float, float]:
    """Return the logarithms of the ends of a printed number, minus infinity where it may be 0."""
    if printed is None:
        return math.nan, math.nan
    ends = (printed.low, printed.high)
    low, high = (
        -math.inf if end <= 0 else math.log(end) if end < math.inf else end for end in ends
    )
    return low, high


def hazard_ratio_rows(cells: pd.DataFrame) -> list[HazardRatioRow]:
    """Return the rows of an audit table whose cells are all readable."""
    return [_row(int(str(line)), cells.loc[line]) for line in cells.index]


def _row(line: int, row: pd.Series[Any]) -> HazardRatioRow:
    treatment = row["term"] == "treatment" or (not row["term"] and not row["covariate"])
    parts = [row["endpoint"], row["analysis_set"]]
    parts.append("treatment" if treatment else row["covariate"])
    parts += [row["level"], "adjusted" if row["adjusted"] == "yes" else ""]
    binary = treatment or row["coding"] == "binary"
    return HazardRatioRow(
        place=Place(line, row["study"], joined(parts)),
        is_treatment=treatment,
        inverted=treatment and row["numerator"] == "control",
        floor_applies=binary and row["analysis_set"] != "weighted",
        hr=parse(row["hr"]),
        lower=parse(row["lower"]),
        upper=parse(row["upper"]),
        p=parse(row["p"]),
        interval_prob=number(row["interval_prob"] or "0.95"),
        patients=number(row["n_treated"]) + number(row["n_control"]),
        events_treated=number(row["events_treated"]),
        events_control=number(row["events_control"]),
        events_at_most=number(row["events_at_most"]),
        median_treated=number(row["median_treated"]),
        median_control=number(row["median_control"]),
    )
