"""Completed cohorts: what is kept, what is drawn, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from hccbayes.cohort import Cohort, read_cohort
from hccbayes.errors import InputError
from hccbayes.roles import ArmRole, Roles
from hccbayes.sensitivity.imputation import impute_covariates
from hccbayes.spec import AnalysisSpec
from hccbayes.study import build_study

ROLES = Roles(
    id="id",
    time="months",
    event="death",
    arm=ArmRole(column="arm", treated="both", control="one"),
    center="hospital",
    covariates=("age", "stage", "invasion", "sex"),
    missing="impute",
)


def patients(count: int = 200, seed: int = 3) -> pd.DataFrame:
    """Return patients without a missing value: a number, three stages, 0/1 and two words."""
    rng = np.random.default_rng(seed)
    invasion = (rng.random(count) < 0.4).astype(int)
    age = rng.normal(58.0, 9.0, count).round(1)
    rate = 0.06 * np.exp(0.6 * invasion + 0.4 * (age - 58.0) / 9.0)
    death, end = rng.exponential(1.0 / rate), rng.uniform(6.0, 30.0, count)
    return pd.DataFrame(
        {
            "id": [f"P{row}" for row in range(count)],
            "arm": np.where(rng.random(count) < 0.4, "both", "one"),
            "months": np.minimum(death, end),
            "death": (death <= end).astype(int),
            "hospital": np.array(["north", "south"])[rng.integers(0, 2, count)],
            "age": age,
            "stage": rng.choice(["A", "B", "C"], count),
            "invasion": invasion,
            "sex": rng.choice(["female", "male"], count),
        }
    )


def with_gaps(frame: pd.DataFrame, share: float = 0.25, seed: int = 5) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = frame.copy()
    for column in ROLES.covariates:
        frame[column] = frame[column].mask(rng.random(len(frame)) < share)
    return frame


@pytest.fixture(scope="module")
def gappy() -> Cohort:
    return read_cohort(with_gaps(patients()), ROLES)


def impute(cohort: Cohort, seed: int = 11, **counts: int):
    return impute_covariates(cohort, rng=np.random.default_rng(seed), **counts)


def test_known_values_stay_and_missing_ones_are_filled(gappy):
    completed = impute(gappy, cycles=2).cohorts
    assert len(completed) == 20
    before = gappy.frame
    for cohort in completed:
        frame = cohort.frame
        assert not frame.isna().any().any()
        assert list(frame) == list(before)
        for column in before:
            known = before[column].notna()
            assert (frame.loc[known, column] == before.loc[known, column]).all()
        assert set(frame["stage"]) == {"A", "B", "C"}
        assert set(frame["sex"]) == {"female", "male"}
        assert set(frame["age"]) <= set(before["age"].dropna())
        assert frame["invasion"].dtype == "int64"
    assert any(not completed[0].frame["age"].equals(other.frame["age"]) for other in completed[1:])


def test_missing_values_are_reported_by_column(gappy):
    table = impute(gappy, cycles=1).missing.set_index("column")
    assert dict(table["method"]) == {
        "age": "predictive mean matching",
        "stage": "multinomial regression",
        "invasion": "logistic regression",
        "sex": "logistic regression",
    }
    for column in ROLES.covariates:
        count = int(gappy.frame[column].isna().sum())
        assert table.loc[column, "missing"] == count
        assert table.loc[column, "share"] == count / 200
    assert any(warning.startswith("column age: ") for warning in gappy.warnings)


def test_same_seed_same_cohorts_and_more_of_them_change_none(gappy):
    first, second = impute(gappy, cycles=2), impute(gappy, cycles=2)
    more = impute(gappy, cycles=2, imputations=22)
    for one, two, three in zip(first.cohorts, second.cohorts, more.cohorts, strict=False):
        pd.testing.assert_frame_equal(one.frame, two.frame)
        pd.testing.assert_frame_equal(one.frame, three.frame)
    other = impute(gappy, seed=12, cycles=2)
    assert not other.cohorts[0].frame.equals(first.cohorts[0].frame)


def test_trace_has_a_mean_each_cycle(gappy):
    trace = impute(gappy, cycles=3).trace
    assert len(trace) == 20 * 3 * 3
    assert set(trace["column"]) == {"age", "invasion", "sex"}
    assert list(trace["cycle"].unique()) == [1, 2, 3]


def test_nothing_missing_leaves_the_cohort(gappy):
    complete = read_cohort(patients(), ROLES)
    result = impute(complete)
    for cohort in result.cohorts:
        pd.testing.assert_frame_equal(cohort.frame, complete.frame)
    assert result.missing.empty
    strict = read_cohort(patients(), ROLES.model_copy(update={"missing": "error"}))
    pd.testing.assert_frame_equal(complete.frame, strict.frame)


def test_declared_categories_keep_their_type():
    frame = with_gaps(patients())
    frame["stage"] = frame["stage"].astype(pd.CategoricalDtype(["C", "B", "A"]))
    cohort = read_cohort(frame, ROLES)
    completed = impute(cohort, cycles=1).cohorts[0].frame
    assert list(completed["stage"].cat.categories) == ["C", "B", "A"]
    assert completed["stage"].notna().all()


def test_outcome_is_among_the_predictors():
    """The covariate acts through the outcome alone: without it, draws would be unrelated to it.

    Many patients, so that the log odds of invasion by death among the imputed is that among the
    known: tolerance of four standard errors from the counts of both.
    """
    frame = patients(4000)
    frame["invasion"] = frame["invasion"].mask(np.random.default_rng(1).random(4000) < 0.3)
    cohort = read_cohort(frame, ROLES)
    absent = cohort.frame["invasion"].isna()
    known = _log_odds_ratio(cohort.frame[~absent])
    drawn = [_log_odds_ratio(one.frame[absent]) for one in impute(cohort, cycles=1).cohorts]
    counts = cohort.frame[~absent].groupby(["event", "invasion"]).size()
    se = np.sqrt((1.0 / counts).sum())
    assert known > 5 * se
    assert np.mean(drawn) == pytest.approx(known, abs=4 * se)
    assert np.mean(drawn) > known / 2


def _log_odds_ratio(frame: pd.DataFrame) -> float:
    counts = frame.groupby(["event", "invasion"]).size()
    return float(np.log(counts[1, 1] * counts[0, 0] / counts[1, 0] / counts[0, 1]))


def test_a_covariate_unknown_in_a_center_is_said():
    frame = patients()
    frame["age"] = frame["age"].mask(frame["hospital"] == "south")
    note = "column age is known in no patient of center south: imputed as in center north"
    assert impute(read_cohort(frame, ROLES), cycles=1).notes == (note,)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ("months", "column months: 1 value missing; complete the data"),
        ("death", "only covariates are imputed"),
        ("arm", "only covariates are imputed"),
        ("hospital", "a center is not made up"),
    ],
)
def test_nothing_else_is_imputed(column, message):
    frame = patients()
    frame[column] = frame[column].astype(object)
    frame.loc[3, column] = None
    with pytest.raises(InputError, match=message):
        read_cohort(frame, ROLES)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ([np.nan] * 200, "column age: is missing in every patient"),
        ([50.0] + [np.nan] * 199, "column age: is missing or '50'"),
    ],
)
def test_a_covariate_without_information_is_refused_when_read(cells, message):
    with pytest.raises(InputError, match=message):
        read_cohort(patients().assign(age=cells), ROLES)


def test_counts_known_values_and_separation_are_refused(gappy):
    with pytest.raises(InputError) as caught:
        impute(gappy, imputations=5, cycles=0)
    assert [problem.where for problem in caught.value.problems] == ["imputations", "cycles"]
    few = gappy.frame.assign(age=gappy.frame["age"].mask(np.arange(200) >= 8))
    with pytest.raises(InputError, match="too few for the 8 predictors"):
        impute(replace(gappy, frame=few))
    empty = gappy.frame.assign(age=np.nan)
    with pytest.raises(InputError, match="column age: is missing in every patient"):
        impute(replace(gappy, frame=empty))
    # Everybody with invasion died, and nobody else.
    same = gappy.frame.assign(
        invasion=gappy.frame["event"].astype(float).mask(gappy.frame["invasion"].isna())
    )
    with pytest.raises(InputError, match=r"column invasion: cannot be imputed: .* event"):
        impute(replace(gappy, frame=same))


def test_an_analysis_refuses_missing_values_and_says_where_to_go(gappy):
    spec = AnalysisSpec.from_dict(
        {
            "model": {"name": "toy"},
            "data": ROLES.model_dump(exclude={"covariates"}, exclude_none=True),
            "hazard": {"formula": "treatment + age + C(stage) + invasion + sex"},
        }
    )
    with pytest.raises(InputError) as caught:
        build_study(gappy, spec)
    assert [problem.where for problem in caught.value.problems] == [
        f"column {name}" for name in ROLES.covariates
    ]
    assert "missing_data_analysis" in str(caught.value)
