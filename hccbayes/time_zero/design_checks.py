"""What the data say against a design: arms that look ahead, inclusion that asks for survival.

Nothing here stops an analysis; each sentence is to be read before a number is quoted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hccbayes import defaults
from hccbayes.spec.design import duration_text
from hccbayes.time_zero.record import start_times

if TYPE_CHECKING:
    import pandas as pd

    from hccbayes.cohort import Cohort
    from hccbayes.spec import DesignSection

_USES_LABELS = frozenset({"naive", "delayed_entry"})


def design_findings(cohort: Cohort, design: DesignSection | None) -> tuple[str, ...]:
    """Return what the data say against a design, in sentences.

    Parameters
    ----------
    cohort
        Patients as they were read, before the design.
    design
        The model file's section; ``None`` where it has none.

    Returns
    -------
    tuple of str
        Arms that cannot have been known at time zero, labels that the dates contradict, follow-up
        and survival that inclusion required, and stretches without an event where some were to be
        expected.
    """
    found = []
    method = "naive" if design is None else design.method
    if "treatment_start" in cohort.frame and method in _USES_LABELS:
        required = None if design is None else design.survival_required
        since = required if method == "delayed_entry" and required else 0.0
        found += _arms_that_look_ahead(cohort, since)
    if design is not None:
        found += _required(cohort.frame, design)
        if design.start_window is not None and design.treatment_start is not None:
            found.append("The dates of treatment are in the data; start_window is not used.")
    required = None if design is None else design.survival_required
    # A landmark or a later entry has repaired it; with dates of its start treatment explains it.
    if method == "naive":
        found += _without_early_events(cohort, stated=required is not None)
    return tuple(found)


def _arms_that_look_ahead(cohort: Cohort, since: float) -> list[str]:
    """Return why the arms cannot have been known when patients begin to count."""
    frame, start = cohort.frame, start_times(cohort)
    treated = frame["treatment"].to_numpy() == 1
    found = []
    if (start[treated] > since).any():
        zero = "at time zero" if since == 0.0 else f"at entry, {duration_text(since)} after it"
        found.append(
            f"Arms cannot have been known {zero}: the arm "
            f"'{cohort.roles.arm.treated}' looks up to {start[treated].max():.3g} months ahead, "
            "so that the hazard ratio carries immortal time. Do not read it as an effect; use "
            "[design] method = 'landmark', 'time_dependent' or 'clone_censor_weight'."
        )
    crossed = ~treated & np.isfinite(start)
    if crossed.any():
        earliest = start[crossed].min()
        latest = start[treated].max() if treated.any() else 0.0
        sentence = (
            f"{int(crossed.sum())} patients of arm '{cohort.roles.arm.control}' started the "
            f"treatment later, the earliest after {earliest:.3g} months"
        )
        if earliest <= latest:
            sentence += (
                f", before the last start of arm '{cohort.roles.arm.treated}' "
                f"({latest:.3g} months): labels and dates contradict each other"
            )
        found.append(sentence + ".")
    return found


def _required(frame: pd.DataFrame, design: DesignSection) -> list[str]:
    """Return what follows from the survival and the follow-up that inclusion required."""
    found = []
    if (limit := design.survival_required) is not None:
        early = int(((frame["time"] <= limit) & (frame["event"] == 1)).sum())
        if early:
            found.append(
                f"Inclusion is said to require survival of {duration_text(limit)}, and {early} "
                "patients died before: the data or the statement is wrong."
            )
        elif design.method not in {"delayed_entry", "landmark"}:
            found.append(
                f"Inclusion required survival of {duration_text(limit)}: nobody was at risk "
                "before, and survival from time zero is overstated in both arms. Use [design] "
                "method = 'delayed_entry'."
            )
    if (limit := design.minimum_follow_up) is not None:
        short = frame["time"] < limit
        censored = int((short & (frame["event"] == 0)).sum())
        died = int((short & (frame["event"] == 1)).sum())
        if censored:
            found.append(
                f"Inclusion is said to require {duration_text(limit)} of follow-up, and {censored} "
                "patients were censored before: the data or the statement is wrong."
            )
        found.append(
            f"Inclusion required {duration_text(limit)} of follow-up"
            + (
                f" unless a patient died ({died} did): who was lost before is not in the data."
                if died
                else ", and nobody died before: survival was a condition of inclusion. What the "
                "excluded would have shown cannot be repaired."
            )
        )
    return found


def _without_early_events(cohort: Cohort, *, stated: bool) -> list[str]:
    """Return arms whose first event comes later than chance would let it, by a constant hazard.

    With the hazard after the first event, e events were to be expected before it, and none is seen
    with probability exp(-e).
    """
    found = []
    for code, arm in ((1, "treated"), (0, "control")):
        own = cohort.frame[cohort.frame["treatment"] == code]
        first = float(own.loc[own["event"] == 1, "time"].min())
        after = (own["time"] - np.maximum(own["entry"], first)).clip(lower=0.0).sum()
        before = (np.minimum(own["time"], first) - own["entry"]).clip(lower=0.0).sum()
        if not (np.isfinite(first) and after > 0 and before > 0):
            continue
        expected = float((own["event"].sum() - 1) / after * before)
        if np.exp(-expected) < defaults.NO_EARLY_EVENT_PROBABILITY and not stated:
            label = cohort.roles.arm.names[arm]
            found.append(
                f"Nobody of arm '{label}' has the event before {first:.3g} months, where about "
                f"{expected:.0f} were to be expected: did inclusion, or what made a patient "
                "one of this arm, ask for survival? If so, use [design] method = 'delayed_entry' "
                "with survival_required, or a landmark."
            )
    return found
