"""A results folder: written whole or not at all, and read back."""

from __future__ import annotations

import io
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hccbayes.errors import FolderExistsError, InputError, Problem

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

_MARK = "provenance.json"
"""A folder that holds it is a results folder; no other is ever replaced."""


def check_free(directory: str | Path, *, force: bool) -> None:
    """Raise where a results folder could not be written, before any work is done.

    Raises
    ------
    FolderExistsError
        If the folder exists and may not be replaced.
    InputError
        If no folder can be made there.
    """
    path = Path(directory)
    if not path.exists():
        nearest = next(folder for folder in path.absolute().parents if folder.exists())
        if not (nearest.is_dir() and os.access(nearest, os.W_OK)):
            raise InputError(Problem("results folder", f"cannot be made: {nearest} is in the way"))
        return
    if not force:
        raise FolderExistsError(f"{path} exists; use --force to replace it, or another --out")
    if not (path / _MARK).is_file():
        raise FolderExistsError(f"{path} is not a results folder and will not be replaced")


@contextmanager
def new_folder(directory: str | Path, *, force: bool = False) -> Iterator[Path]:
    """Give a temporary folder that becomes `directory` when the block ends without an error."""
    path = Path(directory)
    check_free(path, force=force)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        yield unfinished
        check_free(path, force=force)  # Another run may have finished in the meantime.
        if path.exists():
            _replace(path, unfinished)
        else:
            unfinished.rename(path)
        path.chmod(0o755)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _replace(path: Path, finished: Path) -> None:
    """Put a finished folder in the place of an old one, which is kept where that fails."""
    with tempfile.TemporaryDirectory(prefix=f".{path.name}-old-", dir=path.parent) as aside:
        old = path.rename(Path(aside) / path.name)
        try:
            finished.rename(path)
        except OSError:
            old.rename(path)
            raise


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table as CSV; empty fields are missing values, ``inf`` is written as it is."""
    table.to_csv(path, index=False, float_format="%.10g")


def write_json(values: Mapping[str, Any], path: Path) -> None:
    """Write plain values as JSON."""
    text = json.dumps(values, indent=2, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


def read_text(directory: Path, name: str) -> str:
    """Return a file of a results folder as text, or raise an error that names it."""
    try:
        return (directory / name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(
            Problem(name, f"{reason}; is this a folder that hccbayes run wrote?"),
            source=str(directory),
        ) from None


def read_json(directory: Path, name: str) -> dict[str, Any]:
    """Return the values that :func:`write_json` wrote, or raise an error that names the file."""
    try:
        return dict(json.loads(read_text(directory, name)))
    except (TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(Problem(name, f"is damaged: {error}"), source=str(directory)) from None


def read_table(directory: Path, name: str, *, text: Sequence[str] = ()) -> pd.DataFrame:
    """Return a table of a results folder; text columns keep empty text, not ``nan``.

    Parameters
    ----------
    directory, name
        Folder and file.
    text
        Columns that hold text even where all of it is empty; the others are judged by what they
        hold.
    """
    import pandas as pd

    content = read_text(directory, name)
    try:
        frame = pd.read_csv(io.StringIO(content), dtype=dict.fromkeys(text, str))
    except ValueError as error:
        raise InputError(Problem(name, f"is damaged: {error}"), source=str(directory)) from None
    labels = frame.select_dtypes("object").columns
    return frame.assign(**{column: frame[column].fillna("") for column in labels})


def read_tree(directory: Path, name: str) -> xr.DataTree:
    """Return the draws and curves of a results folder, loaded into memory."""
    import xarray as xr

    path = directory / name
    if not path.is_file():
        raise InputError(Problem(name, "is not there"), source=str(directory))
    try:
        with xr.open_datatree(path, engine="h5netcdf") as tree:
            return tree.load()
    except (OSError, ValueError) as error:
        raise InputError(Problem(name, f"is damaged: {error}"), source=str(directory)) from None
