"""How many patients would have to be in the other arm before the finding is gone.

In a cohort study the arm of a patient who dies before the treatment could have begun is a matter of
definition, and the finding may rest on it. Patients are moved one by one, in an order fixed
beforehand, and the model is fitted again. With the longest survivors moved and the log-rank test,
this is the survival-inferred fragility index (Bomze et al. 2020, JAMA Network Open 3:e2017675).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from hccbayes import defaults
from hccbayes.errors import InputError, Problem
from hccbayes.formula import TREATMENT
from hccbayes.frequentist.cox import cox
from hccbayes.frequentist.identifiability import NotEstimableError
from hccbayes.frequentist.logrank import logrank
from hccbayes.progress import Progress, Silent
from hccbayes.sensitivity.influence import monte_carlo_error
from hccbayes.sensitivity.refitting import StudyFit, refit

if TYPE_CHECKING:
    from hccbayes.study import Study

FloatArray = NDArray[np.float64]
Direction = Literal["early_control_deaths", "treated_survivors"]

EARLY_MONTHS: Final = 3.0
"""A grace period in common use: who dies within it may not have lived to be treated."""
SIGNIFICANCE: Final = 0.05
"""Two-sided; the convention of the studies."""
MOST_MOVED: Final = 50
"""Refits at the most, about a minute."""

FRAGILITY_COLUMNS: Final = (
    "reclassified",
    "log_hr",
    "prob_benefit",
    "prob_benefit_mcse",
    "passed",
    "cox_hr",
    "cox_p",
    "logrank_p",
)
"""Columns of the table of fragility."""
_WORDS: Final = {
    "early_control_deaths": ("control deaths within {months:g} months", "treated"),
    "treated_survivors": ("treated patients followed beyond {months:g} months", "controls"),
}


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Fragility:
    """How the finding goes as patients are moved to the other arm.

    Parameters
    ----------
    direction
        ``early_control_deaths`` counted as treated, or ``treated_survivors`` as controls.
    months
        What early means.
    prob
        P(HR < 1) below which the finding counts as gone.
    candidates
        Number of patients who could be moved.
    table
        One row a number of patients moved, from 0 until the finding is gone by every standard
        below: posterior mean ``log_hr``, ``prob_benefit`` (P(HR < 1)) with its Monte Carlo standard
        error (0 where all draws lie on one side), whether the fit ``passed`` its gate; ``cox_hr``
        and ``cox_p`` (Wald, two-sided) with the model's covariates, stratified by the model's
        centers; ``logrank_p``. The Bayesian columns are empty beyond the number at which the
        finding is gone; a frequentist number is empty where the test cannot be done.
    number, number_cox, number_logrank
        Patients moved when P(HR < 1) is first below `prob`, and when a hazard ratio below 1 is
        first no longer significant at 0.05 by Cox regression and by the log-rank test; ``None``
        where that did not happen, 0 where it is so without moving anybody.
    """

    direction: Direction
    months: float
    prob: float
    candidates: int
    table: pd.DataFrame
    number: int | None
    number_cox: int | None
    number_logrank: int | None

    @property
    def sentence(self) -> str:
        """The result in words."""
        start = float(self.table["prob_benefit"].iloc[0])
        who, arm = _WORDS[self.direction]
        group = f"the {self.candidates} {who.format(months=self.months)}"
        refitted = int(self.table["prob_benefit"].notna().sum()) - 1
        if self.number == 0:
            found = f"P(HR < 1) is {start:.3f}, below {self.prob:g} as the patients are"
        elif self.number is None:
            found = (
                f"P(HR < 1) is {start:.3f} and stays at {self.prob:g} or above with the first "
                f"{refitted} of {group} counted as {arm}"
            )
        else:
            found = (
                f"P(HR < 1) is {start:.3f} and falls below {self.prob:g} once {self.number} of "
                f"{group} {'is' if self.number == 1 else 'are'} counted as {arm}"
            )
        cox_words, rank_words = map(_number_words, (self.number_cox, self.number_logrank))
        failed = int((~self.table["passed"].dropna().astype(bool)).sum())
        gate = f" {failed} of the fits failed their diagnostics." if failed else ""
        return (
            f"{found}; significance at {SIGNIFICANCE:g} is lost {cox_words} by Cox regression and "
            f"{rank_words} by the log-rank test.{gate}"
        )


def _number_words(number: int | None) -> str:
    if number is None:
        return "with none of them"
    return "with nobody moved" if number == 0 else f"with {number} moved"


def fragility(
    base: StudyFit,
    direction: Direction = "early_control_deaths",
    *,
    months: float = EARLY_MONTHS,
    prob: float = defaults.SENSITIVITY_PROB,
    most: int = MOST_MOVED,
    progress: Progress | None = None,
) -> Fragility:
    """Move patients to the other arm one by one until the finding is gone.

    Control deaths within `months` are counted as treated, the earliest first; or treated patients
    followed beyond `months` are counted as controls, the longest followed first, dead or not.
    Nothing is skipped: the probability need not fall with every patient, and the first number at
    which it is below `prob` is found by fitting each.

    Parameters
    ----------
    base
        The fit as the patients are.
    direction
        Who is moved.
    months
        What early means, months from time zero; the grace period of the design where it has one.
    prob
        P(HR < 1) below which the finding counts as gone.
    most
        Patients moved at the most.
    progress
        Told about stages.

    Raises
    ------
    InputError
        If an argument is wrong, nobody can be moved, or a patient has more than one episode.

    Notes
    -----
    Near `prob` the probability has a Monte Carlo error of about 0.004 with 4,000 draws; where it
    falls slowly the number may be off by one.
    """
    _check(base, direction, months, prob, most)
    watch = progress or Silent()
    order = _order(base.study, direction, months)
    if len(order) == 0:
        who = _WORDS[direction][0].format(months=months)
        raise InputError(Problem("fragility", f"there are no {who}"))
    moved = order[:most]
    arms = [_treatment(base, direction, moved[:count]) for count in range(len(moved) + 1)]
    table = _table(base, arms, prob, watch)
    table.attrs["synthetic"] = base.study.synthetic
    lost = _lost(table, prob)
    return Fragility(
        direction=direction,
        months=months,
        prob=prob,
        candidates=len(order),
        table=table,
        number=_first(lost["prob_benefit"]),
        number_cox=_first(lost["cox_p"]),
        number_logrank=_first(lost["logrank_p"]),
    )


def _check(base: StudyFit, direction: str, months: float, prob: float, most: int) -> None:
    problems = []
    if direction not in get_args(Direction):
        known = ", ".join(get_args(Direction))
        problems.append(Problem("direction", f"unknown {direction!r}; choose from {known}"))
    if not (np.isfinite(months) and months > 0):
        problems.append(Problem("months", f"must be a positive number, not {months}"))
    if not 0 < prob < 1:
        problems.append(Problem("prob", f"must lie between 0 and 1, not {prob}"))
    if most < 1:
        problems.append(Problem("most", f"must be at least 1, not {most}"))
    if len(base.study.episodes) != base.patients:
        problems.append(Problem("study", "has a treatment that changes in time; nobody is moved"))
    if problems:
        raise InputError(problems)


def _order(study: Study, direction: Direction, months: float) -> NDArray[np.intp]:
    """Return the patients who can be moved, in order; one of their arm always stays."""
    episodes = study.episodes.set_index("patient_index").sort_index()
    treated = episodes["treatment"].to_numpy() == 1
    stop, died = episodes["stop"].to_numpy(dtype=np.float64), episodes["event"].to_numpy() == 1
    if direction == "early_control_deaths":
        chosen, key, arm = ~treated & died & (stop <= months), stop, ~treated
    else:
        chosen, key, arm = treated & (stop > months), -stop, treated
    rows = np.flatnonzero(chosen)
    ordered = rows[np.argsort(key[rows], kind="stable")]
    return ordered[: int(arm.sum()) - 1]


def _treatment(base: StudyFit, direction: Direction, moved: NDArray[np.intp]) -> FloatArray:
    treatment = base.study.design.treatment.copy()
    treatment[moved] = float(direction == "early_control_deaths")
    return treatment


def _table(
    base: StudyFit, arms: Sequence[FloatArray], prob: float, watch: Progress
) -> pd.DataFrame:
    """Return the table up to the number at which the finding is gone by every standard."""
    rows: list[dict[str, float | bool]] = []
    table = pd.DataFrame()
    for count, treatment in enumerate(arms):
        row: dict[str, float | bool] = {"reclassified": count}
        if count == 0 or not _lost(table, prob)["prob_benefit"].any():
            watch.stage(f"fitting with {count} patients moved")
            row |= _bayesian(base if count == 0 else refit(base, treatment=treatment))
        rows.append(row | _conventional(base.study, treatment))
        table = pd.DataFrame(rows, columns=list(FRAGILITY_COLUMNS))
        if _lost(table, prob).any().all():
            break
    return table.astype({"passed": "boolean"})


def _lost(table: pd.DataFrame, prob: float) -> pd.DataFrame:
    """Return by which standards the finding is lost at each number."""
    other_side = table["cox_hr"] >= 1.0
    return pd.DataFrame(
        {
            "prob_benefit": table["prob_benefit"] < prob,
            "cox_p": (table["cox_p"] > SIGNIFICANCE) | other_side,
            # The test has no side: it counts where the hazard ratio is below 1.
            "logrank_p": (table["logrank_p"] > SIGNIFICANCE) | other_side,
        }
    )


def _bayesian(fitted: StudyFit) -> dict[str, float | bool]:
    draws = fitted.posterior["treatment"]
    benefit = (draws < 0).astype(np.float64)
    return {
        "log_hr": float(draws.mean()),
        "prob_benefit": float(benefit.mean()),
        "prob_benefit_mcse": float(monte_carlo_error(benefit)),
        "passed": fitted.diagnosis.passed,
    }


def _conventional(study: Study, treatment: FloatArray) -> dict[str, float | bool]:
    """Return the frequentist numbers of one assignment of the patients to arms."""
    episodes = study.episodes.set_index("patient_index").sort_index()
    follow_up = (episodes["start"], episodes["stop"], episodes["event"])
    design = replace(study.design, treatment=treatment).conventional()
    strata = study.design.center_index if study.data.centers else None
    row: dict[str, float | bool] = {}
    try:
        fitted = cox(design, *follow_up, strata=strata)
        effect = fitted.terms.index(TREATMENT)
        row["cox_hr"] = float(np.exp(fitted.coef[effect]))
        row["cox_p"] = float(2.0 * norm.sf(abs(fitted.coef[effect] / fitted.se[effect])))
    except NotEstimableError:
        row |= {"cox_hr": np.nan, "cox_p": np.nan}
    try:
        row["logrank_p"] = logrank(*follow_up, treatment).p_value
    except NotEstimableError:
        row["logrank_p"] = np.nan
    return row


def _first(lost: pd.Series) -> int | None:
    """Return the first number of patients at which the finding is lost."""
    found = np.flatnonzero(lost.to_numpy())
    return int(found[0]) if len(found) else None
