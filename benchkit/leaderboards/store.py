"""Records in files, each written whole or not at all.

A record is a folder: ``record.json``, ``lists.parquet`` (per prompt: session, truth, items and
scores, all codes of the prepared data that the fingerprint names) and ``values.parquet`` (one
column a metric and cutoff, one row a prompt, for tests of significance).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchkit.contracts.arrays import Float64, Int32
from benchkit.contracts.errors import BenchkitError, StorageError
from benchkit.contracts.recommender import Recommendations
from benchkit.leaderboards.record import (
    RECORDS,
    UNREADABLE,
    Failure,
    Identity,
    NewerRecordError,
    Record,
)
from benchkit.toolkit.files import (
    folder_atomically,
    locked,
    put_aside,
    storage_error,
    write_atomically,
)

_WEIGHTS = "weights"
LISTS = "lists.parquet"


class DamagedRecordError(StorageError):
    """A record that nobody can use any more, and that a run makes again.

    Attributes:
        folder: of the record.
        problem: a clause that says what is wrong.
    """

    def __init__(self, folder: Path, problem: str) -> None:
        super().__init__(folder, problem)
        self.folder, self.problem = folder, problem

    def __str__(self) -> str:
        return f"{self.problem}; `benchkit run` makes it again"


def weights_folder(out: Path, dataset: str) -> Path:
    """Return where recommenders keep fitted weights of a dataset."""
    return out / _WEIGHTS / dataset


def lock(out: Path, identity: Identity) -> AbstractContextManager[None]:
    """Keep other processes from making or changing the record of that identity.

    Raises:
        StorageError: the output folder cannot be written.
    """
    return locked(out / RECORDS / ".locks" / f"{identity.key}.lock")


def write(
    out: Path,
    record: Record,
    recommendations: Recommendations,
    sessions: Int32,
    truth: Int32,
    values: Mapping[str, Float64],
) -> Path:
    """Write a record's folder in one step and return it.

    Args:
        out: output folder.
        record: the record.
        recommendations: the lists, ``int32[prompts, depth]``.
        sessions: session code of each prompt, ``int32[prompts]``.
        truth: withheld items, ``int32[prompts]``.
        values: per-prompt values of each metric and cutoff, ``float64[prompts]``.

    Raises:
        StorageError: no permission, a full disk.
    """
    folder = record.identity.folder(out)
    lists = {
        "session": sessions,
        "truth": truth,
        "items": recommendations.items,
        "scores": recommendations.scores,
    }
    content = _parquet(lists)
    record = replace(record, lists=_digest(content))
    with folder_atomically(folder) as scratch:
        (scratch / LISTS).write_bytes(content)
        (scratch / "values.parquet").write_bytes(_parquet(values))
        (scratch / "record.json").write_text(record.to_json(), encoding="utf-8")
    forget_failure(out, record.identity)
    return folder


def _parquet(columns: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """Return a parquet file in memory; a matrix becomes a column of fixed-length arrays."""
    import polars as pl

    buffer = BytesIO()
    pl.DataFrame({name: pl.Series(name, column) for name, column in columns.items()}).write_parquet(
        buffer
    )
    return buffer.getvalue()


def write_failure(out: Path, failure: Failure) -> None:
    """Remember why a run has no record; the next success removes it."""
    path = _failure_path(out, failure.identity)
    write_atomically(path, failure.to_json())


def read_failure(path: Path) -> Failure:
    """Read what `write_failure` has written.

    Raises:
        FileNotFoundError: there is none.
        StorageError: it cannot be used.
    """
    try:
        return Failure.from_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise
    except (NewerRecordError, *UNREADABLE) as error:
        raise StorageError(f"cannot read {path} ({error}); remove it and run again") from error


def forget_failure(out: Path, identity: Identity) -> None:
    """Remove what `write_failure` has written: there is a record now."""
    _failure_path(out, identity).unlink(missing_ok=True)


def rewrite_metrics(folder: Path, record: Record, values: Mapping[str, Float64]) -> None:
    """Replace a record's metrics and per-prompt values, from the kept lists."""
    write_atomically(folder / "values.parquet", _parquet(values))
    rewrite(folder, record)


def rewrite(folder: Path, record: Record) -> None:
    """Replace a record, and leave what lies beside it."""
    write_atomically(folder / "record.json", record.to_json())


def find(out: Path, identity: Identity) -> Record | None:
    """Return the finished record of that identity, or None.

    Raises:
        DamagedRecordError: it cannot be used.
        NewerRecordError: another version's.
    """
    try:
        return read(identity.folder(out) / "record.json")
    except FileNotFoundError:
        return None


def read(path: Path) -> Record:
    """Read one ``record.json``.

    Raises:
        DamagedRecordError: it cannot be used.
        NewerRecordError: another version's.
        FileNotFoundError: there is none, and nothing else in its folder.
        StorageError: no permission.
    """
    folder = path.parent
    try:
        record = Record.from_json(path.read_text(encoding="utf-8"))
    except NewerRecordError as error:
        raise NewerRecordError(
            f"cannot read the record {path}: a later version of benchkit has written it ({error}); "
            "use that version, or another --out"
        ) from error
    except PermissionError as error:
        raise storage_error(path, error, "read") from error
    except UNREADABLE as error:
        if isinstance(error, FileNotFoundError) and not _holds_anything(folder):
            raise
        raise DamagedRecordError(folder, f"cannot read the record {path} ({error})") from error
    if record.identity.folder(Path()).name != folder.name:
        right = record.identity.folder(Path())
        raise DamagedRecordError(folder, f"cannot use the record {path} (it is that of {right})")
    return record


def _holds_anything(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())


def set_aside(error: DamagedRecordError) -> str:
    """Rename the folder of a damaged record, and return one sentence that says so.

    Raises:
        StorageError: it cannot be renamed.
    """
    aside = put_aside(error.folder)
    return f"{error.problem}; the record is made again, and what is left of it is in {aside}"


def check_lists(folder: Path, record: Record) -> None:
    """Refuse lists that are not those that were written with a record.

    Of records of earlier versions, which have no digest, only the end of the file is looked at.

    Raises:
        DamagedRecordError: the lists are missing, cut, or of another record.
    """
    path = folder / LISTS
    try:
        content = path.read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise DamagedRecordError(folder, f"cannot read the lists {path} ({reason})") from error
    whole = _digest(content) == record.lists if record.lists else content.endswith(b"PAR1")
    if not whole:
        raise DamagedRecordError(
            folder, f"cannot use the lists {path} (they are not as they were written)"
        )


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def read_lists(folder: Path, record: Record) -> tuple[Recommendations, Int32, Int32]:
    """Return the lists, session codes and truths of a record.

    Raises:
        DamagedRecordError: the file is missing, damaged, or of another record.
    """
    import polars as pl

    check_lists(folder, record)
    path = folder / LISTS
    try:
        frame = pl.read_parquet(path, glob=False)  # names and folders may hold [ and *
        items, scores = frame["items"].to_numpy(), frame["scores"].to_numpy()
        sessions, truth = frame["session"].to_numpy(), frame["truth"].to_numpy()
        if (items.dtype, items.shape) != (np.int32, (len(truth), record.identity.depth)):
            raise ValueError(f"it holds {items.dtype} of shape {items.shape}")
        return Recommendations(items, scores), sessions, truth
    except (OSError, ValueError, TypeError, BenchkitError, pl.exceptions.PolarsError) as error:
        raise DamagedRecordError(folder, f"cannot read the lists {path} ({error})") from error


def _failure_path(out: Path, identity: Identity) -> Path:
    folder = identity.folder(out)
    return folder.with_name(f"{folder.name}.failed.json")
