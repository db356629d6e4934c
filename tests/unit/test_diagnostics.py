"""The gate between draws and numbers: each way to fail it, with the variable's name."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr

from hccbayes import defaults
from hccbayes.diagnostics import diagnose, divergence_count
from hccbayes.records import Diagnosis

CHAINS, DRAWS = 4, 500
DIMS = ("chain", "draw")


def tree(
    draws: np.ndarray | None = None,
    *,
    energy: np.ndarray | None = None,
    diverging: int = 0,
    deep: int = 0,
    depth_name: str = "maxdepth_reached",
) -> xr.DataTree:
    """Return independent normal draws of two variables, one of them replaced, and statistics."""
    rng = np.random.default_rng(3)
    good = rng.standard_normal((CHAINS, DRAWS, 3))
    own = rng.standard_normal((CHAINS, DRAWS)) if draws is None else draws
    usual_energy = rng.standard_normal((CHAINS, DRAWS))
    first = np.arange(CHAINS * DRAWS).reshape(CHAINS, DRAWS)
    depth = {
        "tree_depth": np.where(first < deep, defaults.MAX_TREE_DEPTH, 4),
    }.get(depth_name, first < deep)
    return xr.DataTree.from_dict(
        {
            "posterior": xr.Dataset(
                {"covariates": ((*DIMS, "covariate"), good), "treatment": (DIMS, own)}
            ),
            "sample_stats": xr.Dataset(
                {
                    "diverging": (DIMS, first < diverging),
                    "energy": (DIMS, usual_energy if energy is None else energy),
                    depth_name: (DIMS, depth),
                }
            ),
        }
    )


def outcome(fit: xr.DataTree) -> Diagnosis:
    return diagnose(fit, target_accept=0.9)


def failures(fit: xr.DataTree) -> dict[str, str]:
    return {check.name: check.message for check in outcome(fit).failures}


def test_good_draws_pass() -> None:
    diagnosis = outcome(tree())
    assert diagnosis.passed
    assert [check.name for check in diagnosis.checks] == [
        "finite draws",
        "varying draws",
        "rhat",
        "ess_bulk",
        "ess_tail",
        "divergences",
        "ebfmi",
        "tree_depth",
    ]
    assert diagnosis.headline().startswith("Diagnostics passed: all draws are finite; ")
    assert "0 divergent of 2000 draws" in diagnosis.headline()
    values = {check.name: check.value for check in diagnosis.checks}
    assert values["rhat"] is not None
    assert 0.99 < values["rhat"] < defaults.RHAT_LIMIT
    # Independent draws: ESS near 2000, energy changes by twice its variance.
    assert values["ess_bulk"] == pytest.approx(2000, rel=0.2)
    assert values["ebfmi"] == pytest.approx(2.0, rel=0.2)


def normal() -> np.ndarray:
    return np.random.default_rng(4).standard_normal((CHAINS, DRAWS))


def test_a_chain_that_is_shifted_fails_r_hat() -> None:
    draws = normal()
    draws[0] += 1.0
    found = failures(tree(draws))
    assert found["rhat"].startswith("largest R-hat 1.")
    assert "(treatment; limit 1.01)" in found["rhat"]


def test_slowly_mixing_draws_fail_both_sample_sizes() -> None:
    noise, draws = normal(), np.empty((CHAINS, DRAWS))
    draws[:, 0] = noise[:, 0]
    for step in range(1, DRAWS):
        draws[:, step] = 0.9 * draws[:, step - 1] + np.sqrt(1 - 0.81) * noise[:, step]
    diagnosis = outcome(tree(draws))
    checks = {check.name: check for check in diagnosis.checks}
    # An autoregression of 0.9 leaves (1 - 0.9) / (1 + 0.9) of 2000 draws: 105.
    assert not checks["ess_bulk"].passed
    assert checks["ess_bulk"].value == pytest.approx(105, rel=0.5)
    assert checks["ess_bulk"].message.endswith("(treatment; limit 400)")
    assert not checks["ess_tail"].passed
    assert checks["ess_tail"].message.startswith("smallest tail ESS ")


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("share", [1, DRAWS])
def test_draws_that_are_not_finite_fail(value: float, share: int) -> None:
    draws = normal()
    draws[1, :share] = value
    found = failures(tree(draws))
    assert found["finite draws"] == "draws of treatment are not finite"
    assert "rhat" not in {check.name for check in outcome(tree(draws)).checks}


def test_all_draws_nan_fail() -> None:
    assert "finite draws" in failures(tree(np.full((CHAINS, DRAWS), np.nan)))


def test_constant_draws_fail() -> None:
    found = failures(tree(np.full((CHAINS, DRAWS), 0.5)))
    assert found["varying draws"] == "draws of treatment are constant"


def test_one_constant_element_of_a_vector_fails() -> None:
    fit = tree()
    fit["posterior"]["covariates"][:, :, 1] = 0.0
    assert failures(fit)["varying draws"] == "draws of covariates are constant"


def test_one_divergence_fails() -> None:
    fit = tree(diverging=1)
    assert failures(fit) == {"divergences": "1 divergent of 2000 draws"}
    assert divergence_count(fit) == 1


def test_low_energy_change_fails() -> None:
    # A random walk of the energy changes little from draw to draw against its spread.
    energy = np.cumsum(normal(), axis=1)
    found = failures(tree(energy=energy))
    assert found["ebfmi"].startswith("smallest E-BFMI 0.")
    assert found["ebfmi"].endswith("(limit 0.3)")


def test_one_bad_chain_is_enough_for_the_energy() -> None:
    energy = normal()
    energy[2] = np.cumsum(energy[2])
    assert "ebfmi" in failures(tree(energy=energy))


def test_energy_by_hand() -> None:
    # Changes +-1: mean square 1; variance of 0 1 0 1 ...: 1/4. E-BFMI 4.
    energy = np.tile([0.0, 1.0], (CHAINS, DRAWS // 2))
    checks = {check.name: check for check in outcome(tree(energy=energy)).checks}
    assert checks["ebfmi"].value == pytest.approx(4.0, rel=1e-12)


def test_energy_that_does_not_change_fails() -> None:
    assert "ebfmi" in failures(tree(energy=np.ones((CHAINS, DRAWS))))


@pytest.mark.parametrize("name", ["maxdepth_reached", "reached_max_treedepth", "tree_depth"])
def test_tree_depth_under_each_sampler_s_name(name: str) -> None:
    # 1% of 2000 draws are 20.
    assert failures(tree(deep=20, depth_name=name)) == {}
    assert failures(tree(deep=21, depth_name=name)) == {
        "tree_depth": "1.1% of draws at the maximum tree depth"
    }


def test_every_reason_stands_in_the_headline() -> None:
    draws = normal()
    draws[0] += 2.0
    headline = outcome(tree(draws, diverging=3)).headline()
    assert headline.startswith("DIAGNOSTICS FAILED, do not use these estimates: largest R-hat ")
    assert "; 3 divergent of 2000 draws" in headline
    assert "E-BFMI" not in headline


def test_a_diagnosis_survives_json_and_remembers_its_repeats() -> None:
    diagnosis = diagnose(
        tree(), target_accept=0.99, repeats=("divergent draws at target acceptance 0.95: 2",)
    )
    again = Diagnosis.from_dict(json.loads(json.dumps(diagnosis.to_dict())))
    assert again == diagnosis
    assert again.target_accept == 0.99
    assert again.repeats == ("divergent draws at target acceptance 0.95: 2",)
