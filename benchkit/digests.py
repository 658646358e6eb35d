"""Digests of big files, remembered as long as path, size and time of change stay the same."""

from __future__ import annotations

import contextlib
import hashlib
import json
from pathlib import Path

from benchkit.errors import DataError, StorageError
from benchkit.files import write_atomically

_MEMORY = "digests.json"
_PIECE = 1 << 22


def file_digest(path: Path, home: Path) -> str:
    """Return the SHA-256 of a file, from the memory in folder `home` where it is still true.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        status = path.stat()
        place = str(path.resolve())
        state = [place, status.st_size, status.st_mtime_ns]
        memory = _remembered(home / _MEMORY)
        known = memory.get(place)
        if isinstance(known, list) and known[:3] == state and len(known) == 4:
            return str(known[3])
        digest = _sha256(path)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    memory[place] = [*state, digest]
    with contextlib.suppress(StorageError):  # it only saves time
        write_atomically(home / _MEMORY, json.dumps(memory, indent=1))
    return digest


def _sha256(path: Path) -> str:
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
