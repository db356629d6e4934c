"""The grids by name: every one is a grid of every model that has what it varies."""

from __future__ import annotations

import pytest

import hccbayes as hb
from hccbayes.model_files import model_file
from hccbayes.sensitivity.grid import grid_cells
from hccbayes.sensitivity.named_grids import NAMED_GRIDS, named_grid

CENTERS = ("one", "two", "three")


@pytest.fixture(scope="module")
def spec() -> hb.AnalysisSpec:
    return hb.AnalysisSpec.from_toml(model_file("chen2025_os_adjusted"))


def with_landmark(spec: hb.AnalysisSpec) -> hb.AnalysisSpec:
    start = {"column": "start", "unit": "months"}
    design = {"method": "landmark", "landmark": 3.0, "treatment_start": start}
    return hb.AnalysisSpec.from_dict(spec.to_dict() | {"design": design})


@pytest.mark.parametrize("name", NAMED_GRIDS)
def test_every_named_grid_is_one(spec: hb.AnalysisSpec, name: str) -> None:
    own = with_landmark(spec)
    grid = named_grid(name, own)
    cells = grid_cells(grid, own, CENTERS)
    assert grid.question.endswith("?")
    assert len(cells) > 3
    assert len({(cell.spec.to_toml(), cell.left_out) for cell in cells}) == len(cells)


@pytest.mark.parametrize("name", ["priors", "time_axis", "centers"])
def test_the_model_itself_is_among_them(spec: hb.AnalysisSpec, name: str) -> None:
    cells = grid_cells(named_grid(name, spec), spec, CENTERS)
    assert sum(cell.is_base for cell in cells) == 1


def test_all_four_named_priors_are_shown(spec: hb.AnalysisSpec) -> None:
    cells = grid_cells(named_grid("priors", spec), spec, CENTERS)
    shown = {cell.values["priors.treatment"] for cell in cells}
    assert shown == {"default", "sceptical", "enthusiastic", "reference"}
    scales = {cell.spec.priors.center_sd.parameters["sigma"] for cell in cells}
    own = spec.priors.center_sd.parameters["sigma"]
    assert scales == {own / 2, own, 2 * own}


def test_each_center_is_left_out(spec: hb.AnalysisSpec) -> None:
    cells = grid_cells(named_grid("centers", spec), spec, CENTERS)
    assert {cell.left_out for cell in cells} == {"", *CENTERS}
    kinds = {cell.spec.hazard.center for cell in cells if not cell.left_out}
    assert kinds == {"none", "fixed", "hierarchical", "stratified"}
    assert sum(cell.spec.hazard.center_slope for cell in cells) == 1


def test_every_method_meets_every_population(spec: hb.AnalysisSpec) -> None:
    cells = grid_cells(named_grid("adjustment", spec), spec, CENTERS)
    found = {(cell.spec.adjustment.method, cell.spec.adjustment.target) for cell in cells}
    assert len(found) == 12
    assert all(cell.spec.adjustment.propagate == () for cell in cells)


def test_own_cut_points_come_first() -> None:
    spec = hb.AnalysisSpec.from_toml(model_file("chen2025_os"))
    changed = spec.with_values(["hazard.cuts=[4, 8]"])
    cells = grid_cells(named_grid("time_axis", changed), changed, CENTERS)
    assert cells[0].is_base
    assert cells[0].values["hazard.cuts"] == "4, 8"
    assert len(cells) == 9
    effects = {cell.spec.hazard.effect for cell in cells}
    assert effects == {"constant", "phases", "log_time", "smooth"}


def test_what_a_model_lacks_cannot_be_varied() -> None:
    spec = hb.AnalysisSpec.from_toml(model_file("chen2025_os"))
    with pytest.raises(hb.InputError, match="has no propensity score to vary"):
        named_grid("adjustment", spec)
    alone = hb.AnalysisSpec.from_toml(model_file("sysucc_targeted_os"))
    with pytest.raises(hb.InputError, match="has no centers to vary"):
        named_grid("centers", alone)
    with pytest.raises(hb.InputError, match="unknown name 'prior'; known: priors, time_axis"):
        named_grid("prior", spec)


def test_landmarks_are_those_around_the_model_s_own(spec: hb.AnalysisSpec) -> None:
    own = with_landmark(spec)
    cells = grid_cells(named_grid("landmarks", own), own, CENTERS)
    times = [cell.spec.design.landmark for cell in cells if cell.spec.design is not None]
    assert times == pytest.approx([1.0, 2.0, 3.0, 4.0])
    assert [cell.is_base for cell in cells] == [False, False, True, False]
    with pytest.raises(hb.InputError, match="is not 'landmark'"):
        named_grid("landmarks", spec)
