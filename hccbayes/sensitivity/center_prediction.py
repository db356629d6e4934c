r"""How well a model predicts a center that it has not seen, and the effect without that center.

All patients of a center get weight 0 and the model is fitted again; the center itself stays in the
model. Its level (and slope, and baseline) is then drawn, given the other centers, from its prior
with the standard deviation that they leave: a new center's. Importance sampling cannot do this: a
center's own level is learnt from its own patients.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr

from hccbayes.center_effects import TWO_CENTERS
from hccbayes.cross_validation import patient_log_likelihood
from hccbayes.errors import InputError, Problem
from hccbayes.progress import Progress, Silent
from hccbayes.sensitivity.influence import monte_carlo_error
from hccbayes.sensitivity.refitting import StudyFit, refit

CENTER_COLUMNS: Final = (
    "center",
    "patients",
    "events",
    "elpd",
    "elpd_mcse",
    "joint",
    "joint_mcse",
    "log_hr",
    "log_hr_mcse",
    "prob_benefit",
    "passed",
)
"""Columns of the table of left-out centers."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class LeftOutCenters:
    """Each center predicted from the others.

    Parameters
    ----------
    model
        Name of the analysis.
    table
        One row a center: ``patients`` and ``events``; ``elpd``, the sum over its patients of each
        one's log predictive density; ``joint``, the log predictive density of all of them at once,
        who share one unknown level; Monte Carlo errors of both; without the center ``log_hr``
        (posterior mean, with Monte Carlo error) and ``prob_benefit`` (P(HR < 1)); whether the
        refit ``passed`` its gate.
    log_hr, prob_benefit
        With all centers.
    """

    model: str
    table: pd.DataFrame
    log_hr: float
    prob_benefit: float

    @property
    def sentence(self) -> str:
        """The result in words."""
        low, high = self.table["prob_benefit"].min(), self.table["prob_benefit"].max()
        failed = int((~self.table["passed"]).sum())
        gate = f" {failed} of the refits failed their diagnostics." if failed else ""
        return (
            f"{self.model}: expected log predictive density {self.table['elpd'].sum():.1f} of the "
            f"patients of {len(self.table)} centers, each predicted from the others; leaving out "
            f"any one center, P(HR < 1) lies between {low:.3f} and {high:.3f} "
            f"({self.prob_benefit:.3f} with all).{gate}"
        )


def left_out_centers(base: StudyFit, *, progress: Progress | None = None) -> LeftOutCenters:
    r"""Predict each center from the others, by exact refits.

    With C the patients of a center and S draws of the posterior without them,

    .. math:: \mathrm{elpd} = \sum_{i \in C} \log \frac{1}{S} \sum_s p(y_i \mid \theta_s), \qquad
              \mathrm{joint} = \log \frac{1}{S} \sum_s \prod_{i \in C} p(y_i \mid \theta_s).

    Parameters
    ----------
    base
        The fit with all centers; its model need not have center terms.
    progress
        Told about stages.

    Raises
    ------
    InputError
        If the cohort has fewer than two centers, or one center has all the events.
    """
    design = base.study.design
    if len(design.centers) < TWO_CENTERS:
        raise InputError(Problem("center", "leaving centers out needs two or more of them"))
    died = base.study.episodes.groupby("patient_index")["event"].max().sort_index().to_numpy()
    alone = [
        label
        for index, label in enumerate(design.centers)
        if not died[design.center_index != index].any()
    ]
    if alone:
        raise InputError(Problem(f"center {alone[0]}", "has all the events; nothing is left"))
    watch = progress or Silent()
    rows = []
    for index, label in enumerate(design.centers):
        watch.stage(f"refitting without center {label}")
        rows.append(_predicted(base, design.center_index == index, died) | {"center": label})
    draws = base.posterior["treatment"]
    return LeftOutCenters(
        model=base.spec.model.name,
        table=pd.DataFrame(rows, columns=list(CENTER_COLUMNS)),
        log_hr=float(draws.mean()),
        prob_benefit=float((draws < 0).mean()),
    )


def _predicted(
    base: StudyFit, own: np.ndarray, died: np.ndarray
) -> dict[str, str | int | float | bool]:
    """Return the row of one center, whose patients `own` marks."""
    without = refit(base, weights=(~own).astype(np.float64))
    study = base.study
    density = patient_log_likelihood(without.posterior, study.episodes, study.design, study.data)
    density = density.isel(patient=np.flatnonzero(own))
    each, each_relative = _log_mean(density)
    joint, joint_relative = _log_mean(density.sum("patient"))
    draws = without.posterior["treatment"]
    return {
        "patients": int(own.sum()),
        "events": int(died[own].sum()),
        "elpd": float(each.sum()),
        "elpd_mcse": float(monte_carlo_error(each_relative.sum("patient"))),
        "joint": float(joint),
        "joint_mcse": float(monte_carlo_error(joint_relative)),
        "log_hr": float(draws.mean()),
        "log_hr_mcse": float(monte_carlo_error(draws)),
        "prob_benefit": float((draws < 0).mean()),
        "passed": without.diagnosis.passed,
    }


def _log_mean(density: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray]:
    """Return the log of the mean density over the draws, and the draws relative to that mean.

    The Monte Carlo error of the log of a mean is that of the relative draws' mean, to first order.
    """
    highest = density.max(("chain", "draw"))
    scaled: xr.DataArray = xr.apply_ufunc(np.exp, density - highest)
    mean = scaled.mean(("chain", "draw"))
    return highest + xr.apply_ufunc(np.log, mean), scaled / mean
