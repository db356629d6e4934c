"""Cohorts that are not patients: with known truth, or with a paper's printed margins.

``simulate_cohort`` draws a multi-center cohort together with the estimands it was drawn under.
``load`` returns a shipped cohort that reproduces what a study printed, ``manifest`` every target
beside what the cohort gives, and the ``synthetic_*`` functions build such a cohort anew. Results on
them show the software, never the therapy. Names are imported when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hccbayes.lazy import lazy_names

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


__getattr__, __dir__ = lazy_names(__name__, _HOMES)
