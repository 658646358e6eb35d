"""Arithmetic on arrays: hashes, lists without duplicates, vectors of length 1."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchkit.contracts.arrays import Bool, Float32, Int32, UInt64
from benchkit.contracts.sessions import Sessions
from benchkit.toolkit.texts import Texts, show_text

_FACTOR = 0x100000001B3  # FNV's prime: odd, so that multiplying by it loses nothing
_CHUNK = 1 << 20  # texts that are hashed at once


def keys_of(texts: Texts) -> UInt64:
    """Return a hash of each text, ``uint64[texts]``.

    A polynomial of the UTF-8 bytes modulo 2^64, then the finaliser of splitmix64, which spreads
    each bit over all of them.
    """
    parts = [
        _keys(texts, start, min(start + _CHUNK, len(texts)))
        for start in range(0, len(texts), _CHUNK)
    ]
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.uint64)


def sequence_keys(sessions: Sessions, seed: int) -> UInt64:
    """Return a hash of each session's items, their order and `seed`, ``uint64[sessions]``.

    What is drawn for a prompt is taken from it: a prompt's list must depend neither on its
    neighbours in a batch nor on the process that makes it, as with a running generator.

    Args:
        sessions: any, empty ones too.
        seed: from 0 to 2**64 - 1.
    """
    placed = mix(sessions.positions.astype(np.uint64)) ^ sessions.items.astype(np.uint64)
    summed = np.concatenate((np.zeros(1, dtype=np.uint64), np.cumsum(mix(placed))))
    sums = summed[sessions.offsets[1:]] - summed[sessions.offsets[:-1]]
    return mix(sums ^ np.uint64(seed))


def mix(values: UInt64) -> UInt64:
    """Return the finaliser of splitmix64 of each value."""
    with np.errstate(over="ignore"):
        values = values + np.uint64(0x9E3779B97F4A7C15)
        values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return values ^ (values >> np.uint64(31))


def _keys(texts: Texts, start: int, stop: int) -> UInt64:
    offsets = texts.offsets[start : stop + 1]
    lengths = np.diff(offsets)
    total = int(offsets[-1] - offsets[0])
    keys = np.zeros(len(lengths), dtype=np.uint64)
    if total:
        with np.errstate(over="ignore"):
            powers = np.full(int(lengths.max()), _FACTOR, dtype=np.uint64).cumprod(dtype=np.uint64)
            begins = offsets[:-1] - offsets[0]
            place = np.arange(total, dtype=np.int64) - np.repeat(begins, lengths)
            terms = (texts.blob[offsets[0] : offsets[-1]].astype(np.uint64) + 1) * powers[place]
            filled = lengths > 0  # reduceat has no notion of an empty stretch
            keys[filled] = np.add.reduceat(terms, begins[filled])
    return mix(keys)


# Prompts that are laid out and that are compared at once: the pieces stay in the processor's
# cache, which is worth a factor of up to two.
_TILE = 512
_BLOCK = 16384
# Beyond this depth sorting each list is faster than comparing every pair of places.
_PAIRS = 64


def distinct(items: Int32) -> Int32:
    """Return a copy of the lists where no item repeats and -1 only follows the end.

    Of a repeated item the first occurrence stays; later items move up.

    Args:
        items: ``int32[prompts, depth]``, -1 for no item.

    Returns:
        ``int32[prompts, depth]`` in Fortran order, as `RankedLists` likes it.
    """
    places = _by_place(items)
    for start in range(0, len(items), _BLOCK):
        block = places[:, start : start + _BLOCK]
        flawed = np.flatnonzero(_flawed(block))
        if flawed.size:
            block[:, flawed] = _repaired(block[:, flawed].T).T
    return places.T


def _by_place(items: Int32) -> Int32:
    """Return a transposed copy, made in tiles."""
    prompts, depth = items.shape
    places = np.empty((depth, prompts), dtype=np.int32)
    for start in range(0, prompts, _TILE):
        places[:, start : start + _TILE] = items[start : start + _TILE].T
    return places


def _flawed(places: Int32) -> Bool:
    """Return which lists may repeat an item or have a gap; `places` is ``int32[depth, prompts]``.

    No flaw is missed. Codes are compared by their last 16 bits, which takes half the time; where
    a catalog has more items, some lists are repaired that need none, which changes nothing.
    """
    depth, prompts = places.shape
    if depth > _PAIRS:
        return np.ones(prompts, dtype=bool)
    flawed = np.zeros(prompts, dtype=bool)
    if places.size and places.min() < 0:
        empty = places < 0
        flawed |= (empty[:-1] & ~empty[1:]).any(axis=0)
        places = np.where(empty, -1 - np.arange(depth, dtype=np.int32)[:, None], places)
    codes = places.astype(np.int16)
    # Every place against every later one, thousands of prompts at a time: no sorting.
    for shift in range(1, depth):
        same = codes[shift:] == codes[:-shift]
        if same.any():
            flawed |= same.any(axis=0)
    return flawed


def _repaired(items: Int32) -> Int32:
    order = np.argsort(items, axis=1, kind="stable")
    ranked = np.take_along_axis(items, order, axis=1)
    ranked[:, 1:][ranked[:, 1:] == ranked[:, :-1]] = -1
    kept = np.empty_like(items)
    np.put_along_axis(kept, order, ranked, axis=1)
    return np.take_along_axis(kept, np.argsort(kept < 0, axis=1, kind="stable"), axis=1)


def normalised(vectors: Float32) -> Float32:
    """Return the rows at length 1 each; a zero row stays zero."""
    lengths = np.sqrt(np.einsum("id,id->i", vectors, vectors))[:, None]
    units: Float32 = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    return units


def bad_vectors(vectors: Float32, texts: Sequence[str] | None) -> str | None:
    """Return which vectors allow no similarity, None where all do.

    Their length is not finite (a number is not, or the sum of squares exceeds float32), or zero.

    Args:
        vectors: ``float32[rows, dim]``.
        texts: what they are of, none of it empty; None where a vector may be zero.
    """
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        lengths: Float32 = np.einsum("td,td->t", vectors, vectors)
    flaws: list[tuple[str, Bool]] = [
        ("values that are not finite", ~np.all(np.isfinite(vectors), axis=1)),
        ("values too large for float32", ~np.isfinite(lengths)),
    ]
    if texts is not None:
        flaws.append(("a zero vector", lengths == 0))
    for what, bad in flaws:
        if bad.any():
            return what if texts is None else f"{what} for {_named(texts, bad)}"
    return None


def _named(texts: Sequence[str], bad: Bool) -> str:
    more = f" and {bad.sum() - 1:,} more" if bad.sum() > 1 else ""
    return f"the text {show_text(texts[int(bad.argmax())])}{more}"
