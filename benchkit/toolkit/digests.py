"""Digests of raw files, by content; those of big files are remembered until these may have changed.

Size and time of modification prove nothing: `touch`, `cp -p` and `rsync -t` set the latter back. On
POSIX, nobody can set the time of a file's last change of status (ctime); it proves that inode and
content are the same, unless the file changed within one tick of the clock after it was read. So
what changed a moment before it was read is not remembered (Git calls such entries racy).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from pathlib import Path

from benchkit.contracts.errors import DataError, StorageError
from benchkit.toolkit.files import write_atomically

_MEMORY = "digests.json"
_PIECE = 1 << 22
_BIG = 1 << 26  # bytes; what is smaller takes less than a tenth of a second
_SETTLED = 3.0  # seconds; more than any file system's clock ticks


def file_digest(path: Path, home: Path) -> str:
    """Return the SHA-256 of a file; that of a big one from the memory in folder `home`, if true.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        status = path.stat()
        if status.st_size < _BIG or os.name != "posix":  # elsewhere ctime is that of creation
            return sha256_of(path)
        place = str(path.resolve())
        state = [place, status.st_size, status.st_ino, status.st_ctime_ns]
        memory = _remembered(home / _MEMORY)
        entry = memory.get(place)
        if isinstance(entry, list) and entry[:-1] == state:
            return str(entry[-1])
        settled = status.st_ctime + _SETTLED < time.time()
        digest = sha256_of(path)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    if settled:
        memory[place] = [*state, digest]
        with contextlib.suppress(StorageError):  # it only saves time
            write_atomically(home / _MEMORY, json.dumps(memory, indent=1))
    return digest


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hex digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()


def _remembered(path: Path) -> dict[str, object]:
    try:
        memory = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return memory if isinstance(memory, dict) else {}


def digest_of(content: object) -> str:
    """Return a digest of plain values, 16 hex digits."""
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
