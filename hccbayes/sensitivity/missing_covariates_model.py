r"""The hazard model with missing covariates as unknowns of its own, as an ordinary PyMC model.

The covariates with missing values are modeled in sequence, each given treatment, center, the
complete covariates and those before it; on the standardized scale, and with :math:`w` for what it
is given,

.. math:: z_k \sim N(a_k + w'b_k, s_k^2), \qquad
          P(x_k = 1) = \mathrm{expit}(a_k + w'b_k).

A missing number is a parameter. A missing binary value is summed out: with D deaths and cumulative
hazard E of a patient at the values that are known,

.. math:: \log L = \log \sum_{x} p(x)\, e^{D \delta_x - E e^{\delta_x}}, \qquad
          \delta_x = \sum_k \gamma_k (x_k - \bar x_k),

over every combination x of the missing ones (Ibrahim 1990, Journal of the American Statistical
Association 85:765). The outcome informs both through the likelihood, so that it is no predictor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from hccbayes.hazard_model import hazard_terms
from hccbayes.sensitivity.incomplete_study import IncompleteStudy
from hccbayes.spec import HazardSection, PriorSection

if TYPE_CHECKING:
    import pymc as pm
    from pytensor.tensor.variable import TensorVariable

MISSING_RAW: Final = "missing_raw"
"""Begins the names of variables that hold one number a patient."""
LEVEL_SD: Final = {"continuous": 0.5, "binary": 1.5}
SLOPE_SD: Final = {"continuous": 1.0, "binary": 1.5}
"""Normal priors of a covariate's regression: a continuous one has mean 0 and standard deviation
0.5, the log odds of a binary one lie within 3 of even odds. All predictors are centered."""
HALF_LOG_TWO_PI: Final = 0.5 * float(np.log(2.0 * np.pi))
RESIDUAL_SD: Final = 1.0
"""Half-normal prior of the residual standard deviation, which cannot be much above 0.5."""


def build_missing_covariates_model(
    study: IncompleteStudy, hazard: HazardSection, priors: PriorSection
) -> pm.Model:
    """Build the model; nothing is sampled.

    Parameters
    ----------
    study
        Patients, and which of their covariates are missing.
    hazard, priors
        As for :func:`hccbayes.hazard_model.build_hazard_model`.

    Returns
    -------
    pymc.Model
        The hazard model's variables; for each incomplete covariate k (its place among the
        covariates) ``missing_level_k``, ``missing_slopes_k`` and, continuous, ``missing_sd_k`` and
        ``missing_raw_k``, standard normal, one a missing value; the potential ``log_likelihood``,
        which holds the regressions of the known values too. With nothing missing it is the hazard
        model.
    """
    import pymc as pm

    with pm.Model() as model:
        terms = hazard_terms(study.data, hazard, priors)
        died = _held("died", study.data.person_time.events.sum(axis=1))
        values, offset, total = _continuous(study)
        expected = terms.expected
        if values:
            expected = expected * pm.math.exp(offset)
            total = total + pm.math.sum(died * offset)
        total = total + terms.over_events + _branches(study, values, expected, died)
        pm.Potential("log_likelihood", total)
    return model


def _held(name: str, values: NDArray[np.generic]) -> TensorVariable:
    """Return an array as data of the model: as a constant it would be compiled into the code."""
    import pymc as pm

    return pm.Data(f"missing_{name}", values)


def _continuous(
    study: IncompleteStudy,
) -> tuple[dict[int, TensorVariable], TensorVariable, TensorVariable]:
    """Return the incomplete continuous covariates, completed, and what they add.

    To the log hazard of each patient where they are missing, and to the log density where they are
    known.
    """
    import pymc as pm
    import pytensor.tensor as pt

    values: dict[int, TensorVariable] = {}
    offset, total = pt.zeros(len(study.missing)), pt.zeros(())
    for k in study.incomplete("continuous"):
        predictors = _held(f"predictors_{k}", study.complete_predictors)
        linear = _regression(study, k, predictors, list(values.values()))
        sd = pm.HalfNormal(f"missing_sd_{k}", sigma=RESIDUAL_SD)
        absent = study.missing[:, k]
        raw = pm.Normal(f"{MISSING_RAW}_{k}", shape=int(absent.sum()))
        # The place of each missing value among them; known ones point anywhere and count nothing.
        place = _held(f"place_{k}", np.where(absent, np.cumsum(absent) - 1, 0))
        gap = _held(f"gap_{k}", absent.astype(np.float64))
        known = _held(f"known_{k}", study.data.covariates[:, k])
        drawn = gap * (linear + sd * raw[place])
        values[k] = known + drawn
        offset = offset + pm.modelcontext(None)["covariates"][k] * drawn
        density = -0.5 * ((known - linear) / sd) ** 2 - pm.math.log(sd) - HALF_LOG_TWO_PI
        total = total + pm.math.sum((1.0 - gap) * density)
    return values, offset, total


def _regression(
    study: IncompleteStudy, k: int, predictors: TensorVariable, before: list[TensorVariable]
) -> TensorVariable:
    """Return a covariate's expectation or log odds, of each row of the predictors."""
    import pymc as pm

    kind = study.design.terms[k].kind
    linear = pm.Normal(f"missing_level_{k}", sigma=LEVEL_SD[kind])
    count = study.complete_predictors.shape[1]
    slopes = pm.Normal(f"missing_slopes_{k}", sigma=SLOPE_SD[kind], shape=count + len(before))
    linear = linear + pm.math.dot(predictors, slopes[:count])
    for place, values in enumerate(before):
        linear = linear + slopes[count + place] * values
    return linear


def _branches(
    study: IncompleteStudy,
    values: dict[int, TensorVariable],
    expected: TensorVariable,
    died: TensorVariable,
) -> TensorVariable:
    """Return the sum over patients of the log of the sum over their missing binary values.

    A row is a patient with one combination; patients with equally many combinations follow each
    other, so that a block of rows is a matrix.
    """
    import pymc as pm
    import pytensor.tensor as pt

    binary = study.incomplete("binary")
    if not binary:
        return -pm.math.sum(expected)
    patient, combination = study.branches()
    gaps = study.missing[patient][:, binary].astype(np.float64)
    row = _held("row_patient", patient)
    predictors = _held("row_predictors", study.complete_predictors[patient])
    before = [z[row] for z in values.values()]
    chance, shift = pt.zeros(len(patient)), pt.zeros(len(patient))
    for place, k in enumerate(binary):
        log_odds = _regression(study, k, predictors, before)
        x = combination[:, place]
        # log P(x): -log(1 + exp(-log odds)) for 1, -log(1 + exp(log odds)) for 0.
        chance = chance - pt.softplus(_held(f"row_sign_{k}", 1.0 - 2.0 * x) * log_odds)
        centered = _held(f"row_value_{k}", x - study.design.terms[k].mean)
        before = [*before, centered]
        gap = _held(f"row_gap_{k}", gaps[:, place])
        shift = shift + pm.modelcontext(None)["covariates"][k] * gap * centered
    rows = chance + died[row] * shift - expected[row] * pm.math.exp(shift)
    total = pt.zeros(())
    sizes = 2 ** gaps.sum(axis=1).astype(np.intp)
    for size in np.unique(sizes):
        block = rows[_held(f"block_{size}", np.flatnonzero(sizes == size))]
        if size > 1:
            block = pm.math.logsumexp(block.reshape((-1, int(size))), axis=1)
        total = total + pm.math.sum(block)
    return total
