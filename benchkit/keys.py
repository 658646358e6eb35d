"""64-bit keys of texts and sequences, the same on every platform and with every library."""

from __future__ import annotations

import numpy as np

from benchkit.contracts.dataset import UInt64
from benchkit.contracts.sessions import Sessions
from benchkit.texts import Texts

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
