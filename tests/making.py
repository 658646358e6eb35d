"""Small prepared data for tests, made by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchkit.contracts.catalog import Catalog
from benchkit.contracts.dataset import PreparedDataset
from benchkit.contracts.sessions import Sessions


def catalog(items: int) -> Catalog:
    """Return a catalog of `items` items named item-0, item-1 and so on, without attributes."""
    names = [f"item-{code}" for code in range(items)]
    return Catalog(
        ids=names,
        titles=names,
        texts=names,
        classes=[""] * items,
        attribute_offsets=np.zeros(items + 1, dtype=np.int64),
        attribute_codes=np.zeros(0, dtype=np.int32),
        attribute_names=[],
    )


def prepared(
    sessions: Sequence[Sequence[int]],
    times: Sequence[Sequence[int]] | None = None,
    items: int | None = None,
) -> PreparedDataset:
    """Return prepared data of the given sessions; without times, positions serve as times."""
    made = Sessions.from_lists(sessions, times)
    count = items if items is not None else int(made.items.max()) + 1
    return PreparedDataset(
        name="made",
        family="made",
        synthetic=True,
        sessions=made,
        catalog=catalog(count),
        session_ids=[f"session-{row}" for row in range(len(made))],
        session_keys=np.arange(1, len(made) + 1, dtype=np.uint64),
        item_keys=np.arange(1, count + 1, dtype=np.uint64) << np.uint64(32),
        config={},
        dropped={},
        fingerprint="fingerprint",
        file_order="order",
    )
