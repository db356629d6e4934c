"""A paper's tables as rows of numbers: a line a variable, as it stands in print.

Columns are treated, control, and where there is a matched subset treated and control of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from hccbayes.synthetic.outcome_targets import AdverseEvent
from hccbayes.synthetic.targets import Continuous, Level, Margin, MeanSd, Quartiles, Unused

NO_YES: Final[tuple[Level, ...]] = ("no", "yes")
SINGLE_MULTIPLE: Final[tuple[Level, ...]] = ("single", "multiple")
CONTROL_OVER_TREATED: Final = "printed {}, control over treated"
"""Note on a hazard ratio that was inverted."""

Levels = tuple[Level, ...]
Counts = tuple[int, ...]
Pair = tuple[float, float]
Triple = tuple[float | None, float, float]


def margin_table(
    *rows: tuple[str, Levels, Counts, Counts] | tuple[str, Levels, Counts, Counts, Counts, Counts],
    notes: Mapping[str, str] | None = None,
    within: Mapping[str, tuple[str, Level]] | None = None,
) -> tuple[Margin, ...]:
    """Return the margins of a baseline table.

    Parameters
    ----------
    rows
        Column, levels, and the counts of each column of the table in the order of the levels.
    notes
        By column, for the manifest.
    within
        By column: ``(column, level)`` outside of which its last level does not occur.
    """
    return tuple(
        Margin(
            column=column,
            levels=levels,
            treated=treated,
            control=control,
            matched_treated=matched[0] if matched else (),
            matched_control=matched[1] if matched else (),
            within=(within or {}).get(column),
            note=(notes or {}).get(column, ""),
        )
        for column, levels, treated, control, *matched in rows
    )


def mean_sd_table(
    *rows: tuple[str, Pair, Pair, Pair, Pair],
    cuts: Mapping[str, tuple[str, float]] | None = None,
) -> tuple[Continuous, ...]:
    """Return variables printed as mean and standard deviation.

    Parameters
    ----------
    rows
        Variable, and mean and standard deviation of each column of the table.
    cuts
        By variable: the margin that cuts it, and where.
    """
    return tuple(
        Continuous(
            column=column,
            treated=MeanSd(*treated),
            control=MeanSd(*control),
            matched_treated=MeanSd(*matched_treated),
            matched_control=MeanSd(*matched_control),
            cut=(cuts or {}).get(column),
        )
        for column, treated, control, matched_treated, matched_control in rows
    )


def quartile_table(
    *rows: tuple[str, Triple, Triple, Triple, Triple],
    unused: Mapping[str, Sequence[Unused]] | None = None,
) -> tuple[Continuous, ...]:
    """Return variables printed as median and quartiles.

    Parameters
    ----------
    rows
        Variable, and lower quartile, median and upper quartile of each column of the table;
        ``None`` for a lower quartile that is no target.
    unused
        By variable: printed numbers that are no targets, and why.
    """
    return tuple(
        Continuous(
            column=column,
            treated=Quartiles(*treated),
            control=Quartiles(*control),
            matched_treated=Quartiles(*matched_treated),
            matched_control=Quartiles(*matched_control),
            unused=tuple((unused or {}).get(column, ())),
        )
        for column, treated, control, matched_treated, matched_control in rows
    )


def adverse_event_table(
    *rows: tuple[str, tuple[int, int]] | tuple[str, tuple[int, int], tuple[int, int]],
) -> tuple[AdverseEvent, ...]:
    """Return adverse events.

    Parameters
    ----------
    rows
        Column, patients with the event in the treated and the control arm, and the same of severe
        grades where they were printed.
    """
    return tuple(
        AdverseEvent(column=column, any_grade=any_grade, severe=severe[0] if severe else None)
        for column, any_grade, *severe in rows
    )
