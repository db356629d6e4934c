"""A cohort like Lu 2025 in which treatment does nothing and immortal time makes the effect.

Everybody dies at the rate of a median of 15 months. Nine in ten are meant to have an embolization,
at a time uniform over the first three months; who dies before it is counted as a control. That
alone gives the printed share of treated patients, and medians like the printed ones.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import pandas as pd

from hccbayes.arms import ARMS, Arm
from hccbayes.cohort.reading import switched_episodes
from hccbayes.frequentist.cox import cox
from hccbayes.synthetic.config_checks import check_seed
from hccbayes.synthetic.construction import finished
from hccbayes.synthetic.covariates import draw_covariates
from hccbayes.synthetic.event_times import TIME_DECIMALS
from hccbayes.synthetic.lu2025 import LU2025
from hccbayes.synthetic.measures import TargetRow, km_median
from hccbayes.synthetic.overall_age import assign_ages
from hccbayes.synthetic.simulation import simulate_rows
from hccbayes.synthetic.simulation_config import Center, CohortConfig
from hccbayes.synthetic.targets import InfeasibleDrawError

NAME: Final = "synthetic_lu2025_immortal_null"
TITLE: Final = "Null cohort with the printed covariates of Lu 2025 and immortal time"
NULL_SEED: Final = 2403

COMMON_MEDIAN: Final = 15.0
NULL_CONFIG: Final = CohortConfig(
    patients=sum(LU2025.sizes),
    covariates=(),
    centers=(Center(name="all", share=1.0),),
    cuts=(),
    hazard=(math.log(2.0) / COMMON_MEDIAN,),
    log_hr=(0.0,),
    treated_log_odds=math.log(0.9 / 0.1),
    start=(0.0, 3.0),
    early_end="control",
    administrative=(6.0, 64.0),
    loss_hazard=0.0,
    arm_labels=LU2025.arm_labels,
)
"""Hazard ratio 1 at every time; nobody is censored before the last start of treatment."""

EXPECTED_NAIVE_HR: Final = 0.55
"""The naive ratio that the study's description quotes, around which the draw was selected.

It is not what the mechanism gives: with the follow-up above that is 0.52 in the limit of many
patients (``docs/immortal_bound.md``; 0.55 belongs to follow-up that ends at 36 months) and 0.53 as
a mean over cohorts of this size. "The expected 0.55" in the notes is this number; they stand in the
manifest as they were when the cohort was made.
"""
HR_TOLERANCE: Final = 0.05
"""Half-width around the expected naive ratio and around the true 1 in which a draw is taken."""
DRAWS: Final = 20_000

NOTES: Final = (
    "The true hazard ratio is 1 at every time. The naive contrast of the arms is made by immortal "
    "time alone; an analysis with treatment as a time-dependent covariate, or from a landmark, "
    "finds nothing.",
    "The draw was selected: the first with the printed arm sizes whose naive hazard ratio is "
    "within 0.05 of the expected 0.55 and whose time-dependent one is within 0.05 of 1, so that "
    "one small cohort shows what holds on average. Medians were not selected.",
    "Covariates have the printed margins of each arm and nothing to do with survival.",
    "treatment_start_months is the embolization of the treated arm; it is empty for controls.",
)

_AGES: Final = ((0, 27.0), (41, 49.0), (42, 49.0), (83, 55.0), (111, 59.5), (112, 60.0))
LU2025_AGES: Final = (*_AGES, (124, 64.0), (125, 64.0), (166, 80.0))
"""Printed quartiles 49, 55 and 64 of the whole cohort; 112 of 167 are below 60; ends invented."""


def build_null(seed: int = NULL_SEED) -> pd.DataFrame:
    """Return the null cohort.

    Parameters
    ----------
    seed
        Seed.

    Raises
    ------
    InfeasibleDrawError
        If no draw has the printed arm sizes and is typical.
    """
    rng = np.random.default_rng(check_seed(seed))
    outcome = _typical_draw(rng)
    frame = draw_covariates(LU2025, rng)
    assign_ages(frame, "age_60_or_above", LU2025_AGES, rng)
    columns = ["treatment_start_months", "os_months", "death"]
    for column in columns:
        frame[column] = 0.0
        for arm in ARMS:
            label = LU2025.label(arm)
            frame.loc[frame["arm"] == label, column] = outcome.loc[
                outcome["arm"] == label, column
            ].to_numpy()
    return finished(frame.astype({"death": np.int64}), NAME)


def _typical_draw(rng: np.random.Generator) -> pd.DataFrame:
    for _ in range(DRAWS):
        frame, _left_out = simulate_rows(NULL_CONFIG, rng)
        if int((frame["arm"] == LU2025.label("treated")).sum()) != LU2025.sizes[0]:
            continue
        months = ["treatment_start_months", "os_months"]
        frame[months] = frame[months].round(TIME_DECIMALS)
        # An embolization on the day of death would leave no time at risk after it.
        if (frame["os_months"] <= frame["treatment_start_months"]).any():
            continue
        if abs(naive_hr(frame) - EXPECTED_NAIVE_HR) > HR_TOLERANCE:
            continue
        if abs(time_dependent_hr(frame) - 1.0) <= HR_TOLERANCE:
            return frame
    raise InfeasibleDrawError("no typical draw with the printed arm sizes")


def naive_hr(frame: pd.DataFrame) -> float:
    """Return the Cox hazard ratio of the arms as they ended up, treated over control."""
    treated = (frame["arm"] == LU2025.label("treated")).astype(float)
    start = np.zeros(len(frame))
    fit = cox(pd.DataFrame({"treatment": treated}), start, frame["os_months"], frame["death"])
    return float(np.exp(fit.coef[0]))


def time_dependent_hr(frame: pd.DataFrame) -> float:
    """Return the Cox hazard ratio of treatment that counts from its start."""
    episodes = treatment_episodes(frame)
    fit = cox(episodes[["treatment"]], episodes["start"], episodes["stop"], episodes["death"])
    return float(np.exp(fit.coef[0]))


def treatment_episodes(frame: pd.DataFrame) -> pd.DataFrame:
    """Split follow-up at the start of treatment.

    Parameters
    ----------
    frame
        ``os_months``, ``death`` and ``treatment_start_months``, empty where never treated.

    Returns
    -------
    pandas.DataFrame
        ``start``, ``stop``, ``death``, ``treatment``: one row a patient who was never treated or
        from time zero on, two of the others.
    """
    follow_up = pd.DataFrame(
        {
            "start": 0.0,
            "stop": frame["os_months"],
            "event": frame["death"],
            "treatment_start": frame["treatment_start_months"].fillna(math.inf),
            "patient_index": np.arange(len(frame)),
        }
    )
    episodes = switched_episodes(follow_up).rename(columns={"event": "death"})
    return episodes[["start", "stop", "death", "treatment"]]


def null_rows(frame: pd.DataFrame) -> tuple[TargetRow, ...]:
    """Return the outcome rows of the null cohort's manifest."""
    rows = [
        _row("hazard ratio, naive", EXPECTED_NAIVE_HR, naive_hr(frame), HR_TOLERANCE),
        _row("hazard ratio, time-dependent", 1.0, time_dependent_hr(frame), HR_TOLERANCE),
    ]
    printed: tuple[tuple[Arm, float], ...] = (("treated", 15.0), ("control", 4.5))
    for arm, median in printed:
        found = km_median(frame[frame["arm"] == LU2025.label(arm)], "os").estimate
        rows.append(_row("median", median, found, math.nan, arm))
    return tuple(rows)


def _row(
    quantity: str, target: float, achieved: float, tolerance: float, arm: str = "both"
) -> TargetRow:
    free = math.isnan(tolerance)
    return TargetRow(
        quantity=quantity,
        item="os",
        sample="all",
        arm=arm,
        target=target,
        achieved=achieved,
        tolerance=tolerance,
        status="not targeted" if free else "invented",
        note="printed" if free else "selected, see the notes",
    )
