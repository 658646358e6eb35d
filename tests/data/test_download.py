"""Downloads against a real server that cuts connections, serves ranges, lies and fails."""

from __future__ import annotations

import errno
import gzip
import hashlib
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from benchkit.contracts.dataset import RawFile
from benchkit.contracts.errors import DataError, StorageError
from benchkit.data import download as module
from benchkit.data.download import download
from benchkit.toolkit.files import storage_error

CONTENT = gzip.compress(os.urandom(300_000))


class Server(ThreadingHTTPServer):
    """A server of one file, and what it does wrong.

    Attributes:
        cut: bytes after which each answer breaks off.
        ranges: whether it serves parts.
        status: what it answers.
        tag: the file's ETag, or None.
        asked: the Range header of each request.
    """

    cut: int | None = None
    ranges = True
    status = 200
    tag: str | None = '"v1"'
    content = CONTENT

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/x.gz"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        span = self.headers.get("Range")
        self.server.asked.append(span)
        if self.server.status != 200:
            self.send_error(self.server.status)
            return
        content = self.server.content
        fresh = self.headers.get("If-Range") in (None, self.server.tag)
        start = int(span[6:-1]) if span and fresh and self.server.ranges else 0
        if start >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        if self.server.tag:
            self.send_header("ETag", self.server.tag)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        stop = len(content) if self.server.cut is None else start + self.server.cut
        self.wfile.write(content[start:stop])


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def fetch(folder: Path, *urls: str, **known: Any) -> Path:
    return download(RawFile("x.gz", urls, **known), folder, lambda done, total: None)


def test_a_file_arrives_whole_and_nothing_else_stays(tmp_path: Path, server: Server) -> None:
    told: list[tuple[int, int | None]] = []
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    file = RawFile("x.gz", (server.url,), size=len(CONTENT), sha256=sha256)
    path = download(file, tmp_path / "raw", lambda *progress: told.append(progress))
    assert path.read_bytes() == CONTENT
    assert os.listdir(tmp_path / "raw") == ["x.gz"]
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert download(file, tmp_path / "raw", lambda *_: None) == path
    assert len(server.asked) == 1


def test_a_connection_that_breaks_is_taken_up_where_it_broke(
    tmp_path: Path, server: Server
) -> None:
    server.cut = 70_000
    assert fetch(tmp_path, server.url).read_bytes() == CONTENT
    assert server.asked == [None, *(f"bytes={n}-" for n in range(70_000, 300_000, 70_000))]


def test_an_interrupted_download_goes_on_in_the_next_run(tmp_path: Path, server: Server) -> None:
    def interrupt(done: int, total: int | None) -> None:
        if done > 100_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download(RawFile("x.gz", (server.url,)), tmp_path, interrupt)
    have = (tmp_path / "x.gz.part").stat().st_size
    assert have > 100_000
    assert fetch(tmp_path, server.url).read_bytes() == CONTENT
    assert server.asked == [None, f"bytes={have}-"]


def test_a_file_that_changed_meanwhile_is_fetched_anew(tmp_path: Path, server: Server) -> None:
    (tmp_path / "x.gz.part").write_bytes(b"old bytes")
    (tmp_path / "x.gz.part.json").write_text(f'{{"url": "{server.url}", "validator": "\\"v0\\""}}')
    assert fetch(tmp_path, server.url).read_bytes() == CONTENT


@pytest.mark.parametrize("state", ["", "{}", '{"url": "http://other/", "validator": "v"}'])
def test_parts_of_unknown_origin_are_not_used(tmp_path: Path, server: Server, state: str) -> None:
    (tmp_path / "x.gz.part").write_bytes(b"old bytes")
    (tmp_path / "x.gz.part.json").write_text(state)
    assert fetch(tmp_path, server.url).read_bytes() == CONTENT
    assert server.asked == [None]


def test_a_part_that_is_whole_is_finished(tmp_path: Path, server: Server) -> None:
    (tmp_path / "x.gz.part").write_bytes(CONTENT)
    (tmp_path / "x.gz.part.json").write_text(f'{{"url": "{server.url}", "validator": "\\"v1\\""}}')
    assert fetch(tmp_path, server.url).read_bytes() == CONTENT


def test_a_server_without_ranges_or_tags_sends_it_all_again(tmp_path: Path, server: Server) -> None:
    server.ranges, server.tag = False, None
    assert fetch(tmp_path, server.url).read_bytes() == CONTENT
    server.cut = 1000
    with pytest.raises(DataError, match=r"the connection breaks off after 1,000 of"):
        fetch(tmp_path / "again", server.url)


@pytest.mark.parametrize(("status", "asked"), [(404, 1), (403, 1), (500, 5), (503, 5)])
def test_an_answer_that_is_an_error_is_reported(
    tmp_path: Path, server: Server, status: int, asked: int
) -> None:
    server.status = status
    with pytest.raises(DataError, match=f"the server answers {status}") as caught:
        fetch(tmp_path, server.url)
    assert str(tmp_path / "x.gz") in str(caught.value)
    assert len(server.asked) == asked


def test_a_mirror_is_tried_next(tmp_path: Path, server: Server) -> None:
    with Server() as broken:
        threading.Thread(target=broken.handle_request).start()
        broken.status = 404
        assert fetch(tmp_path, broken.url, server.url).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("known", "words"),
    [({"size": 7}, "where 7 were expected"), ({"sha256": "0" * 64}, "SHA-256 is")],
)
def test_a_wrong_file_is_thrown_away(
    tmp_path: Path, server: Server, known: dict[str, Any], words: str
) -> None:
    with pytest.raises(DataError, match=words):
        fetch(tmp_path, server.url, **known)
    assert not [name for name in os.listdir(tmp_path) if not name.endswith(".json")]


def test_a_page_in_place_of_the_file_is_thrown_away(tmp_path: Path, server: Server) -> None:
    server.content = b"<html>moved</html>"
    with pytest.raises(DataError, match="no gzip file"):
        fetch(tmp_path, server.url)


def test_no_network_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Server() as gone:
        url = gone.url
    with pytest.raises(
        DataError, match=r"cannot download x.gz .*connection refused.*put it at"
    ) as caught:
        fetch(tmp_path, url)
    assert "\n" not in str(caught.value)


def test_a_full_disk_keeps_what_is_there(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: Any, piece: bytes, part: Path) -> None:
        raise storage_error(part, OSError(errno.ENOSPC, "no space"))

    with monkeypatch.context() as patch:
        patch.setattr(module, "_write", full)
        with pytest.raises(StorageError, match="no space is left"):
            fetch(tmp_path, server.url)
    assert fetch(tmp_path, server.url).read_bytes() == CONTENT
