"""Printed hazard ratios as effects: treated over control, with their standard errors."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import norm

from hccbayes.evidence.se_floors import minimum_events


def oriented_effects(frame: pd.DataFrame) -> pd.DataFrame:
    r"""Return hazard ratios turned to treated over control, with log hazard ratio and its SE.

    :math:`\operatorname{SE} = (\log upper - \log lower) / (2 z)` with the normal quantile of the
    interval's own probability, 1.9600 for 95% and 1.6449 for 90%.

    Parameters
    ----------
    frame
        Columns ``hr``, ``lower``, ``upper`` and ``interval_prob`` as numbers; ``term`` and
        ``numerator``. A treatment whose numerator is ``control`` is inverted; a covariate stays
        numerator over denominator.

    Returns
    -------
    pandas.DataFrame
        The same rows with ``hr``, ``lower``, ``upper`` turned, and ``log_hr``, ``se`` and
        ``min_events``, the fewest events that allow the standard error of a 0/1 contrast; ``nan``
        where there is no interval.
    """
    inverted = (frame["term"] == "treatment") & (frame["numerator"] == "control")
    hr = frame["hr"].where(~inverted, 1.0 / frame["hr"])
    lower = frame["lower"].where(~inverted, 1.0 / frame["upper"])
    upper = frame["upper"].where(~inverted, 1.0 / frame["lower"])
    z = norm.ppf(0.5 + frame["interval_prob"] / 2.0)
    se = (np.log(upper) - np.log(lower)) / (2.0 * z)
    contrast = se.where(frame["coding"] == "binary")
    events = contrast.map(minimum_events, na_action="ignore").astype("float64")
    return frame.assign(
        hr=hr, lower=lower, upper=upper, log_hr=np.log(hr), se=se, min_events=events
    )
