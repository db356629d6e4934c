"""Contenders timed in turn in one process, and what the machine was doing meanwhile."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any


def timed(work: Callable[[], object]) -> float:
    """Return the wall seconds of a call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def alternate(
    contenders: Mapping[str, Callable[[], float]], rounds: int
) -> dict[str, dict[str, Any]]:
    """Run every contender once a round; the first round warms up and is not counted.

    Parameters
    ----------
    contenders
        By name, a call that returns the seconds it took.
    rounds
        How many are counted.

    Returns
    -------
    dict
        By name: ``seconds``, the median, and ``rounds``, each counted one.
    """
    found: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds + 1):
        for name, call in contenders.items():
            found[name].append(call())
    return {
        name: {"seconds": statistics.median(each[1:]), "rounds": each[1:]}
        for name, each in found.items()
    }


def machine(*packages: str) -> dict[str, Any]:
    """Return Python, cores, BLAS threads where set, the load of the last minute, and versions."""
    return {
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "blas_threads": os.environ.get("OPENBLAS_NUM_THREADS", "as many as cores"),
        "load_of_a_minute": round(os.getloadavg()[0], 2),
        "versions": {package: version(package) for package in packages},
    }
