r"""What a confounder does to a hazard ratio when deaths are common: the limit of Cox regression.

With the true hazard ratio :math:`e^\beta` at equal confounder U and cumulative hazard H of controls
without U, the arms survive as

.. math:: S_a(t) = (1 - p_a) \exp(-e^{\beta a} H(t)) + p_a \exp(-G e^{\beta a} H(t)),

and Cox regression that knows nothing of U tends to the hazard ratio of these two curves (Struthers
& Kalbfleisch 1986). H is taken so that :math:`S_0` is the survival that controls have. For rare
events this is the array's :math:`B` times :math:`e^\beta`; with common events carriers die first
and it lies nearer to :math:`e^\beta` (Lin, Psaty & Kronmal 1998, section 4).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import elementwise

from hccbayes import figure_data
from hccbayes.errors import InputError, Problem
from hccbayes.sensitivity.confounder_array import bias_factor
from hccbayes.standardization import marginal_log_hr

if TYPE_CHECKING:
    import xarray as xr

    from hccbayes.cohort import Cohort

FloatArray = NDArray[np.float64]

_SLACK = 1e-6
"""Relative width given to brackets whose end may be the root."""
_ROUNDING = 1e-9
_CELLS = 500
"""Confounders computed at a time; bounds memory at cells x times."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class FollowUp:
    """How the controls of a cohort survive and how long patients are watched.

    Parameters
    ----------
    control_survival
        Of controls as they are, with and without confounder, on a grid of times that starts at
        time 0 with survival 1; shape ``(times,)``.
    censoring_survival
        Probability of being uncensored in the middle of each step, shape ``(times - 1,)``.
    synthetic
        Name of the synthetic cohort that this is; empty for patients.

    Raises
    ------
    InputError
        If survival does not start at 1, rises or ends at 0, or the shapes do not fit.
    """

    control_survival: FloatArray
    censoring_survival: FloatArray
    synthetic: str = ""

    def __post_init__(self) -> None:
        """Check the curves."""
        curve, censoring = self.control_survival, self.censoring_survival
        problems = []
        if curve.ndim != 1 or len(curve) < 2 or abs(curve[0] - 1.0) > _ROUNDING:
            problems.append(Problem("control_survival", "must be a curve that starts at 1"))
        elif not ((np.diff(curve) <= 0).all() and 0.0 < curve[-1] < 1.0):
            message = "must fall, and end above 0 and below 1"
            problems.append(Problem("control_survival", message))
        if censoring.shape != (len(curve) - 1,):
            message = f"one a step is needed: {len(curve) - 1}, not {censoring.shape}"
            problems.append(Problem("censoring_survival", message))
        elif not ((censoring >= 0).all() and (censoring <= 1).all() and censoring.max() > 0):
            problems.append(Problem("censoring_survival", "must be probabilities, not all 0"))
        if problems:
            raise InputError(problems)

    @classmethod
    def of(cls, cohort: Cohort, curves: xr.DataArray, *, population: str = "ate") -> FollowUp:
        """Return the follow-up of a cohort, with the survival that its model gives to controls.

        Parameters
        ----------
        cohort
            The patients; their censoring is that of both arms.
        curves
            Draws of population survival, from :func:`hccbayes.estimands.estimand_draws`.
        population
            One of the curves' populations.
        """
        known = [str(name) for name in curves["population"].to_numpy()]
        if population not in known:
            message = f"unknown: {population!r}; choose from {', '.join(known)}"
            raise InputError(Problem("population", message))
        own = curves.sel(population=population, arm="control").mean(("chain", "draw"))
        grid = curves["curve_time"].to_numpy()
        return cls(
            control_survival=own.to_numpy(),
            censoring_survival=figure_data.censoring_survival(cohort.frame, grid),
            synthetic=cohort.synthetic,
        )


def observed_log_hr(
    confounder_hr: ArrayLike,
    prevalence_treated: ArrayLike,
    prevalence_control: ArrayLike,
    follow_up: FollowUp,
    *,
    log_hr: float = 0.0,
) -> FloatArray:
    r"""Return the log hazard ratio that regression without the confounder tends to.

    Parameters
    ----------
    confounder_hr, prevalence_treated, prevalence_control
        G, :math:`p_1` and :math:`p_0`, broadcast against each other.
    follow_up
        Survival of the controls and censoring, which decide how much more than the array says.
    log_hr
        True log hazard ratio of treated over control at equal confounder.

    Returns
    -------
    numpy.ndarray
        Of the broadcast shape. Half of the patients count for each arm; with 30% or 70% treated
        the log hazard ratio of G 3, prevalences 0.2 and 0.6, -0.363, moves by 0.004.

    Raises
    ------
    InputError
        What :func:`~hccbayes.sensitivity.confounder_array.bias_factor` finds.
    """
    bias_factor(confounder_hr, prevalence_treated, prevalence_control)  # checks the three
    arrays = (confounder_hr, prevalence_treated, prevalence_control)
    ratio, treated, control = np.broadcast_arrays(
        *(np.asarray(values, dtype=np.float64) for values in arrays)
    )
    flat = np.stack([ratio.ravel(), treated.ravel(), control.ravel()])
    found = np.empty(ratio.size)
    for begin in range(0, ratio.size, _CELLS):
        part = slice(begin, begin + _CELLS)
        found[part] = _limits(*flat[:, part], follow_up=follow_up, log_hr=log_hr)
    return found.reshape(ratio.shape)


def _limits(
    ratio: FloatArray,
    treated: FloatArray,
    control: FloatArray,
    *,
    follow_up: FollowUp,
    log_hr: float,
) -> FloatArray:
    """Return the limits of some cells, shape ``(cells,)``."""
    hazard = _hazard_without(ratio, control, follow_up.control_survival) * np.exp(log_hr)
    share, times = treated[:, None], ratio[:, None]
    survival = (1.0 - share) * np.exp(-hazard) + share * np.exp(-times * hazard)
    own = np.broadcast_to(follow_up.control_survival, survival.shape)
    return marginal_log_hr(survival, own, follow_up.censoring_survival)


def _hazard_without(ratio: FloatArray, share: FloatArray, survival: FloatArray) -> FloatArray:
    """Return the cumulative hazard without the confounder, shape ``(cells, times)``.

    The root in H of ``(1 - p) exp(-H) + p exp(-G H) = S``, which lies between the hazards of nobody
    and of everybody carrying the confounder.
    """
    total = -np.log(survival[1:])
    ends = total / ratio[:, None]
    low, high = np.minimum(ends, total), np.maximum(ends, total)

    def excess(
        hazard: FloatArray, times: FloatArray, part: FloatArray, target: FloatArray
    ) -> FloatArray:
        return (1.0 - part) * np.exp(-hazard) + part * np.exp(-times * hazard) - target

    # Before the first event survival is 1 and the bracket has no width.
    zero = np.broadcast_to(total == 0.0, low.shape)
    shape = low.shape
    root = elementwise.find_root(
        excess,
        (np.where(zero, 0.0, low * (1.0 - _SLACK)), np.where(zero, 1.0, high * (1.0 + _SLACK))),
        args=(
            np.broadcast_to(ratio[:, None], shape),
            np.broadcast_to(share[:, None], shape),
            np.broadcast_to(survival[1:], shape),
        ),
    )
    if not root.success.all():
        raise ArithmeticError("the hazard without the confounder was not found")
    return np.concatenate([np.zeros((len(ratio), 1)), root.x], axis=1)
