"""Randomness that depends on a prompt's content and a seed, on nothing else.

A prompt's list must not depend on its neighbours in a batch, nor on the process that makes it: so
what is drawn for a prompt is hashed from its items instead of taken from a running generator.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from benchkit.keys import mix

if TYPE_CHECKING:
    from benchkit import Sessions
    from benchkit.contracts.dataset import UInt64


def prompt_hashes(prompts: Sessions, seed: int) -> UInt64:
    """Return a hash of each prompt's items, their order and `seed`, ``uint64[prompts]``.

    Args:
        prompts: any prompts, empty ones too.
        seed: from 0 to 2**64 - 1.
    """
    placed = mix(prompts.positions.astype(np.uint64)) ^ prompts.items.astype(np.uint64)
    summed = np.concatenate((np.zeros(1, dtype=np.uint64), np.cumsum(mix(placed))))
    sums = summed[prompts.offsets[1:]] - summed[prompts.offsets[:-1]]
    return mix(sums ^ np.uint64(seed))
