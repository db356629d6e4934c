"""The lock, the wheel's extra files, and nothing of the machine the project was written on."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from importlib import metadata, resources
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PIN = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==(?P<version>[A-Za-z0-9.!+]+)(?: *;.+)?")

MACHINE_PATH = re.compile(r"(?<![\w.~-])/(?:home|root|work|Users)/\w|[A-Z]:\\Users\\")
REGISTRY_HOST = re.compile(
    r"pypi\.org|pythonhosted\.org|index[-]url|anaconda\.org|artifactor[y]|nexus\.", re.IGNORECASE
)


def lock_lines() -> list[str]:
    return (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()


@pytest.fixture(scope="module")
def pins() -> dict[str, set[str]]:
    """Pinned versions by canonical name; more than one where markers tell them apart."""
    found: dict[str, set[str]] = {}
    for line in lock_lines():
        match = PIN.fullmatch(line)
        if match:
            found.setdefault(canonicalize_name(match["name"]), set()).add(match["version"])
    return found


def project() -> dict[str, Any]:
    with (ROOT / "pyproject.toml").open("rb") as file:
        return tomllib.load(file)


def direct_dependencies() -> list[Requirement]:
    """Return the requirements of the package and of its extras, itself excepted."""
    table = project()["project"]
    texts = [*table["dependencies"], *sum(table["optional-dependencies"].values(), [])]
    requirements = [Requirement(text) for text in texts]
    return [requirement for requirement in requirements if requirement.name != table["name"]]


def test_lock_holds_pins_and_nothing_else() -> None:
    assert [line for line in lock_lines() if not PIN.fullmatch(line)] == []


@pytest.mark.parametrize("requirement", direct_dependencies(), ids=str)
def test_lock_satisfies_direct_dependency(
    requirement: Requirement, pins: dict[str, set[str]]
) -> None:
    versions = pins[canonicalize_name(requirement.name)]
    assert all(requirement.specifier.contains(version) for version in versions)


def installed_requirements(root: Requirement) -> Iterator[str]:
    """Yield the canonical names of all that a requirement needs, as far as it is installed."""
    waiting, seen = [root], set()
    while waiting:
        requirement = waiting.pop()
        for extra in ("", *sorted(requirement.extras)):
            key = (canonicalize_name(requirement.name), extra)
            if key in seen:
                continue
            seen.add(key)
            yield key[0]
            try:
                texts = metadata.requires(requirement.name) or []
            except metadata.PackageNotFoundError:
                continue
            needed = [Requirement(text) for text in texts]
            waiting += [
                item
                for item in needed
                if item.marker is None or item.marker.evaluate({"extra": extra})
            ]


def test_lock_covers_indirect_dependencies(pins: dict[str, set[str]]) -> None:
    needed = {name for root in direct_dependencies() for name in installed_requirements(root)}
    assert needed - set(pins) == set()


def test_wheel_ships_the_model_files() -> None:
    wheel = project()["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["force-include"] == {"models": "hccbayes/model_files"}
    assert list((ROOT / "models").glob("*.toml"))


def ignored_patterns() -> list[str]:
    return (ROOT / ".gitignore").read_text(encoding="utf-8").split()


@pytest.mark.parametrize("package", ["evidence", "synthetic"])
def test_wheel_ships_the_data_files(package: str) -> None:
    """Hatchling takes every file of the package that neither it nor .gitignore leaves out."""
    wheel = project()["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["packages"] == ["hccbayes"]
    assert not {"exclude", "only-include", "artifacts"} & set(wheel)
    files = [path for path in (ROOT / "hccbayes" / package / "data").iterdir() if path.is_file()]
    assert len(files) >= 10
    for path in files:
        parts = path.relative_to(ROOT).parts
        names = [*parts, *("/".join(parts[: end + 1]) for end in range(len(parts)))]
        hits = [
            (name, pattern)
            for pattern in ignored_patterns()
            for name in names
            if fnmatch(name, pattern.strip("/"))
        ]
        assert hits == []


@pytest.mark.parametrize("package", ["hccbayes.evidence", "hccbayes.synthetic"])
def test_data_files_are_found_as_resources(package: str) -> None:
    """As they are in a wheel, where there is no checkout around the package."""
    folder = resources.files(package).joinpath("data")
    names = {entry.name for entry in folder.iterdir()}
    on_disk = {path.name for path in (ROOT / package.replace(".", "/") / "data").iterdir()}
    assert names == on_disk
    assert all(folder.joinpath(name).read_bytes() for name in names)


def project_text_files() -> Iterator[tuple[str, str]]:
    """Yield (relative path, text) of each file that is neither ignored nor binary."""
    ignored = [".git", *ignored_patterns()]
    patterns = [pattern.strip("/") for pattern in ignored]
    for folder, subfolders, files in os.walk(ROOT):
        subfolders[:] = [
            name for name in subfolders if not any(fnmatch(name, glob) for glob in patterns)
        ]
        for name in files:
            if any(fnmatch(name, glob) for glob in patterns):
                continue
            path = Path(folder, name)
            try:
                yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue


@pytest.mark.parametrize("pattern", [MACHINE_PATH, REGISTRY_HOST], ids=["path", "registry"])
def test_no_file_names_the_machine_it_was_written_on(pattern: re.Pattern[str]) -> None:
    texts = dict(project_text_files())
    assert "pyproject.toml" in texts
    found = {path: match[0] for path, text in texts.items() if (match := pattern.search(text))}
    assert found == {}


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (MACHINE_PATH, "see " + "/".join(["", "home", "ann", "cohort.csv"])),
        (MACHINE_PATH, "C:" + "\\Users" + "\\ann"),
        (REGISTRY_HOST, "https://" + "py" + "pi.org/simple"),
    ],
    ids=["linux", "windows", "registry"],
)
def test_patterns_find_what_they_are_for(pattern: re.Pattern[str], text: str) -> None:
    assert pattern.search(text)
