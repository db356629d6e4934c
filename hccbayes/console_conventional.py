"""What the command ``conventional`` shows: the tables of a paper, and what to think of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from hccbayes.frequentist.workflow import ConventionalAnalysis
from hccbayes.records import CohortSummary
from hccbayes.report.conventional_tables import effect_line, text_tables
from hccbayes.report.text_cells import TextTable
from hccbayes.spec import AnalysisSpec

_WORD_WIDTH: Final = 12
"""Characters that a column of words beside the first one can do with."""


def print_conventional(
    result: ConventionalAnalysis,
    *,
    spec: AnalysisSpec,
    summary: CohortSummary,
    notes: Sequence[str],
    directory: Path,
    quiet: bool,
) -> None:
    """Print tables, notes and where files are; a quiet one prints the effect alone.

    Parameters
    ----------
    result
        The tables.
    spec
        The model file.
    summary
        The cohort in numbers.
    notes
        Rules behind the tables, and cautions.
    directory
        The results folder.
    quiet
        Print the treatment's hazard ratio in a line, and the notice of a synthetic cohort.
    """
    console = Console(soft_wrap=True) if quiet else Console()
    if not quiet:
        console.print(Text(spec.model.question, style="bold"))
    console.print(Text(effect_line(result)))
    if summary.synthetic:
        console.print(Text(summary.notice, style="bold yellow"))
    if quiet:
        return
    console.print()
    for table in text_tables(result):
        console.print(_drawn(table, console.width))
        for note in table.notes:
            console.print(Text(f"  {note}", style="dim"))
    for reason, count in summary.exclusions:
        console.print(Text(f"Left out: {count}, {reason}"))
    single = result.estimates.attrs["notes"]
    for sentence in (*spec.model.caveats, *notes):
        if sentence != summary.notice and sentence not in single:  # The notice stands at the top.
            console.print(Text(f"Note: {sentence}", style="yellow"))
    if single:
        console.print(
            Text(f"Notes on single numbers of estimates.csv, {len(single)}: see report.md")
        )
    console.print(f"Tables:  {directory}", markup=False, highlight=False, soft_wrap=True)
    console.print(
        f"Figures: {directory / 'figures'}", markup=False, highlight=False, soft_wrap=True
    )
    console.print(
        f"Report:  {directory / 'report.md'}", markup=False, highlight=False, soft_wrap=True
    )


def _drawn(table: TextTable, width: int) -> Table:
    """Return a table for the terminal: words fold, numbers are never cut."""
    drawn = Table(
        title=Text(table.title), box=SIMPLE_HEAD, padding=(0, 1, 0, 0), title_justify="left"
    )
    first = _first_width(table, width)
    for place, name in enumerate(table.header):
        if place < table.texts:
            drawn.add_column(name, overflow="fold", min_width=None if place else first)
        else:
            drawn.add_column(name, justify="right", no_wrap=True)
    for row in table.rows:
        # As text: a bracket of the data is no markup.
        drawn.add_row(*(Text(cell) for cell in row))
    return drawn


def _first_width(table: TextTable, width: int) -> int:
    """Return the characters of the first column: its longest word, so far as there is room."""
    columns = list(zip(table.header, *table.rows, strict=True))
    longest = max(len(word) for cell in columns[0] for word in cell.split(" "))
    others = 0
    for place, cells in enumerate(columns[1:], start=1):
        widest = max(len(cell) for cell in cells)
        others += min(widest, _WORD_WIDTH) if place < table.texts else widest
    edges = 2 * len(columns) + 1
    return max(1, min(longest, width - others - edges))
