"""What does each design of time zero say where the truth is known?

Cohorts of 300 patients who start a treatment within three months of time zero or not, one
prognostic covariate that may also drive the start, administrative censoring between 12 and 36
months. Scenarios: no effect without and with confounding of the start, a conditional hazard ratio
of 0.6 with confounding, and no effect under confounding so strong that few patients do what one
strategy asks. The truth of a strategy's survival is its own, by a very large simulation in which
everybody follows it; landmark and time-dependent analyses adjust for the covariate and are judged
against the conditional log hazard ratio.

    python benchmarks/time_zero_designs.py --out benchmarks/time_zero_designs.csv
    python benchmarks/time_zero_designs.py --summarize benchmarks/time_zero_designs.csv \
        --table benchmarks/time_zero_designs.md

A run that was interrupted goes on where it stopped. Times are in months.
"""

from __future__ import annotations

import argparse
import math
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from hccbayes.adjustment.clone_censor_weight import clone_censor_weight_effect
from hccbayes.figure_data import censoring_survival
from hccbayes.frequentist.cox import cox
from hccbayes.spec import PriorSection, SamplerSection
from hccbayes.standardization import marginal_log_hr
from hccbayes.time_frame import TimeFrame

REPLICATES: Final = 300
PATIENTS: Final = 300
GRACE: Final = 3.0
PROGNOSIS: Final = 0.7
"""Log hazard ratio of death per standard deviation of the covariate."""
HAZARD: Final = (0.05, 0.07)
HAZARD_CUT: Final = 6.0
CENSORING: Final = (12.0, 36.0)
TIMES: Final = TimeFrame(times=(6.0, 12.0), horizon=12.0, follow_up=30.0)
TIMINGS: Final = ("as_observed", "end_of_grace")
TRUTH_PATIENTS: Final = 4_000_000
TRUTH_CHUNK: Final = 500_000
SAMPLER: Final = SamplerSection(draws=300, tune=300, chains=2, target_accept=0.8)
COLUMNS: Final = (
    "scenario",
    "replicate",
    "design",
    "estimand",
    "estimate",
    "sd",
    "lower",
    "upper",
    "seconds",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Log hazard ratio of treatment, and hazards and confounding of its start.

    Parameters
    ----------
    log_hr
        Conditional log hazard ratio, from the start of treatment.
    slope
        Log hazard ratio of the start per standard deviation of the covariate.
    start
        Hazards of the start up to the end of the grace period and after it.
    """

    log_hr: float
    slope: float
    start: tuple[float, float] = (0.25, 0.02)


SCENARIOS: Final = {
    "no effect": Scenario(log_hr=0.0, slope=0.0),
    "no effect, confounded": Scenario(log_hr=0.0, slope=-0.4),
    "effect, confounded": Scenario(log_hr=math.log(0.6), slope=-0.4),
    "no effect, strongly confounded": Scenario(log_hr=0.0, slope=-0.6, start=(0.35, 0.03)),
}


def start_times(scenario: Scenario, x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return when treatment would start if nobody died."""
    early, late = scenario.start
    own = rng.exponential(size=len(x)) * np.exp(-scenario.slope * x)
    return np.where(own < early * GRACE, own / early, GRACE + (own - early * GRACE) / late)


def death_times(
    scenario: Scenario, x: np.ndarray, start: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Return deaths under a start of treatment that may be infinite."""
    own = rng.exponential(size=len(x)) * np.exp(-PROGNOSIS * x)
    first = HAZARD[0] * HAZARD_CUT

    def cumulative(at: np.ndarray) -> np.ndarray:
        return np.minimum(at, HAZARD_CUT) * HAZARD[0] + np.maximum(at - HAZARD_CUT, 0) * HAZARD[1]

    at_start = cumulative(start)
    after = np.maximum(own - at_start, 0.0) * math.exp(-scenario.log_hr)
    own = np.where(own < at_start, own, at_start + after)
    return np.where(own < first, own / HAZARD[0], HAZARD_CUT + (own - first) / HAZARD[1])


def cohort(scenario: Scenario, seed: int) -> pd.DataFrame:
    """Return one cohort's frame with its covariate ``x``."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(PATIENTS)
    start = start_times(scenario, x, rng)
    death = death_times(scenario, x, start, rng)
    end = rng.uniform(*CENSORING, PATIENTS)
    follow_up = np.minimum(death, end)
    began = start < follow_up
    return pd.DataFrame(
        {
            "patient": [f"p{index}" for index in range(PATIENTS)],
            "entry": 0.0,
            "time": follow_up,
            "event": (death <= end).astype(int),
            "treatment_start": np.where(began, start, np.nan),
            "treatment": began.astype(int),
            "x": x,
        }
    )


@cache
def strategy_survival(name: str, strategy: str) -> np.ndarray:
    """Return survival on the grid where everybody follows a strategy."""
    scenario, rng = SCENARIOS[name], np.random.default_rng(20261126)
    alive = np.zeros(len(TIMES.grid))
    for _ in range(TRUTH_PATIENTS // TRUTH_CHUNK):
        x = rng.standard_normal(TRUTH_CHUNK)
        start = np.full(TRUTH_CHUNK, np.inf)
        if strategy == "end_of_grace":
            start = np.minimum(start_times(scenario, x, rng), GRACE)
        if strategy == "as_observed":
            # Starts within the grace period as they are given that there is one.
            rate = scenario.start[0] * np.exp(scenario.slope * x)
            start = -np.log1p(rng.random(TRUTH_CHUNK) * np.expm1(-rate * GRACE)) / rate
        death = np.sort(death_times(scenario, x, start, rng))
        alive += TRUTH_CHUNK - np.searchsorted(death, TIMES.grid, side="right")
    return alive / TRUTH_PATIENTS


@cache
def truths(name: str, timing: str) -> dict[str, float]:
    """Return the true value of each estimand of the strategies."""
    treated, control = (strategy_survival(name, own) for own in (timing, "never"))
    grid = TIMES.grid
    middle = 0.5 * (grid[1:] + grid[:-1])
    uncensored = np.clip((CENSORING[1] - middle) / (CENSORING[1] - CENSORING[0]), 0.0, 1.0)
    at = int(np.searchsorted(grid, 12.0))
    gap = treated - control
    within = grid <= TIMES.horizon
    return {
        "log_hr": float(marginal_log_hr(treated[None], control[None], uncensored)[0]),
        "rmst_difference": float(np.trapezoid(gap[within], grid[within])),
        "survival_difference": float(gap[at]),
    }


def truth(scenario: str, design: str, estimand: str) -> float:
    """Return what a design's estimand should be."""
    if design.startswith("clone"):
        # Without an effect every strategy has the same survival.
        if SCENARIOS[scenario].log_hr == 0.0:
            return 0.0
        return truths(scenario, "_".join(design.split(", ")[1].split()))[estimand]
    return SCENARIOS[scenario].log_hr


def wald(estimate: float, sd: float) -> dict[str, float]:
    half = 1.959964 * sd
    return {"estimate": estimate, "sd": sd, "lower": estimate - half, "upper": estimate + half}


def adjusted_cox(rows: pd.DataFrame) -> dict[str, float]:
    """Return the log hazard ratio of treatment adjusted for the covariate."""
    fitted = cox(rows[["treatment", "x"]].astype(float), rows["start"], rows["stop"], rows["event"])
    return wald(float(fitted.coef[0]), float(fitted.se[0]))


def by_treatment(frame: pd.DataFrame) -> Iterator[tuple[str, dict[str, float]]]:
    """Yield the designs in which each patient has one arm at a time."""
    begin = frame["treatment_start"].fillna(np.inf)
    whole = frame.assign(start=0.0, stop=frame["time"])
    yield "naive, adjusted", adjusted_cox(whole)
    late = whole[whole["time"] > GRACE]
    late = late.assign(start=GRACE, treatment=(begin[late.index] <= GRACE).astype(int))
    yield "landmark, adjusted", adjusted_cox(late)
    before = whole.assign(stop=np.minimum(begin, whole["time"]), treatment=0)
    before["event"] = before["event"] * np.isinf(begin)
    after = whole[np.isfinite(begin)].assign(start=begin[np.isfinite(begin)], treatment=1)
    rows = pd.concat([before, after])
    yield "time-dependent, adjusted", adjusted_cox(rows[rows["start"] < rows["stop"]])


def of_draws(draws: np.ndarray) -> dict[str, float]:
    lower, upper = np.quantile(draws, [0.025, 0.975])
    return {
        "estimate": float(draws.mean()),
        "sd": float(draws.std(ddof=1)),
        "lower": float(lower),
        "upper": float(upper),
    }


def by_strategy(frame: pd.DataFrame, seed: int) -> Iterator[tuple[str, str, dict[str, float]]]:
    """Yield design, estimand and numbers of clone-censor-weight."""
    for timing in TIMINGS:
        effect = clone_censor_weight_effect(
            frame,
            frame[["x"]].to_numpy(),
            grace=GRACE,
            timing=timing,
            priors=PriorSection(),
            sampler=SAMPLER.model_copy(update={"seed": seed}),
            times=TIMES,
            censoring_survival=censoring_survival(frame, TIMES.grid),
        )
        design = f"clone-censor-weight, {timing.replace('_', ' ')}"
        own = effect.draws.isel(population=0)
        gap = own.sel(arm="treated") - own.sel(arm="control")
        yield design, "log_hr", of_draws(np.ravel(own["log_marginal_hr"]))
        yield design, "rmst_difference", of_draws(np.ravel(gap["rmst"]))
        yield design, "survival_difference", of_draws(np.ravel(gap["survival"].sel(time=12.0)))


def replicate_rows(replicate: int) -> Iterator[dict[str, Any]]:
    """Yield the rows of one replicate of every scenario."""
    for number, (name, scenario) in enumerate(SCENARIOS.items()):
        frame = cohort(scenario, 1000 * replicate + number)
        begin = time.perf_counter()
        found = [(design, "log_hr", own) for design, own in by_treatment(frame)]
        for design, estimand, numbers in (*found, *by_strategy(frame, replicate)):
            yield {
                "scenario": name,
                "replicate": replicate,
                "design": design,
                "estimand": estimand,
                **numbers,
                "seconds": time.perf_counter() - begin,
            }


def run(first: int, count: int, out: Path) -> None:
    """Append the rows of replicates that the file does not hold yet."""
    done = first
    if out.is_file():
        held = pd.read_csv(out)
        done = int(held["replicate"].max()) + 1 if len(held) else first
    else:
        pd.DataFrame(columns=list(COLUMNS)).to_csv(out, index=False)
    for replicate in range(done, count):
        # Written whole: a replicate that was cut short is not there.
        rows = pd.DataFrame(list(replicate_rows(replicate)), columns=list(COLUMNS))
        rows = rows.round({"seconds": 3})
        rows.to_csv(out, mode="a", header=False, index=False, float_format="%.6g")
        print(f"{replicate + 1} of {count}", end="\r", flush=True)


def summarize(table: pd.DataFrame) -> pd.DataFrame:
    """Return bias with its Monte Carlo error, spread, and coverage by scenario and design."""
    rows = []
    for (scenario, design, estimand), own in table.groupby(
        ["scenario", "design", "estimand"], sort=False
    ):
        true = truth(str(scenario), str(design), str(estimand))
        share = float(((own["lower"] <= true) & (true <= own["upper"])).mean())
        spread = float(own["estimate"].std(ddof=1))
        rows.append(
            {
                "scenario": scenario,
                "design": design,
                "estimand": estimand,
                "cohorts": len(own),
                "truth": true,
                "bias": float(own["estimate"].mean() - true),
                "bias_se": spread / math.sqrt(len(own)),
                "empirical_sd": spread,
                "mean_sd": float(own["sd"].mean()),
                "coverage": share,
                "coverage_se": math.sqrt(share * (1 - share) / len(own)),
            }
        )
    return pd.DataFrame(rows)


def markdown(found: pd.DataFrame) -> str:
    """Return the table of the documents."""
    lines = [
        "| scenario | design | estimand | truth | bias (MCSE) | sd of the estimates | mean sd | "
        "coverage, % |",
        "| --- | --- | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    names = {
        "log_hr": "log hazard ratio",
        "rmst_difference": "restricted mean to 12 months",
        "survival_difference": "survival at 12 months",
    }
    for row in found.itertuples():
        lines.append(
            f"| {row.scenario} | {row.design} | {names[row.estimand]} | {row.truth:.3f} | "
            f"{row.bias:+.3f} ({row.bias_se:.3f}) | {row.empirical_sd:.3f} | {row.mean_sd:.3f} | "
            f"{100 * row.coverage:.1f} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replicates", type=int, default=REPLICATES)
    parser.add_argument("--first", type=int, default=0, help="processes may share the work")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--summarize", type=Path, nargs="+", help="CSV files of a run")
    parser.add_argument("--table", type=Path, help="with --summarize: write a Markdown table")
    arguments = parser.parse_args()
    if arguments.out:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            run(arguments.first, arguments.replicates, arguments.out)
    if arguments.summarize:
        table = pd.concat([pd.read_csv(file) for file in arguments.summarize])
        found = summarize(table)
        print(found.round(3).to_string(index=False))
        if arguments.table:
            arguments.table.write_text(markdown(found), encoding="utf-8")


if __name__ == "__main__":
    main()
