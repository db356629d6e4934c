"""Weighted and matched analyses of a cohort as rows of the estimate table, for the cross-check."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from hccbayes.arms import ARM_VALUE
from hccbayes.defaults import INTERVAL_PROB
from hccbayes.errors import InputError, Problem
from hccbayes.frequentist.adjusted_rows import (
    VarianceMethod,
    WeightedAnalysis,
    analysis_rows,
)
from hccbayes.frequentist.arguments import check_prob
from hccbayes.frequentist.score_weights import estimated_weights
from hccbayes.frequentist.weighted_cox import cluster_codes
from hccbayes.frequentist.weighted_curves import weighted_curve
from hccbayes.frequentist.weighted_variance import case_weights
from hccbayes.records import Estimate, FrequentistLabels, estimate_table
from hccbayes.weights import TARGETS

POPULATION_OF_TARGET: Final[dict[str, str]] = {
    target: "ate" if target == "ate_stabilized" else target for target in TARGETS
}
"""Stabilized weights stand for the same population as those they stabilize."""


def weighted_estimates(
    frame: pd.DataFrame,
    weights: ArrayLike,
    *,
    target: str,
    times: Sequence[float],
    horizon: float,
    model: str,
    score: ArrayLike | None = None,
    score_columns: pd.DataFrame | None = None,
    prob: float = INTERVAL_PROB,
) -> pd.DataFrame:
    """Return weighted Cox, Kaplan-Meier and log-rank estimates of a cohort.

    Marginal log hazard ratio and hazard ratio of treatment (Efron's ties); survival by arm (limits
    on the log scale) and its difference at each time within the arms' follow-up; median by arm;
    restricted mean by arm and its difference; log-rank statistic and p-value; by these methods:

    =================================  ========================================================
    ``cox_<target>_robust``            weights taken as given, robust variance
    ``cox_<target>_m_estimation``      the same estimate, variance with the estimated score
    ``km_<target>``                    weighted product limit, weights taken as given
    ``km_<target>_m_estimation``       the same estimates, variance with the estimated score
    ``logrank_<target>``               weighted log-rank, weights taken as given
    ``logrank_<target>_m_estimation``  the same score, variance with the estimated score
    =================================  ========================================================

    The rows with ``m_estimation`` need `score` and `score_columns`. The hazard ratio is marginal,
    of the weighted population, and no twin of a covariate-adjusted one.

    Parameters
    ----------
    frame
        One row a patient: ``patient``, ``entry`` and ``time`` in months, ``event``, ``treatment``
        (0 or 1).
    weights
        One a patient, at least 0; patients of weight 0 are left out.
    target
        Whom the weights stand for, one of
        :data:`hccbayes.weights.TARGETS`; ``ate_stabilized`` has the
        population ``ate``.
    times
        Months at which survival is reported.
    horizon
        Months to which the restricted mean is taken.
    model
        Name of the model file.
    score, score_columns
        Maximum-likelihood propensity scores and the columns they were fitted to, without
        intercept; `weights` must then be a multiple of the target's formula. Both or neither.
    prob
        Probability of every interval.

    Returns
    -------
    pandas.DataFrame
        The estimate table; what the data do not determine is ``nan``, and ``attrs["notes"]``, a
        tuple of sentences, says why.

    Raises
    ------
    InputError
        If an argument is wrong; see also
        :func:`hccbayes.frequentist.score_weights.estimated_weights`.
    """
    if target not in TARGETS:
        known = ", ".join(TARGETS)
        raise InputError(Problem("target", f"unknown target {target!r}; choose from {known}"))
    if (score is None) != (score_columns is None):
        raise InputError(Problem("score, score_columns", "give both or neither"))
    _check(frame)
    variances = [
        VarianceMethod(cox=f"cox_{target}_robust", km=f"km_{target}", logrank=f"logrank_{target}")
    ]
    if score is not None and score_columns is not None:
        fitted = estimated_weights(score_columns, score, frame["treatment"], target, weights)
        names = {kind: f"{kind}_{target}_m_estimation" for kind in ("cox", "km", "logrank")}
        variances.append(VarianceMethod(**names, estimated=fitted))
    return _table(
        frame,
        weights,
        cluster=None,
        variances=variances,
        times=times,
        horizon=horizon,
        population=POPULATION_OF_TARGET[target],
        model=model,
        prob=prob,
    )


def matched_estimates(
    frame: pd.DataFrame,
    pair: ArrayLike,
    *,
    times: Sequence[float],
    horizon: float,
    model: str,
    weights: ArrayLike | None = None,
    population: str = "matched",
    prob: float = INTERVAL_PROB,
) -> pd.DataFrame:
    """Return Cox, Kaplan-Meier and log-rank estimates of matched patients, pairs as clusters.

    The rows of :func:`weighted_estimates` by the methods ``cox_matched_clustered``, ``km_matched``
    and ``logrank_matched``; every variance adds up the members of a pair first (Austin 2014,
    Statistics in Medicine 33:1242, for the Cox model) and takes the matching as given.

    Parameters
    ----------
    frame
        Matched patients alone, columns as for :func:`weighted_estimates`; each once.
    pair
        Label of each patient's pair, or of the set where several controls are matched to one
        patient; each must have both arms.
    times, horizon, model, prob
        As for :func:`weighted_estimates`.
    weights
        For sets of unequal size; 1 where left out.
    population
        Name of the population. With a caliper it is that of the matched patients and no other.

    Returns
    -------
    pandas.DataFrame
        The estimate table, with ``attrs["notes"]``.

    Raises
    ------
    InputError
        If an argument is wrong, or a pair lacks an arm.
    """
    _check(frame)
    codes = _pair_codes(pair, frame)
    return _table(
        frame,
        np.ones(len(frame)) if weights is None else weights,
        cluster=codes,
        variances=[
            VarianceMethod(cox="cox_matched_clustered", km="km_matched", logrank="logrank_matched")
        ],
        times=times,
        horizon=horizon,
        population=population,
        model=model,
        prob=prob,
    )


def _table(
    frame: pd.DataFrame,
    weights: ArrayLike,
    *,
    cluster: NDArray[np.intp] | None,
    variances: Iterable[VarianceMethod],
    times: Sequence[float],
    horizon: float,
    population: str,
    model: str,
    prob: float,
) -> pd.DataFrame:
    check_prob(prob)
    values = case_weights(weights, len(frame))
    follow_up = (frame["entry"], frame["time"], frame["event"])
    analysis = WeightedAnalysis(
        frame=frame,
        weights=values,
        cluster=cluster_codes(cluster, len(frame)),
        curves={
            arm: weighted_curve(*follow_up, values, members=frame["treatment"] == value)
            for arm, value in ARM_VALUE.items()
        },
        times=times,
        horizon=horizon,
        labels=FrequentistLabels(population=population, model=model, prob=prob),
    )
    rows: list[Estimate] = []
    notes: list[str] = []
    for variance in variances:
        own_rows, own_notes = analysis_rows(analysis, variance)
        rows.extend(own_rows)
        notes.extend(own_notes)
    table = estimate_table(rows)
    table.attrs["notes"] = tuple(notes)
    return table


def _check(frame: pd.DataFrame) -> None:
    problems = [
        Problem(f"column {column}", "is needed")
        for column in ("patient", "entry", "time", "event", "treatment")
        if column not in frame.columns
    ]
    if not problems and frame["patient"].duplicated().any():
        twice = tuple(frame.loc[frame["patient"].duplicated(), "patient"].astype(str))
        problems.append(Problem("column patient", "one row a patient is needed", twice))
    if not problems and set(frame["treatment"].unique()) != {0, 1}:
        problems.append(Problem("column treatment", "must hold 0 and 1, and both of them"))
    if problems:
        raise InputError(problems)


def _pair_codes(pair: ArrayLike, frame: pd.DataFrame) -> NDArray[np.intp]:
    labels = np.asarray(pair)
    try:
        codes = cluster_codes(labels, len(frame))
    except InputError as error:
        problems = [Problem("pair", problem.message, problem.rows) for problem in error.problems]
        raise InputError(problems) from None
    arms = pd.Series(frame["treatment"].to_numpy()).groupby(codes).nunique()
    lacking = np.isin(codes, arms.index[arms < 2])
    if lacking.any():
        rows = tuple(str(label) for label in pd.unique(labels[lacking]))
        raise InputError(Problem("pair", "these pairs lack an arm", rows))
    return codes
