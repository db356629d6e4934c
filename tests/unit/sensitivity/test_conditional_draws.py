"""Draws of missing values against the known distribution, statsmodels, and their own errors.

Tolerances are four Monte Carlo standard errors, worked out from the known variances.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, softmax
from statsmodels.imputation.mice import MICEData

from hccbayes.errors import InputError
from hccbayes.sensitivity.conditional_draws import (
    DONORS,
    binary_values,
    category_values,
    matched_values,
    standardized_predictors,
)

SLOPE, NOISE = 0.8, 0.6
PRESENT, ABSENT, REPEATS = 1400, 600, 60


def two_normals(rng: np.random.Generator) -> tuple[np.ndarray, pd.DataFrame, pd.DataFrame]:
    """Return y of those who have it, and x of both groups: y = 0.8 x + N(0, 0.6^2)."""
    x = rng.standard_normal(PRESENT + ABSENT)
    y = SLOPE * x + NOISE * rng.standard_normal(PRESENT + ABSENT)
    frame = pd.DataFrame({"x": x})
    return y[:PRESENT], frame[:PRESENT], frame[PRESENT:]


def line(x: pd.DataFrame, y: np.ndarray) -> np.ndarray:
    return np.polyfit(x["x"], y, 1)


def test_matched_values_have_the_normal_conditional_distribution(rng):
    y, present, absent = two_normals(rng)
    drawn = np.array([matched_values(y, present, absent, rng) for _ in range(REPEATS)])
    lines = np.array([line(absent, values) for values in drawn])
    # Given the known patients: a new line, and new values around it.
    se = NOISE * np.sqrt(1.0 / PRESENT + 1.0 / ABSENT)
    assert lines[:, 0].std(ddof=1) == pytest.approx(se, rel=4.0 / np.sqrt(2 * REPEATS))
    np.testing.assert_allclose(lines.mean(axis=0), line(present, y), atol=4 * se / REPEATS**0.5)
    # The variance around the truth: 600 values and 1,400 known ones bear on it.
    spread = np.mean((drawn - SLOPE * absent["x"].to_numpy()) ** 2)
    se = NOISE**2 * np.sqrt(2.0 / PRESENT + 2.0 / (ABSENT * REPEATS))
    assert spread == pytest.approx(NOISE**2, abs=4.0 * se)


def test_every_matched_value_is_a_known_one(rng):
    y, present, absent = two_normals(rng)
    assert set(matched_values(y, present, absent, rng)) <= set(y)


def test_matched_values_agree_with_statsmodels(rng):
    y, present, absent = two_normals(rng)
    frame = pd.DataFrame(
        {"y": np.r_[y, np.full(ABSENT, np.nan)], "x": pd.concat([present, absent])["x"]}
    )
    theirs = MICEData(frame, k_pmm=DONORS, rng=np.random.default_rng(4))
    means: dict[str, list[float]] = {"ours": [], "theirs": []}
    for _ in range(30):
        theirs.update_all()
        means["theirs"].append(theirs.data["y"].iloc[PRESENT:].mean())
        means["ours"].append(matched_values(y, present, absent, rng).mean())
    se = NOISE * np.sqrt((1.0 / PRESENT + 1.0 / ABSENT) / 30.0)
    assert np.mean(means["ours"]) == pytest.approx(np.mean(means["theirs"]), abs=4 * se * 2**0.5)


def test_equal_predictions_are_equally_likely_donors(rng):
    """One binary predictor: everybody of its value may be a donor, for each patient anew."""
    present = pd.DataFrame({"x": np.repeat([-1.0, 1.0], 100)})
    y = np.where(present["x"] > 0, 10.0, 0.0) + np.arange(200) / 1000.0
    absent = pd.DataFrame({"x": np.ones(2000)})
    drawn = matched_values(y, present, absent, rng)
    counts = pd.Series(drawn).value_counts()
    assert drawn.min() >= 10.0
    # 2,000 draws of 100: none may be missed (chance 2e-7) and none taken three times too often.
    assert len(counts) == 100
    assert counts.max() < 60


def test_binary_values_have_the_logistic_chance(rng):
    n = 4000
    x = pd.DataFrame({"x": rng.standard_normal(n)})
    y = (rng.random(n) < expit(-0.5 + x["x"])).astype(float).to_numpy()
    absent = pd.DataFrame({"x": np.repeat([-1.0, 0.0, 1.0], 4000)})
    drawn = np.mean([binary_values(y, x, absent, rng) for _ in range(10)], axis=0)
    found = drawn.reshape(3, -1).mean(axis=1)
    # Of each chance: 40,000 draws and a coefficient's error of about 0.05 on the logit scale.
    np.testing.assert_allclose(found, expit([-1.5, -0.5, 0.5]), atol=4 * 0.05 / 4)


def test_coefficients_are_drawn_too(rng):
    """Forty patients, the chance at x = 0: its posterior sd is that of the intercept."""
    x = pd.DataFrame({"x": np.tile([-1.0, 1.0], 20)})
    y = np.tile([0.0, 0.0, 1.0, 1.0], 10)
    absent = pd.DataFrame({"x": np.zeros(4000)})
    chances = np.array([binary_values(y, x, absent, rng).mean() for _ in range(400)])
    # Information of the intercept is 40 / 4, so that its sd is 0.316.
    draws = expit(rng.normal(0.0, 10.0**-0.5, 4000))
    expected = np.sqrt(draws.var() + 0.25 / 4000)
    assert chances.std() == pytest.approx(expected, rel=4.0 / np.sqrt(2 * 400))


def test_categories_have_the_multinomial_chances(rng):
    n = 4000
    coefficients = np.array([[0.0, 0.5, -0.5], [0.0, 0.7, -0.7]])
    x = pd.DataFrame({"x": rng.standard_normal(n)})
    design = np.column_stack([np.ones(n), x])
    chance = softmax(design @ coefficients, axis=1)
    y = (rng.random((n, 1)) > chance.cumsum(axis=1)[:, :2]).sum(axis=1).astype(float)
    absent = pd.DataFrame({"x": np.repeat([-1.0, 1.0], 5000)})
    drawn = np.concatenate([category_values(y, x, absent, rng) for _ in range(8)])
    drawn = drawn.reshape(8, 2, -1)
    for row, value in enumerate((-1.0, 1.0)):
        expected = softmax(np.array([1.0, value]) @ coefficients)
        found = [(drawn[:, row] == code).mean() for code in range(3)]
        np.testing.assert_allclose(found, expected, atol=4 * 0.06 / 4)


@pytest.mark.parametrize("draw", [binary_values, category_values])
def test_separation_names_the_predictor(rng, draw):
    x = pd.DataFrame({"age": rng.standard_normal(90), "portal invasion": np.tile([0, 0, 1.0], 30)})
    y = np.where(x["portal invasion"] == 1, 1.0, 0.0)
    if draw is category_values:
        y[::6] = 2.0
    with pytest.raises(InputError, match="separated by .*portal invasion, so that"):
        draw(y, x, x[:3], rng)


def test_predictors_without_information_are_left_out(rng):
    present = pd.DataFrame({"a": rng.standard_normal(50), "constant": 3.0})
    present["twice a"] = 2.0 * present["a"] + 1.0
    kept, absent = standardized_predictors(present, present[:5] + 1.0)
    assert len(kept.columns) == 1
    np.testing.assert_allclose(kept.mean(), 0.0, atol=1e-12)
    np.testing.assert_allclose(kept.std(ddof=0), 1.0)
    assert absent.shape == (5, 1)
