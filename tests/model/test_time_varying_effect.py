"""Effects that change with time: the likelihood by hand, what is refused, known truth recovered."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import hccbayes as hb
from hccbayes.errors import InputError
from hccbayes.hazard_model import build_hazard_model, model_data, prior_data

ROUNDING = 1e-11
"""A few hundred roundings of numbers below 100."""
CUTS = (3.0, 6.0, 12.0)
MIDDLE = np.array([1.5, 4.5, 9.0, 15.0])
EFFECTS = ("phases", "log_time", "smooth")
SHAPES = {
    "phases": {"effect": "phases", "effect_phases": [3, 12]},
    "log_time": {"effect": "log_time"},
    "smooth": {"effect": "smooth"},
}


def interval_of(month: float) -> int:
    """Interval (3, 6] holds month 6 and not month 3."""
    return sum(month > cut for cut in CUTS)


def event_shares(frame: pd.DataFrame) -> np.ndarray:
    counts = np.zeros(4)
    for month in frame.loc[frame["death"] == 1, "months"]:
        counts[interval_of(month)] += 1
    return counts / counts.sum()


def log_hr_by_hand(effect: str, point: dict, frame: pd.DataFrame) -> np.ndarray:
    """Log hazard ratio of 0-3, 3-6, 6-12 and 12+ months."""
    if effect == "phases":
        first, second = point["effect_walk_sd"] * point["effect_walk_step"]
        shape = np.array([0.0, first, first, first + second])
    elif effect == "smooth":
        steps = point["effect_walk_sd"] * np.sqrt(np.diff(MIDDLE) / 6.0)
        shape = np.concatenate([[0.0], np.cumsum(steps * point["effect_walk_step"])])
    else:
        # The mean of log(t / 12) over an interval; the last one is as long as the one before.
        means = []
        for begin, end in [(0.0, 3.0), (3.0, 6.0), (6.0, 12.0), (12.0, 18.0)]:
            upper = end * np.log(end) - end
            lower = begin * np.log(begin) - begin if begin > 0 else 0.0
            means.append((upper - lower) / (end - begin) - np.log(12.0))
        shape = point["effect_log_time"] * np.array(means)
    return point["treatment"] + shape - event_shares(frame) @ shape


def hazards_by_hand(effect: str, point: dict, found: dict, frame: pd.DataFrame, slope: bool):
    """Hazard of each patient in each interval, from the model's baseline and center terms."""
    log_hr = log_hr_by_hand(effect, point, frame)
    labels = sorted(frame["hospital"].unique())
    treated = (frame["arm"] == "both").astype(float)
    age = (frame["age"] - frame["age"].mean()) / (2.0 * frame["age"].std())
    invasion = frame["invasion"] - frame["invasion"].mean()
    for row in frame.index:
        hospital = labels.index(frame.loc[row, "hospital"])
        own = log_hr + (found["center_slope"][hospital] if slope else 0.0)
        other = point["covariates"] @ [age[row], invasion[row]]
        if "center_effect" in found:
            other += found["center_effect"][hospital]
        baseline = found["log_baseline"]
        if "log_baseline_by_center" in found:
            baseline = found["log_baseline_by_center"][hospital]
        yield row, np.exp(baseline + own * (treated[row] - treated.mean()) + other)


@pytest.mark.parametrize(
    ("center", "slope"), [("none", False), ("hierarchical", True), ("stratified", False)]
)
@pytest.mark.parametrize("effect", EFFECTS)
def test_log_likelihood_by_hand(
    effect, center, slope, toy_frame, toy_study, evaluate, random_point
):
    spec, study = toy_study(center=center, center_slope=slope, **SHAPES[effect])
    model = build_hazard_model(study.data, spec.hazard, spec.priors)
    point = random_point(model, 11)
    names = ["log_likelihood", "log_hr_by_interval", "log_baseline"]
    names += {
        "none": [],
        "hierarchical": ["center_effect", "center_slope"],
        "stratified": ["log_baseline_by_center"],
    }[center]
    found = evaluate(model, point, names)
    total = 0.0
    for row, hazard in hazards_by_hand(effect, point, found, toy_frame, slope):
        entry, end = toy_frame.loc[row, ["entry", "months"]]
        for j, (begin, stop) in enumerate(zip((0, *CUTS), (*CUTS, np.inf), strict=True)):
            total -= hazard[j] * max(0.0, min(end, stop) - max(entry, begin))
        if toy_frame.loc[row, "death"] == 1:
            total += np.log(hazard[interval_of(end)])
    assert found["log_likelihood"] == pytest.approx(total, abs=ROUNDING)
    by_hand = log_hr_by_hand(effect, point, toy_frame)
    np.testing.assert_allclose(found["log_hr_by_interval"], by_hand, rtol=0, atol=ROUNDING)
    mean = event_shares(toy_frame) @ found["log_hr_by_interval"]
    assert mean == pytest.approx(point["treatment"], abs=ROUNDING)


@pytest.mark.parametrize("effect", EFFECTS)
def test_no_deviation_is_the_constant_effect(effect, toy_study, evaluate, random_point):
    spec, study = toy_study(**SHAPES[effect])
    constant, same = toy_study()
    models = [
        build_hazard_model(one.data, own.hazard, own.priors)
        for own, one in ((spec, study), (constant, same))
    ]
    point = random_point(models[0], 12)
    for name in ("effect_walk_step", "effect_log_time"):
        if name in point:
            point[name] = np.zeros_like(point[name])
    changing, plain = (evaluate(model, point, ["log_likelihood"]) for model in models)
    assert changing["log_likelihood"] == pytest.approx(plain["log_likelihood"], abs=ROUNDING)


def test_priors_are_those_of_the_model_file(toy_study, evaluate, log_density, random_point):
    half, normal = stats.halfnorm.logpdf, stats.norm.logpdf
    _, plain = toy_study()
    for effect in EFFECTS:
        spec, study = toy_study(**SHAPES[effect])
        model = build_hazard_model(study.data, spec.hazard, spec.priors)
        without = build_hazard_model(
            plain.data, spec.hazard.model_copy(update={"effect": "constant"}), spec.priors
        )
        point = random_point(model, 13)
        gained = log_density(model, point) - log_density(without, point)
        for one, sign in ((model, -1.0), (without, 1.0)):
            gained += sign * evaluate(one, point, ["log_likelihood"])["log_likelihood"]
        if effect == "log_time":
            expected = normal(point["effect_log_time"], 0.0, 0.3)
        else:
            expected = half(point["effect_walk_sd"], scale=0.25)
            expected += normal(point["effect_walk_step"]).sum()
        assert gained == pytest.approx(expected, abs=ROUNDING)


@pytest.mark.parametrize("effect", EFFECTS)
@pytest.mark.parametrize("sd", ["{ dist = 'half_normal', sigma = 0.5 }", "2.0"])
def test_model_data_are_what_the_model_holds(effect, sd, toy_study):
    spec, study = toy_study(**SHAPES[effect])
    spec = spec.with_values([f"priors.effect_walk_sd={sd}"])
    model = build_hazard_model(study.data, spec.hazard, spec.priors)
    arrays = model_data(study.data, spec.hazard, spec.priors) | prior_data(model, spec.priors)
    assert {variable.name for variable in model.data_vars} == set(arrays)
    for name, values in arrays.items():
        np.testing.assert_array_equal(model[name].get_value(), values)
    assert ("effect_walk_sd" in model.named_vars) == (effect != "log_time" and sd != "2.0")


def test_a_known_scale_and_a_learnt_one_are_two_models(toy_study):
    learnt, study = toy_study(**SHAPES["phases"])
    known = learnt.with_values(["priors.effect_walk_sd=2"])
    for built, other in ((learnt, known), (known, learnt)):
        model = build_hazard_model(study.data, built.hazard, built.priors)
        with pytest.raises(InputError, match="effect_walk_sd: another family needs another model"):
            prior_data(model, other.priors)
    assert hb.AnalysisSpec.from_dict(known.to_dict()) == known


def test_bounds_of_phases_become_cut_points(toy_study):
    _, study = toy_study(effect="phases", effect_phases=[4, 12])
    assert study.data.cuts.tolist() == [3.0, 4.0, 6.0, 12.0]


@pytest.mark.parametrize(
    ("hazard", "said"),
    [
        ({"effect": "phases", "effect_phases": [3, 15]}, "effect_phases: one arm's follow-up"),
        ({"effect": "smooth", "cuts": []}, "effect: 'smooth' needs two intervals or more"),
        ({"effect": "log_time", "cuts": []}, "effect: 'log_time' needs two intervals or more"),
        ({"effect": "phases", "effect_phases": [12, 3]}, "months that increase strictly"),
        ({"effect": "phases", "effect_phases": []}, "months that increase strictly"),
        ({"effect": "wanes"}, r"\[hazard\] effect: "),
    ],
)
def test_what_cannot_be_is_refused_in_words(hazard, said, toy_study):
    with pytest.raises(InputError, match=said):
        toy_study(**hazard)


@pytest.mark.parametrize("value", ["0", "-1", "inf", "true", "{ dist = 'normal', sigma = 1 }"])
def test_a_scale_is_half_normal_or_a_positive_number(value, toy_study):
    spec, _ = toy_study()
    with pytest.raises(InputError, match="effect_walk_sd"):
        spec.with_values([f"priors.effect_walk_sd={value}"])
