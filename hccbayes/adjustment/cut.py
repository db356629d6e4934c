"""Carrying the score's uncertainty as a cut: a mixture over draws of the score.

For each draw of the score the weights are made anew and the arms are fitted again; the draws of all
these fits together are the answer (Kaplan & Chen 2012; Liao & Zigler 2020). The outcome says
nothing about the score: that is the cut. It is conservative for inverse probability and overlap
weights, whose robust variance is already too large when the score counts as known (Lunceford &
Davidian 2004), and is offered as a sensitivity.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import xarray as xr
from joblib import Parallel, delayed
from numpy.typing import NDArray

from hccbayes.adjustment.arm_hazard import ArmHazards, PatientHazards
from hccbayes.adjustment.problem import AdjustedEffect, AdjustmentProblem
from hccbayes.adjustment.pseudo_posterior import arm_data
from hccbayes.adjustment.sample_weights import analysis_weights
from hccbayes.adjustment.weighted import (
    compiled_arm_model,
    marginal_draws,
    with_control_hazard,
)
from hccbayes.diagnostics import divergence_count
from hccbayes.fit import CompiledModel
from hccbayes.spec import SamplerSection
from hccbayes.weights import scale_to_effective_size

FloatArray = NDArray[np.float64]

SCORE_DRAWS: Final = 200
DRAWS_EACH: Final = 200
_TUNE_EACH: Final = 300
_JOBS: Final = 2


def cut_effect(
    problem: AdjustmentProblem, *, score_draws: int | None = None, draws_each: int = DRAWS_EACH
) -> AdjustedEffect:
    """Return the weighted effect as a mixture over draws of the score.

    The compiled model is refitted with new numbers for each draw, in threads: the sampler works
    outside of Python.

    Parameters
    ----------
    problem
        Cohort, score and analysis.
    score_draws
        Draws of the score, spread evenly over its posterior; :data:`SCORE_DRAWS` where left out.
    draws_each
        Posterior draws of each refit, over two chains.
    """
    spec, propensity = problem.spec, problem.propensity
    score_draws = score_draws or SCORE_DRAWS
    rows = np.linspace(0, len(propensity.scores) - 1, score_draws).astype(np.intp)
    kept = problem.kept
    patients = problem.patients(kept)
    tables = [_arms(problem, patients, propensity.scores[row], kept) for row in rows]
    compiled = compiled_arm_model(tables[0].events.shape[1], spec.priors, spec.sampler.backend)
    fits = Parallel(n_jobs=_JOBS, prefer="threads")(
        delayed(_refit)(compiled, arms, _short(spec.sampler, index, draws_each))
        for index, arms in enumerate(tables)
    )
    draws = [own for own, _ in fits]
    mixture = xr.concat(draws, dim="draw", join="override").assign_coords(
        draw=range(len(draws) * draws[0].sizes["draw"])
    )
    divergent = sum(count > 0 for _, count in fits)
    notes = [f"The cut mixes {score_draws} draws of the score: a sensitivity, and conservative."]
    if divergent:
        notes.append(f"{divergent} of the {score_draws} fits of the cut had divergent draws.")
    target = spec.adjustment.target
    return AdjustedEffect(
        method=f"pe_cut_{target}",
        population=target,
        draws=marginal_draws(mixture, patients.person_time.cuts, problem, target),
        notes=tuple(notes),
    )


def _arms(
    problem: AdjustmentProblem,
    patients: PatientHazards,
    score: FloatArray,
    kept: NDArray[np.bool_],
) -> ArmHazards:
    section = problem.spec.adjustment
    weights, _ = analysis_weights(score, patients.treatment, section, problem.names, kept=kept)
    return patients.arms(scale_to_effective_size(weights).values)


def _short(sampler: SamplerSection, index: int, draws: int) -> SamplerSection:
    """Return a sampler of one short chain pair with a seed of its own."""
    seed = int(np.random.SeedSequence([sampler.seed, index]).generate_state(1)[0])
    return sampler.model_copy(
        update={"draws": draws // 2, "tune": _TUNE_EACH, "chains": 2, "seed": seed}
    )


def _refit(
    compiled: CompiledModel, arms: ArmHazards, sampler: SamplerSection
) -> tuple[xr.Dataset, int]:
    """Return the draws of one fit and how many diverged."""
    tree = compiled.sample(sampler, data=arm_data(arms))
    return with_control_hazard(tree["posterior"].to_dataset(), arms), divergence_count(tree)
