"""The journal file: Optuna's, with a lock that dies with its holder, and synced once a trial."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from filelock import FileLock
from optuna.storages.journal import JournalFileBackend  # imported only by those who search

from benchkit.contracts.errors import StorageError
from benchkit.tuning.recovery import recover

# Bytes at its end that hold its last line, whatever a study is about.
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
        """Tell whether its last line can be read: Optuna passes over it, and writes behind it."""
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
            f"{path} is no journal of studies and stays as it is: name another file with --storage"
        )


class _Lock:
    """Locks a journal for writing, by the kernel: it is free at once when its holder is killed.

    Optuna's own lock files outlive their holder by 30 seconds. A line that a kill or full disk
    has cut off is removed before the next one is written: nobody could read past it.
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
