"""The folder of a grid: every finished cell is on disk at once, and a run that was killed goes on.

A cell is one JSON file, written beside its place and renamed, named by a hash of everything it
depends on: its resolved model, the patients, the center left out and the package's version. A cell
whose file is there is never computed again; a file that cannot be read is.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

from filelock import FileLock, Timeout

from hccbayes import __version__
from hccbayes.errors import FolderExistsError, HccbayesError, InputError, Problem
from hccbayes.records import Diagnosis, Estimate
from hccbayes.sensitivity.grid import Cell

Status = Literal["good", "failed diagnostics", "not fitted"]

MARK: Final = "grid.json"
"""A folder that holds it is a sensitivity folder; no other is written into."""
_CELLS: Final = "cells"
_ATTEMPTS: Final = "attempts"
_LOCK: Final = ".lock"
_KEY_LENGTH: Final = 24


class StorageError(HccbayesError, OSError):
    """A result cannot be written; the message names the folder and the cause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellResult:
    """What is kept of a cell.

    Parameters
    ----------
    key
        Hash of what it depends on.
    status
        ``good``; ``failed diagnostics``: there are numbers, not to be used; ``not fitted``: none.
    message
        Why it is not good; empty where it is.
    estimates
        Bayesian rows.
    diagnoses
        Gates by fit.
    seconds
        Wall time of the cell, compilation left out where it was not needed.
    """

    key: str
    status: Status
    message: str
    estimates: tuple[Estimate, ...]
    diagnoses: Mapping[str, Diagnosis]
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain values for its file."""
        return {
            "key": self.key,
            "status": self.status,
            "message": self.message,
            "seconds": self.seconds,
            "diagnoses": {name: one.to_dict() for name, one in self.diagnoses.items()},
            "estimates": [asdict(row) for row in self.estimates],
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> CellResult:
        """Return the result that :meth:`to_dict` wrote."""
        return cls(
            key=values["key"],
            status=values["status"],
            message=values["message"],
            seconds=values["seconds"],
            diagnoses={name: Diagnosis.from_dict(one) for name, one in values["diagnoses"].items()},
            estimates=tuple(Estimate(**row) for row in values["estimates"]),
        )


def cell_key(cell: Cell, sha256: str) -> str:
    """Return the hash of everything a cell's numbers depend on.

    Parameters
    ----------
    cell
        Model and center left out.
    sha256
        Digest of the patients.
    """
    parts = {
        "model": cell.spec.to_dict(),
        "left_out": cell.left_out,
        "patients": sha256,
        "version": __version__,
    }
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:_KEY_LENGTH]


@dataclass(frozen=True, slots=True)
class CellStore:
    """The files of a grid's cells.

    Parameters
    ----------
    directory
        The grid's folder.
    """

    directory: Path

    def create(self, grid: Mapping[str, Any]) -> None:
        """Make the folder, or take one that is a grid's already, and write what the grid is.

        Raises
        ------
        FolderExistsError
            If the folder is there and no grid was ever written to it.
        InputError
            If the folder cannot be made.
        StorageError
            If it cannot be written to.
        """
        path = self.directory
        if path.exists() and not (path / MARK).is_file() and any(path.iterdir()):
            raise FolderExistsError(f"{path} is not a folder of a grid; choose another --out")
        try:
            for part in (_CELLS, _ATTEMPTS):
                (path / part).mkdir(parents=True, exist_ok=True)
            write_text(path / MARK, json.dumps(grid, indent=2, ensure_ascii=False) + "\n")
        except StorageError:
            raise
        except OSError as error:
            message = f"cannot be written: {error.strerror or error}"
            raise InputError(Problem(f"folder {path}", message)) from None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for one run; a lock ends with its process, however that ends.

        Raises
        ------
        FolderExistsError
            If another run holds it.
        """
        lock = FileLock(self.directory / _LOCK)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise FolderExistsError(
                f"another run is writing to {self.directory}; wait for it, or choose another --out"
            ) from None
        try:
            yield
        finally:
            lock.release()

    def save(self, result: CellResult) -> None:
        """Write a result, whole or not at all.

        Raises
        ------
        StorageError
            If it cannot be written.
        """
        text = json.dumps(result.to_dict(), ensure_ascii=False)
        write_text(self._file(result.key), text)
        self._attempts(result.key).unlink(missing_ok=True)

    def load(self, key: str) -> CellResult | None:
        """Return a finished cell; nothing where it is not there or its file is damaged."""
        try:
            values = json.loads(self._file(key).read_text(encoding="utf-8"))
            result = CellResult.from_dict(values)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None
        return result if result.key == key else None

    def has(self, key: str) -> bool:
        """Whether a cell has a file."""
        return self._file(key).is_file()

    def begin(self, key: str) -> int:
        """Note that a cell is begun, and return how often it was before without an end."""
        file = self._attempts(key)
        try:
            before = file.stat().st_size if file.is_file() else 0
            with file.open("ab") as marks:
                marks.write(b".")
        except OSError as error:
            raise storage_error(self.directory, error) from None
        return before

    def attempts(self, key: str) -> int:
        """Return how often a cell was begun and not finished."""
        file = self._attempts(key)
        return file.stat().st_size if file.is_file() else 0

    def _file(self, key: str) -> Path:
        return self.directory / _CELLS / f"{key}.json"

    def _attempts(self, key: str) -> Path:
        return self.directory / _ATTEMPTS / key


def write_text(path: Path, text: str) -> None:
    """Write a file beside its place, and put it there when it is whole and on disk.

    Raises
    ------
    StorageError
        If it cannot be written; nothing half-written is left.
    """
    unfinished = ""
    try:
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}-", delete=False
        ) as file:
            unfinished = file.name
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    except OSError as error:
        if unfinished:
            Path(unfinished).unlink(missing_ok=True)
        raise storage_error(path.parent, error) from None


def storage_error(directory: Path, error: OSError) -> StorageError:
    """Return an error that names the folder and, in words, the cause."""
    causes = {
        errno.ENOSPC: "the disk is full",
        errno.EDQUOT: "the disk quota is used up",
        errno.EROFS: "the disk is read-only",
        errno.EACCES: "writing there is not allowed",
        errno.ENOENT: "the folder is gone",
    }
    cause = causes.get(error.errno or 0, error.strerror or str(error))
    return StorageError(
        f"results cannot be written to {directory}: {cause}. Finished cells stay; mend it and run "
        "again to go on."
    )
