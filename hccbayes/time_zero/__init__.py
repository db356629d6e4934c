"""Time zero done right: designs that keep the future out of the arms.

A cohort with dates of treatment becomes episodes under one of several designs; where the dates are
missing, :func:`immortal_bound` says what the study's rules alone could have produced. Names are
imported when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hccbayes.lazy import lazy_names

if TYPE_CHECKING:
    from hccbayes.time_zero.design_checks import design_findings
    from hccbayes.time_zero.designs import delayed_entry, landmark, naive, time_dependent
    from hccbayes.time_zero.emulation import emulate
    from hccbayes.time_zero.protocol import target_trial
    from hccbayes.time_zero.record import DesignedCohort

_HOMES = {
    "DesignedCohort": "record",
    "delayed_entry": "designs",
    "design_findings": "design_checks",
    "emulate": "emulation",
    "landmark": "designs",
    "naive": "designs",
    "target_trial": "protocol",
    "time_dependent": "designs",
}

__all__ = [
    "DesignedCohort",
    "delayed_entry",
    "design_findings",
    "emulate",
    "landmark",
    "naive",
    "target_trial",
    "time_dependent",
]

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
