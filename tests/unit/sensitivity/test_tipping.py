"""The bias of an omitted confounder against published numbers, simulation and algebra."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from hccbayes.design import Design, Term
from hccbayes.errors import InputError
from hccbayes.frequentist.cox import cox
from hccbayes.sensitivity import (
    FollowUp,
    covariate_benchmarks,
    observed_log_hr,
    tipping_grid,
    tipping_point,
)
from hccbayes.sensitivity.tipping import LOG_HAZARD_RATIOS

END = 3.9
"""Follow-up, in mean survival times of patients without the confounder."""


def control_survival(ratio: float, share: float, times: np.ndarray) -> np.ndarray:
    return (1.0 - share) * np.exp(-times) + share * np.exp(-ratio * times)


def follow_up(ratio: float, share: float, *, end: float = END, steps: int = 200) -> FollowUp:
    """Constant hazard 1 without the confounder; entry even over the follow-up."""
    times = np.linspace(0.0, end, steps + 1)
    middle = (times[1:] + times[:-1]) / 2.0
    return FollowUp(
        control_survival=control_survival(ratio, share, times),
        censoring_survival=1.0 - middle / end,
    )


@pytest.mark.parametrize(("ratio", "array", "exact"), [(2.0, 0.75, 0.78), (3.0, 0.636, 0.695)])
def test_printed_bias_where_deaths_are_common(ratio, array, exact):
    """Prevalences 0.2 and 0.6, no effect of treatment; printed to two and three digits."""
    found = float(np.exp(observed_log_hr(ratio, 0.2, 0.6, follow_up(ratio, 0.6))))
    half_digit = 0.005 if exact == 0.78 else 0.0005
    assert found == pytest.approx(exact, abs=half_digit)
    assert found > array + 0.02


@pytest.mark.parametrize(("ratio", "log_hr"), [(2.0, 0.0), (3.0, 0.0), (3.0, math.log(0.5))])
def test_cox_regression_of_a_simulated_cohort(ratio, log_hr):
    """100,000 patients: Cox without the confounder, within four of its standard errors."""
    rng = np.random.default_rng(20261120)
    patients = 100_000
    treated = np.arange(patients) % 2
    carrier = rng.random(patients) < np.where(treated == 1, 0.2, 0.6)
    death = rng.exponential(np.exp(-log_hr * treated - np.log(ratio) * carrier))
    censoring = rng.uniform(0.0, END, patients)
    time, event = np.minimum(death, censoring), (death <= censoring).astype(int)
    fitted = cox(pd.DataFrame({"treatment": treated}), np.zeros(patients), time, event)
    expected = float(observed_log_hr(ratio, 0.2, 0.6, follow_up(ratio, 0.6), log_hr=log_hr))
    assert abs(fitted.coef[0] - expected) < 4.0 * fitted.se[0]


def test_rare_events_have_the_bias_of_the_array():
    """A thousandth of a mean survival time: the rest is of that order."""
    short = follow_up(3.0, 0.6, end=1e-3)
    found = observed_log_hr(3.0, 0.2, 0.6, short)
    assert float(found) == pytest.approx(math.log(1.4 / 2.2), abs=1e-3)


def test_no_bias_without_effect_or_difference():
    """Without an effect of treatment, equal prevalences leave equal curves."""
    own = follow_up(2.0, 0.5)
    # The midpoint rule over 200 steps leaves a twelfth of a squared step.
    step_error = (END / 200.0) ** 2 / 12.0
    assert float(observed_log_hr(1.0, 0.1, 0.9, own, log_hr=-0.7)) == pytest.approx(
        -0.7, abs=step_error
    )
    np.testing.assert_allclose(observed_log_hr([1.5, 4.0], 0.3, 0.3, own), 0.0, atol=1e-9)


def test_swapping_the_arms_turns_the_sign():
    """With the controls' own hazard: curves of the arms are swapped, and so is the ratio."""
    one = observed_log_hr(2.5, 0.2, 0.7, follow_up(2.5, 0.7))
    other = observed_log_hr(2.5, 0.7, 0.2, follow_up(2.5, 0.2))
    assert float(one) == pytest.approx(-float(other), abs=1e-9)


def test_everybody_or_nobody_carries_it():
    """Then the confounder is the arm: the observed ratio is one over G, whatever the survival."""
    own = follow_up(1.0, 0.0)
    assert float(observed_log_hr(4.0, 0.0, 1.0, own)) == pytest.approx(-math.log(4.0), abs=1e-3)
    assert float(observed_log_hr(4.0, 1.0, 0.0, own)) == pytest.approx(math.log(4.0), abs=1e-3)


@pytest.fixture
def draws(rng) -> np.ndarray:
    return rng.normal(-0.5, 0.2, (4, 1000))


def test_grid_counts_draws_below_the_bias(draws):
    own = follow_up(2.0, 0.4)
    grid = tipping_grid(
        draws, own, log_confounder_hr=np.log([1.0, 2.0, 3.0]), difference=[-0.4, 0.0, 0.4]
    )
    cell = grid.sel(log_confounder_hr=math.log(3.0), difference=-0.4)
    expected = float(observed_log_hr(3.0, 0.2, 0.6, own))
    assert float(cell["observed_log_hr"]) == pytest.approx(expected, abs=1e-12)
    assert float(cell["prob"]) == np.mean(draws < expected)
    assert (grid.sel(difference=0.0)["prob"] == np.mean(draws < 0)).all()
    assert (grid.isel(log_confounder_hr=0)["prob"] == np.mean(draws < 0)).all()
    # More of the confounder in the controls leaves less benefit.
    assert (np.diff(grid["prob"].isel(log_confounder_hr=2)) > 0).all()
    said = {"prevalence": 0.4, "threshold": 1.0, "bias": "exact"}
    assert grid.attrs == {**said, "synthetic": ""}
    marked = tipping_grid(draws, replace(own, synthetic="synthetic_chen2025"))
    assert marked.attrs == {**said, "synthetic": "synthetic_chen2025"}


def test_array_grid_finds_effects_easier_to_overturn(draws):
    own, cells = follow_up(2.0, 0.4), {"difference": [-0.4], "log_confounder_hr": [math.log(3.0)]}
    array = tipping_grid(draws, own, bias="array", **cells)
    exact = tipping_grid(draws, own, **cells)
    assert float(array["observed_log_hr"].item()) == pytest.approx(math.log(1.4 / 2.2), abs=1e-12)
    assert array["prob"].item() < exact["prob"].item()


def test_threshold_below_one(draws):
    own = follow_up(2.0, 0.4)
    grid = tipping_grid(draws, own, threshold=0.8, log_confounder_hr=[0.0], difference=[0.0])
    assert float(grid["prob"].item()) == np.mean(draws < math.log(0.8))


def test_smallest_confounder_by_hand():
    prob = [[0.99, 0.99, 0.99], [0.96, 0.97, 0.99], [0.90, 0.94, 0.99]]
    grid = xr.Dataset(
        {"prob": (("log_confounder_hr", "difference"), prob)},
        coords={"log_confounder_hr": [0.0, 0.5, 1.0], "difference": [-0.4, -0.2, 0.0]},
    )
    point = tipping_point(grid)
    assert point is not None
    assert point.confounder_hr == pytest.approx(math.e)
    assert point.difference == -0.2
    assert point.distance == pytest.approx(math.hypot(1.0, 0.2))
    assert point.prob == 0.94
    assert tipping_point(grid, prob=0.5) is None
    nothing = tipping_point(grid, prob=0.995)
    assert nothing is not None
    assert (nothing.confounder_hr, nothing.distance) == (1.0, 0.0)


def design() -> Design:
    """Eight patients: a binary covariate in 3 of 4 treated and 1 of 4 controls, and an age."""
    treatment = np.array([1.0] * 4 + [0.0] * 4)
    invasion = np.array([1.0, 1.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0])
    age = np.array([50.0, 52.0, 54.0, 56.0, 60.0, 62.0, 64.0, 66.0])
    scale = 2.0 * age.std(ddof=1)
    return Design(
        terms=(
            Term(name="invasion", kind="binary", mean=0.5, scale=1.0, contrast="invasion: 1 / 0"),
            Term(name="age", kind="continuous", mean=58.0, scale=scale, contrast="age: per 1"),
        ),
        matrix=np.column_stack([invasion - 0.5, (age - 58.0) / scale]),
        columns=pd.DataFrame({"invasion": invasion, "age": age}),
        treatment=treatment,
        centers=(),
        center_index=np.zeros(8, dtype=np.intp),
    )


def test_measured_covariates_as_benchmarks(draws):
    one = design()
    coefficients = np.broadcast_to(np.log([0.5, 1.8]), (4, 1000, 2))
    posterior = xr.Dataset(
        {
            "treatment": (("chain", "draw"), draws),
            "covariates": (("chain", "draw", "covariate"), coefficients),
        }
    )
    own = follow_up(2.0, 0.4)
    table = covariate_benchmarks(posterior, one, own).set_index("term")
    invasion, age = table.loc["invasion"], table.loc["age"]
    # Its absence is harmful, and more common in the controls.
    assert invasion["inverse"]
    assert invasion["hazard_ratio"] == pytest.approx(2.0)
    assert invasion["prevalence_treated"] == pytest.approx(0.25)
    assert invasion["prevalence_control"] == pytest.approx(0.75)
    assert invasion["difference"] == pytest.approx(-0.5)
    expected = float(observed_log_hr(2.0, 0.25, 0.75, own))
    assert invasion["prob"] == np.mean(draws < expected)
    assert not age["inverse"]
    assert age["hazard_ratio"] == pytest.approx(1.8)
    gap = -10.0 / one.scales[1]
    assert age["difference"] == pytest.approx(gap)
    assert age["prevalence_treated"] == pytest.approx(0.5 + gap / 2.0)
    limit = float(observed_log_hr(1.8, 0.5 + gap / 2.0, 0.5 - gap / 2.0, own))
    assert age["prob"] == np.mean(draws < limit)


def test_bad_input_is_named_at_once(draws):
    own = follow_up(2.0, 0.4)
    with pytest.raises(InputError) as caught:
        tipping_grid(
            [math.nan],
            own,
            prevalence=0.2,
            log_confounder_hr=[1.0, 0.5],
            threshold=0.0,
            bias="guess",  # type: ignore[arg-type]
        )
    assert {problem.where for problem in caught.value.problems} == {
        "log_hr",
        "threshold",
        "bias",
        "log_confounder_hr",
        "difference",
    }
    with pytest.raises(InputError, match="must be between 0 and 1"):
        tipping_grid(draws, own, prevalence=1.5)
    with pytest.raises(InputError, match="must be between 0 and 1"):
        tipping_point(tipping_grid(draws, own, log_confounder_hr=LOG_HAZARD_RATIOS[:2]), prob=95.0)
    with pytest.raises(InputError) as caught:
        FollowUp(control_survival=np.array([1.0, 0.5, 0.6]), censoring_survival=np.array([1.0]))
    assert len(caught.value.problems) == 2
    with pytest.raises(InputError, match="starts at 1"):
        FollowUp(control_survival=np.array([0.9, 0.5]), censoring_survival=np.array([1.0]))
