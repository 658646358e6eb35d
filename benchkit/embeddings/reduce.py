"""Reducing embeddings to fewer dimensions; fitted reductions are kept by content."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path

import numpy as np

from benchkit.components.registry import registry
from benchkit.contracts.arrays import Bool, Float32
from benchkit.contracts.config import Value
from benchkit.contracts.errors import PluginError
from benchkit.contracts.reducer import Reducer
from benchkit.embeddings.check import check_vectors
from benchkit.toolkit.digests import digest_of
from benchkit.toolkit.embedding_store import FOLDER
from benchkit.toolkit.files import write_atomically


def reduce_items(
    vectors: Float32,
    name: str,
    dim: int,
    values: Mapping[str, Value],
    classes: Sequence[str],
    fit_on: Bool,
    seed: int,
    workspace: Path,
) -> Float32:
    """Return the items' vectors in fewer dimensions, ``float32[items, at most dim]``.

    An item without text (a zero vector) is never learnt from and stays zero.

    Args:
        vectors: ``float32[items, input dim]``.
        name: the reducer's name.
        dim: dimensions wanted.
        values: the reducer's values.
        classes: class of each item, "" where it has none.
        fit_on: which items to learn from, ``bool[items]``.
        seed: of everything random.
        workspace: folder that holds the kept reductions.

    Raises:
        PluginError: nothing of that name is installed.
        ConfigError: a value does not fit.
    """
    reducer, entry = _reducer(name, values), registry().get("reducer", name)
    titled = vectors.any(axis=1)
    learnt = fit_on & titled
    about = {
        "reducer": name,
        "source": entry.source_digest(),
        "config": reducer.config.as_dict(),
        "dim": dim,
        "seed": seed,
        "classes": hashlib.sha256("\n".join(classes).encode()).hexdigest(),
        "vectors": hashlib.sha256(np.ascontiguousarray(vectors).data).hexdigest(),
        "learnt": hashlib.sha256(learnt.data).hexdigest(),
    }
    path = workspace / FOLDER / "reduced" / f"{name}-{digest_of(about)}.npy"
    kept = _read(path, len(vectors))
    if kept is not None:
        return kept
    reduced = _reduced(reducer, vectors, learnt, classes, seed, vectors[titled], dim)
    items = np.zeros((len(vectors), reduced.shape[1]), dtype=np.float32)
    items[titled] = reduced
    content = BytesIO()
    np.save(content, items, allow_pickle=False)
    write_atomically(path, content.getvalue())
    return items


def reduce_texts(
    further: Float32,
    vectors: Float32,
    name: str,
    dim: int,
    values: Mapping[str, Value],
    classes: Sequence[str],
    fit_on: Bool,
    seed: int,
) -> Float32:
    """Return further texts' vectors in fewer dimensions, as `reduce_items` reduces the items'.

    The reducer learns from the items once more, with the same seed; a zero vector stays zero.

    Args:
        further: vectors of texts outside the catalog, ``float32[texts, input dim]``; the other
            arguments are those of `reduce_items`.

    Returns:
        ``float32[texts, at most dim]``.
    """
    learnt = fit_on & vectors.any(axis=1)
    reduced = _reduced(_reducer(name, values), vectors, learnt, classes, seed, further, dim)
    reduced[~further.any(axis=1)] = 0
    return reduced


def _reduced(
    reducer: Reducer,
    vectors: Float32,
    learnt: Bool,
    classes: Sequence[str],
    seed: int,
    wanted: Float32,
    dim: int,
) -> Float32:
    """Learn from some of the vectors and return the wanted ones reduced, checked."""
    reducer.fit(vectors[learnt], class_codes(classes)[learnt], dim, seed)
    reduced = reducer.transform(wanted)
    check_vectors(reducer.name, reduced, len(wanted), None, alike=True)
    if reduced.shape[1] > dim:
        raise PluginError(f"{reducer.name} returned {reduced.shape[1]} dimensions, not {dim}")
    return reduced


def _reducer(name: str, values: Mapping[str, Value]) -> Reducer:
    kind = registry().get("reducer", name).component
    made = kind(kind.Config.create(values, name))
    assert isinstance(made, Reducer)
    return made


def class_codes(classes: Sequence[str]) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    """Return a code for each item's class, by ascending class, -1 where it has none."""
    names = {name: code for code, name in enumerate(sorted(set(classes) - {""}))}
    return np.array([names.get(name, -1) for name in classes], dtype=np.int32)


def _read(path: Path, items: int) -> Float32 | None:
    try:
        kept: Float32 = np.load(path, allow_pickle=False)
    except Exception:  # numpy's reading of a damaged header may raise anything
        return None
    whole = kept.dtype == np.float32 and kept.ndim == 2 and len(kept) == items
    return kept if whole and np.isfinite(kept).all() else None
