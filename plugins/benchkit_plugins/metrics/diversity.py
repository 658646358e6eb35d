"""Intra-list diversity."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from benchkit import Catalog, Metric, RankedLists, UnavailableError, hookimpl
from benchkit.contracts.arrays import Float64, Int32

if TYPE_CHECKING:
    from scipy.sparse import csr_array

_BLOCK = 1024  # lists at a time; bounds memory by their pairs


class Diversity(Metric):
    """How little the items of one list have in common: mean Jaccard distance of their attributes.

    An item without attributes tells nothing about likeness: its pairs are left out, neither alike
    nor different. A list without any pair left has diversity 0: it shows no two different items.
    """

    name = "diversity"
    source = "Smyth and McClave, Similarity vs. diversity, 2001"
    higher_is_better = True
    bounds = (0.0, 1.0)
    formula = "mean over prompts of the mean over pairs in the top k of 1 - |A and B| / |A or B|"
    ours = True

    def values(self, lists: RankedLists, k: int) -> Float64:
        """Return the mean distance within each list, ``float64[prompts]``.

        Raises:
            UnavailableError: no item of the catalog has attributes.
        """
        if not len(lists.catalog.attribute_codes):
            raise UnavailableError("no item of this dataset has attributes")
        sets = _attribute_sets(lists.catalog)
        tops = lists.items[:, :k]
        blocks = [
            _distances(tops[start : start + _BLOCK], sets) for start in range(0, len(tops), _BLOCK)
        ]
        return np.concatenate(blocks) if blocks else np.zeros(0)


def _attribute_sets(catalog: Catalog) -> csr_array:
    """Return which item has which attribute, ones in [items, attributes]."""
    from scipy.sparse import csr_array

    codes, offsets = catalog.attribute_codes, catalog.attribute_offsets
    shape = (len(catalog), len(catalog.attribute_names))
    sets = csr_array((np.ones(len(codes), dtype=np.int32), codes.copy(), offsets.copy()), shape)
    sets.sum_duplicates()
    sets.data[:] = 1
    return sets


def _distances(tops: Int32, sets: csr_array) -> Float64:
    """Return each list's mean Jaccard distance, ``float64[lists]``."""
    from scipy.sparse import csr_array

    owners = np.repeat(np.arange(len(tops)), tops.shape[1])[tops.ravel() >= 0]
    chosen = sets[tops[tops >= 0]]
    sizes = np.diff(chosen.indptr)
    # An attribute of one list is another column than the same attribute of the next list, so one
    # product of sparse matrices counts what the items of each list share, and nothing across.
    columns = chosen.indices + np.repeat(owners * sets.shape[1], sizes)
    shape = (len(sizes), len(tops) * sets.shape[1])
    placed = csr_array((chosen.data, columns, chosen.indptr), shape)
    shared = (placed @ placed.T).tocoo()
    left, right = shared.coords
    pair = left < right
    left, right, common = left[pair], right[pair], shared.data[pair]
    alike = common / (sizes[left] + sizes[right] - common)
    likeness = np.bincount(owners[left], weights=alike, minlength=len(tops))
    described = np.bincount(owners[sizes > 0], minlength=len(tops))
    pairs = described * (described - 1) / 2
    return np.where(pairs > 0, 1.0 - likeness / np.maximum(pairs, 1.0), 0.0)


@hookimpl
def benchkit_metrics() -> list[type[Metric]]:
    return [Diversity]
