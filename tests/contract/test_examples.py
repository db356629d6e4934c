"""Every example is a notebook as a script: cells, a title, public names, no path of a machine."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import hccbayes as hb

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
NUMBERED = [path for path in EXAMPLES if path.name[0].isdigit()]
MARKDOWN, CODE = "# %% [markdown]", "# %%"

every_example = pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)


def cells(path: Path) -> list[tuple[str, list[str]]]:
    """Return (marker, lines) of each cell; what stands before the first marker has none."""
    found: list[tuple[str, list[str]]] = [("", [])]
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("# %%"):
            found.append((line, []))
        else:
            found[-1][1].append(line)
    return found if any(line.strip() for line in found[0][1]) else found[1:]


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def test_numbered_examples_are_one_to_nine() -> None:
    assert [path.name[:3] for path in NUMBERED] == [f"{number:02d}_" for number in range(1, 10)]


@every_example
def test_begins_with_a_title_and_words(path: Path) -> None:
    (marker, lines), *rest = cells(path)
    assert marker == MARKDOWN
    assert re.match(r"# # \S", lines[0])
    assert len([line for line in lines if line.strip("# ")]) >= 3
    assert any(own == CODE for own, _ in rest)


@pytest.mark.parametrize("path", NUMBERED, ids=lambda path: path.stem)
def test_title_has_the_number_of_the_file(path: Path) -> None:
    assert path.read_text(encoding="utf-8").splitlines()[1].startswith(f"# # {int(path.name[:2])}.")


@every_example
def test_cells_are_well_formed(path: Path) -> None:
    for marker, lines in cells(path):
        assert marker in {MARKDOWN, CODE}
        if marker == MARKDOWN:
            assert [line for line in lines if line and not line.startswith("#")] == []
        else:
            assert ast.parse("\n".join(lines)).body


def documented_modules() -> set[str]:
    """Return the modules that the table of docs/architecture.md names."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    files = re.findall(r"`([a-z0-9_/]+)\.py`", text)
    return {f"hccbayes.{name.removesuffix('/__init__').replace('/', '.')}" for name in files}


def top_level_names(module: str) -> set[str]:
    """Return what a module defines or lists, without importing it."""
    base = ROOT.joinpath(*module.split("."))
    file = base / "__init__.py" if base.is_dir() else base.with_suffix(".py")
    names: set[str] = set()
    for node in tree(file).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.TypeAlias):
            names.add(node.name.id if isinstance(node, ast.TypeAlias) else node.name)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
            if names & {"__all__"} and isinstance(node.value, ast.List):
                names |= set(ast.literal_eval(node.value))
    return names


@every_example
def test_imports_are_public(path: Path) -> None:
    known = documented_modules()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            own = [alias for alias in node.names if alias.name.split(".")[0] == "hccbayes"]
            assert [(alias.name, alias.asname) for alias in own] in ([], [("hccbayes", "hb")])
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("hccbayes"):
            assert node.module in known
            names = {alias.name for alias in node.names}
            assert not {name for name in names if name.startswith("_")}
            assert names <= top_level_names(str(node.module))


@every_example
def test_names_of_the_package_exist(path: Path) -> None:
    chains = {
        ast.unparse(node)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and re.fullmatch(r"hb(\.\w+)+", ast.unparse(node))
    }
    assert chains
    for chain in chains:
        found = hb
        for name in chain.split(".")[1:]:
            assert not name.startswith("_")
            found = getattr(found, name)


@every_example
def test_no_absolute_path(path: Path) -> None:
    texts = [
        node.value
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    assert [text for text in texts if re.match(r"/\w|~/|[A-Za-z]:[\\/]", text)] == []


@every_example
def test_never_shows_a_figure_by_itself(path: Path) -> None:
    """A script without a display must not wait for a window; a notebook shows figures anyway."""
    calls = {ast.unparse(node.func) for node in ast.walk(tree(path)) if isinstance(node, ast.Call)}
    assert not {name for name in calls if name in {"plt.show", "matplotlib.use"}}
