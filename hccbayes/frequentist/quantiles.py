"""Quantiles of survival time with Brookmeyer-Crowley limits, as R's ``quantile(survfit)``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd

from hccbayes.errors import InputError, Problem
from hccbayes.frequentist.episodes import FloatArray
from hccbayes.frequentist.kaplan_meier import MEDIAN_TOLERANCE

QUARTILES: Final = (0.25, 0.5, 0.75)
"""Shares of patients with the event, as R's default."""


def survival_quantiles(curve: pd.DataFrame, probs: Sequence[float] = QUARTILES) -> pd.DataFrame:
    r"""Invert a survival curve and its pointwise limits (Brookmeyer & Crowley 1982).

    .. math:: \hat t_p = \inf\{t : \hat S(t) \le 1 - p\}

    and the same of the lower and the upper limit of survival; where a curve sits on 1 - p exactly,
    the midpoint of that stretch, and its beginning where the curve ends there. The limits are of
    the curve's own kind: ``log`` unless :func:`hccbayes.frequentist.kaplan_meier.kaplan_meier` was
    asked for another, as in R's ``survfit``. Where a limit rises again
    (``log`` limits when few are left, any with delayed entry) its first crossing counts, as for the
    median; R's ``quantile`` sorts the limit and may find a later time.

    Parameters
    ----------
    curve
        What ``kaplan_meier`` or ``weighted_kaplan_meier`` returned; with delayed entry and weights
        where they had them.
    probs
        Shares p of patients with the event, within (0, 1): 0.25 is the time by which a quarter
        have had it.

    Returns
    -------
    pandas.DataFrame
        A row each quantile: ``prob``, ``estimate``, ``lower``, ``upper`` (months, ``inf`` where
        the curve or its limit never comes down to 1 - p; a lower limit is ``nan`` where the curve
        falls to 0 before it has come down), ``interval_kind``, ``interval_prob``, and ``reason``:
        why a number is not finite, empty where all are.

    Raises
    ------
    InputError
        If a share is not within (0, 1).
    """
    shares = np.atleast_1d(np.asarray(probs, dtype=np.float64))
    wrong = shares[~((shares > 0) & (shares < 1))]
    if wrong.size or shares.ndim != 1:
        listed = ", ".join(f"{share:g}" for share in wrong)
        raise InputError(Problem("probs", f"must lie between 0 and 1; these do not: {listed}"))
    time = curve["time"].to_numpy()
    columns = {"estimate": "survival", "lower": "lower", "upper": "upper"}
    rows = []
    for share in shares:
        found = {
            name: _time_down_to(time, curve[column].to_numpy(), 1.0 - float(share))
            for name, column in columns.items()
        }
        if np.isinf(found["lower"]) and np.isfinite(found["estimate"]):
            # The curve falls to 0, where it has no limits, before its lower limit has come down.
            found["lower"] = float("nan")
        rows.append({"prob": float(share), **found, "reason": _reason(found, float(share), curve)})
    table = pd.DataFrame(rows).assign(
        interval_kind=str(curve["interval_kind"].iloc[0]),
        interval_prob=float(curve["interval_prob"].iloc[0]),
    )
    order = ["prob", *columns, "interval_kind", "interval_prob", "reason"]
    return table[order]


def _reason(found: dict[str, float], share: float, curve: pd.DataFrame) -> str:
    """Return why a quantile or its limit lies beyond the follow-up."""
    end, last = float(curve["time"].iloc[-1]), float(curve["survival"].iloc[-1])
    if np.isinf(found["estimate"]):
        return (
            f"not reached: survival is still {last:.3f} when follow-up ends at {end:g} months, "
            f"above {1 - share:g}"
        )
    reasons = []
    if np.isnan(found["lower"]):
        reasons.append("no lower limit: the curve falls to 0, where it has no standard error")
    if np.isinf(found["upper"]):
        reasons.append(f"upper limit not reached within the follow-up of {end:g} months")
    return "; ".join(reasons)


def _time_down_to(time: FloatArray, curve: FloatArray, level: float) -> float:
    """Time at which a step function comes down to a level; ``nan`` values are passed over."""
    reached = np.flatnonzero(curve < level + MEDIAN_TOLERANCE)
    if reached.size == 0:
        return float("inf")
    first = reached[0]
    below = reached[curve[reached] < level - MEDIAN_TOLERANCE]
    if curve[first] > level - MEDIAN_TOLERANCE and below.size:
        return float(time[first] + time[below[0]]) / 2.0
    return float(time[first])
