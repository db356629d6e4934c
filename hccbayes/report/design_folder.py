"""The results folder of a comparison of designs: written whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hccbayes import plots
from hccbayes.records import CohortSummary
from hccbayes.report import folder
from hccbayes.report.markdown import bullets, markdown_table
from hccbayes.report.numbers import escape_markdown, format_interval
from hccbayes.time_zero.protocol import target_trial

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from hccbayes.design_comparison import DesignComparison
    from hccbayes.spec import AnalysisSpec

_HEADLINES = ("marginal_hr", "survival_difference", "rmst_difference")


def save_designs(
    result: DesignComparison,
    directory: str | Path,
    *,
    spec: AnalysisSpec,
    summary: CohortSummary,
    provenance: Mapping[str, Any],
    states: pd.DataFrame | None = None,
    force: bool = False,
) -> Path:
    """Write tables, figures, report and provenance.

    Parameters
    ----------
    result
        The comparison.
    directory
        The folder to make.
    spec
        The model file as it was used.
    summary
        The cohort in numbers, as it was read.
    provenance
        Versions, seed and the command.
    states
        From :func:`hccbayes.time_zero.state_shares`; without it that figure is left out.
    force
        Replace an existing results folder.

    Returns
    -------
    pathlib.Path
        The folder: ``estimates.csv``, ``designs.csv``, ``target_trial.csv``, ``report.md``,
        ``model.toml``, ``provenance.json`` and ``figures``.

    Raises
    ------
    FolderExistsError
        If the folder exists and may not be replaced.
    """
    with folder.new_folder(directory, force=force) as target:
        folder.write_table(result.estimates, target / "estimates.csv")
        folder.write_table(result.designs, target / "designs.csv")
        folder.write_table(target_trials(result), target / "target_trial.csv")
        made = target / "figures"
        made.mkdir()
        for name, draw in _figures(result, spec, states).items():
            plots.save_figure(draw(), made / name)
        record = {
            **provenance,
            "analysis": "designs",
            "cohort": summary.to_dict(),
            "passed": result.passed,
            "diagnostics": {name: one.to_dict() for name, one in result.diagnoses.items()},
            "notes": {name: list(own) for name, own in result.notes.items()},
        }
        folder.write_json(record, target / "provenance.json")
        (target / "model.toml").write_text(spec.to_toml(), encoding="utf-8")
        text = designs_text(result, spec, summary, figures=[path.stem for path in _pngs(made)])
        (target / "report.md").write_text(text, encoding="utf-8")
    return Path(directory)


def _pngs(made: Path) -> list[Path]:
    return sorted(made.glob("*.png"))


def _figures(
    result: DesignComparison, spec: AnalysisSpec, states: pd.DataFrame | None
) -> dict[str, Callable[[], Axes | Figure]]:
    names = spec.data.arm.names
    rows = result.estimates
    times = rows.loc[rows["estimand"] == "survival_difference", "time"].dropna().unique().tolist()
    time = 12.0 if 12.0 in times else (times[len(times) // 2] if times else None)
    found: dict[str, Callable[[], Axes | Figure]] = {
        "designs": lambda: plots.design_comparison(
            rows, time=time, treated=names["treated"], footnote=footnote(result)
        ),
    }
    if result.weights is not None:
        weights = result.weights
        found["strategy_weights"] = lambda: plots.weights_over_time(weights, arm_names=names)
    if states is not None:
        found["immortal_time"] = lambda: plots.immortal_time(states)
    return found


def target_trials(result: DesignComparison) -> pd.DataFrame:
    """Return the target trial once, and its emulation by each design in a column of its own."""
    tables = [target_trial(own) for own in result.specs]
    first = tables[0][["component", "target trial"]]
    labels = result.designs["design"]
    found = {str(label): own["emulation"] for label, own in zip(labels, tables, strict=True)}
    return first.assign(**found)


def footnote(result: DesignComparison) -> str:
    """Return what the rows of the figure mean."""
    labels = " ".join(result.designs["design"])
    words = []
    if "landmark" in labels or "delayed" in labels:
        words.append(
            "Landmark and delayed entry: patients who reached that time, times count from there."
        )
    if "clone" in labels:
        words.append("Clone-censor-weight: strategies from time zero, in all patients.")
    return " ".join(words)


def designs_text(
    result: DesignComparison, spec: AnalysisSpec, summary: CohortSummary, *, figures: list[str]
) -> str:
    """Return the report as Markdown.

    Parameters
    ----------
    result, spec, summary
        As for :func:`save_designs`.
    figures
        Names of the figures in ``figures``.
    """
    failed = [name for name, one in result.diagnoses.items() if not one.passed]
    verdict = (
        "Diagnostics passed for every design."
        if not failed
        else f"DIAGNOSTICS FAILED, do not use: {', '.join(failed)}"
    )
    trial = target_trials(result)
    protocol = [[escape_markdown(str(cell)) for cell in row] for row in trial.to_numpy()]
    sizes = [[escape_markdown(_number(cell)) for cell in row] for row in result.designs.to_numpy()]
    header = [str(name).replace("_", " ") for name in result.designs.columns]
    parts = [
        f"**{escape_markdown(verdict)}**",
        f"# {escape_markdown(spec.model.name)}: designs of time zero",
        f"**{escape_markdown(summary.notice)}**" if summary.synthetic else "",
        escape_markdown(spec.model.question),
        *(f"![{name.replace('_', ' ')}](figures/{name}.png)" for name in figures),
        "## Estimates",
        "Effects are treated over control; marginal hazard ratio, survival and restricted mean of "
        "all patients the design keeps (Kaplan-Meier rows are of the arms as they are). With a "
        "landmark or delayed entry, months count from there.",
        markdown_table(
            ["design", "estimand", "months", "estimate", "source", "method"], _rows(result)
        ),
        "## Who is compared with whom",
        "With time-dependent treatment, patients ever and never treated, and events and "
        "person-months with and without treatment; of clones, both sets without their weights.",
        markdown_table(header, sizes),
        "## Target trial and its emulation",
        markdown_table(list(trial.columns), protocol),
        "## Read this before quoting a number",
        *(
            part
            for name, notes in result.notes.items()
            for part in (f"### {escape_markdown(name)}", bullets(notes))
        ),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _rows(result: DesignComparison) -> list[list[str]]:
    table = result.estimates
    effects = table["contrast"].isin(["treated / control", "treated - control"])
    kept = table[effects & table["estimand"].isin(_HEADLINES)]
    return [
        [
            escape_markdown(str(row["model"]).partition(": ")[2]),
            str(row["estimand"]).replace("_", " "),
            "" if row["time"] != row["time"] else f"{row['time']:g}",
            format_interval(row),
            str(row["source"]),
            escape_markdown(str(row["method"])),
        ]
        for _, row in kept.iterrows()
    ]


def _number(cell: object) -> str:
    return f"{cell:.1f}" if isinstance(cell, float) else str(cell)
