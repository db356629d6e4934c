"""Patients moved to the other arm: against quadrature, Cox regression and the log-rank test."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from gamma_quadrature import SPEC, exact_posterior
from scipy.stats import norm

import hccbayes as hb
from hccbayes.errors import InputError
from hccbayes.frequentist.cox import cox
from hccbayes.frequentist.logrank import logrank
from hccbayes.sensitivity.reclassification import FRAGILITY_COLUMNS, Fragility, fragility
from hccbayes.sensitivity.refitting import StudyFit, fit_study

PATIENTS = 60


def frame() -> pd.DataFrame:
    """A third are controls, who die faster; the rows are in no order of time."""
    rng = np.random.default_rng(15)
    control = np.arange(PATIENTS) % 3 == 0
    death = rng.exponential(np.where(control, 6.0, 13.0))
    end = rng.uniform(8.0, 30.0, PATIENTS)
    return pd.DataFrame(
        {
            "id": [f"id-{row:03d}" for row in range(PATIENTS)],
            "arm": np.where(control, "one", "both"),
            "months": np.minimum(death, end),
            "death": (death <= end).astype(int),
        }
    )


@pytest.fixture(scope="module")
def base() -> StudyFit:
    spec = hb.AnalysisSpec.from_dict(SPEC)
    return fit_study(hb.build_study(hb.read_cohort(frame(), spec.roles), spec), spec)


@pytest.fixture(scope="module")
def early(base) -> Fragility:
    return fragility(base)


@pytest.fixture(scope="module")
def late(base) -> Fragility:
    return fragility(base, "treated_survivors")


def assignments(direction: str) -> list[np.ndarray]:
    """Return the treatment after each move, from the patients' own columns."""
    rows = frame()
    if direction == "early_control_deaths":
        able = rows[(rows["arm"] == "one") & (rows["death"] == 1) & (rows["months"] <= 3.0)]
        order, arm = able.sort_values("months").index, 1.0
    else:
        able = rows[(rows["arm"] == "both") & (rows["months"] > 3.0)]
        order, arm = able.sort_values("months", ascending=False).index, 0.0
    treatment = (rows["arm"] == "both").to_numpy(dtype=float)
    found = [treatment]
    for row in order:
        treatment = treatment.copy()
        treatment[row] = arm
        found.append(treatment)
    return found


@pytest.mark.parametrize("direction", ["early_control_deaths", "treated_survivors"])
def test_each_step_is_the_posterior_of_the_moved_patients(direction, base, early, late):
    """Four Monte Carlo errors; the first number below 0.95 is that of the exact probabilities."""
    found = early if direction == "early_control_deaths" else late
    fitted = found.table.dropna(subset="prob_benefit")
    exact = [exact_posterior(base, treatment=arm) for arm in assignments(direction)[: len(fitted)]]
    apart = np.abs(fitted["prob_benefit"] - [one[1] for one in exact])
    # A probability near 1 has few draws on the other side: at least the error of one in a hundred.
    error = np.maximum(fitted["prob_benefit_mcse"], np.sqrt(0.01 * 0.99 / 8000))
    assert (apart < 4.0 * error).all()
    crossed = [step for step, (_, probability) in enumerate(exact) if probability < 0.95]
    assert found.number == crossed[0] == len(fitted) - 1
    # The crossing is not a matter of Monte Carlo error on either side.
    for step in (found.number - 1, found.number):
        assert abs(exact[step][1] - 0.95) > 4.0 * fitted["prob_benefit_mcse"].iloc[step]
    assert fitted["passed"].all()


@pytest.mark.parametrize("direction", ["early_control_deaths", "treated_survivors"])
def test_frequentist_columns_are_those_of_the_moved_patients(direction, early, late):
    found = early if direction == "early_control_deaths" else late
    rows, arms = frame(), assignments(direction)
    entry = np.zeros(PATIENTS)
    assert found.candidates == len(arms) - 1
    p_values = {"cox_p": [], "logrank_p": []}
    for count, arm in enumerate(arms[: len(found.table)]):
        follow_up = (entry, rows["months"], rows["death"])
        fit = cox(pd.DataFrame({"treatment": arm}), *follow_up)
        p_values["cox_p"].append(2.0 * norm.sf(abs(fit.coef[0] / fit.se[0])))
        p_values["logrank_p"].append(logrank(*follow_up, arm).p_value)
        assert found.table["cox_hr"].iloc[count] == pytest.approx(np.exp(fit.coef[0]), rel=1e-9)
    for name, wanted in p_values.items():
        np.testing.assert_allclose(found.table[name], wanted, rtol=1e-9)
        number = found.number_cox if name == "cox_p" else found.number_logrank
        assert number == int(np.flatnonzero(np.array(wanted) > 0.05)[0])
        assert 0 < number < found.candidates


def test_words_and_columns(early):
    assert tuple(early.table.columns) == FRAGILITY_COLUMNS
    assert list(early.table["reclassified"]) == list(range(len(early.table)))
    assert "id-" not in early.table.to_csv()
    words = early.sentence
    assert f"falls below 0.95 once {early.number} of the {early.candidates} control deaths" in words
    assert f"lost with {early.number_cox} moved by Cox regression" in words
    # Nothing is refitted once the finding is gone; rows may go on for the frequentist columns.
    beyond = early.table["reclassified"] > early.number
    assert early.table.loc[beyond, "prob_benefit"].isna().all()
    assert early.table["cox_p"].notna().all()
    assert len(early.table) == 1 + max(early.number, early.number_cox, early.number_logrank)


def test_a_finding_that_is_none_and_one_that_stays(base):
    none = fragility(base, prob=0.99999, most=1)
    assert none.number == 0
    assert "as the patients are" in none.sentence
    stays = fragility(base, prob=0.5, most=1)
    assert stays.number is None
    assert "stays at 0.5 or above with the first 1 of" in stays.sentence
    assert len(stays.table) == 2
    assert stays.table["prob_benefit"].notna().all()


def test_wrong_input_is_named(base):
    with pytest.raises(InputError, match=r"(?s)unknown 'sideways'.*positive.*between 0 and 1"):
        fragility(base, "sideways", months=0.0, prob=1.0)
    with pytest.raises(InputError, match="most: must be at least 1"):
        fragility(base, most=0)
    with pytest.raises(InputError, match=r"no control deaths within 0\.001 months"):
        fragility(base, months=0.001)
