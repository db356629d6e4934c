"""Frequentist estimates that stand beside the Bayesian ones in the estimate table.

``conventional_analysis`` repeats what cohort papers do, ``pool_hazard_ratios`` pools hazard ratios;
names are imported when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hccbayes.lazy import lazy_names

if TYPE_CHECKING:
    from hccbayes.frequentist.adverse_events import adverse_event_table
    from hccbayes.frequentist.baseline_comparison import compare_baseline
    from hccbayes.frequentist.meta_analysis import MetaAnalysis, pool_hazard_ratios
    from hccbayes.frequentist.response import response_table
    from hccbayes.frequentist.subgroups import subgroup_hazard_ratios
    from hccbayes.frequentist.workflow import ConventionalAnalysis, conventional_analysis

_HOMES = {
    "ConventionalAnalysis": "workflow",
    "MetaAnalysis": "meta_analysis",
    "adverse_event_table": "adverse_events",
    "compare_baseline": "baseline_comparison",
    "conventional_analysis": "workflow",
    "pool_hazard_ratios": "meta_analysis",
    "response_table": "response",
    "subgroup_hazard_ratios": "subgroups",
}

__all__ = [
    "ConventionalAnalysis",
    "MetaAnalysis",
    "adverse_event_table",
    "compare_baseline",
    "conventional_analysis",
    "pool_hazard_ratios",
    "response_table",
    "subgroup_hazard_ratios",
]


__getattr__, __dir__ = lazy_names(__name__, _HOMES)
