"""``[propensity]`` and ``[adjustment]``: who was treated, and how the arms are made comparable."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from hccbayes import defaults
from hccbayes.errors import InputError
from hccbayes.formula import propensity_columns
from hccbayes.roles import ColumnName, FrozenModel

ScorePrior = Literal["student_t", "normal", "horseshoe", "r2d2"]
ScoreCenters = Literal["auto", "none", "fixed", "random"]
Method = Literal["none", "gcomp", "weighted", "matched", "doubly_robust"]
Propagation = Literal["cut", "bayesian_bootstrap"]
Target = Literal["ate", "att", "atc", "ato", "matching"]
Calibration = Literal["open_faced", "curvature", "none"]
NEEDS_SCORE: frozenset[str] = frozenset({"weighted", "matched", "doubly_robust"})
"""Methods that cannot do without a propensity score."""


class PropensitySection(FrozenModel):
    """``[propensity]``: the model of who was treated; nothing of the outcome is in it.

    Parameters
    ----------
    formula
        Right-hand side without ``treatment``.
    prior
        Prior of the coefficients on the standardized scale: ``student_t`` (7, 0, 2.5), ``normal``
        (0, 1), ``horseshoe`` (regularized) or ``r2d2``.
    center
        ``fixed`` or ``random`` intercepts, ``none``, or ``auto``: random from four centers on,
        fixed with two or three, none without a center column.
    """

    formula: str
    prior: ScorePrior = "student_t"
    center: ScoreCenters = "auto"

    @field_validator("formula")
    @classmethod
    def _formula_is_safe(cls, formula: str) -> str:
        try:
            propensity_columns(formula)
        except InputError as error:
            raise ValueError(error.problems[0].message) from None
        return formula


class MatchingSection(FrozenModel):
    """``[adjustment.matching]``: pairs of a treated and one or more control patients.

    Parameters
    ----------
    method
        ``nearest`` (greedy) or ``optimal`` (smallest total distance).
    distance
        ``logit_score``, ``score`` or ``mahalanobis``.
    ratio
        Controls for each treated patient.
    replace
        Whether a control may be used again.
    caliper
        Largest distance, in standard deviations of the distance's scale; 0 for none.
    caliper_scale
        Standard deviation over the whole ``sample``, or ``pooled`` within the arms.
    exact
        Columns on which a pair must agree.
    order
        In which order the patients of the smaller arm choose: ``largest`` score first,
        ``smallest``, ``random`` or ``data``; left out, those who are hardest to match first.
    """

    method: Literal["nearest", "optimal"] = "nearest"
    distance: Literal["logit_score", "score", "mahalanobis"] = "logit_score"
    ratio: Annotated[int, Field(ge=1, le=10)] = 1
    replace: bool = False
    caliper: Annotated[float, Field(ge=0, allow_inf_nan=False)] = defaults.CALIPER
    caliper_scale: Literal["sample", "pooled"] = "sample"
    exact: tuple[ColumnName, ...] = ()
    order: Literal["largest", "smallest", "random", "data"] | None = None


def _one_or_several(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


class AdjustmentSection(FrozenModel):
    """``[adjustment]``: how the arms are made comparable.

    Parameters
    ----------
    method
        One or several of ``gcomp`` (the outcome model standardized over a population; always
        made), ``weighted``, ``matched`` and ``doubly_robust``; ``none`` for ``gcomp`` alone.
    target
        Population of the weighted and the doubly robust estimate: ``ate``, ``att``, ``atc``,
        ``ato`` (overlap) or ``matching`` (weights).
    calibration
        How the weighted pseudo-posterior gets the width of the sandwich: ``curvature`` (the
        likelihood is bent, and the prior speaks in full, as it should with few controls) or
        ``open_faced`` (the draws are moved: the prior's pull with the sandwich's width).
        ``none`` shows the pseudo-posterior with raw weights, whose intervals do not hold.
    propagate
        Sensitivities that carry the score's uncertainty: ``cut``, ``bayesian_bootstrap``.
    patients
        Population of ``gcomp``: the ``sample`` as it is, or ``dirichlet`` draws over its patients.
    truncate
        Weights beyond this percentile and its mirror are set to it; left out, none is.
    trim
        Patients with a score below it or above its mirror are left out (Crump); left out, none is.
    matching
        How pairs are found.
    """

    method: Annotated[tuple[Method, ...], BeforeValidator(_one_or_several)] = ("gcomp",)
    target: Target = "ato"
    calibration: Calibration = "curvature"
    propagate: Annotated[tuple[Propagation, ...], BeforeValidator(_one_or_several)] = ()
    patients: Literal["sample", "dirichlet"] = "sample"
    truncate: Annotated[float, Field(gt=50, lt=100)] | None = None
    trim: Annotated[float, Field(gt=0, lt=0.5)] | None = None
    matching: MatchingSection = MatchingSection()

    @model_validator(mode="after")
    def _methods(self) -> AdjustmentSection:
        if not self.method:
            raise ValueError("name one method at least")
        if len(set(self.method)) < len(self.method) or len(set(self.propagate)) < len(
            self.propagate
        ):
            raise ValueError("name each method once")
        if "none" in self.method and len(self.method) > 1:
            raise ValueError("`none` stands alone")
        if self.matching.method == "optimal" and (self.matching.order or self.matching.replace):
            raise ValueError("[adjustment.matching] `order` and `replace` are of `nearest` alone")
        return self

    @property
    def needs_score(self) -> bool:
        """Whether anything asked for cannot do without a propensity score."""
        return bool(NEEDS_SCORE & set(self.method) or self.propagate)
