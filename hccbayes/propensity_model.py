r"""The Bayesian propensity model: who was treated, given covariates and center.

.. math:: \mathrm{logit}\, e_i = \alpha + x_i'a \; (+ u_{c(i)}), \qquad
          \alpha \sim N(\mathrm{logit}(n_1/n), 1.5)

with covariates standardized as in :mod:`hccbayes.design`. Nothing of the outcome is in it. Priors
of the coefficients:

- ``student_t`` (7, 0, 2.5), weak (Gelman et al. 2008, Annals of Applied Statistics 2:1360);
- ``normal`` (0, 1);
- ``horseshoe``, regularized, slab of scale 2 (Piironen & Vehtari 2017, Electronic Journal of
  Statistics 11:5018), expecting a third of the coefficients to matter;
- ``r2d2``: a Beta prior with mean 0.3 on the share of the variance of the latent logistic scale
  that the covariates explain, spread over them by a Dirichlet (Zhang et al. 2022, Journal of the
  American Statistical Association 117:862).

Shrinkage is not harmless here: a shrunken score leaves imbalance. Judge it by the weighted
differences of the covariates, not by its fit.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import helmert
from scipy.special import logit

from hccbayes.errors import InputError, Problem
from hccbayes.spec import PropensitySection

if TYPE_CHECKING:
    import pymc as pm
    from pytensor.tensor.variable import TensorVariable

    from hccbayes.design import Design

FloatArray = NDArray[np.float64]
Centers = Literal["none", "fixed", "random"]

RANDOM_FROM: Final = 4
"""Centers from which on ``auto`` means a random intercept."""
_INTERCEPT_SD: Final = 1.5
_FIXED_CENTER_SD: Final = 2.5
_RANDOM_CENTER_SD: Final = 1.0
"""Scale of the half-normal prior of the spread of treatment shares over centers, log odds."""
_EXPECTED_SHARE: Final = 1.0 / 3.0
_SLAB_SCALE: Final = 2.0
_SLAB_FREEDOM: Final = 4.0
_R2_MEAN: Final = 0.3
_R2_PRECISION: Final = 4.0
_R2_CONCENTRATION: Final = 0.5
_LOGISTIC_VARIANCE: Final = math.pi**2 / 3.0


def center_terms(section: PropensitySection, design: Design) -> Centers:
    """Return what ``center`` means for these patients.

    Raises
    ------
    InputError
        If a random intercept is asked for with fewer than four centers: its spread could not be
        learnt.
    """
    count = len(design.centers)
    if count < 2 or section.center == "none":
        return "none"
    if section.center == "auto":
        return "random" if count >= RANDOM_FROM else "fixed"
    if section.center == "random" and count < RANDOM_FROM:
        message = (
            f"'random' needs {RANDOM_FROM} centers or more, and there are {count}: their spread "
            "cannot be learnt; set 'fixed' or 'auto'"
        )
        raise InputError(Problem("[propensity] center", message))
    return section.center


def build_propensity_model(design: Design, section: PropensitySection) -> pm.Model:
    """Build the model; nothing is sampled.

    Parameters
    ----------
    design
        From :func:`hccbayes.design.build_propensity_design`.
    section
        Prior and centers.

    Returns
    -------
    pymc.Model
        Free variables ``intercept``, ``coefficients`` or what they are made of, and the centers';
        deterministics ``coefficients`` (dims ``covariate``) and, with centers, ``center_effect``
        (dims ``center``, mean zero over patients). Scores are computed from the draws by
        :func:`score_draws`.

    Raises
    ------
    InputError
        As :func:`center_terms`.
    """
    import pymc as pm

    treated = design.treatment
    coords = {
        "patient": range(len(treated)),
        "covariate": [term.name for term in design.terms],
    }
    centers = center_terms(section, design)
    if centers != "none":
        coords |= {
            "center": list(design.centers),
            "center_contrast": range(len(design.centers) - 1),
        }
    with pm.Model(coords=coords) as model:
        arm = pm.Data("treatment", treated, dims="patient")
        matrix = pm.Data("score_matrix", design.matrix, dims=("patient", "covariate"))
        share = float(logit(treated.mean()))
        intercept = pm.Normal("intercept", mu=share, sigma=_INTERCEPT_SD)
        predictor = intercept + pm.math.dot(matrix, _coefficients(section, design))
        if centers != "none":
            effect = _center_effect(design, centers)
            index = pm.Data("center_index", design.center_index, dims="patient")
            predictor = predictor + effect[index]
        pm.Bernoulli("treated", logit_p=predictor, observed=arm, dims="patient")
    return model


def _coefficients(section: PropensitySection, design: Design) -> TensorVariable:
    import pymc as pm

    if section.prior == "student_t":
        return pm.StudentT("coefficients", nu=7, mu=0.0, sigma=2.5, dims="covariate")
    if section.prior == "normal":
        return pm.Normal("coefficients", mu=0.0, sigma=1.0, dims="covariate")
    raw = pm.Normal("coefficients_raw", dims="covariate")
    scale = (_horseshoe_scale if section.prior == "horseshoe" else _r2d2_scale)(design)
    return pm.Deterministic("coefficients", raw * scale, dims="covariate")


def _horseshoe_scale(design: Design) -> TensorVariable:
    r"""Return :math:`\tau\tilde\lambda_k`, the regularized horseshoe's standard deviations.

    With p0 of D coefficients expected to matter, :math:`\tau_0 = p_0 / (D - p_0) \cdot
    \sigma / \sqrt n` and :math:`\sigma = 1/\sqrt{p(1-p)}` for a logistic model.
    """
    import pymc as pm

    count, patients = len(design.terms), len(design.treatment)
    expected = min(_EXPECTED_SHARE * count, count - 0.5)
    share = design.treatment.mean()
    sigma = 1.0 / math.sqrt(share * (1.0 - share))
    global_scale = expected / (count - expected) * sigma / math.sqrt(patients)
    tau = pm.HalfCauchy("global_scale", beta=global_scale)
    local = pm.HalfStudentT("local_scale", nu=3, sigma=1.0, dims="covariate")
    half = 0.5 * _SLAB_FREEDOM
    slab = pm.InverseGamma("slab_variance", alpha=half, beta=half * _SLAB_SCALE**2)
    squared = local**2
    return tau * pm.math.sqrt(slab * squared / (slab + tau**2 * squared))


def _r2d2_scale(design: Design) -> TensorVariable:
    r"""Return :math:`\sqrt{\phi_k\, \tau^2 \sigma^2 / \mathrm{var}(x_k)}`.

    Here :math:`\tau^2 = R^2 / (1 - R^2)` and :math:`\sigma^2 = \pi^2 / 3`.
    """
    import pymc as pm

    explained = pm.Beta(
        "explained_share", alpha=_R2_MEAN * _R2_PRECISION, beta=(1.0 - _R2_MEAN) * _R2_PRECISION
    )
    count = len(design.terms)
    spread = np.sqrt(_LOGISTIC_VARIANCE / design.matrix.var(axis=0))
    odds = explained / (1.0 - explained)
    if count == 1:
        return pm.math.sqrt(odds) * spread
    portion = pm.Dirichlet("portion", a=np.full(count, _R2_CONCENTRATION), dims="covariate")
    return pm.math.sqrt(odds * portion) * spread


def _center_effect(design: Design, centers: Centers) -> TensorVariable:
    """Make ``center_effect``, the log odds of treatment of each center, dims ``center``."""
    import pymc as pm

    share = np.bincount(design.center_index) / len(design.center_index)
    basis = helmert(len(design.centers)).T
    contrasts = pm.Normal("center_raw", dims="center_contrast")
    spread = (
        _FIXED_CENTER_SD
        if centers == "fixed"
        else pm.HalfNormal("center_sd", sigma=_RANDOM_CENTER_SD)
    )
    effect = spread * pm.math.dot(basis - share @ basis, contrasts)
    return pm.Deterministic("center_effect", effect, dims="center")
