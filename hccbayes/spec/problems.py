"""What is wrong with a model file, in the words of a model file."""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from hccbayes.errors import Problem


def spec_problems(error: ValidationError, model: type[BaseModel]) -> list[Problem]:
    """Return pydantic's findings as problems that name the section and the field.

    Parameters
    ----------
    error
        What validation raised.
    model
        The model that was validated; its fields are listed where a name is unknown.
    """
    problems: dict[tuple[str, str], Problem] = {}
    for item in error.errors():
        problem = _problem(item, model)
        problems.setdefault((problem.where, problem.message), problem)
    return list(problems.values())


def _problem(item: Any, model: type[BaseModel]) -> Problem:
    names = _field_names(item["loc"], model)
    if item["type"] == "extra_forbidden":
        return Problem(_place(names[:-1]) or "model file", _unknown(names, model))
    if item["type"] == "missing":
        return Problem(_place(names[:-1]) or "model file", f"`{names[-1]}` is missing")
    message = str(item["msg"]).removeprefix("Value error, ")
    if item["type"] not in {"value_error", "missing"}:
        message = f"{message}; got {reprlib.repr(item['input'])}"
    return Problem(_place(names) or "model file", message)


def _field_names(loc: Sequence[str | int], model: type[BaseModel]) -> list[str]:
    """Keep the part of a location that is fields; union branches and indices are left out."""
    names: list[str] = []
    current: type[BaseModel] | None = model
    for part in loc:
        if current is None or not isinstance(part, str):
            break
        names.append(part)
        current = _nested(current, part)
    return names


def _nested(model: type[BaseModel], field: str) -> type[BaseModel] | None:
    info = model.model_fields.get(field)
    if info is None:
        return None
    options = (info.annotation, *get_args(info.annotation))
    return next(
        (one for one in options if isinstance(one, type) and issubclass(one, BaseModel)), None
    )


def _unknown(names: list[str], model: type[BaseModel]) -> str:
    current: type[BaseModel] = model
    for name in names[:-1]:
        current = _nested(current, name) or current
    known = list(current.model_fields)
    close = difflib.get_close_matches(names[-1], known, n=1)
    hint = f" Did you mean `{close[0]}`?" if close else ""
    return f"`{names[-1]}` is not known here.{hint} Known: {', '.join(known)}"


def _place(names: Sequence[str]) -> str:
    if not names:
        return ""
    section, *rest = names
    return " ".join([f"[{section}]", ".".join(rest)]).strip()
