"""The command `sensitivity` as a user meets it; nothing is fitted."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from hccbayes.cli import app
from hccbayes.model_files import model_file

MODEL = str(model_file("chen2025_os"))


def call(*arguments: str):
    return CliRunner().invoke(app, ["sensitivity", MODEL, *arguments])


@pytest.fixture
def grid(tmp_path: Path):
    """Return a function that writes a grid file and returns its path."""

    def write(vary: str) -> str:
        file = tmp_path / "grid.toml"
        file.write_text(f'[grid]\nname = "toy"\n[vary]\n{vary}\n', encoding="utf-8")
        return str(file)

    return write


@pytest.mark.parametrize(
    ("vary", "said"),
    [
        ('hazard.cutz = ["auto"]', "Did you mean `cuts`?"),
        ('priors.treatment.sigma = ["wide"]', "parameters must be numbers"),
        ("", "[vary]: is empty"),
        ("sampler.seed = [" + ", ".join(map(str, range(2001))) + "]", "2,001 cells"),
        ('hazard.formula = ["treatment + nothing"]', "nothing"),
    ],
)
def test_a_wrong_grid_is_refused_and_leaves_nothing(
    grid, tmp_path: Path, vary: str, said: str
) -> None:
    out = tmp_path / "out"
    result = call("--grid", grid(vary), "--out", str(out))
    assert result.exit_code == 2
    assert said in result.stderr
    assert "Traceback" not in result.output
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--grid", "nothing"], "unknown name 'nothing'; known: priors"),
        (["--grid", "adjustment"], "has no propensity score to vary"),
        (["--grid", "absent.toml"], "No such file"),
        (["--grid", "priors", "--backend", "spark"], "choose loky or dask"),
        (["--grid", "priors", "--estimand", "or"], "choose hr or marginal_hr"),
    ],
)
def test_wrong_words_are_named(arguments: list[str], said: str) -> None:
    result = call(*arguments)
    assert result.exit_code == 2
    assert said in result.stderr


def test_a_folder_of_something_else_is_left_alone(grid, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "letters.txt").write_text("dear")
    result = call("--grid", grid('hazard.cuts = ["auto"]'), "--out", str(tmp_path / "out"))
    assert result.exit_code == 2
    assert "is not a folder of a grid" in result.stderr
