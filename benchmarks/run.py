"""Speed and memory of this package against its rivals, on one cohort, in one run.

    python benchmarks/run.py --repeats 3 --out benchmarks/results.json

Every contender runs as a process of its own, in turn, so that a machine that slows down slows all
of them. The first round fills the compilers' caches and is not counted. Medians are reported.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

HERE: Final = Path(__file__).resolve().parent
CONTENDERS: Final = (
    "hccbayes_fit.py",
    "rivals_long_rows.py",
    "rivals_bambi.py",
    "rivals_brms.py",
)
IMPORT: Final = (
    "import time; start = time.perf_counter(); import hccbayes; print(time.perf_counter() - start)"
)
TARGETS: Final = {"pymc_long_rows": 5.0, "bambi_long_rows": 50.0, "brms_long_rows": 30.0}
"""Times the rivals' effective draws per second of sampling that this package aims at."""
KILOBYTES_PER_MEGABYTE: Final = 1024


def run_process(command: list[str]) -> tuple[str, float, float]:
    """Return standard output, wall seconds and peak memory in MB of one process."""
    start = time.perf_counter()
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - start
        output.seek(0)
        text = output.read()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with status {process.returncode}")
    return text, seconds, usage.ru_maxrss / KILOBYTES_PER_MEGABYTE


def contend(script: str, files: list[str], seed: int) -> dict[str, Any]:
    """Run one contender; its JSON line with wall seconds and peak memory added."""
    command = [sys.executable, str(HERE / script), *files, "--seed", str(seed)]
    text, seconds, memory = run_process(command)
    line = json.loads(text.strip().splitlines()[-1])
    return line | {"wall_seconds": seconds, "peak_megabytes": memory}


def summarize(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the medians of a contender's runs, and its effective draws per second."""
    if "skipped" in runs[0]:
        return runs[0]
    for run in runs:
        total = run["compile_seconds"] + run["sample_seconds"]
        run["ess_per_sampling_second"] = run["ess_bulk"] / run["sample_seconds"]
        run["ess_per_second_in_all"] = run["ess_bulk"] / total
    numbers = [key for key, value in runs[0].items() if isinstance(value, int | float)]
    medians = {key: statistics.median(run[key] for run in runs) for key in numbers}
    return {"rival": runs[0]["rival"], "versions": runs[0]["versions"], "runs": runs} | medians


def start_up(repeats: int) -> dict[str, float]:
    """Return seconds of importing the package and of the command line's help."""
    imports = [float(run_process([sys.executable, "-c", IMPORT])[0]) for _ in range(repeats)]
    helps = [run_process([sys.executable, "-m", "hccbayes", "--help"])[1] for _ in range(repeats)]
    return {
        "import_seconds": statistics.median(imports),
        "help_seconds": statistics.median(helps),
    }


def demo_seconds() -> float:
    """Return wall seconds of the demonstration on a machine that is set up."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "hccbayes", "demo", "--out", f"{folder}/demo"]
        return run_process(command)[1]


def ratios(contenders: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Return how many times a rival's effective draws per second this package reaches."""
    own = contenders[0]
    found = {}
    for rival in contenders[1:]:
        if "skipped" in rival:
            continue
        found[rival["rival"]] = {
            key: own[key] / rival[key]
            for key in ("ess_per_sampling_second", "ess_per_second_in_all")
        } | {"target_per_sampling_second": TARGETS[rival["rival"]]}
    return found


def print_results(results: dict[str, Any]) -> None:
    """Print the contenders, the ratios and the start-up times."""
    console = Console(width=120)
    table = Table(title="One cohort of 422 patients, 4 x 1,000 draws; medians")
    columns = (
        ("compile, s", "compile_seconds", "{:.1f}"),
        ("sample, s", "sample_seconds", "{:.2f}"),
        ("bulk ESS", "ess_bulk", "{:.0f}"),
        ("ESS / s", "ess_per_sampling_second", "{:.0f}"),
        ("ESS / s in all", "ess_per_second_in_all", "{:.0f}"),
        ("divergent", "divergences", "{:.0f}"),
        ("peak, MB", "peak_megabytes", "{:.0f}"),
        ("log HR", "log_hr_mean", "{:.3f}"),
    )
    table.add_column("")
    for title, _, _ in columns:
        table.add_column(title, justify="right")
    for one in results["contenders"]:
        if "skipped" in one:
            table.add_row(one["rival"], one["skipped"])
        else:
            table.add_row(one["rival"], *(form.format(one[key]) for _, key, form in columns))
    console.print(table)
    for name, ratio in results["ratios"].items():
        console.print(
            f"{name}: {ratio['ess_per_sampling_second']:.1f} times its ESS per sampling second "
            f"(aim {ratio['target_per_sampling_second']:g}), "
            f"{ratio['ess_per_second_in_all']:.1f} times in all"
        )
    own = results["contenders"][0]
    console.print(
        f"refit {own['refit_seconds']:.2f} s, import {results['import_seconds']:.2f} s, "
        f"--help {results['help_seconds']:.2f} s, demo {results['demo_seconds']:.1f} s"
    )


def main() -> None:
    """Run every contender and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, default=HERE / "results.json")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        patients, long_rows = f"{folder}/patients.csv", f"{folder}/long_rows.csv"
        make = [sys.executable, str(HERE / "simulated_cohort.py")]
        run_process([*make, "--patients", patients, "--long-rows", long_rows])
        rounds = [
            [contend(script, [long_rows, patients], seed) for script in CONTENDERS]
            for seed in range(options.repeats + 1)
        ]
    counted = list(zip(*rounds[1:], strict=True))
    contenders = [summarize(list(runs)) for runs in counted]
    results = {
        "machine": {"python": platform.python_version(), "cores": os.cpu_count()},
        "contenders": contenders,
        "ratios": ratios(contenders),
        **start_up(options.repeats + 2),
        "demo_seconds": demo_seconds(),
    }
    options.out.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    print_results(results)


if __name__ == "__main__":
    main()
