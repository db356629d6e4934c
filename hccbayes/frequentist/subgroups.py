"""Treatment effect by subgroup: the numbers of a subgroup forest plot.

Hazard ratios of subgroups are noisy and many; whether they differ is what the interaction test
asks, with little power. A subgroup whose own interval excludes 1 has shown no difference.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from scipy.stats import chi2 as chi2_distribution

from hccbayes.defaults import INTERVAL_PROB
from hccbayes.formula import TREATMENT
from hccbayes.frequentist.covariate_levels import (
    check_complete,
    check_numbers,
    subgroup_levels,
)
from hccbayes.frequentist.cox import CoxFit, cox
from hccbayes.frequentist.identifiability import NotEstimableError
from hccbayes.frequentist.screening import ratio_of, reason_of
from hccbayes.frequentist.two_arms import treated_rows

SUBGROUP_COLUMNS: Final = (
    "covariate",
    "level",
    "treated_n",
    "treated_events",
    "control_n",
    "control_events",
    "hr",
    "lower",
    "upper",
    "interaction_p",
    "note",
)
OVERALL: Final = "all patients"
ONE_LEVEL: Final = "no interaction test: fewer than two levels have an estimable hazard ratio"


def subgroup_hazard_ratios(
    frame: pd.DataFrame, covariates: Sequence[str], *, prob: float = INTERVAL_PROB
) -> pd.DataFrame:
    r"""Return the treatment's hazard ratio in each level of each covariate.

    Cox models of the treatment alone among the patients of a level. The interaction p is that of
    the likelihood ratio of models with treatment and levels, and with their products as well:
    :math:`\chi^2` with as many degrees of freedom as levels less one, over the levels in which a
    hazard ratio can be estimated.

    Parameters
    ----------
    frame
        One row a patient: ``entry`` and ``time`` in months, ``event``, ``treatment`` (0 or 1), and
        the covariates. Numbers of more than a few values are split at the median of all patients.
    covariates
        Columns, nothing missing.
    prob
        Probability of the Wald limits.

    Returns
    -------
    pandas.DataFrame
        Columns of :data:`SUBGROUP_COLUMNS`, all patients first. ``interaction_p`` stands in a
        covariate's first row; ``note`` says why a hazard ratio is not estimable, and which levels
        the interaction leaves out.

    Raises
    ------
    InputError
        If there is no patient, a column is not there, a value is missing, or a treatment is
        neither 0 nor 1.
    """
    check_numbers(frame, ("entry", "time", "event", TREATMENT))
    check_complete(frame, tuple(covariates))
    treated_rows(frame[TREATMENT], len(frame))
    rows = [_level_row(OVERALL, "", frame, prob)]
    for covariate in covariates:
        levels = subgroup_levels(frame[covariate])
        own = [
            _level_row(covariate, str(level), frame[(levels == level).to_numpy()], prob)
            for level in levels.cat.categories
        ]
        estimable = [row["level"] for row in own if math.isfinite(row["hr"])]
        p_value, note = _interaction(frame, levels, estimable)
        first = own[0]
        first["interaction_p"] = p_value
        first["note"] = "; ".join(filter(None, (first["note"], note)))
        rows.extend(own)
    return pd.DataFrame(rows, columns=list(SUBGROUP_COLUMNS))


def _level_row(covariate: str, level: str, patients: pd.DataFrame, prob: float) -> dict[str, Any]:
    row: dict[str, Any] = {"covariate": covariate, "level": level}
    for arm, value in (("treated", 1), ("control", 0)):
        own = patients.loc[patients[TREATMENT] == value, "event"]
        row |= {f"{arm}_n": len(own), f"{arm}_events": int(own.sum())}
    row |= dict.fromkeys(("hr", "lower", "upper", "interaction_p"), math.nan)
    row["note"] = _impossible(row)
    if row["note"]:
        return row
    try:
        fit = _fit(patients[[TREATMENT]], patients, prob)
    except NotEstimableError as error:
        return row | {"note": reason_of(error)}
    limits = {"hr": fit.coef[0], "lower": fit.lower[0], "upper": fit.upper[0]}
    return row | {name: ratio_of(value) for name, value in limits.items()}


def _impossible(row: dict[str, Any]) -> str:
    """Return why counts alone rule a hazard ratio out, in words of the table."""
    for arm in ("treated", "control"):
        if row[f"{arm}_n"] == 0:
            return f"not estimable: no {arm} patient"
    without = [arm for arm in ("treated", "control") if row[f"{arm}_events"] == 0]
    if not without:
        return ""
    return (
        f"not estimable: no event among the {' and the '.join(_IN_WORDS[arm] for arm in without)}"
    )


_IN_WORDS: Final = {"treated": "treated", "control": "controls"}


def _interaction(
    frame: pd.DataFrame, levels: pd.Series, estimable: Sequence[str]
) -> tuple[float, str]:
    """Return the p of the interaction over the estimable levels, and a note."""
    if len(estimable) < 2:
        return math.nan, ONE_LEVEL
    kept = levels.isin(estimable).to_numpy()
    patients = frame[kept].reset_index(drop=True)
    codes = pd.Categorical(levels[kept].astype(str), categories=list(estimable))
    dummies = pd.DataFrame(
        {f"level {place}": codes.codes == place for place in range(1, len(estimable))}
    ).astype(np.float64)
    products = dummies.mul(patients[TREATMENT], axis="index").add_prefix("treatment in ")
    main = pd.concat([patients[[TREATMENT]], dummies], axis="columns")
    try:
        without = _fit(main, patients, INTERVAL_PROB)
        within = _fit(pd.concat([main, products], axis="columns"), patients, INTERVAL_PROB)
    except NotEstimableError as error:
        return math.nan, f"interaction {reason_of(error)}"
    statistic = max(0.0, 2.0 * (within.log_likelihood - without.log_likelihood))
    left = [str(level) for level in levels.cat.categories if level not in estimable]
    note = f"interaction without the level {', '.join(left)}" if left else ""
    return float(chi2_distribution.sf(statistic, len(estimable) - 1)), note


def _fit(design: pd.DataFrame, patients: pd.DataFrame, prob: float) -> CoxFit:
    return cox(design, patients["entry"], patients["time"], patients["event"], prob=prob)
