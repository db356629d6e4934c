"""The model with an unmeasured confounder: its likelihood by hand, and what data say of it.

Monte Carlo errors are those of ArviZ; four of them hold for every comparison of two fits or of a
fit with its prior (a chance of 1 in 16,000 each, and the seed is fixed).
"""

from __future__ import annotations

import arviz as az
import numpy as np
import pandas as pd
import pytest
from scipy import stats

import hccbayes as hb
from hccbayes.errors import InputError
from hccbayes.estimands import estimand_draws, populations
from hccbayes.figure_data import censoring_survival
from hccbayes.fit import fit
from hccbayes.hazard_model import build_hazard_model, model_data, prior_data
from hccbayes.priors import Prior
from hccbayes.sensitivity import (
    ConfounderFit,
    ConfounderPriors,
    FollowUp,
    build_confounder_model,
    compile_confounder,
    confounder_rows,
    confounder_update,
    fit_confounder,
    observed_log_hr,
)
from hccbayes.sensitivity.confounder_model import (
    confounder_data,
    confounder_prior_data,
    patient_rows,
)

ROUNDING = 1e-11
ERRORS = 4.0
"""Monte Carlo standard errors."""
NONE = ConfounderPriors(log_hr=Prior.of("half_normal", sigma=1e-6))
"""A confounder of hazard ratio 1."""
CUTS = (0.0, 3.0, 6.0, 12.0, np.inf)


def patient_likelihood(row: pd.Series, baseline: np.ndarray, predictor: float) -> float:
    """Return the density of one patient's time, hazard by hazard and month by month."""
    hazard = np.exp(baseline + predictor)
    months = [
        max(0.0, min(row["months"], end) - max(row["entry"], begin))
        for begin, end in zip(CUTS[:-1], CUTS[1:], strict=True)
    ]
    survival = float(np.prod([np.exp(-h * m) for h, m in zip(hazard, months, strict=True)]))
    at = next(j for j, end in enumerate(CUTS[1:]) if row["months"] <= end)
    return survival * (hazard[at] if row["death"] == 1 else 1.0)


def mixture_by_hand(frame: pd.DataFrame, point: dict, shares: dict, log_g: float, base) -> float:
    treated = (frame["arm"] == "both").astype(float)
    age = (frame["age"] - frame["age"].mean()) / (2.0 * frame["age"].std())
    invasion = frame["invasion"] - frame["invasion"].mean()
    gamma, total = point["covariates"], 0.0
    for row in frame.index:
        predictor = point["treatment"] * (treated[row] - treated.mean())
        predictor += gamma[0] * age[row] + gamma[1] * invasion[row]
        share = shares[frame.loc[row, "arm"]]
        without = patient_likelihood(frame.loc[row], base, predictor)
        carrier = patient_likelihood(frame.loc[row], base, predictor + log_g)
        total += np.log((1.0 - share) * without + share * carrier)
    return float(total)


def expit(value: float) -> float:
    return 1.0 / (1.0 + np.exp(-value))


@pytest.mark.parametrize("arm", ["either", "control", "treated"])
def test_log_likelihood_by_hand(arm, toy_frame, toy_study, evaluate, random_point, log_density):
    spec, study = toy_study()
    bias = ConfounderPriors() if arm == "either" else ConfounderPriors.signed(arm, sigma=0.5)
    model = build_confounder_model(patient_rows(study), spec.hazard, spec.priors, bias)
    point = random_point(model, 11)
    difference = "confounder_logit_difference"
    raw = f"{difference}_raw" if arm == "either" else f"{difference}_size_raw"
    sizes = {"either": 0.7, "control": -0.5, "treated": 0.5}
    log_g = 0.5 * point["confounder_log_hr_raw"]
    control = np.log(0.4 / 0.6) + 0.5 * point["confounder_logit_control_raw"]
    shares = {"one": expit(control), "both": expit(control + sizes[arm] * point[raw])}
    names = ["log_likelihood", "log_baseline", "prevalence_control", "prevalence_treated"]
    found = evaluate(model, point, names)
    base = found["log_baseline"]  # by hand in the tests of the hazard model
    by_hand = mixture_by_hand(toy_frame, point, shares, log_g, base)
    assert found["log_likelihood"] == pytest.approx(by_hand, abs=ROUNDING)
    assert found["prevalence_control"] == pytest.approx(shares["one"], rel=1e-13)
    assert found["prevalence_treated"] == pytest.approx(shares["both"], rel=1e-13)
    normal, half = stats.norm.logpdf, stats.halfnorm.logpdf
    prior = (
        normal(point["treatment"], 0.0, 0.7)
        + normal(point["covariates"], 0.0, 0.5).sum()
        + normal(point["level"], 0.0, 0.8)
        + normal(point["walk_step"]).sum()
        + half(point["walk_sd"], scale=0.5)
        + half(point["confounder_log_hr_raw"])
        + normal(point["confounder_logit_control_raw"])
        + (normal if arm == "either" else half)(point[raw])
    )
    assert log_density(model, point) == pytest.approx(by_hand + prior, abs=ROUNDING)


@pytest.mark.parametrize("center", ["none", "hierarchical", "stratified"])
def test_a_confounder_without_effect_is_the_hazard_model(center, toy_study, evaluate, random_point):
    spec, study = toy_study(center=center)
    plain = build_hazard_model(study.data, spec.hazard, spec.priors)
    model = build_confounder_model(
        patient_rows(study), spec.hazard, spec.priors, ConfounderPriors()
    )
    point = random_point(model, 12) | {"confounder_log_hr_raw": np.array(0.0)}
    expected = evaluate(plain, point, ["log_likelihood"])["log_likelihood"]
    found = evaluate(model, point, ["log_likelihood"])["log_likelihood"]
    assert found == pytest.approx(float(expected), abs=ROUNDING)


def test_patients_of_one_pattern_stay_apart(small_study):
    _, study = small_study()
    rows = patient_rows(study)
    assert len(study.data.treatment) == 4
    assert len(rows.treatment) == 240
    np.testing.assert_array_equal(rows.treatment, study.design.treatment)
    np.testing.assert_allclose(rows.interval_events, study.data.interval_events)
    assert rows.person_time.exposure.sum() == pytest.approx(study.data.person_time.exposure.sum())


def test_model_data_are_what_the_model_holds(toy_study):
    spec, study = toy_study()
    rows, bias = patient_rows(study), ConfounderPriors.signed("control")
    model = build_confounder_model(rows, spec.hazard, spec.priors, bias)
    arrays = model_data(rows, spec.hazard, spec.priors) | prior_data(model, spec.priors)
    arrays |= confounder_data(rows) | confounder_prior_data(model, bias)
    assert {variable.name for variable in model.data_vars} == set(arrays)
    for name, values in arrays.items():
        np.testing.assert_array_equal(model[name].get_value(), values)


def test_what_has_no_place_in_the_model(toy_study):
    _, weighted = toy_study(weights=np.full(9, 2.0))
    with pytest.raises(InputError, match="no place in a mixture"):
        patient_rows(weighted)
    spec, study = toy_study()
    model = build_confounder_model(
        patient_rows(study), spec.hazard, spec.priors, ConfounderPriors()
    )
    with pytest.raises(InputError, match="an open sign and a known one are two models"):
        confounder_prior_data(model, ConfounderPriors.signed("control"))
    known = ConfounderPriors(log_hr=Prior.of("normal", mu=0.7, sigma=0.1))
    with pytest.raises(InputError, match="another family needs another model"):
        confounder_prior_data(model, known)


def test_priors_that_do_not_fit_are_named_at_once():
    normal, half = Prior.of("normal", mu=0, sigma=1), Prior.of("half_normal", sigma=1)
    gamma = Prior.of("gamma", alpha=1, beta=1)
    with pytest.raises(InputError) as caught:
        ConfounderPriors(
            log_hr=gamma, logit_control=half, logit_difference=normal, more_common_in="control"
        )
    assert len(caught.value.problems) == 3
    with pytest.raises(InputError, match="more_common_in"):
        ConfounderPriors(more_common_in="both")  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def compiled(small_study):
    """The one compiled model of this file; everything else is a refit."""
    spec, study = small_study()
    return compile_confounder(study, spec)


@pytest.fixture(scope="module")
def without(compiled, small_study):
    """The fit under a confounder of no effect."""
    spec, _ = small_study()
    return fit_confounder(compiled, spec.sampler, NONE)


def error(draws) -> float:
    return float(np.asarray(az.mcse(draws, method="mean")))


def test_a_confounder_without_effect_changes_nothing(without, small_study, compiled_small):
    spec, _ = small_study()
    plain, _ = fit(compiled_small(), spec.sampler)
    assert without.diagnosis.passed
    expected, found = plain["posterior"].to_dataset()["treatment"], without.log_hr
    tolerance = ERRORS * np.hypot(error(expected), error(found))
    assert abs(float(found.mean() - expected.mean())) < tolerance
    spread = ERRORS * np.hypot(
        *(float(np.asarray(az.mcse(d, method="sd"))) for d in (expected, found))
    )
    assert abs(float(found.std() - expected.std())) < spread


def rare_events(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the patients with another disease, of which a tenth die in 20 months."""
    rng = np.random.default_rng(3)
    death = rng.exponential(1.0 / (0.004 * np.exp(0.5 * frame["invasion"])))
    return frame.assign(months=np.minimum(death, 20.0), death=(death <= 20.0).astype(int))


def test_rare_events_say_nothing_of_the_confounder(compiled, small_study, small_frame):
    """With rare events only the product of effect and bias enters; flat priors absorb the bias."""
    flat = {"dist": "normal", "mu": 0.0, "sigma": 10.0}
    spec, _ = small_study(priors={"treatment": flat, "covariates": flat, "baseline_level": flat})
    frame = rare_events(small_frame(1))
    assert 15 <= frame["death"].sum() <= 30
    rows = patient_rows(hb.build_study(hb.read_cohort(frame, spec.roles), spec))
    belief = ConfounderPriors()
    data = model_data(rows, spec.hazard, spec.priors) | prior_data(compiled.model, spec.priors)
    data |= confounder_data(rows) | confounder_prior_data(compiled.model, belief)
    tree, diagnosis = fit(compiled, spec.sampler, data=data)
    assert diagnosis.passed
    update = confounder_update(ConfounderFit(priors=belief, tree=tree, diagnosis=diagnosis))
    assert (update["shift"].abs() < ERRORS * update["shift_mcse"]).all()
    assert ((update["sd_ratio"] - 1.0).abs() < ERRORS * update["sd_ratio_mcse"]).all()


def test_common_deaths_say_a_little_and_the_table_says_how_much(compiled, small_study):
    """Carriers die first, so that a strong confounder bends the hazards; the truth here has none.

    The shares in the arms stay as they were believed.
    """
    spec, _ = small_study()
    update = confounder_update(fit_confounder(compiled, spec.sampler)).set_index("parameter")
    strength = update.loc["confounder_log_hr"]
    assert strength["prior_mean"] == pytest.approx(0.5 * np.sqrt(2.0 / np.pi))
    assert -0.5 < strength["shift"] < -ERRORS * strength["shift_mcse"]
    shares = update.loc[["confounder_logit_control", "confounder_logit_difference"]]
    # A tenth of a prior standard deviation, plus the error of finding it.
    assert (shares["shift"].abs() < 0.1 + ERRORS * shares["shift_mcse"]).all()
    assert ((shares["sd_ratio"] - 1.0).abs() < 0.05 + ERRORS * shares["sd_ratio_mcse"]).all()


def exact_shift(study, cohort, without, fitted) -> float:
    """Return the mean bias of the belief's confounders by the limit of Cox regression."""
    posterior = without.tree["posterior"].to_dataset()
    _, curves = estimand_draws(
        posterior,
        study.design,
        study.data,
        targets=populations(study.design, study.data, ("ate",)),
        frame=study.times,
        censoring_survival=censoring_survival(cohort.frame, study.times.grid),
        seed=1,
    )
    draws = fitted.tree["posterior"].to_dataset().stack(sample=("chain", "draw"))
    some = draws.isel(sample=slice(None, None, 10))
    truth = float(fitted.log_hr.mean())
    found = observed_log_hr(
        np.exp(some["confounder_log_hr"].to_numpy()),
        some["prevalence_treated"].to_numpy(),
        some["prevalence_control"].to_numpy(),
        FollowUp.of(cohort, curves),
        log_hr=truth,
    )
    return float(found.mean() - truth)


def test_refit_under_another_belief(compiled, without, small_study, small_frame):
    """A confounder known to be far more common in the controls takes benefit away."""
    spec, _ = small_study()
    before = {name: compiled.model[name].get_value() for name in ("confounder_log_hr_prior",)}
    belief = ConfounderPriors(
        log_hr=Prior.of("half_normal", sigma=0.5),
        logit_control=Prior.of("normal", mu=0.0, sigma=0.1),
        logit_difference=Prior.of("normal", mu=-3.0, sigma=0.1),
    )
    fitted = fit_confounder(compiled, spec.sampler, belief)
    assert fitted.priors is belief
    posterior = fitted.tree["posterior"].to_dataset()
    assert float(posterior["prevalence_control"].mean()) == pytest.approx(0.5, abs=0.02)
    assert float(posterior["prevalence_treated"].mean()) == pytest.approx(0.05, abs=0.02)
    shift = float(fitted.log_hr.mean() - without.log_hr.mean())
    noise = ERRORS * np.hypot(error(fitted.log_hr), error(without.log_hr))
    assert shift > noise
    _, study = small_study()
    exact = -exact_shift(study, hb.read_cohort(small_frame(1), spec.roles), without, fitted)
    # The prior of the effect, sd 0.7 against a standard error of 0.17, takes 6% of any shift; the
    # limit of Cox regression takes one survival curve for patients of both covariate values.
    assert shift == pytest.approx(exact, abs=0.1 * exact + noise)
    assert float(fitted.log_hr.std()) > float(without.log_hr.std())
    for name, value in before.items():
        np.testing.assert_array_equal(compiled.model[name].get_value(), value)
    rows = confounder_rows(fitted, spec.estimands.interval, model="small", method="pe_rw1")
    assert [row.estimand for row in rows] == ["log_hr", "hr", "prob_hr_below_1"]
    assert rows[0].estimate == pytest.approx(float(fitted.log_hr.mean()))
    assert rows[2].estimate == pytest.approx(float((fitted.log_hr < 0).mean()))
    assert rows[0].prob_benefit == rows[2].estimate
