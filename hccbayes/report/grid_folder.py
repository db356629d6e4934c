"""What a grid's folder holds beside its cells: table, figure, one page of text, provenance."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hccbayes.report.folder import write_table
from hccbayes.report.numbers import escape_markdown

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def write_grid_report(
    directory: Path,
    *,
    name: str,
    table: pd.DataFrame,
    sentences: Sequence[str],
    notice: str,
    figure: Figure | None,
    provenance: dict[str, Any],
) -> None:
    """Write ``cells.csv``, ``summary.md``, ``provenance.json`` and the specification curve.

    Parameters
    ----------
    directory
        The grid's folder.
    name
        Of the grid.
    table, sentences
        The tidy table, and what it says.
    notice
        What must stand beside results of a synthetic cohort; empty for patients.
    figure
        The specification curve; ``None`` where no cell has a number.
    provenance
        Versions, data, command.
    """
    from hccbayes import plots

    write_table(table, directory / "cells.csv")
    lines = [f"# {escape_markdown(name)}"]
    if notice:
        lines.append(f"**{escape_markdown(notice)}**")
    lines += [escape_markdown(sentence) for sentence in sentences]
    if figure is not None:
        folder = directory / "figures"
        folder.mkdir(exist_ok=True)
        plots.save_figure(figure, folder / "specification_curve")
        lines.append("![Hazard ratio of every analysis](figures/specification_curve.png)")
    (directory / "summary.md").write_text("\n\n".join(lines) + "\n", encoding="utf-8")
    text = json.dumps(provenance, indent=2, ensure_ascii=False)
    (directory / "provenance.json").write_text(text + "\n", encoding="utf-8")
