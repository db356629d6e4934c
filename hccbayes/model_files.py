"""The named analyses that come with the package."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from hccbayes.errors import InputError, Problem

_FOLDER = "model_files"


def model_file(name: str) -> Path:
    """Return the path of a named analysis, from the wheel or from a checkout's ``models/``.

    Raises
    ------
    InputError
        If there is no such analysis; the message lists those there are.
    """
    packaged = Path(str(resources.files("hccbayes"))) / _FOLDER
    checkout = Path(__file__).resolve().parents[1] / "models"
    for folder in (packaged, checkout):
        path = folder / f"{name}.toml"
        if path.is_file():
            return path
    known = sorted({path.stem for folder in (packaged, checkout) for path in folder.glob("*.toml")})
    raise InputError(Problem("model", f"no analysis {name!r}; known: {', '.join(known)}"))
