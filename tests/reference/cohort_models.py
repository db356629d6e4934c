"""What the Cox models of each cohort hold, as r/frequentist_cohorts.R has it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

TERMS = {
    "lung": ["treatment", "age_years", "ph.ecog"],
    "heart": ["treatment", "age_years", "surgery"],
    "simulated": ["treatment", "age_years", "stage_b", "stage_c"],
    "episodes": ["treatment", "age_years", "switched"],
    "sysucc": ["treatment", "age_years", "child_pugh_score", "vascular_invasion"],
    "veteran": ["treatment", "age_years", "karno", "smallcell", "adeno", "large"],
    "ovarian": ["treatment", "age_years", "resid.ds"],
    "pbc": ["treatment", "age_years", "edema", "log_bili", "log_albumin", "log_protime"],
    "colon": ["treatment", "lev", "age_years", "nodes", "extent"],
    "colon_events": ["treatment", "lev", "age_years", "node4", "etype"],
    "kidney": ["treatment", "age_years", "gn", "an", "pkd"],
    "mgus2": ["treatment", "hgb", "mspike", "recent"],
}
STRATUM = {
    "lung": "ph.ecog",
    "heart": "surgery",
    "simulated": "stage_c",
    "episodes": "stage_c",
    "sysucc": "vascular_invasion",
    "veteran": "celltype",
    "ovarian": "ecog.ps",
    "pbc": "stage",
    "colon": "extent",
    "colon_events": "etype",
    "kidney": "disease",
    "mgus2": "recent",
}
LEVELS = {"veteran": ["smallcell", "adeno", "large"], "kidney": ["gn", "an", "pkd"]}
"""Terms of a factor, one each level but its first; none of them varies within its strata."""

CLUSTER = {
    "lung": "center",
    "heart": "patient",
    "simulated": "center",
    "episodes": "patient",
    "colon_events": "id",
    "kidney": "center",
}

COHORTS = tuple(TERMS)
ONE_EVENT = tuple(name for name in COHORTS if name != "colon_events")
"""Cohorts with one kind of event, and so with one survival curve."""

WEIGHTED = ("simulated", "episodes", "veteran", "ovarian", "pbc", "colon", "kidney", "mgus2")
WEIGHTED_CENTERS = ("simulated", "episodes", "kidney")
CLUSTERED = tuple(CLUSTER)
FRAILTY = ("lung", "simulated", "kidney")


def terms_within_strata(cohort: str) -> list[str]:
    """Return the terms of the stratified model."""
    constant = [STRATUM[cohort], *LEVELS.get(cohort, [])]
    return [term for term in TERMS[cohort] if term not in constant]


def of_cohorts(names: Sequence[str]) -> pytest.MarkDecorator:
    """Run a test on these cohorts rather than on all with one kind of event."""
    return pytest.mark.parametrize("cohort_name", names, indirect=True, scope="session")
