r"""How small the standard error of a log hazard ratio can be.

At the maximum of a Cox partial likelihood (Breslow's or Efron's) the score of a 0/1
covariate is zero: over the :math:`d` events, its share :math:`p_j` in the risk set, weighted by the
hazard ratios, adds up to the number :math:`d_1` of events that carry it. The information is
:math:`\sum p_j (1 - p_j)`, which for a given sum is largest where all shares are equal, since
:math:`p (1 - p)` is concave: :math:`I \le d_1 d_0 / d`. Other covariates in the model only take
information away. So

.. math:: \operatorname{SE} \ge \sqrt{1 / d_1 + 1 / d_0} \ge 2 / \sqrt{d}.

The first bound is reached by an exponential model with two arms. Neither holds for robust standard
errors or for weighted pseudo-populations.
"""

from __future__ import annotations

import math


def two_arm_floor(events_treated: float, events_control: float) -> float:
    """Return ``sqrt(1 / d1 + 1 / d0)``, the smallest SE of the log HR of two arms.

    Parameters
    ----------
    events_treated, events_control
        Events of each arm; infinite where one has none.
    """
    if min(events_treated, events_control) <= 0:
        return math.inf
    return math.sqrt(1.0 / events_treated + 1.0 / events_control)


def covariate_floor(events: float) -> float:
    """Return ``2 / sqrt(d)``, the smallest SE of the log HR of any 0/1 covariate.

    Parameters
    ----------
    events
        Events in all, or a number there cannot be more of, such as the number of patients.
    """
    return math.inf if events <= 0 else 2.0 / math.sqrt(events)


def minimum_events(se: float) -> int:
    """Return ``4 / SE ** 2`` rounded up: the fewest events that allow this standard error."""
    return math.ceil(4.0 / se**2)
