from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.optimize import minimize
from scipy.special import expit, log_expit

from hccbayes.errors import InputError
from hccbayes.frequentist.identifiability import NotEstimableError
from hccbayes.frequentist.logistic import logistic_regression


def two_by_two(*counts: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Patients of a table: treated and control with x = 1, treated and control with x = 0."""
    x = np.repeat([1.0, 1.0, 0.0, 0.0], counts)
    return pd.DataFrame({"x": x}), np.repeat([1.0, 0.0, 1.0, 0.0], counts)


@pytest.fixture
def patients() -> pd.DataFrame:
    rng = np.random.default_rng(20261120)
    age, afp = rng.normal(60, 10, 90), rng.lognormal(5, 1, 90)
    treatment = rng.binomial(1, expit(-0.03 * (age - 60) + 0.6 * (np.log(afp) - 5)))
    return pd.DataFrame({"age_years": age, "afp": afp, "treatment": treatment})


def test_two_by_two_is_the_cross_product():
    columns, treatment = two_by_two(6, 2, 3, 9)
    fit = logistic_regression(columns, treatment)
    np.testing.assert_allclose(fit.coef, [np.log(3 / 9), np.log(6 * 9 / (2 * 3))], rtol=1e-10)
    # Woolf's variance.
    assert fit.se[1] == pytest.approx(np.sqrt(1 / 6 + 1 / 2 + 1 / 3 + 1 / 9), rel=1e-10)
    np.testing.assert_allclose(fit.score, np.where(columns["x"] == 1, 6 / 8, 3 / 12), rtol=1e-10)
    assert fit.terms == ("Intercept", "x")
    assert fit.converged


def test_log_likelihood_without_covariates_is_the_binomials():
    _, treatment = two_by_two(6, 2, 3, 9)
    fit = logistic_regression(pd.DataFrame(index=range(20)), treatment)
    assert fit.coef[0] == pytest.approx(np.log(9 / 11), rel=1e-12)
    assert fit.log_likelihood == pytest.approx(9 * np.log(9 / 20) + 11 * np.log(11 / 20), rel=1e-12)
    assert fit.aic == pytest.approx(2 - 2 * fit.log_likelihood, rel=1e-14)


@pytest.mark.parametrize("counts", [(6, 2, 3, 9), (5, 0, 4, 7), (4, 0, 0, 3)])
def test_firth_of_a_saturated_table_adds_one_half_to_each_cell(counts):
    # Heinze & Schemper (2002): the penalty of a saturated model is Jeffreys' prior of its cells.
    fit = logistic_regression(*two_by_two(*counts), penalty="firth")
    a, b, c, d = np.add(counts, 0.5)
    assert fit.converged
    np.testing.assert_allclose(fit.coef, [np.log(c / d), np.log(a * d / (b * c))], rtol=1e-9)
    # Log-likelihood without the penalty, of the counts as they are.
    shares = np.array([a / (a + b), b / (a + b), c / (c + d), d / (c + d)])
    assert fit.log_likelihood == pytest.approx(np.sum(counts * np.log(shares)), rel=1e-9)


def test_firth_without_covariates_adds_one_half_to_each_arm():
    fit = logistic_regression(pd.DataFrame(index=range(5)), [1, 0, 0, 0, 0], penalty="firth")
    assert fit.coef[0] == pytest.approx(np.log(1.5 / 4.5), rel=1e-10)


def test_firth_maximizes_the_penalized_likelihood(patients):
    columns = patients[["age_years", "afp"]]
    arm = patients["treatment"].to_numpy()
    fit = logistic_regression(columns, arm, penalty="firth")
    scale = np.concatenate([[1.0], columns.std()])
    design = np.column_stack([np.ones(90), columns]) / scale

    def minus_penalized(coef):
        linear = design @ coef
        information = (design * (expit(linear) * expit(-linear))[:, None]).T @ design
        value = np.where(arm == 1, log_expit(linear), log_expit(-linear)).sum()
        return -value - 0.5 * np.linalg.slogdet(information)[1]

    found = minimize(minus_penalized, np.zeros(3), method="Nelder-Mead",
                     options={"xatol": 1e-8, "fatol": 1e-13, "maxiter": 5000})  # fmt: skip
    # Near its maximum the objective is flat to its rounding of 1e-14 within 1e-7 of the point.
    np.testing.assert_allclose(fit.coef * scale, found.x, rtol=0, atol=1e-6)
    assert minus_penalized(fit.coef * scale) <= found.fun + 1e-12
    ml = logistic_regression(columns, arm)
    assert (np.abs(fit.coef[1:]) < np.abs(ml.coef[1:])).all()


def test_maximum_likelihood_is_that_of_statsmodels(patients):
    columns = patients[["age_years", "afp"]]
    fit = logistic_regression(columns, patients["treatment"])
    other = sm.GLM(
        patients["treatment"], sm.add_constant(columns), family=sm.families.Binomial()
    ).fit(tol=1e-14)
    np.testing.assert_allclose(fit.coef, other.params, rtol=1e-9)
    np.testing.assert_allclose(fit.covariance, other.cov_params(), rtol=1e-7, atol=1e-12)
    assert fit.log_likelihood == pytest.approx(other.llf, rel=1e-12)
    np.testing.assert_allclose(fit.score, other.fittedvalues, rtol=1e-9)


def test_units_of_a_column_do_not_matter(patients):
    columns = patients[["age_years", "afp"]]
    fit = logistic_regression(columns, patients["treatment"])
    scaled = logistic_regression(columns * [1e-4, 1e5], patients["treatment"])
    np.testing.assert_allclose(scaled.coef * [1, 1e-4, 1e5], fit.coef, rtol=1e-9)
    np.testing.assert_allclose(scaled.score, fit.score, rtol=1e-12)


def test_complete_separation_names_the_term_and_the_remedy(patients):
    columns = patients[["afp", "age_years"]]
    treatment = (patients["age_years"] > 60).astype(int)
    with pytest.raises(NotEstimableError, match="Firth's penalty or a prior") as raised:
        logistic_regression(columns, treatment)
    assert "term age_years" in {problem.where for problem in raised.value.problems}
    fit = logistic_regression(columns, treatment, penalty="firth")
    assert fit.converged
    assert np.isfinite(fit.coef).all()


def test_quasi_complete_separation_names_only_its_term(patients):
    # A zero cell: nobody with the finding is a control.
    finding = (np.arange(90) % 9 == 0).astype(float)
    treatment = np.where(finding == 1, 1, patients["treatment"])
    columns = patients[["age_years"]].assign(finding=finding)
    with pytest.raises(NotEstimableError) as raised:
        logistic_regression(columns, treatment)
    assert [problem.where for problem in raised.value.problems] == ["term finding"]
    assert logistic_regression(columns, treatment, penalty="firth").coef[2] > 0


def test_dependent_and_constant_terms_are_named(patients):
    columns = patients[["age_years"]].assign(twice=2 * patients["age_years"] + 1, one=1.0)
    with pytest.raises(NotEstimableError, match="combination") as raised:
        logistic_regression(columns, patients["treatment"])
    assert [problem.where for problem in raised.value.problems] == ["term twice", "term one"]


@pytest.mark.parametrize(
    ("columns", "treatment", "message"),
    [
        ({"x": [1.0, 2, 3]}, [1, 1, 1], "both of them"),
        ({"x": [1.0, 2, 3]}, [1, 0], "one 0 or 1 a patient"),
        ({"x": [1.0, 2, 3]}, [1, 0, 2], "one 0 or 1 a patient"),
        ({"x": [1.0, np.nan, 3]}, [1, 0, 1], "term x: has missing"),
        ({"Intercept": [1.0, 2, 3]}, [1, 0, 1], "term Intercept: is added"),
    ],
)
def test_wrong_input_is_refused(columns, treatment, message):
    with pytest.raises(InputError, match=message):
        logistic_regression(pd.DataFrame(columns), treatment)


def test_unknown_penalty_is_refused():
    with pytest.raises(InputError, match="unknown penalty 'ridge'; choose from none, firth"):
        logistic_regression(*two_by_two(6, 2, 3, 9), penalty="ridge")  # type: ignore[arg-type]


def test_a_column_twice_is_refused(patients):
    with pytest.raises(InputError, match="term afp: stands among the columns twice"):
        logistic_regression(patients[["afp", "afp"]], patients["treatment"])
