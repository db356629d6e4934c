r"""The hazard ratio that immortal time alone makes, in closed form.

Everybody dies at the rate :math:`\lambda`. A share p is meant to be treated, from a start G after
time zero; who lives to it counts as treated from time zero on. With
:math:`u = E[e^{-\lambda G}]` and :math:`v = E[\lambda G e^{-\lambda G}]`

.. math:: \text{deaths of the treated} = p u, \quad
          \text{their person-time} = p \, E[e^{-\lambda G} (G + 1 / \lambda)] = p (u + v) / \lambda

of one patient's death and :math:`1 / \lambda` of person-time in all; the rest is the controls'.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from hccbayes.errors import InputError
from hccbayes.time_zero.immortal_checks import (
    EarlyDeaths,
    early_deaths_problems,
    positive_problems,
    share_problems,
    window_problems,
)


def naive_hazard_ratio(
    median: float,
    start: float | tuple[float, float],
    intended_share: float,
    *,
    early_deaths: EarlyDeaths = "control",
) -> float:
    r"""Return the naive hazard ratio, treated over control, of a treatment without effect.

    Exponential survival, no censoring, exponential fit (deaths over person-time in each arm):

    .. math:: HR = \frac{u \, \{1 - p (u + v)\}}{(u + v)(1 - p u)}, \qquad
              HR = \frac{1 - p q - p \lambda g q}{(1 - p q)(1 + \lambda g)}
              \text{ with a fixed start } g,\ q = e^{-\lambda g}

    where early deaths are controls, and :math:`u / (u + v)`, whatever p, where they are excluded.
    A Cox model without censoring gives nearly the same; with censoring, which takes away late
    person-time that dilutes the contrast, the ratio is further from 1
    (:func:`hccbayes.time_zero.immortal_rules.limit_of_rules`).

    Parameters
    ----------
    median
        Median survival of everybody, months.
    start
        Month at which treatment starts, or ``(earliest, latest)``, uniform between them.
    intended_share
        Share of patients who are meant to be treated, within (0, 1).
    early_deaths
        Where those go who die before their treatment: ``control`` or ``excluded``.

    Raises
    ------
    InputError
        If a number is out of range or no number, or `early_deaths` is unknown; all at once.
    """
    problems = positive_problems("median", median)
    window = start if isinstance(start, Sequence) and not isinstance(start, str) else (start, start)
    problems += window_problems("start", window)
    problems += share_problems("intended_share", intended_share)
    problems += early_deaths_problems(early_deaths)
    if problems:
        raise InputError(problems, source="naive_hazard_ratio")
    rate = math.log(2.0) / median
    lived, waited = _start_moments(rate * window[0], rate * window[1])
    if early_deaths == "excluded":
        return lived / (lived + waited)
    share = float(intended_share)
    controls = (1.0 - share * (lived + waited)) / (1.0 - share * lived)
    return controls * lived / (lived + waited)


def _start_moments(low: float, high: float) -> tuple[float, float]:
    r"""Return :math:`E[e^{-x}]` and :math:`E[x e^{-x}]` of x uniform on ``(low, high)``."""
    width = high - low
    # Below this the difference of two nearly equal numbers would be rounding; the midpoint is
    # exact to the square of the width.
    if width < 1e-6:
        middle = 0.5 * (low + high)
        return math.exp(-middle), middle * math.exp(-middle)
    lived = -math.exp(-low) * math.expm1(-width) / width
    waited = (math.exp(-low) * (1.0 + low) - math.exp(-high) * (1.0 + high)) / width
    return lived, waited
