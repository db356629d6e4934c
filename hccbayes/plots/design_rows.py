"""Which rows of an estimate table a comparison of designs draws, and in which order."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from hccbayes.crosscheck_remarks import CLONES, KM, STANDARDIZED, TWIN
from hccbayes.errors import InputError, Problem
from hccbayes.plots.style import check_rows, choose
from hccbayes.records import DIFFERENCE_CONTRAST, ESTIMATE_COLUMNS, TREATMENT_CONTRAST

SEPARATOR: Final = ": "
"""What stands between an analysis's name and a design's label in the column ``model``."""
TWINS: Final = (*CLONES, TWIN, STANDARDIZED, KM)
"""Frequentist methods in the order in which one is taken where a design has several rows."""
SOURCES: Final = {"bayes": "Bayesian", "frequentist": "Frequentist"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One estimand: which rows it has and how it is written.

    Parameters
    ----------
    estimand, contrast
        Of the rows of the estimate table.
    label, short
        Words for the axis, in which ``{time:g}`` stands for the months, and for the numbers.
    better
        Which values speak for the treated arm.
    digits
        Decimals of the numbers.
    null
        Value of no effect.
    factor
        By which the numbers of the table are multiplied.
    timed
        Whether the estimand has a time.
    """

    estimand: str
    contrast: str
    label: str
    short: str
    better: str
    digits: int
    null: float = 0.0
    factor: float = 1.0
    timed: bool = True


PANELS: Final = (
    Panel(
        estimand="marginal_hr",
        contrast=TREATMENT_CONTRAST,
        label="Marginal hazard ratio (log scale)",
        short="HR",
        better="below 1",
        digits=2,
        null=1.0,
        timed=False,
    ),
    Panel(
        estimand="survival_difference",
        contrast=DIFFERENCE_CONTRAST,
        label="Survival difference at {time:g} months (% points)",
        short="% points",
        better="above 0",
        digits=1,
        factor=100.0,
    ),
    Panel(
        estimand="rmst_difference",
        contrast=DIFFERENCE_CONTRAST,
        label="RMST difference (months), to {time:g} months",
        short="Months",
        better="above 0",
        digits=1,
    ),
)


def design_rows(
    estimates: pd.DataFrame,
    order: Sequence[str] | None,
    population: str,
    methods: Collection[str] | None,
) -> tuple[pd.DataFrame, list[str]]:
    """Return the rows that the panels draw, and the designs from the top.

    Parameters
    ----------
    estimates
        An estimate table whose ``model`` is a name, :data:`SEPARATOR` and a design's label.
    order
        Designs to keep, from the top; all in the order of the table without it.
    population
        Target whose rows are kept; rows of the sample where an estimand has none of it.
    methods
        Methods to keep. Without it all, but of several rows of a kind that of the first of
        :data:`TWINS`, the counterparts of the Bayesian model.

    Returns
    -------
    tuple of pandas.DataFrame and list of str
        Rows with the column ``design``, and the labels of the designs.

    Raises
    ------
    InputError
        If a column is absent, a name is unknown, a model has no design's label, the rows are of
        several analyses, or none is left.
    """
    check_rows(estimates, ESTIMATE_COLUMNS, "estimates")
    rows = estimates.assign(design=_designs(estimates["model"].astype(str)))
    designs = list(dict.fromkeys(rows["design"]))
    for name in order or ():
        choose("order", name, designs)
    for method in methods or ():
        choose("methods", method, list(dict.fromkeys(rows["method"])))
    kinds = {(panel.estimand, panel.contrast) for panel in PANELS}
    keys = zip(rows["estimand"], rows["contrast"], strict=True)
    kept = np.array([key in kinds for key in keys]) & rows["source"].isin(list(SOURCES))
    if methods is not None:
        kept &= rows["method"].isin(list(methods))
    rows = rows[kept & rows["population"].isin([population, "sample"])]
    same = ["design", "estimand", "source", "time"]
    targeted = rows.assign(hit=rows["population"] == population)
    has_target = targeted.groupby(same, dropna=False)["hit"].transform("any")
    rows = rows[targeted["hit"] | ~has_target]
    if methods is None:
        rank = rows["method"].map({method: place for place, method in enumerate(TWINS)})
        first = rank.groupby([rows[name] for name in same], dropna=False).transform("min")
        rows = rows[first.isna() | (rank == first)]
    designs = list(order) if order is not None else designs
    rows = rows[rows["design"].isin(designs)]
    if rows.empty:
        raise InputError(Problem("estimates", "no row is left to draw"))
    return rows, designs


def _designs(models: pd.Series) -> pd.Series:
    """Return the design's label of each model, once all are of the same analysis."""
    parts = models.str.partition(SEPARATOR)
    bare = parts[2] == ""
    if bare.any():
        message = f"a model needs its design's label, as in 'name{SEPARATOR}naive'"
        raise InputError(Problem("column model", message, tuple(dict.fromkeys(models[bare]))))
    names = tuple(dict.fromkeys(parts[0]))
    if len(names) > 1:
        message = f"has rows of {len(names)} analyses, {', '.join(names)}; give those of one"
        raise InputError(Problem("column model", message))
    return parts[2]


def panel_rows(rows: pd.DataFrame, panel: Panel, time: float | None) -> pd.DataFrame:
    """Return the rows of one estimand at one time, in the panel's unit.

    Parameters
    ----------
    rows
        From :func:`design_rows`.
    panel
        The estimand.
    time
        Months; the only time that the estimand has without it.

    Returns
    -------
    pandas.DataFrame
        One row a design and source at most; none where the table has no row of the estimand.

    Raises
    ------
    InputError
        If the time is unknown, or was not chosen among several, or a design has several rows of
        the same source.
    """
    own = rows[rows["estimand"] == panel.estimand]
    if panel.timed and len(own):
        known = sorted(own["time"].dropna().unique().tolist())
        where = "time" if panel.estimand == "survival_difference" else "horizon"
        if time is None and len(known) > 1:
            choices = ", ".join(f"{value:g}" for value in known)
            raise InputError(Problem(where, f"the table has several; choose from {choices}"))
        wanted = known[0] if time is None else time
        choose(where, f"{wanted:g}", [f"{value:g}" for value in known])
        own = own[np.isclose(own["time"], wanted)]
    several = own.duplicated(["design", "source"], keep=False)
    if several.any():
        methods = ", ".join(dict.fromkeys(own.loc[several, "method"]))
        message = f"a design has several rows of {panel.estimand}; choose among methods {methods}"
        raise InputError(
            Problem("estimates", message, tuple(dict.fromkeys(own.loc[several, "design"])))
        )
    numbers = own[["estimate", "lower", "upper"]] * panel.factor
    return own.assign(**{str(name): numbers[name] for name in numbers})
