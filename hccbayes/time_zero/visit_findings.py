"""What is odd in a table of visits: counted, shown with examples, and said what was done about it.

Nothing here changes a value. A finding is a fault of the data, or a fact about them that an
analyst would want to know before the first model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

import pandas as pd

from hccbayes.time_zero import visit_follow_up, visit_rows, visit_values
from hccbayes.time_zero.seen_visits import SeenVisits, VisitFinding
from hccbayes.time_zero.visit_rules import VisitRules

_EXAMPLES: Final = 5


def visit_findings(
    table: pd.DataFrame, at_zero: pd.DataFrame, added: pd.Series, rules: VisitRules
) -> tuple[VisitFinding, ...]:
    """Return what is odd in the visits.

    Parameters
    ----------
    table
        All visits in the order of the file, with ``patient``, ``date`` and ``follow_up_days``
        beside the columns of the rules; index 0, 1, ...
    at_zero
        The visit at time zero of each patient of the cohort, same columns.
    added
        Days from time zero to the added treatment by patient, those after the end among them.
    rules
        Which column is what.
    """
    zero = table["patient"].map(at_zero.set_index("patient")["date"])
    is_zero = (table["date"] == zero).to_numpy()
    seen = SeenVisits(table, at_zero, added, rules, is_zero)
    return tuple(found for look in _LOOKS for found in look(seen))


def findings_frame(findings: Iterable[VisitFinding], *, examples: bool) -> pd.DataFrame:
    """Return one row a finding: counts, and identifiers of some patients if asked for.

    Parameters
    ----------
    findings
        From :func:`visit_findings`.
    examples
        Whether to add the column ``examples``.
    """
    names = ["finding", "visits", "patients", "cohort_patients", "time_zero_visits"]
    names += ["detail", "action"]
    rows = [[getattr(one, name) for name in names] for one in findings]
    frame = pd.DataFrame(rows, columns=names)
    if examples:
        frame["examples"] = [", ".join(one.ids[:_EXAMPLES]) for one in findings]
    return frame


_LOOKS: Final[tuple[Callable[[SeenVisits], Iterator[VisitFinding]], ...]] = (
    visit_follow_up.left_out,
    visit_follow_up.ends_of_follow_up,
    visit_follow_up.last_day,
    visit_follow_up.event_days,
    visit_follow_up.outcomes,
    visit_rows.repeats,
    visit_rows.order,
    visit_values.ages,
    visit_values.zeros_apart,
    visit_values.indicators,
    visit_values.ceilings,
    visit_values.missing_covariates,
    visit_rows.treatment_stops,
    visit_follow_up.no_history,
    visit_rows.schedule,
)
"""What is looked for, in the order of the findings."""
