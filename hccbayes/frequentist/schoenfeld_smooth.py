"""The change of a coefficient with time: a natural spline through scaled Schoenfeld residuals."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
import statsmodels.api as sm
from scipy.interpolate import CubicSpline

from hccbayes.defaults import INTERVAL_PROB
from hccbayes.errors import InputError, Problem
from hccbayes.frequentist.arguments import check_prob, is_number
from hccbayes.frequentist.episodes import FloatArray
from hccbayes.frequentist.identifiability import NotEstimableError
from hccbayes.frequentist.schoenfeld import ProportionalHazardsTest

SPLINE_DF: Final = 4
"""Columns of the spline's basis, the constant included (R's ``plot.cox.zph``)."""
GRID: Final = 40
"""Points at which the smooth is given (R's ``plot.cox.zph``); its inner knots depend on them."""
_TIMES: Final = ("time", "transformed_time")


def schoenfeld_smooth(
    test: ProportionalHazardsTest,
    *,
    df: int = SPLINE_DF,
    prob: float = INTERVAL_PROB,
) -> pd.DataFrame:
    r"""Smooth the scaled Schoenfeld residuals of each term over transformed time.

    Least squares on a natural cubic spline in :math:`g(t)`, whose expectation is about
    :math:`\beta(t)` (Grambsch & Therneau 1994, Biometrika 81:515). The curve is that of R's
    ``plot.cox.zph``: boundary knots at the first and last event, ``df - 2`` inner ones at equal
    shares of grid and events together. The band is not: here the residuals' own scatter about the
    curve gives the variance (Student's t), R takes a variance from the model. Both are pointwise,
    and take the residuals, whose correlations are of order 1 / events, as independent.

    Parameters
    ----------
    test
        From :func:`hccbayes.frequentist.schoenfeld.proportional_hazards_test`.
    df
        Degrees of freedom of the curve, the constant included; 2 is a straight line.
    prob
        Pointwise probability of the band.

    Returns
    -------
    pandas.DataFrame
        :data:`GRID` rows a term: ``term``, ``transformed_time``, ``estimate``, ``lower``,
        ``upper`` (log hazard ratio per unit of the term), ``residuals`` (how many it rests on;
        events in whose stratum the term does not vary have none), ``df``, ``interval_prob``.

    Raises
    ------
    InputError
        If `df` is no whole number of 2 or more, or `prob` not within (0, 1).
    NotEstimableError
        If a term has too few residuals, or residuals at too few times, for the spline.
    """
    check_prob(prob)
    if not is_number(df) or not df >= 2 or df != df // 1:
        raise InputError(Problem("df", f"must be a whole number of 2 or more, not {df!r}"))
    clock = test.residuals["transformed_time"].to_numpy()
    grid = np.linspace(clock.min(), clock.max(), GRID)
    knots = _knots(clock, grid, df)
    terms = [str(name) for name in test.residuals.columns if name not in _TIMES]
    parts = [
        _smooth(term, test.residuals[term].to_numpy(), clock, grid, knots, prob) for term in terms
    ]
    return pd.concat(parts, ignore_index=True).assign(df=df, interval_prob=prob)


def _knots(clock: FloatArray, grid: FloatArray, df: int) -> FloatArray:
    """Return the knots at equal shares of grid and events; the first and the last are the ends."""
    knots = np.quantile(np.concatenate([grid, clock]), np.linspace(0.0, 1.0, df))
    if not (np.diff(knots) > 0).all():
        message = f"the events are at too few times for a spline of {df} degrees of freedom"
        raise NotEstimableError(Problem("df", message))
    return knots


def _smooth(
    term: str,
    residuals: FloatArray,
    clock: FloatArray,
    grid: FloatArray,
    knots: FloatArray,
    prob: float,
) -> pd.DataFrame:
    # The natural splines that are 1 at one knot and 0 at the others span all natural splines.
    basis = CubicSpline(knots, np.eye(len(knots)), bc_type="natural")
    present = ~np.isnan(residuals)
    design = basis(clock[present])
    if present.sum() <= len(knots) or np.linalg.matrix_rank(design) < len(knots):
        message = (
            f"{present.sum()} residuals are too few, or at too few times, for a spline of "
            f"{len(knots)} degrees of freedom"
        )
        raise NotEstimableError(Problem(term, message))
    fitted = sm.OLS(residuals[present], design).fit().get_prediction(basis(grid))
    limits = fitted.conf_int(alpha=1.0 - prob)
    return pd.DataFrame(
        {
            "term": term,
            "transformed_time": grid,
            "estimate": fitted.predicted_mean,
            "lower": limits[:, 0],
            "upper": limits[:, 1],
            "residuals": int(present.sum()),
        }
    )
