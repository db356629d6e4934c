"""Schoenfeld residuals of the treatment: each event for a figure, means of events for a folder."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr

from hccbayes.design import Design
from hccbayes.errors import InputError
from hccbayes.formula import TREATMENT
from hccbayes.frequentist.conventional_cohort import not_estimable
from hccbayes.frequentist.cox import cox
from hccbayes.frequentist.schoenfeld import ProportionalHazardsTest, proportional_hazards_test
from hccbayes.frequentist.schoenfeld_smooth import GRID, schoenfeld_smooth

EVENTS_PER_MEAN: Final = 10
"""Events of a mean at the least, so that no point of a stored figure is one patient's."""
_TIMES: Final = ("time", "transformed_time")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TreatmentResiduals:
    """Whether the treatment's hazard ratio changes with time, in the adjusted Cox model.

    Parameters
    ----------
    test
        Score test and scaled Schoenfeld residuals of the treatment.
    smooth
        The residuals' smooth; ``None`` where there are too few.
    coefficient
        Log hazard ratio of the Cox model.
    prob
        Pointwise probability of the smooth's band.
    note
        Why there is no smooth; empty where there is one.
    """

    test: ProportionalHazardsTest
    smooth: pd.DataFrame | None
    coefficient: float
    prob: float
    note: str


def treatment_residuals(frame: pd.DataFrame, design: Design, prob: float) -> TreatmentResiduals:
    """Return the treatment's residuals in the Cox model of all terms, Efron's ties.

    Parameters
    ----------
    frame
        A cohort's frame, or its episodes in that form: ``entry``, ``time``, ``event``.
    design
        Terms of the model.
    prob
        Pointwise probability of the smooth's band.

    Raises
    ------
    InputError
        If the Cox model is not estimable. With few events only the smooth is left out.
    """
    terms = design.conventional(frame if "patient_index" in frame else None)
    follow_up = (frame["entry"], frame["time"], frame["event"])
    test = proportional_hazards_test(terms, *follow_up)
    fit = cox(terms, *follow_up, prob=prob)
    columns = [*_TIMES, TREATMENT]
    own = replace(
        test,
        table=test.table[test.table["term"] == TREATMENT].reset_index(drop=True),
        residuals=test.residuals[columns],
        schoenfeld=test.schoenfeld[columns],
    )
    smooth, note = None, ""
    try:
        smooth = schoenfeld_smooth(own, prob=prob)
    except InputError as error:
        note = not_estimable("smooth of the Schoenfeld residuals", error)
    return TreatmentResiduals(
        test=own,
        smooth=smooth,
        coefficient=float(fit.coef[fit.terms.index(TREATMENT)]),
        prob=prob,
        note=note,
    )


def residual_means(residuals: TreatmentResiduals) -> xr.Dataset:
    """Return the residuals as means of events next to each other in time, with their smooth.

    Parameters
    ----------
    residuals
        From :func:`treatment_residuals`.

    Returns
    -------
    xarray.Dataset
        ``mean_residual``, ``mean_time`` (months), ``mean_transformed_time`` and ``events``, dims
        ``group``: :data:`EVENTS_PER_MEAN` events or more each, all of them where there are fewer;
        ``estimate``, ``lower``, ``upper`` of the smooth (``nan`` where there is none),
        ``transformed_time`` and the ``time`` it stands for, dims ``point``. Attributes: the
        score test's ``chi2``, ``df``, ``p_value`` and ``reason``, ``coefficient``, ``transform``,
        ``interval_prob``, and ``note``: why there is no smooth.
    """
    events = residuals.test.residuals.sort_values("time", ignore_index=True)
    groups = np.array_split(np.arange(len(events)), max(1, len(events) // EVENTS_PER_MEAN))
    means = pd.DataFrame([events.iloc[own].mean() for own in groups])
    clock = events["transformed_time"].to_numpy()
    grid = np.linspace(clock.min(), clock.max(), GRID)
    smooth = residuals.smooth
    row = residuals.test.table.iloc[0]
    curve = {
        name: ("point", np.full(GRID, np.nan) if smooth is None else smooth[name].to_numpy())
        for name in ("estimate", "lower", "upper")
    }
    return xr.Dataset(
        {
            "mean_residual": ("group", means[TREATMENT].to_numpy()),
            "mean_time": ("group", means["time"].to_numpy()),
            "mean_transformed_time": ("group", means["transformed_time"].to_numpy()),
            "events": ("group", [len(own) for own in groups]),
            "transformed_time": ("point", grid),
            "time": ("point", np.interp(grid, clock, events["time"].to_numpy())),
            **curve,
        },
        attrs={
            "chi2": float(row["chi2"]),
            "df": int(row["df"]),
            "p_value": float(row["p_value"]),
            "reason": str(row["reason"]),
            "coefficient": residuals.coefficient,
            "transform": residuals.test.transform,
            "interval_prob": residuals.prob,
            "note": residuals.note,
        },
    )
