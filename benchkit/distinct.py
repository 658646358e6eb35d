"""Lists without duplicates and gaps, laid out for arithmetic over many prompts at once."""

from __future__ import annotations

import numpy as np

from benchkit.contracts.sessions import Bool, Int32

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
