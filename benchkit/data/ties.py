"""The order of interactions at equal times (`--ties`)."""

from __future__ import annotations

import numpy as np

from benchkit.contracts.arrays import Bool, Int32, Int64, UInt64
from benchkit.contracts.dataset import PreparedDataset
from benchkit.contracts.protocol import Protocol
from benchkit.contracts.sessions import Sessions
from benchkit.toolkit.arrays import mix


def order_ties(prepared: PreparedDataset, protocol: Protocol) -> Sessions:
    """Return all sessions with interactions of equal time in the protocol's order.

    The published order within a day is arbitrary and not neutral: sorted files make the truth the
    largest id. So ties are ordered by a hash of session id, item id and seed, whatever the file's
    order, unless the protocol says ``file``.
    """
    sessions = prepared.sessions
    rows = np.flatnonzero(tied(sessions))
    if protocol.ties == "file" or not len(rows):
        return sessions
    # Sorting only what ties keeps the cost proportional to the ties, not to the data.
    starts = ~ties_with_previous(sessions)
    run = np.cumsum(starts, dtype=np.int32)[rows]
    owners = np.searchsorted(sessions.offsets, rows, side="right") - 1
    keys = mix(
        prepared.session_keys[owners]
        ^ mix(
            prepared.item_keys[sessions.items[rows]]
            ^ mix(np.array([protocol.ties], dtype=np.uint64))
        )
    )
    items = sessions.items.copy()
    items[rows] = items[rows[_order(run, keys)]]
    return Sessions(items, sessions.offsets, sessions.times, sessions.ids)


def _order(runs: Int32, keys: UInt64) -> Int64:
    """Return the rows by ascending (run, key); runs ascend already.

    As much of both as one number holds is sorted, which is quicker; it rarely holds too little.
    """
    bits = np.uint64(int(runs[-1]).bit_length())
    packed = runs.astype(np.uint64) << (np.uint64(64) - bits)
    packed |= keys >> bits
    order = np.argsort(packed)
    packed = packed[order]
    alike = (packed[1:] == packed[:-1]).any()
    return np.lexsort((keys, runs)) if alike else order


def ties_with_previous(sessions: Sessions) -> Bool:
    """Return whether each interaction has the time of the one before it in its session."""
    ties = np.zeros(sessions.interactions, dtype=bool)
    ties[1:] = sessions.times[1:] == sessions.times[:-1]
    ties[sessions.offsets[:-1][sessions.lengths > 0]] = False
    return ties


def tied(sessions: Sessions) -> Bool:
    """Return whether each interaction shares its time with another of its session."""
    ties = ties_with_previous(sessions)
    shared = ties.copy()
    shared[:-1] |= ties[1:]
    return shared
