r"""Which of several models predicts patients better who were left out.

The unit is the patient and the density that of the survival time, never the Poisson mass of a row:
rows of one patient are not left out one at a time in any use of the model, their number changes
with the cut points, and so does their mass, by :math:`\sum d \log e`, which tells nothing about the
fit. Differences are summed over patients, and so are their standard errors (Vehtari, Gelman & Gabry
2017, Statistics and Computing 27:1413).
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from hccbayes import defaults
from hccbayes.cross_validation import patient_log_likelihood
from hccbayes.errors import InputError, Problem
from hccbayes.sensitivity.influence import monte_carlo_error
from hccbayes.sensitivity.refitting import StudyFit

FloatArray = NDArray[np.float64]

COMPARISON_COLUMNS: Final = (
    "model",
    "elpd",
    "elpd_se",
    "elpd_mcse",
    "difference",
    "difference_se",
    "difference_mcse",
    "poor_k",
    "passed",
)
"""Columns of the table of a comparison."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class PatientDensity:
    """Leave-one-patient-out predictive density of one model.

    Parameters
    ----------
    elpd
        Expected log predictive density of each patient, log of 1/months for the dead and of a
        probability for the censored, shape ``(patients,)``.
    pareto_k
        Shape ``(patients,)``; beyond 0.7 the approximation cannot be trusted.
    sampling
        Draws, dims ``chain, draw``, whose mean of 0 has the Monte Carlo error of the sum of `elpd`.
    """

    elpd: FloatArray
    pareto_k: FloatArray
    sampling: xr.DataArray

    @property
    def monte_carlo_error(self) -> float:
        """Monte Carlo standard error of the sum of `elpd`."""
        return float(monte_carlo_error(self.sampling))


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ModelComparison:
    """Models by how well they predict patients left out.

    Parameters
    ----------
    table
        One row a model, the best first: ``elpd``, summed over patients, its standard error over
        patients and its Monte Carlo standard error; ``difference`` from the best model, at most 0,
        with both errors; ``poor_k``, patients with a Pareto k above 0.7; ``passed``, whether the
        fit passed its gate.
    pointwise
        Density of each patient under each model, dims ``model, patient``; stays in memory.
    """

    table: pd.DataFrame
    pointwise: xr.DataArray

    @property
    def sentence(self) -> str:
        """The result in words."""
        best, others = self.table.iloc[0], self.table.iloc[1:]
        text = "; ".join(
            f"{row['model']} {row['difference']:.1f} (SE {row['difference_se']:.1f})"
            for _, row in others.iterrows()
        )
        poor = self.table.loc[self.table["poor_k"] > 0, "model"].tolist()
        note = f" Pareto k above {defaults.PARETO_K_LIMIT} in: {', '.join(poor)}." if poor else ""
        return (
            f"Expected log predictive density of {self.pointwise.sizes['patient']} patients left "
            f"out one at a time: best {best['model']} {best['elpd']:.1f}; difference of the "
            f"others: {text}.{note}"
        )


def patient_density(fitted: StudyFit) -> PatientDensity:
    """Return the leave-one-patient-out density of a fit by Pareto-smoothed importance sampling."""
    study = fitted.study
    density = patient_log_likelihood(fitted.posterior, study.episodes, study.design, study.data)
    return density_left_out(density, fitted.posterior)


def density_left_out(density: xr.DataArray, posterior: xr.Dataset) -> PatientDensity:
    r"""Return the leave-one-patient-out density from each patient's log-likelihood.

    With :math:`p_{is}` the density of patient i at draw s and smoothed weights :math:`w_{is}`
    that sum to 1, :math:`\mathrm{elpd}_i = \log \sum_s w_{is} p_{is}` = log E_i; to first order its
    Monte Carlo error is that of the mean of :math:`S w_{is} (p_{is} - E_i) / E_i`.

    Parameters
    ----------
    density
        Log-likelihood, dims ``chain, draw, patient``.
    posterior
        Draws, for the efficiency of the chains.
    """
    import arviz as az

    tree = xr.DataTree.from_dict(
        {"posterior": posterior, "log_likelihood": density.to_dataset(name="patients")}
    )
    with warnings.catch_warnings():
        # The number of patients with a large Pareto k is part of the result.
        warnings.filterwarnings("ignore", message="Estimated shape parameter", category=UserWarning)
        result = az.loo(tree, var_name="patients", pointwise=True)
    count = density.sizes["chain"] * density.sizes["draw"]
    relative = np.exp(result.log_weights + density - result.elpd_i)
    sampling = (count * (relative - np.exp(result.log_weights))).sum("patient")
    return PatientDensity(
        elpd=np.asarray(result.elpd_i, dtype=np.float64),
        pareto_k=np.asarray(result.pareto_k, dtype=np.float64),
        sampling=sampling.transpose("chain", "draw"),
    )


def compare_models(fits: Mapping[str, StudyFit]) -> ModelComparison:
    r"""Compare fits to the same patients.

    With :math:`\Delta_i` the difference of a patient's density under two models, the difference is
    :math:`\sum_i \Delta_i` and its standard error :math:`\sqrt{n}` times the standard deviation of
    the :math:`\Delta_i`; it says how the difference would vary over other patients. Monte Carlo
    errors of two fits are independent.

    Parameters
    ----------
    fits
        Two or more by name; their cohorts must hold the same patients in the same order.

    Raises
    ------
    InputError
        If there are fewer than two, or the patients' follow-up differs between them.
    """
    _check_same_patients(fits)
    densities = {name: patient_density(fitted) for name, fitted in fits.items()}
    ranked = sorted(densities, key=lambda name: -float(densities[name].elpd.sum()))
    best = densities[ranked[0]]
    root = np.sqrt(len(best.elpd))
    rows = []
    for name in ranked:
        own = densities[name]
        apart = own.elpd - best.elpd
        error = own.monte_carlo_error
        rows.append(
            {
                "model": name,
                "elpd": float(own.elpd.sum()),
                "elpd_se": float(root * own.elpd.std(ddof=1)),
                "elpd_mcse": error,
                "difference": float(apart.sum()),
                "difference_se": float(root * apart.std(ddof=1)),
                "difference_mcse": (
                    0.0 if own is best else float(np.hypot(error, best.monte_carlo_error))
                ),
                "poor_k": int((~(own.pareto_k <= defaults.PARETO_K_LIMIT)).sum()),
                "passed": fits[name].diagnosis.passed,
            }
        )
    pointwise = xr.DataArray(
        [densities[name].elpd for name in ranked],
        dims=("model", "patient"),
        coords={"model": ranked},
        name="elpd",
    )
    return ModelComparison(
        table=pd.DataFrame(rows, columns=list(COMPARISON_COLUMNS)), pointwise=pointwise
    )


def _check_same_patients(fits: Mapping[str, StudyFit]) -> None:
    """Raise unless all fits are to the same follow-up, row by row; arms and terms may differ."""
    if len(fits) < 2:
        raise InputError(Problem("fits", f"two or more are compared, not {len(fits)}"))
    names = ["patient_index", "start", "stop", "event"]
    first, *others = fits
    reference = fits[first].study.episodes[names].to_numpy(dtype=np.float64)
    problems = [
        Problem(f"fit {name}", f"is not to the patients of {first}, in their order")
        for name in others
        if not np.array_equal(
            fits[name].study.episodes[names].to_numpy(dtype=np.float64), reference
        )
    ]
    if problems:
        raise InputError(problems)
