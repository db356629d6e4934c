"""The command ``hccbayes``: check, run, show, demo.

Exit status: 0 good; 1 the analysis ran but failed its diagnostics gate; 2 bad input.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hccbayes import __version__, cli_conventional, cli_designs, cli_evidence, cli_sensitivity
from hccbayes.cli_input import (
    GATE_FAILED,
    DataOption,
    DrawsOption,
    ForceOption,
    ModelArgument,
    OutOption,
    QuietOption,
    SeedOption,
    SetOption,
    data_source,
    fail,
    read_spec,
    with_sampler,
)
from hccbayes.errors import HccbayesError

if TYPE_CHECKING:
    from hccbayes.analysis import Analysis
    from hccbayes.cohort import Cohort
    from hccbayes.spec import AnalysisSpec

app = typer.Typer(
    name="hccbayes",
    help="Bayesian survival analysis of locoregional therapy added to systemic therapy.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.command()(cli_conventional.conventional)
app.command()(cli_designs.designs)
app.command()(cli_evidence.evidence)
app.command()(cli_evidence.audit)
app.command()(cli_sensitivity.sensitivity)

DEMO_MODEL = "chen2025_os"


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"hccbayes {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Take options that stand before a command."""


@app.command()
def run(
    model: ModelArgument,
    data: DataOption = None,
    out: OutOption = None,
    seed: SeedOption = None,
    draws: DrawsOption = None,
    changes: SetOption = None,
    force: ForceOption = False,
    quiet: QuietOption = False,
) -> None:
    """Run an analysis and write its results folder."""
    try:
        spec = read_spec(model, changes, seed, draws)
        analysis = _run(spec, data_source(spec, data, model), out or _folder(spec), force, quiet)
    except (HccbayesError, OSError) as error:
        fail(error)
    raise typer.Exit(0 if analysis.passed else GATE_FAILED)


@app.command()
def check(model: ModelArgument, data: DataOption = None, changes: SetOption = None) -> None:
    """Check a model file and its data without fitting; every problem is listed."""
    from hccbayes import console
    from hccbayes.cautions import cautions
    from hccbayes.console_designs import print_target_trial

    try:
        spec = read_spec(model, changes)
        cohort = _cohort(spec, data_source(spec, data, model))
        from hccbayes.study import build_study
        from hccbayes.time_zero.emulation import emulate
        from hccbayes.time_zero.missing_dates import bound_sentences

        designed = emulate(cohort, spec)
        study = build_study(designed.cohort, spec)
    except (HccbayesError, OSError) as error:
        fail(error)
    summary = designed.cohort.summary()
    told = (
        *cautions(summary, study.data, spec, study.at_risk),
        *designed.notes,
        *bound_sentences(cohort, spec),
    )
    console.print_check(summary, study.data, tuple(dict.fromkeys(told)))
    if spec.design is not None:
        print_target_trial(spec)


@app.command()
def show(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A results folder.")],
) -> None:
    """Print the results of a folder again."""
    from hccbayes import console
    from hccbayes.analysis import load

    try:
        analysis = load(directory)
    except (HccbayesError, OSError) as error:
        fail(error)
    console.print_analysis(analysis, directory)
    raise typer.Exit(0 if analysis.passed else GATE_FAILED)


@app.command()
def demo(out: OutOption = None, seed: SeedOption = None, draws: DrawsOption = None) -> None:
    """Run the main job on a synthetic cohort with the printed margins of Chen et al. 2025."""
    from hccbayes.model_files import model_file
    from hccbayes.spec import AnalysisSpec

    try:
        spec = with_sampler(AnalysisSpec.from_toml(model_file(DEMO_MODEL)), seed, draws)
        analysis = _run(spec, spec.data.source, out or Path("results") / "demo", True, False)
    except (HccbayesError, OSError) as error:
        fail(error)
    raise typer.Exit(0 if analysis.passed else GATE_FAILED)


def _folder(spec: AnalysisSpec) -> Path:
    return Path("results") / spec.model.name


def _cohort(spec: AnalysisSpec, data: str) -> Cohort:
    from hccbayes.cohort import read_cohort

    return read_cohort(data, spec.roles)


def _run(spec: AnalysisSpec, data: str, out: Path, force: bool, quiet: bool) -> Analysis:
    from hccbayes import console
    from hccbayes.report.folder import check_free

    check_free(out, force=force)
    cohort = _cohort(spec, data)
    with console.progress(quiet=quiet) as watch:
        watch.stage("loading PyMC")
        from hccbayes.pipeline import analyse

        analysis = analyse(cohort, spec, progress=watch)
        watch.stage("drawing figures and writing results")
        analysis.save(out, force=force, command=shlex.join(["hccbayes", *sys.argv[1:]]))
    if quiet:
        console.print_verdict(analysis)
    else:
        console.print_analysis(analysis, out)
    return analysis
