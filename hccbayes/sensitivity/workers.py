"""Cells computed by worker processes: what a worker does, and how tasks get to workers."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, Protocol

from hccbayes.cohort import Cohort
from hccbayes.errors import HccbayesError, InputError, MissingDependencyError, Problem
from hccbayes.sensitivity.cell_fit import FittedCell
from hccbayes.sensitivity.cell_store import CellResult, CellStore, StorageError
from hccbayes.sensitivity.grid import Cell

WorkerBackend = Literal["loky", "dask"]

_WATCH_SECONDS: Final = 0.5
_CONNECT_SECONDS: Final = 15


class Fitter(Protocol):
    """Fits a cell."""

    def fit(self, cell: Cell) -> FittedCell:
        """Return what a cell found."""
        ...


FitterMaker = Callable[[Cohort], Fitter]
"""What makes a fitter of a cohort, in the process that uses it; it must be importable there."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WorkOrder:
    """Everything a worker needs for a task.

    Parameters
    ----------
    directory
        Folder of the grid, which every worker must reach under this path.
    cohort
        All patients.
    cells, keys
        Cells to compute, in order, and their keys.
    fitter
        Makes, of a cohort, what fits a cell.
    parent
        Process that a worker must not outlive; 0 where it may.
    """

    directory: str
    cohort: Cohort
    cells: tuple[Cell, ...]
    keys: tuple[str, ...]
    fitter: FitterMaker
    parent: int


def work(order: WorkOrder) -> str:
    """Compute the cells of an order and write each when it is done.

    Returns
    -------
    str
        Why the worker stopped early (it could not write); empty where it did not.
    """
    from threadpoolctl import threadpool_limits

    if order.parent:
        _end_with(order.parent)
    store = CellStore(Path(order.directory))
    fitter = order.fitter(order.cohort)
    # Sums in another order round differently: one thread, whatever the number of workers.
    with threadpool_limits(limits=1):
        for cell, key in zip(order.cells, order.keys, strict=True):
            if store.load(key) is not None:
                continue
            try:
                store.begin(key)
                store.save(computed(fitter, cell, key))
            except StorageError as error:
                return str(error)
    return ""


def computed(fitter: Fitter, cell: Cell, key: str) -> CellResult:
    """Return the result of a cell; whatever goes wrong in it is in the result.

    Parameters
    ----------
    fitter
        Of this process.
    cell, key
        The cell and its key.
    """
    start = time.perf_counter()
    try:
        fitted = fitter.fit(cell)
    except HccbayesError as error:
        return not_fitted(key, in_words(error), time.perf_counter() - start)
    except Exception as error:  # A cell that fails is a row that says so, whatever it was.
        message = f"{type(error).__name__}: {error}"
        return not_fitted(key, message, time.perf_counter() - start)
    return CellResult(
        key=key,
        status="good" if fitted.passed else "failed diagnostics",
        message=_failures(fitted),
        estimates=fitted.estimates,
        diagnoses=fitted.diagnoses,
        seconds=time.perf_counter() - start,
    )


def not_fitted(key: str, message: str, seconds: float = 0.0) -> CellResult:
    """Return the result of a cell without numbers, and why it has none."""
    return CellResult(
        key=key,
        status="not fitted",
        message=" ".join(message.split()),
        estimates=(),
        diagnoses={},
        seconds=seconds,
    )


def in_words(error: HccbayesError) -> str:
    """Return an error as one line."""
    problems = error.problems if isinstance(error, InputError) else ()
    return "; ".join(str(one) for one in problems) or str(error)


def _failures(fitted: FittedCell) -> str:
    return "; ".join(
        f"{name}: {check.message}"
        for name, diagnosis in fitted.diagnoses.items()
        for check in diagnosis.failures
    )


def _end_with(parent: int) -> None:
    """End this process when its parent has ended, so that no orphan goes on writing."""
    # The terminal sends an interrupt to the whole group; the parent decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_WATCH_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerPool:
    """Who computes.

    Parameters
    ----------
    jobs
        Worker processes; with ``dask`` what the tasks are planned for.
    backend
        ``loky``, this machine's processes, or ``dask``.
    scheduler
        Address of the Dask scheduler.
    """

    jobs: int
    backend: WorkerBackend = "loky"
    scheduler: str | None = None

    @property
    def is_here(self) -> bool:
        """Whether everything is computed in this process."""
        return self.jobs == 1 and self.backend == "loky"


@contextmanager
def running(orders: Sequence[WorkOrder], pool: WorkerPool) -> Iterator[Iterator[str]]:
    """Give the outcomes of orders as workers end them, in any order.

    Parameters
    ----------
    orders
        What is to be done.
    pool
        By whom.

    Raises
    ------
    MissingDependencyError
        If Dask is not installed.
    InputError
        If no Dask scheduler answers.
    """
    import joblib

    # With one job joblib would compute in this process, which an order may end.
    jobs = max(2, pool.jobs) if pool.backend == "loky" else -1
    # Only the configuration knows joblib's external backends by name.
    with _connected(pool), joblib.parallel_config(backend=pool.backend, n_jobs=jobs):
        parallel: Any = joblib.Parallel(
            return_as="generator_unordered", batch_size=1, pre_dispatch="all"
        )
        yield iter(parallel(joblib.delayed(work)(order) for order in orders))


@contextmanager
def _connected(pool: WorkerPool) -> Iterator[None]:
    """Hold a connection to a Dask cluster, where one is wanted."""
    if pool.backend == "loky":
        yield
        return
    scheduler = pool.scheduler
    try:
        import distributed
    except ImportError:
        raise MissingDependencyError(
            "Dask is not installed: pip install 'hccbayes[dask]'"
        ) from None
    if scheduler is None:
        raise InputError(Problem("--scheduler", "is needed with dask, such as tcp://HOST:8786"))
    try:
        client: Any = distributed.Client(scheduler, timeout=_CONNECT_SECONDS)
    except (OSError, TimeoutError, ValueError) as error:
        reason = str(error).split("\n", maxsplit=1)[0]
        raise InputError(Problem("--scheduler", f"no Dask scheduler answers: {reason}")) from None
    with client:
        if not client.scheduler_info()["workers"]:
            raise InputError(Problem("--scheduler", f"the cluster at {scheduler} has no worker"))
        yield
