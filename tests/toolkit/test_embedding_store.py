"""The embedding store: nothing lost, nothing damaged unnoticed, nothing slow."""

from __future__ import annotations

import os
import sqlite3
import zlib
from pathlib import Path

import numpy as np
import pytest

from benchkit.contracts.arrays import Float32
from benchkit.contracts.errors import StorageError
from benchkit.toolkit.embedding_store import EmbeddingStore
from benchkit.toolkit.spending import Cost

IDENTITY = {"model": "made"}
TEXTS = [f"text {number}" for number in range(1200)]
ROOT = hasattr(os, "geteuid") and os.geteuid() == 0


def rows(count: int, dim: int = 6) -> Float32:
    return np.random.default_rng(0).normal(size=(count, dim)).astype(np.float32)


@pytest.fixture
def store(tmp_path: Path) -> EmbeddingStore:
    return EmbeddingStore(tmp_path, "made", IDENTITY)


def test_what_is_put_is_there(store: EmbeddingStore, tmp_path: Path) -> None:
    vectors = rows(len(TEXTS))
    store.put(TEXTS[:700], vectors[:700])
    store.put(TEXTS[700:], vectors[700:])
    again = EmbeddingStore(tmp_path, "made", IDENTITY)
    asked = [*TEXTS[::-1], "unknown", TEXTS[5]]
    found, known = again.get(asked)
    np.testing.assert_array_equal(found[:-2], vectors[::-1])
    np.testing.assert_array_equal(found[-1], vectors[5])
    assert not found[-2].any()
    assert known.tolist() == again.holds(asked).tolist() == [True] * 1200 + [False, True]
    assert again.dim == 6


def test_nothing_is_there_at_first_and_looking_makes_no_file(store: EmbeddingStore) -> None:
    found, known = store.get(TEXTS)
    assert found.shape == (1200, 0)
    assert not known.any()
    assert store.dim is None
    assert not store.path.exists()


def test_another_identity_is_another_file(store: EmbeddingStore, tmp_path: Path) -> None:
    store.put(TEXTS, rows(len(TEXTS)))
    other = EmbeddingStore(tmp_path, "made", {"model": "made", "dimensions": 3})
    assert not other.holds(TEXTS).any()


def test_what_is_there_stays(store: EmbeddingStore) -> None:
    store.put(TEXTS[:2], rows(2))
    store.put(TEXTS[:2], rows(2) + 1)
    np.testing.assert_array_equal(store.get(TEXTS[:2])[0], rows(2))


def test_a_text_takes_a_share_of_what_its_request_cost(store: EmbeddingStore) -> None:
    texts = ["a", "日本", "c" * 9]  # 1, 6 and 9 bytes
    store.put(texts, rows(3), Cost(32, 0.5), np.array([False, True, True]))
    store.put(texts, rows(3), Cost(1, 1.0), np.zeros(3, dtype=bool))  # it is there already
    store.put(["d"], rows(1))
    assert store.costs(["d", *texts, "e"]) == {
        "d": None,
        "a": Cost(2, 0.03125),
        "日本": Cost(12, 0.1875),
        "c" * 9: Cost(18, 0.28125),
        "e": None,
    }
    assert store.cut(["d", *texts, "e"]) == 2


def test_a_file_that_says_nothing_of_cost_serves_on(store: EmbeddingStore) -> None:
    store.put(TEXTS[:2], rows(2), Cost(2, 0.2))
    with sqlite3.connect(store.path) as base:
        base.execute("drop table asked")
    base.close()
    assert store.holds(TEXTS[:2]).all()
    assert (store.costs(TEXTS[:2]), store.cut(TEXTS[:2])) == (dict.fromkeys(TEXTS[:2]), 0)
    store.put(TEXTS[2:3], rows(1), Cost(2, 0.2))
    assert store.costs(TEXTS[1:3]) == {TEXTS[1]: None, TEXTS[2]: Cost(2, 0.2)}


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf, 1e30, 1e-30])
def test_no_vector_without_a_direction_is_kept(store: EmbeddingStore, value: float) -> None:
    vectors = rows(3)
    vectors[1] = value
    with pytest.raises(StorageError, match=f"does not take .* for the text '{TEXTS[1]}'"):
        store.put(TEXTS[:3], vectors)
    assert not store.holds(TEXTS[:3]).any()


def test_a_zero_vector_of_an_earlier_version_counts_as_missing(store: EmbeddingStore) -> None:
    store.put(TEXTS[:3], rows(3))
    zero = bytes(4 * 6)
    with sqlite3.connect(store.path) as base:
        base.execute(
            "update vectors set crc = ?, vector = ? where rowid = 2", (zlib.crc32(zero), zero)
        )
    base.close()
    assert store.holds(TEXTS[:3]).tolist() == [True, False, True]
    assert store.get(TEXTS[:3])[1].tolist() == [True, False, True]
    store.put(TEXTS[:3], rows(3))
    np.testing.assert_array_equal(store.get(TEXTS[:3])[0], rows(3))


def test_another_dimension_is_refused_whole(store: EmbeddingStore) -> None:
    store.put(TEXTS[:2], rows(2))
    with pytest.raises(StorageError, match="holds vectors of 6 dimensions, not 7"):
        store.put(TEXTS[2:4], rows(2, 7))
    assert store.holds(TEXTS[:4]).tolist() == [True, True, False, False]


def test_hostile_texts_are_keys_like_others(store: EmbeddingStore) -> None:
    texts = ["'; drop table vectors; --", "\x00", "\ud800", "日本語", " ", "a" * 100_000]
    store.put(texts, rows(len(texts)))
    np.testing.assert_array_equal(store.get(texts)[0], rows(len(texts)))


@pytest.mark.parametrize("how", ["text", "cut", "bits", "short"])
def test_damage_is_noticed(store: EmbeddingStore, how: str) -> None:
    store.put(TEXTS, rows(len(TEXTS)))
    content = store.path.read_bytes()
    if how == "text":
        store.path.write_bytes(b"this is no database, whatever its name says" * 100)
    elif how == "cut":
        store.path.write_bytes(content[: len(content) // 2])
    elif how == "bits":
        place = content.index(rows(len(TEXTS))[600].tobytes())
        store.path.write_bytes(content[:place] + b"\x01" + content[place + 1 :])
    else:
        with sqlite3.connect(store.path) as base:
            base.execute("update vectors set vector = x'00'")
        base.close()
    with pytest.raises(StorageError, match=r"damaged.*move it away|cannot use"):
        store.get(TEXTS)


def test_a_file_that_was_only_begun_is_no_damage(store: EmbeddingStore) -> None:
    store.path.parent.mkdir(parents=True)
    store.path.touch()
    store.put(TEXTS[:2], rows(2))
    assert store.holds(TEXTS[:2]).all()


def test_a_file_in_the_way_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "embeddings").write_text("a file")
    store = EmbeddingStore(tmp_path, "made", IDENTITY)
    with pytest.raises(StorageError, match=r"cannot use .*file"):
        store.put(TEXTS[:1], rows(1))
    with pytest.raises(StorageError, match="file"), store.filling():
        pass


@pytest.mark.skipif(ROOT, reason="root may write anywhere")
def test_a_protected_folder_is_one_sentence_and_still_read(
    store: EmbeddingStore,
) -> None:
    store.put(TEXTS[:2], rows(2))
    store.path.chmod(0o400)
    store.path.parent.chmod(0o500)
    try:
        assert store.holds(TEXTS[:2]).all()
        with pytest.raises(StorageError, match="cannot"):
            store.put(TEXTS[2:4], rows(2))
    finally:
        store.path.parent.chmod(0o700)


def test_a_full_disk_is_one_sentence_and_loses_nothing(
    store: EmbeddingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put(TEXTS[:2], rows(2))
    connect = sqlite3.connect

    def full(*args: object, **more: object) -> sqlite3.Connection:
        base: sqlite3.Connection = connect(*args, **more)  # type: ignore[call-overload]
        base.execute("pragma max_page_count = 1")  # SQLite's own way to a full disk
        return base

    monkeypatch.setattr(sqlite3, "connect", full)
    with pytest.raises(StorageError, match="database or disk is full"):
        store.put(TEXTS[2:], rows(len(TEXTS) - 2, 6))
    monkeypatch.undo()
    assert store.holds(TEXTS).sum() == 2
