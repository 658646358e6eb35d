"""Writing files whole or not at all: a temporary name beside the target, then a rename."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import platform
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from filelock import FileLock

from benchkit.contracts.errors import StorageError

_REASONS = {
    errno.ENOSPC: "no space is left on the disk",
    errno.EDQUOT: "the disk quota is used up",
    errno.EACCES: "permission is denied",
    errno.EPERM: "permission is denied",
    errno.EROFS: "the file system is read-only",
    errno.ENOTDIR: "a part of its path is a file, not a folder",
    errno.EISDIR: "a folder has that name",
}


def write_atomically(path: Path, content: bytes | str) -> None:
    """Write a file so that at any moment its old or its new content stands there, whole.

    Missing folders are made. Text is written as UTF-8 with its line endings as they are.

    Raises:
        StorageError: the file cannot be written; nothing is left behind, the old content stays.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    temporary = _beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise storage_error(path, error) from error
    finally:
        with contextlib.suppress(OSError):  # gone already, or never made
            temporary.unlink()


@contextmanager
def folder_atomically(path: Path) -> Iterator[Path]:
    """Give an empty folder to fill; on leaving without error it becomes `path`, whole.

    Whatever stood at `path` is replaced. Two writers at once: the later one wins. The working
    folder alone is not replaced but filled: who called us would stay in the old one.

    Raises:
        StorageError: the folder cannot be written; nothing is left behind.
    """
    try:
        path = path.absolute()  # "." has no name to put another beside
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = _beside(path)
        temporary.mkdir()
    except OSError as error:
        raise storage_error(path, error) from error
    try:
        yield temporary
        _replace_folder(temporary, path)
    except OSError as error:
        raise storage_error(path, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def put_aside(path: Path, suffix: str = "damaged") -> Path:
    """Rename a file or folder, so that its place is free and nothing is lost; return the new path.

    Raises:
        StorageError: it cannot be renamed.
    """
    number, aside = 1, path.with_name(f"{path.name}.{suffix}")
    while aside.exists():
        number += 1
        aside = path.with_name(f"{path.name}.{suffix}-{number}")
    try:
        path.rename(aside)
    except OSError as error:
        raise storage_error(path, error, "rename") from error
    return aside


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock file, which other processes wait for; missing folders are made.

    Raises:
        StorageError: the folder cannot be written.
    """
    lock = FileLock(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except OSError as error:
        raise storage_error(path, error) from error
    try:
        yield
    finally:
        lock.release()


def storage_error(path: Path, error: OSError, doing: str = "write") -> StorageError:
    """Return the one sentence for a file that cannot be written or read."""
    code = error.errno
    if code is None and "requested and" in str(error):  # how numpy says it
        code = errno.ENOSPC
    reason = _REASONS.get(code or 0) or (error.strerror or str(error)).lower()
    return StorageError(f"cannot {doing} {path}: {reason}")


def _replace_folder(new: Path, path: Path) -> None:
    """Rename `new` to `path`; a folder that stands there is moved out of the way first."""
    if path.exists() and path.samefile("."):
        for each in new.iterdir():
            each.replace(path / each.name)
        return
    for _ in range(5):
        try:
            new.replace(path)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            old = _beside(path)
            with contextlib.suppress(FileNotFoundError):  # another writer was faster
                path.replace(old)
            shutil.rmtree(old, ignore_errors=True)
        else:
            _sync_folder(path.parent)
            return
    raise OSError(errno.EBUSY, "other writers keep replacing it")


def _sync_folder(folder: Path) -> None:
    """Make a rename survive a power cut, where the system can sync folders."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _beside(path: Path) -> Path:
    """Return a fresh hidden name in the same folder: renaming works within one file system only.

    It says whose it is, and what processes of this machine left that were killed is removed.
    """
    ours = f".{path.name}-{_machine()}-"
    with contextlib.suppress(OSError):  # tidying up must not stop anybody
        for left in path.parent.iterdir():
            if left.name.startswith(ours) and _abandoned(left.name.removeprefix(ours)):
                if left.is_dir():
                    shutil.rmtree(left, ignore_errors=True)
                else:
                    left.unlink(missing_ok=True)
    return path.with_name(f"{ours}{os.getpid()}-{secrets.token_hex(4)}.tmp")


def _abandoned(name: str) -> bool:
    """Return whether the end of a temporary name is that of a process that is gone."""
    owner = re.fullmatch(r"(\d+)-[0-9a-f]{8}\.tmp", name)
    if owner is None or os.name != "posix":  # elsewhere the signal would kill
        return False
    try:
        os.kill(int(owner[1]), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):  # another user's
        return False
    return False


@lru_cache(maxsize=1)
def _machine() -> str:
    """Return what tells processes of equal numbers apart that write into a shared folder."""
    try:
        numbering = os.readlink("/proc/self/ns/pid")  # a container has its own
    except OSError:
        numbering = ""
    return hashlib.sha256(f"{platform.node()} {numbering}".encode()).hexdigest()[:8]
