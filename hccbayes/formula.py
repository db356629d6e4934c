"""Model formulas, restricted to columns of the data and a short list of transforms.

A formula is user text. formulaic would evaluate any Python expression in it, so every factor is
checked here against a list of what is allowed before formulaic sees any data.
"""

from __future__ import annotations

import ast
from typing import Final

from hccbayes.errors import InputError, Problem

TREATMENT: Final = "treatment"
"""The name by which a formula refers to the arm."""

ALLOWED_TRANSFORMS: Final = ("C", "log", "log10", "sqrt", "exp", "poly", "bs", "scale")
"""Functions a formula may call; all take columns and numbers only.

formulaic's natural spline ``cr`` is not among them: its columns add up to the intercept unless it
is given a constraint by name, and a name is text.
"""


def covariate_columns(formula: str) -> tuple[str, ...]:
    """Return the data columns a formula uses, without ``treatment``, in order of appearance.

    Parameters
    ----------
    formula
        A right-hand side such as ``"treatment + age_years + C(stage)"``.

    Raises
    ------
    InputError
        If the formula cannot be parsed, has a left-hand side, calls a function outside
        :data:`ALLOWED_TRANSFORMS`, removes the intercept, or uses ``treatment`` other than once
        as a main effect.
    """
    columns: dict[str, None] = {}
    for factors in _terms(formula):
        names = [name for factor in factors for name in _factor_columns(factor)]
        if TREATMENT in names and factors != [TREATMENT]:
            raise _error(
                f"`{TREATMENT}` may stand in the formula only as a main effect, "
                f"not inside `{':'.join(factors)}`"
            )
        columns.update(dict.fromkeys(names))
    if TREATMENT not in columns:
        raise _error(f"the formula must contain `{TREATMENT}`, the indicator of the treated arm")
    columns.pop(TREATMENT)
    return tuple(columns)


def propensity_columns(formula: str) -> tuple[str, ...]:
    """Return the data columns of a propensity formula, in order of appearance.

    Raises
    ------
    InputError
        As :func:`covariate_columns`, and if the formula holds ``treatment``, which is what the
        score explains, or no column at all.
    """
    factors = [factor for term in _terms(formula) for factor in term]
    columns = dict.fromkeys(name for factor in factors for name in _factor_columns(factor))
    if TREATMENT in columns:
        raise _error(f"`{TREATMENT}` is what the score explains; leave it out")
    if not columns:
        raise _error("names no column; a score of an intercept alone adjusts for nothing")
    return tuple(columns)


def covariate_formula(formula: str) -> str:
    """Return the formula without ``treatment`` and with an intercept, for formulaic.

    The intercept makes formulaic code factors against a reference level; its column is dropped
    afterwards, since the baseline hazard takes its place.
    """
    covariate_columns(formula)
    return _with_intercept(formula)


def propensity_formula(formula: str) -> str:
    """Return a propensity formula with an intercept, for formulaic."""
    propensity_columns(formula)
    return _with_intercept(formula)


def _with_intercept(formula: str) -> str:
    kept = [
        ":".join(_quoted(factor) for factor in factors)
        for factors in _terms(formula)
        if factors != [TREATMENT]
    ]
    return " + ".join(["1", *kept])


def _quoted(factor: str) -> str:
    """Return the factor as formulaic reads it: arithmetic in braces, the rest as it stands."""
    return f"{{{factor}}}" if isinstance(ast.parse(factor, mode="eval").body, ast.BinOp) else factor


def _terms(formula: str) -> list[list[str]]:
    """Return the factors of each term, the intercept left out."""
    from formulaic import Formula, SimpleFormula
    from formulaic.errors import FormulaicError

    try:
        parsed = Formula(formula)
    except (FormulaicError, SyntaxError, TypeError, ValueError) as error:
        raise _error(f"cannot be read: {str(error).splitlines()[0]}") from None
    if hasattr(parsed, "lhs"):
        raise _error("give the right-hand side only; time and event come from [data]")
    if not isinstance(parsed, SimpleFormula):
        raise _error("has several parts; give one sum of terms, without `|`")
    terms = [[factor.expr for factor in term.factors] for term in parsed]
    if ["1"] not in terms:
        raise _error("the intercept may not be removed; the baseline hazard plays its part")
    return [factors for factors in terms if factors != ["1"]]


def _factor_columns(factor: str) -> list[str]:
    """Return the columns in one factor, or raise where it is more than columns and transforms."""
    try:
        tree = ast.parse(factor.replace("`", ""), mode="eval").body
    except SyntaxError:
        raise _error(f"`{factor}` is not a column name; rename the column") from None
    return _node_columns(tree, factor)


def _node_columns(node: ast.expr, factor: str) -> list[str]:
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return []
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Mult | ast.Div | ast.Sub):
        return _node_columns(node.left, factor) + _node_columns(node.right, factor)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        if node.func.id not in ALLOWED_TRANSFORMS:
            allowed = ", ".join(ALLOWED_TRANSFORMS)
            raise _error(f"`{node.func.id}` is not an allowed function; use one of {allowed}")
        if any(keyword.arg is None for keyword in node.keywords):
            raise _error(f"`{factor}` may not unpack arguments with **")
        arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
        return [name for argument in arguments for name in _node_columns(argument, factor)]
    raise _error(f"`{factor}` may hold only columns, numbers, + - * / and allowed functions")


def _error(message: str) -> InputError:
    return InputError(Problem("formula", message))
