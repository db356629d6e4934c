"""Which column plays which part: the ``[data]`` section of a model file."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

RESERVED_COLUMNS: tuple[str, ...] = (
    "patient",
    "entry",
    "time",
    "event",
    "treatment",
    "center",
    "treatment_start",
)
"""Names a cohort's frame uses for the roles; a covariate may not bear one of them."""

TimeUnit = Literal["days", "weeks", "months", "years"]
ZeroTimePolicy = Literal["error", "half_unit", "exclude"]
MissingPolicy = Literal["error", "exclude", "impute"]
ColumnName = Annotated[str, Field(min_length=1)]
Label = str | int | float | bool


class FrozenModel(BaseModel):
    """Base of the model file's sections: immutable, unknown fields refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class ArmRole(FrozenModel):
    """The column that names the arm, and its two labels.

    Parameters
    ----------
    column
        Column of the data.
    treated, control
        Labels of the arms, as they stand in the column; every effect is treated over control.
    treated_name, control_name
        Names for figures and reports; the labels where they are left out.
    """

    column: ColumnName
    treated: Label
    control: Label
    treated_name: str | None = None
    control_name: str | None = None

    @model_validator(mode="after")
    def _labels_differ(self) -> ArmRole:
        if str(self.treated) == str(self.control):
            raise ValueError("`treated` and `control` carry the same label; name two arms")
        return self

    @property
    def names(self) -> dict[str, str]:
        """Display names by arm."""
        return {
            "treated": self.treated_name or str(self.treated),
            "control": self.control_name or str(self.control),
        }


class TimeColumn(FrozenModel):
    """A column of times since time zero, and their unit.

    Parameters
    ----------
    column
        Column of the data.
    unit
        Unit of its numbers.
    """

    column: ColumnName
    unit: TimeUnit = "months"


class Roles(FrozenModel):
    """Columns of a patient table and the policies for reading them.

    Parameters
    ----------
    id
        Column of the patient identifier; one row a patient.
    time
        Follow-up from time zero to death or last contact, in `time_unit`.
    event
        1 for the event, 0 for censored.
    arm
        Treated and control.
    entry
        Delayed entry, in `time_unit`; nobody is at risk before it.
    treatment_start
        Time from time zero to the start of the added treatment, empty where it never started.
    center
        Column of the hospital.
    covariates
        Columns the model's formulas use; taken from the formulas where a model file is read.
    zero_time
        What to do with a follow-up of exactly zero: ``error``, ``half_unit`` (half a day, week,
        month or year, whichever the unit is), or ``exclude``.
    missing
        What to do with a missing value in a used column: ``error``; ``exclude``, which leaves the
        patient out; or ``impute``, which keeps patients with missing covariates for
        :func:`hccbayes.sensitivity.missing_data_analysis`. Nothing but a covariate is imputed.
    time_unit
        Unit of the time columns; everything inside the package is in months.
    time_zero
        What happens at time zero, in words; printed in the report.
    """

    id: ColumnName
    time: ColumnName
    event: ColumnName
    arm: ArmRole
    entry: ColumnName | None = None
    treatment_start: TimeColumn | None = None
    center: ColumnName | None = None
    covariates: tuple[ColumnName, ...] = ()
    zero_time: ZeroTimePolicy = "error"
    missing: MissingPolicy = "error"
    time_unit: TimeUnit = "months"
    time_zero: str = ""

    @model_validator(mode="after")
    def _columns_differ(self) -> Roles:
        named = [self.id, self.time, self.event, self.arm.column]
        named += [column for column in (self.entry, self.start_column, self.center) if column]
        twice = sorted({column for column in named if named.count(column) > 1})
        if twice:
            raise ValueError(f"the same column has two roles: {', '.join(twice)}")
        return self

    @property
    def start_column(self) -> str | None:
        """Column of the start of treatment, where there is one."""
        return None if self.treatment_start is None else self.treatment_start.column

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that is used, in a stable order, each once."""
        named = [self.id, self.entry, self.time, self.event, self.arm.column, self.center]
        named.append(self.start_column)
        used = [column for column in named if column]
        return tuple(dict.fromkeys([*used, *self.covariates]))
