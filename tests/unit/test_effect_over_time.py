"""An effect that changes with time: shapes by hand, curves by integration, rows, cautions."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.integrate import quad
from scipy.optimize import brentq

from hccbayes.cautions import cautions
from hccbayes.crosscheck import bayesian_moments, crosscheck_table, reference_spec
from hccbayes.estimand_table import Labels, estimate_rows
from hccbayes.frequentist.phased_cox import PHASES
from hccbayes.predictive import Patients, patient_hazards
from hccbayes.records import ArmSummary, CohortSummary, FrequentistLabels, estimate_table
from hccbayes.report.numbers import estimand_name
from hccbayes.sensitivity.grid import Grid, grid_cells
from hccbayes.sensitivity.structure import Structure
from hccbayes.spec import AnalysisSpec, EstimandSection, HazardSection
from hccbayes.standardization import (
    Arm,
    HazardDraws,
    Population,
    mean_restricted_mean,
    mean_survival,
    population_median,
)
from hccbayes.time_varying_effect import (
    effect_cuts,
    effect_matrix,
    few_events,
    log_hr_over_time,
    mean_log_time,
    phases_of,
)

CUTS = np.array([3.0, 6.0, 12.0])
BASELINE = np.array([0.05, 0.09, 0.08, 0.05])
LOG_HR = np.array([0.3, -0.9, -0.9, -0.9])
"""Harm in the first three months, then benefit."""
TREATED_SHARE = 0.3
SHARES = np.array([0.4, 0.3, 0.2, 0.1])
ARMS: list[tuple[Arm, float]] = [("treated", 0.7), ("control", -0.3)]
TREATMENT = "treated / control"


def hazard(effect: str, *bounds: float) -> HazardSection:
    given = {"effect_phases": bounds} if bounds else {}
    return HazardSection.model_validate({"formula": "treatment", "effect": effect} | given)


def two_phase_draws() -> HazardDraws:
    """Return two draws: the effect by phase, and none at all."""
    mean = float(SHARES @ LOG_HR)
    return HazardDraws(
        baseline=np.stack([BASELINE, BASELINE])[:, None, :],
        treatment=np.array([mean, 0.0]),
        treatment_mean=TREATED_SHARE,
        covariates=np.array([[1.0], [1.0]]),
        center_effect=np.zeros((2, 1)),
        center_slope=np.zeros((2, 1)),
        cuts=CUTS,
        effect_deviation=np.stack([LOG_HR - mean, np.zeros(4)]),
    )


MIXTURE = Population(
    covariates=np.array([[-0.5], [1.0]]),
    center_index=np.zeros(2, dtype=np.intp),
    weight=np.array([0.6, 0.4]),
)


def survival_by_integration(time: float, contrast: float, log_hr: np.ndarray) -> float:
    """Integrate each patient's hazard, written as a function of time, and average."""

    def own(t: float, covariate: float) -> float:
        j = int(np.searchsorted(CUTS, t, side="left"))
        return float(BASELINE[j] * np.exp(log_hr[j] * contrast + covariate))

    alive = 0.0
    for covariate, share in ((-0.5, 0.6), (1.0, 0.4)):
        edges = [0.0, *(cut for cut in CUTS if cut < time), time]
        total = sum(
            quad(own, a, b, args=(covariate,), epsabs=1e-13)[0]
            for a, b in zip(edges, edges[1:], strict=False)
        )
        alive += share * np.exp(-total)
    return alive


@pytest.mark.parametrize(("arm", "contrast"), ARMS)
def test_population_quantities_by_integration(arm: Arm, contrast: float) -> None:
    draws, times = two_phase_draws(), [2.0, 3.0, 5.0, 20.0]
    survival = mean_survival(draws, MIXTURE, arm, times)
    for row, log_hr in enumerate((LOG_HR, np.zeros(4))):
        by_hand = [survival_by_integration(time, contrast, log_hr) for time in times]
        np.testing.assert_allclose(survival[row], by_hand, rtol=1e-11)
        area = sum(
            quad(survival_by_integration, a, b, args=(contrast, log_hr), epsabs=1e-10)[0]
            for a, b in [(0, 3), (3, 6), (6, 12), (12, 20)]
        )
        mean = mean_restricted_mean(draws, MIXTURE, arm, 20.0)[row]
        assert mean == pytest.approx(area, abs=1e-8)
        root = brentq(
            lambda t, c=contrast, x=log_hr: survival_by_integration(t, c, x) - 0.5, 0.1, 40.0
        )
        median = population_median(draws, MIXTURE, arm, 40.0)[row]
        assert median == pytest.approx(root, abs=1e-9)


def test_curves_of_harm_then_benefit_cross() -> None:
    treated, control = (
        mean_survival(two_phase_draws(), MIXTURE, arm, [3.0, 24.0])[0] for arm, _ in ARMS
    )
    assert treated[0] < control[0]
    assert treated[1] > control[1]


def test_every_patient_has_the_hazard_of_the_own_arm() -> None:
    patients = Patients(
        start=np.zeros(2),
        stop=np.ones(2),
        event=np.ones(2),
        treatment=np.array([1.0, 0.0]),
        covariates=np.array([[0.2], [-0.1]]),
        center_index=np.zeros(2, dtype=np.intp),
    )
    found = patient_hazards(two_phase_draws(), patients, np.array([0]))[0]
    np.testing.assert_allclose(found[0], BASELINE * np.exp(LOG_HR * 0.7 + 0.2), rtol=1e-13)
    np.testing.assert_allclose(found[1], BASELINE * np.exp(LOG_HR * -0.3 - 0.1), rtol=1e-13)


def test_shapes_by_hand() -> None:
    phases = effect_matrix(hazard("phases", 3.0, 12.0), CUTS, SHARES)
    # The first phase has 0.4 of the events, the second 0.5, the last 0.1.
    np.testing.assert_allclose(
        phases, [[-0.6, -0.1], [0.4, -0.1], [0.4, -0.1], [0.4, 0.9]], atol=1e-15
    )
    line = effect_matrix(hazard("log_time"), CUTS, SHARES)[:, 0]
    by_hand = [
        quad(lambda t: np.log(t / 12.0), a, b)[0] / (b - a)
        for a, b in [(0, 3), (3, 6), (6, 12), (12, 18)]
    ]
    np.testing.assert_allclose(mean_log_time(CUTS), by_hand, atol=1e-9)
    np.testing.assert_allclose(line, by_hand - SHARES @ by_hand, atol=1e-9)
    for effect in ("phases", "log_time", "smooth"):
        own = effect_matrix(hazard(effect), CUTS, SHARES)
        np.testing.assert_allclose(SHARES @ own, 0.0, atol=1e-15)


def test_cut_points_of_a_constant_effect_are_left_alone() -> None:
    assert effect_cuts(hazard("constant"), CUTS, 1.0) is CUTS
    assert effect_cuts(hazard("phases", 4.0), CUTS, 20.0).tolist() == [3, 4, 6, 12]
    assert phases_of(hazard("phases", 4.0), 20.0) == (4.0, 20.0)
    assert phases_of(hazard("smooth"), 20.0) == ()


def posterior_of(values: np.ndarray) -> xr.Dataset:
    return xr.Dataset(
        {"log_hr_by_interval": (("chain", "draw", "interval"), values)},
        coords={"chain": [0], "draw": range(values.shape[1])},
    )


def test_log_hr_is_filed_under_the_ends_of_phases() -> None:
    rng = np.random.default_rng(1)
    by_phase = rng.normal(size=(1, 5, 2))
    draws = log_hr_over_time(posterior_of(by_phase[..., [0, 1, 1, 1]]), CUTS, 17.0)["log_hr_at"]
    assert draws["effect_time"].values.tolist() == [3.0, 17.0]
    np.testing.assert_array_equal(draws, by_phase)
    # An interval that starts where one arm is no longer followed is left out.
    every = log_hr_over_time(posterior_of(rng.normal(size=(1, 5, 4))), CUTS, 10.0)["log_hr_at"]
    assert every["effect_time"].values.tolist() == [3.0, 6.0, 10.0]
    assert not log_hr_over_time(xr.Dataset(), CUTS, 17.0).data_vars


def effect_draws() -> xr.Dataset:
    values = np.array([[[-0.1, -0.8], [0.3, -0.4], [0.1, 0.2], [0.5, -0.6]]])
    return xr.Dataset(
        {
            "log_hr": (("chain", "draw"), values.mean(axis=-1)),
            "log_hr_at": (("chain", "draw", "effect_time"), values),
        },
        coords={"effect_time": [3.0, 20.0]},
    )


def test_rows_by_time() -> None:
    labels = Labels(method="pe_rw1", model="toy", estimands=EstimandSection())
    table = estimate_table(estimate_rows(effect_draws(), labels))
    own = table[table["estimand"] == "log_hr_at"]
    assert own["time"].tolist() == [3.0, 20.0]
    assert own["estimate"].tolist() == pytest.approx([0.2, -0.4])
    assert own["prob_benefit"].tolist() == [0.25, 0.75]
    below = table[table["estimand"] == "prob_hr_at_below_1"]
    assert below["estimate"].tolist() == [0.25, 0.75]
    assert table.loc[table["estimand"] == "hr_at", "estimate"].iloc[0] == pytest.approx(
        np.exp([0.1, 0.3]).mean()
    )
    assert estimand_name("prob_hr_at_below_0.8") == "P(HR(t) < 0.8)"


def test_phases_are_joined_with_cox_by_phase() -> None:
    labels = FrequentistLabels(population="sample", model="toy", prob=0.95)
    rows = [
        labels.wald("log_hr_at", TREATMENT, PHASES, 0.19, 0.2, time=3.0),
        labels.wald("log_hr_at", TREATMENT, PHASES, -0.41, 0.2, time=20.0),
        labels.wald("log_hr", TREATMENT, PHASES, -0.1, 0.2),
        labels.wald("log_hr", TREATMENT, "cox_efron", -0.9, 0.2),
    ]
    moments = bayesian_moments(effect_draws())
    joined = crosscheck_table(moments, moments, estimate_table(rows))
    table = joined.set_index(["prior", "estimand", "method"]).sort_index()
    own = table.loc[("reference", "log_hr_at", PHASES)]
    assert own["time"].tolist() == [3.0, 20.0]
    assert own["difference"].tolist() == pytest.approx([0.01, 0.01])
    assert own["remark"].tolist() == ["agrees", "agrees"]
    # One hazard ratio for all times is no twin of a reference fit with phases.
    assert ("reference", "log_hr", "cox_efron") not in table.index
    (said,) = table.loc[("analysis", "log_hr", "cox_efron"), "remark"].tolist()
    assert said.endswith("one hazard ratio for all times against an effect that changes")


def model(effect: str, **adjustment: Any) -> AnalysisSpec:
    arm = {"column": "arm", "treated": "tace", "control": "systemic"}
    values: dict[str, Any] = {
        "model": {"name": "toy"},
        "data": {"id": "id", "time": "m", "event": "d", "time_zero": "therapy", "arm": arm},
        "hazard": {"formula": "treatment", "effect": effect},
    }
    if adjustment:
        values |= {"propensity": {"formula": "age"}, "adjustment": adjustment}
    return AnalysisSpec.from_dict(values)


def test_the_reference_fit_keeps_phases_and_nothing_else() -> None:
    stop, event = pd.Series(np.arange(1.0, 30.0)), pd.Series(np.ones(29))
    phased = reference_spec(model("phases"), stop, event)
    assert (phased.hazard.effect, phased.priors.effect_walk_sd) == ("phases", 10.0)
    assert isinstance(phased.hazard.cuts, tuple)
    assert {3.0, 12.0} <= set(phased.hazard.cuts)
    AnalysisSpec.from_dict(phased.to_dict())
    for effect in ("log_time", "smooth"):
        assert reference_spec(model(effect), stop, event).hazard.effect == "constant"


def test_few_events_by_phase_interval_and_in_all() -> None:
    events = np.array([[12.0, 4.0, 5.0, 9.0], [30.0, 20.0, 10.0, 10.0]])
    assert few_events(hazard("phases", 3.0, 12.0), CUTS, events) == [
        "3-12 months (9 treated, 30 control)",
        "12+ months (9 treated, 10 control)",
    ]
    assert len(few_events(hazard("smooth"), CUTS, events)) == 3
    assert few_events(hazard("log_time"), CUTS, events) == []
    halved = few_events(hazard("log_time"), CUTS, events / 2.0)
    assert halved == ["the whole follow-up (15 treated, 35 control)"]


def test_cautions_say_the_rule_and_the_counts() -> None:
    arm = ArmSummary(label="arm", patients=40, events=20, person_months=300.0)
    summary = CohortSummary(
        source="toy", sha256="0", rows_read=80, arms={"treated": arm, "control": arm}, centers=0
    )
    events = np.array([[12.0, 4.0, 5.0, 9.0], [30.0, 20.0, 10.0, 10.0]])
    data: Any = SimpleNamespace(
        interval_events=events.sum(axis=0),
        arm_events=events,
        intervals=("0-3", "3-6", "6-12", "12+"),
        cuts=CUTS,
        covariate_names=(),
        centers=(),
    )
    at_risk = {"treated": 9, "control": 9}
    assert cautions(summary, data, model("constant"), at_risk) == ()
    average, few, outcome = cautions(
        summary, data, model("phases", method=["weighted"], target="ato"), at_risk
    )
    assert "event-weighted geometric mean" in average
    assert "(fewer than 10 of an arm in a phase or interval, " in few
    assert "3-12 months (9 treated, 30 control), 12+ months (9 treated, 10 control)." in few
    assert "weighted and matched estimates keep one hazard ratio" in outcome


def test_effect_phases_and_a_known_scale_are_part_of_a_structure() -> None:
    """Cells of a grid over ``hazard.effect`` never share a compiled model."""
    study: Any = SimpleNamespace(
        data=SimpleNamespace(centers=(), intervals=("0-3", "3-12", "12+"), covariate_names=())
    )
    phased = model("phases")
    changes = ("hazard.effect_phases=[6]", "priors.effect_walk_sd=1", "hazard.effect=smooth")
    found = [
        Structure.of(study, spec)
        for spec in (model("constant"), phased, *(phased.with_values([one]) for one in changes))
    ]
    assert len(set(found)) == len(found)
    # Bounds are data: as many of them elsewhere, in as many intervals, are the same model.
    moved = phased.with_values(["hazard.effect_phases=[4, 10]", "priors.effect_walk_sd.sigma=0.5"])
    assert Structure.of(study, moved) == found[1]


def test_a_grid_varies_the_effect() -> None:
    grid = Grid.of("effects", {"hazard.effect": ["constant", "phases", "log_time", "smooth"]})
    cells = grid_cells(grid, model("constant"), ())
    assert [cell.spec.hazard.effect for cell in cells] == [
        "constant",
        "phases",
        "log_time",
        "smooth",
    ]
