"""The matching itself: options checked, distances made, pairs found, everyone accounted for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from hccbayes.arms import arm_indicator, named, patient_names, propensity_score
from hccbayes.errors import InputError, Problem
from hccbayes.matching.accounts import account
from hccbayes.matching.distance import (
    CALIPER_SCALES,
    DISTANCES,
    CaliperScale,
    Candidates,
    Distance,
    caliper_width,
    candidates,
    mahalanobis_coordinates,
    score_measure,
)
from hccbayes.matching.nearest import (
    ORDERS,
    Matches,
    focal_order,
    nearest_matches,
)
from hccbayes.matching.optimal import optimal_matches
from hccbayes.matching.record import Estimand, IntArray, MatchedPairs

Method = Literal["nearest", "optimal"]
Order = Literal["largest", "smallest", "random", "data"]

METHODS: Final = ("nearest", "optimal")
ESTIMANDS: Final = ("att", "atc")


def match(
    score: ArrayLike,
    treatment: ArrayLike,
    *,
    estimand: Estimand = "att",
    method: Method = "nearest",
    distance: Distance = "logit_score",
    covariates: pd.DataFrame | None = None,
    ratio: int = 1,
    replace: bool = False,
    caliper: float | None = None,
    caliper_scale: CaliperScale = "sample",
    exact: pd.DataFrame | None = None,
    order: Order | None = None,
    seed: int | np.random.Generator | None = None,
    names: Sequence[object] | None = None,
) -> MatchedPairs:
    """Match treated patients and controls.

    With its defaults and ``caliper=0.2`` this is MatchIt's ``method = "nearest", distance = "glm",
    link = "linear.logit", caliper = 0.2``: the caliper is 0.2 standard deviations, over all
    patients, of the logit of the score, and the treated choose in the order of their score, largest
    first. MatchIt 4.5.1 to 4.5.3 do not keep to the caliper in that call.

    Parameters
    ----------
    score
        Probability of treatment, shape ``(patients,)``.
    treatment
        1 for treated patients, 0 for controls, shape ``(patients,)``.
    estimand
        For whom matches are sought: ``att`` the treated, ``atc`` the controls (the focal arm).
    method
        ``nearest`` (greedy) or ``optimal`` (:func:`hccbayes.matching.optimal.optimal_matches`).
    distance
        ``logit_score``, ``score``, or ``mahalanobis`` of the covariates.
    covariates
        Numbers, one row a patient, for ``mahalanobis`` only.
    ratio
        Matches sought for each focal patient.
    replace
        Whether a patient may be matched to several focal ones; ``nearest`` only.
    caliper
        Largest difference within a pair, in standard deviations of the score (``score``) or of its
        logit (``logit_score`` and ``mahalanobis``).
    caliper_scale
        Which standard deviation: over the whole ``sample``, or ``pooled`` within the arms; or none,
        ``raw``, for a caliper in units of the score or its logit.
    exact
        Factors in which pairs must agree, one column each, one row a patient.
    order
        How the focal patients take their turns, ``nearest`` only: ``largest`` score first (default
        for ``att``), ``smallest`` (default for ``atc``), ``random``, or as in the ``data``.
    seed
        For ``random``.
    names
        Identifiers of the patients, for errors; positions from 0 where there is none.

    Raises
    ------
    InputError
        If an argument is unknown or contradicts another, the input is wrong, or there is no pair
        at all.
    """
    arm = arm_indicator(treatment, names)
    own = patient_names(names, len(arm))
    e = propensity_score(score, len(arm), names)
    _check_options(estimand, method, distance, caliper_scale, order, ratio, replace)
    _check_frames(distance, covariates, exact, own)
    focal = arm == (1.0 if estimand == "att" else 0.0)
    # Mahalanobis distances without a caliper need no logit.
    needed = "score" if distance == "mahalanobis" and caliper is None else distance
    measure = score_measure(e, needed, own)
    width = None if caliper is None else caliper_width(measure, arm == 1.0, caliper, caliper_scale)
    coordinates = (
        measure[:, None]
        if covariates is None
        else mahalanobis_coordinates(covariates, arm == 1.0, own)
    )
    found = candidates(coordinates, measure, focal, _strata(exact, len(arm)), width)
    _check_some_pair(found, width)
    ties = 0
    if method == "optimal":
        matches: Matches = optimal_matches(found, ratio=ratio)
    else:
        turns = order or ("largest" if estimand == "att" else "smallest")
        matches, ties = nearest_matches(
            found,
            focal_order(measure[focal], turns, seed),
            ratio=ratio,
            replace=replace,
        )
    return account(
        matches,
        found,
        focal,
        estimand=estimand,
        ratio=ratio,
        caliper=width,
        caliper_measure="score" if distance == "score" else "logit_score",
        ties=ties,
        factors=[] if exact is None else [str(name) for name in exact],
    )


def _check_options(
    estimand: str,
    method: str,
    distance: str,
    caliper_scale: str,
    order: str | None,
    ratio: Any,
    replace: bool,
) -> None:
    problems = [
        Problem(what, f"`{given}` is not known; use one of {', '.join(known)}")
        for what, given, known in (
            ("estimand", estimand, ESTIMANDS),
            ("method", method, METHODS),
            ("distance", distance, DISTANCES),
            ("caliper_scale", caliper_scale, CALIPER_SCALES),
            ("order", order if order is not None else ORDERS[0], ORDERS),
        )
        if given not in known
    ]
    if isinstance(ratio, bool) or not isinstance(ratio, int | np.integer) or ratio < 1:
        problems.append(Problem("ratio", f"must be a whole number of at least 1, not {ratio!r}"))
    if method == "optimal" and (replace or order is not None):
        problems.append(
            Problem("method", "`optimal` has neither an order nor replacement; use `nearest`")
        )
    if problems:
        raise InputError(problems)


def _check_frames(
    distance: str,
    covariates: pd.DataFrame | None,
    exact: pd.DataFrame | None,
    names: tuple[str, ...],
) -> None:
    problems = []
    if distance == "mahalanobis" and (covariates is None or not len(covariates.columns)):
        problems.append(Problem("covariates", "are needed for distance `mahalanobis`"))
    if distance != "mahalanobis" and covariates is not None:
        problems.append(Problem("covariates", "are used by distance `mahalanobis` only"))
    for what, frame in (("covariates", covariates), ("exact", exact)):
        if frame is not None and len(frame) != len(names):
            problems.append(
                Problem(what, f"one row a patient is needed: {len(names)}, got {len(frame)}")
            )
        elif what == "exact" and frame is not None:
            problems += [
                Problem(f"exact {name}", "is missing", named(frame[name].isna().to_numpy(), names))
                for name in frame
                if frame[name].isna().any()
            ]
    if problems:
        raise InputError(problems)


def _strata(exact: pd.DataFrame | None, patients: int) -> IntArray:
    """Return a number that is equal for patients who agree in all exact factors."""
    if exact is None or not len(exact.columns):
        return np.zeros(patients, dtype=np.intp)
    strata = exact.groupby(list(exact.columns), observed=True, sort=False).ngroup()
    return np.asarray(strata, dtype=np.intp)


def _check_some_pair(found: Candidates, caliper: float | None) -> None:
    if found.allowed.any():
        return
    if not found.same_factors.any():
        raise InputError(
            Problem("exact", "no treated patient and control agree in these factors; use fewer")
        )
    smallest = float(found.gap[found.same_factors].min())
    raise InputError(
        Problem(
            "caliper",
            f"no pair lies within the caliper of {caliper:.4g}: the smallest difference is "
            f"{smallest:.4g}. Widen the caliper, or use overlap weights (target `ato`)",
        )
    )
