"""Who computes what: every cell once, every structure in one place unless splitting pays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hccbayes.sensitivity.schedule import COMPILE_COST, Task, schedule


@given(st.lists(st.integers(0, 5), max_size=60), st.integers(1, 6))
def test_every_cell_is_in_one_task_of_its_structure(structures: list[int], workers: int) -> None:
    tasks = schedule(structures, workers)
    assert sorted(cell for task in tasks for cell in task.cells) == list(range(len(structures)))
    for task in tasks:
        assert len({structures[cell] for cell in task.cells}) == 1


@given(st.lists(st.integers(0, 5), max_size=60))
def test_one_worker_compiles_each_structure_once(structures: list[int]) -> None:
    assert len(schedule(structures, 1)) == len(set(structures))


def test_few_cells_of_one_structure_stay_together() -> None:
    # Halving one cell's work saves less than nothing: another compilation is the same again.
    assert schedule(["a"], 2) == (Task((0,)),)


def test_many_cells_of_one_structure_are_shared() -> None:
    tasks = schedule(["a"] * 40, 2)
    assert sorted(len(task.cells) for task in tasks) == [20, 20]


def test_as_many_structures_as_workers_are_not_cut() -> None:
    tasks = schedule(["a"] * 20 + ["b"] * 20, 2)
    assert [len(task.cells) for task in tasks] == [20, 20]


def test_the_longest_comes_first() -> None:
    costs = [task.cost for task in schedule(["a", "b", "b", "b", "c", "c"], 3)]
    assert costs == sorted(costs, reverse=True)
    assert costs[0] == pytest.approx(COMPILE_COST + 3)


def test_an_empty_grid_has_no_task() -> None:
    assert schedule([], 2) == ()
