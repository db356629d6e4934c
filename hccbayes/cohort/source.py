"""Where a patient table comes from: a frame, a file, a built-in data set or a synthetic cohort.

Every cell is turned into text before anything is judged, so that a frame and the same table in a
CSV file meet the same rules, identifiers keep their leading zeros, and an error message can quote
what stands in the data.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from hccbayes.datasets import load_dataset
from hccbayes.errors import InputError, MissingDependencyError, Problem
from hccbayes.synthetic import shipped

DATASET_PREFIX: Final = "dataset:"
"""What stands before the name of a built-in data set."""
SYNTHETIC_PREFIX: Final = "synthetic:"
"""What stands before the name of a synthetic cohort."""

_LARGEST_EXACT_INTEGER: Final = 2.0**53
"""Beyond it a float no longer stands for one whole number."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PatientTable:
    """A patient table as text.

    Parameters
    ----------
    cells
        Every column of the source; text, ``None`` where the source holds no value.
    categories
        Levels of the columns that came with a declared order of levels, by column.
    source
        File name, ``dataset:NAME``, ``synthetic:NAME`` or ``DataFrame``.
    sha256
        Digest of the file's bytes, or of the frame's column names and content.
    synthetic
        Name of the synthetic cohort that this is; empty for patients. A frame says so in
        ``attrs["synthetic"]``, a file by a name that begins with ``synthetic``.
    """

    cells: pd.DataFrame
    categories: Mapping[str, tuple[str, ...]]
    source: str
    sha256: str
    synthetic: str


def read_patient_table(data: pd.DataFrame | str | Path) -> PatientTable:
    """Read a patient table without judging its content.

    Parameters
    ----------
    data
        A frame, which is left as it is; the path of a ``.csv`` (UTF-8, comma) or ``.parquet``
        file; ``dataset:NAME``; or ``synthetic:NAME``.

    Raises
    ------
    InputError
        If there is no such file or data set, it cannot be read, or it holds no row.
    MissingDependencyError
        If the file is Parquet and pyarrow is not installed.
    """
    if isinstance(data, pd.DataFrame):
        return _from_frame(data, "DataFrame")
    if not isinstance(data, str | Path):
        kind = type(data).__name__
        raise InputError(Problem("data", f"must be a DataFrame or a file's path, not {kind}"))
    text = str(data)
    if text.startswith(DATASET_PREFIX):
        return _from_frame(load_dataset(text.removeprefix(DATASET_PREFIX)), text)
    if text.startswith(SYNTHETIC_PREFIX):
        return _from_frame(shipped.load(text.removeprefix(SYNTHETIC_PREFIX)), text)
    return _from_file(Path(data))


def cell_text(value: Any) -> str:
    """Return one value as text; a whole float without its decimals, since 12.0 was once 12."""
    if isinstance(value, float | np.floating):
        number = float(value)
        if number.is_integer() and abs(number) <= _LARGEST_EXACT_INTEGER:
            return str(int(number))
    return str(value)


def _from_frame(frame: pd.DataFrame, source: str, sha256: str | None = None) -> PatientTable:
    if frame.shape[0] == 0 or frame.shape[1] == 0:
        raise InputError(
            Problem("data", "holds no row; one row a patient is needed"), source=source
        )
    columns = [_column_text(frame.iloc[:, position]) for position in range(frame.shape[1])]
    cells = pd.concat(columns, axis="columns")
    cells.columns = pd.Index(list(frame.columns), dtype=object, tupleize_cols=False)
    categories = {
        str(name): tuple(cell_text(level) for level in dtype.categories)
        for name, dtype in zip(frame.columns, frame.dtypes, strict=True)
        if isinstance(dtype, pd.CategoricalDtype)
    }
    return PatientTable(
        cells=cells,
        categories=categories,
        source=source,
        sha256=sha256 or _content_digest(cells),
        synthetic=_synthetic_name(frame, source),
    )


def _synthetic_name(frame: pd.DataFrame, source: str) -> str:
    """Return the name of a synthetic cohort, which no copy of it may lose."""
    marked = str(frame.attrs.get("synthetic", ""))
    stem = Path(source).stem
    return marked or (stem if stem.lower().startswith("synthetic") else "")


def _column_text(column: pd.Series) -> pd.Series:
    absent = column.isna().to_numpy(dtype=bool)
    texts = [
        None if gone else cell_text(value)
        for value, gone in zip(column.tolist(), absent, strict=True)
    ]
    return pd.Series(texts, dtype=object)


def _content_digest(cells: pd.DataFrame) -> str:
    """Return the SHA-256 of the column names and of pandas' hash of each row, in row order."""
    digest = hashlib.sha256(repr([str(name) for name in cells.columns]).encode())
    rows = pd.util.hash_pandas_object(cells, index=False).to_numpy()
    digest.update(rows.astype("<u8").tobytes())
    return digest.hexdigest()


def _csv_frame(content: bytes) -> pd.DataFrame:
    """Read a CSV file with its header as a row, so that pandas renames no repeated column."""
    table = pd.read_csv(
        BytesIO(content), header=None, dtype=str, na_filter=False, encoding="utf-8-sig"
    )
    header = ["" if pd.isna(name) else str(name).strip() for name in table.iloc[0]]
    frame = table.iloc[1:].reset_index(drop=True)
    frame.columns = pd.Index(header)
    return frame


def _parquet_frame(content: bytes) -> pd.DataFrame:
    return pd.read_parquet(BytesIO(content))


_READERS: Final[dict[str, Callable[[bytes], pd.DataFrame]]] = {
    ".csv": _csv_frame,
    ".parquet": _parquet_frame,
}


def _from_file(path: Path) -> PatientTable:
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        ending = path.suffix or "no ending"
        message = f"has {ending}, which is not read; give a {' or '.join(_READERS)} file"
        raise InputError(Problem("data file", message), source=path.name)
    try:
        content = path.read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(Problem("data file", f"{reason}: {path}"), source=path.name) from None
    try:
        frame = reader(content)
    except ImportError as error:
        raise MissingDependencyError(f"{path.suffix} files need pyarrow: {error}") from None
    except Exception as error:  # Damaged Parquet bytes raise KeyError, ArrowException and more.
        raise InputError(Problem("data file", _why_unreadable(error)), source=path.name) from None
    return _from_frame(frame, path.name, hashlib.sha256(content).hexdigest())


def _why_unreadable(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"is not UTF-8 text (byte {error.start}); save it as CSV in UTF-8"
    if isinstance(error, pd.errors.EmptyDataError):
        return "is empty; a header and one row a patient are needed"
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return f"cannot be read: {lines[0]}"
