"""Files are written whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from benchkit.contracts.errors import StorageError
from benchkit.toolkit.files import folder_atomically, write_atomically


def test_text_and_bytes_arrive_and_folders_are_made(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a" / "b.txt", "Gr\u00fc\u00dfe\n")
    write_atomically(tmp_path / "a" / "c.bin", b"\x00\r\n")
    assert (tmp_path / "a" / "b.txt").read_bytes() == "Gr\u00fc\u00dfe\n".encode()
    assert (tmp_path / "a" / "c.bin").read_bytes() == b"\x00\r\n"


def test_a_new_file_is_readable_as_the_umask_says(tmp_path: Path) -> None:
    old = os.umask(0o022)
    try:
        write_atomically(tmp_path / "x", "1")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o644


@pytest.mark.parametrize("failing", ["fsync", "replace"])
@pytest.mark.parametrize(
    ("code", "words"), [(errno.ENOSPC, "no space is left"), (errno.EACCES, "permission is denied")]
)
def test_a_failure_is_one_sentence_and_leaves_the_old_content_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str, code: int, words: str
) -> None:
    target = tmp_path / "record.json"
    target.write_text("old")

    def fail(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os if failing == "fsync" else Path, failing, fail)
    with pytest.raises(StorageError, match=words) as caught:
        write_atomically(target, "new")
    assert str(target) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["record.json"]
    assert target.read_text() == "old"


def test_a_file_in_the_place_of_a_folder_is_reported(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("I am a file")
    with pytest.raises(StorageError, match="cannot write"):
        write_atomically(tmp_path / "out" / "x.json", "{}")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_write_permission_is_reported(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(StorageError, match="permission is denied"):
            write_atomically(tmp_path / "x.json", "{}")
    finally:
        tmp_path.chmod(0o755)


def test_a_folder_appears_whole_and_replaces_the_old_one(tmp_path: Path) -> None:
    for content in ("1", "2"):
        with folder_atomically(tmp_path / "data") as new:
            (new / "a").write_text(content)
            (new / "b").write_text(content)
    assert (tmp_path / "data" / "a").read_text() == "2"
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_the_working_folder_is_filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with folder_atomically(Path(".")) as new:
        (new / "a").write_text("1")
        (new / "b").mkdir()
    assert sorted(os.listdir(".")) == ["a", "b"]
    assert [path.name for path in tmp_path.iterdir()] == ["here"]


def test_an_abandoned_folder_leaves_nothing(tmp_path: Path) -> None:
    def fill_half() -> None:
        with folder_atomically(tmp_path / "data") as new:
            (new / "a").write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fill_half()
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_while_filling_a_folder_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="no space is left"), folder_atomically(tmp_path / "d"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert list(tmp_path.iterdir()) == []


WRITERS = """
import os, sys
from pathlib import Path
from benchkit.toolkit.files import folder_atomically, write_atomically

with folder_atomically(Path("data")) as new:
    (new / "a").write_text("half")
    os.fsync = lambda handle: os._exit(0)  # killed while it writes
    write_atomically(Path("record.json"), "half")
"""


def test_the_next_writer_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", WRITERS], cwd=tmp_path, check=True)
    left = [path.name for path in tmp_path.iterdir()]
    assert len(left) == 2
    (dead,) = (name for name in left if name.startswith(".record.json-"))
    machine, number, end = dead.removeprefix(".record.json-").split("-")
    others = [
        f".record.json-{machine}-{os.getpid()}-{end}",  # of a process that lives
        f".record.json-{'0' * len(machine)}-{number}-{end}",  # of another machine
        f".record.json-2-{machine}-{number}-{end}",  # of another file
    ]
    for name in others:
        (tmp_path / name).write_text("")
    write_atomically(tmp_path / "record.json", "{}")
    with folder_atomically(tmp_path / "data"):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [*others, "data", "record.json"]
    )
