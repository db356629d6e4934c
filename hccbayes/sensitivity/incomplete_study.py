"""A cohort with missing covariates made ready for a model that holds them as unknowns."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hccbayes.design import Design, Term
from hccbayes.errors import InputError, Problem
from hccbayes.hazard_data import HazardData
from hccbayes.roles import RESERVED_COLUMNS
from hccbayes.sensitivity.confounder_model import patient_rows
from hccbayes.spec import AnalysisSpec
from hccbayes.study import build_study

if TYPE_CHECKING:
    from hccbayes.cohort import Cohort

FloatArray = NDArray[np.float64]

MOST_MISSING: Final = 6
"""Missing binary values a patient may have: 64 combinations are summed over."""
_LEVEL: Final = re.compile(r"\[.*?\](?=:|$)")


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class IncompleteStudy:
    """Patients, one row each, and which of their covariates are missing.

    Parameters
    ----------
    data
        One pattern a patient; 0 where a covariate is missing.
    design
        Terms standardized by their known values; its matrix is that of `data`.
    missing
        Shape ``(patients, terms)``.
    complete_predictors
        Treatment, centers and the complete covariates, each centered, shape
        ``(patients, predictors)``.
    """

    data: HazardData
    design: Design
    missing: NDArray[np.bool_]
    complete_predictors: FloatArray

    def incomplete(self, kind: Literal["continuous", "binary"]) -> list[int]:
        """Return the places of the terms of a kind that have missing values."""
        return [
            place
            for place, term in enumerate(self.design.terms)
            if term.kind == kind and self.missing[:, place].any()
        ]

    def branches(self) -> tuple[NDArray[np.intp], FloatArray]:
        """Return every combination of the missing binary values of every patient.

        Returns
        -------
        patient
            Shape ``(rows,)``; the rows of a patient follow each other.
        combination
            Values of the incomplete binary terms, 0 or 1, shape ``(rows, terms)``; a known value is
            the same in all rows of its patient.
        """
        binary = self.incomplete("binary")
        means = np.array([self.design.terms[place].mean for place in binary])
        known = np.round(self.data.covariates[:, binary] + means)
        patients, combinations = [], []
        for patient, row in enumerate(known):
            absent = np.flatnonzero(self.missing[patient, binary])
            for values in product((0.0, 1.0), repeat=len(absent)):
                own = row.copy()
                own[absent] = values
                patients.append(patient)
                combinations.append(own)
        return np.array(patients, dtype=np.intp), np.array(combinations)


def incomplete_study(cohort: Cohort, spec: AnalysisSpec) -> IncompleteStudy:
    """Return a cohort with missing covariates ready for the model.

    Parameters
    ----------
    cohort
        Read with ``missing = "impute"``.
    spec
        The analysis; an incomplete covariate may stand in one term of the hazard formula, alone.

    Raises
    ------
    InputError
        If an incomplete covariate has several levels, or stands in several terms or together with
        another; if a patient has more than six missing binary values; what
        :func:`hccbayes.study.build_study` finds.
    """
    own = spec.model_copy(update={"propensity": None})
    study = build_study(_filled(cohort), own)
    absent = {name: cohort.frame[name].isna().to_numpy() for name in _incomplete(cohort.frame)}
    terms = study.design.terms
    missing = _missing_cells(terms, absent, len(cohort.frame))
    design = _by_known_values(study.design, missing)
    data = replace(patient_rows(study), covariates=design.matrix)
    result = IncompleteStudy(
        data=data,
        design=design,
        missing=missing,
        complete_predictors=_complete_predictors(data, missing),
    )
    count = missing[:, result.incomplete("binary")].sum(axis=1)
    if count.max(initial=0) > MOST_MISSING:
        rows = tuple(cohort.frame.loc[count > MOST_MISSING, "patient"].astype(str))
        message = f"more than {MOST_MISSING} binary values are missing; use multiple imputation"
        raise InputError(Problem("covariates", message, rows), source=cohort.source)
    return result


def _incomplete(frame: pd.DataFrame) -> list[str]:
    names = [str(name) for name in frame if name not in RESERVED_COLUMNS]
    return [name for name in names if frame[name].isna().any()]


def _filled(cohort: Cohort) -> Cohort:
    """Return the cohort with known values in the gaps, so that a design can be made of it."""
    frame = cohort.frame.copy()
    for name in _incomplete(frame):
        absent = frame[name].isna()
        known = frame.loc[~absent, name]
        if len(known) == 0:
            message = "is missing in every patient; leave it out"
            raise InputError(Problem(f"column {name}", message), source=cohort.source)
        take = np.resize(np.arange(len(known)), int(absent.sum()))
        frame.loc[absent, name] = known.iloc[take].to_numpy()
    return replace(cohort, frame=frame)


def _missing_cells(
    terms: Sequence[Term], absent: dict[str, NDArray[np.bool_]], patients: int
) -> NDArray[np.bool_]:
    """Return which cells of the design are missing, or raise where a term mixes covariates."""
    missing = np.zeros((patients, len(terms)), dtype=bool)
    columns = [_term_columns(term.name) for term in terms]
    problems = []
    for name, cells in absent.items():
        places = [place for place, used in enumerate(columns) if name in used]
        if len(places) > 1 or any(len(columns[place]) > 1 for place in places):
            message = (
                "has missing values and stands in several terms, as a category of several levels "
                "does, or in one with another covariate; use multiple imputation"
            )
            problems.append(Problem(f"column {name}", message))
        for place in places:
            missing[cells, place] = True
    if problems:
        raise InputError(problems)
    return missing


def _term_columns(term: str) -> set[str]:
    """Return the columns of the data in a term such as ``log(afp)`` or ``C(stage)[T.B]:age``."""
    tree = ast.parse(_LEVEL.sub("", term).replace(":", "+"), mode="eval")
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return {
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in called
    }


def _by_known_values(design: Design, missing: NDArray[np.bool_]) -> Design:
    """Return the design standardized by known values, with 0 where a value is missing."""
    terms, matrix = list(design.terms), design.matrix.copy()
    for place, term in enumerate(terms):
        absent = missing[:, place]
        if not absent.any():
            continue
        values = design.columns[term.name].to_numpy()
        known = values[~absent]
        scale = term.scale if term.kind == "binary" else 2.0 * float(known.std(ddof=1))
        terms[place] = replace(term, mean=float(known.mean()), scale=scale)
        matrix[:, place] = np.where(absent, 0.0, (values - known.mean()) / scale)
    return replace(design, terms=tuple(terms), matrix=matrix)


def _complete_predictors(data: HazardData, missing: NDArray[np.bool_]) -> FloatArray:
    columns = [data.treatment - data.treatment_mean]
    for center in range(1, len(data.centers)):
        own = (data.center_index == center).astype(np.float64)
        columns.append(own - own.mean())
    complete = data.covariates[:, ~missing.any(axis=0)]
    return np.column_stack([*columns, complete])
