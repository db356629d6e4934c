"""The one file that calls samplers: compile once, sample, refit with other data or priors."""

from __future__ import annotations

import importlib.util
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hccbayes import defaults
from hccbayes.diagnostics import diagnose, divergence_count, mixed_too_slowly
from hccbayes.errors import InputError, MissingDependencyError, Problem
from hccbayes.records import Diagnosis
from hccbayes.spec import Backend, SamplerSection

if TYPE_CHECKING:
    import pymc as pm
    import xarray as xr

Progress = Callable[[int, int], None]
"""Called with draws done and draws in all, tuning included, over all chains."""

DataUpdate = Mapping[str, NDArray[np.generic]]

_PROGRESS_MILLISECONDS = 100


@dataclass(frozen=True, slots=True, eq=False)
class CompiledModel:
    """A model made ready for a sampler.

    Parameters
    ----------
    model
        The PyMC model.
    backend
        ``nutpie``, ``pymc`` or ``numpyro``.
    compiled
        nutpie's compiled form; ``None`` for the other backends, which compile when they sample.
    """

    model: pm.Model
    backend: Backend
    compiled: Any

    def sample(
        self,
        sampler: SamplerSection,
        *,
        data: DataUpdate | None = None,
        target_accept: float | None = None,
        on_progress: Progress | None = None,
    ) -> xr.DataTree:
        """Draw from the posterior; the same seed gives the same draws.

        Parameters
        ----------
        sampler
            Draws, tuning draws, chains and seed.
        data
            New values for the model's data, by name: other patients, weights or prior parameters
            of the same structure. The model itself is left as it is.
        target_accept
            Overrides the sampler's own.
        on_progress
            Called now and then while nutpie samples.

        Returns
        -------
        xarray.DataTree
            Groups ``posterior`` and ``sample_stats``.

        Raises
        ------
        InputError
            If `data` has a name the model does not hold, or a shape that does not fit.
        """
        check_update(self.model, data or {})
        accept = sampler.target_accept if target_accept is None else target_accept
        if self.backend == "nutpie":
            return _sample_nutpie(self.compiled, sampler, data or {}, accept, on_progress)
        return _sample_pymc(self.model, self.backend, sampler, data or {}, accept)


_PATIENTS = "pattern"
"""The one dimension that other data may change; then everything over patients must be given."""


def check_update(model: pm.Model, data: DataUpdate) -> None:
    """Check new values against the model's data before a sampler, which would not, sees them.

    Raises
    ------
    InputError
        If a name is unknown, a shape does not fit the model's dimensions, or the number of
        patterns changes and not every array over patterns is given.
    """
    problems = []
    counts = {}
    for name, value in data.items():
        if name not in model.named_vars:
            known = ", ".join(variable.name for variable in model.data_vars)
            problems.append(Problem(f"data {name}", f"is not in the model, which holds {known}"))
            continue
        held = model[name].get_value()
        dims = model.named_vars_to_dims.get(name, (None,) * held.ndim)
        shape = np.shape(value)
        free = [dim == _PATIENTS for dim in dims]
        fits = len(shape) == held.ndim and all(
            may_change or new == old
            for may_change, new, old in zip(free, shape, held.shape, strict=True)
        )
        if not fits:
            problems.append(Problem(f"data {name}", f"has shape {shape}, not {held.shape}"))
        elif any(free):
            counts[name] = shape[free.index(True)]
    problems += _pattern_problems(model, counts)
    if problems:
        raise InputError(problems)


def _pattern_problems(model: pm.Model, counts: Mapping[str, int]) -> list[Problem]:
    """Return what is wrong with the numbers of patterns of the arrays that are given."""
    if not counts:
        return []
    over_patterns = {
        name: model[name].get_value().shape[dims.index(_PATIENTS)]
        for name, dims in model.named_vars_to_dims.items()
        if _PATIENTS in dims
    }
    after = over_patterns | dict(counts)
    if len(set(after.values())) == 1:
        return []
    listed = ", ".join(f"{name} {count}" for name, count in after.items())
    return [Problem("data", f"the arrays hold different numbers of patterns: {listed}")]


def compile_model(model: pm.Model, backend: Backend = "nutpie") -> CompiledModel:
    """Compile a model for a backend.

    Raises
    ------
    MissingDependencyError
        If the backend's package is not installed.
    """
    if importlib.util.find_spec(backend) is None:
        raise MissingDependencyError(
            f"the sampler {backend} is not installed: pip install 'hccbayes[{backend}]'"
        )
    compiled = None
    if backend == "nutpie":
        import nutpie

        compiled = nutpie.compile_pymc_model(model)
    return CompiledModel(model=model, backend=backend, compiled=compiled)


def fit(
    compiled: CompiledModel,
    sampler: SamplerSection,
    *,
    data: DataUpdate | None = None,
    on_progress: Progress | None = None,
) -> tuple[xr.DataTree, Diagnosis]:
    """Sample and diagnose; where that may help, sample again, and report the last fit.

    Divergences lead to one more fit at a higher target acceptance. Where the chains have merely
    not mixed well enough (R-hat or effective sample size), a fit of twice the length follows, once.

    Returns
    -------
    tree
        Groups ``posterior`` and ``sample_stats`` of the fit that is diagnosed.
    diagnosis
        Says whether the draws may be used, and why the fit was repeated.
    """
    repeats: tuple[str, ...] = ()
    accept = sampler.target_accept
    tree = compiled.sample(sampler, data=data, on_progress=on_progress)
    divergences = divergence_count(tree)
    if divergences > 0 and accept < defaults.RETRY_TARGET_ACCEPT:
        repeats = (f"divergent draws at target acceptance {accept:g}: {divergences}",)
        accept = defaults.RETRY_TARGET_ACCEPT
        tree = compiled.sample(sampler, data=data, target_accept=accept, on_progress=on_progress)
    diagnosis = diagnose(tree, target_accept=accept, repeats=repeats)
    # A deliberately short run cannot reach the limits by doubling and is left as it was asked for.
    short = sampler.draws * sampler.chains < 2 * defaults.ESS_LIMIT
    if short or not mixed_too_slowly(diagnosis):
        return tree, diagnosis
    reasons = "; ".join(check.message for check in diagnosis.failures)
    repeats += (f"{reasons}, in {sampler.draws} draws a chain",)
    longer = sampler.model_copy(update={"draws": 2 * sampler.draws, "tune": 2 * sampler.tune})
    tree = compiled.sample(longer, data=data, target_accept=accept, on_progress=on_progress)
    return tree, diagnose(tree, target_accept=accept, repeats=repeats)


def sample_prior(model: pm.Model, *, draws: int, seed: int) -> xr.Dataset:
    """Draw the model's parameters from their priors, the likelihood left out.

    Returns
    -------
    xarray.Dataset
        Free variables and deterministics, dims ``chain`` (one), ``draw`` and their own.
    """
    import pymc as pm

    names = [variable.name for variable in [*model.free_RVs, *model.deterministics]]
    with warnings.catch_warnings(), _quiet("pymc"):
        # PyMC warns that the likelihood, a Potential, is ignored: that is what a prior is.
        warnings.filterwarnings("ignore", message="The effect of Potentials", category=UserWarning)
        tree = pm.sample_prior_predictive(draws, model=model, var_names=names, random_seed=seed)
    return tree["prior"].to_dataset()


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    """Keep a logger's information out of the terminal; warnings still come through."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


def _sample_nutpie(
    compiled: Any,
    sampler: SamplerSection,
    data: DataUpdate,
    target_accept: float,
    on_progress: Progress | None,
) -> xr.DataTree:
    import nutpie

    callback = None
    if on_progress is not None:

        def callback(chains: Any) -> None:
            done = sum(chain.finished_draws for chain in chains)
            on_progress(done, sum(chain.total_draws for chain in chains))

    tree = nutpie.sample(
        compiled.with_data(**data) if data else compiled,
        draws=sampler.draws,
        tune=sampler.tune,
        chains=sampler.chains,
        seed=sampler.seed,
        target_accept=target_accept,
        save_warmup=False,
        progress_bar=False,
        progress_callback=callback,
        progress_rate=_PROGRESS_MILLISECONDS,
    )
    return _two_groups(tree)


def _sample_pymc(
    model: pm.Model,
    backend: Backend,
    sampler: SamplerSection,
    data: DataUpdate,
    target_accept: float,
) -> xr.DataTree:
    import pymc as pm

    before = {name: model[name].get_value() for name in data}
    pm.set_data(dict(data), model=model)
    try:
        with _quiet("pymc"):
            tree = pm.sample(
                draws=sampler.draws,
                tune=sampler.tune,
                chains=sampler.chains,
                random_seed=sampler.seed,
                nuts_sampler=backend,
                nuts={"target_accept": target_accept},
                model=model,
                progressbar=False,
                compute_convergence_checks=False,
            )
    finally:
        pm.set_data(before, model=model)
    return _two_groups(tree)


def _two_groups(tree: xr.DataTree) -> xr.DataTree:
    """Keep posterior and sample statistics; the data stay out, since they are patients."""
    import xarray as xr

    stats = tree["sample_stats"].to_dataset()
    text = [name for name, values in stats.data_vars.items() if values.dtype == object]
    return xr.DataTree.from_dict(
        {"posterior": tree["posterior"].to_dataset(), "sample_stats": stats.drop_vars(text)}
    )
