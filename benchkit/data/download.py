"""Downloads that resume, are checked and appear whole, by a ``.part`` file and a rename."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from benchkit.contracts.dataset import RawFile
from benchkit.contracts.errors import DataError
from benchkit.toolkit.digests import sha256_of
from benchkit.toolkit.files import storage_error, write_atomically

Report = Callable[[int, int | None], None]
ATTEMPTS = 5  # connections in a row that bring nothing new, until the next mirror is tried
TIMEOUT = 30  # seconds without a byte
_PIECE = 1 << 18


class _RefusedError(Exception):
    """A source that does not give the file; the message says why."""


def download(file: RawFile, folder: Path, report: Report) -> Path:
    """Bring one raw file into a folder, from where an earlier try stopped.

    Args:
        file: what to download; size and digest are checked where the dataset states them.
        folder: where to; made if it is missing.
        report: called with the bytes that have arrived and the size of the whole, None where the
            server does not say it.

    Returns:
        The file's path. A file that is there already, and right, is left as it is.

    Raises:
        DataError: no source gives it, and why each does not.
        StorageError: it cannot be written.
    """
    target = folder / file.name
    if target.exists() and _complaint(file, target) is None:
        return target
    reasons = []
    for url in file.urls:
        try:
            part = _from(url, file, target, report)
        except _RefusedError as refusal:
            reasons.append(f"{url}: {refusal}")
            continue
        try:
            part.replace(target)
        except OSError as error:
            raise storage_error(target, error) from error
        _state_path(target).unlink(missing_ok=True)
        return target
    raise DataError(
        f"cannot download {file.name} ({'; '.join(reasons)}); "
        f"get it in another way and put it at {target}"
    )


def _from(url: str, file: RawFile, target: Path, report: Report) -> Path:
    """Download from one source, connection after connection; return the whole ``.part`` file."""
    part = target.with_name(target.name + ".part")
    failures = 0
    while True:
        before = _size(part)
        try:
            total = _transfer(url, target, part, report)
            if total is None or _size(part) == total:
                break
            reason = f"the connection breaks off after {_size(part):,} of {total:,} bytes"
        except (OSError, http.client.HTTPException) as error:
            reason = _reason(error)
            if not _worth_retrying(error):
                raise _RefusedError(reason) from error
        failures = 1 if _size(part) > before else failures + 1
        if failures >= ATTEMPTS:
            raise _RefusedError(reason)
    complaint = _complaint(file, part)
    if complaint is not None:
        part.unlink()
        raise _RefusedError(complaint)
    return part


def _transfer(url: str, target: Path, part: Path, report: Report) -> int | None:
    """Append what one connection brings; return the size of the whole file, None if not stated."""
    with _open(url, target, part) as response:
        start = _start(response) if response.status == 206 else 0
        length = response.headers.get("Content-Length")
        total = start + int(length) if length and length.isdigit() else None
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            state = {"url": url, "validator": _validator(response)}
            write_atomically(_state_path(target), json.dumps(state))
            file = part.open("r+b" if start else "wb")
        except OSError as error:
            raise storage_error(part, error) from error
        with file:
            file.seek(start)
            file.truncate()
            report(start, total)
            while piece := _read(response):
                _write(file, piece, part)
                report(file.tell(), total)
    return total


def _open(url: str, target: Path, part: Path) -> http.client.HTTPResponse:
    """Ask for the bytes that are missing, or for all where those at hand may be of another file."""
    state = _read_state(_state_path(target))
    resumes = _size(part) and state.get("url") == url and state.get("validator")
    headers = {"User-Agent": "benchkit", "Accept-Encoding": "identity"}
    span = (
        {"Range": f"bytes={_size(part)}-", "If-Range": str(state["validator"])} if resumes else {}
    )
    request = urllib.request.Request(url, headers={**headers, **span})  # noqa: S310 - a plugin's own
    try:
        response: http.client.HTTPResponse = urllib.request.urlopen(request, timeout=TIMEOUT)  # noqa: S310
    except urllib.error.HTTPError as error:
        if error.code != 416 or not resumes:
            raise
        error.close()  # nothing behind what is there
        _state_path(target).unlink()
        return _open(url, target, part)
    return response


def _read(response: http.client.HTTPResponse) -> bytes:
    try:
        return response.read1(_PIECE)
    except http.client.IncompleteRead as error:
        return error.partial


def _write(file: IO[bytes], piece: bytes, part: Path) -> None:
    try:
        file.write(piece)
    except OSError as error:
        raise storage_error(part, error) from error


def _start(response: http.client.HTTPResponse) -> int:
    span = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0]
    if not span.isdigit():
        raise http.client.HTTPException("the server answers a range without saying which")
    return int(span)


def _validator(response: http.client.HTTPResponse) -> str | None:
    """Return what tells whether the file is still the same: an ETag, or the time of its change."""
    tag = response.headers.get("ETag")
    if tag and not tag.startswith("W/"):  # a weak one says that it may differ in bytes
        return tag
    return response.headers.get("Last-Modified")


def _complaint(file: RawFile, path: Path) -> str | None:
    """Return what is wrong with a downloaded file."""
    size = _size(path)
    if file.size is not None and size != file.size:
        return f"it is {size:,} bytes, where {file.size:,} were expected"
    with path.open("rb") as content:
        if file.name.endswith(".gz") and content.read(2) != b"\x1f\x8b":
            return "what it gives is no gzip file"
    if file.sha256 and (digest := sha256_of(path)) != file.sha256:
        return f"its SHA-256 is {digest}, where {file.sha256} was expected"
    return None


def _worth_retrying(error: Exception) -> bool:
    """Tell a passing trouble from an answer that will not change."""
    if isinstance(error, urllib.error.HTTPError):
        return error.code in (408, 429, 500, 502, 503, 504)
    if isinstance(error, urllib.error.URLError):  # no network, no such host, refused, certificate
        return isinstance(error.reason, TimeoutError)
    return True


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"the server answers {error.code} {error.reason}"
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, TimeoutError):
        return f"no answer within {TIMEOUT} s"
    if isinstance(reason, OSError) and reason.strerror:
        return reason.strerror.lower()
    return str(reason) or type(reason).__name__


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _state_path(target: Path) -> Path:
    return target.with_name(target.name + ".part.json")


def _read_state(path: Path) -> dict[str, Any]:
    with suppress(OSError, ValueError):
        state = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(state, dict):
            return state
    return {}
