"""Read and validate a cohort: one row a patient, every fault named at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from hccbayes import defaults
from hccbayes.cohort.checks import (
    cell_problems,
    column_problems,
    counted,
    identifier_problems,
    table_warnings,
)
from hccbayes.cohort.review import cohort_problems, cohort_warnings
from hccbayes.cohort.source import read_patient_table
from hccbayes.cohort.values import final_frame, row_names, typed_values, used_cells
from hccbayes.errors import InputError
from hccbayes.records import ArmSummary, CohortSummary, Exclusion
from hccbayes.roles import Roles


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cohort:
    """Validated patients, one row each.

    Parameters
    ----------
    frame
        ``patient`` (text), ``entry`` and ``time`` (months since time zero), ``event`` (1 event,
        0 censored), ``treatment`` (1 treated, 0 control), ``center`` (text; only where the roles
        name one), ``treatment_start`` (months since time zero, infinite where the treatment never
        started; only where the roles name it), then each covariate under its own name: numbers, or
        text for a category. Rows are numbered from zero in the order of the source. Nothing is
        missing, but covariates under the policy ``impute``.
    roles
        Which column of the source was what, and the policies it was read under.
    source
        File name, ``dataset:NAME``, ``synthetic:NAME`` or ``DataFrame``.
    sha256
        Digest of the file's bytes, or of the frame's column names and content.
    synthetic
        Name of the synthetic cohort that this is; empty for patients.
    rows_read
        Rows of the source, excluded ones among them.
    exclusions
        Who was left out by a policy, one record a reason; nobody is counted twice.
    warnings
        Sentences about what deserves attention and stops nothing.
    time_dependent
        Whether treatment counts from its start alone (``treatment_start``): a patient is then
        untreated until it, and ``treatment`` says who was ever treated. Made by
        :func:`hccbayes.time_zero.time_dependent`.
    design
        The design of time zero that made it, in words; empty as it was read.
    """

    frame: pd.DataFrame
    roles: Roles
    source: str
    sha256: str
    synthetic: str
    rows_read: int
    exclusions: tuple[Exclusion, ...]
    warnings: tuple[str, ...]
    time_dependent: bool = False
    design: str = ""

    def summary(self) -> CohortSummary:
        """Return what a report says of the cohort; no patient's row is in it."""
        return CohortSummary(
            source=self.source,
            sha256=self.sha256,
            synthetic=self.synthetic,
            rows_read=self.rows_read,
            arms={"treated": self._arm("treated", 1), "control": self._arm("control", 0)},
            centers=int(self.frame["center"].nunique()) if "center" in self.frame else 0,
            exclusions=tuple((exclusion.reason, exclusion.count) for exclusion in self.exclusions),
            warnings=self.warnings,
        )

    def episodes(self) -> pd.DataFrame:
        """Return the episodes of follow-up: one a patient, or two where treatment started later.

        Returns
        -------
        pandas.DataFrame
            ``patient``, ``start`` and ``stop`` (months since time zero; at risk in
            ``(start, stop]``), ``event``, ``treatment``, ``center`` and the covariates, and
            ``patient_index``, the patient's row in `frame`.
        """
        frame = self.frame.rename(columns={"entry": "start", "time": "stop"})
        frame = frame.assign(patient_index=np.arange(len(frame)))
        return switched_episodes(frame) if self.time_dependent else frame

    def at_risk_frame(self) -> pd.DataFrame:
        """Return the episodes in the form of `frame`, with ``entry`` and ``time``.

        What compares arms at risk (Kaplan-Meier, log-rank, Cox) reads these rows; they are those
        of `frame` unless treatment is time-dependent.
        """
        if not self.time_dependent:
            return self.frame
        return self.episodes().rename(columns={"start": "entry", "stop": "time"})

    def _arm(self, arm: str, code: int) -> ArmSummary:
        at_risk = self.at_risk_frame()
        rows = at_risk[at_risk["treatment"] == code]
        return ArmSummary(
            label=self.roles.arm.names[arm],
            patients=int((self.frame["treatment"] == code).sum()),
            events=int(rows["event"].sum()),
            person_months=float((rows["time"] - rows["entry"]).sum()),
        )


def switched_episodes(frame: pd.DataFrame) -> pd.DataFrame:
    """Split follow-up at the start of treatment, so that it counts from then on alone.

    A treatment that starts at the end of follow-up has no time at risk, so that the patient is
    untreated throughout (the rule of R's ``tmerge``).

    Parameters
    ----------
    frame
        ``start`` and ``stop`` of follow-up (months), ``event``, ``treatment_start`` (infinite where
        it never started); one row a patient. Other columns are carried along.

    Returns
    -------
    pandas.DataFrame
        One or two rows a patient, in the patients' order; ``treatment`` is 0 before the start of
        treatment and 1 after it.
    """
    begin, end = frame["start"].to_numpy(), frame["stop"].to_numpy()
    switch, event = frame["treatment_start"].to_numpy(), frame["event"].to_numpy()
    split = frame.assign(
        stop=np.minimum(end, switch), event=np.where(switch < end, 0, event), treatment=0
    )
    treated = frame.assign(start=np.maximum(begin, switch), treatment=1)
    both = pd.concat([split[switch > begin], treated[switch < end]])
    order = np.lexsort([both["start"].to_numpy(), both["patient_index"].to_numpy()])
    return both.iloc[order].reset_index(drop=True)


def read_cohort(data: pd.DataFrame | str | Path, roles: Roles) -> Cohort:
    """Read and validate one row a patient.

    Parameters
    ----------
    data
        A frame, which is left as it is; the path of a ``.csv`` (UTF-8, comma-separated) or
        ``.parquet`` file; ``dataset:NAME``; or ``synthetic:NAME``. The same table gives the same
        cohort either way.
    roles
        Which column is what, and the policies for zero follow-up and missing values.

    Returns
    -------
    Cohort
        Times in months, treated as 1 and control as 0. ``missing = "exclude"`` leaves out rows
        with a missing value in a used column, then ``zero_time`` is applied; both are on record.
        ``missing = "impute"`` keeps rows with missing covariates.

    Raises
    ------
    InputError
        If anything is wrong; every problem that can be evaluated is in it, with the patients
        concerned (``line 7``, the seventh row below the header, where there is no identifier).
    """
    table = read_patient_table(data)
    problems = column_problems(table, roles)
    cells = used_cells(table, roles)
    names = row_names(cells, roles)
    problems += identifier_problems(cells, roles)
    kept, missing = _apply_missing_policy(cells, roles, names)
    problems += cell_problems(kept, roles, names, table.categories)
    values, zero, replaced = _apply_zero_time_policy(
        typed_values(kept, roles, table.categories), roles, names
    )
    problems += cohort_problems(values, roles, names)
    if problems:
        raise InputError(problems, source=table.source)
    frame = final_frame(values, roles)
    if table.synthetic:
        frame.attrs["synthetic"] = table.synthetic
    return Cohort(
        frame=frame,
        roles=roles,
        source=table.source,
        sha256=table.sha256,
        synthetic=table.synthetic,
        rows_read=len(table.cells),
        exclusions=tuple(missing + zero),
        warnings=(
            *table_warnings(table, cells, roles),
            *replaced,
            *cohort_warnings(frame, roles),
        ),
    )


def _apply_missing_policy(
    cells: pd.DataFrame, roles: Roles, names: pd.Series
) -> tuple[pd.DataFrame, list[Exclusion]]:
    """Return the rows that stay, and one exclusion for each set of columns missing together."""
    # A start of treatment that is not there means that it never started.
    absent = cells.drop(columns=roles.start_column or [], errors="ignore").isna()
    incomplete = absent.any(axis="columns")
    if roles.missing != "exclude" or not incomplete.any():
        return cells, []
    rows_by_columns: dict[tuple[str, ...], list[str]] = {}
    for row in cells.index[incomplete]:
        columns = tuple(str(column) for column in absent.columns[absent.loc[row]])
        rows_by_columns.setdefault(columns, []).append(names.loc[row])
    exclusions = [
        Exclusion(
            reason=f"missing value in {' and '.join(columns)} (missing = 'exclude')", ids=tuple(ids)
        )
        for columns, ids in sorted(rows_by_columns.items())
    ]
    return cells[~incomplete], exclusions


def _apply_zero_time_policy(
    values: pd.DataFrame, roles: Roles, names: pd.Series
) -> tuple[pd.DataFrame, list[Exclusion], list[str]]:
    """Return the values after the policy, what it excluded, and what it replaced as a warning."""
    if "time" not in values or roles.zero_time == "error":
        return values, [], []
    zero = values["time"] == 0
    if not zero.any():
        return values, [], []
    if roles.zero_time == "exclude":
        ids = tuple(names.loc[values.index[zero]])
        reason = "follow-up of zero (zero_time = 'exclude')"
        return values[~zero], [Exclusion(reason=reason, ids=ids)], []
    half = 0.5 * defaults.MONTHS_PER_UNIT[roles.time_unit]
    unit = roles.time_unit.removesuffix("s")
    warning = (
        f"{counted(int(zero.sum()), 'follow-up')} of zero set to half a {unit} "
        f"({half:.3g} months; zero_time = 'half_unit')"
    )
    return values.assign(time=values["time"].mask(zero, half)), [], [warning]
