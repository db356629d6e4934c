"""Start-stop episodes of patients with ten visits each: this package, a loop, and R's tmerge.

    python benchmarks/visit_episodes.py --rounds 3

Every contender runs in a process of its own, in turn, and says its seconds (without making or
reading the data) and its peak memory. Writes visit_episodes.json and visit_episodes.md beside
itself.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import pandas as pd

from cox_speed import without_r
from hccbayes.time_zero.episode_rules import EpisodeRules
from hccbayes.time_zero.start_stop import visit_episodes
from timing import machine, timed

HERE: Final = Path(__file__).resolve().parent
PATIENTS: Final = (1_000, 10_000, 100_000)
VISITS: Final = 10
SEED: Final = 20261126
AIM: Final = {"seconds": 20.0, "megabytes": 4_000.0}
OWN: Final = "hccbayes"
LOOP: Final = "pandas, a loop over patients"
TMERGE: Final = "R survival, tmerge"
RULES: Final = EpisodeRules(covariates=("afp", "score"))
MOST: Final = {LOOP: 10_000, TMERGE: 100_000}
"""Patients up to which a rival is run: the loop would take minutes at the largest size."""


def simulated(count: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return patients of whom half are treated, and their visits, the first at time 0.

    Times have three decimals: times that are nearly one are one here and two for the others.
    """
    rng = np.random.default_rng(SEED)
    end = (rng.exponential(24.0, count) + 0.5).round(3)
    start = np.where(rng.random(count) < 0.5, (end * rng.random(count)).round(3), np.nan)
    names = np.arange(1, count + 1)
    patients = pd.DataFrame(
        {
            "patient": names,
            "entry": 0.0,
            "time": end,
            "event": rng.integers(0, 2, count),
            "treatment_start": start,
        }
    )
    # One visit in each tenth of the follow-up: no two at one time.
    share = (np.arange(VISITS) + 0.9 * rng.random((count, VISITS))) / VISITS
    share[:, 0] = 0.0
    visits = pd.DataFrame(
        {
            "patient": np.repeat(names, VISITS),
            "visit_time": (share * end[:, None]).round(3).ravel(),
            "afp": rng.lognormal(3, 2, count * VISITS),
            "score": rng.integers(5, 13, count * VISITS),
        }
    )
    return patients, visits


def by_loop(patients: pd.DataFrame, visits: pd.DataFrame) -> pd.DataFrame:
    """Return the episodes as one would write them without thinking of speed."""
    rows = []
    seen = dict(list(visits.groupby("patient")))
    for person in patients.itertuples():
        own = seen[person.patient].sort_values("visit_time")
        times = own["visit_time"].to_numpy()
        cuts = {person.entry, *times, person.treatment_start}
        inside = sorted(cut for cut in cuts if person.entry <= cut < person.time)
        for start, stop in zip(inside, [*inside[1:], person.time], strict=True):
            last = own.iloc[np.searchsorted(times, start, side="right") - 1]
            rows.append(
                {
                    "patient": person.patient,
                    "start": start,
                    "stop": stop,
                    "event": person.event if stop == person.time else 0,
                    "treatment": int(person.treatment_start <= start),
                    "afp": last["afp"],
                    "score": last["score"],
                }
            )
    return pd.DataFrame(rows)


MAKERS: Final[dict[str, Callable[[pd.DataFrame, pd.DataFrame], pd.DataFrame]]] = {
    OWN: lambda patients, visits: visit_episodes(patients, visits, RULES),
    LOOP: by_loop,
}


def child(name: str, count: int) -> None:
    """Print seconds, peak megabytes and rows of one contender, in this process."""
    patients, visits = simulated(count)
    made: list[pd.DataFrame] = []
    seconds = timed(lambda: made.append(MAKERS[name](patients, visits)))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(seconds, peak, len(made[0]))


def run(name: str, count: int, files: list[str]) -> tuple[float, float, int]:
    """Return seconds, peak megabytes and rows of one contender in a process of its own."""
    own = [sys.executable, str(HERE / "visit_episodes.py"), "--child", name, "--patients"]
    command = [*own, str(count)]
    if name == TMERGE:
        command = ["Rscript", str(HERE / "visit_episodes.R"), *files]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds, megabytes, rows = done.stdout.split()
    return float(seconds), float(megabytes), int(rows)


def measure(count: int, rounds: int, *, use_r: bool) -> dict[str, Any]:
    """Return every round, the medians and the times of this package's seconds, by contender."""
    names = [OWN, LOOP, *([TMERGE] if use_r else [])]
    names = [name for name in names if count <= MOST.get(name, count)]
    found: dict[str, list[tuple[float, float, int]]] = {name: [] for name in names}
    with TemporaryDirectory() as folder:
        files = [str(Path(folder, name)) for name in ("patients.csv", "visits.csv")]
        for frame, file in zip(simulated(count), files, strict=True):
            frame.to_csv(file, index=False)
        for _ in range(rounds):
            for name in names:
                found[name].append(run(name, count, files))
    own = median(seconds for seconds, _, _ in found[OWN])
    rows = {rows for rounds_of in found.values() for _, _, rows in rounds_of}
    if len(rows) != 1:
        raise RuntimeError(f"contenders made different numbers of episodes: {rows}")
    return {
        "patients": count,
        "visits": count * VISITS,
        "episodes": rows.pop(),
        "contenders": {
            name: {
                "seconds": median(one[0] for one in each),
                "megabytes": max(one[1] for one in each),
                "times_hccbayes": median(one[0] for one in each) / own,
                "rounds": [one[0] for one in each],
            }
            for name, each in found.items()
        },
    }


def table(results: dict[str, Any]) -> str:
    """Return seconds, in brackets times this package's, and peak memory as a Markdown table."""
    names = [OWN, LOOP, TMERGE]
    lines = ["| patients | episodes | " + " | ".join(names) + " |", "|---:|---:|" + "---:|" * 3]
    for cell in results["cells"]:
        found = [cell["contenders"].get(name) for name in names]
        texts = (
            f"{one['seconds']:.3g} s ({one['times_hccbayes']:.3g}), {one['megabytes']:.0f} MB"
            if one
            else "not run"
            for one in found
        )
        lines.append(f"| {cell['patients']:,} | {cell['episodes']:,} | " + " | ".join(texts) + " |")
    before, after = results["machine"]["load_of_a_minute"], results["load_of_a_minute_after"]
    lines += [
        "",
        f"Ten visits a patient. Medians of {results['rounds']} rounds, in brackets times "
        "hccbayes, and the peak memory of the process, which holds the data as well; "
        f"{results['machine']['cores']} cores, load {before} before and {after} after the run.",
    ]
    if results["r_skipped"]:
        lines.append(f"R is not in the table: {results['r_skipped']}.")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Time every size and write JSON and table; or be one contender."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--patients", type=int, nargs="+", default=list(PATIENTS))
    parser.add_argument("--out", type=Path, default=HERE)
    parser.add_argument("--child", choices=list(MAKERS), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child, options.patients[0])
        return
    skipped = without_r()
    before = machine("hccbayes", "numpy", "pandas")
    cells = [measure(count, options.rounds, use_r=not skipped) for count in options.patients]
    results = {
        "machine": before,
        "load_of_a_minute_after": machine()["load_of_a_minute"],
        "rounds": options.rounds,
        "r_skipped": skipped,
        "aim": AIM,
        "cells": cells,
    }
    (options.out / "visit_episodes.json").write_text(json.dumps(results, indent=2) + "\n", "utf-8")
    (options.out / "visit_episodes.md").write_text(table(results), "utf-8")
    print(table(results))


if __name__ == "__main__":
    main()
