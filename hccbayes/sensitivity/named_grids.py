"""The grids that a reviewer asks for, made of a model: priors, time axis, adjustment, centers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from hccbayes.errors import InputError, Problem
from hccbayes.priors import TREATMENT_PRIORS, Prior
from hccbayes.sensitivity.grid import Grid
from hccbayes.spec import AnalysisSpec

_FACTORS: Final = (0.5, 1.0, 2.0)
"""Scales of the other priors, as multiples of the model's own."""
_LANDMARKS: Final = (1 / 3, 2 / 3, 1.0, 4 / 3)
"""Landmarks as multiples of the model's own: 1, 2, 3 and 4 months where it is 3."""
_EVENTS_PER_CUT: Final = (3, 5, 8)
"""Numbers of intervals with equal events (stable results over them are asked for)."""


def prior_grid(spec: AnalysisSpec) -> Grid:
    """Return the four named priors of the treatment effect, and the other priors halved, doubled.

    One at a time: the level and the walk of the baseline, the covariates' shrinkage, the spread of
    the centers; and other kinds of baseline. The third named prior (enthusiastic) is for
    sensitivity alone.

    Parameters
    ----------
    spec
        The model.
    """
    vary: dict[str, list[Any]] = {
        "priors.treatment": list(TREATMENT_PRIORS),
        "hazard.baseline": ["rw1", "rw2", "independent", "gamma"],
    }
    own = ["covariates", "baseline_level"]
    own += ["walk_sd"] if spec.hazard.baseline in ("rw1", "rw2") else []
    if spec.hazard.center == "hierarchical":
        own += ["center_sd", *(["center_slope_sd"] if spec.hazard.center_slope else [])]
    elif spec.hazard.center == "fixed":
        own += ["center"]
    vary |= {f"priors.{name}.sigma": _scales(getattr(spec.priors, name)) for name in own}
    return Grid.of(
        "priors", vary, question="Does the prior make the result?", combine="one_at_a_time"
    )


def _scales(prior: Prior) -> list[float]:
    return [factor * prior.parameters["sigma"] for factor in _FACTORS]


def time_grid(spec: AnalysisSpec) -> Grid:
    """Return other cut points, and effects that change with time, one at a time.

    Cut points: 3, 5 and 8 intervals of equal events, the clinical and a fine grid. Effects:
    constant, by phases, in log time, and as a walk. Horizons are for a grid file: how far they may
    reach depends on the cohort.

    Parameters
    ----------
    spec
        The model; its own cut points and effect are among them.
    """
    cuts: list[Any] = [{"quantile": count} for count in _EVENTS_PER_CUT]
    cuts += ["auto", "fine"]
    own = spec.to_dict()["hazard"]["cuts"]
    if own not in cuts:
        cuts.insert(0, own)
    return Grid.of(
        "time_axis",
        {"hazard.cuts": cuts, "hazard.effect": ["constant", "phases", "log_time", "smooth"]},
        question="Does the time axis make the result?",
        combine="one_at_a_time",
    )


def adjustment_grid(spec: AnalysisSpec) -> Grid:
    """Return other ways to comparable arms: method, population, and prior of the score.

    Parameters
    ----------
    spec
        A model with a propensity score.

    Raises
    ------
    InputError
        If it has none.
    """
    _needs_score(spec)
    vary: dict[str, list[Any]] = {
        "adjustment.method": [["gcomp"], ["weighted"], ["matched"], ["doubly_robust"]],
        "adjustment.target": ["ato", "ate", "att"],
        "propensity.prior": ["student_t", "normal"],
        "adjustment.propagate": [[]],
    }
    return Grid.of("adjustment", vary, question="Does the way to comparable arms make the result?")


def trimming_grid(spec: AnalysisSpec) -> Grid:
    """Return other limits of scores and of weights, for the weighted effect.

    Parameters
    ----------
    spec
        A model with a propensity score.

    Raises
    ------
    InputError
        If it has none.
    """
    _needs_score(spec)
    vary: dict[str, list[Any]] = {
        "adjustment.method": [["weighted"]],
        "adjustment.propagate": [[]],
        "adjustment.target": ["ato", "ate"],
        "adjustment.trim": [None, 0.05, 0.1],
        "adjustment.truncate": [None, 95.0, 99.0],
    }
    return Grid.of("trimming", vary, question="Do a few large weights make the result?")


def caliper_grid(spec: AnalysisSpec) -> Grid:
    """Return other calipers and ways of pairing, for the matched effect.

    Parameters
    ----------
    spec
        A model with a propensity score.

    Raises
    ------
    InputError
        If it has none.
    """
    _needs_score(spec)
    vary: dict[str, list[Any]] = {
        "adjustment.method": [["matched"]],
        "adjustment.propagate": [[]],
        "adjustment.matching.caliper": [0.05, 0.1, 0.2, 0.5],
        "adjustment.matching.ratio": [1, 2],
    }
    return Grid.of("calipers", vary, question="Does the way of pairing make the result?")


def _needs_score(spec: AnalysisSpec) -> None:
    if spec.propensity is None:
        raise InputError(Problem("[propensity]", "the model has no propensity score to vary"))


def center_grid(spec: AnalysisSpec) -> Grid:
    """Return other models of the centers, and each center left out in turn.

    Also a treatment effect that varies between centers, where the model has center effects.

    Parameters
    ----------
    spec
        A model with a center column.

    Raises
    ------
    InputError
        If it has none.
    """
    if spec.data.center is None:
        raise InputError(Problem("[data] center", "the model has no centers to vary"))
    kinds = ["none", "fixed", "hierarchical", "stratified"]
    if spec.hazard.center_slope:
        kinds = ["fixed", "hierarchical"]
    vary: dict[str, list[Any]] = {"hazard.center": kinds}
    if spec.hazard.center in ("fixed", "hierarchical"):
        vary["hazard.center_slope"] = [False, True]
    return Grid.of(
        "centers",
        vary,
        question="Does one center make the result?",
        combine="one_at_a_time",
        leave_out_centers=True,
    )


def landmark_grid(spec: AnalysisSpec) -> Grid:
    """Return landmarks at a third, two thirds and four thirds of the model's own, and its own.

    Parameters
    ----------
    spec
        A model whose ``[design] method`` is ``landmark``.

    Raises
    ------
    InputError
        If it is not.
    """
    design = spec.design
    if design is None or design.method != "landmark" or design.landmark is None:
        message = "is not 'landmark'; set it, with the time of the landmark"
        raise InputError(Problem("[design] method", message))
    return Grid.of(
        "landmarks",
        {"design.landmark": [factor * design.landmark for factor in _LANDMARKS]},
        question="Does the time of the landmark make the result?",
    )


NAMED_GRIDS: Final[dict[str, Callable[[AnalysisSpec], Grid]]] = {
    "priors": prior_grid,
    "time_axis": time_grid,
    "adjustment": adjustment_grid,
    "trimming": trimming_grid,
    "calipers": caliper_grid,
    "centers": center_grid,
    "landmarks": landmark_grid,
}
"""Grids by name, for ``hccbayes sensitivity --grid NAME``."""


def named_grid(name: str, spec: AnalysisSpec) -> Grid:
    """Return a named grid of a model.

    Raises
    ------
    InputError
        If the name is unknown, or the model lacks what is to be varied.
    """
    if name not in NAMED_GRIDS:
        known = ", ".join(NAMED_GRIDS)
        raise InputError(Problem("grid", f"unknown name {name!r}; known: {known}, or a .toml file"))
    return NAMED_GRIDS[name](spec)
