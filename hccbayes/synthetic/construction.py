"""From a study's targets to a synthetic cohort: the order of the steps, and nothing else.

Covariates, outcomes of both endpoints, their coupling, printed regressions, and then what hangs on
progression. A draw that cannot be bent to the targets is given up and the next one taken, all from
one seeded stream, so that a seed always gives the same cohort.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hccbayes.arms import ARMS, Arm
from hccbayes.synthetic.conditions import effect_indicator
from hccbayes.synthetic.config_checks import check_seed
from hccbayes.synthetic.coupling import couple
from hccbayes.synthetic.covariates import Correlation, draw_covariates
from hccbayes.synthetic.event_times import FollowUp, draw_overall, draw_progression
from hccbayes.synthetic.exact_counts import assign_adverse_events, assign_modes, assign_responses
from hccbayes.synthetic.outcome_targets import Endpoint
from hccbayes.synthetic.reordering import reorder_outcomes
from hccbayes.synthetic.risk_tables import add_outcomes
from hccbayes.synthetic.risk_targets import RiskTargets
from hccbayes.synthetic.study_targets import StudyTargets
from hccbayes.synthetic.targets import InfeasibleDrawError

FloatArray = NDArray[np.float64]

DRAWS: Final = 400
"""Draws of an endpoint before the targets are taken to contradict each other."""
RESTARTS: Final = 10
"""Cohorts begun before the same is said of the printed regressions."""


def build_cohort(
    study: StudyTargets, *, seed: int | None = None, correlation: Correlation | None = None
) -> pd.DataFrame:
    """Return a synthetic cohort that meets every target of a study.

    Parameters
    ----------
    study
        The targets; both endpoints are needed.
    seed
        Seed; the study's own where it is left out.
    correlation
        Correlations of the latent scores of the covariates; independent where it is left out.

    Returns
    -------
    pandas.DataFrame
        One row a patient; ``attrs["synthetic"]`` holds the cohort's name.

    Raises
    ------
    InfeasibleDrawError
        If no draw met the targets.
    InputError
        If counts contradict each other, or `correlation` is wrong.
    """
    rng = np.random.default_rng(study.seed if seed is None else check_seed(seed))
    frame = _try(lambda: _with_outcomes(study, rng, correlation), RESTARTS)
    assign_responses(frame, study, rng)
    assign_adverse_events(frame, study, rng)
    assign_modes(frame, study, rng)
    return finished(frame, study.name)


def build_with_risk_tables(
    study: StudyTargets,
    targets: RiskTargets,
    *,
    seed: int,
    correlation: Correlation | None = None,
) -> pd.DataFrame:
    """Return a synthetic cohort whose outcomes come from numbers at risk.

    Parameters
    ----------
    study
        Covariates, regressions and responses.
    targets
        Numbers at risk, deaths, medians and unadjusted hazard ratios.
    seed, correlation
        As for :func:`build_cohort`.

    Returns
    -------
    pandas.DataFrame
        As for :func:`build_cohort`, which raises the same errors.
    """
    rng = np.random.default_rng(check_seed(seed))

    def drawn() -> pd.DataFrame:
        covariates = draw_covariates(study, rng, correlation=correlation)
        frame = add_outcomes(covariates, targets, study, rng)
        # Regressions on treatment alone hold already. Exchanges within the matched subset, then
        # within the rest, leave both with their curves, and the second the first as it is.
        for sample, part in (("matched", "yes"), ("all", "no")):
            adjusted = [r for r in study.regressions if r.effects and r.sample == sample]
            movable = (frame["matched"] == part).to_numpy(dtype=bool)
            frame = reorder_outcomes(frame, study, adjusted, rng, movable=movable)
        return frame

    frame = _try(drawn, RESTARTS)
    assign_responses(frame, study, rng)
    return finished(frame, study.name)


def finished(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the cohort with patient identifiers in front and its name in the attributes."""
    # Levels that are all whole numbers become numbers.
    result = frame.infer_objects()
    width = len(str(len(frame)))
    identifiers = [f"{name}_{number:0{width}d}" for number in range(1, len(frame) + 1)]
    result.insert(0, "patient_id", identifiers)
    result.attrs["synthetic"] = name
    return result


def _with_outcomes(
    study: StudyTargets, rng: np.random.Generator, correlation: Correlation | None
) -> pd.DataFrame:
    frame = draw_covariates(study, rng, correlation=correlation)
    center_effect = draw_centers(frame, study, rng)
    assert study.os is not None
    assert study.pfs is not None
    os, pfs = study.os, study.pfs
    log_hazard = _log_hazard(frame, study, os, center_effect)
    overall = _try(lambda: draw_overall(os, log_hazard, rng), DRAWS)

    def coupled() -> dict[Arm, FollowUp]:
        free = draw_progression(pfs, overall, rng)
        return {arm: couple(overall[arm], free[arm]) for arm in ARMS}

    progression = _try(coupled, DRAWS)
    _write_outcome(frame, study, os, overall)
    _write_outcome(frame, study, pfs, progression)
    if not study.regressions:
        return frame
    return reorder_outcomes(frame, study, study.regressions, rng)


def draw_centers(frame: pd.DataFrame, study: StudyTargets, rng: np.random.Generator) -> FloatArray:
    """Add invented centers where the study asks for them; return each patient's log hazard."""
    effect = np.zeros(len(frame))
    if not any(study.center_shares):
        return effect
    names = np.array([f"invented center {letter}" for letter in "ABCDEFGH"])
    log_hazard = rng.normal(0.0, study.center_sd, len(study.center_shares[0]))
    center = np.empty(len(frame), dtype=object)
    for index, arm in enumerate(ARMS):
        rows = np.flatnonzero((frame["arm"] == study.label(arm)).to_numpy(dtype=bool))
        share = np.array(study.center_shares[index])
        bounds = np.round(np.cumsum(share) * len(rows)).astype(int)
        code = np.searchsorted(bounds, np.arange(len(rows)), side="right")
        code = rng.permutation(code)
        center[rows] = names[code]
        effect[rows] = log_hazard[code]
    frame["center"] = center
    return effect


def _log_hazard(
    frame: pd.DataFrame, study: StudyTargets, endpoint: Endpoint, center_effect: FloatArray
) -> dict[Arm, FloatArray]:
    log_hazard = center_effect.copy()
    for effect in endpoint.effects:
        log_hazard += np.log(effect.hr) * effect_indicator(frame, effect)
    return {
        arm: log_hazard[(frame["arm"] == study.label(arm)).to_numpy(dtype=bool)] for arm in ARMS
    }


def _write_outcome(
    frame: pd.DataFrame, study: StudyTargets, endpoint: Endpoint, outcome: dict[Arm, FollowUp]
) -> None:
    for arm in ARMS:
        rows = (frame["arm"] == study.label(arm)).to_numpy(dtype=bool)
        frame.loc[rows, endpoint.time_column] = outcome[arm].time
        frame.loc[rows, endpoint.event_column] = outcome[arm].event.astype(np.int64)
    frame[endpoint.event_column] = frame[endpoint.event_column].astype(np.int64)


def _try[Result](draw: Callable[[], Result], times: int) -> Result:
    """Return the first draw that is feasible."""
    for attempt in range(times):
        try:
            return draw()
        except InfeasibleDrawError as failure:
            if attempt == times - 1:
                raise
            last = failure
    raise last
