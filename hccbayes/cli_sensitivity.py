"""The command ``sensitivity``: an analysis over a grid of assumptions."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from hccbayes.cli_input import (
    GATE_FAILED,
    DataOption,
    DrawsOption,
    ModelArgument,
    SeedOption,
    SetOption,
    data_source,
    fail,
    read_spec,
)
from hccbayes.errors import HccbayesError, InputError, Problem

if TYPE_CHECKING:
    from hccbayes.sensitivity.run import SensitivityResult

INTERRUPTED: Final = 130
"""Exit status of a run that was interrupted, as of every program."""

GridOption = Annotated[
    str,
    typer.Option(
        "--grid",
        metavar="GRID.toml|NAME",
        help="Fields of the model and their values, or priors, time_axis, adjustment, trimming, "
        "calipers, centers, landmarks.",
    ),
]
GridOutOption = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="DIR",
        help="Folder; results/NAME-GRID by default. One that is there is gone on with.",
    ),
]
JobsOption = Annotated[
    int, typer.Option("--jobs", min=1, help="Worker processes (with dask: what to plan for).")
]
BackendOption = Annotated[str, typer.Option("--backend", metavar="loky|dask", help="Who works.")]
SchedulerOption = Annotated[
    str | None, typer.Option("--scheduler", metavar="ADDRESS", help="Of the Dask scheduler.")
]
EstimandOption = Annotated[
    str, typer.Option("--estimand", metavar="hr|marginal_hr", help="What curve and summary show.")
]
YesOption = Annotated[bool, typer.Option("--yes", help="A very large grid is meant.")]


QuietOption = Annotated[bool, typer.Option("--quiet", help="No progress bar.")]


def sensitivity(
    model: ModelArgument,
    grid: GridOption,
    data: DataOption = None,
    out: GridOutOption = None,
    jobs: JobsOption = 1,
    backend: BackendOption = "loky",
    scheduler: SchedulerOption = None,
    estimand: EstimandOption = "hr",
    seed: SeedOption = None,
    draws: DrawsOption = None,
    changes: SetOption = None,
    yes: YesOption = False,
    quiet: QuietOption = False,
) -> None:
    """Run an analysis over a grid of assumptions; the same command goes on after a stop."""
    from hccbayes.cohort import read_cohort
    from hccbayes.sensitivity.grid import Grid, grid_cells, grid_roles
    from hccbayes.sensitivity.named_grids import named_grid

    try:
        _check(backend, estimand)
        spec = read_spec(model, changes, seed, draws)
        read = Grid.from_toml(grid) if grid.endswith(".toml") else named_grid(grid, spec)
        cohort = read_cohort(data_source(spec, data, model), grid_roles(read, spec))
        directory = out or Path("results") / f"{spec.model.name}-{read.name}"
        from hccbayes.sensitivity.cell_fit import centers_of
        from hccbayes.sensitivity.report import write_result
        from hccbayes.sensitivity.run import run_grid, stored_result

        # Whatever is wrong with the grid is said before there is a progress bar.
        grid_cells(read, spec, centers_of(cohort), any_size=yes)
        interrupted = False
        try:
            with _bar(quiet=quiet) as on_progress:
                result = run_grid(
                    cohort,
                    spec,
                    read,
                    directory,
                    jobs=jobs,
                    backend="dask" if backend == "dask" else "loky",
                    scheduler=scheduler,
                    any_size=yes,
                    on_progress=on_progress,
                )
        except KeyboardInterrupt:
            interrupted = True
            result = stored_result(cohort, spec, read, directory, any_size=yes)
        command = shlex.join(["hccbayes", *sys.argv[1:]])
        sentences = write_result(result, directory, estimand=estimand, command=command)
    except (HccbayesError, OSError) as error:
        fail(error)
    _print(result, directory, sentences)
    if interrupted:
        typer.echo("Interrupted; the same command goes on from here.", err=True)
        raise typer.Exit(INTERRUPTED)
    raise typer.Exit(0 if result.passed else GATE_FAILED)


def _check(backend: str, estimand: str) -> None:
    """Refuse words that are not known, before PyMC is loaded.

    Raises
    ------
    InputError
        With every one of them.
    """
    problems = []
    if backend not in ("loky", "dask"):
        problems.append(Problem("--backend", f"unknown: {backend!r}; choose loky or dask"))
    if estimand not in ("hr", "marginal_hr"):
        problems.append(Problem("--estimand", f"unknown: {estimand!r}; choose hr or marginal_hr"))
    if problems:
        raise InputError(problems)


@contextmanager
def _bar(*, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """Give a bar of cells done, with the time left, on standard error."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), disable=quiet) as bar:
        task = bar.add_task("analyses", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _print(result: SensitivityResult, directory: Path, sentences: tuple[str, ...]) -> None:
    from rich.console import Console
    from rich.markup import escape

    console = Console()
    if result.summary.synthetic:
        console.print(escape(result.summary.notice), style="bold yellow", highlight=False)
    for sentence in sentences:
        console.print(escape(sentence), highlight=False)
    if result.reused:
        console.print(f"{result.reused} of them were there from an earlier run.")
    bad = result.cells[result.cells["status"] == "not fitted"].drop_duplicates("message")
    for message in bad["message"].head(5):
        console.print(f"Not fitted: {escape(str(message))}", style="yellow", highlight=False)
    console.print(f"Table:   {escape(str(directory / 'cells.csv'))}", soft_wrap=True)
    console.print(f"Summary: {escape(str(directory / 'summary.md'))}", soft_wrap=True)
