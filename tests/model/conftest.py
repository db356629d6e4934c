"""Cohorts and functions shared by the tests of the model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytensor
import pytensor.tensor as pt
import pytest

import hccbayes as hb
from hccbayes.fit import CompiledModel, compile_model
from hccbayes.hazard_model import build_hazard_model
from hccbayes.pipeline import Study

TOY_SPEC: dict[str, Any] = {
    "model": {"name": "toy"},
    "data": {
        "id": "id",
        "time": "months",
        "event": "death",
        "arm": {"column": "arm", "treated": "both", "control": "one"},
        "entry": "entry",
        "center": "hospital",
        "time_zero": "first dose",
    },
    "hazard": {"formula": "treatment + age + invasion", "cuts": [3, 6, 12], "center": "none"},
    "estimands": {"times": [6]},
}


@pytest.fixture(scope="session")
def toy_frame() -> pd.DataFrame:
    """Nine patients, three hospitals; events on cut points, delayed entry, an empty cell."""
    return pd.DataFrame(
        {
            "id": list("abcdefghi"),
            "hospital": ["east", "north", "west", "east", "north", "east", "north", "west", "east"],
            "arm": ["both", "one", "one", "both", "one", "one", "both", "both", "one"],
            "entry": [0.0, 0.0, 1.0, 0.0, 4.0, 0.0, 0.0, 0.0, 0.5],
            "months": [2.0, 3.0, 5.5, 6.0, 9.0, 14.0, 12.0, 20.0, 4.0],
            "death": [1, 1, 0, 1, 1, 1, 0, 1, 1],
            "age": [50.0, 61.0, 47.0, 70.0, 66.0, 58.0, 52.0, 63.0, 55.0],
            "invasion": [0, 1, 0, 1, 1, 0, 0, 1, 0],
        }
    )


@pytest.fixture(scope="session")
def toy_study(toy_frame) -> Callable[..., tuple[hb.AnalysisSpec, Study]]:
    """Return a maker of the toy study: ``toy_study(baseline="rw1", center="fixed", ...)``."""

    def make(
        *, frame: pd.DataFrame = toy_frame, weights: Any = None, **hazard: Any
    ) -> tuple[hb.AnalysisSpec, Study]:
        spec = hb.AnalysisSpec.from_dict(TOY_SPEC | {"hazard": TOY_SPEC["hazard"] | hazard})
        cohort = hb.read_cohort(frame, spec.roles)
        return spec, hb.build_study(cohort, spec, weights=weights)

    return make


@pytest.fixture(scope="session")
def evaluate() -> Callable[..., dict[str, np.ndarray]]:
    """Return a function that evaluates a model's quantities at given values of its variables."""

    def at(model: Any, values: Mapping[str, Any], names: list[str]) -> dict[str, np.ndarray]:
        function = pytensor.function(
            model.free_RVs,
            [model[name] for name in names],
            on_unused_input="ignore",
            mode="FAST_COMPILE",
        )
        found = function(*(np.asarray(values[variable.name]) for variable in model.free_RVs))
        return dict(zip(names, found, strict=True))

    return at


@pytest.fixture(scope="session")
def random_point() -> Callable[..., dict[str, np.ndarray]]:
    """Return a function that draws a value for each free variable.

    Scales are positive, and a center term that sums to zero in the model does so here.
    """

    def draw(model: Any, seed: int) -> dict[str, np.ndarray]:
        rng = np.random.default_rng(seed)
        shapes = model.eval_rv_shapes()
        point = {}
        for variable in model.free_RVs:
            name, free = variable.name, model.rvs_to_values[variable].name
            value = np.asarray(rng.normal(0.0, 0.7, shapes[name]))
            if free.endswith("_log__"):
                value = np.abs(value)
            elif free.endswith("_zerosum__"):
                value = value - value.mean()
            point[name] = value
        return point

    return draw


@pytest.fixture(scope="session")
def log_density() -> Callable[..., float]:
    """Return a function for a model's log density at given values of its variables.

    Of the variables themselves, without the Jacobians of the sampler's transformations.
    """

    def at(model: Any, values: Mapping[str, Any]) -> float:
        free = {}
        for variable in model.free_RVs:
            value, transform = values[variable.name], model.rvs_to_transforms[variable]
            if transform is not None:
                symbol = pt.as_tensor_variable(value)
                value = transform.forward(symbol, *variable.owner.inputs).eval(mode="FAST_COMPILE")
            free[model.rvs_to_values[variable].name] = value
        return float(model.compile_logp(jacobian=False, mode="FAST_COMPILE")(free))

    return at


SMALL_SPEC: dict[str, Any] = {
    "model": {"name": "small"},
    "data": {
        "id": "id",
        "time": "months",
        "event": "death",
        "arm": {"column": "arm", "treated": "both", "control": "one"},
        "center": "hospital",
        "time_zero": "first dose",
    },
    "hazard": {"formula": "treatment + invasion", "cuts": [3, 6, 12]},
    "estimands": {"times": [6]},
    "sampler": {"seed": 20261120},
}


@pytest.fixture(scope="session")
def small_frame() -> Callable[[int], pd.DataFrame]:
    """Return a maker of cohorts of 240 patients in four hospitals, from a seed.

    Sixteen patterns of treatment, one covariate and hospital: a fit takes a second.
    """

    def make(seed: int) -> pd.DataFrame:
        rng = np.random.default_rng(seed)
        frame = pd.DataFrame({"id": range(240)})
        hospital = np.arange(240) % 4
        treated = rng.random(240) < 0.4
        frame["hospital"] = np.array(["north", "east", "south", "west"])[hospital]
        frame["arm"] = np.where(treated, "both", "one")
        frame["invasion"] = (rng.random(240) < 0.4).astype(int)
        log_ratio = -0.4 * treated + 0.5 * frame["invasion"]
        log_ratio += np.array([0.3, 0.0, -0.1, -0.2])[hospital]
        death = rng.exponential(1.0 / (0.06 * np.exp(log_ratio)))
        censoring = rng.uniform(6.0, 30.0, 240)
        frame["months"] = np.minimum(death, censoring)
        frame["death"] = (death <= censoring).astype(int)
        return frame

    return make


@pytest.fixture(scope="session")
def small_study(small_frame) -> Callable[..., tuple[hb.AnalysisSpec, Study]]:
    """Return a maker of the small study: ``small_study(seed=1, center="fixed", priors={...})``."""

    def make(
        *, seed: int = 1, priors: Mapping[str, Any] | None = None, **hazard: Any
    ) -> tuple[hb.AnalysisSpec, Study]:
        changed = {"hazard": SMALL_SPEC["hazard"] | hazard, "priors": dict(priors or {})}
        spec = hb.AnalysisSpec.from_dict(SMALL_SPEC | changed)
        return spec, hb.build_study(hb.read_cohort(small_frame(seed), spec.roles), spec)

    return make


@pytest.fixture(scope="session")
def compiled_small(small_study) -> Callable[..., CompiledModel]:
    """Return a function that compiles a structure of the small study once and keeps it."""
    kept: dict[str, CompiledModel] = {}

    def compile_once(**hazard: Any) -> CompiledModel:
        key = repr(sorted(hazard.items()))
        if key not in kept:
            spec, study = small_study(**hazard)
            kept[key] = compile_model(build_hazard_model(study.data, spec.hazard, spec.priors))
        return kept[key]

    return compile_once
