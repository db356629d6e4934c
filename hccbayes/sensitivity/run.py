"""A grid of analyses, computed in parallel, kept cell by cell, and gone on with after a stop."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd

from hccbayes import __version__
from hccbayes.cohort import Cohort
from hccbayes.errors import HccbayesError
from hccbayes.records import CohortSummary
from hccbayes.sensitivity.cell_fit import CellFitter, centers_of, without_center
from hccbayes.sensitivity.cell_store import CellStore, StorageError, cell_key
from hccbayes.sensitivity.cells_table import cells_table
from hccbayes.sensitivity.grid import Cell, Grid, grid_cells
from hccbayes.sensitivity.schedule import schedule
from hccbayes.sensitivity.structure import Structure
from hccbayes.sensitivity.workers import (
    FitterMaker,
    WorkerBackend,
    WorkerPool,
    WorkOrder,
    in_words,
    not_fitted,
    running,
    work,
)
from hccbayes.spec import AnalysisSpec
from hccbayes.study import build_study
from hccbayes.time_zero.emulation import emulate

CellProgress = Callable[[int, int], None]
"""Called with cells done and cells in all."""

_POLL_SECONDS: Final = 0.3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SensitivityResult:
    """A grid and what was found.

    Parameters
    ----------
    grid, base
        The grid, and the model that it varies.
    summary
        The cohort in numbers.
    cells
        The tidy table, from :func:`hccbayes.sensitivity.cells_table.cells_table`.
    complete
        Whether every cell was computed.
    reused
        Cells that an earlier run had computed.
    """

    grid: Grid
    base: AnalysisSpec
    summary: CohortSummary
    cells: pd.DataFrame
    complete: bool
    reused: int

    @property
    def passed(self) -> bool:
        """Whether every cell is good."""
        return bool((self.cells["status"] == "good").all())


def run_grid(
    cohort: Cohort,
    base: AnalysisSpec,
    grid: Grid,
    directory: str | Path,
    *,
    jobs: int = 1,
    backend: WorkerBackend = "loky",
    scheduler: str | None = None,
    any_size: bool = False,
    on_progress: CellProgress | None = None,
    fitter: FitterMaker = CellFitter,
) -> SensitivityResult:
    """Compute the cells of a grid that its folder does not hold yet.

    The result does not depend on the number of workers, on their order, or on how often the run
    was stopped: every cell has the sampler's seed, and sums are made by one thread.

    Parameters
    ----------
    cohort
        Patients, read with :func:`hccbayes.sensitivity.grid_roles`, or with the roles of `base`
        where no formula is varied.
    base, grid
        The model, and its variations.
    directory
        Where cells are kept, each as soon as it is computed. A folder of an earlier run is gone on
        with: what it holds is not computed again.
    jobs
        Worker processes; 1 computes in this one.
    backend, scheduler
        ``loky``: processes of this machine. ``dask``: those of a cluster whose scheduler has this
        address and whose workers reach `directory` under the same path.
    any_size
        Whether a grid of more than 2,000 cells is meant.
    on_progress
        Told how many cells are done.
    fitter
        What fits a cell; another makes other numbers of the same grid, and needs a folder of its
        own.

    Returns
    -------
    SensitivityResult
        A cell that failed its diagnostics or raised an error is a row that says so.

    Raises
    ------
    InputError
        If the grid is wrong; nothing is fitted then.
    FolderExistsError
        If the folder is no grid's, or another run is writing to it.
    StorageError
        If a result cannot be written; what was computed before stays.
    KeyboardInterrupt
        If the run is interrupted; what was computed before stays.
    """
    cells = grid_cells(grid, base, centers_of(cohort), any_size=any_size)
    keys = [cell_key(cell, cohort.sha256) for cell in cells]
    store = CellStore(Path(directory).absolute())
    store.create({"hccbayes": __version__, **grid.to_dict(), "model": base.to_dict()})
    with store.locked():
        missing = [index for index, key in enumerate(keys) if store.load(key) is None]
        reused = len(cells) - len(missing)
        with _watched(store, [keys[index] for index in missing], reused, on_progress):
            plan = _Plan(
                cohort=cohort,
                cells=cells,
                keys=tuple(keys),
                store=store,
                pool=WorkerPool(jobs=jobs, backend=backend, scheduler=scheduler),
                fitter=fitter,
            )
            _compute(plan, missing)
        return _collected(cohort, base, grid, cells, store, reused=reused)


def stored_result(
    cohort: Cohort,
    base: AnalysisSpec,
    grid: Grid,
    directory: str | Path,
    *,
    any_size: bool = False,
) -> SensitivityResult:
    """Return what the folder of a stopped run holds; missing cells are rows that say so.

    Parameters
    ----------
    cohort, base, grid, directory, any_size
        As for :func:`run_grid`.
    """
    cells = grid_cells(grid, base, centers_of(cohort), any_size=any_size)
    return _collected(cohort, base, grid, cells, CellStore(Path(directory).absolute()))


def _collected(
    cohort: Cohort,
    base: AnalysisSpec,
    grid: Grid,
    cells: Sequence[Cell],
    store: CellStore,
    *,
    reused: int = 0,
) -> SensitivityResult:
    results = [store.load(cell_key(cell, cohort.sha256)) for cell in cells]
    table = cells_table(cells, results)
    summary = cohort.summary()
    if summary.synthetic:
        table.attrs["synthetic"] = summary.synthetic
    return SensitivityResult(
        grid=grid,
        base=base,
        summary=summary,
        cells=table,
        complete=all(result is not None for result in results),
        reused=reused,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Plan:
    """What is computed, where it is kept, and who computes it."""

    cohort: Cohort
    cells: tuple[Cell, ...]
    keys: tuple[str, ...]
    store: CellStore
    pool: WorkerPool
    fitter: FitterMaker

    def orders(self, structures: Mapping[int, Hashable]) -> list[WorkOrder]:
        """Return the orders for some cells, given the structure of each."""
        places = list(structures)
        tasks = schedule(list(structures.values()), self.pool.jobs)
        return [self.order([places[place] for place in task.cells]) for task in tasks]

    def order(self, indices: Sequence[int]) -> WorkOrder:
        """Return the order for some cells."""
        return WorkOrder(
            directory=str(self.store.directory),
            cohort=self.cohort,
            cells=tuple(self.cells[index] for index in indices),
            keys=tuple(self.keys[index] for index in indices),
            fitter=self.fitter,
            parent=0 if self.pool.is_here or self.pool.backend == "dask" else os.getpid(),
        )

    def left(self, indices: Iterable[int]) -> list[int]:
        """Return which cells are not computed."""
        return [index for index in indices if self.store.load(self.keys[index]) is None]


def _compute(plan: _Plan, missing: Sequence[int]) -> None:
    """Compute the missing cells; those that end their process are computed alone, then left."""
    structures = _structures(plan, missing)
    if plan.pool.is_here:
        for one in plan.orders(structures):
            _stop_if(work(one))
        return
    while structures:
        if _all_done(plan.orders(structures), plan.pool):
            return
        for index in plan.left(structures):
            key = plan.keys[index]
            if plan.store.attempts(key) and not _all_done([plan.order([index])], plan.pool):
                plan.store.save(not_fitted(key, _died(plan.store.attempts(key))))
        structures = {index: structures[index] for index in plan.left(structures)}


def _structures(plan: _Plan, missing: Sequence[int]) -> dict[int, Hashable]:
    """Return the structure of each missing cell; one whose model does not fit is done with."""
    found: dict[int, Hashable] = {}
    for index in missing:
        cell = plan.cells[index]
        try:
            cohort = without_center(plan.cohort, cell.left_out)
            study = build_study(emulate(cohort, cell.spec).cohort, cell.spec)
        except HccbayesError as error:
            plan.store.save(not_fitted(plan.keys[index], in_words(error)))
            continue
        score = cell.spec.propensity.model_dump_json() if cell.spec.propensity else ""
        found[index] = (Structure.of(study, cell.spec), score)
    return found


def _all_done(orders: Sequence[WorkOrder], pool: WorkerPool) -> bool:
    """Return whether every order was worked off; false where a process died."""
    from joblib.externals.loky import get_reusable_executor
    from joblib.externals.loky.process_executor import BrokenProcessPool

    try:
        with running(orders, pool) as outcomes:
            for message in outcomes:
                _stop_if(message)
    except BrokenProcessPool:
        return False
    finally:
        if pool.backend == "loky":
            get_reusable_executor().shutdown(wait=True, kill_workers=True)
    return True


def _stop_if(message: str) -> None:
    if message:
        raise StorageError(message)


def _died(times: int) -> str:
    return (
        f"the process that computed it ended {times} times without a result: "
        "it was killed, or memory ran out"
    )


@contextmanager
def _watched(
    store: CellStore, keys: Sequence[str], done_before: int, on_progress: CellProgress | None
) -> Iterator[None]:
    """Tell of finished cells while they are computed, whoever computes them."""
    if on_progress is None:
        yield
        return
    total = done_before + len(keys)
    ended = threading.Event()

    def tell() -> None:
        on_progress(done_before + sum(store.has(key) for key in keys), total)

    def watch() -> None:
        while not ended.wait(_POLL_SECONDS):
            tell()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        tell()
