r"""Carrying all uncertainty by the Bayesian bootstrap over patients.

In each draw the patients of each arm get Dirichlet shares (Rubin 1981); score and weighted hazards
are fitted again under them by Newton steps, and the estimate is a draw (Newton & Raftery 1994;
Lyddon, Holmes & Walker 2019). The score is the posterior mode under its prior where that is
``student_t`` or ``normal``, with centers as columns. With few controls its intervals are too
narrow: it is offered as a sensitivity.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import expit, logit

from hccbayes.adjustment.arm_hazard import maximum_likelihood
from hccbayes.adjustment.problem import AdjustedEffect, AdjustmentProblem
from hccbayes.adjustment.sample_weights import analysis_weights
from hccbayes.adjustment.weighted import marginal_draws
from hccbayes.errors import InputError, Problem
from hccbayes.propensity import PropensityFit

FloatArray = NDArray[np.float64]

REPLICATES: Final = 1000
_STEPS: Final = 100
_TOLERANCE: Final = 1e-8
_PRIORS: Final = {"student_t": (7.0, 2.5), "normal": (np.inf, 1.0)}
"""Degrees of freedom and scale of the coefficients' prior."""
_INTERCEPT_SD: Final = 1.5
_CENTER_SD: Final = 2.5


def bayesian_bootstrap_effect(
    problem: AdjustmentProblem, *, replicates: int | None = None
) -> AdjustedEffect:
    """Return the weighted effect by the Bayesian bootstrap.

    Parameters
    ----------
    problem
        Cohort, score and analysis.
    replicates
        Number of draws; :data:`REPLICATES` where left out.

    Raises
    ------
    InputError
        If the score's prior has no mode that Newton steps find.
    """
    spec = problem.spec
    assert spec.propensity is not None
    prior = spec.propensity.prior
    if prior not in _PRIORS:
        known = " or ".join(_PRIORS)
        message = f"'bayesian_bootstrap' needs prior = {known}, not {prior}"
        raise InputError(Problem("[adjustment] propagate", message))
    rng = np.random.default_rng([spec.sampler.seed, 4])
    kept = problem.kept
    patients = problem.patients(kept)
    share = _arm_shares(patients.treatment, replicates or REPLICATES, rng)
    found = []
    for own in share:
        score = refitted_score(problem.propensity, prior, own)
        weights, _ = analysis_weights(
            score, patients.treatment, spec.adjustment, problem.names, kept=kept
        )
        arms = patients.arms(weights.values * own)
        theta = maximum_likelihood(arms)
        found.append(np.concatenate([theta[:1], theta[1:] - theta[0] * arms.treated_share]))
    drawn = np.stack(found)
    posterior = xr.Dataset(
        {
            "treatment": (("chain", "draw"), drawn[None, :, 0]),
            "log_control_hazard": (("chain", "draw", "interval"), drawn[None, :, 1:]),
        }
    )
    return AdjustedEffect(
        method=f"pe_bayesian_bootstrap_{spec.adjustment.target}",
        population=spec.adjustment.target,
        draws=marginal_draws(posterior, patients.person_time.cuts, problem, spec.adjustment.target),
        notes=(
            "The Bayesian bootstrap has no prior of the effect; with few controls its intervals "
            "are too narrow.",
        ),
    )


def _arm_shares(treatment: FloatArray, count: int, rng: np.random.Generator) -> FloatArray:
    """Return Dirichlet shares within each arm times its size, shape ``(count, patients)``."""
    share = rng.standard_exponential((count, len(treatment)))
    for code in (0.0, 1.0):
        own = treatment == code
        share[:, own] *= own.sum() / share[:, own].sum(axis=1, keepdims=True)
    return share


def refitted_score(propensity: PropensityFit, prior: str, share: FloatArray) -> FloatArray:
    r"""Return the posterior mode's scores with patients counted by their shares.

    Newton's method on the log posterior; the Student prior enters as a normal one whose precision
    :math:`(\nu + 1) / (\nu s^2 + a_k^2)` follows the coefficient (a majorization, which rises to
    the mode).
    """
    design = propensity.design
    matrix = np.column_stack([np.ones(len(share)), design.matrix, _center_columns(propensity)])
    terms, treatment = design.matrix.shape[1], design.treatment
    freedom, scale = _PRIORS[prior]
    coef = np.zeros(matrix.shape[1])
    coef[0] = center = float(logit(treatment.mean()))
    for _ in range(_STEPS):
        chance = expit(matrix @ coef)
        precision = np.full(len(coef), _CENTER_SD**-2)
        precision[0] = _INTERCEPT_SD**-2
        own = coef[1 : terms + 1]
        precision[1 : terms + 1] = (
            np.full(terms, scale**-2)
            if np.isinf(freedom)
            else (freedom + 1.0) / (freedom * scale**2 + own**2)
        )
        away = coef - center * (np.arange(len(coef)) == 0)
        gradient = matrix.T @ (share * (treatment - chance)) - precision * away
        curvature = (matrix * (share * chance * (1.0 - chance))[:, None]).T @ matrix
        step = np.linalg.solve(curvature + np.diag(precision), gradient)
        coef = coef + step
        if np.abs(step).max() < _TOLERANCE:
            return np.asarray(expit(matrix @ coef))
    raise InputError(Problem("propensity score", "its mode was not found; use fewer terms"))


def _center_columns(propensity: PropensityFit) -> FloatArray:
    """Return the centers' dummies, centered, as the fit's columns hold them."""
    count = propensity.design.matrix.shape[1]
    dummies = propensity.columns.to_numpy(dtype=np.float64)[:, count:]
    return np.asarray(dummies - dummies.mean(axis=0))
