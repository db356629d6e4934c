"""What the pairing of patients and outcomes has to fulfill, as distances in units of a tolerance.

Printed regressions, and the printed medians of the matched subset with their limits: both depend on
which patient of an arm has which outcome, while the curves of the whole arms do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from hccbayes.arms import ARMS
from hccbayes.defaults import INTERVAL_PROB
from hccbayes.synthetic.outcome_targets import (
    EVENT_COLUMNS,
    Effect,
    Endpoint,
    MatchedMedian,
    Regression,
)
from hccbayes.synthetic.partial_likelihood import log_hr_offset
from hccbayes.synthetic.study_targets import StudyTargets
from hccbayes.synthetic.targets import Sample

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

SAFE_DISTANCE: Final = 1e-4
"""Of survival from one half on either side of a median or limit; far beyond rounding."""
SURVIVAL_TOLERANCE: Final = 2e-4
"""Survival on the wrong side of one half that counts as one tolerance in the search. No miss is
accepted in the end: the limits are asked for exactly."""
NORMAL_QUANTILE: Final = float(norm.ppf(0.5 + INTERVAL_PROB / 2.0))


class Condition(Protocol):
    """Anything that says how far a table of outcomes is from what was printed."""

    def distance(self, outcomes: FloatArray) -> FloatArray:
        """Return how many tolerances each target is off; `outcomes` as in :func:`conditions`."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class _PrintedRegression:
    """A regression on the rows of its sample."""

    rows: IntArray
    design: FloatArray
    target: FloatArray
    tolerance: FloatArray
    time_column: int
    event_column: int

    def distance(self, outcomes: FloatArray) -> FloatArray:
        part = outcomes[self.rows]
        offset = log_hr_offset(
            self.design, part[:, self.time_column], part[:, self.event_column], self.target
        )
        return np.asarray(offset / self.tolerance)


@dataclass(frozen=True, slots=True, eq=False)
class _PrintedMedian:
    """The lower limit, median and upper limit of a subset; ``inf`` where it is not reached."""

    rows: IntArray
    months: tuple[float, float, float]
    time_column: int
    event_column: int

    def distance(self, outcomes: FloatArray) -> FloatArray:
        part = outcomes[self.rows]
        order = np.lexsort((-part[:, self.event_column], part[:, self.time_column]))
        clock, died = part[order, self.time_column], part[order, self.event_column]
        curves = log_limit_curves(died)
        pairs = zip(curves, self.months, strict=True)
        wrong = [distance_from_half(clock, curve, month) for curve, month in pairs]
        return np.array(wrong) / SURVIVAL_TOLERANCE


def log_limit_curves(died: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    r"""Return lower limit, Kaplan-Meier curve and upper limit after each ordered time.

    :math:`S \exp(\pm z\,\mathrm{se}(\log S))`, R's default. Tied deaths may stand in a row: the
    product limit and Greenwood's sum over them telescope to those of one step.

    Parameters
    ----------
    died
        1 for a death, by increasing time, deaths before losses at the same time.
    """
    at_risk = np.arange(len(died), 0, -1, dtype=np.float64)
    alive = np.cumprod(1.0 - died / at_risk)
    # The last patient leaves no survivors; the curve is 0 there, and so are its limits.
    terms = died / (at_risk * np.maximum(at_risk - 1.0, 1.0))
    factor = np.exp(NORMAL_QUANTILE * np.sqrt(np.cumsum(terms)))
    return alive / factor, alive, alive * factor


def distance_from_half(clock: FloatArray, curve: FloatArray, month: float) -> float:
    """Return by how much a curve is on the wrong side of one half before and at a month.

    0 where it comes down to one half exactly then; never, for a month that is infinite.
    """
    before = curve[: np.searchsorted(clock, month, side="left")]
    wrong = max(0.5 + SAFE_DISTANCE - float(before.min(initial=1.0)), 0.0)
    if np.isinf(month):
        return wrong
    at = int(np.searchsorted(clock, month, side="right")) - 1
    return wrong + max(float(curve[at] if at >= 0 else 1.0) - 0.5 + SAFE_DISTANCE, 0.0)


def conditions(
    frame: pd.DataFrame, study: StudyTargets, regressions: Sequence[Regression], name: str
) -> list[Condition]:
    """Return the conditions on one endpoint of a cohort.

    Parameters
    ----------
    frame
        The cohort.
    study
        Its labels and endpoints.
    regressions
        Those of the study that are to hold.
    name
        ``os`` or ``pfs``; regressions of the other are passed over.

    Returns
    -------
    list of Condition
        They ask for outcomes of shape ``(patients, columns)`` in the order of
        :func:`outcome_columns`.
    """
    columns = outcome_columns(frame)
    found: list[Condition] = [
        _regression(frame, regression, study.label("treated"), columns)
        for regression in regressions
        if regression.endpoint == name
    ]
    endpoint = study.os if name == "os" else study.pfs
    if endpoint is None:
        return found
    for arm in ARMS:
        matched = endpoint.arm(arm).matched
        if matched is not None:
            rows = sample_rows(frame, "matched")
            in_arm = (frame["arm"] == study.label(arm)).to_numpy(dtype=bool)
            found.append(_median(rows[in_arm[rows]], matched, endpoint, columns))
    return found


def outcome_columns(frame: pd.DataFrame) -> list[str]:
    """Return months and event of overall, then of progression-free survival, as far as there."""
    pairs = [(f"{name}_months", event) for name, event in EVENT_COLUMNS.items()]
    return [column for pair in pairs if pair[1] in frame for column in pair]


def effect_indicator(frame: pd.DataFrame, effect: Effect) -> FloatArray:
    """Return 1 where a patient has one of the effect's levels."""
    return np.asarray(frame[effect.column].isin(effect.levels), dtype=np.float64)


def regression_design(frame: pd.DataFrame, regression: Regression, treated: str) -> pd.DataFrame:
    """Return the design of a printed regression: ``treatment`` and a column each covariate."""
    design = {"treatment": np.asarray(frame["arm"] == treated, dtype=np.float64)}
    for effect in regression.effects:
        design[effect.column] = effect_indicator(frame, effect)
    return pd.DataFrame(design, index=frame.index)


def sample_rows(frame: pd.DataFrame, sample: Sample) -> IntArray:
    """Return the positions of the whole cohort or of its matched subset."""
    if sample == "all":
        return np.arange(len(frame))
    return np.flatnonzero((frame["matched"] == "yes").to_numpy(dtype=bool))


def _regression(
    frame: pd.DataFrame, regression: Regression, treated: str, columns: list[str]
) -> _PrintedRegression:
    rows = sample_rows(frame, regression.sample)
    ratios = np.array([regression.treatment, *(effect.hr for effect in regression.effects)])
    return _PrintedRegression(
        rows=rows,
        design=regression_design(frame, regression, treated).to_numpy()[rows],
        target=np.log(ratios),
        # To first order a ratio is off by itself times what its logarithm is off.
        tolerance=np.array(regression.tolerances) / ratios,
        time_column=columns.index(f"{regression.endpoint}_months"),
        event_column=columns.index(EVENT_COLUMNS[regression.endpoint]),
    )


def _median(
    rows: IntArray, median: MatchedMedian, endpoint: Endpoint, columns: list[str]
) -> _PrintedMedian:
    return _PrintedMedian(
        rows=rows,
        months=(median.lower, median.median, median.upper),
        time_column=columns.index(endpoint.time_column),
        event_column=columns.index(endpoint.event_column),
    )
