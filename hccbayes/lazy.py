"""Public names of a package that are imported when they are first used.

The package loads without the heavy libraries behind its names; a name costs its import once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from importlib import import_module
from typing import Any


def lazy_names(
    package: str, homes: Mapping[str, str], modules: Collection[str] = ()
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return ``__getattr__`` and ``__dir__`` of a package.

    Parameters
    ----------
    package
        Its ``__name__``.
    homes
        Public name to the submodule that defines it. Files are not named after their functions:
        importing a submodule binds its name in the package, and a module would then stand where
        the function is expected.
    modules
        Public names that are submodules themselves.
    """

    def get(name: str) -> Any:
        """Import a public name on first use."""
        if name in modules:
            return import_module(f"{package}.{name}")
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{homes[name]}"), name)

    def names() -> list[str]:
        """Return the public names."""
        return sorted({*homes, *modules})

    return get, names
