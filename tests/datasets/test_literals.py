"""The fast reading of Python literals gives what `ast.literal_eval` gives."""

from __future__ import annotations

import ast
import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchkit.contracts.errors import DataError
from benchkit_plugins.datasets.records.dialects import evaluate
from benchkit_plugins.datasets.records.literals import MARK, translate
from benchkit_plugins.datasets.records.read import INTEGER, NESTED, TEXT, TEXTS, read_columns

FIELDS = {"name": TEXT, "id": TEXT, "tags": TEXTS, "paths": NESTED, "count": INTEGER}


def python2(value: object) -> str:
    """Return the ``repr`` that Python 2 gives: prefixed strings in ASCII."""
    if isinstance(value, str):
        shown = repr(value).encode("ascii", "backslashreplace").decode("ascii")
        return "u" + shown
    if isinstance(value, list):
        return "[" + ", ".join(map(python2, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{python2(k)}: {python2(v)}" for k, v in value.items()) + "}"
    return repr(value)


def write(path: Path, lines: Sequence[str | bytes], end: bytes = b"\n") -> Path:
    data = [line.encode("utf-8") if isinstance(line, str) else line for line in lines]
    path.write_bytes(gzip.compress(end.join(data) + end))
    return path


def read(path: Path, fields: dict[str, str] | None = None, **options: Any) -> list[dict[str, Any]]:
    fields = FIELDS if fields is None else fields
    parts = [rows.frame for rows in read_columns(path, fields, optional=fields, **options)]
    return pl.concat(parts).rows(named=True)


def expected(record: dict[str, Any]) -> dict[str, Any]:
    found = {name: record.get(name) for name in FIELDS}
    if found["paths"] is not None:
        found["paths"] = [text for path in found["paths"] for text in path]
    return found


texts = st.text(st.characters(codec="utf-8"), max_size=12)
nasty = st.text(st.sampled_from("'\"\\u nx{}[],:\t\n\r\x7fé€😀TrueNone0-"), max_size=16)
values = st.one_of(texts, nasty, st.just("it's"), st.just('6"'), st.just("'\""))
record = st.fixed_dictionaries(
    {"id": values},
    optional={
        "name": values,
        "tags": st.lists(values, max_size=4),
        "paths": st.lists(st.lists(values, min_size=1, max_size=3), max_size=3),
        "count": st.integers(-(2**40), 2**40),
        "other": st.recursive(
            st.one_of(values, st.none(), st.booleans(), st.integers(), st.floats()),
            lambda inner: st.one_of(
                st.lists(inner, max_size=3), st.dictionaries(values, inner, max_size=3)
            ),
            max_leaves=4,
        ),
    },
)


@settings(max_examples=40, deadline=None)
@given(st.lists(record, min_size=1, max_size=6), st.sampled_from([repr, python2]))
def test_any_record_comes_back(tmp_path_factory: Any, records: Any, show: Any) -> None:
    path = tmp_path_factory.mktemp("any") / "x.json.gz"
    shown = [show(entry) for entry in records]
    # `nan` and `inf` are no literals; lines with them are refused, which is tested below.
    if any("inf" in line or "nan" in line for line in shown):
        return
    write(path, shown)
    assert read(path) == [expected(ast.literal_eval(line)) for line in shown]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(st.sampled_from("{}'\"\\u:, []aTrue1\x7f"), max_size=20), min_size=1))
def test_a_line_called_proven_means_the_same_to_python_and_json(lines: list[str]) -> None:
    lines = [line.replace("\n", "") for line in lines]
    block = "".join(f"{line}\n" for line in lines).encode()
    found = translate(block)
    for row, (line, translated) in enumerate(
        zip(lines, found.out.tobytes().decode().split("\n"), strict=False)
    ):
        if row in found.unproven or MARK in translated.encode():
            continue
        try:
            value = json.loads(translated)
        except ValueError:
            continue
        assert value == ast.literal_eval(line)


@pytest.mark.parametrize(
    "escape", [r"\x41", r"\u00e9", r"\U0001f600", r"\a", r"\101", r"\N{DEGREE SIGN}"]
)
def test_every_escape_of_python_is_read(tmp_path: Path, escape: str) -> None:
    line = "{'id': 'a" + escape + "b', 'tags': ['x" + escape + "']}"
    assert read(write(tmp_path / "x.gz", [line])) == [expected(ast.literal_eval(line))]


def test_halves_of_surrogate_pairs_are_joined_or_replaced(tmp_path: Path) -> None:
    lines = [
        r"{u'id': u'\ud83d\ude00'}",
        r"{u'id': u'\ud83d!'}",
        r"{u'id': u'7', u'tags': [u'\ude00']}",
    ]
    rows = read(write(tmp_path / "x.gz", lines))
    assert [row["id"] for row in rows] == ["\U0001f600", "\ufffd!", "7"]
    assert rows[2]["tags"] == ["\ufffd"]


def test_repeated_keys_mean_the_last_one(tmp_path: Path) -> None:
    rows = read(write(tmp_path / "x.gz", ["{'id': 'a', 'id': 'b'}", "{'id': 'c'}"]))
    assert [row["id"] for row in rows] == ["b", "c"]


@pytest.mark.parametrize("colon", [" :", "  : ", "\t:", ":", ":  ", " \t : "])
def test_blanks_around_a_colon_change_nothing(tmp_path: Path, colon: str) -> None:
    lines = ["{'id': 'a', 'id'" + colon + "'b'}", "{'id'" + colon + "'c', 'count'" + colon + "3}"]
    rows = read(write(tmp_path / "x.gz", lines))
    assert [(row["id"], row["count"]) for row in rows] == [("b", None), ("c", 3)]


def test_a_key_inside_another_value_is_no_field(tmp_path: Path) -> None:
    rows = read(write(tmp_path / "x.gz", ["{'other': {'id': 'a', 'tags': ['x']}}", "{'id': 'id'}"]))
    assert [(row["id"], row["tags"]) for row in rows] == [(None, None), ("id", None)]


def test_blank_lines_and_carriage_returns_are_no_matter(tmp_path: Path) -> None:
    path = write(tmp_path / "x.gz", ["{'id': 'a'}", "", "  ", " {'id': 'b'} "], end=b"\r\n")
    assert [row["id"] for row in read(path)] == ["a", "b"]
    parts = list(read_columns(path, {"id": TEXT}))
    assert [number for part in parts for number in part.numbers] == [1, 4]


def test_numbers_in_a_list_of_texts_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"x.gz, line 2: field 'tags' holds \['a', 5\], not a list"):
        read(write(tmp_path / "x.gz", ["{'tags': ['1', '2']}", "{'tags': ['a', 5]}"]))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{'id': 'a'", "no Python literal"),
        ("{'id': 'a}", "no Python literal"),
        ("{'id': true}", "no Python literal"),
        ("{'id': null}", "no Python literal"),
        ("{'id': nan}", "no Python literal"),
        ("{'id': __import__('os')}", "no Python literal"),
        ("{'id': 'a'} extra", "no Python literal"),
        (r"{'id': '\xZZ'}", "no Python literal"),
        ("{'id': 'a\0b'}", "no Python literal"),
        (b"{'id': 'a\xff'}", "no Python literal"),
        ("['id']", "not a dictionary but a list"),
        ("{'id': 5}", "field 'id' holds 5, not text"),
        ("{'count': '5'}", "field 'count' holds '5', not a whole number"),
        ("{'count': 1.5}", "field 'count' holds 1.5, not a whole number"),
        ("{'count': True}", "field 'count' holds True, not a whole number"),
        ("{'tags': 'a'}", "field 'tags' holds 'a', not a list of texts"),
        ("{'paths': ['a']}", "field 'paths' holds"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str | bytes, words: str) -> None:
    good = "{'id': 'a', 'count': 2}"
    path = write(tmp_path / "x.json.gz", [good, good, line, good])
    with pytest.raises(DataError, match=r"x\.json\.gz, line 3: ") as caught:
        read(path)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_field_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "x.json.gz", ["{'id': 'a'}", "{'name': 'b'}"])
    with pytest.raises(DataError, match=r"line 2: field 'id' is missing"):
        list(read_columns(path, {"id": TEXT}))


@pytest.mark.parametrize("size", [1, 7, 64, 1 << 20])
def test_blocks_of_any_size_give_the_same(tmp_path: Path, size: int) -> None:
    lines = [repr({"id": f"é{number}", "tags": ["x'y", str(number)]}) for number in range(200)]
    path = write(tmp_path / "x.gz", lines)
    assert read(path, size=size) == [expected(ast.literal_eval(line)) for line in lines]
    numbers = [n for rows in read_columns(path, {"id": TEXT}, size=size) for n in rows.numbers]
    assert numbers == list(range(1, 201))


def test_json_lines_are_read_as_json(tmp_path: Path) -> None:
    lines = [
        '{"id": "a\\u00e9", "count": 3}',
        '{"count": 0, "id": "it\'s", "paths": [["x"], ["y"]]}',
    ]
    rows = read(write(tmp_path / "x.gz", lines))
    assert [(row["id"], row["count"], row["paths"]) for row in rows] == [
        ("aé", 3, None),
        ("it's", 0, ["x", "y"]),
    ]
    with pytest.raises(DataError, match="line 2: no JSON"):
        read(write(tmp_path / "x.gz", ['{"id": "a"}', "{'id': 'a'}"]))


def test_a_very_long_line_is_read(tmp_path: Path) -> None:
    line = repr({"id": "x'\"" * 20_000, "count": 1})
    assert read(write(tmp_path / "x.gz", [line]))[0]["id"] == "x'\"" * 20_000


def test_evaluate_never_runs_code() -> None:
    with pytest.raises(DataError):
        evaluate(b"{'id': print('hello')}", "python", Path("x"), 1)


@pytest.mark.parametrize(
    ("file", "fields"),
    [
        ("steam-100k/steam_reviews.json.gz", {"username": TEXT, "product_id": TEXT, "date": TEXT}),
        (
            "steam-100k/steam_games.json.gz",
            {"id": TEXT, "title": TEXT, "app_name": TEXT, "genres": TEXTS, "tags": TEXTS},
        ),
        (
            "beauty/meta_Beauty.json.gz",
            {"asin": TEXT, "title": TEXT, "brand": TEXT, "categories": NESTED},
        ),
        (
            "beauty/reviews_Beauty.json.gz",
            {"reviewerID": TEXT, "asin": TEXT, "unixReviewTime": INTEGER},
        ),
    ],
)
def test_every_real_line_reads_as_literal_eval_reads_it(
    real_data: Path, file: str, fields: dict[str, str]
) -> None:
    path = real_data / file
    found = read(path, fields)
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for row, line in zip(found, lines, strict=True):
            record = ast.literal_eval(line)
            wanted = {name: record.get(name) for name in fields}
            if "categories" in fields:
                wanted["categories"] = [text for part in wanted["categories"] for text in part]
            assert row == wanted
