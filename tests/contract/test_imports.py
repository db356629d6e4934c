"""The one way through the package: who may import whom.

The levels are those of the module table in docs/architecture.md.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "hccbayes"
ARCHITECTURE = ROOT / "docs" / "architecture.md"

HEAVY = ("pymc", "pytensor", "nutpie", "lifelines", "matplotlib", "pandera", "arviz")
SAMPLER_LIBRARIES = {"nutpie", "pm", "pymc"}


@dataclass(frozen=True, slots=True)
class Import:
    """One module that a file names in an import statement."""

    module: str
    at_import: bool
    """Whether it runs when the file is imported: not in a function, not for type checkers."""


def package_files() -> list[str]:
    """Return every Python file of the package, relative to it."""
    return sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))


@cache
def parse(file: str) -> ast.Module:
    return ast.parse((PACKAGE / file).read_text(encoding="utf-8"), filename=file)


def named_modules(node: ast.stmt) -> list[str]:
    """Return the dotted names an import statement may load, `a.b` and `a.b.c` for a name in it."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, "imports are absolute"
        assert node.module is not None
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return []


def walk_imports(statements: list[ast.stmt], at_import: bool) -> Iterator[Import]:
    for node in statements:
        for module in named_modules(node):
            yield Import(module, at_import)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from walk_imports(node.body, False)
            yield from walk_imports(node.orelse, at_import)
            continue
        lazy = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for field in ("body", "orelse", "finalbody"):
            yield from walk_imports(getattr(node, field, []), at_import and not lazy)
        for part in (*getattr(node, "handlers", []), *getattr(node, "cases", [])):
            yield from walk_imports(part.body, at_import and not lazy)


@cache
def imports(file: str) -> tuple[Import, ...]:
    return tuple(walk_imports(parse(file).body, True))


def package_file(module: str) -> str | None:
    """Return the package's file that holds a dotted name, `None` for other libraries."""
    parts = module.split(".")
    if parts[0] != "hccbayes":
        return None
    for length in range(len(parts), 0, -1):
        base = "/".join(parts[1:length])
        for file in (f"{base}.py", f"{base}/__init__.py".lstrip("/")):
            if (PACKAGE / file).is_file():
                return file
    raise AssertionError(f"{module} is in no file of the package")


def internal(file: str, *, at_import_only: bool = False) -> set[str]:
    """Return the package's files that one of them imports."""
    found = {
        package_file(item.module) for item in imports(file) if item.at_import or not at_import_only
    }
    return {target for target in found if target is not None}


def folder(file: str) -> str:
    return file.rpartition("/")[0]


def table_rows() -> list[tuple[int, str]]:
    """Return (level, file) of each file in the module table of docs/architecture.md."""
    rows = []
    for line in ARCHITECTURE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.lstrip().startswith("|") and cells[0].isdecimal() and len(cells) > 1:
            files = re.findall(r"`([^`]+\.py)`", cells[1])
            rows += [(int(cells[0]), file) for file in files]
    return rows


@pytest.fixture(scope="module")
def levels() -> dict[str, int]:
    return {file: level for level, file in table_rows()}


def test_module_table_names_each_file_once() -> None:
    assert sorted(file for _, file in table_rows()) == package_files()


def test_no_import_circle() -> None:
    graph = {file: internal(file, at_import_only=True) for file in package_files()}
    order = list(TopologicalSorter(graph).static_order())  # raises CycleError, which names it
    assert set(order) == set(package_files())


# The root is left out: its exports are lazy, which test_import_of_the_root_is_light sees to.
@pytest.mark.parametrize("file", [file for file in package_files() if file != "__init__.py"])
def test_imports_come_from_lower_levels(file: str, levels: dict[str, int]) -> None:
    too_high = {
        target: levels[target]
        for target in internal(file)
        if levels[target] >= levels[file] and not (folder(file) and folder(target) == folder(file))
    }
    assert too_high == {}, f"{file} is of level {levels[file]}"


def test_only_the_commands_import_the_pipeline() -> None:
    importers = {file for file in package_files() if "pipeline.py" in internal(file)}
    assert importers <= {"cli.py", "__main__.py", "__init__.py"}
    assert "pipeline.py" not in internal("__init__.py", at_import_only=True)


def sampler_calls(file: str) -> list[str]:
    """Return what a file takes from a sampling library under the name of a sampler."""
    taken = [
        item.module
        for item in imports(file)
        if item.module.split(".")[0] in SAMPLER_LIBRARIES
        and re.fullmatch(r"sample|sample_\w+_nuts", item.module.rpartition(".")[2])
    ]
    for node in ast.walk(parse(file)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id in SAMPLER_LIBRARIES and node.attr == "sample":
                taken.append(ast.unparse(node))
    return taken


def test_only_fit_calls_samplers() -> None:
    callers = {file for file in package_files() if sampler_calls(file)}
    assert callers == {"fit.py"}


def loaded_after(statement: str) -> set[str]:
    """Return the heavy libraries loaded in a new process after a statement."""
    program = f"import sys\n{statement}\nprint(*[m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(done.stdout.split())


def test_import_of_the_root_is_light() -> None:
    assert loaded_after("import hccbayes") == set()


def test_plots_never_load_a_sampling_library() -> None:
    files = [file for file in package_files() if folder(file) == "plots"]
    assert files
    modules = [f"hccbayes.{file[:-3].replace('/', '.')}" for file in files]
    assert loaded_after("import " + ", ".join(modules)).isdisjoint({"pymc", "pytensor", "nutpie"})
    named = {item.module.split(".")[0] for file in files for item in imports(file)}
    assert named.isdisjoint({"pymc", "pytensor", "nutpie"})
