"""What an audit table looks like: the columns of each kind of table, and what each may hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hccbayes.errors import InputError, Problem

INTERVAL_PROBS: Final = (0.90, 0.95, 0.99)
"""Probabilities of the intervals that are printed in this field."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Columns of one kind of audit table.

    Parameters
    ----------
    required
        Columns that must be there.
    optional
        Columns that make more checks possible; they are empty where they are absent.
    numbers
        Columns, of either sort, that hold printed numbers.
    filled
        Columns that may not have an empty cell.
    choices
        Words a column may hold; an empty cell is allowed unless the column is `filled`.
    """

    required: tuple[str, ...]
    optional: tuple[str, ...]
    numbers: frozenset[str]
    filled: frozenset[str]
    choices: dict[str, tuple[str, ...]]

    @property
    def columns(self) -> tuple[str, ...]:
        """Required and optional columns."""
        return self.required + self.optional


_ARMS: Final = ("treated", "control", "overall")

LAYOUTS: Final[dict[str, Layout]] = {
    "hazard_ratios": Layout(
        required=("study", "endpoint", "hr", "lower", "upper"),
        optional=(
            *("source", "analysis_set", "adjusted", "term", "covariate", "level", "coding"),
            *("numerator", "denominator", "treated_label", "control_label", "interval_prob", "p"),
            *("n_treated", "n_control", "events_treated", "events_control", "events_at_most"),
            *("median_treated", "median_control"),
        ),
        numbers=frozenset(
            {"hr", "lower", "upper", "p", "interval_prob", "n_treated", "n_control"}
            | {"events_treated", "events_control", "events_at_most"}
            | {"median_treated", "median_control"}
        ),
        filled=frozenset({"study", "endpoint"}),
        choices={
            "adjusted": ("yes", "no"),
            "term": ("treatment", "covariate"),
            "coding": ("binary", "continuous"),
        },
    ),
    "baseline": Layout(
        required=("study", "variable", "level", "arm", "arm_total"),
        optional=(
            *("kind", "analysis_set", "count", "percent", "mean", "sd"),
            *("median", "q1", "q3", "p", "smd"),
        ),
        numbers=frozenset(
            {"arm_total", "count", "percent", "mean", "sd", "median", "q1", "q3", "p", "smd"}
        ),
        filled=frozenset({"study", "variable", "arm", "arm_total"}),
        choices={"arm": _ARMS},
    ),
    "event_counts": Layout(
        required=("study", "group", "category", "arm", "total", "percent"),
        optional=("analysis_set", "arm_label", "count", "p"),
        numbers=frozenset({"count", "total", "percent", "p"}),
        filled=frozenset({"study", "group", "arm", "total"}),
        choices={"arm": (*_ARMS, "single")},
    ),
    "survival_rates": Layout(
        required=("study", "endpoint", "arm", "n", "month", "percent"),
        optional=("analysis_set", "median"),
        numbers=frozenset({"n", "month", "percent", "median"}),
        filled=frozenset({"study", "endpoint", "arm", "month"}),
        choices={"arm": (*_ARMS, "single")},
    ),
    "medians": Layout(
        required=("study", "endpoint", "arm", "median"),
        optional=(
            *("source", "analysis_set", "arm_label", "n", "events", "events_percent"),
            *("median_lower", "median_upper"),
        ),
        numbers=frozenset(
            {"n", "events", "events_percent", "median", "median_lower", "median_upper"}
        ),
        filled=frozenset({"study", "endpoint", "arm"}),
        choices={"arm": (*_ARMS, "single")},
    ),
}
"""Layouts by the name that ``audit(kind=...)`` takes."""


def layout_of(kind: str) -> Layout:
    """Return the layout of one kind of table.

    Raises
    ------
    InputError
        If the kind is unknown; the message lists the known ones.
    """
    if kind not in LAYOUTS:
        raise InputError(
            Problem("kind", f"unknown kind {kind!r}; choose from {', '.join(LAYOUTS)}")
        )
    return LAYOUTS[kind]
