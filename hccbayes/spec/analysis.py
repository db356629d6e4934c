"""The named analysis: a model file as a typed, frozen value."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError, model_validator

from hccbayes.errors import InputError, Problem
from hccbayes.formula import covariate_columns, propensity_columns
from hccbayes.roles import FrozenModel, Roles
from hccbayes.spec.adjustment import AdjustmentSection, PropensitySection
from hccbayes.spec.design import DesignSection
from hccbayes.spec.problems import spec_problems
from hccbayes.spec.sections import (
    DataSection,
    EstimandSection,
    HazardSection,
    ModelSection,
    PriorSection,
    SamplerSection,
)


class AnalysisSpec(FrozenModel):
    """A named analysis, read from a model file.

    Read it with :meth:`from_toml`; change it with :meth:`with_values`, which returns a new one.
    """

    model: ModelSection
    data: DataSection
    hazard: HazardSection
    design: DesignSection | None = None
    propensity: PropensitySection | None = None
    adjustment: AdjustmentSection = AdjustmentSection()
    priors: PriorSection = PriorSection()
    estimands: EstimandSection = EstimandSection()
    sampler: SamplerSection = SamplerSection()

    @model_validator(mode="after")
    def _center_has_column(self) -> AnalysisSpec:
        if self.hazard.center != "none" and self.data.center is None:
            raise ValueError(
                f"[hazard] center = '{self.hazard.center}' needs a column: set [data] center"
            )
        return self

    @model_validator(mode="after")
    def _methods_fit_the_data(self) -> AnalysisSpec:
        if "doubly_robust" in self.adjustment.method and self.data.entry is not None:
            raise ValueError(
                "[adjustment] method = 'doubly_robust' needs follow-up from time zero; with "
                "[data] entry leave it out"
            )
        prior = None if self.propensity is None else self.propensity.prior
        if "bayesian_bootstrap" in self.adjustment.propagate and prior in {"horseshoe", "r2d2"}:
            raise ValueError(
                "[adjustment] propagate = 'bayesian_bootstrap' needs [propensity] prior = "
                f"'student_t' or 'normal', whose mode is found; not '{prior}'"
            )
        return self

    @model_validator(mode="after")
    def _arms_are_fixed_for_scores(self) -> AnalysisSpec:
        method = "naive" if self.design is None else self.design.method
        changing = method in {"time_dependent", "clone_censor_weight"}
        future = [name for name in self.estimands.populations if name in {"att", "atc"}]
        if changing and future:
            raise ValueError(
                f"[design] method = '{method}' lets treatment start later, so that who was treated "
                f"is not known at time zero: [estimands] populations cannot hold {future[0]}"
            )
        if changing and (self.propensity is not None or self.adjustment.needs_score):
            raise ValueError(
                f"[design] method = '{method}' lets treatment start later, so that no "
                "propensity score at time zero describes it: leave [propensity] and its methods "
                "out, or use a landmark"
            )
        return self

    @model_validator(mode="after")
    def _score_is_modeled(self) -> AnalysisSpec:
        if self.propensity is not None:
            if self.propensity.center in {"fixed", "random"} and self.data.center is None:
                raise ValueError(
                    f"[propensity] center = '{self.propensity.center}' needs a column: "
                    "set [data] center"
                )
            return self
        asked = [
            *(["[adjustment]"] if self.adjustment.needs_score else []),
            *(["[estimands] populations"] if "ato" in self.estimands.populations else []),
        ]
        if asked:
            raise ValueError(
                f"{' and '.join(asked)} need a propensity score: add [propensity] formula"
            )
        return self

    @classmethod
    def from_toml(cls, path: str | Path) -> AnalysisSpec:
        """Read a model file.

        Raises
        ------
        InputError
            If the file is absent, is not TOML, or any field is wrong; every problem is named.
        """
        file = Path(path)
        try:
            values = tomllib.loads(file.read_text(encoding="utf-8"))
        except OSError as error:
            reason = error.strerror or str(error)
            raise InputError(Problem("model file", f"{reason}: {file}")) from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise InputError(
                Problem("model file", f"not TOML: {error}"), source=str(file)
            ) from None
        return cls.from_dict(values, source=str(file))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], *, source: str = "model") -> AnalysisSpec:
        """Return the analysis of a nested mapping, the form a TOML file has.

        Raises
        ------
        InputError
            If any field is unknown, missing or wrong; every problem is named.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise InputError(spec_problems(error, cls), source=source) from None
        except OverflowError:
            problem = Problem("model file", "a whole number is too large for a computer's float")
            raise InputError(problem, source=source) from None

    def with_values(self, assignments: Sequence[str]) -> AnalysisSpec:
        """Return a copy with ``section.field=value`` assignments, values written as in TOML.

        Raises
        ------
        InputError
            If an assignment cannot be read or leads to a wrong field.
        """
        values = self.to_dict()
        problems = []
        for assignment in assignments:
            try:
                _assign(values, assignment)
            except ValueError as error:
                problems.append(Problem(f"--set {assignment}", str(error)))
        if problems:
            raise InputError(problems)
        return type(self).from_dict(values, source="the model with its changed values")

    @property
    def roles(self) -> Roles:
        """The data section's roles with the formulas' columns as covariates."""
        own = self.data.model_dump(exclude={"source"})
        used = [*self.data.covariates, *covariate_columns(self.hazard.formula)]
        if self.propensity is not None:
            used += [*propensity_columns(self.propensity.formula), *self.adjustment.matching.exact]
        columns = dict.fromkeys(used)
        if self.design is not None and self.design.treatment_start is not None:
            own["treatment_start"] = self.design.treatment_start
        try:
            return Roles.model_validate(own | {"covariates": tuple(columns)})
        except ValidationError as error:
            messages = [str(item["msg"]).removeprefix("Value error, ") for item in error.errors()]
            raise InputError([Problem("[data] and [design]", one) for one in messages]) from None

    @property
    def method(self) -> str:
        """Name of the Bayesian method in the estimate table, ``pe_rw1``.

        A design that changes time zero or the arms is named in it: ``pe_rw1_landmark``. With
        clones, it is the start-stop model beside them.
        """
        method = "naive" if self.design is None else self.design.method
        outcome = "time_dependent" if method == "clone_censor_weight" else method
        suffix = "" if outcome == "naive" else f"_{outcome}"
        return f"pe_{self.hazard.baseline}{suffix}"

    @property
    def headline(self) -> str:
        """Method whose numbers answer the question: cloned patients', or the outcome model's."""
        clones = self.design is not None and self.design.method == "clone_censor_weight"
        return "pe_clone_censor_weight" if clones else self.method

    def to_dict(self) -> dict[str, Any]:
        """Return every field, defaults included, as plain values without empty ones."""
        return self.model_dump(mode="json", exclude_none=True)

    def to_toml(self) -> str:
        """Return the resolved analysis as TOML; :meth:`from_toml` reads it back equal."""
        import tomli_w

        return tomli_w.dumps(self.to_dict())


def _assign(values: dict[str, Any], assignment: str) -> None:
    """Set one dotted key in place; the value is read as TOML, or as bare text."""
    key, separator, text = assignment.partition("=")
    path = [part.strip() for part in key.split(".")]
    if not separator or len(path) < 2 or not all(path):
        raise ValueError("write section.field=value, for instance sampler.draws=2000")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()
    target = values
    for part in path[:-1]:
        nested = target.setdefault(part, {})
        if not isinstance(nested, dict):
            raise ValueError(f"`{part}` is a value, not a section")
        target = nested
    target[path[-1]] = value
