"""The target trial and its emulation as a table: what the trial would do, and what the data allow.

The components are those of Hernan & Robins (2016, American Journal of Epidemiology 183:758).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import pandas as pd

from hccbayes.spec.design import duration_text

if TYPE_CHECKING:
    from hccbayes.spec import AnalysisSpec, DesignSection

COLUMNS: Final = ("component", "target trial", "emulation")
_ASSIGNMENT: Final[Mapping[str, str]] = {
    "naive": "arms as the data label them, whenever treatment started",
    "landmark": "by the treatment started up to the landmark",
    "time_dependent": "untreated until treatment starts, treated from then on",
    "clone_censor_weight": (
        "each patient is cloned into both strategies and censored when the data leave one; "
        "inverse-probability weights for that censoring"
    ),
    "delayed_entry": "arms as the data label them, among those who completed induction",
}


def target_trial(spec: AnalysisSpec) -> pd.DataFrame:
    """Return the protocol of the target trial beside its emulation.

    Parameters
    ----------
    spec
        The analysis with its ``[design]``.

    Returns
    -------
    pandas.DataFrame
        ``component``, ``target trial``, ``emulation``: eligibility, strategies, assignment, time
        zero, follow-up, outcome, contrast and analysis. Text of the model file is as it stands
        there: escape it where it is printed.

    Raises
    ------
    ValueError
        If the analysis has no ``[design]``.
    """
    design = spec.design
    if design is None:
        raise ValueError("the model file has no [design]; there is no protocol to print")
    rows = [
        _eligibility(design),
        _strategies(spec, design),
        (
            "Assignment",
            "at random at time zero",
            f"{_ASSIGNMENT[design.method]}; exchangeable given {_covariates(spec)}",
        ),
        ("Time zero", "when a patient is eligible and assigned", _time_zero(spec, design)),
        _follow_up(design),
        ("Outcome", "time to the event", f"column {spec.data.event}, follow-up {spec.data.time}"),
        ("Contrast", "the strategies if all keep to them (per protocol)", _contrast(design)),
        ("Analysis", "survival by arm", f"{spec.headline}, {design.label}"),
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _eligibility(design: DesignSection) -> tuple[str, str, str]:
    reached = []
    if design.method == "landmark":
        reached = [f"alive and followed at {duration_text(design.landmark or 0.0)}"]
    asked = [
        *design.conditioned_on,
        *reached,
        *(
            [f"survival of {duration_text(design.survival_required)}"]
            if design.survival_required
            else []
        ),
        *(
            [f"follow-up of {duration_text(design.minimum_follow_up)}"]
            if design.minimum_follow_up
            else []
        ),
    ]
    emulation = "the same" if design.eligibility else "whoever is in the data"
    if asked:
        emulation += f", and on what came later: {'; '.join(asked)}"
    return "Eligibility", "; ".join(design.eligibility) or "not stated", emulation


def _strategies(spec: AnalysisSpec, design: DesignSection) -> tuple[str, str, str]:
    names = spec.data.arm.names
    within = "" if design.grace is None else f", started within {duration_text(design.grace)}"
    never = (
        "never"
        if design.control == "never" or design.grace is None
        else f"not within {duration_text(design.grace)}"
    )
    protocol = (
        f"treated: {design.treated_strategy or names['treated'] + within}; "
        f"control: {design.control_strategy or names['control'] + f', treatment {never} started'}"
    )
    if design.treatment_start is None:
        window = ""
        if design.start_window is not None:
            low, high = design.start_window
            window = f", between {low:g} and {high:g} months after time zero by the study's rules"
        return "Strategies", protocol, f"the start of treatment is not in the data{window}"
    return "Strategies", protocol, f"start of treatment from column {design.treatment_start.column}"


def _covariates(spec: AnalysisSpec) -> str:
    names = ", ".join(spec.roles.covariates)
    return names or "nothing: no covariate is in the model"


def _time_zero(spec: AnalysisSpec, design: DesignSection) -> str:
    zero = spec.data.time_zero or "not documented"
    later = {
        "landmark": f"; patients count from {duration_text(design.landmark or 0.0)} after it",
        "delayed_entry": f"; patients count from {duration_text(design.survival_required or 0.0)} "
        "after it",
    }
    return zero + later.get(design.method, "")


def _follow_up(design: DesignSection) -> tuple[str, str, str]:
    emulation = "to the event or last contact"
    if design.method == "clone_censor_weight":
        emulation += "; a clone also ends where its patient leaves the strategy"
    return "Follow-up", "from assignment to the event or the end of the study", emulation


def _contrast(design: DesignSection) -> str:
    return {
        "naive": "none that a trial would have: arms look into the future where treatment "
        "starts after time zero",
        "landmark": "treatment started by the landmark against not, among who reached it",
        "time_dependent": "the hazard with treatment against without at the same time",
        "clone_censor_weight": "start within the grace period against the control strategy",
        "delayed_entry": "treated against control among who completed induction",
    }[design.method]
