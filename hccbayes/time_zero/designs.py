"""Designs in which each patient has one arm at a time: naive, landmark, start-stop, late entry.

Where treatment starts after time zero, a patient who ended up treated cannot have died before. To
count that stretch as treated is immortal time (Suissa 2008, American Journal of Epidemiology
167:492). A landmark (Anderson, Cain & Gelber 1983, Journal of Clinical Oncology 1:710) classifies
patients by what has happened so far; a time-dependent treatment (Mantel & Byar 1974, Journal of the
American Statistical Association 69:81) counts from its start.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from hccbayes import defaults
from hccbayes.cohort import Cohort
from hccbayes.errors import InputError, Problem
from hccbayes.records import Exclusion
from hccbayes.spec.design import duration_text
from hccbayes.time_zero.record import DesignedCohort, start_times, unweighted_episodes


def naive(cohort: Cohort) -> DesignedCohort:
    """Return the cohort as its data label it, so that others can be set beside it.

    Parameters
    ----------
    cohort
        Patients; with ``treatment_start`` the notes say how much immortal time there is.
    """
    notes = ["Arms are as the data label them; nothing was done about time zero."]
    if "treatment_start" in cohort.frame:
        notes += immortal_time_notes(cohort)
    return DesignedCohort(
        method="naive",
        label="naive",
        cohort=cohort,
        episodes=unweighted_episodes(cohort),
        estimand="patients labeled treated against patients labeled control, from time zero",
        notes=tuple(notes),
    )


def immortal_time_notes(cohort: Cohort) -> list[str]:
    """Return how much of the treated arm's follow-up lies before treatment, in words."""
    frame, start = cohort.frame, start_times(cohort)
    treated = frame["treatment"].to_numpy() == 1
    late = treated & (start > frame["entry"].to_numpy())
    if not late.any():
        return []
    immortal = np.minimum(start, frame["time"])[late] - frame["entry"].to_numpy()[late]
    total = float((frame["time"] - frame["entry"])[treated].sum())
    return [
        f"{int(late.sum())} of {int(treated.sum())} treated patients started after time zero "
        f"(median {np.median(start[late]):.2g}, latest {start[late].max():.3g} months): "
        f"{immortal.sum():.3g} of the treated arm's {total:.4g} person-months are immortal time."
    ]


def landmark(cohort: Cohort, time: float) -> DesignedCohort:
    """Return the patients still followed at a landmark, in the arm their treatment so far says.

    Who died or was censored up to the landmark is left out, and on record. Times count from the
    landmark, so that survival at 6 months is that of patients who reached it, 6 months later. Who
    starts treatment later stays a control.

    Parameters
    ----------
    cohort
        Patients with ``treatment_start``.
    time
        The landmark, months since time zero. A start on the landmark itself counts as started.

    Raises
    ------
    InputError
        If there are no dates of treatment, nobody is followed beyond the landmark, or an arm is
        left without a patient or without an event.
    """
    _check_time(time, "landmark")
    check_as_read(cohort)
    start = start_times(cohort)
    kept = _from(cohort, time, "landmark", f"up to the landmark at {duration_text(time)}")
    stays = cohort.frame["time"].to_numpy() > time
    treated = start[stays] <= time
    frame = kept.frame.assign(
        treatment=treated.astype(np.int64), treatment_start=np.maximum(start[stays] - time, 0.0)
    )
    _check_arms(frame, kept, "landmark", f"at {duration_text(time)}")
    later = int((~treated & np.isfinite(start[stays])).sum())
    notes = [
        f"Patients who reached {duration_text(time)}, by what they had been given by then; times "
        "count from there, so that early effects and early deaths are not in the contrast."
    ]
    if later:
        notes.append(
            f"{later} patients started treatment after the landmark and are controls, which draws "
            "the arms together."
        )
    label = f"landmark at {duration_text(time)}"
    designed = replace(kept, frame=frame, design=label)
    return DesignedCohort(
        method="landmark",
        label=label,
        cohort=designed,
        episodes=unweighted_episodes(designed),
        estimand=(
            f"among patients alive and followed at {duration_text(time)}, treatment started by "
            "then against not started by then"
        ),
        notes=tuple(notes),
    )


def time_dependent(cohort: Cohort) -> DesignedCohort:
    """Return the cohort with treatment that counts from its start alone.

    A patient's follow-up is split at the start of treatment: at risk untreated before, treated
    after it. A start at the end of follow-up has no time at risk.

    Parameters
    ----------
    cohort
        Patients with ``treatment_start``; the arm's label is not used.

    Raises
    ------
    InputError
        If there are no dates of treatment, or an arm is left without an event.
    """
    check_as_read(cohort)
    start = start_times(cohort)
    frame = cohort.frame
    ever = (start < frame["time"].to_numpy()).astype(np.int64)
    label = "time-dependent treatment"
    designed = replace(
        cohort, frame=frame.assign(treatment=ever), time_dependent=True, design=label
    )
    at_risk = designed.at_risk_frame()
    _check_arms(at_risk, cohort, "time_dependent", "as a time-dependent treatment")
    without_time = int((np.isfinite(start) & (start >= frame["time"].to_numpy())).sum())
    notes = [
        "Treatment counts from its start. Kaplan-Meier curves and the log-rank test are those of "
        "episodes (Simon & Makuch, Mantel & Byar), not of arms of patients.",
        "Survival under treatment is that of treatment from time zero on, if its effect is the "
        "same whenever it starts; what decided on its start beyond the model's covariates "
        "confounds it.",
    ]
    if without_time:
        notes.append(
            f"{without_time} patients started treatment on the last day of follow-up: no time at "
            "risk under treatment, so that they are untreated throughout."
        )
    return DesignedCohort(
        method="time_dependent",
        label=label,
        cohort=designed,
        episodes=unweighted_episodes(designed),
        estimand=(
            "the hazard after the start of treatment against the hazard at the same time since "
            "time zero without it"
        ),
        notes=tuple(notes),
    )


def delayed_entry(cohort: Cohort, time: float) -> DesignedCohort:
    """Return the cohort at risk from the time for which inclusion asked patients to live.

    Nobody could die in the study before it, so that nobody was at risk. Patients count from
    there, which is what left truncation at a time common to all means: with the clock set to zero
    at entry, the likelihood is that of delayed entry on the old clock.

    Parameters
    ----------
    cohort
        Patients with their arms.
    time
        Months since time zero from which patients count.

    Raises
    ------
    InputError
        If nobody is followed beyond it, or an arm is left without a patient or an event.
    """
    _check_time(time, "survival_required")
    check_as_read(cohort)
    kept = _from(cohort, time, "survival_required", f"up to entry at {duration_text(time)}")
    frame = kept.frame
    if "treatment_start" in frame:
        frame = frame.assign(treatment_start=(frame["treatment_start"] - time).clip(lower=0.0))
    _check_arms(frame, kept, "survival_required", f"from {duration_text(time)} on")
    label = f"delayed entry at {duration_text(time)}"
    designed = replace(kept, frame=frame, design=label)
    return DesignedCohort(
        method="delayed_entry",
        label=label,
        cohort=designed,
        episodes=unweighted_episodes(designed),
        estimand=(
            f"among patients who lived {duration_text(time)} and completed what inclusion asked "
            "for, treated against control from there on"
        ),
        notes=(
            f"Patients are at risk from {duration_text(time)} on, and times count from there. The "
            "answer is about those who completed induction; who did not is not in the data.",
        ),
    )


def check_as_read(cohort: Cohort) -> None:
    """Raise where a design was applied before: its clock or its arms are no longer the data's.

    Raises
    ------
    InputError
        Naming that design.
    """
    if cohort.design:
        message = f"'{cohort.design}' was applied to this cohort before; give it as it was read"
        raise InputError(Problem("design", message), source=cohort.source)


def _check_time(time: float, field: str) -> None:
    number = isinstance(time, int | float) and not isinstance(time, bool)
    if not (number and np.isfinite(time) and time > 0):
        raise InputError(Problem(f"[design] {field}", "must be a positive number of months"))


def _from(cohort: Cohort, time: float, field: str, when: str) -> Cohort:
    """Return the patients followed beyond a time, on a clock that starts there."""
    frame = cohort.frame
    longest = float(frame["time"].max())
    stays = frame["time"] > time
    if not stays.any():
        raise InputError(
            Problem(
                f"[design] {field}",
                f"{duration_text(time)} lie beyond the longest follow-up of {longest:.4g}",
            ),
            source=cohort.source,
        )
    left = {
        f"died {when}": ~stays & (frame["event"] == 1),
        f"follow-up ended {when}": ~stays & (frame["event"] == 0),
    }
    exclusions = tuple(
        Exclusion(reason=reason, ids=tuple(frame.loc[rows, "patient"]))
        for reason, rows in left.items()
        if rows.any()
    )
    moved = frame[stays].reset_index(drop=True)
    return replace(
        cohort,
        frame=moved.assign(
            entry=(moved["entry"] - time).clip(lower=0.0), time=moved["time"] - time
        ),
        exclusions=(*cohort.exclusions, *exclusions),
        warnings=(*cohort.warnings, *_constant_covariates(moved, cohort)),
    )


def _constant_covariates(frame: pd.DataFrame, cohort: Cohort) -> list[str]:
    """Return covariates that no longer differ between the patients who are left."""
    names = [name for name in cohort.roles.covariates if name in frame]
    constant = [name for name in names if frame[name].nunique(dropna=False) == 1]
    return [
        f"column {name} is the same in every patient left; take it out of the formula"
        for name in constant
    ]


def _check_arms(frame: pd.DataFrame, cohort: Cohort, field: str, when: str) -> None:
    """Raise where an arm has nobody at risk or no event."""
    problems = []
    for code, arm in ((1, "treated"), (0, "control")):
        own = frame[frame["treatment"] == code]
        if own.empty or own["event"].sum() == 0:
            what = "no patient" if own.empty else "no event"
            problems.append(Problem(f"[design] {field}", f"leaves {what} {arm} {when}"))
    if problems:
        raise InputError(problems, source=cohort.source)


def small_arm_notes(cohort: Cohort) -> list[str]:
    """Return arms that the design has left small, in words."""
    if cohort.time_dependent:
        return []  # Everybody gives time without treatment.
    counts = cohort.frame["treatment"].value_counts()
    names = {1: "treated", 0: "control"}
    return [
        f"The design leaves {int(counts.get(code, 0))} {name} patients, fewer than "
        f"{defaults.SMALL_ARM}."
        for code, name in names.items()
        if counts.get(code, 0) < defaults.SMALL_ARM
    ]
