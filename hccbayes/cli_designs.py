"""The command ``designs``: one question under several designs of time zero.

Exit status: 0 good; 1 a fit failed its diagnostics gate; 2 bad input.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

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
)
from hccbayes.errors import HccbayesError, InputError

if TYPE_CHECKING:
    import pandas as pd

    from hccbayes.cohort import Cohort


def designs(
    model: ModelArgument,
    data: DataOption = None,
    out: OutOption = None,
    seed: SeedOption = None,
    draws: DrawsOption = None,
    changes: SetOption = None,
    force: ForceOption = False,
    quiet: QuietOption = False,
) -> None:
    """Set designs of time zero side by side: naive, landmark, time-dependent, cloned patients."""
    from hccbayes import console
    from hccbayes.cohort import read_cohort
    from hccbayes.console_designs import print_designs
    from hccbayes.report.folder import check_free

    try:
        spec = read_spec(model, changes, seed, draws)
        directory = out or Path("results") / f"{spec.model.name}_designs"
        check_free(directory, force=force)
        cohort = read_cohort(data_source(spec, data, model), spec.roles)
        with console.progress(quiet=quiet) as watch:
            watch.stage("loading PyMC")
            from hccbayes.design_comparison import compare_designs
            from hccbayes.provenance import provenance
            from hccbayes.report.design_folder import save_designs

            result = compare_designs(cohort, spec, progress=watch)
            watch.stage("drawing figures and writing results")
            save_designs(
                result,
                directory,
                spec=spec,
                summary=cohort.summary(),
                provenance=provenance(spec) | {"command": shlex.join(["hccbayes", *sys.argv[1:]])},
                states=_states(cohort),
                force=force,
            )
    except (HccbayesError, OSError) as error:
        fail(error)
    print_designs(result, cohort.summary(), directory, quiet=quiet)
    raise typer.Exit(0 if result.passed else GATE_FAILED)


def _states(cohort: Cohort) -> pd.DataFrame | None:
    """Return the cohort's states over time; none where the dates do not allow it."""
    from hccbayes.time_zero.cohort_states import state_shares

    try:
        return state_shares(cohort.frame)
    except InputError:
        return None
