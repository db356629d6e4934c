r"""The piecewise-exponential hazard model as an ordinary PyMC model.

The log hazard of pattern p in interval j is

.. math:: \log h_{pj} = \log\lambda_j + \beta (A_p - \bar A) + x_p'\gamma + u_{c(p)}
          \;(+ b_{c(p)} (A_p - \bar A)),

and the log-likelihood is the survival density of the collapsed table,

.. math:: \sum_{pj} d_{pj} \log h_{pj} - e_{pj} h_{pj}

(Holford 1980; Laird & Olivier 1981; Friedman 1982). It enters as one summed ``Potential``: exposure
appears linearly, so that cells without time at risk need no care, and weights may be fractional.
Everything a refit may change (events, exposure, covariates, prior parameters) is ``pm.Data``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from hccbayes import walk
from hccbayes.center_effects import center_level, center_slope
from hccbayes.errors import InputError, Problem
from hccbayes.hazard_data import HazardData
from hccbayes.spec import HazardSection, PriorSection

if TYPE_CHECKING:
    import pymc as pm
    from pytensor.tensor.variable import TensorVariable

FloatArray = NDArray[np.float64]

LOG_TWO: Final = float(np.log(2.0))
_WALK_ORDER: Final = {"rw1": 1, "rw2": 2}
_PRIOR_FIELDS: Final = {
    "treatment": "treatment",
    "covariates": "covariates",
    "level": "baseline_level",
    "walk_sd": "walk_sd",
    "trend": "trend",
    "interval_deviation": "interval",
    "center_effect_half_contrast": "center",
    "center_effect_raw": "center",
    "center_sd": "center_sd",
    "center_slope_half_contrast": "center_slope",
    "center_slope_raw": "center_slope",
    "center_slope_sd": "center_slope_sd",
    "stratum_sd": "stratum_sd",
}
"""Model variable to the field of the priors section that holds its prior."""


def build_hazard_model(data: HazardData, hazard: HazardSection, priors: PriorSection) -> pm.Model:
    """Build the model; nothing is sampled.

    Parameters
    ----------
    data
        Patterns with events and exposure.
    hazard
        Baseline and center structure.
    priors
        Priors on the standardized scale.

    Returns
    -------
    pymc.Model
        Free variables ``treatment`` (log hazard ratio of treated over control), ``covariates``
        (dims ``covariate``, standardized), the baseline's and the centers' own; deterministics
        ``log_baseline`` (dims ``interval``, log events per person-month of the average patient
        at the event-weighted mean center) and, with centers, ``center_effect``,
        ``center_log_hr`` or ``log_baseline_by_center``; the potential ``log_likelihood``.
    """
    import pymc as pm

    with pm.Model(coords=_coords(data, hazard)) as model:
        for name, value in model_data(data, hazard, priors).items():
            pm.Data(name, value)
        baseline = pm.Deterministic("log_baseline", _log_baseline(hazard, priors), dims="interval")
        predictor = _linear_predictor(data, hazard, priors)
        if data.centers and hazard.center == "stratified":
            _stratified_likelihood(baseline, predictor, priors)
        else:
            _shared_likelihood(baseline, predictor)
    return model


def model_data(
    data: HazardData, hazard: HazardSection, priors: PriorSection
) -> dict[str, NDArray[np.generic]]:
    """Return every array that the model holds as data, except the priors' own parameters.

    Refit a compiled model with these and :func:`prior_data` for other data, weights or prior
    scales of the same structure.
    """
    share = data.interval_events / data.interval_events.sum()
    arrays: dict[str, NDArray[np.generic]] = {
        "events_by_pattern": data.person_time.events.sum(axis=1),
        "exposure": data.person_time.exposure,
        "treatment_centered": data.treatment - data.treatment_mean,
    }
    if data.covariate_names:
        arrays["covariate_matrix"] = data.covariates
    if data.centers:
        events = data.center_events.sum(axis=1)
        arrays["center_index"] = data.center_index
        arrays["center_share"] = events / events.sum()
    if data.centers and hazard.center == "stratified":
        arrays["events_by_center"] = data.center_events
    else:
        arrays["events_by_interval"] = data.interval_events
    return arrays | _baseline_data(data.cuts, share, hazard, priors)


def _baseline_data(
    cuts: FloatArray, share: FloatArray, hazard: HazardSection, priors: PriorSection
) -> dict[str, NDArray[np.generic]]:
    if hazard.baseline == "gamma":
        rate = priors.gamma_shape * priors.median_survival / LOG_TWO
        return {"hazard_prior": np.array([priors.gamma_shape, rate])}
    arrays: dict[str, NDArray[np.generic]] = {
        "prior_log_hazard": np.asarray(np.log(LOG_TWO / priors.median_survival)),
        "interval_share": share,
    }
    if hazard.baseline == "rw1":
        arrays["walk_matrix"] = walk.first_order(cuts, share)
    if hazard.baseline == "rw2":
        arrays["walk_matrix"] = walk.second_order(cuts, share)
        arrays["trend_line"] = walk.trend(cuts, share)
    return arrays


def prior_data(model: pm.Model, priors: PriorSection) -> dict[str, FloatArray]:
    """Return the priors' parameters as the model holds them, by data name.

    Raises
    ------
    InputError
        If a prior has another number of parameters than the one the model was built with; a
        change of family needs a new model.
    """
    found = {}
    for variable, field in _PRIOR_FIELDS.items():
        name = f"{variable}_prior"
        if name not in model.named_vars:
            continue
        values = np.asarray(getattr(priors, field).values, dtype=np.float64)
        if values.shape != model[name].get_value().shape:
            raise InputError(
                Problem(f"[priors] {field}", "another family needs another model; build it anew")
            )
        found[name] = values
    return found


def _coords(data: HazardData, hazard: HazardSection) -> dict[str, list[str] | range]:
    coords: dict[str, list[str] | range] = {
        "pattern": range(len(data.treatment)),
        "interval": list(data.intervals),
    }
    steps = len(data.intervals) - _WALK_ORDER.get(hazard.baseline, len(data.intervals))
    if steps > 0:
        coords["step"] = range(steps)
    if data.covariate_names:
        coords["covariate"] = list(data.covariate_names)
    if data.centers:
        coords["center"] = list(data.centers)
    return coords


def _log_baseline(hazard: HazardSection, priors: PriorSection) -> TensorVariable:
    """Return the log hazard of each interval, dims ``interval``.

    A walk over too few intervals for its order is left out: one interval is an exponential model.
    """
    import pymc as pm

    model = pm.modelcontext(None)
    if hazard.baseline == "gamma":
        shape_rate = model["hazard_prior"]
        return pm.math.log(
            pm.Gamma("hazard", alpha=shape_rate[0], beta=shape_rate[1], dims="interval")
        )
    level = model["prior_log_hazard"] + priors.baseline_level.variable("level")
    if hazard.baseline == "independent":
        deviation = priors.interval.variable("interval_deviation", dims="interval")
        return level + deviation - pm.math.dot(model["interval_share"], deviation)
    log_baseline = level + pm.math.zeros_like(model["interval_share"])
    if "step" in model.coords:
        steps = pm.Normal("walk_step", dims="step")
        spread = priors.walk_sd.variable("walk_sd")
        log_baseline = log_baseline + spread * pm.math.dot(model["walk_matrix"], steps)
    if hazard.baseline == "rw2" and len(model.coords["interval"]) > 1:
        log_baseline = log_baseline + priors.trend.variable("trend") * model["trend_line"]
    return log_baseline


def _linear_predictor(
    data: HazardData, hazard: HazardSection, priors: PriorSection
) -> TensorVariable:
    """Return the log hazard of each pattern against the baseline, dims ``pattern``."""
    import pymc as pm

    model = pm.modelcontext(None)
    effect = priors.treatment.variable("treatment")
    treatment = model["treatment_centered"]
    predictor = effect * treatment
    if data.covariate_names:
        gamma = priors.covariates.variable("covariates", dims="covariate")
        predictor = predictor + pm.math.dot(model["covariate_matrix"], gamma)
    if not data.centers or hazard.center == "stratified":
        return predictor
    index, share, count = model["center_index"], model["center_share"], len(data.centers)
    predictor = predictor + center_level(hazard, priors, share, count)[index]
    if hazard.center_slope:
        slope = center_slope(hazard, priors, share, count)
        pm.Deterministic("center_log_hr", effect + slope, dims="center")
        predictor = predictor + slope[index] * treatment
    return predictor


def _shared_likelihood(log_baseline: TensorVariable, predictor: TensorVariable) -> None:
    """Add the log-likelihood where every pattern has the same baseline."""
    import pymc as pm

    model = pm.modelcontext(None)
    observed = pm.math.sum(model["events_by_pattern"] * predictor) + pm.math.sum(
        model["events_by_interval"] * log_baseline
    )
    cumulative = pm.math.dot(model["exposure"], pm.math.exp(log_baseline))
    expected = pm.math.sum(pm.math.exp(predictor) * cumulative)
    pm.Potential("log_likelihood", observed - expected)


def _stratified_likelihood(
    log_baseline: TensorVariable, predictor: TensorVariable, priors: PriorSection
) -> None:
    r"""Add the log-likelihood where each center has its own baseline around the shared one.

    :math:`\log\lambda_{cj} = \log\lambda_j + s_{cj}`, :math:`s_{cj} \sim N(0, \tau_s^2)`.
    """
    import pymc as pm

    model = pm.modelcontext(None)
    spread = priors.stratum_sd.variable("stratum_sd")
    raw = pm.Normal("stratum_raw", dims=("center", "interval"))
    by_center = pm.Deterministic(
        "log_baseline_by_center", log_baseline + spread * raw, dims=("center", "interval")
    )
    observed = pm.math.sum(model["events_by_pattern"] * predictor) + pm.math.sum(
        model["events_by_center"] * by_center
    )
    hazard = pm.math.exp(by_center)[model["center_index"]]
    cumulative = pm.math.sum(model["exposure"] * hazard, axis=1)
    expected = pm.math.sum(pm.math.exp(predictor) * cumulative)
    pm.Potential("log_likelihood", observed - expected)
