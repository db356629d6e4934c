"""What the command line shows: progress while it works, tables when it is done."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from hccbayes.crosscheck_remarks import TWIN
from hccbayes.records import ARM_CONTRASTS, POPULATIONS, CohortSummary
from hccbayes.report.numbers import (
    METHOD_NAMES,
    estimand_name,
    format_interval,
    format_probability,
)

if TYPE_CHECKING:
    import pandas as pd

    from hccbayes.analysis import Analysis
    from hccbayes.hazard_data import HazardData

_SHOWN: Final = ("hr", "marginal_hr", "survival_difference", "rmst_difference", "median")
_MARGINAL: Final = {"marginal_hr": "hazard ratio", "rmst_difference": "months gained"}


class ProgressBar:
    """Shows stages and draws as a progress bar."""

    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._task = bar.add_task("starting", total=None)

    def stage(self, name: str) -> None:
        """Finish the stage before and show the next one."""
        self._bar.update(self._task, total=1, completed=1)
        self._task = self._bar.add_task(name, total=None)

    def draws(self, done: int, total: int) -> None:
        """Show draws done of draws in all."""
        self._bar.update(self._task, completed=done, total=total)


@contextmanager
def progress(*, quiet: bool) -> Iterator[ProgressBar]:
    """Give a progress bar on standard error; a quiet one shows nothing."""
    columns = (
        SpinnerColumn(finished_text="+"),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), disable=quiet) as bar:
        watch = ProgressBar(bar)
        yield watch
        watch.stage("done")
        watch.draws(1, 1)


def print_verdict(analysis: Analysis) -> None:
    """Print the diagnostics' verdict and the treatment effect, a line each."""
    console = Console(soft_wrap=True)
    console.print(escape(analysis.diagnosis.headline()), highlight=False)
    for name, own in analysis.failed.items():
        console.print(escape(f"{name}: {own.headline()}"), highlight=False)
    console.print(escape(_effect_line(analysis.estimates, analysis.spec.headline)), highlight=False)
    if analysis.summary.synthetic:
        console.print(escape(analysis.summary.notice), style="yellow", highlight=False)


def print_analysis(analysis: Analysis, directory: Path) -> None:
    """Print the verdict, the main estimates, the cross-check, cautions and where files are."""
    console = Console()
    style = "green" if analysis.diagnosis.passed else "bold red"
    console.print(escape(analysis.diagnosis.headline()), style=style, highlight=False)
    for name, own in analysis.failed.items():
        console.print(escape(f"{name}: {own.headline()}"), style="bold red", highlight=False)
    console.print()
    console.print(f"[bold]{escape(analysis.spec.model.question)}[/bold]")
    if analysis.summary.synthetic:
        console.print(escape(analysis.summary.notice), style="bold yellow", highlight=False)
    console.print(escape(_effect_line(analysis.estimates, analysis.spec.headline)), highlight=False)
    console.print(_cohort_table(analysis.summary))
    console.print(_estimate_table(analysis.estimates, analysis.spec.headline))
    if analysis.further_diagnoses:
        console.print(_methods_table(analysis.estimates))
    if analysis.score_tables is not None:
        console.print(_weights_table(analysis.score_tables.weights))
        console.print(_balance_table(analysis.score_tables.balance))
    console.print(_crosscheck_table(analysis.crosscheck))
    _print_notes(console, analysis.summary, analysis.cautions)
    console.print(f"Figures: {escape(str(directory / 'figures'))}", soft_wrap=True)
    console.print(f"Report:  {escape(str(directory / 'report.md'))}", soft_wrap=True)


def print_check(summary: CohortSummary, data: HazardData, cautions: Sequence[str]) -> None:
    """Print that nothing is wrong, and what a fit would see."""
    console = Console()
    console.print("No problem found.", style="green")
    if summary.synthetic:
        console.print(escape(summary.notice), style="bold yellow", highlight=False)
    console.print(_cohort_table(summary))
    table = new_table("Intervals", "months", numbers=("events",))
    for label, count in zip(data.intervals, data.interval_events, strict=True):
        table.add_row(label, f"{count:g}")
    console.print(table)
    _print_notes(console, summary, cautions)


def _print_notes(console: Console, summary: CohortSummary, cautions: Sequence[str]) -> None:
    for reason, count in summary.exclusions:
        console.print(f"Left out: {count}, {escape(reason)}", highlight=False)
    for caution in cautions:
        if caution == summary.notice:
            continue  # It stands at the top.
        console.print(f"Caution: {escape(caution)}", style="yellow", highlight=False)


def _effect_line(estimates: pd.DataFrame, method: str) -> str:
    """Return the ratio that answers the question: conditional, or of strategies the marginal."""
    own = estimates[estimates["method"] == method]
    name = "hr" if (own["estimand"] == "hr").any() else "marginal_hr"
    row = own[own["estimand"] == name].iloc[0]
    below = own[
        own["estimand"].str.startswith(f"prob_{name}_below_")
        & (own["population"] == row["population"])
    ]
    probabilities = ", ".join(f"{_probability(one)}" for _, one in below.iterrows())
    kind = "hazard ratio" if name == "hr" else "marginal hazard ratio of the strategies"
    return f"Posterior {kind}, treated over control: {format_interval(row)}; {probabilities}"


def _probability(row: pd.Series) -> str:
    """Return ``P(HR < 1) > 0.999`` or ``P(HR < 0.8) = 0.962``."""
    value = format_probability(row["estimate"])
    sign = "" if value[0] in "<>" else "= "
    return f"{estimand_name(row['estimand'])} {sign}{value}"


def new_table(title: str, *texts: str, numbers: Iterable[str]) -> Table:
    """Return an empty table: text columns fold, number columns are never cut."""
    table = Table(title=title, box=SIMPLE_HEAD, padding=(0, 1, 0, 0), title_justify="left")
    for name in texts:
        table.add_column(name, overflow="fold")
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _cohort_table(summary: CohortSummary) -> Table:
    numbers = ("patients", "events", "person-months")
    table = new_table(f"Cohort: {escape(summary.source)}", "arm", "label", numbers=numbers)
    for arm, own in summary.arms.items():
        table.add_row(
            arm, escape(own.label), str(own.patients), str(own.events), f"{own.person_months:.1f}"
        )
    return table


def _estimate_table(estimates: pd.DataFrame, method: str) -> Table:
    """Return the outcome model's main numbers."""
    bayes = estimates[(estimates["source"] == "bayes") & (estimates["method"] == method)]
    rows = bayes[bayes["estimand"].isin(_SHOWN) & bayes["contrast"].isin(ARM_CONTRASTS)]
    rows = rows[rows["population"].isin(POPULATIONS)]
    table = new_table(
        "Main estimates",
        "estimand",
        "contrast",
        "population",
        numbers=("estimate", "P(benefit)"),
    )
    for _, row in rows.iterrows():
        at = "" if row["time"] != row["time"] else f", {row['time']:g} months"
        table.add_row(
            f"{estimand_name(row['estimand']).removesuffix(', months')}{at}",
            escape(row["contrast"]),
            escape(row["population"]),
            format_interval(row),
            format_probability(row["prob_benefit"]),
        )
    return table


def _methods_table(estimates: pd.DataFrame) -> Table:
    """Return the marginal effect by every method, Bayesian and frequentist, a row each."""
    table = new_table(
        "Marginal effect by method", "method", "population", numbers=_MARGINAL.values()
    )
    rows = estimates[estimates["estimand"].isin(_MARGINAL)]
    rows = rows[rows["contrast"].isin(ARM_CONTRASTS) & rows["population"].isin(POPULATIONS)]
    for (method, population), own in rows.groupby(["method", "population"], sort=False):
        found = {str(row["estimand"]): format_interval(row) for _, row in own.iterrows()}
        if "marginal_hr" in found:
            cells = [found.get(name, "") for name in _MARGINAL]
            name = METHOD_NAMES.get(str(method), str(method))
            table.add_row(escape(name), escape(str(population)), *cells)
    return table


def _weights_table(weights: pd.DataFrame) -> Table:
    numbers = ("patients", "sum of weights", "effective size", "largest weight")
    table = new_table("Weights", "arm", numbers=numbers)
    for _, row in weights.iterrows():
        table.add_row(
            escape(str(row["arm"])),
            str(row["patients"]),
            f"{row['total']:.1f}",
            f"{row['effective_sample_size']:.1f}",
            f"{row['largest']:.2f}",
        )
    return table


def _balance_table(balance: pd.DataFrame) -> Table:
    """Return standardized differences before and after, a column a sample."""
    rows = balance[balance["statistic"] == "smd"]
    samples = list(dict.fromkeys(rows["sample"]))
    table = new_table("Standardized mean differences", "term", numbers=("before", *samples))
    for term, own in rows.groupby("term", sort=False):
        after = own.set_index("sample")["adjusted"]
        table.add_row(
            escape(str(term)),
            f"{own['unadjusted'].iloc[0]:+.3f}",
            *(f"{after[sample]:+.3f}" for sample in samples),
        )
    return table


def _crosscheck_table(crosscheck: pd.DataFrame) -> Table:
    """Return analysis, reference fit and Cox side by side, a row a term."""
    numbers = ("analysis (sd)", "reference (sd)", "Cox (SE)", "ref. - Cox")
    table = new_table("Cross-check: log hazard ratios", "term", numbers=numbers)
    rows = crosscheck[(crosscheck["estimand"] == "log_hr") & (crosscheck["method"] == TWIN)]
    for term, own in rows.groupby("term", sort=False):
        by_fit = own.set_index("prior")
        analysis, reference = by_fit.loc["analysis"], by_fit.loc["reference"]
        table.add_row(
            escape(str(term)),
            f"{analysis['bayes']:.3f} ({analysis['bayes_sd']:.3f})",
            f"{reference['bayes']:.3f} ({reference['bayes_sd']:.3f})",
            f"{reference['frequentist']:.3f} ({reference['frequentist_se']:.3f})",
            f"{reference['difference_in_sd']:+.2f} sd",
        )
    return table
