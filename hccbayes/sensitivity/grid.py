"""A grid of analyses as data: one model file and variations of its named fields.

``priors.treatment.sigma = [0.354, 0.7, 10]`` is a field of the model file and the values it takes;
leaving out one center at a time is a variation of the patients. Nothing is fitted here, and what is
wrong with a grid is said before anything is.
"""

from __future__ import annotations

import itertools
import math
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import ValidationError

from hccbayes import defaults
from hccbayes.errors import InputError, Problem
from hccbayes.priors import TREATMENT_PRIORS
from hccbayes.roles import FrozenModel, Roles
from hccbayes.spec import AnalysisSpec
from hccbayes.spec.problems import spec_problems

LEFT_OUT: Final = "left_out_center"
"""The variation that leaves out a center, beside the fields of the model file."""
NOBODY: Final = ""
"""Its value where every center stays."""
_FIXED: Final = ("model", "data")
"""Sections that say what is asked of whom; another question is another analysis."""
_COMBINATIONS_SHOWN: Final = 5

Combine = Literal["product", "one_at_a_time"]


class _GridFile(FrozenModel):
    grid: _GridSection
    vary: dict[str, Any] = {}


class _GridSection(FrozenModel):
    name: str
    question: str = ""
    combine: Combine = "product"
    leave_out_centers: bool = False


_GridFile.model_rebuild()


@dataclass(frozen=True, slots=True, kw_only=True)
class Variation:
    """A field and the values it takes.

    Parameters
    ----------
    field
        ``section.field`` of the model file, or :data:`LEFT_OUT`.
    values
        As in a model file.
    """

    field: str
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Variations of a model, all combinations or one at a time.

    Parameters
    ----------
    name, question
        What the grid is called, and what it asks.
    variations
        Fields and values, the first varying slowest.
    combine
        ``product``: every combination; ``one_at_a_time``: the model as it is, and each value alone.
    leave_out_centers
        Whether each center in turn is left out as well.
    """

    name: str
    variations: tuple[Variation, ...]
    question: str = ""
    combine: Combine = "product"
    leave_out_centers: bool = False

    @classmethod
    def of(
        cls,
        name: str,
        vary: Mapping[str, Any],
        *,
        question: str = "",
        combine: Combine = "product",
        leave_out_centers: bool = False,
    ) -> Grid:
        """Return a grid of fields and the values each takes.

        Parameters
        ----------
        name, question, combine, leave_out_centers
            As in :class:`Grid`.
        vary
            ``{"priors.treatment": ["default", "sceptical"], ...}``; nested tables are as good.

        Raises
        ------
        InputError
            If a field has no list of values, a value stands twice, a section cannot be varied, or
            nothing is varied.
        """
        problems: list[Problem] = []
        variations = tuple(_variations(vary, "", problems))
        if not variations and not leave_out_centers and not problems:
            problems.append(Problem("[vary]", "is empty: name a field and the values it takes"))
        if problems:
            raise InputError(problems, source=f"grid {name}")
        return cls(
            name=name,
            question=question,
            variations=variations,
            combine=combine,
            leave_out_centers=leave_out_centers,
        )

    @classmethod
    def from_toml(cls, path: str | Path) -> Grid:
        """Read a grid file: ``[grid]`` with its name, ``[vary]`` with fields and lists of values.

        Raises
        ------
        InputError
            If the file is absent, is not TOML, or anything in it is wrong.
        """
        file = Path(path)
        try:
            values = tomllib.loads(file.read_text(encoding="utf-8"))
        except OSError as error:
            reason = error.strerror or str(error)
            raise InputError(Problem("grid file", f"{reason}: {file}")) from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise InputError(Problem("grid file", f"not TOML: {error}"), source=str(file)) from None
        try:
            read = _GridFile.model_validate(values)
        except ValidationError as error:
            raise InputError(spec_problems(error, _GridFile), source=str(file)) from None
        own = read.grid
        try:
            return cls.of(
                own.name,
                read.vary,
                question=own.question,
                combine=own.combine,
                leave_out_centers=own.leave_out_centers,
            )
        except InputError as error:
            raise InputError(error.problems, source=str(file)) from None

    def to_dict(self) -> dict[str, Any]:
        """Return the grid as plain values, the form a grid file has."""
        section = {
            "name": self.name,
            "question": self.question,
            "combine": self.combine,
            "leave_out_centers": self.leave_out_centers,
        }
        return {"grid": section, "vary": {one.field: list(one.values) for one in self.variations}}


def _variations(
    values: Mapping[str, Any], prefix: str, problems: list[Problem]
) -> Iterator[Variation]:
    """Yield the fields of a nested table whose values are lists."""
    for key, value in values.items():
        field = f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from _variations(value, f"{field}.", problems)
            continue
        where = f"[vary] {field}"
        section = field.split(".", maxsplit=1)[0]
        if section in _FIXED or "." not in field:
            message = "cannot be varied: name a field as section.field, not of [model] or [data]"
            problems.append(Problem(where, message))
        elif not isinstance(value, Sequence) or isinstance(value, str) or not value:
            problems.append(Problem(where, "needs a list of values, such as [0.354, 0.7]"))
        elif len({repr(one) for one in value}) < len(value):
            problems.append(Problem(where, "holds a value twice"))
        else:
            yield Variation(field=field, values=tuple(value))


def grid_roles(grid: Grid, base: AnalysisSpec) -> Roles:
    """Return the roles under which a cohort holds every column that a cell may use.

    All cells then have the same patients: who lacks a value that one of them needs is left out of
    (or, by the policy of the model file, refused for) all.

    Parameters
    ----------
    grid, base
        Variations, and the model they are of.
    """
    columns = dict.fromkeys(base.roles.covariates)
    for variation in grid.variations:
        for value in variation.values:
            with suppress(InputError):  # What is wrong with a value is said by grid_cells.
                changed = _changed(base, {variation.field: value})
                columns |= dict.fromkeys(changed.roles.covariates)
    return base.roles.model_copy(update={"covariates": tuple(columns)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One analysis of a grid.

    Parameters
    ----------
    values
        What each varied field is, in words, in the order of the grid.
    spec
        The resolved model.
    left_out
        The center that is left out; empty where all stay.
    is_base
        Whether it is the model as it is, with all patients.
    """

    values: Mapping[str, str]
    spec: AnalysisSpec
    left_out: str = NOBODY
    is_base: bool = False


def grid_cells(
    grid: Grid, base: AnalysisSpec, centers: Sequence[str], *, any_size: bool = False
) -> tuple[Cell, ...]:
    """Return the cells of a grid, the model as it is first where it is one of them.

    Parameters
    ----------
    grid, base
        Variations, and the model they are of.
    centers
        Labels of the cohort's centers.
    any_size
        Whether a grid of more than 2,000 cells is meant.

    Raises
    ------
    InputError
        If a field or a value is not one of a model file, some combination of values is not, the
        grid is larger than allowed, or there are no centers to leave out.
    """
    axes = list(grid.variations)
    problems: list[Problem] = []
    if grid.leave_out_centers:
        if len(centers) < 2:
            message = f"needs two centers or more; the cohort has {len(centers)}"
            problems.append(Problem("[grid] leave_out_centers", message))
        axes.append(Variation(field=LEFT_OUT, values=(NOBODY, *centers)))
    count = _count(axes, grid.combine)
    if count > defaults.SENSITIVITY_CELLS and not any_size:
        message = (
            f"{count:,} cells, more than {defaults.SENSITIVITY_CELLS:,}; vary less, one at a time, "
            "or say --yes (any_size=True) if it is meant"
        )
        problems.append(Problem("grid", message))
    if problems:
        raise InputError(problems, source=f"grid {grid.name}")
    return _resolved(grid, base, axes)


def _count(axes: Sequence[Variation], combine: Combine) -> int:
    sizes = [len(axis.values) for axis in axes]
    return math.prod(sizes) if combine == "product" else 1 + sum(sizes)


def _resolved(grid: Grid, base: AnalysisSpec, axes: Sequence[Variation]) -> tuple[Cell, ...]:
    cells: dict[tuple[str, str], Cell] = {}
    wrong: list[tuple[dict[str, Any], InputError]] = []
    right: set[tuple[str, str]] = set()
    for choice in _choices(axes, grid.combine):
        fields = {field: value for field, value in choice.items() if field != LEFT_OUT}
        left_out = str(choice.get(LEFT_OUT, NOBODY))
        try:
            spec = _changed(base, fields)
        except InputError as error:
            wrong.append((fields, error))
            continue
        right |= {(field, repr(value)) for field, value in fields.items()}
        cell = Cell(
            values={axis.field: _words(choice.get(axis.field), axis.field, base) for axis in axes},
            spec=spec,
            left_out=left_out,
            is_base=spec == base and left_out == NOBODY,
        )
        # Two ways to the same analysis (a value that is the model's own) are one cell.
        cells.setdefault((spec.to_toml(), left_out), cell)
    if wrong:
        raise InputError(_problems(grid, base, wrong, right), source=f"grid {grid.name}")
    return tuple(cells.values())


def _problems(
    grid: Grid,
    base: AnalysisSpec,
    wrong: Sequence[tuple[dict[str, Any], InputError]],
    right: set[tuple[str, str]],
) -> list[Problem]:
    """Return what is wrong: values that are in no combination right, or else combinations."""
    problems = []
    for variation in grid.variations:
        for value in variation.values:
            if (variation.field, repr(value)) in right:
                continue
            try:
                _changed(base, {variation.field: value})
            except InputError as error:
                where = f"[vary] {variation.field} = {value!r}"
                problems += [Problem(where, str(one)) for one in error.problems]
    if problems:
        return problems
    for fields, refused in wrong[:_COMBINATIONS_SHOWN]:
        where = ", ".join(f"{field} = {value!r}" for field, value in fields.items())
        problems.append(Problem(where, "; ".join(str(one) for one in refused.problems)))
    if len(wrong) > _COMBINATIONS_SHOWN:
        more = len(wrong) - _COMBINATIONS_SHOWN
        problems.append(Problem("grid", f"and {more} more combinations that are no analysis"))
    return problems


def _choices(axes: Sequence[Variation], combine: Combine) -> Iterator[dict[str, Any]]:
    """Yield the varied fields and their values; a field that is left out stays the model's own."""
    if combine == "product":
        for values in itertools.product(*(axis.values for axis in axes)):
            yield {axis.field: value for axis, value in zip(axes, values, strict=True)}
        return
    yield {}
    for axis in axes:
        for value in axis.values:
            yield {axis.field: value}


def _changed(base: AnalysisSpec, fields: Mapping[str, Any]) -> AnalysisSpec:
    """Return the model with some fields changed.

    Raises
    ------
    InputError
        If it is no model then.
    """
    values = base.to_dict()
    for field, value in fields.items():
        *path, last = field.split(".")
        target = values
        for part in path:
            nested = target.setdefault(part, {})
            if not isinstance(nested, dict):
                raise InputError(Problem(field, f"`{part}` is a value, not a section"))
            target = nested
        target[last] = value
    return AnalysisSpec.from_dict(values)


def _words(value: Any, field: str, base: AnalysisSpec) -> str:
    """Return a value as a reader of the table wants it; the model's own where none was chosen."""
    if field == LEFT_OUT:
        return str(value or NOBODY)
    if value is None:
        found: Any = base.to_dict()
        for part in field.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
        value = found
    if isinstance(value, Mapping):
        for name, prior in TREATMENT_PRIORS.items():
            if field == "priors.treatment" and value == prior.to_toml():
                return name
        return ", ".join(f"{key} {one}" for key, one in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(f"{one:g}" if isinstance(one, float) else str(one) for one in value)
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
