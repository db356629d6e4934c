"""Rows that plain, weighted and standardized curves of two arms have in common."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from hccbayes.arms import Arm
from hccbayes.frequentist.kaplan_meier import MedianSurvival
from hccbayes.records import DIFFERENCE_CONTRAST, Estimate, FrequentistLabels


def median_rows(
    labels: FrequentistLabels, method: str, medians: Mapping[Arm, MedianSurvival]
) -> Iterator[Estimate]:
    """Yield the arms' medians and their difference.

    The difference has no limits of its own, is infinite where one arm does not reach its median,
    and empty where neither does.

    Parameters
    ----------
    labels, method
        Of the rows.
    medians
        Of ``treated`` and ``control``.
    """
    for arm, median in medians.items():
        limits = (median.lower, median.upper)
        yield labels.row(
            "median", arm, method, median.estimate, limits=limits, kind=median.interval_kind
        )
    treated, control = medians["treated"].estimate, medians["control"].estimate
    known = math.isfinite(treated) or math.isfinite(control)
    difference = treated - control if known else math.nan
    yield labels.row("median_difference", DIFFERENCE_CONTRAST, method, difference)
