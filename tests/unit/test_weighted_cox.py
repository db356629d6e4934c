from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from lifelines import CoxPHFitter

from hccbayes.errors import InputError
from hccbayes.frequentist.cox import cox
from hccbayes.frequentist.episodes import Episodes
from hccbayes.frequentist.identifiability import NotEstimableError
from hccbayes.frequentist.partial_likelihood import likelihood_slots, partial_likelihood
from hccbayes.frequentist.weighted_cox import weighted_cox

TERMS = ["treatment", "age_years"]


@pytest.fixture
def patients() -> pd.DataFrame:
    """Sixty patients with ties, delayed entry, weights, strata and clusters."""
    rng = np.random.default_rng(20261121)
    n = 60
    time = np.ceil(rng.exponential(12, n)) + 1
    return pd.DataFrame(
        {
            "treatment": rng.integers(0, 2, n).astype(float),
            "age_years": rng.normal(60, 10, n),
            "entry": np.where(rng.random(n) < 0.3, rng.uniform(0, 1.5, n), 0.0),
            "time": time,
            "event": (rng.random(n) < 0.7).astype(int),
            "weight": rng.uniform(0.2, 3, n),
            "stratum": rng.choice(["north", "south"], n),
            "cluster": rng.integers(0, 25, n),
        }
    )


def follow_up(patients: pd.DataFrame) -> tuple[pd.Series, pd.Series, pd.Series]:
    return patients["entry"], patients["time"], patients["event"]


def score_by_loops(patients: pd.DataFrame, coef: np.ndarray, weights: np.ndarray, ties: str):
    """Value and score of the weighted partial likelihood, patient by patient (Efron, Breslow)."""
    x = patients[TERMS].to_numpy()
    entry, time, event = (values.to_numpy() for values in follow_up(patients))
    risk = weights * np.exp(x @ coef)
    value, score = 0.0, np.zeros(2)
    for moment in np.unique(time[event == 1]):
        at_risk = np.flatnonzero((entry < moment) & (time >= moment))
        dying = np.flatnonzero((time == moment) & (event == 1))
        for order, row in enumerate(dying):
            value += weights[row] * (x[row] @ coef)
            score += weights[row] * x[row]
            gone = order / len(dying) if ties == "efron" else 0.0
            total = risk[at_risk].sum() - gone * risk[dying].sum()
            first = risk[at_risk] @ x[at_risk] - gone * (risk[dying] @ x[dying])
            value -= weights[dying].mean() * np.log(total)
            score -= weights[dying].mean() * first / total
    return value, score


def test_weight_of_two_by_hand():
    # A control of weight 1 dies, then a treated of weight 2, a control of weight 1 survives:
    # r / (1 + r) = 2 / (1 + 2 r) has the root r = (1 + sqrt(17)) / 4.
    design = pd.DataFrame({"treatment": [0.0, 1.0, 0.0]})
    fit = weighted_cox(design, np.zeros(3), [1, 2, 3], [1, 1, 0], [1, 2, 1])
    ratio = (1 + np.sqrt(17)) / 4
    assert fit.coef[0] == pytest.approx(np.log(ratio), rel=1e-10)
    information = ratio / (1 + ratio) ** 2 + 2 * 2 * ratio / (1 + 2 * ratio) ** 2
    assert fit.model_se[0] == pytest.approx(information**-0.5, rel=1e-10)
    # Score residuals: x - mean at the own death, less exp(b) (x - mean) dN / S0 at each one.
    first, second = ratio / (1 + ratio), 2 * ratio / (1 + 2 * ratio)
    residuals = [
        -first + first / (2 + 2 * ratio),
        (1 - second) - ratio * (1 - first) / (2 + 2 * ratio)
        - ratio * (1 - second) * 2 / (1 + 2 * ratio),
        first / (2 + 2 * ratio) + second * 2 / (1 + 2 * ratio),
    ]  # fmt: skip
    np.testing.assert_allclose(fit.score_residuals[:, 0], residuals, rtol=1e-10)
    robust = np.sqrt(np.sum((np.array([1, 2, 1]) * residuals) ** 2)) / information
    assert fit.robust_se[0] == pytest.approx(robust, rel=1e-10)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_value_score_and_information_are_the_loops(patients, ties):
    coef, weights = np.array([0.3, -0.02]), patients["weight"].to_numpy()
    slots = likelihood_slots(Episodes.of(*follow_up(patients)), np.zeros(60, dtype=np.intp), ties)
    found = partial_likelihood(patients[TERMS].to_numpy(), weights, slots, coef)
    value, score = score_by_loops(patients, coef, weights, ties)
    assert found.value == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(found.score, score, rtol=1e-9)
    np.testing.assert_allclose(weights @ found.residuals, score, rtol=1e-9)
    step = 1e-5
    for term in range(2):
        shift = step * np.eye(2)[term]
        above, below = (
            score_by_loops(patients, coef + sign * shift, weights, ties)[1] for sign in (1, -1)
        )
        # Central differences leave step^2 times the third derivative, of the order of 1e-7.
        np.testing.assert_allclose(found.information[term], (below - above) / (2 * step), rtol=1e-6)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_residuals_are_derivatives_of_the_score_by_weight(patients, ties):
    coef, weights = np.array([0.3, -0.02]), patients["weight"].to_numpy()
    slots = likelihood_slots(Episodes.of(*follow_up(patients)), np.zeros(60, dtype=np.intp), ties)
    found = partial_likelihood(patients[TERMS].to_numpy(), weights, slots, coef)
    step = 1e-5
    for row in range(0, 60, 7):
        above, below = (
            score_by_loops(patients, coef, weights + sign * step * np.eye(60)[row], ties)[1]
            for sign in (1, -1)
        )
        np.testing.assert_allclose(
            found.residuals[row], (above - below) / (2 * step), rtol=1e-6, atol=1e-7
        )


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_sensitivity_is_the_derivative_of_the_coefficients(patients, ties):
    design, weights = patients[TERMS], patients["weight"].to_numpy()

    def coefficients(values):
        return weighted_cox(design, *follow_up(patients), values, ties=ties).coef

    fit = weighted_cox(design, *follow_up(patients), weights, ties=ties)
    step = 1e-4
    for row in range(0, 60, 7):
        shift = step * np.eye(60)[row]
        numeric = (coefficients(weights + shift) - coefficients(weights - shift)) / (2 * step)
        np.testing.assert_allclose(fit.sensitivity[row], numeric, rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(fit.dfbeta.sum(axis=0), 0, atol=1e-9)


def test_without_weights_it_is_the_cox_model(patients):
    strata = patients["stratum"]
    fit = weighted_cox(patients[TERMS], *follow_up(patients), np.ones(60), strata=strata)
    plain = cox(patients[TERMS], *follow_up(patients), strata=strata)
    np.testing.assert_allclose(fit.coef, plain.coef, rtol=1e-8)
    np.testing.assert_allclose(fit.model_se, plain.se, rtol=1e-8)
    assert fit.log_likelihood == pytest.approx(plain.log_likelihood, rel=1e-12)
    assert (fit.rows, fit.events, fit.clusters) == (60, plain.events, 60)


def test_robust_and_clustered_variance_without_ties_are_those_of_lifelines(patients):
    frame = patients.assign(time=patients["time"] + np.arange(60) / 1000)
    columns = [*TERMS, "time", "event", "weight"]
    for cluster in (None, "cluster"):
        other = CoxPHFitter().fit(
            frame[columns if cluster is None else [*columns, cluster]],
            "time",
            "event",
            weights_col="weight",
            cluster_col=cluster,
            robust=True,
            fit_options={"precision": 1e-16, "r_precision": 0.0},
        )
        fit = weighted_cox(
            frame[TERMS],
            np.zeros(60),
            frame["time"],
            frame["event"],
            frame["weight"],
            cluster=None if cluster is None else frame[cluster],
        )
        np.testing.assert_allclose(fit.coef, other.params_[TERMS], rtol=1e-8)
        np.testing.assert_allclose(fit.robust_se, other.standard_errors_[TERMS], rtol=1e-7)


def test_whole_weights_are_replicates_with_breslows_ties(patients):
    count = np.arange(60) % 3 + 1
    weighted = weighted_cox(patients[TERMS], *follow_up(patients), count, ties="breslow")
    rows = np.repeat(np.arange(60), count)
    copies = patients.iloc[rows]
    fit = weighted_cox(
        copies[TERMS], *follow_up(copies), np.ones(len(rows)), cluster=rows, ties="breslow"
    )
    np.testing.assert_allclose(weighted.coef, fit.coef, rtol=1e-9)
    np.testing.assert_allclose(weighted.model_se, fit.model_se, rtol=1e-9)
    np.testing.assert_allclose(weighted.robust_se, fit.robust_se, rtol=1e-9)
    assert fit.clusters == 60


def test_scale_of_the_weights_moves_the_model_variance_alone(patients):
    fit, scaled = (
        weighted_cox(patients[TERMS], *follow_up(patients), factor * patients["weight"])
        for factor in (1, 1e4)
    )
    np.testing.assert_allclose(scaled.coef, fit.coef, rtol=1e-9)
    np.testing.assert_allclose(scaled.robust_se, fit.robust_se, rtol=1e-9)
    np.testing.assert_allclose(scaled.model_se, fit.model_se / 100, rtol=1e-9)


def test_a_patient_of_weight_zero_is_not_there(patients):
    weights = patients["weight"].where(np.arange(60) % 4 > 0, 0.0)
    kept = patients[weights > 0]
    fit = weighted_cox(patients[TERMS], *follow_up(patients), weights)
    without = weighted_cox(kept[TERMS], *follow_up(kept), kept["weight"])
    np.testing.assert_allclose(fit.coef, without.coef, rtol=1e-10)
    np.testing.assert_allclose(fit.robust_se, without.robust_se, rtol=1e-9)
    np.testing.assert_allclose(fit.dfbeta[weights > 0], without.dfbeta, rtol=1e-8, atol=1e-12)
    assert (fit.dfbeta[weights == 0] == 0).all()
    assert fit.rows == 45


@pytest.mark.parametrize("factor", [1, 1e-6])
def test_separation_names_the_term(patients, factor):
    event = np.where(patients["treatment"] == 1, 0, patients["event"])
    with pytest.raises(NotEstimableError, match="separation") as raised:
        weighted_cox(
            patients[["age_years", "treatment"]],
            patients["entry"],
            patients["time"],
            event,
            factor * patients["weight"],
        )
    assert [problem.where for problem in raised.value.problems] == ["term treatment"]


@pytest.mark.parametrize("seed", [3, 5])
def test_steps_that_overshoot_are_halved(seed):
    rng = np.random.default_rng(seed)
    rare = (np.arange(40) < 2).astype(float)
    covariate = rng.normal(size=40)
    time = np.argsort(np.argsort(-4 * rare - covariate + rng.gumbel(size=40))) + 1.0
    design = pd.DataFrame({"rare": rare, "covariate": covariate})
    fit = weighted_cox(design, np.zeros(40), time, np.ones(40), np.ones(40))
    plain = cox(design, np.zeros(40), time, np.ones(40))
    np.testing.assert_allclose(fit.coef, plain.coef, rtol=1e-7)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weights": np.ones(59)}, "weights: one an episode is needed"),
        ({"weights": np.full(60, -1.0)}, "finite and at least 0"),
        ({"weights": np.full(60, np.nan)}, "finite and at least 0"),
        ({"weights": np.zeros(60)}, "nobody is left"),
        ({"ties": "exact"}, "choose from efron, breslow"),
        ({"cluster": [None] * 60}, "cluster: missing values"),
    ],
)
def test_wrong_input_is_refused(patients, changes, message):
    arguments = {"weights": patients["weight"]} | changes
    weights = arguments.pop("weights")
    with pytest.raises(InputError, match=message):
        weighted_cox(patients[TERMS], *follow_up(patients), weights, **arguments)


def test_what_is_not_determined_is_named(patients):
    with pytest.raises(NotEstimableError, match="term treatment: is constant"):
        weighted_cox(
            patients[TERMS], *follow_up(patients), patients["weight"] * patients["treatment"]
        )
    with pytest.raises(NotEstimableError, match="no event"):
        weighted_cox(
            patients[TERMS], patients["entry"], patients["time"], np.zeros(60), patients["weight"]
        )
