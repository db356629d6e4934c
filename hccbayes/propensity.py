"""The fitted propensity score: draws for every patient, and what maximum likelihood says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from hccbayes import defaults
from hccbayes.errors import InputError
from hccbayes.fit import compile_model, fit
from hccbayes.frequentist.logistic import LogisticFit, logistic_regression
from hccbayes.propensity_model import build_propensity_model, center_terms
from hccbayes.records import Diagnosis
from hccbayes.spec import PropensitySection, SamplerSection

if TYPE_CHECKING:
    import xarray as xr

    from hccbayes.design import Design

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class PropensityFit:
    """The propensity score of a cohort's patients.

    Parameters
    ----------
    design
        What it was fitted to.
    posterior
        Draws of intercept, ``coefficients`` and center effects, dims ``chain, draw`` first.
    scores
        Draws of each patient's probability of treatment, shape ``(draws, patients)``.
    diagnosis
        The gate of the fit.
    columns
        The score's columns on their own scale, centers as dummies, for regression without priors.
    maximum_likelihood
        The same model by maximum likelihood; ``None`` where it has no maximum.
    firth
        The same by Firth's penalized likelihood, which always has one.
    notes
        Sentences on the number of terms and on separation.
    """

    design: Design
    posterior: xr.Dataset
    scores: FloatArray
    diagnosis: Diagnosis
    columns: pd.DataFrame
    maximum_likelihood: LogisticFit | None
    firth: LogisticFit | None
    notes: tuple[str, ...]

    @property
    def score(self) -> FloatArray:
        """Posterior mean probability of treatment (Saarela et al. 2015), shape ``(patients,)``."""
        return np.asarray(self.scores.mean(axis=0))


def fit_propensity(
    design: Design,
    section: PropensitySection,
    sampler: SamplerSection,
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> PropensityFit:
    """Fit the propensity model; maximum likelihood and Firth's likelihood beside it.

    Parameters
    ----------
    design
        From :func:`hccbayes.design.build_propensity_design`.
    section
        Prior and centers.
    sampler
        How the posterior is drawn.
    on_progress
        Told draws done and draws in all.

    Raises
    ------
    InputError
        If the centers cannot be modeled as asked.
    """
    model = build_propensity_model(design, section)
    tree, diagnosis = fit(compile_model(model, sampler.backend), sampler, on_progress=on_progress)
    posterior = tree["posterior"].to_dataset()
    kept = ["intercept", "coefficients", "center_effect", "center_sd"]
    posterior = posterior[[name for name in kept if name in posterior]]
    columns = score_columns(design, with_centers=center_terms(section, design) != "none")
    own, problem = _likelihood(columns, design.treatment, "none")
    penalized, _ = _likelihood(columns, design.treatment, "firth")
    return PropensityFit(
        design=design,
        posterior=posterior,
        scores=score_draws(posterior, design),
        diagnosis=diagnosis,
        columns=columns,
        maximum_likelihood=own,
        firth=penalized,
        notes=tuple(_notes(columns, design.treatment, problem)),
    )


def score_draws(posterior: xr.Dataset, design: Design) -> FloatArray:
    """Return each draw's probability of treatment of each patient, shape ``(draws, patients)``."""
    stacked = posterior.stack(sample=("chain", "draw")).transpose("sample", ...)
    predictor = np.asarray(stacked["intercept"])[:, None]
    predictor = predictor + np.asarray(stacked["coefficients"]) @ design.matrix.T
    if "center_effect" in stacked:
        predictor = predictor + np.asarray(stacked["center_effect"])[:, design.center_index]
    return np.asarray(expit(predictor))


def score_columns(design: Design, *, with_centers: bool) -> pd.DataFrame:
    """Return the score's columns on their own scale, with a dummy for each center but the first."""
    columns = design.columns
    if not with_centers:
        return columns
    dummies = {
        f"center {label}": (design.center_index == index).astype(np.float64)
        for index, label in enumerate(design.centers)
        if index > 0
    }
    return pd.concat([columns, pd.DataFrame(dummies)], axis=1)


def _likelihood(
    columns: pd.DataFrame, treatment: FloatArray, penalty: Literal["none", "firth"]
) -> tuple[LogisticFit | None, str]:
    """Return the fit, or nothing and the reason."""
    try:
        return logistic_regression(columns, treatment, penalty=penalty), ""
    except InputError as error:
        return None, "; ".join(str(problem) for problem in error.problems)


def _notes(columns: pd.DataFrame, treatment: FloatArray, problem: str) -> list[str]:
    """Return what is to be said of the model before its balance is looked at."""
    notes = []
    smaller = int(min(treatment.sum(), len(treatment) - treatment.sum()))
    limit = smaller // defaults.TERMS_PER_PATIENT
    if columns.shape[1] > limit:
        notes.append(
            f"The propensity model has {columns.shape[1]} terms for {smaller} patients in the "
            f"smaller arm, more than {limit} (a fifth): its score rests on the prior. Name "
            "fewer terms, chosen before the outcome was seen, or keep to overlap weights and to "
            "the outcome model."
        )
    if problem:
        notes.append(
            f"By maximum likelihood the propensity model has no fit: {problem}. The posterior "
            "rests on its prior there."
        )
    for name in columns:
        own = columns[name].to_numpy()
        constant = [
            arm
            for arm, code in (("treated", 1.0), ("control", 0.0))
            if np.ptp(own[treatment == code]) == 0
        ]
        if constant:
            notes.append(
                f"{name} is the same for every patient of the {constant[0]} arm: nobody there can "
                "stand for the other patients. Leave it out or restrict the cohort."
            )
    return notes
