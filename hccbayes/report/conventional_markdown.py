"""The report of a conventional analysis as Markdown. It writes what others computed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from hccbayes.records import CohortSummary
from hccbayes.report.markdown import bullets, cohort_markdown
from hccbayes.report.numbers import escape_markdown
from hccbayes.report.text_cells import INDENT, TextTable
from hccbayes.spec import AnalysisSpec

_INTRODUCTION: Final = (
    "What cohort papers print, so that it can be repeated and stand beside another analysis. It "
    "recommends nothing: read the notes with the numbers. Effects are treated over control."
)
_CAPTIONS: Final = {
    "kaplan_meier": "Kaplan-Meier curves with pointwise limits, medians and numbers at risk.",
    "kaplan_meier_weighted": (
        "Weighted Kaplan-Meier curves; sums of weights at risk below the patients at risk."
    ),
    "cumulative_incidence": (
        "Cumulative incidence as 1 less Kaplan-Meier; too high where other events compete."
    ),
    "log_minus_log": "log(-log survival): curves apart by a constant under proportional hazards.",
    "schoenfeld": "Scaled Schoenfeld residuals of the treatment: level under proportional hazards.",
    "subgroups": "Hazard ratio by subgroup, unadjusted, with the test of interaction.",
    "covariates": "Cox regression of each covariate alone and of those that entered together.",
}


def conventional_text(
    *,
    spec: AnalysisSpec,
    summary: CohortSummary,
    tables: Iterable[TextTable],
    figures: Sequence[Path],
    notes: Sequence[str],
    single_notes: Sequence[str],
) -> str:
    """Return the report.

    Parameters
    ----------
    spec
        The model file.
    summary
        The cohort in numbers.
    tables
        In their order.
    figures
        PNG files; they are linked as ``figures/NAME``.
    notes
        Rules behind the tables, and cautions.
    single_notes
        Which numbers of ``estimates.csv`` are missing, and why.
    """
    synthetic = " (synthetic cohort)" if summary.synthetic else ""
    parts = [
        f"# {escape_markdown(spec.model.name)}: conventional analysis{synthetic}",
        f"**{escape_markdown(summary.notice)}**" if summary.synthetic else "",
        escape_markdown(spec.model.question),
        _INTRODUCTION,
        "## Cohort",
        cohort_markdown(summary, spec),
        "## Read this before quoting a number",
        bullets([*spec.model.caveats, *(note for note in notes if note != summary.notice)]),
        *(part for table in tables for part in _section(table)),
        "## Figures",
        *(_figure(path) for path in figures),
        "## Numbers that are missing from estimates.csv" if single_notes else "",
        bullets(single_notes),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _section(table: TextTable) -> list[str]:
    return [f"## {escape_markdown(table.title)}", _table(table), bullets(table.notes)]


def _table(table: TextTable) -> str:
    marks = ["---" if place < table.texts else "---:" for place in range(len(table.header))]
    lines = [
        [escape_markdown(title) for title in table.header],
        marks,
        *[[_cell(text) for text in row] for row in table.rows],
    ]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(text: str) -> str:
    """Return an escaped cell; the blanks before a level stay."""
    indent = INDENT if text.startswith(INDENT) else ""
    return indent + escape_markdown(text)


def _figure(path: Path) -> str:
    words = _CAPTIONS.get(path.stem, path.stem.replace("_", " "))
    return f"![{escape_markdown(words)}](figures/{path.name})\n\n*{escape_markdown(words)}*"
