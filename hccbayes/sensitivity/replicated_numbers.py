"""Would the fitted model produce a cohort like this one: by arm, by center, and between the arms.

Cohorts are replicated from the posterior with the patients' own arms, covariates, centers and
censoring (:func:`hccbayes.predictive.replicated_cohorts`), and each is described by the numbers a
paper prints. The data are used twice, to fit and to check, so that the p-values are conservative: a
small one is a finding, an ordinary one is no proof of fit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hccbayes import defaults
from hccbayes.arms import ARM_VALUE, ARMS
from hccbayes.errors import InputError, Problem
from hccbayes.frequentist.identifiability import NotEstimableError
from hccbayes.frequentist.kaplan_meier import kaplan_meier, median_survival, survival_at
from hccbayes.frequentist.logrank import logrank
from hccbayes.predictive import Patients, patients_of, replicated_cohorts
from hccbayes.sensitivity.refitting import StudyFit

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

LANDMARK_MONTHS: Final = 12.0
"""Survival at one year is what papers of the field print."""
CHECK_COLUMNS: Final = (
    "group",
    "quantity",
    "observed",
    "lower",
    "upper",
    "prob_above",
    "p_value",
    "not_estimable",
)
"""Columns of the table of checks."""
_SMALL_P: Final = 0.05


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class PredictiveChecks:
    """The observed cohort among replicated ones.

    Parameters
    ----------
    table
        One row a group and quantity. ``group`` is ``all``, an arm or ``center: label``;
        ``quantity`` ``events``, ``survival at 12 months``, ``median`` (months, ``inf`` where not
        reached) or ``log-rank z`` (positive where the treated die faster). ``observed``; ``lower``
        and ``upper``, the central 95% of the replicates; ``prob_above``, the share of replicates
        above the observed number, those equal to it counted half; ``p_value``, twice the smaller
        tail; ``not_estimable``, the share of replicates without a number (followed too short, no
        event to compare), which are left out. Empty where the observed number is not estimable.
    replicates
        Number of replicated cohorts.
    """

    table: pd.DataFrame
    replicates: int

    @property
    def sentence(self) -> str:
        """The result in words."""
        judged = self.table.dropna(subset="p_value")
        small = judged[judged["p_value"] < _SMALL_P]
        named = ", ".join(
            f"{row['quantity']} ({row['group']}, p = {row['p_value']:.3f})"
            for _, row in small.iterrows()
        )
        found = f": {named}" if named else ""
        unjudged = len(self.table) - len(judged)
        rest = f" Not estimable in the cohort: {unjudged}." if unjudged else ""
        return (
            f"{len(small)} of {len(judged)} quantities have a posterior predictive p below "
            f"{_SMALL_P:g} in {self.replicates} replicated cohorts{found}.{rest}"
        )


def predictive_checks(
    fitted: StudyFit,
    *,
    landmark: float = LANDMARK_MONTHS,
    replicates: int = defaults.REPLICATES,
    seed: int | None = None,
) -> PredictiveChecks:
    """Compare the cohort with cohorts replicated from the posterior.

    Parameters
    ----------
    fitted
        The fit; one episode a patient, delayed entry is kept. Centers are compared where the
        cohort has two or more, whether or not the model knows of them.
    landmark
        Months at which survival is compared.
    replicates
        Number of replicated cohorts, 40 at least: the limits are their 2.5 and 97.5 percentiles.
    seed
        Seed of the simulation; the sampler's own without it.

    Raises
    ------
    InputError
        If the landmark is not positive, or there are too few replicates.
    """
    problems = []
    if not (np.isfinite(landmark) and landmark > 0):
        problems.append(Problem("landmark", f"must be a positive number, not {landmark}"))
    if replicates < _FEWEST:
        problems.append(Problem("replicates", f"must be at least {_FEWEST}, not {replicates}"))
    if problems:
        raise InputError(problems)
    study = fitted.study
    patients = patients_of(study.episodes, study.design, study.data)
    groups = _groups(fitted, patients)
    observed = _describe(patients, patients.stop, patients.event, groups, landmark)
    drawn = replicated_cohorts(
        fitted.posterior,
        patients,
        study.data,
        seed=fitted.spec.sampler.seed if seed is None else seed,
        replicates=replicates,
    )
    replicated = [_describe(patients, stop, event, groups, landmark) for stop, event in drawn]
    rows = [
        {"group": group, "quantity": quantity}
        | tail_areas(value, np.array([one[group, quantity] for one in replicated]))
        for (group, quantity), value in observed.items()
    ]
    return PredictiveChecks(
        table=pd.DataFrame(rows, columns=list(CHECK_COLUMNS)), replicates=replicates
    )


_FEWEST: Final = 40


def tail_areas(observed: float, replicated: FloatArray) -> dict[str, float]:
    r"""Return where an observed number lies among replicated ones.

    .. math:: u = P(T > t) + \tfrac{1}{2} P(T = t), \qquad p = 2 \min(u, 1 - u)

    Parameters
    ----------
    observed
        May be ``inf`` (a median that is not reached) and ``nan`` (not estimable).
    replicated
        Likewise; ``nan`` are left out, and their share is reported.
    """
    known = replicated[~np.isnan(replicated)]
    missing = 1.0 - len(known) / len(replicated)
    if np.isnan(observed) or len(known) == 0:
        empty = dict.fromkeys(("lower", "upper", "prob_above", "p_value"), np.nan)
        return {"observed": observed} | empty | {"not_estimable": missing}
    above = float((known > observed).mean() + 0.5 * (known == observed).mean())
    # Order statistics: interpolating toward an infinite median would give nan.
    lower, upper = np.quantile(known, [0.025, 0.975], method="inverted_cdf")
    return {
        "observed": observed,
        "lower": float(lower),
        "upper": float(upper),
        "prob_above": above,
        "p_value": 2.0 * min(above, 1.0 - above),
        "not_estimable": missing,
    }


def _groups(fitted: StudyFit, patients: Patients) -> dict[str, BoolArray]:
    """Return the patients of each arm and center, by name; everybody first."""
    groups: dict[str, BoolArray] = {"all": np.ones(len(patients.stop), dtype=bool)}
    groups |= {arm: patients.treatment == ARM_VALUE[arm] for arm in ARMS}
    design = fitted.study.design
    if len(design.centers) > 1:
        own = design.center_index[fitted.study.episodes["patient_index"].to_numpy()]
        groups |= {f"center: {name}": own == at for at, name in enumerate(design.centers)}
    return groups


def _describe(
    patients: Patients,
    stop: FloatArray,
    event: FloatArray,
    groups: dict[str, BoolArray],
    landmark: float,
) -> dict[tuple[str, str], float]:
    """Return every number of one cohort, by group and quantity."""
    result: dict[tuple[str, str], float] = {}
    for group, own in groups.items():
        curve = kaplan_meier(patients.start[own], stop[own], event[own])
        result[group, "events"] = float(event[own].sum())
        result[group, f"survival at {landmark:g} months"] = _survival(curve, landmark)
        result[group, "median"] = float(median_survival(curve).estimate)
        if group not in ARMS:
            result[group, "log-rank z"] = log_rank_z(
                patients.start[own], stop[own], event[own], patients.treatment[own]
            )
    return result


def _survival(curve: pd.DataFrame, landmark: float) -> float:
    """Return survival at a time; ``nan`` beyond the last patient, unless all have died by then."""
    if landmark > curve["time"].iloc[-1]:
        return 0.0 if float(curve["survival"].iloc[-1]) == 0.0 else np.nan
    return float(survival_at(curve, [landmark])["survival"].iloc[0])


def log_rank_z(
    start: FloatArray, stop: FloatArray, event: FloatArray, treatment: FloatArray
) -> float:
    """Return the log-rank statistic as a z, positive where the treated die faster than expected.

    ``nan`` where no event tells the arms apart.
    """
    try:
        test = logrank(start, stop, event, treatment)
    except NotEstimableError:
        return np.nan
    sign = np.sign(test.observed["treated"] - test.expected["treated"])
    return float(sign * np.sqrt(test.chi2))
