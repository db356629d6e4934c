"""What the audit finds in the shipped tables, and what it raises in correct ones."""

from __future__ import annotations

import re
import warnings
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import beta

from hccbayes import evidence

ROOT = Path(__file__).resolve().parents[2]
BENCHMARKS = ROOT / "benchmarks"
DOCUMENTATION = ROOT / "docs" / "evidence.md"
FALSE_ALARM_LIMIT = 0.02


@pytest.fixture(scope="module")
def findings() -> pd.DataFrame:
    return evidence.audit_shipped()


@pytest.fixture(scope="module")
def detected(findings: pd.DataFrame) -> pd.DataFrame:
    return evidence.detection(findings).set_index("id")


def test_every_inconsistency_a_program_can_find_is_found(detected: pd.DataFrame) -> None:
    program = detected[detected["found_by"] == "program"]
    assert len(program) == 48
    assert list(program.index[program["findings"] == 0]) == []


def test_every_target_has_its_finding(findings: pd.DataFrame) -> None:
    from hccbayes.evidence.detection import _hits
    from hccbayes.evidence.tables import package_file

    missed = [
        tuple(target)
        for _, target in package_file("audit_targets").iterrows()
        if _hits(findings, target).empty
    ]
    assert missed == []


@pytest.mark.parametrize(
    ("id_", "severity"),
    [
        *[(name, "impossible") for name in ("C5", "N1", "N2", "N4", "N11", "S5")],
        *[(name, "inconsistent") for name in ("L2", "L3", "L6", "C2", "C6", "C12", "F1", "F8")],
        *[(name, "inconsistent") for name in ("N3", "N6", "N7", "N8", "S1", "S2", "S3", "X1")],
        *[(name, "suspicious") for name in ("L4", "C1", "S4")],
        *[(name, "note") for name in ("F3", "F4", "F5", "F6", "F12", "S8", "S11")],
    ],
)
def test_how_bad_a_finding_is(detected: pd.DataFrame, id_: str, severity: str) -> None:
    assert detected.loc[id_, "finding_severity"] == severity


def test_committed_detection_list_is_the_present_one(detected: pd.DataFrame) -> None:
    committed = pd.read_csv(BENCHMARKS / "audit_detection.csv", keep_default_na=False)
    pd.testing.assert_frame_equal(committed.set_index("id"), detected)


def test_documentation_names_who_finds_what(detected: pd.DataFrame) -> None:
    text = DOCUMENTATION.read_text(encoding="utf-8")
    program = detected["found_by"] == "program"
    note = detected["finding_severity"] == "note"
    found = {"an alarm": program & ~note, "a note": program & note, "a reader": ~program}
    for who, which in found.items():
        (row,) = re.findall(rf"^\| {who} \| (.+) \|$", text, flags=re.MULTILINE)
        assert set(re.findall(r"[A-Z]\d+", row)) == set(detected.index[which]), who


def test_false_alarms_of_correct_tables() -> None:
    rates = pd.read_csv(BENCHMARKS / "audit_false_alarms.csv")
    total = rates[rates["check"] == "any alarm"].set_index("kind")
    assert set(total.index) == set(evidence.LAYOUTS)
    assert (total["tables"] >= 190).all()
    assert (total["share"] < FALSE_ALARM_LIMIT).all()
    # Over all kinds the upper 95% limit (Clopper-Pearson) lies below the promise as well.
    hits, tables = total["tables_with_finding"].sum(), total["tables"].sum()
    assert beta.ppf(0.95, hits + 1, tables - hits) < FALSE_ALARM_LIMIT


def test_p_of_the_baseline_tables(findings: pd.DataFrame) -> None:
    """All printed p but three are those of a usual test; Sun's sex is cut off, not rounded."""
    baseline = evidence.reproduce_p(evidence.printed_cells("baseline"))
    printed = baseline[baseline["p"] != ""]
    assert len(printed) == 90
    missed = printed.loc[printed["fits"] == "", ["study", "variable"]]
    assert list(map(tuple, missed.to_numpy())) == [("Lu2025", "alb_35"), ("Lin2023", "cirrhosis")]


def test_standardized_differences_of_lu() -> None:
    """The multinomial formula gives all unweighted differences but the two that were copied."""
    found = evidence.audit(evidence.printed_cells("baseline"), kind="baseline", unreadable="report")
    wrong = found[(found["check"] == "smd_not_reproduced") & (found["study"] == "Lu2025")]
    unweighted = wrong[wrong["item"].str.contains("unadjusted")]
    assert list(unweighted["item"]) == ["sex, unadjusted", "child_pugh, unadjusted"]
    assert list(unweighted["expected"]) == ["0.059", "0.232"]
    assert len(wrong) - len(unweighted) == 20


def test_a_few_new_correct_studies_raise_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other seeds than those of the committed table."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    benchmark = import_module("audit")
    for index in range(4):
        rng = np.random.default_rng([1, index])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # convergence and separation in small samples
            study = import_module("audit_studies").simulate(index, rng)
            tables = benchmark.correct_tables(study, rng)
        for kind, table in tables.items():
            raised = evidence.alarms(evidence.audit(table, kind=kind))
            assert raised.to_dict("records") == []
