"""How often do the 95% intervals of each method hold the truth in small, unbalanced cohorts?

Cohorts of 167 patients of whom about 25 are controls, four confounders, a conditional hazard ratio
of 0.6 and two cells: good and poor overlap of the arms. Every method is judged against its own
large-sample target, the marginal log hazard ratio of the population it weights to, which is known
by numerical integration (`hccbayes.synthetic`). Models are compiled once and refitted.

    python benchmarks/interval_coverage.py --cell good --out benchmarks/coverage_good.csv
    python benchmarks/interval_coverage.py --cell poor --out benchmarks/coverage_poor.csv
    python benchmarks/interval_coverage.py --summarize benchmarks/coverage_*.csv

A run that was interrupted goes on where it stopped. Times are in months.
"""

from __future__ import annotations

import argparse
import math
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import xarray as xr

import hccbayes as hb
from hccbayes import figure_data
from hccbayes.adjustment.bayesian_bootstrap import bayesian_bootstrap_effect
from hccbayes.adjustment.cut import cut_effect
from hccbayes.adjustment.doubly_robust import doubly_robust_effect
from hccbayes.adjustment.matched import match_patients, matched_effect
from hccbayes.adjustment.problem import AdjustmentProblem
from hccbayes.adjustment.sample_weights import analysis_weights
from hccbayes.adjustment.weighted import weighted_effect
from hccbayes.design import build_propensity_design
from hccbayes.errors import InputError
from hccbayes.estimands import hazard_draws, population_draws, populations
from hccbayes.fit import CompiledModel, compile_model
from hccbayes.hazard_model import build_hazard_model, model_data
from hccbayes.propensity import PropensityFit, score_columns, score_draws
from hccbayes.propensity_model import build_propensity_model
from hccbayes.records import CheckResult, Diagnosis
from hccbayes.synthetic import Center, CohortConfig, Covariate, simulate_cohort
from hccbayes.synthetic.truth import true_estimands

REPLICATES: Final = 500
CUT_REPLICATES: Final = 150
"""The cut refits a hundred times a cohort and is judged on fewer cohorts."""
PATIENTS: Final = 167
LOG_HR: Final = math.log(0.6)
STRENGTH: Final = {"good": 0.35, "poor": 0.9}
"""Log odds ratio of treatment of each confounder, per standard deviation or 1 over 0."""
COVARIATES: Final = ("invasion", "metastasis", "size", "albumin")
SAMPLER: Final = {"draws": 500, "tune": 500, "chains": 2}
METHODS: Final = (
    "outcome model, conditional",
    "gcomp ate",
    "gcomp ato",
    "weighted ato, open-faced",
    "weighted ato, curvature",
    "weighted ate, open-faced",
    "weighted ate, raw",
    "matched",
    "doubly robust ato",
    "cut ato",
    "Bayesian bootstrap ato",
)
COLUMNS: Final = (
    "cell",
    "replicate",
    "method",
    "target",
    "median",
    "sd",
    "lower",
    "upper",
    "seconds",
)


def config(cell: str) -> CohortConfig:
    """Return the parameters of a cell; treatment shares are about 0.85 in both."""
    odds = STRENGTH[cell]
    return CohortConfig(
        patients=PATIENTS,
        covariates=(
            Covariate(name="invasion", share=0.4, log_hr=0.4, log_odds=-odds),
            Covariate(name="metastasis", share=0.3, log_hr=0.3, log_odds=-odds),
            Covariate(name="size", kind="normal", log_hr=0.25, log_odds=-odds),
            Covariate(name="albumin", kind="normal", log_hr=-0.2, log_odds=odds),
        ),
        centers=(Center(name="one", share=1.0),),
        cuts=(6.0, 12.0),
        hazard=(0.05, 0.07, 0.06),
        log_hr=(LOG_HR,),
        treated_log_odds={"good": 2.1, "poor": 2.95}[cell],
        administrative=(12.0, 48.0),
        loss_hazard=0.003,
    )


def spec(seed: int = 0, **adjustment: Any) -> hb.AnalysisSpec:
    """Return the analysis: default priors, no center, fixed cut points."""
    return hb.AnalysisSpec.from_dict(
        {
            "model": {"name": "coverage"},
            "data": {
                "id": "patient_id",
                "time": "os_months",
                "event": "death",
                "arm": {
                    "column": "arm",
                    "treated": "locoregional + systemic",
                    "control": "systemic",
                },
                "time_zero": "first dose",
            },
            "hazard": {"formula": " + ".join(("treatment", *COVARIATES)), "cuts": [3, 6, 12, 18]},
            "propensity": {"formula": " + ".join(COVARIATES), "center": "none"},
            "adjustment": {"method": ["weighted", "matched", "doubly_robust"], **adjustment},
            "estimands": {"times": [6], "horizon": 12, "populations": ["ate", "ato"]},
            "sampler": {**SAMPLER, "seed": seed},
        }
    )


@dataclass(frozen=True, slots=True)
class Models:
    """The two models, compiled for this number of patients and covariates."""

    outcome: CompiledModel
    score: CompiledModel


@cache
def models() -> Models:
    """Compile both models on one cohort; others are given as data."""
    cohort, study, own = prepared("good", 0)
    score = build_propensity_model(study.score_design, own.propensity)
    outcome = build_hazard_model(study.data, own.hazard, own.priors)
    return Models(compile_model(outcome), compile_model(score))


def prepared(cell: str, replicate: int) -> tuple[hb.Cohort, Any, hb.AnalysisSpec]:
    """Return a replicate's cohort, its design and its analysis."""
    own = spec(replicate)
    frame = simulate_cohort(config(cell), seed=replicate).frame
    cohort = hb.read_cohort(frame, own.roles)
    return cohort, hb.build_study(cohort, own), own


def problem_of(cell: str, replicate: int) -> AdjustmentProblem:
    """Fit score and outcome of one replicate."""
    cohort, study, own = prepared(cell, replicate)
    design = build_propensity_design(cohort, own.propensity.formula)
    score_data = {"treatment": design.treatment, "score_matrix": design.matrix}
    tree = models().score.sample(own.sampler, data=score_data)
    posterior = tree["posterior"].to_dataset()
    columns = score_columns(design, with_centers=False)
    unjudged = Diagnosis(
        checks=(CheckResult(name="none", passed=None, message=""),), target_accept=0
    )
    propensity = PropensityFit(
        design=design,
        posterior=posterior,
        scores=score_draws(posterior, design),
        diagnosis=unjudged,
        columns=columns,
        maximum_likelihood=None,
        firth=None,
        notes=(),
    )
    arrays = model_data(study.data, own.hazard, own.priors)
    fitted = models().outcome.sample(own.sampler, data=arrays)["posterior"].to_dataset()
    return AdjustmentProblem(
        frame=cohort.frame,
        spec=own,
        propensity=propensity,
        times=study.times,
        censoring_survival=figure_data.censoring_survival(cohort.frame, study.times.grid),
        outcome=hazard_draws(fitted, study.data),
        outcome_design=study.design,
        outcome_centers=False,
    )


def estimates(problem: AdjustmentProblem, replicate: int) -> Iterator[tuple[str, str, np.ndarray]]:
    """Yield method, target and draws of the log hazard ratio."""
    yield "outcome model, conditional", "conditional", problem.outcome.treatment
    yield from standardized(problem)
    score, treatment = problem.propensity.score, problem.propensity.design.treatment
    for target, calibrations in (
        ("ato", ("open_faced", "curvature")),
        ("ate", ("open_faced", "none")),
    ):
        section = problem.spec.adjustment.model_copy(update={"target": target})
        weights, _ = analysis_weights(score, treatment, section, problem.names)
        for calibration in calibrations:
            own = section.model_copy(update={"calibration": calibration})
            changed = replace(problem, spec=problem.spec.model_copy(update={"adjustment": own}))
            words = {"open_faced": "open-faced", "none": "raw"}.get(calibration, calibration)
            effect = weighted_effect(changed, weights)
            yield f"weighted {target}, {words}", target, log_hr(effect.draws)
    try:
        pairs = match_patients(
            score,
            problem.propensity.design,
            problem.frame,
            problem.spec.adjustment.matching,
            seed=replicate,
        )
        yield "matched", "atc", log_hr(matched_effect(problem, pairs).draws)
    except InputError:
        pass  # No event in an arm of the pairs: counted as missing in the table.
    yield "doubly robust ato", "ato", log_hr(doubly_robust_effect(problem, most_draws=400).draws)
    if replicate < CUT_REPLICATES:
        effect = cut_effect(problem, score_draws=100, draws_each=100)
        yield "cut ato", "ato", log_hr(effect.draws)
    effect = bayesian_bootstrap_effect(problem, replicates=400)
    yield "Bayesian bootstrap ato", "ato", log_hr(effect.draws)


def standardized(problem: AdjustmentProblem) -> Iterator[tuple[str, str, np.ndarray]]:
    """Yield the outcome model's marginal hazard ratios."""
    design = problem.outcome_design
    no_centers = type("Centers", (), {"centers": ()})()
    targets = populations(design, no_centers, ("ate", "ato"), score=problem.propensity.score)
    draws, _ = population_draws(
        problem.outcome,
        targets,
        frame=problem.times,
        censoring_survival=problem.censoring_survival,
        shape=(1, len(problem.outcome.treatment)),
    )
    for target in targets:
        yield f"gcomp {target}", target, np.ravel(draws["log_marginal_hr"].sel(population=target))


def log_hr(draws: xr.Dataset) -> np.ndarray:
    """Return all draws of the marginal log hazard ratio."""
    return np.ravel(draws["log_marginal_hr"])


def replicates(cell: str, first: int, last: int) -> Iterator[dict[str, Any]]:
    """Yield the rows of replicates in order."""
    for replicate in range(first, last):
        problem = problem_of(cell, replicate)
        begin = time.perf_counter()
        for method, target, draws in estimates(problem, replicate):
            now = time.perf_counter()
            lower, upper = np.quantile(draws, [0.025, 0.975])
            yield {
                "cell": cell,
                "replicate": replicate,
                "method": method,
                "target": target,
                "median": float(np.median(draws)),
                "sd": float(draws[np.isfinite(draws)].std(ddof=1)),
                "lower": float(lower),
                "upper": float(upper),
                "seconds": now - begin,
            }
            begin = now


def truths(cell: str) -> dict[str, float]:
    """Return the true log hazard ratio of every population, and the conditional one."""
    table = true_estimands(config(cell))
    rows = table[table["estimand"] == "log_hr"].drop_duplicates("population")
    return dict(zip(rows["population"], rows["value"], strict=True))


def summarize(table: pd.DataFrame) -> pd.DataFrame:
    """Return bias, spread and coverage by cell and method, with the coverage's standard error."""
    rows = []
    for (cell, method), own in table.groupby(["cell", "method"], sort=False):
        truth = truths(str(cell))[own["target"].iloc[0]]
        covered = (own["lower"] <= truth) & (truth <= own["upper"])
        share = float(covered.mean())
        rows.append(
            {
                "cell": cell,
                "method": method,
                "target": own["target"].iloc[0],
                "truth": truth,
                "cohorts": len(own),
                "bias": float((own["median"] - truth).mean()),
                "empirical_sd": float(own["median"].std(ddof=1)),
                "mean_sd": float(own["sd"].mean()),
                "coverage": share,
                "coverage_se": math.sqrt(share * (1 - share) / len(own)),
                "seconds": float(own["seconds"].median()),
            }
        )
    order = {method: rank for rank, method in enumerate(METHODS)}
    found = pd.DataFrame(rows)
    return found.sort_values(
        ["cell", "method"], key=lambda own: own.map(order).fillna(0)
    ).sort_values("cell", kind="stable")


def markdown(found: pd.DataFrame) -> str:
    """Return the table of the documents, both cells side by side."""
    header = "| method | bias | sd of the estimates | mean posterior sd | coverage, % |"
    lines = [header, "| --- | ---: | ---: | ---: | ---: |"]
    for method in METHODS:
        own = found[found["method"] == method].set_index("cell").loc[list(STRENGTH)]
        cells = [
            " / ".join(f"{own.loc[cell, column] * scale:{form}}" for cell in STRENGTH)
            for column, scale, form in (
                ("bias", 1.0, "+.3f"),
                ("empirical_sd", 1.0, ".2f"),
                ("mean_sd", 1.0, ".2f"),
                ("coverage", 100.0, ".1f"),
            )
        ]
        lines.append(f"| {method} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def draw(found: pd.DataFrame, path: Path) -> None:
    """Draw the coverage of each method with two standard errors, both cells."""
    import matplotlib.pyplot as plt

    from hccbayes import defaults, plots

    looks = {"good": ("o", defaults.POSTERIOR_COLOR), "poor": ("s", defaults.FREQUENTIST_COLOR)}
    with plots.publication_style():
        figure, ax = plt.subplots(figsize=(5.2, 3.0), layout="constrained")
        ax.axvspan(92, 98, color="0.9", linewidth=0)
        ax.axvline(95, color="0.55", linewidth=0.6)
        for offset, (cell, (marker, color)) in zip((-0.16, 0.16), looks.items(), strict=True):
            own = found[found["cell"] == cell].set_index("method").loc[list(METHODS)]
            heights = np.arange(len(own)) + offset
            ax.errorbar(
                100 * own["coverage"],
                heights,
                xerr=200 * own["coverage_se"],
                fmt=marker,
                color=color,
                markersize=4,
                linewidth=0.8,
                markerfacecolor=color if cell == "good" else "white",
                label=f"{cell} overlap",
            )
        ax.set_yticks(range(len(METHODS)), METHODS)
        ax.invert_yaxis()
        ax.set_xlabel("Coverage of the 95% interval, % (bars: two standard errors)")
        ax.legend(loc="lower left")
        plots.save_figure(ax, path.with_suffix(""))
    path.with_suffix(".svg").unlink()


def run(cell: str, count: int, out: Path) -> None:
    """Append the rows of replicates that the file does not hold yet."""
    done = 0
    if out.is_file():
        held = pd.read_csv(out)
        done = int(held["replicate"].max()) if len(held) else 0
        # The last one may be cut short: it is made again.
        held[held["replicate"] < done].to_csv(out, index=False, float_format="%.6g")
    else:
        pd.DataFrame(columns=list(COLUMNS)).to_csv(out, index=False)
    rows: list[dict[str, Any]] = []
    for row in replicates(cell, done, count):
        if rows and row["replicate"] != rows[-1]["replicate"]:
            write(rows, out)
            print(f"{cell}: {row['replicate']} of {count}", end="\r", flush=True)
            rows = []
        rows.append(row)
    write(rows, out)


def write(rows: list[dict[str, Any]], out: Path) -> None:
    table = pd.DataFrame(rows, columns=list(COLUMNS)).round({"seconds": 3})
    table.to_csv(out, mode="a", header=False, index=False, float_format="%.6g")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cell", choices=list(STRENGTH))
    parser.add_argument("--replicates", type=int, default=REPLICATES)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--summarize", type=Path, nargs="+", help="CSV files of the cells")
    parser.add_argument("--figure", type=Path, help="with --summarize: draw the coverage")
    parser.add_argument("--table", type=Path, help="with --summarize: write a Markdown table")
    arguments = parser.parse_args()
    if arguments.cell and arguments.out:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            run(arguments.cell, arguments.replicates, arguments.out)
    if arguments.summarize:
        table = pd.concat([pd.read_csv(file) for file in arguments.summarize])
        found = summarize(table)
        print(found.round(3).to_string(index=False))
        if arguments.figure:
            draw(found, arguments.figure)
        if arguments.table:
            arguments.table.write_text(markdown(found), encoding="utf-8")


if __name__ == "__main__":
    main()
