"""What a refit changes and what it holds, for every structure of the model; nothing is sampled."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import hccbayes as hb
from hccbayes.hazard_model import model_data
from hccbayes.sensitivity.refitting import PRIOR_SIDE, StudyFit, changed_study

STRUCTURES: list[dict[str, Any]] = [
    {"baseline": "rw1"},
    {"baseline": "rw2"},
    {"baseline": "independent"},
    {"baseline": "gamma"},
    {"center": "fixed"},
    {"center": "hierarchical", "center_slope": True},
    {"center": "stratified"},
    {"effect": "log_time"},
]
PER_PATIENT = {"exposure", "treatment_centered", "covariate_matrix", "center_index"}


def base_of(**hazard: Any) -> StudyFit:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "id": range(60),
            "hospital": np.array(["east", "north", "west"])[np.arange(60) % 3],
            "arm": np.where(rng.random(60) < 0.5, "both", "one"),
            "months": rng.uniform(1.0, 24.0, 60),
            "death": (rng.random(60) < 0.7).astype(int),
            "age": rng.normal(60.0, 9.0, 60),
        }
    )
    spec = hb.AnalysisSpec.from_dict(
        {
            "model": {"name": "refits"},
            "data": {
                "id": "id",
                "time": "months",
                "event": "death",
                "arm": {"column": "arm", "treated": "both", "control": "one"},
                "center": "hospital",
                "time_zero": "first dose",
            },
            "hazard": {"formula": "treatment + age", "cuts": [3, 6, 12]} | hazard,
            "estimands": {"times": [6]},
        }
    )
    study = hb.build_study(hb.read_cohort(frame, spec.roles), spec)
    nothing: Any = None
    return StudyFit(study=study, spec=spec, compiled=nothing, tree=nothing, diagnosis=nothing)


def arrays(base: StudyFit, **changes: np.ndarray) -> dict[str, np.ndarray]:
    study = changed_study(base, **changes) if changes else base.study
    return dict(model_data(study.data, base.spec.hazard, base.spec.priors))


@pytest.mark.parametrize("hazard", STRUCTURES, ids=str)
def test_only_patients_and_events_change(hazard):
    """Whatever else the events of the cohort went into is held, whichever patient goes."""
    base = base_of(**hazard)
    full = arrays(base)
    for patient in range(0, 60, 7):
        weights = np.ones(60)
        weights[patient] = 0.0
        for changes in ({"weights": weights}, {"treatment": np.roll(weights, 1)}):
            changed = arrays(base, **changes)
            assert changed.keys() == full.keys()
            for name in changed.keys() - set(PRIOR_SIDE) - PER_PATIENT:
                if not name.endswith("_events"):
                    np.testing.assert_array_equal(changed[name], full[name], err_msg=name)


def test_events_and_exposure_are_those_who_stay():
    base = base_of()
    weights = np.ones(60)
    weights[:10] = 0.0
    study = changed_study(base, weights=weights)
    kept = base.study.episodes.iloc[10:]
    assert study.data.person_time.exposure.sum() == pytest.approx(kept["stop"].sum(), rel=1e-12)
    assert study.data.interval_events.sum() == kept["event"].sum()


def test_moved_patients_are_in_the_other_arm():
    base = base_of()
    treatment = 1.0 - base.study.design.treatment
    data = changed_study(base, treatment=treatment).data
    both = data.person_time.exposure[data.treatment == 1].sum()
    wanted = base.study.episodes.loc[treatment == 1, "stop"].sum()
    assert both == pytest.approx(wanted, rel=1e-12)
    assert data.treatment_mean == base.study.data.treatment_mean
