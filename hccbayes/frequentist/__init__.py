"""Frequentist estimates that stand beside the Bayesian ones in the estimate table.

``conventional_analysis`` repeats what cohort papers do, ``pool_hazard_ratios`` pools hazard ratios;
names are imported when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

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


def __getattr__(name: str) -> Any:
    """Import a public name on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    """Return the public names."""
    return __all__
