from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hccbayes.errors import InputError
from hccbayes.frequentist.cox import cox
from hccbayes.frequentist.identifiability import NotEstimableError
from hccbayes.frequentist.schoenfeld import GLOBAL, proportional_hazards_test


def cohort(rng, rows=50):
    stop = rng.exponential(6, rows) + 0.01
    event = rng.binomial(1, 0.8, rows)
    design = pd.DataFrame(
        {
            "treatment": rng.binomial(1, 0.5, rows),
            "stage_b": rng.binomial(1, 0.3, rows),
            "age": rng.normal(60, 8, rows),
        }
    )
    return design, np.zeros(rows), stop, event


def test_the_score_test_by_loops(rng):
    # One term, no ties: mean, variance and score of each risk set written out.
    design, start, stop, event = cohort(rng)
    x = design["age"].to_numpy()
    coef = cox(design[["age"]], start, stop, event).coef[0]
    score, blocks = 0.0, np.zeros((2, 2))
    for row in np.flatnonzero(event):
        there = stop >= stop[row]
        share = np.exp(coef * (x[there] - 60))
        share /= share.sum()
        mean = share @ x[there]
        basis = np.array([1.0, np.log(stop[row])])
        score += basis[1] * (x[row] - mean)
        blocks += share @ (x[there] - mean) ** 2 * np.outer(basis, basis)
    expected = score**2 / (blocks[1, 1] - blocks[0, 1] ** 2 / blocks[0, 0])
    found = proportional_hazards_test(design[["age"]], start, stop, event, transform="log")
    assert list(found.table["term"]) == ["age", GLOBAL]
    assert found.table["chi2"].to_numpy() == pytest.approx([expected, expected], rel=1e-8)
    residual = found.schoenfeld.sort_values("time")["age"].iloc[0]
    first = np.flatnonzero(event)[np.argmin(stop[event == 1])]
    there = stop >= stop[first]
    hazard = np.exp(coef * (x[there] - 60))
    assert residual == pytest.approx(x[first] - hazard @ x[there] / hazard.sum(), rel=1e-9)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_residuals_add_up_to_nothing(rng, ties):
    design, start, stop, event = cohort(rng)
    follow_up = (start, np.ceil(stop), event)
    found = proportional_hazards_test(design, *follow_up, ties=ties)
    assert len(found.schoenfeld) == event.sum()
    np.testing.assert_allclose(found.schoenfeld[[*design]].sum(), 0.0, atol=1e-6)
    # Scaled residuals then average to the coefficients.
    coef = cox(design, *follow_up, ties=ties).coef
    np.testing.assert_allclose(found.residuals[[*design]].mean(), coef, atol=1e-7)


def test_a_linear_change_of_the_clock_changes_no_test(rng):
    design, start, stop, event = cohort(rng)
    days, months = (
        proportional_hazards_test(design, start, factor * stop, event, transform="identity")
        for factor in (1.0, 30.0)
    )
    np.testing.assert_allclose(days.table["chi2"], months.table["chi2"], rtol=1e-8)


def test_units_change_the_residuals_alone(rng):
    design, start, stop, event = cohort(rng)
    years = proportional_hazards_test(design, start, stop, event)
    hours = proportional_hazards_test(design.assign(age=8766 * design["age"]), start, stop, event)
    np.testing.assert_allclose(hours.table["chi2"], years.table["chi2"], rtol=1e-7)
    np.testing.assert_allclose(8766 * hours.residuals["age"], years.residuals["age"], rtol=1e-6)
    np.testing.assert_allclose(hours.schoenfeld["age"] / 8766, years.schoenfeld["age"], rtol=1e-6)


def test_levels_of_a_factor_are_tested_together(rng):
    design, start, stop, event = cohort(rng)
    every = {"all": [*design]}
    found = proportional_hazards_test(design, start, stop, event, groups=every).table
    assert list(found["term"]) == ["all", GLOBAL]
    assert list(found["df"]) == [3, 3]
    assert found["chi2"].iloc[0] == pytest.approx(found["chi2"].iloc[1], rel=1e-12)
    some = proportional_hazards_test(
        design, start, stop, event, groups={"both": ["treatment", "age"]}
    ).table
    assert list(some["term"]) == ["both", "stage_b", GLOBAL]
    assert list(some["df"]) == [2, 1, 3]


def test_one_event_time_tells_no_change():
    design = pd.DataFrame({"treatment": [0, 1, 0, 1]})
    found = proportional_hazards_test(design, np.zeros(4), np.full(4, 5.0), [1, 1, 0, 1])
    assert found.table["chi2"].isna().all()
    assert found.table["reason"].str.contains("too few times").all()


def test_a_term_that_is_constant_in_a_stratum_has_no_residual_there(rng):
    design, start, stop, event = cohort(rng)
    strata = np.where(design["stage_b"] == 1, "b", "other")
    design = design.assign(stage_b=design["stage_b"] * rng.binomial(1, 0.5, 50))
    found = proportional_hazards_test(design, start, stop, event, strata=strata)
    absent = found.residuals["stage_b"].isna()
    assert absent.sum() == event[strata == "other"].sum()
    assert found.reason == "stage_b does not vary in stratum other"
    assert found.residuals[["treatment", "age"]].notna().all().all()


def test_wrong_arguments_are_refused(rng):
    design, start, stop, event = cohort(rng)
    with pytest.raises(InputError, match="choose from km, identity, log, rank"):
        proportional_hazards_test(design, start, stop, event, transform="sqrt")
    with pytest.raises(InputError, match="unknown terms stage_d; the design has treatment"):
        proportional_hazards_test(design, start, stop, event, groups={"stage": ["stage_d"]})
    groups = {"one": ["age"], "two": ["age"]}
    with pytest.raises(InputError, match="stands in two groups"):
        proportional_hazards_test(design, start, stop, event, groups=groups)
    with pytest.raises(InputError, match="time cannot be the name of a term"):
        proportional_hazards_test(design.rename(columns={"age": "time"}), start, stop, event)
    stop[np.flatnonzero(event)[0]] = 0.0
    with pytest.raises(InputError, match="no logarithm"):
        proportional_hazards_test(design, start, stop, event, transform="log")
    with pytest.raises(NotEstimableError, match="no event"):
        proportional_hazards_test(design, start, stop, np.zeros(50))
