"""Cohorts that are not patients: with known truth, or with a paper's printed margins.

``simulate_cohort`` draws a multi-center cohort together with the estimands it was drawn under.
``load`` returns a shipped cohort that reproduces what a study printed, ``manifest`` every target
beside what the cohort gives, and the ``synthetic_*`` functions build such a cohort anew. Results on
them show the software, never the therapy. Names are imported when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hccbayes.synthetic.cohorts import (
        SyntheticCohort,
        synthetic_chen2025,
        synthetic_lin2023,
        synthetic_lu2025,
        synthetic_lu2025_immortal_null,
        synthetic_sun2025,
    )
    from hccbayes.synthetic.immortal_null import treatment_episodes
    from hccbayes.synthetic.shipped import SHIPPED, load, manifest
    from hccbayes.synthetic.simulation import SimulatedCohort, simulate_cohort
    from hccbayes.synthetic.simulation_config import Center, CohortConfig, Covariate

# Files are not named after their functions: importing a submodule binds its name here, and a
# module would then stand where the function is expected.
_HOMES = {
    "Center": "simulation_config",
    "CohortConfig": "simulation_config",
    "Covariate": "simulation_config",
    "SHIPPED": "shipped",
    "SimulatedCohort": "simulation",
    "SyntheticCohort": "cohorts",
    "load": "shipped",
    "manifest": "shipped",
    "simulate_cohort": "simulation",
    "synthetic_chen2025": "cohorts",
    "synthetic_lin2023": "cohorts",
    "synthetic_lu2025": "cohorts",
    "synthetic_lu2025_immortal_null": "cohorts",
    "synthetic_sun2025": "cohorts",
    "treatment_episodes": "immortal_null",
}

__all__ = [
    "SHIPPED",
    "Center",
    "CohortConfig",
    "Covariate",
    "SimulatedCohort",
    "SyntheticCohort",
    "load",
    "manifest",
    "simulate_cohort",
    "synthetic_chen2025",
    "synthetic_lin2023",
    "synthetic_lu2025",
    "synthetic_lu2025_immortal_null",
    "synthetic_sun2025",
    "treatment_episodes",
]


def __getattr__(name: str) -> Any:
    """Import a public name on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    """Return the public names."""
    return __all__
