"""What the commands share: arguments, where the data are, and leaving on a user's mistake."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from hccbayes.errors import InputError, Problem

if TYPE_CHECKING:
    from hccbayes.spec import AnalysisSpec

GATE_FAILED = 1
BAD_INPUT = 2

ModelArgument = Annotated[Path, typer.Argument(metavar="MODEL.toml", help="A model file.")]
DataOption = Annotated[
    str | None,
    typer.Option(
        "--data",
        metavar="FILE",
        help="CSV, Parquet, synthetic:NAME or dataset:NAME; overrides \\[data].",
    ),
]
SeedOption = Annotated[int | None, typer.Option("--seed", help="Seed of the sampler.")]
DrawsOption = Annotated[int | None, typer.Option("--draws", help="Draws per chain.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a field, e.g. hazard.cuts=fine."),
]
OutOption = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="Results folder; results/NAME by default."),
]
QuietOption = Annotated[bool, typer.Option("--quiet", help="Print the verdict alone.")]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace existing results.")]


def read_spec(
    model: Path,
    changes: list[str] | None = None,
    seed: int | None = None,
    draws: int | None = None,
) -> AnalysisSpec:
    """Return the model file with what the command line changes of it.

    Parameters
    ----------
    model
        Its path.
    changes
        ``section.field=value`` assignments.
    seed, draws
        Of the sampler, where they are given.

    Raises
    ------
    InputError
        If the file or a change is wrong.
    """
    from hccbayes.spec import AnalysisSpec

    spec = AnalysisSpec.from_toml(model)
    spec = spec.with_values(changes) if changes else spec
    return with_sampler(spec, seed, draws)


def with_sampler(spec: AnalysisSpec, seed: int | None, draws: int | None) -> AnalysisSpec:
    """Return the analysis with another seed or number of draws, where they are given."""
    given = {"sampler.seed": seed, "sampler.draws": draws}
    changes = [f"{key}={value}" for key, value in given.items() if value is not None]
    return spec.with_values(changes) if changes else spec


def data_source(spec: AnalysisSpec, data: str | None, model: Path) -> str:
    """Return where the patients are; a relative source stands beside the model file or here.

    Parameters
    ----------
    spec
        The model file as it was read.
    data
        What the user named instead; ``None`` where nothing was.
    model
        The model file's path.

    Raises
    ------
    InputError
        If no data are named.
    """
    if data is not None:
        return data
    if not spec.data.source:
        raise InputError(Problem("[data] source", "is not set; give --data FILE"))
    beside = model.parent / spec.data.source
    return str(beside) if beside.is_file() else spec.data.source


def fail(error: Exception) -> NoReturn:
    """Print a user's mistake without a traceback and leave with status 2."""
    typer.echo(str(error), err=True)
    raise typer.Exit(BAD_INPUT)
