"""Tables in files: what separated text may look like, and what is refused."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Literal

import pytest

from benchkit.contracts.errors import DataError
from benchkit.toolkit import table_files
from benchkit.toolkit.table_files import read_table


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            b'a,b\n1,"5\\" pipe"\n',
            r"line 2: a quotation mark inside .*; a backslash escapes nothing",
        ),
        (b'a,b\n1,"5\\" pipe"\n2,"x"\n3,"5\\" pipe"\n', "line 2: a quotation mark inside"),
        (b'a,b\n1,"the \\"x\\" one"\n', "line 2: a quotation mark inside"),
        (b'a,b\n1,"x\ny"\n2,5" pipe\n', r'line 4: .* must be doubled \(""\) and the field quoted$'),
        (b'a,b\n1,"x\n', "line 2: a quotation mark inside"),
        ("a,b\n1,x\n".encode("utf-16"), "is UTF-16 text; save it as UTF-8"),
        ("a,b\n1,x\n2,y\n3,z\n".encode("utf-16-le"), "is UTF-16 text; save it as UTF-8"),
        ("a,b\n1,x\n2,caf\u00e9\n".encode("latin-1"), r"line 3: not UTF-8 text \(byte 0xe9\)"),
        (b"a,b\r1,x\r", "ends its lines by carriage returns alone"),
        (b"a|b\n1|x\n", r"is separated by vertical bars, not by commas"),
        (gzip.compress(b"a,b\n1,x\n", mtime=0)[:-9], "is no readable csv file"),
    ],
)
def test_what_would_be_read_wrongly_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "x.csv").write_bytes(content)
    with pytest.raises(DataError, match=words) as caught:
        read_table(tmp_path / "x.csv")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_marks_of_utf_8_and_gzip_are_taken_away(
    tmp_path: Path, mark: bytes, pack: Callable[[bytes], bytes]
) -> None:
    content = mark + b'"a",b\r\n1,x\r\n'
    (tmp_path / "x.csv").write_bytes(pack(content))
    assert read_table(tmp_path / "x.csv").rows() == [("1", "x")]


@pytest.mark.parametrize("block", [1, 7, 1 << 24])
@pytest.mark.parametrize("style", [csv.QUOTE_ALL, csv.QUOTE_MINIMAL])
def test_what_a_csv_writer_quotes_is_read_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, style: Literal[0, 1], block: int
) -> None:
    monkeypatch.setattr(table_files, "_BLOCK", block)
    cells = ["".join(parts) for n in range(4) for parts in product('a",\n\\', repeat=n)]
    rows = [(one, other) for one, other in zip(cells, reversed(cells), strict=True)]
    with (tmp_path / "x.csv").open("w", newline="") as file:
        csv.writer(file, lineterminator="\n", quoting=style).writerows([("a", "b"), *rows])
    assert read_table(tmp_path / "x.csv").fill_null("").rows() == rows
