"""Designs of time zero on the terminal: the target trial, and designs side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape

from hccbayes.console import new_table
from hccbayes.report.numbers import format_interval
from hccbayes.time_zero.protocol import target_trial

if TYPE_CHECKING:
    from hccbayes.design_comparison import DesignComparison
    from hccbayes.records import CohortSummary
    from hccbayes.spec import AnalysisSpec

_SHOWN = {"marginal_hr": "marginal hazard ratio", "rmst_difference": "months gained"}


def print_target_trial(spec: AnalysisSpec) -> None:
    """Print the protocol of the target trial beside its emulation."""
    found = target_trial(spec)
    table = new_table("Target trial and its emulation", *found.columns, numbers=())
    for row in found.itertuples(index=False):
        table.add_row(*(escape(str(cell)) for cell in row))
    Console().print(table)


def print_designs(
    result: DesignComparison, summary: CohortSummary, directory: Path, *, quiet: bool
) -> None:
    """Print the verdict, each design's effect, and where the files are."""
    console = Console()
    failed = [name for name, one in result.diagnoses.items() if not one.passed]
    if failed:
        sentence = f"DIAGNOSTICS FAILED, do not use: {', '.join(failed)}"
        console.print(escape(sentence), style="bold red", highlight=False)
    else:
        console.print("Diagnostics passed for every design.", style="green")
    if summary.synthetic:
        console.print(escape(summary.notice), style="bold yellow", highlight=False)
    if quiet:
        return
    table = new_table(
        "Posterior effect by design, treated over control",
        "design",
        numbers=_SHOWN.values(),
    )
    bayes = result.estimates[result.estimates["source"] == "bayes"]
    for _, design in result.designs.iterrows():
        own = bayes[bayes["model"].str.endswith(f": {design['design']}")]
        found = {
            str(row["estimand"]): format_interval(row)
            for _, row in own[own["estimand"].isin(list(_SHOWN))].iterrows()
        }
        table.add_row(escape(str(design["design"])), *(found.get(name, "") for name in _SHOWN))
    console.print(table)
    for name, notes in result.notes.items():
        for note in notes:
            console.print(f"{escape(name)}: {escape(note)}", style="yellow", highlight=False)
    console.print(f"Figure: {escape(str(directory / 'figures' / 'designs.png'))}", soft_wrap=True)
    console.print(f"Report: {escape(str(directory / 'report.md'))}", soft_wrap=True)
