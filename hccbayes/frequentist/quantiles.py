"""Quantiles of survival time with Brookmeyer-Crowley limits, as R's ``quantile(survfit)``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd

from hccbayes.errors import InputError, Problem
from hccbayes.frequentist.arguments import numbers
from hccbayes.frequentist.kaplan_meier import time_with_limits

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
        If there is no share, or one is not within (0, 1).
    """
    shares = np.atleast_1d(numbers(probs, "probs"))
    wrong = shares[~((shares > 0) & (shares < 1))]
    if shares.ndim != 1 or shares.size == 0:
        raise InputError(Problem("probs", "one share or more is needed, in one dimension"))
    if wrong.size:
        listed = ", ".join(f"{share:g}" for share in wrong)
        raise InputError(Problem("probs", f"must lie between 0 and 1; these do not: {listed}"))
    rows = [[float(share), *time_with_limits(curve, 1.0 - float(share))] for share in shares]
    order = ["prob", "estimate", "lower", "upper"]
    table = pd.DataFrame(rows, columns=[*order, "reason"]).assign(
        interval_kind=str(curve["interval_kind"].iloc[0]),
        interval_prob=float(curve["interval_prob"].iloc[0]),
    )
    return table[[*order, "interval_kind", "interval_prob", "reason"]]
