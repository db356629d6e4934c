"""What a reader must know before quoting a number from an analysis."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import numpy as np

from hccbayes import defaults
from hccbayes.records import CheckResult, CohortSummary
from hccbayes.spec import AnalysisSpec
from hccbayes.time_varying_effect import few_events

if TYPE_CHECKING:
    from hccbayes.hazard_data import HazardData

_FEW_CENTERS: Final = 5


def cautions(
    summary: CohortSummary,
    data: HazardData,
    spec: AnalysisSpec,
    at_risk: Mapping[str, int],
    prior_check: CheckResult | None = None,
) -> tuple[str, ...]:
    """Return sentences about the design, the arms, the centers and the tail of the data.

    Parameters
    ----------
    summary
        The cohort in numbers; its own warnings come along.
    data
        What the model is fitted to.
    spec
        The analysis; its caveats come first.
    at_risk
        Patients of each arm at risk at the horizon of the restricted mean.
    prior_check
        The prior predictive check, where it was made.
    """
    found = [summary.notice] if summary.synthetic else []
    found += [*spec.model.caveats, *summary.warnings]
    if not spec.data.time_zero:
        found.append(
            "Time zero is not documented ([data] time_zero): if treatment started later, the "
            "hazard ratio may carry immortal time."
        )
    tail = float(data.interval_events[-1])
    if tail < defaults.FEW_EVENTS_TAIL:
        found.append(
            f"The last interval ({data.intervals[-1]} months) holds {tail:g} events: survival, "
            "RMST and medians that reach into it rest on the prior."
        )
    few = {arm: count for arm, count in at_risk.items() if count < defaults.FEW_AT_RISK}
    if few:
        counts = " and ".join(f"{count} {arm}" for arm, count in few.items())
        found.append(
            f"At the horizon of the restricted mean only {counts} patients are at risk: it rests "
            "on the model there. Set [estimands] horizon earlier."
        )
    if spec.hazard.center != "none" and not data.centers:
        found.append("There is one center only; the model's center terms were left out.")
    if 0 < len(data.centers) < _FEW_CENTERS and spec.hazard.center != "fixed":
        found.append(
            f"With {len(data.centers)} centers the spread between centers follows its prior; "
            "do not report it as a finding."
        )
    found += _changing_effect(data, spec)
    coefficients = len(data.covariate_names)
    events = float(np.sum(data.interval_events))
    if coefficients > events / defaults.EVENTS_PER_INTERVAL_CAP:
        found.append(f"{coefficients} covariates for {events:g} events: more than events / 10.")
    if prior_check is not None and prior_check.passed is False:
        found.append(f"The priors allow implausible survival: {prior_check.message}.")
    return tuple(dict.fromkeys(found))


def _changing_effect(data: HazardData, spec: AnalysisSpec) -> list[str]:
    """Return what to know of an effect that changes with time; nothing where it is constant."""
    if spec.hazard.effect == "constant":
        return []
    found = [
        "The effect changes with time: the hazard ratio without a time is the event-weighted "
        "geometric mean over the follow-up. Read hr_at, survival and restricted means first."
    ]
    few = few_events(spec.hazard, data.cuts, data.arm_events)
    if few:
        found.append(
            "Few events for an effect that changes with time (fewer than "
            f"{defaults.EVENTS_PER_EFFECT_PHASE} of an arm in a phase or interval, or twice that "
            f"in all for log_time): {', '.join(few)}. There the prior says how much it changes."
        )
    if spec.adjustment.needs_score:
        found.append(
            "[hazard] effect is that of the outcome model: weighted and matched estimates keep one "
            "hazard ratio for all times."
        )
    return found
