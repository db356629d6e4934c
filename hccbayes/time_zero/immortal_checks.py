"""What is wrong with the rules of a study, field by field."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Final, Literal, TypeGuard, get_args

import numpy as np

from hccbayes.errors import Problem
from hccbayes.frequentist.arguments import is_number

if TYPE_CHECKING:
    from hccbayes.time_zero.immortal_rules import ImmortalRules

EarlyDeaths = Literal["control", "excluded"]
EARLY_DEATHS: Final = get_args(EarlyDeaths)


def positive_problems(where: str, value: object) -> list[Problem]:
    """Return what is wrong with a number that must be positive and finite."""
    if _is_finite(value) and value > 0:
        return []
    return [Problem(where, f"must be a positive number, not {value!r}")]


def months_problems(where: str, value: object) -> list[Problem]:
    """Return what is wrong with months of at least 0."""
    if _is_finite(value) and value >= 0:
        return []
    return [Problem(where, f"must be months of at least 0, not {value!r}")]


def share_problems(where: str, value: object) -> list[Problem]:
    """Return what is wrong with a share within (0, 1)."""
    if _is_finite(value) and 0 < value < 1:
        return []
    hint = "; a share of 0 or 1 leaves nobody to compare with" if value in (0, 1) else ""
    return [Problem(where, f"must lie between 0 and 1, not {value!r}{hint}")]


def window_problems(where: str, value: object) -> list[Problem]:
    """Return what is wrong with ``(earliest, latest)`` in months."""
    pair = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else []
    if len(pair) != 2 or not all(_is_finite(month) for month in pair):
        return [Problem(where, f"needs two numbers, (earliest, latest) in months, not {value!r}")]
    if pair[0] < 0:
        return [Problem(where, f"starts {-pair[0]:g} months before time zero: {value!r}")]
    if pair[0] > pair[1]:
        return [Problem(where, f"ends before it starts: {value!r}; write (earliest, latest)")]
    return []


def early_deaths_problems(value: object) -> list[Problem]:
    """Return what is wrong with where early deaths go."""
    if value in EARLY_DEATHS:
        return []
    known = ", ".join(EARLY_DEATHS)
    return [Problem("early_deaths", f"unknown value {value!r}; choose from {known}")]


def _is_finite(value: object) -> TypeGuard[float]:
    return is_number(value) and not isinstance(value, bool) and math.isfinite(value)


def size_problems(rules: ImmortalRules) -> list[Problem]:
    """Return what is wrong with the sizes of the arms."""
    return [
        Problem(arm, f"must be a whole number of patients, at least 1, not {size!r}")
        for arm, size in (("treated", rules.treated), ("control", rules.control))
        if isinstance(size, bool) or not isinstance(size, Integral) or size < 1
    ]


def survival_problems(rules: ImmortalRules) -> list[Problem]:
    """Return what is wrong with the survival of everybody: given once, in one of three ways."""
    given = {
        "median": rules.median is not None,
        "hazard": rules.hazard is not None and bool(np.size(rules.hazard)),
        "arm_medians": rules.arm_medians is not None,
    }
    named = [name for name, is_given in given.items() if is_given]
    problems = []
    if not named:
        problems.append(Problem("median", "is needed, or hazard, or arm_medians"))
    elif len(named) > 1:
        problems.append(Problem(" and ".join(named), "say the same thing; give one of them"))
    if rules.median is not None:
        problems += positive_problems("median", rules.median)
    if rules.arm_medians is not None:
        pair = rules.arm_medians
        if isinstance(pair, str) or not isinstance(pair, Sequence) or len(pair) != 2:
            message = f"needs two numbers, (treated, control) in months, not {pair!r}"
            problems.append(Problem("arm_medians", message))
        else:
            problems += positive_problems("arm_medians, treated", pair[0])
            problems += positive_problems("arm_medians, control", pair[1])
    return problems + _hazard_problems(rules)


def _hazard_problems(rules: ImmortalRules) -> list[Problem]:
    hazard, cuts = rules.hazard, rules.cuts
    problems: list[Problem] = []
    for name, values in (("hazard", hazard), ("cuts", cuts)):
        if isinstance(values, str) or not isinstance(values, Sequence):
            problems.append(Problem(name, f"needs a list of numbers, not {values!r}"))
    if problems:
        return problems
    problems = [found for rate in hazard for found in positive_problems("hazard", rate)]
    wrong_cuts = [found for cut in cuts for found in positive_problems("cuts", cut)]
    if not wrong_cuts and list(cuts) != sorted(set(cuts)):
        wrong_cuts.append(Problem("cuts", f"must increase, not {cuts!r}"))
    if len(cuts) and not len(hazard):
        wrong_cuts.append(Problem("cuts", "belong to hazard, which is not given"))
    elif len(hazard) and len(hazard) != len(cuts) + 1:
        message = f"needs {len(cuts) + 1} numbers, one more than there are cuts"
        problems.append(Problem("hazard", message))
    return problems + wrong_cuts


def censoring_problems(administrative: object) -> list[Problem]:
    """Return what is wrong with the end of follow-up."""
    if administrative is None:
        return []
    problems = window_problems("administrative", administrative)
    if not problems and administrative[1] <= 0:  # type: ignore[index]
        problems.append(Problem("administrative", "leaves nobody any follow-up"))
    return problems
