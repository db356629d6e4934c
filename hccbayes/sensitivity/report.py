"""A grid's result written to its folder: table, figure, text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hccbayes.errors import InputError
from hccbayes.provenance import provenance
from hccbayes.report.grid_folder import write_grid_report
from hccbayes.sensitivity.cell_store import storage_error
from hccbayes.sensitivity.cells_table import grid_summary, headline_rows
from hccbayes.sensitivity.run import SensitivityResult


def write_result(
    result: SensitivityResult,
    directory: str | Path,
    *,
    estimand: str = "hr",
    command: str = "",
) -> tuple[str, ...]:
    """Write ``cells.csv``, the specification curve, ``summary.md`` and ``provenance.json``.

    Parameters
    ----------
    result
        From :func:`hccbayes.sensitivity.run_grid`.
    directory
        The grid's folder.
    estimand
        ``hr`` or ``marginal_hr``: what curve and summary show.
    command
        The command that made it, for ``provenance.json``.

    Returns
    -------
    tuple of str
        The summary's sentences.

    Raises
    ------
    StorageError
        If a file cannot be written.
    """
    path = Path(directory)
    sentences = grid_summary(result.cells, question=result.grid.question, estimand=estimand)
    try:
        write_grid_report(
            path,
            name=result.grid.name,
            table=result.cells,
            sentences=sentences,
            notice=result.summary.notice,
            figure=_figure(result, estimand),
            provenance=_provenance(result, command),
        )
    except OSError as error:
        raise storage_error(path, error) from None
    return sentences


def _figure(result: SensitivityResult, estimand: str) -> Any:
    from hccbayes import plots

    try:
        rows = headline_rows(result.cells, estimand)
    except InputError:
        return None
    rows.attrs.update(result.cells.attrs)
    kind = "Conditional" if estimand == "hr" else "Marginal"
    return plots.specification_curve(
        rows,
        xlabel=f"{kind} hazard ratio, treated over control",
    )


def _provenance(result: SensitivityResult, command: str) -> dict[str, Any]:
    return {
        **provenance(result.base),
        "command": command,
        "cohort": result.summary.to_dict(),
        "grid": result.grid.to_dict(),
        "complete": result.complete,
    }
