"""The command ``conventional``: the analysis as cohort papers make it, with a results folder.

Exit status: 0 good; 2 bad input.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hccbayes.cli_input import DataOption, ForceOption, ModelArgument, data_source, fail
from hccbayes.errors import HccbayesError, InputError, Problem

if TYPE_CHECKING:
    from hccbayes.spec import AnalysisSpec

OutOption = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="Results folder; results/NAME_conventional."),
]
EnterOption = Annotated[
    float | None,
    typer.Option(
        "--p-enter",
        metavar="P",
        help="Univariable P below which a covariate enters; 0.05 by default.",
    ),
]
ResponseOption = Annotated[
    str | None,
    typer.Option("--response", metavar="COLUMN", help="Column of the best response: CR, PR, ..."),
]
EventsOption = Annotated[
    str | None,
    typer.Option(
        "--adverse-events", metavar="COL,COL", help="Columns of each patient's worst grade."
    ),
]
QuietOption = Annotated[bool, typer.Option("--quiet", help="Print the hazard ratio alone.")]


def conventional(
    model: ModelArgument,
    data: DataOption = None,
    out: OutOption = None,
    p_enter: EnterOption = None,
    response: ResponseOption = None,
    adverse_events: EventsOption = None,
    force: ForceOption = False,
    quiet: QuietOption = False,
) -> None:
    """Make the tables and figures of a cohort paper; no model is sampled."""
    from hccbayes import console
    from hccbayes.cohort import read_cohort
    from hccbayes.console_conventional import print_conventional
    from hccbayes.frequentist.screening import P_ENTER
    from hccbayes.report.conventional_folder import check_free
    from hccbayes.spec import AnalysisSpec
    from hccbayes.time_zero.emulation import emulate

    try:
        events = _columns(adverse_events)
        spec = _with_outcomes(AnalysisSpec.from_toml(model), response, events)
        limit = P_ENTER if p_enter is None else p_enter
        _check_limit(limit)
        folder = out or Path("results") / f"{spec.model.name}_conventional"
        check_free(folder, force=force)
        designed = emulate(read_cohort(data_source(spec, data, model), spec.roles), spec)
        cohort = designed.cohort
        with console.progress(quiet=quiet) as watch:
            watch.stage("estimating")
            from hccbayes.conventional_curves import conventional_curves
            from hccbayes.frequentist.workflow import conventional_analysis
            from hccbayes.provenance import provenance
            from hccbayes.report.conventional_figures import figure_notes
            from hccbayes.report.conventional_folder import save_conventional

            result = conventional_analysis(
                cohort, spec, p_enter=limit, response=response, adverse_events=events
            )
            drawn = conventional_curves(cohort, spec)
            watch.stage("drawing figures and writing results")
            made_by = provenance(spec) | {"command": shlex.join(["hccbayes", *sys.argv[1:]])}
            save_conventional(
                result,
                drawn,
                folder,
                spec=spec,
                summary=cohort.summary(),
                provenance=made_by,
                force=force,
            )
    except (HccbayesError, OSError) as error:
        fail(error)
    print_conventional(
        result,
        spec=spec,
        summary=cohort.summary(),
        notes=(*designed.notes, *result.notes, *figure_notes(drawn)),
        directory=folder,
        quiet=quiet,
    )


def _columns(listed: str | None) -> tuple[str, ...]:
    """Return the columns of a list with commas.

    Raises
    ------
    InputError
        If a name is empty or stands there twice.
    """
    if listed is None:
        return ()
    names = tuple(name.strip() for name in listed.split(","))
    if not all(names):
        raise InputError(Problem("--adverse-events", f"a name is empty in {listed!r}"))
    if len(set(names)) < len(names):
        raise InputError(Problem("--adverse-events", f"a column is named twice in {listed!r}"))
    return names


def _with_outcomes(
    spec: AnalysisSpec, response: str | None, events: tuple[str, ...]
) -> AnalysisSpec:
    """Return the analysis with the outcomes among the columns that are read."""
    named = [*([] if response is None else [response]), *events]
    if not named:
        return spec
    columns = dict.fromkeys([*spec.data.covariates, *named])
    listed = ", ".join(_quoted(name) for name in columns)
    return spec.with_values([f"data.covariates=[{listed}]"])


def _quoted(name: str) -> str:
    """Return a name as a TOML string."""
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _check_limit(p_enter: float) -> None:
    if not 0 < p_enter <= 1:
        message = f"must lie above 0 and not above 1, not {p_enter:g}"
        raise InputError(Problem("--p-enter", message))
