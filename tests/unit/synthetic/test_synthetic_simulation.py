"""Simulated cohorts against closed forms, and their truth against integrals done otherwise.

Limits of Monte Carlo comparisons are four standard errors of the simulation.
"""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from hccbayes.errors import InputError
from hccbayes.synthetic import (
    Center,
    CohortConfig,
    Covariate,
    simulate_cohort,
    synthetic_lu2025,
    treatment_episodes,
)
from hccbayes.synthetic.partial_likelihood import log_hr_offset, partial_score
from hccbayes.synthetic.simulation import death_times, simulate_rows
from hccbayes.synthetic.truth import population_nodes, true_estimands

ONE_CENTER = (Center(name="only", share=1.0),)
NO_CENSORING = (1e6, 1e6)
EXPONENTIAL = CohortConfig(
    covariates=(),
    centers=ONE_CENTER,
    cuts=(),
    hazard=(math.log(2) / 10,),
    log_hr=(math.log(0.5),),
    administrative=NO_CENSORING,
    loss_hazard=0.0,
)


def true_value(truth: pd.DataFrame, estimand: str, contrast: str, **where: object) -> float:
    rows = truth[(truth["estimand"] == estimand) & (truth["contrast"] == contrast)]
    for column, value in where.items():
        rows = rows[rows[column] == value]
    assert len(rows) == 1, rows
    return float(rows["value"].iloc[0])


def rate_ratio(frame: pd.DataFrame, treated: str) -> tuple[float, float]:
    """Return the exponential hazard ratio and the standard error of its logarithm.

    The sandwich: the control arm is a mixture, so that the model's own variance does not hold.
    """
    rates, variance = [], 0.0
    for part in (frame[frame["arm"] == treated], frame[frame["arm"] != treated]):
        rate = part["death"].sum() / part["os_months"].sum()
        residual = part["death"] - rate * part["os_months"]
        variance += float((residual**2).sum()) / float(part["death"].sum()) ** 2
        rates.append(rate)
    return rates[0] / rates[1], math.sqrt(variance)


def log_hr(design: pd.DataFrame, frame: pd.DataFrame) -> tuple[float, float]:
    """Return the first Cox log hazard ratio and its standard error, fast for large cohorts."""
    coef = np.zeros(design.shape[1])
    for _ in range(20):
        coef = coef + log_hr_offset(design, frame["os_months"], frame["death"], coef)
    _, information = partial_score(design, frame["os_months"], frame["death"], coef)
    return float(coef[0]), float(np.sqrt(np.linalg.inv(information)[0, 0]))


def treatment(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"treatment": (frame["arm"] == "locoregional + systemic").astype(float)})


# Immortal time ----------------------------------------------------------------------------------


def naive_closed_form(median: float, start: float, intended: float) -> float:
    """Return (1 - p q - p l g q) / ((1 - p q)(1 + l g)) with rate l, start g, q = exp(-l g)."""
    rate = math.log(2) / median
    alive = math.exp(-rate * start)
    never = 1 - intended * alive
    return (never - intended * rate * start * alive) / (never * (1 + rate * start))


@pytest.mark.parametrize(
    ("median", "start", "intended", "printed"), [(8, 3, 0.5, 0.66424), (15, 3, 0.9, 0.43765)]
)
def test_immortal_time_has_its_closed_form(
    median: float, start: float, intended: float, printed: float
) -> None:
    # Five digits were written.
    assert naive_closed_form(median, start, intended) == pytest.approx(printed, abs=5e-6)
    config = replace(
        EXPONENTIAL,
        patients=300_000,
        hazard=(math.log(2) / median,),
        log_hr=(0.0,),
        treated_log_odds=math.log(intended / (1 - intended)),
        start=(start, start),
    )
    frame, left_out = simulate_rows(config, np.random.default_rng(11))
    ratio, error = rate_ratio(frame, config.arm_labels[0])
    assert error < 0.02
    assert abs(math.log(ratio / printed)) < 4 * error
    assert [count for _, count in left_out] == [0, 0]
    # The same rows with treatment from its start on: the truth, no effect.
    episodes = treatment_episodes(frame)
    episodes["months"] = episodes["stop"] - episodes["start"]
    total = episodes.groupby("treatment")[["death", "months"]].sum()
    rates = total["death"] / total["months"]
    assert abs(math.log(rates[1.0] / rates[0.0])) < 4 * math.sqrt((1 / total["death"]).sum())
    assert episodes["months"].sum() == pytest.approx(frame["os_months"].sum(), rel=1e-12)


def test_early_deaths_dropped_are_counted() -> None:
    config = replace(
        EXPONENTIAL, patients=2000, start=(1.0, 6.0), early_end="dropped", treated_log_odds=2.0
    )
    frame, left_out = simulate_rows(config, np.random.default_rng(2))
    dropped = dict(left_out)["meant to be treated, follow-up ended before the start"]
    assert dropped > 0
    assert len(frame) + dropped == 2000
    control = frame[frame["arm"] == "systemic"]
    assert (control["intended"] == 0).all()


def test_death_before_the_start_is_that_of_a_control() -> None:
    config = replace(EXPONENTIAL, start=(3.0, 3.0))
    drawn = np.array([0.1, 0.3, 2.0])
    zero = np.zeros(3)
    never = death_times(config, zero, zero, np.full(3, np.inf), drawn)
    late = death_times(config, zero, zero, np.full(3, 3.0), drawn)
    rate = math.log(2) / 10
    np.testing.assert_allclose(never, drawn / rate, rtol=1e-14)
    # After month 3 what is left of the exponential number is used up at half the rate.
    np.testing.assert_allclose(late[0], never[0], rtol=1e-14)
    np.testing.assert_allclose(late[1:], 3 + (drawn[1:] - 3 * rate) / (rate / 2), rtol=1e-14)


# Truth ------------------------------------------------------------------------------------------


def test_truth_without_covariates_is_that_of_two_exponentials() -> None:
    truth = true_estimands(replace(EXPONENTIAL, times=(12.0,), horizon=24.0))
    slow, fast = math.log(2) / 20, math.log(2) / 10
    where = {"population": "ate"}
    assert true_value(truth, "median", "control", **where) == pytest.approx(10, abs=1e-8)
    assert true_value(truth, "median", "treated", **where) == pytest.approx(20, abs=1e-8)
    survival = true_value(truth, "survival_difference", "treated - control", **where)
    assert survival == pytest.approx(math.exp(-12 * slow) - math.exp(-12 * fast), rel=1e-12)
    mean = true_value(truth, "rmst", "control", **where)
    assert mean == pytest.approx((1 - math.exp(-24 * fast)) / fast, rel=1e-12)
    # No covariate: marginal and conditional hazard ratios are one. The integral is a sum over a
    # grid whose error is of second order in the step.
    marginal = true_value(truth, "log_hr", "treated / control", **where)
    assert marginal == pytest.approx(math.log(0.5), abs=1e-4)


def test_truth_of_a_piecewise_hazard() -> None:
    config = replace(
        EXPONENTIAL, cuts=(3.0, 6.0, 12.0), hazard=(0.05, 0.09, 0.08, 0.05), log_hr=(0.0,),
        times=(24.0,), horizon=24.0,
    )  # fmt: skip
    truth = true_estimands(config)
    assert true_value(truth, "rmst", "control", population="ate") == pytest.approx(
        11.848497, abs=5e-7
    )
    assert true_value(truth, "survival", "control", population="ate") == pytest.approx(
        0.223130, abs=5e-7
    )
    assert true_value(truth, "median", "control", population="ate") == pytest.approx(
        9.414340, abs=5e-7
    )


def test_populations_of_a_binary_confounder_by_hand() -> None:
    confounder = Covariate(name="x", share=0.3, log_hr=math.log(2), log_odds=1.0)
    config = replace(EXPONENTIAL, covariates=(confounder,), treated_log_odds=-0.5, times=(10.0,))
    truth = true_estimands(config)
    chance = expit([-0.5, 0.5])
    share = {"ate": np.array([0.7, 0.3])}
    share["att"] = share["ate"] * chance
    share["atc"] = share["ate"] * (1 - chance)
    share["ato"] = share["ate"] * chance * (1 - chance)
    for population, weight in share.items():
        # At 10 months half, and a quarter with the doubled hazard.
        expected = weight @ [0.5, 0.25] / weight.sum()
        found = true_value(truth, "survival", "control", population=population)
        assert found == pytest.approx(expected, rel=1e-12)


def test_populations_of_normal_confounders_by_simulation(rng: np.random.Generator) -> None:
    config = replace(
        EXPONENTIAL,
        covariates=(
            Covariate(name="x", kind="normal", log_hr=0.6, log_odds=0.8),
            Covariate(name="z", kind="normal", log_hr=-0.3, log_odds=0.5),
        ),
        unmeasured_log_hr=0.4,
        treated_log_odds=-0.4,
        times=(10.0,),
    )
    truth = true_estimands(config)
    x, z, u = rng.standard_normal((3, 400_000))
    alive = 0.5 ** np.exp(0.6 * x - 0.3 * z + 0.4 * u)
    chance = expit(-0.4 + 0.8 * x + 0.5 * z)
    for population, weight in (
        ("ate", 1 + 0 * x),
        ("att", chance),
        ("atc", 1 - chance),
        ("ato", chance * (1 - chance)),
    ):
        mean = (weight @ alive) / weight.sum()
        error = math.sqrt(weight**2 @ (alive - mean) ** 2) / weight.sum()
        found = true_value(truth, "survival", "control", population=population)
        assert abs(found - mean) < 4 * error
    nodes = population_nodes(config)
    for weight in nodes.weight.values():
        assert weight.sum() == pytest.approx(1.0, rel=1e-12)


def test_treating_late_is_a_strategy_between_the_arms() -> None:
    config = replace(EXPONENTIAL, start=(3.0, 3.0), times=(3.0, 12.0))
    truth = true_estimands(config)
    rate = math.log(2) / 10
    treated = true_value(truth, "survival", "treated", population="ate", time=12.0)
    assert treated == pytest.approx(math.exp(-3 * rate - 9 * rate / 2), rel=1e-12)
    early = true_value(truth, "survival_difference", "treated - control", population="ate", time=3)
    assert early == pytest.approx(0.0, abs=1e-15)
    spread = true_estimands(replace(config, start=(0.0, 3.0)))
    # Uniform start: the mean of exp(-r g / 2) over 0 to 3 in closed form.
    factor = (1 - math.exp(-3 * rate / 2)) / (3 * rate / 2)
    expected = math.exp(-12 * rate / 2) * factor
    found = true_value(spread, "survival", "treated", population="ate", time=12.0)
    assert found == pytest.approx(expected, rel=1e-12)


def test_marginal_hazard_ratio_is_what_a_trial_of_the_population_finds() -> None:
    config = CohortConfig(
        patients=60_000,
        covariates=(Covariate(name="x", kind="normal", log_hr=0.9),),
        centers=ONE_CENTER,
        log_hr=(math.log(0.36),),
    )
    cohort = simulate_cohort(config, seed=4)
    estimate, error = log_hr(treatment(cohort.frame), cohort.frame)
    marginal = true_value(cohort.truth, "log_hr", "treated / control", population="ate")
    assert abs(estimate - marginal) < 4 * error
    # Not the conditional one, which lies many standard errors away.
    assert abs(estimate - math.log(0.36)) > 8 * error
    design = treatment(cohort.frame).assign(x=cohort.frame["x"])
    adjusted, error = log_hr(design, cohort.frame)
    assert abs(adjusted - math.log(0.36)) < 4 * error


# What makes an analysis hard --------------------------------------------------------------------


def test_confounding_biases_the_naive_contrast_and_adjustment_undoes_it() -> None:
    config = CohortConfig(
        patients=20_000,
        covariates=(Covariate(name="x", kind="normal", log_hr=0.5, log_odds=1.0),),
        centers=ONE_CENTER,
        log_hr=(0.0,),
    )
    frame = simulate_cohort(config, seed=5).frame
    naive, error = log_hr(treatment(frame), frame)
    assert naive > 8 * error
    adjusted, error = log_hr(treatment(frame).assign(x=frame["x"]), frame)
    assert abs(adjusted) < 4 * error


def test_centers_differ_in_share_baseline_and_effect() -> None:
    centers = (
        Center(name="a", share=0.5, log_odds=1.0),
        Center(name="b", share=0.5, log_hazard=math.log(2), log_hr=math.log(0.5)),
    )
    frame = simulate_cohort(
        CohortConfig(patients=40_000, covariates=(), centers=centers, log_hr=(0.0,)), seed=6
    ).frame
    shares = (frame["arm"] == "locoregional + systemic").groupby(frame["center"]).mean()
    for name, log_odds in (("a", 1.0), ("b", 0.0)):
        chance = expit(log_odds)
        size = (frame["center"] == name).sum()
        assert abs(shares[name] - chance) < 4 * math.sqrt(chance * (1 - chance) / size)
    for name, expected in (("a", 0.0), ("b", math.log(0.5))):
        part = frame[frame["center"] == name]
        estimate, error = log_hr(treatment(part), part)
        assert abs(estimate - expected) < 4 * error
    control = frame[frame["arm"] == "systemic"]
    design = pd.DataFrame({"b": (control["center"] == "b").astype(float)})
    estimate, error = log_hr(design, control)
    assert abs(estimate - math.log(2)) < 4 * error


def test_effect_changes_with_time() -> None:
    config = CohortConfig(
        patients=40_000, covariates=(), centers=ONE_CENTER, cuts=(6.0,), hazard=(0.08, 0.08),
        log_hr=(math.log(0.5), 0.0),
    )  # fmt: skip
    cohort = simulate_cohort(config, seed=7)
    frame = cohort.frame
    early = frame.assign(
        death=frame["death"] * (frame["os_months"] <= 6), os_months=frame["os_months"].clip(upper=6)
    )
    late = frame[frame["os_months"] > 6]
    estimate, error = log_hr(treatment(early), early)
    assert abs(estimate - math.log(0.5)) < 4 * error
    estimate, error = log_hr(treatment(late), late)
    assert abs(estimate) < 4 * error
    conditional = cohort.truth[cohort.truth["population"] == "conditional"]
    assert conditional["time"].tolist() == [0.0, 6.0]
    assert conditional["value"].tolist() == [math.log(0.5), 0.0]


def test_delayed_entry_needs_its_risk_sets() -> None:
    config = replace(EXPONENTIAL, patients=40_000, latest_entry=15.0, log_hr=(0.0,))
    cohort = simulate_cohort(config, seed=8)
    frame = cohort.frame
    missed = dict(cohort.left_out)["follow-up ended before entry"]
    assert len(frame) + missed == 40_000
    assert (frame["entry_months"] < frame["os_months"]).all()
    rate = math.log(2) / 10
    # P(T <= U) for exponential T and uniform U.
    expected = 1 - (1 - math.exp(-15 * rate)) / (15 * rate)
    assert abs(missed / 40_000 - expected) < 4 * math.sqrt(expected * (1 - expected) / 40_000)
    deaths, months = frame["death"].sum(), (frame["os_months"] - frame["entry_months"]).sum()
    assert abs(math.log(deaths / months / rate)) < 4 / math.sqrt(deaths)
    ignoring = deaths / frame["os_months"].sum()
    assert abs(math.log(ignoring / rate)) > 8 / math.sqrt(deaths)


def test_informative_censoring_biases_survival_upward() -> None:
    base = replace(
        EXPONENTIAL, patients=40_000, log_hr=(0.0,), loss_hazard=0.06, unmeasured_log_hr=0.8
    )
    rates = {}
    for effect in (0.0, 1.0):
        frame = simulate_cohort(replace(base, unmeasured_log_loss=effect), seed=9).frame
        # Those at high risk are lost first: hazard from month 6 on falls.
        late = frame[frame["os_months"] > 6]
        rates[effect] = late["death"].sum() / (late["os_months"] - 6).sum()
    # Each rate has a relative standard error below 2%.
    assert rates[1.0] < 0.9 * rates[0.0]


@pytest.mark.parametrize("driver", ["", "x"])
def test_missing_values_have_their_share_and_mechanism(driver: str) -> None:
    covariates = (
        Covariate(name="x", share=0.5),
        Covariate(name="y", kind="normal", missing=0.2, missing_with=driver, missing_log_odds=1.5),
    )
    config = CohortConfig(patients=20_000, covariates=covariates)
    frame = simulate_cohort(config, seed=10).frame
    gone = frame["y"].isna()
    assert abs(gone.mean() - 0.2) < 4 * math.sqrt(0.2 * 0.8 / len(frame))
    odds = {x: gone[frame["x"] == x].mean() / (1 - gone[frame["x"] == x].mean()) for x in (0, 1)}
    expected = 1.5 if driver else 0.0
    # Standard error of a log odds ratio with at least 800 patients in each cell.
    assert abs(math.log(odds[1] / odds[0]) - expected) < 4 * math.sqrt(2 / 800 + 2 / 8000)
    assert frame["x"].notna().all()


def test_same_seed_same_rows_and_truth_comes_along() -> None:
    first, second = simulate_cohort(seed=1), simulate_cohort(seed=1)
    pd.testing.assert_frame_equal(first.frame, second.frame)
    assert first.frame.attrs["synthetic"] == "synthetic_simulated"
    assert first.frame["patient_id"].str.startswith("synthetic_").all()
    assert not simulate_cohort(seed=2).frame.equals(first.frame)
    assert set(first.truth["population"]) == {"conditional", "ate", "att", "atc", "ato"}
    assert len(first.frame) == first.config.patients


def covariate(**fields: object) -> dict[str, object]:
    return {"covariates": (Covariate(**({"name": "x"} | fields)),)}


def center(**fields: object) -> dict[str, object]:
    return {"centers": (Center(**({"name": "a", "share": 1.0} | fields)),)}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"patients": 0}, "patients: must be a whole number of at least 1, not 0"),
        ({"patients": 20.5}, "patients: must be a whole number of at least 1, not 20.5"),
        ({"hazard": (0.1, 0.2)}, "hazard: needs 1 numbers, one more than there are cuts"),
        ({"hazard": (-0.1,)}, "hazard: must be at least 0, not -0.1"),
        ({"hazard": (math.nan,)}, "hazard: must be a finite number, not nan"),
        ({"hazard": (0.0,)}, "hazard: needs at least one number above 0: nobody would ever die"),
        ({"cuts": (6.0, 3.0), "hazard": (0.1,) * 3}, "cuts: must increase"),
        ({"cuts": (0.0,), "hazard": (0.1,) * 2}, "cuts: must be above 0, not 0.0"),
        ({"log_hr": (0.1, 0.2)}, "log_hr: needs 1 number, one for all times"),
        ({"log_hr": (math.inf,)}, "log_hr: must be a finite number, not inf"),
        ({"centers": ()}, "centers: needs at least one"),
        (center(share=0.4), "centers: shares must add up to 1, not 0.4"),
        (center(share=0.0), "center a, share: must be above 0 and at most 1, not 0.0"),
        (center(log_hazard=math.nan), "center a, log_hazard: must be a finite number, not nan"),
        ({"centers": (Center(name="a", share=0.5),) * 2}, "centers: 2 are named 'a'"),
        ({"treated_log_odds": math.inf}, "shares of treated patients of 0 or 1 leave one arm"),
        ({"administrative": (5.0, 1.0)}, "administrative: needs 0 < first <= last, in months"),
        ({"start": (3.0, 1.0)}, "start: needs 0 <= earliest <= latest, in months"),
        ({"latest_entry": -1.0}, "latest_entry: must be at least 0, not -1.0"),
        ({"loss_hazard": -0.1}, "loss_hazard: must be at least 0, not -0.1"),
        ({"unmeasured_log_hr": math.nan}, "unmeasured_log_hr: must be a finite number, not nan"),
        ({"early_end": "lost"}, "unknown value 'lost'; choose from control, dropped"),
        ({"horizon": 0.0}, "horizon: must be above 0, not 0.0"),
        ({"times": (12.0, -1.0)}, "times: must be above 0, not -1.0"),
        ({"arm_labels": ("a", "a")}, "arm_labels: needs two different names"),
        (covariate(missing=1.0), "covariate x, missing: must be at least 0 and below 1, not 1.0"),
        (covariate(share=1.2), "covariate x, share: must be at least 0 and at most 1, not 1.2"),
        (covariate(log_hr="0.3"), "covariate x, log_hr: must be a finite number, not '0.3'"),
        (covariate(kind="gamma"), "covariate x, kind: unknown 'gamma'; choose from binary, normal"),
        (covariate(missing_with="w"), "missing_with: unknown covariate 'w'; choose from x"),
        (covariate(name="death"), "covariate death: is the name of another column"),
        ({"covariates": (Covariate(name="x"),) * 2}, "covariates: 2 are named 'x'"),
    ],
)
def test_wrong_parameters_are_named(change: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        replace(EXPONENTIAL, **change)


def test_wrong_parameters_are_listed_all_at_once() -> None:
    with pytest.raises(InputError) as caught:
        replace(EXPONENTIAL, patients=0, hazard=(-1.0,), horizon=math.nan, **center(share=0.0))
    assert len(caught.value.problems) == 4
    assert str(caught.value).startswith("4 problems in CohortConfig:")


@pytest.mark.parametrize("seed", [-1, 1.5, None, True])
def test_wrong_seeds_are_refused(seed: object) -> None:
    with pytest.raises(InputError, match="seed: must be a whole number of at least 0"):
        simulate_cohort(seed=seed)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="seed: must be a whole number of at least 0"):
        synthetic_lu2025(seed=-1)


def test_a_driver_of_missing_values_may_itself_be_missing() -> None:
    covariates = (
        Covariate(name="x", share=0.5, missing=0.5),
        Covariate(name="y", kind="normal", missing=0.2, missing_with="x", missing_log_odds=1.5),
    )
    frame = simulate_cohort(CohortConfig(patients=20_000, covariates=covariates), seed=3).frame
    for name, share in (("x", 0.5), ("y", 0.2)):
        gone = frame[name].isna().mean()
        assert abs(gone - share) < 4 * math.sqrt(share * (1 - share) / len(frame))


def test_overlap_population_lies_where_both_arms_are() -> None:
    # With a common log odds of 0 in one center and 4 in the other the overlap weights are 1/4 and
    # e (1 - e): most of that population is of the first.
    centers = (
        Center(name="a", share=0.5),
        Center(name="b", share=0.5, log_odds=4.0, log_hazard=math.log(3)),
    )
    truth = true_estimands(replace(EXPONENTIAL, centers=centers, times=(10.0,)))
    chance = float(expit(4.0))
    weight = np.array([0.25, chance * (1 - chance)])
    expected = weight @ [0.5, 0.125] / weight.sum()
    found = true_value(truth, "survival", "control", population="ato")
    assert found == pytest.approx(expected, rel=1e-12)
