"""Multi-center cohorts with known truth.

What makes the analysis of such cohorts hard is a parameter each: confounding, centers that differ
in baseline and in how often they treat, effects that change with time, delayed entry, treatment
that starts after time zero, censoring that says something about survival, missing values. With the
rows come the estimands they were drawn under.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit

from hccbayes.curves import time_at_cumulative_hazard
from hccbayes.synthetic.config_checks import check_seed
from hccbayes.synthetic.simulation_config import CohortConfig, Covariate
from hccbayes.synthetic.truth import true_estimands

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

NAME: Final = "synthetic_simulated"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SimulatedCohort:
    """A simulated cohort and the truth it was drawn under.

    Parameters
    ----------
    frame
        One row a patient: ``patient_id``, ``center``, ``arm``, ``intended`` (arm that was meant at
        time zero: 1 treated), ``treatment_start_months`` (empty where never treated),
        ``entry_months`` (0 without delayed entry), ``os_months``, ``death`` and the covariates.
        ``attrs["synthetic"]`` names it.
    truth
        True estimands: ``estimand``, ``contrast``, ``population``, ``time``, ``value``; what each
        is stands with :func:`hccbayes.synthetic.truth.true_estimands`.
    left_out
        Reasons for which patients drawn are not among the rows, and how many.
    config, seed
        What it was drawn with.
    """

    frame: pd.DataFrame
    truth: pd.DataFrame
    left_out: tuple[tuple[str, int], ...]
    config: CohortConfig
    seed: int


def simulate_cohort(config: CohortConfig | None = None, *, seed: int) -> SimulatedCohort:
    r"""Draw a cohort.

    A patient with covariates x, unmeasured standard normal u and center c has the hazard

    .. math:: \lambda_j \exp\{x'\gamma + \omega u + \alpha_c
              + A(t) (\beta_j + \delta_c)\}, \qquad t \in I_j

    with :math:`A(t) = 1` from the start of treatment on, and means to be treated with probability
    :math:`\mathrm{expit}(a_0 + x'a + a_c)`. Censoring is the earlier of an administrative end,
    uniform between two months, and a loss with hazard :math:`\mu \exp(\kappa u)`, which says
    something about survival where neither :math:`\omega` nor :math:`\kappa` is 0.

    Parameters
    ----------
    config
        The parameters; 400 patients of three centers with moderate confounding where left out.
    seed
        Seed.

    Returns
    -------
    SimulatedCohort
        Rows and truth.

    Raises
    ------
    InputError
        If the seed is not a whole number of at least 0; wrong parameters are refused by
        :class:`CohortConfig` already.
    """
    seed = check_seed(seed)
    chosen = CohortConfig() if config is None else config
    frame, left_out = simulate_rows(chosen, np.random.default_rng(seed))
    return SimulatedCohort(
        frame=frame, truth=true_estimands(chosen), left_out=left_out, config=chosen, seed=seed
    )


def simulate_rows(
    config: CohortConfig, rng: np.random.Generator
) -> tuple[pd.DataFrame, tuple[tuple[str, int], ...]]:
    """Draw the rows of :func:`simulate_cohort` without their truth.

    Returns
    -------
    frame : pandas.DataFrame
        The rows.
    left_out : tuple
        Reasons for which patients are not among them, and how many.
    """
    frame, loss_effect, log_hazard = _patients(config, rng)
    frame, left_out = _follow(config, frame, log_hazard, loss_effect, rng)
    # What drives missingness is read before any of it is taken away.
    complete = frame.copy()
    for covariate in config.covariates:
        if covariate.missing > 0:
            _blank(frame, complete, covariate, rng)
    frame.attrs["synthetic"] = NAME
    return frame, left_out


def _patients(
    config: CohortConfig, rng: np.random.Generator
) -> tuple[pd.DataFrame, FloatArray, FloatArray]:
    """Return baseline rows, the log hazard of loss and the log hazard of death."""
    n = config.patients
    code = rng.choice(len(config.centers), n, p=config.center_shares)
    odds = config.treated_log_odds + np.array([c.log_odds for c in config.centers])[code]
    unmeasured = rng.standard_normal(n)
    log_hazard = config.unmeasured_log_hr * unmeasured
    log_hazard = log_hazard + np.array([c.log_hazard for c in config.centers])[code]
    values: dict[str, FloatArray] = {}
    for covariate in config.covariates:
        drawn = covariate.draw(n, rng)
        values[covariate.name] = drawn
        odds = odds + covariate.log_odds * drawn
        log_hazard = log_hazard + covariate.log_hr * drawn
    width = len(str(n))
    frame = pd.DataFrame(
        {
            "patient_id": [f"{NAME}_{number:0{width}d}" for number in range(1, n + 1)],
            "center": np.array([c.name for c in config.centers])[code],
            "intended": (rng.random(n) < expit(odds)).astype(np.int64),
            **values,
        }
    )
    return frame, config.unmeasured_log_loss * unmeasured, log_hazard


def _follow(
    config: CohortConfig,
    frame: pd.DataFrame,
    log_hazard: FloatArray,
    loss_effect: FloatArray,
    rng: np.random.Generator,
) -> tuple[pd.DataFrame, tuple[tuple[str, int], ...]]:
    n = len(frame)
    deviation = {center.name: center.log_hr for center in config.centers}
    slope = np.array([deviation[name] for name in frame["center"]])
    start = np.where(frame["intended"] == 1, config.draw_start(n, rng), np.inf)
    death = death_times(config, log_hazard, slope, start, rng.exponential(size=n))
    censored = rng.uniform(*config.administrative, n)
    if config.loss_hazard > 0:
        lost = rng.exponential(size=n) / (config.loss_hazard * np.exp(loss_effect))
        censored = np.minimum(censored, lost)
    end = np.minimum(death, censored)
    entry = rng.uniform(0.0, config.latest_entry, n) if config.latest_entry else np.zeros(n)
    treated = start < end
    if config.start is None:
        treated = np.isfinite(start)
    result = frame.assign(
        arm=np.where(treated, *config.arm_labels),
        treatment_start_months=np.where(treated, start, np.nan),
        entry_months=entry,
        os_months=end,
        death=(death <= censored).astype(np.int64),
    )
    never_entered = entry >= end
    missed = (frame["intended"] == 1).to_numpy(dtype=bool) & ~treated
    dropped = missed & (config.early_end == "dropped") & ~never_entered
    left_out = (
        ("follow-up ended before entry", int(never_entered.sum())),
        ("meant to be treated, follow-up ended before the start", int(dropped.sum())),
    )
    kept = result[~(never_entered | dropped)].reset_index(drop=True)
    order = ["patient_id", "center", "arm", "intended", "treatment_start_months", "entry_months"]
    order += ["os_months", "death"]
    return kept[order + [c.name for c in config.covariates]], left_out


def death_times(
    config: CohortConfig,
    log_hazard: FloatArray,
    slope: FloatArray,
    start: FloatArray,
    exponential: FloatArray,
) -> FloatArray:
    """Return months of death of patients whose treatment starts at `start` (``inf``: never).

    Until the start the hazard is that of control, so that a death before it is the same death
    whatever was meant. From then on the cumulative hazard still to come is used up at the treated
    rate: :math:`H_1(T) = H_1(s) + E - H_0(s)`.

    Parameters
    ----------
    config
        Baseline hazard and effects by interval.
    log_hazard, slope
        Log hazard against the baseline, and deviation of the log hazard ratio, by patient.
    start
        Months.
    exponential
        Standard exponential numbers.
    """
    ratio = np.exp(log_hazard)[:, None]
    control = np.asarray(config.hazard) * ratio
    treated = control * np.exp(np.asarray(config.log_hr_by_interval) + slope[:, None])
    without = time_at_cumulative_hazard(control, exponential, config.cuts)
    switched = np.flatnonzero(start < without)
    if switched.size == 0:
        return without
    at = start[switched]
    before = _own_cumulative(control[switched], at, config)
    offset = _own_cumulative(treated[switched], at, config)
    result = without.copy()
    result[switched] = time_at_cumulative_hazard(
        treated[switched], offset + exponential[switched] - before, config.cuts
    )
    return result


def _own_cumulative(hazard: FloatArray, time: FloatArray, config: CohortConfig) -> FloatArray:
    """Return each patient's cumulative hazard at that patient's own time."""
    lower = np.concatenate([[0.0], config.cuts])
    upper = np.concatenate([config.cuts, [np.inf]])
    months = np.maximum(np.minimum(time[:, None], upper) - lower, 0.0)
    return np.sum(hazard * months, axis=1)


def _blank(
    frame: pd.DataFrame, complete: pd.DataFrame, covariate: Covariate, rng: np.random.Generator
) -> None:
    """Take values away, in place; more often where another covariate is high, if one is named."""
    drive = np.zeros(len(frame))
    if covariate.missing_with:
        drive = covariate.missing_log_odds * complete[covariate.missing_with].to_numpy(np.float64)

    def excess(intercept: float) -> float:
        return float(expit(intercept + drive).mean()) - covariate.missing

    intercept = float(brentq(excess, -50.0 - np.abs(drive).max(), 50.0 + np.abs(drive).max()))
    gone = rng.random(len(frame)) < expit(intercept + drive)
    frame[covariate.name] = frame[covariate.name].where(~gone)
