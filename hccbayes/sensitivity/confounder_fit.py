"""The treatment effect under an unmeasured confounder: fitted once, refitted under other beliefs.

The data say little of a confounder that nobody measured: what the analysis gives is the treatment
effect averaged over what the analyst believes. With rare deaths the confounder's posterior is its
prior; with common ones it moves, by what the smooth baseline and the prior of the effect assume and
not by evidence. :func:`confounder_update` says how far.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from hccbayes.fit import CompiledModel, compile_model, fit
from hccbayes.records import TREATMENT_CONTRAST, Diagnosis, Estimate
from hccbayes.sensitivity.confounder_model import (
    LOG_HR,
    LOGIT_CONTROL,
    LOGIT_DIFFERENCE,
    LOGIT_DIFFERENCE_SIZE,
    ConfounderPriors,
    build_confounder_model,
    confounder_prior_data,
    patient_rows,
)
from hccbayes.spec import AnalysisSpec, IntervalSection, SamplerSection
from hccbayes.summarise import with_draws, with_probability

if TYPE_CHECKING:
    import xarray as xr

    from hccbayes.fit import Progress
    from hccbayes.priors import Prior
    from hccbayes.study import Study

UPDATE_COLUMNS: Final = (
    "parameter",
    "prior_mean",
    "prior_sd",
    "posterior_mean",
    "posterior_sd",
    "shift",
    "shift_mcse",
    "sd_ratio",
    "sd_ratio_mcse",
)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ConfounderFit:
    """One fit under one belief about the confounder.

    Parameters
    ----------
    priors
        The belief.
    tree
        Groups ``posterior`` and ``sample_stats``.
    diagnosis
        The gate of the fit.
    """

    priors: ConfounderPriors
    tree: xr.DataTree
    diagnosis: Diagnosis

    @property
    def log_hr(self) -> xr.DataArray:
        """Draws of the log hazard ratio at equal U, dims ``chain, draw``."""
        return self.tree["posterior"].to_dataset()["treatment"]


def compile_confounder(
    study: Study, spec: AnalysisSpec, priors: ConfounderPriors | None = None
) -> CompiledModel:
    """Compile the model of a cohort with an unmeasured confounder.

    Parameters
    ----------
    study
        The cohort made ready, without weights.
    spec
        The analysis.
    priors
        Of the confounder, the package's defaults without them; a refit may change their numbers,
        and in which arm a confounder of known sign is more common.

    Raises
    ------
    InputError
        What :func:`~hccbayes.sensitivity.confounder_model.patient_rows` finds.
    """
    model = build_confounder_model(
        patient_rows(study), spec.hazard, spec.priors, priors or ConfounderPriors()
    )
    return compile_model(model, spec.sampler.backend)


def fit_confounder(
    compiled: CompiledModel,
    sampler: SamplerSection,
    priors: ConfounderPriors | None = None,
    *,
    on_progress: Progress | None = None,
) -> ConfounderFit:
    """Sample the posterior under one belief about the confounder.

    Parameters
    ----------
    compiled
        From :func:`compile_confounder`.
    sampler
        Draws, chains, seed.
    priors
        Of the confounder, the package's defaults without them; the sign of the difference is open
        or not as the model was compiled.
    on_progress
        Told about draws.

    Raises
    ------
    InputError
        If the sign of the difference is open in the model and not in the priors, or vice versa.
    """
    belief = priors or ConfounderPriors()
    data = confounder_prior_data(compiled.model, belief)
    tree, diagnosis = fit(compiled, sampler, data=data, on_progress=on_progress)
    return ConfounderFit(priors=belief, tree=tree, diagnosis=diagnosis)


def confounder_rows(
    fitted: ConfounderFit, interval: IntervalSection, *, model: str, method: str
) -> list[Estimate]:
    """Return the corrected treatment effect as rows of the estimate table.

    Parameters
    ----------
    fitted
        The fit.
    interval
        Probability and kind.
    model, method
        Labels of the rows.

    Returns
    -------
    list of Estimate
        ``log_hr``, ``hr`` and ``prob_hr_below_1``, population ``sample``.
    """

    def row(estimand: str) -> Estimate:
        return Estimate(
            estimand=estimand,
            contrast=TREATMENT_CONTRAST,
            population="sample",
            estimate=float("nan"),
            source="bayes",
            method=method,
            model=model,
        )

    log_hr = fitted.log_hr
    benefit = log_hr < 0
    return [
        with_draws(row("log_hr"), log_hr, interval, benefit=benefit),
        with_draws(row("hr"), np.exp(log_hr), interval, point="median", benefit=benefit),
        with_probability(row("prob_hr_below_1"), benefit),
    ]


def confounder_update(fitted: ConfounderFit) -> pd.DataFrame:
    """Return how far the posterior of the confounder's parameters moved from their priors.

    Parameters
    ----------
    fitted
        The fit.

    Returns
    -------
    pandas.DataFrame
        One row a parameter: means and standard deviations of prior (exact) and posterior,
        ``shift`` of the mean in prior standard deviations and ``sd_ratio`` of posterior over
        prior, each with its Monte Carlo standard error. The data said nothing where shifts are 0
        and ratios 1 within these errors.
    """
    import arviz as az

    posterior = fitted.tree["posterior"].to_dataset()
    rows = []
    for parameter, prior in _priors(fitted.priors).items():
        draws = posterior[parameter]
        mean_error, sd_error = (
            float(np.asarray(az.mcse(draws, method=method))) for method in ("mean", "sd")
        )
        center, spread = prior.frozen().mean(), prior.frozen().std()
        mean, sd = float(draws.mean()), float(draws.std(ddof=1))
        shift = (mean - center) / spread
        rows.append(
            (parameter, center, spread, mean, sd)
            + (shift, mean_error / spread, sd / spread, sd_error / spread)
        )
    return pd.DataFrame(rows, columns=list(UPDATE_COLUMNS))


def _priors(priors: ConfounderPriors) -> dict[str, Prior]:
    """Return the prior of each parameter of the confounder."""
    signed = priors.more_common_in != "either"
    return {
        LOG_HR: priors.log_hr,
        LOGIT_CONTROL: priors.logit_control,
        LOGIT_DIFFERENCE_SIZE if signed else LOGIT_DIFFERENCE: priors.logit_difference,
    }
