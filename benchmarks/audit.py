"""What the audit of published numbers finds: known inconsistencies, and false alarms.

    python benchmarks/audit.py --studies 200 --out benchmarks

writes `audit_detection.csv`, one row a known inconsistency of the shipped tables, and
`audit_false_alarms.csv`, one row a kind of table and check over correct simulated studies. The
second takes some five minutes on one core.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

import audit_tables
from audit_studies import Study, simulate
from hccbayes import evidence

SEED = 20261120


def correct_tables(study: Study, rng: np.random.Generator) -> dict[str, pd.DataFrame]:
    """Return the tables of one simulated study by kind."""
    rates, medians = audit_tables.survival_tables(study)
    tables = {
        "hazard_ratios": audit_tables.hazard_ratio_table(study),
        "baseline": audit_tables.baseline_table(study),
        "event_counts": audit_tables.event_table(study, rng),
        "survival_rates": rates,
        "medians": medians,
    }
    return {kind: table for kind, table in tables.items() if len(table)}


def findings_of(studies: int) -> Iterator[tuple[str, int, pd.DataFrame]]:
    """Yield kind, index and findings of each table of each simulated study."""
    for index in range(studies):
        rng = np.random.default_rng([SEED, index])
        study = simulate(index, rng)
        for kind, table in correct_tables(study, rng).items():
            yield kind, index, evidence.audit(table, kind=kind)


def false_alarms(studies: int, *, show: bool = False) -> pd.DataFrame:
    """Return how many correct tables have a finding, by kind, check and severity."""
    tables: dict[str, int] = {}
    hits: dict[tuple[str, str, str], set[int]] = {}
    for kind, index, found in findings_of(studies):
        tables[kind] = tables.get(kind, 0) + 1
        raised = found["severity"].isin(evidence.ALARMS)
        if show and raised.any():
            print(found[raised].to_string())
        hits.setdefault((kind, "any alarm", "alarm"), set())
        if raised.any():
            hits[kind, "any alarm", "alarm"].add(index)
        for check, severity in set(zip(found["check"], found["severity"], strict=True)):
            hits.setdefault((kind, check, severity), set()).add(index)
    rows = [
        {
            "kind": kind,
            "check": check,
            "severity": severity,
            "tables": tables[kind],
            "tables_with_finding": len(indices),
            "share": round(len(indices) / tables[kind], 4),
        }
        for (kind, check, severity), indices in hits.items()
    ]
    order = {kind: place for place, kind in enumerate(evidence.LAYOUTS)}
    frame = pd.DataFrame(rows)
    frame = frame.assign(place=frame["kind"].map(order), first=frame["severity"] != "alarm")
    keys = ["place", "first", "severity", "check"]
    return frame.sort_values(keys, ignore_index=True).drop(columns=["place", "first"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=200)
    parser.add_argument("--out", type=Path, default=Path("benchmarks"))
    parser.add_argument("--show", action="store_true", help="print every false alarm")
    asked = parser.parse_args()
    known = evidence.detection(evidence.audit_shipped())
    known.to_csv(asked.out / "audit_detection.csv", index=False, lineterminator="\n")
    with warnings.catch_warnings():
        # lifelines warns of convergence in tiny samples, statsmodels of separation.
        warnings.simplefilter("ignore")
        alarms = false_alarms(asked.studies, show=asked.show)
    alarms.to_csv(asked.out / "audit_false_alarms.csv", index=False, lineterminator="\n")
    print(alarms.to_string(index=False))


if __name__ == "__main__":
    main()
