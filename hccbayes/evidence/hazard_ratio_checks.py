"""Checks of one printed hazard ratio: its interval, its p value, its standard error."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Final

from scipy.stats import norm

from hccbayes.evidence.findings import Finding
from hccbayes.evidence.hazard_ratio_rows import HazardRatioRow, log_range
from hccbayes.evidence.printed import SLACK, Printed
from hccbayes.evidence.se_floors import covariate_floor, minimum_events, two_arm_floor

Z_TOLERANCE: Final = 0.1
"""How far the z of a printed p may lie from the Wald z of the interval beyond rounding and beyond
:func:`other_test_tolerance`, for what the expansion leaves out."""

_LARGEST_Z: Final = 10.0
"""No p value is told apart beyond it."""


def outside_interval(row: HazardRatioRow) -> Iterator[Finding]:
    """Find a hazard ratio that lies outside of its own interval."""
    if row.hr is None or row.lower is None or row.upper is None:
        return
    if row.hr.high < row.lower.low or row.hr.low > row.upper.high:
        yield row.place.finding(
            "hr_outside_interval",
            "impossible",
            "hr",
            row.hr.text,
            f"{row.lower.text} to {row.upper.text}",
            "the hazard ratio lies outside of its interval",
        )


def asymmetric_interval(row: HazardRatioRow) -> Iterator[Finding]:
    """Find an interval whose center on the log scale is not the hazard ratio.

    ``log HR - (log lower + log upper) / 2`` is zero for a Wald interval; found where no values that
    round to the printed ones make it zero.
    """
    if row.hr is None or row.lower is None or row.upper is None:
        return
    (hr_low, hr_high), lower, upper = row.log_hr, log_range(row.lower), log_range(row.upper)
    if hr_low - (lower[1] + upper[1]) / 2 > SLACK or hr_high - (lower[0] + upper[0]) / 2 < -SLACK:
        hr, low, high = row.hr, row.lower, row.upper
        candidates = []
        if 0 < low.value and high.value < math.inf:
            candidates.append(f"HR {hr.like(math.sqrt(low.value * high.value))}")
        if 0 < high.value < math.inf:
            candidates.append(f"lower limit {low.like(hr.value**2 / high.value)}")
        if low.value > 0:
            candidates.append(f"upper limit {high.like(hr.value**2 / low.value)}")
        yield row.place.finding(
            "interval_asymmetric",
            "inconsistent",
            "hr, lower, upper",
            _interval_text(row),
            " or ".join(candidates),
            "the interval is not symmetric around the hazard ratio on the log scale",
        )


def p_against_interval(row: HazardRatioRow) -> Iterator[Finding]:
    """Find a p value that does not follow from hazard ratio and interval.

    The two-sided Wald p is ``2 (1 - Phi(|log HR| / SE))``. A mismatch that a likelihood-ratio or
    log-rank test of the same contrast explains is a note; a p that is right for a one-sided test is
    named.
    """
    low, high = row.wald_z
    if row.p is None or math.isnan(low):
        return
    gap = _gap(_z_range(row.p, sides=2), (low, high))
    if gap <= SLACK:
        return
    text = f"Wald {wald_p_text(row)}"
    if gap <= Z_TOLERANCE + other_test_tolerance(row):
        message = "p differs a little from the Wald p of the interval: another test?"
        yield row.place.finding("p_not_wald", "note", "p", row.p.text, text, message)
        return
    message = "p does not follow from the interval"
    if _gap(_z_range(row.p, sides=1), (low, high)) <= SLACK:
        message += "; it would be right for a one-sided test"
    elif row.hr is not None and row.p.text == row.hr.text:
        message += "; it repeats the hazard ratio"
    yield row.place.finding(
        "p_against_interval",
        "inconsistent",
        "p",
        row.p.text,
        f"Wald {wald_p_text(row)}",
        message,
    )


def other_test_tolerance(row: HazardRatioRow) -> float:
    r"""Return how far the z of a likelihood-ratio test may lie from the Wald z.

    To second order, twice the log likelihood ratio is :math:`z^2 (1 - \kappa z / 3)` with
    :math:`\kappa = J / I^{3/2}`, where the information of a 0/1 covariate is
    :math:`I = \sum p (1 - p)` over the events and its derivative is
    :math:`J = \sum p (1 - p) (1 - 2 p)`. Since :math:`|J| \le I`, :math:`\kappa` is at most the
    standard error, and the two z differ by at most
    :math:`\operatorname{SE} z^2 / 6 = |\log HR| \, z / 6`. A score test differs by less.
    """
    largest = max(abs(end) for end in row.log_hr)
    return largest * min(row.wald_z[1], _LARGEST_Z) / 6.0


def se_below_floor(row: HazardRatioRow) -> Iterator[Finding]:
    """Find a standard error that is smaller than any fit with these events allows."""
    largest = row.se[1]
    if not row.floor_applies or math.isnan(largest):
        return
    floor, why = 0.0, ""
    if row.most_events > 0:
        floor = covariate_floor(row.most_events)
        why = f"2 / sqrt(d) with at most {row.most_events:g} events"
    if row.is_treatment and row.events_treated + row.events_control > 0:
        floor = two_arm_floor(row.events_treated, row.events_control)
        events = f"{row.events_treated:g} and {row.events_control:g} events"
        why = f"sqrt(1/d1 + 1/d0) with {events}"
    if largest < floor * (1.0 - SLACK):
        yield row.place.finding(
            "se_below_floor",
            "impossible",
            "lower, upper",
            f"SE at most {largest:.3f}",
            f"SE at least {floor:.3f}",
            f"the interval is too narrow: no Cox fit has an SE below {floor:.3f}, {why}; this one "
            f"needs at least {minimum_events(largest)} events",
        )


def events_implied(row: HazardRatioRow) -> Iterator[Finding]:
    """Say how many events the interval of a treatment effect needs where none are printed."""
    largest = row.se[1]
    known = row.events_treated + row.events_control > 0
    if row.is_treatment and row.floor_applies and not known and 0 < largest < math.inf:
        least = minimum_events(largest)
        message = f"events are not printed; the interval needs at least {least}"
        if row.patients > 0:
            message += f" of {row.patients:g} patients"
        expected = f"at least {least}"
        yield row.place.finding("events_implied", "note", "lower, upper", "", expected, message)


def se_bounded_by_p(row: HazardRatioRow) -> Iterator[Finding]:
    """Say what a p value bounds where a hazard ratio has no interval: ``SE <= |log HR| / z``."""
    if row.hr is None or row.p is None or row.lower is not None or row.upper is not None:
        return
    z = _z_range(row.p, sides=2)[0]
    largest = max(abs(end) for end in row.log_hr)
    if z > 0:
        message = (
            f"no interval is printed; p {row.p.text} allows an SE of at most {largest / z:.3f}"
        )
        if row.is_treatment and row.patients > 0:
            message += f", the patients one of at least {covariate_floor(row.patients):.3f}"
        expected = f"SE at most {largest / z:.3f}"
        yield row.place.finding("se_bounded_by_p", "note", "lower, upper", "", expected, message)


def direction_against_medians(row: HazardRatioRow) -> Iterator[Finding]:
    """Say where the arm with the smaller hazard has the shorter median.

    Crossing curves can do that, and so can a hazard ratio that is printed upside down.
    """
    if row.hr is None or math.isnan(row.median_treated + row.median_control):
        return
    sign = -1.0 if row.inverted else 1.0
    low, high = sorted(sign * end for end in row.log_hr)
    longer = row.median_treated - row.median_control
    if (high < 0 and longer < 0) or (low > 0 and longer > 0):
        medians = f"{row.median_treated:g} vs {row.median_control:g}"
        message = (
            f"the hazard ratio favors one arm, the medians ({medians} months) the other: crossing "
            "curves, or a ratio of the other direction"
        )
        yield row.place.finding("direction_against_medians", "note", "hr", row.hr.text, "", message)


HAZARD_RATIO_CHECKS: Final[dict[str, Callable[[HazardRatioRow], Iterator[Finding]]]] = {
    "hr_outside_interval": outside_interval,
    "interval_asymmetric": asymmetric_interval,
    "p_against_interval": p_against_interval,
    "se_below_floor": se_below_floor,
    "events_implied": events_implied,
    "se_bounded_by_p": se_bounded_by_p,
    "direction_against_medians": direction_against_medians,
}
"""Checks of single rows by name."""


def wald_p_text(row: HazardRatioRow) -> str:
    """Return the Wald p that the interval gives, and its range under rounding."""
    if row.hr is None or row.lower is None or row.upper is None:
        return ""
    low, high = row.wald_z
    width = math.log(row.upper.value / row.lower.value) if row.lower.value > 0 else math.inf
    z = abs(math.log(row.hr.value)) / (width / (2.0 * row.z)) if width > 0 else math.inf
    p, least, most = (2.0 * float(norm.sf(value)) for value in (z, high, low))
    return f"p {p:.3g} ({least:.3g} to {most:.3g} within rounding)"


def _z_range(p: Printed, *, sides: int) -> tuple[float, float]:
    """Return the smallest and largest normal quantile that gives the printed p."""
    low, high = max(0.0, p.low), min(1.0, p.high)
    z = [float(norm.isf(end / sides)) for end in (high, low)]
    return max(0.0, z[0]), max(0.0, z[1])


def _gap(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Return the distance of two ranges, 0 where they overlap."""
    return max(0.0, one[0] - other[1], other[0] - one[1])


def _interval_text(row: HazardRatioRow) -> str:
    if row.hr is None or row.lower is None or row.upper is None:
        return ""
    return f"{row.hr.text} ({row.lower.text}-{row.upper.text})"
