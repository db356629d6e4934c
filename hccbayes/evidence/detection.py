"""The audit of the shipped tables, and which known inconsistencies it finds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pandas as pd

from hccbayes.evidence.audit import audit
from hccbayes.evidence.findings import SEVERITIES
from hccbayes.evidence.tables import TARGETS, package_file, printed_cells


def _responses(cells: pd.DataFrame) -> pd.DataFrame:
    return cells.assign(group=cells["site"] + ", " + cells["criterion"])


def _adverse_events(cells: pd.DataFrame) -> pd.DataFrame:
    return cells.rename(columns={"event": "group", "grade": "category"})


def _progression(cells: pd.DataFrame) -> pd.DataFrame:
    """Return the modes as shares of the patients with progression, as the paper introduces them."""
    names = {"mode": "group", "patients_with_progression": "total"}
    return cells.rename(columns=names).assign(category="")


def _values_alone(cells: pd.DataFrame) -> pd.DataFrame:
    """Return the outcomes without ranges over several studies, which are no medians."""
    return cells[cells["reason"] != "a range is printed, no value"]


AUDITED: Final[dict[str, tuple[str, Callable[[pd.DataFrame], pd.DataFrame]]]] = {
    "hazard_ratios": ("hazard_ratios", lambda cells: cells),
    "baseline": ("baseline", lambda cells: cells),
    "responses": ("event_counts", _responses),
    "adverse_events": ("event_counts", _adverse_events),
    "progression_patterns": ("event_counts", _progression),
    "survival_rates": ("survival_rates", lambda cells: cells),
    "outcomes": ("medians", _values_alone),
}
"""Kind of audit of each shipped table, and how it is brought into that layout."""


def audit_shipped() -> pd.DataFrame:
    """Return the findings of the audit on every shipped table as printed, before any repair.

    Returns
    -------
    pandas.DataFrame
        As of :func:`hccbayes.evidence.audit`, with ``table`` as the first column.
    """
    parts = []
    for name, (kind, arrange) in AUDITED.items():
        found = audit(arrange(printed_cells(name)), kind=kind, unreadable="report")
        found.insert(0, "table", name)
        parts.append(found)
    return pd.concat(parts, ignore_index=True)


def detection(findings: pd.DataFrame) -> pd.DataFrame:
    """Return for each known inconsistency whether and how the audit finds it.

    Parameters
    ----------
    findings
        From :func:`audit_shipped`.

    Returns
    -------
    pandas.DataFrame
        One row an inconsistency: ``id``, ``study``, ``severity`` of the inconsistency, ``found_by``
        (``program`` or ``reader``), ``checks``, ``findings`` (how many), and ``finding_severity``,
        the worst of them; a program's row whose finding is missing has 0 findings.
    """
    targets = package_file(TARGETS)
    rows = []
    for _, known in printed_cells("inconsistencies").iterrows():
        own = targets[targets["id"] == known["id"]]
        hits = pd.concat([findings.iloc[:0], *(_hits(findings, one) for _, one in own.iterrows())])
        worst = [name for name in SEVERITIES if name in set(hits["severity"])]
        rows.append(
            {
                "id": known["id"],
                "study": known["study"],
                "severity": known["severity"],
                "found_by": "program" if len(own) else "reader",
                "checks": "; ".join(dict.fromkeys(own["check"])),
                "findings": len(hits[~hits.index.duplicated()]),
                "finding_severity": worst[0] if worst else "",
            }
        )
    return pd.DataFrame(rows)


def _hits(findings: pd.DataFrame, target: pd.Series) -> pd.DataFrame:
    """Return the findings that one line of the targets describes."""
    same = (findings[["table", "check", "study"]] == target[["table", "check", "study"]]).all(
        axis=1
    )
    return findings[same & findings["item"].str.contains(target["item"], regex=False)]
