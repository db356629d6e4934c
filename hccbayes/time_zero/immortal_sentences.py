"""What an immortal-time bound says, in words that stand in a report."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from hccbayes.defaults import INTERVAL_PROB

if TYPE_CHECKING:
    from hccbayes.time_zero.immortal_comparison import ImmortalBound

NOTABLE_SHARE: Final = 0.05
"""Share of null studies as extreme as the published from which on the rules can have made it."""


def sentences(bound: ImmortalBound) -> tuple[str, ...]:
    """Return the sentences: rules, null, published, what remains, what is assumed."""
    found = [_null(bound)]
    if bound.published is not None:
        found += [_against(bound), _remaining(bound), _inverted(bound)]
        if bound.spread > bound.published.se:
            found.append(_wider(bound))
    if bound.not_estimable:
        found.append(
            f"{bound.not_estimable} of {bound.studies.hazard_ratio.size} simulated studies had "
            "nobody in one arm and are left out."
        )
    found.append(_assumed(bound))
    if bound.rules.synthetic:
        found.append(f"Synthetic cohort ({bound.rules.synthetic}), not patients.")
    return tuple(found)


def _null(bound: ImmortalBound) -> str:
    table = bound.table()
    row = table[(table["quantity"] == "hazard ratio") & (table["kind"] == "null studies")].iloc[0]
    limit = bound.limit
    return (
        f"With these rules and no effect at all, the hazard ratio would be "
        f"{limit.hazard_ratio:.2f} in a very large study, and in {INTERVAL_PROB:.0%} of studies "
        f"of {bound.rules.patients} patients between {row['lower']:.2f} and {row['upper']:.2f}; "
        f"median survival would be {_months(limit.median_treated)} in the treated arm and "
        f"{_months(limit.median_control)} in the control arm."
    )


def _against(bound: ImmortalBound) -> str:
    published = bound.published
    assert published is not None
    side = "as low as" if published.hr <= 1.0 else "as high as"
    share = bound.as_extreme
    least = 1.0 / max(bound.null_ratios.size, 1)
    percent = f"{share:.1%}" if share >= least else f"less than {least:.1%}"
    verdict = (
        "the rules alone can produce it"
        if share >= NOTABLE_SHARE
        else "the rules alone seldom produce it"
    )
    return (
        f"The published hazard ratio is {published.hr:.2f} ({published.prob:.0%} interval "
        f"{published.lower:.2f} to {published.upper:.2f}); of studies without an effect, {percent} "
        f"have one {side} that: {verdict}."
    )


def _remaining(bound: ImmortalBound) -> str:
    left, published = bound.remaining, bound.published
    assert left is not None
    assert published is not None
    ratio = f"{left.hr:.2f} ({left.prob:.0%} interval {left.lower:.2f} to {left.upper:.2f})"
    share = bound.share_remaining
    if math.isnan(share):
        return f"Divided by the ratio without an effect, the published one is {ratio}."
    if (bound.limit.hazard_ratio - 1.0) * (published.hr - 1.0) <= 0.0:
        kept = "the rules do not work in the direction of the published effect"
    elif share <= 0.0:
        kept = "the rules make all of the published effect or more"
    else:
        kept = f"{share:.0%} of the log hazard ratio remains"
    return f"Divided by the ratio without an effect, the published one is {ratio}: {kept}."


def _inverted(bound: ImmortalBound) -> str:
    true = bound.true_ratio
    assert true is not None
    return (
        "A treatment that acts from its start on would need a hazard ratio of "
        f"{true.hr:.2f} ({true.prob:.0%} interval {true.lower:.2f} to {true.upper:.2f}) for these "
        "rules to give the published one."
    )


def _wider(bound: ImmortalBound) -> str:
    assert bound.published is not None
    return (
        "The intervals of what remains are as wide as studies with these rules differ (standard "
        f"deviation of the log hazard ratio {bound.spread:.2f}): the published standard error of "
        f"{bound.published.se:.2f} takes the arms as known, while here early deaths make them."
    )


def _assumed(bound: ImmortalBound) -> str:
    rules = bound.rules
    first, last = rules.window
    window = (
        f"at {_months(first)}"
        if first == last
        else f"at a time uniform between {first:.3g} and {_months(last)}"
    )
    fate = "counted as a control" if rules.early_deaths == "control" else "left out of the study"
    further = (
        f" and {_months(rules.further_months)} must be lived after it"
        if rules.further_months
        else ""
    )
    required = (
        f", nobody is in the study without {_months(rules.required_months)} of follow-up"
        if rules.required_months
        else ""
    )
    ends = rules.administrative
    censored = (
        "nobody is censored"
        if ends is None
        else f"follow-up ends between {ends[0]:.3g} and {_months(ends[1])}"
    )
    return (
        f"This assumes that everybody has the same survival with a median of "
        f"{_months(rules.common_median)}, that {bound.limit.intended_share:.0%} are meant to be "
        f"treated whatever their prognosis, that treatment starts {window}{further}, that who does "
        f"not live so long is {fate}{required}, and that {censored}."
    )


def _months(value: float) -> str:
    if math.isinf(value):
        return "not reached"
    return f"{value:.3g} months"
