"""Two proportions side by side: tests by name, and the risk difference with its limits."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from statsmodels.stats.proportion import confint_proportions_2indep

from hccbayes.defaults import INTERVAL_PROB
from hccbayes.errors import InputError, Problem
from hccbayes.evidence.count_tests import fisher, pearson, yates
from hccbayes.frequentist.arguments import is_number, prob_problems
from hccbayes.frequentist.choice_of_test import counts_test

PROPORTION_COLUMNS: Final = (
    "treated_n",
    "treated_total",
    "treated_percent",
    "control_n",
    "control_total",
    "control_percent",
    "risk_difference",
    "lower",
    "upper",
    "pearson_p",
    "yates_p",
    "fisher_p",
    "test",
    "p_value",
    "note",
)
"""What :func:`compare_proportions` returns, in order."""


def compare_proportions(
    treated: tuple[int, int], control: tuple[int, int], *, prob: float = INTERVAL_PROB
) -> dict[str, Any]:
    r"""Return the comparison of two proportions as one row.

    With Wilson limits :math:`(l_a, u_a)` of each arm's share :math:`p_a`, the limits of
    :math:`d = p_1 - p_0` are Newcombe's (1998, Statistics in Medicine 17:873, method 10)

    .. math:: d - \sqrt{(p_1 - l_1)^2 + (u_0 - p_0)^2}, \quad
              d + \sqrt{(u_1 - p_1)^2 + (p_0 - l_0)^2}

    Parameters
    ----------
    treated, control
        Patients with the event, and all patients of the arm.
    prob
        Probability of the limits.

    Returns
    -------
    dict
        Keys of :data:`PROPORTION_COLUMNS`. ``test`` is the one that the expected counts ask for,
        with its ``p_value``; ``pearson_p``, ``yates_p`` and ``fisher_p`` are those of all three.
        Where nobody or everybody has the event no test is named, Pearson's and Yates's p are
        ``nan`` and Fisher's is 1, a single table having these margins, as in R; ``note`` says so.
        ``risk_difference``, ``lower`` and ``upper`` are shares, treated less control.

    Raises
    ------
    InputError
        If a count is not from 0 to its total, an arm has no patient, or `prob` is no probability.
    """
    _check(treated, control, prob)
    table = np.array([[one, total - one] for one, total in (treated, control)]).T
    test = counts_test(table)
    known = bool((table.sum(axis=1) > 0).all())
    shares = [one / total for one, total in (treated, control)]
    lower, upper = confint_proportions_2indep(
        *treated, *control, method="newcomb", compare="diff", alpha=1.0 - prob
    )
    note = test.note
    if not known:
        whom = "no patient" if table[0].sum() == 0 else "every patient"
        note = f"tests not estimable: {whom} of either arm has it (Fisher's p is 1 by convention)"
    return {
        "treated_n": treated[0],
        "treated_total": treated[1],
        "treated_percent": 100.0 * shares[0],
        "control_n": control[0],
        "control_total": control[1],
        "control_percent": 100.0 * shares[1],
        "risk_difference": shares[0] - shares[1],
        "lower": float(lower),
        "upper": float(upper),
        "pearson_p": pearson(table) if known else math.nan,
        "yates_p": yates(table) if known else math.nan,
        "fisher_p": fisher(table),
        "test": test.name,
        "p_value": test.p_value,
        "note": note,
    }


def _check(treated: tuple[int, int], control: tuple[int, int], prob: float) -> None:
    problems = [
        Problem(arm, f"needs a count from 0 to its total and a patient at least, not {one}/{total}")
        for arm, (one, total) in (("treated", treated), ("control", control))
        if not (_is_count(one) and _is_count(total)) or not 0 <= one <= total or total < 1
    ]
    problems += prob_problems(prob)
    if problems:
        raise InputError(problems)


def _is_count(value: object) -> bool:
    """Return whether a value is a whole number, of whatever type."""
    return is_number(value) and float(value).is_integer()
