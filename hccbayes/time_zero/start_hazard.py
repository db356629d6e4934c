r"""When treatment starts: a piecewise-exponential model of patients who have not started yet.

.. math:: \lambda(t \mid x) = \lambda_j e^{x'\gamma}, \quad t \in I_j; \qquad
          H(t \mid x) = -\log\{1 - p_0(x)\} + \int_0^t \lambda(u \mid x)\,du

where :math:`p_0(x)` is the share who start at time zero itself, by a logistic model, and 0 where
nobody does. :math:`\exp\{-H(t \mid x)\}` is the probability not to have started by t, death and end
of follow-up left out of account: what the weights of clones are made of. Times are in months.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class StartHazard:
    """The fitted model.

    Parameters
    ----------
    cuts
        Interior cut points, months.
    log_hazard
        Of each interval where every covariate is 0; minus infinity where nobody starts.
    slopes
        Log hazard ratios, shape ``(covariates,)``.
    at_zero
        Intercept and slopes of the logistic model of a start at time zero; none where nobody does.
    notes
        What was done where maximum likelihood had no answer.
    """

    cuts: FloatArray
    log_hazard: FloatArray
    slopes: FloatArray
    at_zero: FloatArray | None = None
    notes: tuple[str, ...] = ()

    @property
    def parameters(self) -> FloatArray:
        """Slopes, log hazards of intervals where somebody starts, then those of `at_zero`."""
        own = [self.slopes, self.log_hazard[np.isfinite(self.log_hazard)]]
        return np.concatenate(own if self.at_zero is None else [*own, self.at_zero])

    def with_parameters(self, values: FloatArray) -> StartHazard:
        """Return the model with other parameters, in the order of `parameters`."""
        finite = np.isfinite(self.log_hazard)
        first, second = len(self.slopes), len(self.slopes) + int(finite.sum())
        log_hazard = self.log_hazard.copy()
        log_hazard[finite] = values[first:second]
        return replace(
            self,
            slopes=values[:first],
            log_hazard=log_hazard,
            at_zero=None if self.at_zero is None else values[second:],
        )

    def baseline(self, times: FloatArray) -> FloatArray:
        """Return the cumulative hazard after time zero where every covariate is 0."""
        hazard = np.exp(self.log_hazard)
        edges = np.concatenate([[0.0], self.cuts])
        reached = np.concatenate([[0.0], np.cumsum(np.diff(edges) * hazard[:-1])])
        interval = np.searchsorted(self.cuts, times, side="left")
        return np.asarray(reached[interval] + (times - edges[interval]) * hazard[interval])

    def at_time_zero(self, covariates: FloatArray) -> FloatArray:
        r"""Return :math:`-\log(1 - p_0)`, shape ``(rows,)``."""
        if self.at_zero is None:
            return np.zeros(len(covariates))
        return np.logaddexp(0.0, self.at_zero[0] + covariates @ self.at_zero[1:])

    def cumulative(self, times: FloatArray, covariates: FloatArray) -> FloatArray:
        """Return H of each row at its own times.

        Parameters
        ----------
        times
            Months, shape ``(rows,)`` or ``(rows, times)``.
        covariates
            Shape ``(rows, covariates)``.
        """
        ratio, jump = np.exp(covariates @ self.slopes), self.at_time_zero(covariates)
        if times.ndim == 2:
            ratio, jump = ratio[:, None], jump[:, None]
        return np.asarray(jump + ratio * self.baseline(times))
