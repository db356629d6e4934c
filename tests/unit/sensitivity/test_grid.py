"""Grids as data: cells, their order and number, and what is wrong with them said beforehand."""

from __future__ import annotations

from pathlib import Path

import pytest
from quick_cells import cohort_and_spec

import hccbayes as hb
from hccbayes.sensitivity.grid import LEFT_OUT, Grid, grid_cells, grid_roles

COHORT, SPEC = cohort_and_spec()
CENTERS = ("east", "north", "west")


def cells(vary: dict, **options):
    size = {"any_size": options.pop("any_size", False)}
    return grid_cells(Grid.of("toy", vary, **options), SPEC, CENTERS, **size)


def test_every_combination_in_the_order_of_the_grid() -> None:
    found = cells({"priors.treatment.sigma": [0.354, 0.7], "hazard.baseline": ["rw1", "gamma"]})
    assert [tuple(cell.values.values()) for cell in found] == [
        ("0.354", "rw1"),
        ("0.354", "gamma"),
        ("0.7", "rw1"),
        ("0.7", "gamma"),
    ]
    assert [cell.spec.hazard.baseline for cell in found] == ["rw1", "gamma"] * 2
    assert found[0].spec.priors.treatment.parameters["sigma"] == 0.354
    assert [cell.is_base for cell in found] == [False, False, True, False]


def test_one_at_a_time_is_the_model_and_each_value_alone() -> None:
    vary = {"priors.treatment": ["default", "sceptical"], "hazard.baseline": ["rw1", "gamma"]}
    found = cells(vary, combine="one_at_a_time")
    # The model's own values, default and rw1, are the model itself.
    assert [(c.spec.priors.treatment.values, c.spec.hazard.baseline) for c in found] == [
        ((0.0, 0.7), "rw1"),
        ((0.0, 0.354), "rw1"),
        ((0.0, 0.7), "gamma"),
    ]
    assert [cell.is_base for cell in found] == [True, False, False]
    assert found[0].values["hazard.baseline"] == "rw1"


def test_centers_are_left_out_in_turn() -> None:
    found = cells({"priors.treatment": ["default", "sceptical"]}, leave_out_centers=True)
    assert [cell.left_out for cell in found] == ["", *CENTERS] * 2
    assert found[1].values[LEFT_OUT] == "east"
    alone = cells({}, leave_out_centers=True)
    assert [cell.left_out for cell in alone] == ["", *CENTERS]


def test_nested_tables_and_dotted_names_are_one_grid() -> None:
    nested = Grid.of("toy", {"priors": {"treatment": {"sigma": [0.3, 0.7]}}})
    assert nested == Grid.of("toy", {"priors.treatment.sigma": [0.3, 0.7]})


def test_a_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "grid.toml"
    file.write_text(
        '[grid]\nname = "cuts"\nquestion = "Do cut points matter?"\ncombine = "one_at_a_time"\n'
        "leave_out_centers = true\n[vary]\n"
        'hazard.cuts = ["auto", [3, 6, 12], { quantile = 3 }]\n',
        encoding="utf-8",
    )
    grid = Grid.from_toml(file)
    assert (grid.name, grid.combine, grid.leave_out_centers) == ("cuts", "one_at_a_time", True)
    assert grid.variations[0].values == ("auto", [3, 6, 12], {"quantile": 3})
    again = Grid.of("cuts", grid.to_dict()["vary"])
    assert again.variations == grid.variations


def problems(call) -> str:
    with pytest.raises(hb.InputError) as raised:
        call()
    return str(raised.value)


@pytest.mark.parametrize(
    ("vary", "said"),
    [
        ({}, "[vary]: is empty"),
        ({"hazard.cut": [[3]]}, "`cut` is not known here. Did you mean `cuts`?"),
        ({"hazard.cuts": "auto"}, "[vary] hazard.cuts: needs a list of values"),
        ({"hazard.cuts": []}, "[vary] hazard.cuts: needs a list of values"),
        ({"hazard.cuts": ["auto", "auto"]}, "holds a value twice"),
        (
            {"hazard.cuts": ["sometimes"]},
            "[vary] hazard.cuts = 'sometimes': [hazard] cuts: must be",
        ),
        ({"priors.treatment.sigma": ["wide"]}, "parameters must be numbers"),
        ({"priors.treatment.sigma": [-1.0]}, "sigma must be finite and positive"),
        ({"hazard.baseline.kind": ["rw1"]}, "`baseline` is a value, not a section"),
        ({"model.name": ["other"]}, "cannot be varied"),
        ({"data.source": ["other.csv"]}, "cannot be varied"),
        ({"seed": [1, 2]}, "cannot be varied: name a field as section.field"),
        ({"sampler.draws": ["many"]}, "[sampler] draws"),
    ],
)
def test_wrong_grids_are_refused(vary: dict, said: str) -> None:
    assert said in problems(lambda: cells(vary))


def test_everything_wrong_is_said_at_once() -> None:
    text = problems(lambda: cells({"hazard.cuts": ["sometimes"], "priors.treatment.sigma": [-1]}))
    assert text.startswith("2 problems in grid toy")


def test_combinations_that_are_no_model_are_refused() -> None:
    vary = {"hazard.center": ["none", "fixed"], "hazard.center_slope": [False, True]}
    text = problems(lambda: cells(vary))
    assert "hazard.center = 'none', hazard.center_slope = True" in text


def test_a_very_large_grid_must_be_meant() -> None:
    vary = {
        "sampler.seed": list(range(100)),
        "priors.treatment.sigma": [0.1 + i for i in range(21)],
    }
    assert "2,100 cells, more than 2,000" in problems(lambda: cells(vary))
    assert len(cells(vary, any_size=True)) == 2100


def test_a_huge_grid_is_refused_without_being_made() -> None:
    vary = {
        f"priors.{name}.sigma": [0.1 + i for i in range(400)]
        for name in ("treatment", "covariates")
    }
    vary["sampler.seed"] = list(range(1_000))
    assert "160,000,000 cells" in problems(lambda: cells(vary))


def test_roles_hold_every_column_that_a_cell_uses() -> None:
    formulas = ["treatment + age", "treatment + age + size", "treatment + log10(afp + 1)"]
    roles = grid_roles(Grid.of("toy", {"hazard.formula": formulas}), SPEC)
    assert roles.covariates == ("age", "size", "afp")
    assert SPEC.roles.covariates == ("age",)


@pytest.mark.parametrize("centers", [(), ("east",)])
def test_one_center_cannot_be_left_out(centers: tuple[str, ...]) -> None:
    grid = Grid.of("toy", {}, leave_out_centers=True)
    text = problems(lambda: grid_cells(grid, SPEC, centers))
    assert f"needs two centers or more; the cohort has {len(centers)}" in text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "No such file"),
        ("[grid\n", "not TOML"),
        ("[vary]\nhazard.cuts = ['auto']\n", "`grid` is missing"),
        ("[grid]\nname = 'x'\ncombin = 'product'\n", "Did you mean `combine`?"),
        ("[grid]\nname = 'x'\ncombine = 'some'\n[vary]\nhazard.cuts = ['auto']\n", "combine"),
        ("[grid]\nname = 'x'\n", "[vary]: is empty"),
    ],
)
def test_wrong_files_are_named(tmp_path: Path, text: str | None, said: str) -> None:
    file = tmp_path / "grid.toml"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    message = problems(lambda: Grid.from_toml(file))
    assert said in message
    assert "grid.toml" in message
