"""Preparing: filters, order, codes, fingerprint, and the cache."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchkit.contracts.dataset import Dataset, DatasetConfig, PreparedDataset, RawFile, RawTables
from benchkit.contracts.errors import DataError
from benchkit.contracts.protocol import Protocol, Ties
from benchkit.data import cache as prepared_cache
from benchkit.data.interactions import Interactions, drop_repeats, in_order, p_core
from benchkit.data.open import load_prepared, statistics
from benchkit.data.prepare import prepare
from benchkit.toolkit import digests
from benchkit.toolkit.arrays import keys_of
from benchkit.toolkit.texts import Texts

Row = tuple[str, str, int]


class Made(Dataset):
    """Rows that a test made."""

    name = "made"
    files = (RawFile("rows.json"),)
    only_listed = False

    def read(self, raw: Path) -> RawTables:
        rows = json.loads((raw / "rows.json").read_text(encoding="utf-8"))
        schema = {"session": pl.String, "item": pl.String, "time": pl.Int64}
        items = pl.DataFrame(
            {
                "item": ["a", "b", "c"],
                "title": ["Alpha", None, "Gam\u00e4"],
                "text": ["alpha", None, "gamma"],
                "class": ["x_y", "", None],
                "attributes": [["y", "x"], None, ["y"]],
            },
            schema_overrides={"attributes": pl.List(pl.String)},
        )
        return RawTables(
            pl.DataFrame(rows, schema=schema, orient="row"), items, self.only_listed, {"odd": 2}
        )


class Listed(Made):
    """The same, with listed items alone."""

    only_listed = True


def made(
    folder: Path, rows: Sequence[Row], kind: type[Made] = Made, **config: Any
) -> PreparedDataset:
    (folder / "rows.json").write_text(json.dumps(rows), encoding="utf-8")
    dataset = kind(DatasetConfig(**config))
    return prepare(dataset, folder, name="made", synthetic=False)


def listed(data: PreparedDataset) -> list[list[str]]:
    return [
        [data.catalog.ids[code] for code in data.sessions[row]] for row in range(len(data.sessions))
    ]


def test_sessions_are_coded_by_id_and_ordered_by_time_then_file(tmp_path: Path) -> None:
    rows = [("s2", "b", 5), ("s10", "c", 9), ("s2", "a", 5), ("s10", "b", 7), ("s2", "c", 1)]
    data = made(tmp_path, rows)
    assert list(data.session_ids) == ["s10", "s2"]
    assert list(data.catalog.ids) == ["a", "b", "c"]
    assert listed(data) == [["b", "c"], ["c", "b", "a"]]
    assert data.sessions.times.tolist() == [7, 9, 1, 5, 5]
    assert data.dropped == {"odd": 2}
    assert data.item_keys.dtype == np.uint64
    assert len(set(data.item_keys.tolist() + data.session_keys.tolist())) == 5


def test_the_catalog_has_what_the_table_of_items_says_and_blanks_elsewhere(tmp_path: Path) -> None:
    data = made(tmp_path, [("s", item, 1) for item in "dcba"])
    assert list(data.catalog.titles) == ["Alpha", "", "Gam\u00e4", ""]
    assert list(data.catalog.texts) == ["alpha", "", "gamma", ""]
    assert list(data.catalog.classes) == ["x_y", "", "", ""]
    assert [data.catalog.attributes(item) for item in range(4)] == [["y", "x"], [], ["y"], []]


def test_unlisted_items_go_where_the_dataset_wants_that(tmp_path: Path) -> None:
    data = made(tmp_path, [("s", "d", 1), ("s", "a", 2), ("t", "e", 3)], Listed)
    assert listed(data) == [["a"]]
    assert data.dropped == {"odd": 2, "interactions with unlisted items": 2}


def test_of_repeated_pairs_the_earliest_stays(tmp_path: Path) -> None:
    rows = [("s", "a", 5), ("s", "b", 3), ("s", "a", 1), ("t", "a", 9), ("s", "a", 5)]
    assert listed(made(tmp_path, rows, repeats="earliest")) == [["a", "b"], ["a"]]
    assert listed(made(tmp_path, rows)) == [["a", "b", "a", "a"], ["a"]]


def test_short_sessions_go_once(tmp_path: Path) -> None:
    rows = [("s", "a", 5), ("t", "a", 5), ("t", "b", 6)]
    data = made(tmp_path, rows, min_session=2)
    assert listed(data) == [["a", "b"]]
    assert data.dropped["interactions in sessions under 2"] == 1


def test_nothing_left_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no interactions are left of 1 .*p_core=5"):
        made(tmp_path, [("s", "a", 1)], p_core=5)
    with pytest.raises(DataError, match="no interactions are left of 0"):
        made(tmp_path, [])


@pytest.mark.parametrize("time", [-1, 5_000_000_000, 1_500_000_000_000])
def test_a_time_out_of_range_is_a_clear_error(tmp_path: Path, time: int) -> None:
    with pytest.raises(DataError, match=rf"made, interaction 2: timestamp {time} is out of range"):
        made(tmp_path, [("s", "a", 1), ("s", "b", time)])


def naive_core(pairs: list[tuple[int, int]], least: int) -> list[tuple[int, int]]:
    while True:
        before = len(pairs)
        sessions = Counter(session for session, _ in pairs)
        pairs = [pair for pair in pairs if sessions[pair[0]] >= least]
        items = Counter(item for _, item in pairs)
        pairs = [pair for pair in pairs if items[pair[1]] >= least]
        if len(pairs) == before:
            return pairs


pairs = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), max_size=80)


def rows_of(found: list[tuple[int, int]], times: list[int] | None = None) -> Interactions:
    codes = np.array(found, dtype=np.int32).reshape(-1, 2)
    stamps = np.arange(len(codes)) if times is None else np.array(times, dtype=np.int64)
    return Interactions(codes[:, 0], codes[:, 1], stamps.astype(np.int64))


@settings(max_examples=60, deadline=None)
@given(pairs, st.integers(1, 4))
def test_the_core_equals_a_naive_loop(found: list[tuple[int, int]], least: int) -> None:
    kept = p_core(rows_of(found), least)
    assert list(zip(kept.sessions.tolist(), kept.items.tolist(), strict=True)) == naive_core(
        found, least
    )


@settings(max_examples=60, deadline=None)
@given(pairs, st.sampled_from([1, 86_400, 2**40]), st.randoms())
def test_order_and_repeats_equal_naive_ones(found: Any, unit: int, random: Any) -> None:
    times = [random.randrange(5) * unit for _ in found]
    ordered = in_order(rows_of(found, times))
    naive = sorted(
        ((session, time, item) for (session, item), time in zip(found, times, strict=True)),
        key=lambda row: row[:2],
    )
    got = zip(
        ordered.sessions.tolist(), ordered.times.tolist(), ordered.items.tolist(), strict=True
    )
    assert list(got) == naive
    first = dict.fromkeys((session, item) for session, _, item in naive)
    kept = drop_repeats(ordered)
    assert list(zip(kept.sessions.tolist(), kept.items.tolist(), strict=True)) == list(first)


def test_the_order_among_ties_is_no_content_but_the_rest_is(tmp_path: Path) -> None:
    rows = [("s", "a", 1), ("s", "b", 1), ("s", "c", 2), ("t", "a", 1)]
    one = made(tmp_path, rows)
    other = made(tmp_path, [rows[3], rows[1], rows[0], rows[2]])
    assert one.fingerprint == other.fingerprint
    assert one.file_order != other.file_order
    for changed in (rows[:3], [("s", "a", 2), *rows[1:]], [("x", "a", 1), *rows[1:]]):
        assert made(tmp_path, changed).fingerprint != one.fingerprint


def test_keys_are_the_same_everywhere() -> None:
    words = ["", "a", "ab", "ba", "\u00e9" * 30]
    keys = keys_of(Texts.of(words)).tolist()
    assert keys == [naive_key(word.encode()) for word in words]
    assert keys[:2] == [16294208416658607535, 15154452856141135343]


def naive_key(word: bytes) -> int:
    value = sum((byte + 1) * 0x100000001B3 ** (place + 1) for place, byte in enumerate(word))
    value = (value + 0x9E3779B97F4A7C15) % 2**64
    value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    value = (value ^ value >> 27) * 0x94D049BB133111EB % 2**64
    return int(value ^ value >> 31)


def test_keys_of_many_ids_are_distinct() -> None:
    ids = [f"{prefix}{number}" for prefix in ("", "player_", "B00") for number in range(30_000)]
    keys = keys_of(Texts.of(ids))
    assert len(np.unique(keys)) == len(ids)
    assert abs(float((keys >> np.uint64(63)).mean()) - 0.5) < 0.02


def test_texts_behave_as_a_list() -> None:
    words = ["", "a", "b\u00e4\U0001f600", "", "c"]
    packed = Texts.of(words)
    assert list(packed) == words == packed
    assert [packed[row] for row in range(-5, 5)] == words * 2
    assert packed[1:4] == words[1:4]
    assert packed.index("c") == 4
    with pytest.raises(IndexError):
        packed[5]


def open_made(folder: Path, **config: Any) -> PreparedDataset:
    dataset = Made(DatasetConfig(**config))
    return prepared_cache.prepared(
        dataset, folder, folder / "home", name="made", synthetic=False, source="test"
    )


def equal(one: PreparedDataset, other: PreparedDataset) -> bool:
    arrays = ("items", "offsets", "times", "ids")
    same = all(
        np.array_equal(getattr(one.sessions, name), getattr(other.sessions, name))
        for name in arrays
    )
    catalog = ("ids", "titles", "texts", "classes", "attribute_names")
    same &= all(getattr(one.catalog, name) == getattr(other.catalog, name) for name in catalog)
    same &= all(
        one.catalog.attributes(i) == other.catalog.attributes(i) for i in range(len(one.catalog))
    )
    same &= np.array_equal(one.session_keys, other.session_keys)
    same &= np.array_equal(one.item_keys, other.item_keys)
    rest = ("name", "family", "synthetic", "config", "dropped", "fingerprint", "file_order")
    noted = ("checks", "warnings")
    return same and all(getattr(one, name) == getattr(other, name) for name in (*rest, *noted))


@pytest.fixture
def kept(tmp_path: Path) -> PreparedDataset:
    rows = [("s2", "b", 5), ("s10", "c", 9), ("s2", "a", 5)]
    (tmp_path / "rows.json").write_text(json.dumps(rows), encoding="utf-8")
    return open_made(tmp_path)


def test_the_second_start_reads_what_the_first_kept(
    tmp_path: Path, kept: PreparedDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Made, "read", None)
    assert equal(open_made(tmp_path), kept)
    found = prepared_cache.find(tmp_path, "made", kept.fingerprint)
    assert found is not None
    assert equal(found, kept)
    assert prepared_cache.find(tmp_path, "made-sample", kept.fingerprint) is None
    assert prepared_cache.find(tmp_path, "made", "other") is None


def test_where_the_files_order_counts_another_one_will_not_do(
    tmp_path: Path, kept: PreparedDataset
) -> None:
    def asked(data: PreparedDataset, ties: Ties) -> PreparedDataset:
        protocol = Protocol(ties=ties)
        known = {**protocol.as_dict(), "fingerprint": protocol.fingerprint(data.file_order)}
        return load_prepared(tmp_path, "made", kept.fingerprint, known)

    (tmp_path / "datasets").symlink_to(tmp_path)
    rows = [("s2", "a", 5), ("s10", "c", 9), ("s2", "b", 5)]
    (tmp_path / "rows.json").write_text(json.dumps(rows), encoding="utf-8")
    other = open_made(tmp_path)
    assert (other.fingerprint, other.file_order != kept.file_order) == (kept.fingerprint, True)
    assert asked(kept, "file").file_order == kept.file_order
    assert asked(other, "file").file_order == other.file_order
    shutil.rmtree(tmp_path / "home" / "prepared")
    open_made(tmp_path)
    assert asked(kept, 0).file_order == other.file_order
    with pytest.raises(DataError, match="are not under"):
        asked(kept, "file")


def test_other_content_or_configuration_is_prepared_anew(
    tmp_path: Path, kept: PreparedDataset
) -> None:
    assert open_made(tmp_path, min_session=2).fingerprint != kept.fingerprint
    (tmp_path / "rows.json").write_text(json.dumps([("s", "a", 1)]), encoding="utf-8")
    assert len(open_made(tmp_path).sessions) == 1


@pytest.mark.parametrize("damage", ["cut", "flip", "header", "hollow", "remove", "meta", "list"])
def test_damaged_arrays_are_made_anew(tmp_path: Path, kept: PreparedDataset, damage: str) -> None:
    (folder,) = (tmp_path / "home" / "prepared").iterdir()
    array, meta = folder / "texts.blob.npy", folder / "meta.json"
    if damage == "cut":
        array.write_bytes(array.read_bytes()[:-3])
    elif damage == "flip":
        array.write_bytes(array.read_bytes()[:-1] + b"?")
    elif damage == "header":
        array.write_bytes(array.read_bytes().replace(b"}", b"\0"))
    elif damage == "hollow":
        array.write_bytes(b"")
    elif damage == "remove":
        array.unlink()
    elif damage == "meta":
        meta.write_text(meta.read_text()[:50])
    else:
        meta.write_text("[]")
    assert prepared_cache.load(folder) is None
    assert equal(open_made(tmp_path), kept)
    assert prepared_cache.load(folder) is not None


def test_what_stats_alike_is_read_again(tmp_path: Path, kept: PreparedDataset) -> None:
    rows = tmp_path / "rows.json"
    status = rows.stat()
    rows.write_text(rows.read_text().replace('"b", 5', '"b", 6'), encoding="utf-8")
    os.utime(rows, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert rows.stat().st_size == status.st_size
    assert open_made(tmp_path).fingerprint != kept.fingerprint


def test_the_digest_of_a_big_file_is_remembered_while_nobody_can_have_changed_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digests, "_BIG", 0)
    path = tmp_path / "big"
    path.write_bytes(b"one")
    first = digests.file_digest(path, tmp_path)
    assert not (tmp_path / "digests.json").exists()  # it might change within a tick of the clock
    monkeypatch.setattr("time.time", lambda: path.stat().st_ctime + 60)
    assert digests.file_digest(path, tmp_path) == first
    monkeypatch.setattr(digests, "sha256_of", lambda _path: "read")
    assert digests.file_digest(path, tmp_path) == first
    stamp = path.stat().st_mtime_ns
    path.write_bytes(b"two")
    os.utime(path, ns=(stamp, stamp))
    assert digests.file_digest(path, tmp_path) == "read"


def test_files_that_change_while_they_are_read_are_an_error(
    tmp_path: Path, kept: PreparedDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Made.read

    def changing(self: Made, raw: Path) -> RawTables:
        (raw / "rows.json").write_text(json.dumps([("s", "a", len(kept.catalog))]))
        return read(self, raw)

    monkeypatch.setattr(Made, "read", changing)
    with pytest.raises(DataError, match="made: the raw files changed while they were read"):
        open_made(tmp_path, repeats="earliest")


def test_statistics_are_those_of_table_2(kept: PreparedDataset) -> None:
    assert statistics(kept) == {
        "sessions": 2,
        "items": 3,
        "classes": 1,
        "interactions": 3,
        "average_session_length": 1.5,
        "density_percent": 50.0,
    }
