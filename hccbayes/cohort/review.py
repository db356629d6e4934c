"""What may be wrong, or deserves attention, in the patients of a cohort taken together.

Problems are judged on whatever the checks of the cells left readable; warnings only on a cohort
without a problem.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from hccbayes import defaults
from hccbayes.cohort.checks import counted, listed, role_columns
from hccbayes.errors import Problem
from hccbayes.roles import Roles

_COARSE_UNITS: Final = ("days", "months", "weeks")
"""Units mistaken for a longer one, the likelier first."""


def cohort_problems(values: pd.DataFrame, roles: Roles, names: pd.Series) -> list[Problem]:
    """Return what is wrong with the patients who remain, taken together.

    Parameters
    ----------
    values
        From :func:`hccbayes.cohort.values.typed_values`, exclusions made.
    roles
        Which column is what.
    names
        What each row is called, by the index of `values`.
    """
    if len(values) == 0:
        return [Problem("data", "no patient is left after the exclusions")]
    problems = _unit_problems(values, roles, names) + _arm_problems(values, roles)
    problems += _start_problems(values, roles, names)
    own = role_columns(roles)
    for name in dict.fromkeys(roles.covariates):
        # Under a reserved name stands the role's own column, not the covariate.
        if name in values and own.get(name, name) == name and len(values) > 1:
            problems += _covariate_problems(values[name], names, imputed=roles.missing == "impute")
    return problems


def _unit_problems(values: pd.DataFrame, roles: Roles, names: pd.Series) -> list[Problem]:
    if "time" not in values or values["time"].notna().sum() == 0:
        return []
    time = values["time"]
    median, largest = float(time.median()), float(time.max())
    if median > defaults.IMPLAUSIBLE_MEDIAN_MONTHS:
        what, rows = f"median follow-up would be {median / 12:.1f} years", ()
    elif largest > defaults.IMPLAUSIBLE_LARGEST_MONTHS:
        what = f"longest follow-up would be {largest / 12:.1f} years"
        rows = tuple(names.loc[time.index[time > defaults.IMPLAUSIBLE_LARGEST_MONTHS]])
    else:
        return []
    question = _unit_question(median, roles)
    return [Problem(f"column {roles.time}", f"{what}; {question}", rows)]


def _unit_question(median: float, roles: Roles) -> str:
    declared = defaults.MONTHS_PER_UNIT[roles.time_unit]
    for unit in _COARSE_UNITS:
        factor = defaults.MONTHS_PER_UNIT[unit]
        if factor < declared and median * factor / declared > defaults.IMPLAUSIBLE_SHORTEST_MONTHS:
            return f"were {unit} declared as {roles.time_unit}?"
    return f"is time_unit = '{roles.time_unit}' right?"


def _arm_problems(values: pd.DataFrame, roles: Roles) -> list[Problem]:
    if "treatment" not in values:
        return []
    where = f"column {roles.arm.column}"
    labels = {1.0: roles.arm.treated, 0.0: roles.arm.control}
    sizes = {code: int((values["treatment"] == code).sum()) for code in labels}
    empty = [label for code, label in labels.items() if sizes[code] == 0]
    if empty:
        return [Problem(where, f"no patient bears the label {listed(empty)}; two arms are needed")]
    if "event" not in values:
        return []
    problems = []
    for code, label in labels.items():
        found = values.loc[values["treatment"] == code, "event"]
        # An unreadable event may be one: then there is nothing to say yet.
        if found.notna().all() and found.sum() == 0:
            message = f"none of the {counted(len(found), 'patient')} of arm '{label}' has the event"
            problems.append(Problem(where, f"{message}, so that no effect can be estimated"))
    return problems


def _start_problems(values: pd.DataFrame, roles: Roles, names: pd.Series) -> list[Problem]:
    """Return starts of treatment that the follow-up or the arm contradicts."""
    if not {"treatment_start", "time"} <= set(values):
        return []
    start, where = values["treatment_start"], f"column {roles.start_column}"
    problems = []
    # A follow-up below 0 is a problem of its own.
    late = np.isfinite(start) & (start > values["time"]) & (values["time"] >= 0)
    if late.any():
        shown = ", ".join(
            f"{names[row]}: start {start[row]:.4g}, end {values.loc[row, 'time']:.4g}"
            for row in values.index[late][:3]
        )
        message = (
            f"treatment starts after the end of follow-up (months; {shown}); correct the dates, "
            "or leave the start empty where it was only planned"
        )
        problems.append(Problem(where, message, tuple(names[late[late].index])))
    if "treatment" in values:
        undated = (values["treatment"] == 1) & np.isinf(start)
        if undated.any():
            message = (
                f"no start of treatment for {counted(int(undated.sum()), 'patient')} of arm "
                f"'{roles.arm.treated}'; give it, or leave [design] treatment_start out and ask "
                "hccbayes.time_zero.immortal_bound what its absence may hide"
            )
            problems.append(Problem(where, message, tuple(names[undated[undated].index])))
    return problems


def _covariate_problems(column: pd.Series, names: pd.Series, *, imputed: bool) -> list[Problem]:
    """Return constant and single values; unless imputed, a missing one is its cell's problem."""
    where = f"column {column.name}"
    counts = column.dropna().value_counts()
    if imputed and len(counts) == 0:
        return [Problem(where, "is missing in every patient; leave it out")]
    if imputed and len(counts) == 1 and column.isna().any():
        message = f"is missing or {listed(counts.index)}; nothing tells what else it could be"
        return [Problem(where, f"{message}; leave it out")]
    if column.notna().all() and len(counts) == 1:
        message = f"has the same value {listed(counts.index)} in every patient; leave it out"
        return [Problem(where, message)]
    if pd.api.types.is_numeric_dtype(column):
        return []
    single = column[column.isin(counts.index[counts == 1])]
    if len(single) == 0:
        return []
    if len(single) == 1:
        message = f"category {listed(single)} with one patient; merge it with another"
    else:
        message = f"categories {listed(single)} with one patient each; merge them with others"
    return [Problem(where, message, tuple(names.loc[single.index]))]


def cohort_warnings(frame: pd.DataFrame, roles: Roles) -> list[str]:
    """Return warnings about a valid cohort: its arms, its follow-up, its centers.

    Parameters
    ----------
    frame
        The cohort's frame.
    roles
        Which column is what.
    """
    return [
        *_small_arms(frame, roles),
        *_short_follow_up(frame, roles),
        *_centers(frame, roles),
        *_incomplete(frame),
    ]


def _incomplete(frame: pd.DataFrame) -> list[str]:
    missing = frame.isna().sum()
    return [
        f"column {name}: {counted(int(count), 'value')} missing ({count / len(frame):.0%})"
        for name, count in missing[missing > 0].items()
    ]


def _small_arms(frame: pd.DataFrame, roles: Roles) -> list[str]:
    warnings = []
    for code, arm in ((1, "treated"), (0, "control")):
        size = int((frame["treatment"] == code).sum())
        if size < defaults.SMALL_ARM:
            patients = counted(size, "patient")
            warnings.append(
                f"arm {roles.arm.names[arm]} has {patients}, fewer than {defaults.SMALL_ARM}: "
                "its estimates lean on the model and on the priors"
            )
    return warnings


def _short_follow_up(frame: pd.DataFrame, roles: Roles) -> list[str]:
    longest = float(frame["time"].max())
    if longest >= defaults.IMPLAUSIBLE_SHORTEST_MONTHS:
        return []
    return [
        f"the longest follow-up is {longest:.2f} months: is time_unit = '{roles.time_unit}' right?"
    ]


def _centers(frame: pd.DataFrame, roles: Roles) -> list[str]:
    if "center" not in frame:
        return []
    centers = frame.groupby("center", sort=True).agg(
        patients=("event", "size"), events=("event", "sum"), treated=("treatment", "mean")
    )
    names = roles.arm.names
    alone = centers.index[centers["patients"] == 1]
    single_arm = centers[centers["treated"].isin([0.0, 1.0]) & (centers["patients"] > 1)]
    eventless = centers.index[centers["events"] == 0]
    warnings = []
    if len(centers) == 1:
        warnings.append(f"every patient comes from one center, {listed(centers.index)}")
    if len(alone):
        warnings.append(f"{counted(len(alone), 'center')} with one patient: {listed(alone, 20)}")
    if len(single_arm):
        shown = ", ".join(
            f"'{center}' ({names['treated'] if share == 1.0 else names['control']})"
            for center, share in single_arm["treated"].items()
        )
        warnings.append(f"{counted(len(single_arm), 'center')} with one arm only: {shown}")
    if len(eventless):
        shown = listed(eventless, 20)
        warnings.append(f"{counted(len(eventless), 'center')} without an event: {shown}")
    return warnings
