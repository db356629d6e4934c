r"""Power-scaling: how the effect moves when a prior, or the likelihood, is a little stronger.

Prior or likelihood is raised to a power near 1 and the posterior is reweighted; the distance that
it moves, per doubling of the power, is the sensitivity (Kallioinen, Paananen, Bürkner & Vehtari
2024, Statistics and Computing 34:57). No fit is made again. Above 0.05 the prior is informative,
and a likelihood below 0.05 says little.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
import xarray as xr

from hccbayes.cross_validation import patient_log_likelihood
from hccbayes.hazard_model import prior_fields
from hccbayes.priors import Prior
from hccbayes.spec import AnalysisSpec
from hccbayes.study import Study

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT: Final = 0.05
"""Sensitivity above which a component matters (the authors' own default)."""
_LIKELIHOOD: Final = "likelihood"


def power_scaling(posterior: xr.Dataset, study: Study, spec: AnalysisSpec) -> pd.DataFrame:
    """Return how sensitive the treatment effect is to each prior and to the likelihood.

    Parameters
    ----------
    posterior
        Draws of the outcome model, dims ``chain, draw`` first; an analysis holds them as
        ``analysis.posterior["posterior"]``.
    study, spec
        What it was fitted to, from :func:`hccbayes.build_study`, and the model.

    Returns
    -------
    pandas.DataFrame
        A row each component: ``component`` (a field of ``[priors]``, or ``likelihood``),
        ``sensitivity`` of the log hazard ratio of treatment, ``remark``. The likelihood stands
        first, then the priors, the most influential first.
    """
    log_prior = xr.Dataset(dict(_log_priors(posterior, spec)))
    log_likelihood = patient_log_likelihood(posterior, study.episodes, study.design, study.data)
    tree = xr.DataTree.from_dict(
        {
            "posterior": posterior[["treatment"]],
            "log_prior": log_prior,
            "log_likelihood": log_likelihood.to_dataset(name=_LIKELIHOOD),
        }
    )
    priors = [(str(name), _sensitivity(tree, "prior", str(name))) for name in log_prior.data_vars]
    priors.sort(key=lambda one: (-one[1], one[0]))
    rows = [(_LIKELIHOOD, _sensitivity(tree, _LIKELIHOOD, _LIKELIHOOD)), *priors]
    table = pd.DataFrame(rows, columns=["component", "sensitivity"])
    return table.assign(remark=[_remark(name, value) for name, value in rows])


def _log_priors(posterior: xr.Dataset, spec: AnalysisSpec) -> Iterator[tuple[str, xr.DataArray]]:
    """Yield each prior's log density at the draws, summed over what shares it."""
    for variable, field in prior_fields().items():
        prior = getattr(spec.priors, field)
        if variable not in posterior or not isinstance(prior, Prior):
            continue
        draws = posterior[variable]
        density = xr.zeros_like(draws) + prior.frozen().logpdf(np.asarray(draws))
        rest = [dim for dim in draws.dims if dim not in ("chain", "draw")]
        yield field, density.sum(rest)


def _sensitivity(tree: xr.DataTree, group: str, name: str) -> float:
    import arviz as az

    with warnings.catch_warnings():
        # A hundredth more or less of one component leaves weights that are nearly equal.
        warnings.filterwarnings("ignore", message="Estimated shape parameter", category=UserWarning)
        found = az.psense(tree, var_names=["treatment"], group=group, group_var_names=[name])
    return float(found["treatment"])


def _remark(component: str, value: float) -> str:
    matters = value > LIMIT
    if component == _LIKELIHOOD:
        return "the data speak" if matters else "the data say little: the prior makes the result"
    return "informative: show the effect under others" if matters else "of no consequence"
