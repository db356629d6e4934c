"""Cox regression standardized over populations as rows of the estimate table."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd
from numpy.typing import ArrayLike

from hccbayes.arms import ARMS, Arm
from hccbayes.defaults import INTERVAL_PROB
from hccbayes.frequentist.arm_rows import median_rows
from hccbayes.frequentist.conventional_cohort import not_estimable
from hccbayes.frequentist.episodes import FloatArray
from hccbayes.frequentist.identifiability import NotEstimableError
from hccbayes.frequentist.standardized_cox import (
    StandardizedCurve,
    standardized_cox,
    standardized_marginal_log_hr,
)
from hccbayes.records import (
    DIFFERENCE_CONTRAST,
    TREATMENT_CONTRAST,
    Estimate,
    FrequentistLabels,
    estimate_table,
)

METHOD: Final = "cox_efron_standardized"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReadingTimes:
    """When standardized curves are read.

    Parameters
    ----------
    times, horizon
        Months at which survival is reported, and to which the restricted mean is taken.
    grid
        Months from 0 on over which the marginal hazard ratio is summed.
    censoring_survival
        Probability of being uncensored in the middle of each step of the grid.
    """

    times: Sequence[float]
    horizon: float
    grid: FloatArray
    censoring_survival: FloatArray


def standardized_estimates(
    frame: pd.DataFrame,
    design: pd.DataFrame,
    targets: Mapping[str, ArrayLike],
    reading: ReadingTimes,
    *,
    model: str,
    prob: float = INTERVAL_PROB,
) -> pd.DataFrame:
    """Return survival, restricted means, medians and marginal hazard ratios of populations.

    The method ``cox_efron_standardized``, the twin of g-computation with a piecewise-exponential
    model; see :func:`hccbayes.frequentist.standardized_cox.standardized_cox`. Limits of survival
    are on the log scale, those of medians where survival's cross one half, the others Wald.

    Parameters
    ----------
    frame
        One row a patient: ``entry`` and ``time`` in months, ``event``.
    design
        The model's terms, the first ``treatment``, without intercept and centers.
    targets
        Weight of each patient in each population.
    reading
        Times.
    model
        Name of the model file.
    prob
        Probability of every interval.

    Returns
    -------
    pandas.DataFrame
        The estimate table; empty where the Cox model is not estimable, and ``attrs["notes"]``, a
        tuple of sentences, says why.
    """
    rows: list[Estimate] = []
    notes: list[str] = []
    follow_up = [frame[name] for name in ("entry", "time", "event")]
    for population, weights in targets.items():
        try:
            curves = standardized_cox(design, *follow_up, population=weights)
        except NotEstimableError as error:
            notes.append(not_estimable(METHOD, error))
            break
        labels = FrequentistLabels(population=population, model=model, prob=prob)
        rows += _rows(curves, reading, labels)
    table = estimate_table(rows)
    table.attrs["notes"] = tuple(notes)
    return table


def _rows(
    curves: Mapping[Arm, StandardizedCurve], reading: ReadingTimes, labels: FrequentistLabels
) -> Iterable[Estimate]:
    marginal = standardized_marginal_log_hr(curves, reading.grid, reading.censoring_survival)
    log_hr, half = marginal.value[0], labels.quantile * marginal.se[0]
    limits = (log_hr - half, log_hr + half)
    yield from labels.ratio("marginal_hr", TREATMENT_CONTRAST, METHOD, log_hr, limits)
    for time in reading.times:
        yield from _survival_rows(curves, float(time), labels)
    means = {arm: curves[arm].restricted_mean(reading.horizon) for arm in ARMS}
    difference = means["treated"].minus(means["control"])
    for estimand, contrast, found in (
        *(("rmst", arm, means[arm]) for arm in ARMS),
        ("rmst_difference", DIFFERENCE_CONTRAST, difference),
    ):
        yield labels.wald(
            estimand, contrast, METHOD, found.value[0], found.se[0], time=reading.horizon
        )
    medians = {arm: curves[arm].median(labels.prob) for arm in ARMS}
    yield from median_rows(labels, METHOD, medians)


def _survival_rows(
    curves: Mapping[Arm, StandardizedCurve], time: float, labels: FrequentistLabels
) -> Iterable[Estimate]:
    alive = {arm: curves[arm].at([time]) for arm in ARMS}
    for arm in ARMS:
        value, se = float(alive[arm].value[0]), float(alive[arm].se[0])
        factor = math.exp(labels.quantile * se / value)
        limits = (value / factor, min(value * factor, 1.0))
        yield labels.row("survival", arm, METHOD, value, limits=limits, kind="log", time=time)
    gap = alive["treated"].minus(alive["control"])
    yield labels.wald(
        "survival_difference", DIFFERENCE_CONTRAST, METHOD, gap.value[0], gap.se[0], time=time
    )
