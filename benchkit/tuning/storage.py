"""Where studies are kept: Optuna's journal file, or a database."""

from __future__ import annotations

import os
import warnings
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from benchkit.errors import StorageError
from benchkit.files import storage_error
from benchkit.tuning.database import open_database

if TYPE_CHECKING:
    from optuna import Study
    from optuna.storages import BaseStorage

STUDIES = "studies"


def journal(out: Path, dataset: str) -> str:
    """Return the path of a dataset's journal file, where studies are kept by default."""
    return str(out / STUDIES / f"{dataset}.journal")


def is_database(storage: str) -> bool:
    """Tell whether a storage is the URL of a database; else it is the path of a journal file."""
    return "://" in storage


def room(storage: str, out: Path) -> Path:
    """Return the folder of the locks and the signs of life of whoever works on a storage here.

    It lies beside a file, so that all who share the file share it.
    """
    scheme, found, rest = storage.partition("://")
    if not found:
        path = Path(storage)
    elif scheme == "sqlite" and len(rest) > 1:
        path = Path(rest[1:].partition("?")[0])
    else:
        return out / STUDIES / ".database"
    return path.parent / f".{path.name}.workers"


def open_storage(storage: str) -> BaseStorage:
    """Return a storage.

    Args:
        storage: an URL such as ``sqlite:///studies.db``, or the path of a journal file.

    Raises:
        UnavailableError: the driver of a database is not installed.
        StorageError: it cannot be opened.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    # Said about databases with signs of life, which we give (`lifeline`).
    warnings.filterwarnings("ignore", message="Heartbeat of storage")
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    if is_database(storage):
        return open_database(storage)
    from optuna.storages.journal import JournalFileBackend

    path = Path(storage)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        backend = JournalFileBackend(
            str(path),
            lock_obj=_JournalLock(path),  # type: ignore[arg-type] # only acquire, release
        )
        return optuna.storages.JournalStorage(backend)
    except OSError as error:
        raise storage_error(path, error) from error
    except (ValueError, KeyError) as error:
        raise StorageError(f"cannot read the studies in {path} ({error}); remove it") from error


@lru_cache(maxsize=4)
def shared_storage(storage: str) -> BaseStorage:
    """Return a storage that this process has opened once: what was read need not be read again."""
    return open_storage(storage)


def load_study(storage: str, name: str) -> Study:
    """Return a study that exists."""
    import optuna

    return optuna.load_study(study_name=name, storage=shared_storage(storage))


class _JournalLock:
    """Locks a journal for writing, by the kernel: it is free at once when its holder is killed.

    Optuna's own lock files outlive their holder by 30 seconds. A line that a full disk has cut off
    is removed before the next one is written: nobody could read past it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = FileLock(path.with_name(f".{path.name}.lock"))

    def acquire(self) -> bool:
        self._lock.acquire()
        with self._path.open("rb+") as file:
            end = file.seek(0, os.SEEK_END)
            if end and (file.seek(end - 1), file.read(1))[1] != b"\n":
                file.seek(0)
                file.truncate(file.read().rfind(b"\n") + 1)
        return True

    def release(self) -> None:
        self._lock.release()
