"""Progression before death: which patient of an arm has which progression-free follow-up.

The assignment permutes within an arm, so that both Kaplan-Meier curves stay as they are.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.optimize import linear_sum_assignment

from hccbayes.synthetic.event_times import FollowUp
from hccbayes.synthetic.targets import InfeasibleDrawError

FORBIDDEN: Final = 1e12
"""Cost of an impossible pair, beyond the sum of all possible ones."""


def couple(os: FollowUp, pfs: FollowUp) -> FollowUp:
    """Return progression-free follow-up in the order of the patients it goes to.

    The assignment with the smallest sum of squared rank distances, in which no progression comes
    after the end of overall follow-up and nobody dies without a progression-free event.

    Parameters
    ----------
    os, pfs
        Follow-up of one arm.

    Returns
    -------
    FollowUp
        `pfs` in the order of the patients of `os`.

    Raises
    ------
    InfeasibleDrawError
        If there is no such assignment.
    """
    ranks_os, ranks_pfs = (np.argsort(np.argsort(part.time)) for part in (os, pfs))
    cost = (ranks_os[:, None] - ranks_pfs[None, :]).astype(np.float64) ** 2
    impossible = pfs.time[None, :] > os.time[:, None]
    impossible |= os.event[:, None] & ~pfs.event[None, :]
    cost[impossible] = FORBIDDEN
    rows, columns = linear_sum_assignment(cost)
    if impossible[rows, columns].any():
        raise InfeasibleDrawError("progression cannot precede death in every patient")
    return FollowUp(pfs.time[columns], pfs.event[columns])
