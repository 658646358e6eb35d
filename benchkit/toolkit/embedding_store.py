"""The embedding store: no embedder is asked the same thing twice.

One SQLite file a model and its settings, under ``embeddings/`` in the workspace: vectors by digest
of the text, and what each has cost. SQLite keeps two processes apart and survives being killed;
each batch is one transaction. Each vector has a checksum, since SQLite itself notices damage to its
structure only.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from benchkit.contracts.arrays import Bool, Float32
from benchkit.contracts.errors import StorageError
from benchkit.contracts.spending import Priced
from benchkit.toolkit.arrays import bad_vectors
from benchkit.toolkit.digests import digest_of
from benchkit.toolkit.files import locked, storage_error
from benchkit.toolkit.spending import Cost

FOLDER = "embeddings"
_PART = 500  # keys a query: older SQLite takes 999
# Not "without rowid", and large pages: reading 12,000 vectors of 1,536 takes 0.1 s so, else 0.6.
_SCHEMA = """
pragma page_size = 32768;
create table if not exists about (key text primary key, value text not null);
create table if not exists vectors (
    text blob primary key not null, crc integer not null, vector blob not null
);
"""
# What asking for a text took, null where it is not noted; files of earlier versions lack it.
_ASKED = """
create table if not exists asked (
    text blob primary key not null, tokens real, dollars real, cut integer
)
"""


def identities(workspace: Path, name: str) -> list[dict[str, Any]]:
    """Return the identities whose vectors of an embedder are kept; what cannot be read is none."""
    kept = []
    for path in sorted((workspace / FOLDER).glob(f"{name}-*.sqlite")):
        address = f"file:{quote(str(path))}?mode=ro"
        with suppress(sqlite3.Error, ValueError, TypeError):
            with closing(sqlite3.connect(address, uri=True)) as store:
                (text,) = store.execute("select value from about where key = 'identity'").fetchone()
            kept.append(dict(json.loads(text)))
    return kept


class EmbeddingStore:
    """Vectors of one model, by text; a file that cannot be used or is damaged is a StorageError.

    Args:
        workspace: folder that holds ``embeddings``.
        name: the embedder's name.
        identity: what decides its vectors.
    """

    def __init__(self, workspace: Path, name: str, identity: Mapping[str, object]) -> None:
        self.path = workspace / FOLDER / f"{name}-{digest_of(identity)}.sqlite"
        self._identity = json.dumps(identity, sort_keys=True)

    def get(self, texts: Sequence[str]) -> tuple[Float32, Bool]:
        """Return the vectors that are kept.

        Returns:
            ``float32[texts, dim]``, zero where none is kept (dim 0 where none is kept at all), and
            of which texts, ``bool[texts]``.
        """
        present = np.zeros(len(texts), dtype=bool)
        if not self.path.exists():
            return np.zeros((len(texts), 0), dtype=np.float32), present
        with self._open() as store:
            vectors = np.zeros((len(texts), self._dim(store)), dtype=np.float32)
            zero = _crc_of_zeros(vectors.shape[1])
            for rows, crc, vector in _find(store, texts, "crc, vector"):
                if len(vector) != 4 * vectors.shape[1] or zlib.crc32(vector) != crc:
                    raise self._damaged("a vector has changed")
                if crc == zero:
                    continue
                vectors[rows] = np.frombuffer(vector, dtype="<f4")
                present[rows] = True
        return vectors, present

    def holds(self, texts: Sequence[str]) -> Bool:
        """Return which texts' vectors are kept, ``bool[texts]``, without reading them."""
        present = np.zeros(len(texts), dtype=bool)
        if self.path.exists():
            with self._open() as store:
                zero = _crc_of_zeros(self._dim(store))
                for rows, crc in _find(store, texts, "crc"):
                    present[rows] = crc != zero
        return present

    def costs(self, texts: Sequence[str]) -> dict[str, Cost | None]:
        """Return what each text's vector has cost, a share of its request's; None: not noted."""
        costs: dict[str, Cost | None] = dict.fromkeys(texts)
        for rows, tokens, dollars in self._asked(texts, "tokens, dollars"):
            if tokens is not None:
                costs[texts[rows[0]]] = Cost(tokens, dollars)
        return costs

    def cut(self, texts: Sequence[str]) -> int:
        """Return how many texts the embedder's window has cut, as far as it could tell."""
        return sum(len(rows) for rows, cut in self._asked(texts, "cut") if cut)

    @property
    def dim(self) -> int | None:
        """Dimensions of what is kept; None where nothing is."""
        if not self.path.exists():
            return None
        with self._open() as store:
            return self._dim(store) or None

    def put(
        self,
        texts: Sequence[str],
        vectors: Float32,
        cost: Priced | None = None,
        cut: Bool | None = None,
    ) -> None:
        """Keep the vectors of some texts, all or none; a vector that is there already stays.

        Args:
            texts: non-empty.
            vectors: theirs, ``float32[texts, dim]``.
            cost: what they cost together; None where it is not noted.
            cut: which texts the embedder has cut, ``bool[texts]``; None where it cannot tell.

        Raises:
            StorageError: one is no vector of a text, or has another dimension than those already
                kept, or the file cannot be written.
        """
        if (problem := bad_vectors(vectors, texts)) is not None:
            raise StorageError(f"{self.path} does not take {problem}")
        blobs = [vector.tobytes() for vector in np.ascontiguousarray(vectors, dtype="<f4")]
        with self._open() as store, store:
            store.execute("begin immediate")
            store.executemany(
                "insert or ignore into about values (?, ?)",
                [("dim", str(vectors.shape[1])), ("identity", self._identity)],
            )
            if (dim := self._dim(store)) != vectors.shape[1]:
                raise StorageError(
                    f"{self.path} holds vectors of {dim} dimensions, not {vectors.shape[1]}"
                )
            zero = _crc_of_zeros(dim)
            store.executemany(
                "delete from vectors where text = ? and crc = ?", [(_key(t), zero) for t in texts]
            )
            store.executemany(
                "insert or ignore into vectors values (?, ?, ?)",
                [(_key(t), zlib.crc32(b), b) for t, b in zip(texts, blobs, strict=True)],
            )
            store.execute(_ASKED)
            store.executemany(
                "insert or ignore into asked values (?, ?, ?, ?)", _notes(texts, cost, cut)
            )

    def __len__(self) -> int:
        """Return how many vectors are kept."""
        if not self.path.exists():
            return 0
        with self._open() as store:
            return int(store.execute("select count(*) from vectors").fetchone()[0])

    @contextmanager
    def filling(self) -> Iterator[None]:
        """Hold the store while asking for what it lacks, so that two processes never ask both."""
        with locked(self.path.with_suffix(".lock")):
            yield

    def _asked(self, texts: Sequence[str], columns: str) -> Iterator[tuple[Any, ...]]:
        """Yield (rows of the text, the columns asked for) of texts that were asked for."""
        if self.path.exists():
            with self._open() as store:
                if _has_table(store, "asked"):
                    yield from _find(store, texts, columns, "asked")

    def _dim(self, store: sqlite3.Connection) -> int:
        row = store.execute("select value from about where key = 'dim'").fetchone()
        return int(row[0]) if row else 0

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            new = not self.path.exists()
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # mode rw reads a write-protected file, too; a plain path would be made again
            address = f"file:{quote(str(self.path))}?mode={'rwc' if new else 'rw'}"
            with closing(sqlite3.connect(address, timeout=120, uri=True)) as store:
                if new or not _has_table(store, "vectors"):
                    store.executescript(_SCHEMA)
                yield store
        except OSError as error:
            raise storage_error(self.path, error, "use") from error
        except sqlite3.OperationalError as error:
            raise StorageError(f"cannot use {self.path}: {error}") from error
        except (sqlite3.Error, TypeError, ValueError) as error:
            raise self._damaged(str(error)) from error

    def _damaged(self, how: str) -> StorageError:
        return StorageError(
            f"{self.path} is damaged ({how}): move it away, and its texts are embedded again"
        )


def _find(
    store: sqlite3.Connection, texts: Sequence[str], columns: str, table: str = "vectors"
) -> Iterator[tuple[Any, ...]]:
    """Yield (rows of the text, the columns asked for) for each text that is kept."""
    places: dict[bytes, list[int]] = {}
    for row, text in enumerate(texts):
        places.setdefault(_key(text), []).append(row)
    keys = list(places)
    for start in range(0, len(keys), _PART):
        part = keys[start : start + _PART]
        marks = ",".join("?" * len(part))
        query = f"select text, {columns} from {table} where text in ({marks})"  # noqa: S608
        for key, *values in store.execute(query, part):
            yield places[key], *values


def _notes(
    texts: Sequence[str], cost: Priced | None, cut: Bool | None
) -> Iterator[tuple[bytes, float | None, float | None, bool | None]]:
    """Yield the rows of `asked`: each text takes a share of the cost by its length."""
    sizes = [len(text.encode("utf-8", "surrogatepass")) for text in texts]
    for row, text in enumerate(texts):
        share = sizes[row] / sum(sizes)
        yield (
            _key(text),
            None if cost is None else cost.tokens * share,
            None if cost is None else cost.dollars * share,
            None if cut is None else bool(cut[row]),
        )


def _crc_of_zeros(dim: int) -> int:
    """Return the checksum of a zero vector: earlier versions kept some, which count as missing."""
    return zlib.crc32(bytes(4 * dim))


def _has_table(store: sqlite3.Connection, name: str) -> bool:
    query = "select count(*) from sqlite_master where name = ?"
    return bool(store.execute(query, (name,)).fetchone()[0])


def _key(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:16]
