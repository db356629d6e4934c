"""Without priors, coarse intervals and centers the Bayesian answer is Cox regression's.

The reference fit (gamma baseline of shape 0.01 cut at every third event time, effects N(0, 10))
agrees with Cox regression, Efron ties, within a tenth of a posterior standard deviation: the
promise of the cross-check. The largest difference seen is 0.07; the Monte Carlo error of a mean of
16,000 draws is below 0.01 standard deviations.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import hccbayes as hb
from hccbayes import defaults
from hccbayes.crosscheck import reference_spec
from hccbayes.fit import compile_model, fit
from hccbayes.frequentist.cox import cox
from hccbayes.hazard_model import build_hazard_model

DRAWS = 4000
HERE = Path(__file__).resolve()
MODELS = HERE.parents[2] / "models"
PATIENTS = HERE.parents[2].parent / "shared" / "data" / "sysucc_targeted.csv"


def data_source(model: str) -> str:
    if model == "ncctg_lung_os":
        return "dataset:ncctg_lung"
    if not PATIENTS.exists():
        pytest.skip("sysucc_targeted.csv is not beside the project")
    return str(PATIENTS)


@pytest.mark.parametrize(
    ("model", "patients", "events", "terms"),
    [("ncctg_lung_os", 226, 163, 3), ("sysucc_targeted_os", 246, 127, 9)],
)
def test_reference_fit_agrees_with_cox(model, patients, events, terms):
    spec = hb.AnalysisSpec.from_toml(MODELS / f"{model}.toml")
    cohort = hb.read_cohort(data_source(model), spec.roles)
    frame = cohort.frame
    reference = reference_spec(spec, frame["time"], frame["event"])
    study = hb.build_study(cohort, reference)
    assert (len(frame), frame["event"].sum()) == (patients, events)
    compiled = compile_model(build_hazard_model(study.data, reference.hazard, reference.priors))
    tree, diagnosis = fit(compiled, reference.sampler.model_copy(update={"draws": DRAWS}))
    assert diagnosis.passed, diagnosis.headline()
    expected = cox(study.design.conventional(), frame["entry"], frame["time"], frame["event"])
    posterior = tree["posterior"]
    own_scale = posterior["covariates"].values / study.design.scales
    draws = np.concatenate([posterior["treatment"].values[..., None], own_scale], axis=-1)
    mean, sd = draws.mean(axis=(0, 1)), draws.std(axis=(0, 1), ddof=1)
    assert len(mean) == terms
    difference = (mean - np.asarray(expected.coef)) / sd
    assert (np.abs(difference) < defaults.CROSSCHECK_AGREEMENT).all(), difference
    # The widths agree as well: flat priors leave the standard error of the likelihood. Skewness
    # and 127 events for nine terms allow one part in ten.
    np.testing.assert_allclose(sd, expected.se, rtol=0.1)


def test_reference_spec_takes_out_what_cox_does_not_have():
    spec = hb.AnalysisSpec.from_toml(MODELS / "ncctg_lung_os.toml")
    frame = hb.read_cohort("dataset:ncctg_lung", spec.roles).frame
    reference = reference_spec(spec, frame["time"], frame["event"])
    assert reference.hazard.baseline == "gamma"
    assert reference.hazard.center == "none"
    assert reference.hazard.formula == spec.hazard.formula
    assert reference.priors.treatment.values == (0.0, 10.0)
    assert reference.priors.covariates.values == (0.0, 10.0)
    assert reference.priors.gamma_shape == defaults.REFERENCE_GAMMA_SHAPE
    assert spec.hazard.baseline == "rw1"
    event_times = set(frame.loc[frame["event"] == 1, "time"])
    read = set(spec.estimands.times)
    assert read <= set(reference.hazard.cuts) <= event_times | read
