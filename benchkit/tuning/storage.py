"""Where studies are kept: Optuna's journal file, or a database."""

from __future__ import annotations

import logging
import warnings
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from benchkit.contracts.errors import StorageError
from benchkit.toolkit.files import storage_error
from benchkit.tuning.database import open_database

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

STUDIES = "studies"
log = logging.getLogger(__name__)


def journal(out: Path, dataset: str) -> str:
    """Return the path of a dataset's journal file, where studies are kept by default."""
    return str(out / STUDIES / f"{dataset}.journal")


def is_database(storage: str) -> bool:
    """Tell whether a storage is the URL of a database; else it is the path of a journal file."""
    return "://" in storage


def file_of(storage: str) -> Path | None:
    """Return the file that holds a storage; None for a database on a server."""
    scheme, found, rest = storage.partition("://")
    if not found:
        return Path(storage)
    if scheme == "sqlite" and len(rest) > 1:
        return Path(rest[1:].partition("?")[0])
    return None


def room(storage: str, out: Path) -> Path:
    """Return the folder of the locks and the signs of life of whoever works on a storage here.

    It lies beside a file, so that all who share the file share it.
    """
    path = file_of(storage)
    if path is None:
        return out / STUDIES / ".database"
    return path.parent / f".{path.name}.workers"


def open_storage(storage: str) -> BaseStorage:
    """Return a storage.

    Args:
        storage: an URL such as ``sqlite:///studies.db``, or the path of a journal file.

    Raises:
        UnavailableError: the driver of a database is not installed.
        StorageError: it cannot be opened, or is a file of something else.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    # Said about databases with signs of life, which we give (`lifeline`).
    warnings.filterwarnings("ignore", message="Heartbeat of storage")
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    if is_database(storage):
        return open_database(storage)
    # Of distributions that older versions have written.
    warnings.filterwarnings("ignore", category=FutureWarning, module="optuna")
    path = Path(storage)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return _open_journal(path)
    except OSError as error:
        raise storage_error(path, error) from error


def _open_journal(path: Path) -> BaseStorage:
    """Open a journal; where it is damaged, what can be read of it, and say so.

    Raises:
        StorageError: nobody can tell what is wrong with it.
    """
    from optuna.storages import JournalStorage

    from benchkit.tuning.journal import Journal

    journal = Journal(path)
    try:
        if journal.ends_well():
            return JournalStorage(journal)
        raise ValueError("its last line is damaged")
    except StorageError:
        raise
    except Exception as error:  # a line that another version or nobody has written: any error
        if not (done := journal.recover()):
            raise StorageError(
                f"cannot read the studies in {path} ({type(error).__name__}: {error}); --storage "
                "names another file"
            ) from error
        log.warning(done)
        return JournalStorage(Journal(path))


@lru_cache(maxsize=4)
def shared_storage(storage: str) -> BaseStorage:
    """Return a storage that this process has opened once: what was read need not be read again."""
    return open_storage(storage)
