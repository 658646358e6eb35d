"""Where studies are kept: Optuna's journal file, or a database."""

from __future__ import annotations

import json
import logging
import os
import warnings
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock
from optuna.storages.journal import JournalFileBackend  # imported only by those who search

from benchkit.contracts.errors import StorageError
from benchkit.toolkit.files import storage_error
from benchkit.tuning.database import open_database
from benchkit.tuning.recovery import recover

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


def lock_folder(storage: str, out: Path) -> Path:
    """Return the folder of the locks and heartbeats of the workers of a storage here.

    It lies beside a file, so that all processes that share the file share it.
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
    # About databases with heartbeats, which we record (`heartbeat`).
    warnings.filterwarnings("ignore", message="Heartbeat of storage")
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    if is_database(storage):
        return open_database(storage)
    # About distributions that older versions have written.
    warnings.filterwarnings("ignore", category=FutureWarning, module="optuna")
    path = Path(storage)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return _open_journal(path)
    except OSError as error:
        raise storage_error(path, error) from error


def _open_journal(path: Path) -> BaseStorage:
    """Open a journal; of a damaged one, what can be read of it, with a warning.

    Raises:
        StorageError: it cannot be read, and no line is damaged.
    """
    from optuna.storages import JournalStorage

    journal = Journal(path)
    try:
        if journal.ends_well():
            return JournalStorage(journal)
        raise ValueError("its last line is damaged")
    except StorageError:
        raise
    except Exception as error:  # a line of another version, or a damaged one: any error
        if not (report := journal.recover()):
            raise StorageError(
                f"cannot read the studies in {path} ({type(error).__name__}: {error}); --storage "
                "names another file"
            ) from error
        log.warning(report)
        return JournalStorage(Journal(path))


@lru_cache(maxsize=4)
def shared_storage(storage: str) -> BaseStorage:
    """Return a storage that this process opens once: what it has read need not be read again."""
    return open_storage(storage)


# Bytes at its end that hold its last line, whatever its study is about.
_TAIL = 1 << 18
# How a journal begins, and a file of SQLite.
_JOURNAL, _SQLITE = b'{"op_code":', b"SQLite format 3"


class Journal(JournalFileBackend):
    """Optuna's journal file; the format is the same, and its dashboard opens it.

    Two things differ in writing. Lines about a trial that is still running are not forced to the
    disk one by one, which costs milliseconds each: what forces the line that ends it forces them,
    and what a power cut takes is a trial that would be tried again anyway. A killed process has
    written what it has written either way.

    Raises:
        StorageError: the file is no journal; it stays as it is.
    """

    def __init__(self, path: Path) -> None:
        _check(path)
        self._path = path
        self._kernel_lock = _Lock(path)
        super().__init__(str(path), lock_obj=self._kernel_lock)  # type: ignore[arg-type]

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Write lines, one a log."""
        text = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs)
        self._kernel_lock.acquire()
        try:
            with self._path.open("ab") as file:
                file.write(text.encode("utf-8"))
                file.flush()
                if not all("trial_id" in log and "state" not in log for log in logs):
                    os.fsync(file.fileno())
        finally:
            self._kernel_lock.release()

    def ends_well(self) -> bool:
        """Tell whether its last line can be read: Optuna skips it, and writes behind it."""
        with self._path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
            *_, last, cut = (b"{}\n" + file.read()).split(b"\n")
        try:
            return bool(cut) or isinstance(json.loads(last), dict)
        except ValueError:
            return False

    def recover(self) -> str:
        """Keep what can be read of a damaged journal, as `benchkit.tuning.recovery` does."""
        self._kernel_lock.acquire()
        try:
            return recover(self._path)
        finally:
            self._kernel_lock.release()


def _check(path: Path) -> None:
    """Check that a file, where there is one, is a journal or the beginning of one.

    Raises:
        StorageError: it is not.
    """
    if not path.exists():
        return
    with path.open("rb") as file:
        start = file.read(len(_SQLITE))
    if start == _SQLITE:
        raise StorageError(
            f"{path} is a file of SQLite, not a journal: name it --storage sqlite:///{path}"
        )
    if not _JOURNAL.startswith(start[: len(_JOURNAL)]):
        raise StorageError(
            f"{path} is not a journal of studies and is left as it is: name another file with "
            "--storage"
        )


class _Lock:
    """Locks a journal for writing, by the kernel: it is free at once when its holder is killed.

    Optuna's own lock files outlive their holder by 30 seconds. A line that a kill or full disk
    has cut off is removed before the next one is written: no reader gets past it.
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
