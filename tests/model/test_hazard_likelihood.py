"""The model's log-likelihood against sums over patients written out by hand.

The hand calculation knows the patients and the formulas of the docstrings; it shares no code with
the package. Tolerance: a few hundred roundings of numbers below 100, each 1e-16 of its size.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pymc as pm
import pytensor.tensor as pt
import pytest
from scipy import stats
from scipy.linalg import helmert

from hccbayes.errors import InputError
from hccbayes.hazard_data import build_hazard_data
from hccbayes.hazard_model import build_hazard_model, model_data, prior_data

ROUNDING = 1e-11
CUTS = (3.0, 6.0, 12.0)
MIDDLE = np.array([1.5, 4.5, 9.0, 15.0])
"""The open interval from 12 months is as wide as the one before it."""
BASELINES = ("rw1", "rw2", "independent", "gamma")
CENTERS = ("none", "fixed", "hierarchical", "stratified")


def interval_of(month: float) -> int:
    """Interval (3, 6] holds month 6 and not month 3."""
    return sum(month > cut for cut in CUTS)


def event_shares(frame: pd.DataFrame) -> np.ndarray:
    died = frame[frame["death"] == 1]
    counts = np.zeros(4)
    for month in died["months"]:
        counts[interval_of(month)] += 1
    return counts / counts.sum()


def baseline_by_hand(baseline: str, point: dict, frame: pd.DataFrame) -> np.ndarray:
    share = event_shares(frame)
    if baseline == "gamma":
        return np.log(point["hazard"])
    level = np.log(np.log(2.0) / 10.0) + point["level"]
    if baseline == "independent":
        deviation = point["interval_deviation"]
    elif baseline == "rw1":
        deviation = [0.0]
        for j, z in enumerate(point["walk_step"]):
            sd = point["walk_sd"] * np.sqrt((MIDDLE[j + 1] - MIDDLE[j]) / 6.0)
            deviation.append(deviation[-1] + sd * z)
    else:
        deviation = second_order_by_hand(point, share)
    return level + deviation - np.sum(share * np.asarray(deviation))


def second_order_by_hand(point: dict, share: np.ndarray) -> np.ndarray:
    """Slopes per six months change by N(0, sd^2 * months / 6); the line is fitted and removed."""
    slope, position = 0.0, [0.0]
    for k in range(3):
        if k > 0:
            apart = (MIDDLE[k + 1] - MIDDLE[k - 1]) / 2.0
            slope += point["walk_sd"] * np.sqrt(apart / 6.0) * point["walk_step"][k - 1]
        position.append(position[-1] + slope * (MIDDLE[k + 1] - MIDDLE[k]) / 6.0)
    line = np.polyval(np.polyfit(MIDDLE, position, 1, w=np.sqrt(share)), MIDDLE)
    return np.asarray(position) - line + point["trend"] * MIDDLE / 12.0


def centered_by_hand(name: str, point: dict, frame: pd.DataFrame) -> dict[str, float]:
    """Center terms against their event-weighted mean, by hospital."""
    labels = sorted(frame["hospital"].unique())
    if f"{name}_half_contrast" in point:
        raw = np.array([1.0, -1.0]) * point[f"{name}_half_contrast"]
    else:
        sd = {"center_effect": "center_sd", "center_slope": "center_slope_sd"}[name]
        raw = point[f"{name}_raw"]
        if sd in point:
            # Contrasts of the centers: orthonormal, each with sum zero.
            raw = point[sd] * helmert(len(labels)).T @ raw
    events = frame.groupby("hospital")["death"].sum()
    mean = sum(events[label] * value for label, value in zip(labels, raw, strict=True))
    return {label: value - mean / events.sum() for label, value in zip(labels, raw, strict=True)}


def log_likelihood_by_hand(
    frame: pd.DataFrame, point: dict, *, baseline: str, center: str = "none", slope: bool = False
) -> float:
    shared = baseline_by_hand(baseline, point, frame)
    labels = sorted(frame["hospital"].unique())
    level = dict.fromkeys(labels, 0.0)
    deviation = dict.fromkeys(labels, 0.0)
    own = dict.fromkeys(labels, shared)
    if center in ("fixed", "hierarchical"):
        level = centered_by_hand("center_effect", point, frame)
    if slope:
        deviation = centered_by_hand("center_slope", point, frame)
    if center == "stratified":
        steps = point["stratum_sd"] * point["stratum_raw"]
        own = {label: shared + step for label, step in zip(labels, steps, strict=True)}
    treated = (frame["arm"] == "both").astype(float)
    age = (frame["age"] - frame["age"].mean()) / (2.0 * frame["age"].std())
    invasion = frame["invasion"] - frame["invasion"].mean()
    gamma = point["covariates"]
    total = 0.0
    for row in frame.index:
        hospital = frame.loc[row, "hospital"]
        effect = point["treatment"] + deviation[hospital]
        predictor = effect * (treated[row] - treated.mean())
        predictor += gamma[0] * age[row] + gamma[1] * invasion[row] + level[hospital]
        hazard = np.exp(own[hospital] + predictor)
        entry, end = frame.loc[row, ["entry", "months"]]
        for j, (begin, stop) in enumerate(zip((0, *CUTS), (*CUTS, np.inf), strict=True)):
            total -= hazard[j] * max(0.0, min(end, stop) - max(entry, begin))
        if frame.loc[row, "death"] == 1:
            total += np.log(hazard[interval_of(end)])
    return float(total)


@pytest.mark.parametrize("center", CENTERS)
@pytest.mark.parametrize("baseline", BASELINES)
def test_log_likelihood(baseline, center, toy_frame, toy_study, evaluate, random_point):
    spec, study = toy_study(baseline=baseline, center=center)
    model = build_hazard_model(study.data, spec.hazard, spec.priors)
    for seed in (1, 2):
        point = random_point(model, seed)
        found = evaluate(model, point, ["log_likelihood", "log_baseline"])
        by_hand = log_likelihood_by_hand(toy_frame, point, baseline=baseline, center=center)
        assert found["log_likelihood"] == pytest.approx(by_hand, abs=ROUNDING)
        expected = baseline_by_hand(baseline, point, toy_frame)
        np.testing.assert_allclose(found["log_baseline"], expected, rtol=0, atol=ROUNDING)


@pytest.mark.parametrize("center", ["fixed", "hierarchical"])
def test_log_likelihood_with_treatment_slopes(center, toy_frame, toy_study, evaluate, random_point):
    spec, study = toy_study(baseline="rw1", center=center, center_slope=True)
    model = build_hazard_model(study.data, spec.hazard, spec.priors)
    point = random_point(model, 3)
    found = evaluate(model, point, ["log_likelihood", "center_log_hr"])
    by_hand = log_likelihood_by_hand(toy_frame, point, baseline="rw1", center=center, slope=True)
    assert found["log_likelihood"] == pytest.approx(by_hand, abs=ROUNDING)
    slopes = centered_by_hand("center_slope", point, toy_frame)
    np.testing.assert_allclose(
        found["center_log_hr"], point["treatment"] + np.array(list(slopes.values())), atol=ROUNDING
    )


@pytest.mark.parametrize("slope", [False, True])
@pytest.mark.parametrize("center", ["fixed", "hierarchical"])
def test_two_centers_have_a_half_contrast_and_no_spread(
    center, slope, toy_frame, toy_study, evaluate, random_point
):
    two = toy_frame.assign(hospital=toy_frame["hospital"].replace("west", "east"))
    spec, study = toy_study(frame=two, center=center, center_slope=slope)
    model = build_hazard_model(study.data, spec.hazard, spec.priors)
    names = {variable.name for variable in model.free_RVs}
    assert "center_effect_half_contrast" in names
    assert ("center_slope_half_contrast" in names) == slope
    assert not names & {"center_sd", "center_slope_sd", "center_effect_raw", "center_slope_raw"}
    point = random_point(model, 4)
    by_hand = log_likelihood_by_hand(two, point, baseline="rw1", center=center, slope=slope)
    found = evaluate(model, point, ["log_likelihood", "center_effect"])
    assert found["log_likelihood"] == pytest.approx(by_hand, abs=ROUNDING)
    difference = found["center_effect"][0] - found["center_effect"][1]
    assert difference == pytest.approx(2 * point["center_effect_half_contrast"], abs=ROUNDING)


def test_log_density_is_likelihood_and_priors(toy_study, evaluate, log_density, random_point):
    spec, study = toy_study(baseline="rw1", center="hierarchical", center_slope=True)
    model = build_hazard_model(study.data, spec.hazard, spec.priors)
    point = random_point(model, 5)
    normal, half = stats.norm.logpdf, stats.halfnorm.logpdf
    prior = (
        normal(point["treatment"], 0.0, 0.7)
        + normal(point["covariates"], 0.0, 0.5).sum()
        + normal(point["level"], 0.0, 0.8)
        + normal(point["walk_step"]).sum()
        + half(point["walk_sd"], scale=0.5)
        + normal(point["center_effect_raw"]).sum()
        + half(point["center_sd"], scale=0.5)
        + normal(point["center_slope_raw"]).sum()
        + half(point["center_slope_sd"], scale=0.25)
    )
    likelihood = evaluate(model, point, ["log_likelihood"])["log_likelihood"]
    assert log_density(model, point) == pytest.approx(likelihood + prior, abs=ROUNDING)


def test_gamma_baseline_has_the_prior_it_says(toy_study, random_point):
    spec, study = toy_study(baseline="gamma")
    spec = spec.with_values(["priors.gamma_shape=0.5", "priors.median_survival=8"])
    model = build_hazard_model(study.data, spec.hazard, spec.priors)
    # Gamma(a, a / hazard) with the constant hazard whose median is 8 months.
    hazard = np.log(2.0) / 8.0
    expected = stats.gamma(0.5, scale=hazard / 0.5).logpdf([0.05, 0.1, 0.2, 0.4])
    found = pm.logp(model["hazard"], np.array([0.05, 0.1, 0.2, 0.4])).eval(mode="FAST_COMPILE")
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("center", CENTERS)
def test_weight_of_two_is_every_patient_twice(center, toy_study, evaluate, random_point):
    spec, study = toy_study(center=center)
    _, doubled = toy_study(center=center, weights=np.full(9, 2.0))
    twice = build_hazard_data(
        pd.concat([study.episodes, study.episodes]),
        study.design,
        study.data.cuts,
        use_centers=center != "none",
    )
    models = [
        build_hazard_model(data, spec.hazard, spec.priors)
        for data in (study.data, doubled.data, twice)
    ]
    point = random_point(models[0], 6)
    once, weighted, copied = (
        float(evaluate(model, point, ["log_likelihood"])["log_likelihood"]) for model in models
    )
    assert weighted == pytest.approx(2.0 * once, abs=ROUNDING)
    assert copied == pytest.approx(weighted, abs=ROUNDING)
    assert doubled.data.weighted
    assert not study.data.weighted


def test_weight_of_zero_leaves_a_patient_out(toy_study, evaluate, random_point):
    spec, study = toy_study()
    _, without = toy_study(weights=[1, 1, 1, 1, 0, 1, 1, 1, 1])
    fewer = build_hazard_data(
        study.episodes.drop(index=4), study.design, study.data.cuts, use_centers=False
    )
    models = [build_hazard_model(data, spec.hazard, spec.priors) for data in (without.data, fewer)]
    point = random_point(models[0], 7)
    zero, dropped = (
        float(evaluate(model, point, ["log_likelihood"])["log_likelihood"]) for model in models
    )
    assert zero == pytest.approx(dropped, abs=ROUNDING)


def test_symbolic_weight_raises(toy_study):
    with pm.Model():
        score = pm.Normal("score", shape=9)
        with pytest.raises(InputError, match="must be plain numbers"):
            toy_study(weights=pt.exp(score))
        with pytest.raises(InputError, match="must be plain numbers"):
            toy_study(weights=[pt.exp(score[row]) for row in range(9)])


def test_named_dimensions_and_coordinates(toy_study):
    spec, study = toy_study(center="hierarchical", center_slope=True)
    model = build_hazard_model(study.data, spec.hazard, spec.priors)
    assert model.coords["interval"] == ("0-3", "3-6", "6-12", "12+")
    assert model.coords["covariate"] == ("age", "invasion")
    assert model.coords["center"] == ("east", "north", "west")
    assert len(model.coords["pattern"]) == 9
    assert model.named_vars_to_dims["covariates"] == ("covariate",)
    assert model.named_vars_to_dims["log_baseline"] == ("interval",)
    assert model.named_vars_to_dims["center_effect"] == ("center",)
    assert model.named_vars_to_dims["center_log_hr"] == ("center",)
    _, stratified = toy_study(center="stratified")
    spec = spec.with_values(["hazard.center=stratified", "hazard.center_slope=false"])
    model = build_hazard_model(stratified.data, spec.hazard, spec.priors)
    assert model.named_vars_to_dims["log_baseline_by_center"] == ("center", "interval")


@pytest.mark.parametrize("baseline", ["rw1", "rw2"])
def test_walk_over_too_few_intervals_is_left_out(baseline, toy_study, evaluate, random_point):
    spec, study = toy_study(baseline=baseline, cuts=[])
    model = build_hazard_model(study.data, spec.hazard, spec.priors)
    assert {variable.name for variable in model.free_RVs} == {"level", "treatment", "covariates"}
    point = random_point(model, 8)
    found = evaluate(model, point, ["log_baseline"])["log_baseline"]
    assert found == pytest.approx([np.log(np.log(2.0) / 10.0) + point["level"]], rel=1e-14)


def test_prior_of_another_family_needs_another_model(toy_study):
    spec, study = toy_study()
    model = build_hazard_model(study.data, spec.hazard, spec.priors)
    other = spec.with_values(["priors.treatment={ dist = 'student_t', nu = 3, mu = 0, sigma = 1 }"])
    with pytest.raises(InputError, match="another family needs another model"):
        prior_data(model, other.priors)
    assert model["treatment_prior"].get_value() == pytest.approx([0.0, 0.7])
    assert prior_data(model, spec.priors)["walk_sd_prior"] == pytest.approx([0.5])


def test_model_data_are_what_the_model_holds(toy_study):
    for center in CENTERS:
        spec, study = toy_study(center=center)
        model = build_hazard_model(study.data, spec.hazard, spec.priors)
        arrays = model_data(study.data, spec.hazard, spec.priors) | prior_data(model, spec.priors)
        assert {variable.name for variable in model.data_vars} == set(arrays)
        for name, values in arrays.items():
            np.testing.assert_array_equal(model[name].get_value(), values)


def test_a_user_adds_a_variable(toy_study, log_density, random_point):
    """External evidence as an observation: the density gains its two terms and nothing else."""
    spec, study = toy_study()
    plain, extended = (build_hazard_model(study.data, spec.hazard, spec.priors) for _ in range(2))
    with extended:
        bias = pm.Normal("bias", sigma=0.2)
        pm.Normal("external_log_hr", extended["treatment"] + bias, 0.3, observed=-0.5)
    point = random_point(extended, 9)
    expected = stats.norm.logpdf(point["bias"], 0.0, 0.2)
    expected += stats.norm.logpdf(-0.5, point["treatment"] + point["bias"], 0.3)
    gained = log_density(extended, point) - log_density(plain, point)
    assert gained == pytest.approx(expected, abs=ROUNDING)
