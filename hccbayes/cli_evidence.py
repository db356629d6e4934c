"""The commands ``evidence`` and ``audit``: published numbers, and checks of them.

Exit status: 0 good; 1 the audit raised an alarm; 2 bad input.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, NoReturn

import typer

from hccbayes.errors import HccbayesError, InputError, Problem

if TYPE_CHECKING:
    import pandas as pd

ALARM = 1
BAD_INPUT = 2

_SHOWN: Final[dict[str, tuple[str, ...]]] = {
    "hazard_ratios": (
        *("study", "endpoint", "analysis_set", "contrast", "HR (interval)", "level of interval"),
        *("SE", "use", "flags"),
    ),
    "baseline": ("study", "variable", "level", "analysis_set", "arm", "count", "percent", "use"),
    "outcomes": ("study", "endpoint", "analysis_set", "arm_label", "n", "events", "median", "use"),
    "survival_rates": (
        *("study", "endpoint", "analysis_set", "arm", "month", "printed_percent", "at_risk"),
        "reason",
    ),
    "responses": ("study", "criterion", "analysis_set", "arm_label", "category", "count", "total"),
    "adverse_events": ("study", "event", "grade", "arm_label", "count", "total", "percent"),
    "progression_patterns": ("study", "mode", "arm_label", "printed_percent", "count", "reason"),
    "exposure": ("study", "exposure", "analysis_set", "arm_label", "statistic", "value", "sd"),
    "inconsistencies": ("id", "study", "severity", "location", "printed", "expected", "found_by"),
}
"""Columns printed of each table; every column of the others."""

TableOption = Annotated[
    str, typer.Option("--table", metavar="NAME", help="hazard_ratios, baseline, outcomes, ...")
]
StudyOption = Annotated[
    str | None, typer.Option("--study", metavar="NAME", help="One study, e.g. Chen2025.")
]
EndpointOption = Annotated[
    str | None, typer.Option("--endpoint", metavar="NAME", help="One endpoint, e.g. OS.")
]
AllOption = Annotated[bool, typer.Option("--all", help="Rows that cannot be used as well.")]
CsvOption = Annotated[bool, typer.Option("--csv", help="Print every column as CSV.")]
FileArgument = Annotated[
    Path | None,
    typer.Argument(metavar="FILE.csv", help="Published numbers; the shipped ones without it."),
]
KindOption = Annotated[
    str | None,
    typer.Option("--kind", metavar="KIND", help="Kind of table; told from its columns without it."),
]
NotesOption = Annotated[bool, typer.Option("--notes", help="Print notes as well as alarms.")]
ReportOption = Annotated[
    bool, typer.Option("--misprints", help="Report unreadable cells instead of refusing the file.")
]


def evidence(
    name: TableOption = "hazard_ratios",
    study: StudyOption = None,
    endpoint: EndpointOption = None,
    every_row: AllOption = False,
    csv: CsvOption = False,
) -> None:
    """Print a table of published numbers, effects treated over control."""
    from hccbayes.evidence import select, table

    try:
        every = select(table(name, usable_only=False), study=study, endpoint=endpoint)
    except HccbayesError as error:
        _fail(error)
    whole = every_row or "use" not in every
    frame = every if whole else every[every["use"] != "no"]
    if csv:
        typer.echo(frame.to_csv(index=False, lineterminator="\n"), nl=False)
        return
    shown = _hazard_ratios(frame) if name == "hazard_ratios" else frame
    columns = [column for column in _SHOWN.get(name, tuple(frame.columns)) if column in shown]
    _print_table(shown[columns], f"Published {name.replace('_', ' ')}, {len(frame)} rows")
    if not whole:
        reasons = every.loc[every["use"] == "no", "reason"].value_counts()
        for reason, count in reasons.items():
            typer.echo(f"Left out: {count}, {reason}")


def audit(
    file: FileArgument = None,
    kind: KindOption = None,
    notes: NotesOption = False,
    misprints: ReportOption = False,
    csv: CsvOption = False,
) -> None:
    """Check published numbers against each other; rounding is part of every check."""
    from hccbayes.evidence import alarms

    try:
        found = _findings(file, kind, misprints)
    except (HccbayesError, OSError) as error:
        _fail(error)
    raised = alarms(found)
    shown = found if notes else raised
    if csv:
        typer.echo(shown.to_csv(index=False, lineterminator="\n"), nl=False)
    else:
        typer.echo(_title(found, raised))
        for row in shown.to_dict("records"):
            typer.echo(_finding_text({str(name): value for name, value in row.items()}))
    raise typer.Exit(ALARM if len(raised) else 0)


def _findings(file: Path | None, kind: str | None, misprints: bool) -> pd.DataFrame:
    from hccbayes import evidence as published

    if file is None:
        if kind is not None:
            raise InputError(Problem("--kind", "goes with a file; name one"))
        return published.audit_shipped()
    named = published.kind_of(file) if kind is None else kind
    return published.audit(file, kind=named, unreadable="report" if misprints else "error")


def _title(found: pd.DataFrame, raised: pd.DataFrame) -> str:
    quiet = len(found) - len(raised)
    alarms = "No alarm" if len(raised) == 0 else f"{len(raised)} alarms"
    return f"{alarms}, {quiet} notes" if quiet else alarms


def _finding_text(row: dict[str, Any]) -> str:
    """Return a finding as a line that says where it is and one that says what it is."""
    place = f"{row['table']} " if "table" in row else ""
    what = ", ".join(text for text in (row["study"], row["item"]) if text)
    numbers = [f"{name} {row[name]}" for name in ("printed", "expected") if row[name]]
    detail = f" ({'; '.join(numbers)})" if numbers else ""
    return f"\n{row['severity']}: {place}row {row['row']}, {what}\n    {row['message']}{detail}"


def _hazard_ratios(frame: pd.DataFrame) -> pd.DataFrame:
    """Return hazard ratios in the words a reader expects."""
    contrast = frame["comparison"].where(
        frame["term"] == "treatment", frame["covariate"] + " " + frame["level"]
    )
    adjusted = frame["adjusted"].map({"yes": ", adjusted"}).fillna("")
    interval = [
        f"{hr:.2f}" if lower != lower else f"{hr:.2f} ({lower:.2f}-{upper:.2f})"
        for hr, lower, upper in frame[["hr", "lower", "upper"]].itertuples(index=False)
    ]
    shown = frame.assign(contrast=contrast + adjusted)
    shown["HR (interval)"] = ["" if text == "nan" else text for text in interval]
    shown["level of interval"] = frame["interval_prob"].map("{:.0%}".format, na_action="ignore")
    shown["SE"] = frame["se"].map("{:.3f}".format, na_action="ignore")
    return shown


def _print_table(frame: pd.DataFrame, title: str) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=title, box=SIMPLE_HEAD, padding=(0, 1, 0, 0), title_justify="left")
    for column in frame.columns:
        table.add_column(str(column).replace("_", " "), overflow="fold")
    for row in frame.itertuples(index=False):
        table.add_row(*("" if value != value else escape(_text(value)) for value in row))
    Console().print(table)


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _fail(error: Exception) -> NoReturn:
    """Print a user's mistake without a traceback and leave with status 2."""
    typer.echo(str(error), err=True)
    raise typer.Exit(BAD_INPUT)
