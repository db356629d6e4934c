"""Compiling, sampling and refitting: the same seed, other data, other samplers, the retry."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
import xarray as xr

from hccbayes import defaults
from hccbayes.errors import MissingDependencyError
from hccbayes.fit import CompiledModel, compile_model, fit
from hccbayes.hazard_model import build_hazard_model, model_data
from hccbayes.spec import SamplerSection

SHORT = SamplerSection(draws=100, tune=200, chains=2, seed=7)


def treatment(tree: xr.DataTree) -> np.ndarray:
    return tree["posterior"]["treatment"].values


def test_same_seed_same_draws(compiled_small):
    compiled = compiled_small(center="hierarchical")
    first, second = compiled.sample(SHORT), compiled.sample(SHORT)
    xr.testing.assert_identical(
        first["posterior"].to_dataset().drop_attrs(), second["posterior"].to_dataset().drop_attrs()
    )
    other = compiled.sample(SHORT.model_copy(update={"seed": 8}))
    assert not np.array_equal(treatment(first), treatment(other))
    assert not np.array_equal(treatment(first)[0], treatment(first)[1])


def test_same_draws_on_one_core_and_on_two(compiled_small):
    import nutpie

    compiled = compiled_small(center="hierarchical").compiled
    alone, together = (
        nutpie.sample(
            compiled,
            draws=100,
            tune=200,
            chains=2,
            cores=cores,
            seed=7,
            progress_bar=False,
        )
        for cores in (1, 2)
    )
    np.testing.assert_array_equal(treatment(alone), treatment(together))


def test_draws_are_named_and_hold_no_patient(compiled_small):
    tree = compiled_small(center="hierarchical").sample(SHORT)
    assert set(tree.children) == {"posterior", "sample_stats"}
    posterior = tree["posterior"]
    assert posterior.sizes["draw"] == 100
    assert posterior.sizes["chain"] == 2
    assert list(posterior["center"].values) == ["east", "north", "south", "west"]
    assert list(posterior["interval"].values) == ["0-3", "3-6", "6-12", "12+"]
    assert posterior["center_effect"].dims == ("chain", "draw", "center")
    assert "pattern" not in posterior.dims


def test_refit_after_other_data_returns_to_the_same_draws(small_study, compiled_small):
    compiled = compiled_small(center="hierarchical")
    before = {name.name: name.get_value() for name in compiled.model.data_vars}
    first = treatment(compiled.sample(SHORT))
    spec, other = small_study(seed=2, center="hierarchical")
    arrays = model_data(other.data, spec.hazard, spec.priors)
    refitted = treatment(compiled.sample(SHORT, data=arrays))
    again = treatment(compiled.sample(SHORT))
    assert not np.array_equal(first, refitted)
    np.testing.assert_array_equal(first, again)
    for name, values in before.items():
        np.testing.assert_array_equal(compiled.model[name].get_value(), values)


def test_progress_is_told_to_the_end(compiled_small):
    told: list[tuple[int, int]] = []
    compiled_small(center="hierarchical").sample(
        SHORT, on_progress=lambda done, total: told.append((done, total))
    )
    assert told[-1] == (600, 600)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_unknown_or_missing_backend(small_study, monkeypatch):
    spec, study = small_study()
    model = build_hazard_model(study.data, spec.hazard, spec.priors)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'hccbayes\[numpyro\]'"):
        compile_model(model, "numpyro")


@pytest.mark.parametrize("backend", ["pymc", "numpyro"])
def test_other_backends_agree_with_nutpie(backend, small_study, compiled_small):
    """Mean and standard deviation within four Monte Carlo standard errors; the data are put back.

    The refit is with other data, so that it is the data of the call that count.
    """
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    import arviz as az

    compiled = compiled_small(center="none", cuts=[])
    spec, other = small_study(seed=2, center="none", cuts=[])
    arrays = model_data(other.data, spec.hazard, spec.priors)
    sampler = SamplerSection(draws=500, tune=500, chains=2, seed=11)
    nuts = compiled.sample(sampler, data=arrays)["posterior"].to_dataset()
    same_model = compile_model(compiled.model, backend)
    before = {name.name: name.get_value() for name in compiled.model.data_vars}
    tree = same_model.sample(sampler, data=arrays)
    assert set(tree.children) == {"posterior", "sample_stats"}
    assert {"diverging", "energy", "tree_depth"} <= set(tree["sample_stats"].data_vars)
    found = tree["posterior"].to_dataset()
    for name in ("treatment", "level"):
        for method, statistic in (("mean", np.mean), ("sd", np.std)):
            error = np.hypot(
                *(float(az.mcse(draws[name], method=method)) for draws in (found, nuts))
            )
            gap = statistic(found[name].values) - statistic(nuts[name].values)
            assert abs(gap) < 4.0 * error
    for name, values in before.items():
        np.testing.assert_array_equal(compiled.model[name].get_value(), values)


def test_pymc_puts_the_data_back_when_sampling_fails(small_study, compiled_small, monkeypatch):
    import pymc as pm

    def interrupted(**_: object) -> None:
        raise KeyboardInterrupt

    compiled = CompiledModel(compiled_small(center="none", cuts=[]).model, "pymc", None)
    spec, other = small_study(seed=2, center="none", cuts=[])
    arrays = model_data(other.data, spec.hazard, spec.priors)
    before = compiled.model["exposure"].get_value()
    assert not np.array_equal(before, arrays["exposure"])
    monkeypatch.setattr(pm, "sample", interrupted)
    with pytest.raises(KeyboardInterrupt):
        compiled.sample(SHORT, data=arrays)
    np.testing.assert_array_equal(compiled.model["exposure"].get_value(), before)


@pytest.fixture
def divergent_first(compiled_small, monkeypatch):
    """Return a compiled model whose draws diverge as often as asked, and what it was asked."""
    calls: list[dict[str, object]] = []
    real = CompiledModel.sample

    def prepare(divergent_fits: int) -> tuple[CompiledModel, list[dict[str, object]]]:
        def sample(self, sampler, **options):
            calls.append(options)
            tree = real(self, sampler, **options)
            stats = tree["sample_stats"].to_dataset()
            wrong = xr.zeros_like(stats["diverging"])
            wrong[0, 0] = len(calls) <= divergent_fits
            return xr.DataTree.from_dict(
                {
                    "posterior": tree["posterior"].to_dataset(),
                    "sample_stats": stats.assign(diverging=wrong),
                }
            )

        monkeypatch.setattr(CompiledModel, "sample", sample)
        return compiled_small(center="hierarchical"), calls

    return prepare


@pytest.mark.parametrize("divergent_fits", [0, 1, 2])
def test_divergences_lead_to_one_more_fit_at_a_higher_acceptance(divergent_fits, divergent_first):
    compiled, calls = divergent_first(divergent_fits)
    tree, diagnosis = fit(compiled, SHORT)
    retried = divergent_fits > 0
    assert len(calls) == 1 + retried
    assert "target_accept" not in calls[0]
    assert len(diagnosis.repeats) == retried
    accept = defaults.RETRY_TARGET_ACCEPT if retried else SHORT.target_accept
    assert diagnosis.target_accept == accept
    if retried:
        assert calls[1]["target_accept"] == defaults.RETRY_TARGET_ACCEPT
        assert calls[1]["data"] is calls[0]["data"]
        assert diagnosis.repeats == ("divergent draws at target acceptance 0.95: 1",)
    check = next(check for check in diagnosis.checks if check.name == "divergences")
    # The fit that is reported is the last one; its divergence is not explained away.
    assert check.passed == (divergent_fits < 2)
    assert check.value == int(tree["sample_stats"]["diverging"].sum())


def test_no_second_fit_beyond_the_highest_acceptance(divergent_first):
    compiled, calls = divergent_first(1)
    sampler = SHORT.model_copy(update={"target_accept": 0.995})
    _, diagnosis = fit(compiled, sampler)
    assert len(calls) == 1
    assert diagnosis.repeats == ()
    assert not diagnosis.passed
    assert diagnosis.headline().startswith("DIAGNOSTICS FAILED")


@pytest.fixture
def scattered_first(compiled_small, monkeypatch):
    """Return a compiled model whose first fits have chains apart, and the samplers it was given."""
    samplers: list[SamplerSection] = []
    real = CompiledModel.sample

    def prepare(scattered_fits: int) -> tuple[CompiledModel, list[SamplerSection]]:
        def sample(self, sampler, **options):
            samplers.append(sampler)
            tree = real(self, sampler, **options)
            posterior = tree["posterior"].to_dataset()
            if len(samplers) <= scattered_fits:
                apart = xr.DataArray(np.arange(sampler.chains), dims="chain")
                posterior = posterior.assign(treatment=posterior["treatment"] + apart)
            return xr.DataTree.from_dict(
                {"posterior": posterior, "sample_stats": tree["sample_stats"].to_dataset()}
            )

        monkeypatch.setattr(CompiledModel, "sample", sample)
        return compiled_small(center="none", cuts=[]), samplers

    return prepare


@pytest.mark.parametrize("scattered_fits", [0, 1, 2])
def test_chains_that_disagree_lead_to_one_fit_of_twice_the_length(scattered_fits, scattered_first):
    compiled, samplers = scattered_first(scattered_fits)
    sampler = SHORT.model_copy(update={"draws": 1000, "tune": 500})
    tree, diagnosis = fit(compiled, sampler)
    again = scattered_fits > 0
    assert len(samplers) == 1 + again
    assert len(diagnosis.repeats) == again
    assert diagnosis.passed == (scattered_fits < 2)
    assert tree["posterior"].sizes["draw"] == 1000 * (1 + again)
    if again:
        assert (samplers[1].draws, samplers[1].tune) == (2000, 1000)
        assert diagnosis.repeats[0].startswith("largest R-hat ")
        assert diagnosis.repeats[0].endswith("(treatment; limit 400), in 1000 draws a chain")


def test_a_run_that_was_asked_to_be_short_stays_short(scattered_first):
    compiled, samplers = scattered_first(1)
    _, diagnosis = fit(compiled, SHORT)
    assert len(samplers) == 1
    assert not diagnosis.passed
