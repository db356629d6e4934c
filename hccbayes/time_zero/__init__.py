"""Time zero done right: designs that keep the future out of the arms.

A cohort with dates of treatment becomes episodes under one of several designs; where the dates are
missing, :func:`immortal_bound` says what the study's rules alone could have produced. Names are
imported when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hccbayes.lazy import lazy_names

if TYPE_CHECKING:
    from hccbayes.time_zero.cohort_states import state_shares
    from hccbayes.time_zero.dates import Dates, months_between, read_dates
    from hccbayes.time_zero.design_checks import design_findings
    from hccbayes.time_zero.designs import delayed_entry, landmark, naive, time_dependent
    from hccbayes.time_zero.emulation import emulate
    from hccbayes.time_zero.episode_checks import EpisodeColumns, check_episodes
    from hccbayes.time_zero.episode_rules import EpisodeRules
    from hccbayes.time_zero.immortal_closed_form import naive_hazard_ratio
    from hccbayes.time_zero.immortal_cohort import immortal_rules_of
    from hccbayes.time_zero.immortal_comparison import ImmortalBound, immortal_bound
    from hccbayes.time_zero.immortal_inversion import PublishedRatio, RemainingRatio
    from hccbayes.time_zero.immortal_limit import ImmortalLimit
    from hccbayes.time_zero.immortal_rules import ImmortalRules, limit_of_rules, pooled_median
    from hccbayes.time_zero.protocol import target_trial
    from hccbayes.time_zero.record import DesignedCohort
    from hccbayes.time_zero.seen_visits import VisitFinding
    from hccbayes.time_zero.start_stop import episode_totals, visit_episodes
    from hccbayes.time_zero.strategies import clone_censor_weight
    from hccbayes.time_zero.visit_cohort import VisitCohort, cohort_from_visits
    from hccbayes.time_zero.visit_rules import VisitRules

_HOMES = {
    "Dates": "dates",
    "DesignedCohort": "record",
    "EpisodeColumns": "episode_checks",
    "EpisodeRules": "episode_rules",
    "ImmortalBound": "immortal_comparison",
    "ImmortalLimit": "immortal_limit",
    "ImmortalRules": "immortal_rules",
    "PublishedRatio": "immortal_inversion",
    "RemainingRatio": "immortal_inversion",
    "VisitCohort": "visit_cohort",
    "VisitFinding": "seen_visits",
    "VisitRules": "visit_rules",
    "check_episodes": "episode_checks",
    "clone_censor_weight": "strategies",
    "cohort_from_visits": "visit_cohort",
    "delayed_entry": "designs",
    "design_findings": "design_checks",
    "emulate": "emulation",
    "episode_totals": "start_stop",
    "immortal_bound": "immortal_comparison",
    "immortal_rules_of": "immortal_cohort",
    "landmark": "designs",
    "limit_of_rules": "immortal_rules",
    "months_between": "dates",
    "naive": "designs",
    "naive_hazard_ratio": "immortal_closed_form",
    "pooled_median": "immortal_rules",
    "read_dates": "dates",
    "state_shares": "cohort_states",
    "target_trial": "protocol",
    "time_dependent": "designs",
    "visit_episodes": "start_stop",
}

__all__ = [
    "Dates",
    "DesignedCohort",
    "EpisodeColumns",
    "EpisodeRules",
    "ImmortalBound",
    "ImmortalLimit",
    "ImmortalRules",
    "PublishedRatio",
    "RemainingRatio",
    "VisitCohort",
    "VisitFinding",
    "VisitRules",
    "check_episodes",
    "clone_censor_weight",
    "cohort_from_visits",
    "delayed_entry",
    "design_findings",
    "emulate",
    "episode_totals",
    "immortal_bound",
    "immortal_rules_of",
    "landmark",
    "limit_of_rules",
    "months_between",
    "naive",
    "naive_hazard_ratio",
    "pooled_median",
    "read_dates",
    "state_shares",
    "target_trial",
    "time_dependent",
    "visit_episodes",
]

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
