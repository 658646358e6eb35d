"""The catalog: everything known about the items beside who interacted with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchkit.contracts.arrays import Int32, Int64


@dataclass(frozen=True, eq=False)
class Catalog:
    """The items of the prepared data; an item's code is its row.

    Titles are hostile text: escape them wherever they are shown.

    Attributes:
        ids: original identifiers, ascending.
        texts: text for embedding, ``""`` where an item has none.
        classes: class for LDA, ``""`` where an item has none.
        attribute_offsets: where each item's attributes begin, ``int64[items + 1]``.
        attribute_codes: attributes of all items, codes into `attribute_names`, ``int32[...]``.
        attribute_names: names of the attributes (brands, categories, genres, tags).
        titles: what a person reads, ``""`` where an item has none.
    """

    ids: Sequence[str]
    titles: Sequence[str]
    texts: Sequence[str]
    classes: Sequence[str]
    attribute_offsets: Int64
    attribute_codes: Int32
    attribute_names: Sequence[str]

    def __len__(self) -> int:
        """Return the number of items."""
        return len(self.ids)

    def attributes(self, item: int) -> list[str]:
        """Return the names of one item's attributes."""
        start, stop = self.attribute_offsets[item : item + 2]
        return [self.attribute_names[code] for code in self.attribute_codes[start:stop]]
