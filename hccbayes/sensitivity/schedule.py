"""Which worker computes which cells: every structure is compiled once, unless splitting it pays."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

COMPILE_COST: Final = 7.0
"""Seconds of compiling a model over seconds of one refit, 15 over 2.1 on one core for 422 patients;
a matter of speed alone."""


@dataclass(frozen=True, slots=True)
class Task:
    """Cells for one worker, one after another.

    Parameters
    ----------
    cells
        Positions of the cells.
    """

    cells: tuple[int, ...]

    @property
    def cost(self) -> float:
        """Time it takes, in refits."""
        return COMPILE_COST + len(self.cells)


def schedule(structures: Sequence[Hashable], workers: int) -> tuple[Task, ...]:
    """Return tasks of one structure each, the longest first.

    Parameters
    ----------
    structures
        Structure of each cell, by position.
    workers
        Number of workers.

    Returns
    -------
    tuple of Task
        Every cell is in one task. While cutting some task in two would let the workers end
        earlier, for all that its model is compiled twice then, the one that helps most is cut.
    """
    by_structure: dict[Hashable, list[int]] = {}
    for position, structure in enumerate(structures):
        by_structure.setdefault(structure, []).append(position)
    tasks = _longest_first([Task(tuple(cells)) for cells in by_structure.values()])
    while tasks:
        candidates = [_longest_first(cut) for cut in _cuts(tasks)]
        best = min(candidates, key=lambda one: _makespan(one, workers), default=tasks)
        if _makespan(best, workers) >= _makespan(tasks, workers):
            break
        tasks = best
    return tuple(tasks)


def _cuts(tasks: Sequence[Task]) -> Iterator[list[Task]]:
    """Yield the tasks with one of them cut in two, tasks of equal length once."""
    seen: set[int] = set()
    for position, task in enumerate(tasks):
        half = len(task.cells) // 2
        if half and len(task.cells) not in seen:
            seen.add(len(task.cells))
            rest = [*tasks[:position], *tasks[position + 1 :]]
            yield [*rest, Task(task.cells[:half]), Task(task.cells[half:])]


def _longest_first(tasks: Sequence[Task]) -> list[Task]:
    return sorted(tasks, key=lambda task: (-task.cost, task.cells))


def _makespan(tasks: Sequence[Task], workers: int) -> float:
    """Return when the last worker ends if each takes the longest task that is left."""
    load = [0.0] * workers
    for task in tasks:
        load[load.index(min(load))] += task.cost
    return max(load)
