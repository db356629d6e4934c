"""How long the two ways to carry the score's uncertainty take on 422 patients.

    python benchmarks/adjustment_speed.py

Prints seconds for 200 draws of the cut (200 posterior draws each) and for 1,000 refits of the
Bayesian bootstrap, the median of three rounds, with the models compiled before.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import hccbayes as hb
from hccbayes import figure_data
from hccbayes.adjustment.bayesian_bootstrap import REPLICATES, bayesian_bootstrap_effect
from hccbayes.adjustment.cut import DRAWS_EACH, SCORE_DRAWS, cut_effect
from hccbayes.adjustment.problem import AdjustmentProblem
from hccbayes.estimands import hazard_draws
from hccbayes.outcome import fit_outcome
from hccbayes.progress import Silent
from hccbayes.propensity import fit_propensity

MODEL = Path(__file__).resolve().parents[1] / "models" / "chen2025_os_adjusted.toml"
ROUNDS = 3


def problem() -> AdjustmentProblem:
    """Fit score and outcome of the synthetic Chen cohort."""
    spec = hb.AnalysisSpec.from_toml(MODEL)
    cohort = hb.read_cohort(spec.data.source, spec.roles)
    study = hb.build_study(cohort, spec)
    propensity = fit_propensity(study.score_design, spec.propensity, spec.sampler)
    fitted = fit_outcome(cohort, study, spec, Silent(), score=propensity.score)
    return AdjustmentProblem(
        frame=cohort.frame,
        spec=spec,
        propensity=propensity,
        times=study.times,
        censoring_survival=figure_data.censoring_survival(cohort.frame, study.times.grid),
        outcome=hazard_draws(fitted.posterior, study.data),
        outcome_design=study.design,
        outcome_centers=bool(study.data.centers),
    )


def median_seconds(work: Callable[[], object]) -> float:
    """Return the median wall-clock time of some rounds, after one that compiles."""
    work()
    found = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        work()
        found.append(time.perf_counter() - begin)
    return statistics.median(found)


def main() -> None:
    own = problem()
    patients = len(own.frame)
    cut = median_seconds(lambda: cut_effect(own))
    print(f"cut: {SCORE_DRAWS} draws of the score x {DRAWS_EACH}, n = {patients}: {cut:.1f} s")
    bootstrap = median_seconds(lambda: bayesian_bootstrap_effect(own))
    print(f"Bayesian bootstrap: {REPLICATES} refits, n = {patients}: {bootstrap:.1f} s")


if __name__ == "__main__":
    main()
