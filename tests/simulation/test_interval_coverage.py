"""Coverage at the size of the studies (benchmarks/interval_coverage.py), as committed."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[2]
BENCHMARKS = ROOT / "benchmarks"
REACHED = ("gcomp ate", "gcomp ato", "weighted ato, open-faced", "weighted ato, curvature")


@pytest.fixture(scope="module")
def study() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "interval_coverage", BENCHMARKS / "interval_coverage.py"
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules["interval_coverage"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def committed(study) -> pd.DataFrame:
    files = [BENCHMARKS / f"coverage_{cell}.csv" for cell in study.STRENGTH]
    return pd.concat([pd.read_csv(file) for file in files], ignore_index=True)


@pytest.fixture(scope="module")
def summary(study, committed) -> pd.DataFrame:
    return study.summarize(committed).set_index(["cell", "method"])


def test_every_cell_has_its_cohorts(study, committed):
    counts = committed.groupby(["cell", "method"]).size()
    for cell in study.STRENGTH:
        for method in study.METHODS:
            expected = study.CUT_REPLICATES if method == "cut ato" else study.REPLICATES
            # A cohort without an event in an arm of its pairs has no matched estimate.
            missing = expected - counts[cell, method]
            assert missing == 0 or (method == "matched" and missing < 0.02 * expected)


def test_cells_are_of_the_size_that_is_said(study):
    for cell in study.STRENGTH:
        controls = [
            (study.simulate_cohort(study.config(cell), seed=seed).frame["arm"] == "systemic").sum()
            for seed in range(60)
        ]
        # The mean of 60 binomial counts with sd below 5 is known to 0.65.
        assert abs(np.mean(controls) - 25) < 3 * 0.65


def test_recommended_intervals_hold_the_truth(summary, study):
    for cell in study.STRENGTH:
        for method in REACHED:
            assert 0.92 <= summary.loc[(cell, method), "coverage"] <= 0.98, (cell, method)


def test_the_raw_pseudo_posterior_does_not(summary, study):
    for cell in study.STRENGTH:
        row = summary.loc[(cell, "weighted ate, raw")]
        assert row["coverage"] < 0.7
        # Its weights sum to twice the patients: it is as narrow as if there were twice as many.
        assert row["mean_sd"] < 0.6 * row["empirical_sd"]


def test_the_documents_hold_these_numbers(study, committed):
    text = (ROOT / "docs" / "adjustment.md").read_text(encoding="utf-8")
    assert study.markdown(study.summarize(committed)) in text


@pytest.mark.slow
def test_replicates_are_the_committed_ones(study, committed):
    rows = pd.DataFrame(list(study.replicates("good", 200, 203)))
    same = committed[(committed["cell"] == "good") & committed["replicate"].between(200, 202)]
    joined = rows.merge(same, on=["replicate", "method"], suffixes=("", "_committed"))
    assert len(joined) == len(rows) == len(same)
    # Medians of some 400 independent draws: 1.25 sd / 20, four of them, in two runs.
    error = 4 * np.sqrt(2) * 1.25 * joined["sd"] / 20
    assert ((joined["median"] - joined["median_committed"]).abs() < error).all()
