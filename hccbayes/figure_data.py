"""What the figures draw, as small datasets: posterior curves, Kaplan-Meier steps, numbers at risk.

Curves are published by nature; no covariate and no identifier of a patient is in them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from hccbayes.arms import ARM_VALUE, ARMS
from hccbayes.estimands import treated_over_control
from hccbayes.frequentist import kaplan_meier
from hccbayes.frequentist.episodes import Episodes
from hccbayes.frequentist.weighted_variance import case_weights
from hccbayes.spec import IntervalSection
from hccbayes.summarise import summarise_curve

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hccbayes.hazard_data import HazardData

FloatArray = NDArray[np.float64]
_RISK_TABLE_STEPS = (1.0, 2.0, 3.0, 6.0, 12.0, 24.0, 60.0)
_RISK_TABLE_COLUMNS = 8


def curve_dataset(
    survival: xr.DataArray,
    posterior: xr.Dataset,
    data: HazardData,
    *,
    interval: IntervalSection,
    arm_names: Mapping[str, str],
    follow_up: float,
) -> xr.Dataset:
    """Return posterior survival and hazard by arm with their bands.

    Parameters
    ----------
    survival
        Draws on the grid, dims ``chain, draw, population, arm, curve_time``.
    posterior
        Draws of the hazard model.
    data
        What it was fitted to.
    interval
        Probability and kind of the bands.
    arm_names
        Display name of each arm.
    follow_up
        Months to which the open last interval is drawn.

    Returns
    -------
    xarray.Dataset
        ``survival`` (statistic, population, arm, curve_time), ``survival_difference`` (statistic,
        population, curve_time; treated minus control), ``rmst_difference`` (the same of the
        restricted mean up to each time, months), ``hazard`` (statistic, arm, interval; events per
        person-month of the average patient) and, where the effect changes with time,
        ``log_hr`` (statistic, interval) and ``arm_events`` (arm, interval), with the intervals'
        limits and events as coordinates.
    """
    cuts = data.cuts
    effect = xr.DataArray(
        [ARM_VALUE[arm] - data.treatment_mean for arm in ARMS],
        dims="arm",
        coords={"arm": list(ARMS)},
    )
    changing = "log_hr_by_interval" in posterior
    log_hr = posterior["log_hr_by_interval" if changing else "treatment"]
    log_hazard = posterior["log_baseline"] + log_hr * effect
    hazard = log_hazard.copy(data=np.exp(log_hazard))
    dataset = xr.Dataset(
        {
            "survival": summarise_curve(survival, interval),
            "survival_difference": _difference(survival, interval),
            "rmst_difference": _difference(restricted_mean_curve(survival), interval),
            "hazard": summarise_curve(hazard.transpose(..., "arm", "interval"), interval),
        }
    )
    if changing:
        dataset["log_hr"] = summarise_curve(log_hr.transpose(..., "interval"), interval)
        dataset["arm_events"] = (("arm", "interval"), data.arm_events)
        dataset.attrs["mean_log_hr"] = float(posterior["treatment"].mean())
    return dataset.assign_coords(
        arm_name=("arm", [arm_names[arm] for arm in ARMS]),
        interval_start=("interval", np.concatenate([[0.0], cuts])),
        interval_end=("interval", np.concatenate([cuts, [np.inf]])),
        interval_events=("interval", data.interval_events),
    ).assign_attrs(
        interval_prob=interval.prob, interval_kind=interval.kind, last_follow_up=follow_up
    )


def _difference(curves: xr.DataArray, interval: IntervalSection) -> xr.DataArray:
    """Return pointwise mean and limits of treated minus control."""
    return summarise_curve(treated_over_control(curves).transpose(..., "curve_time"), interval)


def restricted_mean_curve(survival: xr.DataArray) -> xr.DataArray:
    r"""Return the restricted mean up to each time of a grid, draw by draw.

    Between two grid times survival is taken to fall exponentially, which is exact for a patient
    and an interval: :math:`\int S = h (S_0 - S_1) / \log(S_0 / S_1)`. A step that ends in no
    survival adds nothing.

    Parameters
    ----------
    survival
        Draws on a grid that starts at 0, last dim ``curve_time`` (months).

    Returns
    -------
    xarray.DataArray
        Months, dims as given; 0 at the first time.
    """
    values, time = survival.to_numpy(), survival["curve_time"].to_numpy()
    first, second = values[..., :-1], values[..., 1:]
    known = first > 0.0
    lost = np.divide(first - second, first, out=np.zeros_like(first), where=known)
    left = np.divide(second, first, out=np.ones_like(first), where=known)
    # From survival to none the exponential falls at once: the logarithm is infinite, the mean 0.
    with np.errstate(divide="ignore"):
        decay = np.where(left > 0.5, -np.log1p(-np.minimum(lost, 0.5)), -np.log(left))
    kept = np.divide(lost, decay, out=np.ones_like(decay), where=decay != 0.0)
    area = np.cumsum(first * kept * np.diff(time), axis=-1)
    return survival.copy(data=np.concatenate([np.zeros_like(values[..., :1]), area], axis=-1))


def kaplan_meier_dataset(frame: pd.DataFrame, prob: float) -> xr.Dataset:
    """Return the Kaplan-Meier steps of both arms, dim ``step``.

    Parameters
    ----------
    frame
        A cohort's frame: ``entry``, ``time``, ``event``, ``treatment``.
    prob
        Probability of the pointwise limits (log scale).
    """
    parts = []
    for arm in ARMS:
        own = frame[frame["treatment"] == ARM_VALUE[arm]]
        curve = kaplan_meier.kaplan_meier(own["entry"], own["time"], own["event"], prob=prob)
        parts.append(curve.drop(columns=["interval_kind", "interval_prob"]).assign(arm=arm))
    steps = pd.concat(parts, ignore_index=True)
    steps.index.name = "step"
    return steps.to_xarray().assign_attrs(interval_kind="log", interval_prob=prob)


def numbers_at_risk_dataset(frame: pd.DataFrame) -> xr.Dataset:
    """Return numbers at risk by arm at round times, dims ``arm, risk_time``."""
    times = _risk_times(frame)
    return _at_risk_dataset(numbers_at_risk(frame, times), times)


def weighted_numbers_at_risk_dataset(frame: pd.DataFrame, weights: ArrayLike) -> xr.Dataset:
    """Return sums of weights at risk by arm at the same times, dims ``arm, risk_time``.

    Parameters
    ----------
    frame
        A cohort's frame: ``entry``, ``time``, ``event``, ``treatment``.
    weights
        One a patient, at least 0.
    """
    times = _risk_times(frame)
    episodes = Episodes.of(frame["entry"], frame["time"], frame["event"])
    present = (episodes.entry[:, None] < times) & (times <= episodes.stop[:, None])
    values = case_weights(weights, len(frame))
    sums = [np.where(frame["treatment"] == ARM_VALUE[arm], values, 0.0) @ present for arm in ARMS]
    return _at_risk_dataset(np.stack(sums), times)


def _risk_times(frame: pd.DataFrame) -> FloatArray:
    largest = float(frame["time"].max())
    step = next(
        (one for one in _RISK_TABLE_STEPS if largest / one < _RISK_TABLE_COLUMNS),
        _RISK_TABLE_STEPS[-1],
    )
    return np.arange(0.0, largest + 1e-9, step)


def _at_risk_dataset(numbers: NDArray[np.number], times: FloatArray) -> xr.Dataset:
    return xr.Dataset(
        {"at_risk": (("arm", "risk_time"), numbers)},
        coords={"arm": list(ARMS), "risk_time": times},
    )


def numbers_at_risk(frame: pd.DataFrame, times: ArrayLike) -> NDArray[np.intp]:
    """Return the patients of each arm at risk just before given times, ``(arms, times)``."""
    rows = []
    for arm in ARMS:
        own = frame[frame["treatment"] == ARM_VALUE[arm]]
        rows.append(kaplan_meier.numbers_at_risk(own["entry"], own["time"], times))
    return np.stack(rows)


def censoring_survival(frame: pd.DataFrame, grid: FloatArray) -> FloatArray:
    """Return the probability of being uncensored in the middle of each grid step.

    Reverse Kaplan-Meier of the whole cohort: censoring is the event.
    """
    curve = kaplan_meier.kaplan_meier(frame["entry"], frame["time"], 1 - frame["event"])
    middle = (grid[:-1] + grid[1:]) / 2.0
    position = np.searchsorted(curve["time"].to_numpy(), middle, side="right") - 1
    return np.asarray(curve["survival"].to_numpy()[position])
