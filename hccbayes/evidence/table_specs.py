"""Columns of the shipped tables.

Each printed number stays text; ``repaired_field`` and ``repaired_value`` say what it is read as
instead, and ``use`` and ``reason`` whether and why a row may be used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hccbayes.errors import InputError, Problem

USES: Final[dict[str, str]] = {
    "yes": "as printed",
    "repaired": "with the repaired value",
    "caution": "usable; the reason says what to mind",
    "no": "left out of analyses",
}
"""What ``use`` may hold."""

REPAIR: Final = ("repaired_field", "repaired_value", "use", "reason")
_ARMS: Final = ("treated", "control", "overall", "single")
_SETS: Final = ("unadjusted", "matched", "weighted", "reported")
_PLACE: Final = ("study", "source", "location")


@dataclass(frozen=True, slots=True)
class TableSpec:
    """Columns of one shipped table.

    Parameters
    ----------
    keys
        Text that says what a row is about.
    printed
        Printed numbers that may be repaired; each becomes a number, beside its text.
    wording
        Printed text that may be repaired: a level, a grade, a p value with its ``<``.
    numbers
        Numbers that are never repaired.
    notes
        Text at the end.
    choices
        Words that a column may hold.
    """

    keys: tuple[str, ...]
    printed: tuple[str, ...] = ()
    wording: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    choices: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def repairs(self) -> tuple[str, ...]:
        """Columns of the repair, none where nothing of the table is printed."""
        return REPAIR if self.printed or self.wording else ()

    @property
    def columns(self) -> frozenset[str]:
        """Every column of the file."""
        own = self.keys + self.printed + self.wording + self.numbers + self.notes + self.repairs
        return frozenset(own)


_ARM_CHOICES: Final = (("arm", _ARMS), ("analysis_set", _SETS))

TABLES: Final[dict[str, TableSpec]] = {
    "hazard_ratios": TableSpec(
        keys=(
            *_PLACE,
            *("country", "design", "comparison", "endpoint", "analysis_set", "model", "adjusted"),
            *("term", "covariate", "level", "coding", "numerator", "denominator"),
            *("treated_label", "control_label"),
        ),
        printed=("hr", "lower", "upper"),
        wording=("p",),
        numbers=(
            *("interval_prob", "n_treated", "n_control", "events_treated", "events_control"),
            *("events_at_most", "median_treated", "median_control"),
        ),
        notes=("note",),
        choices=(
            ("analysis_set", _SETS),
            ("term", ("treatment", "covariate")),
            ("adjusted", ("yes", "no", "")),
            ("coding", ("binary", "continuous")),
        ),
    ),
    "baseline": TableSpec(
        keys=(*_PLACE, "variable", "variable_printed", "kind", "analysis_set", "arm"),
        printed=("count", "percent", "mean", "sd", "median", "q1", "q3", "smd"),
        wording=("level", "p"),
        numbers=("arm_total", "minimum", "maximum"),
        choices=(
            *_ARM_CHOICES,
            ("kind", ("total", "count", "mean_sd", "median_iqr", "median_range")),
        ),
    ),
    "outcomes": TableSpec(
        keys=(*_PLACE, "kind", "endpoint", "analysis_set", "arm", "arm_label"),
        printed=("events", "events_percent", "median", "median_lower", "median_upper"),
        wording=("p",),
        numbers=("n", "follow_up_median", "follow_up_lower", "follow_up_upper"),
        notes=("note",),
        choices=(*_ARM_CHOICES, ("kind", ("own", "review", "cited"))),
    ),
    "survival_rates": TableSpec(
        keys=(*_PLACE, "kind", "endpoint", "analysis_set", "arm", "arm_label"),
        printed=("percent", "at_risk"),
        numbers=("n", "month", "median"),
        choices=_ARM_CHOICES,
    ),
    "responses": TableSpec(
        keys=(*_PLACE, "site", "criterion", "analysis_set", "arm", "arm_label", "category"),
        printed=("count", "percent"),
        wording=("p",),
        numbers=("total",),
        choices=_ARM_CHOICES,
    ),
    "adverse_events": TableSpec(
        keys=(*_PLACE, "event", "arm", "arm_label"),
        printed=("count", "percent"),
        wording=("grade", "p"),
        numbers=("total",),
        choices=(("arm", _ARMS),),
    ),
    "progression_patterns": TableSpec(
        keys=(*_PLACE, "mode", "arm", "arm_label"),
        printed=("percent", "count"),
        numbers=("patients", "patients_with_progression"),
        choices=(("arm", _ARMS),),
    ),
    "exposure": TableSpec(
        keys=(*_PLACE, "exposure", "analysis_set", "arm", "arm_label", "statistic"),
        printed=("value", "lower", "upper", "sd"),
        numbers=("n",),
        choices=(*_ARM_CHOICES, ("statistic", ("mean", "median"))),
    ),
    "study_designs": TableSpec(
        keys=(
            *("study", "centers", "center_counts", "accrual", "data_cutoff", "time_zero"),
            *("treated_definition", "control_definition", "adjustment", "selection_rules"),
            *("immortal_time", "tumor_criterion"),
        ),
    ),
    "derived_effects": TableSpec(
        keys=("study", "endpoint", "quantity", "value", "method", "assumption"),
        numbers=("lower", "upper"),
    ),
    "inconsistencies": TableSpec(
        keys=("id", "study", "severity", "location", "printed", "expected", "consequence"),
        choices=(("severity", ("A", "B", "C")),),
    ),
    "studies": TableSpec(
        keys=("study", "role", "citation", "doi", "doi_seen_in", "printed_in"),
        choices=(("role", ("cohort", "review", "reviewed", "cited")),),
    ),
}
"""Shipped tables by name."""


def table_spec(name: str) -> TableSpec:
    """Return the columns of a table.

    Raises
    ------
    InputError
        If the name is unknown; the message lists the known ones.
    """
    if name not in TABLES:
        known = ", ".join(TABLES)
        raise InputError(Problem("evidence", f"unknown table {name!r}; choose from {known}"))
    return TABLES[name]
