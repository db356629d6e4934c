"""The commands ``evidence`` and ``audit``: published numbers, and checks of them.

Exit status: 0 good; 1 the audit raised an alarm; 2 bad input.
"""

from __future__ import annotations

import textwrap
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
        *("study", "endpoint", "contrast", "HR (interval)", "level", "use"),
        *("analysis_set", "flags", "SE"),
    ),
    "baseline": ("study", "variable", "level", "arm", "count", "percent", "analysis_set", "use"),
    "outcomes": ("study", "endpoint", "arm_label", "n", "events", "median", "analysis_set", "use"),
    "survival_rates": (
        *("study", "endpoint", "arm", "month", "printed_percent", "at_risk", "analysis_set"),
        "reason",
    ),
    "responses": (
        *("study", "category", "arm_label", "count", "total", "percent", "criterion"),
        *("analysis_set", "use"),
    ),
    "adverse_events": ("study", "event", "grade", "arm_label", "count", "total", "percent"),
    "progression_patterns": ("study", "mode", "arm_label", "printed_percent", "count", "reason"),
    "exposure": ("study", "exposure", "arm_label", "statistic", "value", "sd", "analysis_set"),
    "inconsistencies": ("id", "severity", "study", "printed", "found_by", "location", "expected"),
}
"""Columns printed of each table, every column of the others; the last ones go first where the
terminal is narrow."""
_MOST_LINES: Final = 4
"""Lines that the longest cell of a column may take before the column is left out."""
_GAP: Final = 2
"""Characters between two columns."""

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
    # What was asked for is the same in every row: it stands in the title.
    asked = {"study": study, "endpoint": endpoint}
    columns = [
        column
        for column in _SHOWN.get(name, tuple(frame.columns))
        if column in shown and not asked.get(column)
    ]
    words = [f"Published {name.replace('_', ' ')}", *filter(None, asked.values())]
    _print_table(shown[columns], ", ".join([*words, _rows(len(frame))]))
    if not whole:
        reasons = every.loc[every["use"] == "no", "reason"].value_counts()
        for reason, count in reasons.items():
            _say(f"Left out: {_rows(count)}, {reason}")


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
            _say_finding({str(name): value for name, value in row.items()})
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
    alarms = _counted(len(raised), "alarm") if len(raised) else "No alarm"
    return f"{alarms}, {_counted(quiet, 'note')}" if quiet else alarms


def _say_finding(row: dict[str, Any]) -> None:
    """Print a finding as a line that says where it is and one that says what it is."""
    place = f"{row['table']} " if "table" in row else ""
    what = ", ".join(text for text in (row["study"], row["item"]) if text)
    numbers = [f"{name} {row[name]}" for name in ("printed", "expected") if row[name]]
    detail = f" ({'; '.join(numbers)})" if numbers else ""
    typer.echo()
    _say(f"{row['severity']}: {place}row {row['row']}, {what}")
    _say(f"    {row['field']}: {row['message']}{detail}")


def _hazard_ratios(frame: pd.DataFrame) -> pd.DataFrame:
    """Return hazard ratios in the words a reader expects."""
    contrast = frame["comparison"].where(
        frame["term"] == "treatment", frame["covariate"] + " " + frame["level"]
    )
    adjusted = frame["adjusted"].map({"yes": ", adjusted"}).fillna("")
    interval = [
        f"{hr:.2f}" if lower != lower else f"{hr:.2f}\N{NO-BREAK SPACE}({lower:.2f}-{upper:.2f})"
        for hr, lower, upper in frame[["hr", "lower", "upper"]].itertuples(index=False)
    ]
    shown = frame.assign(contrast=contrast + adjusted)
    shown["HR (interval)"] = ["" if text == "nan" else text for text in interval]
    shown["level"] = frame["interval_prob"].map("{:.0%}".format, na_action="ignore")
    shown["flags"] = frame["flags"].str.replace("_", " ")
    shown["SE"] = frame["se"].map("{:.3f}".format, na_action="ignore")
    return shown


def _print_table(frame: pd.DataFrame, title: str) -> None:
    """Print as many of the columns as fit without a broken word, and say which do not."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    if len(frame) == 0:
        typer.echo(title)
        return
    console = Console()
    cells = frame.map(_text)
    cells.columns = [str(column).replace("_", " ") for column in frame.columns]
    widths = column_widths(cells, console.width)
    padding = (0, _GAP - 1, 0, 0)
    table = Table(title=title, box=SIMPLE_HEAD, padding=padding, title_justify="left")
    table.show_edge = table.pad_edge = False
    for column, width in widths.items():
        table.add_column(escape(column), width=width)
    for row in cells[list(widths)].itertuples(index=False):
        table.add_row(*map(escape, row))
    console.print(table, highlight=False)
    hidden = [str(column) for column in cells if column not in widths]
    if hidden:
        _say(f"Not shown in {console.width} characters: {', '.join(hidden)}.")
        _say("A wider terminal shows more, --csv every column.")


def column_widths(cells: pd.DataFrame, width: int) -> dict[str, int]:
    """Return the widths of the columns that fit, leaving out the last ones where they do not.

    A column is at least as wide as its longest word, and so wide that no cell takes more than
    :data:`_MOST_LINES` lines; what is left over goes to the columns from left to right.

    Parameters
    ----------
    cells
        Text.
    width
        Characters of the terminal.
    """
    least: dict[str, int] = {}
    for column in cells:
        texts = [str(column), *cells[column]]
        word = max(len(word) for text in texts for word in text.split(" "))
        lines = max(-(-len(text) // _MOST_LINES) for text in texts)
        if least and sum(least.values()) + max(word, lines) + _GAP * len(least) > width:
            break
        least[str(column)] = max(word, lines)
    left = width - sum(least.values()) - _GAP * (len(least) - 1)
    widths = {}
    for column, own in least.items():
        wanted = max(len(text) for text in [column, *cells[column]])
        more = max(0, min(left, wanted - own))
        widths[column], left = own + more, left - more
    return widths


def _text(value: object) -> str:
    """Return a cell as text; numbers keep together, words may be on two lines."""
    if value != value:
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _rows(count: int) -> str:
    return _counted(count, "row")


def _say(text: str, *, err: bool = False) -> None:
    """Print a text in lines as wide as the terminal, without a broken word."""
    from rich.console import Console

    indent = " " * (len(text) - len(text.lstrip()) + 2)
    lines = textwrap.wrap(
        text,
        Console(stderr=err).width,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    typer.echo("\n".join(lines), err=err)


def _fail(error: Exception) -> NoReturn:
    """Print a user's mistake without a traceback and leave with status 2."""
    for line in str(error).splitlines():
        _say(line, err=True)
    raise typer.Exit(BAD_INPUT)
