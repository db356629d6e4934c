"""Tests of counts, standardized differences and SE floors against R.

The numbers are from tests/reference/r/evidence_tests.R, written with 15 digits.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hccbayes.evidence import covariate_floor, two_arm_floor
from hccbayes.evidence.count_tests import COUNT_TESTS, count_p_values
from hccbayes.standardized_difference import factor_smd

DATA = Path(__file__).resolve().parents[1] / "data"
EXACT = 1e-9
"""Both sides are closed forms or finite sums; special functions differ by rounding."""

TABLES = pd.read_csv(DATA / "evidence_tests.csv", comment="#")
FITS = pd.read_csv(DATA / "evidence_se_floors.csv", comment="#")


def pair(row: pd.Series) -> list[tuple[int, int]]:
    arms = ([int(word) for word in str(row[arm]).split()] for arm in ("treated", "control"))
    return list(zip(*arms, strict=True))


@pytest.mark.parametrize("index", TABLES.index)
@pytest.mark.parametrize("test", list(COUNT_TESTS))
def test_p_values(index: int, test: str) -> None:
    row = TABLES.loc[index]
    found = count_p_values(pair(row)).get(test, float("nan"))
    assert found == pytest.approx(row[test], rel=EXACT, nan_ok=True)


@pytest.mark.parametrize("index", TABLES.index)
def test_standardized_differences(index: int) -> None:
    row = TABLES.loc[index]
    counts = [level for level in pair(row) if sum(level)]
    treated, control = zip(*counts, strict=True)
    assert factor_smd(treated, control) == pytest.approx(row["smd"], rel=1e-8)


@pytest.mark.parametrize("column", ["se", "se_adjusted"])
def test_no_cox_fit_is_below_its_floor(column: str) -> None:
    floors = [two_arm_floor(row.events_treated, row.events_control) for row in FITS.itertuples()]
    # R stops iterating when the log likelihood changes by 1e-9 of itself.
    assert (FITS[column] >= np.array(floors) * (1 - 1e-6)).all()
    events = FITS["events_treated"] + FITS["events_control"]
    assert (np.array(floors) >= events.map(covariate_floor) * (1 - 1e-12)).all()


def test_the_floor_is_no_loose_bound() -> None:
    """A hazard ratio near 1 leaves the shares of the risk sets nearly equal: SE within 1%."""
    floors = [two_arm_floor(row.events_treated, row.events_control) for row in FITS.itertuples()]
    assert (FITS["se"] / floors).min() < 1.01


def test_other_tests_stay_within_their_tolerance() -> None:
    """|z_LR - z| is at most |log HR| z / 6 to second order; 0.1 is left for the rest."""
    allowed = FITS["log_hr"].abs() * FITS[["wald_z", "likelihood_ratio_z"]].max(axis=1) / 6 + 0.1
    for name in ("likelihood_ratio_z", "score_z"):
        assert ((FITS[name] - FITS["wald_z"]).abs() <= allowed).all()
