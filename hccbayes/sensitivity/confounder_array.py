r"""Hazard ratios corrected for a binary unmeasured confounder, over arrays of what it might be.

A confounder whose hazard ratio is G, held by a share :math:`p_1` of the treated and :math:`p_0` of
the controls, multiplies the observed hazard ratio by

.. math:: B = \frac{p_1 G + 1 - p_1}{p_0 G + 1 - p_0}

where events are rare, so that :math:`HR_{adj} = HR_{obs} / B` (Lin, Psaty & Kronmal 1998,
Biometrics 54:948). With common events those who hold it die first, the arms grow
alike, and the bias is smaller than B: the array corrects too much.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from hccbayes.errors import InputError, Problem

FloatArray = NDArray[np.float64]

CONFOUNDER_HAZARD_RATIOS: Final = (1.0, 1.5, 2.0, 3.0, 5.0)
"""From none to stronger than any covariate that the cohort studies print."""
PREVALENCES: Final = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
CAUTION: Final = (
    "The array holds for rare events. With common deaths it corrects too much: a confounder of "
    "hazard ratio 2 held by 20% of the treated and 60% of the controls makes a hazard ratio of 1 "
    "look like 0.78, not the 0.75 that the array takes out; of hazard ratio 3, like 0.70, not 0.64."
)
"""Said with every array."""


def bias_factor(
    confounder_hr: ArrayLike, prevalence_treated: ArrayLike, prevalence_control: ArrayLike
) -> FloatArray:
    r"""Return B, the observed over the true hazard ratio where events are rare.

    Parameters
    ----------
    confounder_hr
        G, positive.
    prevalence_treated, prevalence_control
        :math:`p_1` and :math:`p_0`, between 0 and 1; the three are broadcast.

    Returns
    -------
    numpy.ndarray
        Of the broadcast shape; 1 where G is 1 or the prevalences are equal.

    Raises
    ------
    InputError
        If a hazard ratio is not positive and finite, or a prevalence not between 0 and 1.
    """
    ratio, treated, control = (
        np.asarray(values, dtype=np.float64)
        for values in (confounder_hr, prevalence_treated, prevalence_control)
    )
    problems = []
    if not (np.isfinite(ratio).all() and (ratio > 0).all()):
        problems.append(Problem("confounder_hr", "must be positive and finite"))
    for name, shares in (("prevalence_treated", treated), ("prevalence_control", control)):
        if not ((shares >= 0).all() and (shares <= 1).all()):
            problems.append(Problem(name, "must be between 0 and 1"))
    if problems:
        raise InputError(problems)
    return np.asarray((1.0 + treated * (ratio - 1.0)) / (1.0 + control * (ratio - 1.0)))


def corrected_hazard_ratios(
    hazard_ratio: float,
    lower: float,
    upper: float,
    *,
    confounder_hr: ArrayLike = CONFOUNDER_HAZARD_RATIOS,
    prevalence_treated: ArrayLike = PREVALENCES,
    prevalence_control: ArrayLike = PREVALENCES,
) -> xr.Dataset:
    """Return the corrected hazard ratio and interval over a grid of confounders.

    Parameters
    ----------
    hazard_ratio, lower, upper
        Observed, treated over control; the limits move with the estimate, since what the confounder
        is counts as known in each cell.
    confounder_hr, prevalence_treated, prevalence_control
        Grid points, one-dimensional; see :func:`bias_factor`.

    Returns
    -------
    xarray.Dataset
        ``hazard_ratio``, ``lower``, ``upper`` and ``bias_factor`` over the dims ``confounder_hr``,
        ``prevalence_treated`` and ``prevalence_control``. The attribute ``caution`` says where the
        array goes wrong.

    Raises
    ------
    InputError
        If a number of the observed effect is not positive and finite, a grid is not
        one-dimensional, or what :func:`bias_factor` finds.
    """
    observed = {"hazard_ratio": hazard_ratio, "lower": lower, "upper": upper}
    grids = {
        "confounder_hr": np.asarray(confounder_hr, dtype=np.float64),
        "prevalence_treated": np.asarray(prevalence_treated, dtype=np.float64),
        "prevalence_control": np.asarray(prevalence_control, dtype=np.float64),
    }
    problems = [
        Problem(name, f"must be positive and finite, not {value!r}")
        for name, value in observed.items()
        if not (math.isfinite(value) and value > 0)
    ]
    problems += [
        Problem(name, "must be a list of one or more grid points")
        for name, points in grids.items()
        if points.ndim != 1 or points.size == 0
    ]
    if problems:
        raise InputError(problems)
    bias = xr.DataArray(bias_factor(*np.ix_(*grids.values())), coords=grids, dims=list(grids))
    corrected = {name: value / bias for name, value in observed.items()}
    return xr.Dataset(corrected | {"bias_factor": bias}, attrs={"caution": CAUTION})
