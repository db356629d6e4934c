"""The reference fit with an effect by phase is Cox regression on follow-up split at the phases.

The same promise as with one hazard ratio: every log hazard ratio, of phases and covariates, within
a tenth of a posterior standard deviation. The largest differences seen are 0.07 for a phase and
0.09 for their average, whose standard deviation is smaller; the Monte Carlo error of a mean of
16,000 draws is below 0.01 standard deviations.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

import hccbayes as hb
from hccbayes import defaults
from hccbayes.crosscheck import bayesian_moments, reference_spec
from hccbayes.estimands import effect_draws
from hccbayes.fit import compile_model, fit
from hccbayes.frequentist.conventional import conventional_estimates
from hccbayes.frequentist.phased_cox import PHASES
from hccbayes.hazard_model import build_hazard_model
from hccbayes.time_varying_effect import log_hr_over_time, phases_of

DRAWS = 4000
MODEL = Path(__file__).resolve().parents[2] / "models" / "ncctg_lung_os.toml"


def test_reference_fit_by_phase_agrees_with_cox_by_phase():
    spec = hb.AnalysisSpec.from_toml(MODEL).with_values(
        ["hazard.effect=phases", "hazard.effect_phases=[6, 12]"]
    )
    cohort = hb.read_cohort("dataset:ncctg_lung", spec.roles)
    frame = cohort.frame
    reference = reference_spec(spec, frame["time"], frame["event"])
    study = hb.build_study(cohort, reference)
    # The bounds took the place of neighboring cuts: no interval is without an event.
    assert study.data.cuts.tolist() == list(reference.hazard.cuts)
    assert {6.0, 12.0} <= set(study.data.cuts)
    assert study.data.interval_events.min() > 0
    compiled = compile_model(build_hazard_model(study.data, reference.hazard, reference.priors))
    tree, diagnosis = fit(compiled, reference.sampler.model_copy(update={"draws": DRAWS}))
    assert diagnosis.passed, diagnosis.headline()
    posterior = tree["posterior"].to_dataset()
    follow_up = study.times.follow_up
    draws = effect_draws(posterior, study.design, seed=1).merge(
        log_hr_over_time(posterior, study.data.cuts, follow_up)
    )
    rows = conventional_estimates(
        frame,
        study.design.conventional(),
        study.design.contrasts(),
        times=[],
        model="lung",
        phase_ends=phases_of(reference.hazard, follow_up),
    )
    own = rows[(rows["method"] == PHASES) & rows["estimand"].isin(["log_hr", "log_hr_at"])]
    joined = bayesian_moments(draws).merge(
        own.rename(columns={"contrast": "term"}), on=["estimand", "term", "population", "time"]
    )
    assert joined["estimand"].value_counts().to_dict() == {"log_hr_at": 3, "log_hr": 3}
    difference = (joined["bayes"] - joined["estimate"]) / joined["bayes_sd"]
    assert (difference.abs() < defaults.CROSSCHECK_AGREEMENT).all(), joined
    # Flat priors leave the standard error of the likelihood.
    se = (joined["upper"] - joined["lower"]) / (2.0 * 1.959963984540054)
    np.testing.assert_allclose(joined["bayes_sd"], se, rtol=0.1)
