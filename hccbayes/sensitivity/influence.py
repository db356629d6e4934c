r"""What the effect would be without each patient: importance sampling, and refits where it fails.

The posterior without patient i is the full one divided by the patient's likelihood, so that draws
:math:`\theta_s` with weights :math:`w_s \propto 1 / p(y_i \mid \theta_s)` stand for it (Gelfand,
Dey & Chang 1992). The largest weights are smoothed by a generalized Pareto distribution, whose
shape k tells where that is not good enough (Vehtari, Gelman & Gabry 2017, Statistics and Computing
27:1413); such patients, and the most influential, are left out in fact.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from hccbayes import defaults
from hccbayes.arms import ARM_VALUE
from hccbayes.cross_validation import patient_log_likelihood
from hccbayes.errors import InputError, Problem
from hccbayes.progress import Progress, Silent
from hccbayes.sensitivity.refitting import StudyFit, refit

FloatArray = NDArray[np.float64]

INFLUENCE_COLUMNS: Final = (
    "rank",
    "arm",
    "event",
    "log_hr",
    "change",
    "change_mcse",
    "prob_benefit",
    "prob_benefit_mcse",
    "pareto_k",
    "method",
    "passed",
)
"""Columns of the table of influence."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Influence:
    """The effect without each patient.

    Parameters
    ----------
    table
        One row a patient, the most influential first. ``rank`` from 1, ``arm``, ``event`` (1
        died); without the patient ``log_hr`` (posterior mean), ``change`` from everybody's,
        ``prob_benefit`` (P(HR < 1)), both with Monte Carlo standard errors (that of a probability
        is 0 where all draws lie on one side); ``pareto_k``;
        ``method`` ``psis`` or ``refit``; ``passed``, whether the gate of the refit passed, empty
        where there was none.
    positions
        Row of the cohort of each row of the table. It stays in memory: a table that is saved
        holds ranks.
    log_hr, prob_benefit
        With everybody.
    posterior_sd
        Standard deviation of the log hazard ratio with everybody.
    """

    table: pd.DataFrame
    positions: NDArray[np.intp]
    log_hr: float
    prob_benefit: float
    posterior_sd: float

    @property
    def sentence(self) -> str:
        """The result in words."""
        first = self.table.iloc[0]
        low, high = self.table["prob_benefit"].min(), self.table["prob_benefit"].max()
        refits = self.table["method"] == "refit"
        failed = int((~self.table.loc[refits, "passed"].astype(bool)).sum())
        text = (
            f"Without the most influential of {len(self.table)} patients the log hazard ratio is "
            f"{first['log_hr']:.3f} instead of {self.log_hr:.3f}, a change of "
            f"{abs(first['change']) / self.posterior_sd:.2f} posterior standard deviations; "
            f"leaving out any one patient, P(HR < 1) lies between {low:.3f} and {high:.3f} "
            f"({self.prob_benefit:.3f} with all). Left out by refitting: {int(refits.sum())}."
        )
        if failed:
            text += f" {failed} of the refits failed their diagnostics."
        return text


def patient_influence(
    base: StudyFit, *, refits: int = 5, progress: Progress | None = None
) -> Influence:
    r"""Return the effect without each patient.

    Where the effect changes with time, its mean over the events is followed. With normalized
    weights :math:`\sum_s w_s = 1` the mean without patient i is
    :math:`\sum_s w_s \beta_s`, and P(HR < 1) is :math:`\sum_s w_s 1(\beta_s < 0)`.

    Parameters
    ----------
    base
        The fit with everybody.
    refits
        Number of the most influential patients who are left out by an exact refit, one or two
        seconds each, beside all those with a Pareto k above 0.7.
    progress
        Told about stages.

    Raises
    ------
    InputError
        If `refits` is negative, or the fit failed its gate.

    Notes
    -----
    The Monte Carlo error of a change is that of the mean, over the draws of all chains, of

    .. math:: S w_s (\beta_s - \bar\beta_w) - (\beta_s - \bar\beta)

    to first order. For a refit the errors of the two means, which are independent, add in squares.
    """
    problems = []
    if refits < 0:
        problems.append(Problem("refits", f"must be at least 0, not {refits}"))
    if not base.diagnosis.passed:
        problems.append(Problem("fit", "failed its diagnostics; its draws cannot be reweighted"))
    if problems:
        raise InputError(problems)
    watch = progress or Silent()
    study = base.study
    density = patient_log_likelihood(base.posterior, study.episodes, study.design, study.data)
    rows = importance_rows(base.posterior["treatment"], density)
    worst = rows["change"].abs().sort_values(ascending=False, kind="stable").index[:refits]
    poor = rows.index[~(rows["pareto_k"] <= defaults.PARETO_K_LIMIT)]
    chosen = list(dict.fromkeys([*worst, *poor]))
    for count, row in enumerate(chosen, start=1):
        watch.stage(f"refitting without one patient ({count} of {len(chosen)})")
        _put(rows, row, _left_out(base, row))
    died = study.episodes.groupby("patient_index")["event"].max()
    rows["event"] = died.reindex(rows.index).to_numpy(dtype=np.int64)
    treated = study.design.treatment == ARM_VALUE["treated"]
    rows["arm"] = np.where(treated, "treated", "control")
    order = rows["change"].abs().sort_values(ascending=False, kind="stable").index
    table = rows.loc[order].reset_index(drop=True)
    table["rank"] = np.arange(1, len(table) + 1)
    table.attrs["synthetic"] = study.synthetic
    draws = base.posterior["treatment"]
    return Influence(
        table=table[list(INFLUENCE_COLUMNS)],
        positions=order.to_numpy(dtype=np.intp),
        log_hr=float(draws.mean()),
        prob_benefit=float((draws < 0).mean()),
        posterior_sd=float(draws.std(ddof=1)),
    )


def importance_rows(log_hr: xr.DataArray, density: xr.DataArray) -> pd.DataFrame:
    """Return the effect without each patient by Pareto-smoothed importance sampling.

    Parameters
    ----------
    log_hr
        Draws, dims ``chain, draw``.
    density
        Log-likelihood of each patient, dims ``chain, draw, patient``.

    Returns
    -------
    pandas.DataFrame
        One row a patient, in order: the columns of :data:`INFLUENCE_COLUMNS` that need no cohort.
    """
    weights, pareto_k = _smoothed(log_hr, density)
    benefit = (log_hr < 0).astype(np.float64)
    mean, probability = ((weights * one).sum(("chain", "draw")) for one in (log_hr, benefit))
    scaled = weights * log_hr.size
    apart = scaled * (log_hr - mean) - (log_hr - log_hr.mean())
    return pd.DataFrame(
        {
            "log_hr": mean.to_numpy(),
            "change": (mean - log_hr.mean()).to_numpy(),
            "change_mcse": monte_carlo_error(apart).to_numpy(),
            "prob_benefit": probability.to_numpy(),
            "prob_benefit_mcse": monte_carlo_error(scaled * (benefit - probability)).to_numpy(),
            "pareto_k": pareto_k,
            "method": "psis",
            "passed": pd.array([pd.NA] * len(pareto_k), dtype="boolean"),
        },
    )


def monte_carlo_error(draws: xr.DataArray) -> xr.DataArray:
    """Return the Monte Carlo standard error of the mean over ``chain, draw``; 0 of a constant."""
    import arviz as az

    constant = draws.max(("chain", "draw")) == draws.min(("chain", "draw"))
    # A constant has no autocorrelation: any noise in its place keeps the estimator defined.
    noise = xr.DataArray(np.random.default_rng(0).standard_normal(draws.sizes["draw"]), dims="draw")
    error: xr.DataArray = az.mcse(draws.where(~constant, noise), method="mean")
    return error.where(~constant, 0.0)


def _smoothed(log_hr: xr.DataArray, density: xr.DataArray) -> tuple[xr.DataArray, FloatArray]:
    """Return the weights of the draws, which sum to 1 for each patient, and Pareto k."""
    import arviz as az

    efficiency = min(1.0, float(az.ess(log_hr, method="mean")) / log_hr.size)
    smoothed, pareto_k = density.azstats.psislw(dim=["chain", "draw"], r_eff=efficiency)
    return np.exp(smoothed), np.asarray(pareto_k, dtype=np.float64)


def _left_out(base: StudyFit, patient: int) -> dict[str, float | str | bool]:
    """Return the changed cells of a patient who is left out by refitting."""
    weights = np.ones(base.patients)
    weights[patient] = 0.0
    without = refit(base, weights=weights)
    draws, everybody = without.posterior["treatment"], base.posterior["treatment"]
    benefit = (draws < 0).astype(np.float64)
    own, others = (float(monte_carlo_error(one)) for one in (draws, everybody))
    return {
        "log_hr": float(draws.mean()),
        "change": float(draws.mean() - everybody.mean()),
        "change_mcse": float(np.hypot(own, others)),
        "prob_benefit": float(benefit.mean()),
        "prob_benefit_mcse": float(monte_carlo_error(benefit)),
        "method": "refit",
        "passed": without.diagnosis.passed,
    }


def _put(rows: pd.DataFrame, row: int, values: dict[str, float | str | bool]) -> None:
    for name, value in values.items():
        rows.loc[row, name] = value
