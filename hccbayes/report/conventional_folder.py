"""The results folder of a conventional analysis: written whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hccbayes.conventional_curves import ConventionalCurves
from hccbayes.errors import FolderExistsError
from hccbayes.frequentist.workflow import ConventionalAnalysis
from hccbayes.records import CohortSummary
from hccbayes.report import folder
from hccbayes.report.conventional_figures import (
    conventional_figures,
    figure_notes,
    write_conventional_figures,
)
from hccbayes.report.conventional_markdown import conventional_text
from hccbayes.report.conventional_tables import text_tables

if TYPE_CHECKING:
    import pandas as pd

    from hccbayes.spec import AnalysisSpec

TABLES: Final = (
    *("estimates", "baseline", "univariable", "multivariable", "subgroups"),
    *("propensity", "propensity_path", "response", "adverse_events"),
)
"""Tables of the analysis, and their files without ``.csv``."""
_BAYESIAN: Final = "diagnostics.json"
"""Only a folder with posterior draws holds it."""


def check_free(directory: str | Path, *, force: bool) -> None:
    """Raise where the folder could not be written, or holds posterior draws.

    Raises
    ------
    FolderExistsError
        If the folder exists and may not be replaced; tables that take seconds never replace a fit.
    InputError
        If no folder can be made there.
    """
    folder.check_free(directory, force=force)
    if (Path(directory) / _BAYESIAN).exists():
        message = "holds results of `hccbayes run` and will not be replaced; use another --out"
        raise FolderExistsError(f"{directory} {message}")


def save_conventional(
    result: ConventionalAnalysis,
    drawn: ConventionalCurves,
    directory: str | Path,
    *,
    spec: AnalysisSpec,
    summary: CohortSummary,
    provenance: Mapping[str, Any],
    force: bool = False,
) -> Path:
    """Write tables, figures, report and provenance.

    Parameters
    ----------
    result
        The tables.
    drawn
        What the figures draw beside them.
    directory
        The folder to make.
    spec
        The model file as it was used.
    summary
        The cohort in numbers.
    provenance
        Versions and the command.
    force
        Replace an existing folder of a conventional analysis.

    Returns
    -------
    pathlib.Path
        The folder.

    Raises
    ------
    FolderExistsError
        As :func:`check_free`.
    """
    check_free(directory, force=force)
    _mark_synthetic(result, drawn, summary)
    notes = (*result.notes, *figure_notes(drawn))
    with folder.new_folder(directory, force=force) as target:
        for name, table in tables(result).items():
            folder.write_table(table, target / f"{name}.csv")
        folder.write_table(_curves(drawn), target / "curves.csv")
        figures = write_conventional_figures(
            conventional_figures(result, drawn, spec), target / "figures"
        )
        unused = {"seed", "sampler"}  # nothing is sampled
        record = {
            **{name: value for name, value in provenance.items() if name not in unused},
            "analysis": "conventional",
            "p_enter": result.p_enter,
            "cohort": summary.to_dict(),
            "notes": list(notes),
        }
        folder.write_json(record, target / "provenance.json")
        (target / "model.toml").write_text(spec.to_toml(), encoding="utf-8")
        single = result.estimates.attrs["notes"]
        report = conventional_text(
            spec=spec,
            summary=summary,
            tables=text_tables(result),
            figures=figures,
            notes=[note for note in notes if note not in single],
            single_notes=single,
        )
        (target / "report.md").write_text(report, encoding="utf-8")
    return Path(directory)


def tables(result: ConventionalAnalysis) -> dict[str, pd.DataFrame]:
    """Return the tables that are there, by the names of their files."""
    found = {name: getattr(result, name) for name in TABLES}
    return {name: table for name, table in found.items() if table is not None}


def _curves(drawn: ConventionalCurves) -> pd.DataFrame:
    """Return the steps of the plain and, where there are some, the weighted curves."""
    import pandas as pd

    parts = [drawn.plain.curves.assign(weights="none")]
    if drawn.weighted is not None:
        parts.append(drawn.weighted.curves.assign(weights="propensity"))
    table = pd.concat(parts, ignore_index=True)
    first = ["weights", "arm"]
    return table[[*first, *(name for name in table if name not in first)]]


def _mark_synthetic(
    result: ConventionalAnalysis, drawn: ConventionalCurves, summary: CohortSummary
) -> None:
    """Make every figure of a synthetic cohort say so."""
    if not summary.synthetic:
        return
    marked = [*tables(result).values(), drawn.plain.curves]
    if drawn.weighted is not None:
        marked.append(drawn.weighted.curves)
    if drawn.residuals is not None:
        marked.append(drawn.residuals.test.residuals)
    for table in marked:
        table.attrs["synthetic"] = summary.synthetic
