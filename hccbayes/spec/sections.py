"""The sections of a model file, each field checked once, where it is made."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    PlainSerializer,
    field_validator,
    model_validator,
)

from hccbayes import defaults
from hccbayes.errors import InputError
from hccbayes.formula import covariate_columns
from hccbayes.priors import TREATMENT_PRIORS, Prior
from hccbayes.roles import FrozenModel, Roles

Baseline = Literal["rw1", "rw2", "independent", "gamma"]
CenterModel = Literal["none", "fixed", "hierarchical", "stratified"]
Effect = Literal["constant", "phases", "log_time", "smooth"]
Population = Literal["ate", "att", "atc", "ato"]
IntervalKind = Literal["eti", "hdi"]
Backend = Literal["nutpie", "pymc", "numpyro"]
_MOST_QUANTILES = 100

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


def _read_prior(value: Any) -> Any:
    if isinstance(value, str | Mapping):
        try:
            return Prior.from_toml(value)
        except InputError as error:
            raise ValueError(error.problems[0].message) from None
    return value


def _of_family(*families: str) -> BeforeValidator:
    def check(value: Any) -> Any:
        prior = _read_prior(value)
        if not isinstance(prior, Prior):
            raise ValueError("must be a table such as { dist = 'normal', mu = 0, sigma = 0.5 }")
        if prior.dist not in families:
            raise ValueError(f"must be one of {', '.join(families)}, not {prior.dist}")
        return prior

    return BeforeValidator(check)


def _scale_or_number(value: Any) -> Any:
    """Read a positive number as a scale that is known, and anything else as a prior of it."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        prior = _read_prior(value)
        if not isinstance(prior, Prior) or prior.dist != "half_normal":
            raise ValueError("must be half_normal, or a positive number where it is known")
        return prior
    if not (math.isfinite(value) and value > 0):
        raise ValueError("a known standard deviation must be positive and finite")
    return float(value)


_as_toml = PlainSerializer(lambda prior: prior.to_toml(), return_type=dict)
_as_toml_or_number = PlainSerializer(
    lambda value: value.to_toml() if isinstance(value, Prior) else value
)
EffectPrior = Annotated[Prior, _of_family("normal", "student_t"), _as_toml]
ScalePrior = Annotated[Prior, _of_family("half_normal"), _as_toml]
ScaleOrNumber = Annotated[Prior | float, BeforeValidator(_scale_or_number), _as_toml_or_number]


class ModelSection(FrozenModel):
    """``[model]``: the name under which results are filed, and the question in words.

    Parameters
    ----------
    name
        Letters, digits, dots, hyphens and underscores.
    question
        What is asked, in words.
    caveats
        What a reader must know of this design; printed with every result.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
    question: str = ""
    caveats: tuple[str, ...] = ()


class DataSection(Roles):
    """``[data]``: where the patients are, and which column plays which part."""

    source: str = ""

    @model_validator(mode="after")
    def _start_is_of_the_design(self) -> DataSection:
        if self.treatment_start is not None:
            raise ValueError("`treatment_start` says who could be treated when: put it in [design]")
        return self


class QuantileCuts(FrozenModel):
    """``cuts = { quantile = J }``: J intervals with equal numbers of events."""

    quantile: Annotated[int, Field(ge=1, le=_MOST_QUANTILES)]


Cuts = Literal["auto", "fine"] | QuantileCuts | tuple[Positive, ...]


def _has_form_of_cuts(value: Any) -> Any:
    """Say once what cut points look like, instead of once for each form they may have."""
    listed = isinstance(value, list | tuple) and all(
        isinstance(cut, int | float) and not isinstance(cut, bool) for cut in value
    )
    count = value.get("quantile") if isinstance(value, dict) and len(value) == 1 else None
    quantile = isinstance(count, int) and 1 <= count <= _MOST_QUANTILES
    if listed and all(math.isfinite(cut) and cut > 0 for cut in value):
        return tuple(value)
    if quantile or value in ("auto", "fine") or isinstance(value, QuantileCuts):
        return value
    raise ValueError(
        "must be 'auto', 'fine', a list of positive months such as [3, 6, 12], or "
        f"{{ quantile = J }} with J from 1 to {_MOST_QUANTILES}"
    )


class HazardSection(FrozenModel):
    """``[hazard]``: the survival model. Cut points are in months.

    ``effect`` says how the log hazard ratio of treatment changes with time: not at all
    (``constant``), by phase between the bounds ``effect_phases`` (``phases``, whose bounds become
    cut points), as a line in log time (``log_time``) or as a random walk over the intervals
    (``smooth``). ``effect_phases`` is read by ``phases`` alone.
    """

    formula: str
    cuts: Annotated[Cuts, BeforeValidator(_has_form_of_cuts)] = "auto"
    baseline: Baseline = "rw1"
    center: CenterModel = "none"
    center_slope: bool = False
    effect: Effect = "constant"
    effect_phases: tuple[Positive, ...] = defaults.EFFECT_PHASES

    @field_validator("formula")
    @classmethod
    def _formula_is_safe(cls, formula: str) -> str:
        try:
            covariate_columns(formula)
        except InputError as error:
            raise ValueError(error.problems[0].message) from None
        return formula

    @field_validator("cuts")
    @classmethod
    def _cuts_increase(cls, cuts: Cuts) -> Cuts:
        if isinstance(cuts, tuple) and any(b <= a for a, b in zip(cuts, cuts[1:], strict=False)):
            raise ValueError("cut points must increase strictly")
        return cuts

    @field_validator("effect_phases")
    @classmethod
    def _phases_increase(cls, bounds: tuple[float, ...]) -> tuple[float, ...]:
        if not bounds or any(b <= a for a, b in zip(bounds, bounds[1:], strict=False)):
            raise ValueError("must be months that increase strictly, such as [3, 12]")
        return bounds

    @model_validator(mode="after")
    def _combinations(self) -> HazardSection:
        if self.cuts == "fine" and self.baseline in {"independent", "gamma"}:
            raise ValueError(
                f"cuts = 'fine' needs a smoothed baseline (rw1 or rw2), not {self.baseline}"
            )
        if self.center_slope and self.center in {"none", "stratified"}:
            raise ValueError(
                "center_slope needs center = 'hierarchical' or 'fixed': "
                "a treatment effect that varies around a center's own level"
            )
        return self


class PriorSection(FrozenModel):
    """``[priors]``: every prior of the hazard model, on the scale of the standardized design.

    Parameters
    ----------
    treatment
        Log hazard ratio of treated over control; a named prior or a table.
    covariates
        Log hazard ratio of each covariate: binary ones centered, continuous ones divided by two
        standard deviations.
    median_survival
        Months; the prior median survival, which places the baseline level.
    baseline_level
        Deviation of the mean log hazard from ``log(log 2 / median_survival)``.
    walk_sd
        Standard deviation of the log hazard's random walk per six months; ``rw1`` and ``rw2``.
    trend
        Linear trend of the log hazard per twelve months; ``rw2``.
    interval
        Deviation of each interval's log hazard; ``independent``.
    gamma_shape
        Shape a of Gamma(a, a / lambda0) of each interval's hazard; ``gamma``.
    center
        Log hazard of each center against the mean center; ``fixed``. With two centers, the half
        contrast.
    center_sd
        Standard deviation of the center effects; ``hierarchical``.
    center_slope
        Deviation of each center's log hazard ratio; ``fixed``. With two centers, the half contrast.
    center_slope_sd
        Standard deviation of the centers' log hazard ratios; ``hierarchical``.
    stratum_sd
        Standard deviation of each center's interval log hazards around the shared baseline;
        ``stratified``.
    effect_walk_sd
        Standard deviation of the random walk of the log hazard ratio: of a step from one phase to
        the next (``phases``), or per six months (``smooth``). A number where it is known.
    effect_log_time
        Change of the log hazard ratio per unit of log time; ``log_time``.
    """

    treatment: EffectPrior = TREATMENT_PRIORS["default"]
    covariates: EffectPrior = Prior.of("normal", mu=0.0, sigma=0.5)
    median_survival: Positive = defaults.PRIOR_MEDIAN_SURVIVAL
    baseline_level: EffectPrior = Prior.of("normal", mu=0.0, sigma=0.8)
    walk_sd: ScalePrior = Prior.of("half_normal", sigma=0.5)
    trend: EffectPrior = Prior.of("normal", mu=0.0, sigma=0.5)
    interval: EffectPrior = Prior.of("normal", mu=0.0, sigma=1.0)
    gamma_shape: Positive = 1.0
    center: EffectPrior = Prior.of("normal", mu=0.0, sigma=0.5)
    center_sd: ScalePrior = Prior.of("half_normal", sigma=0.5)
    center_slope: EffectPrior = Prior.of("normal", mu=0.0, sigma=0.25)
    center_slope_sd: ScalePrior = Prior.of("half_normal", sigma=0.25)
    stratum_sd: ScalePrior = Prior.of("half_normal", sigma=0.3)
    effect_walk_sd: ScaleOrNumber = Prior.of("half_normal", sigma=0.25)
    effect_log_time: EffectPrior = Prior.of("normal", mu=0.0, sigma=0.3)


class IntervalSection(FrozenModel):
    """``interval = { prob, kind }`` of the estimate table."""

    prob: Annotated[float, Field(gt=0, lt=1)] = defaults.INTERVAL_PROB
    kind: IntervalKind = defaults.INTERVAL_KIND


class EstimandSection(FrozenModel):
    """``[estimands]``: which numbers are reported.

    Parameters
    ----------
    times
        Months at which survival is reported; none may lie beyond the shorter arm's follow-up.
    horizon
        Months to which RMST is integrated; left out, the largest follow-up common to both arms,
        in whole months.
    populations
        Standardization targets: ``ate`` (all patients), ``att`` (the treated), ``atc``
        (the controls), ``ato`` (patients by overlap of their propensity score; needs
        ``[propensity]``).
    hr_thresholds
        ``P(HR < c)`` is reported for each c.
    interval
        Probability and kind of the intervals.
    """

    times: tuple[Positive, ...] = defaults.ESTIMAND_TIMES
    horizon: Positive | None = None
    populations: tuple[Population, ...] = ("ate",)
    hr_thresholds: tuple[Positive, ...] = defaults.HR_THRESHOLDS
    interval: IntervalSection = IntervalSection()

    @field_validator("times", "populations", "hr_thresholds")
    @classmethod
    def _each_once(cls, values: tuple[Any, ...]) -> tuple[Any, ...]:
        if len(set(values)) < len(values):
            raise ValueError(f"name each once, not {', '.join(str(value) for value in values)}")
        return values

    @field_validator("populations")
    @classmethod
    def _one_at_least(cls, populations: tuple[Population, ...]) -> tuple[Population, ...]:
        if not populations:
            raise ValueError("name one at least: ate, att, atc or ato")
        return populations


class SamplerSection(FrozenModel):
    """``[sampler]``: how the posterior is drawn."""

    draws: Annotated[int, Field(ge=10)] = defaults.DRAWS
    tune: Annotated[int, Field(ge=10)] = defaults.TUNE
    chains: Annotated[int, Field(ge=2, le=64)] = defaults.CHAINS
    target_accept: Annotated[float, Field(gt=0.5, lt=1)] = defaults.TARGET_ACCEPT
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    backend: Backend = "nutpie"
