"""The marginal hazard ratio: the limit of Cox regression on a whole population."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hccbayes import curves, defaults
from hccbayes.standardization import HazardDraws, Population, marginal_log_hr, mean_survival

CUTS = np.array([3.0, 6.0, 12.0])
BASELINE = np.array([0.05, 0.09, 0.08, 0.05])


def draws(log_hr: float, coefficient: float = 0.0, baseline: np.ndarray = BASELINE) -> HazardDraws:
    return HazardDraws(
        baseline=baseline[None, None, :],
        treatment=np.array([log_hr]),
        treatment_mean=0.5,
        covariates=np.array([[coefficient]]),
        center_effect=np.zeros((1, 1)),
        center_slope=np.zeros((1, 1)),
        cuts=CUTS[: len(baseline) - 1],
    )


def people(values: np.ndarray, weight: np.ndarray) -> Population:
    return Population(
        covariates=values[:, None], center_index=np.zeros(len(values), dtype=np.intp), weight=weight
    )


def uniform_censoring(times: np.ndarray, first: float, last: float) -> np.ndarray:
    """Return the probability of being uncensored where censoring is uniform on (first, last)."""
    return np.interp(times, [first, last], [1.0, 0.0])


def marginal(
    hazards: HazardDraws, population: Population, *, censoring: tuple[float, float], points: int
) -> float:
    grid = np.linspace(0.0, censoring[1], points)
    treated, control = (
        mean_survival(hazards, population, arm, grid) for arm in ("treated", "control")
    )
    middle = (grid[:-1] + grid[1:]) / 2
    return float(marginal_log_hr(treated, control, uniform_censoring(middle, *censoring))[0])


EVERYBODY = people(np.zeros(1), np.ones(1))
MIXTURE = people(np.array([0.0, 1.5]), np.array([0.6, 0.4]))


@pytest.mark.parametrize("log_hr", [-1.0, -0.5, 0.3])
def test_without_covariates_it_is_the_conditional_one(log_hr: float) -> None:
    fine = marginal(draws(log_hr), EVERYBODY, censoring=(6, 24), points=601)
    assert fine == pytest.approx(log_hr, abs=1e-6)


def test_the_error_of_the_grid_falls_with_the_square_of_its_step() -> None:
    coarse, fine = (
        marginal(draws(-1.0), EVERYBODY, censoring=(6, 24), points=points) + 1.0
        for points in (defaults.CURVE_POINTS, 2 * defaults.CURVE_POINTS - 1)
    )
    assert coarse / fine == pytest.approx(4.0, rel=0.02)  # the next order is (1/60)^2 of the first
    assert abs(coarse) < 1e-4  # against posterior standard deviations of 0.1 and more


@pytest.mark.parametrize("coefficient", [0.0, 1.0, 2.0])
def test_no_effect_stays_no_effect(coefficient: float) -> None:
    value = marginal(draws(0.0, coefficient), MIXTURE, censoring=(6, 30), points=61)
    assert value == pytest.approx(0.0, abs=1e-12)


def test_it_lies_between_the_conditional_one_and_one() -> None:
    value = marginal(draws(-0.7, 1.0), MIXTURE, censoring=(6, 30), points=61)
    assert -0.7 < value < -0.5


def test_it_is_symmetric_in_the_arms() -> None:
    forward = marginal(draws(-0.7, 1.0), MIXTURE, censoring=(6, 30), points=61)
    # Exchanging the arms is a sign change of the effect around the same average hazard.
    backward = marginal(draws(0.7, 1.0), MIXTURE, censoring=(6, 30), points=61)
    assert backward == pytest.approx(-forward, abs=1e-10)


def test_draws_are_solved_one_by_one() -> None:
    grid = np.linspace(0.0, 24.0, 61)
    treated = np.exp(-np.outer([0.02, 0.05, 0.1], grid))
    control = np.exp(-np.outer([0.05, 0.05, 0.05], grid))
    together = marginal_log_hr(treated, control, np.ones(60))
    alone = [marginal_log_hr(treated[[k]], control[[k]], np.ones(60))[0] for k in range(3)]
    np.testing.assert_allclose(together, alone, atol=1e-9)  # the solver stops at steps of 1e-10
    # Proportional hazards: the log of 0.4, 1 and 2, up to the grid.
    np.testing.assert_allclose(together, np.log([0.4, 1.0, 2.0]), atol=1e-3)


@pytest.mark.parametrize(("conditional", "printed"), [(0.36, 0.42), (0.50, 0.56), (0.70, 0.74)])
def test_simulated_values_of_the_specification(conditional: float, printed: float) -> None:
    # Section 8: sd(x'gamma) = 0.6, follow-up 12 to 60 months, Cox fits on simulated patients.
    # Here the normal covariate is integrated by Gauss-Hermite quadrature; the average control
    # patient has a median of 10 months.
    nodes, weight = np.polynomial.hermite_e.hermegauss(41)
    population = people(nodes, weight / weight.sum())
    hazard = np.array([np.log(2) / 10]) * np.sqrt(conditional)  # the effect is centered at 0.5
    exponential = draws(np.log(conditional), 0.6, hazard)
    value = marginal(exponential, population, censoring=(12, 60), points=241)
    assert round(np.exp(value), 2) == printed


@pytest.mark.parametrize("patients", [20_000, pytest.param(200_000, marks=pytest.mark.slow)])
def test_it_is_what_cox_regression_finds_in_a_simulated_population(patients: int) -> None:
    from lifelines import CoxPHFitter

    rng = np.random.default_rng(7)
    treated = np.repeat([0.0, 1.0], patients // 2)
    sick = np.where(rng.random(patients) < 0.6, 0.0, 1.5)
    ratio = np.exp(-0.7 * (treated - 0.5) + sick)
    event_time = curves.time_at_cumulative_hazard(
        ratio[:, None] * BASELINE, rng.standard_exponential(patients), CUTS
    )
    censored = rng.uniform(6, 30, patients)
    frame = pd.DataFrame(
        {
            "time": np.minimum(event_time, censored),
            "event": event_time <= censored,
            "treated": treated,
        }
    )
    cox = CoxPHFitter().fit(frame, "time", "event")
    limit = marginal(draws(-0.7, 1.0), MIXTURE, censoring=(6, 30), points=defaults.CURVE_POINTS)
    error = float(cox.standard_errors_["treated"])
    assert error < 2.4 / np.sqrt(patients)
    assert abs(limit - cox.params_["treated"]) < 3 * error
    # The conditional ratio is far outside: the test tells them apart.
    assert abs(-0.7 - cox.params_["treated"]) > 8 * error
