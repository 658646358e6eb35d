"""Gzip files are read in blocks of lines; whatever is wrong with one is said in a sentence."""

from __future__ import annotations

import gzip
import tracemalloc
from pathlib import Path

import pytest

from benchkit.contracts.errors import DataError
from benchkit_plugins.datasets.records import blocks as raw
from benchkit_plugins.datasets.records.blocks import blocks

LINES = b"".join(b"line %d\n" % number for number in range(20_000))


def joined(path: Path, size: int = raw.BLOCK) -> bytes:
    first, texts = 1, []
    for block in blocks(path, size):
        assert block.first == first
        assert block.text.endswith(b"\n")
        first += block.text.count(b"\n")
        texts.append(block.text)
    return b"".join(texts)


@pytest.mark.parametrize("size", [10, 5000, 1 << 24])
def test_lines_arrive_whole_and_numbered(tmp_path: Path, size: int) -> None:
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(LINES))
    assert joined(path, size) == LINES


def test_several_members_zeros_behind_and_a_missing_last_newline(tmp_path: Path) -> None:
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(b"a\nb") + gzip.compress(b"c\nd") + bytes(512))
    assert joined(path) == b"a\nbc\nd\n"
    path.write_bytes(gzip.compress(b""))
    assert joined(path) == b""


def test_a_file_that_is_damaged_is_named(tmp_path: Path) -> None:
    path = tmp_path / "reviews.json.gz"
    whole = gzip.compress(LINES)
    cases = {
        "is truncated": whole[: len(whole) // 2],
        "is damaged": whole[:2000] + b"\0\0\0\0" + whole[2004:],
        "is not a gzip file": b"<html>404</html>",
        "has something behind its end": whole + b"more",
    }
    for words, content in cases.items():
        path.write_bytes(content)
        with pytest.raises(DataError, match=f"reviews.json.gz {words}"):
            joined(path)
    path.write_bytes(whole[:-6])
    with pytest.raises(DataError, match="is truncated"):
        joined(path)
    path.write_bytes(whole[:-8] + b"\0\0\0\0" + whole[-4:])
    with pytest.raises(DataError, match="is damaged"):
        joined(path)
    path.write_bytes(b"")
    with pytest.raises(DataError, match="is not a gzip file"):
        joined(path)


def test_a_missing_file_and_a_folder_in_its_place_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"x\.gz is missing"):
        joined(tmp_path / "x.gz")
    (tmp_path / "y.gz").mkdir()
    with pytest.raises(DataError, match=r"cannot read .*y.gz"):
        joined(tmp_path / "y.gz")


def test_a_line_without_end_stops_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw, "LONGEST_LINE", 1 << 20)
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(b"a\n" + b"x" * (1 << 23)))
    with pytest.raises(DataError, match=r"x\.gz, line 2: longer than"):
        joined(path, 1 << 16)


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress((b"x" * 99 + b"\n") * 600_000))
    tracemalloc.start()
    total = sum(len(block.text) for block in blocks(path))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert total == 60_000_000
    assert peak < 24 << 20
