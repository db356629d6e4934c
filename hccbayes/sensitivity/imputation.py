"""Multiple imputation of missing covariates by chained equations, outside the model.

Every covariate with missing values is drawn in turn given all the others, the treatment, the
center, the event indicator and the Nelson-Aalen cumulative hazard at the end of follow-up (White &
Royston 2009, Statistics in Medicine 28:1982): without the outcome among the predictors, imputed
covariates would be unrelated to it and every coefficient biased towards zero.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hccbayes.errors import InputError, Problem
from hccbayes.frequentist.nelson_aalen import cumulative_hazard_at, nelson_aalen
from hccbayes.roles import RESERVED_COLUMNS
from hccbayes.sensitivity.conditional_draws import (
    binary_values,
    category_values,
    matched_values,
    standardized_predictors,
)

if TYPE_CHECKING:
    from hccbayes.cohort import Cohort

FloatArray = NDArray[np.float64]
Kind = Literal["continuous", "binary", "category"]
_Draw = Callable[[FloatArray, pd.DataFrame, pd.DataFrame, np.random.Generator], FloatArray]

IMPUTATIONS: Final = 20
"""Completed cohorts; fewer leave more than a few percent of an interval's width to chance."""
CYCLES: Final = 10
"""Rounds over the incomplete covariates before a cohort is taken (van Buuren 2018, section 4.5)."""

_DRAWS: Final[dict[Kind, _Draw]] = {
    "continuous": matched_values,
    "binary": binary_values,
    "category": category_values,
}
_METHODS: Final[dict[Kind, str]] = {
    "continuous": "predictive mean matching",
    "binary": "logistic regression",
    "category": "multinomial regression",
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Imputations:
    """Completed cohorts and what was missing.

    Parameters
    ----------
    cohorts
        The cohort, completed; its known values are the same in each.
    missing
        One row a covariate with missing values: ``column``, ``method``, ``missing``, ``share``.
    trace
        Mean of the imputed values of each numeric covariate after each cycle: ``imputation``,
        ``cycle``, ``column``, ``mean``. Without trend the chains have forgotten their start.
    notes
        What a reader must know.
    """

    cohorts: tuple[Cohort, ...]
    missing: pd.DataFrame
    trace: pd.DataFrame
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Covariate:
    """A covariate as numbers: codes of `levels` where it is text, ``nan`` where it is missing."""

    name: str
    kind: Kind
    values: FloatArray
    levels: tuple[object, ...]

    @property
    def absent(self) -> NDArray[np.bool_]:
        return np.isnan(self.values)

    def predictors(self, values: FloatArray) -> dict[str, FloatArray]:
        """Return the columns by which it predicts others: itself, or indicators of levels."""
        if self.kind != "category":
            return {self.name: values}
        return {
            f"{self.name} {level}": (values == code).astype(np.float64)
            for code, level in enumerate(self.levels)
            if code > 0
        }

    def column(self, values: FloatArray, original: pd.Series) -> pd.Series:
        """Return complete values as a column of the cohort's frame."""
        if not self.levels:
            whole = bool((values == np.floor(values)).all())
            return pd.Series(values.astype(np.int64) if whole else values, index=original.index)
        labels = [self.levels[int(code)] for code in values]
        text = pd.Series(labels, index=original.index, dtype=object)
        kept = isinstance(original.dtype, pd.CategoricalDtype)
        return text.astype(original.dtype) if kept else text


def impute_covariates(
    cohort: Cohort,
    *,
    rng: np.random.Generator,
    imputations: int = IMPUTATIONS,
    cycles: int = CYCLES,
) -> Imputations:
    """Complete a cohort several times by chained equations.

    Numbers are drawn by predictive mean matching, two-valued covariates by logistic and others by
    multinomial regression, see :mod:`hccbayes.sensitivity.conditional_draws`; parameters are drawn
    too. Predictors enter as main effects.

    Parameters
    ----------
    cohort
        Read with ``missing = "impute"``. With delayed entry the cumulative hazard is that between
        entry and the end of follow-up.
    rng
        Source of chance; each imputation has a stream of its own, so that more of them leave the
        first ones as they were.
    imputations
        Completed cohorts, 20 at least.
    cycles
        Rounds over the incomplete covariates, one at least.

    Returns
    -------
    Imputations
        Where nothing is missing, copies of the cohort.

    Raises
    ------
    InputError
        If `imputations` or `cycles` is too small; if a covariate is missing in all patients, known
        in too few for its predictors, or separated by them; every such covariate of a cycle's
        start is named. Outcome, treatment and center are complete in every cohort.
    """
    _check_counts(imputations, cycles)
    covariates = _covariates(cohort.frame)
    fixed = _fixed_predictors(cohort.frame)
    _check_known(covariates, len(fixed), cohort.source)
    incomplete = sorted(
        (one for one in covariates if one.absent.any()), key=lambda one: int(one.absent.sum())
    )
    completed, trace = [], []
    for number, stream in enumerate(rng.spawn(imputations)):
        values, means = _complete(covariates, incomplete, fixed, stream, cycles)
        completed.append(_completed_cohort(cohort, incomplete, values))
        trace += [(number, *mean) for mean in means]
    return Imputations(
        cohorts=tuple(completed),
        missing=_missing_table(incomplete),
        trace=pd.DataFrame(trace, columns=["imputation", "cycle", "column", "mean"]),
        notes=tuple(_notes(cohort.frame, incomplete)),
    )


def _check_counts(imputations: int, cycles: int) -> None:
    problems = []
    if imputations < IMPUTATIONS:
        message = f"must be {IMPUTATIONS} at least, not {imputations}"
        problems.append(Problem("imputations", message))
    if cycles < 1:
        problems.append(Problem("cycles", f"must be 1 at least, not {cycles}"))
    if problems:
        raise InputError(problems)


def _covariates(frame: pd.DataFrame) -> list[_Covariate]:
    return [_covariate(frame[name]) for name in frame if name not in RESERVED_COLUMNS]


def _covariate(column: pd.Series) -> _Covariate:
    name = str(column.name)
    if pd.api.types.is_numeric_dtype(column):
        values = column.to_numpy(dtype=np.float64)
        binary = bool(np.isin(values[~np.isnan(values)], (0.0, 1.0)).all())
        return _Covariate(name, "binary" if binary else "continuous", values, ())
    if isinstance(column.dtype, pd.CategoricalDtype):
        levels = tuple(level for level in column.cat.categories if (column == level).any())
    else:
        levels = tuple(sorted(column.dropna().unique()))
    code = {level: float(index) for index, level in enumerate(levels)}
    values = np.array([code.get(cell, np.nan) for cell in column], dtype=np.float64)
    return _Covariate(name, "binary" if len(levels) <= 2 else "category", values, levels)


def _fixed_predictors(frame: pd.DataFrame) -> dict[str, FloatArray]:
    """Return treatment, outcome and indicators of centers, which are never missing."""
    curve = nelson_aalen(frame["entry"], frame["time"], frame["event"])
    hazard = [
        cumulative_hazard_at(curve, frame[column])["cumulative_hazard"].to_numpy()
        for column in ("entry", "time")
    ]
    predictors = {
        "treatment": frame["treatment"].to_numpy(dtype=np.float64),
        "event": frame["event"].to_numpy(dtype=np.float64),
        "cumulative hazard": hazard[1] - hazard[0],
    }
    if "center" in frame:
        for center in sorted(frame["center"].unique())[1:]:
            own = (frame["center"] == center).to_numpy(dtype=np.float64)
            predictors[f"center {center}"] = own
    return predictors


def _check_known(covariates: list[_Covariate], fixed: int, source: str) -> None:
    columns = {one.name: len(one.predictors(one.values)) for one in covariates}
    problems = []
    for one in covariates:
        known, where = int((~one.absent).sum()), f"column {one.name}"
        predictors = fixed + sum(columns.values()) - columns[one.name]
        if known == 0:
            problems.append(Problem(where, "is missing in every patient; leave it out"))
        elif one.absent.any() and len(np.unique(one.values[~one.absent])) == 1:
            message = "has one known value only; nothing tells what else it could be; leave it out"
            problems.append(Problem(where, message))
        elif one.absent.any() and known <= predictors + 1:
            message = f"is known in {known} patients, too few for the {predictors} predictors"
            problems.append(Problem(where, f"{message} of its imputation model; leave some out"))
    if problems:
        raise InputError(problems, source=source)


def _complete(
    covariates: list[_Covariate],
    incomplete: list[_Covariate],
    fixed: Mapping[str, FloatArray],
    rng: np.random.Generator,
    cycles: int,
) -> tuple[dict[str, FloatArray], list[tuple[int, str, float]]]:
    """Return complete values by covariate, and the means of the imputed ones after each cycle."""
    values = {one.name: one.values.copy() for one in covariates}
    for one in incomplete:
        known = one.values[~one.absent]
        values[one.name][one.absent] = rng.choice(known, int(one.absent.sum()))
    means = []
    for cycle in range(1, cycles + 1):
        for one in incomplete:
            drawn = _draw(one, covariates, values, fixed, rng)
            values[one.name][one.absent] = drawn
            if one.kind != "category":
                means.append((cycle, one.name, float(drawn.mean())))
    return values, means


def _draw(
    one: _Covariate,
    covariates: list[_Covariate],
    values: Mapping[str, FloatArray],
    fixed: Mapping[str, FloatArray],
    rng: np.random.Generator,
) -> FloatArray:
    columns = dict(fixed)
    for other in covariates:
        if other is not one:
            columns |= other.predictors(values[other.name])
    everyone = pd.DataFrame(columns)
    absent = one.absent
    predictors = standardized_predictors(everyone[~absent], everyone[absent])
    try:
        return _DRAWS[one.kind](one.values[~absent], *predictors, rng)
    except InputError as error:
        named = [Problem(f"column {one.name}", problem.message) for problem in error.problems]
        raise type(error)(named) from None


def _completed_cohort(
    cohort: Cohort, incomplete: list[_Covariate], values: Mapping[str, FloatArray]
) -> Cohort:
    frame = cohort.frame.copy()
    for one in incomplete:
        frame[one.name] = one.column(values[one.name], cohort.frame[one.name])
    return replace(cohort, frame=frame)


def _missing_table(incomplete: list[_Covariate]) -> pd.DataFrame:
    rows = [
        (one.name, _METHODS[one.kind], int(one.absent.sum()), float(one.absent.mean()))
        for one in incomplete
    ]
    return pd.DataFrame(rows, columns=["column", "method", "missing", "share"])


def _notes(frame: pd.DataFrame, incomplete: list[_Covariate]) -> list[str]:
    if "center" not in frame:
        return []
    first = min(frame["center"])
    return [
        f"column {one.name} is known in no patient of center {center}: imputed as in center {first}"
        for one in incomplete
        for center in sorted(frame["center"].unique())
        if one.absent[(frame["center"] == center).to_numpy()].all()
    ]
