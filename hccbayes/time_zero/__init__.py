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
    from hccbayes.time_zero.immortal_closed_form import naive_hazard_ratio
    from hccbayes.time_zero.immortal_cohort import immortal_rules_of
    from hccbayes.time_zero.immortal_comparison import ImmortalBound, immortal_bound
    from hccbayes.time_zero.immortal_inversion import PublishedRatio, RemainingRatio
    from hccbayes.time_zero.immortal_limit import ImmortalLimit
    from hccbayes.time_zero.immortal_rules import ImmortalRules, limit_of_rules, pooled_median
    from hccbayes.time_zero.protocol import target_trial
    from hccbayes.time_zero.record import DesignedCohort

_HOMES = {
    "DesignedCohort": "record",
    "ImmortalBound": "immortal_comparison",
    "ImmortalLimit": "immortal_limit",
    "ImmortalRules": "immortal_rules",
    "PublishedRatio": "immortal_inversion",
    "RemainingRatio": "immortal_inversion",
    "delayed_entry": "designs",
    "design_findings": "design_checks",
    "emulate": "emulation",
    "immortal_bound": "immortal_comparison",
    "immortal_rules_of": "immortal_cohort",
    "landmark": "designs",
    "limit_of_rules": "immortal_rules",
    "naive": "designs",
    "naive_hazard_ratio": "immortal_closed_form",
    "pooled_median": "immortal_rules",
    "target_trial": "protocol",
    "time_dependent": "designs",
}

__all__ = [
    "DesignedCohort",
    "ImmortalBound",
    "ImmortalLimit",
    "ImmortalRules",
    "PublishedRatio",
    "RemainingRatio",
    "delayed_entry",
    "design_findings",
    "emulate",
    "immortal_bound",
    "immortal_rules_of",
    "landmark",
    "limit_of_rules",
    "naive",
    "naive_hazard_ratio",
    "pooled_median",
    "target_trial",
    "time_dependent",
]

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
