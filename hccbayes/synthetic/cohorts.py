"""The synthetic cohorts by study, each with its manifest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd

from hccbayes.synthetic import immortal_null
from hccbayes.synthetic.chen2025 import CHEN2025
from hccbayes.synthetic.construction import build_cohort, build_with_risk_tables
from hccbayes.synthetic.covariates import Correlation
from hccbayes.synthetic.immortal_null import LU2025_AGES
from hccbayes.synthetic.lin2023 import LIN2023
from hccbayes.synthetic.lu2025 import LU2025
from hccbayes.synthetic.manifest_outcomes import STANDARD_ERROR, logrank_row, risk_rows
from hccbayes.synthetic.manifest_table import manifest_rows
from hccbayes.synthetic.measures import TargetRow, free_row, treatment_fit
from hccbayes.synthetic.overall_age import assign_ages
from hccbayes.synthetic.study_targets import StudyTargets
from hccbayes.synthetic.sun2025 import REPAIRED_SE, SUN2025, SUN2025_AGES, SUN2025_RISK

AGE_STREAM: Final = 1
"""Ages come from a random stream of their own, so that they change nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SyntheticCohort:
    """A synthetic cohort and its manifest.

    Parameters
    ----------
    name, title
        The name starts with ``synthetic_``.
    frame
        One row a patient; ``attrs["synthetic"]`` holds the name.
    targets
        Every target beside what the rows give.
    notes
        What was invented, repaired and left out.
    seed
        Seed it was drawn with.
    """

    name: str
    title: str
    frame: pd.DataFrame
    targets: tuple[TargetRow, ...]
    notes: tuple[str, ...]
    seed: int


def synthetic_chen2025(
    *, seed: int = CHEN2025.seed, correlation: Correlation | None = None
) -> SyntheticCohort:
    """Build the cohort after Chen 2025, HAIC added to lenvatinib and a PD-1 inhibitor.

    Parameters
    ----------
    seed
        Seed; the targets are the same for all. The shipped one takes seconds, others may take
        minutes until a draw meets every target, and a few meet none.
    correlation
        Correlations of the covariates' latent scores by pairs of columns; independent where it is
        left out.

    Returns
    -------
    SyntheticCohort
        Rows, targets and notes.

    Raises
    ------
    InfeasibleDrawError
        If no draw under this seed meets the targets.
    InputError
        If the seed or `correlation` is wrong.
    """
    return _cohort(CHEN2025, build_cohort(CHEN2025, seed=seed, correlation=correlation), seed)


def synthetic_lin2023(
    *, seed: int = LIN2023.seed, correlation: Correlation | None = None
) -> SyntheticCohort:
    """Build the cohort after Lin 2023, a PD-1 inhibitor added to HAIC and lenvatinib.

    Parameters
    ----------
    seed, correlation
        As for :func:`synthetic_chen2025`.

    Returns
    -------
    SyntheticCohort
        Rows, targets and notes.

    Raises
    ------
    InfeasibleDrawError
        If no draw under this seed meets the targets.
    InputError
        If the seed or `correlation` is wrong.
    """
    return _cohort(LIN2023, build_cohort(LIN2023, seed=seed, correlation=correlation), seed)


def synthetic_lu2025(
    *,
    seed: int = LU2025.seed,
    correlation: Correlation | None = None,
    exchange_child_pugh: bool = False,
) -> SyntheticCohort:
    """Build the cohort after Lu 2025, TACE added to targeted and PD-(L)1 therapy.

    Parameters
    ----------
    seed, correlation
        As for :func:`synthetic_chen2025`.
    exchange_child_pugh
        Whether the printed classes A and B, which are probably swapped, are exchanged.

    Returns
    -------
    SyntheticCohort
        Rows, targets and notes.

    Raises
    ------
    InfeasibleDrawError
        If no draw under this seed meets the targets.
    InputError
        If the seed or `correlation` is wrong.
    """
    study = _exchanged_child_pugh(LU2025) if exchange_child_pugh else LU2025
    frame = build_cohort(study, seed=seed, correlation=correlation)
    assign_ages(frame, "age_60_or_above", LU2025_AGES, np.random.default_rng([seed, AGE_STREAM]))
    extra = list(_age_rows(frame, (49.0, 55.0, 64.0)))
    for endpoint, printed in ((study.os, 0.023), (study.pfs, 0.038)):
        assert endpoint is not None
        extra.append(logrank_row(study, frame, endpoint, printed))
    return _cohort(study, frame, seed, extra)


def synthetic_sun2025(
    *, seed: int = SUN2025.seed, correlation: Correlation | None = None
) -> SyntheticCohort:
    """Build the cohort after Sun 2025, metastasectomy against immunotherapy combinations.

    Parameters
    ----------
    seed, correlation
        As for :func:`synthetic_chen2025`.

    Returns
    -------
    SyntheticCohort
        Rows, targets and notes.

    Raises
    ------
    InfeasibleDrawError
        If no draw under this seed meets the targets.
    InputError
        If the seed or `correlation` is wrong.
    """
    frame = build_with_risk_tables(SUN2025, SUN2025_RISK, seed=seed, correlation=correlation)
    assign_ages(frame, "age_50_or_above", SUN2025_AGES, np.random.default_rng([seed, AGE_STREAM]))
    extra = [
        *risk_rows(frame, SUN2025_RISK, SUN2025),
        *_age_rows(frame, (None, 55.0, None)),
    ]
    error = float(treatment_fit(SUN2025, frame, "os").se[0])
    extra.append(free_row(STANDARD_ERROR, "os", REPAIRED_SE, error))
    return _cohort(SUN2025, frame, seed, extra)


def synthetic_lu2025_immortal_null(*, seed: int = immortal_null.NULL_SEED) -> SyntheticCohort:
    """Build the null cohort like Lu 2025: no effect of treatment, immortal time.

    Parameters
    ----------
    seed
        Seed.

    Returns
    -------
    SyntheticCohort
        Rows, targets and notes.

    Raises
    ------
    InfeasibleDrawError
        If no draw has the printed arm sizes and is typical.
    InputError
        If the seed is wrong.
    """
    frame = immortal_null.build_null(seed)
    margins_only = replace(LU2025, os=None, pfs=None, responses=(), adverse_events=())
    rows = [*manifest_rows(margins_only, frame), *_age_rows(frame, (49.0, 55.0, 64.0))]
    return SyntheticCohort(
        name=immortal_null.NAME,
        title=immortal_null.TITLE,
        frame=frame,
        targets=(*rows, *immortal_null.null_rows(frame)),
        notes=immortal_null.NOTES,
        seed=seed,
    )


def _cohort(
    study: StudyTargets, frame: pd.DataFrame, seed: int, extra: Sequence[TargetRow] = ()
) -> SyntheticCohort:
    return SyntheticCohort(
        name=study.name,
        title=study.title,
        frame=frame,
        targets=(*manifest_rows(study, frame), *extra),
        notes=study.notes,
        seed=seed,
    )


def _exchanged_child_pugh(study: StudyTargets) -> StudyTargets:
    margins = tuple(
        replace(
            margin,
            treated=margin.treated[::-1],
            control=margin.control[::-1],
            status="derived",
            note="printed classes exchanged",
        )
        if margin.column == "child_pugh"
        else margin
        for margin in study.margins
    )
    return replace(study, margins=margins)


def _age_rows(
    frame: pd.DataFrame, printed: tuple[float | None, float | None, float | None]
) -> Iterator[TargetRow]:
    """Yield the printed quartiles of the whole cohort's age."""
    found = np.quantile(frame["age_years"].to_numpy(np.float64), [0.25, 0.5, 0.75])
    names = ("lower quartile", "median", "upper quartile")
    for name, target, achieved in zip(names, printed, found, strict=True):
        if target is not None:
            yield TargetRow(
                quantity=name,
                item="age_years",
                sample="all",
                arm="both",
                target=target,
                achieved=float(achieved),
                # Exact but for the rounding of an interpolation between two equal numbers.
                tolerance=1e-9,
                status="identified",
            )
