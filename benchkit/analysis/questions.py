"""What may decide whether a prompt is hit (paper, Figures 9 and 10, and session length).

Kept lists answer most of it, by one whole number a prompt and the groups it makes: popularity of
the last item, distance of the latest item that goes with the truth, length. `CUT` alone asks again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from benchkit.analysis.groups import Group, by_quantiles, by_starts
from benchkit.contracts.arrays import Bool, Int32, Int64
from benchkit.contracts.dataset import PreparedDataset
from benchkit.contracts.sessions import Sessions
from benchkit.data.split import Split

NONE = 0  # distance where no prompt item goes with the truth
_PARTS = 6
_DISTANCES = (1, 2, 3, 4, 5, 6, 11, 21)
_LENGTHS = (1, 2, 3, 4, 5, 6, 8, 11, 21, 51, 101)
_PAIRS = 1 << 22  # of items, looked up at once


@dataclass(frozen=True)
class Question:
    """What hit rates are broken down by."""

    name: str  # as ``--by`` takes it
    title: str  # what stands behind "hit rate", in a title
    unit: str  # what the numbers count, as an axis says it
    meaning: str  # sentences for a reader of the table


@dataclass(frozen=True)
class Grouping(Question):
    """By what prompts are told apart, each in one group.

    Attributes:
        values: a split's prompts in, ``int64[prompts]`` out.
        group: those numbers and the prompts that a group must have in, groups out.
    """

    values: Callable[[PreparedDataset, Split], Int64]
    group: Callable[[Int64, int], list[Group]]


@dataclass(frozen=True, eq=False)
class Prompts:
    """The test prompts of one order of equal timestamps."""

    prepared: PreparedDataset
    split: Split
    values: Mapping[str, Int64]  # by grouping, ``int64[prompts]``


def popularity(prepared: PreparedDataset, split: Split) -> Int64:
    """Return how many sessions contain each prompt's last item, ``int64[prompts]``.

    Sessions are counted where the protocol counts them: ``paper`` in the complete data, ``strict``
    in training sessions. Divided by all of them this is the popularity of section 6.
    """
    prompts = split.test.prompts
    return split.session_counts(prepared)[prompts.items[prompts.offsets[1:] - 1]]


def length(_prepared: PreparedDataset, split: Split) -> Int64:
    """Return the number of items in each prompt, repetitions counted, ``int64[prompts]``."""
    return split.test.prompts.lengths


def position(prepared: PreparedDataset, split: Split) -> Int64:
    """Return where each prompt holds its latest item that goes with the truth.

    An item goes with the truth if some training session contains both: the latest such item is
    the one that a neighbourhood model would have to read. The paper's Figure 10 asks something
    else, see `CUT`. A repeated truth goes with itself. The truth decides the group: a popular
    one goes with more items, and so is found nearer to the end.

    Returns:
        Distance from the end of the prompt, 1 for its last item, `NONE` where no item of the
        prompt goes with the truth, ``int64[prompts]``.
    """
    prompts, truth = split.test.prompts, split.test.truth
    distances, wanted = prompts.distances, truth[prompts.owners]
    together = in_one_session(split.train, prompts.items, wanted, len(prepared.catalog))
    nowhere = np.iinfo(np.int64).max
    nearest = np.full(len(prompts), nowhere)
    np.minimum.at(nearest, prompts.owners[together], distances[together])
    return np.where(nearest == nowhere, NONE, nearest)


def in_one_session(train: Sessions, items: Int32, others: Int32, count: int) -> Bool:
    """Return which pairs of items some training session contains, ``bool[pairs]``.

    Args:
        train: training sessions.
        items: first items, ``int32[pairs]``.
        others: second items, ``int32[pairs]``; -1 goes with nothing.
        count: items in the catalog.
    """
    from scipy.sparse import csr_array

    ones = np.ones(train.interactions, dtype=np.int32)
    parts = (ones, train.items.copy(), train.offsets.copy())  # which the next line changes
    matrix = csr_array(parts, shape=(len(train), count))
    matrix.sum_duplicates()
    containing = matrix.T.tocsr()
    together = np.zeros(len(items), dtype=bool)
    order = np.argsort(others, kind="stable")
    order = order[others[order] >= 0]
    wanted, rows = np.unique(others[order], return_inverse=True)
    # A few items at a time: the rows of a product with the whole catalog are not small.
    step = max(1, _PAIRS // max(1, count))
    for start in range(0, len(wanted), step):
        beside = (containing[wanted[start : start + step]] @ matrix).tocsr()
        pairs = np.repeat(np.arange(beside.shape[0]), np.diff(beside.indptr)) * count
        pairs += beside.indices
        first, last = np.searchsorted(rows, (start, start + step))
        part = order[first:last]
        keys = (rows[first:last] - start) * count + items[part]
        together[part] = np.isin(keys, pairs)
    return together


def _group_position(values: Int64, least: int) -> list[Group]:
    """Return groups of distances, and as the last one the prompts that have none, however few."""
    distances = values[values != NONE]
    groups = by_starts(distances, _DISTANCES, least) if len(distances) else []
    return [*groups, Group("none", NONE, NONE)] if len(distances) < len(values) else groups


GROUPINGS = {
    grouping.name: grouping
    for grouping in (
        Grouping(
            "popularity",
            "by popularity of the prompt's last item",
            "sessions that contain the prompt's last item",
            "Columns: in how many sessions the prompt's last item occurs, in groups of about as "
            "many prompts each.",
            popularity,
            lambda values, least: by_quantiles(values, _PARTS, least),
        ),
        Grouping(
            "position",
            "by position of the latest item that goes with the truth",
            "distance from the end of the latest item sharing a training session with the truth",
            "Columns: distance from the end (1 is the prompt's last item) of the latest prompt "
            "item that shares a training session with the truth; none where no item of the prompt "
            "does. Lists were made from whole prompts; --by cut asks again with cut ones.",
            position,
            _group_position,
        ),
        Grouping(
            "length",
            "by length of the prompt",
            "items in the prompt",
            "Columns: number of items in the prompt.",
            length,
            lambda values, least: by_starts(values, _LENGTHS, least),
        ),
    )
}

CUT = Question(
    "cut",
    "with each position treated as the last",
    "position treated as the last, from the prompt's end",
    "Columns: which position of the prompt was treated as the last, from its end: 1 is the whole "
    "prompt, 2 lacks its last item (paper, Figure 10). The truth stays; recommenders were asked "
    "again. Prompts with fewer items are not in a column; uncut: the same prompts, whole.",
)
QUESTIONS: dict[str, Question] = {**GROUPINGS, CUT.name: CUT}
