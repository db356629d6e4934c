r"""The piecewise-exponential hazard model as an ordinary PyMC model.

The log hazard of pattern p in interval j is

.. math:: \log h_{pj} = \log\lambda_j + \beta (A_p - \bar A) + x_p'\gamma + u_{c(p)}
          \;(+ b_{c(p)} (A_p - \bar A)),

where the effect of treatment may change with time, :math:`\beta_j` in place of :math:`\beta`, and
the log-likelihood is the survival density of the collapsed table,

.. math:: \sum_{pj} d_{pj} \log h_{pj} - e_{pj} h_{pj}

(Holford 1980; Laird & Olivier 1981; Friedman 1982). It enters as one summed ``Potential``: exposure
appears linearly, so that cells without time at risk need no care, and weights may be fractional.
The first part is linear in the parameters, so that sums over the events (of treatment, covariates,
centers, intervals) are all it needs; only the second runs over the patterns.
Everything a refit may change (events, exposure, covariates, prior parameters) is ``pm.Data``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from hccbayes import walk
from hccbayes.center_effects import center_level, center_matrix, center_slope
from hccbayes.errors import InputError, Problem
from hccbayes.hazard_data import HazardData
from hccbayes.priors import Prior
from hccbayes.spec import HazardSection, PriorSection
from hccbayes.time_varying_effect import effect_deviation, effect_matrix

if TYPE_CHECKING:
    import pymc as pm
    from pytensor.tensor.variable import TensorVariable

FloatArray = NDArray[np.float64]

LOG_TWO: Final = float(np.log(2.0))
_WALK_ORDER: Final = {"rw1": 1, "rw2": 2}
_DATA_DIMS: Final = {
    "exposure": ("interval", "pattern"),
    "treatment_centered": ("pattern",),
    "covariate_matrix": ("covariate", "pattern"),
    "covariate_events": ("covariate",),
    "center_index": ("pattern",),
    "center_events": ("center",),
    "center_treatment_events": ("center",),
    "center_interval_events": ("center", "interval"),
    "interval_events": ("interval",),
    "interval_share": ("interval",),
    "walk_matrix": ("interval", "step"),
    "trend_line": ("interval",),
    "effect_matrix": ("interval", "effect_step"),
    "treatment_interval_events": ("interval",),
}
"""Dimensions of the data; a refit may change the number of patterns and nothing else."""
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
    "effect_walk_sd": "effect_walk_sd",
    "effect_log_time": "effect_log_time",
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
        ``center_log_hr`` or ``log_baseline_by_center``; where the effect changes with time,
        ``log_hr_by_interval``, whose event-weighted mean ``treatment`` is; the potential
        ``log_likelihood``.
    """
    import pymc as pm

    with pm.Model() as model:
        terms = hazard_terms(data, hazard, priors)
        expected = pm.math.sum(terms.expected)
        pm.Potential("log_likelihood", terms.over_events - expected)
    return model


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class HazardTerms:
    """What the likelihood is made of, symbolic.

    Parameters
    ----------
    expected
        Cumulative hazard of each pattern over its exposure, dims ``pattern``.
    over_events
        Sum of the log hazard over the events.
    """

    expected: TensorVariable
    over_events: TensorVariable


def hazard_terms(data: HazardData, hazard: HazardSection, priors: PriorSection) -> HazardTerms:
    """Make coordinates, data and variables in the current model; the likelihood is left to it.

    Parameters
    ----------
    data, hazard, priors
        As for :func:`build_hazard_model`, whose variables and deterministics these are.
    """
    import pymc as pm

    model = pm.modelcontext(None)
    model.add_coords(model_coords(data, hazard))
    for name, value in model_data(data, hazard, priors).items():
        pm.Data(name, value, dims=_DATA_DIMS.get(name))
    log_baseline = pm.Deterministic("log_baseline", _log_baseline(hazard, priors), dims="interval")
    predictor, predictor_sum = _linear_predictor(data, hazard, priors)
    exposure, over_events = model["exposure"], predictor_sum
    if hazard.effect != "constant":
        deviation = effect_deviation(hazard, priors, model["effect_matrix"])
        pm.Deterministic("log_hr_by_interval", model["treatment"] + deviation, dims="interval")
        # Time at risk under a hazard that is multiplied is as much more time at risk.
        exposure = exposure * pm.math.exp(deviation[:, None] * model["treatment_centered"])
        over_events = over_events + pm.math.sum(deviation * model["treatment_interval_events"])
    cumulative, baseline_sum = _log_baseline_over_events(
        log_baseline, exposure, data, hazard, priors
    )
    return HazardTerms(
        expected=pm.math.exp(predictor) * cumulative, over_events=over_events + baseline_sum
    )


def model_data(
    data: HazardData, hazard: HazardSection, priors: PriorSection
) -> dict[str, NDArray[np.generic]]:
    """Return every array that the model holds as data, except the priors' own parameters.

    Refit a compiled model with these and :func:`prior_data` for other data, weights or prior
    scales of the same structure.
    """
    events = data.person_time.events.sum(axis=1)
    treatment = data.treatment - data.treatment_mean
    arrays: dict[str, NDArray[np.generic]] = {
        "exposure": np.ascontiguousarray(data.person_time.exposure.T),
        "treatment_centered": treatment,
        "treatment_events": np.asarray(events @ treatment),
    }
    if data.covariate_names:
        arrays["covariate_matrix"] = np.ascontiguousarray(data.covariates.T)
        arrays["covariate_events"] = events @ data.covariates
    if data.centers:
        arrays["center_index"] = data.center_index
        arrays |= _center_data(data, hazard, events, treatment)
    if not (data.centers and hazard.center == "stratified"):
        arrays["interval_events"] = data.interval_events
    share = data.interval_events / data.interval_events.sum()
    if hazard.effect != "constant":
        arrays["effect_matrix"] = effect_matrix(hazard, data.cuts, share)
        arrays["treatment_interval_events"] = treatment @ data.person_time.events
        if hazard.effect != "log_time" and isinstance(priors.effect_walk_sd, float):
            arrays["effect_walk_sd_known"] = np.asarray(priors.effect_walk_sd)
    return arrays | _baseline_data(data.cuts, share, hazard, priors)


def _center_data(
    data: HazardData, hazard: HazardSection, events: FloatArray, treatment: FloatArray
) -> dict[str, NDArray[np.generic]]:
    if hazard.center == "stratified":
        return {"center_interval_events": data.center_events}
    by_center = data.center_events.sum(axis=1)
    arrays: dict[str, NDArray[np.generic]] = {
        "center_events": by_center,
        "center_matrix": center_matrix(hazard, by_center / by_center.sum()),
    }
    if hazard.center_slope:
        count = len(data.centers)
        arrays["center_treatment_events"] = np.bincount(
            data.center_index, weights=events * treatment, minlength=count
        )
    return arrays


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
    # What the model leaves out must not be data either: a refit sets every array it is given.
    if len(cuts) >= _WALK_ORDER.get(hazard.baseline, np.inf):
        steps = walk.first_order if hazard.baseline == "rw1" else walk.second_order
        arrays["walk_matrix"] = steps(cuts, share)
    if hazard.baseline == "rw2" and len(cuts) > 0:
        arrays["trend_line"] = walk.trend(cuts, share)
    return arrays


def prior_fields() -> dict[str, str]:
    """Return the field of ``[priors]`` that holds the prior of each free variable."""
    return dict(_PRIOR_FIELDS)


def prior_data(model: pm.Model, priors: PriorSection) -> dict[str, FloatArray]:
    """Return the priors' parameters as the model holds them, by data name.

    Raises
    ------
    InputError
        If a prior has another number of parameters than the one the model was built with, or is
        learnt where the model holds a number; a change of family needs a new model.
    """
    found = {}
    for variable, field in _PRIOR_FIELDS.items():
        name = f"{variable}_prior"
        if name not in model.named_vars:
            if f"{variable}_known" in model.named_vars and isinstance(
                getattr(priors, field), Prior
            ):
                raise _other_family(field)
            continue
        prior = getattr(priors, field)
        values = np.asarray(prior.values if isinstance(prior, Prior) else (), dtype=np.float64)
        if values.shape != model[name].get_value().shape:
            raise _other_family(field)
        found[name] = values
    return found


def _other_family(field: str) -> InputError:
    message = "another family needs another model; build it anew"
    return InputError(Problem(f"[priors] {field}", message))


def model_coords(data: HazardData, hazard: HazardSection) -> dict[str, list[str] | range]:
    """Return the labels of every dimension of the model, by name."""
    coords: dict[str, list[str] | range] = {
        "pattern": range(len(data.treatment)),
        "interval": list(data.intervals),
    }
    steps = len(data.intervals) - _WALK_ORDER.get(hazard.baseline, len(data.intervals))
    if steps > 0:
        coords["step"] = range(steps)
    if hazard.effect != "constant":
        counts = {"phases": len(hazard.effect_phases), "smooth": len(data.cuts), "log_time": 1}
        coords["effect_step"] = range(counts[hazard.effect])
    if data.covariate_names:
        coords["covariate"] = list(data.covariate_names)
    if data.centers:
        coords["center"] = list(data.centers)
        coords["center_contrast"] = range(len(data.centers) - 1)
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
) -> tuple[TensorVariable, TensorVariable]:
    """Return the log hazard of each pattern against the baseline, and its sum over the events."""
    import pymc as pm

    model = pm.modelcontext(None)
    effect = priors.treatment.variable("treatment")
    treatment = model["treatment_centered"]
    predictor = effect * treatment
    over_events = effect * model["treatment_events"]
    if data.covariate_names:
        gamma = priors.covariates.variable("covariates", dims="covariate")
        predictor = predictor + pm.math.dot(gamma, model["covariate_matrix"])
        over_events = over_events + pm.math.sum(gamma * model["covariate_events"])
    if not data.centers or hazard.center == "stratified":
        return predictor, over_events
    index, matrix, count = model["center_index"], model["center_matrix"], len(data.centers)
    level = center_level(hazard, priors, matrix, count)
    predictor = predictor + level[index]
    over_events = over_events + pm.math.sum(level * model["center_events"])
    if hazard.center_slope:
        slope = center_slope(hazard, priors, matrix, count)
        pm.Deterministic("center_log_hr", effect + slope, dims="center")
        predictor = predictor + slope[index] * treatment
        over_events = over_events + pm.math.sum(slope * model["center_treatment_events"])
    return predictor, over_events


def _log_baseline_over_events(
    log_baseline: TensorVariable,
    exposure: TensorVariable,
    data: HazardData,
    hazard: HazardSection,
    priors: PriorSection,
) -> tuple[TensorVariable, TensorVariable]:
    r"""Return each pattern's cumulative baseline hazard, and the log baseline summed over events.

    Stratified, each center has its own baseline around the shared one:
    :math:`\log\lambda_{cj} = \log\lambda_j + s_{cj}`, :math:`s_{cj} \sim N(0, \tau_s^2)`.
    """
    import pymc as pm

    model = pm.modelcontext(None)
    if not (data.centers and hazard.center == "stratified"):
        cumulative = pm.math.dot(pm.math.exp(log_baseline), exposure)
        return cumulative, pm.math.sum(log_baseline * model["interval_events"])
    spread = priors.stratum_sd.variable("stratum_sd")
    raw = pm.Normal("stratum_raw", dims=("center", "interval"))
    by_center = pm.Deterministic(
        "log_baseline_by_center", log_baseline + spread * raw, dims=("center", "interval")
    )
    own = pm.math.exp(by_center)[model["center_index"]].T
    cumulative = pm.math.sum(own * exposure, axis=0)
    return cumulative, pm.math.sum(by_center * model["center_interval_events"])
