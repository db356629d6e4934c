"""Bayesian survival analysis of locoregional therapy added to systemic therapy in liver cancer.

Five lines from a patient table to a posterior hazard ratio::

    import hccbayes as hb

    spec = hb.AnalysisSpec.from_toml("models/chen2025_os.toml")
    cohort = hb.read_cohort("synthetic:chen2025", spec.roles)
    analysis = hb.analyse(cohort, spec)
    analysis.estimates

Names are imported when they are first used, so that ``import hccbayes`` stays light.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hccbayes.lazy import lazy_names

if TYPE_CHECKING:
    from hccbayes import (
        balance,
        evidence,
        frequentist,
        matching,
        plots,
        sensitivity,
        synthetic,
        time_zero,
        weights,
    )
    from hccbayes.analysis import Analysis, load
    from hccbayes.cohort import Cohort, read_cohort
    from hccbayes.design_comparison import DesignComparison, compare_designs
    from hccbayes.errors import FolderExistsError, HccbayesError, InputError
    from hccbayes.pipeline import analyse
    from hccbayes.priors import Prior
    from hccbayes.records import CheckResult, Diagnosis, Estimate
    from hccbayes.roles import ArmRole, Roles, TimeColumn
    from hccbayes.spec import AnalysisSpec
    from hccbayes.study import build_study

__version__ = "0.1.0"

_HOMES = {
    "Analysis": "analysis",
    "AnalysisSpec": "spec",
    "ArmRole": "roles",
    "CheckResult": "records",
    "Cohort": "cohort",
    "DesignComparison": "design_comparison",
    "Diagnosis": "records",
    "Estimate": "records",
    "FolderExistsError": "errors",
    "HccbayesError": "errors",
    "InputError": "errors",
    "Prior": "priors",
    "Roles": "roles",
    "TimeColumn": "roles",
    "analyse": "pipeline",
    "build_study": "study",
    "compare_designs": "design_comparison",
    "load": "analysis",
    "read_cohort": "cohort",
}
_MODULES = frozenset(
    {
        "balance",
        "evidence",
        "frequentist",
        "matching",
        "plots",
        "sensitivity",
        "synthetic",
        "time_zero",
        "weights",
    }
)

__all__ = [
    "Analysis",
    "AnalysisSpec",
    "ArmRole",
    "CheckResult",
    "Cohort",
    "DesignComparison",
    "Diagnosis",
    "Estimate",
    "FolderExistsError",
    "HccbayesError",
    "InputError",
    "Prior",
    "Roles",
    "TimeColumn",
    "analyse",
    "balance",
    "build_study",
    "compare_designs",
    "evidence",
    "frequentist",
    "load",
    "matching",
    "plots",
    "read_cohort",
    "sensitivity",
    "synthetic",
    "time_zero",
    "weights",
]


__getattr__, __dir__ = lazy_names(__name__, _HOMES, _MODULES)
