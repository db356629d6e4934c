"""Cox regression standardized over a population: by hand, by quadrature, by numerical slopes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hccbayes.errors import InputError
from hccbayes.frequentist.cox import cox
from hccbayes.frequentist.identifiability import NotEstimableError
from hccbayes.frequentist.standardized_cox import (
    standardized_cox,
    standardized_marginal_log_hr,
)
from hccbayes.frequentist.standardized_rows import ReadingTimes, standardized_estimates
from hccbayes.standardization import marginal_log_hr

TIMES = np.array([3.0, 9.0, 15.0])


@pytest.fixture
def patients() -> pd.DataFrame:
    """60 patients with tied months, delayed entry and two covariates."""
    rng = np.random.default_rng(5)
    n = 60
    treatment = rng.integers(0, 2, n).astype(float)
    age = rng.normal(0, 1, n)
    death = rng.exponential(12 * np.exp(0.5 * treatment - 0.4 * age))
    end = rng.uniform(6, 30, n)
    time = np.maximum(np.ceil(np.minimum(death, end)), 1.0)
    return pd.DataFrame(
        {
            "entry": np.where(rng.random(n) < 0.2, 0.5, 0.0),
            "time": time,
            "event": (death <= end).astype(float),
            "treatment": treatment,
            "age": age,
        }
    )


def curves(patients: pd.DataFrame, terms: list[str], **options):
    follow_up = (patients[name] for name in ("entry", "time", "event"))
    return standardized_cox(patients[terms], *follow_up, **options)


def test_five_patients_by_hand():
    # Distinct times, one covariate: baseline jumps are 1 / sum of hazards at risk.
    frame = pd.DataFrame(
        {
            "entry": 0.0,
            "time": [1.0, 2.0, 3.0, 4.0, 5.0],
            "event": [1.0, 1.0, 0.0, 1.0, 0.0],
            "treatment": [0.0, 1.0, 0.0, 1.0, 0.0],
        }
    )
    follow_up = (frame[name] for name in ("entry", "time", "event"))
    ratio = float(np.exp(cox(frame[["treatment"]], *follow_up).coef[0]))
    jumps = 1 / np.array([3 + 2 * ratio, 2 + 2 * ratio, 1 + ratio])
    found = curves(frame, ["treatment"])
    control = np.exp(-np.cumsum(jumps))
    np.testing.assert_allclose(found["control"].at([1, 2, 4]).value, control, rtol=1e-8)
    np.testing.assert_allclose(found["treated"].at([1, 2, 4]).value, control**ratio, rtol=1e-8)
    np.testing.assert_array_equal(found["control"].time, [0, 1, 2, 4])
    assert found["control"].at([0.5]).value.tolist() == [1.0]
    assert found["control"].at([0.5]).se.tolist() == [0.0]
    area = 1 + control[0] + 2 * control[1] + control[2]
    assert found["control"].restricted_mean(5.0).value[0] == pytest.approx(area, rel=1e-8)
    short = 1 + control[0] + 0.5 * control[1]
    assert found["control"].restricted_mean(2.5).value[0] == pytest.approx(short, rel=1e-8)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_standard_errors_by_numerical_slopes(patients, ties):
    """The delta method with every slope a difference quotient.

    Coefficients vary with their covariance; for given coefficients the hazards of the denominators
    are independent with variance deaths / total squared.
    """
    terms = ["treatment", "age"]
    follow_up = [patients[name].to_numpy() for name in ("entry", "time", "event")]
    fit = cox(patients[terms], *follow_up, ties=ties)
    values = patients[terms].to_numpy()

    def denominators(beta):
        entry, stop, event = follow_up
        risk = np.exp(values @ beta)
        for time in np.unique(stop[event == 1]):
            dying = (stop == time) & (event == 1)
            at_risk = (((entry == 0) | (entry < time)) & (stop >= time)).astype(float)
            count = int(dying.sum())
            for gone in range(count) if ties == "efron" else (0,):
                total = risk @ (at_risk - dying * gone / count)
                yield time, 1 if ties == "efron" else count, total

    def survival(beta, noise):
        hazards = [
            (time, deaths / total + own)
            for (time, deaths, total), own in zip(denominators(beta), noise, strict=True)
        ]
        cumulative = np.array([sum(h for time, h in hazards if time <= t) for t in TIMES])
        means = []
        for value in (1.0, 0.0):
            risk = np.exp(np.column_stack([np.full(len(values), value), values[:, 1:]]) @ beta)
            means.append(np.exp(-np.outer(cumulative, risk)).mean(axis=1))
        return np.array(means)

    size = len(list(denominators(fit.coef)))
    spread = [np.sqrt(deaths) / total for _, deaths, total in denominators(fit.coef)]
    zero, step = np.zeros(size), 1e-6

    def log_likelihood(beta):
        entry, stop, event = follow_up
        return (values @ beta) @ event - sum(
            deaths * np.log(total) for _, deaths, total in denominators(beta)
        )

    basis = np.eye(2)
    h = 1e-4
    information = -np.array(
        [
            [
                (
                    log_likelihood(fit.coef + h * (a + b))
                    - log_likelihood(fit.coef + h * (a - b))
                    - log_likelihood(fit.coef - h * (a - b))
                    + log_likelihood(fit.coef - h * (a + b))
                )
                / (4 * h * h)
                for b in basis
            ]
            for a in basis
        ]
    )
    by_coef = np.stack(
        [
            (survival(fit.coef + step * one, zero) - survival(fit.coef - step * one, zero))
            / (2 * step)
            for one in basis
        ],
        axis=-1,
    )
    own = np.stack(
        [
            (survival(fit.coef, step * one) - survival(fit.coef, -step * one)) / (2 * step)
            for one in np.eye(size)
        ],
        axis=-1,
    )
    difference = np.concatenate([by_coef, by_coef[:1] - by_coef[1:]])
    own = np.concatenate([own, own[:1] - own[1:]])
    variance = np.einsum("atp,pq,atq->at", difference, np.linalg.inv(information), difference)
    expected = np.sqrt(variance + np.einsum("ats,s->at", own**2, np.square(spread)))
    found = curves(patients, terms, ties=ties)
    treated, control = (found[arm].at(TIMES) for arm in ("treated", "control"))
    point = survival(fit.coef, zero)
    np.testing.assert_allclose([treated.value, control.value], point, rtol=1e-9)
    ours = [treated.se, control.se, treated.minus(control).se]
    np.testing.assert_allclose(ours, expected, rtol=1e-5)


def test_restricted_mean_is_the_integral_of_the_curve(patients):
    found = curves(patients, ["treatment", "age"])["treated"]
    grid = np.arange(0, 18, 0.001)
    assert found.restricted_mean(18.0).value[0] == pytest.approx(
        found.at(grid).value.sum() * 0.001, abs=2e-3
    )
    # The same of its loadings: a mean over times is a mean of loadings.
    loadings = found.at(grid).loadings.sum(axis=0) * 0.001
    np.testing.assert_allclose(
        found.restricted_mean(18.0).loadings[0],
        loadings,
        rtol=0,
        atol=2e-3 * np.abs(loadings).max(),
    )


def test_marginal_hazard_ratio_without_covariates_is_cox_own(patients):
    """Both arms alike apart from treatment: proportional, so that the marginal ratio is its own."""
    frame = patients.assign(entry=0.0)
    follow_up = [frame[name] for name in ("entry", "time", "event")]
    fit = cox(frame[["treatment"]], *follow_up)
    found = curves(frame, ["treatment"])
    grid = np.arange(0.0, 24.5, 1.0)
    censoring = np.linspace(1.0, 0.3, len(grid) - 1)
    marginal = standardized_marginal_log_hr(found, grid, censoring)
    # Survival between grid points is taken as exponential: equal in both arms up to the grid.
    assert marginal.value[0] == pytest.approx(fit.coef[0], abs=0.01)
    assert marginal.se[0] == pytest.approx(fit.se[0], rel=0.02)


def test_marginal_hazard_ratio_moves_with_the_curves(patients):
    found = curves(patients, ["treatment", "age"])
    grid = np.linspace(0.0, 24.0, 33)
    censoring = np.ones(32)
    marginal = standardized_marginal_log_hr(found, grid, censoring)
    treated, control = (found[arm].at(grid) for arm in ("treated", "control"))
    # One error at a time, moved by a small amount: the loading is the slope.
    for error in (0, 1, 5):
        shift = 1e-5
        moved = marginal_log_hr(
            (treated.value + shift * treated.loadings[:, error])[None],
            (control.value + shift * control.loadings[:, error])[None],
            censoring,
        )[0]
        slope = (moved - marginal.value[0]) / shift
        assert slope == pytest.approx(marginal.loadings[0, error], rel=1e-3, abs=1e-5)


def test_a_population_is_an_average(patients):
    terms = ["treatment", "age"]
    one = np.zeros(len(patients))
    one[3] = 2.0
    other = np.zeros(len(patients))
    other[7] = 1.0
    both = curves(patients, terms, population=(one + 2 * other) / 4)["treated"].at(TIMES)
    alone = [curves(patients, terms, population=own)["treated"].at(TIMES) for own in (one, other)]
    np.testing.assert_allclose(both.value, (alone[0].value + alone[1].value) / 2, rtol=1e-12)
    np.testing.assert_allclose(
        both.loadings, (alone[0].loadings + alone[1].loadings) / 2, rtol=1e-9, atol=1e-14
    )


def test_units_of_a_covariate_do_not_matter(patients):
    own = curves(patients, ["treatment", "age"])["control"].at(TIMES)
    scaled = patients.assign(age=2000.0 + 300.0 * patients["age"])
    other = curves(scaled, ["treatment", "age"])["control"].at(TIMES)
    np.testing.assert_allclose(other.value, own.value, rtol=1e-8)
    np.testing.assert_allclose(other.se, own.se, rtol=1e-7)


@pytest.mark.parametrize(
    "population", [[1.0], np.full(60, np.nan), -np.ones(60), np.zeros(60)], ids=str
)
def test_wrong_populations_are_refused(patients, population):
    with pytest.raises(InputError, match="population"):
        curves(patients, ["treatment"], population=population)


def test_treatment_comes_first(patients):
    with pytest.raises(InputError, match="first column must be `treatment`"):
        curves(patients, ["age", "treatment"])


def test_without_events_nothing_is_estimable(patients):
    with pytest.raises(NotEstimableError, match="no event"):
        curves(patients.assign(event=0.0), ["treatment"])


READING = ReadingTimes(
    times=[6.0, 12.0],
    horizon=18.0,
    grid=np.linspace(0.0, 18.0, 19),
    censoring_survival=np.ones(18),
)


def estimates(patients: pd.DataFrame) -> pd.DataFrame:
    targets = {"ate": np.ones(len(patients)), "att": patients["treatment"]}
    design = patients[["treatment", "age"]]
    return standardized_estimates(patients, design, targets, READING, model="toy", prob=0.9)


def test_rows_of_two_populations(patients):
    table = estimates(patients)
    assert set(table["population"]) == {"ate", "att"}
    assert set(table["method"]) == {"cox_efron_standardized"}
    counts = table.groupby("population")["estimand"].value_counts().loc["ate"].to_dict()
    assert counts == {
        "log_marginal_hr": 1,
        "marginal_hr": 1,
        "survival": 4,
        "survival_difference": 2,
        "rmst": 2,
        "rmst_difference": 1,
        "median": 2,
        "median_difference": 1,
    }
    assert table.attrs["notes"] == ()


def test_limits_of_rows(patients):
    table = estimates(patients).query("population == 'ate'")
    found = curves(patients, ["treatment", "age"])["treated"].at([12.0])
    row = table.query("estimand == 'survival' and contrast == 'treated' and time == 12").iloc[0]
    assert row["lower"] == pytest.approx(
        found.value[0] * np.exp(-1.6448536269514722 * found.se[0] / found.value[0])
    )
    assert (row["interval_kind"], row["interval_prob"]) == ("log", 0.9)
    gain = table.query("estimand == 'rmst_difference'").iloc[0]
    means = table.query("estimand == 'rmst'").set_index("contrast")["estimate"]
    assert gain["estimate"] == pytest.approx(means["treated"] - means["control"])
    assert gain["interval_kind"] == "wald"
    medians = table.query("estimand == 'median'").set_index("contrast")
    assert (medians["lower"] <= medians["estimate"]).all()


def test_rows_of_what_is_not_estimable_are_a_note(patients):
    silent = patients.assign(event=patients["event"].where(patients["treatment"] == 0, 0.0))
    table = estimates(silent)
    assert table.empty
    (note,) = table.attrs["notes"]
    assert note.startswith("cox_efron_standardized: not estimable: term treatment")
