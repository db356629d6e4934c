"""From a cohort and a formula to a standardized covariate matrix whose scale is remembered.

Binary covariates are centered, continuous ones are centered and divided by two standard deviations
(Gelman 2008, Statistics in Medicine 27:2865), so that one prior fits them all; results are reported
on the covariates' own scale.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hccbayes.errors import InputError, Problem
from hccbayes.formula import TREATMENT, covariate_formula, propensity_formula
from hccbayes.records import TREATMENT_CONTRAST

if TYPE_CHECKING:
    from hccbayes.cohort import Cohort

FloatArray = NDArray[np.float64]
_RANK_TOLERANCE = 1e-8
_FUNCTIONS = {"sqrt": np.sqrt}
"""What a formula may call beside formulaic's own functions; nothing else is in its reach."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One column of the covariate matrix.

    Parameters
    ----------
    name
        The column as the formula makes it, ``age_years`` or ``stage[T.C]``.
    kind
        ``binary`` (centered) or ``continuous`` (centered, divided by two standard deviations).
    mean
        What was subtracted.
    scale
        What it was divided by: 1 for binary terms; a coefficient divided by it is on the
        covariate's own scale.
    contrast
        How the estimate table names the effect: ``age_years: per 1``, ``stage: C / B``.
    """

    name: str
    kind: Literal["binary", "continuous"]
    mean: float
    scale: float
    contrast: str


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Design:
    """Covariates of the cohort's patients, in the cohort's order.

    Parameters
    ----------
    terms
        Columns in order.
    matrix
        Standardized covariates, shape ``(patients, terms)``.
    columns
        The same on their own scale, one column a term.
    treatment
        1 for treated patients, shape ``(patients,)``.
    centers
        Labels of the centers, sorted; empty where there is no center column.
    center_index
        Index into `centers`, shape ``(patients,)``; zeros where there are none.
    """

    terms: tuple[Term, ...]
    matrix: FloatArray
    columns: pd.DataFrame
    treatment: FloatArray
    centers: tuple[str, ...]
    center_index: NDArray[np.intp]

    @property
    def scales(self) -> FloatArray:
        """Scale of each term, shape ``(terms,)``."""
        return np.array([term.scale for term in self.terms])

    def conventional(self, episodes: pd.DataFrame | None = None) -> pd.DataFrame:
        """Return treatment and covariates on their own scale, for regression without priors.

        Parameters
        ----------
        episodes
            ``patient_index`` and ``treatment`` of each episode, for one row an episode; without
            it, one row a patient.
        """
        if episodes is None:
            return pd.concat([pd.Series(self.treatment, name=TREATMENT), self.columns], axis=1)
        treatment = pd.Series(episodes["treatment"].to_numpy(dtype=np.float64), name=TREATMENT)
        columns = self.columns.iloc[episodes["patient_index"]].reset_index(drop=True)
        return pd.concat([treatment, columns], axis=1)

    def contrasts(self) -> dict[str, str]:
        """Return the estimate table's contrast of each column of :meth:`conventional`."""
        return {TREATMENT: TREATMENT_CONTRAST} | {term.name: term.contrast for term in self.terms}


def build_design(cohort: Cohort, formula: str) -> Design:
    """Return the design of a formula on a cohort.

    Parameters
    ----------
    cohort
        A validated cohort.
    formula
        Right-hand side with ``treatment`` as a main effect; see
        :func:`hccbayes.formula.covariate_columns` for what it may hold.

    Raises
    ------
    InputError
        If the formula is not allowed, a term is not finite for some patients (``log`` of 0), a
        term is constant, or the terms are collinear.
    """
    treatment = {TREATMENT: cohort.frame["treatment"].to_numpy(dtype=np.float64)}
    return _design(cohort, covariate_formula(formula), "[hazard]", known=treatment)


def build_propensity_design(cohort: Cohort, formula: str) -> Design:
    """Return the design of a propensity formula on a cohort, standardized alike.

    Parameters
    ----------
    cohort
        A validated cohort.
    formula
        Right-hand side without ``treatment``; see :func:`hccbayes.formula.propensity_columns`.

    Raises
    ------
    InputError
        As for :func:`build_design`.
    """
    return _design(cohort, propensity_formula(formula), "[propensity]", known={})


def incomplete_problems(frame: pd.DataFrame) -> list[Problem]:
    """Return the columns of a cohort's frame with missing values, which no design can hold."""
    missing = frame.isna().sum()
    message = (
        "values are missing; use hccbayes.sensitivity.missing_data_analysis, or leave such "
        "patients out with missing = 'exclude'"
    )
    return [
        Problem(f"column {name}", f"{count} {message}")
        for name, count in missing[missing > 0].items()
    ]


def _design(
    cohort: Cohort, right_hand_side: str, section: str, *, known: Mapping[str, FloatArray]
) -> Design:
    """Return the design of the terms beside the intercept and what is `known` to the model."""
    problems = incomplete_problems(cohort.frame)
    if problems:
        raise InputError(problems, source=cohort.source)
    columns, level_contrasts = _model_columns(cohort.frame, right_hand_side, section)
    problems = _column_problems(columns, cohort.frame["patient"], section)
    if problems:
        raise InputError(problems, source=cohort.source)
    terms = tuple(_term(columns[name], level_contrasts) for name in columns)
    matrix = np.empty((len(columns), len(terms)))
    for index, term in enumerate(terms):
        matrix[:, index] = (columns[term.name] - term.mean) / term.scale
    problems = _rank_problems(matrix, known, terms, section)
    if problems:
        raise InputError(problems, source=cohort.source)
    centers, center_index = _centers(cohort.frame)
    return Design(
        terms=terms,
        matrix=matrix,
        columns=columns,
        treatment=cohort.frame["treatment"].to_numpy(dtype=np.float64),
        centers=centers,
        center_index=center_index,
    )


def _model_columns(
    frame: pd.DataFrame, right_hand_side: str, section: str
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return the formula's columns and the contrast of each factor level's column."""
    from formulaic import model_matrix
    from formulaic.errors import FormulaicError

    try:
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            made: Any = model_matrix(
                right_hand_side, frame, context=_FUNCTIONS, na_action="ignore", output="pandas"
            )
    except (FormulaicError, LookupError, TypeError, ValueError) as error:
        # A logarithm of text, a spline with too few knots, a function with a wrong argument.
        raise InputError(Problem(f"{section} formula", str(error).splitlines()[0])) from None
    columns = pd.DataFrame(made).drop(columns="Intercept").astype(np.float64)
    contrasts: dict[str, str] = {}
    for factor, (_, state) in made.model_spec.encoder_state.items():
        levels = state.get("categories", ())
        plain = factor.removeprefix("C(").removesuffix(")")
        for level in levels[1:]:
            contrasts[f"{factor}[T.{level}]"] = f"{plain}: {level} / {levels[0]}"
    return columns.reset_index(drop=True), contrasts


def _term(column: pd.Series, level_contrasts: Mapping[str, str]) -> Term:
    name = str(column.name)
    values = column.to_numpy()
    binary = bool(np.isin(values, (0.0, 1.0)).all())
    usual = f"{name}: 1 / 0" if binary else f"{name}: per 1"
    return Term(
        name=name,
        kind="binary" if binary else "continuous",
        mean=float(values.mean()),
        scale=1.0 if binary else 2.0 * float(values.std(ddof=1)),
        contrast=level_contrasts.get(name, usual),
    )


def _column_problems(columns: pd.DataFrame, patients: pd.Series, section: str) -> list[Problem]:
    problems = []
    for name in columns:
        where = f"{section} term {name}"
        values = columns[name].to_numpy()
        wrong = ~np.isfinite(values)
        if wrong.any():
            rows = tuple(patients[wrong].astype(str))
            problems.append(Problem(where, "is not finite; a logarithm of 0 or less?", rows))
        elif np.ptp(values) == 0:
            problems.append(Problem(where, "is the same for every patient; remove it"))
    return problems


def _rank_problems(
    matrix: FloatArray, known: Mapping[str, FloatArray], terms: tuple[Term, ...], section: str
) -> list[Problem]:
    """Return the terms that are a linear combination of those before them."""
    basis = [np.ones(len(matrix)), *known.values()]
    problems = []
    for index, term in enumerate(terms):
        column = matrix[:, index]
        before = np.column_stack(basis)
        rest = column - before @ np.linalg.lstsq(before, column, rcond=None)[0]
        if np.linalg.norm(rest) <= _RANK_TOLERANCE * np.linalg.norm(column):
            others = ", ".join([*known, *(one.name for one in terms[:index])])
            message = f"is a linear combination of {others}; remove it"
            problems.append(Problem(f"{section} term {term.name}", message))
        basis.append(column)
    return problems


def _centers(frame: pd.DataFrame) -> tuple[tuple[str, ...], NDArray[np.intp]]:
    if "center" not in frame:
        return (), np.zeros(len(frame), dtype=np.intp)
    index, labels = pd.factorize(frame["center"].astype(str), sort=True)
    return tuple(str(label) for label in labels), np.asarray(index, dtype=np.intp)
