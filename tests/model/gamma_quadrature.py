"""The exact posterior of a log hazard ratio under gamma hazards, for tests that refit."""

from __future__ import annotations

import numpy as np
from scipy.integrate import quad
from scipy.stats import norm

from hccbayes.frequentist.collapsed_gamma import (
    collapsed_log_likelihood,
    collapsed_posterior_moments,
)
from hccbayes.person_time import split_person_time
from hccbayes.priors import Prior
from hccbayes.sensitivity.refitting import StudyFit

SPEC = {
    "model": {"name": "few"},
    "data": {
        "id": "id",
        "time": "months",
        "event": "death",
        "arm": {"column": "arm", "treated": "both", "control": "one"},
        "time_zero": "first dose",
    },
    "hazard": {"formula": "treatment", "cuts": [4.0, 9.0], "baseline": "gamma"},
    "priors": {"treatment": {"dist": "normal", "mu": 0, "sigma": 1}},
    "estimands": {"times": [6]},
    "sampler": {"draws": 2000, "seed": 20261120},
}


def exact_posterior(
    base: StudyFit, *, kept: np.ndarray | None = None, treatment: np.ndarray | None = None
) -> tuple[float, float]:
    """Return posterior mean and P(HR < 1) of some of the patients, in their arms, by quadrature.

    The treatment is centered at its mean in the whole cohort as it was fitted.
    """
    arm = base.study.design.treatment if treatment is None else treatment
    arrays, shape, rate = _arrays(base, kept, arm)
    moments = collapsed_posterior_moments(
        *arrays, shape=shape, rate=rate, prior=Prior.of("normal", mu=0.0, sigma=1.0)
    )
    peak = collapsed_log_likelihood(moments.mean, *arrays, shape=shape, rate=rate)

    def density(beta: float) -> float:
        value = collapsed_log_likelihood(beta, *arrays, shape=shape, rate=rate)
        return float(np.exp(value - peak) * norm.pdf(beta))

    below, above = (quad(density, *ends, limit=200)[0] for ends in ((-8, 0), (0, 8)))
    return moments.mean, below / (below + above)


def _arrays(
    base: StudyFit, kept: np.ndarray | None, arm: np.ndarray
) -> tuple[tuple[np.ndarray, np.ndarray, np.ndarray], float, float]:
    """Return events, exposure and centered treatment, and shape and rate of the hazards' prior."""
    episodes, data = base.study.episodes, base.study.data
    split = split_person_time(*(episodes[name] for name in ("start", "stop", "event")), data.cuts)
    rest = np.ones(len(arm), dtype=bool) if kept is None else kept
    shape = base.spec.priors.gamma_shape
    rate = shape * base.spec.priors.median_survival / np.log(2.0)
    return (
        (split.events[rest], split.exposure[rest], (arm - data.treatment_mean)[rest]),
        shape,
        rate,
    )


def log_marginal_likelihood(base: StudyFit, *, kept: np.ndarray | None = None) -> float:
    """Return the log marginal likelihood of some of the patients, by quadrature."""
    arrays, shape, rate = _arrays(base, kept, base.study.design.treatment)
    peak = collapsed_log_likelihood(0.0, *arrays, shape=shape, rate=rate)

    def density(beta: float) -> float:
        value = collapsed_log_likelihood(beta, *arrays, shape=shape, rate=rate)
        return float(np.exp(value - peak) * norm.pdf(beta))

    halves = [quad(density, *ends, limit=200)[0] for ends in ((-8, 0), (0, 8))]
    return peak + float(np.log(sum(halves)))
